//! The values of one message as conditions use them. Results that take work are computed once, however many
//! conditions use them.

use super::value::Seen;
use crate::field::FieldType;
use crate::json::inner;

/// Strings longer than this, in bytes, are read once and remembered; reading a shorter string again is as
/// fast as finding the remembered result.
const LONG: usize = 256;
/// The memory for decoded text, in bytes, that is kept from one message to the next.
const KEEP: usize = 64 * 1024;

/// A computed value. Its text, if it has one, is in the arena.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// A string without escapes: its text is the bytes between its quotes.
    Plain,
    Number(usize, usize),
    Text(usize, usize),
    Time(usize, usize),
    Bool(bool),
    Uuid([u8; 16]),
    Compound,
    Opaque,
}

/// The computed values of one message; see the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct Views {
    /// The values with the positions of their fields. There are few: most values are short and need no work.
    known: Vec<(usize, Known)>,
    arena: Vec<u8>,
    scratch: Vec<u8>,
}

impl Views {
    /// Removes the values of the previous message.
    pub(super) fn clear(&mut self) {
        if !self.known.is_empty() {
            self.known.clear();
            self.arena.clear();
            self.arena.shrink_to(KEEP);
            self.scratch.shrink_to(KEEP);
        }
    }

    /// Returns `raw`, the value of the field at `position` in the message, as conditions use it, and the
    /// number of bytes that were read for that.
    pub(super) fn see<'a>(
        &'a mut self,
        position: usize,
        raw: &'a [u8],
        kind: FieldType,
    ) -> (Seen<'a>, usize) {
        let is_short_string =
            raw.starts_with(b"\"") && raw.len() <= LONG && memchr::memchr(b'\\', raw).is_none();
        if is_short_string || !matches!(raw.first(), Some(b'"' | b'{')) {
            return (Seen::of(raw, kind, &mut self.scratch), 0);
        }
        let known = self.known.iter().find(|(of, _)| *of == position).map(|(_, known)| *known);
        let work = if known.is_some() { 0 } else { raw.len() };
        let known = known.unwrap_or_else(|| {
            let known = keep(Seen::of(raw, kind, &mut self.scratch), raw, &mut self.arena);
            self.known.push((position, known));
            known
        });
        let text = |start: usize, end: usize| self.arena.get(start..end).unwrap_or_default();
        let seen = match known {
            Known::Plain => Seen::Text(inner(raw)),
            Known::Number(start, end) => Seen::Number(text(start, end)),
            Known::Text(start, end) => Seen::Text(text(start, end)),
            Known::Time(start, end) => Seen::Time(text(start, end)),
            Known::Bool(is) => Seen::Bool(is),
            Known::Uuid(uuid) => Seen::Uuid(uuid),
            Known::Compound => Seen::Compound(raw),
            Known::Opaque => Seen::Opaque,
        };
        (seen, work)
    }
}

fn keep(seen: Seen<'_>, raw: &[u8], arena: &mut Vec<u8>) -> Known {
    let mut text = |text: &[u8]| {
        let start = arena.len();
        arena.extend_from_slice(text);
        (start, arena.len())
    };
    match seen {
        // Without escapes the text is a part of the value from which it was read.
        Seen::Text(seen) if raw.starts_with(b"\"") && seen.len() + 2 == raw.len() => Known::Plain,
        Seen::Text(seen) => {
            let (start, end) = text(seen);
            Known::Text(start, end)
        }
        Seen::Number(seen) => {
            let (start, end) = text(seen);
            Known::Number(start, end)
        }
        Seen::Time(seen) => {
            let (start, end) = text(seen);
            Known::Time(start, end)
        }
        Seen::Bool(is) => Known::Bool(is),
        Seen::Uuid(uuid) => Known::Uuid(uuid),
        Seen::Compound(_) => Known::Compound,
        Seen::Opaque => Known::Opaque,
    }
}
