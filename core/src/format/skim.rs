//! Which fields of a job's hash have to be read to see that a filter does not match it.
//!
//! Most jobs do not match, and a filter asks for few of their fields. So a scan first writes a text of these alone. A filter
//! that is false for this text is false for the whole one: it asks for nothing else, and whether a job can be read does
//! not depend on other fields. In every other case the whole text is written and examined, and nothing else decides: which jobs
//! match, are kept, unreadable, undecodable or missing, what samples show, and the fingerprints of a unit.

use super::{FieldPlace, Part, asynq, bull, format_of, rq, unread};
use crate::field::Field;
use crate::kind::MessageKind;

/// The fields that are read of every job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skim(u32);

impl Skim {
    /// Returns what a filter with conditions on these fields needs of jobs of a kind; `None` if it needs whole jobs, or if jobs
    /// of this kind are not hashes of their own.
    pub(crate) fn of<'f>(kind: MessageKind, asked: impl Iterator<Item = &'f Field>) -> Option<Self> {
        let field_of: fn(&[u8]) -> Option<u32> = match kind {
            MessageKind::Rq => rq::skimmed,
            MessageKind::BullMq | MessageKind::Bull => bull::skimmed,
            MessageKind::Asynq => asynq::skimmed,
            _ => return None,
        };
        let format = format_of(kind);
        let places: Vec<_> = asked.flat_map(|field| format.places(field)).collect();
        // The whole text is asked for, or its length.
        let is_whole =
            |place: &FieldPlace| place.part == Part::Size || place.envelope.iter().any(Vec::is_empty);
        if places.iter().any(is_whole) {
            return None;
        }
        let own = format.own_paths();
        let paths = own.iter().chain(places.iter().flat_map(|place| &place.envelope));
        let mut fields = 0;
        for name in paths.filter_map(unread::field_of) {
            fields |= field_of(name)?;
        }
        Some(Self(fields))
    }

    /// Returns whether the field at this position of [`super::JobText::fields`] is read.
    #[must_use]
    pub fn reads(self, at: usize) -> bool {
        self.0 & (1 << at) != 0
    }
}

#[cfg(test)]
mod tests;
