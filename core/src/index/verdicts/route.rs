//! The way of a scan over a list: the messages that the columns of its index do not exclude.

use std::ops::Range;

use super::ranges::Asked;
use super::states::{DECODABLE, KNOWN, MAYBE, TRUE};
use super::{GroupCounter, Verdicts};
use crate::index::columns::Side;
use crate::index::fields::FieldIndex;
use crate::scan::{CountedUnread, GroupCount, Guide, JumpCosts, Kept, Reached, Route, Toward};

/// Rows that are looked at together: most of them exclude all of their messages.
const BLOCK: usize = 64;

impl Verdicts {
    /// See [`Guide::lead`]. Messages that do not match for sure are passed; those that are unknown are read,
    /// so that a scan counts them as it does without an index.
    fn lead(
        &mut self,
        index: &FieldIndex,
        range: Range<u64>,
        toward: Toward,
        most: usize,
        goes_on: &mut dyn FnMut() -> bool,
        route: &mut Route,
    ) -> bool {
        if self.answerable(index, range.clone()) != Some(range.clone()) {
            return false;
        }
        let far = index.len() - index.unread(Side::Producer);
        let near = index.unread(Side::Consumer);
        // The distances of the rows of a chunk, from where the walk begins.
        let mut base = if toward == Toward::ProducerEnd { near } else { far };
        let mut chunks = index.rows.chunks();
        loop {
            let chunk = match toward {
                Toward::ProducerEnd => chunks.next_back(),
                Toward::ConsumerEnd => chunks.next(),
            };
            let Some(chunk) = chunk else { break };
            let here = match toward {
                Toward::ProducerEnd => base..base + chunk.len() as u64,
                Toward::ConsumerEnd => base - chunk.len() as u64..base,
            };
            base = if toward == Toward::ProducerEnd { here.end } else { here.start };
            let (first, end) = (range.start.max(here.start), range.end.min(here.end));
            if first >= end {
                continue;
            }
            let row = |distance: u64| usize::try_from(here.end - distance).unwrap_or(0);
            let rows = row(end)..row(first);
            let states = self.states(index, chunk, rows);
            let is_whole = match toward {
                Toward::ProducerEnd => add(states.iter().rev(), first, toward, most, route),
                Toward::ConsumerEnd => add(states.iter(), end, toward, most, route),
            };
            if !is_whole || !goes_on() {
                break;
            }
        }
        true
    }
}

/// Adds the messages of some rows, in the order of the walk from the boundary `at` on, until there are
/// `most`. Returns whether all of them are known then.
fn add<'s>(
    mut states: impl DoubleEndedIterator<Item = &'s u8> + ExactSizeIterator,
    mut at: u64,
    toward: Toward,
    most: usize,
    route: &mut Route,
) -> bool {
    while states.len() > 0 {
        let mut block = [0_u8; BLOCK];
        let (mut filled, mut all, mut decodable) = (0, 0, DECODABLE);
        for (to, state) in block.iter_mut().zip(states.by_ref()) {
            *to = *state;
            (all, decodable, filled) = (all | *state, decodable & *state, filled + 1);
        }
        let block = &block[..filled];
        let boundary = |at: u64, n: u64| if toward == Toward::ProducerEnd { at + n } else { at - n };
        if all & MAYBE == 0 && decodable != 0 {
            at = boundary(at, filled as u64);
            continue;
        }
        for state in block {
            let next = boundary(at, 1);
            if state & MAYBE == 0 {
                route.pass_undecodable(u64::from(state & DECODABLE == 0));
            } else if route.candidates().len() < most {
                route.add(at.min(next), state & (TRUE | KNOWN) == TRUE | KNOWN);
            } else {
                route.reach(at);
                return false;
            }
            at = next;
            let is_last = route.candidates().len() == most && state & MAYBE != 0;
            if is_last && toward == Toward::ProducerEnd {
                // A window that is walked back begins with a message that has to be read.
                route.reach(at);
                return false;
            }
        }
    }
    route.reach(at);
    true
}

/// The verdicts of the filter of a scan, over the present columns.
#[derive(Debug)]
pub struct ListGuide<'a> {
    pub(crate) verdicts: &'a mut Verdicts,
    pub(crate) index: &'a FieldIndex,
    pub(crate) costs: &'a mut JumpCosts,
    pub(crate) counts: Counts<'a>,
    /// Messages that match by their sender's texts are matches.
    pub(crate) inexact: bool,
}

/// What the columns count.
#[derive(Debug)]
pub(crate) enum Counts<'a> {
    /// Nothing: the messages have to be read.
    Nothing,
    /// Matches.
    Matches,
    /// Matches by group.
    Groups(&'a mut GroupCounter),
}

impl ListGuide<'_> {
    fn counter(&mut self) -> Option<&mut GroupCounter> {
        match &mut self.counts {
            Counts::Groups(counter) => Some(counter),
            Counts::Nothing | Counts::Matches => None,
        }
    }
}

impl Guide for ListGuide<'_> {
    fn lead(
        &mut self,
        range: Range<u64>,
        toward: Toward,
        most: usize,
        goes_on: &mut dyn FnMut() -> bool,
        route: &mut Route,
    ) -> bool {
        self.verdicts.lead(self.index, range, toward, most, goes_on, route)
    }

    fn count(
        &mut self,
        range: Range<u64>,
        reads_matches: bool,
        goes_on: &mut dyn FnMut(u64) -> bool,
        counted: &mut CountedUnread,
    ) -> Option<Reached> {
        let groups = match &mut self.counts {
            Counts::Nothing => return None,
            Counts::Matches => None,
            Counts::Groups(groups) => Some(&mut **groups),
        };
        let asked = Asked { groups, inexact: self.inexact, reads_matches };
        self.verdicts.count_range(self.index, range, asked, goes_on, counted)
    }

    fn groups(&mut self, number: &mut dyn FnMut(&[u8]) -> u32, groups: &mut Vec<GroupCount>) {
        if let Counts::Groups(counter) = &mut self.counts {
            counter.give(number, groups);
        }
    }

    fn resume(&mut self, range: Range<u64>) -> Option<Kept> {
        let index = self.index;
        self.counter()?.resume(index, range)
    }

    fn should_keep(&mut self, slice_ns: u64) -> bool {
        self.counter().is_some_and(|counter| counter.should_keep(slice_ns))
    }

    fn stop_keeping(&mut self) {
        if let Some(counter) = self.counter() {
            counter.stop_keeping();
        }
    }

    fn keep(&mut self, start: u64, kept: Kept) {
        let index = self.index;
        if let Some(counter) = self.counter() {
            counter.keep(index, start, kept);
        }
    }

    fn name(&mut self, number: &mut dyn FnMut(&[u8]) -> u32, goes_on: &mut dyn FnMut(u64) -> bool) -> bool {
        self.counter().is_none_or(|counter| counter.name(number, goes_on))
    }

    fn costs(&mut self) -> &mut JumpCosts {
        self.costs
    }
}
