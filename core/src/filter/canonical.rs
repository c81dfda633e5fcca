//! The canonical text of a filter.

use std::fmt::Write as _;

use super::condition::{Order, Test};
use super::{Clause, Condition};

/// Returns `WHERE field test`, with ` OR field test` for each further condition, and the conditions without
/// duplicates in the order of the text.
pub(super) fn clause(conditions: Clause) -> (String, Clause) {
    let mut keyed: Vec<_> =
        conditions.into_iter().map(|condition| (self::condition(&condition), condition)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed.dedup_by(|a, b| a.0 == b.0);
    let (terms, conditions): (Vec<String>, Clause) = keyed.into_iter().unzip();
    (format!("WHERE {}", terms.join(" OR ")), conditions)
}

/// The approximate length of a value of IN in the text, bytes. The memory for thousands of values is reserved
/// at once.
const WORD: usize = 40;

/// Returns `field test`.
fn condition(condition: &Condition) -> String {
    let mut text = String::new();
    push_word(&mut text, condition.field.name.as_bytes());
    let mut operand = |before: &str, operand: &[u8]| {
        text.push_str(before);
        push_word(&mut text, operand);
    };
    match &condition.test {
        Test::Exact(value) => operand(" = ", value),
        Test::Equal(value) => operand(" = ", &value.canonical()),
        Test::NotEqual(value) => operand(" != ", &value.canonical()),
        Test::Compare(Order::Less, limit) => operand(" < ", &limit.canonical()),
        Test::Compare(Order::LessOrEqual, limit) => operand(" <= ", &limit.canonical()),
        Test::Compare(Order::Greater, limit) => operand(" > ", &limit.canonical()),
        Test::Compare(Order::GreaterOrEqual, limit) => operand(" >= ", &limit.canonical()),
        Test::Glob(glob) | Test::GlobJson(glob) => operand(" GLOB ", glob.pattern()),
        Test::Contains(value) => operand(" CONTAINS ", &value.canonical()),
        Test::In(set) => {
            // Writing to a String cannot fail.
            let _ = write!(text, " IN {}", set.len());
            text.reserve(set.len() * WORD);
            for value in set.iter() {
                text.push(' ');
                push_word(&mut text, &value.canonical());
            }
        }
        Test::Exists => text.push_str(" EXISTS"),
        Test::Missing => text.push_str(" MISSING"),
    }
    text
}

/// Returns `KEYWORD value`.
pub(super) fn keyword(keyword: &str, value: &[u8]) -> String {
    let mut text = format!("{keyword} ");
    push_word(&mut text, value);
    text
}

/// Returns the values as words that are separated by blanks.
#[must_use]
pub fn words<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push(' ');
        }
        push_word(&mut text, value);
    }
    text
}

/// Returns the values of a text that [`words`] wrote, or of the canonical text of a filter. `None` if the text is not of
/// that form.
#[must_use]
pub fn split_words(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let (value, left) = match first {
            b'"' => quoted(after)?,
            _ => {
                let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
                let (word, left) = rest.split_at(end);
                (word.to_vec(), left)
            }
        };
        values.push(value);
        rest = match left.split_first() {
            None => break,
            Some((b' ', next)) if !next.is_empty() => next,
            Some(_) => return None,
        };
    }
    Some(values)
}

/// Returns the value up to the closing quote, and the text after it.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = text;
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some((value, after)),
            [b'\\', b'x', high, low, after @ ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                value.push(u8::from_str_radix(digits, 16).ok()?);
                after
            }
            [b'\\', escaped @ (b'"' | b'\\'), after @ ..] => {
                value.push(*escaped);
                after
            }
            [b'\\', ..] | [] => return None,
            [byte, after @ ..] => {
                value.push(*byte);
                after
            }
        };
    }
}

/// Appends a value as one word. A plain word is appended unchanged. Any other value is put between quotes,
/// and its bytes that are not printable ASCII are escaped. Plain words contain neither spaces nor quotes, so
/// different values have different texts.
fn push_word(text: &mut String, value: &[u8]) {
    let is_plain = !value.is_empty() && value.iter().all(|byte| PLAIN[usize::from(*byte)]);
    if let (true, Ok(word)) = (is_plain, std::str::from_utf8(value)) {
        return text.push_str(word);
    }
    text.push('"');
    for &byte in value {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => {
                let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
                text.extend(['\\', 'x', digit(byte >> 4), digit(byte)]);
            }
        }
    }
    text.push('"');
}

/// The bytes of which plain words consist.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let marks = b"_.:@+/,*?=-";
    let mut at = 0;
    while at < marks.len() {
        plain[marks[at] as usize] = true;
        at += 1;
    }
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            plain[byte as usize] = true;
        }
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_split_into_the_values_that_they_were_written_from(
            values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..6),
        ) {
            let text = words(values.iter().map(Vec::as_slice));
            prop_assert_eq!(split_words(text.as_bytes()), Some(values));
        }

        #[test]
        fn any_text_is_split_or_refused(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = split_words(&text);
        }
    }

    #[test]
    fn text_of_another_form_is_refused() {
        for text in [r#"a "b"#, r#""a"b"#, "a ", r#""\y""#, r#""\x0""#, r#""\xgg""#, r#""a\"#] {
            assert_eq!(split_words(text.as_bytes()), None, "{text}");
        }
        assert_eq!(split_words(b""), Some(Vec::new()));
    }
}
