//! One of the lists that a scan goes over: where it stands there, and what it found.

use super::marks::{Event, Marks, Tally};
use super::sample::Sample;
use super::tallies::Tallies;

/// One list of a scan.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) marks: Marks,
    pub(super) sample: Sample,
    pub(super) tallies: Tallies,
    /// Deleted, renamed away or replaced: what is under its name now is another list.
    pub(super) gone: bool,
    /// It held messages when it went: one that workers have emptied did not.
    pub(super) lost: bool,
}

impl Track {
    pub(super) fn new(len: u64) -> Self {
        Self {
            marks: Marks::new(len),
            sample: Sample::default(),
            tallies: Tallies::default(),
            gone: false,
            lost: false,
        }
    }

    /// Follows what happened to the list. `Err(len)` where that tells no positions, or does not add up with what was
    /// seen before: somebody changed the list without telling, which is as good as an edit in place.
    pub(super) fn follow(&mut self, event: Event<'_>) -> Result<Tally, u64> {
        if self.gone {
            self.marks.stand_outside(event);
            return Ok(Tally::default());
        }
        if matches!(event, Event::Gone) {
            let drifted = self.marks.unexamined();
            self.lost = self.marks.len() > 0;
            self.marks.clear();
            self.sample.clear();
            self.tallies.lose_places();
            self.gone = true;
            return Ok(Tally { arrived: 0, drifted });
        }
        let mut shifts = Vec::new();
        let tally = self.marks.follow(event, &mut shifts)?;
        for shift in &shifts {
            self.sample.follow(shift);
            self.tallies.follow(shift);
        }
        Ok(tally)
    }

    /// Another pass begins over what may still be the snapshot; the list holds `len` messages.
    pub(super) fn restart(&mut self, len: u64) {
        if !self.gone {
            self.marks.restart(len);
        }
    }

    /// What was found in the pass before does not count any more.
    pub(super) fn forget(&mut self) {
        self.sample.clear();
        self.tallies.clear();
    }
}
