//! The requests to Redis that URLs and forms mean, for the pages and for /api.

use axum::http::Uri;
use serde_json::{Map as JsonMap, Value};
use uuid::Uuid;

use super::params::{Params, Target};
use crate::client::{
    ClearRequest, Client, Control, JobRef, JobsRequest, PreviewRequest, StatsRequest, UndoRequest,
};
use crate::failure::{Exit, Failure};
use crate::index::ListIndex;
use crate::kind::MessageKind;
use crate::reply::{Preview, Stats};
use crate::text::unescape;

/// Default number of rows in a sample.
const SAMPLE: u32 = 20;
/// The columns of a sample where the filter has a condition on the age of messages.
const AGED: [&str; 8] = ["age", "arrived", "task", "id", "args", "kwargs", "retries", "eta"];
/// Default number of groups in a count by fields.
const GROUPS: u32 = 15;
/// Number of jobs in a list.
const JOBS: u32 = 50;

/// The list of jobs that the parameters describe.
pub(crate) fn jobs(params: &Params) -> JobsRequest {
    JobsRequest {
        queue: params.bytes("queue"),
        count: JOBS,
        kind: params.text("kind"),
        status: params.text("status"),
        user: params.bytes("user"),
    }
}

/// The parameters of a URL.
pub(crate) fn query(uri: &Uri) -> Params {
    Params::new(uri.query().unwrap_or_default().as_bytes())
}

fn usage(words: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, words)
}

/// The preview that the parameters describe, and why its queue may not be cleared.
pub(crate) fn look(client: &mut Client, params: &Params) -> Result<(Preview, Option<String>), Failure> {
    let target = Target::new(params);
    // Otherwise the server's default.
    let fields = if target.asks_for_ages() { AGED.map(str::to_owned).to_vec() } else { Vec::new() };
    let request = PreviewRequest {
        filter: target.words().map_err(usage)?,
        kind: target.kind(),
        priority: target.priority.clone(),
        queue: target.queue,
        sample: Some(params.text("sample").and_then(|n| n.parse().ok()).unwrap_or(SAMPLE)),
        fields,
        bust: params.flag("bust"),
        no_count: params.flag("count_skipped"),
        inexact: params.flag("inexact"),
        index: None,
    };
    let preview = client.preview(&request)?;
    let refusal = client.clear_refusal(&request.queue);
    Ok((preview, refusal))
}

/// The stats that the parameters describe; if their job has ended, with its counts.
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

/// The index of a list; `None` if it has none.
pub(crate) fn index_of(client: &mut Client, queue: &[u8]) -> Result<Option<ListIndex>, Failure> {
    match client.index(queue) {
        Ok(index) => Ok(Some(index)),
        Err(failure) if failure.exit == Exit::Refused && failure.words.contains("has no index") => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Creates or drops the index of a list, as the path says, and returns the server's reply.
pub(crate) fn change_index(
    client: &mut Client,
    uri: &Uri,
    params: &Params,
    form: &Params,
) -> Result<JsonMap<String, Value>, Failure> {
    let queue = Target::new(params).queue;
    if queue.is_empty() {
        return Err(usage("a queue is required"));
    }
    if uri.path().ends_with("/drop") {
        return Ok(client.drop_index(&queue)?.0);
    }
    let kind = match form.text("as") {
        Some(word) => Some(MessageKind::parse(&word).ok_or_else(|| {
            usage("the kind of messages must be celery, sidekiq, resque, laravel, taskiq, huey, dramatiq, rq, bullmq, bull, asynq, saq or ids")
        })?),
        None => None,
    };
    let given = form.text("fields").unwrap_or_default();
    let fields: Vec<String> =
        given.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned).collect();
    Ok(client.create_index(&queue, &fields, kind)?.map.0)
}

/// The job in the parameters.
pub(crate) fn job_of(params: &Params) -> Result<JobRef, Failure> {
    let id = params
        .text("job")
        .and_then(|id| Uuid::parse_str(&id).ok())
        .ok_or_else(|| usage("job must be an id, such as 0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11"))?;
    Ok(JobRef { id: id.to_string(), queue: params.bytes("queue") })
}

/// The clear that a form describes. The user can type the queue's name as it is or in its escaped form.
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
        _ => return Err(usage("action is required: dry_run, keep_one or all")),
    };
    let confirm = form.bytes("confirm").filter(|_| !dry_run).map(|typed| meant(typed, &target.queue));
    let to = match form.text("how").as_deref() {
        Some("clear") => None,
        how => {
            // A form field contains the name in its escaped form.
            let shown = form.text("to_shown").map(|shown| unescape(&shown).unwrap_or(shown.into_bytes()));
            form.bytes("to").or_else(|| given.bytes("to")).or(shown.filter(|_| how.is_some()))
        }
    };
    // Without a destination list the matches are moved to a list of the job's own.
    let moves = form.text("how").is_some_and(|how| how != "clear");
    let park = to.is_none() && (moves || form.flag("park"));
    let id = match form.text("id") {
        Some(id) => Uuid::parse_str(&id).map_err(|_| usage("id must be a UUID"))?,
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

/// The name that the user meant, typed as it is or in its escaped form.
fn meant(typed: Vec<u8>, name: &[u8]) -> Vec<u8> {
    let shown = std::str::from_utf8(&typed).ok().and_then(unescape);
    shown.filter(|_| typed != name).unwrap_or(typed)
}

/// The undo that a form describes, with the list's name as the user typed it.
pub(crate) fn undo_request(
    given: &Params,
    form: &Params,
    actor: Option<String>,
) -> Result<UndoRequest, Failure> {
    let dry_run = match form.text("action").as_deref() {
        Some("dry_run") => true,
        Some("all") => false,
        _ => return Err(usage("action is required: dry_run or all")),
    };
    let list = given.bytes("list").unwrap_or_default();
    let id = match form.text("id") {
        Some(id) => Uuid::parse_str(&id).map_err(|_| usage("id must be a UUID"))?,
        None => Uuid::new_v4(),
    };
    Ok(UndoRequest {
        job: job_of(given)?,
        confirm: form.bytes("confirm").filter(|_| !dry_run).map(|typed| meant(typed, &list)),
        front: form.flag("front"),
        dry_run,
        // A dry run has an id of its own, because the form can be sent again for the undo itself.
        id: if dry_run { Uuid::new_v4() } else { id }.to_string(),
        actor: form.text("actor").or(actor),
        reason: form.text("reason"),
    })
}

/// The way to control a job that a path describes.
pub(crate) fn control_of(uri: &Uri, form: &Params) -> Result<Control, Failure> {
    // A form contains the previous values of its fields. A field that the user did not change is not sent to the server,
    // where another user may have changed the value meanwhile. An empty field removes the limit.
    let number = |name: &str| {
        let (now, before) = (form.text(name), form.text(&format!("{name}_was")));
        match now.clone().map(|text| text.parse::<u64>()) {
            _ if before.is_some() && now == before => Ok(None),
            None => Ok(before.map(|_| 0)),
            Some(Ok(n)) => Ok(Some(n)),
            Some(Err(_)) => Err(usage(format!("{name} must be a number"))),
        }
    };
    Ok(match uri.path().rsplit('/').next() {
        Some("pause") => Control::Pause,
        Some("resume") => Control::Resume,
        Some("throttle") => {
            let duty = number("duty")?.map(|percent| u8::try_from(percent).unwrap_or(u8::MAX));
            match (number("rate")?, duty) {
                (None, None) => return Err(usage("rate or duty is required")),
                (rate, duty) => Control::Throttle { rate, duty },
            }
        }
        _ => Control::Cancel,
    })
}
