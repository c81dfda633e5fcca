//! Texts as Python encodes them.

/// A part of a text with lone surrogates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'t> {
    Text(&'t str),
    Surrogate(u32),
}

/// Takes a text apart as Python's `surrogatepass` does. An item is `None` where the text is neither UTF-8
/// nor a surrogate; nothing follows it.
pub(super) fn characters(mut text: &[u8]) -> impl Iterator<Item = Option<Part<'_>>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let whole = match std::str::from_utf8(text) {
            Ok(whole) => whole.len(),
            Err(error) => error.valid_up_to(),
        };
        if whole > 0 {
            let (valid, rest) = text.split_at(whole);
            text = rest;
            return Some(std::str::from_utf8(valid).ok().map(Part::Text));
        }
        match text {
            [0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf, rest @ ..] => {
                text = rest;
                Some(Some(Part::Surrogate(0xd000 | u32::from(high & 0x3f) << 6 | u32::from(low & 0x3f))))
            }
            _ => {
                text = &[];
                Some(None)
            }
        }
    })
}

/// Returns the bytes that Latin-1 has for the characters of a text in UTF-8; `None` if it lacks one.
pub(super) fn latin(text: &[u8]) -> Option<Vec<u8>> {
    std::str::from_utf8(text).ok()?.chars().map(|char| u8::try_from(char).ok()).collect()
}
