//! The list of jobs: who started which, when and why, and what it has done.

use maud::{Markup, html};

use super::layout::{self, Frame};
use crate::reply::Status;
use crate::serve::params::{Params, encode};
use crate::text::{escape, grouped, time};

/// What can be shown: the word in the URL, and its name.
const KINDS: [(&str, &str); 3] =
    [("changes", "Clears, moves and undos"), ("counts", "Previews and counts"), ("all", "All jobs")];

pub(super) fn page(frame: &Frame, params: &Params, jobs: &[Status]) -> Markup {
    let queue = params.bytes("queue");
    let given = params.text("kind").unwrap_or_default();
    let kind = if given.is_empty() { KINDS[0].0 } else { given.as_str() };
    let about = queue.as_deref().map(|queue| format!("&queue={}", encode(queue))).unwrap_or_default();
    let body = html! {
        h1 { "Jobs" @if let Some(queue) = &queue { " on " (escape(queue)) } }
        nav.pages #kinds aria-label="Kinds of jobs" {
            @for (word, name) in KINDS {
                a href={ "/jobs?kind=" (word) (about) } aria-current=[(word == kind).then_some("page")] { (name) }
            }
            @if queue.is_some() { a href={ "/jobs?kind=" (encode(kind.as_bytes())) } { "Jobs on all queues" } }
        }
        (layout::refreshing())
        section #jobs data-live="3" {
            @if jobs.is_empty() { p { "No such jobs." } } @else { (table(jobs)) }
            p.quiet { "The server remembers the newest jobs. " a href={ "/audit?" (about.trim_start_matches('&')) } { "Audit" } " has who cleared what before." }
        }
    };
    layout::page("Jobs", frame, &body)
}

fn table(jobs: &[Status]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Jobs" { table.cards {
            thead { tr {
                th { "Started" } th { "What" } th { "Status" } th { "Queue" } th.number { "Matched" } th.number { "Removed" }
                th { "Who" } th { "Why" } th { "Filter" }
            } }
            tbody { @for job in jobs {
                tr {
                    td data-label="Started" { a href={ "/job?job=" (encode(job.job_id.as_bytes())) "&queue=" (encode(&job.queue)) } { (time(job.started_at)) } }
                    td data-label="What" { (escape(job.what().as_bytes())) }
                    td data-label="Status" { (escape(job.status.as_bytes())) @if !job.has_ended() { " (" (job.progress) " %)" } }
                    td.wide data-label="Queue" { (escape(&job.queue)) }
                    td.number data-label="Matched" { (grouped(job.matched)) }
                    td.number data-label="Removed" { (removed(job)) }
                    td.wide data-label="Who" { (who(job)) }
                    td.wide data-label="Why" { (escape(job.reason.as_deref().unwrap_or_default())) }
                    td.wide data-label="Filter" { code { (escape(job.filter.as_bytes())) } }
                }
            } }
        } }
    }
}

/// How many messages the job removed from its queue; nothing for a count.
fn removed(job: &Status) -> String {
    match (job.kind.as_str(), job.dry_run) {
        ("clear" | "undo", false) => grouped(job.deleted),
        ("clear" | "undo", true) => format!("({} in a dry run)", grouped(job.would_delete)),
        _ => String::new(),
    }
}

/// The name that the user gave, and the Redis user.
fn who(job: &Status) -> String {
    let shown = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(escape).unwrap_or_default();
    match (shown(&job.actor), shown(&job.user)) {
        (actor, user) if actor.is_empty() => user,
        (actor, user) if user.is_empty() || user == actor => actor,
        (actor, user) => format!("{actor} (as {user})"),
    }
}
