//! Tables that are readable in a terminal and valid Markdown.

use std::fmt::{self, Display, Formatter};

use qadmin_harness::Series;

/// Rows under a heading, with remarks below.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    /// Creates an empty table.
    pub(crate) fn new(title: impl Into<String>, head: &[&str]) -> Self {
        let head = head.iter().map(|name| (*name).to_string()).collect();
        Self { title: title.into(), head, rows: Vec::new(), notes: Vec::new() }
    }

    /// Creates an empty table for [`Table::timing`].
    pub(crate) fn of_times(title: impl Into<String>) -> Self {
        Self::new(title, &["what", "median", "min .. max", "runs", "times qadmin"])
    }

    /// Adds a row and prints it to stderr, because a run takes minutes.
    pub(crate) fn row(&mut self, cells: &[String]) {
        eprintln!("  measured: {}", cells.join(" | "));
        self.quiet_row(cells);
    }

    /// Adds a row that was printed before.
    pub(crate) fn quiet_row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    /// Adds a row of seconds; `base` is the time of qadmin's row with which it is compared.
    pub(crate) fn timing(&mut self, what: &str, seconds: &Series, base: Option<f64>) {
        let ratio = base.map_or_else(String::new, |base| format!("{:.1}", seconds.median() / base));
        self.row(&[
            what.to_string(),
            duration(seconds.median()),
            format!("{} .. {}", duration(seconds.min()), duration(seconds.max())),
            seconds.len().to_string(),
            ratio,
        ]);
    }

    /// Adds a remark below the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

/// Returns a number of seconds with a unit that leaves about three digits.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 10.0 => format!("{s:.1} s"),
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.1 => format!("{:.0} ms", s * 1e3),
        s if s >= 0.001 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.0} us", s * 1e6),
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| {
            lines().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        writeln!(f, "## {}\n", self.title)?;
        for (i, line) in lines().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                write!(f, "| {cell:<width$} ", width = width(column))?;
            }
            writeln!(f, "|")?;
            if i == 0 {
                for column in 0..line.len() {
                    write!(f, "|{:-<width$}", "", width = width(column) + 2)?;
                }
                writeln!(f, "|")?;
            }
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Series, Table, duration};

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::of_times("Counting");
        table.timing("rival", &Series::new(vec![2.0]), Some(0.5));
        let text = table.to_string();
        assert!(text.contains("| rival | 2.00 s | 2.00 s .. 2.00 s | 1    | 4.0          |"), "{text}");
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        assert_eq!(
            [12.34, 1.234, 0.5, 0.0123, 0.000_05].map(duration),
            ["12.3 s", "1.23 s", "500 ms", "12.30 ms", "50 us"]
        );
    }
}
