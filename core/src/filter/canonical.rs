//! The one text of a filter.

use std::fmt::Write as _;

use super::condition::{Order, Test};
use super::operand::Operand;
use super::{Condition, time};

/// `WHERE field test`.
pub(super) fn condition(condition: &Condition) -> String {
    let mut text = String::from("WHERE ");
    push_word(&mut text, condition.field.name.as_bytes());
    match &condition.test {
        Test::Equal(operand) => push_operand(&mut text, " = ", operand),
        Test::NotEqual(operand) => push_operand(&mut text, " != ", operand),
        Test::Compare(Order::Less, operand) => push_operand(&mut text, " < ", operand),
        Test::Compare(Order::LessOrEqual, operand) => push_operand(&mut text, " <= ", operand),
        Test::Compare(Order::Greater, operand) => push_operand(&mut text, " > ", operand),
        Test::Compare(Order::GreaterOrEqual, operand) => push_operand(&mut text, " >= ", operand),
        Test::Glob(pattern) => {
            text.push_str(" GLOB ");
            push_word(&mut text, pattern);
        }
        Test::In(set) => {
            // Writing to a String cannot fail.
            let _ = write!(text, " IN {}", set.len());
            for operand in set.iter() {
                push_operand(&mut text, " ", &operand);
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

fn push_operand(text: &mut String, before: &str, operand: &Operand) {
    text.push_str(before);
    match operand {
        Operand::Text(value) | Operand::Integer(value) | Operand::Number(value) => push_word(text, value),
        Operand::Time(micros) => text.push_str(&time::canonical(*micros)),
    }
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
