//! The indexes of this server: which lists are followed, and what is known of them.
//!
//! They are kept apart from the state of jobs, because an event of a list is followed at once, also while a slice holds that
//! state. A slice that asks for arrivals borrows the index of its list ([`lend`]); what happens to the list meanwhile cannot
//! be followed, so the index is in doubt afterwards. What the module itself takes out of a list it reports by positions
//! ([`took_out`]), before anybody else hears of it.
//!
//! # Time
//! Arrivals are read off the steady clock, so a step of the wall clock changes no age. The offset between the two is taken
//! once; where the wall clock has moved since, times are shifted when they are shown or compared.
//!
//! # When nobody knows
//! After a flush, a swap of databases, a load, or an event that was not followed, somebody has to look at the length of the
//! list: [`look`], in the next turn of the event loop.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use qadmin_core::error::{Error, IndexError, ServerError};
use qadmin_core::index::{Ages, Cursor, Definition, INDEXES_MAX, IndexState, ListClock};
use qadmin_core::kind::MessageKind;
use qadmin_core::queue::End;
use qadmin_core::reply::Reply;
use qadmin_core::scan::Event;

use crate::redis::clock::{now_ms, now_ns, now_us};
use crate::redis::events::ServerEvent;
use crate::redis::main_cell::MainCell;
use crate::redis::{Ctx, event_loop, events, keyspace, log, server};

/// Bytes that an index grows by before somebody asks whether there is room for more.
const ROOM_STEP: usize = 16 * 1024;
/// Percent of `maxmemory` in use above which indexes give their memory back.
const FULL_PERCENT: u64 = 90;
/// Percent of `maxmemory` in use below which they begin anew.
const ROOM_PERCENT: u64 = 80;
/// Milliseconds after which an index asks again whether there is room.
const ASK_MS: i64 = 1_000;
/// A wall clock that is further ahead or behind than this was set, milliseconds.
const CLOCK_SET_MS: i64 = 1_000;

const NEAR_MAXMEMORY: &str = "the server uses more than 90 % of maxmemory";
const OVER_LIMIT: &str = "all indexes together would need more than qadmin.index-max-memory";
const FLUSHED: &str = "the database was flushed while the dataset was loaded";
const SWAPPED: &str = "the database was swapped with another one";
const LOADED: &str = "the dataset was loaded";
const MISSED: &str = "something happened to the list that was not followed";

/// Some list has an index: without one an event costs no more than this.
static ANY: AtomicBool = AtomicBool::new(false);
/// Most bytes of all indexes: the setting `index-max-memory`.
static MEMORY_LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
/// The module is loaded: lists can be followed from now on.
static IS_LOADED: AtomicBool = AtomicBool::new(false);
/// Something was not followed.
static DOUBTED: AtomicBool = AtomicBool::new(false);
static INDEXES: MainCell<Indexes> = MainCell::new(Indexes { all: Vec::new(), loading: false });

/// All indexes.
struct Indexes {
    all: Vec<Entry>,
    /// A dataset is being loaded, as far as events tell.
    loading: bool,
}

/// One index.
struct Entry {
    definition: Definition,
    /// What its messages are taken for.
    kind: MessageKind,
    /// `None` while a slice borrows it.
    clock: Option<Box<ListClock>>,
    /// Something happened to the list while a slice borrowed the index.
    missed: bool,
    /// Bytes that it may take before somebody asks for more room.
    room: usize,
    /// When it last asked whether there is room, milliseconds.
    asked_ms: i64,
}

impl Entry {
    fn new(definition: Definition, default: MessageKind) -> Self {
        let kind = definition.kind.unwrap_or(default);
        let clock = ListClock::new(kind.spec().consumer_end, clock_ms());
        Self { definition, kind, clock: Some(Box::new(clock)), missed: false, room: 0, asked_ms: i64::MIN }
    }

    fn state(&self) -> Option<IndexState> {
        self.clock.as_ref().map(|clock| clock.state())
    }
}

impl Indexes {
    fn find(&mut self, db: i32, key: &[u8]) -> Option<&mut Entry> {
        self.all.iter_mut().find(|entry| entry.definition.is_of(db, key))
    }

    /// Those that nobody knows enough of are in doubt.
    fn doubt(&mut self, which: impl Fn(&Definition) -> bool, reason: &'static str) {
        for entry in self.all.iter_mut().filter(|entry| which(&entry.definition)) {
            match &mut entry.clock {
                Some(clock) => clock.doubt(reason),
                None => entry.missed = true,
            }
        }
    }

    fn needs_look(&self) -> bool {
        self.all.iter().any(|entry| entry.state() == Some(IndexState::Building))
    }

    /// Asks whether there is room for the indexes, about once per second and where one has grown; suspends them or this one
    /// otherwise, and lets a suspended one go on where there is room again.
    fn keep_in_bounds(&mut self, db: i32, key: &[u8], now: i64) {
        let Some(entry) = self.find(db, key) else { return };
        let Some(clock) = &entry.clock else { return };
        let is_suspended = clock.state() == IndexState::Suspended;
        let has_grown = !is_suspended && clock.memory() > entry.room;
        if !has_grown && now.saturating_sub(entry.asked_ms) < ASK_MS {
            return;
        }
        entry.asked_ms = now;
        let total: usize = self.all.iter().filter_map(|entry| Some(entry.clock.as_ref()?.memory())).sum();
        let (total, limit) = (total as u64, MEMORY_LIMIT.load(Ordering::Relaxed));
        let used = server::used_memory_percent();
        if used > FULL_PERCENT {
            // Not only this one: the memory of an index whose list stands still counts as much.
            self.all
                .iter_mut()
                .filter_map(|entry| entry.clock.as_mut())
                .for_each(|clock| clock.suspend(NEAR_MAXMEMORY));
            return;
        }
        let Some(entry) = self.find(db, key) else { return };
        let Some(clock) = &mut entry.clock else { return };
        match is_suspended {
            true if used < ROOM_PERCENT && total <= limit / 4 * 3 => clock.resume(),
            true => {}
            false if total > limit => clock.suspend(OVER_LIMIT),
            false => entry.room = clock.memory() + ROOM_STEP,
        }
    }
}

/// Works on the indexes; `None` if a callback up the stack does.
fn with<R>(work: impl FnOnce(&mut Indexes) -> R) -> Option<R> {
    let mut indexes = INDEXES.try_borrow_mut()?;
    if DOUBTED.swap(false, Ordering::Relaxed) {
        indexes.doubt(|_| true, MISSED);
        wake();
    }
    Some(work(&mut indexes))
}

/// Milliseconds of the clock of arrivals: the steady clock, beside the wall clock as it was when it was first asked.
fn clock_ms() -> i64 {
    at_ms(now_ns())
}

/// The same for a time of the steady clock, nanoseconds.
fn at_ms(steady_ns: u64) -> i64 {
    static OFFSET_US: OnceLock<i64> = OnceLock::new();
    let steady_us = |ns: u64| i64::try_from(ns / 1_000).unwrap_or(i64::MAX);
    let offset = OFFSET_US.get_or_init(|| {
        // The thread may be interrupted between two readings: the pair that took least time is the best one.
        let pair = || {
            let before = now_ns();
            let wall = now_us();
            (now_ns() - before, wall - steady_us(before))
        };
        (0..8).map(|_| pair()).min().map_or(0, |(_, offset)| offset)
    });
    (steady_us(steady_ns) + offset).div_euclid(1_000)
}

/// How much the wall clock is ahead of the clock of arrivals, milliseconds: nothing unless it was set.
fn ahead_ms() -> i64 {
    let ahead = now_ms() - clock_ms();
    if ahead.abs() < CLOCK_SET_MS { 0 } else { ahead }
}

/// Sets the most bytes that all indexes may take.
pub(crate) fn limit_memory(bytes: u64) {
    MEMORY_LIMIT.store(bytes, Ordering::Relaxed);
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
        if let Some(Entry { clock: Some(clock), .. }) = indexes.find(db, &key) {
            clock.observe(len, clock_ms());
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
        let (now, ahead) = (clock_ms(), ahead_ms());
        indexes.keep_in_bounds(db, key, now);
        let Entry { kind, clock, .. } = indexes.find(db, key)?;
        let clock = clock.as_mut()?;
        clock.observe(len, now);
        let map =
            Reply::map().with("queue", key).with("db", i64::from(db)).with("message_kind", kind.spec().name);
        Some(clock.append_to(map, len, now, ahead).build())
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

/// How many indexes there are, how many of them are suspended, and the bytes that all take.
pub(crate) fn totals() -> (u64, u64, u64) {
    with(|indexes| {
        let is_suspended = |entry: &&Entry| entry.state() == Some(IndexState::Suspended);
        let suspended = indexes.all.iter().filter(is_suspended).count();
        let memory: usize = indexes.all.iter().filter_map(|entry| Some(entry.clock.as_ref()?.memory())).sum();
        (indexes.all.len() as u64, suspended as u64, memory as u64)
    })
    .unwrap_or_default()
}

/// An index that a slice or a command borrows to look for arrivals. It goes back when this is dropped.
pub(crate) struct Lent {
    db: i32,
    key: Vec<u8>,
    clock: Option<Box<ListClock>>,
}

impl Lent {
    /// Finds arrivals; with it, how far the wall clock is ahead of theirs, milliseconds.
    pub(crate) fn cursor(&self) -> Option<(Cursor<'_>, i64)> {
        let arrivals = self.clock.as_ref()?.arrivals()?;
        Some((arrivals.cursor(), ahead_ms()))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let back = with(|indexes| {
            // It may have been dropped meanwhile, and another one created.
            let Some(entry) = indexes.find(self.db, &self.key).filter(|entry| entry.clock.is_none()) else {
                return;
            };
            entry.clock = self.clock.take();
            if std::mem::take(&mut entry.missed)
                && let Some(clock) = &mut entry.clock
            {
                clock.doubt(MISSED);
                wake();
            }
        });
        if back.is_none() {
            lose_track();
        }
    }
}

/// Borrows the index of a list that holds `len` messages now, if there is one that can answer.
pub(crate) fn lend(db: i32, key: &[u8], len: u64) -> Option<Lent> {
    with(|indexes| {
        let entry = indexes.find(db, key)?;
        entry.clock.as_mut()?.observe(len, clock_ms());
        let clock = entry.clock.take_if(|clock| clock.state() == IndexState::Ready);
        clock.map(|clock| Lent { db, key: key.to_vec(), clock: Some(clock) })
    })?
}

/// The time at which ages are measured that are to be those of a time of the steady clock, by the wall clock as it is now.
pub(crate) fn wall_ms(steady_ns: u64) -> i64 {
    at_ms(steady_ns) + ahead_ms()
}

/// The module took messages out of a list: their positions before that, ascending.
pub(crate) fn took_out(db: i32, key: &[u8], indexes: &[u64]) {
    if ANY.load(Ordering::Relaxed) {
        tell(db, key, |clock, now| clock.follow(Event::Deleted { indexes }, now));
    }
}

/// Tells an index what happened to its list.
fn tell(db: i32, key: &[u8], what: impl FnOnce(&mut ListClock, i64)) {
    let told = with(|indexes| {
        let now = clock_ms();
        indexes.keep_in_bounds(db, key, now);
        let Some(entry) = indexes.find(db, key) else { return };
        match &mut entry.clock {
            Some(clock) => what(clock, now),
            None => entry.missed = true,
        }
    });
    if told.is_none() {
        lose_track();
    }
}

/// Follows a keyspace event.
pub(crate) fn on_key_event(ctx: Ctx<'_>, event: &[u8], key: &[u8]) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    let db = ctx.db();
    let follows = with(|indexes| {
        if indexes.find(db, key).is_none() {
            return false;
        }
        if indexes.loading && !ctx.flags().loading() {
            // The end of the load was not told.
            indexes.loading = false;
        }
        !indexes.loading
    });
    match follows {
        Some(true) => {}
        Some(false) => return,
        None => return lose_track(),
    }
    let len = || keyspace::list_len(ctx, key);
    let with_len = |event: &dyn Fn(u64) -> Event<'static>| match len() {
        Some(len) => tell(db, key, |clock, now| clock.follow(event(len), now)),
        // It is no list any more.
        None => tell(db, key, |clock, now| clock.follow(Event::Gone, now)),
    };
    match event {
        b"lpush" => with_len(&|len| Event::Pushed { end: End::Head, len }),
        b"rpush" => with_len(&|len| Event::Pushed { end: End::Tail, len }),
        b"lpop" => with_len(&|len| Event::Popped { end: End::Head, len }),
        b"rpop" => with_len(&|len| Event::Popped { end: End::Tail, len }),
        b"lrem" => with_len(&|len| Event::Removed { len }),
        b"ltrim" => with_len(&|len| Event::Trimmed { len }),
        b"lset" => with_len(&|len| Event::Set { len }),
        b"del" | b"expired" | b"evicted" | b"rename_from" | b"move_from" => {
            tell(db, key, |clock, now| clock.follow(Event::Gone, now));
        }
        b"expire" | b"persist" | b"new" | b"loaded" => {}
        b"linsert" => with_len(&|len| Event::Edited { len }),
        // RENAME, RESTORE, COPY, MOVE and SORT with STORE put another list there and are told alone, without a `del`; also
        // of equal length. So does whatever comes after this was written, as far as anybody knows.
        _ => {
            let len = len().unwrap_or(0);
            tell(db, key, |clock, now| clock.replaced(len, now));
        }
    }
}

/// Follows what happens to the whole server.
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
                        match &mut entry.clock {
                            Some(clock) => clock.follow(Event::Gone, clock_ms()),
                            None => entry.missed = true,
                        }
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
            ServerEvent::Promoted | ServerEvent::Demoted => {}
        }
        indexes.needs_look()
    });
    match looked {
        Some(false) => {}
        Some(true) => wake(),
        None => lose_track(),
    }
}

/// Whether some index waits for a look at its list.
pub(crate) fn needs_look() -> bool {
    ANY.load(Ordering::Relaxed) && with(|indexes| indexes.needs_look()).unwrap_or(false)
}

/// Looks at the lists of which nobody knows how long they are.
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
        let len = if ctx.select(db) { keyspace::list_len(ctx, &key).unwrap_or(0) } else { 0 };
        tell(db, &key, |clock, now| clock.observe(len, now));
    }
}
