//! The scan over lists, by position.
//!
//! # Coordinates
//! A queue changes at both ends while a job works, so positions are counted from the *consumer end* (the tail,
//! where workers pop): distance 0 runs next, distance `len - 1` is the head, where producers push. A list index is
//! `len - 1 - distance`. Counted this way, a push at the head moves nothing. Six marks divide the queue, and every
//! event moves them by arithmetic alone:
//!
//! ```text
//!   tail, runs next                                                          head, producers push
//!   0 ...... late ...... next ...... cursor ...... top ............ end ................ len
//!   pushed    examined,      rest of     examined,     unexamined       pushed later
//!   later     stayed         the window  stayed
//! ```
//!
//! `late <= next <= cursor <= top <= end <= len` always holds. The messages that were in the queue when the job
//! was accepted are exactly `[late, end)`; the messages that are left to examine are `[next, cursor)` and `[top,
//! end)`. Pops shorten the zones at either end. Unexamined messages that are popped are *drift*: a worker was
//! faster than the scan.
//!
//! # Windows
//! A list is read fastest from the head towards the tail. On the iterator that a server gives to a module,
//! messages can be deleted in that direction only: a walk that turns round, or deletes while it walks towards the
//! head, deletes other messages than it reads. So the scan takes the messages at the consumer end a *window* at a
//! time and walks each window from its far side (`top`) back to `next`, deleting as it goes. The size of a window
//! is an estimate of what fits into a slice. If the estimate was too high, the rest of the window, which is nearer
//! to the consumer end, comes first in the following slice. While the oldest match must be met first (KEEPONE
//! until it has one, a sample that fills), the scan walks towards the head and deletes nothing.
//!
//! # Oldest first
//! Which matches are cleared may depend on those that run before them (LIMIT, one of each value). Then every slice
//! walks towards the head and notes what to clear; the queue is opened again, and a second walk, away from the
//! head, deletes what was noted, after comparing each message with the one that was judged. That costs a second
//! seek in slices that delete something. The second walk cannot stop half-way, because it first meets what runs
//! last. So the first walk reserves time for it: for each match as much as a deletion has cost lately.
//!
//! # Counting first
//! What is cleared may also depend on matches that run later (KEEP NEWEST, EXPECT). Then a first pass counts and
//! writes nothing, and a second pass over what is left of the same snapshot clears.
//!
//! # What stays
//! KEEPONE depends on messages that are kept, and any client may remove those at any moment. A worker that pops
//! the oldest match from the consumer end runs it: no other match has to be kept in its place. A match that leaves
//! in any other way does not run, so the oldest match that is left is kept instead, and the scan walks towards the
//! head again until it has met that match. The same holds for the match of each value with BY. For KEEP NEWEST the
//! scan remembers the positions of many of the newest matches; a match is cleared only while a newer one is known
//! to be in the queue, and when that cannot be known any more, the scan counts once more. See `newest` and
//! `places`.
//!
//! If workers pop from the head, distances are counted from there and every event is mirrored; everything else is
//! the same. Such a queue is always walked from its consumer end, because that is the direction in which messages
//! can be deleted.
//!
//! # Into another list
//! Messages that are moved after those of another list are pushed oldest first, in slices as described above.
//! Messages that are moved to its consumer end, before the others, go there newest first. Then the window is all
//! that is left of the snapshot, and is walked back over many slices. A slice moves a bounded number of bytes,
//! which are kept in memory until they are in the other list.
//!
//! # Several lists
//! A queue with priorities is several lists, which workers read in one order. The scan takes them in that order,
//! one after the other. Each has its own marks and is followed from the start, so the snapshot is that of one
//! moment over all of them. Decisions about all matches (the kept match, a limit, an expected number, the values
//! that were met) are made over all lists, and so are the passes: an edit inside one of them begins another pass
//! over all.
//!
//! # Edits inside the list
//! LREM, LINSERT, LSET, LTRIM and similar commands do not report positions. Messages that LREM and LTRIM remove
//! are *missing*: their number follows from the change of length, and their positions have to be found before the
//! next slice. The scan remembers a few messages on either side of each mark, by fingerprint, and tries every
//! number of missing messages that may have been nearer than the mark. If exactly one number explains the messages
//! that are there now, the mark is found, and the missing messages that were unexamined are drift. Until then all
//! marks but the length are those from before the removal, and events at the ends move them as usual, as long as
//! they do so in the same way wherever the missing messages were. See `bearings` and `surroundings`.
//!
//! In every other case (LINSERT, LSET, equal messages side by side, an edit without an event) the scan begins
//! another pass at the consumer end over what may still be the snapshot. At either end it spares as many messages
//! as had been pushed there since the job began. That can only spare too many, never too few.

mod bearings;
mod counted;
mod guided;
mod marks;
#[cfg(test)]
mod model_test;
mod newest;
mod outcome;
mod passes;
mod path;
mod places;
mod queue;
mod remembered;
mod state;
mod surroundings;
mod track;
mod window;

pub use bearings::Lost;
pub use marks::{MAX_PASSES, Marks};
pub use newest::NEWEST_MAX;
pub use outcome::{Deletion, ListOutcome, fingerprint};
pub use passes::Recalled;
pub use queue::Queue;
pub use remembered::REMEMBERED_MAX;

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
    /// In the order in which workers read them; at least one.
    lists: Vec<Track>,
    /// The list that is walked: all lists before it are done.
    at: usize,
    plan: Plan,
    /// The scan is in the first of two passes.
    counting: bool,
    /// Matches that the first of two passes found.
    counted: Option<u64>,
    /// Number of times that the first pass began.
    starts: u64,
    /// The match that KEEPONE keeps was met in this pass, and is in the queue or was run.
    spared: bool,
    values: Values,
    /// There was no room for one more value.
    overflowed: bool,
    counters: Counters,
    edits: u64,
    /// Edits in place after which the positions were found again.
    refound: u64,
    gave_up: bool,
    /// The scan has begun anew as often as it may, and does not know which match is the newest.
    newest_unknown: bool,
    /// Messages that an index excluded, over all passes.
    passed: u64,
    /// An index was wrong about a message.
    contradicted: bool,
}

impl ListScan {
    /// Creates a scan over the `len` messages that are in the queue now.
    #[must_use]
    pub fn new(plan: Plan, len: u64) -> Self {
        Self::over(plan, &[len])
    }

    /// Creates a scan over the messages that are in several lists now: the lengths, in the order in which workers
    /// read the lists.
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
            passed: 0,
            contradicted: false,
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

    /// Returns the length of the queue after the last event, all lists together.
    pub(crate) fn len(&self) -> u64 {
        self.lists.iter().map(|list| list.marks.len()).sum()
    }

    /// Returns the number of messages of the snapshot that are still to be examined.
    fn unexamined(&self) -> u64 {
        self.lists.iter().map(|list| list.marks.unexamined()).sum()
    }

    fn is_gone(&self) -> bool {
        self.lists.iter().all(|list| list.gone)
    }

    /// Returns the found matches that run next, each with the number of its list.
    pub fn sample(&self) -> impl Iterator<Item = (usize, &SampleRow)> {
        self.lists
            .iter()
            .enumerate()
            .flat_map(|(at, list)| list.sample.rows().iter().map(move |row| (at, row)))
    }

    /// Returns the position of the match that KEEPONE keeps, while it is in the queue: the number of its list, and
    /// its index counted from the consumer end (-1 runs next).
    #[must_use]
    pub fn kept(&self) -> Option<(usize, i64)> {
        let kept = match self.plan.effect {
            Effect::KeepNewest => self.newest().ok()?,
            _ => self.lists.iter().enumerate().find_map(|(at, list)| Some((at, list.kept.last()?))),
        };
        kept.map(|(at, distance)| (at, self.shown_index(distance)))
    }

    /// Returns the newest match in the queue among those that were found: the number of its list, and its distance
    /// from the consumer end. `Err` if it is unknown.
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

    /// Returns whether a match that runs later than the message at this distance of the walked list is known to be
    /// in the queue.
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

    /// Follows an event of one of the lists, given by its number.
    pub fn follow(&mut self, list: usize, event: Event<'_>) {
        let mut mirrored = Vec::new();
        let (here, counting) = (self.at == list, self.counting);
        let Some(track) = self.lists.get_mut(list) else { return };
        if let (Event::Removed { len } | Event::Trimmed { len }, true) = (event, track.is_done() && !counting)
        {
            if len != track.marks.len() {
                track.remembered.lose();
            }
            track.marks.done_with(len);
            return self.advance();
        }
        let event = match self.plan.consumer_end {
            End::Tail => event,
            End::Head => event.mirrored(track.marks.len(), &mut mirrored),
        };
        match track.follow(event) {
            // The positions of missing messages are found only in the list that is walked. After the first half of a
            // rotation the scan waits for the other: a new pass would take the message that was pushed for an old one.
            Ok(_) if track.marks.missing() != Missing::default() && !here && !track.marks.is_rotating() => {
                let len = track.marks.len();
                self.edited(list, len);
            }
            Ok(followed) => {
                self.counters.arrived += followed.tally.arrived;
                self.counters.drifted += followed.tally.drifted;
                // If a worker took it, it runs. If it was removed otherwise, the next match is kept.
                self.spared &= followed.kept != Some(Departure::Removed);
                followed.values.into_iter().for_each(|value| self.values.lose(value));
            }
            Err(len) => self.edited(list, len),
        }
        self.advance();
    }

    /// Returns the list index (0 = head) of the message at a distance from the consumer end.
    fn index(&self, distance: u64) -> u64 {
        self.plan.consumer_end.index(distance, self.here().marks.len())
    }

    /// Returns the Redis index of the message at a distance from the consumer end: from -1 down if workers pop
    /// from the tail, from 0 up if they pop from the head.
    #[must_use]
    pub fn shown_index(&self, distance: u64) -> i64 {
        shown_index(self.plan.consumer_end, distance)
    }

    /// Books what a slice found and removed.
    pub fn commit(&mut self, outcome: &mut ListOutcome) {
        self.count_deleted(outcome);
        let removed = outcome.removed();
        self.counters.add(&outcome.counts);
        self.overflowed |= outcome.overflows;
        self.passed += if outcome.is_by_index { outcome.passed } else { 0 };
        self.contradicted |= outcome.contradicted;
        self.spared |= outcome.kept.is_some();
        let mut holders: Vec<(u64, usize)> =
            outcome.fresh.drain().map(|(digest, distance)| (distance, self.values.insert(digest))).collect();
        holders.sort_unstable();
        if self.counting {
            // The pass that clears finds them again.
            holders.clear();
        }
        let consumer_end = self.plan.consumer_end;
        let list = self.here_mut();
        list.sample.extend(&mut outcome.rows);
        list.tallies.extend(&outcome.grouped);
        list.tallies.extend_counted(&outcome.groups_unread);
        list.kept.append(outcome.kept.take().map(|distance| (distance, ())).into_iter());
        list.newest.extend(&mut outcome.newest);
        list.remembered.extend(&mut outcome.noted);
        list.holders.append(holders.into_iter());
        if removed > 0 {
            // Their distances, ascending. Everything that is remembered is as it was before the removal.
            let len = list.marks.len();
            let mut gone: Vec<u64> =
                outcome.deletions.iter().map(|deletion| consumer_end.index(deletion.index, len)).collect();
            gone.sort_unstable();
            list.note_removed(gone);
        }
        let reach = self.reach();
        let list = self.here_mut();
        list.bulky = outcome.examined_bytes > outcome.read() * bearings::BULKY_ON_AVERAGE;
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

    /// Counts once what a slice removed, because booking may fail afterwards.
    pub fn count_deleted(&mut self, outcome: &mut ListOutcome) {
        self.counters.deleted += outcome.removed() - outcome.counted;
        outcome.counted = outcome.removed();
    }

    /// Returns whether this pass removes messages.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.plan.deletes() && !self.counting
    }

    /// Returns whether this pass notes the messages that a later one has to read.
    fn remembers(&self) -> bool {
        (self.counting || self.plan.effect == Effect::Count) && !self.plan.elsewhere
    }

    /// Returns whether this job shows some of its matches.
    fn samples(&self) -> bool {
        !self.plan.deletes() && self.plan.effect != Effect::Group
    }

    /// Returns whether the match to keep has to be met next, before newer ones.
    fn seeks_kept(&self) -> bool {
        self.plan.effect == Effect::KeepOne && !self.counting && !self.spared
    }

    /// Returns whether the oldest match must be met before newer ones.
    fn oldest_first(&self) -> bool {
        // If a sample is not full after this many messages, few matches follow, and each is inserted at its
        // position.
        let fills = self.samples() && !self.here().sample.is_full() && self.counters.processed < SAMPLE_FILL;
        // If workers pop from the head, the walk towards the other end is the one on which messages can be
        // deleted.
        self.seeks_kept() || fills || self.takes_oldest() || self.plan.consumer_end == End::Head
    }

    /// Returns whether clearing a match depends on all matches that run before it.
    fn takes_oldest(&self) -> bool {
        let joins_after = self.deletes() && self.plan.to == Some(self.plan.consumer_end.other());
        !self.counting && (self.plan.effect == Effect::KeepEach || self.stops_at().is_some() || joins_after)
    }

    /// Returns whether messages are moved to the consumer end of another list. They are then moved newest first,
    /// because the message that is pushed last runs first.
    fn takes_newest(&self) -> bool {
        self.deletes() && self.plan.to == Some(self.plan.consumer_end)
    }

    /// Returns whether a match was found in this pass.
    fn has_matched(&self) -> bool {
        self.counters.matched > 0
    }

    /// Returns how many more matches may be cleared.
    fn room(&self) -> Option<u64> {
        let gone = if self.plan.deletes() { self.counters.deleted } else { 0 };
        // Matches that this pass cleared are in both counts.
        let found = if self.deletes() { 0 } else { self.counters.would_delete };
        self.plan.limit.map(|limit| limit.saturating_sub(gone + found))
    }

    /// Returns the bound at which this pass ends before the end of its snapshot. If all matches have to be
    /// counted, there is none.
    fn stops_at(&self) -> Option<u64> {
        let counts_all = self.plan.most.is_some() && !self.deletes();
        self.plan.limit.filter(|_| !counts_all)
    }

    /// After clearing this many more the pass is done.
    fn ends_at(&self, more: u64) -> bool {
        self.stops_at().is_some() && self.room().is_some_and(|room| more >= room)
    }

    /// Returns the number of matches, if it is known and larger than expected.
    fn unexpected(&self) -> Option<u64> {
        let known = !self.deletes() && !self.is_gone() && self.unexamined() == 0 && self.counted.is_none();
        let matched = self.counters.deleted + self.counters.matched;
        self.plan.most.filter(|most| known && matched > *most).map(|_| matched)
    }
}

/// While a sample fills, the scan walks towards the head for at most this many messages.
const SAMPLE_FILL: u64 = if cfg!(test) { 12 } else { 20_000 };

/// Returns the Redis index of the message at a distance from the consumer end: -1, -2 ... from the tail, 0, 1 ...
/// from the head.
#[must_use]
pub fn shown_index(consumer_end: End, distance: u64) -> i64 {
    let distance = i64::try_from(distance).unwrap_or(i64::MAX - 1);
    match consumer_end {
        End::Tail => -1 - distance,
        End::Head => distance,
    }
}
