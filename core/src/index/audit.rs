//! The audit of an index: all messages of the list are compared with their rows, some at a time.
//!
//! A module can replace a message inside a list, or exchange two, and report nothing: then the length and
//! both ends are as they were, and the checks of `list_fields.rs` pass. An audit reads each message once and
//! compares its length and its fingerprint with its row. It goes from the producer end to the consumer end,
//! and its position moves with the messages when the list changes. Messages that come meanwhile are read into
//! rows by then.

use super::audits::Audits;
use super::columns::{FINGERPRINT, LENGTH};
use super::list_fields::ListFields;
use super::pending::Work;
use crate::queue::End;
use crate::scan::{Queue, fingerprint};

/// Rows that are looked up at once.
const ROWS_AT_ONCE: u64 = 256;
const DIFFERENT: &str =
    "an audit found a message that was replaced without a notification; all messages are read again";

/// What a part of an audit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audited {
    /// There is more to compare.
    More,
    /// All messages are those of their rows.
    All,
    /// One is not: the messages are read again.
    Different,
}

impl ListFields {
    /// The audits of this list.
    #[must_use]
    pub fn audits(&self) -> &Audits {
        &self.audits
    }

    /// Begins an audit.
    pub fn begin_audit(&mut self) {
        self.audits.begin();
    }

    /// Goes on with an audit, for a list that was caught up with just now. `goes_on` is asked after each
    /// message whether there is time for another one.
    pub fn audit<Q: Queue>(
        &mut self,
        list: &mut Q,
        now_ms: i64,
        mut goes_on: impl FnMut(Work) -> bool,
    ) -> Audited {
        let consumer_end = self.kind().spec().consumer_end;
        let (Some(next), Some(index)) = (self.audits.next(), self.index()) else { return Audited::More };
        if !list.reopen() {
            return Audited::More;
        }
        let (rows, len) = (&index.rows, index.len());
        let region = rows.region();
        let (mut lengths, mut fingerprints) = (Vec::new(), Vec::new());
        let mut at = next.max(region.start);
        let is_different = 'rows: loop {
            let end = region.end.min(at + ROWS_AT_ONCE);
            if at >= end {
                break false;
            }
            rows.copy(LENGTH, at..end, &mut lengths);
            rows.copy(FINGERPRINT, at..end, &mut fingerprints);
            for row in lengths.iter().zip(&fingerprints) {
                let place = if consumer_end == End::Tail { at } else { len - 1 - at };
                let mut bytes = 0;
                let found = list.peek(place, |message| {
                    bytes = message.len();
                    (u32::try_from(bytes).unwrap_or(u32::MAX), fingerprint(message))
                });
                if found.map(|(length, fingerprint)| (Some(length), Some(fingerprint)))
                    != Some((*row.0, *row.1))
                {
                    break 'rows true;
                }
                at += 1;
                if !goes_on(Work::Message(bytes)) {
                    self.audits.go_on_at(at);
                    return Audited::More;
                }
            }
        };
        self.audits.end(is_different, now_ms);
        if is_different {
            self.contradict(len, DIFFERENT);
            return Audited::Different;
        }
        Audited::All
    }
}
