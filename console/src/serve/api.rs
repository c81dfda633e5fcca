//! JSON for the page's own script, and for others: the server's replies, with what a page needs besides.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map as JsonMap, Value, json};
use uuid::Uuid;

use super::app::App;
use super::failed;
use super::pages::preview::all_lists;
use super::params::{Params, Target, encode};
use crate::client::{ClearRequest, Client, Hold, JobRef, PreviewRequest, StatsRequest, UndoRequest};
use crate::failure::{Exit, Failure};
use crate::reply::{Preview, Stats};
use crate::text::unescape;

/// Rows of a sample.
pub(crate) const SAMPLE: u32 = 20;
/// Groups of a count by fields.
const GROUPS: u32 = 15;
/// Jobs of a list.
pub(crate) const JOBS: u32 = 50;

pub(crate) fn query(uri: &Uri) -> Params {
    Params::new(uri.query().unwrap_or_default().as_bytes())
}

fn answer(reply: Result<Value, Failure>) -> Response {
    match reply {
        Ok(value) => failed::json(StatusCode::OK, &value),
        Err(failure) => failed::api(&failure),
    }
}

pub(crate) fn usage(words: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, words)
}

/// Where the state of a job is asked for.
fn status_url(id: &str, queue: &[u8]) -> Value {
    format!("/api/status?job={}&queue={}", encode(id.as_bytes()), encode(queue)).into()
}

/// GET /api/token: what changes have to send back as `X-CSRF-Token`.
pub(crate) async fn token(State(app): State<Arc<App>>) -> Response {
    failed::json(StatusCode::OK, &json!({ "csrf": app.csrf() }))
}

/// GET /api/queues
pub(crate) async fn queues(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let glob = query(&uri).text("glob");
    answer(app.ask(move |client| Ok(Value::Object(client.queues(glob.as_deref())?.map.0))).await)
}

/// GET /api/preview
pub(crate) async fn preview(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let params = query(&uri);
    answer(
        app.ask(move |client| {
            let (preview, refusal) = look(client, &params)?;
            let lists = all_lists(&Target::new(&params), &preview);
            let mut map = preview.map.0;
            let status = match (&preview.job_id, preview.mode.as_str()) {
                (Some(id), "job") => status_url(id, &preview.queue),
                _ => Value::Null,
            };
            map.insert("status_url".to_owned(), status);
            map.insert("clear_refusal".to_owned(), refusal.map_or(Value::Null, Value::from));
            map.insert("lists_url".to_owned(), lists.into());
            Ok(Value::Object(map))
        })
        .await,
    )
}

/// A preview as the parameters ask for it, and why its queue may not be cleared.
pub(crate) fn look(client: &mut Client, params: &Params) -> Result<(Preview, Option<String>), Failure> {
    let target = Target::new(params);
    let request = PreviewRequest {
        filter: target.words().map_err(usage)?,
        kind: target.kind(),
        priority: target.priority.clone(),
        queue: target.queue,
        sample: Some(params.text("sample").and_then(|n| n.parse().ok()).unwrap_or(SAMPLE)),
        fields: Vec::new(),
        bust: params.flag("bust"),
        no_count: params.flag("count_skipped"),
        inexact: params.flag("inexact"),
        index: None,
    };
    let preview = client.preview(&request)?;
    let refusal = client.clear_refusal(&request.queue);
    Ok((preview, refusal))
}

/// GET /api/stats
pub(crate) async fn stats(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let params = query(&uri);
    answer(
        app.ask(move |client| {
            let stats = count(client, &params)?;
            let mut map = stats.map.0;
            let status = match (&stats.job_id, stats.mode.as_str()) {
                (Some(id), "job") => status_url(id, &stats.queue),
                _ => Value::Null,
            };
            map.insert("status_url".to_owned(), status);
            Ok(Value::Object(map))
        })
        .await,
    )
}

/// Stats as the parameters ask for them; of a job that is through, with what it counted.
pub(crate) fn count(client: &mut Client, params: &Params) -> Result<Stats, Failure> {
    let target = Target::new(params);
    let filter = if target.has_filter() { target.words().map_err(usage)? } else { Vec::new() };
    target.check().map_err(usage)?;
    let by = params.texts("by");
    let request = StatsRequest {
        filter,
        kind: target.kind(),
        priority: target.priority.clone(),
        queue: target.queue,
        by: if by.is_empty() { vec!["task".to_owned()] } else { by },
        top: params.text("top").and_then(|n| n.parse().ok()).unwrap_or(GROUPS),
        bust: params.flag("bust"),
        inexact: params.flag("inexact"),
        index: None,
    };
    let stats = client.stats(&request)?;
    let Some(id) = stats.job_id.clone().filter(|_| stats.mode == "job" && stats.matched.is_none()) else {
        return Ok(stats);
    };
    let status = client.status(&JobRef { id, queue: Some(request.queue) }, None)?;
    Ok(if status.has_ended() { stats.with_job(&status) } else { stats })
}

/// GET /api/jobs
pub(crate) async fn jobs(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let queue = query(&uri).bytes("queue");
    answer(
        app.ask(move |client| {
            let jobs = client.jobs(queue.as_deref(), JOBS)?;
            let jobs: Vec<JsonMap<String, Value>> = jobs.into_iter().map(|job| job.map.0).collect();
            Ok(json!({ "jobs": jobs }))
        })
        .await,
    )
}

/// The job that the parameters name.
pub(crate) fn job_of(params: &Params) -> Result<JobRef, Failure> {
    let id = params
        .text("job")
        .and_then(|id| Uuid::parse_str(&id).ok())
        .ok_or_else(|| usage("a job has an id, such as 0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11"))?;
    Ok(JobRef { id: id.to_string(), queue: params.bytes("queue") })
}

/// GET /api/status
pub(crate) async fn status(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let params = query(&uri);
    answer(app.ask(move |client| Ok(Value::Object(client.status(&job_of(&params)?, None)?.map.0))).await)
}

/// POST /api/clear: the queue and the filter in the URL, the rest in the body.
pub(crate) async fn clear(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (target, form, actor) = (query(&uri), Params::new(&body), app.actor.clone());
    answer(
        app.ask(move |client| {
            let request = clear_request(&target, &form, actor)?;
            let accepted = client.clear(&request)?;
            let mut map = accepted.map.0;
            map.insert("status_url".to_owned(), status_url(&accepted.job_id, &request.queue));
            Ok(Value::Object(map))
        })
        .await,
    )
}

/// What a form asks for. The queue's name is what was typed: as it is, or as it is shown.
pub(crate) fn clear_request(
    given: &Params,
    form: &Params,
    actor: Option<String>,
) -> Result<ClearRequest, Failure> {
    let target = Target::new(given);
    let action = form.text("action").unwrap_or_default();
    let (keep_one, dry_run) = match action.as_str() {
        "dry_run" => (form.flag("keep_one"), true),
        "keep_one" => (true, false),
        "all" => (false, false),
        _ => return Err(usage("say what to do: action=dry_run, keep_one or all")),
    };
    let confirm = form.bytes("confirm").filter(|_| !dry_run).map(|typed| meant(typed, &target.queue));
    let to = match form.text("how").as_deref() {
        Some("clear") => None,
        how => {
            // A field of a form holds it as it is shown.
            let shown = form.text("to_shown").map(|shown| unescape(&shown).unwrap_or(shown.into_bytes()));
            form.bytes("to").or_else(|| given.bytes("to")).or(shown.filter(|_| how.is_some()))
        }
    };
    // Who moves and names no list gets one of the job's own.
    let moves = form.text("how").is_some_and(|how| how != "clear");
    let park = to.is_none() && (moves || form.flag("park"));
    let id = match form.text("id") {
        Some(id) => Uuid::parse_str(&id).map_err(|_| usage("id is a UUID"))?,
        None => Uuid::new_v4(),
    };
    Ok(ClearRequest {
        filter: target.words().map_err(usage)?,
        kind: target.kind(),
        priority: target.priority.clone(),
        inexact: form.flag("inexact"),
        queue: target.queue,
        front: (to.is_some() || park) && form.flag("front"),
        to,
        park,
        keep_one,
        dry_run,
        confirm,
        id: id.to_string(),
        actor: form.text("actor").or(actor),
        reason: form.text("reason"),
        ..ClearRequest::default()
    })
}

/// A name as it was typed: as it is, or as it is shown.
fn meant(typed: Vec<u8>, name: &[u8]) -> Vec<u8> {
    let shown = std::str::from_utf8(&typed).ok().and_then(unescape);
    shown.filter(|_| typed != name).unwrap_or(typed)
}

/// The undo that a form asks for. The list's name is what was typed.
pub(crate) fn undo_request(
    given: &Params,
    form: &Params,
    actor: Option<String>,
) -> Result<UndoRequest, Failure> {
    let dry_run = match form.text("action").as_deref() {
        Some("dry_run") => true,
        Some("all") => false,
        _ => return Err(usage("say what to do: action=dry_run or all")),
    };
    let list = given.bytes("list").unwrap_or_default();
    let id = match form.text("id") {
        Some(id) => Uuid::parse_str(&id).map_err(|_| usage("id is a UUID"))?,
        None => Uuid::new_v4(),
    };
    Ok(UndoRequest {
        job: job_of(given)?,
        confirm: form.bytes("confirm").filter(|_| !dry_run).map(|typed| meant(typed, &list)),
        front: form.flag("front"),
        dry_run,
        // A rehearsal has an id of its own: the form may be sent again for the undo itself.
        id: if dry_run { Uuid::new_v4() } else { id }.to_string(),
        actor: form.text("actor").or(actor),
        reason: form.text("reason"),
    })
}

/// POST /api/undo: the job and its queue in the URL, the rest in the body.
pub(crate) async fn undo(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (target, form, actor) = (query(&uri), Params::new(&body), app.actor.clone());
    answer(
        app.ask(move |client| {
            let accepted = client.undo(&undo_request(&target, &form, actor)?)?;
            let list = accepted.map.bytes("queue").unwrap_or_default();
            let mut map = accepted.map.0;
            map.insert("status_url".to_owned(), status_url(&accepted.job_id, &list));
            Ok(Value::Object(map))
        })
        .await,
    )
}

/// What a path asks of a job.
pub(crate) fn hold_of(uri: &Uri, form: &Params) -> Result<Hold, Failure> {
    // A form says what its fields held: what was not changed is not sent to the server, where somebody else may have
    // changed it meanwhile. An emptied field takes the limit away.
    let number = |name: &str| {
        let (now, before) = (form.text(name), form.text(&format!("{name}_was")));
        match now.clone().map(|text| text.parse::<u64>()) {
            _ if before.is_some() && now == before => Ok(None),
            None => Ok(before.map(|_| 0)),
            Some(Ok(n)) => Ok(Some(n)),
            Some(Err(_)) => Err(usage(format!("{name} is a number"))),
        }
    };
    Ok(match uri.path().rsplit('/').next() {
        Some("pause") => Hold::Pause,
        Some("resume") => Hold::Resume,
        Some("throttle") => {
            let duty = number("duty")?.map(|percent| u8::try_from(percent).unwrap_or(u8::MAX));
            match (number("rate")?, duty) {
                (None, None) => return Err(usage("say how fast: rate or duty")),
                (rate, duty) => Hold::Throttle { rate, duty },
            }
        }
        _ => Hold::Cancel,
    })
}

/// POST /api/cancel, /api/pause, /api/resume, /api/throttle
pub(crate) async fn hold(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (params, form) = (query(&uri), Params::new(&body));
    answer(
        app.ask(move |client| {
            let hold = hold_of(&uri, &form)?;
            Ok(Value::Object(client.hold(&job_of(&params)?, hold)?.map.0))
        })
        .await,
    )
}
