//! The operations that a job needs of a scan in the order of a sorted set.

use super::{IndexKeys, IndexOutcome, IndexScan, Layout};
use crate::reply::Reply;
use crate::scan::budget::{Budget, Clock};
use crate::scan::contract::{ContainerScan, Examine, Progress, ScanState, SliceEnd};
use crate::scan::counters::Counters;
use crate::scan::event::Event;
use crate::scan::judge::Judge;
use crate::scan::place::IndexPosition;
use crate::scan::plan::Plan;
use crate::scan::tallies::Group;

/// The numbers of the two keys. A sorted set of messages is the first and only key.
const HASH: usize = 0;
const INDEX: usize = 1;

impl<L: Layout> ScanState for IndexScan<L> {
    /// The number of messages that left before they were examined is known only at the end.
    fn counters(&self) -> &Counters {
        self.counters()
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

    /// No event reports changes inside a hash; changes of the index are counted (`IndexScan::count`).
    fn follow(&mut self, key: usize, event: Event<'_>) {
        match (key, event) {
            (HASH, Event::Gone) => self.lose(),
            (INDEX, Event::Gone) => self.lose_index(),
            _ => {}
        }
    }

    fn gone(&self) -> Vec<usize> {
        let hash = self.gone.then_some(HASH);
        hash.into_iter().chain(self.index_gone.then_some(INDEX)).collect()
    }

    fn lost_messages(&self) -> bool {
        self.gone || self.index_gone
    }

    /// A hash has no positions at which the matches could be found.
    fn groups(&self) -> Vec<Group> {
        self.tallies.groups(0).collect()
    }

    fn notices(&self) -> Vec<String> {
        self.notices()
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

    fn rows(&self, rows: usize) -> Option<Reply> {
        Some(self.sample(rows))
    }

    fn found_at(&self) -> Vec<IndexPosition> {
        self.found().collect()
    }

    fn room_taken(&self) -> usize {
        self.room_taken()
    }

    fn lose_sight(&mut self) {
        self.lose_sight();
    }
}

impl<L: Layout> ContainerScan for IndexScan<L> {
    type Outcome = IndexOutcome;

    fn count_deleted(&mut self, outcome: &mut IndexOutcome) {
        self.count_deleted(outcome);
    }

    fn commit(&mut self, outcome: &mut IndexOutcome) {
        self.commit(outcome);
    }
}

/// The scan notes which messages to remove, and the caller removes them by commands that replicate
/// themselves.
impl<H: IndexKeys, L: Layout> Examine<H> for IndexScan<L> {
    fn examine(
        &self,
        keys: &mut H,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut IndexOutcome,
    ) -> SliceEnd {
        self.run_slice(keys, judge, clock, budget, outcome);
        let is_read = !keys.is_refused();
        outcome.is_permitted = is_read && (outcome.removed.is_empty() || permit());
        if outcome.is_permitted { SliceEnd::Done } else { SliceEnd::Refused }
    }
}
