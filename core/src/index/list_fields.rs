//! The values of fields of one list, kept true while the list changes.
//!
//! [`FieldIndex`] keeps rows and is told what happened to them. [`ListFields`] decides what that is: it follows the events of
//! the list, reads messages that are unread, and checks before it adds rows or answers that the list is still the one that
//! it knows. Where something does not fit, or where an event does not say which messages it was about, it forgets all rows and
//! reads the list again. An answer comes only from an index that has read all messages and has passed the checks just then.
//!
//! # The checks
//! Not every change is reported by an event: modules can change a list silently. So before rows are added, and before an answer:
//!
//! 1. the length of the list is the one that the events add up to;
//! 2. the messages at the two ends of the read region have the fingerprints of their rows. If all messages are read, these are the
//!    two ends of the list;
//! 3. otherwise they are the borders at which reading continues. A silent pop and three pushes that are reported leave the
//!    length right, and the border wrong.
//!
//! A silent change that keeps the length and both borders (a message replaced inside the list) is not noticed.

use super::IndexState;
use super::columns::Side;
use super::fields::FieldIndex;
use super::len_after;
use crate::error::Error;
use crate::kind::MessageKind;
use crate::queue::End;
use crate::scan::{Event, Queue, fingerprint};

/// Why the messages are read again.
const REPLACED: &str = "the list was replaced; its messages are read again";
pub(super) const UNTOLD: &str = "the list was changed without a notification; its messages are read again";
const REMOVED: &str = "LREM removed messages and reports no positions; all messages are read again";
const TRIMMED: &str = "LTRIM removed messages and reports no positions; all messages are read again";
const EDITED: &str = "LSET or LINSERT does not report its position; all messages are read again";
/// Rows of a retired index that take less memory than this are freed at once, bytes.
const FREED_AT_ONCE: usize = 1024 * 1024;
/// Parts of a retired index that one step frees.
const FREED_PER_STEP: usize = 4;

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaughtUp {
    /// All messages are read, and the checks have passed.
    All,
    /// The time is over, or the list has to be looked at again.
    More,
}

/// Follows the values of one list. See the module.
#[derive(Debug)]
pub struct ListFields {
    kind: MessageKind,
    names: Vec<Vec<u8>>,
    seed: u64,
    /// `None` while it is suspended, or until somebody has looked at the list.
    index: Option<FieldIndex>,
    /// What was known of the list before: it is freed step by step.
    retired: Option<FieldIndex>,
    /// Half of a rotation was reported: see [`super::ListClock`].
    rotating: Option<End>,
    is_suspended: bool,
    reason: Option<&'static str>,
    /// Times that all rows were begun anew.
    begun: u64,
}

impl ListFields {
    /// Of a list of which nothing is known yet. `seed` should be random: see [`FieldIndex::new`].
    ///
    /// # Errors
    /// As [`FieldIndex::new`].
    pub fn new(kind: MessageKind, names: &[Vec<u8>], seed: u64) -> Result<Self, Error> {
        let names = names.to_vec();
        // Refuses what is wrong with the names.
        fields_of(kind, &names, 0, seed)?;
        Ok(Self {
            kind,
            names,
            seed,
            index: None,
            retired: None,
            rotating: None,
            is_suspended: false,
            reason: None,
            begun: 0,
        })
    }

    /// The rows, where the list is followed.
    #[must_use]
    pub fn index(&self) -> Option<&FieldIndex> {
        self.index.as_ref()
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

    /// The names of the fields as given, in their order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.iter().map(Vec::as_slice)
    }

    /// Messages without a row; `None` where nothing is known of the list.
    #[must_use]
    pub fn unread(&self) -> Option<u64> {
        self.index.as_ref().map(|index| index.unread(Side::Producer) + index.unread(Side::Consumer))
    }

    /// Ready once all messages are read.
    #[must_use]
    pub fn state(&self) -> IndexState {
        match self.unread() {
            _ if self.is_suspended => IndexState::Suspended,
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
        let is_behind = |index: &FieldIndex| index.has_work() || self.unread() != Some(0);
        !self.is_suspended && (self.retired.is_some() || self.index.as_ref().is_none_or(is_behind))
    }

    /// Bytes of memory, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        let all = [&self.index, &self.retired];
        size_of::<Self>() + all.into_iter().flatten().map(FieldIndex::memory).sum::<usize>()
    }

    /// Somebody looked: the list holds `len` messages.
    pub fn observe(&mut self, len: u64) {
        match &self.index {
            _ if self.is_suspended => {}
            Some(index) if index.len() == len => self.rotating = None,
            Some(_) => self.begin(len, Some(UNTOLD)),
            None => self.begin(len, self.reason),
        }
    }

    /// What is under the key now is another list, of `len` messages.
    pub fn replaced(&mut self, len: u64) {
        if !self.is_suspended {
            self.begin(len, Some(REPLACED));
        }
    }

    /// What is known is in doubt: somebody has to look at the list.
    pub fn doubt(&mut self, reason: &'static str) {
        if !self.is_suspended {
            self.retire();
            self.reason = Some(reason);
        }
    }

    /// Gives the memory back, at once.
    pub fn suspend(&mut self, reason: &'static str) {
        (self.index, self.retired, self.rotating) = (None, None, None);
        (self.is_suspended, self.reason) = (true, Some(reason));
    }

    /// There is room again: somebody has to look at the list.
    pub fn resume(&mut self) {
        self.is_suspended = false;
    }

    /// Follows what happened to the list.
    pub fn follow(&mut self, event: Event<'_>) {
        if self.is_suspended {
            return;
        }
        let Some(index) = &mut self.index else {
            if let Some(len) = len_after(event) {
                self.begin(len, self.reason);
            }
            return;
        };
        let known = index.len();
        let consumer_end = self.kind.spec().consumer_end;
        let side = |end: End| if end == consumer_end { Side::Consumer } else { Side::Producer };
        let is_followed = match (event, self.rotating) {
            (Event::Gone, _) => return self.begin(0, None),
            (Event::Pushed { end, len }, None) if len > known => {
                index.pushed(side(end), len - known);
                true
            }
            // LMOVE within the list reports the length after both of its halves twice.
            (Event::Pushed { end, len }, None) if len == known && known > 0 => {
                self.rotating = Some(end);
                true
            }
            (Event::Popped { end, len }, None) if len < known => index.popped(side(end), known - len),
            (Event::Popped { end, len }, Some(pushed)) if len == known => {
                self.rotating = None;
                let is_followed = index.popped(side(end), 1);
                index.pushed(side(pushed), 1);
                is_followed
            }
            (Event::Deleted { indexes }, None) => match consumer_end {
                End::Tail => index.deleted(indexes),
                End::Head if indexes.last().is_none_or(|last| *last < known) => {
                    index.deleted(&indexes.iter().rev().map(|at| known - 1 - at).collect::<Vec<_>>())
                }
                End::Head => false,
            },
            (Event::Trimmed { len }, None) if len == known => true,
            (Event::Trimmed { len }, None) if len < known => return self.begin(len, Some(TRIMMED)),
            (Event::Removed { len }, None) if len < known => return self.begin(len, Some(REMOVED)),
            (Event::Set { len } | Event::Edited { len }, _) => return self.begin(len, Some(EDITED)),
            _ => false,
        };
        if !is_followed {
            let left = known.saturating_sub(if let Event::Deleted { indexes } = event {
                indexes.len() as u64
            } else {
                0
            });
            self.begin(len_after(event).unwrap_or(left), Some(UNTOLD));
        }
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

    /// Checks that the list is the one that is known, and reads what is unread. `goes_on` gets the length of each message that
    /// was read, in bytes, and says whether there is time for another one.
    pub fn catch_up<Q: Queue>(&mut self, list: &mut Q, mut goes_on: impl FnMut(usize) -> bool) -> CaughtUp {
        if self.is_suspended {
            return CaughtUp::More;
        }
        self.settle(list.len());
        let Some(index) = &mut self.index else { return CaughtUp::More };
        let (len, consumer_end) = (index.len(), self.kind.spec().consumer_end);
        // Positions count from the producer end.
        let place = |position: u64| match consumer_end {
            End::Tail => position,
            End::Head => len - 1 - position,
        };
        for side in [Side::Producer, Side::Consumer] {
            // Each side is reached on a handle of its own: a handle that has read steps from there.
            if side == Side::Consumer && !list.reopen() {
                self.doubt(UNTOLD);
                return CaughtUp::More;
            }
            let [first, last] = index.borders();
            let border = if side == Side::Producer { first } else { last };
            if let Some((position, wanted)) = border
                && list.peek(place(position), fingerprint) != Some(wanted)
            {
                self.begin(len, Some(UNTOLD));
                return CaughtUp::More;
            }
            while let Some(position) = index.next_unread(side) {
                let read = list.peek(place(position), |message| {
                    index.read(side, message);
                    message.len()
                });
                let Some(bytes) = read else {
                    self.doubt(UNTOLD);
                    return CaughtUp::More;
                };
                if !goes_on(bytes) {
                    return CaughtUp::More;
                }
            }
        }
        self.reason = None;
        CaughtUp::All
    }

    fn begin(&mut self, len: u64, reason: Option<&'static str>) {
        self.retire();
        self.begun += 1;
        self.index = fields_of(self.kind, &self.names, len, self.seed).ok();
        self.reason = reason.filter(|_| len > 0);
    }

    fn retire(&mut self) {
        self.rotating = None;
        if let Some(index) = self.index.take().filter(|index| index.memory() > FREED_AT_ONCE) {
            self.retired = Some(index);
        }
    }
}

fn fields_of(kind: MessageKind, names: &[Vec<u8>], len: u64, seed: u64) -> Result<FieldIndex, Error> {
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    FieldIndex::new(kind, &names, len, seed)
}
