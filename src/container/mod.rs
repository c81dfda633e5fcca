//! Containers: how a slice opens the keys that hold the messages of its job, and how it removes messages.
//!
//! `list`, `unacked`, `sorted_set` and `set_of_ids` are the containers. `index` and `walked` have what those share
//! whose messages are walked in the order of a sorted set; `job_traces` removes what a library knows of jobs beside their keys, and
//! `tokens` keeps Laravel's tokens in step with its jobs. The scan of a job determines its container
//! ([`qadmin_core::scan::AnyScan`]). `engine/slice.rs` does the same steps with all of them, in an order that
//! keeps queue, replicas and records consistent.

pub(crate) mod index;
mod job_traces;
pub(crate) mod list;
pub(crate) mod set_of_ids;
pub(crate) mod sorted_set;
pub(crate) mod tokens;
pub(crate) mod unacked;
pub(crate) mod walked;

use qadmin_core::format::Skim;
use qadmin_core::job::{Destination, Job};
use qadmin_core::queue::End;
use qadmin_core::scan::{Budget, ContainerScan, Examine, OneScan};
use qadmin_core::settings::Settings;

use crate::measures::Measures;
use crate::redis::list::Mode;
use crate::redis::{Ctx, RString};
use crate::refusal::Refusal;
use crate::state::State;

/// The result of opening the keys of a container.
pub(crate) enum OpenedKeys<K> {
    /// The keys hold messages and are open for one callback.
    Keys(K),
    /// The keys do not exist.
    Missing,
    /// One of the keys holds another type.
    Other,
    /// The server refused to read, with this error line.
    Refused(Vec<u8>),
}

/// The result of preparing a slice.
pub(crate) enum Prepared {
    /// Messages may be examined now.
    Ready,
    /// The scan had to read other entries before it could examine the first message, and that used up the
    /// slice.
    Spent {
        /// The time to the first entry, in nanoseconds.
        seek_ns: u64,
    },
    /// The keys could not be opened again, although they were open a moment ago.
    Broken,
}

/// The list that matches are moved to, and the end at which they are pushed.
pub(crate) type Target<'a> = (&'a Destination, End);

/// The outcome of a slice of this container.
pub(crate) type OutcomeOf<'c, S> = <<S as Storage<'c>>::Scan as ContainerScan>::Outcome;

/// The opened keys of a container. Their names are those of [`Job::keys_here`].
pub(crate) trait Storage<'c>: Sized {
    /// The scan of this container.
    type Scan: OneScan + Examine<Self>;

    /// Opens the keys. A handle cannot outlive the callback, which its lifetime ensures.
    fn open(ctx: Ctx<'c>, names: &'c [RString], mode: Mode) -> OpenedKeys<Self>;

    /// Returns the number of messages if the container is a list.
    fn list_len(&self) -> Option<u64> {
        None
    }

    /// Lets the scan read these fields of each message first, if messages are hashes of their own.
    fn skims(&mut self, _: Skim) {}

    /// Compares the keys with what the scan knows of them, before anything is examined.
    fn prepare(&mut self, scan: &mut Self::Scan, budget: &Budget) -> Prepared;

    /// Returns the server's error line if it refused to read since the keys were opened.
    fn refused(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Returns the budget of a slice that may remove at most this many messages. `moves` says whether they
    /// are moved to another key.
    fn budget(measures: &Measures, settings: &Settings, most: usize, moves: bool) -> Budget;

    /// Takes the outcome of the slice before, so that its memory is used again.
    fn borrow_outcome(_: &mut State) -> OutcomeOf<'c, Self> {
        OutcomeOf::<'c, Self>::default()
    }

    /// Gives the outcome back after the slice.
    fn return_outcome(_: &mut State, _: OutcomeOf<'c, Self>) {}

    /// Checks whether messages can be moved to this key, as far as that depends on what the key holds. A
    /// container that does not move messages refuses all keys.
    ///
    /// # Errors
    /// Why they cannot.
    fn probe_destination(_: Ctx<'_>, _: &RString) -> Result<(), Refusal> {
        Err(Refusal::Destination { wanted: "a list" })
    }

    /// Removes the matches that a slice found, or replicates and announces those that it removed during its
    /// walk, and closes the keys. It is called after every slice of a job that writes, even if the judge
    /// panicked, because every removal must be replicated. Returns the digests of the moved messages.
    ///
    /// # Errors
    /// The server's error line; in this case nothing was removed.
    fn remove_matches(
        self,
        ctx: Ctx<'c>,
        names: &'c [RString],
        outcome: &mut OutcomeOf<'c, Self>,
        to: Option<Target<'_>>,
    ) -> Result<Vec<u64>, Vec<u8>>;

    /// Updates the measured costs of messages. Removing and moving took `took_ns` nanoseconds.
    fn learn(measures: &mut Measures, outcome: &OutcomeOf<'c, Self>, took_ns: u64, moves: bool, now: u64);

    /// Updates the measured time to the first message of a slice. It took `_seek_ns` nanoseconds this time.
    fn sought(_: &mut Measures, _seek_ns: u64) {}

    /// Applies what a slice removed to all other jobs on the queue, and forgets the counts of the queue. It
    /// is called only if the slice removed something.
    fn tell_jobs(
        state: &mut State,
        ctx: Ctx<'_>,
        job: &mut Job,
        names: &[RString],
        outcome: &OutcomeOf<'c, Self>,
    );
}
