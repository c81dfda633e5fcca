//! Test doubles that the tests of several scans share.

use std::cell::Cell;

use super::budget::{Budget, Clock, Time};

/// A clock that advances by one nanosecond each time it is read.
#[derive(Default)]
pub(super) struct Ticking(Cell<u64>);

impl Clock for Ticking {
    fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// Returns the budget of a slice over at most this many messages, if the judge makes the scan read a
/// [`Ticking`] clock after each message. The slice can remove three messages.
pub(super) fn budget(messages: u64) -> Budget {
    Budget {
        time: Time::AfterSeek { slice_ns: messages, last_seek_ns: 0 },
        window: messages,
        max_deletions: 3,
        max_bytes: u64::MAX,
        deletion_ns: 0,
        put_ns: 0,
    }
}
