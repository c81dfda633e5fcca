//! The module's counters, added up over unloading and restarts.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Fields of INFO that are added up; below, those of which the maximum counts.
const SUMS: [&str; 11] = [
    "jobs_started",
    "jobs_completed",
    "jobs_cancelled",
    "jobs_failed",
    "jobs_interrupted",
    "messages_examined",
    "messages_cleared",
    "slices",
    "cache_hits",
    "joins",
    "units_applied",
];
const HIGHEST: [&str; 2] = ["slice_max_us", "seek_max_us"];

/// Counters of the whole run.
#[derive(Debug, Default)]
pub(crate) struct Totals(Mutex<BTreeMap<String, u64>>);

impl Totals {
    /// Adds the counters of the primary since it was started or its module was loaded.
    pub(crate) fn add(&self, info: &str) {
        self.add_as(info, "");
    }

    /// Adds the counters of the replica.
    pub(crate) fn add_replica(&self, info: &str) {
        self.add_as(info, "replica_");
    }

    fn add_as(&self, info: &str, prefix: &str) {
        let mut rows = self.0.lock().expect("no thread panics while it holds this lock");
        for line in info.lines() {
            let Some((name, value)) = line.strip_prefix("qadmin_").and_then(|line| line.split_once(':'))
            else {
                continue;
            };
            let Ok(value) = value.trim().parse::<u64>() else { continue };
            let row = rows.entry(format!("{prefix}{name}"));
            if SUMS.contains(&name) {
                *row.or_default() += value;
            } else if HIGHEST.contains(&name) {
                let row = row.or_default();
                *row = value.max(*row);
            }
        }
    }

    /// Returns the table, in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut out = "| INFO qadmin | |\n|---|---|\n".to_string();
        for (name, value) in self.0.lock().expect("no thread panics while it holds this lock").iter() {
            out.push_str(&format!("| {name} | {value} |\n"));
        }
        out
    }
}
