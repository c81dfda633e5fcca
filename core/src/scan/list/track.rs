//! One of the lists of a scan: the scan's position in it, and what it found.

use super::marks::{Marks, Missing, Tally};
use super::newest::{Known, Newest};
use super::outcome::ListOutcome;
use super::places::{Departure, Places};
use super::remembered::Remembered;
use super::surroundings::Surroundings;
use crate::queue::End;
use crate::scan::event::Event;
use crate::scan::sample::Sample;
use crate::scan::shift::Shift;
use crate::scan::tallies::Tallies;

/// What an event means for a scan.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) tally: Tally,
    /// The match that KEEPONE kept has left.
    pub(super) kept: Option<Departure>,
    /// Values whose match has left, and does not run.
    pub(super) values: Vec<usize>,
}

/// One list of a scan.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) marks: Marks,
    pub(super) sample: Sample,
    pub(super) tallies: Tallies,
    /// The match that KEEPONE keeps.
    pub(super) kept: Places<()>,
    /// The matches that KEEP NEWEST may keep.
    pub(super) newest: Newest,
    /// The messages that another pass has to read.
    pub(super) remembered: Remembered,
    /// The kept match of each value, with the slot of the value.
    pub(super) holders: Places<usize>,
    /// The surroundings of next, cursor, top and the end, and those after the kept match.
    pub(super) around: [Surroundings; 5],
    /// Its messages are too large to be read more than once.
    pub(super) bulky: bool,
    /// The list was deleted, renamed away or replaced: its name may now hold another list.
    pub(super) gone: bool,
    /// It held messages when it was deleted. A list that workers have emptied did not.
    pub(super) lost: bool,
}

/// Appends neighbours that were known before to those that are known now, if all of the `between` messages in
/// between are known. A walk may pass messages that it does not read, and may read some that it does not
/// examine.
fn join(known: &mut Vec<u64>, between: u64, before: &[u64]) {
    let between = usize::try_from(between).unwrap_or(usize::MAX);
    if known.len() >= between {
        known.truncate(between);
        known.extend(before);
    }
}

impl Track {
    pub(super) fn new(len: u64) -> Self {
        Self {
            marks: Marks::new(len),
            sample: Sample::default(),
            tallies: Tallies::default(),
            kept: Places::default(),
            newest: Newest::default(),
            remembered: Remembered::default(),
            holders: Places::default(),
            around: Default::default(),
            bulky: false,
            gone: false,
            lost: false,
        }
    }

    /// Follows an event of the list. `Err(len)` if the event reports no positions, or contradicts what was seen
    /// before: the list was changed without an event, which is treated as an edit in place.
    pub(super) fn follow(&mut self, event: Event<'_>) -> Result<Followed, u64> {
        if self.gone {
            self.marks.stand_outside(event);
            return Ok(Followed::default());
        }
        let mut followed = Followed::default();
        if matches!(event, Event::Gone) {
            let drifted = self.marks.unexamined();
            self.lost = self.marks.len() > 0;
            self.marks.clear();
            self.sample.clear();
            self.tallies.lose_places();
            self.kept.clear(|()| followed.kept = Some(Departure::Removed));
            self.newest.clear();
            self.remembered.lose();
            self.holders.clear(|value| followed.values.push(value));
            self.gone = true;
            followed.tally = Tally { arrived: 0, drifted };
            return Ok(followed);
        }
        if self.unsettles_kept(event) {
            return Err(self.marks.lose_place(event));
        }
        let mut shifts = Vec::new();
        let (mut boundaries, open) = (self.boundaries(), self.marks.rest().is_some());
        let missing = self.marks.missing().removed > 0;
        followed.tally = self.marks.follow(event, &mut shifts)?;
        if self.marks.missing() != Missing::default() {
            self.remembered.lose();
        }
        for shift in &shifts {
            for (at, around) in boundaries.iter_mut().zip(&mut self.around) {
                // While messages are missing, the number of messages cut off at the producer end is not in the
                // coordinates of the marks.
                match shift {
                    Shift::CutAt(left) if missing && *left < *at => *around = Surroundings::default(),
                    _ => around.follow(*at, shift),
                }
                *at = shift.moved(*at);
            }
            self.sample.follow(shift);
            self.tallies.follow(shift);
            self.follow_decisions(shift, &mut followed);
        }
        if self.marks.all_were_unexamined() && self.kept_boundary() == 0 {
            followed.tally.drifted += self.marks.found([0; 3], self.marks.missing().removed);
            // Any message that is known to be near a boundary may be among those.
            self.around = Default::default();
        }
        if open && self.marks.rest().is_none() {
            self.close_window();
        }
        if self.kept_boundary() != boundaries[4] {
            self.around[4] = Surroundings::default();
        }
        Ok(followed)
    }

    /// The rest of a window is done: the surroundings of its far side are now those of the next message.
    pub(super) fn close_window(&mut self) {
        self.around[0] = std::mem::take(&mut self.around[2]);
        self.around[1] = Surroundings::default();
    }

    /// Books what a slice saw that walked towards the producer end.
    pub(super) fn stood_around(&mut self, outcome: &mut ListOutcome, reach: usize) {
        let before = std::mem::take(&mut self.around[0].near);
        let mut here = std::mem::take(&mut outcome.around_end);
        join(&mut here.near, outcome.kept_count(), &before);
        here.near.truncate(reach);
        self.around[0] = here;
    }

    /// Books what a slice saw that walked from the far side of a window.
    pub(super) fn stood_around_window(&mut self, outcome: &mut ListOutcome, reach: usize) {
        let seen = std::mem::take(&mut outcome.around_top);
        let mut cursor = std::mem::take(&mut outcome.around_end);
        let (from, top) = self.marks.rest().unwrap_or_else(|| {
            let top = outcome.top.unwrap_or_default();
            (top, top)
        });
        if self.marks.rest().is_none() {
            join(&mut cursor.far, outcome.kept_count(), &seen.far);
            self.around[2] = seen;
        } else {
            join(&mut cursor.far, outcome.kept_count(), &self.around[1].far);
            join(&mut self.around[2].near, top - from, &seen.near);
        }
        // If all messages between the far side and the place where the walk stopped are known, the next ones are those
        // before that place. Otherwise a clear that removes nearly all messages would know none before the far side.
        join(&mut self.around[2].near, top - from + outcome.kept_count(), &cursor.near);
        cursor.far.truncate(reach);
        self.around[1] = cursor;
        if from - outcome.counts.examined == self.marks.next() {
            // Further down are the messages that were before the window.
            let (below, [.., near, _, _]) = (self.around[0].near.clone(), &mut self.around);
            join(&mut near.near, top - from + outcome.kept_count(), &below);
        }
        self.around[2].near.truncate(reach);
    }

    pub(super) fn boundaries(&self) -> [u64; 5] {
        let [next, cursor, top] = self.marks.inner();
        [next, cursor, top, self.marks.end(), self.kept_boundary()]
    }

    /// The distance right after the kept match; 0 if there is none.
    fn kept_boundary(&self) -> u64 {
        let newest = match self.newest.known(0) {
            Known::At(distance) => Some(distance),
            _ => None,
        };
        self.kept.last().or(newest).map_or(0, |kept| kept + 1)
    }

    /// Returns, while messages are missing or were replaced, whether an event leaves it uncertain how a kept match left:
    /// whether it was among those, or is run by a worker.
    fn unsettles_kept(&self, event: Event<'_>) -> bool {
        let (kept, missing) = (self.kept_boundary(), self.marks.missing());
        let first = self.holders.distances().next();
        if missing == Missing::default() || (kept == 0 && first.is_none()) {
            return false;
        }
        let len = self.marks.len();
        match event {
            Event::Popped { end: End::Tail, len: left } => {
                let reached = len.saturating_sub(left).max(1) + missing.removed;
                (kept > 0 && reached >= kept) || first.is_some_and(|first| reached > first)
            }
            // Each match of a value that may have left there does not run, wherever the missing messages were.
            Event::Popped { end: End::Head, len: left } => kept > 0 && left.min(len.saturating_sub(1)) < kept,
            _ => false,
        }
    }

    /// Follows what the scan itself removed, at these distances, ascending.
    pub(super) fn note_removed(&mut self, gone: Vec<u64>) {
        let shift = Shift::Without(gone);
        for (at, around) in self.boundaries().into_iter().zip(&mut self.around) {
            around.follow(at, &shift);
        }
        let kept = shift.moved(self.kept_boundary());
        // The scan itself removes none of the messages on which decisions depend, but the newest match of a
        // list if a newer one is in another list.
        self.follow_decisions(&shift, &mut Followed::default());
        if self.kept_boundary() != kept {
            self.around[4] = Surroundings::default();
        }
    }

    fn follow_decisions(&mut self, shift: &Shift, followed: &mut Followed) {
        self.kept.follow(shift, |(), departure| followed.kept = Some(departure));
        self.newest.follow(shift);
        self.remembered.follow(shift);
        self.holders.follow(shift, |value, departure| {
            // A match that a worker took is run: no other match with its value has to be kept.
            if departure == Departure::Removed {
                followed.values.push(value);
            }
        });
    }

    /// Begins another pass over what may still be the snapshot; the list has `len` messages.
    pub(super) fn restart(&mut self, len: u64) {
        if !self.gone {
            self.marks.restart(len);
        }
    }

    /// What the pass before found does not count any more.
    pub(super) fn forget(&mut self) {
        self.sample.clear();
        self.tallies.clear();
        self.kept.clear(drop);
        self.remembered = Remembered::default();
        self.holders.clear(drop);
        self.around = Default::default();
    }

    /// Nothing more is examined here, and nothing of it is remembered: the positions of removals do not matter.
    pub(super) fn is_done(&self) -> bool {
        let remembers = !self.kept.is_empty() || !self.holders.is_empty() || self.kept_boundary() > 0;
        self.marks.unexamined() == 0 && !remembers && self.sample.rows().is_empty() && self.tallies.is_empty()
    }
}
