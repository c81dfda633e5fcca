//! The indexes of this server: which lists are followed, and what is known of them.
//!
//! They are kept apart from the state of jobs, because an event of a list is followed at once, also while a slice holds that
//! state. A slice that asks for arrivals borrows the index of its list ([`lend`]); what happens to the list meanwhile cannot
//! be followed, so the index is in doubt afterwards. What the module itself takes out of a list it reports by positions
//! ([`took_out`]), before anybody else hears of it.
//!
//! # Time
//! Arrivals are read off the steady clock, so a step of the wall clock changes no age. The offset between the two is taken
//! once; where the wall clock was set since, times are shifted when they are shown or compared. A job shifts them by what was
//! right when it was accepted.
//!
//! # Edits inside the list
//! An index that keeps values finds the place of LREM, LINSERT and LTRIM by fingerprints: in the notification itself
//! near the ends of the list (`follow.rs`), else in slices or before the next answer (`read.rs`).
//!
//! # When the list is unknown
//! After a flush, a swap of databases, a load, or an event that was not followed, the module has to read the length of the
//! list: [`look`], in the next turn of the event loop.

mod all;
mod follow;
mod lent;
mod read;
mod time;

pub(crate) use all::limit_memory;
pub(crate) use follow::{limit_slice, on_key_event, on_server_event};
pub(crate) use lent::{Lent, LentFields, lend, lend_fields};
pub(crate) use read::{
    answer, audit_every, doubt, is_due, is_ready, keep_due, not_before, put_off, read_later, read_pushed,
    turn,
};
pub(crate) use time::Moment;

use std::sync::atomic::{AtomicBool, Ordering};

use qadmin_core::error::{Error, IndexError, ServerError};
use qadmin_core::index::{Ages, Arrivals, Definition, INDEXES_MAX, IndexState, ListFields};
use qadmin_core::kind::MessageKind;
use qadmin_core::reply::Reply;
use qadmin_core::scan::Event;

use all::{Entry, Indexes, Slices};
use time::{at_ms, clock_ms};

use crate::redis::clock::now_ns;
use crate::redis::main_cell::MainCell;
use crate::redis::{Ctx, event_loop, events, keyspace, list, log};

const MISSED: &str = "something happened to the list that was not followed";

/// Some list has an index: without one an event costs no more than this.
static ANY: AtomicBool = AtomicBool::new(false);
/// The module is loaded: lists can be followed from now on.
static IS_LOADED: AtomicBool = AtomicBool::new(false);
/// Something was not followed.
static DOUBTED: AtomicBool = AtomicBool::new(false);
static INDEXES: MainCell<Indexes> =
    MainCell::new(Indexes { all: Vec::new(), loading: false, turn: 0, slices: Slices::NONE });

/// Works on the indexes; `None` if a callback up the stack does.
fn with<R>(work: impl FnOnce(&mut Indexes) -> R) -> Option<R> {
    let mut indexes = INDEXES.try_borrow_mut()?;
    if DOUBTED.load(Ordering::Relaxed) {
        DOUBTED.store(false, Ordering::Relaxed);
        indexes.doubt(|_| true, MISSED);
        wake();
    }
    Some(work(&mut indexes))
}

/// Lets a turn of the event loop come.
fn wake() {
    if let Some(ctx) = Ctx::detached() {
        event_loop::hook(ctx);
        event_loop::arm(1);
    }
}

/// Something was not followed. May not panic.
pub(crate) fn lose_track() {
    if ANY.load(Ordering::Relaxed) {
        DOUBTED.store(true, Ordering::Relaxed);
        wake();
    }
}

/// Gives everything back: the module goes.
pub(crate) fn free() {
    with(|indexes| indexes.all = Vec::new());
    read::stop();
    ANY.store(false, Ordering::Relaxed);
    IS_LOADED.store(false, Ordering::Relaxed);
}

/// Begins to follow the lists that the settings name, now that the module is loaded and all of them are known: messages of
/// a list without a kind are of this one. Says so if the server refuses.
pub(crate) fn begin(ctx: Ctx<'_>, default: MessageKind) {
    with(|indexes| {
        for entry in &mut indexes.all {
            *entry = Entry::new(entry.definition.clone(), default);
        }
    });
    IS_LOADED.store(true, Ordering::Relaxed);
    follow_if_any(ctx);
}

fn follow_if_any(ctx: Ctx<'_>) {
    if ANY.load(Ordering::Relaxed) && !follow(ctx) {
        log::warning("the server refused to tell what happens to lists, so no index follows them");
    }
}

fn follow(ctx: Ctx<'_>) -> bool {
    let follows = keyspace::follow_lists(ctx);
    events::follow(ctx);
    event_loop::hook(ctx);
    event_loop::arm(1);
    follows
}

/// Creates an index of a list that holds `len` messages. They are of the kind `default` where the definition names none.
///
/// # Errors
/// There is one, or there are too many; the server refuses to tell what happens to lists.
pub(crate) fn create(
    ctx: Ctx<'_>,
    definition: Definition,
    default: MessageKind,
    len: u64,
) -> Result<(), Error> {
    if !definition.fields.is_empty() {
        ListFields::new(definition.kind.unwrap_or(default), &definition.fields, 0)?;
    }
    if !follow(ctx) {
        return Err(IndexError::Unfollowed.into());
    }
    let created = with(|indexes| {
        let (db, key) = (definition.db, definition.queue.clone());
        if indexes.find(db, &key).is_some() {
            return Err(IndexError::Exists { list: key }.into());
        }
        if indexes.all.len() >= INDEXES_MAX {
            return Err(IndexError::TooMany { max: INDEXES_MAX }.into());
        }
        indexes.all.push(Entry::new(definition, default));
        ANY.store(true, Ordering::Relaxed);
        indexes.keep_in_bounds(db, &key, clock_ms());
        if let Some(entry) = indexes.find(db, &key) {
            entry.observe(len, clock_ms());
            read::plan(entry);
        }
        Ok(())
    });
    created.unwrap_or(Err(ServerError::Reentrant.into()))
}

/// Drops an index.
///
/// # Errors
/// There is none.
pub(crate) fn remove(db: i32, key: &[u8]) -> Result<(), Error> {
    let removed = with(|indexes| {
        let before = indexes.all.len();
        indexes.all.retain(|entry| !entry.definition.is_of(db, key));
        ANY.store(!indexes.all.is_empty(), Ordering::Relaxed);
        before > indexes.all.len()
    });
    match removed {
        Some(true) => Ok(()),
        Some(false) => Err(IndexError::Missing { list: key.to_vec() }.into()),
        None => Err(ServerError::Reentrant.into()),
    }
}

/// The indexes as a text of the setting.
pub(crate) fn text() -> Vec<u8> {
    with(|indexes| Definition::text_of(indexes.all.iter().map(|entry| &entry.definition)))
        .unwrap_or_default()
        .into_bytes()
}

/// Sets which lists have an index. Those that have one keep it. Messages are of the kind `default` where a definition names
/// none.
///
/// # Errors
/// The module is at work on them.
pub(crate) fn define(definitions: Vec<Definition>, default: MessageKind) -> Result<(), Error> {
    with(|indexes| {
        let mut kept = std::mem::take(&mut indexes.all);
        for definition in definitions {
            let at = kept.iter().position(|entry| entry.definition == definition);
            indexes.all.push(at.map_or_else(|| Entry::new(definition, default), |at| kept.swap_remove(at)));
        }
        ANY.store(!indexes.all.is_empty(), Ordering::Relaxed);
    })
    .ok_or(ServerError::Reentrant)?;
    // While the module is being loaded the subscriptions come later: see `begin`.
    if IS_LOADED.load(Ordering::Relaxed)
        && let Some(ctx) = Ctx::detached()
    {
        follow_if_any(ctx);
    }
    Ok(())
}

/// Sets whether pickled bodies are read. Where that changes, the messages are read again.
pub(crate) fn read_pickle(reads: bool) {
    all::set_pickle(reads);
    with(|indexes| {
        for entry in &mut indexes.all {
            entry.read_as_set();
            read::plan(entry);
        }
    });
}

/// Whether this list has an index.
pub(crate) fn has(db: i32, key: &[u8]) -> bool {
    ANY.load(Ordering::Relaxed) && with(|indexes| indexes.find(db, key).is_some()).unwrap_or(false)
}

/// Which lists have an index: database and key, in the order in which they were created.
pub(crate) fn all() -> Vec<(i32, Vec<u8>)> {
    let key = |entry: &Entry| (entry.definition.db, entry.definition.queue.clone());
    with(|indexes| indexes.all.iter().map(key).collect()).unwrap_or_default()
}

/// What INDEX INFO shows of a list that holds `len` messages now.
pub(crate) fn show(db: i32, key: &[u8], len: u64) -> Option<Reply> {
    with(|indexes| {
        let (now, ahead) = (clock_ms(), Moment::now().ahead_ms);
        indexes.keep_in_bounds(db, key, now);
        let entry = indexes.find(db, key)?;
        entry.observe(len, now);
        read::plan(entry);
        let Entry { kind, clock, fields, waits, .. } = entry;
        let clock = clock.as_mut()?;
        let map =
            Reply::map().with("queue", key).with("db", i64::from(db)).with("message_kind", kind.spec().name);
        let value_waits = fields.as_deref().map_or(Reply::Null, |fields| waits.shown(fields));
        Some(
            clock.append_to(map, fields.as_deref(), len, now, ahead).with("value_waits", value_waits).build(),
        )
    })?
}

/// The ages of a list that holds `len` messages now, if it has an index that can answer.
pub(crate) fn ages(db: i32, key: &[u8], len: u64) -> Option<Ages> {
    if !ANY.load(Ordering::Relaxed) {
        return None;
    }
    with(|indexes| {
        let clock = indexes.find(db, key)?.clock.as_mut()?;
        clock.observe(len, clock_ms());
        clock.ages(clock_ms())
    })?
}

/// The same of the lists of one queue, each with its length, in the order in which workers look into them.
pub(crate) fn ages_of_lists<'a>(db: i32, lists: impl Iterator<Item = (&'a [u8], u64)>) -> Option<Ages> {
    if !ANY.load(Ordering::Relaxed) {
        return None;
    }
    let lists: Vec<_> = lists.map(|(key, len)| (len, ages(db, key, len))).collect();
    Ages::of_lists(&lists)
}

/// What INFO shows of all indexes.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) indexes: u64,
    pub(crate) suspended: u64,
    /// Bytes.
    pub(crate) memory: u64,
    /// Edits whose place was found, and how often the messages of a list had to be read again.
    pub(crate) repaired: u64,
    pub(crate) rebuilt: u64,
    /// Audits that compared all messages, and those that found a wrong one.
    pub(crate) audits: u64,
    pub(crate) audit_faults: u64,
    /// The longest seek of a slice, and the longest time after it; microseconds.
    pub(crate) seek_max_us: u64,
    pub(crate) work_max_us: u64,
    /// The longest time by which a slice that the operating system did not interrupt took longer than it may.
    pub(crate) excess_max_us: u64,
}

/// What INFO shows of all indexes.
pub(crate) fn totals() -> Totals {
    with(|indexes| {
        let mut totals = Totals {
            indexes: indexes.all.len() as u64,
            seek_max_us: indexes.slices.seek_max_ns / 1_000,
            work_max_us: indexes.slices.work_max_ns / 1_000,
            excess_max_us: indexes.slices.excess_max_ns / 1_000,
            ..Totals::default()
        };
        for entry in &indexes.all {
            totals.suspended += u64::from(entry.state() == Some(IndexState::Suspended));
            totals.memory += entry.memory() as u64;
            let Some(fields) = &entry.fields else { continue };
            let (repaired, rebuilt) = fields.repairs();
            totals.repaired += repaired;
            totals.rebuilt += rebuilt;
            totals.audits += fields.audits().completed;
            totals.audit_faults += fields.audits().faults;
        }
        totals
    })
    .unwrap_or_default()
}

/// What INFO shows of one index.
pub(crate) struct Summary {
    pub(crate) db: i32,
    pub(crate) queue: Vec<u8>,
    pub(crate) state: IndexState,
    /// Messages in the list and their ages, where the index can answer.
    pub(crate) known: Option<(u64, Ages)>,
    pub(crate) memory: u64,
}

/// A summary of each index that no slice borrows, in the order in which they were created. It looks at no
/// list.
pub(crate) fn summaries() -> Vec<Summary> {
    let now = clock_ms();
    let summary = |entry: &mut Entry| {
        let memory = entry.memory() as u64;
        let (definition, clock) = (&entry.definition, entry.clock.as_mut()?);
        let depth = clock.arrivals().map(Arrivals::len);
        Some(Summary {
            db: definition.db,
            queue: definition.queue.clone(),
            state: clock.state(),
            known: depth.zip(clock.ages(now)),
            memory,
        })
    };
    with(|indexes| indexes.all.iter_mut().filter_map(summary).collect()).unwrap_or_default()
}

/// The module took messages out of a list, which then had `len`: their positions before that, ascending.
pub(crate) fn took_out(db: i32, key: &[u8], indexes: &[u64], len: u64) {
    if ANY.load(Ordering::Relaxed) {
        tell(db, key, |entry, now| entry.follow(Event::Deleted { indexes, len }, now));
    }
}

/// Tells an index what happened to its list.
fn tell(db: i32, key: &[u8], what: impl FnOnce(&mut Entry, i64)) {
    tell_near(0, db, key, what);
}

/// The same for an index that was at this position a moment ago.
#[inline]
fn tell_near(at: usize, db: i32, key: &[u8], what: impl FnOnce(&mut Entry, i64)) {
    tell_at(at, db, key, |entry, now, now_ns| {
        what(entry, now);
        read::plan_at(entry, now_ns);
    });
}

/// The same, for something that decides itself whether a turn of the event loop has to come. It gets the time by the clock of
/// arrivals, milliseconds, and by the steady clock, nanoseconds.
#[inline]
fn tell_at(at: usize, db: i32, key: &[u8], what: impl FnOnce(&mut Entry, i64, u64)) {
    let told = with(|indexes| {
        let now_ns = now_ns();
        let now = at_ms(now_ns);
        if let Some(entry) = indexes.find_bounded(at, db, key, now) {
            what(entry, now, now_ns);
        }
    });
    if told.is_none() {
        lose_track();
    }
}

/// Whether some index waits for a look at its list.
pub(crate) fn needs_look() -> bool {
    ANY.load(Ordering::Relaxed) && with(|indexes| indexes.needs_look()).unwrap_or(false)
}

/// Reads the lengths of the lists whose lengths are unknown.
pub(crate) fn look(ctx: Ctx<'_>) {
    if !needs_look() || ctx.flags().loading() {
        return;
    }
    let waiting = with(|indexes| {
        indexes.loading = false;
        let building = |entry: &&Entry| entry.state() == Some(IndexState::Building);
        let key = |entry: &Entry| (entry.definition.db, entry.definition.queue.clone());
        indexes.all.iter().filter(building).map(key).collect::<Vec<_>>()
    });
    for (db, key) in waiting.unwrap_or_default() {
        // There may be fewer databases than a setting thought.
        let len = if ctx.select(db) { list::len_of(ctx, &key).unwrap_or(0) } else { 0 };
        tell(db, &key, |entry, now| entry.observe(len, now));
    }
}
