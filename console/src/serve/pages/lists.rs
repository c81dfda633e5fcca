//! The lists of queues and of jobs.

use maud::{Markup, html};

use super::layout::{self, Frame};
use crate::ages::Ages;
use crate::reply::{Queues, Status};
use crate::serve::params::encode;
use crate::text::{bytes, counted, escape, grouped, time};

pub(crate) fn queues(frame: &Frame, queues: &Queues) -> Markup {
    let body = html! {
        h1 { "Queues" }
        @if queues.queues.is_empty() {
            p { "There are no queues that this Redis user may read." }
        } @else {
            div.scroll { table {
                thead { tr { th { "Queue" } th.number { "Messages" } th.number { "Size" } th { "Priorities" } th { "Runs next" } @if queues.know_ages() { th.number { "Next waits" } th.number { "Oldest waits" } th.number { "In/min" } th.number { "Out/min" } th.number { "Mean wait" } } } }
                tbody { @for row in &queues.queues {
                    @let name = row.bytes("queue").unwrap_or_default();
                    @let size = row.sum("bytes_estimate");
                    tr {
                        td { a href={ "/queue?queue=" (encode(&name)) } { (escape(&name)) } }
                        td.number { (grouped(row.sum("depth"))) }
                        td.number { @if size > 0 { "~" (bytes(size)) } }
                        td {
                            @for step in row.maps("priorities") {
                                @let list = [&name[..], b"\x06\x16", step.sum("step").to_string().as_bytes()].concat();
                                a href={ "/queue?queue=" (encode(&list)) } { (step.sum("step")) ": " (grouped(step.sum("depth"))) } " "
                            }
                        }
                        td { (escape(&row.bytes("next_task").unwrap_or_default())) }
                        @if queues.know_ages() {
                            @let ages = Ages::of(row);
                            @for value in [Ages::next, Ages::oldest, Ages::pushed, Ages::popped, Ages::mean] {
                                td.number { (ages.as_ref().map(value).unwrap_or_default()) }
                            }
                        }
                    }
                } }
            } }
        }
        @if let Some(held) = queues.unacked.filter(|n| *n > 0) {
            p {
                a href="/queue?queue=unacked" { (counted(held, "message")) }
                " not acknowledged yet by workers."
            }
        }
        @if !queues.complete { p.note { "The list is not complete." } }
    };
    layout::page("Queues", frame, &body)
}

/// What the list of jobs can be limited to, and its name for people.
const KINDS: [(&str, &str); 5] =
    [("", "All"), ("clear", "Clears"), ("undo", "Undos"), ("preview", "Previews"), ("stats", "Stats")];

pub(crate) fn jobs(frame: &Frame, queue: Option<&[u8]>, kind: Option<&str>, jobs: &[Status]) -> Markup {
    let here = queue.map(|queue| format!("&queue={}", encode(queue))).unwrap_or_default();
    let body = html! {
        h1 { "Jobs" @if let Some(queue) = queue { " on " (escape(queue)) } }
        p.quiet {
            @for (word, name) in KINDS {
                @let is_here = kind.unwrap_or_default() == word;
                a href={ "/jobs?kind=" (word) (here) } aria-current=[is_here.then_some("true")] { (name) } " "
            }
        }
        @if jobs.is_empty() { p { "No jobs." } } @else {
            div.scroll { table {
                thead { tr {
                    th { "Started" } th { "What" } th { "Status" } th { "Queue" } th { "Filter" } th.number { "Matched" }
                    th.number { "Cleared" } th { "By" } th { "Reason" }
                } }
                tbody { @for job in jobs {
                    tr {
                        td { a href={ "/job?job=" (encode(job.job_id.as_bytes())) "&queue=" (encode(&job.queue)) } { (time(job.started_at)) } }
                        td { (escape(job.what().as_bytes())) }
                        td { (escape(job.status.as_bytes())) }
                        td { (escape(&job.queue)) }
                        td { code { (escape(job.filter.as_bytes())) } }
                        td.number { (grouped(job.matched)) }
                        td.number { @if job.kind == "clear" && !job.dry_run { (grouped(job.deleted)) } }
                        td { (escape(job.actor.as_deref().or(job.user.as_deref()).unwrap_or_default())) }
                        td { (escape(job.reason.as_deref().unwrap_or_default())) }
                    }
                } }
            } }
        }
    };
    layout::page("Jobs", frame, &body)
}
