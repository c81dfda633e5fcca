//! Functions for the containers whose messages are walked in the order of a sorted set: opening the set, counting
//! it after it changed, and removing entries together with their messages.

use qadmin_core::job::Job;
use qadmin_core::scan::{IdSetScan, IndexPosition, IndexScan, Layout, OneScan as _, SortedScan, UnackedScan};

use uuid::Uuid;

use super::OpenedKeys;
use crate::redis::call::{CallMode, call};
use crate::redis::guard::AbortOnUnwind;
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString};
use crate::state::{State, tell_own};

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

/// Removes these entries of a sorted set after `messages` has removed the messages that belong to them, as one unit of
/// replication with everything else that the callback writes.
///
/// # Errors
/// Returns the server's error line. Nothing was removed then, unless the server refused the second ZREM after it had
/// accepted the first one.
pub(crate) fn remove(
    ctx: Ctx<'_>,
    index: &RString,
    places: &[IndexPosition],
    messages: impl FnOnce() -> Result<(), Vec<u8>>,
) -> Result<(), Vec<u8>> {
    // This entry does not exist, so the command changes nothing, but it is refused for the same reasons as the real one.
    call(ctx, c"ZREM", CallMode::Write, &args(index, [Uuid::new_v4().to_string().as_bytes()]))?;
    // Nothing may unwind between the two writes.
    let no_return = AbortOnUnwind;
    messages()?;
    // The caller counts the sorted set for all jobs afterwards.
    let mut taken = None;
    tell_own(ctx, index.bytes(), b"zrem", || {
        let entries = args(index, places.iter().map(|place| place.tag.as_slice()));
        taken = Some(call(ctx, c"ZREM", CallMode::Write, &entries));
    });
    drop(no_return);
    taken.map_or(Ok(()), |answer| answer.map(drop))
}

/// Returns a key and these words as the arguments of a command.
pub(crate) fn args<'w>(key: &'w RString, words: impl IntoIterator<Item = &'w [u8]>) -> Vec<RString> {
    std::iter::once(key.bytes()).chain(words).map(RString::new).collect()
}
