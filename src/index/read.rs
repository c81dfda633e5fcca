//! Reading the messages of lists whose index keeps values, and answering counts from these.
//!
//! Messages are read in slices, in the hook before the event loop polls, at the pace of jobs: see `engine`. Few messages
//! wait a moment, so that messages which workers take at once are not read at all and those that come one by one are read
//! together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use qadmin_core::index::{Answered, Ask, CaughtUp};
use qadmin_core::kind::MessageKind;

use super::all::Entry;
use super::time::clock_ms;
use super::{ANY, lose_track, with};
use crate::redis::clock::now_ns;
use crate::redis::guard::guard;
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::{Ctx, RString, event_loop};

/// Fewer unread messages than this wait a moment.
const SOON_MESSAGES: u64 = 256;
/// How long they wait, nanoseconds.
const SOON_NS: u64 = 5_000_000;
/// The clock is read after this number of messages, or of their bytes.
const CLOCK_MESSAGES: u32 = 16;
const CLOCK_BYTES: usize = 64 * 1024;

/// When messages are to be read, steady clock; 0 while none are.
static DUE_NS: AtomicU64 = AtomicU64::new(0);
/// The slice before was one of an index.
static HAD_TURN: AtomicBool = AtomicBool::new(false);

/// Lets a turn of the event loop come where this index has something to read.
pub(super) fn plan(entry: &Entry) {
    let Some(fields) = entry.fields.as_ref().filter(|fields| fields.has_work()) else { return };
    let is_little = fields.unread().is_some_and(|unread| (1..SOON_MESSAGES).contains(&unread));
    let at = if is_little { now_ns() + SOON_NS } else { 1 };
    let due = DUE_NS.load(Ordering::Relaxed);
    if due != 0 && due <= at {
        return;
    }
    DUE_NS.store(at, Ordering::Relaxed);
    if let Some(ctx) = Ctx::detached() {
        event_loop::hook(ctx);
        event_loop::arm_by(at);
    }
}

/// Nothing is to be read any more.
pub(super) fn stop() {
    DUE_NS.store(0, Ordering::Relaxed);
}

/// Whether messages wait to be read, now or in a moment.
pub(crate) fn is_waiting() -> bool {
    DUE_NS.load(Ordering::Relaxed) != 0
}

/// Whether messages are to be read now.
pub(crate) fn is_due() -> bool {
    let due = DUE_NS.load(Ordering::Relaxed);
    due != 0 && due <= now_ns()
}

/// When messages are to be read, if not before this time; both on the steady clock.
pub(crate) fn not_before(until_ns: u64) -> u64 {
    match DUE_NS.load(Ordering::Relaxed) {
        0 => until_ns,
        due => due.min(until_ns),
    }
}

/// Does a slice of reading of this many nanoseconds, if it is the turn of an index: every other turn is that of jobs, while there are any. Returns
/// whether it did.
pub(crate) fn turn(ctx: Ctx<'_>, slice_ns: u64, has_jobs: bool) -> bool {
    let had_turn = HAD_TURN.swap(false, Ordering::Relaxed);
    if !is_due() || ctx.flags().loading() || (had_turn && has_jobs) {
        return false;
    }
    DUE_NS.store(0, Ordering::Relaxed);
    HAD_TURN.store(true, Ordering::Relaxed);
    if guard("a slice of an index", || slice(ctx, slice_ns)).is_none() {
        lose_track();
    }
    true
}

/// Reads messages of the next index that has unread ones.
fn slice(ctx: Ctx<'_>, slice_ns: u64) {
    let next = with(|indexes| {
        let has_work = |entry: &Entry| entry.fields.as_ref().is_some_and(|fields| fields.has_work());
        let all = indexes.all.len();
        let at = (0..all).map(|n| (indexes.turn + n) % all).find(|at| has_work(&indexes.all[*at]))?;
        indexes.turn = at + 1;
        let definition = &indexes.all[at].definition;
        Some((definition.db, definition.queue.clone()))
    });
    let Some((db, key)) = next.flatten() else { return };
    // There may be fewer databases than a setting thought.
    if ctx.select(db) {
        catch_up(ctx, db, &key, slice_ns);
    } else {
        with(|indexes| {
            if let Some(fields) = indexes.find(db, &key).and_then(|entry| entry.fields.as_mut()) {
                fields.settle(0);
            }
        });
    }
    with(|indexes| indexes.all.iter().for_each(plan));
}

/// Reads unread messages of a list for one slice. Returns whether all are read, and the list is the one that is known.
fn catch_up(ctx: Ctx<'_>, db: i32, key: &[u8], slice_ns: u64) -> Option<CaughtUp> {
    let name = RString::new(key);
    let over_ns = now_ns() + slice_ns;
    // Opening may delete a key whose time is over, which is an event: no index is held meanwhile.
    let mut opened = List::open(ctx, &name, Mode::Read);
    with(|indexes| {
        if indexes.loading {
            return None;
        }
        indexes.keep_in_bounds(db, key, clock_ms());
        let fields = indexes.find(db, key)?.fields.as_mut()?;
        let OpenedList::List(list) = &mut opened else {
            fields.settle(0);
            return Some(CaughtUp::All);
        };
        let (mut messages, mut bytes) = (0, 0);
        let caught_up = fields.catch_up(list, |read| {
            messages += 1;
            bytes += read;
            if messages < CLOCK_MESSAGES && bytes < CLOCK_BYTES {
                return true;
            }
            (messages, bytes) = (0, 0);
            now_ns() < over_ns
        });
        indexes.keep_in_bounds(db, key, clock_ms());
        Some(caught_up)
    })
    .flatten()
}

/// Whether the index of a list in the selected database has read all messages as this kind, and is of the
/// list that is there now. Reads the last ones, for at most this many nanoseconds. `None` where there is no
/// such index.
pub(crate) fn is_ready(ctx: Ctx<'_>, db: i32, key: &[u8], kind: MessageKind, slice_ns: u64) -> Option<bool> {
    keeps_values(db, key, kind).then(|| catch_up(ctx, db, key, slice_ns) == Some(CaughtUp::All))
}

/// Whether a list has an index that keeps values of messages of this kind.
fn keeps_values(db: i32, key: &[u8], kind: MessageKind) -> bool {
    let keeps = |entry: &Entry| entry.fields.as_ref().is_some_and(|fields| fields.kind() == kind);
    ANY.load(Ordering::Relaxed)
        && with(|indexes| indexes.find(db, key).is_some_and(|entry| keeps(entry))) == Some(true)
}

/// Answers a count from the index of a list in the selected database, whose messages are of this kind. Nothing where it has no
/// index that keeps values, where a slice of this many nanoseconds is not enough to read what is unread, or where the index cannot decide.
pub(crate) fn answer(
    ctx: Ctx<'_>,
    db: i32,
    key: &[u8],
    kind: MessageKind,
    ask: &Ask<'_>,
    slice_ns: u64,
) -> Option<Answered> {
    if !keeps_values(db, key, kind) {
        return None;
    }
    let caught_up = catch_up(ctx, db, key, slice_ns);
    with(|indexes| {
        let entry = indexes.find(db, key)?;
        plan(entry);
        let index = entry.fields.as_ref()?.index()?;
        if caught_up == Some(CaughtUp::All) { index.answer(ask) } else { None }
    })?
}

/// A message that an index called a match does not match: nothing that the index knows is believed.
pub(crate) fn doubt(db: i32, key: &[u8]) {
    with(|indexes| {
        if let Some(entry) = indexes.find(db, key) {
            if let Some(fields) = &mut entry.fields {
                fields.doubt(CONTRADICTED);
            }
            plan(entry);
        }
    });
}

const CONTRADICTED: &str = "a message was not what the index knew; all messages are read again";
