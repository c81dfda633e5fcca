//! JSON for the page's script and for other programs: the server's replies, with additional members for the page.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map as JsonMap, Value, json};

use super::app::App;
use super::ask::{
    self, Looked, clear_request, control_of, count, index_of, job_of, look, query, undo_request,
};
use super::pages::actions::missing;
use super::params::{Params, Target, encode};
use super::status;
use crate::failure::Failure;

fn answer(reply: Result<Value, Failure>) -> Response {
    match reply {
        Ok(value) => status::json(StatusCode::OK, &value),
        Err(failure) => status::api(&failure),
    }
}

/// The URL at which the status of a job can be requested.
fn status_url(id: &str, queue: &[u8]) -> Value {
    format!("/api/status?job={}&queue={}", encode(id.as_bytes()), encode(queue)).into()
}

/// GET /api/token: the token that requests for changes must send as `X-CSRF-Token`.
pub(crate) async fn token(State(app): State<Arc<App>>) -> Response {
    status::json(StatusCode::OK, &json!({ "csrf": app.csrf() }))
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
            let Looked { preview, refusal, message_url } = look(client, &params)?;
            let lists = Target::new(&params).all_lists_url(preview.queue_of_list.as_deref());
            let status = match (&preview.job_id, preview.mode.as_str()) {
                (Some(id), "job") => status_url(id, &preview.queue),
                _ => Value::Null,
            };
            let mut map = preview.common.map.0;
            map.insert("status_url".to_owned(), status);
            map.insert("clear_missing".to_owned(), refusal.as_deref().map(missing).into());
            map.insert("clear_refusal".to_owned(), refusal.into());
            map.insert("message_url".to_owned(), message_url.into());
            map.insert("lists_url".to_owned(), lists.into());
            Ok(Value::Object(map))
        })
        .await,
    )
}

/// GET /api/stats
pub(crate) async fn stats(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let params = query(&uri);
    answer(
        app.ask(move |client| {
            let stats = count(client, &params)?;
            let status = match (&stats.job_id, stats.mode.as_str()) {
                (Some(id), "job") => status_url(id, &stats.queue),
                _ => Value::Null,
            };
            let mut map = stats.common.map.0;
            map.insert("status_url".to_owned(), status);
            Ok(Value::Object(map))
        })
        .await,
    )
}

/// GET /api/message: one message whole.
pub(crate) async fn message(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let params = query(&uri);
    answer(app.ask(move |client| Ok(Value::Object(ask::message(client, &params)?.0))).await)
}

/// GET /api/fields
pub(crate) async fn fields(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let params = query(&uri);
    answer(app.ask(move |client| ask::seen_fields(client, &params)).await)
}

/// GET /api/jobs
pub(crate) async fn jobs(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let params = query(&uri);
    answer(
        app.ask(move |client| {
            let jobs = client.jobs(&ask::jobs(&params))?;
            let jobs: Vec<JsonMap<String, Value>> = jobs.into_iter().map(|job| job.common.map.0).collect();
            Ok(json!({ "jobs": jobs }))
        })
        .await,
    )
}

/// GET /api/status
pub(crate) async fn status(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let params = query(&uri);
    answer(
        app.ask(move |client| Ok(Value::Object(client.status(&job_of(&params)?, None)?.common.map.0))).await,
    )
}

/// GET /api/index: the index of one list, or null.
pub(crate) async fn index(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let queue = Target::new(&query(&uri)).queue;
    answer(
        app.ask(move |client| {
            let index = index_of(client, &queue)?.map(|index| Value::Object(index.map.0));
            Ok(json!({ "index": index }))
        })
        .await,
    )
}

/// GET /api/indexes
pub(crate) async fn indexes(State(app): State<Arc<App>>) -> Response {
    answer(
        app.ask(|client| {
            let all: Vec<_> = client.indexes()?.into_iter().map(|index| index.map.0).collect();
            Ok(json!({ "indexes": all }))
        })
        .await,
    )
}

/// POST /api/index/create, /api/index/drop
pub(crate) async fn change_index(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (params, form) = (query(&uri), Params::new(&body));
    answer(app.ask(move |client| ask::change_index(client, &uri, &params, &form).map(Value::Object)).await)
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

/// POST /api/cancel, /api/pause, /api/resume, /api/throttle
pub(crate) async fn control(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let (params, form) = (query(&uri), Params::new(&body));
    answer(
        app.ask(move |client| {
            let control = control_of(&uri, &form)?;
            Ok(Value::Object(client.control(&job_of(&params)?, control)?.common.map.0))
        })
        .await,
    )
}
