//! Cuts long texts before they are stored or repeated. The beginning of the text is kept, together with a
//! digest of the whole text that identifies it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The beginning of the mark of a cut text. The mark precedes the text. No canonical filter begins with it,
/// so a user who pastes a cut filter into a command gets an error, and never a filter with fewer conditions
/// that matches more.
const MARK: &[u8] = b"[first ";

/// Returns the text unchanged if it has at most `max` bytes. Otherwise returns its first `max` bytes after a
/// mark: `[first 4096 of 524288 bytes, SHA-256 <64 hexadecimal digits>] TASK a ...`. A text that is cut
/// already keeps its mark, which describes the whole text, except for the number of bytes that are left.
#[must_use]
pub fn excerpt(text: &[u8], max: usize) -> Vec<u8> {
    if let Some((of_whole, left)) = cut_before(text) {
        if left.len() <= max {
            return text.to_vec();
        }
        return [&marked(max, of_whole), &left[..max]].concat();
    }
    if text.len() <= max {
        return text.to_vec();
    }
    let mut of_whole = format!(" of {} bytes, SHA-256 ", text.len());
    for byte in Sha256::digest(text) {
        // Writing to a String cannot fail.
        let _ = write!(of_whole, "{byte:02x}");
    }
    of_whole.push_str("] ");
    [&marked(max, of_whole.as_bytes()), &text[..max]].concat()
}

/// Returns the mark of a text that was cut to `kept` bytes.
fn marked(kept: usize, of_whole: &[u8]) -> Vec<u8> {
    [MARK, kept.to_string().as_bytes(), of_whole].concat()
}

/// Returns what a mark says about the whole text, and what is left of the text after the mark.
fn cut_before(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = text.strip_prefix(MARK)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let of_whole = &rest[digits..];
    let end = of_whole.windows(2).take(128).position(|pair| pair == b"] ")? + 2;
    of_whole.starts_with(b" of ").then(|| of_whole.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use crate::filter::FilterBuilder;

    #[test]
    fn a_short_text_stays_as_it_is() {
        assert_eq!(excerpt(b"TASK a", 6), b"TASK a");
        assert_eq!(excerpt(b"", 0), b"");
    }

    #[test]
    fn a_long_text_says_how_long_it_was_and_which() {
        let text = String::from_utf8(excerpt(b"abcdefgh", 3)).expect("text");
        assert_eq!(
            text,
            "[first 3 of 8 bytes, SHA-256 9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab] abc"
        );
    }

    #[test]
    fn twice_cut_text_keeps_the_first_mark() {
        let whole = "x".repeat(1_000);
        let twice = excerpt(&excerpt(whole.as_bytes(), 100), 10);
        assert_eq!(twice, excerpt(whole.as_bytes(), 10));
        assert_eq!(excerpt(&twice, 10), twice);
        assert_eq!(excerpt(&twice, 100), twice);
    }

    #[test]
    fn cut_filter_is_never_a_valid_filter() {
        let values: Vec<String> = (0..50).map(|n| format!("v{n}")).collect();
        let mut words: Vec<&[u8]> = vec![b"WHERE", b"id", b"IN", b"50"];
        words.extend(values.iter().map(String::as_bytes));
        words.extend([&b"WHERE"[..], b"eta", b"MISSING"]);
        let mut filter = FilterBuilder::default();
        let mut args = Args::new(&words);
        while filter.accept(&mut args, 0).expect("a condition") {}
        let text = filter.finish().expect("a filter").canonical();
        for max in 0..text.len() {
            let cut = excerpt(&text, max);
            let words: Vec<&[u8]> = cut.split(|byte| *byte == b' ').collect();
            assert!(!FilterBuilder::default().accept(&mut Args::new(&words), 0).expect("no condition"));
        }
    }
}
