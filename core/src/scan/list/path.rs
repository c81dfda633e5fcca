//! Which messages a walk reads: every one, or those to which an index guides it.

use super::outcome::ListOutcome;
use super::queue::Queue;
use super::surroundings::mark_of;
use crate::queue::End;
use crate::scan::budget::{Clock, Deadline};
use crate::scan::guide::{JumpCosts, Route, Toward};

/// The messages that a walk reads, in its direction.
pub(super) trait Path<C: Clock> {
    /// The walk passes messages that it does not read.
    const JUMPS: bool;

    /// Returns the distance of the message that is read next. `None` ends the walk.
    fn next(
        &mut self,
        queue: &mut impl Queue,
        deadline: &Deadline<'_, C>,
        outcome: &mut ListOutcome,
    ) -> Option<u64>;

    /// The message was reached, and is judged now.
    fn arrived(&mut self, _: &C) {}

    /// Returns whether the slice has no time for another message. Only of a path that jumps: on others the clock is
    /// read after some messages.
    fn is_over(&mut self, _: &Deadline<'_, C>) -> bool {
        false
    }

    /// Returns the time that it took to reach the last message, in nanoseconds, where a second walk has to
    /// reach it again in the same way.
    fn reach_ns(&self) -> u64 {
        0
    }

    /// The walk has ended. Counts the messages that were passed, and returns whether the list was last read
    /// at the boundary at which the walk ended.
    fn end(&mut self, _: &mut impl Queue, _: &Deadline<'_, C>, _: &mut ListOutcome) -> bool {
        true
    }
}

/// Every message.
pub(super) struct Every<I>(pub(super) I);

impl<C: Clock, I: Iterator<Item = u64>> Path<C> for Every<I> {
    const JUMPS: bool = false;

    #[inline(always)]
    fn next(&mut self, _: &mut impl Queue, _: &Deadline<'_, C>, _: &mut ListOutcome) -> Option<u64> {
        self.0.next()
    }
}

/// How the walk got to a message.
#[derive(Debug, Clone, Copy)]
struct Jump {
    /// Messages that it passed.
    gap: u64,
    /// Messages between it and the nearer end of the list.
    from_end: u64,
    /// The list was opened anew.
    seeks: bool,
}

/// The messages of a route.
pub(super) struct Jumps<'a> {
    route: &'a Route,
    costs: &'a mut JumpCosts,
    toward: Toward,
    consumer_end: End,
    /// Length of the list before the slice.
    len: u64,
    /// Messages from the beginning of the route on, in a row, whose fingerprints are noted: see
    /// [`super::bearings`].
    reach: usize,
    /// The walk deletes, so that it cannot turn round to see what it passed.
    deletes: bool,
    /// Candidates that [`Path::next`] returned.
    given: usize,
    /// The boundary up to which messages were read or passed.
    at: u64,
    /// The boundary at which nothing is left to examine in this direction.
    to: u64,
    /// The list was read at this boundary.
    is_there: bool,
    jump: Option<Jump>,
    /// The time at which it left the last message.
    left_ns: u64,
    reach_ns: u64,
    /// Matches before the message that is judged now.
    matched: u64,
    first: Option<Jump>,
    /// The walk ended because no message is left to read, or no time.
    is_spent: bool,
}

impl<'a> Jumps<'a> {
    /// For a walk towards the producer end of a list of `len` messages, which does not delete. At `to` nothing is
    /// left to examine.
    pub(super) fn on(
        (route, toward): (&'a Route, Toward),
        costs: &'a mut JumpCosts,
        (consumer_end, len): (End, u64),
        to: u64,
    ) -> Self {
        let covered = route.covered();
        let at = if toward == Toward::ProducerEnd { covered.start } else { covered.end };
        Self {
            route,
            costs,
            toward,
            consumer_end,
            len,
            reach: 0,
            deletes: false,
            given: 0,
            at,
            to,
            is_there: false,
            jump: None,
            left_ns: 0,
            reach_ns: 0,
            matched: 0,
            first: None,
            is_spent: false,
        }
    }

    /// For a walk back, on which `reach` messages are read next to either end of the way, to recognise these
    /// places. `is_there` says whether something was read where it begins.
    pub(super) fn back(self, reach: usize, deletes: bool, is_there: bool) -> Self {
        Self { reach, deletes, is_there, ..self }
    }

    /// Messages between the boundary and the message at a distance.
    fn gap(&self, distance: u64) -> u64 {
        match self.toward {
            Toward::ProducerEnd => distance - self.at,
            Toward::ConsumerEnd => self.at - 1 - distance,
        }
    }

    /// The boundary after the message at a distance.
    fn after(&self, distance: u64) -> u64 {
        if self.toward == Toward::ProducerEnd { distance + 1 } else { distance }
    }

    /// The last message that was judged was not what the index is certain of.
    fn compare(&self, outcome: &mut ListOutcome) {
        let last = self.given.checked_sub(1).and_then(|last| self.route.candidates().get(last));
        // A walk that ended before a message has not judged it.
        let is_judged = outcome.counts.examined >= self.given as u64;
        let is_other = is_judged && outcome.counts.matched == self.matched;
        outcome.contradicted |= is_other && last.is_some_and(|last| last.is_sure);
    }

    /// Reads messages next to the far side of a window that are not candidates, until enough are known or the
    /// next candidate is reached. `None` if one cannot be read.
    fn note_near(&mut self, queue: &mut impl Queue, until: u64, outcome: &mut ListOutcome) -> Option<()> {
        while outcome.around_top.near.len() < self.reach && self.at - 1 > until {
            self.at -= 1;
            let index = self.consumer_end.index(self.at, self.len) - outcome.removed();
            let mark = queue.peek(index, mark_of)?;
            outcome.around_top.near.push(mark);
            self.is_there = true;
        }
        Some(())
    }

    /// Notes the messages that were passed right before the place where a window is left open. So the walk
    /// passes some more, down to `until`. If these are too few and there is time, it opens the list anew to
    /// see those before.
    fn note_far<C: Clock>(
        &mut self,
        queue: &mut impl Queue,
        until: u64,
        deadline: &Deadline<'_, C>,
        outcome: &mut ListOutcome,
    ) {
        let far = &mut outcome.around_end.far;
        let removed = outcome.deletions.len() as u64;
        while far.len() < self.reach && self.at > until {
            let index = self.consumer_end.index(self.at - 1, self.len) - removed;
            let Some(mark) = queue.peek(index, mark_of) else { break };
            far.insert(0, mark);
            self.at -= 1;
        }
        // The message right after the place, in the direction of the head, has the index before this one.
        let index = self.len - self.at - removed;
        let first = index.saturating_sub(self.reach as u64);
        let (ns, _) = self.costs.of(u64::MAX, first.min(self.len - removed - first));
        if far.len() as u64 >= index - first || self.is_spent || !deadline.has_time(self.left_ns, ns) {
            return;
        }
        if queue.reseek() {
            let seen: Option<Vec<u64>> = (first..index).map(|index| queue.peek(index, mark_of)).collect();
            *far = seen.unwrap_or_default();
            far.reverse();
        }
    }
}

impl<C: Clock> Path<C> for Jumps<'_> {
    const JUMPS: bool = true;

    fn next(
        &mut self,
        queue: &mut impl Queue,
        deadline: &Deadline<'_, C>,
        outcome: &mut ListOutcome,
    ) -> Option<u64> {
        self.compare(outcome);
        if outcome.contradicted {
            return None;
        }
        let Some(candidate) = self.route.candidates().get(self.given) else {
            self.is_spent = true;
            return None;
        };
        let distance = candidate.distance;
        if self.reach > 0 {
            self.note_near(queue, distance, outcome)?;
        }
        let index = self.consumer_end.index(distance, self.len) - outcome.removed();
        let last = (self.len - outcome.removed()).saturating_sub(1);
        let (gap, from_end) = (self.gap(distance), index.min(last.saturating_sub(index)));
        let mut seeks = !self.is_there;
        if self.is_there {
            let (ns, is_seek) = self.costs.of(gap, from_end);
            if self.given > 0 && !deadline.has_time(self.left_ns, ns) {
                return None;
            }
            seeks = is_seek && queue.reseek();
        }
        self.jump = Some(Jump { gap, from_end, seeks });
        self.first = self.first.or(self.jump);
        self.matched = outcome.counts.matched;
        self.given += 1;
        (self.at, self.is_there) = (self.after(distance), true);
        Some(distance)
    }

    fn arrived(&mut self, clock: &C) {
        self.reach_ns = 0;
        let Some(jump) = self.jump.take() else { return };
        // The first jump of a slice is measured as its seek.
        if self.given < 2 || !(jump.seeks || JumpCosts::is_worth_measuring(jump.gap)) {
            return;
        }
        self.reach_ns = clock.now_ns().saturating_sub(self.left_ns);
        match jump.seeks {
            true => self.costs.sought(jump.from_end, self.reach_ns),
            false => self.costs.stepped(jump.gap, self.reach_ns),
        }
    }

    fn is_over(&mut self, deadline: &Deadline<'_, C>) -> bool {
        self.left_ns = deadline.clock.now_ns();
        self.is_spent = !deadline.has_time(self.left_ns, 0);
        self.is_spent
    }

    fn reach_ns(&self) -> u64 {
        self.reach_ns
    }

    fn end(&mut self, queue: &mut impl Queue, deadline: &Deadline<'_, C>, outcome: &mut ListOutcome) -> bool {
        self.compare(outcome);
        if let Some(first) =
            self.first.filter(|first| first.seeks || !JumpCosts::is_worth_measuring(first.gap))
        {
            self.costs.sought(first.from_end, outcome.seek_ns);
        }
        let read = usize::try_from(outcome.counts.examined).unwrap_or(usize::MAX);
        let covered = self.route.covered();
        let is_whole = self.is_spent && read == self.route.candidates().len();
        let last = read.checked_sub(1).and_then(|last| self.route.candidates().get(last));
        let begin = if self.toward == Toward::ProducerEnd { covered.start } else { covered.end };
        let next_to = last.map_or(begin, |last| self.after(last.distance));
        let mut is_there = read > 0 && self.at == next_to;
        let last = if self.toward == Toward::ProducerEnd { covered.end } else { covered.start };
        // What the last jump would pass is left to the next slice, so that the place can be recognised, unless nothing
        // comes after it.
        let end = if is_whole && (last == self.to || !is_there) {
            last
        } else if is_there && self.deletes && self.toward == Toward::ConsumerEnd {
            let next = self.route.candidates().get(read);
            // How many elements that are not JSON objects a part of a jump passes is not known.
            let passed =
                self.route.undecodable(read + 1, next.is_none()) - self.route.undecodable(read, false);
            let until = next.map_or(covered.start, |next| next.distance + 1);
            let until = if passed > 0 { self.at } else { until };
            self.note_far(queue, until, deadline, outcome);
            self.at
        } else {
            next_to
        };
        let is_whole = is_whole && end == last;
        is_there &= self.at == end;
        outcome.pass(begin.abs_diff(end) - read as u64, self.route.undecodable(read, is_whole));
        is_there
    }
}
