//! Counts of commands and replies for the summary.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Counts per command.
#[derive(Debug, Default, Clone)]
struct Row {
    sent: u64,
    /// Connections that ended before the reply, because a client killed them.
    cut: u64,
    errors: BTreeMap<String, u64>,
}

/// Counts of all commands.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, Row>>);

/// The end of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End<'a> {
    /// The reply was not an error.
    Fine,
    /// The reply was an error with this first word.
    Refused(&'a str),
    /// There was no reply.
    Cut,
}

impl Tally {
    /// Counts one command.
    pub(crate) fn note(&self, name: &str, end: End<'_>) {
        let mut rows = self.0.lock().expect("no thread panics while it holds this lock");
        let row = rows.entry(name.to_string()).or_default();
        row.sent += 1;
        match end {
            End::Fine => {}
            End::Refused(code) => *row.errors.entry(code.to_string()).or_default() += 1,
            End::Cut => row.cut += 1,
        }
    }

    /// Returns the number of all commands.
    pub(crate) fn total(&self) -> u64 {
        self.0.lock().expect("no thread panics while it holds this lock").values().map(|row| row.sent).sum()
    }

    /// Returns the table, in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut out = "| command | sent | refused | cut off |\n|---|---|---|---|\n".to_string();
        for (name, row) in self.0.lock().expect("no thread panics while it holds this lock").iter() {
            let errors: Vec<String> = row.errors.iter().map(|(code, n)| format!("{code} {n}")).collect();
            out.push_str(&format!("| {name} | {} | {} | {} |\n", row.sent, errors.join(", "), row.cut));
        }
        out
    }
}
