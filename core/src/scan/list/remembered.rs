//! Which messages a later pass has to read, remembered without an index.
//!
//! A pass that only counts learns where the matches are. If another pass over the same messages follows, it need not read the
//! others again: they do not match. So the positions of matches are remembered, and of all messages whose verdict is not a
//! plain no, and are followed while the queue moves. That serves the second pass of jobs that count first, and a clear that
//! follows a preview with the same filter.
//!
//! It is exact or it is given up: where an event does not say which positions it changed, everything is forgotten, and the
//! pass reads every message.

use std::ops::Range;

use super::places::Places;
use crate::scan::guide::{Guide, JumpCosts, Route, Toward};
use crate::scan::shift::Shift;

/// The most positions that a pass remembers in each list. With more matches, jumping over the others saves little.
pub const REMEMBERED_MAX: usize = 16_384;
/// A small number, so that tests reach it.
pub(super) const MOST: usize = if cfg!(test) { 7 } else { REMEMBERED_MAX };

/// What is remembered of one list.
#[derive(Debug, Clone, Default)]
pub(super) struct Remembered {
    /// The messages that have to be read again.
    places: Places<()>,
    /// The distances of the messages of which everything is known; `None` while a pass still finds it.
    known: Option<Range<u64>>,
    /// Not everything is remembered, or it is not known where it is now.
    is_lost: bool,
}

impl Remembered {
    /// Books the messages that a slice found, in any order, before they move on.
    pub(super) fn extend(&mut self, found: &mut Vec<u64>) {
        if self.is_lost || found.is_empty() {
            return found.clear();
        }
        found.sort_unstable();
        self.places.merge(found.drain(..).map(|distance| (distance, ())));
        if self.places.len() > MOST {
            self.lose();
        }
    }

    /// The pass has ended: it examined all messages at these distances.
    pub(super) fn complete(&mut self, examined: Range<u64>) {
        self.known = (!self.is_lost).then_some(examined);
    }

    /// Returns whether it can spare a pass messages.
    pub(super) fn is_known(&self) -> bool {
        self.known.as_ref().is_some_and(|known| !known.is_empty())
    }

    /// Its positions are not known any more.
    pub(super) fn lose(&mut self) {
        self.places.clear(drop);
        (self.known, self.is_lost) = (None, true);
    }

    pub(super) fn follow(&mut self, shift: &Shift) {
        self.places.follow(shift, |(), _| ());
        if let Some(known) = &mut self.known {
            *known = shift.moved(known.start)..shift.moved(known.end);
        }
    }

    /// Returns a guide to the messages that have to be read.
    pub(super) fn guide<'a>(&'a self, costs: &'a mut JumpCosts) -> RememberedGuide<'a> {
        RememberedGuide { remembered: self, costs }
    }

    /// Returns approximately how much memory it takes, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.places.bytes()
    }
}

/// Guides a pass to the messages that are remembered, and to all that were not examined.
pub(super) struct RememberedGuide<'a> {
    remembered: &'a Remembered,
    costs: &'a mut JumpCosts,
}

impl Guide for RememberedGuide<'_> {
    fn lead(
        &mut self,
        range: Range<u64>,
        toward: Toward,
        most: usize,
        _: &mut dyn FnMut() -> bool,
        route: &mut Route,
    ) -> bool {
        let Some(known) = &self.remembered.known else { return false };
        let known = known.start.clamp(range.start, range.end)..known.end.clamp(range.start, range.end);
        let unknown = (range.start..known.start, known.end..range.end);
        let places = self.remembered.places.within(&known);
        match toward {
            Toward::ProducerEnd => {
                let all = unknown.0.chain(places).chain(unknown.1);
                lead(all, |distance| distance + 1, most, range.end, route);
            }
            Toward::ConsumerEnd => {
                let all = unknown.1.rev().chain(places.rev()).chain(unknown.0.rev());
                lead(all, |distance| distance, most, range.start, route);
            }
        }
        true
    }

    fn costs(&mut self) -> &mut JumpCosts {
        self.costs
    }

    fn is_index(&self) -> bool {
        false
    }
}

/// Adds messages in the order of a walk to a route, until there are `most`; `after` returns the boundary after one of
/// them. The walk ends at the boundary `end`.
fn lead(
    mut distances: impl Iterator<Item = u64>,
    after: impl Fn(u64) -> u64,
    most: usize,
    end: u64,
    route: &mut Route,
) {
    while route.candidates().len() < most {
        let Some(distance) = distances.next() else { return route.reach(end) };
        route.add(distance, false);
        route.reach(after(distance));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::End;
    use crate::reply::Reply;
    use crate::scan::list::ListScan;
    use crate::scan::{
        Budget, Clock, Effect, Event, Examine as _, Judge, Judgement, ListOutcome, Plan, Progress, Queue,
        ScanState as _, Time,
    };

    fn route(
        remembered: &Remembered,
        range: Range<u64>,
        toward: Toward,
        most: usize,
    ) -> (Vec<u64>, Range<u64>) {
        let (mut route, mut costs) = (Route::default(), JumpCosts::default());
        route.begin(if toward == Toward::ProducerEnd { range.start } else { range.end });
        let mut guide = remembered.guide(&mut costs);
        assert!(guide.lead(range, toward, most, &mut || true, &mut route));
        (route.candidates().iter().map(|candidate| candidate.distance).collect(), route.covered())
    }

    fn remembered(examined: Range<u64>, found: &[u64]) -> Remembered {
        let mut remembered = Remembered::default();
        remembered.extend(&mut found.to_vec());
        remembered.complete(examined);
        remembered
    }

    #[test]
    fn everything_outside_of_what_was_examined_is_read() {
        let known = remembered(3..9, &[8, 4]);
        assert_eq!(route(&known, 0..12, Toward::ProducerEnd, 99), (vec![0, 1, 2, 4, 8, 9, 10, 11], 0..12));
        assert_eq!(route(&known, 0..12, Toward::ConsumerEnd, 99), (vec![11, 10, 9, 8, 4, 2, 1, 0], 0..12));
        assert_eq!(route(&known, 5..8, Toward::ProducerEnd, 99), (vec![], 5..8));
        assert_eq!(route(&known, 10..12, Toward::ProducerEnd, 99), (vec![10, 11], 10..12));
        assert_eq!(route(&known, 0..2, Toward::ConsumerEnd, 99), (vec![1, 0], 0..2));
    }

    #[test]
    fn a_route_that_is_full_ends_next_to_its_last_message() {
        let known = remembered(0..20, &[2, 5, 9]);
        assert_eq!(route(&known, 0..20, Toward::ProducerEnd, 2), (vec![2, 5], 0..6));
        assert_eq!(route(&known, 0..20, Toward::ConsumerEnd, 2), (vec![9, 5], 5..20));
    }

    #[test]
    fn messages_of_later_slices_may_be_nearer() {
        let mut known = Remembered::default();
        for found in [[5, 4], [12, 10], [8, 7]] {
            known.extend(&mut found.to_vec());
        }
        known.complete(0..20);
        assert_eq!(route(&known, 0..20, Toward::ProducerEnd, 99).0, [4, 5, 7, 8, 10, 12]);
    }

    #[test]
    fn what_is_known_moves_with_the_queue() {
        let mut known = remembered(0..10, &[2, 6]);
        known.follow(&Shift::Away(3));
        known.follow(&Shift::Without(vec![4, 9]));
        assert_eq!(route(&known, 0..20, Toward::ProducerEnd, 4), (vec![0, 1, 2, 4], 0..5));
        known.follow(&Shift::Closer(4));
        known.follow(&Shift::CutAt(5));
        assert_eq!(route(&known, 0..9, Toward::ProducerEnd, 99), (vec![0, 5, 6, 7, 8], 0..9));
    }

    #[test]
    fn too_many_are_forgotten() {
        let found: Vec<u64> = (0..=MOST as u64).collect();
        let known = remembered(0..100, &found);
        assert!(!known.is_known() && known.bytes() == 0);
    }

    /// A list of numbers, which counts how many messages are read to be judged. The multiples of 50 match.
    struct Numbers {
        list: Vec<u32>,
        read: usize,
    }

    impl Queue for Numbers {
        fn len(&self) -> u64 {
            self.list.len() as u64
        }
        fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
            self.read += 1;
            self.peek(index, f)
        }
        fn peek<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
            Some(f(&self.list.get(usize::try_from(index).ok()?)?.to_be_bytes()))
        }
        fn delete(&mut self, index: u64) -> bool {
            self.list.remove(usize::try_from(index).unwrap_or(usize::MAX));
            true
        }
        fn reopen(&mut self) -> bool {
            true
        }
    }

    struct MultiplesOf50;

    impl Judge for MultiplesOf50 {
        fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
            let number = message.try_into().map(u32::from_be_bytes).unwrap_or(1);
            (number % 50 == 0).then(Judgement::of_match)
        }
        fn describe(&mut self, _: &[u8]) -> Vec<(Box<str>, Reply)> {
            Vec::new()
        }
        fn values(&mut self, _: &[u8]) -> Option<u128> {
            None
        }
    }

    /// Slices end by the number of messages.
    struct Standing;

    impl Clock for Standing {
        fn now_ns(&self) -> u64 {
            0
        }
    }

    fn finish(scan: &mut ListScan, list: &mut Numbers) {
        let budget = Budget {
            time: Time::AfterSeek { slice_ns: 1, last_seek_ns: 0 },
            window: 64,
            max_deletions: 4,
            max_bytes: u64::MAX,
            deletion_ns: 0,
            put_ns: 0,
        };
        let mut outcome = ListOutcome::default();
        while scan.progress() == Progress::Unfinished {
            scan.examine(list, &mut MultiplesOf50, &Standing, &budget, || true, &mut outcome);
            scan.commit(&mut outcome);
        }
    }

    #[test]
    fn second_pass_reads_only_what_the_first_has_found() {
        let mut list = Numbers { list: (0..300).collect(), read: 0 };
        let mut scan = ListScan::new(Plan::new(Effect::ClearAll, false).most(Some(10)), 300);
        finish(&mut scan, &mut list);
        assert_eq!((scan.counters().deleted, list.list.len()), (6, 294));
        assert_eq!(list.read, 300 + 6);
    }

    #[test]
    fn a_clear_after_a_count_reads_only_what_that_has_found_and_what_is_new() {
        let mut list = Numbers { list: (0..300).collect(), read: 0 };
        let mut count = ListScan::new(Plan::new(Effect::Count, false), 300);
        finish(&mut count, &mut list);
        count.complete();
        // Three are pushed, one of which matches, and one is popped, which did not.
        list.list.splice(0..0, [1_000, 1_001, 1_002]);
        count.follow(0, Event::Pushed { end: End::Head, len: 303 });
        list.list.pop();
        count.follow(0, Event::Popped { end: End::Tail, len: 302 });
        list.read = 0;
        let mut clear = ListScan::new(Plan::new(Effect::ClearAll, false), 302);
        clear.recall(count.recalled().expect("it is known"));
        finish(&mut clear, &mut list);
        assert_eq!((clear.counters().deleted, list.list.len()), (7, 295));
        assert_eq!(list.read, 6 + 3);
    }

    #[test]
    fn nothing_is_recalled_for_a_list_of_another_length() {
        let mut list = Numbers { list: (0..300).collect(), read: 0 };
        let mut count = ListScan::new(Plan::new(Effect::Count, false), 300);
        finish(&mut count, &mut list);
        count.complete();
        let mut clear = ListScan::new(Plan::new(Effect::ClearAll, false), 299);
        clear.recall(count.recalled().expect("it is known"));
        assert!(!clear.here().remembered.is_known());
        count.follow(0, Event::Set { len: 300 });
        assert!(count.recalled().is_none(), "which message LSET replaced is not known");
    }
}
