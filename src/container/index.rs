//! Functions for the containers whose messages are walked in the order of a sorted set: opening the set, and
//! counting it after it changed.

use qadmin_core::job::Job;
use qadmin_core::scan::{IdSetScan, IndexScan, Layout, OneScan as _, SortedScan, UnackedScan};

use super::OpenedKeys;
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString};
use crate::state::State;

/// Opens a sorted set for reading. A missing key has no entries.
pub(crate) fn open<'c>(ctx: Ctx<'c>, key: &'c RString) -> OpenedKeys<Reader<'c>> {
    match Reader::open(ctx, key) {
        Ok(reader) => OpenedKeys::Keys(reader),
        Err(line) if line.starts_with(b"WRONGTYPE") => OpenedKeys::Other,
        Err(line) => OpenedKeys::Refused(line),
    }
}

/// Counts a sorted set, in which exactly one change was made since the last count, for all jobs that need the
/// count.
pub(crate) fn count_index(state: &mut State, ctx: Ctx<'_>, index: &[u8]) {
    let db = ctx.db();
    let on_it = state.registry.live_mut().iter_mut().filter(|job| job.has_index(db, index));
    on_it.for_each(|job| count(ctx, job));
}

/// Does the same for one job; the context must be in the job's database.
pub(crate) fn count(ctx: Ctx<'_>, job: &mut Job) {
    if let Some(scan) = UnackedScan::of(&mut job.scan) {
        count_for(ctx, scan);
    } else if let Some(scan) = SortedScan::of(&mut job.scan) {
        count_for(ctx, scan);
    } else if let Some(scan) = IdSetScan::of(&mut job.scan) {
        count_for(ctx, scan);
    }
}

fn count_for<L: Layout>(ctx: Ctx<'_>, scan: &mut IndexScan<L>) {
    if !scan.watches() {
        return;
    }
    let index = RString::new(scan.index());
    match Reader::open(ctx, &index) {
        Ok(mut keys) => scan.count(&mut keys),
        Err(_) => scan.lose_sight(),
    }
}

/// Handles a sorted set that could have changed more than once since it was counted.
pub(crate) fn lose_sight(state: &mut State, db: i32, index: &[u8]) {
    let on_it = state.registry.live_mut().iter_mut().filter(|job| job.has_index(db, index));
    on_it.for_each(|job| job.scan.lose_sight());
}

/// Tells all other jobs that walk in the order of this sorted set that entries were removed from it, and
/// drops the cached counts of `key`, which is the key of the messages. It is not known which of the entries
/// other jobs have counted.
pub(crate) fn tell_jobs(state: &mut State, ctx: Ctx<'_>, job: &mut Job, key: &[u8], index: &[u8]) {
    let db = job.start().db;
    count(ctx, job);
    count_index(state, ctx, index);
    for other in state.registry.live_mut().iter_mut().filter(|other| other.is_on(db, key)) {
        other.mark_stale();
    }
    state.forget_counts(db, key);
}
