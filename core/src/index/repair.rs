//! Finds out what an edit in place did, without reading the list again.
//!
//! The event of an LREM, LINSERT or LTRIM says which command it was, and the length of the list says how
//! many messages were removed or inserted; it does not tell where. The index knows the fingerprints of the
//! messages before the edit. A *probe* reads the fingerprint of one message after it. Before the place of the
//! edit the two are the same at the same position, and after it at a position that is shifted, so a binary
//! search of about 20 probes finds the place in a million messages.
//!
//! The search believes only a *decisive* probe: one at a position where the index has different fingerprints
//! at every shift that is possible. In a run of equal messages (Resque writes the same bytes for the same
//! job) no probe is decisive. The place is then known up to the run, which is enough where all rows of the
//! run are equal, since it does not matter which of them left. Everywhere else the search gives up, and the
//! index is built again. It never guesses, and a fingerprint that fits no shift ends it, too: then there was
//! more than the one edit.
//!
//! The search begins near both ends and then goes further in, by a factor of eight at a time, because a seek
//! costs as much as its distance from the nearer end: what it costs is then in proportion to what the command
//! itself took to get there.
//!
//! The list may change between the edit and the end of the search in ways that the [`Probe`] translates: the
//! caller holds further events back until the edit was applied, and says which messages are still [in the
//! list](Repair::alive).

use std::ops::Range;

use super::columns::{Columns, FINGERPRINT};
use super::fields::FieldIndex;

/// Most messages that were removed before their places are found: each takes a search of its own.
pub(super) const REMOVED_MAX: u64 = 8;
/// Most messages of a run of equal ones in which the place of an edit is uncertain.
pub(super) const RUN_MAX: u64 = 4_096;
/// The same, smaller in tests.
const RUN: u64 = if cfg!(test) { 32 } else { RUN_MAX };
/// Most messages that are read to find one that was inserted into such a run.
pub(super) const INSERTED_RUN_MAX: u64 = 64;
/// Most ways to place a trimmed list in the index that are compared with it.
pub(super) const PLACEMENTS_MAX: usize = 16;
/// Most probes of one repair.
pub(super) const PROBES_MAX: u32 = 512;

/// How far from its target a decisive position is looked for, at first.
const NEAR: u64 = 32;
/// Messages that may have left where the search would read them.
const GONE: usize = 64;
/// By what factor the search goes further in from the ends.
const FURTHER: u64 = 8;
/// How far from the ends the second fingerprints are that a trimmed list is compared by.
const MARK: u64 = 16;
/// Placements of a trimmed list that one step looks at.
const PLACEMENTS_PER_STEP: u64 = 65_536;

/// Reads the list after the edit: the fingerprint of the message at a position, counted from the producer end right
/// after the edit. `None` if it cannot be read, or left the list since.
pub(super) type Probe<'a> = &'a mut dyn FnMut(u64) -> Option<u32>;

/// What a command did to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// LREM removed this number of messages, all of them equal.
    Removed(u64),
    /// Several LREMs removed this number of messages.
    RemovedApart(u64),
    /// LINSERT inserted one message.
    Inserted,
    /// LTRIM removed this number of messages at the two ends.
    Trimmed(u64),
}

/// The place of an edit. Positions count from the producer end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The messages at these positions before the edit were removed: for [`FieldIndex::deleted`]. Each of
    /// them was one of the messages at the positions in `among`, which are equal or unread: for the rows it
    /// does not matter which of them it was.
    Removed {
        /// Ascending.
        positions: Vec<u64>,
        /// One for each position, in the same order.
        among: Vec<Range<u64>>,
    },
    /// A message is at this position now: for [`FieldIndex::inserted`], which wants the message. It may as
    /// well be any of those at the positions in `among`, which are equal or unread.
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
pub(super) enum Step {
    /// There is more to do.
    More,
    /// Found, for certain.
    Found(Place),
    /// Not certain: the index has to be built again.
    Unknown,
    /// There was more than the one edit: a message is where no place of it would have put one.
    Contradicted,
}

/// A search for one edit. The index is the one before the edit until the search has ended.
#[derive(Debug, Clone)]
pub(super) struct Repair {
    edit: Edit,
    /// The last position after the edit that is known to be before the place, plus one.
    low: u64,
    /// The first position after the edit that is known to be at or after the place.
    high: u64,
    /// Messages right after the edit.
    len: u64,
    /// The positions after the edit of the messages that have not left the list since.
    alive: Range<u64>,
    /// Positions of other messages that have left.
    gone: Vec<u64>,
    /// How far from the ends the search may go now.
    reach: u64,
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
    pub(super) fn new(index: &FieldIndex, edit: Edit) -> Self {
        let before = index.len();
        let (high, len) = match edit {
            Edit::Removed(n) | Edit::RemovedApart(n) | Edit::Trimmed(n) => {
                (before.saturating_sub(n), before.saturating_sub(n))
            }
            Edit::Inserted => (before, before + 1),
        };
        Self {
            edit,
            low: 0,
            high,
            len,
            alive: 0..len,
            gone: Vec::new(),
            reach: u64::MAX,
            removed: Vec::new(),
            among: Vec::new(),
            probes: 0,
            marks: Vec::new(),
            placements: Vec::new(),
            next_placement: 0,
            window: Vec::new(),
        }
    }

    /// Only the messages at these positions after the edit are still in the list.
    pub(super) fn alive(&mut self, positions: Range<u64>) {
        self.alive = positions.start.min(self.len)..positions.end.min(self.len);
        self.shrink();
    }

    /// Leaves out messages at the ends that have left.
    fn shrink(&mut self) {
        let (gone, alive) = (&self.gone, &mut self.alive);
        while !alive.is_empty() && gone.contains(&alive.start) {
            alive.start += 1;
        }
        while !alive.is_empty() && gone.contains(&(alive.end - 1)) {
            alive.end -= 1;
        }
    }

    /// Searches up to this distance from the ends only. Returns whether the place can be there.
    pub(super) fn reach(&mut self, distance: u64) -> bool {
        self.reach = distance;
        let target = self.target();
        target.min(self.len.saturating_sub(target)) <= distance
    }

    /// Goes on with the search, for at most about `probes` probes.
    pub(super) fn step(&mut self, index: &FieldIndex, probe: Probe<'_>, probes: u32) -> Step {
        let (rows, until) = (&index.rows, self.probes.saturating_add(probes.max(1)));
        loop {
            let ended = match self.edit {
                Edit::Removed(n) => self.step_removed(rows, (n, true), probe),
                Edit::RemovedApart(n) => self.step_removed(rows, (n, false), probe),
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

    fn read(&mut self, probe: Probe<'_>, position: u64) -> Option<u32> {
        self.probes += 1;
        probe(position)
    }

    /// The message at this position left since: another one is read.
    fn skip(&mut self, position: u64) -> Ended {
        self.gone.push(position);
        self.shrink();
        (self.gone.len() > GONE).then_some(Step::Unknown)
    }

    /// Where the next probe should be: further in from the end up to which less is known, until the place is
    /// known to be between two probes; then halfway between these.
    fn target(&self) -> u64 {
        let middle = self.low + (self.high - self.low) / 2;
        let beyond = self.len.saturating_sub(self.high);
        // The last one that may be reached is tried before the search is put off.
        let further = |known: u64| match (known + 1) * FURTHER {
            next if known < self.reach => next.min(self.reach),
            next => next,
        };
        if self.low <= beyond {
            middle.min(further(self.low))
        } else {
            middle.max(self.len.saturating_sub(further(beyond)))
        }
    }

    /// A position near the target between `low` and `high` at which `is_decisive`, which gets what the index
    /// has there: from `back` positions before to `ahead` after it.
    fn decisive(
        &mut self,
        rows: &Columns,
        (back, ahead): (u64, u64),
        is_decisive: impl Fn(&[Option<u32>]) -> bool,
    ) -> Option<(u64, Vec<u32>)> {
        // Only where the messages are read there are decisive ones.
        let region = rows.region();
        let from = (region.start + back).max(self.alive.start);
        let to = region.end.saturating_sub(ahead + 1);
        let target = self.target().min(to).min(self.alive.end.saturating_sub(1)).max(from);
        let width = usize::try_from(back + ahead + 1).ok()?;
        for reach in [NEAR, RUN] {
            let first = target.saturating_sub(reach).max(self.low).max(from);
            let end = target.saturating_add(reach).min(self.high).min(self.alive.end);
            rows.copy(FINGERPRINT, first - back..(end + ahead).max(first - back), &mut self.window);
            let target = usize::try_from(target.saturating_sub(first)).ok()?;
            let candidates = self.window.windows(width).enumerate();
            let gone = &self.gone;
            let fits = candidates.filter(|(at, window)| {
                let at = first + *at as u64;
                at < end && is_decisive(window) && !gone.contains(&at)
            });
            if let Some((at, window)) = fits.min_by_key(|(at, _)| at.abs_diff(target)) {
                return Some((first + at as u64, window.iter().copied().collect::<Option<Vec<u32>>>()?));
            }
        }
        None
    }

    /// Looks for the next removed message: `nth` were found before it.
    fn step_removed(&mut self, rows: &Columns, (n, are_equal): (u64, bool), probe: Probe<'_>) -> Ended {
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
            let own = usize::try_from(nth).unwrap_or(0);
            let is_decisive = |window: &[Option<u32>]| {
                let (own, others) = (window[own], &window[own + 1..]);
                own.is_some() && others.iter().all(|other| other.is_some() && *other != own)
            };
            if let Some((at, window)) = self.decisive(rows, (0, n), is_decisive) {
                let Some(found) = self.read(probe, at) else { return self.skip(at) };
                match window[own..].iter().position(|fingerprint| *fingerprint == found) {
                    Some(0) => self.low = at + 1,
                    Some(_) => self.high = at,
                    None => return Some(Step::Contradicted),
                }
                return None;
            }
        }
        let among = self.low + nth..self.high + nth + 1;
        let has_left = self.high <= self.alive.start || self.low >= self.alive.end;
        let is_run = has_left
            || rows.are_unread(among.clone())
            || (among.end - among.start <= RUN && rows.are_equal(among.clone()));
        let found = if is_run { Some((among.start, among)) } else { self.beside_unread(rows, n, probe) };
        let Some((position, among)) = found else { return Some(Step::Unknown) };
        let first = self.removed.first().map(|first| rows.value(FINGERPRINT, *first));
        if are_equal && first.is_some_and(|first| first != rows.value(FINGERPRINT, position)) {
            return Some(Step::Contradicted);
        }
        self.removed.push(position);
        self.among.push(among);
        self.high = rows.len() - n;
        None
    }

    /// One message was removed, which is either the last read one on a side or an unread one beyond it. Which
    /// of them is seen where the read one should be.
    fn beside_unread(&mut self, rows: &Columns, n: u64, probe: Probe<'_>) -> Option<(u64, Range<u64>)> {
        let region = rows.region();
        if n != 1 {
            return None;
        }
        if self.low == 0 && region.start > 0 && self.high == region.start {
            let found = self.read(probe, region.start - 1)?;
            let is_read_one_left = rows.value(FINGERPRINT, region.start)? == found;
            if !is_read_one_left {
                return Some((region.start, region.start..region.start + 1));
            }
            let among = spread(rows, region.start, found)?;
            return Some((0, among.start..among.end - 1));
        }
        let last = region.end.checked_sub(1)?;
        if self.high == rows.len() - 1 && region.end < rows.len() && self.low == last {
            let found = self.read(probe, last)?;
            let is_read_one_left = rows.value(FINGERPRINT, last)? == found;
            if !is_read_one_left {
                return Some((last, last..region.end));
            }
            let among = spread(rows, region.end, found)?;
            return Some((region.end, among.start..among.end - 1));
        }
        None
    }

    /// Looks for the inserted message: after `low` and not after `high`.
    fn step_inserted(&mut self, rows: &Columns, probe: Probe<'_>) -> Ended {
        let region = rows.region();
        // A message of this fingerprint was inserted beside `beside`, and may as well be at `position`.
        let found = |position: u64, beside: u64, fingerprint: u32| {
            let among = spread(rows, beside, fingerprint);
            Some(among.map_or(Step::Unknown, |among| Step::Found(Place::Inserted { position, among })))
        };
        if region.is_empty() {
            let (position, among) = (rows.len(), 0..rows.len() + 1);
            return Some(Step::Found(Place::Inserted { position, among }));
        }
        if self.low < self.high {
            let is_decisive =
                |window: &[Option<u32>]| window[0].is_some() && window[1].is_some() && window[0] != window[1];
            if let Some((at, window)) = self.decisive(rows, (1, 0), is_decisive) {
                let Some(fingerprint) = self.read(probe, at) else { return self.skip(at) };
                if fingerprint == window[1] {
                    self.low = at + 1;
                } else if fingerprint == window[0] {
                    self.high = at;
                } else {
                    return found(at, at, fingerprint);
                }
                return None;
            }
        }
        // It is unread, as its neighbours are.
        if self.low >= region.end && region.end < rows.len() {
            let Some(last) = rows.value(FINGERPRINT, region.end - 1) else { return Some(Step::Unknown) };
            return found(rows.len(), region.end, last);
        }
        if self.low == 0 && region.start > 0 && self.high == region.start + 1 {
            // Where the first read message did not move, the new one is right after it.
            return match (self.read(probe, self.high), rows.value(FINGERPRINT, region.start)) {
                (Some(fingerprint), Some(first)) if fingerprint == first => found(0, region.start, first),
                (Some(fingerprint), Some(_)) => found(self.high, self.high, fingerprint),
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
        for at in run {
            match self.read(probe, at) {
                Some(fingerprint) if fingerprint == equal => {}
                Some(fingerprint) => return found(at, at, fingerprint),
                None => return Some(Step::Unknown),
            }
        }
        found(self.high, self.high, equal)
    }

    /// Looks for the place of a trimmed list in the index.
    fn step_trimmed(&mut self, rows: &Columns, n: u64, probe: Probe<'_>) -> Ended {
        let count = rows.len().checked_sub(n).filter(|count| *count > 0);
        let Some(count) = count else { return Some(Step::Unknown) };
        if self.marks.is_empty() {
            // Near the ends, where a seek costs next to nothing.
            let near = MARK.min(count - 1);
            let mut marks = vec![0, near, count - 1 - near, count - 1];
            marks.sort_unstable();
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
            [] => Some(Step::Contradicted),
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

/// Where a message of this fingerprint was inserted that could be at `position`: anywhere among its
/// neighbours that are equal to it or unread. `None` where these are more than [`RUN`].
fn spread(rows: &Columns, position: u64, fingerprint: u32) -> Option<Range<u64>> {
    let (region, len) = (rows.region(), rows.len());
    // Before it, and after it: the message at a position after the inserted one was at the position before that.
    let before = equal(rows, region.start..position.min(region.end), true, fingerprint)?;
    let after = equal(rows, position.max(region.start)..region.end, false, fingerprint)?;
    let start = if before.start <= region.start { 0 } else { before.start };
    let end = if after.end >= region.end { len } else { after.end };
    Some(start.min(position)..end.max(position) + 1)
}

/// Which of these neighbouring rows have this fingerprint, without a gap from the last one backwards or from the first
/// one on. `None` where they are more than [`RUN`].
fn equal(rows: &Columns, of: Range<u64>, is_backwards: bool, fingerprint: u32) -> Option<Range<u64>> {
    let (of, mut values) = (of.start..of.end.max(of.start), Vec::new());
    for reach in [NEAR, RUN] {
        let count = reach.min(of.end - of.start);
        let near = if is_backwards { of.end - count..of.end } else { of.start..of.start + count };
        rows.copy(FINGERPRINT, near, &mut values);
        let is_equal = |value: &&Option<u32>| **value == Some(fingerprint);
        let equal = if is_backwards {
            values.iter().rev().take_while(is_equal).count()
        } else {
            values.iter().take_while(is_equal).count()
        } as u64;
        if equal < count || count == of.end - of.start {
            return Some(if is_backwards { of.end - equal..of.end } else { of.start..of.start + equal });
        }
    }
    None
}

/// A position among `count` at which the index has different fingerprints from `one` and from `other` on; not
/// far from the first.
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
