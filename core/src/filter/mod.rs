//! Filters: the conditions that select messages.
//!
//! ```text
//! filter    = clause+                                      all of them must be true
//! clause    = "TASK" name | "REPOID" integer | "COMMITID" sha          each at most once
//!           | "WHERE" condition ("OR" condition)*          one of the conditions must be true
//! condition = field test
//! test      = compare value | "GLOB" pattern | "IN" count value... | "CONTAINS" value | "EXISTS" | "MISSING"
//! compare   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "EQ" | "NE" | "LT" | "LE" | "GT" | "GE"
//! ```
//!
//! A condition is true, false or unknown. It is *unknown* if the body of the message cannot be read, and if the
//! value has no meaning for the operator: a value that was not compared is neither equal to the operand nor
//! different from it. A clause is true if one of its conditions is true, otherwise unknown if one is unknown. A
//! message matches if all clauses are true. One false clause decides against it, even if others are unknown.
//!
//! One file per step: `build` parses, `value` decides which values are the same scalar and `wrapped` how libraries
//! write those that JSON lacks, `operand` reads what fields are compared with, `canonical` writes a filter as
//! text, `condition` decides one condition, `matcher` one message, `single` evaluates a condition for one value at
//! a time, `projection` shows a message, and `distinct` tells messages apart.

mod build;
mod canonical;
mod condition;
mod distinct;
mod glob;
mod grouping;
mod matcher;
mod operand;
mod projection;
mod shown;
mod single;
mod uuid;
mod value;
mod views;
mod work;
mod wrapped;

#[cfg(test)]
pub(crate) mod tests;

pub use build::{CONDITIONS_MAX, FILTER_MAX, FilterBuilder, IN_ALL_MAX, IN_MAX, OPERAND_MAX};
pub use canonical::words;
pub use distinct::{BY_MAX, Distinct, parse_by};
pub use glob::{Glob, PATTERN_MAX};
pub use grouping::{GROUP_FIELDS_MAX, GroupValue, Grouping, group_values};
pub use matcher::{Matcher, Verdict};
pub use projection::{FIELDS_MAX, Projection};
pub use shown::{COMPOUND_MAX, TEXT_MAX};
pub(crate) use single::{Asks, Conditions, class_key, is_scalar};
pub use work::Work;

use std::sync::Arc;

use crate::field::Field;
use condition::Test;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    field: Field,
    test: Test,
}

/// Conditions of which one must be true.
type Clause = Vec<Condition>;

/// A parsed filter. Two filters that are equal match the same messages. A clone shares the conditions and the text with
/// its original, so it costs next to nothing, however long the filter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Arc<Parts>);

/// What a filter consists of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    clauses: Vec<Clause>,
    canonical: Vec<u8>,
    task: Option<Box<[u8]>>,
    repoid: Option<Box<[u8]>>,
    commitid: Option<Box<[u8]>>,
}

impl Filter {
    /// Returns the filter of a command without one: every message matches, even an element that is not a message.
    #[must_use]
    pub fn all() -> Self {
        Self(Arc::default())
    }

    /// Returns whether it is [`Filter::all`].
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.clauses.is_empty()
    }

    /// Returns the filter as one line of printable ASCII: TASK, REPOID, COMMITID, then the WHERE terms in the
    /// order of their bytes, each once, and likewise the conditions that OR joins. Operators are symbols, values
    /// have their shortest form, `now` is the time that it meant, and values that are not plain words are quoted.
    /// Different filters have different texts.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        self.0.canonical.clone()
    }

    /// The same text, borrowed.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.0.canonical
    }

    /// Returns the length of the canonical text, bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.0.canonical.len()
    }

    /// The first field of a condition on when messages arrived: only an index of their list knows that.
    #[must_use]
    pub fn arrival_field(&self) -> Option<&str> {
        let conditions = self.0.clauses.iter().flatten();
        conditions
            .map(|condition| &condition.field)
            .find(|field| field.arrival().is_some())
            .map(|field| &*field.name)
    }

    /// The value of TASK.
    #[must_use]
    pub fn task(&self) -> Option<&[u8]> {
        self.0.task.as_deref()
    }

    /// The value of REPOID, a decimal integer in its shortest form.
    #[must_use]
    pub fn repoid(&self) -> Option<&[u8]> {
        self.0.repoid.as_deref()
    }

    /// The value of COMMITID.
    #[must_use]
    pub fn commitid(&self) -> Option<&[u8]> {
        self.0.commitid.as_deref()
    }
}
