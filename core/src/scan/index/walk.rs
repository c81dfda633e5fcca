//! The work of one slice in the order of a sorted set: it walks, examines, notes what is to be removed, and
//! stops on time.

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

/// The outcome of one slice. It has no effect on the scan before [`IndexScan::commit`].
#[derive(Debug, Default)]
pub struct IndexOutcome {
    /// The positions of the entries to remove; empty if the job removes nothing.
    pub removed: Vec<IndexPosition>,
    /// Whether the caller may remove them.
    pub(super) is_permitted: bool,
    /// The number of their bytes.
    pub removed_bytes: u64,
    /// The numbers that are added to the counters of the job. Entries are counted as examined.
    pub counts: SliceCounts,
    /// The number of examined entries that could have come after the job was accepted; they are kept.
    pub(super) uncertain: u64,
    /// The number of uncertain entries that match.
    pub(super) doubtful: u64,
    /// The number of matches that the caller did not move because the destination contains the same messages.
    pub(super) kept_back: u64,
    /// With BY: the values of the matches that are kept from now on.
    pub(super) fresh: HashSet<u128>,
    /// Whether there is no room for one more value; nothing more is cleared then.
    pub(super) overflows: bool,
    /// The number of entries that came after the job was accepted: those before the bound and, at the end of
    /// the walk, those after it.
    pub(super) later: u64,
    /// The time to the first entry, in nanoseconds.
    pub seek_ns: u64,
    /// The time of the clock at which the slice is over; 0 before the first entry.
    pub over_ns: u64,
    pub(super) empty: u64,
    pub(super) rows: Vec<Row>,
    pub(super) grouped: Vec<Grouped>,
    /// The entry that was examined last.
    pub(super) cursor: Option<IndexPosition>,
    /// The tag of the match that KEEPONE keeps, if this slice found it.
    pub(super) kept: Option<Vec<u8>>,
    /// Whether the match that KEEPONE kept is none any more.
    pub(super) lost_kept: bool,
    /// Whether there is nothing more up to the bound.
    pub(super) over: bool,
    /// The number of removed messages that the scan has counted.
    pub(super) counted: u64,
    /// Bytes that were read plus steps of work.
    work: u64,
}

impl<L: Layout> IndexScan<L> {
    /// Works until the budget is spent or there is nothing left up to the bound. Always passes at least one
    /// entry if there is one.
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
        let kept = self.kept.as_ref().and_then(|tag| keys.kept_message(tag));
        outcome.lost_kept =
            kept.is_some_and(|kept| !judge.judge(&kept).is_some_and(|verdict| verdict.matched));
        keys.seek(self.cursor.as_ref());
        loop {
            let step = keys.examine_next(|score, tag, value, is_whole| {
                if std::mem::take(&mut first) {
                    (outcome.seek_ns, outcome.over_ns) = deadline.begin();
                }
                if self.bound.as_ref().is_none_or(|bound| bound.cmp(score, tag) == Ordering::Less) {
                    return Some(Step::Beyond);
                }
                let cleared =
                    outcome.take_in(self, judge, (score, tag), (value, is_whole))? && self.deletes();
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
                Some(match full || deadline.is_over(outcome.work, cleared) {
                    true => Step::Last(IndexPosition { score, tag: tag.to_vec() }),
                    false => Step::Next,
                })
            });
            match step {
                Some(Step::Next) => {}
                Some(Step::Last(place)) => {
                    outcome.cursor = Some(place);
                    return;
                }
                Some(Step::Beyond) | None => {
                    outcome.over = true;
                    outcome.later += self.count_after(keys);
                    return;
                }
            }
        }
    }
}

impl<L: Layout> IndexScan<L> {
    /// Returns the number of entries after the bound, which was the last entry when the job was accepted.
    fn count_after(&self, keys: &mut impl IndexKeys) -> u64 {
        let (Some(bound), Some(all)) = (&self.bound, keys.rank(None)) else { return 0 };
        let Some(below) = keys.rank(Some(bound)) else { return 0 };
        let is_there = below < all && keys.at(below).as_ref() == Some(bound);
        all.saturating_sub(below + u64::from(is_there))
    }
}

enum Step {
    /// Continue with the next entry.
    Next,
    /// End the slice with this entry.
    Last(IndexPosition),
    /// This entry is after the bound.
    Beyond,
}

impl IndexOutcome {
    /// Returns the positions that the caller is to remove now. If the caller may not remove any, the list is
    /// cleared, so that nothing is counted as removed.
    pub fn to_remove(&mut self) -> &[IndexPosition] {
        if !self.is_permitted {
            self.removed.clear();
        }
        &self.removed
    }

    /// Records that nothing was removed.
    pub fn removed_nothing(&mut self) {
        self.removed.clear();
    }

    /// Keeps the matches that the caller cannot move. Must be called before anything is removed.
    pub fn keep_back(&mut self, mut is_kept: impl FnMut(&IndexPosition) -> bool) {
        let before = self.removed.len();
        self.removed.retain(|place| !is_kept(place));
        let kept = (before - self.removed.len()) as u64;
        self.kept_back += kept;
        self.counts.would_delete -= kept;
    }

    /// Examines one entry and counts the work; returns whether it is to be cleared. `None` if the value is a part of a message
    /// that does not decide about it: only the work is counted then.
    fn take_in<L: Layout>(
        &mut self,
        scan: &IndexScan<L>,
        judge: &mut impl Judge,
        place: (f64, &[u8]),
        (value, is_whole): (Option<&[u8]>, bool),
    ) -> Option<bool> {
        let cleared = match scan.membership(place) {
            Membership::Later => {
                self.later += 1;
                Some(false)
            }
            known if is_whole => Some(self.judge(scan, judge, place, value, known == Membership::There)),
            known => value.is_some_and(|part| judge.excludes(part)).then(|| {
                self.uncertain += u64::from(known != Membership::There);
                self.counts.examined += 1;
                false
            }),
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
        let bytes = message.len() as u64;
        self.counts.examined += 1;
        let Some(verdict) = judge.judge(message) else { return false };
        self.counts.add_verdict(&verdict);
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
            let is_first = scan.plan.finds_one && scan.rows.is_empty() && self.rows.is_empty();
            let tag = (is_first || tag.len() <= ROW_TAG_MAX).then(|| tag.to_vec());
            self.rows.push(Row { score, tag, bytes, members: judge.describe(message) });
        }
        let mut matches = MatchWith { scan, outcome: self, judge, tag, message };
        let is_cleared = decide::is_cleared(scan.plan.effect, &mut matches);
        self.counts.add_match(&verdict, bytes, is_cleared);
        is_cleared
    }
}

/// A match of the index, with the information about earlier matches.
struct MatchWith<'a, L: Layout, J> {
    scan: &'a IndexScan<L>,
    outcome: &'a mut IndexOutcome,
    judge: &'a mut J,
    tag: &'a [u8],
    message: &'a [u8],
}

impl<L: Layout, J: Judge> Matches for MatchWith<'_, L, J> {
    /// The lowest score comes first. The match that is kept is identified by its tag, because it can get
    /// another score and be found again.
    fn keeps_as_oldest(&mut self) -> bool {
        let earlier = self.scan.kept.as_ref().filter(|_| !self.outcome.lost_kept);
        match earlier.or(self.outcome.kept.as_ref()) {
            Some(kept) => kept.as_slice() == self.tag,
            None => {
                self.outcome.kept = Some(self.tag.to_vec());
                true
            }
        }
    }

    /// Values are compared in the order of the index: the first match with each value is kept.
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
