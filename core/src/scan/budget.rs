//! How long a slice may take: its budget, the clock, and how often the clock is read while work is counted.

/// A clock that never goes back, in nanoseconds from an arbitrary start.
pub trait Clock {
    /// Returns the present time.
    fn now_ns(&self) -> u64;
}

/// When a slice ends.
#[derive(Debug, Clone, Copy)]
pub enum Time {
    /// After this time from the first message.
    AfterSeek {
        /// Nanoseconds. If the seek took longer, the slice lasts as long as the seek, because a shorter slice
        /// would make a scan that mostly seeks.
        slice_ns: u64,
        /// The time of the seek before this one, in nanoseconds. A longer seek was interrupted, and does not
        /// extend the slice.
        last_seek_ns: u64,
    },
    /// At this time of the clock: a further window of the same slice, on the same opened queue.
    Until(u64),
}

impl Time {
    /// Returns the end of a slice whose first message was read at `now_ns`, `seek_ns` after the slice began.
    pub(super) fn end(self, now_ns: u64, seek_ns: u64) -> u64 {
        match self {
            Self::AfterSeek { slice_ns, last_seek_ns } => now_ns + slice_ns.max(seek_ns.min(last_seek_ns)),
            Self::Until(at) => at,
        }
    }
}

/// How much one slice may do.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// When it ends.
    pub time: Time,
    /// Number of messages that are expected to fit, at least 1: the size of the next window.
    pub window: u64,
    /// The most messages that one slice removes.
    pub max_deletions: usize,
    /// The most bytes that one slice removes, not counting its first message.
    pub max_bytes: u64,
    /// Expected time to remove one message that was met before, nanoseconds: a walk towards the head reserves this
    /// much for each.
    pub deletion_ns: u64,
    /// Expected time to push one removed message to another list, nanoseconds, reserved in the same way on any
    /// walk.
    pub put_ns: u64,
}

impl Budget {
    /// Returns what is left of it, given the time in nanoseconds at which the slice began.
    #[must_use]
    pub fn since(&self, began_ns: u64, now_ns: u64) -> Self {
        let time = match self.time {
            Time::AfterSeek { slice_ns, last_seek_ns } => Time::AfterSeek {
                slice_ns: slice_ns.saturating_sub(now_ns.saturating_sub(began_ns)),
                last_seek_ns,
            },
            until @ Time::Until(_) => until,
        };
        Self { time, ..*self }
    }

    /// Returns the time from `now_ns` on, in nanoseconds.
    pub(super) fn ns(&self, now_ns: u64) -> u64 {
        match self.time {
            Time::AfterSeek { slice_ns, .. } => slice_ns,
            Time::Until(at) => at.saturating_sub(now_ns),
        }
    }
}

/// The clock is read after this many messages ...
const CLOCK_EVERY_MESSAGES: u32 = 16;
/// ... or after this many bytes and steps of work, whichever comes first: a rate that was measured with small
/// messages says nothing about large ones that follow, nor about messages with long values or compressed bodies.
const CLOCK_EVERY_WORK: u64 = 64 * 1024;

/// The end of a slice.
pub(crate) struct Deadline<'a, C> {
    pub(super) clock: &'a C,
    time: Time,
    opened: u64,
    at: u64,
    messages: u32,
    work: u64,
    /// Reserved time.
    pub(super) reserved: u64,
    /// Time that was spent outside of the walk.
    pub(super) beside_ns: u64,
}

impl<'a, C: Clock> Deadline<'a, C> {
    /// A slice begins now, with its seek.
    pub(crate) fn new(clock: &'a C, budget: &Budget) -> Self {
        let opened = clock.now_ns();
        Self { clock, time: budget.time, opened, at: 0, messages: 0, work: 0, reserved: 0, beside_ns: 0 }
    }

    /// The first message was read: the budget begins. Returns the time of the seek, and when the slice ends.
    pub(crate) fn begin(&mut self) -> (u64, u64) {
        let now = self.clock.now_ns();
        let seek_ns = now - self.opened;
        self.at = self.time.end(now, seek_ns);
        (seek_ns, self.at)
    }

    /// Runs something that is not part of the walk. Its time counts towards the slice nevertheless.
    pub(super) fn beside<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let began = self.clock.now_ns();
        let result = work();
        self.beside_ns += self.clock.now_ns() - began;
        result
    }

    /// Reserves this much time.
    pub(crate) fn reserve(&mut self, ns: u64) {
        self.reserved += ns;
    }

    /// Returns the time of the walk, after a seek of `seek_ns`.
    pub(super) fn walked(&self, seek_ns: u64) -> u64 {
        (self.clock.now_ns() - self.opened).saturating_sub(seek_ns + self.beside_ns)
    }

    /// Returns whether something that takes this many nanoseconds can begin at `now_ns`.
    pub(super) fn has_time(&self, now_ns: u64, ns: u64) -> bool {
        now_ns.saturating_add(self.reserved).saturating_add(ns) < self.at
    }

    /// Counts one message, after `work` bytes and steps in all. A deletion takes far longer than a message that is
    /// only examined, so the clock is read after each.
    pub(crate) fn is_over(&mut self, work: u64, deleted: bool) -> bool {
        self.messages += 1;
        if !deleted && self.messages < CLOCK_EVERY_MESSAGES && work - self.work < CLOCK_EVERY_WORK {
            return false;
        }
        (self.messages, self.work) = (0, work);
        self.clock.now_ns() + self.reserved >= self.at
    }
}
