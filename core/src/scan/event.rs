//! The events of a job's keys between its slices.

use crate::queue::End;

/// A change of the queue. Changes are reported in the order in which they happen.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Messages were pushed at `end`; the queue then had `len` messages.
    Pushed {
        /// The end.
        end: End,
        /// Length after the push.
        len: u64,
    },
    /// Messages were popped from `end`; the queue then had `len` messages.
    Popped {
        /// The end.
        end: End,
        /// Length after the pop.
        len: u64,
    },
    /// Another job cleared messages at these list indexes (0 = head, ascending, as before the deletion); the queue
    /// then had `len` messages.
    Deleted {
        /// Indexes before the deletion.
        indexes: &'a [u64],
        /// Length after the deletion.
        len: u64,
    },
    /// Messages were removed anywhere (LREM); the list then had `len` messages.
    Removed {
        /// Length after the removal.
        len: u64,
    },
    /// A message was replaced (LSET); the list then had `len` messages.
    Set {
        /// Length, which has not changed.
        len: u64,
    },
    /// The list was cut at its ends (LTRIM); it then had `len` messages. The event does not say how many each end
    /// lost.
    Trimmed {
        /// Length after the cut.
        len: u64,
    },
    /// The list was changed inside at unknown positions; it then had `len` messages.
    Edited {
        /// Length after the edit.
        len: u64,
    },
    /// The queue was deleted, expired, renamed away or replaced by another key.
    Gone,
}

impl<'a> Event<'a> {
    /// Messages of the queue after the change.
    #[must_use]
    pub fn len_after(&self) -> u64 {
        match *self {
            Self::Pushed { len, .. }
            | Self::Popped { len, .. }
            | Self::Deleted { len, .. }
            | Self::Removed { len }
            | Self::Set { len }
            | Self::Trimmed { len }
            | Self::Edited { len } => len,
            Self::Gone => 0,
        }
    }

    /// Returns the same event seen from the other end of a list of `len` messages; the indexes of a deletion are
    /// written to `indexes`.
    pub(super) fn mirrored(self, len: u64, indexes: &'a mut Vec<u64>) -> Event<'a> {
        match self {
            Self::Pushed { end, len } => Event::Pushed { end: end.other(), len },
            Self::Popped { end, len } => Event::Popped { end: end.other(), len },
            Self::Deleted { indexes: seen, len: left } if seen.last().is_none_or(|last| *last < len) => {
                indexes.extend(seen.iter().rev().map(|index| len - 1 - index));
                Event::Deleted { indexes, len: left }
            }
            // What is inconsistent stays inconsistent when it is mirrored.
            other => other,
        }
    }
}
