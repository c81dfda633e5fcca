//! The first line of an input of `envelope`: a kind of messages and a filter, separated by tabs, so that operators and
//! operands come from the fuzzer, too.

use qadmin_core::filter::{Filter, Matcher};
use qadmin_core::kind::MessageKind;

use crate::{check_error, filter};

/// One condition, as its words: field, operator, operands.
pub type Condition<'w> = Vec<&'w [u8]>;

/// A filter and the conditions that it is made of.
pub struct Question<'w> {
    /// The filter as a whole.
    pub filter: Filter,
    /// Clauses, all of which must be true, of conditions of which one is enough.
    pub clauses: Vec<Vec<Condition<'w>>>,
}

/// The kind that the line names, and the words of its filter. Nothing where the line is a message.
pub fn header(line: &[u8]) -> Option<(MessageKind, Vec<&[u8]>)> {
    let mut words = line.split(|byte| *byte == b'\t');
    let kind = MessageKind::parse(words.next()?).ok()?;
    let words: Vec<&[u8]> = words.collect();
    (!words.is_empty()).then_some((kind, words))
}

impl<'w> Question<'w> {
    /// Reads the words of a filter, unless they are none.
    pub fn new(words: &[&'w [u8]]) -> Option<Self> {
        let filter = filter(words).inspect_err(check_error).ok()?;
        let mut clauses: Vec<Vec<Condition>> = Vec::new();
        let mut rest = words;
        while let [keyword, after @ ..] = rest {
            let short = [("TASK", "task"), ("REPOID", "kwargs.repoid"), ("COMMITID", "kwargs.commitid")];
            if short.iter().any(|(name, _)| keyword.eq_ignore_ascii_case(name.as_bytes())) {
                clauses.push(vec![vec![keyword, after[0]]]);
                rest = &after[1..];
                continue;
            }
            let operands = match after[1].to_ascii_uppercase().as_slice() {
                b"EXISTS" | b"MISSING" => 0,
                b"IN" => 1 + std::str::from_utf8(after[2]).ok()?.parse::<usize>().ok()?,
                _ => 1,
            };
            let condition = after[..2 + operands].to_vec();
            match clauses.last_mut().filter(|_| keyword.eq_ignore_ascii_case(b"OR")) {
                Some(clause) => clause.push(condition),
                None => clauses.push(vec![condition]),
            }
            rest = &after[2 + operands..];
        }
        Some(Self { filter, clauses })
    }
}

/// What a condition is of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// The message matches.
    True,
    /// It does not.
    False,
    /// The value could not be read or not be compared.
    Unknown,
}

/// Asks one message.
pub struct Asker<'m> {
    /// What the message is taken for.
    pub kind: MessageKind,
    /// The message.
    pub message: &'m [u8],
    /// Whether the texts that replace a body are used.
    pub inexact: bool,
}

impl Asker<'_> {
    /// The truth of one condition; nothing where the grammar refuses it.
    pub fn ask(&self, condition: &[&[u8]]) -> Option<Truth> {
        let is_short = condition.len() == 2
            && [&b"TASK"[..], b"REPOID", b"COMMITID"]
                .iter()
                .any(|word| condition[0].eq_ignore_ascii_case(word));
        let words = if is_short { condition.to_vec() } else { [&[&b"WHERE"[..]], condition].concat() };
        Some(self.of(&filter(&words).ok()?))
    }

    /// The truth of a filter.
    pub fn of(&self, filter: &Filter) -> Truth {
        let verdict = Matcher::of(self.kind, filter, None).inexact(self.inexact).examine(self.message);
        // A message that fits the filter and has to be kept does not match.
        assert!(!(verdict.matched && verdict.kept));
        let fits = verdict.matched || verdict.kept;
        assert!(!(fits && verdict.unreadable));
        match (fits, verdict.unreadable) {
            (true, _) => Truth::True,
            (_, true) => Truth::Unknown,
            _ => Truth::False,
        }
    }
}

/// True beats unknown beats false.
pub fn or(all: impl IntoIterator<Item = Truth>) -> Truth {
    all.into_iter().fold(Truth::False, |one, other| match (one, other) {
        (Truth::True, _) | (_, Truth::True) => Truth::True,
        (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
        _ => Truth::False,
    })
}

/// False beats unknown beats true.
pub fn and(all: impl IntoIterator<Item = Truth>) -> Truth {
    all.into_iter().fold(Truth::True, |one, other| match (one, other) {
        (Truth::False, _) | (_, Truth::False) => Truth::False,
        (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
        _ => Truth::True,
    })
}
