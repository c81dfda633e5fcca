//! A condition on one value.

use std::cmp::Ordering;
use std::sync::Arc;

use super::glob::Glob;
use super::operand::{Limit, Operand, Set, is_other_text};
use super::uuid;
use super::value::Seen;
use crate::arrival::Span;
use crate::format::Partial;
use crate::json::items;

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

impl Order {
    /// Returns whether the comparison is true of a value of which only a span is known; `None` if the span
    /// does not decide that.
    fn holds_of_span(self, span: Span, operand: i64) -> Option<bool> {
        let least = span.least.map(|least| self.holds(least.cmp(&operand)));
        let most = span.most.map(|most| self.holds(most.cmp(&operand)));
        // The comparison is true of the whole span if it is true of the side on which it becomes true last;
        // an open side can be any value.
        match self {
            Self::Less | Self::LessOrEqual if most == Some(true) => Some(true),
            Self::Less | Self::LessOrEqual if least == Some(false) => Some(false),
            Self::Greater | Self::GreaterOrEqual if least == Some(true) => Some(true),
            Self::Greater | Self::GreaterOrEqual if most == Some(false) => Some(false),
            _ => None,
        }
    }
}

/// The steps for each byte of an array or object that is read.
const COMPOUND_STEPS: usize = 4;
/// The steps of a search among the values of IN, in addition to the bytes of the value.
const IN_STEPS: usize = 64;
/// The number of bytes of a text that are compared in one step.
const TEXT_BYTES: usize = 16;

/// The test that a condition makes on a field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// The string is equal to this text, byte for byte, whatever its form.
    Exact(Box<[u8]>),
    Equal(Operand),
    NotEqual(Operand),
    Compare(Order, Limit),
    Glob(Glob),
    /// The JSON text, as it is in the message, matches the pattern.
    GlobJson(Glob),
    /// The value is one of a set, which the filter, its copies and matchers share because it can have
    /// thousands of values.
    In(Arc<Set>),
    /// An item of the array equals the operand.
    Contains(Operand),
    Exists,
    Missing,
}

impl Test {
    /// Decides, as far as that is possible, without decoding `raw`, a JSON value other than null: most
    /// messages have another task or another number than the filter.
    #[inline(always)]
    pub(super) fn decide_raw(&self, raw: &[u8]) -> Option<bool> {
        match self {
            Self::Exact(text) if is_other_text(raw, text) => Some(false),
            Self::Equal(operand) => operand.equals_raw(raw),
            Self::NotEqual(operand) => operand.equals_raw(raw).map(|equal| !equal),
            Self::Exists => Some(true),
            Self::Missing => Some(false),
            Self::GlobJson(glob) => Some(glob.matches(raw)),
            _ => None,
        }
    }

    /// Returns whether the condition is true of a value of which only a span is known; `None` if the span
    /// does not decide that.
    pub(super) fn decide_span(&self, span: Span) -> Option<bool> {
        match self {
            Self::Equal(operand) => operand.equals_span(span),
            Self::NotEqual(operand) => operand.equals_span(span).map(|equal| !equal),
            Self::In(set) => {
                let mut one = Some(false);
                for operand in set.iter() {
                    match operand.equals_span(span) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => one = None,
                    }
                }
                one
            }
            Self::Compare(order, limit) => order.holds_of_span(span, limit.integer()),
            Self::Exists => Some(true),
            Self::Missing => Some(false),
            // The parser does not accept them for such fields.
            Self::Exact(_) | Self::Glob(_) | Self::GlobJson(_) | Self::Contains(_) => None,
        }
    }

    /// Returns whether the condition is true of a value that is not known completely; `None` if that depends on
    /// what is not known.
    pub(super) fn decide_partial(&self, partial: Partial<'_>, scratch: &mut Scratch) -> Option<bool> {
        match self {
            Self::Contains(operand) => contains(operand, Seen::Compound(partial.raw), Some(partial), scratch),
            _ => self.decide_opaque(),
        }
    }

    /// Returns whether the condition is true of an object of which only its class is known: it exists.
    pub(super) fn decide_opaque(&self) -> Option<bool> {
        match self {
            Self::Exists => Some(true),
            Self::Missing => Some(false),
            _ => None,
        }
    }

    /// Decides for a field that is absent or null.
    pub(super) fn decide_absent(&self) -> bool {
        *self == Self::Missing
    }

    /// Returns the maximum number of steps for deciding about this value.
    pub(super) fn steps(&self, seen: Seen<'_>) -> usize {
        match (self, seen) {
            (Self::Glob(glob), Seen::Text(text) | Seen::Time(text)) => glob.steps(text.len()),
            (_, Seen::Compound(raw)) => raw.len().saturating_mul(COMPOUND_STEPS),
            (Self::In(_), Seen::Text(text) | Seen::Number(text) | Seen::Time(text)) => IN_STEPS + text.len(),
            (_, Seen::Text(text) | Seen::Number(text) | Seen::Time(text)) => text.len() / TEXT_BYTES,
            (_, Seen::Bool(_) | Seen::Uuid(_) | Seen::Opaque) => 0,
        }
    }

    /// Returns whether the condition is true of the value; `None` if the value has no meaning for the
    /// operator: such a value is neither equal to the operand nor different from it.
    pub(super) fn decide(&self, seen: Seen<'_>, scratch: &mut Scratch) -> Option<bool> {
        match self {
            Self::Exact(text) => exact(text, seen),
            Self::Equal(operand) => operand.equals(seen, &mut scratch.compact),
            Self::NotEqual(operand) => operand.equals(seen, &mut scratch.compact).map(|equal| !equal),
            Self::Compare(order, limit) => limit.order(seen).map(|found| order.holds(found)),
            Self::Glob(glob) => glob_text(glob, seen),
            Self::In(set) => set.contains(seen, &mut scratch.compact),
            Self::Contains(operand) => contains(operand, seen, None, scratch),
            Self::Exists => Some(true),
            Self::Missing => Some(false),
            // It is decided by the text in the message.
            Self::GlobJson(_) => None,
        }
    }
}

/// Memory that is used again from one value to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// The compact text of an array or object.
    compact: Vec<u8>,
    /// A decoded item of an array.
    item: Vec<u8>,
}

impl Scratch {
    /// Frees memory that usual values do not need.
    pub(super) fn shrink(&mut self, keep: usize) {
        self.compact.shrink_to(keep);
        self.item.shrink_to(keep);
    }
}

fn exact(text: &[u8], seen: Seen<'_>) -> Option<bool> {
    match seen {
        Seen::Text(seen) | Seen::Time(seen) => Some(seen == text),
        Seen::Uuid(seen) => Some(uuid::text(seen) == *text),
        Seen::Number(_) | Seen::Bool(_) => Some(false),
        Seen::Compound(_) | Seen::Opaque => None,
    }
}

fn glob_text(glob: &Glob, seen: Seen<'_>) -> Option<bool> {
    match seen {
        Seen::Text(text) | Seen::Time(text) => Some(glob.matches(text)),
        Seen::Uuid(uuid) => Some(glob.matches(&uuid::text(uuid))),
        Seen::Number(_) | Seen::Bool(_) | Seen::Compound(_) | Seen::Opaque => None,
    }
}

fn contains(
    operand: &Operand,
    seen: Seen<'_>,
    partial: Option<Partial<'_>>,
    scratch: &mut Scratch,
) -> Option<bool> {
    let Seen::Compound(array) = seen else { return None };
    if !array.starts_with(b"[") {
        return None;
    }
    let mut all = Some(false);
    for raw in items(array).filter(|raw| *raw != b"null") {
        if partial.is_some_and(|partial| !partial.is_known(raw)) {
            all = None;
            continue;
        }
        let item = Seen::of(raw, crate::field::FieldType::Value, &mut scratch.item);
        match operand.equals(item, &mut scratch.compact) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => all = None,
        }
    }
    all
}
