//! The two keys in which kombu keeps what workers hold: a hash of messages and the sorted set that is its index.

use std::collections::VecDeque;

use qadmin_core::job::Job;
use qadmin_core::scan::{
    Budget, IndexPosition, OneScan as _, SliceOutcome as _, UnackedKeys, UnackedOutcome, UnackedScan,
};
use qadmin_core::settings::Settings;
use uuid::Uuid;

use super::{OpenedKeys, Prepared, Storage, Target};
use crate::measures::Measures;
use crate::redis::call::{CallMode, call};
use crate::redis::clock::Steady;
use crate::redis::guard::AbortOnUnwind;
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::list::Mode;
use crate::redis::{Ctx, RString, fault, zset};
use crate::state::{self, State};

/// Entries of the index that are asked for at once.
const READ_AHEAD: i64 = 32;
/// The same where only their places are wanted.
const PLACES_AHEAD: i64 = 64;

/// Both keys, opened for one callback. To be dropped before anything is written to them.
pub(crate) struct Keys<'c> {
    ctx: Ctx<'c>,
    hash: Option<Hash<'c>>,
    index: &'c RString,
    entries: u64,
    /// The rank of the entry behind those that were read.
    rank: i64,
    read: VecDeque<(Vec<u8>, f64)>,
    /// On the way back: the rank of the first of those that were read.
    back: i64,
    read_back: Vec<(Vec<u8>, f64)>,
    refused: Option<Vec<u8>>,
}

impl<'c> Keys<'c> {
    /// Opens both. A missing index is an empty one.
    pub(crate) fn open(ctx: Ctx<'c>, hash: &'c RString, index: &'c RString) -> OpenedKeys<Self> {
        match Hash::open(ctx, hash) {
            OpenedHash::Hash(hash) => Self::with(ctx, Some(hash), index),
            OpenedHash::Missing => OpenedKeys::Missing,
            OpenedHash::Other => OpenedKeys::Other,
        }
    }

    /// The index beside a hash that is not there.
    pub(crate) fn index_of_nothing(ctx: Ctx<'c>, index: &'c RString) -> OpenedKeys<Self> {
        Self::with(ctx, None, index)
    }

    fn with(ctx: Ctx<'c>, hash: Option<Hash<'c>>, index: &'c RString) -> OpenedKeys<Self> {
        match zset::len(ctx, index) {
            Ok(entries) => OpenedKeys::Keys(Self {
                ctx,
                hash,
                index,
                entries,
                rank: 0,
                read: VecDeque::new(),
                back: 0,
                read_back: Vec::new(),
                refused: None,
            }),
            Err(line) if line.starts_with(b"WRONGTYPE") => OpenedKeys::Other,
            Err(line) => OpenedKeys::Refused(line),
        }
    }

    /// Messages in the hash.
    pub(crate) fn len(&self) -> u64 {
        self.hash.as_ref().map_or(0, Hash::len)
    }

    /// Entries of the index.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// The place of the last entry.
    pub(crate) fn last(&mut self) -> Option<IndexPosition> {
        let last = self.ask(zset::range(self.ctx, self.index, -1, -1))?.pop();
        last.map(|(tag, score)| IndexPosition { score, tag })
    }

    /// The server refused to read the index meanwhile: its error line.
    pub(crate) fn refused(&mut self) -> Option<Vec<u8>> {
        self.refused.take()
    }

    /// Reads the message whose entry is at this place; nothing where it has left.
    pub(crate) fn read_at<R>(&mut self, place: &IndexPosition, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let rank = self.rank(Some(place))?;
        self.at(rank).filter(|there| there == place)?;
        let value = self.hash.as_ref()?.get(&RString::new(&place.tag))?;
        Some(f(value.bytes()))
    }

    fn ask<R>(&mut self, answer: Result<R, Vec<u8>>) -> Option<R> {
        answer.map_err(|line| self.refused = Some(line)).ok()
    }

    /// The rank of the first entry behind a place, whether there is an entry at that place or not.
    fn rank_behind(&mut self, place: &IndexPosition) -> Option<i64> {
        self.count_before(place, |tag| tag <= place.tag.as_slice())
    }

    /// Entries with a score below that of a place, and those of the same score whose tag is one of the first.
    fn count_before(&mut self, place: &IndexPosition, is_first: impl Fn(&[u8]) -> bool) -> Option<i64> {
        let (ctx, index) = (self.ctx, self.index);
        // Within the entries of the same score, in halves.
        let mut from = signed(self.ask(zset::below(ctx, index, place.score))?);
        let mut to = signed(self.ask(zset::below_or_at(ctx, index, place.score))?);
        while from < to {
            let middle = from + (to - from) / 2;
            let found = self.ask(zset::range(ctx, index, middle, middle))?;
            match found.first() {
                Some((tag, _)) if is_first(tag) => from = middle + 1,
                _ => to = middle,
            }
        }
        Some(from)
    }
}

impl UnackedKeys for Keys<'_> {
    fn seek(&mut self, behind: Option<&IndexPosition>) {
        self.read.clear();
        if let Some(rank) = behind.map_or(Some(0), |place| self.rank_behind(place)) {
            self.rank = rank;
        }
    }

    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        if self.read.is_empty() && self.refused.is_none() {
            let ahead = zset::range(self.ctx, self.index, self.rank, self.rank + READ_AHEAD - 1);
            self.read = self.ask(ahead)?.into();
            self.rank += signed(self.read.len() as u64);
        }
        let (tag, score) = self.read.pop_front()?;
        let value = self.hash.as_ref().and_then(|hash| hash.get(&RString::new(&tag)));
        fault::point("reading a message");
        Some(f(score, &tag, value.as_ref().map(RString::bytes)))
    }

    fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.read_back.clear();
        self.back = self.rank(place).map_or(0, signed);
    }

    fn previous(&mut self) -> Option<IndexPosition> {
        if self.read_back.is_empty() && self.back > 0 && self.refused.is_none() {
            let first = (self.back - PLACES_AHEAD).max(0);
            self.read_back = self.ask(zset::range(self.ctx, self.index, first, self.back - 1))?;
            self.back = first;
        }
        self.read_back.pop().map(|(tag, score)| IndexPosition { score, tag })
    }

    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        let Some(place) = place else { return Some(self.entries) };
        self.count_before(place, |tag| tag < place.tag.as_slice()).and_then(|rank| u64::try_from(rank).ok())
    }

    fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        let rank = signed(rank);
        let (tag, score) = self.ask(zset::range(self.ctx, self.index, rank, rank))?.pop()?;
        Some(IndexPosition { score, tag })
    }

    fn up_to(&mut self, score: f64) -> Option<u64> {
        self.ask(zset::below_or_at(self.ctx, self.index, score))
    }

    fn is_refused(&self) -> bool {
        self.refused.is_some()
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
        self.refused.take()
    }

    fn budget(measures: &Measures, settings: &Settings, most: usize, _: bool) -> Budget {
        measures.unacked(settings, most)
    }

    fn remove_matches(
        self,
        ctx: Ctx<'c>,
        names: &'c [RString],
        outcome: &mut UnackedOutcome,
        _: Option<Target<'_>>,
    ) -> Result<Vec<u64>, Vec<u8>> {
        // The keys may not be open while they are written to.
        drop(self);
        let (tags, [hash, index]) = (outcome.to_remove(), names) else { return Ok(Vec::new()) };
        if !tags.is_empty()
            && let Err(line) = remove_matches(ctx, hash, index, tags)
        {
            outcome.removed_nothing();
            return Err(line);
        }
        Ok(Vec::new())
    }

    fn learn(measures: &mut Measures, outcome: &UnackedOutcome, took_ns: u64, _: bool, now: u64) {
        if outcome.removed() > 0 {
            measures.took_unacked(outcome.removed(), took_ns, now);
        }
    }

    fn tell_jobs(state: &mut State, ctx: Ctx<'_>, job: &mut Job, names: &[RString], _: &UnackedOutcome) {
        let ([hash, index], db) = (names, job.start().db) else { return };
        count(ctx, job);
        count_index(state, ctx, index.bytes());
        // Which of them others have counted is not known.
        for other in state.registry.live_mut().iter_mut().filter(|other| other.is_on(db, hash.bytes())) {
            other.mark_stale();
        }
        state.forget_counts(db, hash.bytes());
    }
}

fn signed(rank: u64) -> i64 {
    i64::try_from(rank).unwrap_or(i64::MAX)
}

/// Takes entries out of both keys, as one unit of replication with whatever else the callback writes.
///
/// # Errors
/// The server's error line; nothing was taken out then.
fn remove_matches(ctx: Ctx<'_>, hash: &RString, index: &RString, tags: &[Vec<u8>]) -> Result<(), Vec<u8>> {
    // A tag that nobody has: it changes nothing, and is refused for all the reasons for which the real one would be.
    call(
        ctx,
        c"ZREM",
        CallMode::Write,
        &[RString::new(index.bytes()), RString::new(Uuid::new_v4().to_string())],
    )?;
    // Between the two nothing may unwind.
    let no_return = AbortOnUnwind;
    let args = |key: &RString| {
        let mut args = vec![RString::new(key.bytes())];
        args.extend(tags.iter().map(RString::new));
        args
    };
    call(ctx, c"HDEL", CallMode::Write, &args(hash))?;
    fault::point("between hash and index");
    // Whoever takes out counts the index afterwards for all jobs.
    let mut taken = None;
    state::tell_own(ctx, index.bytes(), b"zrem", || {
        taken = Some(call(ctx, c"ZREM", CallMode::Write, &args(index)));
    });
    drop(no_return);
    taken.map_or(Ok(()), |answer| answer.map(|_| ()))
}

/// Something changed in an index, and nothing else since: counts it for all jobs that have to know.
pub(crate) fn count_index(state: &mut State, ctx: Ctx<'_>, index: &[u8]) {
    let db = ctx.db();
    state
        .registry
        .live_mut()
        .iter_mut()
        .filter(|job| job.has_index(db, index))
        .for_each(|job| count(ctx, job));
}

/// The same for one job, in whose database the context is.
pub(crate) fn count(ctx: Ctx<'_>, job: &mut Job) {
    let Some(scan) = UnackedScan::of(&mut job.scan).filter(|scan| scan.watches()) else { return };
    let index = RString::new(scan.index());
    match Keys::index_of_nothing(ctx, &index) {
        OpenedKeys::Keys(mut keys) => scan.count(&mut keys),
        _ => scan.lose_sight(),
    }
}

/// An index may have changed more than once since it was counted.
pub(crate) fn lose_sight(state: &mut State, db: i32, index: &[u8]) {
    let on_it = state.registry.live_mut().iter_mut().filter(|job| job.has_index(db, index));
    on_it.filter_map(|job| UnackedScan::of(&mut job.scan)).for_each(UnackedScan::lose_sight);
}
