//! UUIDs as 16 bytes, parsed from the two forms in which people and libraries write them.

/// The length of the text with dashes, in bytes.
pub(super) const TEXT: usize = 36;
/// The positions of the dashes in that text.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// The positions of the two digits of each byte in that text.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The entry in [`VALUES`] of a byte that is not a hexadecimal digit.
const NONE: u8 = 0xff;
/// The value of each byte as a hexadecimal digit.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut digit = 0_u8;
    while digit < 16 {
        let text = DIGITS[digit as usize];
        values[text as usize] = digit;
        values[text.to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    values
};

/// Parses 32 hexadecimal digits in any case, without dashes or with all four of them.
pub(super) fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let has_dashes = match text.len() {
        32 => false,
        TEXT if DASHES.iter().all(|at| text[*at] == b'-') => true,
        _ => return None,
    };
    let (mut bytes, mut seen) = ([0; 16], 0);
    for (at, byte) in bytes.iter_mut().enumerate() {
        let from = if has_dashes { PAIRS[at] } else { 2 * at };
        let (high, low) = (VALUES[usize::from(text[from])], VALUES[usize::from(text[from + 1])]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    (seen != NONE).then_some(bytes)
}

/// Returns the text with dashes, in lower case.
pub(super) fn text(uuid: [u8; 16]) -> [u8; TEXT] {
    let mut text = [b'-'; TEXT];
    for (byte, from) in uuid.into_iter().zip(PAIRS) {
        text[from] = DIGITS[usize::from(byte >> 4)];
        text[from + 1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_in_any_case_are_the_same_uuid() {
        let dashed = b"7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11";
        let uuid = parse(dashed).expect("a UUID");
        assert_eq!(&text(uuid), dashed);
        assert_eq!(parse(b"7D0F3C1E3f0b4c539d1c0a5f8f6b2a11"), Some(uuid));
        for other in [
            &b"7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a1"[..],
            b"7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a1g",
            b"7d0f3c1e03f0b04c5309d1c00a5f8f6b2a11",
            b"7d0f3c1e3f0b-4c53-9d1c-0a5f8f6b2a11-",
            b"7d0f3c1e3f0b4c539d1c0a5f8f6b2a1-",
            b"",
        ] {
            assert_eq!(parse(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
