//! All indexes, and the memory that they may take.

use std::sync::atomic::{AtomicU64, Ordering};

use qadmin_core::index::{Definition, IndexState, ListClock};
use qadmin_core::kind::MessageKind;

use super::time::clock_ms;
use crate::redis::server;

/// Bytes that an index grows by before somebody asks whether there is room for more.
const ROOM_STEP: usize = 16 * 1024;
/// Percent of `maxmemory` in use above which indexes give their memory back.
const FULL_PERCENT: u64 = 90;
/// Percent of `maxmemory` in use below which they begin anew.
const ROOM_PERCENT: u64 = 80;
/// Milliseconds after which an index asks again whether there is room.
const ASK_MS: i64 = 1_000;
const NEAR_MAXMEMORY: &str = "the server uses more than 90 % of maxmemory";
const OVER_LIMIT: &str = "all indexes together would need more than qadmin.index-max-memory";
/// Most bytes of all indexes: the setting `index-max-memory`.
static MEMORY_LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
/// Sets the most bytes that all indexes may take.
pub(crate) fn limit_memory(bytes: u64) {
    MEMORY_LIMIT.store(bytes, Ordering::Relaxed);
}

/// All indexes.
pub(super) struct Indexes {
    pub(super) all: Vec<Entry>,
    /// A dataset is being loaded, as far as events tell.
    pub(super) loading: bool,
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
    /// Bytes that it may take before somebody asks for more room.
    room: usize,
    /// When it last asked whether there is room, milliseconds.
    asked_ms: i64,
}

impl Entry {
    pub(super) fn new(definition: Definition, default: MessageKind) -> Self {
        let kind = definition.kind.unwrap_or(default);
        let clock = ListClock::new(kind.spec().consumer_end, clock_ms());
        Self { definition, kind, clock: Some(Box::new(clock)), missed: false, room: 0, asked_ms: i64::MIN }
    }

    pub(super) fn state(&self) -> Option<IndexState> {
        self.clock.as_ref().map(|clock| clock.state())
    }
}

impl Indexes {
    pub(super) fn find(&mut self, db: i32, key: &[u8]) -> Option<&mut Entry> {
        self.all.iter_mut().find(|entry| entry.definition.is_of(db, key))
    }

    /// Those that nobody knows enough of are in doubt.
    pub(super) fn doubt(&mut self, which: impl Fn(&Definition) -> bool, reason: &'static str) {
        for entry in self.all.iter_mut().filter(|entry| which(&entry.definition)) {
            match &mut entry.clock {
                Some(clock) => clock.doubt(reason),
                None => entry.missed = true,
            }
        }
    }

    pub(super) fn needs_look(&self) -> bool {
        self.all.iter().any(|entry| entry.state() == Some(IndexState::Building))
    }

    /// Asks whether there is room for the indexes, about once per second and where one has grown; suspends them or this one
    /// otherwise, and lets a suspended one go on where there is room again.
    pub(super) fn keep_in_bounds(&mut self, db: i32, key: &[u8], now: i64) {
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
