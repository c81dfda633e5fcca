//! The page of a queue: what is in it, by any fields.

use maud::{Markup, html};

use super::form::{form, group_url, grouping, suggestions};
use super::index;
use super::layout::{self, Frame, waits};
use super::plot;
use super::preview::notes;
use crate::reply::Stats;
use crate::serve::ask::fields;
use crate::serve::history::Past;
use crate::serve::params::{Params, Target, encode};
use crate::text::{age, bytes, counted, escape, grouped, time};

/// The fields as parameters of a URL.
fn by_query(fields: &[String]) -> String {
    fields.iter().map(|field| format!("&by={}", encode(field.as_bytes()))).collect()
}

/// The page of a queue. It sends nothing to Redis: the script requests what it shows.
pub(crate) fn queue(frame: &Frame, params: &Params, target: &Target, past: &Past) -> Markup {
    let here = target.queue_query();
    let by = fields(params);
    let names = escape(by.join(", ").as_bytes());
    let all = encode(b"bytes >= 0");
    let body = html! {
        h1 { (escape(&target.queue)) }
        section.card {
            h2 { "The last hour" }
            (layout::refreshing())
            div #history data-live="10" { (plot::large(past)) }
        }
        div.card #waits data-url={ "/api/index?queue=" (encode(&target.queue)) } aria-live="polite" {
            h2 { "Since when messages wait" }
            p.quiet { a href=(index::place(&target.queue)) { "Index of this list" } }
        }
        section.card {
            h2 #next-heading { "Messages that run next" }
            div.scroll #next tabindex="0" role="region" aria-labelledby="next-heading"
                data-url={ "/api/preview?" (here) "&where=" (all) "&count_skipped=1&sample=10" } {
                p.quiet { a href={ "/preview?" (here) "&where=" (all) "&count_skipped=1" } { "Show the messages that run next" } }
            }
        }
        section.card.stats data-url={ "/api/stats?" (here) (by_query(&by)) } data-by=(by.join("\n")) data-preview={ "/preview?" (here) } aria-live="polite" {
            h2 { "Who fills it: by " (names) }
            (grouping(target, "/queue", &by.join(", ")))
            p.quiet { a href={ "/stats?" (here) (by_query(&by)) } { "Count by " (names) } }
            progress hidden max="100" aria-label="Progress of the count" {}
            div.scroll tabindex="0" role="region" aria-label="Groups" {}
        }
        h2 { "Choose messages" }
        (form(target))
        p { a href={ "/jobs?queue=" (encode(&target.queue)) } { "Jobs on this queue" } }
    };
    layout::page(&escape(&target.queue), frame, &body)
}

/// A page with one complete count.
pub(crate) fn whole(frame: &Frame, params: &Params, stats: &Stats) -> Markup {
    let (by, target) = (fields(params), Target::new(params));
    let what = escape(by.join(", ").as_bytes());
    let about = target.query();
    let here = format!("/stats?{about}{}", by_query(&by));
    let counting = stats.mode == "job" && stats.matched.is_none();
    let frame = if counting { &frame.refreshed(format!("2;url={here}")) } else { frame };
    let body = html! {
        h1 { a href={ "/queue?" (target.queue_query()) } { (escape(&stats.queue)) } " by " (what) }
        @if target.has_filter() { p { a href={ "/preview?" (about) } { "Messages of this filter" } ": " code { (escape(stats.filter.as_bytes())) } } }
        (grouping(&target, "/stats", &by.join(", ")))
        (suggestions())
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
            (table(stats, &by, &about))
        }
    };
    layout::page(&format!("{} by {what}", escape(&stats.queue)), frame, &body)
}

fn table(stats: &Stats, by: &[String], about: &str) -> Markup {
    let with_ages = stats.groups.iter().any(|group| group.count("oldest_age").is_some());
    html! {
        @if !stats.groups.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Groups" { table {
                thead { tr { @for field in by { th { (escape(field.as_bytes())) } } th.number { "Messages" } th { "Share" } th.number { "Size" } th.number { "Next runs" } @if with_ages { th.number { "Next waits" } th.number { "Oldest waits" } } } }
                tbody {
                    @for group in &stats.groups {
                        tr {
                            @let values: Vec<(&str, Option<Vec<u8>>)> = by.iter().map(|field| (field.as_str(), group.bytes(field))).collect();
                            @for (_, value) in &values {
                                td { a href=(group_url(about, &values)) { (shown(value.as_deref())) } }
                            }
                            td.number { (grouped(group.sum("count"))) }
                            td.bar { progress max="1000" value=(group.sum("share")) aria-label="Share" {} }
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
                            td colspan=(by.len()) { "others" }
                            td.number { (grouped(stats.other.sum("count"))) }
                            td.bar { progress max="1000" value=(stats.other.sum("share")) aria-label="Share" {} }
                            td.number { (bytes(stats.other.sum("bytes"))) }
                            td {}
                        }
                    }
                }
            } }
        }
    }
}

fn shown(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "none".to_owned(), escape)
}
