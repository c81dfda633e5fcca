//! One condition on one value.

use std::cmp::Ordering;

use super::operand::{Operand, Set};
use super::{glob, time};
use crate::field::Kind;
use crate::format::Found;
use crate::json::{Decimal, Integer, Shape, decode, differ, inner};

/// A comparison by size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds(self, value_to_operand: Ordering) -> bool {
        match self {
            Self::Less => value_to_operand.is_lt(),
            Self::LessOrEqual => value_to_operand.is_le(),
            Self::Greater => value_to_operand.is_gt(),
            Self::GreaterOrEqual => value_to_operand.is_ge(),
        }
    }
}

/// What a condition asks of a field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Equal(Operand),
    NotEqual(Operand),
    Compare(Order, Operand),
    Glob(Box<[u8]>),
    In(Set),
    Exists,
    Missing,
}

/// A value as conditions see it: the texts and numbers that it equals.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    /// A JSON number, as written.
    Number(&'a [u8]),
    /// A string, decoded.
    Text(&'a [u8]),
    /// Equals nothing: an array, an object, a boolean, a string that is no sequence of characters.
    Other,
}

impl<'a> Seen<'a> {
    fn new(raw: &'a [u8], kind: Kind, scratch: &'a mut Vec<u8>) -> Self {
        match Shape::of(raw) {
            Shape::Number => Self::Number(raw),
            Shape::Text => decode(inner(raw), scratch).map_or(Self::Other, Self::Text),
            Shape::Bool if kind == Kind::Flag => Self::Number(if raw == b"true" { b"1" } else { b"0" }),
            Shape::Bool | Shape::Null | Shape::Compound => Self::Other,
        }
    }

    /// The integer that this is or spells: `7`, `"7"`, `"007"`; not `1.0`, `1e0`, `true`.
    pub(super) fn integer(self) -> Option<Integer<'a>> {
        match self {
            Self::Number(text) | Self::Text(text) => Integer::parse(text),
            Self::Other => None,
        }
    }

    /// The number for comparisons by size: any JSON number, or a string that spells an integer.
    pub(super) fn decimal(self) -> Option<Decimal<'a>> {
        match self {
            Self::Number(text) => Decimal::parse(text),
            Self::Text(text) => Integer::parse(text).and_then(|_| Decimal::parse(text)),
            Self::Other => None,
        }
    }

    /// The moment that this is: Unix seconds or ISO-8601.
    pub(super) fn time(self) -> Option<i64> {
        match self {
            Self::Number(text) | Self::Text(text) => time::parse(text),
            Self::Other => None,
        }
    }
}

impl Test {
    /// True, false, or nothing for unknown.
    pub(super) fn decide(&self, found: Found<'_>, kind: Kind, scratch: &mut Vec<u8>) -> Option<bool> {
        let mut digits = [0; DIGITS];
        let raw = match found {
            Found::Unknown => return None,
            Found::Absent => return Some(*self == Self::Missing),
            Found::Value(raw) => raw,
            Found::Number(number) => decimal(number, &mut digits),
        };
        match self {
            Self::Exists => return Some(true),
            Self::Missing => return Some(false),
            // Most messages are of another task than the one that is asked for.
            Self::Equal(Operand::Text(text)) if raw.starts_with(b"\"") && differ(inner(raw), text) => {
                return Some(false);
            }
            _ => {}
        }
        Some(self.holds(Seen::new(raw, kind, scratch)))
    }

    fn holds(&self, seen: Seen<'_>) -> bool {
        match self {
            Self::Equal(operand) => operand.equals(seen),
            Self::NotEqual(operand) => !operand.equals(seen),
            Self::Compare(order, operand) => operand.order(seen).is_some_and(|found| order.holds(found)),
            Self::Glob(pattern) => matches!(seen, Seen::Text(text) if glob::matches(pattern, text)),
            Self::In(set) => set.contains(seen),
            Self::Exists => true,
            Self::Missing => false,
        }
    }
}

/// Most digits of a `u64`.
const DIGITS: usize = 20;

/// `number` in decimal, at the end of `buffer`.
fn decimal(mut number: u64, buffer: &mut [u8; DIGITS]) -> &[u8] {
    let mut at = DIGITS;
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[at..];
        }
    }
}
