//! The values of fields of one list, kept true while the list changes.
//!
//! [`FieldIndex`] keeps rows and learns what happened to them. [`ListFields`] decides what that is: it follows
//! the events of the list, reads messages that are unread, and checks before it adds rows or answers that the
//! list is still the one that it knows. Only an index that has read all messages and passed the checks answers.
//!
//! LREM, LINSERT and LTRIM do not report which messages they were about. Their place is searched by
//! fingerprints ([`super::repair`]): for a moment at once, and then in steps, while what happens to the list
//! is held back ([`super::pending`]). Where the place is not certain, or where something else does not fit,
//! all rows are forgotten and the list is read again.
//!
//! # The checks
//! Not every change is reported by an event: modules can change a list silently. So before rows are added,
//! and before an answer:
//!
//! 1. the length of the list is the one that the events add up to;
//! 2. the messages at the two ends of the read region have the fingerprints of their rows. If all messages
//!    are read, these are the two ends of the list;
//! 3. otherwise they are the borders at which reading continues. A silent pop and three pushes that are
//!    reported leave the length right, and the border wrong.
//!
//! A deletion by the module reports positions, so its length has to be right at once.
//!
//! A silent change that keeps the length and both borders (a message replaced inside the list) is found by
//! the next audit: see `audit.rs`. So is a silent change of any kind after which the list was edited inside before
//! a check was made: the edit can look like a part of it.

use super::audits::Audits;
use super::columns::Side;
use super::fields::{FieldIndex, SMALL_BYTES};
use super::pending::{Change, ForClock, Known, Pending, SEARCHED_AT_ONCE_MAX, Searched, Work};
use super::reasons::{EDITED, READ_OTHERWISE, REMOVED, REPLACED, SEARCHED, TRIMMED, UNFOUND, UNTOLD};
use super::repair::{Edit, Place};
use super::{IndexState, ListClock};
use crate::error::Error;
use crate::kind::MessageKind;
use crate::queue::End;
use crate::scan::{Event, Queue};

/// Parts of a retired index that one step frees.
const FREED_PER_STEP: usize = 4;

/// Follows the values of one list. See the module.
#[derive(Debug)]
pub struct ListFields {
    kind: MessageKind,
    names: Vec<Vec<u8>>,
    seed: u64,
    reads_pickle: bool,
    /// `None` while it is suspended, or until the length of the list was read.
    pub(super) index: Option<FieldIndex>,
    /// An edit whose place is searched: the rows are those before it.
    pub(super) pending: Option<Pending>,
    /// What was known of the list before: it is freed step by step.
    retired: Option<FieldIndex>,
    for_clock: Option<ForClock>,
    pub(super) audits: Audits,
    /// Edits whose place was found, and how often all messages had to be read again.
    repaired: u64,
    rebuilt: u64,
    /// Half of a rotation was reported: see [`super::ListClock`].
    rotating: Option<End>,
    pub(super) is_suspended: bool,
    pub(super) reason: Option<&'static str>,
    /// Times that all rows were begun anew.
    begun: u64,
}

impl ListFields {
    /// Returns the index of a list that it does not know yet. `seed` should be random: see [`FieldIndex::new`].
    ///
    /// # Errors
    /// As [`FieldIndex::new`].
    pub fn new(kind: MessageKind, names: &[Vec<u8>], seed: u64) -> Result<Self, Error> {
        let names = names.to_vec();
        // Refuses what is wrong with the names.
        FieldIndex::of_names(kind, &names, 0, seed)?;
        Ok(Self {
            kind,
            names,
            seed,
            reads_pickle: true,
            index: None,
            pending: None,
            retired: None,
            for_clock: None,
            audits: Audits::default(),
            repaired: 0,
            rebuilt: 0,
            rotating: None,
            is_suspended: false,
            reason: None,
            begun: 0,
        })
    }

    /// The rows, where the list is followed and no edit is searched.
    #[must_use]
    pub fn index(&self) -> Option<&FieldIndex> {
        self.index.as_ref().filter(|_| self.pending.is_none())
    }

    /// Edits whose place was found, and how often all messages had to be read again.
    #[must_use]
    pub fn repairs(&self) -> (u64, u64) {
        (self.repaired, self.rebuilt)
    }

    /// What the clock of arrivals has to know, once.
    pub fn for_clock(&mut self) -> Option<ForClock> {
        self.for_clock.take()
    }

    /// Tells rows from those that there were before, and from those of other lists: what was worked out for
    /// some must not be used with others.
    #[must_use]
    pub fn identity(&self) -> (u64, u64) {
        (self.seed, self.begun)
    }

    /// What the messages are read as.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Whether pickled bodies are read.
    #[must_use]
    pub fn reads_pickle(&self) -> bool {
        self.reads_pickle
    }

    /// Sets whether pickled bodies are read. Messages that were read otherwise are read again, after the length was read of
    /// the list.
    pub fn read_pickle(&mut self, reads: bool) {
        if self.reads_pickle != reads {
            self.reads_pickle = reads;
            self.doubt(READ_OTHERWISE);
        }
    }

    /// The names of the fields as given, in their order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.iter().map(Vec::as_slice)
    }

    /// Messages without a row; `None` where nothing is known of the list.
    #[must_use]
    pub fn unread(&self) -> Option<u64> {
        self.index().map(|index| index.unread(Side::Producer) + index.unread(Side::Consumer))
    }

    /// Ready once all messages are read.
    #[must_use]
    pub fn state(&self) -> IndexState {
        match self.unread() {
            _ if self.is_suspended => IndexState::Suspended,
            _ if self.pending.is_some() => IndexState::Repairing,
            Some(0) => IndexState::Ready,
            _ => IndexState::Building,
        }
    }

    /// Why it does not answer; `None` where it does, and where nothing but the usual reading is left to do.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.reason.filter(|_| self.state() != IndexState::Ready)
    }

    /// Whether [`Self::catch_up`] has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        let is_late = |index: &FieldIndex| index.has_work() || self.unread() != Some(0);
        !self.is_suspended && (self.retired.is_some() || self.index.as_ref().is_none_or(is_late))
    }

    /// Bytes of memory, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        let all = [&self.index, &self.retired];
        let held = self.pending.as_ref().map_or(0, Pending::memory);
        size_of::<Self>() + all.into_iter().flatten().map(FieldIndex::memory).sum::<usize>() + held
    }

    /// Somebody looked: the list holds `len` messages.
    pub fn observe(&mut self, len: u64) {
        match self.len() {
            _ if self.is_suspended => {}
            Some(known) if known == len => self.rotating = None,
            Some(_) => self.begin(len, Some(UNTOLD)),
            None => self.begin(len, self.reason),
        }
    }

    /// Messages in the list, as far as is known.
    fn len(&self) -> Option<u64> {
        self.pending.as_ref().map(Pending::len).or_else(|| Some(self.index.as_ref()?.len()))
    }

    /// What is under the key now is another list, of `len` messages.
    pub fn replaced(&mut self, len: u64) {
        if !self.is_suspended {
            self.begin(len, Some(REPLACED));
        }
    }

    /// The index may be wrong: the length of the list has to be read.
    pub fn doubt(&mut self, reason: &'static str) {
        if !self.is_suspended {
            self.retire();
            self.reason = Some(reason);
        }
    }

    /// Gives the memory back, at once.
    pub fn suspend(&mut self, reason: &'static str) {
        (self.index, self.retired, self.pending, self.rotating) = (None, None, None, None);
        self.audits.stop();
        (self.is_suspended, self.reason) = (true, Some(reason));
    }

    /// There is room again: the length of the list has to be read.
    pub fn resume(&mut self) {
        self.is_suspended = false;
    }

    /// Follows what happened to the list at `now_ms`.
    pub fn follow(&mut self, event: Event<'_>, now_ms: i64) {
        if self.is_suspended {
            return;
        }
        let Some(known) = self.len() else {
            return self.begin(event.len_after(), self.reason);
        };
        let consumer_end = self.kind.spec().consumer_end;
        let side = |end: End| if end == consumer_end { Side::Consumer } else { Side::Producer };
        let is_followed = match (event, self.rotating) {
            (Event::Gone, _) => return self.emptied(known),
            (Event::Pushed { end, len }, None) if len > known => {
                self.change(Change::Pushed(side(end), len - known, now_ms))
            }
            // LMOVE within the list reports the length after both of its halves twice.
            (Event::Pushed { end, len }, None) if len == known && known > 0 => {
                self.rotating = Some(end);
                true
            }
            (Event::Popped { end, len }, None) if len < known => {
                self.change(Change::Popped(side(end), known - len))
            }
            (Event::Popped { end, len }, Some(pushed)) if len == known => {
                self.rotating = None;
                self.change(Change::Popped(side(end), 1))
                    && self.change(Change::Pushed(side(pushed), 1, now_ms))
            }
            (Event::Deleted { indexes, len }, None)
                if indexes.last().is_none_or(|last| *last < known) && len + indexes.len() as u64 == known =>
            {
                let positions: Vec<u64> = match consumer_end {
                    End::Tail => indexes.to_vec(),
                    End::Head => indexes.iter().rev().map(|at| known - 1 - at).collect(),
                };
                self.change(Change::Deleted(positions))
            }
            (Event::Trimmed { len }, None) if len == known => true,
            (Event::Trimmed { len }, None) if len < known => return self.begin(len, Some(TRIMMED)),
            (Event::Removed { len }, None) if len < known => return self.begin(len, Some(REMOVED)),
            (Event::Set { len } | Event::Edited { len }, _) => return self.begin(len, Some(EDITED)),
            _ => false,
        };
        if !is_followed {
            self.begin(event.len_after(), Some(UNTOLD));
        }
    }

    /// Follows a change at known positions, now or once the place of an edit is found. False if it does not
    /// fit.
    fn change(&mut self, change: Change) -> bool {
        match (&mut self.pending, &mut self.index) {
            (Some(pending), _) => pending.hold(change),
            (None, Some(index)) => {
                self.audits.follow(&change);
                change.apply(index)
            }
            (None, None) => false,
        }
    }

    /// Whether [`Self::edit`] reads the list to find the place of this edit.
    #[must_use]
    pub fn searches(&self, event: Event<'_>) -> bool {
        !self.is_suspended && self.pending.is_none() && self.edit_of(event).is_some()
    }

    /// What an event says of an edit whose place can be searched.
    fn edit_of(&self, event: Event<'_>) -> Option<Edit> {
        let known = self.len().filter(|_| self.rotating.is_none())?;
        match event {
            Event::Removed { len } if (1..known).contains(&len) => Some(Edit::Removed(known - len)),
            Event::Trimmed { len } if (1..known).contains(&len) => Some(Edit::Trimmed(known - len)),
            Event::Edited { len } if len == known + 1 => Some(Edit::Inserted),
            _ => None,
        }
    }

    /// Follows an edit inside the list, which was made at `now_ms`: `clock` follows it, too. Its place is
    /// searched in `list`, which is the list after it, as long as `goes_on` says so after each probe; then
    /// the search is continued by [`Self::catch_up`]. Without a list all messages are read again.
    pub fn edit<Q: Queue>(
        &mut self,
        event: Event<'_>,
        now_ms: i64,
        clock: Option<&mut ListClock>,
        list: Option<&mut Q>,
        goes_on: impl FnMut() -> bool,
    ) {
        let edit = self.edit_of(event).filter(|_| !self.is_suspended);
        let (Some(edit), Some(index)) = (edit, &mut self.index) else {
            return self.give_up(event, now_ms, clock);
        };
        if let Some(pending) = &mut self.pending {
            if let Edit::Removed(n) = edit
                && let Some(pushes) = pending.remove_more(n, index)
            {
                pushes.iter().for_each(|push| self.audits.follow(push));
                clock.into_iter().for_each(|clock| clock.follow(event, now_ms));
                return;
            }
            return self.give_up(event, now_ms, clock);
        }
        let consumer_end = self.kind.spec().consumer_end;
        let mut pending = Pending::new(index, edit, consumer_end, now_ms);
        let searched = match list {
            _ if index.rows() == 0 => {
                // Nothing was read, so there is nothing to find.
                let is_followed = match edit {
                    Edit::Inserted => Change::Pushed(Side::Producer, 1, now_ms).apply(index),
                    Edit::Removed(n) | Edit::RemovedApart(n) | Edit::Trimmed(n) => {
                        index.popped(Side::Producer, n)
                    }
                };
                debug_assert!(is_followed, "the list had as many messages");
                clock.into_iter().for_each(|clock| clock.follow(event, now_ms));
                return;
            }
            Some(list) => pending.search(index, list, SEARCHED_AT_ONCE_MAX, goes_on),
            None => Searched::Unknown,
        };
        match searched {
            Searched::Done(place, _) => {
                self.repaired += 1;
                self.audits.follow_edit(&place);
                if let Some(clock) = clock {
                    clock.edited(event, &place, now_ms);
                }
            }
            Searched::More => {
                pending.remember(clock.as_ref().and_then(|clock| clock.known()));
                self.pending = Some(pending);
                self.reason = Some(SEARCHED);
                clock.into_iter().for_each(|clock| clock.follow(event, now_ms));
            }
            Searched::Unknown => self.give_up(event, now_ms, clock),
            Searched::Contradicted => {
                let len = event.len_after();
                self.contradict(len, UNTOLD);
                if let (Some(clock), Some(what)) = (clock, self.for_clock.take()) {
                    clock.learn(what, len, now_ms);
                }
            }
        }
    }

    /// The place of an edit is not searched.
    fn give_up(&mut self, event: Event<'_>, now_ms: i64, clock: Option<&mut ListClock>) {
        clock.into_iter().for_each(|clock| clock.follow(event, now_ms));
        self.follow(event, now_ms);
    }

    /// Somebody looked, as in [`Self::observe`]; does a step of other work that is left.
    pub fn settle(&mut self, len: u64) {
        if let Some(retired) = &mut self.retired
            && !(0..FREED_PER_STEP).all(|_| retired.discard_some())
        {
            self.retired = None;
        }
        self.observe(len);
        if let Some(index) = &mut self.index {
            index.maintain();
        }
    }

    /// Goes on with the search for the place of an edit. Returns whether no edit is searched any more.
    pub(super) fn search<Q: Queue>(&mut self, list: &mut Q, mut goes_on: impl FnMut(Work) -> bool) -> bool {
        let (Some(pending), Some(index)) = (&mut self.pending, &mut self.index) else { return true };
        match pending.search(index, list, u64::MAX, || goes_on(Work::Seek)) {
            Searched::More => return false,
            Searched::Unknown => self.begin(list.len(), Some(UNFOUND)),
            Searched::Contradicted => self.contradict(list.len(), UNTOLD),
            Searched::Done(place, known) => {
                self.repaired += 1;
                self.finish(&place, known);
            }
        }
        true
    }

    fn finish(&mut self, place: &Place, known: Option<Known>) {
        self.audits.follow_edit(place);
        let held = self.pending.take().map(Pending::held).unwrap_or_default();
        held.iter().for_each(|change| self.audits.follow(change));
        self.for_clock = known.map(ForClock::Restore);
        self.reason = None;
    }

    /// A message is not the one that is known: the list, of `len` messages, was changed silently.
    pub(super) fn contradict(&mut self, len: u64, reason: &'static str) {
        self.begin(len, Some(reason));
        self.for_clock = Some(ForClock::Contradicted);
    }

    /// The key is gone, which had `known` messages. It goes with its last message, which happens all the time in a queue
    /// that is often empty: what was learned is then kept for the messages that come.
    fn emptied(&mut self, known: u64) {
        if known == 0 && self.pending.is_none() && self.index.as_ref().is_some_and(FieldIndex::is_as_new) {
            (self.rotating, self.reason) = (None, None);
        } else {
            self.begin(0, None);
        }
    }

    fn begin(&mut self, len: u64, reason: Option<&'static str>) {
        self.retire();
        self.begun += 1;
        self.rebuilt += u64::from(reason.is_some() && len > 0);
        let index = FieldIndex::of_names(self.kind, &self.names, len, self.seed).ok();
        self.index = index.map(|index| index.pickle(self.reads_pickle));
        self.reason = reason.filter(|_| len > 0);
    }

    fn retire(&mut self) {
        (self.pending, self.rotating, self.for_clock) = (None, None, None);
        self.audits.stop();
        if let Some(index) = self.index.take().filter(|index| index.memory() > SMALL_BYTES) {
            self.retired = Some(index);
        }
    }
}
