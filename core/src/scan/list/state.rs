//! What a job asks of a scan over lists.

use super::{ListOutcome, ListScan, Queue};
use crate::scan::budget::{Budget, Clock};
use crate::scan::contract::{ContainerScan, Examine, Progress, ScanState, SliceEnd};
use crate::scan::counters::Counters;
use crate::scan::event::Event;
use crate::scan::guide::Guide;
use crate::scan::judge::Judge;
use crate::scan::plan::Plan;
use crate::scan::tallies::{self, Group};

impl ScanState for ListScan {
    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn progress(&self) -> Progress {
        self.progress()
    }

    fn len(&self) -> u64 {
        self.len()
    }

    fn deletes(&self) -> bool {
        self.deletes()
    }

    fn follow(&mut self, key: usize, event: Event<'_>) {
        self.follow(key, event);
    }

    fn at(&self) -> usize {
        self.at
    }

    fn gone(&self) -> Vec<usize> {
        let gone = self.lists.iter().enumerate().filter(|(_, list)| list.gone);
        gone.map(|(at, _)| at).collect()
    }

    fn lost_messages(&self) -> bool {
        self.is_gone() || self.lists.iter().any(|list| list.lost)
    }

    fn groups(&self) -> Vec<Group> {
        tallies::over_all(self.lists.iter().map(|list| &list.tallies))
    }

    fn is_counting(&self) -> bool {
        self.counting
    }

    fn counted(&self) -> Option<u64> {
        self.counted
    }

    fn distinct(&self) -> u64 {
        self.values.len() as u64
    }

    fn kept(&self) -> Option<(usize, i64)> {
        self.kept()
    }

    fn edits(&self) -> u64 {
        self.edits
    }

    fn refound(&self) -> u64 {
        self.refound
    }

    fn is_newest_unknown(&self) -> bool {
        self.newest_unknown
    }

    fn passed(&self) -> u64 {
        self.passed
    }

    fn was_misled(&self) -> bool {
        self.contradicted
    }
}

impl ContainerScan for ListScan {
    type Outcome = ListOutcome;

    fn count_deleted(&mut self, outcome: &mut ListOutcome) {
        self.count_deleted(outcome);
    }

    fn commit(&mut self, outcome: &mut ListOutcome) {
        self.commit(outcome);
    }
}

impl<Q: Queue> Examine<Q> for ListScan {
    fn examine(
        &self,
        queue: &mut Q,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut ListOutcome,
    ) -> SliceEnd {
        let remembered = &self.here().remembered;
        if !self.plan.deletes() || !remembered.is_known() {
            return self.run_slice(queue, judge, clock, budget, permit, outcome);
        }
        let mut costs = outcome.costs;
        let mut guide = remembered.guide(&mut costs);
        let end = self.run_guided(queue, judge, &mut guide, clock, budget, permit, outcome);
        outcome.costs = costs;
        end
    }

    fn examine_guided(
        &self,
        queue: &mut Q,
        judge: &mut impl Judge,
        guide: &mut dyn Guide,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut ListOutcome,
    ) -> SliceEnd {
        self.run_guided(queue, judge, guide, clock, budget, permit, outcome)
    }
}
