//! What a job asks of a scan over what workers hold.

use super::{UnackedKeys, UnackedOutcome, UnackedScan};
use crate::scan::budget::{Budget, Clock};
use crate::scan::contract::{ContainerScan, Examine, Progress, ScanState, SliceEnd};
use crate::scan::counters::Counters;
use crate::scan::event::Event;
use crate::scan::judge::Judge;
use crate::scan::plan::Plan;
use crate::scan::tallies::Group;

/// The numbers of the two keys.
const HASH: usize = 0;
const INDEX: usize = 1;

impl ScanState for UnackedScan {
    /// What left before it was examined is known at the end alone.
    fn counters(&self) -> &Counters {
        self.counters()
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn progress(&self) -> Progress {
        if self.is_done() { Progress::Finished } else { Progress::Unfinished }
    }

    fn len(&self) -> u64 {
        self.len()
    }

    fn deletes(&self) -> bool {
        self.deletes()
    }

    /// Of what happens inside a hash no event tells anything; changes of the index are counted (`UnackedScan::count`).
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

    /// A hash has no places that the matches could be found at.
    fn groups(&self) -> Vec<Group> {
        self.tallies.groups(0).collect()
    }

    fn notices(&self) -> Vec<String> {
        self.notices()
    }
}

impl ContainerScan for UnackedScan {
    type Outcome = UnackedOutcome;

    fn count_deleted(&mut self, outcome: &mut UnackedOutcome) {
        self.count_deleted(outcome);
    }

    fn commit(&mut self, outcome: &mut UnackedOutcome) {
        self.commit(outcome);
    }
}

/// What is to be taken out is noted, and taken out by the caller: by commands that replicate themselves.
impl<H: UnackedKeys> Examine<H> for UnackedScan {
    fn examine(
        &self,
        keys: &mut H,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut UnackedOutcome,
    ) -> SliceEnd {
        self.run_slice(keys, judge, clock, budget, outcome);
        let is_read = !keys.is_refused();
        outcome.is_permitted = is_read && (outcome.removed.is_empty() || permit());
        if outcome.is_permitted { SliceEnd::Done } else { SliceEnd::Refused }
    }
}
