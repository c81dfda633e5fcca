//! What keyspace events mean for the jobs.

use qadmin_core::job::Job;
use qadmin_core::queue::End;
use qadmin_core::scan::Event;

use crate::container::index;
use crate::record;
use crate::redis::clock::now_ms;
use crate::state::State;

/// The change of a key, as far as it matters to jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyChange {
    /// Messages were pushed; the number is the new length of the list.
    Pushed(End, u64),
    /// Messages were popped; the number is the new length of the list.
    Popped(End, u64),
    /// LREM removed messages; the number is the new length of the list.
    Removed(u64),
    /// LSET replaced a message; the number is the length of the list.
    Set(u64),
    /// LTRIM ran; the number is the new length of the list.
    Trimmed(u64),
    /// The list was changed elsewhere than at its ends; the number is its new length.
    Edited(u64),
    /// The key was deleted, expired, renamed away or replaced.
    Gone,
    /// In a sorted set of messages, or in the index of unacknowledged messages, entries were added or removed
    /// or got another score.
    IndexChanged,
    /// Workers or jobs of the primary removed messages from a sorted set, or from the hash of unacknowledged
    /// messages. Only a replica handles this.
    UnackedRemoved,
    /// A record was written or loaded.
    RecordSeen,
}

/// A keyspace event.
#[derive(Debug)]
pub(crate) struct KeyEvent {
    pub(crate) db: i32,
    pub(crate) key: Vec<u8>,
    pub(crate) what: KeyChange,
}

/// Applies one event to the jobs and to what is known of records.
pub(crate) fn apply(state: &mut State, event: &KeyEvent) {
    let (db, key) = (event.db, event.key.as_slice());
    let on_queue = match event.what {
        KeyChange::RecordSeen => return state.records.seen(db, key),
        KeyChange::IndexChanged => return index::lose_sight(state, db, key),
        KeyChange::UnackedRemoved => {
            state.forget_counts(db, key);
            return state
                .registry
                .live_mut()
                .iter_mut()
                .filter(|job| job.is_on(db, key))
                .for_each(Job::mark_stale);
        }
        KeyChange::Gone => {
            if key.starts_with(record::PREFIX) {
                state.records.gone(db, key);
            }
            state.forget_counts(db, key);
            Event::Gone
        }
        KeyChange::Pushed(end, len) => Event::Pushed { end, len },
        KeyChange::Popped(end, len) => Event::Popped { end, len },
        KeyChange::Removed(len) => Event::Removed { len },
        KeyChange::Set(len) => Event::Set { len },
        KeyChange::Trimmed(len) => Event::Trimmed { len },
        KeyChange::Edited(len) => Event::Edited { len },
    };
    state.registry.follow_found(db, key, on_queue, now_ms());
    let mut gone = false;
    for job in state.registry.live_mut() {
        gone |= job.follow(db, key, on_queue) && matches!(event.what, KeyChange::Gone);
    }
    if gone {
        // Jobs may have nothing left to do. The next turn of the event loop ends them and replies to the
        // clients that wait.
        state.wake();
    }
}
