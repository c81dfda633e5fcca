//! The goals of the project, and the measured values.

use crate::table::Table;

/// The targets of all sections, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Targets(Vec<[String; 4]>);

impl Targets {
    /// Adds a figure that must not exceed its limit.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, limit: f64, unit: &str) {
        self.add(what, figure, "<=", limit, unit, figure <= limit);
    }

    /// Adds a figure that must reach its limit.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, limit: f64, unit: &str) {
        self.add(what, figure, ">=", limit, unit, figure >= limit);
    }

    /// Adds a target that cannot be measured on this machine.
    pub(crate) fn unknown(&mut self, what: &str, why: &str) {
        self.push([what, "-", "-", why].map(str::to_string));
    }

    /// Adds the targets of another server.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    fn add(&mut self, what: &str, figure: f64, sign: &str, limit: f64, unit: &str, reached: bool) {
        let reached = if reached { "yes" } else { "no" };
        self.push([
            what.to_string(),
            format!("{}{unit}", short(figure)),
            format!("{sign} {}{unit}", short(limit)),
            reached.to_string(),
        ]);
    }

    fn push(&mut self, row: [String; 4]) {
        eprintln!("  target: {}", row.join(" | "));
        self.0.push(row);
    }

    /// Returns all targets as a table.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new("Targets", &["what", "measured", "limit", "reached"]);
        for row in &self.0 {
            table.quiet_row(row);
        }
        table.note(
            "A floor is the same walk in a module of its own (tests/module/benchfloor.c), in one piece and \
             without a filter: every element is read and freed, and for a clear the same matches are deleted. \
             Longest slices and quantiles are measured with the wall clock, so other work on the machine is \
             included.",
        );
        table
    }
}

/// Returns a number with its significant digits.
pub(crate) fn short(n: f64) -> String {
    let digits = match n.abs() {
        n if n >= 100.0 || n.fract() == 0.0 => 0,
        n if n >= 10.0 => 1,
        _ => 2,
    };
    format!("{n:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::{Targets, short};

    #[test]
    fn a_target_says_whether_it_is_reached() {
        let mut targets = Targets::default();
        targets.at_most("count", 1.234, 1.5, " x floor");
        targets.at_least("faster", 7.0, 8.0, " x");
        let text = targets.table().to_string();
        assert!(text.contains("| count  | 1.23 x floor | <= 1.50 x floor | yes     |"), "{text}");
        assert!(text.contains("| faster | 7 x          | >= 8 x          | no      |"), "{text}");
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        assert_eq!([0.123, 2.0, 12.34, 1234.5].map(short), ["0.12", "2", "12.3", "1234"]);
    }
}
