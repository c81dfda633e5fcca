//! How far the audit of a list is, and what audits found.

use super::columns::Side;
use super::pending::Change;
use super::repair::Place;

/// The audits of one list.
#[derive(Debug, Default)]
pub struct Audits {
    /// The position of the next message to be compared, from the producer end, while an audit runs.
    next: Option<u64>,
    /// Audits that compared all messages.
    pub completed: u64,
    /// Audits that found a message which was not the one of its row.
    pub faults: u64,
    /// When the last audit ended, in either way, milliseconds.
    pub ended_ms: Option<i64>,
}

impl Audits {
    /// Whether an audit runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.next.is_some()
    }

    /// Begins an audit.
    pub fn begin(&mut self) {
        self.next = Some(0);
    }

    /// The position of the next message to be compared, from the producer end, while an audit runs.
    pub(super) fn next(&self) -> Option<u64> {
        self.next
    }

    /// The messages before this position were compared.
    pub(super) fn go_on_at(&mut self, position: u64) {
        self.next = Some(position);
    }

    /// The audit ended at `now_ms`.
    pub(super) fn end(&mut self, is_different: bool, now_ms: i64) {
        (self.next, self.ended_ms) = (None, Some(now_ms));
        self.completed += u64::from(!is_different);
        self.faults += u64::from(is_different);
    }

    /// Gives an audit up: the rows are gone.
    pub(super) fn stop(&mut self) {
        self.next = None;
    }

    /// Moves the position with the messages.
    pub(super) fn follow(&mut self, change: &Change) {
        let Some(next) = &mut self.next else { return };
        *next = match change {
            Change::Pushed(Side::Producer, n, _) => *next + n,
            Change::Popped(Side::Producer, n) => next.saturating_sub(*n),
            Change::Deleted(positions) => *next - positions.partition_point(|at| at < next) as u64,
            Change::Pushed(Side::Consumer, ..) | Change::Popped(Side::Consumer, _) => *next,
        };
    }

    /// The same for an edit whose place was found.
    pub(super) fn follow_edit(&mut self, place: &Place) {
        let Some(next) = &mut self.next else { return };
        *next = match place {
            Place::Removed { positions, .. } => *next - positions.partition_point(|at| at < next) as u64,
            Place::Inserted { position, .. } => *next + u64::from(position < next),
            Place::Trimmed { first, .. } => next.saturating_sub(*first),
        };
    }
}
