//! How callbacks access the state.
//!
//! A callback holds the state from its beginning to its end. Some calls of the server call the module again
//! meanwhile: writing a record notifies the module of the record's key. Such notifications are put aside and
//! followed when the callback that holds the state is done.

use std::sync::atomic::{AtomicBool, Ordering};

use qadmin_core::error::{EndReason, Error, ServerError};
use qadmin_core::job::JobStatus;

use crate::follow::{self, KeyEvent};
use crate::redis::guard::guard;
use crate::redis::main_cell::MainCell;
use crate::state::State;

static STATE: MainCell<Option<State>> = MainCell::new(None);
static ASIDE: MainCell<Vec<KeyEvent>> = MainCell::new(Vec::new());
/// Events are put aside. Every event of a followed list asks this twice, so it costs a load.
static HAS_ASIDE: AtomicBool = AtomicBool::new(false);
/// An event was not followed.
static LOST_TRACK: AtomicBool = AtomicBool::new(false);

/// Notes that an event was not followed, because a callback panicked or could not reach the state. What jobs
/// know about their queues may then be wrong, so they end before anything else happens.
pub(crate) fn lose_track() {
    LOST_TRACK.store(true, Ordering::Relaxed);
}

/// Drops the state and frees its memory, because the module is unloaded.
pub(crate) fn free() {
    if let (Some(mut state), Some(mut aside)) = (STATE.try_borrow_mut(), ASIDE.try_borrow_mut()) {
        (*state, *aside) = (None, Vec::new());
    }
}

/// Calls `f` with the state.
///
/// # Errors
/// [`ServerError::Reentrant`] if a callback further up the stack holds the state: another module called a
/// command of this module from a notification that a write of this module caused.
pub(crate) fn with<R>(work: impl FnOnce(&mut State) -> R) -> Result<R, Error> {
    let mut held = STATE.try_borrow_mut().ok_or(ServerError::Reentrant)?;
    let state = held.get_or_insert_with(State::default);
    // A callback that panicked may have left events to follow.
    catch_up(state);
    let result = work(state);
    catch_up(state);
    Ok(result)
}

/// Looks at the state as it is: events that were put aside are not followed before. Returns `None` if a callback
/// further up the stack holds the state, and the default if there is none yet.
pub(crate) fn look<R: Default>(question: impl FnOnce(&State) -> R) -> Option<R> {
    STATE.try_borrow_mut().map(|held| held.as_ref().map(question).unwrap_or_default())
}

/// Follows the events that were put aside, and ends the jobs if an event was not followed.
fn catch_up(state: &mut State) {
    while HAS_ASIDE.load(Ordering::Relaxed) {
        HAS_ASIDE.store(false, Ordering::Relaxed);
        let aside = ASIDE.try_borrow_mut().map(|mut aside| std::mem::take(&mut *aside)).unwrap_or_default();
        for event in &aside {
            if guard("an event that was put aside", || follow::apply(state, event)).is_none() {
                lose_track();
            }
        }
    }
    if LOST_TRACK.load(Ordering::Relaxed) {
        LOST_TRACK.store(false, Ordering::Relaxed);
        state.end_jobs(|_| true, |_| (JobStatus::Failed, EndReason::Internal));
        state.caches.drop_if(|_| true);
        state.registry.mark_stale(|_| true);
    }
}

/// Follows an event now, or when the callback that holds the state is done.
pub(crate) fn follow_or_put_aside(event: KeyEvent) {
    let mut event = Some(event);
    if with(|state| event.take().map(|event| follow::apply(state, &event))).is_err()
        && let (Some(mut aside), Some(event)) = (ASIDE.try_borrow_mut(), event)
    {
        aside.push(event);
        HAS_ASIDE.store(true, Ordering::Relaxed);
    }
}
