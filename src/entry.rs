//! How callbacks get at the state.
//!
//! A callback holds the state from its beginning to its end. Some calls of the server lead back into the
//! module while it is held (writing a record notifies us of the record's key); such notifications are put
//! aside and followed when the callback that holds the state is done.

use std::sync::atomic::{AtomicBool, Ordering};

use qadmin_core::error::{EndReason, Error, ServerError};
use qadmin_core::job::JobStatus;

use crate::follow::{self, KeyEvent};
use crate::redis::guard::guard;
use crate::redis::main_cell::MainCell;
use crate::state::State;

static STATE: MainCell<Option<State>> = MainCell::new(None);
static ASIDE: MainCell<Vec<KeyEvent>> = MainCell::new(Vec::new());
/// Something happened that was not followed.
static LOST_TRACK: AtomicBool = AtomicBool::new(false);

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
/// [`ServerError::Reentrant`] if a callback up the stack holds it: another module called one of our commands from
/// inside a notification that our own write caused.
pub(crate) fn with<R>(work: impl FnOnce(&mut State) -> R) -> Result<R, Error> {
    let mut held = STATE.try_borrow_mut().ok_or(ServerError::Reentrant)?;
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
    }
}
