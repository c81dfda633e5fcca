//! The results for many bytes at once are equal to the results for one byte after another.

use proptest::prelude::*;

use super::*;
use crate::json::decode;

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Bytes that must be told apart at some point, and their neighbours in the order of bytes.
const NEAR: [u8; 19] =
    [0, 1, 2, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x5b, 0x5c, 0x5d, 0x5e, 0x7f, 0x80, 0xa2, 0xdc, 0xff];

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(b'a'), 2 => prop::sample::select(&NEAR[..]), 1 => any::<u8>()]
}

#[test]
fn each_byte_is_special_or_not() {
    for byte in 0..=u8::MAX {
        for at in 0..WORD {
            let mut word = [b'x'; WORD];
            word[at] = byte;
            assert_eq!(special(&word), u64::from(is_special(byte)) << at, "{byte:#x} at {at}");
            assert_eq!(plain(&word), !is_special(byte) && byte != b' ' && byte != b'!', "{byte:#x} at {at}");
        }
        for len in 0..40 {
            let all: Vec<u8> = (0..len).map(|at| if at == len / 2 { byte } else { b'x' }).collect();
            assert_eq!(is_ascii(&all), all.is_ascii(), "{byte:#x} of {len}");
            let plain = all.is_ascii() && !all.iter().any(|byte| is_special(*byte));
            assert_eq!(is_plain_ascii(&all), plain, "{byte:#x} of {len}");
            assert_eq!(special_at(&all), all.iter().position(|byte| is_special(*byte)), "{byte:#x} of {len}");
        }
    }
}

#[test]
fn a_pattern_compares_each_byte_in_each_place() {
    for len in [1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65] {
        for at in 0..len {
            for wanted in
                [None, Some(b'"'), Some(b'\\'), Some(0), Some(0xff), Some(b'a'), Some(0x5e), Some(0xa1)]
            {
                let mut bytes = vec![Some(b'-'); len];
                bytes[at] = wanted;
                let pattern = Pattern::new(&bytes);
                for byte in NEAR.into_iter().chain([b'a', b'-', 0xa1]) {
                    let mut text = vec![b'-'; len];
                    text[at] = byte;
                    let right = wanted.map_or(!is_special(byte), |wanted| wanted == byte);
                    assert_eq!(pattern.begins(&text), right, "{byte:#x} for {wanted:?} at {at} of {len}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_special_bytes_are_found(bytes in prop::collection::vec(byte(), WORD)) {
        let word: [u8; WORD] = bytes.try_into().expect("a word");
        let naive = word.iter().rev().fold(0, |bits: u64, byte| bits << 1 | u64::from(is_special(*byte)));
        prop_assert_eq!(special(&word), naive);
        prop_assert_eq!(plain(&word), naive == 0 && !word.contains(&b' ') && !word.contains(&b'!'));
    }

    #[test]
    fn a_text_begins_as_a_pattern_says_or_not(
        pairs in prop::collection::vec((byte(), any::<bool>()), 0..80),
        change in prop::option::of((any::<prop::sample::Index>(), byte())),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        more in prop::collection::vec(byte(), 0..40),
    ) {
        let pattern: Vec<Option<u8>> = pairs.iter().map(|(byte, free)| (!free).then_some(*byte)).collect();
        let mut text: Vec<u8> = pairs.iter().map(|(byte, _)| *byte).chain(more).collect();
        if let Some((at, byte)) = change
            && !text.is_empty()
        {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len() + 1));
        }
        let right = |(wanted, byte): (&Option<u8>, &u8)| wanted.map_or(!is_special(*byte), |wanted| wanted == *byte);
        let naive = text.len() >= pattern.len() && pattern.iter().zip(&text).all(right);
        prop_assert_eq!(Pattern::new(&pattern).begins(&text), naive);
    }

    #[test]
    fn different_texts_do_not_compare_as_equal(
        text in prop::collection::vec(byte(), 0..40),
        raw in prop::collection::vec(prop_oneof![
            6 => byte().prop_map(|byte| vec![byte]),
            1 => Just(b"\\u0061".to_vec()),
            1 => Just(b"\\n".to_vec()),
        ], 0..40),
        shared in 0..41_usize,
    ) {
        // The texts mostly begin with the same bytes.
        let shared = &text[..shared.min(text.len())];
        let raw: Vec<u8> = shared.iter().copied().chain(raw.concat()).collect();
        for raw in [&raw, &text] {
            let same = decode(raw, &mut Vec::new()).is_some_and(|said| said == text);
            prop_assert!(!(same && differ(raw, &text)));
        }
    }
}

#[test]
fn different_names_differ() {
    let names =
        ["a", "b", "app.tasks.a", "app.tasks.b", "app.tasks.module.Name", "app.tasks.module.Name2", ""];
    for one in names {
        for other in names {
            assert_eq!(differ(one.as_bytes(), other.as_bytes()), one != other, "{one} {other}");
        }
    }
    assert!(!differ(b"app.tasks.module.\\u004eame", b"app.tasks.module.Name"));
    assert!(!differ(b"\\u0061pp", b"app"));
}
