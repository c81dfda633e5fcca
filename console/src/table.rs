//! Tables for people. They have no frames, so that lines can be copied and searched. They are as wide as the terminal,
//! and complete where the output is not a terminal.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use crate::reply::{Map, Status};
use crate::terminal;
use crate::text::{escape, grouped, place, time};

/// Minimum width to which a table is shrunk.
const MIN_WIDTH: u16 = 40;

/// A table with these headings. Columns whose heading begins with `>` are aligned right, as numbers are.
pub(crate) fn table(headings: &[&str]) -> Table {
    let mut table = bare();
    table.set_header(headings.iter().map(|heading| {
        let cell = Cell::new(heading.trim_start_matches('>'));
        if terminal::colour() { cell.add_attribute(Attribute::Bold) } else { cell }
    }));
    for (at, heading) in headings.iter().enumerate() {
        if let Some(column) = table.column_mut(at).filter(|_| heading.starts_with('>')) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// One name and one value on each line.
pub(crate) fn pairs(rows: Vec<(&str, Cell)>) -> Table {
    let mut table = bare();
    for (name, value) in rows {
        let name = Cell::new(name);
        table.add_row([if terminal::colour() { name.add_attribute(Attribute::Dim) } else { name }, value]);
    }
    table
}

fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width() {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width.max(MIN_WIDTH));
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    if terminal::colour() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// Columns of the terminal; `None` if the output is not a terminal.
fn width() -> Option<u16> {
    let mut probe = Table::new();
    probe.set_content_arrangement(ContentArrangement::Dynamic);
    // A terminal that does not know its size reports 0.
    probe.width().filter(|width| *width > 0)
}

/// The text of a table, without trailing spaces.
pub(crate) fn show(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// A cell with escaped bytes; `-` for `None`.
pub(crate) fn cell(bytes: Option<&[u8]>) -> Cell {
    Cell::new(bytes.map_or_else(|| "-".to_owned(), escape))
}

/// The status of a job, coloured by its result.
pub(crate) fn state(status: &str) -> Cell {
    let cell = Cell::new(escape(status.as_bytes()));
    if !terminal::colour() {
        return cell;
    }
    match status {
        "completed" => cell.fg(Color::Green),
        "failed" | "interrupted" => cell.fg(Color::Red),
        "cancelled" | "paused" => cell.fg(Color::Yellow),
        _ => cell.fg(Color::Cyan),
    }
}

/// Sampled messages. `runs` is the position in the queue: 1 runs next.
pub(crate) fn sample(rows: &[Map]) -> Table {
    let names: Vec<&str> = rows.first().map(|row| row.names().collect()).unwrap_or_default();
    let is_shown = |name: &&str| *name != "index" && rows.iter().any(|row| row.bytes(name).is_some());
    let names: Vec<&str> = names.into_iter().filter(is_shown).collect();
    let headings: Vec<String> = std::iter::once(">runs".to_owned())
        .chain(
            names
                .iter()
                .map(|name| if *name == "bytes" { ">bytes".to_owned() } else { escape(name.as_bytes()) }),
        )
        .collect();
    let mut table = table(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for row in rows {
        let runs = row.int("index").map_or_else(|| "-".to_owned(), |index| grouped(place(index)));
        let cells = names.iter().map(|name| match row.time(name) {
            Some(time) => Cell::new(time),
            None => cell(row.bytes(name).as_deref()),
        });
        table.add_row(std::iter::once(Cell::new(runs)).chain(cells));
    }
    table
}

/// Jobs: one on each line if the terminal is wide enough, otherwise several lines for each.
pub(crate) fn jobs(jobs: &[Status]) -> String {
    let headings =
        ["started", "job", "what", "status", "queue", ">matched", ">cleared", ">%", "by", "filter", "reason"];
    let mut table = table(&headings);
    table.set_content_arrangement(ContentArrangement::Disabled);
    for job in jobs {
        table.add_row([
            Cell::new(time(job.started_at)),
            cell(Some(job.job_id.as_bytes())),
            Cell::new(escape(job.what().as_bytes())),
            state(&job.status),
            cell(Some(&job.queue)),
            Cell::new(grouped(job.matched)),
            Cell::new(cleared(job)),
            Cell::new(job.progress),
            cell(job.actor.as_deref().or(job.user.as_deref())),
            cell(Some(job.filter.as_bytes())),
            cell(job.reason.as_deref()),
        ]);
    }
    let widest: usize =
        table.column_max_content_widths().iter().map(|columns| usize::from(*columns) + 2).sum();
    if width().is_none_or(|width| widest <= usize::from(width)) {
        return show(&table);
    }
    jobs.iter().map(|job| show(&card(job))).collect::<Vec<_>>().join("\n\n")
}

/// One job, with each member on a line of its own.
fn card(job: &Status) -> Table {
    let mut rows = vec![
        ("job", cell(Some(job.job_id.as_bytes()))),
        ("started", Cell::new(time(job.started_at))),
        ("what", Cell::new(escape(job.what().as_bytes()))),
        ("status", state(&job.status)),
        ("queue", cell(Some(&job.queue))),
        ("filter", cell(Some(job.filter.as_bytes()))),
        ("matched", Cell::new(grouped(job.matched))),
        ("cleared", Cell::new(cleared(job))),
        ("by", cell(job.actor.as_deref().or(job.user.as_deref()))),
    ];
    if let Some(reason) = &job.reason {
        rows.push(("reason", cell(Some(reason))));
    }
    pairs(rows)
}

fn cleared(job: &Status) -> String {
    if job.dry_run || job.kind != "clear" { "-".to_owned() } else { grouped(job.deleted) }
}
