//! What the module knows between callbacks, and the keyspace events of its own. Callbacks get at it through `entry`.

use std::collections::{HashSet, VecDeque};

use qadmin_core::job::{Caches, Pace, Registry, TurnClock};
use qadmin_core::scan::ListOutcome;

use crate::measures::Measures;
use crate::publisher::Publisher;
use crate::record::{Index, OrphanedRecords, PendingWrite};
use crate::redis::Ctx;
use crate::redis::main_cell::MainCell;
use crate::totals::Totals;
use crate::waiters::Waiters;
use crate::walk::Walks;

/// Everything between callbacks.
#[derive(Default)]
pub(crate) struct State {
    /// Jobs, live and remembered.
    pub(crate) registry: Registry,
    /// Counts that answer equal previews.
    pub(crate) caches: Caches,
    /// Names of the queues that jobs were started on: events of other keys are not looked at.
    pub(crate) queues: HashSet<Vec<u8>>,
    /// When the next slice may run.
    pub(crate) pace: Pace,
    /// The running turn of the event loop.
    pub(crate) turn: TurnClock,
    /// Clients that wait for a job.
    pub(crate) waiters: Waiters,
    /// Walks over the keys of a database.
    pub(crate) walks: Walks,
    /// Where records are.
    pub(crate) records: Index,
    /// Records that could not be written yet.
    pub(crate) pending: VecDeque<PendingWrite>,
    /// Records that are to be looked at: do they tell of a job that lives no more?
    pub(crate) orphaned: OrphanedRecords,
    /// What the last slice over lists noted; kept for its memory.
    pub(crate) outcome: ListOutcome,
    /// The time that the running slice took to its first message, and again where it walks twice, in nanoseconds.
    pub(crate) seek_ns: u64,
    /// Measures that the next slices are planned with.
    pub(crate) measures: Measures,
    /// Events that are to be published.
    pub(crate) publisher: Publisher,
    /// Counters of INFO.
    pub(crate) totals: Totals,
}

/// Database, key, event.
type OwnEvent = (i32, Vec<u8>, &'static [u8]);

/// The keyspace event of our own that is being told.
static OWN_EVENT: MainCell<Option<OwnEvent>> = MainCell::new(None);

/// Runs `tell`, which notifies everybody of one event; it is not followed when it comes back to us, because
/// whoever writes tells the jobs exactly what moved. What other modules do when they hear of it is followed.
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

/// This keyspace event is our own doing, and told by its doer.
pub(crate) fn is_own(ctx: Ctx<'_>, key: &[u8], event: &[u8]) -> bool {
    let Some(mut own) = OWN_EVENT.try_borrow_mut() else { return false };
    // Once: another module that hears of it and does the same again is not us.
    own.take_if(|(db, of, name)| *name == event && of == key && *db == ctx.db()).is_some()
}
