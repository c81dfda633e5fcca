//! A slice of a list with an index: messages that the index excludes are counted and not read.
//!
//! The index says which messages have to be read, and the walk jumps from one to the next. Every one is
//! judged by its bytes before anything happens to it, so a wrong index cannot make the scan clear another
//! message. Where it is certain of a message that does not match, the index is wrong, and the scan is not
//! guided any more.
//!
//! Marks move as on other walks, by the number of messages that were examined: those that are passed count. A
//! window is as large as the messages that have to be read fit into the slice, perhaps all that is left. What
//! a jump passes is not known to the walk, so it remembers only messages that it read next to each other (see
//! `bearings`).

use super::ListScan;
use super::outcome::ListOutcome;
use super::path::Jumps;
use super::queue::Queue;
use crate::scan::budget::{Budget, Clock, Deadline};
use crate::scan::contract::SliceEnd;
use crate::scan::guide::{Guide, Route, Toward};
use crate::scan::judge::Judge;

/// The part of a slice in which the index is asked, at most; and the part for which the messages are chosen
/// that have to be read.
const ASKING_PART: u64 = 2;
const WINDOW_PART: (u64, u64) = (7, 8);

/// The number of times that a scan may begin before it reads every message. A walk that jumps knows fewer neighbours of
/// its position, so where others edit the list again and again it could begin anew too often and give up.
const GUIDED_STARTS: u64 = 3;

impl ListScan {
    /// [`ListScan::run_slice`], guided by an index of the list. Where the index cannot tell, or excludes too
    /// little, every message is read.
    #[expect(clippy::too_many_arguments, reason = "those of `run_slice`, and the guide")]
    pub fn run_guided(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        guide: &mut dyn Guide,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut ListOutcome,
    ) -> SliceEnd {
        outcome.reset();
        if self.contradicted || self.starts > GUIDED_STARTS || queue.len() != self.here().marks.len() {
            return self.run_slice(queue, judge, clock, budget, permit, outcome);
        }
        if self.counts_unread() && self.count_unread(queue, judge, guide, clock, budget, outcome) {
            return SliceEnd::Done;
        }
        let began = clock.now_ns();
        let mut route = std::mem::take(&mut outcome.route);
        let toward = self.find_route(guide, clock, budget, &mut route);
        let budget = budget.since(began, clock.now_ns());
        let Some(toward) = toward.filter(|_| !route.is_dense()) else {
            outcome.route = route;
            return self.run_slice(queue, judge, clock, &budget, permit, outcome);
        };
        (outcome.is_guided, outcome.is_by_index) = (true, guide.is_index());
        let slice_end =
            self.walk_route(queue, judge, guide, (&route, toward), clock, &budget, permit, outcome);
        outcome.route = route;
        slice_end
    }

    /// Finds the messages that the slice has to read; returns the direction in which it walks.
    fn find_route(
        &self,
        guide: &mut dyn Guide,
        clock: &impl Clock,
        budget: &Budget,
        route: &mut Route,
    ) -> Option<Toward> {
        let marks = &self.here().marks;
        let all = marks.next()..marks.next() + marks.unexamined();
        let (range, toward, turns) = match marks.rest() {
            _ if self.walks_on() => (self.way_on(), Toward::ProducerEnd, false),
            Some((cursor, _)) => (marks.next()..cursor, Toward::ConsumerEnd, false),
            None if self.takes_newest() => (all, Toward::ConsumerEnd, false),
            // What runs next comes into the window; it is walked from its far side.
            None => (all, Toward::ProducerEnd, true),
        };
        let now = clock.now_ns();
        let ns = budget.ns(now);
        let most = guide.costs().candidates_in(ns * WINDOW_PART.0 / WINDOW_PART.1);
        // A window of more would leave the matches that run next to a later slice.
        let most = if self.deletes() { most.min(budget.max_deletions.max(1)) } else { most };
        let until = now.saturating_add(ns / ASKING_PART);
        route.begin(if toward == Toward::ProducerEnd { range.start } else { range.end });
        if !guide.lead(range, toward, most, &mut || clock.now_ns() < until, route) {
            return None;
        }
        if turns {
            route.turn();
        }
        Some(if turns { Toward::ConsumerEnd } else { toward })
    }

    /// Reads and judges the messages of a route.
    #[expect(clippy::too_many_arguments, reason = "those of a slice, and its way")]
    fn walk_route(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        guide: &mut dyn Guide,
        (route, toward): (&Route, Toward),
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut ListOutcome,
    ) -> SliceEnd {
        let mut deadline = Deadline::new(clock, budget);
        let list = (self.plan.consumer_end, queue.len());
        let costs = guide.costs();
        let walks_on = self.walks_on();
        let slice_end = if walks_on {
            let path = Jumps::on((route, toward), costs, list, self.way_on().end);
            self.walk_on(queue, judge, path, &mut deadline, budget, outcome);
            self.remove_matches(queue, Some(costs), &mut deadline, permit, outcome)
        } else {
            let far = route.covered().end;
            let (from, top) = self.here().marks.rest().unwrap_or((far, far));
            let is_empty = route.candidates().is_empty();
            outcome.top = Some(top);
            // Without a message to read, the list is not touched.
            let is_there = !is_empty && self.begin_window(queue, (from, top), outcome);
            let path = Jumps::on((route, toward), costs, list, self.here().marks.next());
            let path = path.back(self.reach(), self.deletes(), is_there);
            self.walk_back(queue, judge, path, from, &mut deadline, budget, permit, outcome)
        };
        outcome.walk_ns = deadline.walked(outcome.seek_ns);
        guide.costs().walked(outcome.read(), outcome.walk_ns);
        slice_end
    }
}
