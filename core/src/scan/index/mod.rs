//! The scan over messages in the order of a sorted set.
//!
//! Three containers are walked in this way, and [`Layout`] defines the differences between them:
//!
//! * *Unacknowledged messages*: a hash of messages, and a sorted set that is its index.
//! * *Sorted sets* of Sidekiq (`retry`, `schedule`, `dead`) and Laravel (delayed jobs): the members are the messages themselves, the
//!   scores are times. The sorted set is its own index, and the *tag* of an entry is the message.
//! * *Sorted sets of ids*, such as those of RQ, BullMQ and Dramatiq: the tag is the id of a message that is elsewhere
//!   ([`crate::message_place`]).
//!
//! kombu stores the messages that were delivered and not acknowledged in two keys: a hash from delivery tag
//! to `[message, exchange, routing_key]`, and a sorted set, the *index*, from delivery tag to the delivery
//! time in seconds. Both change together, in one transaction.
//!
//! # The walk
//! The scan walks the index, which is ordered by time and then by tag. Its cursor is the *position* (score
//! and tag) of the entry that it examined last, and not a rank, because entries before the cursor come and
//! leave without moving it. The *bound* is the position of the last entry when the job was accepted. So:
//!
//! * Every entry that is in the index when the job is accepted, and keeps its position until the scan reaches
//!   it, is examined exactly once; the message that was delivered first comes first.
//! * No entry is examined twice: the scan only moves upwards, and two entries never have the same position.
//!
//! An entry that is added later usually has a later time and is after the bound. The times are those of the
//! workers' clocks, and in a sorted set of Sidekiq they are the times at which messages are to run, so a
//! later entry can also be before the bound. A clear therefore remembers which entries were in the index when
//! it was accepted (see `snapshot.rs`), and removes no other ones. Previews and stats remember nothing: they
//! count such an entry if the scan has not passed its position.
//!
//! The cursor of SCAN promises less: elements can be returned twice and in any order, and an element that was
//! added meanwhile can be returned or not. SCAN would also walk the hash, where the order of time is not
//! known, so KEEPONE could not determine which match to keep.
//!
//! # Entries and messages that do not belong together
//! A message of the hash without an entry in the index is not found. kombu never leaves such a message (and
//! would never deliver it again); the scan reports the minimum number of them. An entry without a message is
//! found and kept: kombu leaves such entries when it returns messages at a shutdown, and removes them itself
//! later.
//!
//! # Two steps per slice
//! [`IndexScan::run_slice`] reads and examines messages and notes which ones are to be cleared. The caller
//! removes those from both keys as one unit and adds the outcome to the scan with [`IndexScan::commit`]. If
//! the caller cannot write now, it drops the outcome, and the same entries are examined again later.

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
pub use layout::{Layout, SetOfIds, SortedSet, Unacked};
pub use snapshot::PLACES_MAX;
pub use walk::IndexOutcome;

use snapshot::{Membership, Snapshot};

use std::marker::PhantomData;

use crate::message_place::Score;
use crate::reply::{Reply, int};
use crate::scan::budget::{Budget, Clock};
use crate::scan::counters::Counters;
use crate::scan::place::IndexPosition;
use crate::scan::plan::{Effect, Plan};
use crate::scan::tallies::Tallies;
use crate::scan::values::Values;

/// The scan over unacknowledged messages.
pub type UnackedScan = IndexScan<Unacked>;
/// The scan over a sorted set of messages.
pub type SortedScan = IndexScan<SortedSet>;
/// The scan over a sorted set of ids.
pub type IdSetScan = IndexScan<SetOfIds>;

/// The longest tag, in bytes, of which a row of a sample remembers the position.
pub const ROW_TAG_MAX: usize = 4 * 1024;

/// The notice that every count and every clear of such messages contains.
pub const TASKS_GO_ON: &str =
    "running tasks are not stopped: clearing their messages only prevents these from being delivered again";

/// The state of the index when a job is accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexStart {
    /// The key of the index, or of the sorted set of messages.
    pub index: Vec<u8>,
    /// The number of entries of the index.
    pub entries: u64,
    /// The position of the last entry; `None` if there is none.
    pub bound: Option<IndexPosition>,
}

/// One match as a sample shows it.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    score: f64,
    /// `None` if the tag is longer than [`ROW_TAG_MAX`]; the match cannot be found again then.
    tag: Option<Vec<u8>>,
    bytes: u64,
    members: Vec<(Box<str>, Reply)>,
}

/// Returns one row of a sample. Positions in a hash or a sorted set do not last, so `index` is null. `time`
/// is [`Layout::TIME`] and the time that the score says, in Unix milliseconds.
#[must_use]
pub fn index_row(time: (&'static str, Option<i64>), bytes: u64, members: &[(Box<str>, Reply)]) -> Reply {
    let mut row: Vec<(Box<str>, Reply)> = vec![
        ("index".into(), Reply::Null),
        ("bytes".into(), Reply::Int(int(bytes))),
        (time.0.into(), time.1.map_or(Reply::Null, Reply::Int)),
    ];
    // `bytes` can be among the chosen fields, and a member appears only once.
    row.extend(members.iter().filter(|(name, _)| &**name != "bytes").cloned());
    Reply::Map(row)
}

/// One job's walk over messages in the order of a sorted set.
#[derive(Debug)]
pub struct IndexScan<L: Layout> {
    plan: Plan,
    index: Vec<u8>,
    score: Score,
    bound: Option<IndexPosition>,
    /// The entries that were in the index when the job was accepted. Without a snapshot, as in a job that
    /// only reads, these are all entries up to the bound.
    snapshot: Option<Snapshot>,
    /// The entry that was examined last.
    cursor: Option<IndexPosition>,
    /// The tag of the match that KEEPONE keeps. The match is kept even if its time changes.
    kept: Option<Vec<u8>>,
    /// With BY: the values of the matches that are kept.
    values: Values,
    /// Whether there was no room for one more value.
    overflowed: bool,
    /// Whether the scan is in the first of two passes, which counts.
    counting: bool,
    /// The number of matches that the first of two passes found.
    counted: Option<u64>,
    counters: Counters,
    rows: Vec<Row>,
    tallies: Tallies,
    /// The number of messages in the hash at the last slice.
    len: u64,
    /// The minimum number of messages without an entry.
    lost: u64,
    /// The number of entries without a message that were found.
    empty: u64,
    /// The number of examined entries that were in the index when the job was accepted.
    certain: u64,
    /// The number of examined entries that could have come later.
    uncertain: u64,
    /// The number of these entries that match; they were kept.
    doubtful: u64,
    /// The number of matches that were not moved because the destination contains the same messages.
    kept_back: u64,
    /// The number of entries that came later.
    later: u64,
    done: bool,
    gone: bool,
    index_gone: bool,
    layout: PhantomData<L>,
}

impl<L: Layout> IndexScan<L> {
    /// Creates a scan over the entries that are in the index now. The hash has `len` messages.
    #[must_use]
    pub fn new(plan: Plan, start: &IndexStart, len: u64) -> Self {
        let mut scan = Self {
            plan,
            index: start.index.clone(),
            score: Score::Seconds,
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

    /// Says what the scores mean. They are seconds unless this is called.
    #[must_use]
    pub fn score(mut self, score: Score) -> Self {
        self.score = score;
        self
    }

    /// Remembers which entries are in the index now; at most `room` of them can be remembered. A clear calls
    /// this when it is accepted. It reads until the budget is spent, and [`Self::read`] continues.
    pub fn remember(&mut self, keys: &mut impl IndexKeys, room: usize, clock: &impl Clock, budget: &Budget) {
        let Some(bound) = self.bound.as_ref().filter(|_| self.plan.effect.clears() && !self.done) else {
            return;
        };
        self.snapshot = Some(Snapshot::new(keys, (self.counters.total, bound), room, clock, budget));
    }

    /// Returns whether the scan does not know yet which entries were there when the job was accepted; nothing
    /// is examined until then.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.snapshot.as_ref().is_some_and(Snapshot::is_reading)
    }

    /// Continues to read which entries were there, until the budget is spent. The index must have been
    /// counted in this callback. Returns the time to the first entry, in nanoseconds.
    pub fn read(&mut self, keys: &mut impl IndexKeys, clock: &impl Clock, budget: &Budget) -> u64 {
        self.snapshot.as_mut().map_or(0, |snapshot| snapshot.read(keys, clock, budget))
    }

    /// Returns the number of entries that the scan has room to remember.
    #[must_use]
    pub fn room_taken(&self) -> usize {
        self.snapshot.as_ref().map_or(0, Snapshot::room)
    }

    /// Returns whether the caller must announce each change of the index with [`Self::count`], so that the
    /// scan can decide later which entries were there.
    #[must_use]
    pub fn watches(&self) -> bool {
        !self.is_done() && self.snapshot.as_ref().is_some_and(Snapshot::watches)
    }

    /// Counts the index after something changed in it; `keys` has its present state. Must be called after
    /// each command that changes the index and before the next one does.
    pub fn count(&mut self, keys: &mut impl IndexKeys) {
        if let Some(snapshot) = &mut self.snapshot {
            // The second of two passes walks again over the entries that the first one has passed.
            let passed = self.cursor.as_ref().filter(|_| !self.counting);
            snapshot.count(keys, passed.map(|place| place.score));
        }
    }

    /// Must be called if the index could have changed without a call of [`Self::count`].
    pub fn lose_sight(&mut self) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.lose_sight();
        }
    }

    fn membership(&self, (score, tag): (f64, &[u8])) -> Membership {
        self.snapshot.as_ref().map_or(Membership::There, |snapshot| snapshot.membership(score, tag))
    }

    /// Returns the key of the index.
    #[must_use]
    pub fn index(&self) -> &[u8] {
        &self.index
    }

    /// Returns the present counters. The number of messages that left before they were examined is known only
    /// at the end.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the number of messages in the hash at the last slice.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether there is nothing more to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done || self.gone || self.overflowed
    }

    /// Returns whether the scan removes messages.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.plan.effect.clears() && !self.plan.dry_run && !self.counting
    }

    /// Returns the first matches as a reply. They are shown as they were when the scan found them, because no
    /// event reports later changes of single entries.
    #[must_use]
    pub fn sample(&self, rows: usize) -> Reply {
        Reply::List(
            self.rows
                .iter()
                .take(rows)
                .map(|row| index_row((L::TIME, self.score.unix_ms(row.score)), row.bytes, &row.members))
                .collect(),
        )
    }

    /// Returns the positions of the first matches, in the order of the index.
    pub fn found(&self) -> impl Iterator<Item = IndexPosition> {
        self.rows.iter().filter_map(|row| Some(IndexPosition { score: row.score, tag: row.tag.clone()? }))
    }

    /// Returns notices for a reader of the counts.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        L::notices(self)
    }

    /// Sets the present numbers of messages in the hash and of entries in the index.
    pub fn observe(&mut self, len: u64, entries: u64) {
        self.len = len;
        self.lost = len.saturating_sub(entries);
    }

    /// Must be called when the hash is gone, and every message with it.
    pub fn lose(&mut self) {
        if !self.is_done() {
            self.end();
        }
        (self.len, self.lost, self.gone) = (0, 0, true);
        self.rows.clear();
    }

    /// Must be called when the index is gone, and all entries with it.
    pub fn lose_index(&mut self) {
        if !self.is_done() {
            self.index_gone = true;
            self.end();
        }
    }

    /// Ends the scan: the messages that were not found have left.
    fn end(&mut self) {
        self.counters.drifted = self.counters.total.saturating_sub(self.counters.processed);
        self.done = true;
    }

    /// Adds the outcome of a slice, after the noted messages were removed.
    pub fn commit(&mut self, outcome: &mut IndexOutcome) {
        self.count_deleted(outcome);
        self.certain += outcome.counts.examined - outcome.uncertain;
        self.uncertain += outcome.uncertain;
        self.later += outcome.later;
        // Among the uncertain entries, at most this many were there, and never more than the index had
        // entries.
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
        // A hash has no positions at which groups could be found.
        self.tallies.lose_places();
        self.len = self.len.saturating_sub(outcome.removed.len() as u64);
        if let Some(cursor) = outcome.cursor.take() {
            self.cursor = Some(cursor);
        }
        if outcome.lost_kept {
            self.kept = None;
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

    /// Counts the removed messages, once. It is called separately if `commit` could fail after it.
    pub fn count_deleted(&mut self, outcome: &mut IndexOutcome) {
        let taken = outcome.removed.len() as u64;
        self.counters.deleted += taken - outcome.counted;
        outcome.counted = taken;
    }
}

/// Returns a notice with the number of messages of a hash that have no entry in its index.
#[must_use]
pub fn lost_notice(lost: u64) -> Option<String> {
    (lost > 0).then(|| {
        format!("messages without an entry in the index, which were skipped: {lost} or more; check INDEX")
    })
}
