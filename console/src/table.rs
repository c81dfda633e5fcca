//! Tables for people. They have no frames, so that lines can be copied and searched. They are as wide as the terminal,
//! and complete where the output is not a terminal. Lists of many rows are [grids](crate::grid).

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use crate::terminal;
use crate::text::escape;

/// Minimum width to which a table is shrunk.
const MIN_WIDTH: u16 = 40;

/// One name and one value on each line.
pub(crate) fn pairs(rows: Vec<(&str, Cell)>) -> Table {
    let mut table = bare(terminal::width());
    for (name, value) in rows {
        let name = Cell::new(name);
        table.add_row([if terminal::colour() { name.add_attribute(Attribute::Dim) } else { name }, value]);
    }
    table
}

/// A table without frames and headings, which is as wide as the terminal if a width is given.
pub(crate) fn bare(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
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
    coloured(status, status)
}

/// A text in the colour of a job's status.
pub(crate) fn coloured(text: &str, status: &str) -> Cell {
    let cell = Cell::new(escape(text.as_bytes()));
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
