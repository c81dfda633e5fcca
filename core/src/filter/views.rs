//! The values of one message as conditions see them: what costs work is worked out once, however many conditions ask.

use super::value::Seen;
use crate::field::FieldType;
use crate::json::inner;

/// Strings longer than this are looked through once, bytes: shorter ones are looked through as fast as they are found.
const LONG: usize = 256;
/// Bytes of decoded text that stay allocated from one message to the next.
const KEEP: usize = 64 * 1024;

/// A value that was worked out. Its text, if it has one, stands in the arena.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// A string without escapes: its text is what stands between its quotes.
    Plain,
    Number(usize, usize),
    Text(usize, usize),
    Time(usize, usize),
    Bool(bool),
    Uuid([u8; 16]),
    Compound,
    Opaque,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Views {
    /// By position of the field. There are few: most values are short and plain.
    known: Vec<(usize, Known)>,
    arena: Vec<u8>,
    scratch: Vec<u8>,
}

impl Views {
    /// Forgets the values of the message before.
    pub(super) fn clear(&mut self) {
        if !self.known.is_empty() {
            self.known.clear();
            self.arena.clear();
            self.arena.shrink_to(KEEP);
            self.scratch.shrink_to(KEEP);
        }
    }

    /// What is seen of `raw`, the value of the field at `position` in the message, and bytes that were worked through
    /// to see it.
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
        // Without escapes the text is the part of the value that it was read from.
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
