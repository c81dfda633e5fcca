//! The preview page: filter, count, sample.

use maud::{Markup, html};

use super::actions::{Actions, actions};
use super::layout::{self, Frame, facts, nothing, text, waits};
use crate::kind::MessageKind;
use crate::reply::{Doubts, Map, Preview};
use crate::serve::app::App;
use crate::serve::params::Target;
use crate::text::{bytes, counted, escape, grouped, not_json, percent, place, time};

/// Number of placeholder rows before the sample arrives, so that the layout does not move.
const PLACEHOLDERS: usize = 5;

/// The filter with an error text.
pub(crate) fn wrong(frame: &Frame, target: &Target, words: &str) -> Markup {
    let body = html! {
        (heading(target))
        @for line in words.lines() { p.error role="alert" { (line) } }
        (form(target))
    };
    layout::page(&title(target), frame, &body)
}

/// The page before the count is known. The script fills it in; a browser without scripts is redirected to `now=1`.
pub(crate) fn skeleton(frame: &Frame, app: &App, target: &Target, bust: bool) -> Markup {
    let query = target.query();
    let bust = if bust { "&bust=1" } else { "" };
    let frame = frame.refreshed(format!("0;url=/preview?{query}&now=1{bust}"));
    let body = html! {
        (heading(target))
        (form(target))
        section.card #count data-url={ "/api/preview?" (query) (bust) } data-here={ "/preview?" (query) }
            data-any={ "/preview?" (target.taken_for(None).query()) }
            aria-live="polite" {
            p #count-line { "Counting ..." }
            progress #count-progress max="100" aria-label="Progress of the count" {}
            p.quiet #count-more { (nbsp()) }
            p.quiet #count-ages {}
            div #count-notes {}
            p #skip-count { a href={ "/preview?" (query) "&count_skipped=1" } { "Trust the filter, skip the count" } }
        }
        (actions(app, target, &Actions { locked: true, ..Actions::default() }))
        section {
            h2 #sample-heading { "Matching messages:" }
            div.scroll #sample { table { tbody { @for _ in 0..PLACEHOLDERS { tr { td.placeholder { (nbsp()) } } } } } }
        }
    };
    layout::page(&title(target), &frame, &body)
}

/// The page with a complete preview.
pub(crate) fn whole(
    frame: &Frame,
    app: &App,
    target: &Target,
    preview: &Preview,
    refusal: Option<&str>,
) -> Markup {
    let query = target.query();
    let counting = preview.mode == "job" && preview.match_count.is_none();
    let frame = if counting { &frame.refreshed(format!("2;url=/preview?{query}&now=1")) } else { frame };
    let body = html! {
        (heading(target))
        (form(target))
        section.card {
            @if let Some(error) = &preview.count_error {
                p.error role="alert" { "The count failed: " (escape(error.as_bytes())) }
            } @else if counting {
                p { "Counting " (counted(preview.depth, "message")) " ..." }
                progress max="100" {}
            } @else if let Some(n) = preview.match_count {
                p { strong { (grouped(n)) } " of " (counted(preview.depth, "message")) " match " (percent(n, preview.depth)) }
            } @else {
                p { "Not counted. The queue has " (counted(preview.depth, "message")) "." }
            }
            (details(preview))
            (waits(&preview.map))
            (notes(&preview.doubts))
            @if let Some(kind) = preview.looks_like.filter(|kind| *kind != MessageKind::Ids) {
                p.note {
                    "The messages look like those of " (kind.name()) ": "
                    a href={ "/preview?" (target.taken_for(Some(kind)).query()) } { "read them as such" }
                }
            }
            @if let Some(others) = preview.other_priorities_depth.filter(|n| *n > 0) {
                p.note {
                    (counted(others, "message")) " in the other priority lists of this queue are not included: "
                    a href=(target.all_lists_url(preview.queue_of_list.as_deref())) { "all lists" }
                }
            }
            p { a href={ "/preview?" (query) "&bust=1" } { "Count again" } }
        }
        (actions(app, target, &Actions {
            locked: counting,
            matches: preview.match_count,
            inexact: preview.doubts.inexact,
            refusal,
            held: preview.is_of_workers(),
            count_error: preview.count_error.as_deref(),
        }))
        section {
            h2 { (sample_heading(preview)) }
            @if let Some(error) = &preview.sample_error { p.error { (escape(error.as_bytes())) } }
            (sample(&preview.sample))
        }
    };
    layout::page(&title(target), frame, &body)
}

fn nbsp() -> &'static str {
    "\u{a0}"
}

fn title(target: &Target) -> String {
    escape(&target.queue)
}

fn heading(target: &Target) -> Markup {
    html! {
        h1 { "Messages of " (escape(&target.queue)) }
        p { a href={ "/queue?" (target.queue_query()) } { "What is in this queue?" } }
    }
}

pub(super) fn form(target: &Target) -> Markup {
    let value = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let conditions = target.wheres.iter().map(|text| value(text)).chain(std::iter::once(String::new()));
    html! {
        form.card.filter method="get" action="/preview" {
            @if std::str::from_utf8(&target.queue).is_ok() {
                label { "Queue" input name="queue" value=(value(&target.queue)) required; }
            } @else {
                label { "Queue" input name="shown" value=(escape(&target.queue)) required; }
            }
            label { "Task" input name="task" value=(value(&target.task)); }
            label { "Repository" input name="repoid" value=(value(&target.repoid)) inputmode="numeric" pattern="-?[0-9]+"; }
            label { "Commit" input name="commitid" value=(value(&target.commitid)); }
            @for condition in conditions {
                label { "Condition" input name="where" value=(condition) placeholder="kwargs.pullid = 7"; }
            }
            label {
                "Message kind"
                select name="as" {
                    option value="" { "the server's default" }
                    @for kind in MessageKind::ALL {
                        option value=(kind.word()) selected[target.kind() == Some(kind)] { (kind.name()) }
                    }
                }
            }
            label {
                "Priority lists"
                select name="priority" {
                    option value="" { "the list with that name" }
                    option value="all" selected[target.is_of_all_lists()] { "all, as one queue" }
                    @if let Some(step) = target.priority.as_ref().filter(|_| !target.is_of_all_lists()) {
                        option value=(step) selected { "step " (step) }
                    }
                }
            }
            div.buttons {
                button.primary { "Preview" }
                button name="count_skipped" value="1" { "Skip the count" }
            }
        }
    }
}

fn details(preview: &Preview) -> Markup {
    let mut rows = vec![("Filter", html! { code { (escape(preview.filter.as_bytes())) } })];
    if let Some(n) = preview.matched_bytes.filter(|n| *n > 0) {
        rows.push(("Size", text(&bytes(n))));
    }
    if let Some(at) = preview.cached_at {
        rows.push(("Counted", text(&time(at))));
    }
    for (name, n) in match_notices(&preview.doubts) {
        rows.push((name, text(&grouped(n))));
    }
    facts(&rows)
}

/// Properties of the matches that a user should know before clearing them, without those that are 0.
pub(crate) fn match_notices(doubts: &Doubts) -> impl Iterator<Item = (&'static str, u64)> {
    [
        ("In a chord", doubts.in_chord),
        ("In a group", doubts.in_group),
        ("With an eta", doubts.with_eta),
        ("Redelivered", doubts.redelivered),
        ("Match only by argsrepr or kwargsrepr", doubts.inexact),
        ("Taken by workers meanwhile", doubts.drifted),
    ]
    .into_iter()
    .filter(|(_, n)| *n > 0)
}

/// Notes on why a count can be too low, and the server's notice.
pub(crate) fn notes(doubts: &Doubts) -> Markup {
    html! {
        @if doubts.unreadable > 0 {
            p.note { (counted(doubts.unreadable, "message")) @if doubts.have_bounds() { " are undecided" } @else { " cannot be read" } ": it is unknown whether they match, so the count can be too low by that many; a clear keeps them." }
        }
        @if doubts.undecodable > 0 {
            p.note { (not_json(doubts.undecodable)) "." }
        }
        @if let Some(notice) = &doubts.notice { p.note { (escape(notice.as_bytes())) } }
    }
}

fn sample_heading(preview: &Preview) -> String {
    let shown = preview.sample.len();
    match preview.match_count {
        Some(0) => "No message matches.".to_owned(),
        Some(n) if u64::try_from(shown) == Ok(n) => {
            format!("The first {} matching {}", grouped(n), if n == 1 { "message" } else { "messages" })
        }
        Some(n) if shown == 0 => format!("None of {} matching messages is shown", grouped(n)),
        Some(n) => format!("Showing first {shown} of {} matching messages", grouped(n)),
        None if shown == 0 => "No match among the messages that run next.".to_owned(),
        None => "Matching messages:".to_owned(),
    }
}

/// Sampled messages; the first is the one that runs next.
pub(crate) fn sample(rows: &[Map]) -> Markup {
    let Some(first) = rows.first() else { return nothing() };
    let is_shown = |name: &&str| *name != "index" && rows.iter().any(|row| row.bytes(name).is_some());
    let names: Vec<&str> = first.names().filter(is_shown).collect();
    html! {
        div.scroll { table {
            thead { tr { th.number { "Runs" } @for name in &names { th { (name) } } } }
            tbody { @for row in rows { tr {
                td.number { @if let Some(index) = row.int("index") { (grouped(place(index))) } }
                @for name in &names {
                    td { (row.time(name).unwrap_or_else(|| escape(&row.bytes(name).unwrap_or_default()))) }
                }
            } } }
        } }
    }
}
