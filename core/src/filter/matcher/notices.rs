//! What a user should know about a match: the match notices, and what it leaves elsewhere.

use std::ops::Range;

use super::Matcher;
use crate::field::{Field, FieldType, Source};
use crate::format::{FieldValue, Leavings};
use crate::match_notices::{LeftBehind, MatchNotices};

/// The fields of the match notices: name, type and source.
const MATCH_NOTICES: [(&str, FieldType, Source); 4] = [
    ("chord", FieldType::Value, Source::Task("chord")),
    ("group", FieldType::Value, Source::Task("group")),
    ("eta", FieldType::Time, Source::Task("eta")),
    ("redelivered", FieldType::Flag, Source::Delivery("redelivered")),
];

/// The number of fields of the match notices.
pub(super) const COUNT: usize = MATCH_NOTICES.len();

/// Returns the fields that a matcher reads for this, in the order in which its reader has them: those of the match
/// notices, and those that tell what a match leaves elsewhere.
pub(super) fn fields(leavings: Option<&Leavings>) -> Vec<Field> {
    let of = |(name, kind, source): (&str, FieldType, Source)| Field {
        name: name.into(),
        kind,
        source,
        path: Vec::new(),
        quoted: 0,
        any: false,
    };
    MATCH_NOTICES.map(of).into_iter().chain(leavings.into_iter().flat_map(Leavings::fields)).collect()
}

impl Matcher {
    /// Returns the match notices of the last examined message, which must have matched. It opens the body if
    /// the filter did not and a notice depends on it. Only for a matcher without groups.
    pub fn match_notices(&mut self, message: &[u8]) -> MatchNotices {
        debug_assert!(self.grouped.is_empty(), "the fields of the groups follow those of the conditions");
        if !self.reader.is_decodable() {
            return MatchNotices::default();
        }
        self.open_for(self.fields..self.fields + COUNT, message);
        let get = |match_notice: usize| self.reader.get(self.fields + match_notice, message);
        let is = |match_notice: usize, except: &[&[u8]]| match get(match_notice) {
            FieldValue::Value(raw) => !except.contains(&raw),
            FieldValue::Partial(_) => true,
            FieldValue::Number(_) | FieldValue::Absent | FieldValue::Unknown => false,
        };
        MatchNotices {
            in_chord: is(0, &[b"false", b"{}"]),
            in_group: is(1, &[b"\"\""]),
            with_eta: is(2, &[]),
            redelivered: is(3, &[b"false", b"0"]),
            inexact: self.inexact,
        }
    }

    /// Returns what the last examined message, which must have matched, leaves elsewhere. It opens the body if nothing
    /// did before. Only for a matcher without groups.
    pub fn left_behind(&mut self, message: &[u8]) -> LeftBehind {
        let first = self.fields + COUNT;
        if self.reader.is_decodable() {
            self.open_for(first..first + self.left_behind, message);
        }
        let Some(leavings) = &mut self.leavings else { return LeftBehind::default() };
        leavings.examine(&self.reader, first, message)
    }

    /// Opens the body of the last message if one of the fields at these positions is in it.
    fn open_for(&mut self, mut places: Range<usize>, message: &[u8]) {
        if !self.reader.is_body_open() && places.any(|at| self.reader.in_body(at)) {
            self.reader.open_body(message);
        }
    }
}
