//! The page of one job.

use maud::{Markup, html};
use uuid::Uuid;

use super::actions::actor;
use super::layout::{self, Frame, facts, text};
use super::preview::{match_notices, notes, sample};
use crate::ages::Ages;
use crate::client::Rights;
use crate::continuing::{Chain, can_continue};
use crate::reply::{Doubts, Status};
use crate::serve::app::App;
use crate::serve::params::{Params, Target, encode};
use crate::text::{counted, duration, escape, grouped, time};
use crate::undo::Undo;

/// A job, and what this Redis user may do with it.
pub(super) struct Seen {
    pub(super) job: Status,
    pub(super) rights: Rights,
    pub(super) undo: Option<Undo>,
    /// Where the messages of its sample are shown whole, without their ids.
    pub(super) messages: Option<String>,
}

/// The messages of a job's sample, as its command named them; `None` for an undo, whose list is another one.
pub(super) fn target(job: &Status) -> Option<Target> {
    let mut about = format!("queue={}", encode(&job.queue));
    let kind = job.map.word("message_kind");
    for (name, value) in [("as", kind.as_deref()), ("priority", job.priority.as_deref())] {
        about += &value.map(|value| format!("&{name}={}", encode(value.as_bytes()))).unwrap_or_default();
    }
    (job.kind != "undo").then(|| Target::new(&Params::new(about.as_bytes())))
}

/// The URL of a job's page, with the parameters of the current request.
pub(super) fn place(params: &Params) -> String {
    format!("/job?{}", query(params))
}

fn query(params: &Params) -> String {
    let pairs = ["job", "queue", "back", "count_error"]
        .into_iter()
        .filter_map(|name| params.bytes(name).map(|value| format!("{name}={}", encode(&value))));
    pairs.collect::<Vec<_>>().join("&")
}

pub(super) fn page(frame: &Frame, app: &App, params: &Params, seen: &Seen) -> Markup {
    let Seen { job, rights, undo, messages } = seen;
    let here = format!("job={}&queue={}", encode(job.job_id.as_bytes()), encode(&job.queue));
    let frame = if job.has_ended() { frame } else { &frame.refreshed(format!("2;url={}", place(params))) };
    let body = html! {
        h1 { (escape(job.what().as_bytes())) " on " (escape(&job.queue)) }
        section.card #job data-url=[(!job.has_ended()).then(|| format!("/api/status?{here}"))] aria-live="polite" {
            p.outcome #outcome { (outcome(job, params.text("count_error").as_deref())) }
            progress #progress max="100" value=(job.progress) aria-label="Progress of the job" {}
            @if let Some(error) = &job.error { p.error role="alert" { (escape(error.as_bytes())) } }
            (facts(&numbers(job)))
            (notes(&Doubts { notice: None, ..job.doubts.clone() }))
            p.note data-field="notice" { (escape(job.doubts.notice.as_deref().unwrap_or_default().as_bytes())) }
            @if !job.has_ended() { (controls(app, params, job, *rights)) }
        }
        @if rights.resume && can_continue(job) { (go_on(app, params, job)) }
        @if let Some(undo) = undo { (back_again(app, job, undo)) }
        section.card { (facts(&about(job))) }
        @if !job.sample.is_empty() { section { h2 #sample-heading { "Matching messages:" } div.scroll tabindex="0" role="region" aria-labelledby="sample-heading" { (sample(&job.sample, messages.as_deref())) } } }
        p {
            @if let Some(back) = params.text("back") { a href={ "/preview?" (back) } { "Back to the preview" } " " }
            a href={ "/jobs?queue=" (encode(&job.queue)) } { "Jobs on this queue" }
        }
    };
    layout::page(&format!("{} on {}", job.what(), escape(&job.queue)), frame, &body)
}

/// The buttons and fields that control a live job, according to the permissions of the Redis user.
fn controls(app: &App, params: &Params, job: &Status, rights: Rights) -> Markup {
    let here = query(params);
    let paused = job.status == "paused";
    let button = |path: &str, when: Option<bool>, class: &str, name: &str| {
        html! {
            form method="post" action={ "/" (path) "?" (here) } data-paused=[when.map(u8::from)]
                hidden[when.is_some_and(|when| when != paused)] {
                input type="hidden" name="csrf" value=(app.csrf());
                button class=(class) { (name) }
            }
        }
    };
    html! {
        div.buttons #controls {
            @if rights.pause { (button("pause", Some(false), "", "Pause")) }
            @if rights.resume { (button("resume", Some(true), "primary", "Resume")) }
            @if rights.cancel { (button("cancel", None, "danger", "Cancel")) }
        }
        @if rights.throttle {
            form.throttle #throttle method="post" action={ "/throttle?" (here) } {
                input type="hidden" name="csrf" value=(app.csrf());
                // The present values: only changed fields are sent to the server.
                input type="hidden" name="rate_was" value=[job.map.count("rate")];
                input type="hidden" name="duty_was" value=[job.map.count("duty")];
                label {
                    "Maximum messages per second (0: no limit)"
                    input name="rate" type="number" min="0" inputmode="numeric" value=[job.map.count("rate")];
                }
                label {
                    "Share of the server's main thread, percent (0: the server's setting)"
                    input name="duty" type="number" min="0" max="100" inputmode="numeric" value=[job.map.count("duty")];
                }
                button { "Change speed" }
            }
        }
    }
}

/// The form that continues an interrupted clear.
fn go_on(app: &App, params: &Params, job: &Status) -> Markup {
    html! {
        section.card #continue {
            h2 { "Continue" }
            p {
                "The job was interrupted after " (counted(job.deleted, "message")) ". A new job with the same filter and options "
                "does the rest, in the messages that are in " code { (escape(&job.queue)) } " now."
            }
            form method="post" action={ "/resume?" (query(params)) } {
                input type="hidden" name="csrf" value=(app.csrf());
                button.danger { "Continue the clear" }
            }
        }
    }
}

/// The form that undoes a job.
fn back_again(app: &App, job: &Status, undo: &Undo) -> Markup {
    let (list, queue) = (escape(&undo.list), escape(&undo.queue));
    let is_sorted_set = job.is_of_sorted_set();
    let of = format!("job={}&queue={}", encode(undo.job.as_bytes()), encode(&undo.queue));
    html! {
        section.card #undo {
            h2 { @if undo.continues { "Continue the undo" } @else { "Undo" } }
            p {
                @if undo.continues {
                    (counted(job.undone.unwrap_or_default(), "message")) " were moved back. The remaining messages of that job in " code { (list) }
                } @else {
                    "This job moved " (counted(job.deleted, "message")) " to " code { (list) } ". Those that are still there"
                }
                " are moved back to " code { (queue) }
                @if is_sorted_set { ", with their scores." } @else { ", after its present messages." }
                " Other messages of the list are not moved."
            }
            form method="post" action={ "/undo?" (of) "&list=" (encode(&undo.list)) } {
                input type="hidden" name="csrf" value=(app.csrf());
                input type="hidden" name="id" value=(Uuid::new_v4());
                label {
                    "Type the name of the list: " code { (list) }
                    input name="confirm" required autocomplete="off" autocapitalize="off" spellcheck="false";
                }
                label { "Reason" input name="reason" maxlength="1024"; }
                (actor(app))
                // FRONT is not supported for the lists of Resque and Laravel, nor for sorted sets.
                @if job.map.word("message_kind").as_deref().is_none_or(|kind| kind != "resque" && kind != "laravel") && !is_sorted_set {
                    label.option { input type="checkbox" name="front" value="1"; "Before the messages in the queue, so that they run next" }
                }
                div.buttons {
                    // Enter in a field presses the first button, so it is the one that changes nothing.
                    button #undo-count name="action" value="dry_run" formnovalidate { "Count remaining messages" }
                    button.primary #undo-all name="action" value="all" { "Undo: move messages back" }
                }
            }
        }
    }
}

/// How an undo, or its dry run, ended.
fn undo_outcome(job: &Status) -> String {
    let (list, queue) = (escape(&job.queue), escape(job.to.as_deref().unwrap_or_default()));
    match (job.completed(), job.dry_run) {
        (true, true) => {
            format!("Would move {} from {list} back to {queue}", counted(job.would_delete, "message"))
        }
        (true, false) => format!(
            "Moved {} from {list} back to {queue}; {} left in the list",
            counted(job.deleted, "message"),
            grouped(job.queue_depth)
        ),
        _ => escape(job.status.as_bytes()),
    }
}

fn outcome(job: &Status, count_error: Option<&str>) -> String {
    if job.kind == "undo" {
        return undo_outcome(job);
    }
    let status = escape(job.status.as_bytes());
    let whereto =
        job.to.as_deref().map(|key| format!(", moving them to {}", escape(key))).unwrap_or_default();
    match (job.completed(), job.dry_run, count_error) {
        (true, true, Some(why)) => {
            format!(
                "Would clear {} (the count failed: {}){whereto}",
                counted(job.would_delete, "message"),
                escape(why.as_bytes())
            )
        }
        (true, true, None) => {
            format!(
                "Would clear {} of {}{whereto}",
                grouped(job.would_delete),
                counted(job.matched, "matching message")
            )
        }
        (true, false, _) if job.kind == "clear" => {
            let (deleted, matched) = (grouped(job.deleted), counted(job.matched, "matching message"));
            match &job.to {
                Some(key) => format!("Moved {deleted} of {matched} to {}", escape(key)),
                None => format!("Cleared {deleted} of {matched}"),
            }
        }
        (true, ..) => counted(job.matched, "message") + " match",
        _ => status,
    }
}

/// The values that change while the job runs. The script updates them in place.
fn numbers(job: &Status) -> Vec<(&'static str, Markup)> {
    let place = |name: &str, value: String| html! { span data-field=(name) { (value) } };
    let mut rows = vec![
        ("Status", place("status", escape(job.status.as_bytes()))),
        (
            "Waiting",
            place("waiting", job.waiting.as_deref().map(|why| escape(why.as_bytes())).unwrap_or_default()),
        ),
        (
            "Examined",
            html! { (place("processed", grouped(job.processed))) " of " (grouped(job.total_estimated)) },
        ),
        ("Matched", place("matched", grouped(job.matched))),
    ];
    if job.kind == "clear" && !job.dry_run {
        rows.push((
            if job.to.is_some() { "Moved" } else { "Cleared" },
            place("deleted", grouped(job.deleted)),
        ));
    }
    if job.kind == "undo" && !job.dry_run {
        rows.push(("Moved back", place("deleted", grouped(job.deleted))));
    }
    rows.push(("Taken by workers before", place("drifted", grouped(job.doubts.drifted))));
    rows.push(("Arrived meanwhile", place("arrived", grouped(job.arrived))));
    rows.push(("Per second", place("per_second", grouped(job.per_second))));
    rows.push((
        "Expected end in",
        place("eta_ms", job.eta_ms.filter(|_| !job.has_ended()).map(duration).unwrap_or_default()),
    ));
    rows.push(("Longest slice, us", place("slice_max_us", grouped(job.slice_max_us))));
    rows.push(("In the queue", place("queue_depth", grouped(job.queue_depth))));
    if let Some(ages) = Ages::of_reply(&job.map) {
        rows.push(("Next waits", text(&ages.next())));
        rows.push(("Oldest waits", text(&ages.oldest())));
    }
    rows
}

/// The values that do not change.
fn about(job: &Status) -> Vec<(&'static str, Markup)> {
    let mut rows = vec![("Filter", html! { code { (escape(job.filter.as_bytes())) } })];
    if let Some(priority) = &job.priority {
        rows.push(("Priority", text(&escape(priority.as_bytes()))));
    }
    if let Some(key) = &job.to {
        rows.push((
            if job.kind == "undo" { "Moved back to" } else { "Moved to" },
            html! { code { (escape(key)) } },
        ));
    }
    let link = |id: &str, queue: &[u8]| {
        html! { a href={ "/job?job=" (encode(id.as_bytes())) "&queue=" (encode(queue)) } { code { (escape(id.as_bytes())) } } }
    };
    if let Some(of) = &job.undoes {
        rows.push(("Undoes", link(of, job.to.as_deref().unwrap_or_default())));
    }
    if let Some(by) = &job.undone_by {
        let undone = counted(job.undone.unwrap_or_default(), "message");
        let by = link(by, job.to.as_deref().unwrap_or_default());
        rows.push(("Undone", html! { (undone) " were moved back, by job " (by) }));
    }
    let chain = Chain::of(job);
    if let Some((before, deleted)) = &chain.continues {
        let before = link(before, &job.queue);
        rows.push(("Continues", html! { (before) ", which removed " (counted(*deleted, "message")) }));
    }
    if let Some(by) = &chain.continued_by {
        rows.push(("Continued by", link(by, &job.queue)));
    }
    rows.push(("Started", text(&time(job.started_at))));
    if let Some(at) = job.completed_at {
        rows.push(("Ended", text(&time(at))));
    }
    rows.push(("Redis user", text(&escape(job.user.as_deref().unwrap_or_default()))));
    rows.push(("By", text(&escape(job.actor.as_deref().unwrap_or_default()))));
    rows.push(("Reason", text(&escape(job.reason.as_deref().unwrap_or_default()))));
    if let Some(kept) = job.kept() {
        rows.push(("Kept", text(&kept)));
    }
    rows.extend(match_notices(&job.doubts).map(|(name, n)| (name, text(&grouped(n)))));
    rows.push(("Job", html! { code { (escape(job.job_id.as_bytes())) } }));
    rows
}
