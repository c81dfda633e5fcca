//! Which entries were in the index when the job was accepted.
//!
//! The scores of the index are the clocks of the workers, so a delivery that comes later may stand anywhere. An entry is
//! known by its *place*, its score and its tag together: kombu delivers a message that was given back under the same tag
//! again, with another score.
//!
//! Places are remembered as digests, which are read from the bound down, in slices and before anything is examined. What
//! the command itself reads in the time of one slice is exact. That is the newest part, where nearly all late deliveries
//! fall, and of most indexes it is the whole. While the rest is being read, it must be known of each entry whether it
//! came meanwhile:
//!
//! * At acceptance the rest is divided by score into [`SEGMENTS`] *segments* of about the same number of entries, and the
//!   entries of each are counted.
//! * After each change of the index, which the server tells at once, the entries of each segment that is not read yet are
//!   counted again. A segment that grew has an entry that came later; which one it is nobody can say.
//! * So an entry of a segment that never grew was there. In a segment that grew, the entries that were read before are
//!   known, and all others are *uncertain*: they are left alone.
//!
//! The digests have a bound in memory. Segments that are not read because of it are counted after each change until the
//! scan has passed them, with the same meaning.
//!
//! One thing cannot be seen by counting: a single command that adds an entry to a segment and takes another one out of
//! the same segment. Only a ZADD with several members can do that, one of them new and another one with a new score. It
//! would have to come while the segment is not read yet, and kombu sends none. An entry that is given another score within
//! its segment, by one command, stays the entry that was there: it never left the index.

use super::IndexKeys;
use super::digests::Digests;
use crate::scan::budget::{Budget, Clock, Deadline};
use crate::scan::place::IndexPosition;

/// Most places that all live clears remember together: 21 MB of digests.
pub const PLACES_MAX: usize = 1_000_000;

/// Parts into which the entries are divided that the command itself has no time to read.
pub(super) const SEGMENTS: u64 = 32;

/// What is known of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    /// It was in the index when the job was accepted.
    There,
    /// It came later.
    Later,
    /// Nobody can say.
    Uncertain,
}

/// What is known of the entries of a segment that have no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// None came since the job was accepted.
    Watched,
    /// All others were read: these came later.
    Read,
    /// Some came before all were read.
    Grown,
}

/// Entries whose score is above that of the segment before and not above this one's.
#[derive(Debug)]
struct Segment {
    upper: f64,
    /// Its entries when they were last counted.
    count: u64,
    /// Of these, the ones that were read.
    read: u64,
    state: State,
}

/// The entries that were in the index when the job was accepted.
#[derive(Debug)]
pub(super) struct Snapshot {
    digests: Digests,
    /// In ascending order of their scores. Above the last one everything was read by the command itself.
    segments: Vec<Segment>,
    /// The segments were made: entries that are met from now on may have come later.
    divided: bool,
    /// The place that was read last.
    read_to: Option<IndexPosition>,
    reading: bool,
    /// Entries of segments that grew which were there before and have no digest.
    uncertain: u64,
}

impl Snapshot {
    /// Of all entries as they are now, so many up to the bound, of which at most `room` can be remembered. Reads until
    /// the budget is spent.
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
            // What was not read cannot be told from what comes.
            let count = entries.saturating_sub(snapshot.digests.len() as u64);
            snapshot.segments = vec![Segment { upper: bound.score, count, read: 0, state: State::Watched }];
            snapshot.lose_sight();
        }
        snapshot
    }

    /// Divides what was not read into segments. `None` where the index cannot be read.
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

    /// Not all places are read that can be remembered.
    pub(super) fn is_reading(&self) -> bool {
        self.reading
    }

    /// Counts of segments matter: they must be made after each change of the index.
    pub(super) fn watches(&self) -> bool {
        self.segments.iter().any(|segment| segment.state == State::Watched)
    }

    /// Places that it has room for.
    pub(super) fn room(&self) -> usize {
        self.digests.most()
    }

    /// Reads on until the budget is spent; answers the time to the first entry, in nanoseconds. Nobody may have changed
    /// the index since it was counted last.
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

    /// Everything in this segment and in those above it was read.
    fn finish(&mut self, from: usize) {
        // Those above were finished before, but for the nearest.
        for segment in self.segments.iter_mut().skip(from) {
            match segment.state {
                State::Watched => segment.state = State::Read,
                State::Read => return,
                State::Grown => {}
            }
        }
    }

    /// The number of the segment that has the entries of this score; the one behind the last where none has.
    fn segment_of(&self, score: f64) -> usize {
        self.segments.partition_point(|segment| segment.upper < score)
    }

    /// Counts the segments again, after something changed. The scan has passed everything below `passed`.
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

    /// Something may have come that was not counted.
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

    /// What is known of an entry at or below the bound.
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

    /// At most so many of the entries that are uncertain were there.
    pub(super) fn most_uncertain(&self) -> u64 {
        self.uncertain
    }
}
