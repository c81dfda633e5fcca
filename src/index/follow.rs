//! Passes events of lists and of the server to the indexes.

use std::sync::atomic::{AtomicU64, Ordering};

use qadmin_core::index::Definition;
use qadmin_core::queue::End;
use qadmin_core::scan::Event;

use super::read::reads_pushed;
use super::time::clock_ms;
use super::{ANY, lose_track, tell, tell_at, tell_near, wake, with};
use crate::redis::clock::now_ns;
use crate::redis::events::ServerEvent;
use crate::redis::keyspace::EventKey;
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::{Ctx, RString};

const FLUSHED: &str = "the database was flushed while the dataset was loaded";
const SWAPPED: &str = "the database was swapped with another one";
const LOADED: &str = "the dataset was loaded";

/// Slices that a command inside a list may wait for the search of its place.
const EDIT_SLICES: u64 = 4;
/// The setting `slice-us`, nanoseconds.
static SLICE_NS: AtomicU64 = AtomicU64::new(500_000);

/// Sets how long a slice is.
pub(crate) fn limit_slice(us: u64) {
    SLICE_NS.store(us * 1_000, Ordering::Relaxed);
}

/// Passes a keyspace event to the index of its key. Returns whether the index has as many unread messages now that they are to be
/// read at once: see [`super::read_pushed`].
pub(crate) fn on_key_event(ctx: Ctx<'_>, event: &[u8], name: EventKey<'_>) -> bool {
    if !ANY.load(Ordering::Relaxed) {
        return false;
    }
    let (db, key) = (ctx.db(), name.bytes());
    let at = with(|indexes| {
        let at = indexes.position(db, key)?;
        if indexes.loading && !ctx.flags().loading() {
            // The server did not report the end of the load.
            indexes.loading = false;
        }
        (!indexes.loading).then_some(at)
    });
    let at = match at {
        Some(Some(at)) => at,
        Some(None) => return false,
        None => {
            lose_track();
            return false;
        }
    };
    // No index is held while the key is opened.
    let len = || name.list_len(ctx);
    let with_len = |event: fn(u64) -> Event<'static>| {
        // Without a length the key is not a list any more.
        let event = len().map_or(Event::Gone, event);
        tell_near(at, db, key, |entry, now| entry.follow(event, now));
    };
    match event {
        b"lpush" => return pushed(at, db, key, End::Head, len()),
        b"rpush" => return pushed(at, db, key, End::Tail, len()),
        b"lpop" => with_len(|len| Event::Popped { end: End::Head, len }),
        b"rpop" => with_len(|len| Event::Popped { end: End::Tail, len }),
        b"lrem" => edited(ctx, name, |len| Event::Removed { len }),
        b"ltrim" => edited(ctx, name, |len| Event::Trimmed { len }),
        b"linsert" => edited(ctx, name, |len| Event::Edited { len }),
        b"lset" => with_len(|len| Event::Set { len }),
        b"del" | b"expired" | b"evicted" | b"rename_from" | b"move_from" => {
            tell_near(at, db, key, |entry, now| entry.follow(Event::Gone, now));
        }
        b"expire" | b"persist" | b"new" | b"loaded" => {}
        // RENAME, RESTORE, COPY, MOVE and SORT with STORE put another list there, possibly of equal length.
        // The server reports them without a `del` before. Unknown events of later versions are handled as if
        // they did the same.
        _ => {
            let len = len().unwrap_or(0);
            tell_near(at, db, key, |entry, now| entry.replaced(len, now));
        }
    }
    false
}

/// Follows a push of a list that holds `len` messages now; `None` if the key is not a list any more. Returns what [`on_key_event`] does.
fn pushed(at: usize, db: i32, key: &[u8], end: End, len: Option<u64>) -> bool {
    let event = len.map_or(Event::Gone, |len| Event::Pushed { end, len });
    let mut reads = false;
    tell_at(at, db, key, |entry, now, now_ns| {
        entry.follow(event, now);
        reads = reads_pushed(entry, now_ns);
    });
    reads
}

/// Follows an edit inside a list. Its place is searched at once, for a moment: a search costs a part of what
/// the command itself took, and the list is now as the command left it. What is far from both ends of a long
/// list is searched further in slices.
fn edited(ctx: Ctx<'_>, name: EventKey<'_>, event: impl Fn(u64) -> Event<'static>) {
    let (db, key) = (ctx.db(), name.bytes());
    let Some(len) = name.list_len(ctx) else {
        return tell(db, key, |entry, now| entry.follow(Event::Gone, now));
    };
    let event = event(len);
    let searches = with(|indexes| indexes.find(db, key).is_some_and(|entry| entry.searches(event)));
    let until_ns = now_ns() + EDIT_SLICES * SLICE_NS.load(Ordering::Relaxed);
    let goes_on = || now_ns() < until_ns;
    let name = searches.unwrap_or(false).then(|| RString::new(key));
    // No index is held while the key is opened.
    let mut opened = name.as_ref().map(|name| List::open(ctx, name, Mode::Read));
    let list = match &mut opened {
        Some(OpenedList::List(list)) => Some(list),
        _ => None,
    };
    tell(db, key, |entry, now| entry.edit(event, now, list, goes_on));
}

/// Passes an event of the whole server to all indexes.
pub(crate) fn on_server_event(event: ServerEvent) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    let looked = with(|indexes| {
        match event {
            ServerEvent::Flush(db) => {
                let hit = |definition: &Definition| db.is_none_or(|db| db == definition.db);
                if indexes.loading {
                    indexes.doubt(hit, FLUSHED);
                } else {
                    for entry in indexes.all.iter_mut().filter(|entry| hit(&entry.definition)) {
                        entry.follow(Event::Gone, clock_ms());
                    }
                }
            }
            ServerEvent::Swap(a, b) => indexes.doubt(|definition| [a, b].contains(&definition.db), SWAPPED),
            ServerEvent::LoadBegins => {
                indexes.doubt(|_| true, LOADED);
                indexes.loading = true;
            }
            ServerEvent::LoadEnded => indexes.loading = false,
            // The lists are the same.
            ServerEvent::Promoted | ServerEvent::Demoted | ServerEvent::SlotsArrived => {}
        }
        indexes.needs_look()
    });
    match looked {
        Some(false) => {}
        Some(true) => wake(),
        None => lose_track(),
    }
}
