//! Finds positions again after messages were removed at unknown positions. See the essay of the module.

use super::ListScan;
use super::marks::{MAX_PASSES, Missing};
use super::newest::Known;
use super::queue::Queue;
use super::surroundings::{FoundPlace, Surroundings, mark_of};
use crate::scan::plan::Effect;

/// Messages that are read on either side of a boundary while no other client has edited the queue ...
const REACH: usize = 4;
/// ... and after one has: this many may be missing when the scan reads the surroundings.
const REACH_WHEN_EDITED: usize = 16;
/// A message with more bytes is not read again to find a position. Next to such a message another pass begins.
pub(super) const BULKY: usize = 64 * 1024;
/// No message is read again if messages are larger than this on average.
pub(super) const BULKY_ON_AVERAGE: u64 = 8 * 1024;

/// The fingerprint of the message at an index; `None` if there is none, or it is too large.
pub(super) fn glance(queue: &mut impl Queue, index: u64) -> Option<u64> {
    queue.peek(index, |message| (message.len() <= BULKY).then(|| mark_of(message))).flatten()
}

/// Fingerprints of the messages at some distances, in their present order.
struct View {
    from: u64,
    seen: Vec<Option<u64>>,
}

impl View {
    fn at(&self, distance: u64) -> Option<u64> {
        self.seen.get(usize::try_from(distance.checked_sub(self.from)?).ok()?).copied().flatten()
    }
}

/// Whether a scan knows its position in the list on which it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It knows the position, or cannot find it yet.
    No,
    /// Messages are missing. A pop that reaches them could make it impossible to find the position.
    Slightly,
    /// So many messages are missing that a few more would make it impossible to find the position.
    Nearly,
}

/// The positions of the boundaries that were lost.
struct Bearings {
    /// For each of next, cursor and top: how many missing messages were nearer to the consumer end.
    inner: [u64; 3],
    /// The same for the end of the snapshot.
    end: u64,
    /// The same for the kept match, and whether it is still there.
    kept: Option<FoundPlace>,
    around: [Surroundings; 5],
}

impl ListScan {
    /// Returns how many messages are read on either side of a boundary.
    pub(super) fn reach(&self) -> usize {
        match self.edits + self.refound {
            _ if self.here().bulky => 0,
            0 => REACH,
            _ => REACH_WHEN_EDITED,
        }
    }

    /// Runs before a slice on this queue, which is the list at [`ListScan::at`]: if messages are missing, finds
    /// the positions again or begins another pass; and reads the surroundings of the boundaries that no walk
    /// reaches. Returns whether the queue has to be opened again for the slice.
    pub fn take_bearings(&mut self, queue: &mut impl Queue) -> bool {
        if queue.len() != self.here().marks.len() || self.here().gone {
            return false;
        }
        let missing = self.here().marks.missing();
        let mut moved = false;
        if missing.set > 0 {
            // Each of them is an edit.
            self.edits += missing.set - 1;
            self.edited(self.at, queue.len());
            self.advance();
            return false;
        }
        if missing.removed > 0 {
            moved = true;
            match self.find(queue).filter(|bearings| self.go_on(bearings)) {
                Some(bearings) => self.found(bearings),
                None => self.edited(self.at, queue.len()),
            }
            self.advance();
        }
        self.survey(queue) || moved
    }

    /// Returns how urgently [`Self::take_bearings`] should find the position in the list at [`ListScan::at`].
    #[must_use]
    pub fn lost(&self) -> Lost {
        let missing = self.here().marks.missing();
        match missing.removed {
            // Of large messages nothing is known: the next slice begins another pass.
            _ if self.here().bulky => Lost::No,
            0 => Lost::No,
            // The message that LSET wrote is removed by the next event, or another pass begins.
            _ if missing.set > 0 => Lost::No,
            // If more messages are missing than are known on one side, a position is rarely certain.
            n if small(n) * 2 >= self.reach() => Lost::Nearly,
            _ => Lost::Slightly,
        }
    }

    /// Reads the surroundings of the end of the snapshot and of the kept match.
    fn survey(&mut self, queue: &mut impl Queue) -> bool {
        let track = self.here();
        let (len, end) = (track.marks.len(), track.marks.end());
        let unready = len != queue.len() || track.marks.missing() != Missing::default() || track.bulky;
        if unready || self.counters.examined_total == 0 {
            return false;
        }
        let reach = self.reach();
        let short = |around: &Surroundings, at: u64| {
            let (near, far) = (small(at).min(reach), small(len - at).min(reach));
            around.near.len() < near || around.far.len() < far
        };
        // If nothing was pushed later, the end is that of the list.
        let end = Some(end).filter(|end| *end < len && track.marks.unexamined() > 0);
        let wanted = [end, self.keeper().map(|kept| kept + 1)];
        let mut looked = false;
        for (which, at) in [3, 4].into_iter().zip(wanted) {
            if let Some(at) = at.filter(|at| short(&self.here().around[which], *at)) {
                looked = true;
                let from = at.saturating_sub(reach as u64);
                let Some(view) = self.view(queue, from..at + reach as u64) else { continue };
                self.here_mut().around[which] = around(&view, at, reach);
            }
        }
        looked
    }

    /// Reads the messages at these distances. `None` if the queue has been replaced.
    fn view(&self, queue: &mut impl Queue, range: std::ops::Range<u64>) -> Option<View> {
        if !queue.reopen() {
            return None;
        }
        let to = range.end.min(queue.len());
        let mut seen: Vec<Option<u64>> =
            (range.start..to).rev().map(|distance| glance(queue, self.index(distance))).collect();
        seen.reverse();
        Some(View { from: range.start, seen })
    }

    /// Returns the positions of the boundaries, if only one answer is possible.
    fn find(&self, queue: &mut impl Queue) -> Option<Bearings> {
        let track = self.here();
        let missing = track.marks.missing();
        let len = track.marks.len();
        // From now on as many are known as after any edit.
        let reach = if track.bulky { 0 } else { REACH_WHEN_EDITED };
        if self.counting && track.marks.late() > 0 {
            // The second pass begins after the messages that were pushed at the consumer end, and no walk has seen
            // where that is.
            return None;
        }
        let mut refreshed: [Surroundings; 5] = Default::default();
        let mut find = |which: usize, at: u64| -> Option<FoundPlace> {
            let known = &track.around[which];
            // More than is needed to find the place: afterwards enough messages are known on either side again.
            let needed = known.reach(at, missing.removed);
            let start = needed.start.min(at.saturating_sub(missing.removed + reach as u64));
            let view = self.view(queue, start..needed.end.max(at + reach as u64))?;
            let found = known.find(at, missing.removed, len, |distance| view.at(distance))?;
            refreshed[which] = around(&view, at - found.nearer, reach);
            Some(found)
        };
        let inner = track.marks.inner();
        let open = track.marks.rest().is_some();
        let next = if inner[0] == 0 { 0 } else { find(0, inner[0])?.nearer };
        let inner = match open {
            true => [next, find(1, inner[1])?.nearer, find(2, inner[2])?.nearer],
            false => [next; 3],
        };
        let end = if missing.is_end_known() { missing.removed } else { find(3, track.marks.end())?.nearer };
        // Without the message itself nothing shows whether it is there.
        let is_known = !track.around[4].near.is_empty();
        let kept = self.keeper().filter(|_| is_known).and_then(|kept| find(4, kept + 1));
        let ascending = inner[0] <= inner[1] && inner[1] <= inner[2] && inner[2] <= end;
        (ascending && track.marks.leaves_order(inner, end)).then_some(Bearings {
            inner,
            end,
            kept,
            around: refreshed,
        })
    }

    /// The kept match, if it is in the list that is walked.
    fn keeper(&self) -> Option<u64> {
        let track = self.here();
        match self.plan.effect {
            Effect::KeepOne => track.kept.last(),
            Effect::KeepNewest if self.deletes() => match track.newest.known(0) {
                Known::At(distance) => Some(distance),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns whether what the scan remembers of examined messages is still true or not needed.
    fn go_on(&self, bearings: &Bearings) -> bool {
        let track = self.here();
        // No examined message is missing.
        if bearings.inner[2] == 0 {
            return true;
        }
        // The sample can be given up, so that the job need not fail.
        let shown = track.sample.rows().is_empty() && track.tallies.is_empty();
        let kept = self.plan.effect != Effect::KeepOne || track.kept.is_empty() || bearings.kept.is_some();
        // KEEP NEWEST may count once more, from the first message that was not pushed at the consumer end later.
        let counts_anew = self.plan.effect == Effect::KeepNewest && self.deletes();
        let begin = !counts_anew || bearings.inner[0] == 0 || track.marks.late() == 0;
        kept && begin && track.holders.is_empty() && (shown || self.starts >= MAX_PASSES)
    }

    fn found(&mut self, bearings: Bearings) {
        self.refound += 1;
        let Bearings { inner, end, kept, around } = bearings;
        let (effect, counting, keeper) = (self.plan.effect, !self.deletes(), self.keeper());
        let track = self.here_mut();
        let open = track.marks.rest().is_some();
        let drifted = track.marks.found(inner, end);
        track.around = around;
        if open && track.marks.rest().is_none() {
            track.close_window();
        }
        if inner[2] > 0 {
            // If nothing was found yet, nothing is lost.
            if !track.sample.rows().is_empty() || track.sample.is_full() {
                track.sample.stop();
            }
            if !track.tallies.is_empty() {
                track.tallies.lose_places();
            }
        }
        let place = keeper.zip(kept).filter(|(_, kept)| kept.neighbour_stays);
        let place = place.map(|(keeper, kept)| keeper - kept.nearer);
        if place.is_none() {
            track.around[4] = Surroundings::default();
        }
        let mut lost = false;
        match effect {
            Effect::KeepOne if keeper.is_some() && (inner[2] > 0 || kept.is_some()) => {
                track.kept.clear(drop);
                track.kept.append(place.map(|distance| (distance, ())).into_iter());
                lost = place.is_none();
            }
            // Everything that was found is nearer than the top in the first pass, and nearer than the end in the
            // second one.
            Effect::KeepNewest if counting && inner[2] > 0 => {
                track.newest.doubt(None, track.marks.inner()[2]);
            }
            Effect::KeepNewest if !counting && end > 0 => track.newest.doubt(place, track.marks.end()),
            _ => {}
        }
        self.spared &= !lost;
        self.counters.drifted += drifted;
    }
}

/// Returns the surroundings of a boundary at this distance, as they were read.
fn around(view: &View, at: u64, reach: usize) -> Surroundings {
    Surroundings {
        near: (0..at).rev().map_while(|distance| view.at(distance)).take(reach).collect(),
        far: (at..).map_while(|distance| view.at(distance)).take(reach).collect(),
    }
}

fn small(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::End;
    use crate::reply::Reply;
    use crate::scan::doubles::Ticking;
    use crate::scan::plan::Plan;
    use crate::scan::{Budget, Event, Judge, Judgement, ListOutcome, Time};

    /// A list of numbers, from the head on.
    struct Numbers {
        list: Vec<u32>,
        last: u32,
        stayed: Vec<u32>,
    }

    impl Queue for Numbers {
        fn len(&self) -> u64 {
            self.list.len() as u64
        }
        fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
            self.last = *self.list.get(usize::try_from(index).ok()?)?;
            Some(f(&self.last.to_be_bytes()))
        }
        fn keep(&mut self, _: usize) {
            self.stayed.push(self.last);
        }
        fn stayed(&mut self, most: usize, mut f: impl FnMut(&[u8])) {
            self.stayed.drain(..).rev().take(most).for_each(|number| f(&number.to_be_bytes()));
        }
        fn delete(&mut self, index: u64) -> bool {
            self.list.remove(small(index));
            true
        }
        fn reopen(&mut self) -> bool {
            true
        }
    }

    /// The numbers that are no multiples of this match.
    struct NoMultiplesOf(u32);

    impl Judge for NoMultiplesOf {
        fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
            let number = message.try_into().map_or(0, u32::from_be_bytes);
            (!number.is_multiple_of(self.0)).then(Judgement::of_match)
        }
        fn describe(&mut self, _: &[u8]) -> Vec<(Box<str>, Reply)> {
            Vec::new()
        }
        fn values(&mut self, _: &[u8]) -> Option<u128> {
            None
        }
    }

    /// A scan over 20,000 numbers, the smallest of which runs next.
    struct World {
        list: Numbers,
        scan: ListScan,
        judge: NoMultiplesOf,
        next: u32,
    }

    impl World {
        fn new(plan: Plan, kept: u32) -> Self {
            let list = Numbers { list: (0..20_000).rev().collect(), last: 0, stayed: Vec::new() };
            Self { list, scan: ListScan::new(plan, 20_000), judge: NoMultiplesOf(kept), next: 20_000 }
        }

        /// A slice over at most this many messages, which removes at most 100.
        fn slice(&mut self, window: u64) {
            let budget = Budget {
                time: Time::AfterSeek { slice_ns: 1 << 60, last_seek_ns: 0 },
                window,
                max_deletions: 100,
                max_bytes: u64::MAX,
                deletion_ns: 0,
                put_ns: 0,
            };
            self.scan.observe_len(self.list.len());
            self.scan.take_bearings(&mut self.list);
            let (mut outcome, clock) = (ListOutcome::default(), Ticking::default());
            self.scan.run_slice(&mut self.list, &mut self.judge, &clock, &budget, || true, &mut outcome);
            self.scan.commit(&mut outcome);
        }

        fn push(&mut self) {
            self.list.list.insert(0, self.next);
            self.next += 1;
            self.scan.follow(0, Event::Pushed { end: End::Head, len: self.list.len() });
        }

        /// Another client removes the message at a distance from the consumer end. The place is found at once if it
        /// is nearly lost.
        fn remove(&mut self, distance: usize) {
            self.list.list.remove(self.list.list.len() - 1 - distance);
            self.scan.follow(0, Event::Removed { len: self.list.len() });
            if self.scan.lost() == Lost::Nearly {
                self.scan.take_bearings(&mut self.list);
            }
        }
    }

    #[test]
    fn a_place_is_found_as_often_as_messages_are_removed() {
        let mut world = World::new(Plan::new(Effect::ClearAll, false), 2);
        world.slice(217);
        assert!(world.scan.here().marks.rest().is_some(), "a window is open");
        (0..400).for_each(|i| world.remove(i * 23));
        assert_eq!(world.scan.edits, 0);
        assert!(world.scan.refound >= 50, "{}", world.scan.refound);
    }

    #[test]
    fn a_place_is_found_although_everything_before_the_far_side_of_the_window_was_cleared() {
        let mut world = World::new(Plan::new(Effect::ClearAll, false), 1_000);
        world.slice(990);
        let (cursor, top) = world.scan.here().marks.rest().expect("a window is open");
        assert_eq!(cursor, top, "nothing stays of what was examined");
        world.push();
        world.scan.take_bearings(&mut world.list);
        (0..16).for_each(|i| world.remove(i * 40));
        assert_eq!(world.scan.edits, 0);
        assert!(world.scan.refound >= 2, "{}", world.scan.refound);
    }

    #[test]
    fn the_end_of_the_snapshot_is_known_when_a_second_pass_begins() {
        let plan = Plan::new(Effect::ClearAll, false).most(Some(20_000));
        let mut world = World::new(plan, 2);
        world.slice(10_000);
        world.push();
        while world.scan.counting {
            world.slice(10_000);
        }
        assert_eq!(world.scan.counters.processed, 0, "the second pass has not begun");
        (0..16).for_each(|i| world.remove(i * 40));
        assert_eq!(world.scan.edits, 0);
        assert!(world.scan.refound >= 2, "{}", world.scan.refound);
    }
}
