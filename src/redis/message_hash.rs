//! The messages of a list of ids, opened for one callback together with the list: the fields of one hash, or hashes of
//! their own.

use std::collections::HashMap;

use qadmin_core::format::Skim;
use qadmin_core::message_place::MessageKeys;

use super::ctx::Ctx;
use super::hash::{Hash, OpenedHash};
use super::job_hashes::{JobHashes, RemovedJobs, Use};
use super::string::RString;

/// The messages.
pub(crate) enum Messages<'c> {
    /// They are the fields of a hash.
    Fields(MessageHash<'c>),
    /// Each is a hash of its own.
    Jobs(Box<JobHashes<'c>>),
}

/// What happened to the messages until their keys were closed.
pub(crate) enum ClosedMessages {
    /// The hash lost fields, or is gone with its last field.
    Hash {
        /// Messages were deleted.
        is_changed: bool,
        /// The key is gone with its last message.
        is_emptied: bool,
    },
    /// Jobs were deleted.
    Jobs(RemovedJobs),
}

impl<'c> Messages<'c> {
    /// Opens the keys that have the messages of a key of ids. The words say which keys these are
    /// ([`MessageKeys::words`]); the first one is the name of the hash, if there is one. `None` if one holds something else,
    /// or if such messages are not removed.
    pub(crate) fn open(ctx: Ctx<'c>, name: &RString, words: &'c [RString], used: Use) -> Option<Self> {
        let texts: Vec<&[u8]> = words.iter().map(RString::bytes).collect();
        let (keys, hash) = (MessageKeys::of_words(name.bytes(), &texts)?, words.first()?);
        Some(match keys {
            _ if used != Use::Show && !keys.are_removed() => return None,
            MessageKeys::Hash(_) => Self::Fields(MessageHash::open(ctx, hash, used == Use::Remove)?),
            MessageKeys::Jobs(keys) => Self::Jobs(Box::new(JobHashes::new(ctx, keys, used))),
        })
    }

    /// Lets [`Self::skim`] read these fields of jobs.
    pub(crate) fn skims(&mut self, skim: Skim) {
        match self {
            Self::Fields(_) => {}
            Self::Jobs(jobs) => jobs.skims(skim),
        }
    }

    /// Returns the part of the message of an id by which a filter can rule it out; `None` if the whole message has to be
    /// read.
    pub(crate) fn skim(&mut self, id: &RString) -> Option<&[u8]> {
        match self {
            Self::Fields(_) => None,
            Self::Jobs(jobs) => jobs.skim(id),
        }
    }

    /// Returns the message of an id. It is empty if there is none.
    pub(crate) fn message(&mut self, id: &RString) -> RString {
        match self {
            Self::Fields(hash) => hash.message(id),
            Self::Jobs(jobs) => jobs.message(id),
        }
    }

    /// Keeps the message that was read last, of this id, as it is until the callback ends: it is to be removed.
    pub(super) fn plan(&mut self, id: &RString, message: RString) {
        match self {
            Self::Fields(hash) => _ = hash.planned.insert(id.bytes().to_vec(), message),
            Self::Jobs(jobs) => jobs.plan(id, message),
        }
    }

    /// Remembers that this id was removed, whose message was read last.
    pub(super) fn take(&mut self, id: RString, message: RString) {
        match self {
            Self::Fields(hash) => hash.removed.push(id),
            Self::Jobs(jobs) => jobs.take(id, message),
        }
    }

    /// Deletes the messages of the removed ids.
    pub(super) fn remove(&mut self) {
        match self {
            Self::Fields(hash) => hash.remove(),
            Self::Jobs(jobs) => jobs.remove(),
        }
    }

    /// Returns which fields were seen of the message of each removed id, if messages have fields.
    pub(super) fn seen(&self) -> Option<&[u32]> {
        match self {
            Self::Fields(_) => None,
            Self::Jobs(jobs) => Some(jobs.seen()),
        }
    }

    /// Reads of the following messages only these fields, as the server did whose unit is repeated. Returns false if
    /// messages have no fields.
    pub(super) fn sees(&mut self, fields: Vec<u32>) -> bool {
        match self {
            Self::Fields(_) => false,
            Self::Jobs(jobs) => {
                jobs.sees(fields);
                true
            }
        }
    }

    /// Closes the keys.
    pub(super) fn close(self) -> ClosedMessages {
        match self {
            Self::Fields(hash) => hash.close(),
            Self::Jobs(jobs) => ClosedMessages::Jobs(jobs.close()),
        }
    }
}

/// The hash. Each message is the field with its id.
pub(crate) struct MessageHash<'c> {
    /// `None` if the key is missing, and with it the message of every id.
    hash: Option<Hash<'c>>,
    /// The messages that are to be removed in this callback, by their ids. Each was judged as it stands here, and is
    /// removed even if its time ends before that. The servers on which fields have times of their own hold their clock
    /// still during a callback (`commandTimeSnapshot`, Redis 7.4 to 8.0, Valkey 9), which nothing promises.
    planned: HashMap<Vec<u8>, RString>,
    /// The ids that were removed.
    removed: Vec<RString>,
}

impl<'c> MessageHash<'c> {
    /// Opens the hash, for reading or also for removing messages. `None` if the key holds something else.
    fn open(ctx: Ctx<'c>, hash: &'c RString, removes: bool) -> Option<Self> {
        let hash = match Hash::open_for(ctx, hash, removes) {
            OpenedHash::Hash(hash) => Some(hash),
            OpenedHash::Missing => None,
            OpenedHash::Other => return None,
        };
        Some(Self { hash, planned: HashMap::new(), removed: Vec::new() })
    }

    /// Returns the message of an id. It is empty if there is none.
    fn message(&self, id: &RString) -> RString {
        if let Some(planned) = self.planned.get(id.bytes()) {
            return RString::new(planned.bytes());
        }
        self.hash.as_ref().and_then(|hash| hash.get(id)).unwrap_or_else(|| RString::new(b""))
    }

    /// Deletes the messages of the removed ids.
    fn remove(&mut self) {
        let Some(hash) = &mut self.hash else { return };
        for id in &self.removed {
            // The message is gone already if the list had the id twice.
            hash.delete(id);
        }
    }

    /// Closes the hash.
    fn close(self) -> ClosedMessages {
        let (is_changed, is_emptied) = self.hash.map(Hash::close).unwrap_or_default();
        ClosedMessages::Hash { is_changed, is_emptied }
    }
}
