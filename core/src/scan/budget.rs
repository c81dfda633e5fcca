//! How long a slice may take: its budget, the clock, and how often the clock is read while work is counted.

/// Time that only goes forward, in nanoseconds from an arbitrary start.
pub trait Clock {
    /// Now.
    fn now_ns(&self) -> u64;
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
    pub max_deletions: usize,
    /// The most bytes that one look takes out, but for its first message.
    pub max_bytes: u64,
    /// What it is thought to cost to take out one message that was met before, nanoseconds: a walk towards the
    /// head leaves this much time for each.
    pub deletion_ns: u64,
    /// What it is thought to cost to put one that was taken out elsewhere, nanoseconds, likewise on any walk.
    pub put_ns: u64,
}

/// The clock is read after this many messages ...
const CLOCK_EVERY_MESSAGES: u32 = 16;
/// ... or after so many bytes and steps of work, whichever comes first: a rate measured on small messages says nothing
/// about the large ones that follow, nor about those whose values are long or bodies compressed.
const CLOCK_EVERY_WORK: u64 = 64 * 1024;

/// When a slice is over.
pub(crate) struct Deadline<'a, C> {
    pub(super) clock: &'a C,
    time: Time,
    opened: u64,
    at: u64,
    messages: u32,
    work: u64,
    /// Time that is spoken for.
    pub(super) reserved: u64,
    /// Time that was spent beside the walk.
    pub(super) beside_ns: u64,
}

impl<'a, C: Clock> Deadline<'a, C> {
    /// Of a look that begins now: it goes to its first message.
    pub(crate) fn new(clock: &'a C, budget: &Budget) -> Self {
        let opened = clock.now_ns();
        Self { clock, time: budget.time, opened, at: 0, messages: 0, work: 0, reserved: 0, beside_ns: 0 }
    }

    /// The first message was read: the budget begins. Answers what the seek took, and when the time is over.
    pub(crate) fn begin(&mut self) -> (u64, u64) {
        let now = self.clock.now_ns();
        let seek_ns = now - self.opened;
        self.at = self.time.end(now, seek_ns);
        (seek_ns, self.at)
    }

    /// Does something that is no part of the walk; the time for it runs all the same.
    pub(super) fn beside<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let began = self.clock.now_ns();
        let result = work();
        self.beside_ns += self.clock.now_ns() - began;
        result
    }

    /// So much of the time is spoken for.
    pub(crate) fn reserve(&mut self, ns: u64) {
        self.reserved += ns;
    }

    /// What the walk took, behind a seek of `seek_ns`.
    pub(super) fn walked(&self, seek_ns: u64) -> u64 {
        (self.clock.now_ns() - self.opened).saturating_sub(seek_ns + self.beside_ns)
    }

    /// One more message is done, after `work` bytes and steps in all; a deletion costs far more than a look, so it does
    /// not wait to be counted.
    pub(crate) fn is_over(&mut self, work: u64, deleted: bool) -> bool {
        self.messages += 1;
        if !deleted && self.messages < CLOCK_EVERY_MESSAGES && work - self.work < CLOCK_EVERY_WORK {
            return false;
        }
        (self.messages, self.work) = (0, work);
        self.clock.now_ns() + self.reserved >= self.at
    }
}
