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
//! A condition is true, false or unknown. It is *unknown* if the body of the message cannot be read, or if
//! the operator cannot compare the value: a value that was not compared is neither equal to the operand nor
//! different from it. A clause is true if one of its conditions is true; otherwise it is unknown if one of
//! them is unknown. A message matches if all clauses are true. If one clause is false the message does not
//! match, even if other clauses are unknown.
//!
//! Each step has its own file:
//!
//! - `build` parses a filter, `operand` parses the operands, and `canonical` writes the filter as text.
//! - `value` decides which values are the same scalar, and `wrapped` reads scalars that JSON lacks, in the
//!   forms in which libraries write them.
//! - `condition` evaluates one condition, and `matcher` all conditions for one message. `single` evaluates a
//!   condition for one value at a time.
//! - `grouping` puts matches into groups, and `distinct` finds matches that have the same values.
//! - `projection` shows a message in the row of a sample, and `whole` shows all of it.
//! - `inventory` finds the fields that messages have.

mod any;
mod build;
mod canonical;
mod condition;
mod distinct;
mod glob;
mod grouping;
mod inventory;
mod matcher;
mod operand;
mod projection;
mod shown;
mod single;
mod uuid;
mod value;
mod views;
mod whole;
mod work;
mod wrapped;

#[cfg(test)]
pub(crate) mod tests;

pub use build::{CONDITIONS_MAX, FILTER_MAX, FilterBuilder, IN_ALL_MAX, IN_MAX, OPERAND_MAX};
pub use canonical::{split_words, words};
pub use distinct::{BY_MAX, Distinct, parse_by};
pub use glob::{Glob, PATTERN_MAX};
pub use grouping::{GROUP_FIELDS_MAX, GroupValue, Grouping, group_values};
pub use inventory::{EXAMPLE_BYTES_MAX, EXAMPLES_MAX, Inventory, LISTED_MAX, MEMBERS_MAX, NAMES_MAX};
pub use matcher::{Matcher, Verdict};
pub use projection::{FIELDS_MAX, Projection};
pub use shown::{COMPOUND_MAX, TEXT_MAX};
pub(crate) use single::{Asks, Conditions, class_key, is_scalar};
pub use whole::{PART_MAX, Whole};
pub use work::Work;

use std::sync::Arc;

use crate::field::Field;
use crate::format::Skim;
use crate::kind::MessageKind;
use condition::Test;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    field: Field,
    test: Test,
}

/// Conditions that OR joins: at least one of them must be true.
type Clause = Vec<Condition>;

/// A parsed filter. Two filters that are equal match the same messages. A clone shares the conditions and the
/// text of its original, so cloning a long filter is cheap.
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
    /// Returns the filter of a command that was given none. Every element of the queue matches it, even one
    /// that is not a message.
    #[must_use]
    pub fn all() -> Self {
        Self(Arc::default())
    }

    /// Returns whether this is [`Filter::all`].
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.clauses.is_empty()
    }

    /// Returns the filter as one line of printable ASCII: TASK, REPOID, COMMITID, then the WHERE terms
    /// without duplicates in the order of their bytes, and within a term the conditions that OR joins in the
    /// same way. Operators are symbols, values have their shortest form, `now` is replaced with the time that
    /// it meant, and values that are not plain words are quoted. Different filters have different texts.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        self.0.canonical.clone()
    }

    /// Returns the canonical text without a copy.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.0.canonical
    }

    /// Returns the length of the canonical text, bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.0.canonical.len()
    }

    /// Returns the fields that have to be read to see that this filter does not match a job of this kind; `None` if whole
    /// jobs have to be read.
    #[must_use]
    pub fn skim(&self, kind: MessageKind) -> Option<Skim> {
        // Without conditions, all jobs match.
        Skim::of(kind, self.fields()).filter(|_| !self.is_all())
    }

    /// Returns the fields of all conditions.
    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.clauses.iter().flatten().map(|condition| &condition.field)
    }

    /// Returns the first field in the conditions that depends on when messages arrived. Such conditions need
    /// an index of arrivals.
    #[must_use]
    pub fn arrival_field(&self) -> Option<&str> {
        self.fields().find(|field| field.arrival().is_some()).map(|field| &*field.name)
    }

    /// Returns the value of TASK.
    #[must_use]
    pub fn task(&self) -> Option<&[u8]> {
        self.0.task.as_deref()
    }

    /// Returns the value of REPOID, a decimal integer in its shortest form.
    #[must_use]
    pub fn repoid(&self) -> Option<&[u8]> {
        self.0.repoid.as_deref()
    }

    /// Returns the value of COMMITID.
    #[must_use]
    pub fn commitid(&self) -> Option<&[u8]> {
        self.0.commitid.as_deref()
    }
}

/// Reads the words of a filter, which single spaces separate.
#[cfg(test)]
pub(crate) fn filter_of(words: &str) -> Filter {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let mut args = crate::args::Args::new(&words);
    let mut builder = FilterBuilder::default();
    while builder.accept(&mut args, 0).expect("a condition") {}
    builder.finish().expect("a filter")
}
