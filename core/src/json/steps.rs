//! Sixteen bytes at a time: what every processor has that this runs on, so nothing is asked at run time.
//!
//! *Special* are quotes, backslashes and everything below 0x20: what a string cannot hold, or not as it stands.

use wide::u8x16;

/// Bytes in one step.
const STEP: usize = 16;
/// Bytes in one word: as many as a number has bits.
pub(super) const WORD: usize = 64;

/// With this bit turned the quote (0x22) is 0x20, the space and `!` are above it, and what is below 0x20 stays there.
const TURN: u8 = 2;
/// The largest of quotes and control characters, turned.
const QUOTE: u8 = b'"' ^ TURN;
/// The backslash, turned.
const SLASH: u8 = b'\\' ^ TURN;

/// The special bytes of a word: bit `n` is byte `n`.
#[inline(always)]
pub(super) fn special(word: &[u8; WORD]) -> u64 {
    let mut bits = 0;
    for (n, step) in word.as_chunks::<STEP>().0.iter().enumerate() {
        let step = u8x16::new(*step) ^ u8x16::splat(TURN);
        let slash = step.cmp_eq(u8x16::splat(SLASH));
        // The smaller of a byte and the quote is the byte itself just for quotes and control characters.
        let other = step.min(u8x16::splat(QUOTE)).cmp_eq(step);
        let mask = (slash | other).move_mask();
        bits |= u64::from(mask.cast_unsigned() & 0xffff) << (n * STEP);
    }
    bits
}

/// There is no special byte among these, nor a space or `!`, which makes it cheaper to tell. False says nothing.
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

/// No byte is above 0x7f.
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else { return bytes.is_ascii() };
    let steps = bytes.as_chunks::<STEP>().0.iter();
    steps.fold(u8x16::new(*last), |all, step| all | u8x16::new(*step)).move_mask() == 0
}

/// No string that is written as `raw`, perhaps with escapes, says `text`. False says nothing.
pub(crate) fn differ(raw: &[u8], text: &[u8]) -> bool {
    // No character is written shorter than it is.
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
            // Before an escape both are characters as they stand.
            return other.trailing_zeros() < slash.trailing_zeros();
        }
        if at == last_at {
            return raw.len() > text.len();
        }
        at = (at + STEP).min(last_at);
    }
}

/// Bytes each of which must be a certain one, or may be any but a special one.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    len: usize,
    whole: Box<[Step]>,
    /// The last step: it ends with the bytes, so that it may have some in common with the one before. Where there
    /// are less bytes than a step has it begins with them, and `counts` are those of its bytes that count.
    last: Step,
    last_at: usize,
    counts: u8x16,
}

/// One step of a pattern. With the bits of `turn` turned, a byte is right if it is not below `least` and is no
/// [`SLASH`].
#[derive(Debug, Clone, Copy)]
struct Step {
    turn: u8x16,
    least: u8x16,
}

impl Step {
    /// Of no more than sixteen bytes; nothing stands for those that may be any.
    fn new(bytes: &[Option<u8>]) -> Self {
        let (mut turn, mut least) = ([0; STEP], [0; STEP]);
        for ((byte, turn), least) in bytes.iter().zip(&mut turn).zip(&mut least) {
            // The byte itself, and no other, becomes 0xff: the only one that is not below that.
            (*turn, *least) = byte.map_or((TURN, QUOTE + 1), |byte| (!byte, u8::MAX));
        }
        Self { turn: u8x16::new(turn), least: u8x16::new(least) }
    }

    /// Where the text is wrong it has other bits than zeros.
    #[inline(always)]
    fn wrong(&self, text: &[u8; STEP]) -> u8x16 {
        let turned = u8x16::new(*text) ^ self.turn;
        self.least.saturating_sub(turned) | turned.cmp_eq(u8x16::splat(SLASH))
    }
}

impl Pattern {
    /// Nothing stands for bytes that may be any but special ones.
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

    /// How many bytes it is for.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The text begins with bytes as they must be.
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

    /// The same of a text with less bytes than a step behind `last_at`.
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
