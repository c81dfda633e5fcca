//! Examines messages by a filter.

mod notices;

use std::ops::Range;

use super::any::{TEST_STEPS, decide_any};
use super::condition::{Scratch, Test};
use super::grouping::{Grouping, push_value};
use super::value::Seen;
use super::views::Views;
use super::work::Work;
use super::{Condition, Filter};
use crate::arrival::{ArrivalField, Placed};
use crate::field::{Field, FieldType};
use crate::format::{FieldValue, Kept, Leavings, Reader, VARIANTS};
use crate::kind::MessageKind;

/// The verdict of a filter about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Whether all conditions are true.
    pub matched: bool,
    /// Whether the message is not a JSON object. It can still match: conditions on `undecodable` and `bytes`
    /// can be decided.
    pub undecodable: bool,
    /// Whether no clause is false and at least one is unknown: the body cannot be read, or a value has no
    /// meaning for the operator. This is never true together with `matched`.
    pub unreadable: bool,
    /// Whether the result is unknown because of a value that has no meaning for the operator although the
    /// body was read. This is true only together with `unreadable`.
    pub uncompared: bool,
    /// Whether there is no message to examine: the record of an id is missing. Nothing matches then.
    pub missing: bool,
    /// Whether the filter matches, but the message has to be kept: it does not match then. Only for matchers without
    /// groups.
    pub kept: bool,
}

impl Verdict {
    /// Returns whether a message does not match and nothing else is to be said of it.
    #[must_use]
    pub fn is_plain(self) -> bool {
        !(self.matched | self.undecodable | self.missing | self.kept | self.unreadable)
    }
}

/// The scratch memory, in bytes, that is kept from one message to the next.
const SCRATCH_KEEP: usize = 64 * 1024;

/// One condition that is ready to be tested.
#[derive(Debug, Clone)]
struct Asked {
    /// The position of its field.
    field: usize,
    kind: FieldType,
    /// Whether it is tested on each value directly inside the field's value.
    any: bool,
    /// The field of the arrival that it tests, if it tests one.
    arrival: Option<ArrivalField>,
    test: Test,
}

/// The tests of one clause, of which at least one must be true.
#[derive(Debug, Clone)]
struct Asking {
    tests: Range<usize>,
    /// For each variant of the format: whether one of their fields is in the body; `None` if that depends on
    /// the message.
    needs_body: [Option<bool>; VARIANTS],
}

/// Examines messages, one after another. Its buffers are used again for each message.
#[derive(Debug, Clone)]
pub struct Matcher {
    tests: Vec<Asked>,
    clauses: Vec<Asking>,
    /// The number of fields of the tests. The fields by which matches are grouped, or those of [`notices::fields`], come
    /// after them.
    fields: usize,
    /// The types of the fields by which matches are grouped.
    grouped: Vec<FieldType>,
    reader: Reader,
    views: Views,
    scratch: Scratch,
    group_scratch: Vec<u8>,
    inexact: bool,
    /// Whether the verdict about the last message used the texts of its sender.
    used_texts: bool,
    /// Whether a test of the present message was unknown although its field was found.
    uncompared: bool,
    /// The arrival of the message that is examined next, as far as it is known.
    placed: Option<Placed>,
    work: Work,
    /// Whether an empty message stands for a missing one: see [`crate::message_place`].
    may_be_missing: bool,
    /// Says which messages have to be kept, if there are such of this kind and matches may be cleared.
    keeps: Option<Kept>,
    /// Finds what matches leave elsewhere. Only for matchers without groups.
    leavings: Option<Leavings>,
    /// The number of its fields.
    left_behind: usize,
}

impl Matcher {
    /// Returns a matcher for `filter` and Celery's messages.
    #[must_use]
    pub fn new(filter: &Filter) -> Self {
        Self::of(MessageKind::Celery, filter, None)
    }

    /// Returns a matcher for `filter` and messages of a kind. For a match it returns the group if there are
    /// groups, otherwise the match notices: both read a message once.
    #[must_use]
    pub fn of(kind: MessageKind, filter: &Filter, grouping: Option<&Grouping>) -> Self {
        let mut fields: Vec<&Field> = Vec::new();
        let (mut tests, mut clauses) = (Vec::new(), Vec::with_capacity(filter.0.clauses.len()));
        for clause in &filter.0.clauses {
            let first = tests.len();
            for Condition { field, test } in clause {
                // A test of any value inside uses the value around them.
                let same = |known: &&Field| known.is_same_place(field) && known.kind == field.kind;
                let position = fields.iter().position(same).unwrap_or_else(|| {
                    fields.push(field);
                    fields.len() - 1
                });
                tests.push(Asked {
                    field: position,
                    kind: field.kind,
                    any: field.any,
                    arrival: field.arrival(),
                    test: test.clone(),
                });
            }
            clauses.push(first..tests.len());
        }
        let count = fields.len();
        let leavings = if grouping.is_none() { Leavings::of(kind) } else { None };
        let notices = notices::fields(leavings.as_ref());
        let after_tests = grouping.map_or(&notices[..], |grouping| &grouping.fields);
        let grouped = grouping.iter().flat_map(|grouping| &grouping.fields).map(|field| field.kind).collect();
        let reader = Reader::new(kind, fields.into_iter().chain(after_tests)).learning();
        let clauses = clauses.into_iter().map(|clause| Asking::new(clause, &tests, &reader)).collect();
        Self {
            tests,
            clauses,
            fields: count,
            grouped,
            reader,
            views: Views::default(),
            scratch: Scratch::default(),
            group_scratch: Vec::new(),
            inexact: false,
            used_texts: false,
            uncompared: false,
            placed: None,
            work: Work::default(),
            may_be_missing: kind.spec().place.is_elsewhere(),
            keeps: if grouping.is_none() { Kept::of(kind) } else { None },
            left_behind: notices.len().saturating_sub(notices::COUNT),
            leavings,
        }
    }

    /// Sets the arrival of the message that is examined next; `None` if it is unknown.
    pub fn place(&mut self, placed: Option<Placed>) {
        self.placed = placed;
    }

    /// Returns a matcher with a choice: whether, if a body cannot be read, the texts in the envelope that
    /// replace it count.
    #[must_use]
    pub fn inexact(self, inexact: bool) -> Self {
        Self { reader: self.reader.inexact(inexact), ..self }
    }

    /// Returns a matcher with a choice: whether pickled bodies are read.
    #[must_use]
    pub fn pickle(self, reads: bool) -> Self {
        Self { reader: self.reader.pickle(reads), ..self }
    }

    /// Decides about one message. The body is decoded only if the other conditions leave the result open.
    pub fn examine(&mut self, message: &[u8]) -> Verdict {
        if self.work.done() > SCRATCH_KEEP {
            self.scratch.shrink(SCRATCH_KEEP);
        }
        (self.inexact, self.uncompared, self.used_texts) = (false, false, false);
        self.work = Work::on(message.len());
        self.views.clear();
        if self.may_be_missing && message.is_empty() {
            return Verdict { missing: true, ..Verdict::default() };
        }
        if !self.reader.envelope(message) {
            let (all, _) = self.decide_rest(message, Clauses::All);
            let (matched, kept) = self.unless_kept(all == Some(true), message);
            return Verdict { matched, kept, undecodable: true, ..Verdict::default() };
        }
        let (outside, needs_body) = self.decide(message, Clauses::Envelope);
        let all = if outside == Some(false) || !needs_body {
            outside
        } else if self.reader.open_body(message) {
            both(outside, self.decide_rest(message, Clauses::Body).0)
        } else {
            // If one condition on the envelope decides a clause that is unknown, the text adds nothing.
            let uncompared = self.uncompared;
            let without_text = both(outside, self.decide_rest(message, Clauses::Body).0);
            if without_text.is_some() || !self.reader.read_reprs(message) {
                without_text
            } else {
                (self.uncompared, self.used_texts) = (uncompared, true);
                let all = both(outside, self.decide_rest(message, Clauses::Body).0);
                self.inexact = all == Some(true);
                all
            }
        };
        let unreadable = all.is_none();
        let (matched, kept) = self.unless_kept(all == Some(true), message);
        Verdict {
            matched,
            kept,
            undecodable: false,
            unreadable,
            uncompared: unreadable && self.uncompared,
            missing: false,
        }
    }

    /// Returns whether a message that fits the filter matches, and whether it does not because it has to be kept.
    fn unless_kept(&mut self, fits: bool, message: &[u8]) -> (bool, bool) {
        let kept = fits && self.keeps.as_mut().is_some_and(|keeps| keeps.keeps(message));
        (fits && !kept, kept)
    }

    /// Returns whether the verdict about the last message used the texts of its sender, because the body cannot be
    /// read. Without them it might be another one.
    #[must_use]
    pub fn used_texts(&self) -> bool {
        self.used_texts
    }

    /// Writes the values by which the last examined message is grouped to `key`. Returns false if one of them
    /// is in a body that cannot be read and nothing replaces it; that value is then null.
    pub fn group_key(&mut self, message: &[u8], key: &mut Vec<u8>) -> bool {
        key.clear();
        let places = self.fields..self.fields + self.grouped.len();
        let mut readable = !places.clone().any(|at| self.reader.in_body(at))
            || !self.reader.is_decodable()
            || self.reader.is_body_open()
            || self.reader.open_body(message);
        if !readable && self.reader.read_reprs(message) {
            let mut in_body = places.clone().filter(|at| self.reader.in_body(*at));
            let is_known = |at: usize| self.reader.get(at, message) != FieldValue::Unknown;
            self.inexact |= in_body.clone().any(is_known);
            readable = in_body.all(is_known);
        }
        // An object that is not read has no value that could tell its group from others.
        readable &= !places.clone().any(|at| self.reader.is_opaque(at, message));
        for (at, kind) in places.zip(&self.grouped) {
            push_value(key, self.reader.get(at, message), *kind, &mut self.group_scratch);
        }
        readable
    }

    /// Returns whether the texts that replace the body of the last examined message decided that it matched
    /// or gave its group a value.
    #[must_use]
    pub fn is_inexact(&self) -> bool {
        self.inexact
    }

    /// Returns the work for the last message in addition to reading its own bytes, in steps: decoded bytes of
    /// its body, and bytes that conditions read. A small message can have a large body.
    #[must_use]
    pub fn work(&self) -> usize {
        self.reader.decoded().saturating_add(self.work.done())
    }

    /// Returns the decoded size of the last message's body in bytes; 0 if it was not opened.
    #[cfg(test)]
    pub(super) fn decoded(&self) -> usize {
        self.reader.decoded()
    }

    /// Returns whether the envelope could be read without a scan.
    #[cfg(test)]
    pub(super) fn knows(&mut self, message: &[u8]) -> bool {
        self.reader.knows(message)
    }

    /// Does the same as [`Self::decide`], in a separate function because the envelope decides most messages.
    #[inline(never)]
    fn decide_rest(&mut self, message: &[u8], chosen: Clauses) -> (Option<bool>, bool) {
        self.decide(message, chosen)
    }

    /// Returns the conjunction of the chosen clauses (false before unknown before true), and whether other
    /// clauses are left.
    #[inline(always)]
    fn decide(&mut self, message: &[u8], chosen: Clauses) -> (Option<bool>, bool) {
        let mut all = Some(true);
        let mut left = false;
        let variant = self.reader.variant();
        for clause in 0..self.clauses.len() {
            let asking = &self.clauses[clause];
            let (first, end) = (asking.tests.start, asking.tests.end);
            if chosen != Clauses::All {
                let in_body = |test: &Asked| self.reader.in_body(test.field);
                let needs_body = asking.needs_body[variant];
                let needs_body = needs_body.unwrap_or_else(|| self.tests[first..end].iter().any(in_body));
                if needs_body != (chosen == Clauses::Body) {
                    left = true;
                    continue;
                }
            }
            // Most clauses have one condition.
            let decided = match end - first {
                1 => self.decide_test(message, first),
                _ => self.decide_clause(message, first..end),
            };
            match decided {
                Some(true) => {}
                Some(false) => return (Some(false), left),
                None => all = None,
            }
        }
        (all, left)
    }

    /// Returns the disjunction of the conditions of one clause (true before unknown before false).
    #[inline(never)]
    fn decide_clause(&mut self, message: &[u8], tests: Range<usize>) -> Option<bool> {
        let mut one = Some(false);
        for at in tests {
            match self.decide_test(message, at) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => one = None,
            }
        }
        one
    }

    #[inline(always)]
    fn decide_test(&mut self, message: &[u8], at: usize) -> Option<bool> {
        let asked = &self.tests[at];
        match self.reader.get(asked.field, message) {
            FieldValue::Value(raw) => match asked.test.decide_raw(raw) {
                Some(decided) if !asked.any => Some(decided),
                _ => self.decide_value(message, at),
            },
            FieldValue::Absent => Some(asked.test.decide_absent()),
            FieldValue::Unknown => self.decide_arrival(at),
            FieldValue::Number(_) => self.decide_value(message, at),
            FieldValue::Partial(_) => self.decide_partial(message, at),
        }
    }

    /// Decides for a value that is not known completely.
    #[inline(never)]
    fn decide_partial(&mut self, message: &[u8], at: usize) -> Option<bool> {
        let asked = &self.tests[at];
        let FieldValue::Partial(partial) = self.reader.get(asked.field, message) else { return None };
        let steps = asked.test.steps(Seen::Compound(partial.raw)).saturating_add(TEST_STEPS);
        let decided = if !self.work.take(steps) || (asked.any && partial.is_opaque()) {
            None
        } else if asked.any {
            decide_any(
                (&asked.test, asked.kind),
                partial.raw,
                Some(partial),
                &mut self.scratch,
                &mut self.work,
            )
        } else {
            asked.test.decide_partial(partial, &mut self.scratch)
        };
        self.uncompared |= decided.is_none();
        decided
    }

    /// Decides a field that is not in the message. An index can know its arrival.
    #[inline(never)]
    fn decide_arrival(&self, at: usize) -> Option<bool> {
        let asked = &self.tests[at];
        asked.test.decide_span(self.placed?.span(asked.arrival?))
    }

    /// Decides values for which their bytes alone are not enough.
    #[inline(never)]
    fn decide_value(&mut self, message: &[u8], at: usize) -> Option<bool> {
        let asked = &self.tests[at];
        let mut digits = [0; DIGITS];
        let raw = match self.reader.get(asked.field, message) {
            FieldValue::Value(raw) => raw,
            FieldValue::Number(number) => decimal(number, &mut digits),
            FieldValue::Absent | FieldValue::Unknown | FieldValue::Partial(_) => return None,
        };
        let decided = if asked.any {
            let steps = raw.len().saturating_add(TEST_STEPS);
            let is_affordable = self.work.take(steps);
            is_affordable
                .then(|| decide_any((&asked.test, asked.kind), raw, None, &mut self.scratch, &mut self.work))
                .flatten()
        } else {
            let (seen, steps) = self.views.see(asked.field, raw, asked.kind);
            let steps = steps.saturating_add(asked.test.steps(seen)).saturating_add(TEST_STEPS);
            self.work.take(steps).then(|| asked.test.decide(seen, &mut self.scratch)).flatten()
        };
        self.uncompared |= decided.is_none();
        decided
    }
}

impl Asking {
    fn new(tests: Range<usize>, all: &[Asked], reader: &Reader) -> Self {
        let needs_body = std::array::from_fn(|variant| {
            let mut of = all[tests.clone()].iter().map(|test| reader.always_in_body(test.field, variant));
            // One field in the body is enough. A field whose place depends on the message leaves the result
            // open.
            if of.clone().any(|of| of == Some(true)) {
                return Some(true);
            }
            of.all(|of| of == Some(false)).then_some(false)
        });
        Self { tests, needs_body }
    }
}

/// Some clauses of a filter, in a message with a certain layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clauses {
    /// Clauses that the envelope decides.
    Envelope,
    /// Clauses with a condition on the body.
    Body,
    All,
}

/// Returns the conjunction: false before unknown before true.
fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// The maximum number of digits of a `u64`.
const DIGITS: usize = 20;

/// Writes `number` in decimal at the end of `buffer`.
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
