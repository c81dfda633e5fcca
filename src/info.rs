//! The INFO section.

use qadmin_core::job::JobKind;

use crate::entry;
use crate::index;

/// The fields of the section `qadmin`.
pub(crate) fn fields() -> Vec<(&'static str, u64)> {
    entry::with(|state| {
        let totals = &state.totals;
        let of_indexes = index::totals();
        let live = |kind| state.registry.count(kind) as u64;
        vec![
            ("jobs_live", state.registry.live().len() as u64),
            ("previews_live", live(JobKind::Preview)),
            ("clears_live", live(JobKind::Clear)),
            ("jobs_started", totals.jobs_started),
            ("jobs_completed", totals.jobs_completed),
            ("jobs_cancelled", totals.jobs_cancelled),
            ("jobs_failed", totals.jobs_failed),
            ("jobs_interrupted", totals.jobs_interrupted),
            ("messages_examined", totals.examined),
            ("messages_cleared", totals.cleared),
            ("slices", totals.slices_us.count()),
            ("slice_p99_us", totals.slices_us.quantile(99)),
            ("slice_max_us", totals.slices_us.max()),
            ("slice_work_max_us", totals.work_max_us),
            ("slice_own_work_max_us", totals.own_work_max_us),
            ("slices_interrupted", totals.interrupted),
            ("seek_max_us", totals.seek_max_us),
            ("seek_us", totals.seek_ns / 1_000),
            ("main_thread_us", totals.main_thread_ns / 1_000),
            ("cache_entries", state.caches.len() as u64),
            ("cache_hits", totals.cache_hits),
            ("cache_misses", totals.cache_misses),
            ("joins", totals.joins),
            ("clients_waiting", state.waiters.len() as u64),
            ("records_owed", state.pending.len() as u64),
            ("units_applied", totals.applied),
            ("apply_mismatches", totals.apply_mismatches),
            ("stats_live", live(JobKind::Stats)),
            ("undos_live", live(JobKind::Undo)),
            ("indexes", of_indexes.indexes),
            ("indexes_suspended", of_indexes.suspended),
            ("index_memory", of_indexes.memory),
            ("index_repairs", of_indexes.repaired),
            ("index_rebuilds", of_indexes.rebuilt),
            ("index_audits", of_indexes.audits),
            ("index_audit_faults", of_indexes.audit_faults),
        ]
    })
    .unwrap_or_default()
}
