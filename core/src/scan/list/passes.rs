//! The passes of a scan over lists: when a pass ends, when another begins, and what is remembered from one to the
//! next.

use super::ListScan;
use super::marks::{MAX_PASSES, Missing};
use super::remembered::Remembered;
use super::track::Track;
use crate::scan::contract::Progress;
use crate::scan::counters::Counters;
use crate::scan::plan::Effect;
use crate::scan::values::Values;

impl ListScan {
    /// Compares the length at the start of a slice with the length that follows from the events, for the list that
    /// the slice works on. Another module may change a list without any event.
    pub fn observe_len(&mut self, len: u64) {
        if !self.here().gone && len != self.here().marks.len() {
            self.edited(self.at, len);
            self.advance();
        }
    }

    pub(super) fn edited(&mut self, list: usize, len: u64) {
        self.edits += 1;
        // A pass that has examined nothing loses nothing by starting over; only passes with work count.
        if self.counters.processed > 0 || self.counted.is_some() {
            if self.starts >= MAX_PASSES {
                self.gave_up = true;
            } else {
                self.starts += 1;
                self.counters.passes_run += 1;
            }
        }
        for (at, track) in self.lists.iter_mut().enumerate() {
            track.restart(if at == list { len } else { track.marks.len() });
            track.newest.clear();
        }
        (self.counting, self.counted, self.overflowed) = (self.plan.counts_first(), None, false);
        self.begin_pass();
    }

    /// Counters and findings of a new pass.
    fn begin_pass(&mut self) {
        let total = self.unexamined();
        self.values = Values::new(if self.plan.effect == Effect::KeepEach { total } else { 0 });
        self.lists.iter_mut().for_each(Track::forget);
        self.spared = false;
        self.at = 0;
        self.counters = Counters {
            total,
            deleted: self.counters.deleted,
            passes_run: self.counters.passes_run,
            examined_total: self.counters.examined_total,
            ..Counters::default()
        };
    }

    /// Continues with the next list if one is done, and with the second pass if the first one is done and found
    /// something to clear.
    pub(super) fn advance(&mut self) {
        self.leave_done_lists();
        let done = self.counting && !self.is_gone() && self.unexamined() == 0 && !self.is_astray();
        if self.lacks_newest(done) {
            self.count_anew();
        } else if done && self.progress() == Progress::Finished {
            self.counting = false;
            self.counted = Some(self.counters.matched);
            if self.counters.would_delete > 0 {
                self.complete();
                let lists = self.lists.iter_mut();
                let remembered: Vec<_> = lists.map(|list| std::mem::take(&mut list.remembered)).collect();
                self.pass_again();
                self.lists.iter_mut().zip(remembered).for_each(|(list, kept)| list.remembered = kept);
            }
        }
        self.leave_done_lists();
    }

    /// Goes to the next list that has messages to examine, or to the last one.
    fn leave_done_lists(&mut self) {
        while self.here().marks.unexamined() == 0 && self.at + 1 < self.lists.len() {
            self.at += 1;
        }
    }

    /// The match to keep must be known now, but is not.
    fn lacks_newest(&self, counted: bool) -> bool {
        let needed =
            if self.counting { counted && self.counters.would_delete > 0 } else { self.unexamined() > 0 };
        // How many are left to count is known when the positions of missing messages are.
        let is_sure = self.here().marks.missing() == Missing::default();
        let goes_on = is_sure && !self.gave_up && !self.newest_unknown && self.unexpected().is_none();
        let keeps_newest = self.plan.effect == Effect::KeepNewest && self.plan.deletes();
        keeps_newest && needed && goes_on && self.newest().is_err()
    }

    /// The pass has ended: what it has found is known of all messages of the snapshot.
    pub fn complete(&mut self) {
        // An index that was wrong about one message can be wrong about those that it excluded. Messages that are
        // elsewhere can have changed since.
        let is_unreliable = self.contradicted || self.plan.elsewhere;
        for list in &mut self.lists {
            if is_unreliable {
                list.remembered.lose();
            }
            list.remembered.complete(list.marks.late()..list.marks.end());
        }
    }

    /// Begins another pass over what is left of the snapshot.
    fn pass_again(&mut self) {
        // The end of the snapshot is where it was, so what is known of its surroundings stays true.
        let ends: Vec<_> = self.lists.iter_mut().map(|list| std::mem::take(&mut list.around[3])).collect();
        self.lists.iter_mut().for_each(|list| list.marks.again());
        self.counters.passes_run += 1;
        self.begin_pass();
        self.lists.iter_mut().zip(ends).for_each(|(list, end)| list.around[3] = end);
    }

    /// The newest match is not known any more: what is left of the snapshot is counted once more.
    fn count_anew(&mut self) {
        if self.starts >= MAX_PASSES {
            self.newest_unknown = true;
            return;
        }
        self.starts += 1;
        self.lists.iter_mut().for_each(|list| list.newest.clear());
        (self.counting, self.counted) = (true, None);
        self.pass_again();
    }

    /// The scan counts first, and the end of the snapshot has to be found before it can clear.
    pub(super) fn is_astray(&self) -> bool {
        self.counting && self.here().marks.missing() != Missing::default()
    }
}

/// What a count has learned of the lists of its queue, for a clear with the same filter.
#[derive(Debug, Clone)]
pub struct Recalled(Vec<(u64, Remembered)>);

impl ListScan {
    /// Returns what this scan has learned by reading, if it is done and something is known. What an index excluded
    /// was not read, and is not lent to others.
    #[must_use]
    pub fn recalled(&self) -> Option<Recalled> {
        if self.passed > 0 {
            return None;
        }
        let lists = self.lists.iter().map(|list| (list.marks.len(), list.remembered.clone()));
        let lists: Vec<_> = lists.collect();
        lists.iter().any(|(_, remembered)| remembered.is_known()).then_some(Recalled(lists))
    }

    /// Returns approximately how much memory that takes, bytes.
    #[must_use]
    pub fn remembered_bytes(&self) -> usize {
        self.lists.iter().map(|list| list.remembered.bytes()).sum()
    }

    /// Uses what a scan over the same lists has learned with the same filter. This one has examined nothing yet.
    pub fn recall(&mut self, recalled: Recalled) {
        let is_same = |(list, (len, _)): (&Track, &(u64, Remembered))| list.marks.len() == *len;
        if self.lists.len() == recalled.0.len() && self.lists.iter().zip(&recalled.0).all(is_same) {
            let each = self.lists.iter_mut().zip(recalled.0);
            each.for_each(|(list, (_, remembered))| list.remembered = remembered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Reply;
    use crate::scan::plan::Plan;
    use crate::scan::{Budget, Clock, Event, Judge, Judgement, ListOutcome, Queue, ScanState as _, Time};

    struct Messages(Vec<u32>);

    impl Queue for Messages {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
            Some(f(&self.0.get(usize::try_from(index).ok()?)?.to_be_bytes()))
        }
        fn delete(&mut self, _: u64) -> bool {
            false
        }
        fn reopen(&mut self) -> bool {
            true
        }
    }

    struct All;

    impl Judge for All {
        fn judge(&mut self, _: &[u8]) -> Option<Judgement> {
            Some(Judgement::of_match())
        }
        fn describe(&mut self, _: &[u8]) -> Vec<(Box<str>, Reply)> {
            Vec::new()
        }
        fn values(&mut self, _: &[u8]) -> Option<u128> {
            None
        }
    }

    impl Clock for All {
        fn now_ns(&self) -> u64 {
            0
        }
    }

    /// The caller has to open the list anew then, for writing.
    #[test]
    fn counting_pass_can_end_when_position_is_found() {
        let plan = Plan::new(Effect::ClearAll, false).most(Some(100));
        let mut scan = ListScan::new(plan, 20);
        let budget = Budget {
            time: Time::AfterSeek { slice_ns: 1_000, last_seek_ns: 0 },
            window: 17,
            max_deletions: 100,
            max_bytes: u64::MAX,
            deletion_ns: 0,
            put_ns: 0,
        };
        let mut outcome = ListOutcome::default();
        let mut list = Messages((0..20).collect());
        scan.run_slice(&mut list, &mut All, &All, &budget, || true, &mut outcome);
        scan.commit(&mut outcome);
        assert_eq!((scan.counters().processed, scan.deletes()), (17, false));
        // LTRIM removes the three that were not counted.
        let mut left = Messages((3..20).collect());
        scan.follow(0, Event::Removed { len: 17 });
        assert!(!scan.deletes());
        scan.take_bearings(&mut left);
        assert_eq!((scan.counted(), scan.deletes()), (Some(17), true));
        assert_eq!(scan.progress(), Progress::Unfinished);
    }
}
