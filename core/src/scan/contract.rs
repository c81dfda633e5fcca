//! What every scan guarantees to its job, whatever container holds the messages.

use super::budget::{Budget, Clock};
use super::counters::{Counters, SliceCounts};
use super::event::Event;
use super::guide::Guide;
use super::judge::Judge;
use super::place::IndexPosition;
use super::plan::Plan;
use super::tallies::Group;
use crate::reply::Reply;

/// The progress of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to examine.
    Unfinished,
    /// Every snapshot message was examined or drifted away.
    Finished,
    /// The queue was edited in place in so many passes that no further pass begins.
    EditedTooOften {
        /// Edits seen.
        edits: u64,
    },
    /// There are more matches than expected: nothing is cleared, or nothing more after an edit in place.
    Unexpected {
        /// Matches, including those that an earlier pass cleared.
        matched: u64,
    },
    /// The matches have more distinct values than can be remembered: nothing more is cleared.
    TooManyValues,
}

/// How the work of a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceEnd {
    /// The outcome is to be committed.
    Done,
    /// The slice was not permitted to delete, or its keys could not be read: nothing was changed, and the outcome
    /// must not be committed.
    Refused,
    /// The queue refused a deletion that it should have done, or has been replaced. The outcome of what was done
    /// is to be committed.
    Stuck,
}

/// The questions of a job to its scan between slices. The numbers of keys are those of the container: for lists,
/// the position in the order in which workers read them; 0 for the hash of unacknowledged messages, and 1 for its
/// index.
pub trait ScanState {
    /// Returns the present counters.
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

    /// Returns whether this pass removes messages.
    fn deletes(&self) -> bool;

    /// Follows an event of the key with this number.
    fn follow(&mut self, key: usize, event: Event<'_>);

    /// Returns the number of the key that the next slice works on.
    fn at(&self) -> usize {
        0
    }

    /// Returns the numbers of the keys that were deleted, renamed away or replaced: their names may now hold
    /// something else.
    fn gone(&self) -> Vec<usize>;

    /// Returns whether a key was deleted with messages in it, or nothing is left of the queue: the counted
    /// messages are not there any more.
    fn lost_messages(&self) -> bool;

    /// Returns the matches of this pass by group, if the job groups them.
    fn groups(&self) -> Vec<Group>;

    /// Returns notices about this container for readers of the counters.
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

    /// Returns the number of matches that the first of two passes found, after it has ended.
    fn counted(&self) -> Option<u64> {
        None
    }

    /// Returns the number of distinct values met in this pass.
    fn distinct(&self) -> u64 {
        0
    }

    /// Returns the position of the match that KEEPONE keeps, while it is in the queue and if messages have
    /// positions: the number of its list, and its index counted from the consumer end (-1 runs next).
    fn kept(&self) -> Option<(usize, i64)> {
        None
    }

    /// Returns the number of edits in place seen so far.
    fn edits(&self) -> u64 {
        0
    }

    /// Returns the number of edits in place after which the scan found its position again and continued.
    fn refound(&self) -> u64 {
        0
    }

    /// Returns the number of messages that were examined without reading them, because an index excluded
    /// them.
    fn passed(&self) -> u64 {
        0
    }

    /// Returns whether an index was certain of a message that does not match: the scan is not guided any
    /// more.
    fn was_misled(&self) -> bool {
        false
    }

    /// Returns whether the scan ended without having cleared everything, because it does not know which match is
    /// the newest.
    fn is_newest_unknown(&self) -> bool {
        false
    }
}

/// What one slice saw and did, in any container. It is not booked before [`ContainerScan::commit`].
pub trait SliceOutcome: Default {
    /// Clears the outcome of the slice before.
    fn reset(&mut self) {
        *self = Self::default();
    }

    /// Returns what is added to the counters of the job.
    fn counts(&self) -> &SliceCounts;

    /// Returns the time to the first message, in nanoseconds.
    fn seek_ns(&self) -> u64;

    /// Returns the time to the first message of each walk, summed up, in nanoseconds.
    fn all_seeks_ns(&self) -> u64 {
        self.seek_ns()
    }

    /// Returns when the time of the slice is over, by its clock in nanoseconds; 0 before the first message.
    fn over_ns(&self) -> u64;

    /// Returns the number of removed messages.
    fn removed(&self) -> u64;
}

/// The two steps in which a slice of one container is booked.
pub trait ContainerScan: ScanState {
    /// The outcome of one slice.
    type Outcome: SliceOutcome;

    /// Counts once what a slice removed. It is called on its own because booking may fail afterwards.
    fn count_deleted(&mut self, outcome: &mut Self::Outcome);

    /// Books what a slice found and removed.
    fn commit(&mut self, outcome: &mut Self::Outcome);
}

/// A scan over a container whose opened keys are `Keys`. All types below it are generic, so the program has one
/// loop over messages for each container, and no dynamic dispatch per message.
pub trait Examine<Keys>: ContainerScan {
    /// Works until the budget is spent, or there is nothing left to do for now. It always examines at least one
    /// message if there is one.
    ///
    /// `permit` is called once, as soon as it is known that something will be removed, and before it is. Some
    /// containers remove messages on the way. The others note them in the outcome for the caller, who removes them
    /// afterwards and before anything else happens to the keys.
    fn examine(
        &self,
        keys: &mut Keys,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut Self::Outcome,
    ) -> SliceEnd;

    /// The same, and messages that the index of a list excludes are counted and not read. Containers without
    /// such an index read every message.
    #[expect(clippy::too_many_arguments, reason = "those of `examine`, and the guide")]
    fn examine_guided(
        &self,
        keys: &mut Keys,
        judge: &mut impl Judge,
        _: &mut dyn Guide,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut Self::Outcome,
    ) -> SliceEnd {
        self.examine(keys, judge, clock, budget, permit, outcome)
    }
}
