//! What every scan promises to its job, whatever holds the messages.

use super::budget::{Budget, Clock};
use super::counters::{Counters, SliceCounts};
use super::event::Event;
use super::judge::Judge;
use super::place::IndexPosition;
use super::plan::Plan;
use super::tallies::Group;
use crate::reply::Reply;

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

/// How the work of a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceEnd {
    /// The look is to be committed.
    Done,
    /// The look was not permitted to delete, or its keys could not be read: nothing happened, and it must not be
    /// committed.
    Refused,
    /// The queue refused a deletion that it should have done, or is not the one that it was. What was done is to be
    /// committed.
    Stuck,
}

/// What a job asks of its scan between slices. The numbers of keys are those of the container: a list's place in the
/// order in which workers look into the lists; 0 for the hash of unacknowledged messages, and 1 for its index.
pub trait ScanState {
    /// Returns the counters as they stand.
    fn counters(&self) -> &Counters;

    /// Returns what the job is to do.
    fn plan(&self) -> &Plan;

    /// Returns whether there is more to do.
    fn progress(&self) -> Progress;

    /// Returns the number of messages in the queue, as far as the scan knows.
    fn len(&self) -> u64;

    /// Returns whether the queue holds nothing, as far as the scan knows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether this pass takes messages out.
    fn deletes(&self) -> bool;

    /// Follows what happened to the key with this number.
    fn follow(&mut self, key: usize, event: Event<'_>);

    /// Returns the number of the key that the next slice works on.
    fn at(&self) -> usize {
        0
    }

    /// Returns the numbers of the keys that were deleted, renamed away or replaced: what is under their names now is
    /// something else.
    fn gone(&self) -> Vec<usize>;

    /// Returns whether a key went with messages, or nothing is left of the queue: what was counted is not there any more.
    fn lost_messages(&self) -> bool;

    /// Returns the matches of this pass by group, where the job groups them.
    fn groups(&self) -> Vec<Group>;

    /// Returns what a reader of the counters should know of this container.
    fn notices(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the matches found first as rows of a sample, if messages have no positions that move: at most this many.
    fn rows(&self, _: usize) -> Option<Reply> {
        None
    }

    /// Returns where the matches are that were found first, if messages have no positions that move.
    fn found_at(&self) -> Vec<IndexPosition> {
        Vec::new()
    }

    /// Returns the number of entries that the scan has reserved memory for, to remember which were there when its job was
    /// accepted.
    fn room_taken(&self) -> usize {
        0
    }

    /// Tells that the keys may have changed without an event.
    fn lose_sight(&mut self) {}

    /// Returns whether the scan is in the first of two passes, which counts.
    fn is_counting(&self) -> bool {
        false
    }

    /// Returns the number of matches that the first of two passes found, once it is over.
    fn counted(&self) -> Option<u64> {
        None
    }

    /// Returns the number of distinct values met in this pass.
    fn distinct(&self) -> u64 {
        0
    }

    /// Returns where the match is that KEEPONE keeps, while it is in the queue, if messages have positions: the number of
    /// its list, and its index counted from the next end (-1 runs next).
    fn kept(&self) -> Option<(usize, i64)> {
        None
    }

    /// Returns the number of edits in place seen so far.
    fn edits(&self) -> u64 {
        0
    }

    /// Returns the number of edits in place after which the scan found its place again and went on.
    fn refound(&self) -> u64 {
        0
    }

    /// Returns whether the scan ended without having cleared all that it was to, because it does not know which match is
    /// the newest.
    fn is_newest_unknown(&self) -> bool {
        false
    }
}

/// What one slice saw and did, whatever holds the messages. It is not booked before [`ContainerScan::commit`].
pub trait SliceOutcome: Default {
    /// Forgets the slice before.
    fn reset(&mut self) {
        *self = Self::default();
    }

    /// Returns what is added to the counters of the job.
    fn counts(&self) -> &SliceCounts;

    /// Returns the time to the first message, in nanoseconds.
    fn seek_ns(&self) -> u64;

    /// Returns the time to the first message of each walk, all together, in nanoseconds.
    fn all_seeks_ns(&self) -> u64 {
        self.seek_ns()
    }

    /// Returns when the time of the slice is over, by its clock in nanoseconds; 0 before the first message.
    fn over_ns(&self) -> u64;

    /// Returns the number of messages that were taken out.
    fn removed(&self) -> u64;
}

/// The two steps in which a slice of one container is booked.
pub trait ContainerScan: ScanState {
    /// What one slice saw.
    type Outcome: SliceOutcome;

    /// Counts what a slice took out, once: on its own where its booking may go wrong afterwards.
    fn count_deleted(&mut self, outcome: &mut Self::Outcome);

    /// Books what a slice found and took out.
    fn commit(&mut self, outcome: &mut Self::Outcome);
}

/// A scan over a container whose opened keys are `Keys`. It is generic to the bottom: of the loop over messages a program
/// has one for each container, and nothing is looked up for a message.
pub trait Examine<Keys>: ContainerScan {
    /// Works until the budget is spent, or there is nothing left to do for now. Always passes at least one message if
    /// there is one.
    ///
    /// `permit` is asked once, when it is known that something is to be taken out and before anything is. Some containers
    /// take messages out on the way; the others note them in the look for the caller, who takes them out afterwards and
    /// before anything else happens to the keys.
    fn examine(
        &self,
        keys: &mut Keys,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut Self::Outcome,
    ) -> SliceEnd;
}
