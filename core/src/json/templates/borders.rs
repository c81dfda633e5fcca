//! Texts that nearly have a known layout: the bytes that make the difference are put at each position in
//! turn.

use super::*;
use crate::json::{Paths, Scanner, Segment};

/// Lengths of strings: close to the lengths of steps, of words and of the part of a long string that is
/// compared at once.
const LENGTHS: [usize; 18] = [0, 1, 13, 14, 15, 16, 17, 31, 32, 33, 62, 63, 64, 65, 127, 128, 129, 200];

/// The bytes that are put into strings.
const PIECES: [&[u8]; 12] =
    [b"\"", b"\\", b"\\\"", b"\\u00e9", b"\\u00g9", b"\\x", b"\0", b"\x1f", b"\n", b"\xff", b" !", b"\x7f"];

/// Templates that know the layout of some texts, and the scanner that checks their answers.
struct Known {
    paths: Paths,
    templates: Templates,
    scanner: Scanner,
    scanned: Vec<Option<Span>>,
}

impl Known {
    fn of(texts: &[Vec<u8>]) -> Self {
        let (paths, _) = Paths::new(["a", "b", "c"].map(|name| vec![Segment::key(name)]).iter());
        let scanned = vec![None; paths.slots()];
        let mut known = Self { paths, templates: Templates::default(), scanner: Scanner::default(), scanned };
        for text in texts {
            assert!(known.scanner.scan(text, &known.paths, &mut known.scanned));
            known.templates.learn(text, &known.scanned);
        }
        known
    }

    /// Returns whether the text fits. If it fits, a scan must give the same result.
    fn fits(&mut self, text: &[u8]) -> bool {
        let valid = self.scanner.scan(text, &self.paths, &mut self.scanned);
        let fits = self.templates.fit(text, 0);
        if fits {
            let said = || String::from_utf8_lossy(text);
            assert!(valid, "{}", said());
            let fitted: Vec<_> = (0..self.paths.slots()).map(|slot| self.templates.place(slot)).collect();
            assert_eq!(fitted, self.scanned, "{}", said());
        }
        fits
    }
}

fn text(string: &[u8], rest: &str) -> Vec<u8> {
    [b"{\"a\": 1, \"b\": \"", string, b"\", \"c\": 2", rest.as_bytes(), b"}"].concat()
}

/// Returns the string with the piece inserted at `at` or, with `instead`, in the place of the same number of
/// bytes.
fn with(string: &[u8], at: usize, piece: &[u8], instead: bool) -> Vec<u8> {
    let mut string = string.to_vec();
    let end = if instead { (at + piece.len()).min(string.len()) } else { at };
    string.splice(at..end, piece.iter().copied());
    string
}

#[test]
fn strings_of_one_length_are_read_correctly() {
    for length in LENGTHS {
        let mut known = Known::of(&[text(&vec![b'x'; length], ""), text(&vec![b'y'; length], "")]);
        let string = vec![b'z'; length];
        assert!(known.fits(&text(&string, "")) || length == 0);
        assert!(!known.fits(&text(&[&string[..], b"z"].concat(), "")));
        for at in 0..length {
            for piece in PIECES {
                let special = piece.iter().any(|byte| *byte < 0x20 || b"\"\\".contains(byte));
                let other = with(&string, at, piece, true);
                let fits = known.fits(&text(&other, ""));
                assert_eq!(fits, !special && other.len() == length, "{length} {at} {piece:?}");
                assert!(!known.fits(&text(&with(&string, at, piece, false), "")), "{length} {at} {piece:?}");
            }
        }
    }
}

#[test]
fn open_strings_are_read_correctly() {
    // The text ends soon after the string or much later; the string that was learned is short or long.
    let more = format!(", \"d\": \"{}\"", "m".repeat(200));
    for rest in ["", &more] {
        for first in [3, 300] {
            let mut known = Known::of(&[text(&vec![b'x'; first], rest), text(b"yy", rest)]);
            for length in LENGTHS {
                let string = vec![b'z'; length];
                assert!(known.fits(&text(&string, rest)), "{length}");
                for at in 0..=length {
                    for piece in PIECES {
                        let other = text(&with(&string, at, piece, at % 2 == 0), rest);
                        let valid = known.scanner.scan(&other, &known.paths, &mut known.scanned);
                        // Every valid text fits, unless the piece ends the string and other bytes follow.
                        assert_eq!(known.fits(&other), valid, "{length} {at} {piece:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn fixed_bytes_must_be_equal() {
    let texts = [text(b"first", ""), text(b"2nd", "")];
    let mut known = Known::of(&texts);
    let whole = text(b"kkkkk", "");
    assert!(known.fits(&whole));
    for at in 0..whole.len() {
        assert!(!known.fits(&whole[..at]), "{at}");
        let in_string = (15..20).contains(&at);
        for byte in 0..=u8::MAX {
            let mut other = whole.clone();
            other[at] = byte;
            let special = byte < 0x20 || byte == b'"' || byte == b'\\';
            assert_eq!(known.fits(&other), byte == whole[at] || in_string && !special, "{byte:#x} at {at}");
        }
    }
    for more in [&b" "[..], b"}", b"\0"] {
        assert!(!known.fits(&[&whole, more].concat()));
    }
}

#[test]
fn a_string_is_freed_as_far_as_texts_need_it() {
    let steps = [
        (text(b"one", ""), false),
        (text(b"two", ""), false),
        // Another string of the same length.
        (text(b"six", ""), true),
        (text(b"three", ""), false),
        (text(b"seven", ""), true),
        (text(b"\\n", ""), true),
    ];
    let mut known = Known::of(&[]);
    for (text, fits) in &steps {
        assert_eq!(known.fits(text), *fits, "{}", String::from_utf8_lossy(text));
        if !fits {
            known.scanner.scan(text, &known.paths, &mut known.scanned);
            known.templates.learn(text, &known.scanned);
        }
    }
    assert_eq!(known.templates.list.len(), 1);
}
