//! The hash with the messages of a list of ids, opened for one callback together with the list.

use std::collections::HashMap;

use super::ctx::Ctx;
use super::hash::{Hash, OpenedHash};
use super::string::RString;

/// The hash. Each message is the field with its id.
pub(crate) struct MessageHash<'c> {
    /// `None` if the key is missing, and with it the message of every id.
    hash: Option<Hash<'c>>,
    /// The messages that are to be removed in this callback, by their ids. Each was judged as it stands here, and is
    /// removed even if its time ends before that. The servers on which fields have times of their own hold their clock
    /// still during a callback (`commandTimeSnapshot`, Redis 7.4 to 8.0, Valkey 9), which nothing promises.
    planned: HashMap<Vec<u8>, RString>,
}

/// What happened to the hash until it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClosedHash {
    /// Messages were deleted.
    pub(crate) is_changed: bool,
    /// The key is gone with its last message.
    pub(crate) is_emptied: bool,
}

impl<'c> MessageHash<'c> {
    /// Opens the hash, for reading or also for removing messages. `None` if the key holds something else.
    pub(crate) fn open(ctx: Ctx<'c>, hash: &'c RString, removes: bool) -> Option<Self> {
        match Hash::open_for(ctx, hash, removes) {
            OpenedHash::Hash(hash) => Some(Self { hash: Some(hash), planned: HashMap::new() }),
            OpenedHash::Missing => Some(Self { hash: None, planned: HashMap::new() }),
            OpenedHash::Other => None,
        }
    }

    /// Returns the message of an id. It is empty if there is none.
    pub(super) fn message(&self, id: &RString) -> RString {
        if let Some(planned) = self.planned.get(id.bytes()) {
            return RString::new(planned.bytes());
        }
        self.hash.as_ref().and_then(|hash| hash.get(id)).unwrap_or_else(|| RString::new(b""))
    }

    /// Remembers the message of an id, which is to be removed in this callback.
    pub(super) fn plan(&mut self, id: &RString, message: RString) {
        self.planned.insert(id.bytes().to_vec(), message);
    }

    /// Deletes the messages of these ids.
    pub(super) fn remove(&mut self, ids: &[RString]) {
        let Some(hash) = &mut self.hash else { return };
        for id in ids {
            // The message is gone already if the list had the id twice.
            hash.delete(id);
        }
    }

    /// Closes the hash.
    pub(super) fn close(self) -> ClosedHash {
        let (is_changed, is_emptied) = self.hash.map(Hash::close).unwrap_or_default();
        ClosedHash { is_changed, is_emptied }
    }
}
