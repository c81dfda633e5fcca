//! One JSON value as conditions, groups and samples use it.
//!
//! Libraries write the same scalar in different ways: a number or its digits in a string, a UUID as text or
//! inside a wrapping. [`Seen`] is the value independent of its notation, and [`Class`] defines which texts
//! mean the same scalar. Both follow one rule together: **the text that is shown for a value, typed as the
//! operand of `=`, matches exactly the values of the same class.** So the classes are disjoint, and each has
//! one text to show:
//!
//! | class | members | shown as |
//! |---|---|---|
//! | number | JSON numbers of that value, strings that spell that integer, the string that is the shown text | shortest decimal |
//! | boolean | `true`, the string `"true"` | `true` |
//! | UUID | wrapped ones, strings with or without dashes in any case | lower case with dashes |
//! | moment | wrapped times and strings in ISO-8601 with an offset | UTC with `Z` |
//! | array or object | those with the same compact text, and that text as a string | compact text |
//! | text | every other string, byte for byte | itself |
//!
//! A string that spells a scalar in another way than the shown one (`"12.50"`, `"True"`, `"[1, 2]"`) is text:
//! people mean versions and codes by such strings, and 1.10 is not 1.1. It is shown in double quotes, and an
//! operand in double quotes means exactly that string.

use std::borrow::Cow;

use super::uuid;
use super::wrapped::{self, Wrapped};
use crate::field::FieldType;
use crate::json::{Decimal, Integer, Paths, Scanner, Shape, compact, decode, inner};
use crate::time;

/// One value as conditions use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen<'a> {
    /// A number in decimal.
    Number(&'a [u8]),
    /// `true` or `false`.
    Bool(bool),
    /// A string, decoded; also `NaN` and the infinities, which are not decimal numbers.
    Text(&'a [u8]),
    /// A wrapped date or time, as its ISO-8601 text.
    Time(&'a [u8]),
    /// A wrapped UUID.
    Uuid([u8; 16]),
    /// An array or an object, as it is in the message; also a wrapping whose value is not a scalar.
    Compound(&'a [u8]),
    /// A string that is not a sequence of characters; it cannot be compared with anything.
    Opaque,
}

impl<'a> Seen<'a> {
    /// Reads `raw`, a JSON value other than null. Strings with escapes are decoded into `scratch`.
    pub(super) fn of(raw: &'a [u8], kind: FieldType, scratch: &'a mut Vec<u8>) -> Self {
        match Shape::of(raw) {
            Shape::Number => Self::number(raw),
            Shape::Text => decode(inner(raw), scratch).map_or(Self::Opaque, Self::Text),
            Shape::Bool if kind == FieldType::Flag => Self::Number(if raw == b"true" { b"1" } else { b"0" }),
            Shape::Bool => Self::Bool(raw == b"true"),
            Shape::Null => Self::Opaque,
            Shape::Compound if raw.starts_with(b"[") => Self::Compound(raw),
            Shape::Compound => match wrapped::read(raw, scratch) {
                None | Some(Wrapped::Opaque) => Self::Compound(raw),
                Some(Wrapped::Number(number)) => Self::Number(number),
                Some(Wrapped::Bool(is)) => Self::Bool(is),
                Some(Wrapped::Text(text)) => Self::Text(text),
                Some(Wrapped::Time(text)) => Self::Time(text),
                Some(Wrapped::Uuid(uuid)) => Self::Uuid(uuid),
            },
        }
    }

    fn number(raw: &'a [u8]) -> Self {
        match raw.strip_prefix(b"-").unwrap_or(raw) {
            b"NaN" | b"Infinity" => Self::Text(raw),
            _ => Self::Number(raw),
        }
    }

    /// Returns the number for comparisons by size: a JSON number, or a string that spells one.
    pub(super) fn decimal(self) -> Option<Decimal<'a>> {
        match self {
            Self::Number(text) | Self::Text(text) => Decimal::parse(text),
            _ => None,
        }
    }

    /// Returns the moment that the value means, in microseconds since 1970: a time, or a number of seconds or
    /// milliseconds.
    pub(super) fn moment(self) -> Option<i64> {
        match self {
            Self::Number(text) | Self::Text(text) | Self::Time(text) => time::parse(text),
            _ => None,
        }
    }
}

/// The maximum number of digits of a number whose shortest text is certainly its digits.
pub(super) const PLAIN_DIGITS: usize = 20;

/// The scalar that a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Class {
    /// The number with this shortest text.
    Number(Box<[u8]>),
    /// A boolean.
    Bool(bool),
    /// A UUID.
    Uuid([u8; 16]),
    /// A moment with an offset, in microseconds since 1970.
    Moment(i64),
    /// The array or object with this compact text.
    Compound(Box<[u8]>),
    /// The text means only itself.
    Text,
}

impl Class {
    /// Returns the meaning of `text` as an operand.
    pub(super) fn of(text: &[u8]) -> Self {
        // Most texts are names, which their first byte shows.
        match text.first() {
            // Digits in this form are already their shortest text.
            Some(b'1'..=b'9') if text.len() <= PLAIN_DIGITS && text.iter().all(u8::is_ascii_digit) => {
                Self::Number(text.into())
            }
            Some(b'0'..=b'9' | b'-') => {
                if let Some(number) = Decimal::parse(text) {
                    return Self::Number(number.canonical().into());
                }
                match (uuid::parse(text), time::iso(text)) {
                    (Some(uuid), _) => Self::Uuid(uuid),
                    (None, Some(iso)) if iso.is_exact => Self::Moment(iso.micros),
                    _ => Self::Text,
                }
            }
            Some(b't' | b'T') if matches!(text, b"true" | b"True") => Self::Bool(true),
            Some(b'f' | b'F') if matches!(text, b"false" | b"False") => Self::Bool(false),
            Some(b'a'..=b'f' | b'A'..=b'F') => uuid::parse(text).map_or(Self::Text, Self::Uuid),
            Some(b'[' | b'{') => compact_of(text).map_or(Self::Text, |text| Self::Compound(text.into())),
            _ => Self::Text,
        }
    }

    /// Returns the text that is shown for the class; `None` for a text, which is shown unchanged.
    pub(super) fn shown(&self) -> Option<Cow<'_, [u8]>> {
        Some(match self {
            Self::Number(text) | Self::Compound(text) => Cow::Borrowed(text),
            Self::Bool(true) => Cow::Borrowed(b"true"),
            Self::Bool(false) => Cow::Borrowed(b"false"),
            Self::Uuid(uuid) => Cow::Owned(uuid::text(*uuid).to_vec()),
            Self::Moment(micros) => Cow::Owned(time::canonical(*micros).into_bytes()),
            Self::Text => return None,
        })
    }
}

/// Returns the compact text of an array or object; `None` for any other text.
fn compact_of(text: &[u8]) -> Option<Vec<u8>> {
    let (paths, _) = Paths::new([]);
    let is_valid = Scanner::default().scan(text, &paths, &mut []);
    is_valid.then(|| {
        let mut out = Vec::with_capacity(text.len());
        compact(text, &mut out, &mut Vec::new());
        out
    })
}

/// Returns the text that stands for the class of a string: the shown text of the class, the text itself, or
/// the text in quotes.
pub(super) fn shown_text(text: &[u8]) -> Cow<'_, [u8]> {
    let class = Class::of(text);
    match class.shown() {
        Some(shown) if *shown == *text => Cow::Borrowed(text),
        // All notations of these are one class.
        Some(shown)
            if matches!(class, Class::Uuid(_) | Class::Moment(_)) || Integer::parse(text).is_some() =>
        {
            Cow::Owned(shown.into_owned())
        }
        None if !needs_quotes(text) => Cow::Borrowed(text),
        _ => Cow::Owned([b"\"", text, b"\""].concat()),
    }
}

/// Returns the string that an operand in quotes means, if the string could not be typed without quotes.
/// Returns `None` for every other operand; quotes in such an operand are part of it.
pub(super) fn quoted(operand: &[u8]) -> Option<&[u8]> {
    let inside = operand.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    needs_quotes(inside).then_some(inside)
}

/// Returns whether the text, without all quotes around it, is empty or spells a scalar in another way than
/// the shown one.
fn needs_quotes(text: &[u8]) -> bool {
    let mut bare = text;
    while let Some(inside) = bare.strip_prefix(b"\"").and_then(|inside| inside.strip_suffix(b"\"")) {
        bare = inside;
    }
    if bare.is_empty() {
        return true;
    }
    match Class::of(bare) {
        class @ (Class::Number(_) | Class::Bool(_) | Class::Compound(_)) => {
            Integer::parse(bare).is_none() && class.shown().is_some_and(|shown| *shown != *bare)
        }
        Class::Uuid(_) | Class::Moment(_) | Class::Text => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        String::from_utf8(shown_text(text.as_bytes()).into_owned()).expect("text")
    }

    #[test]
    fn each_class_shows_one_text() {
        for (text, wanted) in [
            ("abc", "abc"),
            ("7", "7"),
            ("007", "7"),
            ("-0", "0"),
            ("12.5", "12.5"),
            ("12.50", "\"12.50\""),
            ("1e3", "\"1e3\""),
            ("true", "true"),
            ("True", "\"True\""),
            ("", "\"\""),
            ("\"", "\""),
            ("\"\"", "\"\"\"\""),
            ("\"a\"", "\"a\""),
            ("\"12.50\"", "\"\"12.50\"\""),
            ("7D0F3C1E3F0B4C539D1C0A5F8F6B2A11", "7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11"),
            ("2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z"),
            ("2024-05-01T12:00:00", "2024-05-01T12:00:00"),
            ("2024-05-01", "2024-05-01"),
            ("[1,2]", "[1,2]"),
            ("[1, 2]", "\"[1, 2]\""),
            ("[urgent] mail", "[urgent] mail"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn the_shown_text_of_a_string_means_that_string() {
        for text in ["12.50", "True", "", "\"\"", "\"12.50\"", "[1, 2]", "1e3", "{\"a\": 1}"] {
            let shown = shown(text);
            assert_eq!(quoted(shown.as_bytes()), Some(text.as_bytes()), "{shown}");
        }
        for own in ["\"a\"", "\"7\"", "\"true\"", "\"", "a\"b", "12.50", "\"2024-05-01\""] {
            assert_eq!(quoted(own.as_bytes()), None, "{own}");
        }
    }
}
