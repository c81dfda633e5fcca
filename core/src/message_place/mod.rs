//! Where the message of an element of a list or of a sorted set is: it is the element itself, or the element is an id and
//! the message is elsewhere.
//!
//! A key of ids is a walk and a place. The walk is that of any list, by position, or that of any sorted set, by score. The
//! place says where the message of each id is; the message is judged by its bytes, and is removed together with its id. If
//! the message of an id is missing or empty, nothing is known of it, so no filter matches it and no clear removes it.

mod asynq;
mod bull;
mod jobs;
mod rq;
mod saq;
mod score;

pub use asynq::AsynqKeys;
pub use bull::BullKeys;
pub use jobs::JobKeys;
pub use rq::RqKeys;
pub use saq::SaqKeys;
pub use score::Score;

/// The place of the messages of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessagePlace {
    /// The elements are the messages.
    Element,
    /// The elements are ids, and each message is the field with its id in one hash. The hash has the name of the
    /// list, followed by this text.
    FieldOf(&'static str),
    /// The elements are ids of RQ's jobs, each of which is a hash of its own.
    JobOfRq,
    /// The elements are ids of jobs of BullMQ or Bull, each of which is a hash of its own.
    JobOfBull,
    /// The elements are ids of tasks of Asynq, each of which is a hash of its own.
    TaskOfAsynq,
    /// The elements are the keys of SAQ's jobs, each of which is a string.
    JobOfSaq,
}

/// The type of a key whose elements are ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKey {
    /// A list.
    List,
    /// A sorted set.
    SortedSet,
}

/// The type of a key that leaves with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherKey {
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// A stream.
    Stream,
    /// A hash that is not a job itself.
    Hash,
}

/// What the names of Dramatiq's dead letters end in (`dispatch.lua` of Dramatiq 2.2.1).
const DEAD_LETTERS: &[u8] = b".XQ";
/// Ids that stand for all others where rights and slots are checked.
const ANY_IDS: [&[u8]; 2] = [b"~", b"00000000-0000-4000-8000-000000000000"];

impl MessagePlace {
    /// Returns the keys that have the messages of this key of ids; `None` if it has them itself, or if its name is not one
    /// that this library gives to such a key.
    #[must_use]
    pub fn keys_of(self, key: &[u8], of: IdKey) -> Option<MessageKeys> {
        match self {
            Self::Element => None,
            Self::FieldOf(suffix) => Some(MessageKeys::Hash([key, suffix.as_bytes()].concat())),
            Self::JobOfRq => RqKeys::beside(key, of).map(|keys| MessageKeys::Jobs(JobKeys::Rq(keys))),
            Self::JobOfBull => BullKeys::beside(key, of).map(|keys| MessageKeys::Jobs(JobKeys::Bull(keys))),
            Self::TaskOfAsynq => {
                AsynqKeys::beside(key, of).map(|keys| MessageKeys::Jobs(JobKeys::Asynq(keys)))
            }
            Self::JobOfSaq => SaqKeys::beside(key, of).map(|keys| MessageKeys::Jobs(JobKeys::Saq(keys))),
        }
    }

    /// Returns whether a key that does not exist would be a sorted set of ids by its name, and not a list.
    #[must_use]
    pub fn names_set(self, key: &[u8]) -> bool {
        match self {
            Self::Element | Self::JobOfSaq => false,
            Self::FieldOf(_) => key.ends_with(DEAD_LETTERS),
            Self::JobOfRq | Self::JobOfBull | Self::TaskOfAsynq => {
                let would_be = |of| self.keys_of(key, of).is_some();
                !would_be(IdKey::List) && would_be(IdKey::SortedSet)
            }
        }
    }

    /// Returns what the scores of this sorted set of ids mean.
    #[must_use]
    pub fn score_of(self, set: &[u8]) -> Score {
        match self {
            // kombu's index, Sidekiq and Laravel.
            Self::Element => Score::Seconds,
            // The time at which the message was given up: `dispatch.lua` of Dramatiq 2.2.1.
            Self::FieldOf(_) => Score::Milliseconds,
            Self::JobOfRq => rq::score_of(set),
            Self::JobOfBull => bull::score_of(set),
            Self::TaskOfAsynq => asynq::score_of(set),
            // Its sorted sets are not read.
            Self::JobOfSaq => Score::Other,
        }
    }

    /// Returns whether the elements are ids.
    #[must_use]
    pub fn is_elsewhere(self) -> bool {
        self != Self::Element
    }
}

/// The keys that have the messages of a list or of a sorted set of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageKeys {
    /// This hash has them all, each as the field with its id.
    Hash(Vec<u8>),
    /// Each job has keys of its own.
    Jobs(JobKeys),
}

impl MessageKeys {
    /// Returns the words that say this in a unit, for replicas and the append-only file.
    #[must_use]
    pub fn words(&self) -> Vec<&[u8]> {
        match self {
            Self::Hash(hash) => vec![hash],
            Self::Jobs(jobs) => jobs.words().to_vec(),
        }
    }

    /// Reads [`Self::words`] of this key of ids; `None` if they are other words.
    #[must_use]
    pub fn of_words(key: &[u8], words: &[&[u8]]) -> Option<Self> {
        match words {
            [hash] => Some(Self::Hash(hash.to_vec())),
            [prefix, word] => JobKeys::of_words(key, prefix, word).map(Self::Jobs),
            _ => None,
        }
    }

    /// Returns the names that a user needs rights to who reads the messages or, if they are `taken`, removes them. If
    /// messages have keys of their own, each of these names is what such keys begin with ([`Self::are_many`]), and the
    /// user needs rights to all keys that begin so.
    pub fn guarded(&self, taken: bool) -> impl Iterator<Item = &[u8]> {
        let (first, second) = match self {
            Self::Hash(hash) => (hash.as_slice(), None),
            Self::Jobs(jobs) => (jobs.all_jobs(), jobs.all_others().filter(|_| taken)),
        };
        std::iter::once(first).chain(second)
    }

    /// Returns whether each message has keys of its own.
    #[must_use]
    pub fn are_many(&self) -> bool {
        matches!(self, Self::Jobs(_))
    }

    /// Returns whether messages are removed, and not only read.
    #[must_use]
    pub fn are_removed(&self) -> bool {
        match self {
            Self::Hash(_) => true,
            Self::Jobs(jobs) => jobs.are_removed(),
        }
    }

    /// Returns a key for each of which the slot in a cluster has to be that of the list: all of them, or those of two
    /// ids. If the names of these have one slot, they have a hash tag before the id.
    #[must_use]
    pub fn examples(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Hash(hash) => vec![hash.clone()],
            Self::Jobs(jobs) => {
                let of = |id| {
                    let id = if jobs.are_strings() { [jobs.all_jobs(), id].concat() } else { id.to_vec() };
                    jobs.job(&id).into_iter().chain(jobs.others(&id).into_iter().map(|(key, _)| key))
                };
                let other_ids = jobs.other_ids().map(<[u8]>::to_vec);
                ANY_IDS.into_iter().flat_map(of).chain(other_ids).collect()
            }
        }
    }

    /// Returns the memory that the names take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Hash(hash) => hash.len(),
            Self::Jobs(jobs) => jobs.bytes(),
        }
    }
}

/// Returns the notice about ids whose message is missing.
#[must_use]
pub fn missing_notice(missing: u64) -> Option<String> {
    (missing > 0).then(|| {
        format!("ids whose message is missing: {missing}; no filter matches them and no clear removes them")
    })
}

/// Returns the notice about jobs of this place that match and are kept.
#[must_use]
pub fn kept_notice(kept: u64, place: MessagePlace) -> Option<String> {
    let reasons = match place {
        MessagePlace::JobOfBull => {
            "they have a parent, belong to a scheduler, are locked, hold back another job by their deduplication id, or have \
             no name"
        }
        MessagePlace::TaskOfAsynq => "their state is another one",
        MessagePlace::JobOfSaq => "their status is not queued, or they are not JSON",
        MessagePlace::JobOfRq | MessagePlace::Element | MessagePlace::FieldOf(_) => {
            "other jobs depend on them, their status is another one, they are of another queue, or they are too large to read"
        }
    };
    (kept > 0).then(|| {
        format!("jobs that fit the filter and are no matches: {kept} ({reasons}); no clear removes them")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::MessageKind;

    #[test]
    fn messages_are_in_the_hash_of_the_library() {
        let place = MessageKind::Dramatiq.spec().place;
        for list in ["dramatiq:uploads", "dramatiq:uploads.DQ"] {
            let hash = MessageKeys::Hash(format!("{list}.msgs").into_bytes());
            assert_eq!(place.keys_of(list.as_bytes(), IdKey::List), Some(hash));
        }
        assert!(place.is_elsewhere());
        assert_eq!(MessageKind::Celery.spec().place.keys_of(b"celery", IdKey::List), None);
        assert!(!MessageKind::Ids.spec().place.is_elsewhere());
    }

    #[test]
    fn names_say_which_missing_keys_are_sorted_sets() {
        for (kind, key, is_set) in [
            (MessageKind::Dramatiq, "dramatiq:x.XQ", true),
            (MessageKind::Dramatiq, "dramatiq:x.DQ", false),
            (MessageKind::Rq, "rq:failed:x", true),
            (MessageKind::Rq, "rq:queue:failed:x", false),
            (MessageKind::Rq, "x", false),
            (MessageKind::Bull, "bull:x:delayed", true),
            (MessageKind::BullMq, "bull:x:wait", false),
            (MessageKind::Celery, "rq:failed:x", false),
        ] {
            assert_eq!(kind.spec().place.names_set(key.as_bytes()), is_set, "{key}");
        }
    }

    #[test]
    fn words_of_a_unit_say_where_the_messages_are() {
        let list = b"rq:queue:uploads";
        let of = |place: MessagePlace, key: &[u8], of| place.keys_of(key, of).expect("a key of ids");
        for (key, keys) in [
            (&list[..], MessageKeys::Hash(b"x".to_vec())),
            (list, of(MessagePlace::JobOfRq, list, IdKey::List)),
            (b"rq:failed:x", of(MessagePlace::JobOfRq, b"rq:failed:x", IdKey::SortedSet)),
            (b"bull:x:failed", of(MessagePlace::JobOfBull, b"bull:x:failed", IdKey::SortedSet)),
            (b"asynq:{x}:retry", of(MessagePlace::TaskOfAsynq, b"asynq:{x}:retry", IdKey::SortedSet)),
        ] {
            assert_eq!(MessageKeys::of_words(key, &keys.words()), Some(keys));
        }
        for words in ["", "rq: x", "rq: rq rq", "r: rq", "rq:queue: rq"] {
            let words: Vec<&[u8]> = words.split_whitespace().map(str::as_bytes).collect();
            assert_eq!(MessageKeys::of_words(list, &words), None, "{words:?}");
        }
    }

    #[test]
    fn rights_are_needed_to_all_keys_of_jobs() {
        let jobs = MessagePlace::JobOfRq.keys_of(b"rq:queue:uploads", IdKey::List).expect("a list of RQ");
        assert!(jobs.guarded(false).eq([b"rq:job:"]) && jobs.are_many());
        assert!(jobs.guarded(true).eq([&b"rq:job:"[..], b"rq:results:"]));
        let examples = jobs.examples();
        let begins = |key: &Vec<u8>| jobs.guarded(true).any(|all| key.starts_with(all));
        assert!(examples.len() == 6 && examples.iter().all(begins));
        let hash = MessageKeys::Hash(b"x".to_vec());
        assert!(hash.guarded(true).eq([b"x"]) && !hash.are_many() && hash.examples() == [b"x"]);
    }
}
