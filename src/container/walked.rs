//! Reads messages outside of slices, in any container whose messages are walked in the order of a sorted set.

use qadmin_core::job::Storage;
use qadmin_core::scan::{IndexKeys, IndexPosition};

use super::OpenedKeys;
use super::index;
use super::list::names_of;
use super::set_of_ids;
use super::unacked::Keys;
use crate::redis::job_hashes::Use;
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString};

/// The opened keys of one of these containers.
pub(crate) enum Walked<'c> {
    /// Unacknowledged messages.
    Unacked(Keys<'c>),
    /// A sorted set of messages.
    SortedSet(Reader<'c>),
    /// A sorted set of ids.
    SetOfIds(Box<set_of_ids::Keys<'c>>),
}

impl<'c> Walked<'c> {
    /// Returns the names of the keys of a job or a command, for [`Self::open`]. Lists have none.
    pub(crate) fn names(storage: &Storage, queue: &[u8]) -> Vec<RString> {
        match (storage.message_keys(), storage.walked()) {
            (_, None) => Vec::new(),
            (Some(_), _) => names_of(storage, queue),
            (None, Some(start)) => vec![RString::new(queue), RString::new(&start.index)],
        }
    }

    /// Opens the keys; returns `None` if they contain no messages (any more).
    pub(crate) fn open(ctx: Ctx<'c>, storage: &Storage, names: &'c [RString]) -> Option<Self> {
        let [queue, others @ ..] = names else { return None };
        match storage {
            Storage::Lists | Storage::ListOfIds(_) => None,
            Storage::Unacked(_) => match Keys::open(ctx, queue, others.first()?) {
                OpenedKeys::Keys(keys) => Some(Self::Unacked(keys)),
                _ => None,
            },
            Storage::SortedSet(_) => match index::open(ctx, queue) {
                OpenedKeys::Keys(keys) => Some(Self::SortedSet(keys)),
                _ => None,
            },
            Storage::SetOfIds(..) => match set_of_ids::Keys::open(ctx, queue, others, Use::Show) {
                OpenedKeys::Keys(keys) => Some(Self::SetOfIds(Box::new(keys))),
                _ => None,
            },
        }
    }

    /// Moves to the first entry.
    pub(crate) fn begin(&mut self) {
        match self {
            Self::Unacked(keys) => keys.seek(None),
            Self::SortedSet(keys) => keys.seek(None),
            Self::SetOfIds(keys) => keys.seek(None),
        }
    }

    /// Reads the next entry, as `IndexKeys::next` does. The message of an id can be missing.
    pub(crate) fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        match self {
            Self::Unacked(keys) => keys.next(f),
            Self::SortedSet(keys) => keys.next(f),
            Self::SetOfIds(keys) => {
                keys.next(|score, id, message| f(score, id, message.filter(|message| !message.is_empty())))
            }
        }
    }

    /// Reads the message whose entry is at this position; returns `None` if it has left.
    pub(crate) fn read_at<R>(&mut self, place: &IndexPosition, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self {
            Self::Unacked(keys) => keys.read_at(place, f),
            Self::SortedSet(keys) => keys.has(place).then(|| f(&place.tag)),
            Self::SetOfIds(keys) => keys.read_at(place, f),
        }
    }
}
