//! Bodies of one task usually have the same opcodes and differ in some texts and numbers. Such a body is
//! compared with one that was read before, and its JSON is that of the other with its own texts and
//! numbers.
//!
//! What a pickle builds depends on its opcodes, on the entries of the memo that it names, and on the
//! lengths of its data, but not on the texts and numbers that it pushes, as long as no class or function is
//! named in it. So for a pickle without such names the places of some kinds of texts and numbers are
//! remembered as *holes*. All other bytes of a body must be equal, up to its end.

use super::number::signed;
use super::value::Span;
use crate::format::written::{float, integer};
use crate::json::is_plain_ascii;

/// The longest pickle whose layout is remembered, in bytes.
const LAYOUT_MAX: usize = 4 * 1024;
/// The number of layouts that are remembered.
const LAYOUTS_MAX: usize = 32;
/// The number of hints that are told apart.
const HINTS: usize = 64;
/// The most bytes of JSON for one byte of a pickle whose layout is remembered.
const EXPANSION: usize = 8;

/// What can differ between pickles of one layout. A hole begins with its opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hole {
    /// The length of a frame, which has no meaning for what is built.
    Frame,
    /// A text of ASCII that JSON does not escape.
    Text,
    /// None, a boolean, a float or an integer of at most eight bytes.
    Scalar,
}

/// The value of a hole in one pickle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Filled<'p> {
    Nothing,
    Text(&'p [u8]),
    Word(&'static [u8]),
    Int(i64),
    Float(f64),
}

impl Hole {
    /// Returns the hole that begins with this opcode.
    #[inline]
    fn of(op: u8) -> Option<Self> {
        match op {
            0x8c | b'X' => Some(Self::Text),
            b'N' | 0x88 | 0x89 | b'K' | b'M' | b'J' | 0x8a | b'G' => Some(Self::Scalar),
            0x95 => Some(Self::Frame),
            _ => None,
        }
    }

    /// Returns the hole that begins with this opcode, when a layout is learned. None is mostly None in all
    /// messages; where it is not, the layout of a message with another value there has a hole, in which
    /// None fits.
    pub(super) fn learned(op: u8) -> Option<Self> {
        Self::of(op).filter(|_| op != b'N')
    }

    /// Reads the hole at the beginning of `bytes`; returns its value and the number of bytes that it takes.
    #[inline]
    pub(super) fn read(self, bytes: &[u8]) -> Option<(Filled<'_>, usize)> {
        let (&op, bytes) = bytes.split_first()?;
        if Self::of(op) != Some(self) {
            return None;
        }
        let (value, len) = match op {
            0x8c => text(bytes, 1, usize::from(*bytes.first()?))?,
            b'X' => text(bytes, 4, usize::try_from(u32::from_le_bytes(*bytes.first_chunk()?)).ok()?)?,
            b'N' => (Filled::Word(b"null"), 0),
            0x88 => (Filled::Word(b"true"), 0),
            0x89 => (Filled::Word(b"false"), 0),
            b'K' => (Filled::Int(i64::from(*bytes.first()?)), 1),
            b'M' => (Filled::Int(i64::from(u16::from_le_bytes(*bytes.first_chunk()?))), 2),
            b'J' => (Filled::Int(i64::from(i32::from_le_bytes(*bytes.first_chunk()?))), 4),
            b'G' => (Filled::Float(f64::from_be_bytes(*bytes.first_chunk()?)), 8),
            0x8a => {
                let len = usize::from(*bytes.first()?);
                let digits = bytes.get(1..)?.get(..len).filter(|digits| digits.len() <= size_of::<i64>())?;
                (Filled::Int(signed(digits)), 1 + len)
            }
            _ => {
                let len = u64::from_le_bytes(*bytes.first_chunk()?);
                (len <= (bytes.len() - 8) as u64).then_some((Filled::Nothing, 8))?
            }
        };
        Some((value, 1 + len))
    }
}

/// Returns a text of `len` bytes after a length of `width` bytes, and the number of bytes of both.
#[inline]
fn text(bytes: &[u8], width: usize, len: usize) -> Option<(Filled<'_>, usize)> {
    let text = bytes.get(width..)?.get(..len)?;
    is_plain_ascii(text).then_some((Filled::Text(text), width + len))
}

/// The holes of one pickle, and where their values stand in its JSON.
#[derive(Debug, Clone, Default)]
pub(super) struct Traced {
    /// The kind and the place of each hole, in ascending order.
    pub(super) holes: Vec<(Hole, Span)>,
    /// The number of a hole and the place of its value in the JSON, in ascending order.
    pub(super) uses: Vec<(u32, Span)>,
    /// The numbers of holes that are keys: pickles of one layout have the same keys.
    pub(super) keys: Vec<u32>,
}

impl Traced {
    pub(super) fn clear(&mut self) {
        self.holes.clear();
        self.uses.clear();
        self.keys.clear();
    }
}

/// The layout of one pickle that was read.
#[derive(Debug, Clone)]
struct Layout {
    /// The bytes between the holes, without the holes, and the JSON between the values.
    fixed: Vec<u8>,
    json: Vec<u8>,
    /// The number of bytes before each hole, and its kind.
    holes: Vec<(u32, Hole)>,
    /// The number of bytes of JSON before each value, and its hole.
    uses: Vec<(u32, u32)>,
}

impl Layout {
    fn of(pickle: &[u8], json: &[u8], traced: &Traced) -> Option<Self> {
        let mut layout = Self { fixed: Vec::new(), json: Vec::new(), holes: Vec::new(), uses: Vec::new() };
        let mut at = 0;
        let mut numbers = Vec::with_capacity(traced.holes.len());
        for (number, (hole, place)) in (0_u32..).zip(&traced.holes) {
            if traced.keys.contains(&number) {
                numbers.push(None);
                continue;
            }
            numbers.push(u32::try_from(layout.holes.len()).ok());
            let place = place.range();
            let before = pickle.get(at..place.start)?;
            layout.fixed.extend_from_slice(before);
            layout.holes.push((u32::try_from(before.len()).ok()?, *hole));
            at = place.end;
        }
        layout.fixed.extend_from_slice(pickle.get(at..)?);
        at = 0;
        for (hole, place) in &traced.uses {
            let Some(hole) = numbers.get(*hole as usize).copied().flatten() else { continue };
            let place = place.range();
            let before = json.get(at..place.start)?;
            layout.json.extend_from_slice(before);
            layout.uses.push((u32::try_from(before.len()).ok()?, hole));
            at = place.end;
        }
        layout.json.extend_from_slice(json.get(at..)?);
        Some(layout)
    }
}

/// The layouts of pickles that were read.
#[derive(Debug, Clone)]
pub(super) struct Layouts {
    all: Vec<Layout>,
    /// The layout that is replaced next.
    next: usize,
    /// The layout that a pickle with such a hint had last.
    last: [u8; HINTS],
    /// The values of the holes of one pickle: their places in it, or in `numbers`.
    values: Vec<(bool, Span)>,
    numbers: Vec<u8>,
}

impl Default for Layouts {
    fn default() -> Self {
        Self { all: Vec::new(), next: 0, last: [0; HINTS], values: Vec::new(), numbers: Vec::new() }
    }
}

impl Layouts {
    /// Whether the layout of such a pickle can be remembered.
    pub(super) fn can_learn(pickle: &[u8]) -> bool {
        pickle.len() <= LAYOUT_MAX
    }

    /// Remembers the layout of a pickle of which `json` is the text.
    pub(super) fn learn(&mut self, pickle: &[u8], json: &[u8], traced: &Traced) {
        if json.len() > LAYOUT_MAX * EXPANSION {
            return;
        }
        let Some(layout) = Layout::of(pickle, json, traced) else { return };
        if self.all.len() < LAYOUTS_MAX {
            return self.all.push(layout);
        }
        self.all[self.next] = layout;
        self.next = (self.next + 1) % LAYOUTS_MAX;
    }

    /// Writes the JSON of a pickle to `json`, which is empty, if the layout of the pickle is known. Pickles
    /// with the same `hint` are expected to have the same layout.
    pub(super) fn fit(&mut self, hint: u64, pickle: &[u8], json: &mut Vec<u8>) -> bool {
        let Self { all, last, values, numbers, .. } = self;
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are the point")]
        let last = &mut last[hint as usize % HINTS];
        let mut fits = |layout: &Layout| read(layout, pickle, values, numbers).is_some();
        let found = match all.get(usize::from(*last)) {
            Some(layout) if fits(layout) => Some(usize::from(*last)),
            _ => all.iter().position(fits),
        };
        let Some(found) = found else { return false };
        *last = u8::try_from(found).unwrap_or_default();
        write(&all[found], pickle, values, numbers, json).is_some()
    }
}

/// Compares a pickle with a layout, and reads its holes.
fn read(layout: &Layout, pickle: &[u8], values: &mut Vec<(bool, Span)>, numbers: &mut Vec<u8>) -> Option<()> {
    values.clear();
    numbers.clear();
    let (mut fixed, mut rest) = (layout.fixed.as_slice(), pickle);
    for (before, hole) in &layout.holes {
        let (wanted, other) = fixed.split_at_checked(*before as usize)?;
        rest = rest.strip_prefix(wanted)?;
        fixed = other;
        let (value, len) = hole.read(rest)?;
        let at = pickle.len() - rest.len();
        let from = numbers.len();
        values.push(match value {
            Filled::Text(text) => (false, Span::new(at + len - text.len(), text.len())?),
            Filled::Int(number) => {
                integer(number, numbers);
                (true, Span::new(from, numbers.len() - from)?)
            }
            Filled::Float(number) => {
                float(number, numbers);
                (true, Span::new(from, numbers.len() - from)?)
            }
            Filled::Word(word) => {
                numbers.extend_from_slice(word);
                (true, Span::new(from, word.len())?)
            }
            Filled::Nothing => (true, Span::new(0, 0)?),
        });
        rest = rest.get(len..)?;
    }
    (rest == fixed).then_some(())
}

/// Writes the JSON of a layout with other values.
fn write(
    layout: &Layout,
    pickle: &[u8],
    values: &[(bool, Span)],
    numbers: &[u8],
    json: &mut Vec<u8>,
) -> Option<()> {
    let value = |hole: u32| {
        let (is_number, place) = values.get(hole as usize)?;
        Some(place.of(if *is_number { numbers } else { pickle }))
    };
    let mut len = layout.json.len();
    for (_, hole) in &layout.uses {
        len += value(*hole)?.len();
    }
    json.resize(len, 0);
    let (mut fixed, mut out) = (layout.json.as_slice(), json.as_mut_slice());
    for (before, hole) in &layout.uses {
        let (piece, other) = fixed.split_at_checked(*before as usize)?;
        let value = value(*hole)?;
        let (to_piece, rest) = out.split_at_mut_checked(piece.len())?;
        let (to_value, rest) = rest.split_at_mut_checked(value.len())?;
        to_piece.copy_from_slice(piece);
        to_value.copy_from_slice(value);
        (fixed, out) = (other, rest);
    }
    if out.len() != fixed.len() {
        return None;
    }
    out.copy_from_slice(fixed);
    Some(())
}
