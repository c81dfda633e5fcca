//! The keys of a job, and their events between its slices.

use super::Job;
use crate::message_place::MessageKeys;
use crate::scan::{AnyScan, Event, Lost, Queue};

impl Job {
    /// Returns the keys of its lists, in the order in which workers read them.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.start.lists.iter().map(|(list, _)| list.key.as_slice())
    }

    /// Returns the number of this list among its own.
    #[must_use]
    pub fn list_of(&self, db: i32, key: &[u8]) -> Option<usize> {
        self.keys().position(|own| own == key).filter(|_| self.start.db == db)
    }

    /// Returns whether it works on this list.
    #[must_use]
    pub fn is_on(&self, db: i32, key: &[u8]) -> bool {
        self.list_of(db, key).is_some()
    }

    /// Returns all keys that hold its messages, in the order of the numbers by which its scan knows them: the
    /// lists, or the hash of unacknowledged messages and its index.
    pub fn all_keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys().chain(self.start.storage.index().map(|start| start.index.as_slice()))
    }

    /// Follows an event of a key, if it is one of its own; returns whether it is.
    pub fn follow(&mut self, db: i32, key: &[u8], event: Event<'_>) -> bool {
        let number = self.all_keys().position(|own| own == key).filter(|_| self.start.db == db);
        if let Some(number) = number {
            self.scan.follow(number, event);
        }
        number.is_some()
    }

    /// Returns how urgently [`Self::find_place`] should be called for this list.
    #[must_use]
    pub fn lost(&self, db: i32, key: &[u8]) -> Lost {
        match &self.scan {
            AnyScan::Lists(scan) if self.start.db == db && self.key_here() == key => scan.lost(),
            _ => Lost::No,
        }
    }

    /// Finds the position of its scan in the list at [`Self::key_here`] again, after messages were removed from that at
    /// unknown positions. Where only one position is possible, the scan continues there; otherwise another pass
    /// begins.
    pub fn find_place(&mut self, list: &mut impl Queue) {
        if let AnyScan::Lists(scan) = &mut self.scan {
            scan.take_bearings(list);
        }
    }

    /// This key is a sorted set in whose order the job walks.
    #[must_use]
    pub fn has_index(&self, db: i32, key: &[u8]) -> bool {
        self.start.db == db && self.start.storage.walked().is_some_and(|start| start.index == key)
    }

    /// Returns the first of the keys that its next slice opens.
    #[must_use]
    pub fn key_here(&self) -> &[u8] {
        self.start.lists.get(self.scan.at()).map_or(self.start.queue.as_slice(), |(list, _)| &list.key)
    }

    /// Returns the names by which its next slice opens its keys: the first of them, then the index of unacknowledged
    /// messages, or the words for the keys with the messages of a list of ids. The scan does not follow events of those.
    #[must_use]
    pub fn keys_here(&self) -> Vec<&[u8]> {
        let index = self.start.storage.index().map(|start| start.index.as_slice());
        let words = self.start.storage.message_keys().into_iter().flat_map(MessageKeys::words);
        std::iter::once(self.key_here()).chain(index).chain(words).collect()
    }

    /// Returns the step of a list, if the job is about priorities.
    pub(super) fn step(&self, list: usize) -> Option<u8> {
        self.start.lists.get(list).and_then(|(list, _)| list.step)
    }

    /// Returns the keys that were deleted, renamed away or replaced: their names may now hold something else.
    #[must_use]
    pub fn gone(&self) -> Vec<&[u8]> {
        self.scan.gone().into_iter().filter_map(|number| self.all_keys().nth(number)).collect()
    }

    /// Follows messages that another job cleared from a list: if this job has counted some of them, its count is
    /// stale. `len` is the number of messages that are left.
    pub fn follow_deletion(&mut self, db: i32, key: &[u8], indexes: &[u64], len: u64) {
        let drifted = self.scan.counters().drifted;
        if self.follow(db, key, Event::Deleted { indexes, len }) {
            let before_it = self.scan.counters().drifted.saturating_sub(drifted);
            // Not all of them were still to be examined: the job may have counted some.
            self.stale |= before_it < indexes.len() as u64;
        }
    }
}
