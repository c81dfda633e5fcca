//! Matches counted by the number of their group, block by block.
//!
//! Nearly all rows are plain: they match, or they do not, and their group is known. These are counted in passes
//! without a decision for each row. First the group of each row is looked up in a table, next those that do not
//! match get the number of a group that nobody asks for, and then all are added up. Few groups are counted in
//! several *lanes*, because adding to the same number again and again would have to wait for the sum before.

use std::ops::Range;

use super::groups::{BY_TEXT, Grouped, Groups, INDEX_GROUPS_MAX, KeyCount, NUMBERS, UNKNOWN, UNREAD_BODY};
use super::states::{Verdict, verdict};
use super::{BLOCK, Counted, Judged, PLAIN, SHORT, Verdicts, plain};
use crate::index::columns::ROWS;
use crate::index::fields::FieldIndex;

/// The number of lanes.
const LANES: usize = 4;
/// The most groups that are counted in lanes, so that they fit into the first cache of a processor.
const FEW_GROUPS: usize = if cfg!(test) { 3 } else { 128 };
/// If at least this part of all groups has a match, all of them are looked at.
const FULL: usize = 8;
/// If fewer rows of a block than this part match, the others are skipped one by one.
const FEW: usize = 4;

/// The matches of one group.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) count: u32,
    /// The least and the largest distance from the consumer end.
    pub(super) next: u32,
    pub(super) last: u32,
    pub(super) bytes: u64,
}

impl Tally {
    fn add(&mut self, distance: u32, length: u64) {
        self.join(&Self { count: 1, next: distance, last: distance, bytes: length });
    }

    fn join(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.next = if self.count == 0 { other.next } else { self.next.min(other.next) };
        self.last = self.last.max(other.last);
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// The matches of all groups of one grouping.
#[derive(Debug, Clone)]
pub(super) struct Tallies {
    /// The number of groups. The group with this number has the rows that do not match.
    groups: usize,
    lanes: usize,
    /// By group, the lanes of a group side by side.
    all: Vec<Tally>,
    /// Groups with a match; some of them several times.
    met: Vec<u32>,
    /// The groups of the rows of a block.
    numbers: Vec<u32>,
}

impl Tallies {
    /// Starts without a match of any group.
    pub(super) fn new(groups: usize) -> Self {
        let lanes = if groups <= FEW_GROUPS { LANES } else { 1 };
        Self {
            groups,
            lanes,
            all: vec![Tally::default(); (groups + 1) * lanes],
            met: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Returns the groups with a match; some of them several times.
    pub(super) fn met(&self) -> &[u32] {
        &self.met
    }

    /// Gives the groups with a match, in no particular order, and forgets all matches.
    pub(super) fn take(&mut self, mut each: impl FnMut(usize, &Tally)) {
        let (groups, lanes) = (self.groups, self.lanes);
        let mut give = |group: usize, lanes: &mut [Tally]| {
            let sum = if let [one] = lanes {
                std::mem::take(one)
            } else {
                lanes.iter_mut().fold(Tally::default(), |mut sum, lane| {
                    sum.join(&std::mem::take(lane));
                    sum
                })
            };
            if sum.count > 0 && group < groups {
                each(group, &sum);
            }
        };
        if self.met.len() >= groups / FULL {
            // They are taken in the order in which they are in memory.
            self.all.chunks_mut(lanes).enumerate().for_each(|(group, lanes)| give(group, lanes));
            self.met.clear();
        } else {
            for group in self.met.drain(..) {
                let group = group as usize;
                give(group, &mut self.all[group * lanes..(group + 1) * lanes]);
            }
        }
    }

    /// Adds the rows of a block. Blocks are added in the order from the consumer end.
    pub(super) fn add(&mut self, groups: &Groups, counted: &mut Counted, judged: &Judged<'_>) {
        let trash = u32::try_from(self.groups).unwrap_or(NUMBERS);
        self.numbers.resize(judged.states.len(), trash);
        groups.look_up(judged, &mut self.numbers);
        let plainly = select(judged, &mut self.numbers, trash);
        counted.examined += plainly.matched + plainly.not;
        counted.matched += plainly.matched;
        counted.matched_bytes += plainly.bytes;
        let rows = judged.states.len() as u64;
        if plainly.matched * FEW as u64 > rows {
            self.add_all(judged);
        } else if plainly.matched > 0 {
            self.add_few(judged, trash);
        }
        if plainly.matched + plainly.not < rows {
            self.add_others(groups, counted, judged);
        }
    }

    /// Adds all rows, also those that do not match.
    fn add_all(&mut self, judged: &Judged<'_>) {
        let rows = Rows { numbers: &self.numbers, lengths: judged.lengths(), last: narrow(judged.last) };
        if self.lanes == LANES {
            add_rows::<LANES>(&mut self.all, &mut self.met, &rows);
        } else {
            add_rows::<1>(&mut self.all, &mut self.met, &rows);
        }
    }

    /// Adds the rows that match and skips the others.
    fn add_few(&mut self, judged: &Judged<'_>, trash: u32) {
        let Self { all, met, numbers, lanes, .. } = self;
        let rows = numbers.iter().zip(judged.lengths()).rev();
        for (distance, (number, length)) in (narrow(judged.last)..).zip(rows) {
            if *number != trash
                && let Some(tally) = all.get_mut(*number as usize * *lanes)
            {
                add(tally, met, *number, distance, *length);
            }
        }
    }

    /// Adds the rows about which there is something else to say.
    fn add_others(&mut self, groups: &Groups, counted: &mut Counted, judged: &Judged<'_>) {
        for at in (0..judged.states.len()).rev() {
            let state = judged.states[at];
            let (is, is_not) = plain(state);
            let number = groups.number(judged, at);
            if is_not || (is && number < NUMBERS) {
                continue;
            }
            let (verdict, is_undecodable) = verdict(state);
            let length = u64::from(judged.lengths()[at]);
            let is_match = verdict == Verdict::Matched || (verdict == Verdict::Inexact && groups.inexact());
            if verdict == Verdict::Unread || (is_match && number & UNKNOWN > 0) {
                counted.candidates.push(judged.distance(at));
                continue;
            }
            counted.examined += 1;
            counted.undecodable += u64::from(is_undecodable);
            let by_text = is_match && number & BY_TEXT > 0;
            if verdict == Verdict::Inexact || by_text {
                counted.inexact += 1;
                counted.inexact_bytes += length;
            }
            match verdict {
                Verdict::Unreadable { uncompared } => {
                    counted.unreadable += 1;
                    counted.uncompared += u64::from(uncompared);
                }
                _ if is_match => {
                    counted.matched += 1;
                    counted.matched_bytes += length;
                    counted.unreadable += u64::from(number & UNREAD_BODY > 0);
                    let (group, distance) = (number & (NUMBERS - 1), judged.distance(at));
                    self.met.push(group);
                    let tally = &mut self.all[group as usize * self.lanes];
                    tally.add(narrow(distance), length);
                }
                _ => {}
            }
        }
    }
}

/// There are no more messages than fit.
fn narrow(distance: u64) -> u32 {
    u32::try_from(distance).unwrap_or(u32::MAX)
}

/// The rows of a block.
struct Rows<'a> {
    numbers: &'a [u32],
    lengths: &'a [u32],
    /// The distance of the last one.
    last: u32,
}

/// Adds all rows of a block, each to another lane than the one before it.
#[inline(never)]
fn add_rows<const LANES: usize>(all: &mut [Tally], met: &mut Vec<u32>, rows: &Rows<'_>) {
    let mut lane = 0;
    let mut distance = rows.last;
    for (number, length) in rows.numbers.iter().zip(rows.lengths).rev() {
        if let Some(tally) = all.get_mut(*number as usize * LANES + lane) {
            add(tally, met, *number, distance, *length);
        }
        lane = (lane + 1) % LANES;
        distance = distance.wrapping_add(1);
    }
}

/// Adds a row whose distance is larger than those of the rows before it.
#[inline(always)]
fn add(tally: &mut Tally, met: &mut Vec<u32>, number: u32, distance: u32, length: u32) {
    if tally.count == 0 {
        begin(tally, met, number, distance);
    }
    tally.last = distance;
    tally.count += 1;
    tally.bytes += u64::from(length);
}

#[cold]
fn begin(tally: &mut Tally, met: &mut Vec<u32>, number: u32, distance: u32) {
    tally.next = distance;
    met.push(number);
}

/// The rows of a block of which nothing else is to be said.
#[derive(Debug, Clone, Copy, Default)]
struct Plainly {
    /// They match, and their group is known.
    matched: u64,
    /// The bytes of these.
    bytes: u64,
    /// They do not match.
    not: u64,
}

/// Counts the plain rows of a block, and gives the number `trash` to all that are not plain matches. Each pass has
/// numbers of one width, so that the compiler vectorises it.
#[inline(never)]
fn select(judged: &Judged<'_>, numbers: &mut [u32], trash: u32) -> Plainly {
    let mut plainly = Plainly::default();
    let blocks = judged.states.chunks(BLOCK).zip(judged.lengths().chunks(BLOCK));
    for ((states, lengths), numbers) in blocks.zip(numbers.chunks_mut(BLOCK)) {
        // Fits: there are no more rows than a byte counts.
        let not = states.iter().fold(0_u8, |not, state| not + u8::from(plain(*state).1));
        let mut matched = 0_u32;
        for (state, number) in states.iter().zip(&mut *numbers) {
            let other = u32::from(!state & PLAIN) | (*number & !(NUMBERS - 1));
            *number = if other == 0 { *number } else { trash };
            matched += u32::from(other == 0);
        }
        plainly.not += u64::from(not);
        plainly.matched += u64::from(matched);
        if matched > 0 {
            plainly.bytes += sum(numbers, lengths, trash);
        }
    }
    plainly
}

/// The sum of the lengths of rows with another number than `trash`. Sums of 32 bits take half the time of sums of 64.
fn sum(numbers: &[u32], lengths: &[u32], trash: u32) -> u64 {
    let (mut sum, mut all) = (0_u32, 0_u32);
    for (number, length) in numbers.iter().zip(lengths) {
        let of = if *number == trash { 0 } else { *length };
        sum = sum.wrapping_add(of);
        all |= of;
    }
    if all < SHORT {
        return u64::from(sum);
    }
    let of = |(number, length): (&u32, &u32)| if *number == trash { 0 } else { u64::from(*length) };
    numbers.iter().zip(lengths).map(of).sum()
}

impl Verdicts {
    /// Counts the messages whose distances from the consumer end are in `range` by groups. Nothing where [`Self::count`] gives none,
    /// where the groups were not prepared since the index changed, where there are too many combinations of values, and
    /// beyond 2^32 messages.
    pub fn count_by(
        &mut self,
        groups: &Groups,
        index: &FieldIndex,
        range: Range<u64>,
        candidates: usize,
    ) -> Option<Grouped> {
        let range = self.answerable(index, range)?;
        let combinations = groups.combinations();
        let is_too_long = u32::try_from(range.end).is_err();
        if combinations > INDEX_GROUPS_MAX || is_too_long || !groups.is_ready(index) {
            return None;
        }
        let mut tallies = Tallies::new(combinations);
        let mut counted = Counted::default();
        let fits = self.judge(index, range, ROWS, &mut |judged| {
            tallies.add(groups, &mut counted, judged);
            counted.candidates.len() <= candidates
        });
        let mut all = Vec::new();
        tallies.take(|number, tally| {
            let mut key = Vec::new();
            groups.write_key(number, &mut key);
            all.push(KeyCount {
                key,
                count: u64::from(tally.count),
                bytes: tally.bytes,
                next: u64::from(tally.next),
                last: u64::from(tally.last),
            });
        });
        fits.then_some(Grouped { counted, groups: all })
    }
}
