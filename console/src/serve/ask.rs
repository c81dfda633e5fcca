//! What a URL and a form ask of the server, for the pages and the JSON alike.

use axum::http::Uri;
use uuid::Uuid;

use super::params::{Params, Target};
use crate::client::{ClearRequest, Client, Control, JobRef, PreviewRequest, StatsRequest, UndoRequest};
use crate::failure::{Exit, Failure};
use crate::reply::{Preview, Stats};
use crate::text::unescape;

/// Rows of a sample.
const SAMPLE: u32 = 20;
/// Groups of a count by fields.
const GROUPS: u32 = 15;
/// Jobs of a list.
pub(crate) const JOBS: u32 = 50;

/// The parameters of a URL.
pub(crate) fn query(uri: &Uri) -> Params {
    Params::new(uri.query().unwrap_or_default().as_bytes())
}

fn usage(words: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, words)
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

/// The job that the parameters name.
pub(crate) fn job_of(params: &Params) -> Result<JobRef, Failure> {
    let id = params
        .text("job")
        .and_then(|id| Uuid::parse_str(&id).ok())
        .ok_or_else(|| usage("a job has an id, such as 0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11"))?;
    Ok(JobRef { id: id.to_string(), queue: params.bytes("queue") })
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

/// What a path asks of a job.
pub(crate) fn control_of(uri: &Uri, form: &Params) -> Result<Control, Failure> {
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
        Some("pause") => Control::Pause,
        Some("resume") => Control::Resume,
        Some("throttle") => {
            let duty = number("duty")?.map(|percent| u8::try_from(percent).unwrap_or(u8::MAX));
            match (number("rate")?, duty) {
                (None, None) => return Err(usage("say how fast: rate or duty")),
                (rate, duty) => Control::Throttle { rate, duty },
            }
        }
        _ => Control::Cancel,
    })
}
