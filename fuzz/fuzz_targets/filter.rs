//! The grammar of filters: what is accepted has a canonical text that reads back as the same filter, whatever
//! the order of its terms.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qadmin_core::filter::{FILTER_MAX, Matcher};
use qadmin_fuzz::{check_error, filter, words};

/// The words of a canonical text: plain ones between blanks, others between quotes with escapes.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let mut word = Vec::new();
        if let [b'"', after @ ..] = rest {
            rest = after;
            loop {
                rest = match rest {
                    [b'"', after @ ..] => break rest = after,
                    [b'\\', b'x', high, low, after @ ..] => {
                        let digit = |b: u8| char::from(b).to_digit(16).expect("a hexadecimal digit");
                        word.push(u8::try_from(digit(*high) * 16 + digit(*low)).expect("a byte"));
                        after
                    }
                    [b'\\', byte @ (b'"' | b'\\'), after @ ..] => {
                        word.push(*byte);
                        after
                    }
                    [byte @ 0x20..=0x7e, after @ ..] if *byte != b'\\' => {
                        word.push(*byte);
                        after
                    }
                    _ => panic!("a quoted word that does not end well"),
                };
            }
        } else {
            let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(word);
        if let [blank, after @ ..] = rest {
            assert_eq!(*blank, b' ');
            assert!(!after.is_empty(), "a blank at the end");
            rest = after;
        }
    }
    words
}

fuzz_target!(|data: &[u8]| {
    let words = words(data);
    let first = match filter(&words) {
        Ok(filter) => filter,
        Err(error) => return check_error(&error),
    };
    let text = first.canonical();
    assert!(text.len() <= FILTER_MAX && text.iter().all(|b| (0x20..0x7f).contains(b)));
    let again = split(&text);
    let again: Vec<&[u8]> = again.iter().map(Vec::as_slice).collect();
    let second = filter(&again).unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(&text)));
    assert_eq!(first, second, "{}", String::from_utf8_lossy(&text));
    assert_eq!(text, second.canonical());
    Matcher::new(&first).examine(b"{\"headers\": {\"task\": \"a\"}, \"body\": \"W10=\"}");
});
