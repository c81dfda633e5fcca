//! Counts of a queue by fields.

use maud::{Markup, html};

use super::index;
use super::layout::{self, Frame, waits};
use super::preview::{form, notes};
use crate::filter_syntax::word;
use crate::reply::{Map, Stats};
use crate::serve::params::{Params, Target, encode};
use crate::text::{age, bytes, counted, escape, grouped, time};

/// The fields by which a queue is counted, and their names for people.
const KINDS: [(&str, &str); 1] = [("task", "task")];

/// The filter, and empty sections for the counts, which the script requests one after the other.
pub(crate) fn queue(frame: &Frame, target: &Target) -> Markup {
    let here = target.queue_query();
    let body = html! {
        h1 { (escape(&target.queue)) }
        (form(target))
        div.card #waits data-url={ "/api/index?queue=" (encode(&target.queue)) } aria-live="polite" {
            h2 { "Since when messages wait" }
            p.quiet { a href=(index::place(&target.queue)) { "Index of this list" } }
        }
        @for (field, what) in KINDS {
            section.card.stats data-url={ "/api/stats?" (here) "&by=" (field) } data-by=(field)
                data-preview={ "/preview?" (here) } aria-live="polite" {
                h2 { "By " (what) }
                p.quiet { a href={ "/stats?" (here) "&by=" (field) } { "Count by " (what) } }
                progress hidden max="100" {}
                div.scroll {}
            }
        }
        p { a href={ "/jobs?queue=" (encode(&target.queue)) } { "Jobs on this queue" } }
    };
    layout::page(&escape(&target.queue), frame, &body)
}

/// A page with one complete count.
pub(crate) fn whole(frame: &Frame, params: &Params, stats: &Stats) -> Markup {
    let by = params.text("by").unwrap_or_else(|| "task".to_owned());
    let what = KINDS.iter().find(|(field, _)| *field == by).map_or(by.as_str(), |(_, what)| what);
    let queue = Target::new(params).queue_query();
    let here = format!("/stats?{queue}&by={}", encode(by.as_bytes()));
    let counting = stats.mode == "job" && stats.matched.is_none();
    let frame = if counting { &frame.refreshed(format!("2;url={here}")) } else { frame };
    let body = html! {
        h1 { a href={ "/queue?" (queue) } { (escape(&stats.queue)) } " by " (what) }
        section.card {
            @if let Some(error) = &stats.count_error {
                p.error role="alert" { "The count failed: " (escape(error.as_bytes())) }
            } @else if counting {
                p { "Counting " (counted(stats.depth, "message")) " ... " a href=(here) { "Reload" } }
                progress max="100" {}
            } @else {
                p {
                    (counted(stats.matched.unwrap_or(0), "message"))
                    @if let Some(n) = stats.groups_total { " in " (counted(n, "group")) }
                }
            }
            (waits(&stats.map))
            @if let Some(at) = stats.cached_at { p.quiet { "Counted " (time(at)) } }
            (notes(&stats.doubts))
            (table(stats, &by, &queue))
        }
    };
    layout::page(&format!("{} by {what}", escape(&stats.queue)), frame, &body)
}

fn table(stats: &Stats, by: &str, queue: &str) -> Markup {
    let with_ages = stats.groups.iter().any(|group| group.count("oldest_age").is_some());
    html! {
        @if !stats.groups.is_empty() {
            div.scroll { table {
                thead { tr { th { (by) } th.number { "Messages" } th { "Share" } th.number { "Size" } th.number { "Next runs" } @if with_ages { th.number { "Next waits" } th.number { "Oldest waits" } } } }
                tbody {
                    @for group in &stats.groups {
                        tr {
                            td { (value(queue, group, by)) }
                            td.number { (grouped(group.sum("count"))) }
                            td.bar { progress max="1000" value=(group.sum("share")) {} }
                            td.number { (bytes(group.sum("bytes"))) }
                            td.number { (group.runs("next").unwrap_or_default()) }
                            @if with_ages {
                                td.number { (age(group.count("next_age"), group.flag("next_at_least"))) }
                                td.number { (age(group.count("oldest_age"), group.flag("oldest_at_least"))) }
                            }
                        }
                    }
                    @if stats.other.sum("count") > 0 {
                        tr {
                            td { "others" }
                            td.number { (grouped(stats.other.sum("count"))) }
                            td.bar { progress max="1000" value=(stats.other.sum("share")) {} }
                            td.number { (bytes(stats.other.sum("bytes"))) }
                            td {}
                        }
                    }
                }
            } }
        }
    }
}

/// The value of a group, as a link to a preview of its messages: the shown value, as the operand of `=`, matches them.
fn value(queue: &str, group: &Map, by: &str) -> Markup {
    let field = if matches!(by, "repoid" | "commitid") { format!("kwargs.{by}") } else { by.to_owned() };
    let condition = match group.bytes(by) {
        Some(value) if by == "task" && is_name(&value) => format!("task={}", encode(&value)),
        Some(value) if by == "repoid" && value.iter().all(u8::is_ascii_digit) => {
            format!("repoid={}", encode(&value))
        }
        Some(value) => format!("where={}", encode(format!("{field} = {}", word(&value)).as_bytes())),
        None => format!("where={}", encode(format!("{field} MISSING").as_bytes())),
    };
    let shown = group.bytes(by).map_or_else(|| "none".to_owned(), |value| escape(&value));
    html! { a href={ "/preview?" (queue) "&" (condition) } { (shown) } }
}

/// Whether the text is a plain task name, so that TASK, which compares byte for byte, finds the same messages.
fn is_name(text: &[u8]) -> bool {
    text.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') && text.contains(&b'.')
}
