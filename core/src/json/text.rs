//! JSON strings: where they end and which text they contain.

use super::steps::{WORD, is_ascii, plain, special};

/// The *special* bytes of a text: quotes, backslashes and everything below 0x20. The map is made for a whole
/// text at once because that works without branches and 16 bytes at a time; afterwards the end of a string is
/// the next bit that is set.
#[derive(Debug, Clone, Default)]
pub(super) struct Map {
    /// Bit `n` of word `w` is byte `64 * w + n`.
    bits: Vec<u64>,
}

impl Map {
    /// Makes this the map of `text`.
    pub(super) fn draw(&mut self, text: &[u8]) {
        self.bits.clear();
        let (words, rest) = text.as_chunks::<WORD>();
        self.bits.extend(words.iter().map(special));
        if !rest.is_empty() {
            // Spaces are not special.
            let mut word = [b' '; WORD];
            word[..rest.len()].copy_from_slice(rest);
            self.bits.push(special(&word));
        }
    }

    /// Frees memory beyond `keep` words, which texts of usual size do not need.
    pub(super) fn shrink(&mut self, keep: usize) {
        self.bits.shrink_to(keep);
    }

    /// Returns the position of the first special byte at `at` or after it.
    pub(super) fn next(&self, at: usize) -> Option<usize> {
        let mut word = at / WORD;
        let mut found = self.bits.get(word)? >> (at % WORD) << (at % WORD);
        while found == 0 {
            word += 1;
            found = *self.bits.get(word)?;
        }
        Some(word * WORD + found.trailing_zeros() as usize)
    }
}

/// Returns the position of the closing quote of the string whose first byte is at `at`, and whether there are
/// escapes before that quote. Returns `None` if the string does not end, contains a raw control character or
/// contains an escape that JSON does not have. `map` must be the map of `text`.
#[inline(always)]
pub(super) fn end(text: &[u8], map: &Map, at: usize) -> Option<(usize, bool)> {
    let found = map.next(at)?;
    if text[found] == b'"' { Some((found, false)) } else { Some((end_after_escape(text, map, found)?, true)) }
}

/// Returns the end of a string that has a special byte other than a quote at `at`.
#[cold]
#[inline(never)]
fn end_after_escape(text: &[u8], map: &Map, mut at: usize) -> Option<usize> {
    loop {
        match text[at] {
            b'"' => return Some(at),
            b'\\' => at = map.next(escape_end(text, at)?)?,
            _ => return None,
        }
    }
}

/// Returns the position after the escape whose backslash is at `at`.
fn escape_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => hex4(text, at + 2).map(|_| at + 6),
        _ => None,
    }
}

/// The number of bytes of a long string that are compared without a branch.
pub(super) const LONG: usize = 128;

/// Finds the same end as [`end`] without a map, for single strings in a text.
#[inline(always)]
pub(super) fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk()) else {
        return string_end_by_words(text, at);
    };
    let found = special(word);
    if found == 0 {
        return string_end_by_words(text, at + WORD);
    }
    let first = found.trailing_zeros() as usize;
    if word[first % WORD] == b'"' { Some(at + first) } else { string_end_by_words(text, at + first) }
}

/// Does the same for strings that are mostly longer than [`LONG`].
pub(super) fn long_string_end(text: &[u8], mut at: usize) -> Option<usize> {
    while let Some(long) = text.get(at..).and_then(|rest| rest.first_chunk::<LONG>())
        && plain(long)
    {
        at += LONG;
    }
    string_end_by_words(text, at)
}

/// Does the same for a string that is longer than a word, has an escape or is near the end of the text.
#[inline(never)]
fn string_end_by_words(text: &[u8], mut at: usize) -> Option<usize> {
    let mut found = special_from(text, at)?;
    while found == 0 {
        at += WORD;
        found = special_from(text, at)?;
    }
    at += found.trailing_zeros() as usize;
    if text.get(at) == Some(&b'"') { Some(at) } else { string_end_after_escape(text, at) }
}

/// Returns whether the value is a string without special bytes.
pub(super) fn is_plain(raw: &[u8]) -> bool {
    raw.first() == Some(&b'"') && string_end(raw, 1) == Some(raw.len() - 1) && !raw.contains(&b'\\')
}

/// Returns the end of a string that has a special byte other than a quote at `at`.
#[cold]
#[inline(never)]
fn string_end_after_escape(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at = escape_end(text, at)?,
            ..0x20 => return None,
            _ => match special_from(text, at)? {
                0 => at += WORD,
                found => at += found.trailing_zeros() as usize,
            },
        }
    }
}

/// Returns the special bytes in the word that starts at `at`. No bit is set for a position after the end of
/// the text. Returns `None` if the text has no byte at `at`.
#[inline(always)]
fn special_from(text: &[u8], at: usize) -> Option<u64> {
    if at >= text.len() {
        return None;
    }
    // Near the end of the text these are the last bits of its last word.
    let start = at.min(text.len().wrapping_sub(WORD));
    match text.get(start..).and_then(|rest| rest.first_chunk()) {
        Some(word) => Some(special(word) >> (at - start)),
        None => Some(special_of_few(&text[at..])),
    }
}

/// Returns the special bytes of less than a word.
#[cold]
#[inline(never)]
fn special_of_few(few: &[u8]) -> u64 {
    // Spaces are not special.
    let mut word = [b' '; WORD];
    word[..few.len()].copy_from_slice(few);
    special(&word)
}

fn hex4(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..at + 4)?.iter().try_fold(0, |code, &digit| Some(code * 16 + char::from(digit).to_digit(16)?))
}

/// Returns the text of a string, given the bytes between its quotes (in a valid text). The result is borrowed
/// if the string has no escapes and is otherwise written to `scratch`. Returns `None` if the string is not a
/// sequence of characters: if it contains a lone surrogate or bytes that are not UTF-8.
pub(crate) fn decode<'a>(raw: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    if memchr::memchr(b'\\', raw).is_none() {
        return utf8(raw);
    }
    scratch.clear();
    if unescape(raw, scratch, false) { utf8(scratch) } else { None }
}

fn utf8(bytes: &[u8]) -> Option<&[u8]> {
    (is_ascii(bytes) || std::str::from_utf8(bytes).is_ok()).then_some(bytes)
}

/// Returns the text of a string with U+FFFD in the place of everything that is not a character, cut to `max`
/// bytes at a character boundary.
pub(crate) fn decode_lossy(raw: &[u8], max: usize) -> String {
    // JSON uses at most six bytes for one byte of UTF-8, so anything after this position would be cut in any
    // case.
    let raw = &raw[..raw.len().min(max.saturating_mul(6).saturating_add(12))];
    let mut bytes = Vec::new();
    unescape(raw, &mut bytes, true);
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    cut(&mut text, max);
    text
}

/// Cuts `text` to at most `max` bytes at a character boundary.
pub(crate) fn cut(text: &mut String, max: usize) {
    let end = (0..=max.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    text.truncate(end.unwrap_or(0));
}

/// Appends the decoded `raw` to `out`. A lone surrogate becomes U+FFFD if `lossy` is true; otherwise the
/// function stops there and returns false.
fn unescape(raw: &[u8], out: &mut Vec<u8>, lossy: bool) -> bool {
    let mut at = 0;
    while let Some(slash) = memchr::memchr(b'\\', &raw[at..]) {
        out.extend_from_slice(&raw[at..at + slash]);
        at += slash;
        let plain = match raw.get(at + 1) {
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let (code, length) = unicode(raw, at);
                let Some(code) = code.or(lossy.then_some('\u{fffd}')) else { return false };
                out.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
                at = (at + length).min(raw.len());
                continue;
            }
            Some(&other) => other,
            // This happens only if the caller cut the text inside an escape.
            None => return true,
        };
        out.push(plain);
        at += 2;
    }
    out.extend_from_slice(&raw[at..]);
    true
}

/// Returns the character of a `\u` escape, if it is a character, and the number of bytes of the escape.
fn unicode(raw: &[u8], at: usize) -> (Option<char>, usize) {
    let Some(high) = hex4(raw, at + 2) else { return (None, 6) };
    if !(0xd800..0xdc00).contains(&high) {
        return (char::from_u32(high), 6);
    }
    let pair = raw.get(at + 6..at + 8) == Some(b"\\u");
    match hex4(raw, at + 8).filter(|low| pair && (0xdc00..0xe000).contains(low)) {
        Some(low) => (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12),
        None => (None, 6),
    }
}
