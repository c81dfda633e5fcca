//! A filter over the columns of an index: counts, groups and positions of its matches, without reading the list.
//!
//! Every condition is evaluated once for each distinct value, by the code that evaluates it for a message. What it says
//! is put into a table by the number of the value, and a count looks the numbers of all rows up in the tables. So each operator means
//! what it means in a scan, including what is unknown, and counts are equal to those of a scan of the same messages.
//!
//! Some messages have to be read all the same: where a value is too long to be kept, where a field has too many values for a
//! dictionary and is kept as hashes, or where a condition is on a field that the index does not have. They are listed as
//! *candidates*, unless the rest of the filter excludes them. A filter that excludes nothing is refused.
//!
//! A candidate is judged by the caller, who reads it. Messages that are excluded by what the index knows count as false, even
//! where a scan would give up on a condition that the index does not know because it takes too much work.

mod groups;
mod ranges;
mod route;
mod states;
mod table;
mod tallies;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::codes::UNDECODABLE;
use super::columns::{Chunk, LENGTH, META, ROWS, Side};
use super::fields::FieldIndex;
use crate::field;
use crate::filter::{Conditions, Filter};
pub use groups::{Grouped, Groups, INDEX_GROUPS_MAX, KeyCount};
pub use ranges::{GroupCounter, READ_PER_BLOCK_MAX};
pub(crate) use route::Counts;
pub use route::ListGuide;
use states::{ALL, DECODABLE, KNOWN, MAYBE, NO, THEN, TRUE, Verdict, verdict};
use table::{Source, Table};

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Messages that the count is about, without candidates.
    pub examined: u64,
    /// Matches.
    pub matched: u64,
    /// Their bytes.
    pub matched_bytes: u64,
    /// Messages that match only by their sender's texts.
    pub inexact: u64,
    /// Their bytes.
    pub inexact_bytes: u64,
    /// Messages whose verdict is unknown.
    pub unreadable: u64,
    /// Those of them with a value that could not be compared.
    pub uncompared: u64,
    /// Elements that are not JSON objects.
    pub undecodable: u64,
    /// Messages that have to be read: their distances from the consumer end, ascending.
    pub candidates: Vec<u64>,
}

/// The positions of matches in a part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positions {
    /// Distances from the consumer end, ascending: of matches, of candidates and of unread messages.
    pub found: Vec<u64>,
    /// The distance at which to continue.
    pub next: u64,
}

/// One filter over one index.
#[derive(Debug, Clone)]
pub struct Verdicts {
    asked: Conditions,
    clauses: Vec<Vec<Table>>,
    buffers: Box<[[u8; ROWS]; 3]>,
}

/// Some rows of a chunk with what the filter says of each.
struct Judged<'a> {
    chunk: &'a Chunk,
    rows: Range<usize>,
    states: &'a [u8],
    /// Distance of the last row from the consumer end.
    last: u64,
}

impl Judged<'_> {
    fn lengths(&self) -> &[u32] {
        &self.chunk.column(LENGTH)[self.rows.clone()]
    }

    /// The rows that are nearer to the consumer end than the one at a position of `states`.
    fn nearer_than(&self, at: usize) -> Self {
        let rows = self.rows.start + at + 1..self.rows.end;
        Self { chunk: self.chunk, rows, states: &self.states[at + 1..], last: self.last }
    }

    /// The distance of the row at a position of `states`.
    fn distance(&self, at: usize) -> u64 {
        self.last + (self.states.len() - 1 - at) as u64
    }
}

impl Verdicts {
    /// The verdicts of `filter`; nothing where no clause of it is on fields of the index alone, so that nothing could be
    /// excluded.
    #[must_use]
    pub fn new(filter: &Filter, index: &FieldIndex) -> Option<Self> {
        let mut asked = Conditions::new(filter);
        let mut narrows = filter.is_all();
        let mut clauses = Vec::new();
        for conditions in asked.clauses().to_vec() {
            let sources: Vec<Source> =
                conditions.clone().map(|condition| source(asked.field(condition), index)).collect();
            narrows |= !sources.contains(&Source::Message);
            let is_one = sources.windows(2).all(|pair| pair[0] == pair[1]);
            let parts: Vec<Range<usize>> = if is_one {
                vec![conditions.clone()]
            } else {
                conditions.clone().map(|at| at..at + 1).collect()
            };
            let table = |(part, source): (Range<usize>, Source)| {
                Table::new(source, part, is_one, &mut asked, index.seed)
            };
            clauses.push(parts.into_iter().zip(sources).map(table).collect());
        }
        narrows.then(|| Self { asked, clauses, buffers: Box::new([[0; ROWS]; 3]) })
    }

    /// Evaluates the conditions for values that were not met before, as far as `steps` go: a step is about a nanosecond.
    /// Returns whether all are evaluated, so that answers can be given until the index changes. Needed before each answer;
    /// where no value is new it costs next to nothing.
    ///
    /// A scan stops evaluating a message that takes too much work ([`crate::filter::Work`]). All conditions of a filter together
    /// never take as much on values that are short enough to be kept, so the two never differ; a test holds that.
    pub fn prepare(&mut self, index: &FieldIndex, mut steps: usize) -> bool {
        self.clauses.iter_mut().flatten().all(|table| table.fill(&mut self.asked, index, &mut steps))
    }

    fn is_ready(&self, index: &FieldIndex) -> bool {
        self.clauses.iter().flatten().all(|table| table.is_current(index))
    }

    /// Counts the messages whose distances from the consumer end are in `range`. Nothing if one of them is unread, if the verdicts
    /// were not prepared since the index changed, or if there are more than `candidates` candidates.
    pub fn count(&mut self, index: &FieldIndex, range: Range<u64>, candidates: usize) -> Option<Counted> {
        let range = self.answerable(index, range)?;
        let mut counted = Counted::default();
        let fits = self.judge(index, range, ROWS, &mut |judged| {
            counted.add(judged);
            counted.candidates.len() <= candidates
        });
        fits.then_some(counted)
    }

    /// The range without what is beyond the list, if an answer about it can be given.
    fn answerable(&self, index: &FieldIndex, range: Range<u64>) -> Option<Range<u64>> {
        let range = range.start..range.end.min(index.len());
        let (unread, read) = (index.unread(Side::Consumer), index.rows.region());
        let is_read =
            range.is_empty() || (range.start >= unread && range.end - unread <= read.end - read.start);
        (is_read && self.is_ready(index)).then_some(range)
    }

    /// Finds matches from a distance from the consumer end on, until `most` are found or `rows` messages were gone through. A match is
    /// what has to be read and judged before it is cleared: also every candidate and every unread message. With
    /// `inexact`, messages that match by their sender's texts are matches. Nothing if the verdicts were not prepared since the index
    /// changed.
    ///
    /// The distances are true until the list changes: the caller uses them at once and then asks anew, from `next` corrected
    /// by what it deleted.
    pub fn positions(
        &mut self,
        index: &FieldIndex,
        from: u64,
        inexact: bool,
        most: usize,
        rows: u64,
    ) -> Option<Positions> {
        if !self.is_ready(index) {
            return None;
        }
        let end = from.saturating_add(rows).min(index.len());
        let read = index.unread(Side::Consumer)..index.len() - index.unread(Side::Producer);
        let mut positions = Positions { found: Vec::new(), next: from };
        let unread = |positions: &mut Positions, until: u64| {
            while positions.next < until && positions.found.len() < most {
                positions.found.push(positions.next);
                positions.next += 1;
            }
            positions.next >= until
        };
        if !unread(&mut positions, end.min(read.start)) {
            return Some(positions);
        }
        let rows = positions.next.max(read.start)..end.min(read.end);
        if !rows.is_empty() {
            let until = rows.end;
            let is_whole = self.judge(index, rows, ROWS, &mut |judged| {
                for (at, state) in judged.states.iter().enumerate().rev() {
                    let is_match = match verdict(*state).0 {
                        Verdict::Matched | Verdict::Unread => true,
                        Verdict::Inexact => inexact,
                        Verdict::False | Verdict::Unreadable { .. } => false,
                    };
                    if is_match {
                        if positions.found.len() == most {
                            positions.next = judged.distance(at);
                            return false;
                        }
                        positions.found.push(judged.distance(at));
                    }
                }
                true
            });
            if !is_whole {
                return Some(positions);
            }
            positions.next = until;
        }
        unread(&mut positions, end);
        Some(positions)
    }

    /// Judges the rows of read messages at these distances from the consumer end, chunk by chunk from there and at most
    /// `block` rows at a time, until `each` returns false. Returns whether it never did.
    fn judge(
        &mut self,
        index: &FieldIndex,
        distances: Range<u64>,
        block: usize,
        each: &mut dyn FnMut(&Judged<'_>) -> bool,
    ) -> bool {
        // The distance of the last row of a chunk.
        let mut base = index.unread(Side::Consumer);
        for chunk in index.rows.chunks().rev() {
            let here = base..base + chunk.len() as u64;
            base = here.end;
            let (first, end) = (distances.start.max(here.start), distances.end.min(here.end));
            if here.start >= distances.end {
                break;
            }
            if first >= end {
                continue;
            }
            let row = |distance: u64| usize::try_from(here.end - distance).unwrap_or(0);
            let mut last = first;
            while last < end {
                let next = end.min(last + block as u64);
                let rows = row(next)..row(last);
                let states = self.states(index, chunk, rows.clone());
                if !each(&Judged { chunk, rows, states, last }) {
                    return false;
                }
                last = next;
            }
        }
        true
    }
}

impl Verdicts {
    /// Returns what the filter says of some rows of a chunk.
    fn states(&mut self, index: &FieldIndex, chunk: &Chunk, rows: Range<usize>) -> &[u8] {
        let has_undecodable =
            index.columns.first().is_none_or(|column| column.reserved[UNDECODABLE as usize] > 0);
        let [states, clause, found] = self.buffers.each_mut().map(|buffer| &mut buffer[..rows.len()]);
        states.fill(ALL);
        for tables in &mut self.clauses {
            let is_one = tables.len() == 1;
            if !is_one {
                clause.fill(NO);
            }
            for table in tables {
                table.look_up(&mut self.asked, index, chunk, rows.clone(), found);
                if !is_one {
                    for (state, answer) in clause.iter_mut().zip(&*found) {
                        *state = THEN[usize::from(answer & 7)][usize::from(*state & 127)];
                    }
                }
            }
            let clause = if is_one { &*found } else { &*clause };
            for (state, clause) in states.iter_mut().zip(clause) {
                *state &= clause;
            }
        }
        if has_undecodable {
            for (state, value) in states.iter_mut().zip(&chunk.column(META)[rows]) {
                *state &= if *value == UNDECODABLE { !DECODABLE } else { ALL };
            }
        }
        states
    }
}

/// What a state has if the message matches and nothing else is to be said.
const PLAIN: u8 = MAYBE | TRUE | KNOWN | DECODABLE;

/// Whether a row matches, and whether it is one that does not and of which nothing is to be said either.
#[inline(always)]
fn plain(state: u8) -> (bool, bool) {
    (state & PLAIN == PLAIN, state & (MAYBE | DECODABLE) == DECODABLE)
}

impl Counted {
    fn add(&mut self, judged: &Judged<'_>) {
        let (mut matched, mut others, mut bytes) = (0_u32, 0_u32, 0_u64);
        for (states, lengths) in judged.states.chunks(BLOCK).zip(judged.lengths().chunks(BLOCK)) {
            // Fits: there are no more rows than a byte counts.
            let (mut here, mut not) = (0_u8, 0_u8);
            for state in states {
                let (is, is_not) = plain(*state);
                here += u8::from(is);
                not += u8::from(is_not);
            }
            matched += u32::from(here);
            others += u32::try_from(states.len()).unwrap_or(u32::MAX) - u32::from(here) - u32::from(not);
            if here > 0 {
                bytes += sum_of_matches(states, lengths);
            }
        }
        self.examined += judged.states.len() as u64 - u64::from(others);
        self.matched += u64::from(matched);
        self.matched_bytes += bytes;
        if others > 0 {
            self.add_others(judged);
        }
    }

    /// The rows that are neither plain matches nor plainly none.
    fn add_others(&mut self, judged: &Judged<'_>) {
        let rows = judged.states.iter().zip(judged.lengths()).enumerate().rev();
        for (at, (state, length)) in rows {
            let (is, is_not) = plain(*state);
            if is || is_not {
                continue;
            }
            let (verdict, is_undecodable) = verdict(*state);
            if verdict == Verdict::Unread {
                self.candidates.push(judged.distance(at));
                continue;
            }
            self.examined += 1;
            self.undecodable += u64::from(is_undecodable);
            match verdict {
                Verdict::Matched => {
                    self.matched += 1;
                    self.matched_bytes += u64::from(*length);
                }
                Verdict::Inexact => {
                    self.inexact += 1;
                    self.inexact_bytes += u64::from(*length);
                }
                Verdict::Unreadable { uncompared } => {
                    self.unreadable += 1;
                    self.uncompared += u64::from(uncompared);
                }
                Verdict::False | Verdict::Unread => {}
            }
        }
    }
}

/// Rows whose matches are counted together: no more than fit a byte.
const BLOCK: usize = 192;
/// The lengths of a block that are below this have a sum that fits 32 bits.
const SHORT: u32 = 1 << 24;

/// The sum of the lengths of plain matches in a block. Sums of 32 bits take half the time of sums of 64.
fn sum_of_matches(states: &[u8], lengths: &[u32]) -> u64 {
    let (mut sum, mut all) = (0_u32, 0_u32);
    for (state, length) in states.iter().zip(lengths) {
        let of = if plain(*state).0 { *length } else { 0 };
        sum = sum.wrapping_add(of);
        all |= of;
    }
    if all < SHORT {
        return u64::from(sum);
    }
    let of = |(state, length): (&u8, &u32)| if plain(*state).0 { u64::from(*length) } else { 0 };
    states.iter().zip(lengths).map(of).sum()
}

/// Where the index has a field.
fn source(of: &field::Field, index: &FieldIndex) -> Source {
    match of.source {
        field::Source::Size => Source::Length,
        field::Source::Undecodable => Source::Undecodable,
        _ if of.any => Source::Message,
        _ => {
            let at = index.columns.iter().position(|column| column.field.is_same_place(of));
            at.map_or(Source::Message, Source::Field)
        }
    }
}
