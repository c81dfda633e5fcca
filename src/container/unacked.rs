//! The two keys in which kombu stores unacknowledged messages: a hash of messages and the sorted set that is
//! its index.

use qadmin_core::job::Job;
use qadmin_core::scan::{Budget, IndexKeys, IndexOutcome, IndexPosition, SliceOutcome as _, UnackedScan};
use qadmin_core::settings::Settings;

use super::index;
use super::{OpenedKeys, Prepared, Storage, Target};
use crate::measures::Measures;
use crate::redis::call::{CallMode, call};
use crate::redis::clock::Steady;
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::list::Mode;
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString, fault};
use crate::state::State;

/// Both keys, opened for one callback. They must be dropped before anything is written to them.
pub(crate) struct Keys<'c> {
    hash: Option<Hash<'c>>,
    index: Reader<'c>,
}

impl<'c> Keys<'c> {
    /// Opens both keys. A missing index has no entries.
    pub(crate) fn open(ctx: Ctx<'c>, hash: &'c RString, index: &'c RString) -> OpenedKeys<Self> {
        match Hash::open(ctx, hash) {
            OpenedHash::Hash(hash) => Self::with(ctx, Some(hash), index),
            OpenedHash::Missing => OpenedKeys::Missing,
            OpenedHash::Other => OpenedKeys::Other,
        }
    }

    /// Opens the index of a hash that does not exist.
    pub(crate) fn index_of_nothing(ctx: Ctx<'c>, index: &'c RString) -> OpenedKeys<Self> {
        Self::with(ctx, None, index)
    }

    fn with(ctx: Ctx<'c>, hash: Option<Hash<'c>>, index: &'c RString) -> OpenedKeys<Self> {
        match super::index::open(ctx, index) {
            OpenedKeys::Keys(index) => OpenedKeys::Keys(Self { hash, index }),
            OpenedKeys::Missing => OpenedKeys::Missing,
            OpenedKeys::Other => OpenedKeys::Other,
            OpenedKeys::Refused(line) => OpenedKeys::Refused(line),
        }
    }

    /// Returns the number of messages in the hash.
    pub(crate) fn len(&self) -> u64 {
        self.hash.as_ref().map_or(0, Hash::len)
    }

    /// Returns the number of entries of the index.
    pub(crate) fn entries(&self) -> u64 {
        self.index.entries()
    }

    /// Returns the position of the last entry.
    pub(crate) fn last(&mut self) -> Option<IndexPosition> {
        self.index.last()
    }

    /// Returns the server's error line, if it refused to read the index meanwhile.
    pub(crate) fn refused(&mut self) -> Option<Vec<u8>> {
        self.index.refused()
    }

    /// Reads the message whose entry is at this position; returns `None` if it has left.
    pub(crate) fn read_at<R>(&mut self, place: &IndexPosition, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        if !self.index.has(place) {
            return None;
        }
        let value = self.hash.as_ref()?.get(&RString::new(&place.tag))?;
        Some(f(value.bytes()))
    }
}

impl IndexKeys for Keys<'_> {
    fn seek(&mut self, after: Option<&IndexPosition>) {
        self.index.seek(after);
    }

    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        let (tag, score) = self.index.next_entry()?;
        let value = self.hash.as_ref().and_then(|hash| hash.get(&RString::new(&tag)));
        fault::point("reading a message");
        Some(f(score, &tag, value.as_ref().map(RString::bytes)))
    }

    fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.index.seek_back(place);
    }

    fn previous(&mut self) -> Option<IndexPosition> {
        self.index.previous()
    }

    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        self.index.rank(place)
    }

    fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        self.index.at(rank)
    }

    fn up_to(&mut self, score: f64) -> Option<u64> {
        self.index.up_to(score)
    }

    fn is_refused(&self) -> bool {
        self.index.is_refused()
    }
}

impl<'c> Storage<'c> for Keys<'c> {
    type Scan = UnackedScan;

    fn open(ctx: Ctx<'c>, names: &'c [RString], _: Mode) -> OpenedKeys<Self> {
        let [hash, index] = names else { return OpenedKeys::Missing };
        Self::open(ctx, hash, index)
    }

    fn prepare(&mut self, scan: &mut UnackedScan, budget: &Budget) -> Prepared {
        scan.observe(self.len(), self.entries());
        // Modules can change sorted sets without an event.
        scan.count(self);
        match scan.is_reading() {
            true => Prepared::Spent { seek_ns: scan.read(self, &Steady, budget) },
            false => Prepared::Ready,
        }
    }

    fn refused(&mut self) -> Option<Vec<u8>> {
        self.index.refused()
    }

    fn budget(measures: &Measures, settings: &Settings, most: usize, _: bool) -> Budget {
        measures.unacked(settings, most)
    }

    fn remove_matches(
        self,
        ctx: Ctx<'c>,
        names: &'c [RString],
        outcome: &mut IndexOutcome,
        _: Option<Target<'_>>,
    ) -> Result<Vec<u64>, Vec<u8>> {
        // The keys must not be open while they are written to.
        drop(self);
        let (places, [hash, index]) = (outcome.to_remove(), names) else { return Ok(Vec::new()) };
        if !places.is_empty()
            && let Err(line) = remove_matches(ctx, hash, index, places)
        {
            outcome.removed_nothing();
            return Err(line);
        }
        Ok(Vec::new())
    }

    fn learn(measures: &mut Measures, outcome: &IndexOutcome, took_ns: u64, _: bool, now: u64) {
        if outcome.removed() > 0 {
            measures.took_unacked(outcome.removed(), took_ns, now);
        }
    }

    fn tell_jobs(state: &mut State, ctx: Ctx<'_>, job: &mut Job, names: &[RString], _: &IndexOutcome) {
        let [hash, index] = names else { return };
        index::tell_jobs(state, ctx, job, hash.bytes(), index.bytes());
    }
}

/// Removes entries from both keys, as one unit of replication with everything else that the callback writes.
///
/// # Errors
/// Returns the server's error line; nothing was removed then.
fn remove_matches(
    ctx: Ctx<'_>,
    hash: &RString,
    index: &RString,
    places: &[IndexPosition],
) -> Result<(), Vec<u8>> {
    super::index::remove(ctx, index, places, || {
        let fields = super::index::args(hash, places.iter().map(|place| place.tag.as_slice()));
        call(ctx, c"HDEL", CallMode::Write, &fields)?;
        fault::point("between hash and index");
        Ok(())
    })
}
