//! The fields of the section `qadmin` of INFO as metrics, a row each.

use std::collections::HashMap;

use super::text::{Families, seconds};

/// What a field counts, and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only grows while the module is loaded.
    Counter,
    /// The same, in microseconds.
    CounterUs,
    Gauge,
    /// In microseconds.
    GaugeUs,
}

use Kind::{Counter, CounterUs, Gauge, GaugeUs};

/// Field of INFO (without its prefix), metric, kind, help.
const FIELDS: [(&str, &str, Kind, &str); 32] = [
    ("jobs_started", "qadmin_jobs_started_total", Counter, "Jobs that were started."),
    ("jobs_completed", "qadmin_jobs_completed_total", Counter, "Jobs that were completed."),
    ("jobs_cancelled", "qadmin_jobs_cancelled_total", Counter, "Jobs that were cancelled."),
    ("jobs_failed", "qadmin_jobs_failed_total", Counter, "Jobs that failed."),
    ("jobs_interrupted", "qadmin_jobs_interrupted_total", Counter, "Jobs that were interrupted."),
    ("messages_examined", "qadmin_messages_examined_total", Counter, "Messages that jobs examined."),
    ("messages_cleared", "qadmin_messages_cleared_total", Counter, "Messages that jobs cleared or moved."),
    ("slices", "qadmin_slices_total", Counter, "Slices of jobs."),
    (
        "slices_interrupted",
        "qadmin_slices_interrupted_total",
        Counter,
        "Slices that the operating system interrupted.",
    ),
    ("main_thread_us", "qadmin_main_thread_seconds_total", CounterUs, "Time of all slices."),
    ("seek_us", "qadmin_seek_seconds_total", CounterUs, "Time of all seeks."),
    ("slice_p99_us", "qadmin_slice_p99_seconds", GaugeUs, "99th percentile of the duration of slices."),
    ("slice_max_us", "qadmin_slice_max_seconds", GaugeUs, "Longest slice."),
    ("slice_work_max_us", "qadmin_slice_work_max_seconds", GaugeUs, "Longest slice after its seek."),
    ("seek_max_us", "qadmin_seek_max_seconds", GaugeUs, "Longest seek."),
    ("index_slice_work_max_us", "qadmin_index_slice_work_max_seconds", GaugeUs, "Longest slice of an index."),
    (
        "index_slice_excess_max_us",
        "qadmin_index_slice_excess_max_seconds",
        GaugeUs,
        "Longest time by which a slice of an index took longer than it may.",
    ),
    ("index_seek_max_us", "qadmin_index_seek_max_seconds", GaugeUs, "Longest seek of an index."),
    ("cache_entries", "qadmin_cache_entries", Gauge, "Cached counts."),
    ("cache_hits", "qadmin_cache_hits_total", Counter, "Previews that a cached count answered."),
    ("cache_misses", "qadmin_cache_misses_total", Counter, "Previews that had to count."),
    ("joins", "qadmin_joins_total", Counter, "Previews and stats that used the job of another one."),
    ("clients_waiting", "qadmin_clients_waiting", Gauge, "Clients that wait for a job."),
    ("records_owed", "qadmin_records_owed", Gauge, "Records of ended clears that could not be written yet."),
    ("units_applied", "qadmin_units_applied_total", Counter, "Units of a primary that were applied here."),
    (
        "apply_mismatches",
        "qadmin_apply_mismatches_total",
        Counter,
        "Units that did not fit the list of this server.",
    ),
    ("indexes", "qadmin_indexes", Gauge, "Indexes of lists."),
    ("indexes_suspended", "qadmin_indexes_suspended", Gauge, "Indexes that gave their memory back."),
    ("index_memory", "qadmin_index_memory_bytes", Gauge, "Memory of all indexes, about."),
    (
        "index_rebuilds",
        "qadmin_index_rebuilds",
        Gauge,
        "How often messages had to be read again for an index.",
    ),
    ("index_audit_faults", "qadmin_index_audit_faults", Gauge, "Audits of indexes that found a fault."),
    ("aof_can_hold_units", "qadmin_aof_can_hold_units", Gauge, "1: the append-only file needs the module."),
];

/// Fields with the number of live jobs of a kind.
const LIVE: [(&str, &str); 5] = [
    ("previews_live", "preview"),
    ("stats_live", "stats"),
    ("shows_live", "show"),
    ("clears_live", "clear"),
    ("undos_live", "undo"),
];

/// Whether the value for several servers is the largest one and not the sum.
pub(crate) fn is_maximum(field: &str) -> bool {
    field.ends_with("_max_us") || field.ends_with("_p99_us") || field == "aof_can_hold_units"
}

/// Adds the fields that the server sent.
pub(super) fn write(families: &mut Families, info: &HashMap<String, u64>) {
    families.gauge("qadmin_jobs_live", "Jobs that have not ended, by kind.");
    for (field, kind) in LIVE {
        if let Some(value) = info.get(field) {
            families.sample(&format!("kind=\"{kind}\""), value);
        }
    }
    for (field, name, kind, help) in FIELDS {
        let Some(value) = info.get(field) else { continue };
        match kind {
            Counter | CounterUs => families.counter(name, help),
            Gauge | GaugeUs => families.gauge(name, help),
        }
        match kind {
            Counter | Gauge => families.sample("", value),
            CounterUs | GaugeUs => families.sample("", seconds(*value)),
        }
    }
}
