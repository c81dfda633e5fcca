//! The list of queues: searched, sorted and in pages, with the last hour of each.

use std::cmp::Ordering;

use maud::{Markup, html};

use super::layout::{self, Frame};
use super::plot;
use crate::ages::Ages;
use crate::reply::{Map, Queues};
use crate::serve::history::{History, Past};
use crate::serve::params::{Params, encode};
use crate::text::{bytes, counted, escape, grouped};

/// Queues on one page.
const PAGE: usize = 50;
/// Maximum length of a searched text, in characters.
const SEARCH: usize = 256;

/// The columns by which the list can be sorted: the word in the URL, the name of the column, and whether the largest value is
/// usually wanted first.
const COLUMNS: [(&str, &str, bool); 9] = [
    ("queue", "Queue", false),
    ("depth", "Messages", true),
    ("change", "Change/min", true),
    ("size", "Size", true),
    ("next", "Next waits", true),
    ("oldest", "Oldest waits", true),
    ("in", "In/min", true),
    ("out", "Out/min", true),
    ("mean", "Mean wait", true),
];

/// What is shown of the list.
struct View {
    search: String,
    sort: &'static str,
    descending: bool,
    /// From 1.
    page: usize,
}

impl View {
    fn new(params: &Params) -> Self {
        let given = params.text("sort").unwrap_or_default();
        let column = COLUMNS.iter().find(|(word, ..)| *word == given).unwrap_or(&COLUMNS[1]);
        Self {
            search: params.text("q").unwrap_or_default().chars().take(SEARCH).collect(),
            sort: column.0,
            descending: params.text("order").map_or(column.2, |order| order == "desc"),
            page: params.text("page").and_then(|page| page.parse().ok()).unwrap_or(1),
        }
    }

    /// The URL of the list with another order or page.
    fn url(&self, sort: &str, descending: bool, page: usize) -> String {
        let order = if descending { "desc" } else { "asc" };
        format!("/?q={}&sort={sort}&order={order}&page={page}", encode(self.search.as_bytes()))
    }

    fn head(&self, word: &str) -> Markup {
        let Some((word, name, first)) = COLUMNS.iter().find(|(column, ..)| *column == word) else {
            return html! {};
        };
        let is_sorted = self.sort == *word;
        let sorted = is_sorted.then_some(if self.descending { "descending" } else { "ascending" });
        let descending = if is_sorted { !self.descending } else { *first };
        let class = if *word == "queue" { "" } else { "number" };
        html! {
            th class=(class) aria-sort=[sorted] { a href=(self.url(word, descending, 1)) { (name) } }
        }
    }
}

/// One queue.
struct Line<'a> {
    name: Vec<u8>,
    row: &'a Map,
    past: Past,
}

impl Line<'_> {
    /// The number by which the list is sorted. What is not known comes last in a descending order.
    fn number(&self, column: &str) -> i128 {
        let member = |name: &str| self.row.count(name).map_or(-1, i128::from);
        match column {
            "change" => self.past.change_per_minute().map_or(i128::MIN, i128::from),
            "size" => member("bytes_estimate"),
            "next" => member("next_age"),
            "oldest" => member("oldest_age"),
            "in" => member("pushed_per_minute"),
            "out" => member("popped_per_minute"),
            "mean" => member("wait_mean_ms"),
            _ => member("depth"),
        }
    }
}

pub(super) fn page(frame: &Frame, params: &Params, queues: &Queues, history: &History) -> Markup {
    let view = View::new(params);
    let body = html! {
        h1 { "Queues" }
        form.search method="get" action="/" role="search" {
            input type="hidden" name="sort" value=(view.sort);
            input type="hidden" name="order" value=(if view.descending { "desc" } else { "asc" });
            label { "Search by name" input type="search" name="q" value=(view.search) autocomplete="off" autocapitalize="off" spellcheck="false"; }
            button { "Search" }
        }
        (layout::refreshing())
        section #queues data-live="10" { (list(&view, queues, history)) }
    };
    layout::page("Queues", frame, &body)
}

fn list(view: &View, queues: &Queues, history: &History) -> Markup {
    let searched = view.search.to_lowercase();
    let names = queues.queues.iter().map(|row| (row.bytes("queue").unwrap_or_default(), row));
    let found =
        names.filter(|(name, _)| searched.is_empty() || escape(name).to_lowercase().contains(&searched));
    let mut lines: Vec<Line<'_>> =
        found.map(|(name, row)| Line { past: history.of(&name), name, row }).collect();
    lines.sort_by(|a, b| {
        let order = match view.sort {
            "queue" => a.name.cmp(&b.name),
            column => a.number(column).cmp(&b.number(column)),
        };
        let order = if view.descending { order.reverse() } else { order };
        if order == Ordering::Equal { a.name.cmp(&b.name) } else { order }
    });
    let pages = lines.len().div_ceil(PAGE).max(1);
    let at = view.page.clamp(1, pages);
    let shown = &lines[(at - 1) * PAGE..(at * PAGE).min(lines.len())];
    html! {
        @if queues.queues.is_empty() {
            p { "There are no queues that this Redis user may read." }
        } @else if lines.is_empty() {
            p { "No name of the " (counted(len(queues.queues.len()), "queue")) " contains this text." }
        } @else {
            (table(view, queues.know_ages(), shown))
            (turning(view, at, pages, lines.len()))
        }
        @if let Some(held) = queues.unacked.filter(|n| *n > 0) {
            p {
                a href="/queue?queue=unacked" { (counted(held, "message")) }
                " not acknowledged yet by workers."
            }
        }
        @if !queues.complete { p.note { "The list is not complete." } }
        @if !queues.queues.is_empty() {
            p.quiet {
                "Change/min is computed from depths that this program samples. "
                @if queues.know_ages() { "The other rates and the waits come from indexes; \"-\" means that a queue has none." }
                @else { "An index of a queue knows what comes in and goes out, and how long messages wait." }
            }
        }
    }
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn table(view: &View, with_ages: bool, lines: &[Line<'_>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Queues" { table {
            thead { tr {
                (view.head("queue")) (view.head("depth")) (view.head("change")) th { "Last hour" }
                @if with_ages { @for word in ["next", "oldest", "in", "out", "mean"] { (view.head(word)) } }
                (view.head("size")) th { "Priorities" } th { "Runs next" }
            } }
            tbody { @for Line { name, row, past } in lines {
                @let size = row.sum("bytes_estimate");
                tr {
                    td { a href={ "/queue?queue=" (encode(name)) } { (escape(name)) } }
                    td.number { (grouped(row.sum("depth"))) }
                    td.number { (past.change_per_minute().map(plot::signed).unwrap_or_default()) }
                    td { (plot::small(past)) }
                    @if with_ages {
                        @let ages = Ages::of(row);
                        @for value in [Ages::next, Ages::oldest, Ages::pushed, Ages::popped, Ages::mean] {
                            td.number { (ages.as_ref().map_or_else(|| "-".to_owned(), value)) }
                        }
                    }
                    td.number { @if size > 0 { "~" (bytes(size)) } }
                    td {
                        @for step in row.maps("priorities") {
                            @let list = [&name[..], b"\x06\x16", step.sum("step").to_string().as_bytes()].concat();
                            a href={ "/queue?queue=" (encode(&list)) } { (step.sum("step")) ": " (grouped(step.sum("depth"))) } " "
                        }
                    }
                    td { (escape(&row.bytes("next_task").unwrap_or_default())) }
                }
            } }
        } }
    }
}

/// The links to other pages of the list.
fn turning(view: &View, at: usize, pages: usize, lines: usize) -> Markup {
    html! {
        @if pages > 1 {
            nav.pages aria-label="Pages of the list" {
                @if at > 1 { a #previous href=(view.url(view.sort, view.descending, at - 1)) { "Previous" } }
                span { "Page " (at) " of " (pages) ", " (counted(len(lines), "queue")) }
                @if at < pages { a #next href=(view.url(view.sort, view.descending, at + 1)) { "Next" } }
            }
        }
    }
}
