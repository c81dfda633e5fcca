//! The scan: the only loop over messages, and the only code that knows where a job stands in a live queue.
//!
//! # Coordinates
//! A queue changes at both ends while a job works, so positions are counted from the *next end* (the tail,
//! where workers pop): distance 0 runs next, distance `len - 1` is the head where producers push. A list
//! index is `len - 1 - distance`. Counted this way a push at the head moves nothing. Six marks divide the
//! queue, and every event moves them by arithmetic alone:
//!
//! ```text
//!   tail, runs next                                                          head, producers push
//!   0 ...... foreign ...... next ...... cursor ...... top ............ end ................ len
//!   pushed    examined,      rest of     examined,     unexamined       pushed later
//!   later     stayed         the window  stayed
//! ```
//!
//! `foreign <= next <= cursor <= top <= end <= len` always holds. What was in the queue when the job was
//! accepted is exactly `[foreign, end)`; what is left to examine is `[next, cursor)` and `[top, end)`. Pops
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
//!
//! # Two steps per slice
//! [`Scan::look`] reads, judges and deletes; [`Scan::commit`] books the result. A look that was not permitted
//! to delete, because the server must not write now (a replica, a pause, a full disk), is dropped: the same
//! messages are examined later, and still counted once.

mod bearings;
mod deadline;
mod interface;
mod look;
mod marks;
#[cfg(test)]
mod model_test;
mod newest;
mod places;
mod plan;
mod sample;
mod surroundings;
mod tallies;
mod track;
mod values;

pub(crate) use deadline::Deadline;
pub use interface::{Budget, Clock, Judge, Judgement, Queue, Time};
pub use look::{Hit, Look, Looked, fingerprint};
pub use marks::{Event, MAX_PASSES, Marks};
pub use newest::NEWEST_MAX;
pub use plan::{Effect, Plan};
pub use sample::{SAMPLE_MAX, Sample, SampleRow};
pub use tallies::{Group, Spot};
pub(crate) use tallies::{Grouped, Tallies};
pub use values::VALUES_MAX;

use crate::concerns::ConcernCounts;
use crate::queue::End;
use marks::Missing;
use newest::Known;
use places::Departure;
use track::Track;
use values::Values;

/// Counters of one job. All but `deleted`, `examined_total` and `passes_run` are of the current pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that this pass set out to examine.
    pub total: u64,
    /// Examined.
    pub processed: u64,
    /// Examined and matching.
    pub matched: u64,
    /// Bytes of the matching messages.
    pub matched_bytes: u64,
    /// Cleared, over all passes.
    pub deleted: u64,
    /// Matches that the effect would clear (equals what was cleared in this pass unless it is a dry run).
    pub would_delete: u64,
    /// Snapshot messages that left the queue before they were examined.
    pub drifted: u64,
    /// Messages pushed since the pass began.
    pub arrived: u64,
    /// Examined elements whose envelope is no JSON object.
    pub undecodable: u64,
    /// Examined messages whose verdict stayed unknown.
    pub unreadable: u64,
    /// Those of them with a value that has no meaning for the operator.
    pub uncompared: u64,
    /// Passes begun.
    pub passes_run: u64,
    /// Examined over all passes.
    pub examined_total: u64,
    /// What there is to know of the matches.
    pub concerns: ConcernCounts,
    /// Matches that stay because a value by which they would be told apart cannot be read.
    pub unkeyed: u64,
}

/// Where a scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to examine.
    Unfinished,
    /// Every snapshot message was examined or drifted away.
    Finished,
    /// Edited in place in so many passes that no further pass is begun.
    EditedTooOften {
        /// Edits seen.
        edits: u64,
    },
    /// More match than were expected: nothing is cleared, or nothing more after an edit in place.
    Unexpected {
        /// Matches, with those that an earlier pass cleared.
        matched: u64,
    },
    /// The matches have more distinct values than can be told apart: nothing more is cleared.
    TooManyValues,
}

/// One job's walk over one live queue.
#[derive(Debug)]
pub struct Scan {
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

impl Scan {
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

    /// Counters as they stand.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the job is to do.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// It is in the first of two passes, which counts.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        self.counting
    }

    /// Matches that the first of two passes found, once it is over.
    #[must_use]
    pub fn counted(&self) -> Option<u64> {
        self.counted
    }

    /// Distinct values met in this pass.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.values.len() as u64
    }

    /// The list that the next look works on, by its place in the order.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    fn here(&self) -> &Track {
        &self.lists[self.at]
    }

    fn here_mut(&mut self) -> &mut Track {
        &mut self.lists[self.at]
    }

    /// The queue's length as of the last event, all lists together.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.lists.iter().map(|list| list.marks.len()).sum()
    }

    /// The queue holds nothing, as of the last event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Messages of the snapshot that are still to be examined.
    fn unexamined(&self) -> u64 {
        self.lists.iter().map(|list| list.marks.unexamined()).sum()
    }

    /// Edits in place seen so far.
    #[must_use]
    pub fn edits(&self) -> u64 {
        self.edits
    }

    /// The lists that were deleted, renamed away or replaced: what is under such a name now is another list.
    pub fn gone(&self) -> impl Iterator<Item = usize> + '_ {
        self.lists.iter().enumerate().filter(|(_, list)| list.gone).map(|(at, _)| at)
    }

    /// Messages went with their list, or nothing is left of the queue: what was counted is not there any more.
    #[must_use]
    pub fn lost_messages(&self) -> bool {
        self.is_gone() || self.lists.iter().any(|list| list.lost)
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

    /// The matches of this pass by group, where the job groups them.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        tallies::over_all(self.lists.iter().map(|list| &list.tallies))
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

    /// It has ended without having cleared all that it was to: again and again so many matches left that it does not
    /// know which one is the newest.
    #[must_use]
    pub fn is_newest_unknown(&self) -> bool {
        self.newest_unknown
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
        let event = match self.plan.next_end {
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
        self.plan.next_end.index(distance, self.here().marks.len())
    }

    /// The Redis index of the message at a distance from the next end: from -1 down where workers pop from the tail,
    /// from 0 up where they pop from the head.
    #[must_use]
    pub fn shown_index(&self, distance: u64) -> i64 {
        shown_index(self.plan.next_end, distance)
    }

    /// Compares the length found at the start of a slice with the one that the events add up to, of the list that the
    /// slice works on. Another module may change a list without any event.
    pub fn observe_len(&mut self, len: u64) {
        if !self.here().gone && len != self.here().marks.len() {
            self.edited(self.at, len);
            self.advance();
        }
    }

    fn edited(&mut self, list: usize, len: u64) {
        self.edits += 1;
        // A pass that examined nothing yet loses nothing by starting over: only real work counts.
        if self.counters.processed > 0 || self.counted.is_some() {
            if self.starts >= MAX_PASSES {
                self.gave_up = true;
            } else {
                self.starts += 1;
                self.counters.passes_run += 1;
            }
        }
        for (at, track) in self.lists.iter_mut().enumerate() {
            track.restart(if at == list { len } else { track.marks.len() });
            track.newest.clear();
        }
        (self.counting, self.counted, self.overflowed) = (self.plan.counts_first(), None, false);
        self.begin_pass();
    }

    /// Counters and findings of a pass that begins.
    fn begin_pass(&mut self) {
        let total = self.unexamined();
        self.values = Values::new(if self.plan.effect == Effect::KeepEach { total } else { 0 });
        self.lists.iter_mut().for_each(Track::forget);
        self.spared = false;
        self.at = 0;
        self.counters = Counters {
            total,
            deleted: self.counters.deleted,
            passes_run: self.counters.passes_run,
            examined_total: self.counters.examined_total,
            ..Counters::default()
        };
    }

    /// Goes on to the next list where one is done, and over to the second pass where the first one is done and found what
    /// is to be cleared.
    fn advance(&mut self) {
        let done = self.counting && !self.is_gone() && self.unexamined() == 0 && !self.is_astray();
        if self.lacks_newest(done) {
            self.count_anew();
        } else if done && self.progress() == Progress::Finished {
            self.counting = false;
            self.counted = Some(self.counters.matched);
            if self.counters.would_delete > 0 {
                self.pass_again();
            }
        }
        while self.here().marks.unexamined() == 0 && self.at + 1 < self.lists.len() {
            self.at += 1;
        }
    }

    /// Which match stays is to be known now, and is not.
    fn lacks_newest(&self, counted: bool) -> bool {
        let needed =
            if self.counting { counted && self.counters.would_delete > 0 } else { self.unexamined() > 0 };
        let goes_on = !self.gave_up && !self.newest_unknown && self.unexpected().is_none();
        let keeps_newest = self.plan.effect == Effect::KeepNewest && self.plan.deletes();
        keeps_newest && needed && goes_on && self.newest().is_err()
    }

    /// Another pass over what is left of the snapshot.
    fn pass_again(&mut self) {
        self.lists.iter_mut().for_each(|list| list.marks.again());
        self.counters.passes_run += 1;
        self.begin_pass();
    }

    /// Which match is the newest is not known any more: what is left of the snapshot is counted once more.
    fn count_anew(&mut self) {
        if self.starts >= MAX_PASSES {
            self.newest_unknown = true;
            return;
        }
        self.starts += 1;
        self.lists.iter_mut().for_each(|list| list.newest.clear());
        (self.counting, self.counted) = (true, None);
        self.pass_again();
    }

    /// It counts first, and where the end of the snapshot is has to be found out before it can clear.
    fn is_astray(&self) -> bool {
        self.counting && self.here().marks.missing() != Missing::default()
    }

    /// Books what a look found and took out.
    pub fn commit(&mut self, look: &mut Look) {
        self.count_deleted(look);
        let removed = look.removed();
        let c = &mut self.counters;
        c.processed += look.examined;
        c.examined_total += look.examined;
        c.matched += look.matched;
        c.matched_bytes += look.matched_bytes;
        c.undecodable += look.undecodable;
        c.unreadable += look.unreadable;
        c.uncompared += look.uncompared;
        c.would_delete += look.would_delete;
        c.unkeyed += look.unkeyed;
        c.concerns.add(&look.concerns);
        self.overflowed |= look.overflows;
        self.spared |= look.kept.is_some();
        let mut holders: Vec<(u64, usize)> =
            look.fresh.drain().map(|(digest, distance)| (distance, self.values.insert(digest))).collect();
        holders.sort_unstable();
        if self.counting {
            // The pass that clears finds them anew.
            holders.clear();
        }
        let next_end = self.plan.next_end;
        let list = self.here_mut();
        list.sample.extend(&mut look.rows);
        list.tallies.extend(&look.grouped);
        list.kept.append(look.kept.take().map(|distance| (distance, ())).into_iter());
        list.newest.extend(&mut look.newest);
        list.holders.append(holders.into_iter());
        if removed > 0 {
            // Their distances, ascending; all that is remembered is as it was before they were taken out.
            let len = list.marks.len();
            let mut gone: Vec<u64> = look.hits.iter().map(|hit| next_end.index(hit.index, len)).collect();
            gone.sort_unstable();
            list.took_out(gone);
        }
        let reach = self.reach();
        let list = self.here_mut();
        list.bulky = look.examined_bytes > look.examined * bearings::BULKY_ON_AVERAGE;
        match look.top {
            Some(top) => {
                list.stood_around_window(look, reach);
                list.marks.walked_back(top, look.examined, removed);
                if list.marks.rest().is_none() {
                    list.close_window();
                }
            }
            None => {
                list.stood_around(look, reach);
                let open = list.marks.rest().is_some();
                list.marks.walked_on(look.examined, removed);
                if open && list.marks.rest().is_none() {
                    list.close_window();
                }
            }
        }
        self.advance();
    }

    /// Counts what a look took out, once: alone where its booking may go wrong behind it.
    pub fn count_deleted(&mut self, look: &mut Look) {
        self.counters.deleted += look.removed() - look.counted;
        look.counted = look.removed();
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
        self.seeks_kept() || fills || self.takes_oldest() || self.plan.next_end == End::Head
    }

    /// Whether a match goes depends on all that run before it.
    fn takes_oldest(&self) -> bool {
        let joins_behind = self.deletes() && self.plan.to == Some(self.plan.next_end.other());
        !self.counting && (self.plan.effect == Effect::KeepEach || self.stops_at().is_some() || joins_behind)
    }

    /// Whether a message goes before all that run before it: they are put at the other list's next end, where the one
    /// that comes last runs first.
    fn takes_newest(&self) -> bool {
        self.deletes() && self.plan.to == Some(self.plan.next_end)
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
pub fn shown_index(next_end: End, distance: u64) -> i64 {
    let distance = i64::try_from(distance).unwrap_or(i64::MAX - 1);
    match next_end {
        End::Tail => -1 - distance,
        End::Head => distance,
    }
}
