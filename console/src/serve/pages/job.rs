//! One job.

use maud::{Markup, html};

use super::layout::{self, Frame, facts, text};
use super::preview::{concerns, notes, sample};
use crate::reply::Status;
use crate::serve::app::App;
use crate::serve::params::{Params, encode};
use crate::text::{counted, duration, escape, grouped, time};

pub(crate) fn page(frame: &Frame, app: &App, params: &Params, job: &Status) -> Markup {
    let here = format!("job={}&queue={}", encode(job.job_id.as_bytes()), encode(&job.queue));
    let frame = if job.has_ended() { frame } else { &frame.refreshed(format!("2;url=/job?{here}")) };
    let body = html! {
        h1 { (escape(job.what().as_bytes())) " on " (escape(&job.queue)) }
        section.card #job data-url=[(!job.has_ended()).then(|| format!("/api/status?{here}"))] aria-live="polite" {
            p.outcome #outcome { (outcome(job, params.text("count_error").as_deref())) }
            progress #progress max="100" value=(job.progress) aria-label="Progress of the job" {}
            @if let Some(error) = &job.error { p.error role="alert" { (escape(error.as_bytes())) } }
            (facts(&numbers(job)))
            (notes(&job.doubts))
            @if !job.has_ended() {
                form method="post" action={ "/cancel?" (here) } {
                    input type="hidden" name="csrf" value=(app.csrf());
                    button.danger { "Cancel" }
                }
            }
        }
        section.card { (facts(&about(job))) }
        @if !job.sample.is_empty() { section { h2 { "Matching messages:" } (sample(&job.sample)) } }
        p {
            @if let Some(back) = params.text("back") { a href={ "/preview?" (back) } { "Back to the preview" } " " }
            a href={ "/jobs?queue=" (encode(&job.queue)) } { "Jobs on this queue" }
        }
    };
    layout::page(&format!("{} on {}", job.what(), escape(&job.queue)), frame, &body)
}

fn outcome(job: &Status, count_error: Option<&str>) -> String {
    let status = escape(job.status.as_bytes());
    match (job.completed(), job.dry_run, count_error) {
        (true, true, Some(why)) => {
            format!(
                "Would clear {} (count probe failed: {})",
                counted(job.would_delete, "message"),
                escape(why.as_bytes())
            )
        }
        (true, true, None) => {
            format!(
                "Would clear {} of {}",
                grouped(job.would_delete),
                counted(job.matched, "matching message")
            )
        }
        (true, false, _) if job.kind == "clear" => {
            format!("Cleared {} of {}", grouped(job.deleted), counted(job.matched, "matching message"))
        }
        (true, ..) => counted(job.matched, "message") + " match",
        _ => status,
    }
}

/// What changes while it runs. The script writes into the same places.
fn numbers(job: &Status) -> Vec<(&'static str, Markup)> {
    let place = |name: &str, value: String| html! { span data-field=(name) { (value) } };
    let mut rows = vec![
        ("Status", place("status", escape(job.status.as_bytes()))),
        (
            "Waits",
            place("waiting", job.waiting.as_deref().map(|why| escape(why.as_bytes())).unwrap_or_default()),
        ),
        (
            "Examined",
            html! { (place("processed", grouped(job.processed))) " of " (grouped(job.total_estimated)) },
        ),
        ("Matched", place("matched", grouped(job.matched))),
    ];
    if job.kind == "clear" && !job.dry_run {
        rows.push(("Cleared", place("deleted", grouped(job.deleted))));
    }
    rows.push(("Taken by workers first", place("drifted", grouped(job.doubts.drifted))));
    rows.push(("Arrived meanwhile", place("arrived", grouped(job.arrived))));
    rows.push(("Per second", place("per_second", grouped(job.per_second))));
    rows.push((
        "Expected end in",
        place("eta_ms", job.eta_ms.filter(|_| !job.has_ended()).map(duration).unwrap_or_default()),
    ));
    rows.push(("Longest slice, us", place("slice_max_us", grouped(job.slice_max_us))));
    rows.push(("In the queue", place("queue_depth", grouped(job.queue_depth))));
    rows
}

/// What does not.
fn about(job: &Status) -> Vec<(&'static str, Markup)> {
    let mut rows = vec![
        ("Filter", html! { code { (escape(job.filter.as_bytes())) } }),
        ("Started", text(&time(job.started_at))),
    ];
    if let Some(at) = job.completed_at {
        rows.push(("Ended", text(&time(at))));
    }
    rows.push(("Redis user", text(&escape(job.user.as_deref().unwrap_or_default()))));
    rows.push(("By", text(&escape(job.actor.as_deref().unwrap_or_default()))));
    rows.push(("Reason", text(&escape(job.reason.as_deref().unwrap_or_default()))));
    if let Some(kept) = job.kept_index {
        rows.push((
            "Kept",
            text(&format!("the message that runs as number {}", grouped(kept.unsigned_abs()))),
        ));
    }
    rows.extend(concerns(&job.doubts).map(|(name, n)| (name, text(&grouped(n)))));
    rows.push(("Job", html! { code { (escape(job.job_id.as_bytes())) } }));
    rows
}
