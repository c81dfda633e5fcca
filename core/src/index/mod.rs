//! The live index of a list: what is known of its messages without reading any of them.
//!
//! An index follows the pushes and pops of one list and knows when each message arrived. What it says is either exact or a
//! bound, and it says which. It never guesses: where an event does not fit what it knows, it begins anew, and all messages
//! that are there then are known by a bound from that moment on.
//!
//! [`ListClock`] follows the events, [`Arrivals`] keeps the times, [`Waits`] and [`Rates`] what is counted beside them.

mod answer;
mod audit;
mod audits;
mod blur;
mod clock;
mod codes;
mod columns;
mod definition;
mod dictionary;
mod fields;
#[cfg(test)]
mod fields_test;
mod group_ages;
#[cfg(test)]
mod group_ages_test;
mod list_fields;
#[cfg(test)]
mod list_fields_test;
#[cfg(test)]
mod model_test;
mod pending;
mod per_id;
mod read;
mod reasons;
mod repair;
#[cfg(test)]
mod repair_test;
mod shown;
mod value_waits;
#[cfg(test)]
mod value_waits_test;
pub mod verdicts;
mod wait;

pub use answer::{Answered, Ask};
pub use audit::Audited;
pub use audits::Audits;
pub use clock::{Arrivals, BLOCK_RUNS, Cursor, TRIM_RUNS_MAX};
pub use columns::Side;
pub use definition::{Definition, INDEXES_MAX};
pub use dictionary::{DICTIONARY_BYTES_MAX, DICTIONARY_VALUES_MAX, VALUE_BYTES_MAX};
pub use fields::{FieldIndex, INDEX_FIELDS_MAX};
pub use group_ages::{GroupAge, Waiting};
pub use list_fields::ListFields;
pub use pending::{CaughtUp, ForClock, HELD_MAX, Known, SEARCHED_AT_ONCE_MAX, Work};
pub use shown::Ages;
pub use value_waits::ValueWaits;
pub use verdicts::{KeyCount, ListGuide};
pub use wait::{RATE_SECONDS, Rates, WAIT_BUCKETS, Waits};

use crate::arrival::Arrival;
use crate::queue::End;
use crate::scan::Event;
use repair::Place;

/// Whether an index can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexState {
    /// Nobody has looked yet how many messages are in the list.
    Building,
    /// It follows the list.
    Ready,
    /// The place of an edit inside the list is being searched.
    Repairing,
    /// It gave its memory back, and begins anew when there is room.
    Suspended,
}

impl IndexState {
    /// The word in `state`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Ready => "ready",
            Self::Repairing => "repairing",
            Self::Suspended => "suspended",
        }
    }
}

/// Follows one list.
#[derive(Debug, Clone)]
pub struct ListClock {
    arrivals: Arrivals,
    /// Where workers pop.
    consumer_end: End,
    /// Half of a rotation was reported: a message was pushed at this end, and its pop was not reported yet. The length is
    /// that after both.
    rotating: Option<End>,
    state: IndexState,
    /// Why ages are bounds, or why there are none.
    reason: Option<&'static str>,
    waits: Waits,
    rates: Rates,
    pushed: u64,
    popped: u64,
    removed: u64,
    /// Since when it follows the list, Unix milliseconds.
    since_ms: i64,
}

/// Why all messages are known by bounds from this moment on.
const BEFORE: &str = "the messages were in the list before the index followed it";
const REPLACED: &str = "the list was replaced";
const UNTOLD: &str = "the list was changed without a notification";
const REMOVED: &str = "LREM removed messages and reports no positions";
const TRIMMED: &str = "LTRIM removed messages and reports no positions";
const EDITED: &str = "a message was put into the list (LINSERT, LSET) and its position is not reported";

impl ListClock {
    /// Returns the clock of a list that it does not know yet. Workers pop from `consumer_end`.
    #[must_use]
    pub fn new(consumer_end: End, now_ms: i64) -> Self {
        Self {
            arrivals: Arrivals::new(0, now_ms),
            consumer_end,
            rotating: None,
            state: IndexState::Building,
            reason: Some(BEFORE),
            waits: Waits::default(),
            rates: Rates::new(now_ms),
            pushed: 0,
            popped: 0,
            removed: 0,
            since_ms: now_ms,
        }
    }

    /// Whether it can answer.
    #[must_use]
    pub fn state(&self) -> IndexState {
        self.state
    }

    /// The arrival times, where it follows the list.
    #[must_use]
    pub fn arrivals(&self) -> Option<&Arrivals> {
        (self.state == IndexState::Ready).then_some(&self.arrivals)
    }

    fn arrivals_mut(&mut self) -> Option<&mut Arrivals> {
        (self.state == IndexState::Ready).then_some(&mut self.arrivals)
    }

    /// Bytes of memory, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.arrivals.memory()
    }

    /// The length of the list was read: it holds `len` messages. If the index knows the same number, it does nothing.
    pub fn observe(&mut self, len: u64, now_ms: i64) {
        match self.state {
            IndexState::Suspended => {}
            IndexState::Building => self.begin(len, now_ms, self.reason),
            IndexState::Ready if len == self.arrivals.len() => self.rotating = None,
            IndexState::Ready | IndexState::Repairing => self.begin(len, now_ms, Some(UNTOLD)),
        }
    }

    /// What is under the key now is another list, of `len` messages.
    pub fn replaced(&mut self, len: u64, now_ms: i64) {
        if self.state != IndexState::Suspended {
            self.begin(len, now_ms, Some(REPLACED));
        }
    }

    /// The index may be wrong: the length of the list has to be read.
    pub fn doubt(&mut self, reason: &'static str) {
        if self.state == IndexState::Ready {
            self.forget(IndexState::Building, reason);
        }
    }

    /// Gives the memory back.
    pub fn suspend(&mut self, reason: &'static str) {
        self.forget(IndexState::Suspended, reason);
    }

    /// There is room again: the length of the list has to be read.
    pub fn resume(&mut self) {
        if self.state == IndexState::Suspended {
            self.state = IndexState::Building;
        }
    }

    /// Follows what happened to the list.
    pub fn follow(&mut self, event: Event<'_>, now_ms: i64) {
        match self.state {
            IndexState::Suspended => return,
            IndexState::Building => return self.begin(event.len_after(), now_ms, self.reason),
            IndexState::Ready | IndexState::Repairing => {}
        }
        let known = self.arrivals.len();
        match (event, self.rotating) {
            (Event::Gone, _) => {
                self.removed += known;
                self.arrivals.clear();
                (self.rotating, self.reason) = (None, None);
            }
            (Event::Pushed { end, len }, None) if len > known => self.push(end, len - known, now_ms),
            // LMOVE within the list reports the length after both of its halves twice.
            (Event::Pushed { end, len }, None) if len == known && known > 0 => self.rotating = Some(end),
            (Event::Popped { end, len }, None) if len < known => self.pop(end, known - len, now_ms),
            (Event::Popped { end, len }, Some(pushed)) if len == known => {
                self.pop(end, 1, now_ms);
                self.push(pushed, 1, now_ms);
                self.rotating = None;
            }
            (Event::Deleted { indexes, len }, None) => {
                if len + indexes.len() as u64 == known && self.arrivals.delete(indexes) {
                    self.removed += indexes.len() as u64;
                } else {
                    self.begin(len, now_ms, Some(UNTOLD));
                }
            }
            (Event::Trimmed { len }, None) if len == known => {}
            (Event::Trimmed { len }, None) if len < known => {
                self.arrivals.coarsen(TRIM_RUNS_MAX);
                self.lose(known - len, TRIMMED);
            }
            (Event::Removed { len }, None) if len < known => self.lose(known - len, REMOVED),
            (Event::Set { len } | Event::Edited { len }, _) => self.begin(len, now_ms, Some(EDITED)),
            (event, _) => self.begin(event.len_after(), now_ms, Some(UNTOLD)),
        }
    }

    /// What is known of arrivals now, to be put right once the place of an edit is found.
    pub(super) fn known(&self) -> Option<Known> {
        Some(Known { arrivals: self.arrivals()?.clone(), reason: self.reason })
    }

    /// Follows an edit whose place was found. It is followed without its place where something does not fit.
    pub(super) fn edited(&mut self, event: Event<'_>, place: &Place, now_ms: i64) {
        let known = self.arrivals.len();
        let len = event.len_after();
        if self.state != IndexState::Ready || self.rotating.is_some() || known == len {
            return self.follow(event, now_ms);
        }
        let mut arrivals = std::mem::replace(&mut self.arrivals, Arrivals::new(0, now_ms));
        arrivals.repair(place, self.consumer_end.other(), now_ms);
        self.arrivals = arrivals;
        if self.arrivals.len() != len {
            return self.begin(len, now_ms, Some(UNTOLD));
        }
        self.removed += known.saturating_sub(len);
    }

    /// Learns what the values of fields showed, of a list that holds `len` messages now.
    pub fn learn(&mut self, what: ForClock, len: u64, now_ms: i64) {
        match what {
            _ if self.state != IndexState::Ready => {}
            ForClock::Restore(known) if known.arrivals.len() == self.arrivals.len() => {
                (self.arrivals, self.reason) = (known.arrivals, known.reason);
            }
            ForClock::Restore(_) => {}
            ForClock::Contradicted => self.begin(len, now_ms, Some(UNTOLD)),
        }
    }

    /// When the message arrived that runs next.
    #[must_use]
    pub fn next(&self) -> Option<Arrival> {
        self.arrivals()?.at_end(self.consumer_end)
    }

    fn push(&mut self, end: End, messages: u64, now_ms: i64) {
        self.arrivals.push(end, messages, now_ms);
        self.pushed += messages;
        self.rates.count(messages, 0, now_ms);
    }

    fn pop(&mut self, end: End, messages: u64, now_ms: i64) {
        let (waits, is_taken) = (&mut self.waits, end == self.consumer_end);
        self.arrivals.pop(end, messages, |arrival, messages| {
            if !is_taken {
                return;
            }
            if arrival.is_bound {
                waits.unknown += messages;
            } else {
                waits.record(now_ms.saturating_sub(arrival.step_ms).max(0).unsigned_abs(), messages);
            }
        });
        self.popped += messages;
        self.rates.count(0, messages, now_ms);
    }

    fn lose(&mut self, messages: u64, reason: &'static str) {
        self.arrivals.lose(messages);
        self.removed += messages;
        self.reason = Some(reason);
    }

    /// All messages that are there are known by a bound from now on.
    fn begin(&mut self, len: u64, now_ms: i64, reason: Option<&'static str>) {
        self.arrivals = Arrivals::new(len, now_ms);
        self.rotating = None;
        self.state = IndexState::Ready;
        self.reason = reason.filter(|_| len > 0);
    }

    fn forget(&mut self, state: IndexState, reason: &'static str) {
        self.arrivals = Arrivals::new(0, self.since_ms);
        (self.rotating, self.state, self.reason) = (None, state, Some(reason));
    }
}
