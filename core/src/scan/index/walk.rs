//! One slice's work in the order of a sorted set: walk, judge, note what is to be taken out, stop on time.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::snapshot::Membership;
use super::{IndexKeys, IndexScan, Layout, ROW_TAG_MAX, Row};
use crate::scan::budget::{Budget, Clock, Deadline};
use crate::scan::contract::SliceOutcome;
use crate::scan::counters::SliceCounts;
use crate::scan::decide::{self, Matches};
use crate::scan::judge::Judge;
use crate::scan::place::IndexPosition;
use crate::scan::plan::Effect;
use crate::scan::sample::SAMPLE_MAX;
use crate::scan::tallies::Grouped;

/// What one slice saw. Nothing is booked until [`IndexScan::commit`].
#[derive(Debug, Default)]
pub struct IndexOutcome {
    /// The places of what is to be taken out. Empty where the job does not take out.
    pub removed: Vec<IndexPosition>,
    /// The caller was permitted to take that out.
    pub(super) is_permitted: bool,
    /// Their bytes.
    pub removed_bytes: u64,
    /// What is added to the counters of the job. What is examined are entries.
    pub counts: SliceCounts,
    /// Of the entries examined, the ones that may have come after the job was accepted: they are left alone.
    pub(super) uncertain: u64,
    /// Uncertain entries that match.
    pub(super) doubtful: u64,
    /// Matches that the caller did not move because the destination holds the same messages.
    pub(super) kept_back: u64,
    /// With BY: the values of the matches that stay from now on.
    pub(super) fresh: HashSet<u128>,
    /// There is no room for one more value: nothing more is cleared.
    pub(super) overflows: bool,
    /// Entries that came after the job was accepted: those on the way and, where the way is over, those behind it.
    pub(super) later: u64,
    /// Time to the first entry, in nanoseconds.
    pub seek_ns: u64,
    /// When its time is over, by the clock; 0 before the first entry.
    pub over_ns: u64,
    pub(super) empty: u64,
    pub(super) rows: Vec<Row>,
    pub(super) grouped: Vec<Grouped>,
    /// The entry examined last.
    pub(super) cursor: Option<IndexPosition>,
    /// The match that stays, where it was met.
    pub(super) kept: Option<Vec<u8>>,
    /// There is nothing more up to the bound.
    pub(super) over: bool,
    /// Of what was taken out, how many the scan has counted.
    pub(super) counted: u64,
    /// Bytes read and steps of work.
    work: u64,
}

impl<L: Layout> IndexScan<L> {
    /// Works until the budget is spent or there is nothing left up to the bound. Always passes at least one entry if there
    /// is one.
    pub fn run_slice(
        &self,
        keys: &mut impl IndexKeys,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        outcome: &mut IndexOutcome,
    ) {
        *outcome = IndexOutcome::default();
        let mut deadline = Deadline::new(clock, budget);
        let mut first = true;
        keys.seek(self.cursor.as_ref());
        loop {
            let step = keys.next(|score, tag, value| {
                if std::mem::take(&mut first) {
                    (outcome.seek_ns, outcome.over_ns) = deadline.begin();
                }
                if self.bound.as_ref().is_none_or(|bound| bound.cmp(score, tag) == Ordering::Less) {
                    return Step::Behind;
                }
                let cleared = outcome.take_in(self, judge, (score, tag), value) && self.deletes();
                if cleared {
                    outcome.removed_bytes += tag.len() as u64;
                    outcome.removed.push(IndexPosition { score, tag: tag.to_vec() });
                    deadline.reserve(budget.deletion_ns);
                }
                let full = outcome.removed.len() >= budget.max_deletions
                    || outcome.removed_bytes >= budget.max_bytes
                    || outcome.overflows
                    || (self.stops_at_limit()
                        && self.room().is_some_and(|room| outcome.counts.would_delete >= room));
                match full || deadline.is_over(outcome.work, cleared) {
                    true => Step::Last(IndexPosition { score, tag: tag.to_vec() }),
                    false => Step::Next,
                }
            });
            match step {
                Some(Step::Next) => {}
                Some(Step::Last(place)) => {
                    outcome.cursor = Some(place);
                    return;
                }
                Some(Step::Behind) | None => {
                    outcome.over = true;
                    outcome.later += self.count_behind(keys);
                    return;
                }
            }
        }
    }
}

impl<L: Layout> IndexScan<L> {
    /// Entries behind the bound: the bound was the last one when the job was accepted.
    fn count_behind(&self, keys: &mut impl IndexKeys) -> u64 {
        let (Some(bound), Some(all)) = (&self.bound, keys.rank(None)) else { return 0 };
        let Some(below) = keys.rank(Some(bound)) else { return 0 };
        let is_there = below < all && keys.at(below).as_ref() == Some(bound);
        all.saturating_sub(below + u64::from(is_there))
    }
}

enum Step {
    /// On to the next entry.
    Next,
    /// The slice ends with this one.
    Last(IndexPosition),
    /// This one is behind the bound.
    Behind,
}

impl IndexOutcome {
    /// Returns the places of what the caller is to take out now. Where it may not, nothing is left to be booked as taken out.
    pub fn to_remove(&mut self) -> &[IndexPosition] {
        if !self.is_permitted {
            self.removed.clear();
        }
        &self.removed
    }

    /// Books that nothing was taken out.
    pub fn removed_nothing(&mut self) {
        self.removed.clear();
    }

    /// Leaves in its place whatever the caller says cannot be moved. To be called before anything is taken out.
    pub fn keep_back(&mut self, mut is_kept: impl FnMut(&IndexPosition) -> bool) {
        let before = self.removed.len();
        self.removed.retain(|place| !is_kept(place));
        let kept = (before - self.removed.len()) as u64;
        self.kept_back += kept;
        self.counts.would_delete -= kept;
    }

    /// Judges one entry and counts what that took; says whether it is to go.
    fn take_in<L: Layout>(
        &mut self,
        scan: &IndexScan<L>,
        judge: &mut impl Judge,
        place: (f64, &[u8]),
        value: Option<&[u8]>,
    ) -> bool {
        let cleared = match scan.membership(place) {
            Membership::Later => {
                self.later += 1;
                false
            }
            known => self.judge(scan, judge, place, value, known == Membership::There),
        };
        self.work += judge.work() + value.map_or(0, |message| message.len() as u64);
        cleared
    }

    fn judge<L: Layout>(
        &mut self,
        scan: &IndexScan<L>,
        judge: &mut impl Judge,
        (score, tag): (f64, &[u8]),
        value: Option<&[u8]>,
        certain: bool,
    ) -> bool {
        self.uncertain += u64::from(!certain);
        let Some(message) = value else {
            self.counts.examined += 1;
            self.empty += 1;
            return false;
        };
        let verdict = judge.judge(message);
        let bytes = message.len() as u64;
        self.counts.add_examined(&verdict);
        if !verdict.matched {
            return false;
        }
        if !certain {
            self.doubtful += 1;
            return false;
        }
        if scan.plan.effect == Effect::Group {
            self.grouped.push(Grouped { group: verdict.group, distance: 0, bytes });
        } else if !scan.deletes() && scan.rows.len() + self.rows.len() < SAMPLE_MAX {
            let tag = (tag.len() <= ROW_TAG_MAX).then(|| tag.to_vec());
            self.rows.push(Row { score, tag, bytes, members: judge.describe(message) });
        }
        let mut matches = MatchWith { scan, outcome: self, judge, tag, message };
        let is_cleared = decide::is_cleared(scan.plan.effect, &mut matches);
        self.counts.add_match(&verdict, bytes, is_cleared);
        is_cleared
    }
}

/// A match of the index, and what is remembered of those that were met before it.
struct MatchWith<'a, L: Layout, J> {
    scan: &'a IndexScan<L>,
    outcome: &'a mut IndexOutcome,
    judge: &'a mut J,
    tag: &'a [u8],
    message: &'a [u8],
}

impl<L: Layout, J: Judge> Matches for MatchWith<'_, L, J> {
    /// The lowest deadline comes first. The match that stays is known by its tag, for it may get another score and be met
    /// again.
    fn keeps_as_oldest(&mut self) -> bool {
        match self.scan.kept.as_ref().or(self.outcome.kept.as_ref()) {
            Some(kept) => kept.as_slice() == self.tag,
            None => {
                self.outcome.kept = Some(self.tag.to_vec());
                true
            }
        }
    }

    /// The values are told apart in the order of the index: of each of them the match that is met first stays.
    fn keeps_for_its_values(&mut self) -> bool {
        let Self { scan, outcome, .. } = self;
        let Some(digest) = self.judge.values(self.message) else {
            outcome.counts.unkeyed += 1;
            return true;
        };
        if scan.values.contains(digest) || outcome.fresh.contains(&digest) {
            return false;
        }
        if !scan.values.has_room(outcome.fresh.len()) {
            outcome.overflows = true;
            return true;
        }
        outcome.fresh.insert(digest);
        true
    }

    fn has_room(&self) -> bool {
        self.scan.room().is_none_or(|room| self.outcome.counts.would_delete < room)
    }
}

impl SliceOutcome for IndexOutcome {
    fn counts(&self) -> &SliceCounts {
        &self.counts
    }

    fn seek_ns(&self) -> u64 {
        self.seek_ns
    }

    fn over_ns(&self) -> u64 {
        self.over_ns
    }

    fn removed(&self) -> u64 {
        self.removed.len() as u64
    }
}
