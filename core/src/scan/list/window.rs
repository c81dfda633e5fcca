//! The walks of one slice over a list: read, judge every message, remove what is to be cleared, stop on time.

use std::ops::Range;

use super::ListScan;
use super::bearings::glance;
use super::outcome::{Deletion, ListOutcome, fingerprint};
use super::path::{Every, Path};
use super::queue::Queue;
use super::surroundings::mark_of;
use crate::queue::End;
use crate::scan::budget::{Budget, Clock, Deadline};
use crate::scan::contract::SliceEnd;
use crate::scan::guide::JumpCosts;
use crate::scan::judge::Judge;

/// Returns whether the slice has no time for another message.
#[inline(always)]
fn is_over<C: Clock, P: Path<C>>(
    path: &mut P,
    deadline: &mut Deadline<'_, C>,
    outcome: &ListOutcome,
    removed: bool,
) -> bool {
    if P::JUMPS { path.is_over(deadline) } else { deadline.is_over(outcome.done(), removed) }
}

/// Notes that a message was reached, before it is judged.
#[inline(always)]
fn arrive<C: Clock, P: Path<C>>(path: &mut P, deadline: &mut Deadline<'_, C>, outcome: &mut ListOutcome) {
    if outcome.counts.examined == 0 {
        (outcome.seek_ns, outcome.over_ns) = deadline.begin();
    }
    if P::JUMPS {
        path.arrived(deadline.clock);
    }
}

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
        let slice_end = if self.walks_on() {
            let path = Every(self.way_on());
            self.walk_on(queue, judge, path, &mut deadline, budget, outcome);
            self.remove_matches(queue, None, &mut deadline, permit, outcome)
        } else {
            let next = self.here().marks.next();
            let (from, top) = self.here().marks.rest().unwrap_or_else(|| {
                let window = if self.takes_newest() { u64::MAX } else { budget.window.max(1) };
                let top = next + self.here().marks.unexamined().min(window);
                (top, top)
            });
            self.begin_window(queue, (from, top), outcome);
            let path = Every((next..from).rev());
            self.walk_back(queue, judge, path, from, &mut deadline, budget, permit, outcome)
        };
        outcome.walk_ns = deadline.walked(outcome.seek_ns);
        slice_end
    }

    /// Returns whether the slice walks towards the producer end.
    pub(super) fn walks_on(&self) -> bool {
        let walks_on = self.oldest_first() && self.here().marks.rest().is_none();
        walks_on || self.seeks_kept()
    }

    /// Returns the distances of the messages that such a walk goes over.
    pub(super) fn way_on(&self) -> Range<u64> {
        let marks = &self.here().marks;
        // A window may be open if the kept match has left.
        marks.next()..marks.rest().map_or(marks.next() + marks.unexamined(), |(cursor, _)| cursor)
    }

    /// Walks from the consumer end towards the producer end. It deletes nothing, and notes what to clear. With
    /// KEEPONE it stops at its match: from there on the scan deletes.
    pub(super) fn walk_on<C: Clock, P: Path<C>>(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        mut path: P,
        deadline: &mut Deadline<'_, C>,
        budget: &Budget,
        outcome: &mut ListOutcome,
    ) {
        let room = self.room().unwrap_or(u64::MAX);
        let max_deletions = budget.max_deletions.min(usize::try_from(room).unwrap_or(usize::MAX));
        let next = self.here().marks.next();
        let (reach, deletes) = (self.reach(), self.deletes());
        let has_met = |outcome: &ListOutcome| {
            outcome.overflows
                || outcome.planned.len() >= max_deletions
                || outcome.removed_bytes >= budget.max_bytes
                || self.ends_at(outcome.counts.would_delete)
                || (deletes && outcome.kept.is_some() && !self.takes_oldest())
        };
        let mut met = has_met(outcome);
        while let Some(distance) = path.next(queue, deadline, outcome) {
            let index = self.index(distance);
            let matched = outcome.counts.matched;
            let read = queue.examine(index, |message, is_whole| {
                arrive(&mut path, deadline, outcome);
                if !is_whole {
                    return outcome.passes_over(self, judge, distance, message).then_some(None);
                }
                let cleared = outcome.take_in(self, judge, distance, message);
                Some((cleared && deletes).then(|| (fingerprint(message), message.len() as u64)))
            });
            // A message that cannot be read ends the slice; the next one sees the queue's true state.
            let Some(cleared) = read else { break };
            if deletes && !P::JUMPS && cleared.is_none() && !outcome.overflows {
                queue.keep(reach);
            }
            if let Some((fingerprint, bytes)) = cleared {
                outcome.planned.push(Deletion { index, fingerprint });
                queue.plan();
                outcome.removed_bytes += bytes;
                deadline.reserve(budget.deletion_ns + budget.put_ns + path.reach_ns());
                if P::JUMPS {
                    outcome.reach_ns += path.reach_ns();
                }
            }
            // Only a match changes the answer.
            if outcome.counts.matched != matched || outcome.overflows {
                met = has_met(outcome);
            }
            if met || is_over(&mut path, deadline, outcome, cleared.is_some()) {
                break;
            }
        }
        if !path.end(queue, deadline, outcome) {
            return;
        }
        let at = next + outcome.counts.examined;
        self.glance_ahead(queue, at, &mut outcome.around_end.far);
        if deletes && P::JUMPS {
            self.read_kept(queue, next..at, outcome);
        } else if deletes {
            queue.stayed(reach, |message| outcome.around_end.near.push(mark_of(message)));
        } else {
            let nearer = (next..at).rev().take(outcome.again(reach));
            outcome.around_end.near.extend(nearer.map_while(|distance| glance(queue, self.index(distance))));
        }
    }

    /// Reads again the messages that were walked over last and stay in the list: not only those of a route.
    fn read_kept(&self, queue: &mut impl Queue, walked: Range<u64>, outcome: &mut ListOutcome) {
        let again = outcome.again(self.reach());
        let mut planned = outcome.planned.iter().rev().map(|deletion| deletion.index).peekable();
        let kept = walked.rev().map(|distance| self.index(distance));
        let kept = kept.filter(|index| planned.next_if_eq(index).is_none()).take(again);
        outcome.around_end.near.extend(kept.map_while(|index| glance(queue, index)));
    }

    /// The messages from this distance on, further away from the consumer end.
    fn glance_ahead(&self, queue: &mut impl Queue, from: u64, far: &mut Vec<u64>) {
        let to = (from + self.reach() as u64).min(self.here().marks.len());
        far.extend((from..to).map_while(|distance| glance(queue, self.index(distance))));
    }

    /// Removes what the walk towards the head noted, on an iterator that never walked that way. It removes
    /// everything, whatever the clock says: it goes from the farthest to the nearest, and stopping in between
    /// would leave those that run first. With `costs` of jumps it gets from one to the next by the faster
    /// way.
    pub(super) fn remove_matches<C: Clock>(
        &self,
        queue: &mut impl Queue,
        costs: Option<&JumpCosts>,
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
        let (len, mut at) = (queue.len(), None);
        while let Some(deletion) = outcome.planned.pop() {
            let index = deletion.index - outcome.removed();
            if let (Some(costs), Some(at)) = (costs, at) {
                let from_end = index.min((len - outcome.removed()).saturating_sub(index + 1));
                // Where it does not, it steps.
                let _ = costs.of(index - at, from_end).1 && queue.reseek();
            }
            at = Some(index);
            // Nobody changed the queue in between, and what was planned stays as it was read. If the server disagrees,
            // the queue is not touched.
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

    /// Begins a walk from the far side of a window, or from where it was left: notes the messages further
    /// away. Returns whether it read any.
    pub(super) fn begin_window(
        &self,
        queue: &mut impl Queue,
        (from, top): (u64, u64),
        outcome: &mut ListOutcome,
    ) -> bool {
        outcome.top = Some(top);
        let to = (top + self.reach() as u64).min(self.here().marks.len());
        if from < top || top == to {
            return false;
        }
        let seen: Vec<_> = (top..to).rev().map(|distance| glance(queue, self.index(distance))).collect();
        outcome.around_top.far.extend(seen.into_iter().rev().map_while(|seen| seen));
        true
    }

    /// Walks from `from`, the far side of a window or where it was left, towards the consumer end and deletes
    /// what is cleared.
    #[expect(clippy::too_many_arguments, reason = "those of a slice, and its way")]
    pub(super) fn walk_back<C: Clock, P: Path<C>>(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        mut path: P,
        from: u64,
        deadline: &mut Deadline<'_, C>,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut ListOutcome,
    ) -> SliceEnd {
        let next = self.here().marks.next();
        let mut permit = Some(permit);
        let (reach, deletes) = (self.reach(), self.deletes());
        while let Some(distance) = path.next(queue, deadline, outcome) {
            let before = self.here().marks.len() - 1 - distance;
            let index = before - outcome.removed();
            let read = queue.examine(index, |message, is_whole| {
                arrive(&mut path, deadline, outcome);
                let cleared = match is_whole {
                    true => outcome.take_in(self, judge, distance, message) && deletes,
                    false if outcome.passes_over(self, judge, distance, message) => false,
                    false => return None,
                };
                if !cleared && outcome.around_top.near.len() < reach {
                    outcome.around_top.near.push(mark_of(message));
                }
                Some(cleared.then(|| (fingerprint(message), message.len() as u64)))
            });
            let Some(cleared) = read else { break };
            if deletes && !P::JUMPS && cleared.is_none() && !outcome.overflows {
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
            if outcome.overflows || full || is_over(&mut path, deadline, outcome, cleared.is_some()) {
                break;
            }
        }
        let is_beside = path.end(queue, deadline, outcome);
        let cursor = from - outcome.counts.examined;
        // If the whole window was examined, the surroundings of its far side are those of the next message.
        if cursor > next && is_beside {
            self.read_around_cursor(queue, cursor..from, outcome);
        }
        SliceEnd::Done
    }

    /// Notes the surroundings of the position at which a window is left open: the nearer messages are examined
    /// next, and the farther ones are what this slice kept at the distances `walked`.
    fn read_around_cursor(&self, queue: &mut impl Queue, walked: Range<u64>, outcome: &mut ListOutcome) {
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
