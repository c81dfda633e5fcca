//! Previews and jobs as text for people.

use comfy_table::Cell;

use crate::ages::Ages;
use crate::continuing::{self, Chain};
use crate::kind::MessageKind;
use crate::lists;
use crate::reply::{Doubts, Map, Preview, Status};
use crate::table::{cell, pairs, show, state};
use crate::text::{bytes, counted, duration, escape, grouped, not_json, percent, time};
use crate::undo::Undo;

/// A preview: the count, notes about its accuracy, and the sample.
pub(crate) fn preview(preview: &Preview) -> String {
    let mut rows = vec![
        ("queue", cell(Some(&preview.queue))),
        ("filter", cell(Some(preview.filter.as_bytes()))),
        ("depth", Cell::new(counted(preview.depth, "message"))),
        ("matches", Cell::new(matches(preview))),
    ];
    rows.extend(source(&preview.map));
    rows.extend(ages(&preview.map));
    if let Some(at) = preview.cached_at {
        rows.push(("counted", Cell::new(format!("{} (--bust counts again)", time(at)))));
    }
    match_notices(&preview.doubts, &mut rows);
    if let Some(job) = preview.job_id.as_ref().filter(|_| preview.match_count.is_none()) {
        rows.push(("job", cell(Some(job.as_bytes()))));
    }
    let mut parts = vec![show(&pairs(rows))];
    parts.extend(notes(&preview.doubts));
    parts.extend(other_lists(preview.other_priorities_depth));
    if let Some(kind) = preview.looks_like.filter(|kind| *kind != MessageKind::Ids) {
        parts.push(format!("! The messages look like those of {}; use --as {}", kind.name(), kind.word()));
    }
    parts.push(String::new());
    parts.push(sample(preview));
    parts.join("\n")
}

/// What was counted, where it was not the messages themselves.
pub(super) fn source(reply: &Map) -> Option<(&'static str, Cell)> {
    let is_index = reply.word("source").as_deref() == Some("index");
    is_index.then(|| ("source", Cell::new("index (--bust reads the messages)")))
}

/// What the index of the queue knows.
pub(super) fn ages(reply: &Map) -> Vec<(&'static str, Cell)> {
    let lines = Ages::of_reply(reply).map(|ages| ages.lines()).unwrap_or_default();
    lines.into_iter().map(|(name, value)| (name, Cell::new(value))).collect()
}

fn matches(preview: &Preview) -> String {
    if let Some(error) = &preview.count_error {
        return format!("unknown, the count failed: {}", escape(error.as_bytes()));
    }
    match (preview.match_count, preview.mode.as_str()) {
        (Some(n), _) => {
            let size = preview.matched_bytes.map(|n| format!(", {}", bytes(n))).unwrap_or_default();
            format!("{} ({}{size})", grouped(n), percent(n, preview.depth))
                .replace("(, ", "(")
                .replace(" ()", "")
        }
        (None, "skipped") => "not counted".to_owned(),
        (None, _) => "still counting".to_owned(),
    }
}

fn sample(preview: &Preview) -> String {
    if let Some(error) = &preview.sample_error {
        return format!("There is no sample: {}", escape(error.as_bytes()));
    }
    let shown = preview.sample.len();
    let heading = match preview.match_count {
        Some(0) => return "No message matches.".to_owned(),
        Some(_) if preview.sample_asked == Some(0) => return "No sample was asked for.".to_owned(),
        Some(n) if shown == 0 => return format!("None of the {} is shown.", counted(n, "matching message")),
        _ if shown == 0 => return "No match among the messages that run next.".to_owned(),
        Some(1) => "The matching message:".to_owned(),
        Some(n) if usize::try_from(n) == Ok(shown) => format!("The {shown} matching messages:"),
        Some(n) => format!("The first {shown} of {} matching messages:", grouped(n)),
        None => "Matching messages:".to_owned(),
    };
    format!("{heading}\n{}", lists::sample(&preview.sample))
}

/// A job in full.
pub(crate) fn job(job: &Status) -> String {
    let mut rows = vec![
        ("job", cell(Some(job.job_id.as_bytes()))),
        ("what", Cell::new(escape(job.what().as_bytes()))),
        ("status", state(&job.status)),
    ];
    if let Some(waiting) = &job.waiting {
        rows.push(("waiting", cell(Some(waiting.as_bytes()))));
    }
    if let Some(error) = &job.error {
        rows.push(("error", cell(Some(error.as_bytes()))));
    }
    rows.push(("queue", cell(Some(&job.queue))));
    if let Some(priority) = &job.priority {
        rows.push(("priority", cell(Some(priority.as_bytes()))));
    }
    rows.push(("filter", cell(Some(job.filter.as_bytes()))));
    rows.push(("by", Cell::new(by(job))));
    if let Some(reason) = &job.reason {
        rows.push(("reason", cell(Some(reason))));
    }
    rows.push(("started", Cell::new(time(job.started_at))));
    if let Some(at) = job.completed_at {
        let took = u64::try_from(at.saturating_sub(job.started_at)).unwrap_or(0);
        rows.push(("ended", Cell::new(format!("{}, after {}", time(at), duration(took)))));
    }
    rows.push(("examined", Cell::new(examined(job))));
    rows.push(("matched", Cell::new(grouped(job.matched))));
    match (job.kind.as_str(), job.dry_run) {
        ("clear", true) => rows.push(("would clear", Cell::new(grouped(job.would_delete)))),
        ("clear", false) => {
            rows.push((if job.to.is_some() { "moved" } else { "cleared" }, Cell::new(grouped(job.deleted))));
        }
        ("undo", true) => rows.push(("would move back", Cell::new(grouped(job.would_delete)))),
        ("undo", false) => rows.push(("moved back", Cell::new(grouped(job.deleted)))),
        _ => {}
    }
    if let Some(of) = &job.undoes {
        rows.push(("undoes", cell(Some(of.as_bytes()))));
    }
    if let Some(by) = &job.undone_by {
        let by = escape(by.as_bytes());
        let undone = grouped(job.undone.unwrap_or_default());
        rows.push(("undone", Cell::new(format!("{undone} of {}, by job {by}", grouped(job.deleted)))));
    }
    rows.extend(chain(job));
    if let Some(key) = &job.to {
        rows.push(("moved to", cell(Some(key))));
    }
    if let Some(kept) = job.kept() {
        rows.push(("kept", Cell::new(kept)));
    }
    rows.push(("drifted", Cell::new(grouped(job.doubts.drifted))));
    rows.push(("arrived", Cell::new(grouped(job.arrived))));
    rows.push(("in the queue", Cell::new(counted(job.queue_depth, "message"))));
    rows.extend(ages(&job.map));
    match_notices(&job.doubts, &mut rows);
    if job.passes_run > 1 {
        rows.push(("passes", Cell::new(grouped(job.passes_run))));
    }
    if job.slice_max_us > 0 {
        rows.push(("longest slice", Cell::new(format!("{} us", grouped(job.slice_max_us)))));
    }
    let mut parts = vec![show(&pairs(rows))];
    parts.extend(notes(&job.doubts));
    if !job.sample.is_empty() {
        parts.push(String::new());
        parts.push("Matching messages:".to_owned());
        parts.push(lists::sample(&job.sample));
    }
    if continuing::can_continue(job) {
        parts.push(String::new());
        parts.push(format!("Continue: {}", continuing::command(job)));
    }
    if let Some(undo) = Undo::of(job) {
        parts.push(String::new());
        let word = if undo.continues { "Continue" } else { "Undo" };
        parts.push(format!("{word}: {}", undo.command()));
    }
    parts.join("\n")
}

/// The jobs before and after an interruption.
fn chain(job: &Status) -> Vec<(&'static str, Cell)> {
    let Chain { continues, continued_by } = Chain::of(job);
    let mut rows = Vec::new();
    if let Some((id, deleted)) = continues {
        let shown = format!("job {}, which removed {}", escape(id.as_bytes()), counted(deleted, "message"));
        rows.push(("continues", Cell::new(shown)));
    }
    if let Some(by) = continued_by {
        rows.push(("continued by", cell(Some(by.as_bytes()))));
    }
    rows
}

fn examined(job: &Status) -> String {
    let all = format!("{} of {}", grouped(job.processed), grouped(job.total_estimated));
    if job.has_ended() {
        return all;
    }
    let eta = job.eta_ms.map(|ms| format!(", ETA {}", duration(ms))).unwrap_or_default();
    format!("{all} ({} %), {}/s{eta}", job.progress, grouped(job.per_second))
}

fn by(job: &Status) -> String {
    let user = job.user.as_deref().map(escape).unwrap_or_default();
    match &job.actor {
        Some(actor) => format!("{} (Redis user {user})", escape(actor)),
        None => format!("Redis user {user}"),
    }
}

/// One sentence on how a job ended.
pub(crate) fn outcome(job: &Status) -> String {
    if job.kind == "undo" {
        return undo_outcome(job);
    }
    let matched = counted(job.matched, "matching message");
    let key = job.to.as_deref().map(escape);
    match (job.status.as_str(), job.dry_run, key) {
        ("completed", true, Some(key)) => {
            format!("Would clear {} of {matched}, moving them to {key}.", grouped(job.would_delete))
        }
        ("completed", true, None) => format!("Would clear {} of {matched}.", grouped(job.would_delete)),
        ("completed", false, Some(key)) => format!("Moved {} of {matched} to {key}.", grouped(job.deleted)),
        ("completed", false, None) => format!("Cleared {} of {matched}.", grouped(job.deleted)),
        (status, ..) => format!(
            "The job is {}; it cleared {} of {matched}.",
            escape(status.as_bytes()),
            grouped(job.deleted)
        ),
    }
}

/// One sentence on how an undo ended: what it moved back, and what remains in the list.
fn undo_outcome(job: &Status) -> String {
    let (list, queue) = (escape(&job.queue), job.to.as_deref().map(escape).unwrap_or_default());
    match (job.status.as_str(), job.dry_run) {
        ("completed", true) => {
            format!("Would move {} from {list} back to {queue}.", counted(job.would_delete, "message"))
        }
        ("completed", false) => format!(
            "Moved {} from {list} back to {queue}; {} left there.",
            counted(job.deleted, "message"),
            grouped(job.queue_depth)
        ),
        (status, _) => format!(
            "The job is {}; it moved {} back to {queue}.",
            escape(status.as_bytes()),
            counted(job.deleted, "message")
        ),
    }
}

/// Properties of the matches that a user should know before clearing them.
fn match_notices(doubts: &Doubts, rows: &mut Vec<(&'static str, Cell)>) {
    for (name, n) in [
        ("in a chord", doubts.in_chord),
        ("in a group", doubts.in_group),
        ("with an eta", doubts.with_eta),
        ("redelivered", doubts.redelivered),
        ("inexact", doubts.inexact),
    ] {
        if n > 0 {
            rows.push((name, Cell::new(grouped(n))));
        }
    }
}

/// A note about messages in the other priority lists of the queue.
pub(crate) fn other_lists(depth: Option<u64>) -> Option<String> {
    depth.filter(|n| *n > 0).map(|n| {
        format!(
            "! {} in the other priority lists of this queue are not included; use --priority all",
            counted(n, "message")
        )
    })
}

/// Notes on why a count can be too low, and the server's notice.
pub(crate) fn notes(doubts: &Doubts) -> Vec<String> {
    let mut notes = Vec::new();
    if doubts.unreadable > 0 {
        let why = if doubts.have_bounds() {
            "are undecided"
        } else {
            "cannot be read (YAML, unknown compression ...)"
        };
        notes.push(format!(
            "! {} {why}: it is unknown whether they match, so the count can be too low by that many; a clear keeps them",
            counted(doubts.unreadable, "message")
        ));
    }
    if doubts.undecodable > 0 {
        notes.push(format!("! {}", not_json(doubts.undecodable)));
    }
    if let Some(notice) = &doubts.notice {
        notes.push(format!("! {}", escape(notice.as_bytes())));
    }
    notes
}
