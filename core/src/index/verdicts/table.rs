//! What the conditions on one field say, by the number in the field's column.

use std::ops::Range;

use super::states::{Answer, NO, then};
use crate::filter::{Asks, Conditions};
use crate::format::FieldValue;
use crate::index::codes::{ABSENT, ABSENT_BY_TEXT, Known, OPAQUE, RESERVED, UNDECODABLE, UNREADABLE, UNTOLD};
use crate::index::columns::{Chunk, LENGTH, META};
use crate::index::dictionary::{DICTIONARY_VALUES_MAX, Value};
use crate::index::fields::{FieldIndex, class_hash};
use crate::index::per_id::PerId;

/// Lengths below this have an entry in a table, bytes.
const LENGTHS: usize = 64 * 1024;
/// Lengths of tables: powers of two, the largest of which has room for all numbers of a dictionary.
const SMALL: usize = 256;
const MIDDLE: usize = 4_096;
const LARGE: usize = 2 * DICTIONARY_VALUES_MAX;
/// The entry of a length that was not met yet.
const UNMET: u8 = u8::MAX;
/// Values other than the most common answer that are compared one after another, which takes less time than a table.
const COMPARED_ALONE: usize = 4;
/// Steps of an evaluation beside those of the condition.
const EVALUATION_STEPS: usize = 64;

/// Where the value of a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The column of the field with this number.
    Field(usize),
    /// The column of lengths.
    Length,
    /// Any column says it.
    Undecodable,
    /// Not in the index.
    Message,
}

/// The answer of one condition, or the state of a clause all of whose conditions are on the same field.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) source: Source,
    conditions: Range<usize>,
    is_clause: bool,
    reserved: [u8; RESERVED],
    numbers: PerId<u8>,
    /// By number, the reserved ones first: as long as one of the sizes of tables.
    entries: Vec<u8>,
    /// Numbers of values with another entry than false, if there are few.
    few: Option<Vec<u32>>,
    /// Hashes of what the operands equal, ascending.
    keys: Vec<u32>,
    /// The entry of such a hash, and of all others.
    hashed: [u8; 2],
    lengths: Vec<u8>,
}

impl Table {
    /// The table for conditions on one field, which are a whole clause if `is_clause`, and otherwise one.
    pub(super) fn new(
        source: Source,
        conditions: Range<usize>,
        is_clause: bool,
        asked: &mut Conditions,
        seed: u64,
    ) -> Self {
        let mut table = Self {
            source,
            conditions,
            is_clause,
            reserved: [0; RESERVED],
            numbers: PerId::new(if is_clause { NO } else { Answer::False as u8 }),
            entries: Vec::new(),
            few: None,
            keys: Vec::new(),
            hashed: [0; 2],
            lengths: Vec::new(),
        };
        table.reserved =
            std::array::from_fn(|number| table.entry(|condition| reserved(asked, condition, number)));
        if source == Source::Undecodable {
            let flag = |number: usize| u64::from(number == UNDECODABLE as usize);
            let entry = |number| table.entry(|condition| number_answer(asked, condition, flag(number)).0);
            table.reserved = std::array::from_fn(entry);
        }
        table.ask_of_hashes(asked, seed);
        table
    }

    fn ask_of_hashes(&mut self, asked: &Conditions, seed: u64) {
        let mut keys = Vec::new();
        for condition in self.conditions.clone() {
            if let Asks::Equality { keys: of, .. } = asked.asks(condition) {
                keys.extend(of.iter().map(|key| class_hash(key, seed)));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        self.keys = keys;
        let answers = |condition: usize, equal: bool| match asked.asks(condition) {
            Asks::Presence(is) => truth(is),
            Asks::Equality { negated, .. } if !equal => truth(negated),
            Asks::Equality { .. } | Asks::Value => Answer::Unread,
        };
        self.hashed = [true, false].map(|equal| self.entry(|condition| answers(condition, equal)));
    }

    /// The entry made of the answers of all conditions.
    fn entry(&self, mut answer: impl FnMut(usize) -> Answer) -> u8 {
        let mut conditions = self.conditions.clone();
        if self.is_clause {
            conditions.fold(NO, |state, condition| then(state, answer(condition)))
        } else {
            conditions.next().map_or(Answer::Unread, answer) as u8
        }
    }

    /// The entry for false.
    fn no(&self) -> u8 {
        if self.is_clause { NO } else { Answer::False as u8 }
    }

    /// Evaluates the conditions for values that are new, until `steps` are used up. Returns whether all are known.
    pub(super) fn fill(&mut self, asked: &mut Conditions, index: &FieldIndex, steps: &mut usize) -> bool {
        let Source::Field(field) = self.source else { return true };
        let Some(dictionary) = index.columns[field].numbered() else { return true };
        if self.numbers.is_current(dictionary) {
            return true;
        }
        let blank = PerId::new(self.no());
        let mut numbers = std::mem::replace(&mut self.numbers, blank);
        let is_done = numbers.fill(dictionary, steps, |value| {
            let mut all = 0;
            let entry = self.entry(|condition| {
                let (answer, steps) = value_answer(asked, condition, value);
                all += steps;
                answer
            });
            (entry, all + EVALUATION_STEPS)
        });
        self.numbers = numbers;
        if is_done {
            let no = self.no();
            let all = self.reserved.iter().chain(self.numbers.values());
            self.entries.clear();
            self.entries.extend(all);
            let size = [SMALL, MIDDLE, LARGE].into_iter().find(|size| self.entries.len() <= *size);
            self.entries.resize(size.unwrap_or(LARGE), no);
            let others = self.numbers.values().iter().enumerate().filter(|(_, entry)| **entry != no);
            let few: Vec<u32> = others
                .take(COMPARED_ALONE + 1)
                .filter_map(|(at, _)| u32::try_from(at + RESERVED).ok())
                .collect();
            self.few = (few.len() <= COMPARED_ALONE).then_some(few);
        }
        is_done
    }

    /// Whether all values of the index are known.
    pub(super) fn is_current(&self, index: &FieldIndex) -> bool {
        let Source::Field(field) = self.source else { return true };
        index.columns[field].numbered().is_none_or(|dictionary| self.numbers.is_current(dictionary))
    }

    /// Writes the entries of some rows of a chunk to `out`.
    pub(super) fn look_up(
        &mut self,
        asked: &mut Conditions,
        index: &FieldIndex,
        chunk: &Chunk,
        rows: Range<usize>,
        out: &mut [u8],
    ) {
        match self.source {
            Source::Message => out.fill(self.entry(|_| Answer::Unread)),
            Source::Length => self.look_up_lengths(asked, &chunk.column(LENGTH)[rows], out),
            Source::Undecodable => {
                let [is, is_not] = [UNDECODABLE, ABSENT].map(|number| self.reserved[number as usize]);
                for (out, value) in out.iter_mut().zip(&chunk.column(META)[rows]) {
                    *out = if *value == UNDECODABLE { is } else { is_not };
                }
            }
            Source::Field(field) => {
                let column = META + field;
                let values = &chunk.column(column)[rows];
                if chunk.is_hashed(column) {
                    self.look_up_hashes(values, out);
                } else {
                    self.look_up_numbers(&index.columns[field].reserved, values, out);
                }
            }
        }
    }

    fn look_up_numbers(&self, met: &[u64; RESERVED], values: &[u32], out: &mut [u8]) {
        let no = self.no();
        let numbers = self.numbers.values();
        if let Some(few) = &self.few {
            let is_met = |number: &usize| met[*number] > 0 && self.reserved[*number] != no;
            if few.len() + (0..RESERVED).filter(is_met).count() <= COMPARED_ALONE {
                out.fill(no);
                let mut compare = |number: u32, entry: u8| {
                    for (out, value) in out.iter_mut().zip(values) {
                        *out = if *value == number { entry } else { *out };
                    }
                };
                for number in few {
                    compare(*number, numbers.get(*number as usize - RESERVED).copied().unwrap_or(no));
                }
                for (number, entry) in
                    (0_u32..).zip(self.reserved).filter(|(number, _)| is_met(&(*number as usize)))
                {
                    compare(number, entry);
                }
                return;
            }
        }
        match self.entries.len() {
            SMALL => look_up::<SMALL>(&self.entries, values, out),
            MIDDLE => look_up::<MIDDLE>(&self.entries, values, out),
            _ => look_up::<LARGE>(&self.entries, values, out),
        }
    }

    fn look_up_hashes(&self, values: &[u32], out: &mut [u8]) {
        let [equal, other] = self.hashed;
        for (out, value) in out.iter_mut().zip(values) {
            *out = match self.reserved.get(*value as usize) {
                Some(entry) => *entry,
                None if equal == other => other,
                None if self.keys.len() <= COMPARED_ALONE && !self.keys.contains(value) => other,
                None if self.keys.len() > COMPARED_ALONE && self.keys.binary_search(value).is_err() => other,
                None => equal,
            };
        }
    }

    fn look_up_lengths(&mut self, asked: &mut Conditions, lengths: &[u32], out: &mut [u8]) {
        let mut known = std::mem::take(&mut self.lengths);
        known.resize(LENGTHS, UNMET);
        for (out, length) in out.iter_mut().zip(lengths) {
            let mut evaluate =
                || self.entry(|condition| number_answer(asked, condition, u64::from(*length)).0);
            *out = match known.get_mut(*length as usize) {
                Some(entry) => {
                    if *entry == UNMET {
                        *entry = evaluate();
                    }
                    *entry
                }
                None => evaluate(),
            };
        }
        self.lengths = known;
    }
}

/// Looks numbers up in a table of a known length, so that no number has to be checked against it.
fn look_up<const SIZE: usize>(entries: &[u8], values: &[u32], out: &mut [u8]) {
    let Some(entries) = entries.first_chunk::<SIZE>() else { return };
    for (out, value) in out.iter_mut().zip(values) {
        *out = entries[*value as usize & (SIZE - 1)];
    }
}

fn truth(is: bool) -> Answer {
    if is { Answer::True } else { Answer::False }
}

fn value_answer(asked: &mut Conditions, condition: usize, value: Value<'_>) -> (Answer, usize) {
    let (decided, steps) = asked.decide(condition, FieldValue::Value(value.raw));
    let answer = match (value.known, decided) {
        (Known::Exact, Some(is)) => truth(is),
        (Known::Exact, None) => Answer::Uncompared,
        (Known::ByText, Some(true)) => Answer::TextTrue,
        (Known::ByText, Some(false)) => Answer::TextFalse,
        (Known::ByText, None) => Answer::TextUncompared,
    };
    (answer, steps)
}

fn number_answer(asked: &mut Conditions, condition: usize, number: u64) -> (Answer, usize) {
    let (decided, steps) = asked.decide(condition, FieldValue::Number(number));
    (decided.map_or(Answer::Uncompared, truth), steps)
}

fn reserved(asked: &mut Conditions, condition: usize, number: usize) -> Answer {
    let absent = |asked: &mut Conditions| asked.decide(condition, FieldValue::Absent).0 == Some(true);
    match u32::try_from(number).unwrap_or(u32::MAX) {
        ABSENT => truth(absent(asked)),
        ABSENT_BY_TEXT if absent(asked) => Answer::TextTrue,
        ABSENT_BY_TEXT => Answer::TextFalse,
        OPAQUE => asked.decide_opaque(condition).map_or(Answer::Uncompared, truth),
        UNREADABLE | UNTOLD | UNDECODABLE => Answer::Unknown,
        _ => Answer::Unread,
    }
}
