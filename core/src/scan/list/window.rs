//! The walks of one slice over a list: read, judge every message, remove what is to be cleared, stop on time.

use super::ListScan;
use super::bearings::glance;
use super::outcome::{Deletion, ListOutcome, fingerprint};
use super::queue::Queue;
use super::surroundings::mark_of;
use crate::queue::End;
use crate::scan::budget::{Budget, Clock, Deadline};
use crate::scan::contract::SliceEnd;
use crate::scan::judge::Judge;

impl ListScan {
    /// Works until the budget is spent, or the window or the snapshot ends. It always examines at least one
    /// message if there is one. The queue must be the list at [`ListScan::at`], with as many messages as follow
    /// from its events.
    ///
    /// `permit` is called once before the first deletion.
    pub fn run_slice(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut ListOutcome,
    ) -> SliceEnd {
        outcome.reset();
        // The caller observes the length first. A list other than the expected one is not touched.
        if queue.len() != self.here().marks.len() {
            return SliceEnd::Stuck;
        }
        let mut deadline = Deadline::new(clock, budget);
        let walks_on = self.oldest_first() && self.here().marks.rest().is_none();
        let slice_end = if walks_on || self.seeks_kept() {
            self.walk_on(queue, judge, &mut deadline, budget, outcome);
            self.remove_matches(queue, &mut deadline, permit, outcome)
        } else {
            self.walk_back(queue, judge, &mut deadline, budget, permit, outcome)
        };
        outcome.walk_ns = deadline.walked(outcome.seek_ns);
        slice_end
    }

    /// Walks from the consumer end towards the producer end. It deletes nothing, and notes what to clear. With
    /// KEEPONE it stops at its match: from there on the scan deletes.
    fn walk_on<C: Clock>(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        deadline: &mut Deadline<'_, C>,
        budget: &Budget,
        outcome: &mut ListOutcome,
    ) {
        let room = self.room().unwrap_or(u64::MAX);
        let max_deletions = budget.max_deletions.min(usize::try_from(room).unwrap_or(usize::MAX));
        let next = self.here().marks.next();
        // A window may be open if the kept match has left.
        let end =
            self.here().marks.rest().map_or(next + self.here().marks.unexamined(), |(cursor, _)| cursor);
        let (reach, deletes) = (self.reach(), self.deletes());
        for distance in next..end {
            let index = self.index(distance);
            let read = queue.read(index, |message| {
                if outcome.counts.examined == 0 {
                    (outcome.seek_ns, outcome.over_ns) = deadline.begin();
                }
                let cleared = outcome.take_in(self, judge, distance, message);
                (cleared && deletes).then(|| (fingerprint(message), message.len() as u64))
            });
            // A message that cannot be read ends the slice; the next one sees the queue's true state.
            let Some(cleared) = read else { break };
            if deletes && cleared.is_none() && !outcome.overflows {
                queue.keep(reach);
            }
            if let Some((fingerprint, bytes)) = cleared {
                outcome.planned.push(Deletion { index, fingerprint });
                outcome.removed_bytes += bytes;
                deadline.reserve(budget.deletion_ns + budget.put_ns);
            }
            let met = outcome.overflows
                || outcome.planned.len() >= max_deletions
                || outcome.removed_bytes >= budget.max_bytes
                || self.ends_at(outcome.counts.would_delete)
                || (deletes && outcome.kept.is_some() && !self.takes_oldest());
            if met || deadline.is_over(outcome.done(), cleared.is_some()) {
                break;
            }
        }
        let at = next + outcome.counts.examined;
        self.glance_ahead(queue, at, &mut outcome.around_end.far);
        if deletes {
            queue.stayed(reach, |message| outcome.around_end.near.push(mark_of(message)));
        } else {
            let nearer = (next..at).rev().take(outcome.again(reach));
            outcome.around_end.near.extend(nearer.map_while(|distance| glance(queue, self.index(distance))));
        }
    }

    /// The messages from this distance on, further away from the consumer end.
    fn glance_ahead(&self, queue: &mut impl Queue, from: u64, far: &mut Vec<u64>) {
        let to = (from + self.reach() as u64).min(self.here().marks.len());
        far.extend((from..to).map_while(|distance| glance(queue, self.index(distance))));
    }

    /// Removes what the walk towards the head noted, on an iterator that never walked that way. It removes
    /// everything, whatever the clock says: it goes from the farthest to the nearest, and stopping in between
    /// would leave those that run first.
    fn remove_matches<C: Clock>(
        &self,
        queue: &mut impl Queue,
        deadline: &mut Deadline<'_, C>,
        permit: impl FnOnce() -> bool,
        outcome: &mut ListOutcome,
    ) -> SliceEnd {
        if outcome.planned.is_empty() {
            return SliceEnd::Done;
        }
        if !deadline.beside(permit) {
            return SliceEnd::Refused;
        }
        let reopened = deadline.clock.now_ns();
        let mut began = reopened;
        if !queue.reopen() {
            return SliceEnd::Stuck;
        }
        if self.plan.consumer_end == End::Head {
            // Noted in the order in which they are taken out.
            outcome.planned.reverse();
        }
        while let Some(deletion) = outcome.planned.pop() {
            let index = deletion.index - outcome.removed();
            // Nobody changed the queue in between. If the server disagrees, the queue is not touched.
            let same = queue.read(index, |message| fingerprint(message) == deletion.fingerprint);
            if outcome.deletions.is_empty() {
                began = deadline.clock.now_ns();
            }
            if same != Some(true) || !queue.delete(index) {
                return SliceEnd::Stuck;
            }
            outcome.deletions.push(deletion);
        }
        outcome.reseek_ns = began - reopened;
        outcome.removing_ns = deadline.clock.now_ns() - began;
        deadline.beside_ns += outcome.reseek_ns + outcome.removing_ns;
        SliceEnd::Done
    }

    /// Walks from the far side of a window towards the consumer end and deletes what is cleared.
    fn walk_back<C: Clock>(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        deadline: &mut Deadline<'_, C>,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut ListOutcome,
    ) -> SliceEnd {
        let next = self.here().marks.next();
        let (from, top) = self.here().marks.rest().unwrap_or_else(|| {
            let window = if self.takes_newest() { u64::MAX } else { budget.window.max(1) };
            let top = next + self.here().marks.unexamined().min(window);
            (top, top)
        });
        outcome.top = Some(top);
        if from == top {
            let to = (top + self.reach() as u64).min(self.here().marks.len());
            let seen: Vec<_> = (top..to).rev().map(|distance| glance(queue, self.index(distance))).collect();
            outcome.around_top.far.extend(seen.into_iter().rev().map_while(|seen| seen));
        }
        let mut permit = Some(permit);
        let (reach, deletes) = (self.reach(), self.deletes());
        for distance in (next..from).rev() {
            let before = self.here().marks.len() - 1 - distance;
            let index = before - outcome.removed();
            let read = queue.read(index, |message| {
                if outcome.counts.examined == 0 {
                    (outcome.seek_ns, outcome.over_ns) = deadline.begin();
                }
                let cleared = outcome.take_in(self, judge, distance, message) && deletes;
                if !cleared && outcome.around_top.near.len() < reach {
                    outcome.around_top.near.push(mark_of(message));
                }
                cleared.then(|| (fingerprint(message), message.len() as u64))
            });
            let Some(cleared) = read else { break };
            if deletes && cleared.is_none() && !outcome.overflows {
                queue.keep(reach);
            }
            if let Some((fingerprint, bytes)) = cleared {
                if permit.take().is_some_and(|permit| !deadline.beside(permit)) {
                    return SliceEnd::Refused;
                }
                if !queue.delete(index) {
                    return SliceEnd::Stuck;
                }
                outcome.deletions.push(Deletion { index: before, fingerprint });
                outcome.removed_bytes += bytes;
                deadline.reserve(budget.put_ns);
            }
            let full =
                outcome.deletions.len() >= budget.max_deletions || outcome.removed_bytes >= budget.max_bytes;
            if outcome.overflows || full || deadline.is_over(outcome.done(), cleared.is_some()) {
                break;
            }
        }
        let cursor = from - outcome.counts.examined;
        // If the whole window was examined, the surroundings of its far side are those of the next message.
        if cursor > next {
            self.read_around_cursor(queue, cursor..from, outcome);
        }
        SliceEnd::Done
    }

    /// Notes the surroundings of the position at which a window is left open: the nearer messages are examined
    /// next, and the farther ones are what this slice kept at the distances `walked`.
    fn read_around_cursor(
        &self,
        queue: &mut impl Queue,
        walked: std::ops::Range<u64>,
        outcome: &mut ListOutcome,
    ) {
        let (cursor, reach) = (walked.start, self.reach());
        let before = self.here().marks.len() - 1 - outcome.removed();
        let nearer = (cursor.saturating_sub(reach as u64)..cursor).rev();
        outcome.around_end.near.extend(nearer.map_while(|distance| glance(queue, before - distance)));
        if self.deletes() {
            queue.stayed(reach, |message| outcome.around_end.far.push(mark_of(message)));
        } else {
            let farther = walked.take(outcome.again(reach));
            outcome.around_end.far.extend(farther.map_while(|distance| glance(queue, before - distance)));
        }
    }
}
