//! The keys of a job, and what happens to them between its slices.

use super::Job;
use crate::scan::Event;

impl Job {
    /// The keys of its lists, in the order in which workers look into them.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.start.lists.iter().map(|(list, _)| list.key.as_slice())
    }

    /// The place of this list among its own.
    #[must_use]
    pub fn list_of(&self, db: i32, key: &[u8]) -> Option<usize> {
        self.keys().position(|own| own == key).filter(|_| self.start.db == db)
    }

    /// It works on this list.
    #[must_use]
    pub fn is_on(&self, db: i32, key: &[u8]) -> bool {
        self.list_of(db, key).is_some()
    }

    /// Returns all keys that hold its messages, in the order of the numbers by which its scan knows them: the lists, or the
    /// hash of messages that workers hold and its index.
    pub fn all_keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys().chain(self.start.storage.index().map(|start| start.index.as_slice()))
    }

    /// Follows what happened to a key, if it is one of its own; returns whether it is.
    pub fn follow(&mut self, db: i32, key: &[u8], event: Event<'_>) -> bool {
        let number = self.all_keys().position(|own| own == key).filter(|_| self.start.db == db);
        if let Some(number) = number {
            self.scan.follow(number, event);
        }
        number.is_some()
    }

    /// This key is a sorted set in whose order the job walks.
    #[must_use]
    pub fn has_index(&self, db: i32, key: &[u8]) -> bool {
        self.start.db == db && self.start.storage.walked().is_some_and(|start| start.index == key)
    }

    /// The key that its next slice works on: the first one of those that it opens.
    #[must_use]
    pub fn key_here(&self) -> &[u8] {
        self.start.lists.get(self.scan.at()).map_or(self.start.queue.as_slice(), |(list, _)| &list.key)
    }

    /// The keys that its next slice opens.
    #[must_use]
    pub fn keys_here(&self) -> Vec<&[u8]> {
        let index = self.start.storage.index().map(|start| start.index.as_slice());
        std::iter::once(self.key_here()).chain(index).collect()
    }

    /// The step of a list, where priorities are looked at.
    pub(super) fn step(&self, list: usize) -> Option<u8> {
        self.start.lists.get(list).and_then(|(list, _)| list.step)
    }

    /// The keys that were deleted, renamed away or replaced: what is under their names now is something else.
    #[must_use]
    pub fn gone(&self) -> Vec<&[u8]> {
        self.scan.gone().into_iter().filter_map(|number| self.all_keys().nth(number)).collect()
    }

    /// Follows messages that were cleared from a list by somebody else than itself: what it has counted of them is not
    /// there any more.
    pub fn follow_deletion(&mut self, db: i32, key: &[u8], indexes: &[u64]) {
        let drifted = self.scan.counters().drifted;
        if self.follow(db, key, Event::Deleted { indexes }) {
            let before_it = self.scan.counters().drifted.saturating_sub(drifted);
            // Not all of them were still before it: it may have counted some.
            self.stale |= before_it < indexes.len() as u64;
        }
    }
}
