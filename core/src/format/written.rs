//! Writes strings and numbers as JSON text.

use std::io::Write as _;

use crate::json::special_at;

/// Returns the two hexadecimal digits of a byte.
pub(super) fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]
}

/// Writes a string of UTF-8.
pub(super) fn string(text: &[u8], json: &mut Vec<u8>) {
    json.push(b'"');
    escape(text, json);
    json.push(b'"');
}

/// Writes the characters of a string as they stand between its quotes. From the first one on that is escaped, it goes
/// from byte to byte: searching again after each would read a text of many of them several times.
pub(super) fn escape(text: &[u8], json: &mut Vec<u8>) {
    let Some(first) = special_at(text) else { return json.extend_from_slice(text) };
    let mut written = 0;
    for (at, &byte) in text.iter().enumerate().skip(first) {
        if !matches!(byte, b'"' | b'\\' | 0..=0x1f) {
            continue;
        }
        json.extend_from_slice(&text[written..at]);
        written = at + 1;
        match byte {
            b'"' | b'\\' => json.extend([b'\\', byte]),
            _ => {
                json.extend_from_slice(b"\\u00");
                json.extend(hex(byte));
            }
        }
    }
    json.extend_from_slice(&text[written..]);
}

/// Returns whether a text is an integer as JSON writes it.
pub(super) fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) && !matches!(digits, [] | [b'0', _, ..])
}

/// Writes a number in decimal.
pub(super) fn integer(number: i64, json: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    if number < 0 {
        json.push(b'-');
    }
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return json.extend_from_slice(&digits[at..]);
        }
    }
}

/// Writes a float as Python's `repr` does, which JSON of Python uses.
pub(super) fn float(number: f64, json: &mut Vec<u8>) {
    match number {
        _ if number.is_nan() => return json.extend_from_slice(b"NaN"),
        f64::INFINITY => return json.extend_from_slice(b"Infinity"),
        f64::NEG_INFINITY => return json.extend_from_slice(b"-Infinity"),
        _ => {}
    }
    let start = json.len();
    // Both write the shortest digits that mean this number, and use an exponent for the same numbers.
    // Writing to memory does not fail.
    drop(write!(json, "{number:?}"));
    let Some(mark) = json[start..].iter().position(|byte| *byte == b'e') else { return };
    // An exponent has a sign and at least two digits in Python.
    let exponent = json.split_off(start + mark + 1);
    let (sign, digits) = match exponent.split_first() {
        Some((b'-', digits)) => (b'-', digits),
        _ => (b'+', &exponent[..]),
    };
    json.push(sign);
    if digits.len() < 2 {
        json.push(b'0');
    }
    json.extend_from_slice(digits);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_string_is_read_as_it_was_written(text in "([a-zé\"\\\\\\x00-\\x1f]|[ -~]{0,40}){0,60}") {
            let mut json = b"before".to_vec();
            string(text.as_bytes(), &mut json);
            let read: String = serde_json::from_slice(&json[b"before".len()..]).expect("a string");
            prop_assert_eq!(read, text);
        }
    }
}
