//! What the module knows between callbacks, and its own keyspace events. Callbacks access it through `entry`.

use std::collections::{HashSet, VecDeque};

use qadmin_core::job::{Caches, Pace, Registry, TurnClock};
use qadmin_core::scan::ListOutcome;

use crate::audit::Shown;
use crate::measures::Measures;
use crate::publisher::Publisher;
use crate::record::{Index, OrphanedRecords, PendingWrite};
use crate::redis::Ctx;
use crate::redis::main_cell::MainCell;
use crate::totals::Totals;
use crate::waiters::Waiters;
use crate::walk::Walks;

/// The state between callbacks.
#[derive(Default)]
pub(crate) struct State {
    /// Live and remembered jobs.
    pub(crate) registry: Registry,
    /// Counts that answer equal previews.
    pub(crate) caches: Caches,
    /// Names of the queues on which jobs were started. Events of other keys are ignored.
    pub(crate) queues: HashSet<Vec<u8>>,
    /// When the next slice may run.
    pub(crate) pace: Pace,
    /// The present turn of the event loop.
    pub(crate) turn: TurnClock,
    /// Blocked clients that wait for a job.
    pub(crate) waiters: Waiters,
    /// Walks over the keys of a database.
    pub(crate) walks: Walks,
    /// The keys of records.
    pub(crate) records: Index,
    /// Records that could not be written yet.
    pub(crate) pending: VecDeque<PendingWrite>,
    /// Audit entries about messages that were shown, which are to be written.
    pub(crate) shown: VecDeque<Shown>,
    /// Records to check for jobs that died without writing their end.
    pub(crate) orphaned: OrphanedRecords,
    /// The outcome of the last slice over lists, kept to use its memory again.
    pub(crate) outcome: ListOutcome,
    /// The time to the first message in the present slice, and again in its second walk if there is one, in
    /// nanoseconds.
    pub(crate) seek_ns: u64,
    /// The measurements by which the next slices are planned.
    pub(crate) measures: Measures,
    /// Before this time of the steady clock, in nanoseconds, positions of jobs are found again only if they are about to
    /// be lost.
    pub(crate) finds_again_from_ns: u64,
    /// Events that wait to be published.
    pub(crate) publisher: Publisher,
    /// Counters of INFO.
    pub(crate) totals: Totals,
}

/// Database, key, event.
type OwnEvent = (i32, Vec<u8>, &'static [u8]);

/// The keyspace event that the module itself is announcing.
static OWN_EVENT: MainCell<Option<OwnEvent>> = MainCell::new(None);

/// Runs `tell`, which makes the server announce an event that this module causes. The module does not follow
/// the event when the server reports it, because the code that writes has already told the jobs exactly what
/// moved. Changes by other modules during the notification are followed.
pub(crate) fn tell_own(ctx: Ctx<'_>, key: &[u8], event: &'static [u8], tell: impl FnOnce()) {
    let expect = |own| {
        if let Some(mut expected) = OWN_EVENT.try_borrow_mut() {
            *expected = own;
        }
    };
    expect(Some((ctx.db(), key.to_vec(), event)));
    tell();
    expect(None);
}

/// Returns whether the module itself caused this keyspace event; the jobs know of it already.
pub(crate) fn is_own(ctx: Ctx<'_>, key: &[u8], event: &[u8]) -> bool {
    let Some(mut own) = OWN_EVENT.try_borrow_mut() else { return false };
    // It counts once: if another module repeats the same change on the notification, that is not this
    // module's own event.
    own.take_if(|(db, of, name)| *name == event && of == key && *db == ctx.db()).is_some()
}
