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
    nearest_digits(number, &mut json[start..]);
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

/// Replaces the digits of a number by those that are nearest to it, and by even ones where two are equally near, as Python
/// chooses (`_Py_dg_dtoa` of Python 3, mode 0). Rust's are as few, and others where two are equally near.
fn nearest_digits(number: f64, text: &mut [u8]) {
    /// With fewer digits the next number is too far away for two texts that are equally near.
    const DIGITS_MIN: usize = 15;
    let end = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
    let is_significant = |byte: &u8| (b'1'..=b'9').contains(byte);
    let (Some(first), Some(last)) =
        (text[..end].iter().position(is_significant), text[..end].iter().rposition(is_significant))
    else {
        return;
    };
    let digits = text[first..=last].iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits < DIGITS_MIN {
        return;
    }
    let nearest = format!("{:.*e}", digits - 1, number.abs());
    let nearest = nearest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit);
    let places = text[first..=last].iter_mut().filter(|byte| byte.is_ascii_digit());
    places.zip(nearest).for_each(|(place, digit)| *place = digit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_two_texts_that_are_equally_near_a_float_the_even_one_is_written() {
        for (number, text) in [
            // They are ...309.25 and ...309.75.
            (906_764_460_309_309.3, "906764460309309.2"),
            (-906_764_460_309_309.8, "-906764460309309.8"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (0.000_123_456_789_012_345_67, "0.00012345678901234567"),
        ] {
            let mut json = Vec::new();
            float(number, &mut json);
            assert_eq!(String::from_utf8_lossy(&json), text);
        }
    }

    proptest! {
        #[test]
        fn a_float_is_read_as_it_was_written(number in any::<f64>().prop_filter("a number", |n| n.is_finite())) {
            let mut json = Vec::new();
            float(number, &mut json);
            let text = String::from_utf8(json).expect("ASCII");
            prop_assert_eq!(text.parse::<f64>().ok(), Some(number), "{}", text);
        }

        #[test]
        fn a_string_is_read_as_it_was_written(text in "([a-zé\"\\\\\\x00-\\x1f]|[ -~]{0,40}){0,60}") {
            let mut json = b"before".to_vec();
            string(text.as_bytes(), &mut json);
            let read: String = serde_json::from_slice(&json[b"before".len()..]).expect("a string");
            prop_assert_eq!(read, text);
        }
    }
}
