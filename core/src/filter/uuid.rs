//! UUIDs as 16 bytes, from the two forms in which people and libraries write them.

/// Bytes of the text with dashes.
pub(super) const TEXT: usize = 36;
/// Where the dashes stand in it.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// Reads 32 hexadecimal digits in any case, without dashes or with all four of them.
pub(super) fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut at = 0;
    let mut digit = |position: usize| {
        let value = char::from(text[position]).to_digit(16)?;
        let byte: &mut u8 = bytes.get_mut(at / 2)?;
        *byte = *byte << 4 | u8::try_from(value).ok()?;
        at += 1;
        Some(())
    };
    match text.len() {
        32 => (0..32).try_for_each(&mut digit)?,
        TEXT => (0..TEXT).try_for_each(|position| {
            if DASHES.contains(&position) { (text[position] == b'-').then_some(()) } else { digit(position) }
        })?,
        _ => return None,
    }
    Some(bytes)
}

/// The text with dashes, in lower case.
pub(super) fn text(uuid: [u8; 16]) -> [u8; TEXT] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; TEXT];
    let mut positions = (0..TEXT).filter(|position| !DASHES.contains(position));
    for byte in uuid {
        for digit in [byte >> 4, byte & 15] {
            if let Some(position) = positions.next() {
                text[position] = DIGITS[usize::from(digit)];
            }
        }
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
