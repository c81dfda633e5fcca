//! From the words of a command to a filter.

use super::condition::{Order, Test};
use super::operand::{Operand, Set};
use super::{Condition, Filter, canonical};
use crate::args::Args;
use crate::error::Error;
use crate::field::{Field, Kind};

/// Longest operand, bytes.
pub const OPERAND_MAX: usize = 4_096;
/// Longest GLOB pattern, bytes: each byte of a message costs at most a step over a set of so many places.
pub const PATTERN_MAX: usize = 256;
/// Most conditions of one filter.
pub const CONDITIONS_MAX: usize = 64;
/// Most values of one IN.
pub const IN_MAX: u64 = 10_000;
/// Longest canonical text of a filter, bytes: it is in every record and reply. 10,000 UUIDs fit.
pub const FILTER_MAX: usize = 512 * 1024;

/// Collects the conditions of a filter from between the other words of a command.
#[derive(Debug, Clone, Default)]
pub struct FilterBuilder {
    task: Option<Box<[u8]>>,
    repoid: Option<Box<[u8]>>,
    commitid: Option<Box<[u8]>>,
    wheres: Vec<Condition>,
    /// Bytes of the operands so far.
    bytes: usize,
}

impl FilterBuilder {
    /// Takes one whole condition if the next argument starts one (TASK, REPOID, COMMITID, WHERE in any case)
    /// and tells whether it did; otherwise nothing is taken. `now_ms`, Unix milliseconds, is what `now`
    /// means in operands.
    ///
    /// # Errors
    /// Whatever is wrong with the condition; the builder is of no use then.
    pub fn accept(&mut self, args: &mut Args<'_>, now_ms: i64) -> Result<bool, Error> {
        if args.keyword("TASK") {
            let instead = "WHERE task IN 2 a b";
            let value = operand("TASK", args.value("TASK")?)?;
            once(&mut self.task, value.into(), "TASK", instead)?;
        } else if args.keyword("REPOID") {
            let value = operand("REPOID", args.value("REPOID")?)?;
            let Operand::Integer(value) = Operand::equal(Kind::Integer, "REPOID", value, now_ms)? else {
                return Ok(false);
            };
            once(&mut self.repoid, value, "REPOID", "WHERE kwargs.repoid IN 2 a b")?;
        } else if args.keyword("COMMITID") {
            let value = operand("COMMITID", args.value("COMMITID")?)?;
            once(&mut self.commitid, value.into(), "COMMITID", "WHERE kwargs.commitid IN 2 a b")?;
        } else if args.keyword("WHERE") {
            if self.wheres.len() >= CONDITIONS_MAX {
                return Err(Error::TooManyConditions { max: CONDITIONS_MAX });
            }
            let condition = self.condition(args, now_ms)?;
            self.wheres.push(condition);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Is there no condition yet?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.task.is_none() && self.repoid.is_none() && self.commitid.is_none() && self.wheres.is_empty()
    }

    /// The filter of all conditions.
    ///
    /// # Errors
    /// [`Error::NoFilter`] without a condition, [`Error::FilterTooLong`].
    pub fn finish(self) -> Result<Filter, Error> {
        if self.is_empty() {
            return Err(Error::NoFilter);
        }
        let mut conditions = Vec::with_capacity(self.wheres.len() + 3);
        let mut terms = Vec::with_capacity(conditions.capacity());
        let mut short = |keyword: &str, field: &str, test: Option<Test>, value: &Option<Box<[u8]>>| {
            let (Some(test), Some(value)) = (test, value) else { return Ok(()) };
            conditions.push(Condition { field: Field::parse(field.as_bytes())?, test });
            terms.push(canonical::keyword(keyword, value));
            Ok(())
        };
        let text = |value: &Option<Box<[u8]>>| Some(Test::Equal(Operand::Text(value.clone()?)));
        let integer = |value: &Option<Box<[u8]>>| Some(Test::Equal(Operand::Integer(value.clone()?)));
        short("TASK", "task", text(&self.task), &self.task)?;
        short("REPOID", "kwargs.repoid", integer(&self.repoid), &self.repoid)?;
        short("COMMITID", "kwargs.commitid", text(&self.commitid), &self.commitid)?;
        let mut wheres: Vec<(String, Condition)> =
            self.wheres.into_iter().map(|condition| (canonical::condition(&condition), condition)).collect();
        wheres.sort_by(|a, b| a.0.cmp(&b.0));
        wheres.dedup_by(|a, b| a.0 == b.0);
        for (term, condition) in wheres {
            terms.push(term);
            conditions.push(condition);
        }
        let canonical = terms.join(" ").into_bytes();
        if canonical.len() > FILTER_MAX {
            return Err(Error::FilterTooLong { max: FILTER_MAX });
        }
        let (task, repoid, commitid) = (self.task, self.repoid, self.commitid);
        Ok(Filter { conditions, canonical, task, repoid, commitid })
    }

    fn condition(&mut self, args: &mut Args<'_>, now_ms: i64) -> Result<Condition, Error> {
        let field = Field::parse(args.value("WHERE")?)?;
        let of: &str = &field.name;
        let Some(operator) = args.next() else { return Err(Error::MissingOperator { of: of.into() }) };
        let known = OPERATORS.iter().find(|(spellings, _)| {
            spellings.iter().any(|word| operator.eq_ignore_ascii_case(word.as_bytes()))
        });
        let Some((spellings, operator)) = known else {
            return Err(Error::UnknownOperator { got: operator.to_vec() });
        };
        let word = spellings[0];
        let mut value = |args: &mut _| self.value(word, of, args);
        let kind = field.kind;
        let test = match operator {
            Operator::Equal => Test::Equal(Operand::equal(kind, of, value(args)?, now_ms)?),
            Operator::NotEqual => Test::NotEqual(Operand::equal(kind, of, value(args)?, now_ms)?),
            Operator::Order(order) => {
                Test::Compare(*order, Operand::compare(kind, of, value(args)?, now_ms)?)
            }
            Operator::Glob if kind != Kind::Value => return Err(Error::NotText { of: of.into() }),
            Operator::Glob => match value(args)? {
                pattern if pattern.len() > PATTERN_MAX => {
                    return Err(Error::OperandTooLong { of: "GLOB".into(), max: PATTERN_MAX });
                }
                pattern => Test::Glob(pattern.into()),
            },
            Operator::In => {
                let count = args.number("IN", 1, IN_MAX)?;
                let got = args.remaining();
                if usize::try_from(count).unwrap_or(usize::MAX) > got {
                    return Err(Error::InTooShort { count, got });
                }
                let operands: Result<Vec<_>, _> =
                    (0..count).map(|_| Operand::equal(kind, of, value(args)?, now_ms)).collect();
                Test::In(Set::new(operands?))
            }
            Operator::Exists => Test::Exists,
            Operator::Missing => Test::Missing,
        };
        Ok(Condition { field, test })
    }

    /// Takes an operand and counts its bytes.
    fn value<'a>(&mut self, word: &'static str, of: &str, args: &mut Args<'a>) -> Result<&'a [u8], Error> {
        let value = operand(of, args.value(word)?)?;
        self.bytes += value.len();
        if self.bytes > FILTER_MAX { Err(Error::FilterTooLong { max: FILTER_MAX }) } else { Ok(value) }
    }
}

/// What an operator asks for.
#[derive(Debug, Clone, Copy)]
enum Operator {
    Equal,
    NotEqual,
    Order(Order),
    Glob,
    In,
    Exists,
    Missing,
}

/// All operators with their spellings, the documented one first.
const OPERATORS: &[(&[&str], Operator)] = &[
    (&["=", "EQ"], Operator::Equal),
    (&["!=", "NE"], Operator::NotEqual),
    (&["<", "LT"], Operator::Order(Order::Less)),
    (&["<=", "LE"], Operator::Order(Order::LessOrEqual)),
    (&[">", "GT"], Operator::Order(Order::Greater)),
    (&[">=", "GE"], Operator::Order(Order::GreaterOrEqual)),
    (&["GLOB"], Operator::Glob),
    (&["IN"], Operator::In),
    (&["EXISTS"], Operator::Exists),
    (&["MISSING"], Operator::Missing),
];

/// Checks the length of an operand.
fn operand<'a>(of: &str, value: &'a [u8]) -> Result<&'a [u8], Error> {
    match value.len() {
        0 => Err(Error::EmptyOperand { of: of.into() }),
        1..=OPERAND_MAX => Ok(value),
        _ => Err(Error::OperandTooLong { of: of.into(), max: OPERAND_MAX }),
    }
}

fn once(
    place: &mut Option<Box<[u8]>>,
    value: Box<[u8]>,
    keyword: &'static str,
    instead: &'static str,
) -> Result<(), Error> {
    if place.replace(value).is_some() { Err(Error::GivenTwice { keyword, instead }) } else { Ok(()) }
}
