//! A part of a list counted by its columns, from one message that has to be read to the next.

use std::ops::Range;

use super::groups::{Groups, INDEX_GROUPS_MAX, UNKNOWN};
use super::states::{KNOWN, MAYBE, Verdict, verdict};
use super::tallies::Tallies;
use super::{Counted, Judged, Verdicts};
use crate::filter::Grouping;
use crate::index::columns::ROWS;
use crate::index::fields::FieldIndex;
use crate::scan::{CountedUnread, GroupCount, Kept, Reached};

/// Rows of a block in which groups are counted: each of them can be the first of its group.
const GROUPED_ROWS: usize = if cfg!(test) { 4 } else { 1_024 };
/// If more messages of a block than this have to be read, a walk that reads is the better way.
pub const READ_PER_BLOCK_MAX: usize = 64;
/// A small number, so that tests reach it.
const MOST: usize = if cfg!(test) { 2 } else { READ_PER_BLOCK_MAX };
/// The time to give a group that was counted and to book it, and to find its number the first time, nanoseconds.
const GIVE_NS: u64 = 20;
const NAME_NS: u64 = 120;
/// The number of a group that has none yet.
const UNNAMED: u32 = u32::MAX;
/// Giving the groups takes much of a slice if it takes more than this part; keeping them for later ones is right up to this
/// part, for all groups that there can be.
const MUCH: u64 = if cfg!(test) { u64::MAX } else { 16 };
const MOST_OF_SLICE: (u64, u64) = (3, 4);
/// How many slices keep what they count before one gives it, at first and at most.
const PATIENCE: u32 = 4;
const PATIENCE_MAX: u32 = 64;
/// Groups that are named before the clock is read.
const NAMED_AT_ONCE: usize = 64;

/// The groups of a job, counted slice by slice.
#[derive(Debug, Clone)]
pub struct GroupCounter {
    groups: Groups,
    tallies: Tallies,
    /// The numbers that the job gave to combinations of values.
    named: Vec<u32>,
    /// How many have one.
    names: usize,
    /// How many of the groups that have a match were asked whether they have one, and how many had none.
    asked: usize,
    nameless: usize,
    /// How many values each field had when these numbers were given.
    widths: Vec<usize>,
    /// Values were forgotten once, because there were too many.
    is_renewed: bool,
    holds: Holds,
}

/// What was counted and not given yet.
#[derive(Debug, Clone)]
struct Holds {
    /// From which distance on, what, and the moves of the index since it was created.
    kept: Option<(u64, Kept, u64)>,
    /// The moves of the index in the slice before.
    moves: Option<u64>,
    /// How many slices have kept it, and how many may.
    slices: u32,
    patience: u32,
    /// Nothing is kept any more.
    is_off: bool,
}

impl Default for Holds {
    fn default() -> Self {
        Self { kept: None, moves: None, slices: 0, patience: PATIENCE, is_off: false }
    }
}

impl Holds {
    /// It was given.
    fn given(&mut self) {
        if self.kept.take().is_some() && self.slices >= self.patience {
            self.patience = (2 * self.patience).min(PATIENCE_MAX);
        }
        self.slices = 0;
    }

    /// Something happened meanwhile. The next slice gives what it counts, so that the job goes on however much happens.
    fn forget(&mut self) {
        if self.kept.take().is_some() {
            self.patience = 0;
        }
        self.slices = 0;
    }
}

impl GroupCounter {
    /// Groups by these fields; nothing where the index does not have one of them, or only hashes. With `inexact`, values
    /// that the sender's texts show make groups.
    #[must_use]
    pub fn new(grouping: &Grouping, index: &FieldIndex, inexact: bool) -> Option<Self> {
        let groups = Groups::new(grouping, index, inexact)?;
        Some(Self::of(groups, false))
    }

    fn of(groups: Groups, is_renewed: bool) -> Self {
        let (tallies, named, widths) = (Tallies::new(0), Vec::new(), Vec::new());
        let holds = Holds::default();
        Self { groups, tallies, named, names: 0, asked: 0, nameless: 0, widths, is_renewed, holds }
    }

    /// Makes the keys of values that were not met before, as [`Groups::prepare`]. Nothing where they have too many
    /// combinations.
    pub fn prepare(&mut self, grouping: &Grouping, index: &FieldIndex, steps: usize) -> Option<bool> {
        if !self.groups.prepare(index, steps) {
            return Some(false);
        }
        let combinations = self.groups.combinations();
        if combinations > INDEX_GROUPS_MAX {
            if self.is_renewed {
                return None;
            }
            // Values that have left have their keys still.
            let groups = Groups::new(grouping, index, self.groups.inexact())?;
            *self = Self::of(groups, true);
            return Some(false);
        }
        if !self.groups.widths().eq(self.widths.iter().copied()) {
            let is_one = self.widths.len() == 1;
            self.widths = self.groups.widths().collect();
            if !is_one {
                // The numbers of all combinations have changed.
                (self.names, self.named) = (0, Vec::new());
            }
            self.named.resize(combinations, UNNAMED);
            self.tallies = Tallies::new(combinations);
            self.holds.forget();
            (self.asked, self.nameless) = (0, 0);
        }
        self.is_renewed = false;
        Some(true)
    }

    /// The time that [`Self::give`] will take at most after one more block, nanoseconds.
    fn reserved_ns(&mut self) -> u64 {
        let met = self.tallies.met();
        let is_nameless = |group: &&u32| self.named.get(**group as usize) == Some(&UNNAMED);
        self.nameless += met[self.asked..].iter().filter(is_nameless).count();
        self.asked = met.len();
        let most = (met.len() + GROUPED_ROWS).min(self.named.len());
        let nameless = (self.nameless + GROUPED_ROWS).min(self.named.len() - self.names);
        most as u64 * GIVE_NS + nameless as u64 * NAME_NS
    }

    /// See [`crate::scan::Guide::resume`].
    pub(super) fn resume(&mut self, index: &FieldIndex, range: Range<u64>) -> Option<Kept> {
        let moves = index.moves();
        let is_still = self.holds.moves.replace(moves) == Some(moves);
        if is_still && self.holds.patience == 0 {
            self.holds.patience = 1;
        }
        let (start, kept, then) = self.holds.kept?;
        if start == range.start && kept.at <= range.end && then == moves {
            return Some(kept);
        }
        self.holds.forget();
        self.tallies.take(|_, _| {});
        (self.asked, self.nameless) = (0, 0);
        None
    }

    /// See [`crate::scan::Guide::should_keep`].
    pub(super) fn should_keep(&mut self, slice_ns: u64) -> bool {
        let most_ns = self.named.len() as u64 * GIVE_NS;
        let fits = most_ns.saturating_mul(MOST_OF_SLICE.1) <= slice_ns.saturating_mul(MOST_OF_SLICE.0);
        let is_much = most_ns.saturating_mul(MUCH) >= slice_ns;
        !self.holds.is_off && fits && is_much && self.holds.slices < self.holds.patience
    }

    /// See [`crate::scan::Guide::stop_keeping`].
    pub(super) fn stop_keeping(&mut self) {
        self.holds.is_off = true;
    }

    /// See [`crate::scan::Guide::keep`].
    pub(super) fn keep(&mut self, index: &FieldIndex, start: u64, kept: Kept) {
        self.holds.kept = Some((start, kept, index.moves()));
        self.holds.slices += 1;
    }

    /// See [`crate::scan::Guide::name`].
    pub(super) fn name(
        &mut self,
        number: &mut dyn FnMut(&[u8]) -> u32,
        goes_on: &mut dyn FnMut(u64) -> bool,
    ) -> bool {
        let Self { groups, tallies, named, names, .. } = self;
        let give_ns = tallies.met().len() as u64 * GIVE_NS;
        let mut key = Vec::new();
        let mut new = 0;
        for group in tallies.met().iter().map(|group| *group as usize) {
            if named.get(group) == Some(&UNNAMED) {
                if new % NAMED_AT_ONCE == 0 && new > 0 && !goes_on(0) {
                    return false;
                }
                groups.write_key(group, &mut key);
                named[group] = number(&key);
                (*names, new) = (*names + 1, new + 1);
            }
        }
        new == 0 || goes_on(give_ns)
    }

    /// See [`crate::scan::Guide::groups`].
    pub(crate) fn give(&mut self, number: &mut dyn FnMut(&[u8]) -> u32, all: &mut Vec<GroupCount>) {
        self.holds.given();
        let Self { groups, tallies, named, names, .. } = self;
        (self.asked, self.nameless) = (0, 0);
        let mut key = Vec::new();
        tallies.take(|at, tally| {
            if named[at] == UNNAMED {
                groups.write_key(at, &mut key);
                named[at] = number(&key);
                *names += 1;
            }
            all.push(GroupCount {
                group: named[at],
                count: u64::from(tally.count),
                bytes: tally.bytes,
                next: u64::from(tally.next),
                last: u64::from(tally.last),
            });
        });
    }
}

/// How a part of a list is counted.
pub(super) struct Asked<'a> {
    /// Matches are counted by group.
    pub(super) groups: Option<&'a mut GroupCounter>,
    /// Messages that match by their sender's texts are matches.
    pub(super) inexact: bool,
    /// Each match has to be read.
    pub(super) reads_matches: bool,
}

impl Verdicts {
    /// See [`crate::scan::Guide::count`].
    pub(super) fn count_range(
        &mut self,
        index: &FieldIndex,
        range: Range<u64>,
        Asked { mut groups, inexact, reads_matches }: Asked<'_>,
        goes_on: &mut dyn FnMut(u64) -> bool,
        unread: &mut CountedUnread,
    ) -> Option<Reached> {
        let is_ready = groups.as_ref().is_none_or(|groups| groups.groups.is_ready(index));
        if self.answerable(index, range.clone()) != Some(range.clone()) || !is_ready {
            return None;
        }
        let has_unknown = groups.as_ref().is_some_and(|groups| groups.groups.has_unknown(index));
        let block = if groups.is_some() { GROUPED_ROWS } else { ROWS };
        let mut counted = Counted::default();
        let mut reached = Reached { at: range.start, has_to_be_read: false };
        self.judge(index, range, block, &mut |judged| {
            let known = groups.as_deref().filter(|_| has_unknown).map(|groups| &groups.groups);
            let Some(first) = first_unread(judged, known, (inexact, reads_matches)) else {
                add(judged, groups.as_deref_mut(), &mut counted);
                reached.at = judged.last + judged.states.len() as u64;
                return goes_on(groups.as_deref_mut().map_or(0, GroupCounter::reserved_ns));
            };
            // Where most have to be read, nothing is counted here.
            if let Some(at) = first {
                add(&judged.nearer_than(at), groups.as_deref_mut(), &mut counted);
                reached = Reached { at: judged.distance(at), has_to_be_read: true };
            }
            false
        });
        debug_assert!(counted.candidates.is_empty(), "they are not counted");
        let texts = u64::from(inexact && groups.is_none());
        unread.messages += counted.examined;
        unread.matched += counted.matched + texts * counted.inexact;
        unread.matched_bytes += counted.matched_bytes + texts * counted.inexact_bytes;
        unread.inexact += counted.inexact;
        unread.undecodable += counted.undecodable;
        unread.unreadable += counted.unreadable;
        unread.uncompared += counted.uncompared;
        (counted.examined > 0 || reached.has_to_be_read).then_some(reached)
    }
}

fn add(judged: &Judged<'_>, groups: Option<&mut GroupCounter>, counted: &mut Counted) {
    match groups {
        Some(counter) => counter.tallies.add(&counter.groups, counted, judged),
        None => counted.add(judged),
    }
}

/// Finds the message nearest to the consumer end that has to be read, among those of a block. `None` if there is
/// none, `Some(None)` if there are too many. `groups` is given if messages may have to be read to know their group.
#[expect(clippy::option_option, reason = "none, one, or too many")]
fn first_unread(
    judged: &Judged<'_>,
    groups: Option<&Groups>,
    (inexact, reads_matches): (bool, bool),
) -> Option<Option<usize>> {
    // Bit 0 is set if the state may be a match and is not known.
    const { assert!(MAYBE == 1) };
    let shift = KNOWN.trailing_zeros();
    let all = if reads_matches {
        judged.states.iter().fold(0, |all, state| all | (state & MAYBE))
    } else {
        judged.states.iter().fold(0, |all, state| all | (state & MAYBE & !(state >> shift)))
    };
    if all == 0 && groups.is_none() {
        return None;
    }
    let is_unread = |at: &usize| {
        let is_match = match verdict(judged.states[*at]).0 {
            Verdict::Unread => return true,
            Verdict::Matched => true,
            Verdict::Inexact => inexact,
            Verdict::False | Verdict::Unreadable { .. } => false,
        };
        let is_unknown = |groups: &Groups| groups.number(judged, *at) & UNKNOWN > 0;
        is_match && (reads_matches || groups.is_some_and(is_unknown))
    };
    let mut unread = (0..judged.states.len()).rev().filter(is_unread);
    let first = unread.next()?;
    Some((unread.count() < MOST).then_some(first))
}
