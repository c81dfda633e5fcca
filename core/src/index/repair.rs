//! Finds out what an edit in place did, without reading the list again.
//!
//! The event of an LREM, LINSERT or LTRIM tells which command it was, and the length of the list tells how many messages
//! were removed or inserted; it does not tell where. The index knows the fingerprints of the messages before the edit. A
//! *probe* reads the fingerprint of one message after it. Before the place of the edit the two are the same at the same position,
//! and after it at a position that is shifted, so a binary search of about 20 probes finds the place in a million messages.
//!
//! The search believes only a *decisive* probe: one at a position where the index has different fingerprints at every shift
//! that is possible. In a run of equal messages (Resque writes the same bytes for the same job) no probe is decisive. The
//! place is then known up to the run, which is enough where all rows of the run are equal, since it does not matter which of
//! them left. Everywhere else the search gives up, and the index is built again. It never guesses, and a fingerprint that fits no
//! shift ends it, too: then there was more than the one edit.
//!
//! The list must not change between the edit and the end of the search, but in ways that [`Probe`] translates: the caller holds
//! further events back until the edit was applied.

use std::ops::Range;

use super::columns::{Columns, FINGERPRINT};
use super::fields::FieldIndex;

/// Most messages that an LREM may have removed: each takes a search of its own.
pub const REMOVED_MAX: u64 = 8;
/// Most messages of a run of equal ones in which the place of an edit is uncertain.
pub const RUN_MAX: u64 = 4_096;
/// The same, smaller in tests.
const RUN: u64 = if cfg!(test) { 32 } else { RUN_MAX };
/// Most messages that are read to find one that was inserted into such a run.
pub const INSERTED_RUN_MAX: u64 = 64;
/// Most ways to place a trimmed list in the index that are compared with it.
pub const PLACEMENTS_MAX: usize = 16;
/// Most probes of one repair.
pub const PROBES_MAX: u32 = 512;

/// How far from the middle a decisive position is looked for, at first.
const NEAR: u64 = 32;
/// Placements of a trimmed list that one step looks at.
const PLACEMENTS_PER_STEP: u64 = 65_536;

/// Reads the list after the edit.
pub trait Probe {
    /// The fingerprint of the message at a position, counted from the producer end right after the edit. Nothing if it
    /// cannot be read, or left the list since.
    fn fingerprint(&mut self, position: u64) -> Option<u32>;
}

impl<F: FnMut(u64) -> Option<u32>> Probe for F {
    fn fingerprint(&mut self, position: u64) -> Option<u32> {
        self(position)
    }
}

/// What a command did to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// LREM: so many messages were removed, all of them equal.
    Removed(u64),
    /// LINSERT: one message was inserted.
    Inserted,
    /// LTRIM: so many messages were removed at the two ends.
    Trimmed(u64),
}

/// The place of an edit. Positions count from the producer end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The messages at these positions before the edit were removed: for [`FieldIndex::deleted`]. Each of them was one of the messages
    /// at the positions in `among`, which are all equal: more than one where it does not matter which.
    Removed {
        /// Ascending.
        positions: Vec<u64>,
        /// One for each position, in the same order.
        among: Vec<Range<u64>>,
    },
    /// A message is at this position now: for [`FieldIndex::inserted`], which wants the message. It may as well be any of
    /// those at the positions in `among`, which are all equal.
    Inserted {
        /// After the edit.
        position: u64,
        /// After the edit.
        among: Range<u64>,
    },
    /// Of the messages before the edit, `count` from `first` on are left: for [`FieldIndex::trimmed`].
    Trimmed {
        /// The position of the first one that is left.
        first: u64,
        /// Messages that are left.
        count: u64,
    },
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// There is more to do.
    More,
    /// Found, for certain.
    Found(Place),
    /// Not certain: the index has to be built again.
    Unknown,
}

/// A search for one edit. The index is the one before the edit until the search has ended.
#[derive(Debug, Clone)]
pub struct Repair {
    edit: Edit,
    /// The last position after the edit that is known to be before the place, plus one.
    low: u64,
    /// The first position after the edit that is known to be at or after the place.
    high: u64,
    removed: Vec<u64>,
    among: Vec<Range<u64>>,
    probes: u32,
    /// Of a trimmed list: some positions after the edit and the fingerprints there.
    marks: Vec<(u64, u32)>,
    placements: Vec<u64>,
    next_placement: u64,
    window: Vec<Option<u32>>,
}

/// A search that has ended.
type Ended = Option<Step>;

impl Repair {
    /// The search for an edit of the list of `index`.
    #[must_use]
    pub fn new(index: &FieldIndex, edit: Edit) -> Self {
        let len = index.len();
        let high = match edit {
            Edit::Removed(n) | Edit::Trimmed(n) => len.saturating_sub(n),
            Edit::Inserted => len,
        };
        Self {
            edit,
            low: 0,
            high,
            removed: Vec::new(),
            among: Vec::new(),
            probes: 0,
            marks: Vec::new(),
            placements: Vec::new(),
            next_placement: 0,
            window: Vec::new(),
        }
    }

    /// Goes on with the search, for at most about `probes` probes.
    pub fn step(&mut self, index: &FieldIndex, probe: &mut dyn Probe, probes: u32) -> Step {
        let (rows, until) = (&index.rows, self.probes.saturating_add(probes.max(1)));
        loop {
            let ended = match self.edit {
                Edit::Removed(n) => self.step_removed(rows, n, probe),
                Edit::Inserted => self.step_inserted(rows, probe),
                Edit::Trimmed(n) => self.step_trimmed(rows, n, probe),
            };
            match ended {
                Some(ended) => return ended,
                None if self.probes >= PROBES_MAX => return Step::Unknown,
                None if self.probes >= until || matches!(self.edit, Edit::Trimmed(_)) => return Step::More,
                None => {}
            }
        }
    }

    fn read(&mut self, probe: &mut dyn Probe, position: u64) -> Option<u32> {
        self.probes += 1;
        probe.fingerprint(position)
    }

    /// A position near the middle between `low` and `high` at which `is_decisive`, which gets what the index has there: from
    /// `back` positions before to `ahead` after it.
    fn decisive(
        &mut self,
        rows: &Columns,
        (back, ahead): (u64, u64),
        is_decisive: impl Fn(&[Option<u32>]) -> bool,
    ) -> Option<(u64, Vec<u32>)> {
        // Only where the messages are read there are decisive ones.
        let region = rows.region();
        let (from, to) = (region.start + back, region.end.saturating_sub(ahead + 1));
        let middle = (self.low + (self.high - self.low) / 2).min(to).max(from);
        let width = usize::try_from(back + ahead + 1).ok()?;
        for reach in [NEAR, RUN] {
            let first = middle.saturating_sub(reach).max(self.low).max(from);
            let end = middle.saturating_add(reach).min(self.high);
            rows.copy(FINGERPRINT, first - back..(end + ahead).max(first - back), &mut self.window);
            let middle = usize::try_from(middle.saturating_sub(first)).ok()?;
            let candidates = self.window.windows(width).enumerate();
            let fits = candidates.filter(|(at, window)| first + (*at as u64) < end && is_decisive(window));
            if let Some((at, window)) = fits.min_by_key(|(at, _)| at.abs_diff(middle)) {
                return Some((first + at as u64, window.iter().copied().collect::<Option<Vec<u32>>>()?));
            }
        }
        None
    }

    /// Looks for the next removed message: `nth` were found before it.
    fn step_removed(&mut self, rows: &Columns, n: u64, probe: &mut dyn Probe) -> Ended {
        let nth = self.removed.len() as u64;
        if nth == n {
            let (positions, among) = (std::mem::take(&mut self.removed), std::mem::take(&mut self.among));
            return Some(Step::Found(Place::Removed { positions, among }));
        }
        if n > REMOVED_MAX || n > rows.len() {
            return Some(Step::Unknown);
        }
        if self.low < self.high {
            // Shifted by what was found, it is before the next one; by more, after it.
            let is_decisive = |window: &[Option<u32>]| {
                let (own, others) = (
                    window[usize::try_from(nth).unwrap_or(0)],
                    &window[usize::try_from(nth).unwrap_or(0) + 1..],
                );
                own.is_some() && others.iter().all(|other| other.is_some() && *other != own)
            };
            if let Some((at, window)) = self.decisive(rows, (0, n), is_decisive) {
                let Some(found) = self.read(probe, at) else { return Some(Step::Unknown) };
                let (_, possible) = window.split_at(usize::try_from(nth).unwrap_or(0));
                match possible.iter().position(|fingerprint| *fingerprint == found) {
                    Some(0) => self.low = at + 1,
                    Some(_) => self.high = at,
                    None => return Some(Step::Unknown),
                }
                return None;
            }
        }
        let among = self.low + nth..self.high + nth + 1;
        let is_run = among.end - among.start <= RUN && rows.are_equal(among.clone());
        let position = if is_run || rows.region().is_empty() {
            among.start
        } else {
            match self.beside_unread(rows, n, probe) {
                Some(position) => position,
                None => return Some(Step::Unknown),
            }
        };
        let known = self.removed.first().map(|first| rows.value(FINGERPRINT, *first));
        if known.is_some_and(|known| known != rows.value(FINGERPRINT, position)) {
            return Some(Step::Unknown);
        }
        self.removed.push(position);
        self.among.push(if is_run { among } else { position..position + 1 });
        self.high = rows.len() - n;
        None
    }

    /// One message was removed, which is either the last read one on a side or an unread one next to it. Which of them is
    /// seen where the read one should be.
    fn beside_unread(&mut self, rows: &Columns, n: u64, probe: &mut dyn Probe) -> Option<u64> {
        let region = rows.region();
        if n != 1 {
            return None;
        }
        if self.low == 0 && region.start > 0 && self.high == region.start {
            let found = self.read(probe, region.start - 1)?;
            let is_read_one_left = rows.value(FINGERPRINT, region.start)? == found;
            return Some(if is_read_one_left { 0 } else { region.start });
        }
        if self.high == rows.len() - 1 && region.end < rows.len() && self.low + 1 == region.end {
            let found = self.read(probe, region.end - 1)?;
            let is_read_one_left = rows.value(FINGERPRINT, region.end - 1)? == found;
            return Some(if is_read_one_left { rows.len() - 1 } else { region.end - 1 });
        }
        None
    }

    /// Looks for the inserted message: after `low` and not after `high`.
    fn step_inserted(&mut self, rows: &Columns, probe: &mut dyn Probe) -> Ended {
        let region = rows.region();
        let found = |position, among| Some(Step::Found(Place::Inserted { position, among }));
        if region.is_empty() {
            return found(rows.len(), 0..rows.len() + 1);
        }
        if self.low < self.high {
            let is_decisive =
                |window: &[Option<u32>]| window[0].is_some() && window[1].is_some() && window[0] != window[1];
            if let Some((at, window)) = self.decisive(rows, (1, 0), is_decisive) {
                let Some(fingerprint) = self.read(probe, at) else { return Some(Step::Unknown) };
                if fingerprint == window[1] {
                    self.low = at + 1;
                } else if fingerprint == window[0] {
                    self.high = at;
                } else {
                    return found(at, at..at + 1);
                }
                return None;
            }
        }
        // It is unread, as its neighbours are.
        if self.low >= region.end && region.end < rows.len() {
            return found(rows.len(), region.end..rows.len() + 1);
        }
        if self.low == 0 && region.start > 0 && self.high == region.start + 1 {
            // Where the first read message did not move, the new one is right after it.
            return match (self.read(probe, self.high), rows.value(FINGERPRINT, region.start)) {
                (Some(found), Some(first)) if found == first => {
                    Some(Step::Found(Place::Inserted { position: 0, among: 0..region.start + 1 }))
                }
                (Some(_), Some(_)) => found(self.high, self.high..self.high + 1),
                _ => Some(Step::Unknown),
            };
        }
        let (run, is_long) = (self.low..=self.high, self.high - self.low > INSERTED_RUN_MAX);
        // The messages around all of these positions.
        let before = self.low.saturating_sub(1)..self.high.min(rows.len());
        let is_inside = before.start >= region.start && before.end <= region.end;
        if is_long || !is_inside || !rows.are_equal(before.clone()) {
            return Some(Step::Unknown);
        }
        let Some(equal) = rows.value(FINGERPRINT, before.start) else { return Some(Step::Unknown) };
        for at in run.clone() {
            match self.read(probe, at) {
                Some(fingerprint) if fingerprint == equal => {}
                Some(_) => return found(at, at..at + 1),
                None => return Some(Step::Unknown),
            }
        }
        found(self.high, self.low..self.high + 1)
    }

    /// Looks for the place of a trimmed list in the index.
    fn step_trimmed(&mut self, rows: &Columns, n: u64, probe: &mut dyn Probe) -> Ended {
        let count = rows.len().checked_sub(n).filter(|count| *count > 0);
        let Some(count) = count else { return Some(Step::Unknown) };
        if self.marks.is_empty() {
            let mut marks = vec![0, count / 3, count / 2, count - 1];
            marks.dedup();
            for at in marks {
                let Some(fingerprint) = self.read(probe, at) else { return Some(Step::Unknown) };
                self.marks.push((at, fingerprint));
            }
            return None;
        }
        if self.next_placement <= n {
            let end = (n + 1).min(self.next_placement + PLACEMENTS_PER_STEP);
            let mut fits = vec![true; usize::try_from(end - self.next_placement).unwrap_or(0)];
            for (at, fingerprint) in &self.marks {
                rows.copy(FINGERPRINT, self.next_placement + at..end + at, &mut self.window);
                for (fits, value) in fits.iter_mut().zip(&self.window) {
                    *fits &= value.is_none_or(|value| value == *fingerprint);
                }
            }
            let placements = (self.next_placement..end).zip(fits).filter(|(_, fits)| *fits);
            self.placements.extend(placements.map(|(first, _)| first).take(PLACEMENTS_MAX + 1));
            self.next_placement = end;
            let is_ambiguous = self.placements.len() > PLACEMENTS_MAX;
            return is_ambiguous.then_some(Step::Unknown);
        }
        match self.placements[..] {
            [] => Some(Step::Unknown),
            [first] => Some(Step::Found(Place::Trimmed { first, count })),
            [one, other, ..] => {
                let Some(at) = differs(rows, one, other, count) else { return Some(Step::Unknown) };
                let Some(fingerprint) = self.read(probe, at) else { return Some(Step::Unknown) };
                self.placements.retain(|first| {
                    rows.value(FINGERPRINT, first + at).is_none_or(|value| value == fingerprint)
                });
                None
            }
        }
    }
}

/// A position among `count` at which the index has different fingerprints from `one` and from `other` on; not far from
/// the first.
fn differs(rows: &Columns, one: u64, other: u64, count: u64) -> Option<u64> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let reach = count.min(RUN);
    [0, count - reach].into_iter().find_map(|first| {
        rows.copy(FINGERPRINT, one + first..one + first + reach, &mut a);
        rows.copy(FINGERPRINT, other + first..other + first + reach, &mut b);
        let at = a.iter().zip(&b).position(|(a, b)| a.is_some() && b.is_some() && a != b)?;
        Some(first + at as u64)
    })
}
