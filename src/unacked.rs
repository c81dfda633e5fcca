//! The two keys in which kombu keeps what workers hold: a hash of messages and the sorted set that is its index.

use std::collections::VecDeque;

use qadmin_core::unacked::{Held, Place};
use uuid::Uuid;

use crate::redis::call::{How, call};
use crate::redis::guard::AbortOnUnwind;
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::{Ctx, RString, fault, zset};

/// Entries of the index that are asked for at once.
const READ_AHEAD: i64 = 32;

/// Both keys, opened for one callback. To be dropped before anything is written to them.
pub(crate) struct Keys<'c> {
    ctx: Ctx<'c>,
    hash: Option<Hash<'c>>,
    index: &'c RString,
    entries: u64,
    /// The rank of the entry behind those that were read.
    rank: i64,
    read: VecDeque<(Vec<u8>, f64)>,
    refused: Option<Vec<u8>>,
}

/// What the keys hold.
pub(crate) enum Opened<'c> {
    /// Messages, and their index.
    Keys(Keys<'c>),
    /// There is no hash.
    Missing,
    /// One of them holds another type.
    Other,
    /// The server refuses to read the index: its error line.
    Refused(Vec<u8>),
}

impl<'c> Keys<'c> {
    /// Opens both. A missing index is an empty one.
    pub(crate) fn open(ctx: Ctx<'c>, hash: &'c RString, index: &'c RString) -> Opened<'c> {
        match Hash::open(ctx, hash) {
            OpenedHash::Hash(hash) => Self::with(ctx, Some(hash), index),
            OpenedHash::Missing => Opened::Missing,
            OpenedHash::Other => Opened::Other,
        }
    }

    /// The index beside a hash that is not there.
    pub(crate) fn index_of_nothing(ctx: Ctx<'c>, index: &'c RString) -> Opened<'c> {
        Self::with(ctx, None, index)
    }

    fn with(ctx: Ctx<'c>, hash: Option<Hash<'c>>, index: &'c RString) -> Opened<'c> {
        match zset::len(ctx, index) {
            Ok(entries) => Opened::Keys(Self {
                ctx,
                hash,
                index,
                entries,
                rank: 0,
                read: VecDeque::new(),
                refused: None,
            }),
            Err(line) if line.starts_with(b"WRONGTYPE") => Opened::Other,
            Err(line) => Opened::Refused(line),
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
    pub(crate) fn last(&mut self) -> Option<Place> {
        let last = self.ask(zset::range(self.ctx, self.index, -1, -1))?.pop();
        last.map(|(tag, score)| Place { score, tag })
    }

    /// The server refused to read the index meanwhile: its error line.
    pub(crate) fn refused(&mut self) -> Option<Vec<u8>> {
        self.refused.take()
    }

    fn ask<R>(&mut self, answer: Result<R, Vec<u8>>) -> Option<R> {
        answer.map_err(|line| self.refused = Some(line)).ok()
    }

    /// The rank of the first entry behind a place, whether there is an entry at that place or not.
    fn rank_behind(&mut self, place: &Place) -> Option<i64> {
        let (ctx, index) = (self.ctx, self.index);
        // Within the entries of the same score, in halves.
        let mut from = signed(self.ask(zset::below(ctx, index, place.score))?);
        let mut to = signed(self.ask(zset::below_or_at(ctx, index, place.score))?);
        while from < to {
            let middle = from + (to - from) / 2;
            let found = self.ask(zset::range(ctx, index, middle, middle))?;
            match found.first() {
                Some((tag, _)) if *tag <= place.tag => from = middle + 1,
                _ => to = middle,
            }
        }
        Some(from)
    }
}

impl Held for Keys<'_> {
    fn seek(&mut self, behind: Option<&Place>) {
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
}

fn signed(rank: u64) -> i64 {
    i64::try_from(rank).unwrap_or(i64::MAX)
}

/// Takes entries out of both keys, as one unit of replication with whatever else the callback writes.
///
/// # Errors
/// The server's error line; nothing was taken out then.
pub(crate) fn take_out(
    ctx: Ctx<'_>,
    hash: &RString,
    index: &RString,
    tags: &[Vec<u8>],
) -> Result<(), Vec<u8>> {
    // A tag that nobody has: it changes nothing, and is refused for all the reasons for which the real one would be.
    call(ctx, c"ZREM", How::Write, &[RString::new(index.bytes()), RString::new(Uuid::new_v4().to_string())])?;
    // Between the two nothing may unwind.
    let no_return = AbortOnUnwind;
    let args = |key: &RString| {
        let mut args = vec![RString::new(key.bytes())];
        args.extend(tags.iter().map(RString::new));
        args
    };
    call(ctx, c"HDEL", How::Write, &args(hash))?;
    fault::point("between hash and index");
    call(ctx, c"ZREM", How::Write, &args(index))?;
    drop(no_return);
    Ok(())
}
