//! The counters of the module.

use qadmin_core::job::Histogram;

/// Counters since the module was loaded.
#[derive(Default)]
pub(crate) struct Totals {
    /// Jobs started.
    pub(crate) jobs_started: u64,
    /// Jobs ended, by their end.
    pub(crate) jobs_completed: u64,
    pub(crate) jobs_cancelled: u64,
    pub(crate) jobs_failed: u64,
    pub(crate) jobs_interrupted: u64,
    /// Messages examined.
    pub(crate) examined: u64,
    /// Messages cleared.
    pub(crate) cleared: u64,
    /// Whole callbacks of slices, microseconds.
    pub(crate) slices_us: Histogram,
    /// Longest stretch of a slice after its seek, microseconds.
    pub(crate) work_max_us: u64,
    /// The same among slices that kept their processor, microseconds.
    pub(crate) own_work_max_us: u64,
    /// Slices that were interrupted: the kernel or the hypervisor ran something else.
    pub(crate) interrupted: u64,
    /// All seeks, nanoseconds.
    pub(crate) seek_ns: u64,
    /// Longest seek, microseconds.
    pub(crate) seek_max_us: u64,
    /// Main thread time of all slices, nanoseconds.
    pub(crate) main_thread_ns: u64,
    /// Previews answered from the cache.
    pub(crate) cache_hits: u64,
    /// Previews that had to count.
    pub(crate) cache_misses: u64,
    /// Previews that joined a live job or were given a completed one.
    pub(crate) joins: u64,
    /// Units from a primary or an append-only file that did not fit this server's list.
    pub(crate) apply_mismatches: u64,
    /// Units from a primary or an append-only file that were applied.
    pub(crate) applied: u64,
}
