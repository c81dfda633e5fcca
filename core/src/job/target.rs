//! The messages that a command or a job covers.

use crate::container::Container;
use crate::error::Error;
use crate::filter::Projection;
use crate::kind::MessageKind;
use crate::message_place::MessageKeys;
use crate::priorities::{List, Priority};
use crate::scan::{IndexStart, TASKS_GO_ON, lost_notice};

/// What kind of keys hold the messages, as it was when a command was accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum Storage {
    /// Lists, or missing keys.
    Lists,
    /// The hash of unacknowledged messages, with this index.
    Unacked(IndexStart),
    /// This sorted set.
    SortedSet(IndexStart),
    /// Lists of ids, or missing keys. The messages are in these keys.
    ListOfIds(MessageKeys),
    /// This sorted set of ids. The messages are in these keys.
    SetOfIds(IndexStart, MessageKeys),
}

impl Storage {
    /// Returns the container, where a key or the request tells that it is not a list.
    #[must_use]
    pub fn container(&self) -> Option<Container> {
        match self {
            Self::Lists => None,
            Self::Unacked(_) => Some(Container::Unacked),
            Self::SortedSet(_) => Some(Container::SortedSet),
            Self::ListOfIds(_) => Some(Container::ListOfIds),
            Self::SetOfIds(..) => Some(Container::SetOfIds),
        }
    }

    /// Returns whether the messages are walked by their position in lists.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.walked().is_none()
    }

    /// Returns the keys that have the messages of ids.
    #[must_use]
    pub fn message_keys(&self) -> Option<&MessageKeys> {
        match self {
            Self::ListOfIds(keys) | Self::SetOfIds(_, keys) => Some(keys),
            Self::Lists | Self::Unacked(_) | Self::SortedSet(_) => None,
        }
    }

    /// Returns the sorted set in whose order the messages are walked.
    #[must_use]
    pub fn walked(&self) -> Option<&IndexStart> {
        match self {
            Self::Lists | Self::ListOfIds(_) => None,
            Self::Unacked(start) | Self::SortedSet(start) | Self::SetOfIds(start, _) => Some(start),
        }
    }

    /// Returns the index of unacknowledged messages, which is a key beside that of the messages.
    #[must_use]
    pub fn index(&self) -> Option<&IndexStart> {
        if let Self::Unacked(start) = self { Some(start) } else { None }
    }
}

/// The keys of the messages and their kind, as they were when a command was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct JobTarget {
    /// Logical database.
    pub db: i32,
    /// The name of the queue, which is its key unless PRIORITY says otherwise.
    pub queue: Vec<u8>,
    /// The requested priorities.
    pub priority: Option<Priority>,
    /// The lists that hold the messages, in the order in which workers look into them, each with its length. Of
    /// unacknowledged messages it is the hash instead, with the number of its fields, and of a sorted set that key.
    pub lists: Vec<(List, u64)>,
    /// What the messages are read as.
    pub messages: MessageKind,
    /// What kind of keys these are.
    pub storage: Storage,
    /// Whether pickled bodies are read, as the setting `pickle` was.
    pub reads_pickle: bool,
    /// The fields of a row of a sample unless the command names others, as the setting `sample-fields` was. Empty: those
    /// of the kind.
    pub sample_fields: Vec<Vec<u8>>,
}

impl JobTarget {
    /// Returns the number of messages in all keys together.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.lists.iter().map(|(_, len)| len).sum()
    }

    /// Returns the kind of storage; `None` if the key was missing and the request does not determine it.
    #[must_use]
    pub fn container(&self) -> Option<Container> {
        Container::of(self.storage.container(), self.priority, self.depth() > 0)
    }

    /// Returns the index of unacknowledged messages, whether INDEX named it or not.
    #[must_use]
    pub fn index(&self) -> Option<&[u8]> {
        self.storage.index().map(|start| start.index.as_slice())
    }

    /// Returns the keys of the lists in their order.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.lists.iter().map(|(list, _)| list.key.as_slice())
    }

    /// Returns the memory that the names of its keys take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.queue.len()
            + self.keys().map(<[u8]>::len).sum::<usize>()
            + self.index().map_or(0, <[u8]>::len)
            + self.storage.message_keys().map_or(0, MessageKeys::bytes)
            + self.sample_fields.iter().map(Vec::len).sum::<usize>()
    }

    /// What a reader of any reply about unacknowledged messages should know; `None` for others.
    #[must_use]
    pub fn notice(&self) -> Option<String> {
        let entries = self.storage.index()?.entries;
        let lost = lost_notice(self.depth().saturating_sub(entries));
        Some(std::iter::once(TASKS_GO_ON.to_owned()).chain(lost).collect::<Vec<_>>().join("; "))
    }

    /// Returns the fields that a sample of such messages shows unless the command names others.
    ///
    /// # Errors
    /// No error that a caller can cause: the setting and the table of kinds name fields that exist.
    pub fn default_projection(&self) -> Result<Projection, Error> {
        // An id is not a message: it has none of the fields.
        if self.sample_fields.is_empty() || self.messages == MessageKind::Ids {
            return Projection::of(self.messages, self.messages.spec().sample);
        }
        let names: Vec<&[u8]> = self.sample_fields.iter().map(Vec::as_slice).collect();
        Projection::of(self.messages, &names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(lens: &[u64], unacked: Option<u64>) -> JobTarget {
        let list = |(step, len): (usize, &u64)| {
            (List { key: format!("q{step}").into_bytes(), step: u8::try_from(step).ok() }, *len)
        };
        JobTarget {
            db: 0,
            queue: b"q".to_vec(),
            priority: None,
            lists: lens.iter().enumerate().map(list).collect(),
            messages: MessageKind::Celery,
            storage: unacked.map_or(Storage::Lists, |entries| {
                Storage::Unacked(IndexStart { index: b"q_index".to_vec(), entries, bound: None })
            }),
            reads_pickle: true,
            sample_fields: Vec::new(),
        }
    }

    #[test]
    fn the_depth_counts_all_lists_and_a_missing_key_has_no_container() {
        let lists = target(&[3, 0, 4], None);
        assert_eq!((lists.depth(), lists.container()), (7, Some(Container::List)));
        assert_eq!(lists.keys().collect::<Vec<_>>(), [b"q0", b"q1", b"q2"]);
        assert_eq!(target(&[0], None).container(), None);
        assert_eq!(target(&[0], Some(0)).container(), Some(Container::Unacked));
    }

    #[test]
    fn only_readers_of_unacknowledged_messages_are_warned() {
        assert_eq!(target(&[5], None).notice(), None);
        assert_eq!(target(&[5], Some(5)).notice().as_deref(), Some(TASKS_GO_ON));
        assert_eq!(target(&[5], Some(9)).notice().as_deref(), Some(TASKS_GO_ON), "entries without a message");
        let lost = target(&[5], Some(3)).notice().unwrap_or_default();
        assert!(lost.starts_with(TASKS_GO_ON) && lost.contains("skipped: 2 or more"), "{lost}");
    }

    #[test]
    fn the_names_of_all_keys_take_memory() {
        assert_eq!(target(&[1, 2], None).bytes(), 1 + 2 + 2);
        assert_eq!(target(&[1], Some(1)).bytes(), 1 + 2 + 7);
    }
}
