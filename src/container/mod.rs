//! Containers: how a slice opens what holds the messages of its job, and how it takes messages out.
//!
//! Each file of this folder is one container. Which one a job is about is known from its scan
//! ([`qadmin_core::scan::AnyScan`]); `engine/slice.rs` does the same steps with all of them, in the order that keeps
//! everybody's data the same.

pub(crate) mod index;
pub(crate) mod list;
pub(crate) mod sorted_set;
pub(crate) mod unacked;
pub(crate) mod walked;

use qadmin_core::job::{Destination, Job};
use qadmin_core::queue::End;
use qadmin_core::scan::{Budget, ContainerScan, Examine, OneScan};
use qadmin_core::settings::Settings;

use crate::measures::Measures;
use crate::redis::list::Mode;
use crate::redis::{Ctx, RString};
use crate::refusal::Refusal;
use crate::state::State;

/// What the keys of a container hold.
pub(crate) enum OpenedKeys<K> {
    /// Messages: the keys, opened for one callback.
    Keys(K),
    /// There is nothing.
    Missing,
    /// One of the keys holds another type.
    Other,
    /// The server refuses to read: its error line.
    Refused(Vec<u8>),
}

/// What came of preparing a slice.
pub(crate) enum Prepared {
    /// Messages may be examined now.
    Ready,
    /// The slice was spent on reading what the scan has to know before it examines anything.
    Spent {
        /// The time to the first entry, in nanoseconds.
        seek_ns: u64,
    },
    /// The keys are not what they were a moment ago.
    Broken,
}

/// Where messages go that are moved, and the end of it that they are pushed at.
pub(crate) type Target<'a> = (&'a Destination, End);

/// What a slice of this container notes.
pub(crate) type OutcomeOf<'c, S> = <<S as Storage<'c>>::Scan as ContainerScan>::Outcome;

/// The opened keys of a container. The names are those of [`Job::keys_here`].
pub(crate) trait Storage<'c>: Sized {
    /// The scan that walks it.
    type Scan: OneScan + Examine<Self>;

    /// Opens the keys. A handle may not be kept beyond the callback, which its lifetime ensures.
    fn open(ctx: Ctx<'c>, names: &'c [RString], mode: Mode) -> OpenedKeys<Self>;

    /// The number of messages where each has a position in a list.
    fn list_len(&self) -> Option<u64> {
        None
    }

    /// Compares what the keys hold with what the scan knows of them, before anything is examined.
    fn prepare(&mut self, scan: &mut Self::Scan, budget: &Budget) -> Prepared;

    /// Returns the server's error line if it refused to read meanwhile.
    fn refused(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Returns the budget of a slice that may take out at most this many messages. `moves` says that they go to another
    /// key.
    fn budget(measures: &Measures, settings: &Settings, most: usize, moves: bool) -> Budget;

    /// Lends the notes of the slice before, for their memory.
    fn borrow_outcome(_: &mut State) -> OutcomeOf<'c, Self> {
        OutcomeOf::<'c, Self>::default()
    }

    /// Takes them back.
    fn return_outcome(_: &mut State, _: OutcomeOf<'c, Self>) {}

    /// Asks whether messages may be moved to this key, as far as that depends on what the key holds. A container that
    /// moves nothing refuses all keys.
    ///
    /// # Errors
    /// Why they may not.
    fn probe_destination(_: Ctx<'_>, _: &RString) -> Result<(), Refusal> {
        Err(Refusal::Destination { wanted: "a list" })
    }

    /// Takes out what a slice noted, or tells replicas, the append-only file and everybody else what it took out on its way,
    /// and closes the keys. Called after every slice of a job that writes, also where its judge panicked: what was taken out
    /// has to be told. Returns the digests of what was moved.
    ///
    /// # Errors
    /// The server's error line; nothing was taken out then.
    fn remove_matches(
        self,
        ctx: Ctx<'c>,
        names: &'c [RString],
        outcome: &mut OutcomeOf<'c, Self>,
        to: Option<Target<'_>>,
    ) -> Result<Vec<u64>, Vec<u8>>;

    /// Learns what messages cost. Taking out and moving took `took_ns` nanoseconds.
    fn learn(measures: &mut Measures, outcome: &OutcomeOf<'c, Self>, took_ns: u64, moves: bool, now: u64);

    /// Learns what the way to the first message of a slice took, in nanoseconds.
    fn sought(_: &mut Measures, _seek_ns: u64) {}

    /// Tells all other jobs on the queue what a slice took out, and forgets what was counted there. Called where it took out
    /// something.
    fn tell_jobs(
        state: &mut State,
        ctx: Ctx<'_>,
        job: &mut Job,
        names: &[RString],
        outcome: &OutcomeOf<'c, Self>,
    );
}
