//! The newest match in the queue, which is known while others remove messages.
//!
//! KEEP NEWEST keeps the match that runs last, and any client may remove that match at any moment. So the scan
//! remembers the positions of the newest matches that it found, a bounded number of them: while one of those is in
//! the queue, the last of them is the newest match. If older matches were found and not remembered, and all
//! remembered ones have left, the newest is *unknown*: nothing may be cleared until the scan has counted anew.

use super::places::Places;
use crate::scan::shift::Shift;

/// Number of positions of the newest matches that a job with KEEP NEWEST remembers in each list: while one of them
/// is in the queue, it knows which match to keep. When all of them have left, it counts anew.
pub const NEWEST_MAX: usize = 4_096;
/// A small number, so that tests reach it.
pub(super) const MOST: usize = if cfg!(test) { 3 } else { NEWEST_MAX };

/// What is known of the newest match of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is at this distance from the consumer end.
    At(u64),
    /// No match that was found is in the list.
    Nowhere,
    /// Matches that were found may be in the list, and it is unknown which of them is the newest.
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
    /// Returns what is known if all matches nearer than `cleared` were removed.
    pub(super) fn known(&self, cleared: u64) -> Known {
        match self.places.last() {
            Some(distance) => Known::At(distance),
            None if self.floor > cleared => Known::Unknown,
            None => Known::Nowhere,
        }
    }

    /// Books the matches that a slice found.
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

    /// The positions of the matches are not known any more, except that of the newest, at `newest`. All that were
    /// found are nearer than `end`.
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

/// The matches that one slice found, as far as they may be the newest.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundNewest {
    distances: Vec<u64>,
    /// As in [`Newest`].
    floor: u64,
}

impl FoundNewest {
    /// From the matches of a slice, in any order.
    pub(super) fn add(&mut self, distance: u64) {
        self.distances.push(distance);
        if self.distances.len() >= 2 * MOST {
            self.forget(MOST);
        }
    }

    /// Keeps this many of them, the newest.
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
