//! The pages. Each of them works without the script; with it, counts and jobs are updated without a reload.
//!
//! maud writes everything between `(` and `)` as text. Text from a server passes [`escape`] first, so that characters which
//! change the direction of text have no effect here, either.

mod actions;
pub(crate) mod arrival;
pub(crate) mod error;
mod index;
mod job;
mod layout;
mod lists;
pub(crate) mod login;
mod preview;
mod stats;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use maud::Markup;

use super::app::App;
use super::ask::{self, clear_request, job_of, query, undo_request};
use super::params::{Params, Target, encode};
use super::status::status;
use crate::client::{JobRef, Rights};
use crate::continuing::can_continue;
use crate::failure::Failure;
use crate::undo::Undo;

fn shown(page: Result<Markup, Failure>) -> Response {
    match page {
        Ok(markup) => Html(markup.into_string()).into_response(),
        Err(failure) => error::page(&failure),
    }
}

/// GET /
pub(crate) async fn queues(State(app): State<Arc<App>>) -> Response {
    let frame = layout::Frame::of(&app);
    shown(app.ask(|client| client.queues(None)).await.map(|queues| lists::queues(&frame, &queues)))
}

/// GET /jobs
pub(crate) async fn jobs(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let params = query(&uri);
    let (queue, kind) = (params.bytes("queue"), params.text("kind"));
    let jobs = app.ask(move |client| client.jobs(&ask::jobs(&params))).await;
    shown(jobs.map(|jobs| lists::jobs(&frame, queue.as_deref(), kind.as_deref(), &jobs)))
}

/// GET /queue: the filter and the counts by field. The page itself sends nothing to Redis; the script requests the counts.
pub(crate) async fn queue(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let target = Target::new(&query(&uri));
    if target.queue.is_empty() {
        return Redirect::to("/").into_response();
    }
    shown(Ok(stats::queue(&frame, &target)))
}

/// GET /stats: one of these counts as a page of its own, which works without the script.
pub(crate) async fn stats(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let frame = layout::Frame::of(&app);
    let params = query(&uri);
    let asked = params.clone();
    let counted = app.ask(move |client| ask::count(client, &asked)).await;
    shown(counted.map(|counted| stats::whole(&frame, &params, &counted)))
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
        return (
            axum::http::StatusCode::BAD_REQUEST,
            Html(preview::wrong(&frame, &target, &words).into_string()),
        )
            .into_response();
    }
    if !params.flag("count_skipped") && !params.flag("now") {
        return shown(Ok(preview::skeleton(&frame, &app, &target, params.flag("bust"))));
    }
    let asked = params.clone();
    let looked = app.ask(move |client| {
        let (mut preview, refusal) = ask::look(client, &asked)?;
        // If the job has ended, its counts are the answer.
        if let Some(id) =
            preview.job_id.clone().filter(|_| preview.mode == "job" && preview.match_count.is_none())
        {
            let job = JobRef { id, queue: Some(preview.queue.clone()) };
            let status = client.status(&job, None)?;
            if status.has_ended() {
                preview = preview.with_job(&status);
            }
        }
        Ok((preview, refusal))
    });
    match looked.await {
        Ok((looked, refusal)) => {
            shown(Ok(preview::whole(&frame, &app, &target, &looked, refusal.as_deref())))
        }
        Err(failure) => {
            let page = preview::wrong(&frame, &target, &failure.words);
            (status(&failure), Html(page.into_string())).into_response()
        }
    }
}

/// POST /clear: starts the job and redirects to its page.
pub(crate) async fn clear(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (target, form, actor) = (query(&uri), Params::new(&body), app.actor.clone());
    let count_error = form.text("count_error");
    let back = Target::new(&target).query();
    let started = app.ask(move |client| {
        let request = clear_request(&target, &form, actor)?;
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
            if let Some(why) = count_error {
                to +=
                    &format!("&count_error={}", encode(why.chars().take(300).collect::<String>().as_bytes()));
            }
            Redirect::to(&to).into_response()
        }
        Err(failure) => {
            let back = format!("/preview?{back}");
            (status(&failure), error::failure_of(&failure.words, Some(&back))).into_response()
        }
    }
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
        Ok((status, rights, undo))
    });
    shown(
        seen.await
            .map(|(status, rights, undo)| job::page(&frame, &app, &params, &status, rights, undo.as_ref())),
    )
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
