//! The entries that were in the index when the job was accepted.
//!
//! The scores of the index come from the clocks of the workers, so a later delivery can be at any position.
//! An entry is identified by its *position*, which is its score and its tag together: kombu delivers a
//! returned message again under the same tag with another score.
//!
//! Positions are remembered as digests. They are read from the bound downwards, in slices, before anything is
//! examined. The part that the command itself reads, in the time of one slice, is exact. It is the newest
//! part, which receives nearly all late deliveries, and for most indexes it is the whole index. While the
//! rest is being read, the scan must know of each entry whether it came meanwhile:
//!
//! * When the job is accepted, the rest is divided by score into [`SEGMENTS`] *segments* with about the same
//!   number of entries, and the entries of each are counted.
//! * After each change of the index, which the server announces at once, the entries of each segment that is
//!   not read yet are counted again. A segment that grew has an entry that came later, but it is not known
//!   which one.
//! * So an entry of a segment that never grew was there. In a segment that grew, the entries that were read
//!   before are known, and all others are *uncertain*: they are kept.
//!
//! The memory for digests is limited. Segments that are not read because of the limit are counted after each
//! change until the scan has passed them, with the same meaning.
//!
//! Counting cannot detect one case: a single command that adds an entry to a segment and removes another one
//! from the same segment. Only a ZADD with several members can do that, if one of them is new and another one
//! gets a new score. It would have to come while the segment is not read yet, and kombu sends no such
//! command. An entry that gets another score within its segment, by one command, is still the entry that was
//! there: it never left the index.

use super::IndexKeys;
use super::digests::Digests;
use crate::scan::budget::{Budget, Clock, Deadline};
use crate::scan::place::IndexPosition;

/// The maximum number of positions that all live clears remember together: 21 MB of digests.
pub const PLACES_MAX: usize = 1_000_000;

/// The number of segments into which the entries are divided that the command itself has no time to read.
pub(super) const SEGMENTS: u64 = 32;

/// Whether an entry was in the index when the job was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    /// It was in the index when the job was accepted.
    There,
    /// The entry came later.
    Later,
    /// It is not known.
    Uncertain,
}

/// What is known about the entries of a segment that have no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No entry has come since the job was accepted.
    Watched,
    /// All entries that were there were read, so an entry without a digest came later.
    Read,
    /// Some entries came before all were read.
    Grown,
}

/// The entries whose score is above that of the segment before and not above this one's.
#[derive(Debug)]
struct Segment {
    upper: f64,
    /// The number of its entries when they were last counted.
    count: u64,
    /// The number of these entries that were read.
    read: u64,
    state: State,
}

/// The entries that were in the index when the job was accepted.
#[derive(Debug)]
pub(super) struct Snapshot {
    digests: Digests,
    /// The segments in ascending order of their scores. The command itself read everything above the last
    /// one.
    segments: Vec<Segment>,
    /// Whether the segments were made; entries that are found from then on could have come later.
    divided: bool,
    /// The position that was read last.
    read_to: Option<IndexPosition>,
    reading: bool,
    /// The number of entries in segments that grew that were there before and have no digest.
    uncertain: u64,
}

impl Snapshot {
    /// Creates a snapshot of the present entries. There are `entries` of them up to the bound, of which at
    /// most `room` can be remembered. Reads until the budget is spent.
    pub(super) fn new(
        keys: &mut impl IndexKeys,
        (entries, bound): (u64, &IndexPosition),
        room: usize,
        clock: &impl Clock,
        budget: &Budget,
    ) -> Self {
        let room = room.min(usize::try_from(entries).unwrap_or(usize::MAX));
        let mut snapshot = Self {
            digests: Digests::new(room),
            segments: Vec::new(),
            divided: false,
            read_to: None,
            reading: true,
            uncertain: 0,
        };
        snapshot.read(keys, clock, budget);
        snapshot.divided = true;
        if snapshot.divide(keys).is_none() {
            // Entries that were not read cannot be distinguished from entries that come later.
            let count = entries.saturating_sub(snapshot.digests.len() as u64);
            snapshot.segments = vec![Segment { upper: bound.score, count, read: 0, state: State::Watched }];
            snapshot.lose_sight();
        }
        snapshot
    }

    /// Divides the entries that were not read into segments. Returns `None` if the index cannot be read.
    fn divide(&mut self, keys: &mut impl IndexKeys) -> Option<()> {
        let rest = keys.rank(self.read_to.as_ref())?;
        let mut below = 0;
        for part in 1..=SEGMENTS {
            let Some(rank) = (rest * part / SEGMENTS).checked_sub(1) else { continue };
            let upper = keys.at(rank)?.score;
            if self.segments.last().is_some_and(|segment| segment.upper >= upper) {
                continue;
            }
            let up_to = keys.up_to(upper)?;
            let count = up_to.saturating_sub(below);
            self.segments.push(Segment { upper, count, read: 0, state: State::Watched });
            below = up_to;
        }
        Some(())
    }

    /// Returns whether there are still positions to read that can be remembered.
    pub(super) fn is_reading(&self) -> bool {
        self.reading
    }

    /// Returns whether the counts of segments matter; the segments must then be counted after each change of
    /// the index.
    pub(super) fn watches(&self) -> bool {
        self.segments.iter().any(|segment| segment.state == State::Watched)
    }

    /// Returns the number of positions for which there is room.
    pub(super) fn room(&self) -> usize {
        self.digests.most()
    }

    /// Continues to read until the budget is spent, and returns the time to the first entry in nanoseconds.
    /// The index must not have changed since it was counted last.
    pub(super) fn read(&mut self, keys: &mut impl IndexKeys, clock: &impl Clock, budget: &Budget) -> u64 {
        let mut deadline = Deadline::new(clock, budget);
        let (mut seek_ns, mut work, mut first) = (0, 0, true);
        keys.seek_back(self.read_to.as_ref());
        while self.reading {
            let Some(place) = keys.previous() else {
                if !keys.is_refused() {
                    self.reading = false;
                    self.finish(0);
                }
                break;
            };
            if self.digests.is_full() {
                self.reading = false;
                break;
            }
            if std::mem::take(&mut first) {
                (seek_ns, _) = deadline.begin();
            }
            work += place.tag.len() as u64;
            self.remember(&place);
            self.read_to = Some(place);
            if deadline.is_over(work, false) {
                break;
            }
        }
        seek_ns
    }

    fn remember(&mut self, place: &IndexPosition) {
        if self.divided {
            let at = self.segment_of(place.score);
            self.finish(at + 1);
            let segment = self.segments.get_mut(at).filter(|segment| segment.state == State::Watched);
            let Some(segment) = segment else { return };
            segment.read += 1;
        }
        self.digests.insert(place);
    }

    /// Notes that everything in this segment and in those above it was read.
    fn finish(&mut self, from: usize) {
        // Those above were finished before, except for the nearest.
        for segment in self.segments.iter_mut().skip(from) {
            match segment.state {
                State::Watched => segment.state = State::Read,
                State::Read => return,
                State::Grown => {}
            }
        }
    }

    /// Returns the number of the segment that contains entries of this score; the number after the last one
    /// if there is none.
    fn segment_of(&self, score: f64) -> usize {
        self.segments.partition_point(|segment| segment.upper < score)
    }

    /// Counts the segments again after something changed. The scan has passed everything below `passed`.
    pub(super) fn count(&mut self, keys: &mut impl IndexKeys, passed: Option<f64>) {
        let mut before: Option<(usize, u64)> = None;
        for at in 0..self.segments.len() {
            let upper = self.segments[at].upper;
            if self.segments[at].state != State::Watched || passed.is_some_and(|passed| upper < passed) {
                continue;
            }
            let lower = match (before, at) {
                (_, 0) => Some(0),
                (Some((other, up_to)), _) if other + 1 == at => Some(up_to),
                _ => keys.up_to(self.segments[at - 1].upper),
            };
            let (Some(lower), Some(up_to)) = (lower, keys.up_to(upper)) else { return self.lose_sight() };
            before = Some((at, up_to));
            let count = up_to.saturating_sub(lower);
            if count > self.segments[at].count {
                self.grow(at);
            } else {
                self.segments[at].count = count;
            }
        }
    }

    /// Must be called if something could have come that was not counted.
    pub(super) fn lose_sight(&mut self) {
        for at in 0..self.segments.len() {
            if self.segments[at].state == State::Watched {
                self.grow(at);
            }
        }
    }

    fn grow(&mut self, at: usize) {
        let segment = &mut self.segments[at];
        segment.state = State::Grown;
        self.uncertain += segment.count.saturating_sub(segment.read);
    }

    /// Returns whether an entry at or below the bound was there.
    pub(super) fn membership(&self, score: f64, tag: &[u8]) -> Membership {
        if self.digests.contains(score, tag) {
            return Membership::There;
        }
        match self.segments.get(self.segment_of(score)).map(|segment| segment.state) {
            Some(State::Watched) => Membership::There,
            Some(State::Grown) => Membership::Uncertain,
            Some(State::Read) | None => Membership::Later,
        }
    }

    /// Returns the maximum number of uncertain entries that were there.
    pub(super) fn most_uncertain(&self) -> u64 {
        self.uncertain
    }
}
