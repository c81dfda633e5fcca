//! What happened to a key of a job between its slices.

use crate::queue::End;

/// Something that happened to the queue, told in the order in which it happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Messages were pushed at `end`; the queue then held `len`.
    Pushed {
        /// The side.
        end: End,
        /// Length after the push.
        len: u64,
    },
    /// Messages were popped from `end`; the queue then held `len`.
    Popped {
        /// The side.
        end: End,
        /// Length after the pop.
        len: u64,
    },
    /// Another job cleared messages at these list indexes (0 = head, ascending, as before the deletion).
    Deleted {
        /// Indexes before the deletion.
        indexes: &'a [u64],
    },
    /// Messages were taken out anywhere (LREM); the list then held `len`.
    Removed {
        /// Length after the removal.
        len: u64,
    },
    /// A message was put in the place of another one (LSET); the list then held `len`.
    Set {
        /// Length, which has not changed.
        len: u64,
    },
    /// The list was cut at its ends (LTRIM); it then held `len`. Which end lost how many is not told.
    Trimmed {
        /// Length after the cut.
        len: u64,
    },
    /// The list was changed inside, positions unknown; it then held `len`.
    Edited {
        /// Length after the edit.
        len: u64,
    },
    /// The queue was deleted, expired, renamed away or replaced by another key.
    Gone,
}

impl<'a> Event<'a> {
    /// The same seen from the other end of a list of `len` messages; `indexes` is where the others lie then.
    pub(super) fn mirrored(self, len: u64, indexes: &'a mut Vec<u64>) -> Event<'a> {
        match self {
            Self::Pushed { end, len } => Event::Pushed { end: end.other(), len },
            Self::Popped { end, len } => Event::Popped { end: end.other(), len },
            Self::Deleted { indexes: seen } if seen.last().is_none_or(|last| *last < len) => {
                indexes.extend(seen.iter().rev().map(|index| len - 1 - index));
                Event::Deleted { indexes }
            }
            // What does not add up does not in a mirror either.
            other => other,
        }
    }
}
