//! What fields are compared with.

use std::cmp::Ordering;

use super::condition::Seen;
use super::time;
use crate::error::Error;
use crate::field::Kind;
use crate::json::{Decimal, Integer};

/// One operand, in the form in which equal ones are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    /// Equals this text, byte for byte.
    Text(Box<[u8]>),
    /// The canonical text of an integer; equals integers and strings that spell them.
    Integer(Box<[u8]>),
    /// The canonical text of a number, for comparisons by size.
    Number(Box<[u8]>),
    /// Microseconds since 1970.
    Time(i64),
}

impl Operand {
    /// Reads what `=`, `!=` and IN compare with. `of` is the field's name, for errors.
    pub(super) fn equal(kind: Kind, of: &str, text: &[u8], now_ms: i64) -> Result<Self, Error> {
        let integer = Integer::parse(text).map(|integer| Self::Integer(integer.canonical().into()));
        match kind {
            Kind::Time => Self::time(of, text, now_ms),
            Kind::Integer | Kind::Flag => {
                integer.ok_or_else(|| Error::NotAnInteger { of: of.into(), got: text.to_vec() })
            }
            Kind::Value => Ok(integer.unwrap_or_else(|| Self::Text(text.into()))),
        }
    }

    /// Reads what `<`, `<=`, `>` and `>=` compare with.
    pub(super) fn compare(kind: Kind, of: &str, text: &[u8], now_ms: i64) -> Result<Self, Error> {
        match kind {
            Kind::Time => Self::time(of, text, now_ms),
            // In digits, however many: with an exponent the filter's own text would be no filter.
            Kind::Integer | Kind::Flag => Integer::parse(text)
                .map(|integer| Self::Number(integer.canonical().into()))
                .ok_or_else(|| Error::NotAnInteger { of: of.into(), got: text.to_vec() }),
            Kind::Value => Decimal::parse(text)
                .map(|number| Self::Number(number.canonical().into()))
                .ok_or_else(|| Error::NotANumber { of: of.into(), got: text.to_vec() }),
        }
    }

    fn time(of: &str, text: &[u8], now_ms: i64) -> Result<Self, Error> {
        let time = time::operand(text, now_ms).map(Self::Time);
        time.ok_or_else(|| Error::NotATime { of: of.into(), got: text.to_vec() })
    }

    /// Is the value equal to this?
    pub(super) fn equals(&self, seen: Seen<'_>) -> bool {
        match self {
            Self::Text(text) => matches!(seen, Seen::Text(seen) if *seen == **text),
            Self::Integer(text) => seen.integer().is_some_and(|seen| Some(seen) == Integer::parse(text)),
            Self::Number(_) => self.order(seen) == Some(Ordering::Equal),
            Self::Time(time) => seen.time() == Some(*time),
        }
    }

    /// How the value stands to this; nothing where they have no order.
    pub(super) fn order(&self, seen: Seen<'_>) -> Option<Ordering> {
        match self {
            Self::Number(text) | Self::Integer(text) => Some(seen.decimal()?.compare(&Decimal::parse(text)?)),
            Self::Time(time) => Some(seen.time()?.cmp(time)),
            Self::Text(_) => None,
        }
    }
}

/// The operands of IN, sorted so that thousands of them cost a message no more than a few.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Set {
    /// Canonical texts, in the order of [`Integer`].
    integers: Vec<Box<[u8]>>,
    texts: Vec<Box<[u8]>>,
    times: Vec<i64>,
}

impl Set {
    /// The set of `operands`.
    pub(super) fn new(operands: impl IntoIterator<Item = Operand>) -> Self {
        let mut set = Self::default();
        for operand in operands {
            match operand {
                Operand::Integer(text) | Operand::Number(text) => set.integers.push(text),
                Operand::Text(text) => set.texts.push(text),
                Operand::Time(time) => set.times.push(time),
            }
        }
        set.integers.sort_by(|a, b| Integer::parse(a).cmp(&Integer::parse(b)));
        set.integers.dedup();
        set.texts.sort();
        set.texts.dedup();
        set.times.sort_unstable();
        set.times.dedup();
        set
    }

    /// Is the value equal to one of them?
    pub(super) fn contains(&self, seen: Seen<'_>) -> bool {
        let text = |seen: &[u8]| self.texts.binary_search_by(|text| (**text).cmp(seen)).is_ok();
        let integer =
            |seen| self.integers.binary_search_by(|text| Integer::parse(text).cmp(&Some(seen))).is_ok();
        matches!(seen, Seen::Text(seen) if text(seen))
            || (!self.integers.is_empty() && seen.integer().is_some_and(integer))
            || (!self.times.is_empty()
                && seen.time().is_some_and(|time| self.times.binary_search(&time).is_ok()))
    }

    /// All of them, each once, in a fixed order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Operand> + '_ {
        let integers = self.integers.iter().map(|text| Operand::Integer(text.clone()));
        let texts = self.texts.iter().map(|text| Operand::Text(text.clone()));
        integers.chain(texts).chain(self.times.iter().map(|&time| Operand::Time(time)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.integers.len() + self.texts.len() + self.times.len()
    }
}
