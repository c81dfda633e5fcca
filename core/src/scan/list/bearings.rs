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
        let reach = self.reach();
        if self.counting && track.marks.late() > 0 {
            // The second pass begins after the messages that were pushed at the consumer end, and no walk has seen
            // where that is.
            return None;
        }
        let mut refreshed: [Surroundings; 5] = Default::default();
        let mut find = |which: usize, at: u64| -> Option<FoundPlace> {
            let known = &track.around[which];
            let view = self.view(queue, known.reach(at, missing.removed))?;
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
        kept && track.holders.is_empty() && (shown || self.starts >= MAX_PASSES)
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
