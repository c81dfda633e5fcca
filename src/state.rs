//! What the module knows between callbacks, and how callbacks get at it.
//!
//! A callback holds the state from its beginning to its end. Some calls of the server lead back into the
//! module while it is held (writing a record notifies us of the record's key); such notifications are put
//! aside and followed when the callback that holds the state is done.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use qadmin_core::error::Error;
use qadmin_core::job::{Caches, Pace, Registry, Status, TurnClock};
use qadmin_core::scan::Look;

use crate::follow::{self, KeyEvent};
use crate::measures::Measures;
use crate::outbox::Outbox;
use crate::record::{Index, Owed, Unsettled};
use crate::redis::Ctx;
use crate::redis::guard::guard;
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
    pub(crate) owed: VecDeque<Owed>,
    /// Records that are to be looked at: do they tell of a job that lives no more?
    pub(crate) unsettled: Unsettled,
    /// The running slice's findings; kept for its memory.
    pub(crate) look: Look,
    /// Measures that the next slices are planned with.
    pub(crate) measures: Measures,
    /// Events that are to be published.
    pub(crate) outbox: Outbox,
    /// Counters of INFO.
    pub(crate) totals: Totals,
}

static STATE: MainCell<Option<State>> = MainCell::new(None);
static ASIDE: MainCell<Vec<KeyEvent>> = MainCell::new(Vec::new());

/// Database, key, event.
type OwnEvent = (i32, Vec<u8>, &'static [u8]);

/// The keyspace event of our own that is being told.
static OWN_EVENT: MainCell<Option<OwnEvent>> = MainCell::new(None);
/// Something happened that was not followed.
static LOST_TRACK: AtomicBool = AtomicBool::new(false);

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

/// Something happened and was not followed, because a callback panicked or could not reach the state: what jobs
/// know about their queues may be wrong. They end before anything else happens.
pub(crate) fn lose_track() {
    LOST_TRACK.store(true, Ordering::Relaxed);
}

/// Forgets everything and gives its memory back: the module is unloaded.
pub(crate) fn free() {
    if let (Some(mut state), Some(mut aside)) = (STATE.try_borrow_mut(), ASIDE.try_borrow_mut()) {
        (*state, *aside) = (None, Vec::new());
    }
}

/// Works on the state.
///
/// # Errors
/// [`Error::Reentrant`] if a callback up the stack holds it: another module called one of our commands from
/// inside a notification that our own write caused.
pub(crate) fn with<R>(work: impl FnOnce(&mut State) -> R) -> Result<R, Error> {
    let mut held = STATE.try_borrow_mut().ok_or(Error::Reentrant)?;
    let state = held.get_or_insert_with(State::default);
    // Left by a callback that panicked.
    catch_up(state);
    let result = work(state);
    catch_up(state);
    Ok(result)
}

/// Follows what was put aside, and ends the jobs if something was not followed.
fn catch_up(state: &mut State) {
    loop {
        let aside = ASIDE.try_borrow_mut().map(|mut aside| std::mem::take(&mut *aside)).unwrap_or_default();
        if aside.is_empty() {
            break;
        }
        for event in &aside {
            if guard("an event that was put aside", || follow::apply(state, event)).is_none() {
                lose_track();
            }
        }
    }
    if LOST_TRACK.swap(false, Ordering::Relaxed) {
        state.end_jobs(|_| true, |_| (Status::Failed, Error::Internal));
        state.caches.drop_if(|_| true);
        state.registry.make_stale(|_| true);
    }
}

/// Follows an event now, or when the callback that holds the state is done.
pub(crate) fn follow_or_put_aside(event: KeyEvent) {
    let mut event = Some(event);
    if with(|state| event.take().map(|event| follow::apply(state, &event))).is_err()
        && let (Some(mut aside), Some(event)) = (ASIDE.try_borrow_mut(), event)
    {
        aside.push(event);
    }
}
