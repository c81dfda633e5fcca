//! The conditions of a filter, each asked of one value at a time.
//!
//! An index of values evaluates a condition once for each distinct value and counts messages by the results. The
//! evaluation is that of [`super::Matcher`]: first what the bytes of the value show, then the condition on the decoded
//! value. A property test compares the two on random messages.

use std::ops::Range;

use super::condition::{Scratch, Test};
use super::grouping::{push_string_key, push_value};
use super::operand::Operand;
use super::value::{Class, Seen};
use super::{Condition, Filter, uuid};
use crate::field::{Field, FieldType};
use crate::format::FieldValue;

/// Steps of a condition beside those of its test; the matcher counts as many.
const TEST_STEPS: usize = 16;

/// What a condition says about values of which only a hash of their class is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Nothing but whether there is a value: EXISTS (true) or MISSING (false).
    Presence(bool),
    /// Every scalar whose class key is not among these is certainly not equal to an operand.
    Equality {
        /// Class keys, see [`class_key`].
        keys: Vec<Vec<u8>>,
        /// The condition is true where no operand is equal.
        negated: bool,
    },
    /// The value itself has to be compared.
    Value,
}

/// The conditions of one filter, numbered in the order of its clauses.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    conditions: Vec<Condition>,
    clauses: Vec<Range<usize>>,
    decoded: Vec<u8>,
    scratch: Scratch,
}

impl Conditions {
    /// The conditions of `filter`.
    pub(crate) fn new(filter: &Filter) -> Self {
        let mut conditions = Vec::new();
        let mut clauses = Vec::with_capacity(filter.0.clauses.len());
        for clause in &filter.0.clauses {
            let first = conditions.len();
            conditions.extend(clause.iter().cloned());
            clauses.push(first..conditions.len());
        }
        Self { conditions, clauses, decoded: Vec::new(), scratch: Scratch::default() }
    }

    /// The numbers of the conditions in each clause. All clauses must be true, each by one of its conditions.
    pub(crate) fn clauses(&self) -> &[Range<usize>] {
        &self.clauses
    }

    /// The field of a condition.
    pub(crate) fn field(&self, condition: usize) -> &Field {
        &self.conditions[condition].field
    }

    /// Evaluates a condition for what was found of its field, which has one value: not `args.*` or `kwargs.*`. Returns
    /// nothing where the result is unknown, and at least as many steps of work as the matcher counts for it.
    pub(crate) fn decide(&mut self, condition: usize, found: FieldValue<'_>) -> (Option<bool>, usize) {
        let Condition { field, test } = &self.conditions[condition];
        let digits;
        let raw = match found {
            FieldValue::Unknown | FieldValue::Partial(_) => return (None, 0),
            FieldValue::Absent => return (Some(test.decide_absent()), 0),
            FieldValue::Number(number) => {
                digits = number.to_string().into_bytes();
                &digits[..]
            }
            FieldValue::Value(raw) => match test.decide_raw(raw) {
                Some(decided) => return (Some(decided), 0),
                None => raw,
            },
        };
        let seen = Seen::of(raw, field.kind, &mut self.decoded);
        let steps = raw.len().saturating_add(test.steps(seen)).saturating_add(TEST_STEPS);
        (test.decide(seen, &mut self.scratch), steps)
    }

    /// Evaluates a condition for an object of which only its class is known.
    pub(crate) fn decide_opaque(&self, condition: usize) -> Option<bool> {
        self.conditions[condition].test.decide_opaque()
    }

    /// What a condition asks of values of which only a hash is known.
    pub(crate) fn asks(&self, condition: usize) -> Asks {
        let Condition { field, test } = &self.conditions[condition];
        let keys = |operands: &mut dyn Iterator<Item = &Operand>| {
            let mut keys = Vec::new();
            for operand in operands {
                if !operand_keys(operand, &mut keys) {
                    return None;
                }
            }
            Some(keys)
        };
        let equality = |keys: Option<Vec<Vec<u8>>>, negated| match keys {
            Some(keys) if field.kind == FieldType::Value => Asks::Equality { keys, negated },
            _ => Asks::Value,
        };
        match test {
            Test::Exists => Asks::Presence(true),
            Test::Missing => Asks::Presence(false),
            Test::Exact(text) => equality(Some(vec![push_string_key(text)]), false),
            Test::Equal(operand) => equality(keys(&mut std::iter::once(operand)), false),
            Test::NotEqual(operand) => equality(keys(&mut std::iter::once(operand)), true),
            Test::In(set) => equality(keys(&mut set.iter()), false),
            Test::Compare(..) | Test::Glob(_) | Test::GlobJson(_) | Test::Contains(_) => Asks::Value,
        }
    }
}

/// Appends the class keys of all scalars that may equal an operand, or may be unknown to it. Returns false if they
/// cannot be listed.
fn operand_keys(operand: &Operand, keys: &mut Vec<Vec<u8>>) -> bool {
    let Operand::Scalar { text, class, moment: None } = operand else { return false };
    match class {
        // 32 digits can be meant as a UUID: a UUID of the same digits is unknown.
        Class::Number(_) if uuid::parse(text).is_some() => return false,
        // Other scalars are unknown to an array or object.
        Class::Compound(_) | Class::Moment(_) => return false,
        Class::Number(_) | Class::Bool(_) | Class::Uuid(_) | Class::Text => {}
    }
    keys.push(push_string_key(text));
    if let Some(shown) = class.shown() {
        keys.push(push_string_key(&shown));
    }
    true
}

/// Writes the class of a value to `key`: the bytes that STATS groups it by where the field is compared with any JSON
/// value. Scalars with different keys are never equal.
pub(crate) fn class_key(raw: &[u8], kind: FieldType, key: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    key.clear();
    push_value(key, FieldValue::Value(raw), kind, scratch);
}

/// Whether `raw`, a JSON value, is a scalar, wrapped or not, that has a class of its own.
pub(crate) fn is_scalar(raw: &[u8], scratch: &mut Vec<u8>) -> bool {
    raw != b"null" && !matches!(Seen::of(raw, FieldType::Value, scratch), Seen::Compound(_) | Seen::Opaque)
}
