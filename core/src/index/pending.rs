//! An edit of a list whose place is still searched, and what happened to the list since.
//!
//! The search reads messages of the list as it is now, and asks for positions right after the edit. Pushes
//! and pops are reported exactly, so they are held back here and a position is translated through them. Once
//! the place is known, the edit is applied to what was known before it, and then the changes, in their order.
//! What a pop took away is not needed for that: where the removed message stood among messages that have left
//! since, it does not matter which of them it was.

use std::ops::Range;

use super::clock::Arrivals;
use super::columns::Side;
use super::fields::FieldIndex;
use super::repair::{Edit, Place, REMOVED_MAX, Repair, Step};
use crate::arrival::STEP_MS;
use crate::queue::End;
use crate::scan::{Queue, fingerprint};

/// Most changes that are held back.
pub const HELD_MAX: usize = 8_192;
/// The same, smaller in tests.
pub(super) const HELD: usize = if cfg!(test) { 40 } else { HELD_MAX };
/// Most positions of deletions that are held back.
const HELD_POSITIONS: usize = 65_536;
/// Messages between the nearer end of a list and a place that is searched at once, while the client of the
/// command waits: a seek of this distance takes 0.03 ms where the list is in one piece, and 1 ms where it is
/// scattered in memory.
pub const SEARCHED_AT_ONCE_MAX: u64 = 65_536;
/// Messages between two probes above which the second one takes a seek of its own, and by how much the
/// distance of a message from the nearer end of the list has to be larger. A seek costs less for each message
/// of its distance than a step does, except that it begins at an end; a step in a compressed list costs more
/// than a seek.
const NEAR_MESSAGES: u64 = 256;
const SEEK_SHARE: u64 = 64;

/// A change at known positions, which count from the producer end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Messages were pushed, at this time.
    Pushed(Side, u64, i64),
    /// Messages were popped.
    Popped(Side, u64),
    /// The messages at these ascending positions were deleted.
    Deleted(Vec<u64>),
}

impl Change {
    /// The length of a list of `len` messages after it; `None` where the list is too short.
    pub(super) fn len_after(&self, len: u64) -> Option<u64> {
        match self {
            Self::Pushed(_, n, _) => len.checked_add(*n),
            Self::Popped(_, n) => len.checked_sub(*n),
            Self::Deleted(positions) => len.checked_sub(positions.len() as u64),
        }
    }

    /// Follows it. False if the list of the index has no such messages.
    pub(super) fn apply(&self, index: &mut FieldIndex) -> bool {
        match self {
            Self::Pushed(side, n, _) => {
                index.pushed(*side, *n);
                true
            }
            Self::Popped(side, n) => index.popped(*side, *n),
            Self::Deleted(positions) => index.deleted(positions),
        }
    }

    fn apply_to_arrivals(&self, arrivals: &mut Arrivals, consumer_end: End) {
        let end = |side: Side| if side == Side::Consumer { consumer_end } else { consumer_end.other() };
        match self {
            Self::Pushed(side, n, now_ms) => arrivals.push(end(*side), *n, *now_ms),
            Self::Popped(side, n) => arrivals.pop(end(*side), *n, |_, _| {}),
            Self::Deleted(positions) => {
                let last = arrivals.len().saturating_sub(1);
                let at_head: Vec<u64> = match consumer_end {
                    End::Tail => positions.clone(),
                    End::Head => positions.iter().rev().map(|at| last.saturating_sub(*at)).collect(),
                };
                arrivals.delete(&at_head);
            }
        }
    }

    /// Adds the next change to this one, if they are one.
    fn join(&mut self, next: &Self) -> bool {
        match (self, next) {
            (Self::Pushed(side, n, at), Self::Pushed(other, more, now))
                if side == other && at.div_euclid(STEP_MS) == now.div_euclid(STEP_MS) =>
            {
                *n += more;
                true
            }
            (Self::Popped(side, n), Self::Popped(other, more)) if side == other => {
                *n += more;
                true
            }
            _ => false,
        }
    }
}

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaughtUp {
    /// All messages are read, and the checks have passed.
    All,
    /// The time is over, or the list has to be looked at again.
    More,
}

/// What was done: a message was read, of this number of bytes, or a seek was made for a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A message on the way.
    Message(usize),
    /// A seek, which may take long.
    Seek,
}

/// What the clock of arrivals has to know of what the values showed.
#[derive(Debug)]
pub enum ForClock {
    /// The place of an edit was found: this is what is known of arrivals.
    Restore(Known),
    /// The list is not the one that the events add up to.
    Contradicted,
}

/// What the clock of arrivals knew before an edit, with the reason for its bounds.
#[derive(Debug, Clone)]
pub struct Known {
    pub(super) arrivals: Arrivals,
    pub(super) reason: Option<&'static str>,
}

/// What a part of the search came to.
#[derive(Debug)]
pub(super) enum Searched {
    /// The time is over.
    More,
    /// The place was found, and everything was applied to the index. What is known of arrivals, if it was
    /// known before.
    Done(Place, Option<Known>),
    /// It is not certain.
    Unknown,
    /// The list was changed in another way as well.
    Contradicted,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pending {
    edit: Edit,
    search: Repair,
    /// When the edit was made, milliseconds.
    edited_ms: i64,
    /// Messages of the list right after the edit, and now.
    len_after: u64,
    len: u64,
    held: Vec<Change>,
    positions: usize,
    known: Option<Known>,
    consumer_end: End,
}

impl Pending {
    /// A list that is known by this index was edited at `now_ms`.
    pub(super) fn new(index: &FieldIndex, edit: Edit, consumer_end: End, now_ms: i64) -> Self {
        let len = match edit {
            Edit::Removed(n) | Edit::RemovedApart(n) | Edit::Trimmed(n) => index.len().saturating_sub(n),
            Edit::Inserted => index.len() + 1,
        };
        Self {
            edit,
            search: Repair::new(index, edit),
            edited_ms: now_ms,
            len_after: len,
            len,
            held: Vec::new(),
            positions: 0,
            known: None,
            consumer_end,
        }
    }

    /// Remembers what was known of arrivals before the edit.
    pub(super) fn remember(&mut self, known: Option<Known>) {
        self.known = known;
    }

    /// What was held back.
    pub(super) fn held(self) -> Vec<Change> {
        self.held
    }

    /// Messages in the list now, as far as events tell.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of memory, about.
    pub(super) fn memory(&self) -> usize {
        let known = self.known.as_ref().map_or(0, |known| known.arrivals.memory());
        self.held.capacity() * size_of::<Change>() + self.positions * size_of::<u64>() + known
    }

    /// Holds a change back. False if that would be too many of them, or where the list is too short for it.
    pub(super) fn hold(&mut self, change: Change) -> bool {
        let Some(len) = change.len_after(self.len) else { return false };
        self.len = len;
        if let Change::Deleted(positions) = &change {
            self.positions += positions.len();
        }
        if !self.held.last_mut().is_some_and(|last| last.join(&change)) {
            self.held.push(change);
        }
        self.held.len() <= HELD && self.positions <= HELD_POSITIONS
    }

    /// Another LREM removed this number of messages. `None` if the two cannot be searched as one, else the
    /// pushes since the first one, which are applied to the index.
    ///
    /// They can where each message that was popped since the first one stood beyond all that were pushed at
    /// the same end since: then the pushes can be applied now, and the pops after the removals, and the list
    /// is the same. What the second LREM removed was not popped, so it was there.
    pub(super) fn remove_more(&mut self, n: u64, index: &mut FieldIndex) -> Option<Vec<Change>> {
        let (Edit::Removed(before) | Edit::RemovedApart(before)) = self.edit else { return None };
        let all = before + n;
        let mut popped = [false; 2];
        let is_in_order = self.held.iter().all(|change| match change {
            Change::Pushed(side, ..) => !popped[*side as usize],
            Change::Popped(side, _) => {
                popped[*side as usize] = true;
                true
            }
            Change::Deleted(_) => false,
        });
        let len = self.len.checked_sub(n).filter(|_| is_in_order && all <= REMOVED_MAX)?;
        let (pushes, held): (Vec<Change>, Vec<Change>) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|change| matches!(change, Change::Pushed(..)));
        for change in &pushes {
            change.apply(index);
            if let Some(known) = &mut self.known {
                change.apply_to_arrivals(&mut known.arrivals, self.consumer_end);
            }
        }
        let known = self.known.take();
        *self = Self::new(index, Edit::RemovedApart(all), self.consumer_end, self.edited_ms);
        (self.known, self.held, self.len) = (known, held, len);
        Some(pushes)
    }

    /// Goes on with the search up to this distance from the ends, and applies everything once the place is
    /// found. `goes_on` is asked after each probe.
    pub(super) fn search<Q: Queue>(
        &mut self,
        index: &mut FieldIndex,
        list: &mut Q,
        reach: u64,
        mut goes_on: impl FnMut() -> bool,
    ) -> Searched {
        if list.len() != self.len {
            return Searched::Unknown;
        }
        let mut probe = Probe { list, at: None, consumer_end: self.consumer_end };
        let alive = self.alive();
        self.search.alive(alive);
        let place = loop {
            if !self.search.reach(reach) {
                return Searched::More;
            }
            let held = &self.held;
            let len_after = self.len_after;
            let mut read = |position| probe.read(now_at(held, len_after, position)?, fingerprint);
            match self.search.step(index, &mut read, 1) {
                Step::Found(place) => break place,
                Step::Unknown => return Searched::Unknown,
                Step::Contradicted => return Searched::Contradicted,
                Step::More if goes_on() => {}
                Step::More => return Searched::More,
            }
        };
        let is_applied = match &place {
            Place::Removed { positions, .. } => index.deleted(positions),
            Place::Trimmed { first, count } => index.trimmed(*first, *count),
            Place::Inserted { position, .. } if !index.needs_row(*position) => index.inserted(*position, b""),
            Place::Inserted { position, .. } => now_at(&self.held, self.len_after, *position)
                .and_then(|now| probe.read(now, |message| index.inserted(*position, message)))
                .unwrap_or(false),
        };
        if !is_applied || !self.held.iter().all(|change| change.apply(index)) || index.len() != self.len {
            return Searched::Contradicted;
        }
        let mut known = self.known.take();
        if let Some(known) = &mut known {
            known.arrivals.repair(&place, self.consumer_end.other(), self.edited_ms);
            let arrivals = &mut known.arrivals;
            self.held.iter().for_each(|change| change.apply_to_arrivals(arrivals, self.consumer_end));
        }
        Searched::Done(place, known)
    }

    /// The positions right after the edit of messages that have not been popped since.
    fn alive(&self) -> Range<u64> {
        let (mut unread, mut first, mut end) = ([0_u64; 2], 0, self.len_after);
        for change in &self.held {
            match change {
                Change::Pushed(side, n, _) => unread[*side as usize] += n,
                Change::Popped(side, n) => {
                    let near = unread[*side as usize].min(*n);
                    unread[*side as usize] -= near;
                    match side {
                        Side::Producer => first += n - near,
                        Side::Consumer => end = end.saturating_sub(n - near),
                    }
                }
                Change::Deleted(_) => {}
            }
        }
        first.min(end)..end
    }
}

/// Where the message is now that was at this position after the edit of a list that then had `len` messages;
/// `None` if it left since.
fn now_at(held: &[Change], mut len: u64, mut position: u64) -> Option<u64> {
    for change in held {
        match change {
            Change::Pushed(Side::Producer, n, _) => position += n,
            Change::Popped(Side::Producer, n) => position = position.checked_sub(*n)?,
            Change::Pushed(Side::Consumer, ..) | Change::Popped(Side::Consumer, _) => {}
            Change::Deleted(positions) => position -= positions.binary_search(&position).err()? as u64,
        }
        len = change.len_after(len)?;
        if position >= len {
            return None;
        }
    }
    Some(position)
}

/// Reads single messages of a list, each by a seek of its own unless it is near the one before.
struct Probe<'q, Q> {
    list: &'q mut Q,
    /// Where the handle stands, from the head.
    at: Option<u64>,
    consumer_end: End,
}

impl<Q: Queue> Probe<'_, Q> {
    /// Reads the message at a position, counted from the producer end.
    fn read<R>(&mut self, position: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let last = self.list.len().checked_sub(1)?;
        let index = match self.consumer_end {
            End::Tail => position,
            End::Head => last.checked_sub(position)?,
        };
        let distance = index.min(last.checked_sub(index)?);
        let is_far = |at: u64| at.abs_diff(index) > NEAR_MESSAGES.min(distance / SEEK_SHARE);
        if self.at.is_some_and(is_far) && !self.list.reopen() {
            return None;
        }
        self.at = Some(index);
        self.list.peek(index, f)
    }
}
