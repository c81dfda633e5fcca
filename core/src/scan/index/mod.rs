//! The scan over messages in the order of a sorted set.
//!
//! Two containers are walked so, and [`Layout`] says what differs between them:
//!
//! * *Messages that workers hold*: a hash of messages, and a sorted set that is its index.
//! * *Sorted sets* of Sidekiq (`retry`, `schedule`, `dead`): the members are the messages themselves, the scores are times.
//!   The sorted set is its own index, and the *tag* of an entry is the message.
//!
//! kombu keeps what a worker has taken and not acknowledged in two keys: a hash from delivery tag to
//! `[message, exchange, routing_key]`, and a sorted set, the *index*, from delivery tag to the seconds at which the
//! message was delivered. Both change together, in one transaction.
//!
//! # The way
//! The scan walks the index, which is an order: by time, then by tag. Where it stands is the *place* of the entry that
//! it examined last, and not a rank: entries before it come and go without moving it. The *bound* is the place of the
//! last entry when the job was accepted. So:
//!
//! * every entry that is there when the job is accepted, and keeps its place until the scan comes to it, is examined
//!   exactly once, the message that was delivered first comes first;
//! * none is examined twice: the scan goes up, and two entries never have the same place.
//!
//! An entry that is added later usually has a later time and stands behind the bound. The times are those of the workers'
//! clocks, and in a sorted set of Sidekiq they say when a message is to run, so it may also stand before the bound. A clear therefore remembers which entries were there when it was
//! accepted (`snapshot.rs` says how), and takes out no other one. Previews and stats remember nothing: such an entry is
//! counted by them if the scan has not passed its place.
//!
//! SCAN's cursor promises less: elements may come twice, in no order, and what was added meanwhile may come or not. It
//! walks the hash, where the order of time is not known, so KEEPONE could not tell which match to keep.
//!
//! # What is not on the way
//! A message of the hash without an entry in the index is not met. kombu never leaves one behind (and would never give
//! it back); the scan says how many there are at least. An entry without a message is met and left alone: kombu leaves
//! such entries when it gives messages back at a shutdown, and removes them itself later.
//!
//! # Two steps per slice
//! [`IndexScan::look`] reads, judges and notes what is to go. The caller takes that out, of both keys as one unit,
//! and books it with [`IndexScan::commit`]; if it may not write now it drops the look, and the same entries are
//! examined later.

mod digests;
mod keys;
mod layout;
#[cfg(test)]
mod model_test;
mod passes;
mod snapshot;
#[cfg(test)]
mod sorted_test;
mod state;
mod walk;

pub use keys::IndexKeys;
pub use layout::{Layout, SortedSet, Unacked};
pub use snapshot::PLACES_MAX;
pub use walk::IndexOutcome;

use snapshot::{Membership, Snapshot};

use std::marker::PhantomData;

use crate::reply::{Reply, int};
use crate::scan::budget::{Budget, Clock};
use crate::scan::counters::Counters;
use crate::scan::place::{IndexPosition, unix_ms};
use crate::scan::plan::{Effect, Plan};
use crate::scan::tallies::Tallies;
use crate::scan::values::Values;

/// The scan over messages that workers hold.
pub type UnackedScan = IndexScan<Unacked>;
/// The scan over a sorted set of messages.
pub type SortedScan = IndexScan<SortedSet>;

/// Longest tag of which a row of a sample remembers its place, bytes.
pub const ROW_TAG_MAX: usize = 4 * 1024;

/// What everybody who counts or clears such messages is told.
pub const TASKS_GO_ON: &str = "tasks that workers hold go on running: taking out their messages only keeps these from \
                               being delivered again";

/// What is walked, as it is when a job is accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexStart {
    /// The key of the index, or of the sorted set of messages.
    pub index: Vec<u8>,
    /// Entries of the index.
    pub entries: u64,
    /// The place of the last one; `None`: there is none.
    pub bound: Option<IndexPosition>,
}

/// One match as a sample shows it.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    score: f64,
    /// `None`: it is longer than [`ROW_TAG_MAX`], and the match cannot be found again.
    tag: Option<Vec<u8>>,
    bytes: u64,
    members: Vec<(Box<str>, Reply)>,
}

/// One row of a sample. Neither a hash nor a sorted set has lasting places: `index` is null. `time` is [`Layout::TIME`].
#[must_use]
pub fn index_row(time: &'static str, score: f64, bytes: u64, members: &[(Box<str>, Reply)]) -> Reply {
    let mut row: Vec<(Box<str>, Reply)> = vec![
        ("index".into(), Reply::Null),
        ("bytes".into(), Reply::Int(int(bytes))),
        (time.into(), Reply::Int(unix_ms(score))),
    ];
    // `bytes` may be among the chosen fields; a member appears once.
    row.extend(members.iter().filter(|(name, _)| &**name != "bytes").cloned());
    Reply::Map(row)
}

/// One job's walk over messages in the order of a sorted set.
#[derive(Debug)]
pub struct IndexScan<L: Layout> {
    plan: Plan,
    index: Vec<u8>,
    bound: Option<IndexPosition>,
    /// Which entries were there when the job was accepted. A job that only looks takes all up to the bound for those.
    snapshot: Option<Snapshot>,
    /// The entry that was examined last.
    cursor: Option<IndexPosition>,
    /// The tag of the match that KEEPONE keeps: it stays, whatever time it is given meanwhile.
    kept: Option<Vec<u8>>,
    /// With BY: the values of the matches that stay.
    values: Values,
    /// There was no room for one more value.
    overflowed: bool,
    /// It is in the first of two passes, which counts.
    counting: bool,
    /// Matches that the first of two passes found.
    counted: Option<u64>,
    counters: Counters,
    rows: Vec<Row>,
    tallies: Tallies,
    /// Messages in the hash, as of the last look at it.
    len: u64,
    /// Messages without an entry, at least.
    lost: u64,
    /// Entries without a message that were met.
    empty: u64,
    /// Entries examined that were there when the job was accepted.
    certain: u64,
    /// Entries examined that may have come later.
    uncertain: u64,
    /// Of these, the ones that match: they were left alone.
    doubtful: u64,
    /// Matches that were not moved because the destination holds the same messages.
    kept_back: u64,
    /// Entries that came later.
    later: u64,
    done: bool,
    gone: bool,
    index_gone: bool,
    layout: PhantomData<L>,
}

impl<L: Layout> IndexScan<L> {
    /// A scan over what is in the index now: `len` messages.
    #[must_use]
    pub fn new(plan: Plan, start: &IndexStart, len: u64) -> Self {
        let mut scan = Self {
            plan,
            index: start.index.clone(),
            bound: start.bound.clone(),
            snapshot: None,
            cursor: None,
            kept: None,
            values: Values::new(if plan.effect == Effect::KeepEach { start.entries } else { 0 }),
            overflowed: false,
            counting: plan.counts_first(),
            counted: None,
            counters: Counters { total: start.entries, passes_run: 1, ..Counters::default() },
            rows: Vec::new(),
            tallies: Tallies::default(),
            len: 0,
            lost: 0,
            empty: 0,
            certain: 0,
            uncertain: 0,
            doubtful: 0,
            kept_back: 0,
            later: 0,
            done: start.bound.is_none(),
            gone: false,
            index_gone: false,
            layout: PhantomData,
        };
        scan.observe(len, start.entries);
        scan
    }

    /// Remembers which entries are in the index now, of which at most `room` fit: for a clear, when it is accepted. Reads
    /// until the budget is spent; [`Self::read`] goes on.
    pub fn remember(&mut self, keys: &mut impl IndexKeys, room: usize, clock: &impl Clock, budget: &Budget) {
        let Some(bound) = self.bound.as_ref().filter(|_| self.plan.effect.clears() && !self.done) else {
            return;
        };
        self.snapshot = Some(Snapshot::new(keys, (self.counters.total, bound), room, clock, budget));
    }

    /// It does not know yet which entries were there when it was accepted: nothing is examined until then.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.snapshot.as_ref().is_some_and(Snapshot::is_reading)
    }

    /// Reads on which entries were there, until the budget is spent. The index was counted in this callback. Answers the
    /// time to the first entry, in nanoseconds.
    pub fn read(&mut self, keys: &mut impl IndexKeys, clock: &impl Clock, budget: &Budget) -> u64 {
        self.snapshot.as_mut().map_or(0, |snapshot| snapshot.read(keys, clock, budget))
    }

    /// Entries that it has room to remember.
    #[must_use]
    pub fn room_taken(&self) -> usize {
        self.snapshot.as_ref().map_or(0, Snapshot::room)
    }

    /// It must be told of each change of the index ([`Self::count`]) to know later which entries were there.
    #[must_use]
    pub fn watches(&self) -> bool {
        !self.is_done() && self.snapshot.as_ref().is_some_and(Snapshot::watches)
    }

    /// Something changed in the index: it is as `held` has it now. To be called after each command that changes it, before
    /// the next one does.
    pub fn count(&mut self, keys: &mut impl IndexKeys) {
        if let Some(snapshot) = &mut self.snapshot {
            // What the first of two passes has passed is walked again.
            let passed = self.cursor.as_ref().filter(|_| !self.counting);
            snapshot.count(keys, passed.map(|place| place.score));
        }
    }

    /// The index may have changed without [`Self::count`] being called.
    pub fn lose_sight(&mut self) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.lose_sight();
        }
    }

    fn membership(&self, (score, tag): (f64, &[u8])) -> Membership {
        self.snapshot.as_ref().map_or(Membership::There, |snapshot| snapshot.membership(score, tag))
    }

    /// The key of its index.
    #[must_use]
    pub fn index(&self) -> &[u8] {
        &self.index
    }

    /// Counters as they stand. What left before it was examined is known at the end alone.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Messages in the hash, as of the last look at it.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// There is nothing more to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done || self.gone || self.overflowed
    }

    /// It takes messages out.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.plan.effect.clears() && !self.plan.dry_run && !self.counting
    }

    /// The matches found first, as a reply. They are shown as they were when they were met: what becomes of single
    /// entries is not told to anybody.
    #[must_use]
    pub fn sample(&self, rows: usize) -> Reply {
        Reply::List(
            self.rows
                .iter()
                .take(rows)
                .map(|row| index_row(L::TIME, row.score, row.bytes, &row.members))
                .collect(),
        )
    }

    /// Where the matches are that were found first, in the order of the index.
    pub fn found(&self) -> impl Iterator<Item = IndexPosition> {
        self.rows.iter().filter_map(|row| Some(IndexPosition { score: row.score, tag: row.tag.clone()? }))
    }

    /// What a reader of the counts should know.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        L::notices(self)
    }

    /// So many messages are in the hash now, and so many entries in the index.
    pub fn observe(&mut self, len: u64, entries: u64) {
        self.len = len;
        self.lost = len.saturating_sub(entries);
    }

    /// The hash is gone, and every message with it.
    pub fn lose(&mut self) {
        if !self.is_done() {
            self.end();
        }
        (self.len, self.lost, self.gone) = (0, 0, true);
        self.rows.clear();
    }

    /// The index is gone, and all entries with it.
    pub fn lose_index(&mut self) {
        if !self.is_done() {
            self.index_gone = true;
            self.end();
        }
    }

    /// What was not met has left.
    fn end(&mut self) {
        self.counters.drifted = self.counters.total.saturating_sub(self.counters.processed);
        self.done = true;
    }

    /// Books a look, after what it noted was taken out.
    pub fn commit(&mut self, outcome: &mut IndexOutcome) {
        self.count_deleted(outcome);
        self.certain += outcome.counts.examined - outcome.uncertain;
        self.uncertain += outcome.uncertain;
        self.later += outcome.later;
        // Of those that nobody knows, no more were there than entries were.
        let most = self.snapshot.as_ref().map_or(0, Snapshot::most_uncertain);
        let there = self.uncertain.min(most).min(self.counters.total.saturating_sub(self.certain));
        let c = &mut self.counters;
        c.add(&outcome.counts);
        c.processed = self.certain + there;
        c.arrived = self.later + self.uncertain - there;
        self.empty += outcome.empty;
        self.doubtful += outcome.doubtful;
        self.kept_back += outcome.kept_back;
        self.overflowed |= outcome.overflows;
        outcome.fresh.drain().for_each(|digest| {
            self.values.insert(digest);
        });
        self.rows.append(&mut outcome.rows);
        self.tallies.extend(&outcome.grouped);
        // A hash has no places that groups could be found at.
        self.tallies.lose_places();
        self.len = self.len.saturating_sub(outcome.removed.len() as u64);
        if let Some(cursor) = outcome.cursor.take() {
            self.cursor = Some(cursor);
        }
        if let Some(kept) = outcome.kept.take() {
            self.kept = Some(kept);
        }
        if outcome.over {
            self.end();
        } else if self.stops_at_limit() && self.room() == Some(0) {
            self.done = true;
        }
        self.begin_clearing();
    }

    /// Counts what was taken out, once: alone where the booking may go wrong behind it.
    pub fn count_deleted(&mut self, outcome: &mut IndexOutcome) {
        let taken = outcome.removed.len() as u64;
        self.counters.deleted += taken - outcome.counted;
        outcome.counted = taken;
    }
}

/// Says how many messages of a hash have no entry in its index.
#[must_use]
pub fn lost_notice(lost: u64) -> Option<String> {
    (lost > 0).then(|| {
        format!(
            "messages of the hash that the index does not know, which were not looked at: {lost} or more; is it the \
             right INDEX?"
        )
    })
}
