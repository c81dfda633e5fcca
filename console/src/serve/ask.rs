//! The requests to Redis that URLs and forms mean, for the pages and for /api.

use axum::http::Uri;
use serde_json::{Map as JsonMap, Value, json};
use uuid::Uuid;

use super::params::{Params, Target};
use crate::client::{
    ClearRequest, Client, Control, JobRef, JobsRequest, PreviewRequest, StatsRequest, UndoRequest,
};
use crate::failure::{Exit, Failure};
use crate::index::ListIndex;
use crate::kind::MessageKind;
use crate::messages::{self, QueueOf};
use crate::reply::{Map, Preview, Stats, Status};
use crate::text::unescape;

/// Default number of rows in a sample.
const SAMPLE: u32 = 20;
/// The columns of a sample where the filter has a condition on the age of messages.
const AGED: [&str; 8] = ["age", "arrived", "task", "id", "args", "kwargs", "retries", "eta"];
/// Default number of groups in a count by fields.
const GROUPS: u32 = 15;
/// Number of jobs in a list.
const JOBS: u32 = 100;

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

/// The jobs that the page of jobs shows, the newest first. Without a kind these are all that change queues, and every job that has
/// not ended, because each of them takes time of the server.
pub(crate) fn listed(client: &mut Client, params: &Params) -> Result<Vec<Status>, Failure> {
    let of = |kind: Option<&str>, status: Option<&str>| JobsRequest {
        kind: kind.map(str::to_owned),
        status: status.map(str::to_owned),
        ..jobs(params)
    };
    let requests = match params.text("kind").as_deref() {
        Some("all") => vec![of(None, None)],
        Some("counts") => vec![of(Some("preview"), None), of(Some("stats"), None), of(Some("show"), None)],
        None | Some("changes") => {
            vec![of(Some("clear"), None), of(Some("undo"), None), of(None, Some("live"))]
        }
        Some(kind) => vec![of(Some(kind), None)],
    };
    let mut all: Vec<Status> = Vec::new();
    for request in requests {
        for job in client.jobs(&request)? {
            if !all.iter().any(|known| known.job_id == job.job_id) {
                all.push(job);
            }
        }
    }
    all.sort_by_key(|job| std::cmp::Reverse(job.started_at));
    all.truncate(usize::try_from(JOBS).unwrap_or(usize::MAX));
    Ok(all)
}

/// The parameters of a URL.
pub(crate) fn query(uri: &Uri) -> Params {
    Params::new(uri.query().unwrap_or_default().as_bytes())
}

fn usage(words: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, words)
}

/// A preview, and what this Redis user may do with its messages.
pub(crate) struct Looked {
    pub(crate) preview: Preview,
    /// Why the queue may not be cleared.
    pub(crate) refusal: Option<String>,
    /// Where a message is shown whole, without its id.
    pub(crate) message_url: Option<String>,
}

/// The preview that the parameters describe.
pub(crate) fn look(client: &mut Client, params: &Params) -> Result<Looked, Failure> {
    looked(client, params, params.flag("count_skipped"))
}

/// The same without a count.
pub(crate) fn glance(client: &mut Client, params: &Params) -> Result<Looked, Failure> {
    looked(client, params, true)
}

fn looked(client: &mut Client, params: &Params, no_count: bool) -> Result<Looked, Failure> {
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
        no_count,
        inexact: params.flag("inexact"),
        index: None,
    };
    let preview = client.preview(&request)?;
    let refusal = client.clear_refusal(&request.queue);
    let message_url = message_url(client, &Target::new(params));
    Ok(Looked { preview, refusal, message_url })
}

/// The fields by which a queue is grouped if the user names none.
const BY: &str = "task";

/// The fields by which to group in the parameters, each of which can contain several, separated by commas.
pub(crate) fn fields(params: &Params) -> Vec<String> {
    let fields = split_fields(&params.texts("by"));
    if fields.is_empty() { vec![BY.to_owned()] } else { fields }
}

/// Names of fields, each once, from texts that contain several.
fn split_fields(texts: &[String]) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for name in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
        if !name.is_empty() && !fields.iter().any(|known| known == name) {
            fields.push(name.to_owned());
        }
    }
    fields
}

/// The stats that the parameters describe; if their job has ended, with its counts.
pub(crate) fn count(client: &mut Client, params: &Params) -> Result<Stats, Failure> {
    let target = Target::new(params);
    let filter = if target.has_filter() { target.words().map_err(usage)? } else { Vec::new() };
    target.check().map_err(usage)?;
    let request = StatsRequest {
        filter,
        kind: target.kind(),
        priority: target.priority.clone(),
        queue: target.queue,
        by: fields(params),
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

/// The fields that the messages of a queue have, as QADMIN.FIELDS finds them in those that run next: for suggestions only, so
/// a server that does not know the command has none.
pub(crate) fn seen_fields(client: &mut Client, params: &Params) -> Result<Value, Failure> {
    let target = Target::new(params);
    target.check().map_err(usage)?;
    match messages::fields(client, &queue_of(target), &[]) {
        Ok(seen) => Ok(Value::Object(seen.0)),
        Err(failure) if failure.exit == Exit::NoModule => Ok(json!({ "looked_at": 0, "fields": [] })),
        Err(failure) => Err(failure),
    }
}

/// The queue of a target, and how its messages are read.
fn queue_of(target: Target) -> QueueOf {
    let (kind, priority) = (target.kind(), target.priority.clone());
    QueueOf { queue: target.queue, index: None, kind, priority }
}

/// The message in the parameters, whole.
pub(crate) fn message(client: &mut Client, params: &Params) -> Result<Map, Failure> {
    let target = Target::new(params);
    target.check().map_err(usage)?;
    let id = params.bytes("id").ok_or_else(|| usage("the id of a message is required"))?;
    messages::show(client, &queue_of(target), &id)
}

/// The URL under which the page shows messages of this target, without their ids; `None` if this Redis user may not be shown
/// messages of the queue, or the server cannot show any.
pub(crate) fn message_url(client: &mut Client, target: &Target) -> Option<String> {
    client.may_show(&target.queue).then(|| format!("/message?{}", target.queue_query()))
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
    let dry_run = action == "dry_run";
    if !["dry_run", "keep_one", "all"].contains(&action.as_str()) {
        return Err(usage("action is required: dry_run, keep_one or all"));
    }
    let keep = form.text("keep").unwrap_or_default();
    if !["", "none", "oldest", "newest", "by"].contains(&keep.as_str()) {
        return Err(usage("keep must be none, oldest, newest or by"));
    }
    let by = if keep == "by" { split_fields(&form.texts("by")) } else { Vec::new() };
    if keep == "by" && by.is_empty() {
        return Err(usage(
            "name the fields of whose values one message each is kept, such as kwargs.account",
        ));
    }
    let confirm = form.bytes("confirm").filter(|_| !dry_run).map(|typed| meant(typed, &target.queue));
    let to = match form.text("how").as_deref() {
        Some("clear") => None,
        how => {
            // A form field contains the name in its escaped form.
            let shown = form.text("to_shown").map(|shown| unescape(&shown).unwrap_or(shown.into_bytes()));
            form.bytes("to").or_else(|| given.bytes("to")).or(shown.filter(|_| how.is_some()))
        }
    };
    // On the page, moving without a destination means a list of the job's own; programs say park=1.
    let moves = form.text("how").is_some_and(|how| how != "clear");
    let park = to.is_none() && (moves || form.flag("park"));
    let id = match form.text("id") {
        Some(id) => Uuid::parse_str(&id).map_err(|_| usage("id must be a UUID"))?,
        None => Uuid::new_v4(),
    };
    let expect = number(form, "expect")?;
    Ok(ClearRequest {
        filter: target.words().map_err(usage)?,
        kind: target.kind(),
        priority: target.priority.clone(),
        inexact: form.flag("inexact"),
        queue: target.queue,
        front: (to.is_some() || park) && form.flag("front"),
        to,
        park,
        keep_one: action == "keep_one"
            || form.flag("keep_one")
            || ["oldest", "newest", "by"].contains(&keep.as_str()),
        keep_newest: keep == "newest",
        by,
        limit: number(form, "limit")?,
        rate: number(form, "rate")?.filter(|rate| *rate > 0),
        tolerance: number(form, "tolerance")?.filter(|_| expect.is_some()),
        expect,
        dry_run,
        confirm,
        id: id.to_string(),
        actor: form.text("actor").or(actor),
        reason: form.text("reason"),
        ..ClearRequest::default()
    })
}

/// A number in a form; `None` for an empty field.
fn number(form: &Params, name: &str) -> Result<Option<u64>, Failure> {
    let text = form.text(name).map(|text| text.replace([',', ' '], ""));
    let read = |text: String| text.parse().map_err(|_| usage(format!("{name} must be a number")));
    text.filter(|text| !text.is_empty()).map(read).transpose()
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
