//! A JSON reader made for one question: "is this text valid, and where are the wanted values?"
//!
//! One pass over the bytes proves that the text is valid from its first to its last byte and notes the spans
//! of the values on the wanted paths. It builds no tree, and it allocates nothing once its buffers have
//! grown. A general parser does not fit because validity here means "a Celery worker would accept it". That
//! is Python's `json`, which kombu uses. It is wider than RFC 8259 in four points:
//!
//! * The literals `NaN`, `Infinity` and `-Infinity` are numbers (Python writes them for floats).
//! * Bytes that are not UTF-8 are accepted inside strings: kombu replaces them by U+FFFD before it parses.
//!   Such a string has no text of its own here and is equal to nothing.
//! * The same holds for a string with a lone surrogate (`"\ud800"`), which Python accepts too.
//! * Depth has no limit: values that are not wanted are skipped without recursion, so that no message
//!   overflows the stack. (Python gives up at about a thousand levels; messages that deep are not treated
//!   specially.)
//!
//! No prefilter searches for a literal first. Every message must be proved valid whatever the filter is
//! (`undecodable` is exact), and the pass that proves it finds the fields at the same time: on messages of
//! 1.5 KB it takes less time than `serde_json` takes to skip them (0.57 against 0.70 us). Most texts do not
//! need the pass at all because they repeat: see [`Templates`]. [`Reading`] chooses between the two for each
//! text.

mod number;
mod parts;
mod paths;
mod reading;
mod scan;
mod steps;
mod templates;
mod text;

pub(crate) use number::{Decimal, Integer};
pub(crate) use parts::{compact, items, members};
pub(crate) use paths::{Path, Paths, Segment, array_index};
pub(crate) use reading::Reading;
pub(crate) use scan::{Scanner, Span, number as number_end};
pub(crate) use steps::{differ, is_ascii, is_plain_ascii, special_at};
use templates::Templates;
pub(crate) use text::{cut, decode, decode_lossy};

/// What the first byte of a valid JSON value shows about the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number, or one of Python's `NaN`, `Infinity`, `-Infinity`.
    Number,
    /// A string; the span includes its quotes.
    Text,
    /// An array or an object.
    Compound,
}

impl Shape {
    /// Returns the shape of `raw`, one value without surrounding space.
    pub(crate) fn of(raw: &[u8]) -> Self {
        match raw.first() {
            None | Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Bool,
            Some(b'"') => Self::Text,
            Some(b'[' | b'{') => Self::Compound,
            Some(_) => Self::Number,
        }
    }
}

/// Returns the bytes between the quotes of a string value.
pub(crate) fn inner(raw: &[u8]) -> &[u8] {
    raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
