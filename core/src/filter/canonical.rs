//! The one text of a filter.

use std::fmt::Write as _;

use super::condition::{Order, Test};
use super::{Clause, Condition};

/// `WHERE field test`, with `OR field test` for each further condition of which one is enough; and the conditions, each
/// once, in the order of the text.
pub(super) fn clause(conditions: Clause) -> (String, Clause) {
    let mut keyed: Vec<_> =
        conditions.into_iter().map(|condition| (self::condition(&condition), condition)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed.dedup_by(|a, b| a.0 == b.0);
    let (terms, conditions): (Vec<String>, Clause) = keyed.into_iter().unzip();
    (format!("WHERE {}", terms.join(" OR ")), conditions)
}

/// `field test`.
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

/// `KEYWORD value`.
pub(super) fn keyword(keyword: &str, value: &[u8]) -> String {
    let mut text = format!("{keyword} ");
    push_word(&mut text, value);
    text
}

/// Values as words behind one another.
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

/// A value as one word: as it is where it is a plain word, otherwise between quotes with everything escaped
/// that is not printable ASCII. A plain word has neither space nor quote, so no two texts are the same.
fn push_word(text: &mut String, value: &[u8]) {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_.:@+/,*?=-".contains(b);
    if !value.is_empty() && value.iter().all(plain) {
        text.extend(value.iter().copied().map(char::from));
        return;
    }
    text.push('"');
    for &b in value {
        match b {
            b'"' | b'\\' => text.extend(['\\', char::from(b)]),
            0x20..=0x7e => text.push(char::from(b)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\x{b:02x}");
            }
        }
    }
    text.push('"');
}
