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
//! # Edits inside the list
//! LREM, LINSERT, LSET, LTRIM and their like tell no positions. The scan then starts another pass at the
//! next end over what may still be the snapshot: it leaves alone as many messages at either end as had been
//! pushed there since the job began, which can only spare too many, never too few.
//!
//! # Two steps per slice
//! [`Scan::look`] reads, judges and deletes; [`Scan::commit`] books the result. A look that was not permitted
//! to delete, because the server must not write now (a replica, a pause, a full disk), is dropped: the same
//! messages are examined later, and still counted once.

mod look;
mod marks;
#[cfg(test)]
mod model_test;
mod sample;
mod tallies;

pub use look::{Budget, Clock, Hit, Judge, Judgement, Look, Looked, Queue, Time, fingerprint};
pub use marks::{Event, MAX_PASSES, Marks};
pub use sample::{SAMPLE_MAX, Sample, SampleRow};
pub use tallies::{Group, Tallies};

use crate::concerns::ConcernCounts;

/// What the job does with a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Counts it.
    Count,
    /// Counts it in the group that the judge says.
    Group,
    /// Clears it.
    ClearAll,
    /// Clears it unless it is the one that runs next of all matches.
    KeepOne,
}

impl Effect {
    /// Matches are to go.
    #[must_use]
    pub fn clears(self) -> bool {
        matches!(self, Self::ClearAll | Self::KeepOne)
    }
}

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
    /// Examined messages whose verdict stayed unknown because of the body.
    pub unreadable: u64,
    /// Passes begun.
    pub passes_run: u64,
    /// Examined over all passes.
    pub examined_total: u64,
    /// What there is to know of the matches.
    pub concerns: ConcernCounts,
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
}

/// One job's walk over one live queue.
#[derive(Debug)]
pub struct Scan {
    effect: Effect,
    dry_run: bool,
    marks: Marks,
    counters: Counters,
    sample: Sample,
    tallies: Tallies,
    edits: u64,
    gave_up: bool,
    gone: bool,
}

impl Scan {
    /// A scan over the `len` messages that are in the queue now.
    #[must_use]
    pub fn new(effect: Effect, dry_run: bool, len: u64) -> Self {
        let counters = Counters { total: len, passes_run: 1, ..Counters::default() };
        Self {
            effect,
            dry_run,
            marks: Marks::new(len),
            counters,
            sample: Sample::default(),
            tallies: Tallies::default(),
            edits: 0,
            gave_up: false,
            gone: false,
        }
    }

    /// Counters as they stand.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the job does with a match.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Nothing is written to the queue.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The queue's length as of the last event.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.marks.len()
    }

    /// The queue holds nothing, as of the last event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.len() == 0
    }

    /// Edits in place seen so far.
    #[must_use]
    pub fn edits(&self) -> u64 {
        self.edits
    }

    /// The queue was deleted, renamed away or replaced: what is under its name now is another queue.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// The matches found so far that run next.
    #[must_use]
    pub fn sample(&self) -> &Sample {
        &self.sample
    }

    /// The matches of this pass by group, where the job groups them.
    #[must_use]
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// List index counted from the next end (-1 runs next) of the match that KEEPONE keeps, while it is
    /// still in the queue.
    #[must_use]
    pub fn kept_index(&self) -> Option<i64> {
        self.marks.kept().map(index_from_tail)
    }

    /// Whether there is more to do.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if self.gave_up {
            Progress::EditedTooOften { edits: self.edits }
        } else if self.marks.unexamined() == 0 {
            Progress::Finished
        } else {
            Progress::Unfinished
        }
    }

    /// Follows something that happened to the queue.
    pub fn follow(&mut self, event: Event<'_>) {
        if self.gone {
            return;
        }
        match event {
            Event::Edited { len } => self.edited(len),
            Event::Gone => {
                self.counters.drifted += self.marks.unexamined();
                self.marks.clear();
                self.sample.clear();
                self.tallies.lose_places();
                self.gone = true;
            }
            Event::Pushed { .. } | Event::Popped { .. } | Event::Deleted { .. } => {
                let mut shifts = Vec::new();
                match self.marks.follow(event, &mut shifts) {
                    Ok(tally) => {
                        self.counters.arrived += tally.arrived;
                        self.counters.drifted += tally.drifted;
                        for shift in &shifts {
                            self.sample.follow(shift);
                            self.tallies.follow(shift);
                        }
                    }
                    // The event does not add up with what was seen before: somebody changed the list
                    // without telling, which is as good as an edit in place.
                    Err(len) => self.edited(len),
                }
            }
        }
    }

    /// Compares the length found at the start of a slice with the one that the events add up to.
    /// Another module may change a list without any event.
    pub fn observe_len(&mut self, len: u64) {
        if !self.gone && len != self.marks.len() {
            self.edited(len);
        }
    }

    fn edited(&mut self, len: u64) {
        self.edits += 1;
        // A pass that examined nothing yet loses nothing by starting over: only real work counts.
        if self.counters.processed > 0 {
            if self.counters.passes_run >= MAX_PASSES {
                self.gave_up = true;
            } else {
                self.counters.passes_run += 1;
            }
        }
        self.marks.restart(len);
        self.sample.clear();
        self.tallies.clear();
        self.counters = Counters {
            total: self.marks.unexamined(),
            deleted: self.counters.deleted,
            passes_run: self.counters.passes_run,
            examined_total: self.counters.examined_total,
            ..Counters::default()
        };
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
        c.would_delete += look.would_delete;
        c.concerns.add(&look.concerns);
        if let Some(distance) = look.kept {
            self.marks.set_kept(distance);
        }
        self.sample.extend(&mut look.rows);
        self.tallies.extend(&look.grouped);
        match look.top {
            Some(top) => self.marks.walked_back(top, look.examined, removed),
            None => self.marks.walked_on(look.examined),
        }
    }

    /// Counts what a look took out, once: alone where its booking may go wrong behind it.
    pub fn count_deleted(&mut self, look: &mut Look) {
        self.counters.deleted += look.removed() - look.counted;
        look.counted = look.removed();
    }

    /// This job takes messages out.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.effect.clears() && !self.dry_run
    }

    /// This job shows some of its matches.
    fn samples(&self) -> bool {
        !self.deletes() && self.effect != Effect::Group
    }

    /// The oldest match must be met before younger ones.
    fn oldest_first(&self) -> bool {
        let seeks_kept = self.effect == Effect::KeepOne && !self.has_kept();
        // A sample that was not full after this many messages has few matches to come, which are put in
        // their place one by one.
        let fills = self.samples() && !self.sample.is_full() && self.counters.processed < SAMPLE_FILL;
        seeks_kept || fills
    }

    /// KEEPONE has met its match, in the queue still or not.
    fn has_kept(&self) -> bool {
        self.counters.matched > 0
    }
}

/// While a sample fills, the scan walks towards the head for this many messages at most.
const SAMPLE_FILL: u64 = if cfg!(test) { 12 } else { 20_000 };

/// Distance from the next end as a Redis index: 0 is -1, 1 is -2.
#[must_use]
pub fn index_from_tail(distance: u64) -> i64 {
    -1 - i64::try_from(distance).unwrap_or(i64::MAX - 1)
}
