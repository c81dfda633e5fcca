//! What one slice of a list saw and did, and what it decides about each message.

use std::collections::HashMap;

use super::ListScan;
use super::bearings::BULKY;
use super::newest::FoundNewest;
use super::surroundings::Surroundings;
use crate::scan::contract::SliceOutcome;
use crate::scan::counters::SliceCounts;
use crate::scan::decide::{self, Matches};
use crate::scan::guide::{Guide, JumpCosts, Route};
use crate::scan::judge::Judge;
use crate::scan::plan::Effect;
use crate::scan::sample::SampleRow;
use crate::scan::tallies::Grouped;
use crate::scan::unread::GroupCount;

/// A message that was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// List index before the slice, 0 = head.
    pub index: u64,
    /// Digest of the message, so that a replica which repeats the deletion can check that it deletes the same
    /// message.
    pub fingerprint: u32,
}

/// What one slice saw and did. Nothing is booked until [`ListScan::commit`]. It is used again from slice to slice.
#[derive(Debug, Default)]
pub struct ListOutcome {
    /// The removed messages, indexes ascending.
    pub deletions: Vec<Deletion>,
    /// Messages that are left in the list, where some were removed.
    pub left: u64,
    /// What is added to the counters of the job.
    pub counts: SliceCounts,
    /// Bytes examined.
    pub examined_bytes: u64,
    /// Time to the first message, in nanoseconds.
    pub seek_ns: u64,
    /// When its time is over, by the clock in nanoseconds; 0 before the first message.
    pub over_ns: u64,
    /// Time from the first message to the last, in nanoseconds: reading, judging and deleting only. It does not
    /// include the check whether deleting is permitted, which costs the same for one message and for many, nor a
    /// second walk.
    pub walk_ns: u64,
    /// Time to the first message of the second walk, which removes what the first noted, in nanoseconds.
    pub reseek_ns: u64,
    /// Time that removing took in a second walk, in nanoseconds.
    pub removing_ns: u64,
    /// Of that, the time that it takes to get from one message to the next on the way of a guided walk, as
    /// far as it is known, in nanoseconds.
    pub reach_ns: u64,
    /// Of the examined messages, those that an index excluded, so that they were not read.
    pub passed: u64,
    /// An index guided the walk.
    pub is_guided: bool,
    /// It was an index, and not what an earlier pass had found.
    pub(super) is_by_index: bool,
    /// The messages that a later pass over the same messages has to read: see [`super::remembered`].
    pub(super) noted: Vec<u64>,
    /// The costs of a walk that no index guides, from earlier slices.
    pub(super) costs: JumpCosts,
    /// A message that an index was certain of does not match.
    pub contradicted: bool,
    /// The messages to which an index guides the walk.
    pub(super) route: Route,
    /// Messages that were examined last, in a row, of which none is too large to be read again.
    pub(super) light: u64,
    /// Work of the judge on the way, in steps.
    pub(super) work: u64,
    /// Bytes that were removed, or that the second walk has to remove.
    pub removed_bytes: u64,
    /// The messages that the second walk has to remove, the farthest from the head first.
    pub(super) planned: Vec<Deletion>,
    /// Digests of values for which no match was kept before this slice, each with the distance of the match that
    /// is kept now.
    pub(super) fresh: HashMap<u128, u64>,
    /// Of these, values that were never met before.
    pub(super) unknown_values: usize,
    /// A match has one distinct value too many: the walk ended before it.
    pub(super) overflows: bool,
    /// Of the removed messages, how many the scan has counted.
    pub(super) counted: u64,
    /// The match that KEEPONE keeps from now on.
    pub(super) kept: Option<u64>,
    /// The matches of which KEEP NEWEST keeps one.
    pub(super) newest: FoundNewest,
    /// One past the window that was walked back; `None` for a walk towards the head.
    pub(super) top: Option<u64>,
    pub(super) rows: Vec<SampleRow>,
    pub(super) grouped: Vec<Grouped>,
    /// The groups that an index counted.
    pub(super) groups_unread: Vec<GroupCount>,
    /// The surroundings of the far side of a window that this slice began, and the messages further away than
    /// where it ended; of the nearer messages those that were kept.
    pub(super) around_top: Surroundings,
    /// The surroundings of the position where it ended.
    pub(super) around_end: Surroundings,
}

impl ListOutcome {
    /// Clears the outcome of the slice before.
    pub fn reset(&mut self) {
        let mut deletions = std::mem::take(&mut self.deletions);
        let mut planned = std::mem::take(&mut self.planned);
        let mut fresh = std::mem::take(&mut self.fresh);
        let mut grouped = std::mem::take(&mut self.grouped);
        let mut groups_unread = std::mem::take(&mut self.groups_unread);
        let mut newest = std::mem::take(&mut self.newest);
        deletions.clear();
        planned.clear();
        fresh.clear();
        grouped.clear();
        groups_unread.clear();
        newest.clear();
        let mut noted = std::mem::take(&mut self.noted);
        noted.clear();
        let (route, costs) = (std::mem::take(&mut self.route), self.costs);
        *self = Self {
            deletions,
            planned,
            fresh,
            grouped,
            groups_unread,
            newest,
            noted,
            route,
            costs,
            ..Self::default()
        };
    }

    /// A guide counted messages in a slice whose time is over at `over_ns`.
    pub(super) fn guided_by(&mut self, guide: &dyn Guide, over_ns: u64) {
        (self.is_guided, self.is_by_index, self.over_ns) = (true, guide.is_index(), over_ns);
    }

    /// Counts messages that an index excludes, of which some are not JSON objects.
    pub(super) fn pass(&mut self, messages: u64, undecodable: u64) {
        self.passed += messages;
        self.counts.add_passed(messages, undecodable);
    }

    /// Returns the number of messages that were read and judged.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.counts.examined - self.passed
    }

    /// Returns the number of removed messages.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.deletions.len() as u64
    }

    /// Returns the number of examined messages that stay in the list.
    pub(super) fn kept_count(&self) -> u64 {
        self.counts.examined - self.removed()
    }

    /// Judges one message at `distance` and counts what that took. Returns whether it is cleared.
    pub(super) fn take_in(
        &mut self,
        scan: &ListScan,
        judge: &mut impl Judge,
        distance: u64,
        message: &[u8],
    ) -> bool {
        let cleared = self.judge(scan, judge, distance, message);
        self.work += judge.work();
        cleared
    }

    /// Judges one message at `distance` by a part of it, and counts what that took. Returns whether that is enough: it is not
    /// cleared then. Otherwise only the time is counted.
    pub(super) fn passes_over(
        &mut self,
        scan: &ListScan,
        judge: &mut impl Judge,
        distance: u64,
        part: &[u8],
    ) -> bool {
        judge.at(scan.index(distance));
        let is_excluded = judge.excludes(part);
        self.work += judge.work();
        match is_excluded {
            true => self.add_examined(part),
            false => self.work += part.len() as u64,
        }
        is_excluded
    }

    /// Returns how many of the messages that were examined last, at most `reach`, are read again to recognise the
    /// position.
    pub(super) fn again(&self, reach: usize) -> usize {
        usize::try_from(self.light).map_or(reach, |light| light.min(reach))
    }

    /// Returns the bytes read and steps of work so far: by these, time is estimated between two readings of the
    /// clock.
    pub(super) fn done(&self) -> u64 {
        self.examined_bytes + self.work
    }

    /// Counts an examined message.
    #[inline]
    fn add_examined(&mut self, message: &[u8]) {
        self.counts.examined += 1;
        self.examined_bytes += message.len() as u64;
        self.light = if message.len() > BULKY { 0 } else { self.light + 1 };
    }

    fn judge(&mut self, scan: &ListScan, judge: &mut impl Judge, distance: u64, message: &[u8]) -> bool {
        judge.at(scan.index(distance));
        let Some(verdict) = judge.judge(message) else {
            self.add_examined(message);
            return false;
        };
        let bytes = message.len() as u64;
        let is_cleared = verdict.matched
            && decide::is_cleared(
                scan.plan.effect,
                &mut MatchAt { scan, outcome: self, judge, distance, message },
            );
        if self.overflows {
            return false;
        }
        self.add_examined(message);
        self.counts.add_verdict(&verdict);
        if scan.remembers() {
            self.noted.push(distance);
        }
        if !verdict.matched {
            return false;
        }
        if scan.plan.effect == Effect::Group {
            self.grouped.push(Grouped { group: verdict.group, distance, bytes });
        }
        if scan.samples() && scan.here().sample.wants(distance) {
            self.rows.push(SampleRow { distance, bytes, members: judge.describe(message) });
        }
        self.counts.add_match(&verdict, bytes, is_cleared);
        is_cleared
    }
}

impl SliceOutcome for ListOutcome {
    fn reset(&mut self) {
        ListOutcome::reset(self);
    }

    fn counts(&self) -> &SliceCounts {
        &self.counts
    }

    fn seek_ns(&self) -> u64 {
        self.seek_ns
    }

    fn all_seeks_ns(&self) -> u64 {
        self.seek_ns + self.reseek_ns
    }

    fn over_ns(&self) -> u64 {
        self.over_ns
    }

    fn removed(&self) -> u64 {
        ListOutcome::removed(self)
    }
}

/// A match in a list, and what is remembered of those that were met before it.
struct MatchAt<'a, J> {
    scan: &'a ListScan,
    outcome: &'a mut ListOutcome,
    judge: &'a mut J,
    distance: u64,
    message: &'a [u8],
}

impl<J: Judge> Matches for MatchAt<'_, J> {
    fn keeps_as_oldest(&mut self) -> bool {
        let Self { scan, outcome, .. } = self;
        if scan.counting {
            // All but one are cleared, whichever it is.
            return !scan.has_matched() && outcome.counts.matched == 0;
        }
        let stays = !scan.spared && outcome.kept.is_none();
        if stays {
            outcome.kept = Some(self.distance);
        }
        stays
    }

    fn keeps_as_newest(&mut self) -> bool {
        let Self { scan, outcome, .. } = self;
        if scan.deletes() {
            // Whatever has happened meanwhile: no match is cleared before a newer one is known to be in the queue.
            return !scan.has_newer(self.distance);
        }
        outcome.newest.add(self.distance);
        !scan.has_matched() && outcome.counts.matched == 0
    }

    fn keeps_for_its_values(&mut self) -> bool {
        let Self { scan, outcome, .. } = self;
        let Some(digest) = self.judge.values(self.message) else {
            outcome.counts.unkeyed += 1;
            return true;
        };
        if scan.values.contains(digest) || outcome.fresh.contains_key(&digest) {
            return false;
        }
        let is_known = scan.values.knows(digest);
        if !is_known && !scan.values.has_room(outcome.unknown_values) {
            outcome.overflows = true;
            return true;
        }
        outcome.unknown_values += usize::from(!is_known);
        outcome.fresh.insert(digest, self.distance);
        true
    }

    fn has_room(&self) -> bool {
        self.scan.room().is_none_or(|room| self.outcome.counts.would_delete < room)
    }
}

/// Returns a short digest of a message: the low half of XXH3-64. It guards against deleting another message than
/// the primary did, not against an attacker.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the low half is the point")]
pub fn fingerprint(message: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(message) as u32
}
