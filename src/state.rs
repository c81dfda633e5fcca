//! What the module knows between callbacks, and how callbacks get at it.
//!
//! A callback holds the state from its beginning to its end. Some calls of the server lead back into the
//! module while it is held (writing a record notifies us of the record's key); such notifications are put
//! aside and followed when the callback that holds the state is done.

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};

use qadmin_core::error::Error;
use qadmin_core::job::{Caches, Pace, Registry, TurnClock};
use qadmin_core::scan::Look;

use crate::follow::{self, KeyEvent};
use crate::info::Totals;
use crate::record::{Index, Owed};
use crate::redis::main_cell::MainCell;
use crate::settle::Unsettled;
use crate::waiters::Waiters;

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
    /// Where records are.
    pub(crate) records: Index,
    /// Records that could not be written yet.
    pub(crate) owed: VecDeque<Owed>,
    /// Records that are to be looked at: do they tell of a job that lives no more?
    pub(crate) unsettled: Unsettled,
    /// The running slice's findings; kept for its memory.
    pub(crate) look: Look,
    /// Measures that the next slices are planned with.
    pub(crate) measures: crate::engine::Measures,
    /// Counters of INFO.
    pub(crate) totals: Totals,
}

static STATE: MainCell<Option<State>> = MainCell::new(None);
static ASIDE: MainCell<Vec<KeyEvent>> = MainCell::new(Vec::new());

thread_local! {
    /// Keyspace events are our own doing while this is set.
    static OWN_WRITE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `write`; the keyspace events that it causes on queues are not followed, because whoever writes
/// tells the jobs exactly what moved.
pub(crate) fn own_write<R>(write: impl FnOnce() -> R) -> R {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            OWN_WRITE.set(false);
        }
    }
    OWN_WRITE.set(true);
    let _reset = Reset;
    write()
}

/// Keyspace events are our own doing.
pub(crate) fn is_own_write() -> bool {
    OWN_WRITE.get()
}

/// Works on the state.
///
/// # Errors
/// [`Error::Reentrant`] if a callback up the stack holds it: another module called one of our commands from
/// inside a notification that our own write caused.
pub(crate) fn with<R>(work: impl FnOnce(&mut State) -> R) -> Result<R, Error> {
    let mut held = STATE.try_borrow_mut().ok_or(Error::Reentrant)?;
    let state = held.get_or_insert_with(State::default);
    let result = work(state);
    loop {
        let aside = ASIDE.try_borrow_mut().map(|mut aside| std::mem::take(&mut *aside)).unwrap_or_default();
        if aside.is_empty() {
            return Ok(result);
        }
        for event in &aside {
            follow::apply(state, event);
        }
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
