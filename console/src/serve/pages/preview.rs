//! The preview page: filter, count, sample.

use maud::{Markup, html};

use super::actions::{Actions, actions};
use super::form::{form, grouping};
use super::layout::{self, Frame, facts, nothing, text, waits};
use crate::kind::MessageKind;
use crate::reply::{Doubts, Map, Preview};
use crate::serve::app::App;
use crate::serve::ask::Looked;
use crate::serve::params::{Params, Target, encode};
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
        section.messages {
            h2 #sample-heading { "Matching messages:" }
            (past_messages())
            div.scroll #sample tabindex="0" role="region" aria-labelledby="sample-heading" {
                table { tbody { @for _ in 0..PLACEHOLDERS { tr { td.placeholder { (nbsp()) } } } } }
            }
        }
        (actions(app, target, &Actions { locked: true, ..Actions::default() }))
        (by_fields(target))
    };
    layout::page(&title(target), &frame, &body)
}

/// The page with a complete preview. `refused` is the form of a clear that the server refused, and why.
pub(crate) fn whole(
    frame: &Frame,
    app: &App,
    target: &Target,
    looked: &Looked,
    refused: Option<(&Params, &str)>,
) -> Markup {
    let Looked { preview, refusal, message_url } = looked;
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
        section.messages {
            h2 #sample-heading { (sample_heading(preview)) }
            (past_messages())
            @if let Some(error) = &preview.sample_error { p.error { (escape(error.as_bytes())) } }
            div.scroll #sample tabindex="0" role="region" aria-labelledby="sample-heading" { (sample(&preview.sample, message_url.as_deref())) }
        }
        (actions(app, target, &Actions {
            locked: counting,
            matches: preview.match_count,
            inexact: preview.doubts.inexact,
            refusal: refusal.as_deref(),
            held: preview.is_of_workers(),
            count_error: preview.count_error.as_deref(),
            refused,
        }))
        (by_fields(target))
    };
    layout::page(&title(target), frame, &body)
}

fn nbsp() -> &'static str {
    "\u{a0}"
}

fn title(target: &Target) -> String {
    escape(&target.queue)
}

/// For users of a keyboard, who would otherwise pass a link in each row.
fn past_messages() -> Markup {
    html! { a.skip href="#actions" { "Skip to the actions" } }
}

/// The way from a filter to the groups of its matches.
fn by_fields(target: &Target) -> Markup {
    html! {
        section.card {
            h2 { "Group these messages" }
            (grouping(target, "/stats", "task"))
        }
    }
}

fn heading(target: &Target) -> Markup {
    html! {
        h1 { "Messages of " (escape(&target.queue)) }
        p { a href={ "/queue?" (target.queue_query()) } { "What is in this queue?" } }
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

/// Sampled messages; the first is the one that runs next. Columns in which no row has a value are left out. `messages` is where
/// a message is shown whole.
pub(crate) fn sample(rows: &[Map], messages: Option<&str>) -> Markup {
    let Some(first) = rows.first() else { return nothing() };
    let is_shown = |name: &&str| *name != "index" && rows.iter().any(|row| row.bytes(name).is_some());
    let names: Vec<&str> = first.names().filter(is_shown).collect();
    html! {
        table {
            thead { tr { th.number { "Runs" } @for name in &names { th { (escape(name.as_bytes())) } } } }
            tbody { @for row in rows { tr {
                td.number { @if let Some(index) = row.int("index") { (grouped(place(index))) } }
                @for name in &names {
                    @let shown = row.time(name).unwrap_or_else(|| escape(&row.bytes(name).unwrap_or_default()));
                    td { @match (messages, row.bytes("id").filter(|_| *name == "id")) {
                        (Some(place), Some(id)) => a href={ (place) "&id=" (encode(&id)) } { (shown) },
                        _ => (shown),
                    } }
                }
            } } }
        }
    }
}
