//! Lists for people that fit the terminal: one line for each row, whatever others chose as names.
//!
//! Where the output is not a terminal, or with `--wide`, everything is shown. Otherwise columns without a value are left
//! out; if the lines are still too long, ids and times are shortened, then the widest texts get an ellipsis, and at last
//! columns at the right are left out, which a line below names.

use comfy_table::{Attribute, Cell, CellAlignment};
use unicode_width::UnicodeWidthStr as _;

use crate::table::{bare, show};
use crate::terminal;

/// Characters of a shortened id, which the server accepts wherever they are unique.
const ID: usize = 8;
/// The part of a time `2026-11-30 20:21:50` that remains of it.
const TIME: std::ops::Range<usize> = 5..16;
/// Width to which texts are shortened before columns are left out.
const TEXT_MIN: usize = 12;
/// Spaces between two columns.
const GAP: usize = 2;
/// Columns that are always shown.
const COLUMNS_MIN: usize = 2;

/// What a column contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// Aligned right and never shortened.
    Number,
    Id,
    Time,
}

struct Column {
    head: String,
    kind: Kind,
}

/// A list with headings.
pub(crate) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// A list with these headings. `>` before a heading means numbers, `#` ids of jobs and `@` times.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let mut grid = Self { columns: Vec::new(), rows: Vec::new() };
        for heading in headings {
            let (kind, head) = match heading.split_at_checked(1) {
                Some((">", head)) => (Kind::Number, head),
                Some(("#", head)) => (Kind::Id, head),
                Some(("@", head)) => (Kind::Time, head),
                _ => (Kind::Text, *heading),
            };
            grid.columns.push(Column { head: head.to_owned(), kind });
        }
        grid
    }

    /// Adds a column of texts at the right whose heading others chose.
    pub(crate) fn text(&mut self, head: String) {
        self.columns.push(Column { head, kind: Kind::Text });
    }

    /// Adds more columns at the right.
    pub(crate) fn more(&mut self, headings: &[&str]) {
        self.columns.extend(Self::new(headings).columns);
    }

    /// Adds a row. Cells that are missing at its end are empty.
    pub(crate) fn add(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The text of the list, without trailing spaces.
    pub(crate) fn show(mut self) -> String {
        let Some(width) = terminal::width() else { return show(&self.table()) };
        let left_out = self.fit(usize::from(width));
        let list = show(&self.table());
        if left_out.is_empty() {
            return list;
        }
        format!("{list}\n! --wide also shows: {}", left_out.join(", "))
    }

    fn table(&self) -> comfy_table::Table {
        let mut table = bare(None);
        let bold = |head: &str| {
            let cell = Cell::new(head);
            if terminal::colour() { cell.add_attribute(Attribute::Bold) } else { cell }
        };
        table.set_header(self.columns.iter().map(|column| bold(&column.head)));
        for (at, column) in self.columns.iter().enumerate() {
            if let Some(of) = table.column_mut(at).filter(|_| column.kind == Kind::Number) {
                of.set_cell_alignment(CellAlignment::Right);
            }
        }
        for row in &self.rows {
            table.add_row(row.clone());
        }
        table
    }

    /// Shortens it to the width, and returns the headings that were left out although they have values.
    fn fit(&mut self, width: usize) -> Vec<String> {
        for at in (1..self.columns.len()).rev() {
            if !self.rows.is_empty() && self.texts(at).all(|text| matches!(text.as_str(), "" | "-")) {
                self.leave_out(at);
            }
        }
        if self.width(&self.widths()) <= width {
            return Vec::new();
        }
        self.shorten();
        let mut left_out = Vec::new();
        loop {
            let mut widths = self.widths();
            while self.width(&widths) > width {
                let texts = widths.iter().enumerate().filter(|(at, _)| self.columns[*at].kind == Kind::Text);
                let Some((widest, _)) = texts.filter(|(_, n)| **n > TEXT_MIN).max_by_key(|(_, n)| **n) else {
                    break;
                };
                widths[widest] -= 1;
            }
            if self.width(&widths) <= width || self.columns.len() <= COLUMNS_MIN {
                self.cut(&widths);
                left_out.reverse();
                return left_out;
            }
            // A column without a heading has bars, which show what another column says.
            let head = self.leave_out(self.columns.len() - 1);
            left_out.extend(Some(head).filter(|head| !head.is_empty()));
        }
    }

    /// Shortens ids and times.
    fn shorten(&mut self) {
        for at in 0..self.columns.len() {
            let is_id = self.columns[at].kind == Kind::Id || self.texts(at).all(|text| is_uuid(&text));
            let is_time = self.columns[at].kind == Kind::Time;
            for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(at)) {
                let text = cell.content();
                if is_id && is_uuid(&text) {
                    *cell = Cell::new(&text[..ID]);
                } else if let Some(short) = text.get(TIME).filter(|_| is_time) {
                    *cell = Cell::new(short);
                }
            }
        }
    }

    /// Gives texts that are wider than their column an ellipsis.
    fn cut(&mut self, widths: &[usize]) {
        for (at, width) in widths.iter().enumerate() {
            if self.columns[at].kind != Kind::Text {
                continue;
            }
            self.columns[at].head = ellipsis(&self.columns[at].head, *width);
            for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(at)) {
                let text = cell.content();
                if text.width() > *width {
                    *cell = Cell::new(ellipsis(&text, *width));
                }
            }
        }
    }

    fn leave_out(&mut self, at: usize) -> String {
        for row in &mut self.rows {
            if at < row.len() {
                row.remove(at);
            }
        }
        self.columns.remove(at).head
    }

    fn texts(&self, at: usize) -> impl Iterator<Item = String> {
        self.rows.iter().map(move |row| row.get(at).map(Cell::content).unwrap_or_default())
    }

    /// The width of each column.
    fn widths(&self) -> Vec<usize> {
        let widest = |at: usize| self.texts(at).map(|text| text.width()).max().unwrap_or(0);
        self.columns.iter().enumerate().map(|(at, column)| column.head.width().max(widest(at))).collect()
    }

    /// The width of a line: one space before each column and one after it, except after the last.
    fn width(&self, widths: &[usize]) -> usize {
        (widths.iter().sum::<usize>() + GAP * widths.len()).saturating_sub(1)
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::parse_str(text).is_ok()
}

/// A text that is not wider than `width`. A name keeps its beginning and its end, other texts their beginning.
fn ellipsis(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let end = if text.contains(' ') { 0 } else { room / 2 };
    let head = take(text.chars(), room - end);
    let tail: String = take(text.chars().rev(), end).chars().rev().collect();
    format!("{head}…{tail}")
}

/// The first characters that fit into the width.
fn take(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut taken = String::new();
    for c in chars {
        taken.push(c);
        if taken.width() > width {
            taken.pop();
            break;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

    fn grid() -> Grid {
        let mut grid = Grid::new(&["@started", "#job", "empty", "queue", ">matched", "filter", "reason"]);
        for queue in ["celery", "a.very.long.name.of.a.queue.that.nobody.needs"] {
            let cells = [
                "2026-11-30 20:21:50",
                UUID,
                "-",
                queue,
                "1,051",
                "TASK app.tasks.upload.Upload REPOID 1",
                "because",
            ];
            grid.add(cells.map(Cell::new));
        }
        grid
    }

    #[test]
    fn a_list_is_never_wider_than_the_terminal() {
        for width in 40..200 {
            let mut grid = grid();
            let left_out = grid.fit(width);
            let text = show(&grid.table());
            let widest = text.lines().map(|line| line.trim_end().width()).max().unwrap_or(0);
            assert!(widest <= width, "{widest} > {width}\n{text}");
            assert!(!text.contains("empty"), "{text}");
            assert_eq!(left_out.is_empty(), text.contains("reason"), "{width}\n{text}");
        }
    }

    #[test]
    fn ids_and_times_are_shortened_before_texts() {
        let mut wide = grid();
        wide.fit(200);
        assert!(show(&wide.table()).contains(UUID));
        let mut narrow = grid();
        assert!(narrow.fit(130).is_empty());
        let text = show(&narrow.table());
        assert!(
            text.contains(" 11-30 20:21 ") && text.contains(" 6f1c2b8e ") && !text.contains('…'),
            "{text}"
        );
        let mut short = grid();
        short.fit(80);
        let text = show(&short.table());
        assert!(text.contains("1,051") && text.contains('…'), "{text}");
    }

    #[test]
    fn texts_are_cut_by_what_a_terminal_shows() {
        assert_eq!(ellipsis("celery", 6), "celery");
        assert_eq!(ellipsis("app.tasks.upload.Upload", 11), "app.t…pload");
        assert_eq!(ellipsis("TASK app.tasks REPOID", 8), "TASK ap…");
        assert_eq!(ellipsis("日本語日本語", 7), "日…語");
        assert_eq!(ellipsis("é日", 0), "…");
        assert_eq!(grid().fit(10).len(), 4);
    }
}
