//! What an index of values tells a scan about the messages of a list: which of them have to be
//! read.

use std::ops::Range;

use super::unread::{CountedUnread, GroupCount, Kept, Reached};

/// The direction of a walk over a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// Away from the message that runs next.
    ProducerEnd,
    /// To the message that runs next.
    ConsumerEnd,
}

/// A message that has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its distance from the consumer end.
    pub distance: u64,
    /// The index is certain that it matches. Otherwise only its bytes can tell.
    pub is_sure: bool,
    /// Elements that are not JSON objects among the messages that are passed, and not read, on the way to it.
    undecodable: u64,
}

/// The messages that have to be read in a part of a list, in the order of a walk. All others do not match.
#[derive(Debug, Clone, Default)]
pub struct Route {
    candidates: Vec<Candidate>,
    covered: Range<u64>,
    undecodable: u64,
}

impl Route {
    /// Begins a route at this distance from the consumer end. Nothing is known yet.
    pub fn begin(&mut self, at: u64) {
        self.candidates.clear();
        (self.covered, self.undecodable) = (at..at, 0);
    }

    /// The message at this distance, further on the way, has to be read.
    pub fn add(&mut self, distance: u64, is_sure: bool) {
        self.candidates.push(Candidate { distance, is_sure, undecodable: self.undecodable });
    }

    /// This many of the next messages are not read, and are not JSON objects.
    pub fn pass_undecodable(&mut self, messages: u64) {
        self.undecodable += messages;
    }

    /// Everything is known up to this distance, which is a boundary between two messages.
    pub fn reach(&mut self, at: u64) {
        self.covered = self.covered.start.min(at)..self.covered.end.max(at);
    }

    /// Returns the messages that have to be read.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Returns the distances of all messages of which the route knows whether they have to be read.
    #[must_use]
    pub fn covered(&self) -> Range<u64> {
        self.covered.clone()
    }

    /// Returns whether too many messages have to be read, so that passing the others saves less than it costs.
    pub(super) fn is_dense(&self) -> bool {
        let (reads, all) = (self.candidates.len() as u64, self.covered.end - self.covered.start);
        reads >= WORTH_LEARNING && reads * DENSE.1 > all * DENSE.0
    }

    /// Turns the route round.
    pub(super) fn turn(&mut self) {
        let all = self.undecodable;
        self.candidates.reverse();
        self.candidates.iter_mut().for_each(|candidate| candidate.undecodable = all - candidate.undecodable);
    }

    /// Returns the number of elements that are not JSON objects among those that are passed when the first
    /// `read` candidates are read, or when the whole route is walked.
    pub(crate) fn undecodable(&self, read: usize, is_whole: bool) -> u64 {
        let last = read.checked_sub(1).and_then(|last| self.candidates.get(last));
        if is_whole { self.undecodable } else { last.map_or(0, |candidate| candidate.undecodable) }
    }
}

/// From this part on, too many messages have to be read: two of three.
const DENSE: (u64, u64) = (2, 3);

/// An index that guides a scan. Nobody else changes the list or the index during a slice.
pub trait Guide {
    /// Finds the messages that have to be read among those at the distances in `range`, from the end of the
    /// range at which a walk in this direction begins, until `most` are found or `goes_on` returns false. It
    /// is asked about every few microseconds. Returns false if the index cannot tell.
    fn lead(
        &mut self,
        range: Range<u64>,
        toward: Toward,
        most: usize,
        goes_on: &mut dyn FnMut() -> bool,
        route: &mut Route,
    ) -> bool;

    /// Counts the messages at the distances in `range`, from its start on, until one has to be read or
    /// `goes_on` returns false, and adds them to `counted`. With `reads_matches` each match has to be read.
    /// `goes_on` is asked every few microseconds, and gets the nanoseconds that [`Guide::groups`] will take at
    /// most before it is asked again. Returns `None` if nothing was counted, because the index cannot tell or
    /// many messages have to be read. By default it never counts.
    fn count(
        &mut self,
        _range: Range<u64>,
        _reads_matches: bool,
        _goes_on: &mut dyn FnMut(u64) -> bool,
        _counted: &mut CountedUnread,
    ) -> Option<Reached> {
        None
    }

    /// Appends the groups of the matches that were counted since the last call. `number` gets the values of a
    /// group, as [`crate::filter::group_values`] explains them, and returns the number of the group.
    fn groups(&mut self, _number: &mut dyn FnMut(&[u8]) -> u32, _groups: &mut Vec<GroupCount>) {}

    /// Returns what earlier slices kept by [`Guide::keep`], if it is about the messages from the start of this range on, and nothing
    /// happened to them since. Otherwise it is forgotten, and they are counted again.
    fn resume(&mut self, _range: Range<u64>) -> Option<Kept> {
        None
    }

    /// Returns whether a slice of this many nanoseconds should keep what it counts for the next one, because giving the groups would
    /// take much of its time.
    fn should_keep(&mut self, _slice_ns: u64) -> bool {
        false
    }

    /// A message has to be read, whose verdict is booked at once: slices keep nothing from now on.
    fn stop_keeping(&mut self) {}

    /// Keeps what was counted from the message at distance `start` on. Nobody books it until it is given.
    fn keep(&mut self, _start: u64, _kept: Kept) {}

    /// Names the groups that have no number yet, as long as `goes_on` says so; it gets the nanoseconds that [`Guide::groups`] will
    /// take then. Returns whether they can be given now: all have a number, and that time is left or none was without one.
    fn name(&mut self, _number: &mut dyn FnMut(&[u8]) -> u32, _goes_on: &mut dyn FnMut(u64) -> bool) -> bool {
        true
    }

    /// Returns the costs of walking over this list.
    fn costs(&mut self) -> &mut JumpCosts;

    /// Returns whether it is an index of the list. Otherwise it is what an earlier pass has found.
    fn is_index(&self) -> bool {
        true
    }
}

/// What it costs to get from one message of a list to another and to read it: moving averages, learned on the
/// way. The costs of the same steps differ by a factor of thirty with the fragmentation of the server's
/// memory, and by forty where the server compresses the inside of lists.
#[derive(Debug, Clone, Copy)]
pub struct JumpCosts {
    /// Passing one message on an opened list, picoseconds.
    step_ps: u64,
    /// Finding a message on a newly opened list, for each message between it and the nearer end, picoseconds.
    seek_ps: u64,
    /// Reaching, reading and judging one message, and perhaps removing it, nanoseconds.
    candidate_ns: u64,
}

impl Default for JumpCosts {
    fn default() -> Self {
        Self { step_ps: 100_000, seek_ps: 1_000, candidate_ns: 5_000 }
    }
}

#[cfg(test)]
impl JumpCosts {
    /// A list on which every long jump seeks.
    pub(super) fn that_seek() -> Self {
        Self { step_ps: 1_000_000_000_000, ..Self::default() }
    }
}

/// Opening a list anew, nanoseconds.
const REOPEN_NS: u64 = 1_500;
/// Reading a message of usual size after it is reached, nanoseconds. Only long ways are measured, so a rough
/// number is enough.
const READ_NS: u64 = 300;
/// Shorter jumps always step, and say little about the cost of a step; messages.
const SHORT: u64 = if cfg!(test) { 3 } else { 16 };
/// A seek over fewer messages says little about its cost.
const NEAR_END: u64 = 4_096;
/// Fewer candidates say little about the cost of the next ones.
const WORTH_LEARNING: u64 = 8;

impl JumpCosts {
    /// Returns the expected time to get over `gap` messages to one that is `from_end` messages away from the
    /// nearer end of the list, in nanoseconds, and whether opening the list anew is the faster way.
    pub(super) fn of(&self, gap: u64, from_end: u64) -> (u64, bool) {
        let step = gap.saturating_mul(self.step_ps) / 1_000;
        let seek = (from_end.saturating_mul(self.seek_ps) / 1_000).saturating_add(REOPEN_NS);
        if gap >= SHORT && seek < step { (seek, true) } else { (step, false) }
    }

    /// Returns whether a jump that passes `gap` messages teaches something.
    pub(super) fn is_worth_measuring(gap: u64) -> bool {
        gap >= SHORT
    }

    /// Learns from passing `gap` messages and reading the next one.
    pub(super) fn stepped(&mut self, gap: u64, took_ns: u64) {
        if gap >= SHORT {
            learn(&mut self.step_ps, took_ns.saturating_sub(READ_NS).saturating_mul(1_000) / gap);
        }
    }

    /// Learns from reading a message, on a newly opened list, that is `from_end` messages away from the
    /// nearer end.
    pub(super) fn sought(&mut self, from_end: u64, took_ns: u64) {
        if from_end >= NEAR_END {
            let seek_ns = took_ns.saturating_sub(REOPEN_NS + READ_NS);
            learn(&mut self.seek_ps, seek_ns.saturating_mul(1_000) / from_end);
        }
    }

    /// Learns from a walk that read this many messages.
    pub(super) fn walked(&mut self, candidates: u64, took_ns: u64) {
        if let Some(each) = took_ns.checked_div(candidates)
            && (candidates >= WORTH_LEARNING || each < self.candidate_ns)
        {
            learn(&mut self.candidate_ns, each);
        }
    }

    /// Returns how many messages can be reached and read in this time, in nanoseconds: at least one.
    pub(super) fn candidates_in(&self, ns: u64) -> usize {
        usize::try_from(ns / self.candidate_ns.max(1)).unwrap_or(usize::MAX).clamp(1, CANDIDATES_MAX)
    }
}

/// The most messages that one slice is guided to.
pub const CANDIDATES_MAX: usize = 4_096;

/// A moving average. A thread that loses its processor makes one measurement as long as many, so one can at
/// most double the average.
fn learn(average: &mut u64, one: u64) {
    let one = one.min(average.saturating_mul(2));
    *average = (average.saturating_mul(3).saturating_add(one) / 4).max(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of a million messages of 1.4 KB: 77 ns for a step, and half a nanosecond of a seek for each
    /// message.
    fn known(step_ns: u64, seek_ps: u64) -> JumpCosts {
        let mut costs = JumpCosts::default();
        for _ in 0..100 {
            costs.stepped(1_000, 1_000 * step_ns + READ_NS);
            costs.sought(500_000, 500 * seek_ps + REOPEN_NS + READ_NS);
        }
        costs
    }

    #[test]
    fn faster_way_follows_from_what_was_measured() {
        for (step_ns, seek_ps, gap, from_end, seeks) in [
            (77, 490, 100, 250_000, false),
            (77, 490, 10_000, 250_000, true),
            (77, 490, 1_000, 1_000, true),
            (142, 14_500, 10_000, 250_000, false),
            (3_200, 470, 100, 250_000, true),
            (3_200, 470, 15, 250_000, false),
        ] {
            let costs = known(step_ns, seek_ps);
            assert_eq!(costs.of(gap, from_end).1, seeks, "{step_ns} {seek_ps} {gap} {from_end}: {costs:?}");
        }
    }

    #[test]
    fn one_interruption_at_most_doubles_a_cost() {
        let mut costs = known(77, 490);
        let before = costs;
        costs.stepped(16, 80_000_000);
        costs.walked(1_000, u64::MAX);
        assert!(costs.step_ps < before.step_ps * 2 && costs.candidate_ns < before.candidate_ns * 2);
        costs.walked(1, u64::MAX);
        costs.walked(0, 1);
        assert!(costs.candidate_ns < before.candidate_ns * 2, "one message teaches nothing");
        assert_eq!(costs.candidates_in(0), 1);
        assert_eq!(costs.candidates_in(u64::MAX), CANDIDATES_MAX);
    }

    #[test]
    fn a_route_counts_what_is_passed_in_both_directions() {
        let mut route = Route::default();
        route.begin(10);
        route.pass_undecodable(1);
        route.add(13, true);
        route.pass_undecodable(2);
        route.add(17, false);
        route.pass_undecodable(4);
        route.reach(25);
        assert_eq!(route.covered(), 10..25);
        let passed = |route: &Route| [0, 1, 2].map(|read| route.undecodable(read, false));
        assert_eq!(passed(&route), [0, 1, 3]);
        assert_eq!(route.undecodable(2, true), 7);
        route.turn();
        assert_eq!(passed(&route), [0, 4, 6]);
        assert_eq!(route.undecodable(2, true), 7);
        assert_eq!(route.candidates()[0].distance, 17);
        assert!(!route.is_dense());
    }
}
