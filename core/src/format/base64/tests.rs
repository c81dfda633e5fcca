use ::base64::Engine as _;
use proptest::prelude::*;

use super::*;

/// Texts with the bytes that Python decoded from them, as digits or null (tests/python/record_base64.py).
const RECORDED: &str = include_str!("recorded.jsonl");

fn read(text: &str) -> Option<Vec<u8>> {
    let raw = serde_json::to_string(text).expect("a string");
    let mut body = b"left over".to_vec();
    decode_skipping(raw.as_bytes(), &mut body, &mut Vec::new()).then_some(body)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn every_recorded_text_is_decoded_or_refused_as_python_does() {
    let (mut decoded, mut refused, mut skipping) = (0, 0, 0);
    for line in RECORDED.lines() {
        let (text, wanted): (String, Option<String>) = serde_json::from_str(line).expect("a recorded line");
        assert_eq!(read(&text).map(|bytes| hex(&bytes)), wanted, "{text:?}");
        decoded += usize::from(wanted.is_some());
        refused += usize::from(wanted.is_none());
        // The fast decoder and Python return the same bytes.
        match base64_simd::STANDARD.decode_to_vec(text.as_bytes()) {
            Ok(fast) => assert_eq!(Some(hex(&fast)), wanted, "{text:?}"),
            Err(_) => skipping += usize::from(wanted.is_some()),
        }
    }
    assert!(decoded > 1_000 && refused > 1_000 && skipping > 1_000, "{decoded} {refused} {skipping}");
}

#[test]
fn only_strings_are_decoded_and_other_characters_are_skipped() {
    for raw in ["null", "7", "[\"QUJD\"]", r#""QUJD\ud800""#] {
        assert!(!decode_skipping(raw.as_bytes(), &mut Vec::new(), &mut Vec::new()), "{raw}");
    }
    let mut body = Vec::new();
    assert!(decode_skipping(b"\"QU\xff\xc3JD\"", &mut body, &mut Vec::new()));
    assert_eq!(body, b"ABC");
}

proptest! {
    #[test]
    fn line_breaks_and_other_characters_change_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        junk in prop::collection::vec((any::<prop::sample::Index>(), "[-_ \r\n\u{e9}!]{1,3}"), 0..6),
    ) {
        let mut text = ::base64::engine::general_purpose::STANDARD.encode(&bytes);
        for (at, junk) in junk {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            text.insert_str(places[at.index(places.len())], &junk);
        }
        prop_assert_eq!(read(&text), Some(bytes));
    }
}
