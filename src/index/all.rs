//! All indexes, and the memory that they may take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use qadmin_core::index::{Definition, IndexState, ListClock, ListFields, ValueWaits};
use qadmin_core::kind::MessageKind;
use qadmin_core::scan::Event;
use uuid::Uuid;

use super::time::clock_ms;
use crate::redis::clock::{Duration, now_ns};
use crate::redis::list::List;
use crate::redis::server;

/// Bytes by which an index grows before it asks whether there is room for more.
const ROOM_STEP: usize = 16 * 1024;
/// Percent of `maxmemory` in use above which indexes give their memory back.
const FULL_PERCENT: u64 = 90;
/// Percent of `maxmemory` in use below which they begin anew.
const ROOM_PERCENT: u64 = 80;
/// Milliseconds after which an index asks again whether there is room.
const ASK_MS: i64 = 1_000;
/// Events of a list after which its index looks whether it has grown: each adds a few bytes at most.
const LOOK_EVENTS: u32 = 16;
const NEAR_MAXMEMORY: &str = "the server uses more than 90 % of maxmemory";
const OVER_LIMIT: &str = "all indexes together would need more than qadmin.index-max-memory";
/// Most bytes of all indexes: the setting `index-max-memory`.
static MEMORY_LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
/// Whether pickled bodies are read: the setting `pickle`.
static READS_PICKLE: AtomicBool = AtomicBool::new(true);

/// Sets the most bytes that all indexes may take.
pub(crate) fn limit_memory(bytes: u64) {
    MEMORY_LIMIT.store(bytes, Ordering::Relaxed);
}

/// Sets whether pickled bodies are read.
pub(super) fn set_pickle(reads: bool) {
    READS_PICKLE.store(reads, Ordering::Relaxed);
}

/// All indexes.
pub(super) struct Indexes {
    pub(super) all: Vec<Entry>,
    /// A dataset is being loaded, as far as events tell.
    pub(super) loading: bool,
    /// The index whose turn it is to read messages.
    pub(super) turn: usize,
    pub(super) slices: Slices,
}

/// How long the slices of indexes took, nanoseconds.
#[derive(Clone, Copy)]
pub(super) struct Slices {
    /// What the present one took to reach its first message.
    pub(super) sought_ns: u64,
    /// The longest way to a first message.
    pub(super) seek_max_ns: u64,
    /// The longest time after that, or of a slice that reads no message.
    pub(super) work_max_ns: u64,
    /// The longest time by which a slice that the operating system did not interrupt took longer than it may.
    pub(super) excess_max_ns: u64,
}

impl Slices {
    pub(super) const NONE: Self = Self { sought_ns: 0, seek_max_ns: 0, work_max_ns: 0, excess_max_ns: 0 };

    /// Books the present slice, which took this long as a whole, and after its first message may take `slice_ns`, or
    /// as long as it took to reach that message.
    pub(super) fn book(&mut self, whole: Duration, slice_ns: u64) {
        let sought_ns = std::mem::take(&mut self.sought_ns);
        let work_ns = whole.ns.saturating_sub(sought_ns);
        self.seek_max_ns = self.seek_max_ns.max(sought_ns);
        self.work_max_ns = self.work_max_ns.max(work_ns);
        if !whole.was_interrupted {
            self.excess_max_ns = self.excess_max_ns.max(work_ns.saturating_sub(slice_ns.max(sought_ns)));
        }
    }
}

/// One index.
pub(super) struct Entry {
    pub(super) definition: Definition,
    /// What its messages are taken for.
    pub(super) kind: MessageKind,
    /// `None` while a slice borrows it.
    pub(super) clock: Option<Box<ListClock>>,
    /// Something happened to the list while a slice borrowed the index.
    pub(super) missed: bool,
    /// The values of the fields that the definition names.
    pub(super) fields: Option<Box<ListFields>>,
    /// A slice borrows them.
    pub(super) lends_fields: bool,
    /// Something happened to the list while a slice borrowed them.
    pub(super) fields_missed: bool,
    /// When the last audit ended, or else when the index was created, and before which the next part of an
    /// audit must not begin: nanoseconds of the steady clock.
    pub(super) audited_ns: u64,
    pub(super) audit_from_ns: u64,
    /// The time to the first message in the last slice that read some, nanoseconds.
    pub(super) seek_ns: u64,
    /// How long messages with each of these values had waited.
    pub(super) waits: ValueWaits,
    /// Bytes that it may take before it asks for more room.
    room: usize,
    /// Events since it looked whether it has grown.
    unlooked: u32,
    /// When it last asked whether there is room, milliseconds.
    asked_ms: i64,
}

impl Entry {
    pub(super) fn new(definition: Definition, default: MessageKind) -> Self {
        let kind = definition.kind.unwrap_or(default);
        let clock = ListClock::new(kind.spec().consumer_end, clock_ms());
        // Senders of messages must not know which values have equal hashes.
        let (_, seed) = Uuid::new_v4().as_u64_pair();
        let fields = (!definition.fields.is_empty()).then(|| ListFields::new(kind, &definition.fields, seed));
        Self {
            kind,
            clock: Some(Box::new(clock)),
            missed: false,
            // Names that are wrong are refused before.
            fields: fields.and_then(Result::ok).map(Box::new),
            lends_fields: false,
            fields_missed: false,
            audited_ns: now_ns(),
            audit_from_ns: 0,
            seek_ns: 0,
            waits: ValueWaits::default(),
            room: 0,
            unlooked: 0,
            asked_ms: i64::MIN,
            definition,
        }
        .reading_as_set()
    }

    fn reading_as_set(mut self) -> Self {
        self.read_as_set();
        self
    }

    /// Reads all messages again where the setting `pickle` has changed and messages can be pickled.
    pub(super) fn read_as_set(&mut self) {
        if let Some(fields) = &mut self.fields {
            fields.read_pickle(READS_PICKLE.load(Ordering::Relaxed));
        }
    }

    pub(super) fn state(&self) -> Option<IndexState> {
        self.clock.as_ref().map(|clock| clock.state())
    }

    /// Messages whose values are not read yet; `None` without fields, or where nothing is known of the list.
    pub(super) fn unread(&self) -> Option<u64> {
        self.fields.as_ref()?.unread()
    }

    /// Bytes of memory, about.
    pub(super) fn memory(&self) -> usize {
        self.clock.as_ref().map_or(0, |clock| clock.memory())
            + self.fields.as_ref().map_or(0, |fields| fields.memory())
            + self.waits.memory()
    }

    pub(super) fn follow(&mut self, event: Event<'_>, now: i64) {
        if let (Some(clock), Some(fields)) = (&self.clock, &self.fields) {
            self.waits.follow(clock, fields, event, now);
        }
        match &mut self.clock {
            Some(clock) => clock.follow(event, now),
            None => self.missed = true,
        }
        self.on_fields(|fields| fields.follow(event, now));
    }

    /// Tells the fields what happened to the list.
    fn on_fields(&mut self, tell: impl FnOnce(&mut ListFields)) {
        match &mut self.fields {
            Some(fields) => tell(fields),
            None => self.fields_missed = self.lends_fields,
        }
    }

    /// Whether it reads the list to find the place of an edit.
    pub(super) fn searches(&self, event: Event<'_>) -> bool {
        self.fields.as_ref().is_some_and(|fields| fields.searches(event))
    }

    /// Follows an edit inside the list, whose place is searched in `list` as long as `goes_on` says so.
    pub(super) fn edit(
        &mut self,
        event: Event<'_>,
        now: i64,
        list: Option<&mut List<'_>>,
        goes_on: impl FnMut() -> bool,
    ) {
        let Some(fields) = &mut self.fields else { return self.follow(event, now) };
        self.missed |= self.clock.is_none();
        fields.edit(event, now, self.clock.as_deref_mut(), list, goes_on);
    }

    /// What was seen of a list of `len` messages is known to the clock of arrivals, too.
    pub(super) fn learn(&mut self, len: u64, now: i64) {
        if let Some(what) = self.fields.as_mut().and_then(|fields| fields.for_clock()) {
            match &mut self.clock {
                Some(clock) => clock.learn(what, len, now),
                None => self.missed = true,
            }
        }
    }

    pub(super) fn replaced(&mut self, len: u64, now: i64) {
        match &mut self.clock {
            Some(clock) => clock.replaced(len, now),
            None => self.missed = true,
        }
        self.on_fields(|fields| fields.replaced(len));
    }

    pub(super) fn observe(&mut self, len: u64, now: i64) {
        if let Some(clock) = &mut self.clock {
            clock.observe(len, now);
        }
        if let Some(fields) = &mut self.fields {
            fields.observe(len);
        }
    }

    pub(super) fn doubt(&mut self, reason: &'static str) {
        match &mut self.clock {
            Some(clock) => clock.doubt(reason),
            None => self.missed = true,
        }
        self.on_fields(|fields| fields.doubt(reason));
    }

    /// Both parts or, while a slice borrows one, none: they come back together.
    fn suspend(&mut self, reason: &'static str) {
        let Some(clock) = self.clock.as_mut().filter(|_| !self.lends_fields) else { return };
        clock.suspend(reason);
        self.waits.clear();
        if let Some(fields) = &mut self.fields {
            fields.suspend(reason);
        }
    }

    fn resume(&mut self) {
        if let Some(clock) = &mut self.clock {
            clock.resume();
        }
        if let Some(fields) = &mut self.fields {
            fields.resume();
        }
    }
}

impl Indexes {
    pub(super) fn find(&mut self, db: i32, key: &[u8]) -> Option<&mut Entry> {
        self.all.iter_mut().find(|entry| entry.definition.is_of(db, key))
    }

    /// The position of the index of a list.
    pub(super) fn position(&self, db: i32, key: &[u8]) -> Option<usize> {
        self.all.iter().position(|entry| entry.definition.is_of(db, key))
    }

    /// Marks indexes that may be wrong.
    pub(super) fn doubt(&mut self, which: impl Fn(&Definition) -> bool, reason: &'static str) {
        let all = self.all.iter_mut().filter(|entry| which(&entry.definition));
        all.for_each(|entry| entry.doubt(reason));
    }

    pub(super) fn needs_look(&self) -> bool {
        self.all.iter().any(|entry| entry.state() == Some(IndexState::Building))
    }

    /// Finds an index before an event of its list; it was at the position `at` a moment ago. An event adds little, so not each
    /// one does the same as [`Self::keep_in_bounds`].
    pub(super) fn find_bounded(&mut self, at: usize, db: i32, key: &[u8], now: i64) -> Option<&mut Entry> {
        let is_there = self.all.get(at).is_some_and(|entry| entry.definition.is_of(db, key));
        let at = if is_there { at } else { self.position(db, key)? };
        let entry = self.all.get_mut(at)?;
        entry.unlooked += 1;
        if entry.unlooked >= LOOK_EVENTS || now.saturating_sub(entry.asked_ms) >= ASK_MS {
            self.keep_in_bounds(db, key, now);
        }
        self.all.get_mut(at)
    }

    /// Asks whether there is room for the indexes, about once per second and where one has grown; suspends
    /// them or this one otherwise, and lets a suspended one go on where there is room again.
    pub(super) fn keep_in_bounds(&mut self, db: i32, key: &[u8], now: i64) {
        let Some(entry) = self.find(db, key) else { return };
        entry.unlooked = 0;
        let Some(state) = entry.state() else { return };
        let is_suspended = state == IndexState::Suspended;
        let has_grown = !is_suspended && entry.memory() > entry.room;
        if !has_grown && now.saturating_sub(entry.asked_ms) < ASK_MS {
            return;
        }
        entry.asked_ms = now;
        let total: usize = self.all.iter().map(Entry::memory).sum();
        let (total, limit) = (total as u64, MEMORY_LIMIT.load(Ordering::Relaxed));
        let used = server::used_memory_percent();
        if used > FULL_PERCENT {
            // Not only this one: the memory of an index whose list stands still counts as much.
            self.all.iter_mut().for_each(|entry| entry.suspend(NEAR_MAXMEMORY));
            return;
        }
        let Some(entry) = self.find(db, key) else { return };
        match is_suspended {
            true if used < ROOM_PERCENT && total <= limit / 4 * 3 => entry.resume(),
            true => {}
            false if total > limit => entry.suspend(OVER_LIMIT),
            false => entry.room = entry.memory() + ROOM_STEP,
        }
    }
}
