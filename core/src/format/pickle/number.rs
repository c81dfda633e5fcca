//! Numbers as a pickle has them, and as Python's JSON writes them.

use std::io::Write as _;

/// Returns the unsigned number that at most eight bytes mean, the lowest first.
#[inline]
pub(super) fn number_of(digits: &[u8]) -> u64 {
    digits.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
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

/// Returns the number that at most eight bytes in two's complement mean, the lowest first.
pub(super) fn signed(digits: &[u8]) -> i64 {
    let sign = if digits.last().is_some_and(|last| last & 0x80 != 0) { -1 } else { 0 };
    digits.iter().rev().fold(sign, |sum: i64, byte| sum << 8 | i64::from(*byte))
}
