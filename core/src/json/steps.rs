//! Comparisons of sixteen bytes at a time. Every processor that the module supports has instructions for
//! them, so nothing is detected at run time.
//!
//! *Special* bytes are quotes, backslashes and everything below 0x20: the bytes that a string cannot contain,
//! or not unescaped.

use wide::u8x16;

/// The number of bytes in one step.
const STEP: usize = 16;
/// The number of bytes in one word: the number of bits of a `u64`.
pub(super) const WORD: usize = 64;

/// With this bit flipped the quote (0x22) is 0x20, the space and `!` are above it, and every byte below 0x20
/// is still below it.
const TURN: u8 = 2;
/// The quote with the bit flipped: the largest of quotes and control characters.
const QUOTE: u8 = b'"' ^ TURN;
/// The backslash with the bit flipped.
const SLASH: u8 = b'\\' ^ TURN;

/// Returns the special bytes of a word: bit `n` is byte `n`.
#[inline(always)]
pub(super) fn special(word: &[u8; WORD]) -> u64 {
    let mut bits = 0;
    for (n, step) in word.as_chunks::<STEP>().0.iter().enumerate() {
        let step = u8x16::new(*step) ^ u8x16::splat(TURN);
        let slash = step.cmp_eq(u8x16::splat(SLASH));
        // The smaller of a byte and the quote is the byte itself only for quotes and control characters.
        let other = step.min(u8x16::splat(QUOTE)).cmp_eq(step);
        let mask = (slash | other).move_mask();
        bits |= u64::from(mask.cast_unsigned() & 0xffff) << (n * STEP);
    }
    bits
}

/// True means that none of these bytes is special, a space or `!`; including the latter two makes the check
/// cheaper. False proves nothing.
#[inline(always)]
pub(super) fn plain<const N: usize>(bytes: &[u8; N]) -> bool {
    let (mut least, mut slash) = (u8x16::splat(u8::MAX), u8x16::splat(0));
    for step in bytes.as_chunks::<STEP>().0 {
        let step = u8x16::new(*step);
        least = least.min(step);
        slash |= step.cmp_eq(u8x16::splat(b'\\'));
    }
    let below = least.min(u8x16::splat(b'"')).cmp_eq(least);
    (slash | below).move_mask() == 0
}

/// Returns the position of the first special byte.
pub(crate) fn special_at(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<STEP>();
    for (n, word) in words.iter().enumerate() {
        let step = u8x16::new(*word) ^ u8x16::splat(TURN);
        let slash = step.cmp_eq(u8x16::splat(SLASH));
        let other = step.min(u8x16::splat(QUOTE)).cmp_eq(step);
        let mask = (slash | other).move_mask().cast_unsigned() & 0xffff;
        if mask != 0 {
            return Some(n * STEP + mask.trailing_zeros() as usize);
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    rest.iter().position(is_special).map(|at| words.len() * STEP + at)
}

/// Returns whether no byte is special or above 0x7f.
#[inline]
pub(crate) fn is_plain_ascii(bytes: &[u8]) -> bool {
    let odd = |step: &[u8; STEP]| {
        let step = u8x16::new(*step);
        let turned = step ^ u8x16::splat(TURN);
        let other = turned.min(u8x16::splat(QUOTE)).cmp_eq(turned);
        // Of the bytes above 0x7f the highest bit is set.
        step | turned.cmp_eq(u8x16::splat(SLASH)) | other
    };
    let Some(last) = bytes.last_chunk() else {
        let mut padded = [b'a'; STEP];
        padded[..bytes.len()].copy_from_slice(bytes);
        return odd(&padded).move_mask() == 0;
    };
    let steps = bytes.as_chunks::<STEP>().0.iter();
    steps.fold(odd(last), |all, step| all | odd(step)).move_mask() == 0
}

/// Returns whether no byte is above 0x7f.
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else { return bytes.is_ascii() };
    let steps = bytes.as_chunks::<STEP>().0.iter();
    steps.fold(u8x16::new(*last), |all, step| all | u8x16::new(*step)).move_mask() == 0
}

/// True means that no string that is written as `raw`, with or without escapes, has the text `text`. False
/// proves nothing.
pub(crate) fn differ(raw: &[u8], text: &[u8]) -> bool {
    // No character is written in fewer bytes than it has.
    if raw.len() < text.len() {
        return true;
    }
    let Some(last_at) = text.len().checked_sub(STEP) else {
        let same = raw.iter().zip(text).take_while(|(raw, text)| raw == text && **raw != b'\\').count();
        return raw.get(same) != Some(&b'\\') && (same < text.len() || same < raw.len());
    };
    let mut at = 0;
    loop {
        let (Some(a), Some(b)) = (raw[at..].first_chunk(), text[at..].first_chunk()) else { return false };
        let a = u8x16::new(*a);
        let other = !a.cmp_eq(u8x16::new(*b)).move_mask().cast_unsigned() & 0xffff;
        let slash = a.cmp_eq(u8x16::splat(b'\\')).move_mask().cast_unsigned() & 0xffff;
        if other | slash != 0 {
            // Before the first escape both contain the characters themselves.
            return other.trailing_zeros() < slash.trailing_zeros();
        }
        if at == last_at {
            return raw.len() > text.len();
        }
        at = (at + STEP).min(last_at);
    }
}

/// Compares bytes of which some must have a given value and the others can be anything but special bytes.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    len: usize,
    whole: Box<[Step]>,
    /// The last step. It ends where the pattern ends, so it can overlap the step before it. If the pattern is
    /// shorter than a step, this step begins where the pattern begins, and `counts` selects the bytes that
    /// belong to the pattern.
    last: Step,
    last_at: usize,
    counts: u8x16,
}

/// One step of a pattern. After the bits of `turn` were flipped, a byte is right if it is not below `least`
/// and is not [`SLASH`].
#[derive(Debug, Clone, Copy)]
struct Step {
    turn: u8x16,
    least: u8x16,
}

impl Step {
    /// Creates a step of at most sixteen bytes; `None` marks a byte that can be anything but special.
    fn new(bytes: &[Option<u8>]) -> Self {
        let (mut turn, mut least) = ([0; STEP], [0; STEP]);
        for ((byte, turn), least) in bytes.iter().zip(&mut turn).zip(&mut least) {
            // Only the byte itself becomes 0xff, the one value that is not below 0xff.
            (*turn, *least) = byte.map_or((TURN, QUOTE + 1), |byte| (!byte, u8::MAX));
        }
        Self { turn: u8x16::new(turn), least: u8x16::new(least) }
    }

    /// Returns bits other than zero at the bytes where the text is wrong.
    #[inline(always)]
    fn wrong(&self, text: &[u8; STEP]) -> u8x16 {
        let turned = u8x16::new(*text) ^ self.turn;
        self.least.saturating_sub(turned) | turned.cmp_eq(u8x16::splat(SLASH))
    }
}

impl Pattern {
    /// Creates a pattern; `None` marks a byte that can be anything but special.
    pub(super) fn new(bytes: &[Option<u8>]) -> Self {
        let last_at = bytes.len().saturating_sub(STEP);
        let mut counts = [0; STEP];
        counts.iter_mut().take(bytes.len()).for_each(|byte| *byte = 0xff);
        Self {
            len: bytes.len(),
            whole: bytes[..last_at.next_multiple_of(STEP)].chunks(STEP).map(Step::new).collect(),
            last: Step::new(&bytes[last_at..]),
            last_at,
            counts: u8x16::new(counts),
        }
    }

    /// Returns the memory for the steps of this many bytes, in addition to the patterns themselves, in bytes.
    pub(super) fn size(bytes: usize) -> usize {
        bytes.div_ceil(STEP) * size_of::<Step>()
    }

    /// Returns the number of bytes in the pattern.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the text begins with bytes that the pattern allows.
    #[inline(always)]
    pub(super) fn begins(&self, text: &[u8]) -> bool {
        let last = text.get(self.last_at..).and_then(|rest| rest.first_chunk());
        let Some(last) = last else { return self.begins_short(text) };
        let mut wrong = self.last.wrong(last) & self.counts;
        for (step, bytes) in self.whole.iter().zip(text.as_chunks::<STEP>().0) {
            wrong |= step.wrong(bytes);
        }
        wrong.cmp_eq(u8x16::splat(0)).move_mask() == 0xffff
    }

    /// Does the same for a text with fewer bytes than a step after `last_at`.
    #[inline(never)]
    fn begins_short(&self, text: &[u8]) -> bool {
        let mut bytes = [0; STEP];
        if self.len > text.len() || text.len() >= STEP {
            return false;
        }
        bytes[..text.len()].copy_from_slice(text);
        (self.last.wrong(&bytes) & self.counts).cmp_eq(u8x16::splat(0)).move_mask() == 0xffff
    }
}

#[cfg(test)]
mod tests;
