//! The newest match in the queue, known while others take messages out of it.
//!
//! KEEP NEWEST keeps the match that runs last, and that one may leave at any moment by any hand. So the scan remembers
//! the places of the newest matches that it found, a bounded number of them: while one of those is in the queue, the
//! last of them is the newest match there is. Where older matches were found and not remembered, and all that were
//! remembered have left, the newest is *unknown*: nothing may be cleared until the scan has counted anew.

use super::places::Places;
use crate::scan::shift::Shift;

/// Places of the newest matches that a job with KEEP NEWEST remembers in each list: while one of them is in the queue
/// it knows which match stays. When all of them have left it counts anew.
pub const NEWEST_MAX: usize = 4_096;
/// The same where it is to be met.
pub(super) const MOST: usize = if cfg!(test) { 3 } else { NEWEST_MAX };

/// What is known of the newest match of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is at this distance from the next end.
    At(u64),
    /// No match that was found is in the list.
    Nowhere,
    /// Matches that were found may be in the list, and which of them is the newest is not known.
    Unknown,
}

/// The newest matches of one list.
#[derive(Debug, Clone, Default)]
pub(super) struct Newest {
    places: Places<()>,
    /// Every match that was found at this distance or beyond is remembered, and none that is nearer.
    floor: u64,
}

impl Newest {
    /// What is known where all matches nearer than `cleared` were taken out.
    pub(super) fn known(&self, cleared: u64) -> Known {
        match self.places.last() {
            Some(distance) => Known::At(distance),
            None if self.floor > cleared => Known::Unknown,
            None => Known::Nowhere,
        }
    }

    /// Books the matches that a look found.
    pub(super) fn extend(&mut self, found: &mut FoundNewest) {
        found.forget(MOST);
        self.floor = self.floor.max(found.floor);
        let mut all: Vec<u64> = self.places.distances().chain(found.distances.drain(..)).collect();
        all.retain(|distance| *distance >= self.floor);
        all.sort_unstable();
        let forgotten = all.len().saturating_sub(MOST);
        if let Some(last) = all[..forgotten].last() {
            self.floor = last + 1;
        }
        self.places.clear(drop);
        self.places.append(all.drain(forgotten..).map(|distance| (distance, ())));
    }

    /// Where the matches are is not known any more, but for the one that is the newest, at `newest`; all that were found
    /// are nearer than `end`.
    pub(super) fn doubt(&mut self, newest: Option<u64>, end: u64) {
        self.places.clear(drop);
        self.places.append(newest.map(|distance| (distance, ())).into_iter());
        self.floor = newest.unwrap_or(end);
    }

    /// Nothing was found yet.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn follow(&mut self, shift: &Shift) {
        self.places.follow(shift, |(), _| ());
        self.floor = match shift {
            // Nothing that was found is nearer than the first message.
            Shift::Away(n) if self.floor > 0 => self.floor + n,
            Shift::Away(_) => 0,
            Shift::Closer(n) => self.floor.saturating_sub(*n),
            Shift::CutAt(len) => self.floor.min(*len),
            Shift::Without(gone) => self.floor - gone.partition_point(|d| *d < self.floor) as u64,
        };
    }
}

/// The matches that one look found, as far as they may be the newest.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundNewest {
    distances: Vec<u64>,
    /// As that of [`Newest`].
    floor: u64,
}

impl FoundNewest {
    /// Of the matches of a look, in any order.
    pub(super) fn add(&mut self, distance: u64) {
        self.distances.push(distance);
        if self.distances.len() >= 2 * MOST {
            self.forget(MOST);
        }
    }

    /// Keeps so many of them, the newest.
    fn forget(&mut self, most: usize) {
        self.distances.sort_unstable();
        let forgotten = self.distances.len().saturating_sub(most);
        if let Some(last) = self.distances.drain(..forgotten).next_back() {
            self.floor = self.floor.max(last + 1);
        }
    }

    pub(super) fn clear(&mut self) {
        self.distances.clear();
        self.floor = 0;
    }
}
