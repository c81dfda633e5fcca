//! The pages. Each of them works without the script; with it, counts and jobs are updated without a reload.
//!
//! maud writes everything between `(` and `)` as text. Text from a server passes [`escape`] first, so that characters which
//! change the direction of text have no effect here, either.

pub(crate) mod actions;
pub(crate) mod arrival;
mod audit;
pub(crate) mod error;
mod form;
mod index;
mod job;
mod jobs;
mod layout;
pub(crate) mod login;
mod message;
mod plot;
mod preview;
mod queues;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use maud::Markup;
use uuid::Uuid;

use super::app::App;
use super::ask::{self, clear_request, job_of, query, undo_request};
use super::fresh::Lives;
use super::params::{Params, Target, encode};
use super::status::status;
use crate::audit::{Entries, read};
use crate::client::{JobRef, Rights};
use crate::continuing::can_continue;
use crate::failure::{Exit, Failure};
use crate::undo::Undo;

fn shown(page: Result<Markup, Failure>) -> Response {
    match page {
        Ok(markup) => Html(markup.into_string()).into_response(),
        Err(failure) => error::page(&failure),
    }
}

/// For how long a page that refreshes itself shows the queues that another one has asked for.
const REFRESHED: Lives = Lives { answer: Duration::from_secs(5), failure: Duration::ZERO };
/// A page that the user loads shows the queues as they are now.
const LOADED: Lives = Lives { answer: Duration::ZERO, failure: Duration::ZERO };

/// Whether the script refreshes a page.
fn is_refresh(headers: &HeaderMap) -> bool {
    headers.contains_key("x-live")
}

/// GET /
pub(crate) async fn queues(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    app.history.look();
    let lives = if is_refresh(&headers) { REFRESHED } else { LOADED };
    match app.queues(lives).await.as_ref() {
        Ok(queues) => {
            let page = queues::page(&layout::Frame::of(&app), &query(&uri), queues, &app.history);
            Html(page.into_string()).into_response()
        }
        Err(failure) => error::page(failure),
    }
}

/// GET /jobs
pub(crate) async fn jobs(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let params = query(&uri);
    let asked = params.clone();
    let listed = app.ask(move |client| ask::listed(client, &asked)).await;
    shown(listed.map(|listed| jobs::page(&frame, &params, &listed)))
}

/// The entries of the audit stream that a URL asks for.
async fn entries(app: &Arc<App>, uri: &Uri, found_max: usize, read_max: usize) -> Result<Entries, Failure> {
    let wanted = audit::wanted(&query(uri), found_max, read_max);
    let wanted = wanted.map_err(|why| Failure::new(Exit::Usage, why))?;
    app.ask(move |client| read(&mut client.server, &wanted)).await
}

/// GET /audit
pub(crate) async fn audit(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let found = entries(&app, &uri, audit::PAGE, audit::READ).await;
    let code = found.as_ref().map_or_else(status, |_| StatusCode::OK);
    let page = audit::page(&layout::Frame::of(&app), &query(&uri), &found);
    (code, Html(page.into_string())).into_response()
}

/// GET /audit.csv
pub(crate) async fn audit_csv(State(app): State<Arc<App>>, uri: Uri) -> Response {
    match entries(&app, &uri, audit::READ_CSV, audit::READ_CSV).await {
        Ok(found) => {
            let head = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"qadmin-audit.csv\""),
            ];
            (head, audit::download(&found)).into_response()
        }
        Err(failure) => {
            (status(&failure), error::failure(&audit::words(&failure).join("\n"))).into_response()
        }
    }
}

/// GET /queue: the filter and the counts by field. The page itself sends nothing to Redis; the script requests the counts.
pub(crate) async fn queue(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let target = Target::new(&query(&uri));
    if target.queue.is_empty() {
        return Redirect::to("/").into_response();
    }
    app.history.look();
    let past = app.history.of(&target.queue);
    shown(Ok(stats::queue(&frame, &query(&uri), &target, &past)))
}

/// GET /stats: one of these counts as a page of its own, which works without the script.
pub(crate) async fn stats(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let params = query(&uri);
    let asked = params.clone();
    let counted = app.ask(move |client| ask::count(client, &asked)).await;
    shown(counted.map(|counted| stats::whole(&frame, &params, &counted)))
}

/// GET /message: one message whole.
pub(crate) async fn message(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let params = query(&uri);
    let asked = params.clone();
    let found = app.ask(move |client| ask::message(client, &asked)).await;
    let code = found.as_ref().map_or_else(status, |_| StatusCode::OK);
    (code, Html(message::page(&frame, &params, &found).into_string())).into_response()
}

/// GET /preview: the page is sent at once, and the script requests the count. `count_skipped=1` requests no count,
/// `now=1` waits for it; both work without the script.
pub(crate) async fn preview(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let params = query(&uri);
    let target = Target::new(&params);
    if !target.has_filter() {
        return Redirect::to(&format!("/queue?{}", target.query())).into_response();
    }
    if let Err(words) = target.words() {
        return (StatusCode::BAD_REQUEST, Html(preview::wrong(&frame, &target, &words).into_string()))
            .into_response();
    }
    if params.has_rows() {
        // The URL of a form is long; this one can be shared.
        let flags = ["count_skipped", "bust", "inexact"].into_iter().filter(|flag| params.flag(flag));
        let flags: String = flags.map(|flag| format!("&{flag}=1")).collect();
        return Redirect::to(&format!("/preview?{}{flags}", target.query())).into_response();
    }
    if !params.flag("count_skipped") && !params.flag("now") {
        return shown(Ok(preview::skeleton(&frame, &app, &target, params.flag("bust"))));
    }
    let asked = params.clone();
    let looked = app.ask(move |client| {
        let mut looked = ask::look(client, &asked)?;
        let preview = &looked.preview;
        // If the job has ended, its counts are the answer.
        if let Some(id) =
            preview.job_id.clone().filter(|_| preview.mode == "job" && preview.match_count.is_none())
        {
            let job = JobRef { id, queue: Some(preview.queue.clone()) };
            let status = client.status(&job, None)?;
            if status.has_ended() {
                looked.preview = looked.preview.with_job(&status);
            }
        }
        Ok(looked)
    });
    match looked.await {
        Ok(looked) => shown(Ok(preview::whole(&frame, &app, &target, &looked, None))),
        Err(failure) => {
            let page = preview::wrong(&frame, &target, &failure.words);
            (status(&failure), Html(page.into_string())).into_response()
        }
    }
}

/// POST /clear: starts the job and redirects to its page. If the server refuses it, the form is shown again.
pub(crate) async fn clear(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (given, form) = (query(&uri), Params::new(&body));
    let (asked, sent, actor) = (given.clone(), form.clone(), app.actor.clone());
    let back = Target::new(&given).query();
    let started = app.ask(move |client| {
        let mut request = clear_request(&asked, &sent, actor)?;
        if request.dry_run {
            // It has an id of its own, because the form can be sent again for the clear itself.
            request.id = Uuid::new_v4().to_string();
        }
        Ok((client.clear(&request)?.job_id, request.queue))
    });
    match started.await {
        Ok((id, queue)) => {
            let mut to = format!(
                "/job?job={}&queue={}&back={}",
                encode(id.as_bytes()),
                encode(&queue),
                encode(back.as_bytes())
            );
            if let Some(why) = form.text("count_error") {
                to +=
                    &format!("&count_error={}", encode(why.chars().take(300).collect::<String>().as_bytes()));
            }
            Redirect::to(&to).into_response()
        }
        Err(failure) => refused(&app, &given, &form, &failure).await,
    }
}

/// The preview again, without a count, with the form as it was sent and why it was refused.
async fn refused(app: &Arc<App>, given: &Params, form: &Params, failure: &Failure) -> Response {
    let asked = given.clone();
    let target = Target::new(given);
    let page = match app.ask(move |client| ask::glance(client, &asked)).await {
        Ok(looked) => {
            let frame = layout::Frame::of(app);
            let why = Some((form, failure.words.as_str()));
            Html(preview::whole(&frame, app, &target, &looked, why).into_string())
        }
        // The server cannot even show the messages.
        Err(_) => error::failure_of(&failure.words, Some(&format!("/preview?{}", target.query()))),
    };
    (status(failure), page).into_response()
}

/// GET /job
pub(crate) async fn job(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let params = query(&uri);
    let asked = params.clone();
    let seen = app.ask(move |client| {
        let status = client.status(&job_of(&asked)?, None)?;
        let is_over = status.has_ended() && !can_continue(&status);
        let rights = if is_over { Rights::default() } else { client.may_control(&status) };
        let undo = Undo::of(&status).filter(|undo| {
            client.undo_refusal(&JobRef { id: undo.job.clone(), queue: Some(undo.queue.clone()) }).is_none()
        });
        let target = job::target(&status);
        let messages = target.filter(|_| !status.sample.is_empty());
        let messages = messages.and_then(|target| ask::message_url(client, &target));
        Ok(job::Seen { job: status, rights, undo, messages })
    });
    shown(seen.await.map(|seen| job::page(&frame, &app, &params, &seen)))
}

/// GET /index: the index of one list.
pub(crate) async fn index(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let queue = Target::new(&query(&uri)).queue;
    if queue.is_empty() {
        return Redirect::to("/").into_response();
    }
    let seen = app.ask(move |client| {
        let index = ask::index_of(client, &queue)?;
        let rights = client.index_rights(&queue);
        Ok(index::About { queue, index, rights })
    });
    shown(seen.await.map(|about| index::page(&frame, &app, &about)))
}

/// POST /index/create, /index/drop: changes the index and redirects to its page.
pub(crate) async fn change_index(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (params, form) = (query(&uri), Params::new(&body));
    let place = index::place(&Target::new(&params).queue);
    match app.ask(move |client| ask::change_index(client, &uri, &params, &form)).await {
        Ok(_) => Redirect::to(&place).into_response(),
        Err(failure) => {
            let page = error::failure_to(&failure.words, Some((&place, "Back to the index")));
            (status(&failure), page).into_response()
        }
    }
}

/// POST /undo: starts the undo, or a dry run of it, and redirects to its page.
pub(crate) async fn undo(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (params, form, actor) = (query(&uri), Params::new(&body), app.actor.clone());
    let back = job::place(&params);
    let started = app.ask(move |client| {
        let accepted = client.undo(&undo_request(&params, &form, actor)?)?;
        Ok((accepted.job_id, accepted.map.bytes("queue").unwrap_or_default()))
    });
    match started.await {
        Ok((id, list)) => {
            let place = format!("/job?job={}&queue={}", encode(id.as_bytes()), encode(&list));
            Redirect::to(&place).into_response()
        }
        Err(failure) => {
            let page = error::failure_to(&failure.words, Some((&back, "Back to the job")));
            (status(&failure), page).into_response()
        }
    }
}

/// POST /cancel, /pause, /resume, /throttle: controls the job and redirects to its page.
pub(crate) async fn control(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (params, form) = (query(&uri), Params::new(&body));
    let (place, id) = (job::place(&params), params.text("job"));
    let held = app.ask(move |client| client.control(&job_of(&params)?, ask::control_of(&uri, &form)?)).await;
    match held {
        // RESUME of an interrupted clear starts another job.
        Ok(job) if id.is_some_and(|id| id != job.job_id) => {
            let place = format!("/job?job={}&queue={}", encode(job.job_id.as_bytes()), encode(&job.queue));
            Redirect::to(&place).into_response()
        }
        Ok(_) => Redirect::to(&place).into_response(),
        Err(failure) => error::page(&failure),
    }
}
