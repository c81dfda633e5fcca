//! What a scan needs of its caller: an opened queue, a clock, a judge and a budget.

use crate::concerns::{Concerns, LeftBehind};
use crate::reply::Reply;

/// An opened queue. Nobody else changes it between opening and the end of the slice.
pub trait Queue {
    /// Messages in it.
    fn len(&self) -> u64;

    /// It holds nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the message at `index` (0 = head). `None` if it cannot be read. After a [`Queue::delete`] only
    /// the same index or higher ones can.
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R>;

    /// The same for a message that is not judged: it is looked at to know the place again.
    fn peek<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.read(index, f)
    }

    /// The message that was read last stays in the queue, and is remembered as one of the last `most` that do. Only where
    /// others are taken out: elsewhere a message can be read again at its index.
    fn stays(&mut self, _most: usize) {}

    /// Hands over those that were remembered, the last one first, at most `most` of them, and forgets them.
    fn stayed(&mut self, _most: usize, _f: impl FnMut(&[u8])) {}

    /// Takes out the message at `index`, which was just read on a walk away from the head. What follows it
    /// moves up. Says whether it did.
    fn delete(&mut self, index: u64) -> bool;

    /// Forgets where it stands: a walk away from the head may follow, and delete. Nothing may have been deleted
    /// before. Says whether the queue is still the one that it was.
    fn reopen(&mut self) -> bool;
}

/// Time that only goes forward, in nanoseconds from an arbitrary start.
pub trait Clock {
    /// Now.
    fn now_ns(&self) -> u64;
}

/// What a filter says of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judgement {
    /// Every condition is true.
    pub matched: bool,
    /// The element is no JSON object.
    pub undecodable: bool,
    /// No clause is false, and one is unknown.
    pub unreadable: bool,
    /// It is unknown because of a value that has no meaning for the operator. Only with `unreadable`.
    pub uncompared: bool,
    /// What else there is to know of a match; of a message that does not match, only whether it would by its sender's
    /// texts alone.
    pub concerns: Concerns,
    /// What a match leaves behind elsewhere when it is taken out.
    pub left: LeftBehind,
    /// For [`Effect::Group`]: the number of the group that a match is in.
    pub group: u32,
}

/// Decides about messages and describes those that match.
pub trait Judge {
    /// The verdict.
    fn judge(&mut self, message: &[u8]) -> Judgement;
    /// The members of a sample row.
    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)>;
    /// Digest of the values by which matches are told apart; nothing if one of them cannot be read. Of the
    /// message that was judged last.
    fn values(&mut self, message: &[u8]) -> Option<u128>;
    /// The work that was done since it was asked for last, beside reading each message once: in steps, of which each is
    /// worth a byte that is read ([`crate::filter::Work`]). None unless the judge says otherwise.
    fn work(&mut self) -> u64 {
        0
    }
}

/// When a look is over.
#[derive(Debug, Clone, Copy)]
pub enum Time {
    /// So long after the first message was read.
    AfterSeek {
        /// Nanoseconds. Where the seek took longer, as long as the seek: less would be a scan that mostly seeks.
        slice_ns: u64,
        /// What the seek before this one took, in nanoseconds: one that took longer than that was interrupted,
        /// and earns no longer stretch.
        last_seek_ns: u64,
    },
    /// At this time of the clock: a further look in the same slice, on the same opened queue.
    Until(u64),
}

impl Time {
    /// The end of a look whose first message was read at `now_ns`, `seek_ns` after it began.
    pub(super) fn end(self, now_ns: u64, seek_ns: u64) -> u64 {
        match self {
            Self::AfterSeek { slice_ns, last_seek_ns } => now_ns + slice_ns.max(seek_ns.min(last_seek_ns)),
            Self::Until(at) => at,
        }
    }
}

/// How long a look may take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// When it is over.
    pub time: Time,
    /// Messages that are thought to fit, at least 1: the size of the next window.
    pub window: u64,
    /// The most messages that one look takes out.
    pub max_hits: usize,
    /// The most bytes that one look takes out, but for its first message.
    pub max_bytes: u64,
    /// What it is thought to cost to take out one message that was met before, nanoseconds: a walk towards the
    /// head leaves this much time for each.
    pub hit_ns: u64,
    /// What it is thought to cost to put one that was taken out elsewhere, nanoseconds, likewise on any walk.
    pub put_ns: u64,
}
