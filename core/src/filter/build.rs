//! Builds a filter from the words of a command.

use std::sync::Arc;

use super::condition::{Order, Test};
use super::glob::{Glob, PATTERN_MAX};
use super::operand::{Limit, Operand, Set, integer_operand};
use super::{Clause, Condition, Filter, Parts, canonical};
use crate::args::Args;
use crate::error::{Error, FilterError};
use crate::field::{Field, FieldType, Source};

/// Longest operand, bytes.
pub const OPERAND_MAX: usize = 4_096;
/// Most conditions of one filter.
pub const CONDITIONS_MAX: usize = 64;
/// Most values of one IN.
pub const IN_MAX: u64 = 10_000;
/// Most values of all INs of one filter. Reading one value takes about 300 ns, however short it is, and the
/// server serves no other client while it reads a command.
pub const IN_ALL_MAX: u64 = 20_000;
/// Longest canonical text of a filter, bytes: every record and every reply contains it. 10,000 UUIDs fit.
pub const FILTER_MAX: usize = 512 * 1024;

/// Collects the conditions of a filter from the words of a command.
#[derive(Debug, Clone, Default)]
pub struct FilterBuilder {
    task: Option<Box<[u8]>>,
    repoid: Option<Box<[u8]>>,
    commitid: Option<Box<[u8]>>,
    wheres: Vec<Clause>,
    /// The number of conditions in `wheres`.
    conditions: usize,
    /// Whether the last condition belongs to WHERE or OR, so that OR may follow.
    after_where: bool,
    /// The bytes of all operands so far.
    bytes: usize,
    /// The number of values of all INs so far.
    in_values: u64,
    /// Whether an operand begins with `now`.
    says_now: bool,
}

impl FilterBuilder {
    /// Reads one whole condition if the next argument starts one (TASK, REPOID, COMMITID, WHERE or OR, in
    /// upper or lower case). Returns whether it did; otherwise it has read nothing. `now_ms` is the value of
    /// `now` in operands, in Unix milliseconds.
    ///
    /// # Errors
    /// Any error in the condition. The builder must not be used after an error.
    pub fn accept(&mut self, args: &mut Args<'_>, now_ms: i64) -> Result<bool, Error> {
        let after_where = std::mem::take(&mut self.after_where);
        if args.keyword("TASK") {
            let instead = "WHERE task IN 2 a b";
            let value = operand("TASK", args.value("TASK")?)?;
            once(&mut self.task, value.into(), "TASK", instead)?;
        } else if args.keyword("REPOID") {
            let value = operand("REPOID", args.value("REPOID")?)?;
            let value = integer_operand(FieldType::Integer, "REPOID", value)?;
            once(&mut self.repoid, value, "REPOID", "WHERE kwargs.repoid IN 2 a b")?;
        } else if args.keyword("COMMITID") {
            let value = operand("COMMITID", args.value("COMMITID")?)?;
            once(&mut self.commitid, value.into(), "COMMITID", "WHERE kwargs.commitid IN 2 a b")?;
        } else if args.keyword("WHERE") {
            let condition = self.condition("WHERE", args, now_ms)?;
            self.wheres.push(vec![condition]);
        } else if args.keyword("OR") {
            if !after_where {
                return Err(FilterError::OrAlone.into());
            }
            let condition = self.condition("OR", args, now_ms)?;
            if let Some(clause) = self.wheres.last_mut() {
                clause.push(condition);
            }
        } else {
            self.after_where = after_where;
            return Ok(false);
        }
        Ok(true)
    }

    /// Returns whether there is no condition yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.task.is_none() && self.repoid.is_none() && self.commitid.is_none() && self.wheres.is_empty()
    }

    /// Returns whether the filter may depend on the value of `now`. If it returns false, the filter does not.
    #[must_use]
    pub fn says_now(&self) -> bool {
        self.says_now
    }

    /// Returns the filter that consists of all conditions.
    ///
    /// # Errors
    /// [`FilterError::NoFilter`] if there is no condition, and [`FilterError::FilterTooLong`].
    pub fn finish(self) -> Result<Filter, Error> {
        if self.is_empty() {
            return Err(FilterError::NoFilter.into());
        }
        let mut clauses: Vec<Clause> = Vec::with_capacity(self.wheres.len() + 3);
        let mut terms = Vec::with_capacity(clauses.capacity());
        let mut short = |keyword: &str, field: &str, test: Option<Test>, value: &Option<Box<[u8]>>| {
            let (Some(test), Some(value)) = (test, value) else { return Ok(()) };
            clauses.push(vec![Condition { field: Field::parse(field.as_bytes())?, test }]);
            terms.push(canonical::keyword(keyword, value));
            Ok::<(), Error>(())
        };
        let text = |value: &Option<Box<[u8]>>| Some(Test::Exact(value.clone()?));
        let integer = |value: &Option<Box<[u8]>>| Some(Test::Equal(Operand::number(value.clone()?)));
        short("TASK", "task", text(&self.task), &self.task)?;
        short("REPOID", "kwargs.repoid", integer(&self.repoid), &self.repoid)?;
        short("COMMITID", "kwargs.commitid", text(&self.commitid), &self.commitid)?;
        let mut wheres: Vec<(String, Clause)> = self.wheres.into_iter().map(canonical::clause).collect();
        wheres.sort_by(|a, b| a.0.cmp(&b.0));
        wheres.dedup_by(|a, b| a.0 == b.0);
        for (term, clause) in wheres {
            terms.push(term);
            clauses.push(clause);
        }
        let canonical = terms.join(" ").into_bytes();
        if canonical.len() > FILTER_MAX {
            return Err(FilterError::FilterTooLong { max: FILTER_MAX }.into());
        }
        let (task, repoid, commitid) = (self.task, self.repoid, self.commitid);
        Ok(Filter(Arc::new(Parts { clauses, canonical, task, repoid, commitid })))
    }

    /// Reads the field, the operator and the operands after `keyword`, WHERE or OR.
    fn condition(
        &mut self,
        keyword: &'static str,
        args: &mut Args<'_>,
        now_ms: i64,
    ) -> Result<Condition, Error> {
        if self.conditions >= CONDITIONS_MAX {
            return Err(FilterError::TooManyConditions { max: CONDITIONS_MAX }.into());
        }
        self.conditions += 1;
        self.after_where = true;
        let field = Field::parse(args.value(keyword)?)?;
        let of: &str = &field.name;
        let Some(operator) = args.next() else {
            return Err(FilterError::MissingOperator { of: of.into() }.into());
        };
        let known = OPERATORS.iter().find(|(spellings, _)| {
            spellings.iter().any(|word| operator.eq_ignore_ascii_case(word.as_bytes()))
        });
        let Some((spellings, operator)) = known else {
            return Err(FilterError::UnknownOperator { got: operator.to_vec() }.into());
        };
        if field.any && matches!(operator, Operator::NotEqual | Operator::Missing) {
            return Err(FilterError::AnyArgument { of: of.into() }.into());
        }
        let test = self.test(*operator, spellings[0], &field, args, now_ms)?;
        Ok(Condition { field, test })
    }

    /// Reads the operands of an operator that is spelled `word`.
    fn test(
        &mut self,
        operator: Operator,
        word: &'static str,
        field: &Field,
        args: &mut Args<'_>,
        now_ms: i64,
    ) -> Result<Test, Error> {
        let (kind, of) = (field.kind, &*field.name);
        let mut value = |args: &mut _| self.value(word, of, args);
        Ok(match operator {
            Operator::Equal => Test::Equal(Operand::new(kind, of, value(args)?, now_ms)?),
            Operator::NotEqual => Test::NotEqual(Operand::new(kind, of, value(args)?, now_ms)?),
            Operator::Order(order) => Test::Compare(order, Limit::new(kind, of, value(args)?, now_ms)?),
            Operator::Glob if kind != FieldType::Value => {
                return Err(FilterError::NotText { of: of.into() }.into());
            }
            Operator::Contains if kind != FieldType::Value => {
                return Err(FilterError::NotAnArray { of: of.into() }.into());
            }
            Operator::Contains => Test::Contains(Operand::new(kind, of, value(args)?, now_ms)?),
            Operator::Glob => match value(args)? {
                pattern if pattern.len() > PATTERN_MAX => {
                    return Err(FilterError::OperandTooLong { of: "GLOB".into(), max: PATTERN_MAX }.into());
                }
                pattern if is_whole(field) => Test::GlobJson(Glob::new(pattern)),
                pattern => Test::Glob(Glob::new(pattern)),
            },
            Operator::In => {
                let count = args.number("IN", 1, IN_MAX)?;
                let got = args.remaining();
                if usize::try_from(count).unwrap_or(usize::MAX) > got {
                    return Err(FilterError::InTooShort { count, got }.into());
                }
                self.in_values += count;
                if self.in_values > IN_ALL_MAX {
                    return Err(FilterError::TooManyInValues { max: IN_ALL_MAX }.into());
                }
                let mut operands = Vec::with_capacity(got.min(usize::try_from(count).unwrap_or(got)));
                for _ in 0..count {
                    operands.push(Operand::new(kind, of, self.value(word, of, args)?, now_ms)?);
                }
                Test::In(Arc::new(Set::new(operands)))
            }
            Operator::Exists => Test::Exists,
            Operator::Missing => Test::Missing,
        })
    }

    /// Reads an operand and counts its bytes.
    fn value<'a>(&mut self, word: &'static str, of: &str, args: &mut Args<'a>) -> Result<&'a [u8], Error> {
        let value = operand(of, args.value(word)?)?;
        self.bytes += value.len();
        self.says_now |= value.get(..3).is_some_and(|first| first.eq_ignore_ascii_case(b"now"));
        if self.bytes > FILTER_MAX {
            Err(FilterError::FilterTooLong { max: FILTER_MAX }.into())
        } else {
            Ok(value)
        }
    }
}

/// What an operator does.
#[derive(Debug, Clone, Copy)]
enum Operator {
    Equal,
    NotEqual,
    Order(Order),
    Glob,
    In,
    Contains,
    Exists,
    Missing,
}

/// All operators with their spellings. The first spelling is the documented one.
const OPERATORS: &[(&[&str], Operator)] = &[
    (&["=", "EQ"], Operator::Equal),
    (&["!=", "NE"], Operator::NotEqual),
    (&["<", "LT"], Operator::Order(Order::Less)),
    (&["<=", "LE"], Operator::Order(Order::LessOrEqual)),
    (&[">", "GT"], Operator::Order(Order::Greater)),
    (&[">=", "GE"], Operator::Order(Order::GreaterOrEqual)),
    (&["GLOB"], Operator::Glob),
    (&["IN"], Operator::In),
    (&["CONTAINS"], Operator::Contains),
    (&["EXISTS"], Operator::Exists),
    (&["MISSING"], Operator::Missing),
];

/// Returns whether the field is the whole of the positional or keyword arguments. GLOB compares their JSON
/// text.
fn is_whole(field: &Field) -> bool {
    matches!(field.source, Source::Args | Source::Kwargs) && field.path.is_empty() && !field.any
}

/// Checks the length of an operand.
fn operand<'a>(of: &str, value: &'a [u8]) -> Result<&'a [u8], Error> {
    match value.len() {
        0 => Err(FilterError::EmptyOperand { of: of.into() }.into()),
        1..=OPERAND_MAX => Ok(value),
        _ => Err(FilterError::OperandTooLong { of: of.into(), max: OPERAND_MAX }.into()),
    }
}

fn once(
    place: &mut Option<Box<[u8]>>,
    value: Box<[u8]>,
    keyword: &'static str,
    instead: &'static str,
) -> Result<(), Error> {
    if place.replace(value).is_some() {
        Err(FilterError::GivenTwice { keyword, instead }.into())
    } else {
        Ok(())
    }
}
