//! Base64 as Python's `b64decode` reads it without validation.
//!
//! kombu decodes bodies with it (`Base64.decode` in kombu/transport/virtual/base.py, 5.7.0), and a worker
//! runs whatever the result is. Its rules are those of `binascii.a2b_base64` in non-strict mode
//! (Modules/binascii.c, CPython 3.11):
//!
//! - Characters outside the alphabet (line breaks, `-`, `_`, anything that is not ASCII) are skipped.
//! - Padding ends the data if it completes a group of four: two `=` after two characters, one after three.
//!   Everything after that is ignored. The `=` need not be adjacent: only a character of the alphabet between
//!   them makes the count start again. Padding anywhere else is skipped.
//! - Bits that no byte uses are ignored.
//! - Data that ends in the middle of a group is an error.

use crate::json::{Shape, decode, inner};

const PAD: u8 = b'=';
/// The entry in [`VALUES`] of a character that is not in the alphabet.
const NONE: u8 = 64;

/// The six bits that each character stands for.
const VALUES: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < alphabet.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 64 of them")]
        let value = at as u8;
        values[alphabet[at] as usize] = value;
        at += 1;
    }
    values
};

/// Replaces `body` by the decoded raw JSON string. Returns false if Python refuses the string or the value is
/// not a string; the content of `body` then has no meaning.
pub(super) fn decode_skipping(raw: &[u8], body: &mut Vec<u8>, scratch: &mut Vec<u8>) -> bool {
    body.clear();
    if Shape::of(raw) != Shape::Text {
        return false;
    }
    let text = inner(raw);
    // Without an escape the bytes are the characters. kombu replaces bytes that are not UTF-8 by a character
    // that is skipped.
    let text = if memchr::memchr(b'\\', text).is_none() { Some(text) } else { decode(text, scratch) };
    text.is_some_and(|text| python(text, body))
}

/// Decodes the text like `binascii.a2b_base64`; see the module's documentation.
fn python(text: &[u8], out: &mut Vec<u8>) -> bool {
    // The number of characters in the group of four that has begun, the padding after them, and the unused
    // bits of the last one.
    let (mut in_group, mut pads, mut left) = (0_u8, 0_u8, 0_u8);
    out.reserve(text.len() / 4 * 3 + 3);
    for &byte in text {
        if byte == PAD {
            if in_group >= 2 {
                pads += 1;
                if in_group + pads >= 4 {
                    return true;
                }
            }
            continue;
        }
        let value = VALUES[usize::from(byte)];
        if value == NONE {
            continue;
        }
        pads = 0;
        match in_group {
            0 => {}
            1 => out.push(left << 2 | value >> 4),
            2 => out.push(left << 4 | value >> 2),
            _ => out.push(left << 6 | value),
        }
        left = value;
        in_group = (in_group + 1) % 4;
    }
    in_group == 0
}

#[cfg(test)]
mod tests;
