//! The scan over lists, by position.
//!
//! # Coordinates
//! A queue changes at both ends while a job works, so positions are counted from the *next end* (the tail,
//! where workers pop): distance 0 runs next, distance `len - 1` is the head where producers push. A list
//! index is `len - 1 - distance`. Counted this way a push at the head moves nothing. Six marks divide the
//! queue, and every event moves them by arithmetic alone:
//!
//! ```text
//!   tail, runs next                                                          head, producers push
//!   0 ...... late ...... next ...... cursor ...... top ............ end ................ len
//!   pushed    examined,      rest of     examined,     unexamined       pushed later
//!   later     stayed         the window  stayed
//! ```
//!
//! `late <= next <= cursor <= top <= end <= len` always holds. What was in the queue when the job was
//! accepted is exactly `[late, end)`; what is left to examine is `[next, cursor)` and `[top, end)`. Pops
//! eat into the zones from either end, and what a pop takes of the unexamined is *drift*: a worker was faster
//! than the scan.
//!
//! # Windows
//! A list is read fastest from the head towards the tail, and on the iterator that a server gives to a module
//! messages can be taken out in that direction only: a walk that turns round, or deletes while it walks
//! towards the head, deletes others than it reads. So the scan takes the messages at the next end a *window*
//! at a time and walks each window from its far side (`top`) back to `next`, deleting as it goes. The size of
//! a window is a guess at what fits into a slice; where the guess was too high the rest of the window, which
//! lies nearer to the next end, comes first in the following slice. While the oldest match must be met first
//! (KEEPONE until it has one, a sample that fills) the scan walks towards the head, and deletes nothing.
//!
//! # Oldest first
//! Which matches go may depend on those that run before them (LIMIT, one of each value). Then every slice walks
//! towards the head and notes what is to go; the queue is opened anew, and a second walk, away from the head,
//! takes out what was noted, each message once more compared with what was judged. That costs a second seek, in
//! slices that take something out. The second walk cannot stop half-way, because it meets first what runs last;
//! so the first walk leaves time for it: for each match as much as taking one out has cost lately.
//!
//! # Counting first
//! What is to go may also depend on matches that run later (the newest is kept, an expected number). Then a
//! first pass counts and writes nothing, and a second one over what is left of the same snapshot clears.
//!
//! # What stays
//! KEEPONE rests on messages that stay, and those may leave at any moment, by any hand. A worker that takes the oldest
//! match from the next end runs it: no other match has to stay in its place. A match that leaves in any other way does
//! not run, so the oldest match that is left stays instead, and the scan goes back to walking towards the head until it
//! has met that one. The same holds for the match of each value with BY. Of the newest matches the scan remembers many
//! places; a match goes only while a newer one is known to be in the queue, and when that cannot be known any more the
//! scan counts once more. See `newest` and `places`.
//!
//! Where workers pop from the head, distances are counted from there and every event is seen in a mirror; all else is
//! the same. Such a queue is always walked from its next end: that is the way on which messages can be taken out.
//!
//! # Into another list
//! What is put behind the messages of another list goes there oldest first: such slices are those above. What is put
//! before them, at the next end, goes there newest first. Then the window is all that is left of the snapshot, and is
//! walked back over many slices. A slice takes out a bounded number of bytes, which are held until they are in the other list.
//!
//! # Several lists
//! A queue with priorities is several lists, looked into by workers in one order. The scan takes them in that order, one
//! after the other; each has its own marks and is followed from the start, so the snapshot is that of one moment over
//! all of them. What is decided over all matches (the one that stays, a bound, an expected number, the values that were
//! met) is decided over all lists, and so are the passes: an edit inside one of them begins another pass over all.
//!
//! # Edits inside the list
//! LREM, LINSERT, LSET, LTRIM and their like tell no positions. What LREM and LTRIM take out is *missing*: how many
//! messages it is, is told by the change of length, and where they stood is found out before the next look. The scan
//! remembers a few messages on either side of each mark, by fingerprint, and tries every number of missing messages
//! that may have been nearer than the mark. If exactly one explains what stands there now, the mark is found, and what
//! was missing of the unexamined is drift. Until then all marks but the length are those before the removal, and events at
//! the ends move them as ever, as long as they do so in the same way wherever the missing messages stood. See `bearings`
//! and `surroundings`.
//!
//! In every other case (LINSERT, LSET, equal messages side by side, an edit that nobody told) the scan starts another
//! pass at the next end over what may still be the snapshot: it leaves alone as many messages at either end as had been
//! pushed there since the job began, which can only spare too many, never too few.

mod bearings;
mod marks;
#[cfg(test)]
mod model_test;
mod newest;
mod outcome;
mod passes;
mod places;
mod queue;
mod state;
mod surroundings;
mod track;
mod window;

pub use marks::{MAX_PASSES, Marks};
pub use newest::NEWEST_MAX;
pub use outcome::{Deletion, ListOutcome, fingerprint};
pub use queue::Queue;

use crate::queue::End;
use crate::scan::contract::Progress;
use crate::scan::counters::Counters;
use crate::scan::event::Event;
use crate::scan::plan::{Effect, Plan};
use crate::scan::sample::SampleRow;
use crate::scan::values::Values;
use marks::Missing;
use newest::Known;
use places::Departure;
use track::Track;

/// One job's walk over one live queue.
#[derive(Debug)]
pub struct ListScan {
    /// In the order in which workers look into them; one at least.
    lists: Vec<Track>,
    /// The one that is walked: all before it are done.
    at: usize,
    plan: Plan,
    /// It is in the first of two passes.
    counting: bool,
    /// Matches that the first of two passes found.
    counted: Option<u64>,
    /// Times that it began with its first pass.
    starts: u64,
    /// A match that stays has been met in this pass, and is in the queue, or ran.
    spared: bool,
    values: Values,
    /// There was no room for one more value.
    overflowed: bool,
    counters: Counters,
    edits: u64,
    /// Edits in place after which it found its place again.
    refound: u64,
    gave_up: bool,
    /// It began anew as often as it may, and does not know which match is the newest.
    newest_unknown: bool,
}

impl ListScan {
    /// A scan over the `len` messages that are in the queue now.
    #[must_use]
    pub fn new(plan: Plan, len: u64) -> Self {
        Self::over(plan, &[len])
    }

    /// A scan over the messages that are in several lists now, in the order in which workers look into them: so many in
    /// each.
    #[must_use]
    pub fn over(plan: Plan, lens: &[u64]) -> Self {
        let len = lens.iter().sum();
        let counters = Counters { total: len, passes_run: 1, ..Counters::default() };
        let lens = if lens.is_empty() { &[0] } else { lens };
        let mut scan = Self {
            lists: lens.iter().map(|len| Track::new(*len)).collect(),
            at: 0,
            plan,
            counting: plan.counts_first(),
            counted: None,
            starts: 1,
            spared: false,
            values: Values::new(if plan.effect == Effect::KeepEach { len } else { 0 }),
            overflowed: false,
            counters,
            edits: 0,
            refound: 0,
            gave_up: false,
            newest_unknown: false,
        };
        scan.advance();
        scan
    }

    fn here(&self) -> &Track {
        &self.lists[self.at]
    }

    fn here_mut(&mut self) -> &mut Track {
        &mut self.lists[self.at]
    }

    /// The queue's length as of the last event, all lists together.
    pub(crate) fn len(&self) -> u64 {
        self.lists.iter().map(|list| list.marks.len()).sum()
    }

    /// Messages of the snapshot that are still to be examined.
    fn unexamined(&self) -> u64 {
        self.lists.iter().map(|list| list.marks.unexamined()).sum()
    }

    fn is_gone(&self) -> bool {
        self.lists.iter().all(|list| list.gone)
    }

    /// The matches found so far that run next, each with the place of its list in the order.
    pub fn sample(&self) -> impl Iterator<Item = (usize, &SampleRow)> {
        self.lists
            .iter()
            .enumerate()
            .flat_map(|(at, list)| list.sample.rows().iter().map(move |row| (at, row)))
    }

    /// The match that KEEPONE keeps, while it is still in the queue: the place of its list in the order, and its index
    /// counted from the next end (-1 runs next).
    #[must_use]
    pub fn kept(&self) -> Option<(usize, i64)> {
        let kept = match self.plan.effect {
            Effect::KeepNewest => self.newest().ok()?,
            _ => self.lists.iter().enumerate().find_map(|(at, list)| Some((at, list.kept.last()?))),
        };
        kept.map(|(at, distance)| (at, self.shown_index(distance)))
    }

    /// The newest match that is in the queue, of those that were found: the place of its list, and its distance from
    /// the next end. `Err`: it is not known.
    fn newest(&self) -> Result<Option<(usize, u64)>, ()> {
        for (at, list) in self.lists.iter().enumerate().rev() {
            match list.newest.known(if self.deletes() { list.marks.next() } else { 0 }) {
                Known::At(distance) => return Ok(Some((at, distance))),
                Known::Unknown => return Err(()),
                Known::Nowhere => {}
            }
        }
        Ok(None)
    }

    /// A match that runs later than the message at this distance in the list that is walked is known to be in the queue.
    fn has_newer(&self, distance: u64) -> bool {
        self.newest().is_ok_and(|newest| newest.is_some_and(|newest| newest > (self.at, distance)))
    }

    /// Whether there is more to do.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if self.gave_up {
            Progress::EditedTooOften { edits: self.edits }
        } else if self.overflowed {
            Progress::TooManyValues
        } else if let Some(matched) = self.unexpected() {
            Progress::Unexpected { matched }
        } else if (self.unexamined() == 0 && !self.is_astray()) || self.ends_at(0) || self.newest_unknown {
            Progress::Finished
        } else {
            Progress::Unfinished
        }
    }

    /// Follows something that happened to one of the lists, told by its place in the order.
    pub fn follow(&mut self, list: usize, event: Event<'_>) {
        let mut mirrored = Vec::new();
        let (here, counting) = (self.at == list, self.counting);
        let Some(track) = self.lists.get_mut(list) else { return };
        if let (Event::Removed { len } | Event::Trimmed { len }, true) = (event, track.is_done() && !counting)
        {
            track.marks.done_with(len);
            return self.advance();
        }
        let event = match self.plan.consumer_end {
            End::Tail => event,
            End::Head => event.mirrored(track.marks.len(), &mut mirrored),
        };
        match track.follow(event) {
            // Where the missing messages stood is found out in the list that is walked alone.
            Ok(_) if track.marks.missing() != Missing::default() && !here => {
                let len = track.marks.len();
                self.edited(list, len);
            }
            Ok(followed) => {
                self.counters.arrived += followed.tally.arrived;
                self.counters.drifted += followed.tally.drifted;
                // Where a worker took it, it runs; where somebody else took it out, the next match stays.
                self.spared &= followed.kept != Some(Departure::Removed);
                followed.values.into_iter().for_each(|value| self.values.lose(value));
            }
            Err(len) => self.edited(list, len),
        }
        self.advance();
    }

    /// Where the message at a distance from the next end is in the list, 0 = head.
    fn index(&self, distance: u64) -> u64 {
        self.plan.consumer_end.index(distance, self.here().marks.len())
    }

    /// The Redis index of the message at a distance from the next end: from -1 down where workers pop from the tail,
    /// from 0 up where they pop from the head.
    #[must_use]
    pub fn shown_index(&self, distance: u64) -> i64 {
        shown_index(self.plan.consumer_end, distance)
    }

    /// Books what a look found and took out.
    pub fn commit(&mut self, outcome: &mut ListOutcome) {
        self.count_deleted(outcome);
        let removed = outcome.removed();
        self.counters.add(&outcome.counts);
        self.overflowed |= outcome.overflows;
        self.spared |= outcome.kept.is_some();
        let mut holders: Vec<(u64, usize)> =
            outcome.fresh.drain().map(|(digest, distance)| (distance, self.values.insert(digest))).collect();
        holders.sort_unstable();
        if self.counting {
            // The pass that clears finds them anew.
            holders.clear();
        }
        let consumer_end = self.plan.consumer_end;
        let list = self.here_mut();
        list.sample.extend(&mut outcome.rows);
        list.tallies.extend(&outcome.grouped);
        list.kept.append(outcome.kept.take().map(|distance| (distance, ())).into_iter());
        list.newest.extend(&mut outcome.newest);
        list.holders.append(holders.into_iter());
        if removed > 0 {
            // Their distances, ascending; all that is remembered is as it was before they were taken out.
            let len = list.marks.len();
            let mut gone: Vec<u64> =
                outcome.deletions.iter().map(|deletion| consumer_end.index(deletion.index, len)).collect();
            gone.sort_unstable();
            list.note_removed(gone);
        }
        let reach = self.reach();
        let list = self.here_mut();
        list.bulky = outcome.examined_bytes > outcome.counts.examined * bearings::BULKY_ON_AVERAGE;
        match outcome.top {
            Some(top) => {
                list.stood_around_window(outcome, reach);
                list.marks.walked_back(top, outcome.counts.examined, removed);
                if list.marks.rest().is_none() {
                    list.close_window();
                }
            }
            None => {
                list.stood_around(outcome, reach);
                let open = list.marks.rest().is_some();
                list.marks.walked_on(outcome.counts.examined, removed);
                if open && list.marks.rest().is_none() {
                    list.close_window();
                }
            }
        }
        self.advance();
    }

    /// Counts what a look took out, once: alone where its booking may go wrong behind it.
    pub fn count_deleted(&mut self, outcome: &mut ListOutcome) {
        self.counters.deleted += outcome.removed() - outcome.counted;
        outcome.counted = outcome.removed();
    }

    /// This pass takes messages out.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.plan.deletes() && !self.counting
    }

    /// This job shows some of its matches.
    fn samples(&self) -> bool {
        !self.plan.deletes() && self.plan.effect != Effect::Group
    }

    /// The match that stays is to be met next, before younger ones.
    fn seeks_kept(&self) -> bool {
        self.plan.effect == Effect::KeepOne && !self.counting && !self.spared
    }

    /// The oldest match must be met before younger ones.
    fn oldest_first(&self) -> bool {
        // A sample that was not full after this many messages has few matches to come, which are put in
        // their place one by one.
        let fills = self.samples() && !self.here().sample.is_full() && self.counters.processed < SAMPLE_FILL;
        // From the head the walk towards the other end is the one on which messages can be taken out.
        self.seeks_kept() || fills || self.takes_oldest() || self.plan.consumer_end == End::Head
    }

    /// Whether a match goes depends on all that run before it.
    fn takes_oldest(&self) -> bool {
        let joins_behind = self.deletes() && self.plan.to == Some(self.plan.consumer_end.other());
        !self.counting && (self.plan.effect == Effect::KeepEach || self.stops_at().is_some() || joins_behind)
    }

    /// Whether a message goes before all that run before it: they are put at the other list's next end, where the one
    /// that comes last runs first.
    fn takes_newest(&self) -> bool {
        self.deletes() && self.plan.to == Some(self.plan.consumer_end)
    }

    /// A match was found in this pass.
    fn has_matched(&self) -> bool {
        self.counters.matched > 0
    }

    /// How many more may go.
    fn room(&self) -> Option<u64> {
        let gone = if self.plan.deletes() { self.counters.deleted } else { 0 };
        // What went in this pass is in both.
        let found = if self.deletes() { 0 } else { self.counters.would_delete };
        self.plan.limit.map(|limit| limit.saturating_sub(gone + found))
    }

    /// The bound at which this pass ends, before its snapshot does. Where all matches are to be counted it goes on.
    fn stops_at(&self) -> Option<u64> {
        let counts_all = self.plan.most.is_some() && !self.deletes();
        self.plan.limit.filter(|_| !counts_all)
    }

    /// With so many more to go this pass is done.
    fn ends_at(&self, more: u64) -> bool {
        self.stops_at().is_some() && self.room().is_some_and(|room| more >= room)
    }

    /// The number of matches, if it is known and more than was expected.
    fn unexpected(&self) -> Option<u64> {
        let known = !self.deletes() && !self.is_gone() && self.unexamined() == 0 && self.counted.is_none();
        let matched = self.counters.deleted + self.counters.matched;
        self.plan.most.filter(|most| known && matched > *most).map(|_| matched)
    }
}

/// While a sample fills, the scan walks towards the head for this many messages at most.
const SAMPLE_FILL: u64 = if cfg!(test) { 12 } else { 20_000 };

/// The Redis index of the message at a distance from the end that workers pop from: -1, -2 ... from the tail, 0, 1 ...
/// from the head.
#[must_use]
pub fn shown_index(consumer_end: End, distance: u64) -> i64 {
    let distance = i64::try_from(distance).unwrap_or(i64::MAX - 1);
    match consumer_end {
        End::Tail => -1 - distance,
        End::Head => distance,
    }
}
