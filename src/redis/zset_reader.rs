//! Reads a sorted set in its order, several entries at a time.

use std::collections::VecDeque;

use qadmin_core::scan::{IndexKeys, IndexPosition};

use super::ctx::Ctx;
use super::string::RString;
use super::zset;

/// The number of entries that are read at once: at the first time, and at most.
const READ_AHEAD: (u64, u64) = (1, 16);
/// The number of bytes of members that are read at once, as estimated from the members that were read before;
/// all of them are copied.
const AHEAD_BYTES: u64 = 64 * 1024;
/// The maximum number of entries that are read at once if only their positions are needed.
const PLACES_AHEAD: u64 = 64;

/// A sorted set, read in its order within one callback. It must be dropped before anything is written to it.
pub(crate) struct Reader<'c> {
    ctx: Ctx<'c>,
    key: &'c RString,
    entries: u64,
    /// The rank of the entry after those that were read.
    rank: i64,
    read: VecDeque<(Vec<u8>, f64)>,
    /// For reading backwards: the rank of the first of the entries that were read.
    back: i64,
    read_back: Vec<(Vec<u8>, f64)>,
    /// The number of entries to read at once, by the length of those that were read last.
    ahead: u64,
    refused: Option<Vec<u8>>,
}

impl<'c> Reader<'c> {
    /// Opens a sorted set. A missing key has no entries.
    ///
    /// # Errors
    /// Returns the errors of [`zset::len`].
    pub(crate) fn open(ctx: Ctx<'c>, key: &'c RString) -> Result<Self, Vec<u8>> {
        let entries = zset::len(ctx, key)?;
        Ok(Self {
            ctx,
            key,
            entries,
            rank: 0,
            read: VecDeque::new(),
            back: 0,
            read_back: Vec::new(),
            ahead: READ_AHEAD.0,
            refused: None,
        })
    }

    /// Returns the number of entries of the sorted set.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// Returns the position of the last entry.
    pub(crate) fn last(&mut self) -> Option<IndexPosition> {
        let last = self.ask(zset::range(self.ctx, self.key, -1, -1))?.pop();
        last.map(|(tag, score)| IndexPosition { score, tag })
    }

    /// Returns the server's error line, if it refused to read meanwhile.
    pub(crate) fn refused(&mut self) -> Option<Vec<u8>> {
        self.refused.take()
    }

    /// Returns whether there is an entry at this position.
    pub(crate) fn has(&mut self, place: &IndexPosition) -> bool {
        self.rank(Some(place)).and_then(|rank| self.at(rank)).is_some_and(|there| there == *place)
    }

    /// Reads the next entry: its member and its score.
    pub(crate) fn next_entry(&mut self) -> Option<(Vec<u8>, f64)> {
        if self.read.is_empty() && self.refused.is_none() {
            let last = self.rank.saturating_add(signed(self.ahead) - 1);
            let read = self.ask(zset::range(self.ctx, self.key, self.rank, last))?;
            self.learn(&read, READ_AHEAD.1);
            self.read = read.into();
            self.rank += signed(self.read.len() as u64);
        }
        self.read.pop_front()
    }

    /// Decides how many entries are read at once, so that their copies are small.
    fn learn(&mut self, read: &[(Vec<u8>, f64)], most: u64) {
        let bytes: u64 = read.iter().map(|(member, _)| member.len() as u64).sum();
        let longest = bytes.checked_div(read.len() as u64).unwrap_or(0).max(1);
        self.ahead = (AHEAD_BYTES / longest).clamp(1, most);
    }

    fn ask<R>(&mut self, answer: Result<R, Vec<u8>>) -> Option<R> {
        answer.map_err(|line| self.refused = Some(line)).ok()
    }

    /// Returns the number of entries with a score below that of a position, plus those of the same score for
    /// which `is_first` is true.
    fn count_before(&mut self, place: &IndexPosition, is_first: impl Fn(&[u8]) -> bool) -> Option<i64> {
        let (ctx, key) = (self.ctx, self.key);
        // Binary search within the entries of the same score.
        let mut from = signed(self.ask(zset::below(ctx, key, place.score))?);
        let mut to = signed(self.ask(zset::below_or_at(ctx, key, place.score))?);
        while from < to {
            let middle = from + (to - from) / 2;
            let found = self.ask(zset::range(ctx, key, middle, middle))?;
            match found.first() {
                Some((tag, _)) if is_first(tag) => from = middle + 1,
                _ => to = middle,
            }
        }
        Some(from)
    }

    /// Moves to the first entry after this position; without a position, to the first entry of all.
    pub(crate) fn seek(&mut self, after: Option<&IndexPosition>) {
        self.read.clear();
        let rank = after.map_or(Some(0), |place| self.count_before(place, |tag| tag <= place.tag.as_slice()));
        if let Some(rank) = rank {
            self.rank = rank;
        }
    }

    /// Implements [`IndexKeys::seek_back`].
    pub(crate) fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.read_back.clear();
        self.back = self.rank(place).map_or(0, signed);
    }

    /// Implements [`IndexKeys::previous`].
    pub(crate) fn previous(&mut self) -> Option<IndexPosition> {
        if self.read_back.is_empty() && self.back > 0 && self.refused.is_none() {
            let first = (self.back - signed(self.ahead)).max(0);
            let read = self.ask(zset::range(self.ctx, self.key, first, self.back - 1))?;
            self.learn(&read, PLACES_AHEAD);
            self.read_back = read;
            self.back = first;
        }
        self.read_back.pop().map(|(tag, score)| IndexPosition { score, tag })
    }

    /// Implements [`IndexKeys::rank`].
    pub(crate) fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        let Some(place) = place else { return Some(self.entries) };
        self.count_before(place, |tag| tag < place.tag.as_slice()).and_then(|rank| u64::try_from(rank).ok())
    }

    /// Implements [`IndexKeys::at`].
    pub(crate) fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        let rank = signed(rank);
        let (tag, score) = self.ask(zset::range(self.ctx, self.key, rank, rank))?.pop()?;
        Some(IndexPosition { score, tag })
    }

    /// Implements [`IndexKeys::up_to`].
    pub(crate) fn up_to(&mut self, score: f64) -> Option<u64> {
        self.ask(zset::below_or_at(self.ctx, self.key, score))
    }

    /// Implements [`IndexKeys::is_refused`].
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }
}

/// Counting entries and reading their positions do not need the messages.
impl IndexKeys for Reader<'_> {
    fn seek(&mut self, after: Option<&IndexPosition>) {
        self.seek(after);
    }

    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        let (tag, score) = self.next_entry()?;
        Some(f(score, &tag, Some(&tag)))
    }

    fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.seek_back(place);
    }

    fn previous(&mut self) -> Option<IndexPosition> {
        self.previous()
    }

    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        self.rank(place)
    }

    fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        self.at(rank)
    }

    fn up_to(&mut self, score: f64) -> Option<u64> {
        self.up_to(score)
    }

    fn is_refused(&self) -> bool {
        self.is_refused()
    }
}

fn signed(rank: u64) -> i64 {
    i64::try_from(rank).unwrap_or(i64::MAX)
}
