//! The cost of slices, learned from earlier slices.

use qadmin_core::job::{DeletionCost, MessageCost};
use qadmin_core::scan::{Budget, ListOutcome, Time};
use qadmin_core::settings::Settings;

use crate::redis::call::{CallMode, call};
use crate::redis::clock::now_ns;
use crate::redis::{Ctx, RString};

/// With `appendfsync always` each unit costs an fsync, and all clients wait for it. At most one unit is
/// written in this time.
const UNIT_EVERY_NS: u64 = 10_000_000;
/// The time between two readings of `appendfsync`.
const FSYNC_LOOK_EVERY_NS: u64 = 1_000_000_000;

/// Bytes that one slice moves to another list, not counting its first message. They are kept in memory
/// meanwhile.
const MOVED_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of messages that one slice removes from a sorted set, not counting the first. They are in the unit.
const MEMBERS_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of delivery tags or ids that one slice removes, not counting the first. They are in the unit.
const TAGS_BYTES_MAX: u64 = 1024 * 1024;

/// The part of a slice's time for which a window is sized. A window that does not fit into its slice costs
/// the next slice a seek for a short rest; one that ends early leaves time for another.
const WINDOW_PART: (u64, u64) = (7, 8);
/// A further window is examined if more than this part of `slice-us` is left.
const REST_PART: u64 = 5;

/// The measurements by which slices are planned.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    /// The cost of a message.
    message: MessageCost,
    /// The cost of removing a message in a second walk.
    deletion: DeletionCost,
    /// The cost of removing an unacknowledged message from both keys.
    unacked: DeletionCost,
    /// The cost of removing an id from a sorted set, together with its message.
    ids: DeletionCost,
    /// The cost of pushing a message to another list.
    put: DeletionCost,
    /// The costs of removing a member from a sorted set: without moving it to another one, and with moving
    /// it.
    members: [DeletionCost; 2],
    /// The time of the last seek, nanoseconds.
    seek_ns: u64,
    /// Whether `appendfsync` is `always`, as far as is known.
    fsync_always: bool,
    fsync_looked_ns: u64,
    last_unit_ns: u64,
}

impl Measures {
    /// Returns the budget of the first window of a slice.
    pub(super) fn budget(&self, settings: &Settings) -> Budget {
        let slice_ns = settings.slice_us() * 1_000;
        let time = Time::AfterSeek { slice_ns, last_seek_ns: self.seek_ns };
        self.in_time(time, slice_ns.max(self.seek_ns))
    }

    /// Returns the budget of a further window of a slice that ends at `over_ns`, if enough time is left to
    /// make it worthwhile.
    pub(super) fn rest(&self, now: u64, over_ns: u64, settings: &Settings) -> Option<Budget> {
        let left_ns = over_ns.saturating_sub(now);
        (left_ns > settings.slice_us() * 1_000 / REST_PART)
            .then(|| self.in_time(Time::Until(over_ns), left_ns))
    }

    fn in_time(&self, time: Time, ns: u64) -> Budget {
        let window = ns / self.message.ns() * WINDOW_PART.0 / WINDOW_PART.1;
        Budget {
            time,
            window,
            max_deletions: qadmin_core::unit::UNIT_MAX,
            max_bytes: u64::MAX,
            deletion_ns: self.deletion.ns(),
            put_ns: 0,
        }
    }

    /// Learns from the seek of a slice.
    pub(super) fn sought(&mut self, seek_ns: u64) {
        self.seek_ns = seek_ns;
    }

    /// Learns from one window.
    pub(super) fn learn(&mut self, outcome: &ListOutcome, now: u64) {
        if !outcome.deletions.is_empty() {
            self.last_unit_ns = now;
        }
        if !outcome.is_guided {
            self.message.learn(outcome.counts.examined, outcome.walk_ns);
        }
        self.deletion.learn(outcome.removed(), outcome.removing_ns.saturating_sub(outcome.reach_ns));
    }

    /// Returns the budget of a clear that moves what it removes to another list.
    pub(super) fn with_put(&self, budget: Budget) -> Budget {
        Budget { max_bytes: MOVED_BYTES_MAX, put_ns: self.put.ns(), ..budget }
    }

    /// Learns from pushing this many messages to another list.
    pub(super) fn put(&mut self, messages: u64, took_ns: u64) {
        self.put.learn(messages, took_ns);
    }

    /// Returns the budget of a slice over unacknowledged messages. Finding the first entry takes little time,
    /// so the slice is not extended by it.
    pub(crate) fn unacked(&self, settings: &Settings, most: usize) -> Budget {
        let slice_ns = settings.slice_us() * 1_000;
        let budget = self.in_time(Time::AfterSeek { slice_ns, last_seek_ns: 0 }, slice_ns);
        let max_deletions = budget.max_deletions.min(most);
        Budget { max_deletions, max_bytes: TAGS_BYTES_MAX, deletion_ns: self.unacked.ns(), ..budget }
    }

    /// Returns the budget of a slice over a sorted set of messages. `moves` says whether removed messages are
    /// moved to another sorted set.
    pub(crate) fn sorted_set(&self, settings: &Settings, most: usize, moves: bool) -> Budget {
        let deletion_ns = self.members[usize::from(moves)].ns();
        Budget { max_bytes: MEMBERS_BYTES_MAX, deletion_ns, ..self.unacked(settings, most) }
    }

    /// Returns the budget of a slice over a sorted set of ids.
    pub(crate) fn set_of_ids(&self, settings: &Settings, most: usize) -> Budget {
        Budget { deletion_ns: self.ids.ns(), ..self.unacked(settings, most) }
    }

    /// Learns from removing this many ids from a sorted set, together with their messages.
    pub(super) fn took_ids(&mut self, ids: u64, took_ns: u64, now: u64) {
        self.last_unit_ns = now;
        self.ids.learn(ids, took_ns);
    }

    /// Learns from the time that it took to remove this many members from a sorted set.
    pub(super) fn took_members(&mut self, members: u64, took_ns: u64, moves: bool, now: u64) {
        self.last_unit_ns = now;
        self.members[usize::from(moves)].learn(members, took_ns);
    }

    /// Learns from removing this many unacknowledged messages.
    pub(super) fn took_unacked(&mut self, messages: u64, took_ns: u64, now: u64) {
        self.last_unit_ns = now;
        self.unacked.learn(messages, took_ns);
    }

    /// With `appendfsync always`, or if the setting is unknown: returns when the next unit may be written, if
    /// not now.
    pub(super) fn unit_not_before(&mut self, ctx: Ctx<'_>) -> Option<u64> {
        let now = now_ns();
        if !ctx.flags().aof() {
            return None;
        }
        if now - self.fsync_looked_ns >= FSYNC_LOOK_EVERY_NS {
            self.fsync_looked_ns = now;
            let args = [RString::new("GET"), RString::new("appendfsync")];
            let answer = call(ctx, c"CONFIG", CallMode::Read, &args).map(|answer| answer.list());
            // If CONFIG was renamed, the setting is unknown, and the slower pace is the safe one.
            self.fsync_always = match answer {
                Ok(pair) => pair.get(1).is_some_and(|value| value == b"always"),
                Err(_) => true,
            };
        }
        let at = self.last_unit_ns + UNIT_EVERY_NS;
        (self.fsync_always && now < at).then_some(at)
    }
}
