//! The audit stream: who cleared what, when and why; as a page and as CSV.

use maud::{Markup, html};

use super::layout::{self, Frame};
use crate::audit::{self, Entries, Entry, Wanted};
use crate::cli::since;
use crate::csv::csv;
use crate::failure::Failure;
use crate::serve::params::{Params, encode};
use crate::text::{escape, grouped, time};

/// Entries on one page.
pub(super) const PAGE: usize = 100;
/// Maximum number of entries that are read for one page, and for a download.
pub(super) const READ: usize = 5_000;
pub(super) const READ_CSV: usize = 20_000;
const EVENTS: [(&str, &str); 5] = [
    ("", "all"),
    ("start", "start"),
    ("end", "end"),
    ("interrupted", "interrupted"),
    ("show", "a message was shown"),
];

/// The entries that the parameters ask for.
///
/// # Errors
/// What is wrong with them.
pub(super) fn wanted(params: &Params, count: usize, read: usize) -> Result<Wanted, String> {
    let before = params.text("before");
    if before.as_ref().is_some_and(|text| audit::id(text).is_none()) {
        return Err("before must be the id of an entry".to_owned());
    }
    let time = params
        .text("since")
        .map(|text| since(text.trim()).map_err(|why| format!("since {}: {why}", escape(text.as_bytes()))));
    Ok(Wanted {
        equal: params.bytes("queue").map(|queue| ("queue", queue)).into_iter().collect(),
        events: params.text("event").into_iter().collect(),
        who: params.bytes("who").unwrap_or_default(),
        since: time.transpose()?.map_or(0, |since| since.0),
        before: before.as_deref().and_then(audit::id),
        count,
        read: Some(read),
    })
}

/// The filter as a query string, without the entry before which it begins.
fn query(params: &Params) -> String {
    let pairs = ["queue", "who", "event", "since"]
        .into_iter()
        .filter_map(|name| params.bytes(name).map(|value| format!("{name}={}", encode(&value))));
    pairs.collect::<Vec<_>>().join("&")
}

/// The page. `Err`: why there are no entries to show.
pub(super) fn page(frame: &Frame, params: &Params, entries: &Result<Entries, Failure>) -> Markup {
    let about = query(params);
    let begins = params.text("before").is_none();
    let body = html! {
        h1 { "Audit" }
        (form(params))
        @if begins { (layout::refreshing()) }
        section #entries data-live=[begins.then_some(10)] {
            @match entries {
                Ok(entries) => {
                    (table(&entries.entries))
                    @if !entries.complete { p.note { "A node of the cluster has too many keys to find all of its streams." } }
                    @if let Some(rest) = &entries.rest {
                        nav.pages aria-label="Pages of the list" { a #older href={ "/audit?" (about) "&before=" (rest.0) "-" (rest.1) } { "Older entries" } }
                    }
                }
                Err(failure) => { @for line in words(failure) { p.error role="alert" { (line) } } }
            }
        }
        @if entries.is_ok() { p { a href={ "/audit.csv?" (about) } download="qadmin-audit.csv" { "Download as CSV" } } }
    };
    layout::page("Audit", frame, &body)
}

/// What a failure means here.
pub(super) fn words(failure: &Failure) -> Vec<String> {
    failure.words.lines().map(str::to_owned).collect()
}

fn form(params: &Params) -> Markup {
    let given = |name: &str| params.text(name);
    let event = given("event").unwrap_or_default();
    html! {
        form.card.filters method="get" action="/audit" {
            label { "Queue" input name="queue" value=[given("queue")] autocomplete="off" autocapitalize="off" spellcheck="false"; }
            label { "Who (user or name)" input name="who" value=[given("who")] autocomplete="off"; }
            label { "Event" select name="event" { @for (word, name) in EVENTS { option value=(word) selected[word == event] { (name) } } } }
            label { "Since" input name="since" value=[given("since")] placeholder="2h, 3d, 2026-11-30" autocomplete="off"; }
            button.primary { "Show" }
        }
    }
}

fn table(entries: &[Entry]) -> Markup {
    html! {
        @if entries.is_empty() {
            p { "There are no such entries." }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Entries" { table.cards {
                thead { tr {
                    th { "When" } th { "Event" } th { "Queue" } th { "What" } th.number { "Matched" } th.number { "Removed" } th { "Status" }
                    th { "Who" } th { "Why" } th { "Filter" }
                } }
                tbody { @for entry in entries {
                    @let job = entry.get("job_id");
                    tr {
                        td data-label="When" {
                            @if job.is_empty() { (time(i64::try_from(entry.id.0).unwrap_or(i64::MAX))) }
                            @else { a href={ "/job?job=" (encode(job)) "&queue=" (encode(entry.get("queue"))) } { (time(i64::try_from(entry.id.0).unwrap_or(i64::MAX))) } }
                        }
                        td data-label="Event" { (text(entry, "event")) }
                        td data-label="Queue" { (text(entry, "queue")) }
                        td.wide data-label="What" { (what(entry)) }
                        td.number data-label="Matched" { (entry.number("matched").map(grouped).unwrap_or_default()) }
                        td.number data-label="Removed" { (entry.number("deleted").map(grouped).unwrap_or_default()) }
                        td data-label="Status" { (text(entry, "status")) }
                        td.wide data-label="Who" { (who(entry)) }
                        td.wide data-label="Why" { (text(entry, "reason")) }
                        td.wide data-label="Filter" { code { (text(entry, "filter")) } }
                    }
                } }
            } }
        }
    }
}

/// A member of an entry as visible text.
fn text(entry: &Entry, name: &str) -> String {
    escape(entry.get(name))
}

/// Mode and options, or the message that was shown.
fn what(entry: &Entry) -> String {
    let message = text(entry, "message_id");
    if !message.is_empty() {
        return format!("message {message}");
    }
    let (mode, options) = (text(entry, "mode"), text(entry, "options"));
    if options.is_empty() { mode } else { format!("{mode} {options}") }
}

/// The name that the user gave, and the Redis user.
pub(super) fn who(entry: &Entry) -> String {
    match (text(entry, "actor"), text(entry, "user")) {
        (actor, user) if actor.is_empty() => user,
        (actor, user) if user.is_empty() || user == actor => actor,
        (actor, user) => format!("{actor} (as {user})"),
    }
}

/// The entries as CSV, the newest first.
pub(super) fn download(found: &Entries) -> String {
    let mut text = csv(&found.entries) + "\n";
    if found.rest.is_some() {
        text += "older entries are left out: choose fewer\r\n";
    }
    text
}
