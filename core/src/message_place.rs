//! Where the message of an element of a list is: it is the element itself, or the element is an id and the message is
//! elsewhere.
//!
//! A list of ids is a walk and a place. The walk is that of any list, by position. The place says where the message of
//! each id is; the message is judged by its bytes, and is removed together with its id. If the message of an id is
//! missing or empty, nothing is known of it, so no filter matches it and no clear removes it.

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
}

/// What RQ's names of lists have between the prefix of all its keys and the name of the queue.
const RQ_QUEUE: &[u8] = b":queue:";
/// What the name of a list ends in that holds the ids of jobs that a worker has taken and not yet started.
const RQ_TAKEN: &[u8] = b":intermediate";
/// The word of a unit after the prefix of RQ's keys.
const RQ_WORD: &[u8] = b"rq";
/// What the names of BullMQ's lists end in: of jobs that wait, that wait while the queue is paused, and that run.
const BULL_LISTS: [&[u8]; 3] = [b":wait", b":paused", b":active"];
/// The word of BullMQ's and Bull's jobs after the prefix of their keys.
const BULL_WORD: &[u8] = b"bull";
/// Ids that stand for all others where rights and slots are checked.
const ANY_IDS: [&[u8]; 2] = [b"~", b"00000000-0000-4000-8000-000000000000"];

impl MessagePlace {
    /// Returns the keys that have the messages of this list; `None` if the list has them itself, or if its name is not
    /// one of a list of this library.
    #[must_use]
    pub fn keys_of(self, list: &[u8]) -> Option<MessageKeys> {
        match self {
            Self::Element => None,
            Self::FieldOf(suffix) => Some(MessageKeys::Hash([list, suffix.as_bytes()].concat())),
            Self::JobOfRq => {
                let at = list.windows(RQ_QUEUE.len()).position(|bytes| bytes == RQ_QUEUE)?;
                let (prefix, queue) = (&list[..=at], &list[at + RQ_QUEUE.len()..]);
                (!list.ends_with(RQ_TAKEN)).then(|| MessageKeys::Jobs(RqKeys::new(prefix, queue)))
            }
            Self::JobOfBull => {
                let name = BULL_LISTS.into_iter().find(|name| list.ends_with(name))?;
                // The colon belongs to the prefix.
                Some(MessageKeys::Bull(BullKeys { prefix: list[..=list.len() - name.len()].to_vec() }))
            }
        }
    }

    /// Returns whether the elements of the list are ids.
    #[must_use]
    pub fn is_elsewhere(self) -> bool {
        self != Self::Element
    }
}

/// The keys that have the messages of a list of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageKeys {
    /// This hash has them all, each as the field with its id.
    Hash(Vec<u8>),
    /// Each of RQ's jobs has keys of its own.
    Jobs(RqKeys),
    /// Each job of BullMQ or Bull has keys of its own. They are read only.
    Bull(BullKeys),
}

impl MessageKeys {
    /// Returns the words that say this in a unit, for replicas and the append-only file.
    #[must_use]
    pub fn words(&self) -> Vec<&[u8]> {
        match self {
            Self::Hash(hash) => vec![hash],
            Self::Jobs(jobs) => vec![&jobs.prefix, RQ_WORD],
            Self::Bull(jobs) => vec![&jobs.prefix, BULL_WORD],
        }
    }

    /// Reads [`Self::words`] of this list; `None` if they are other words.
    #[must_use]
    pub fn of_words(list: &[u8], words: &[&[u8]]) -> Option<Self> {
        match words {
            [hash] => Some(Self::Hash(hash.to_vec())),
            [prefix, word] if *word == RQ_WORD => {
                let queue = list.strip_prefix(*prefix)?.strip_prefix(&RQ_QUEUE[1..])?;
                Some(Self::Jobs(RqKeys::new(prefix, queue)))
            }
            [prefix, word] if *word == BULL_WORD => Some(Self::Bull(BullKeys { prefix: prefix.to_vec() })),
            _ => None,
        }
    }

    /// Returns the names that a user needs rights to who reads the messages or, if they are `taken`, removes them. If
    /// messages have keys of their own, each of these names is what such keys begin with ([`Self::are_many`]), and the
    /// user needs rights to all keys that begin so.
    pub fn guarded(&self, taken: bool) -> impl Iterator<Item = &[u8]> {
        let (first, second) = match self {
            Self::Hash(hash) => (hash, None),
            Self::Jobs(jobs) => (&jobs.all_jobs, taken.then_some(&jobs.all_results)),
            Self::Bull(jobs) => (&jobs.prefix, None),
        };
        std::iter::once(first).chain(second).map(Vec::as_slice)
    }

    /// Returns whether each message has keys of its own.
    #[must_use]
    pub fn are_many(&self) -> bool {
        matches!(self, Self::Jobs(_) | Self::Bull(_))
    }

    /// Returns a key for each of which the slot in a cluster has to be that of the list: all of them, or those of two
    /// ids. If the names of these have one slot, they have a hash tag before the id.
    #[must_use]
    pub fn examples(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Hash(hash) => vec![hash.clone()],
            Self::Jobs(jobs) => ANY_IDS.iter().flat_map(|id| [jobs.job(id), jobs.results(id)]).collect(),
            Self::Bull(jobs) => ANY_IDS.iter().map(|id| jobs.job(id)).collect(),
        }
    }

    /// Returns the memory that the names take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Hash(hash) => hash.len(),
            Self::Jobs(RqKeys { prefix, queue, all_jobs, all_results }) => {
                prefix.len() + queue.len() + all_jobs.len() + all_results.len()
            }
            Self::Bull(BullKeys { prefix }) => prefix.len(),
        }
    }
}

/// The names of the keys of jobs of BullMQ and Bull, as `QueueKeys.toKey` in bullmq/src/classes/queue-keys.ts of BullMQ
/// 5.81.5 makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BullKeys {
    /// What all keys of the queue begin with, with the colon: `bull:uploads:`.
    prefix: Vec<u8>,
}

impl BullKeys {
    /// Returns the hash that is the job.
    #[must_use]
    pub fn job(&self, id: &[u8]) -> Vec<u8> {
        [&self.prefix, id].concat()
    }
}

/// The names of RQ's keys, as `rq/job.py` and `rq/results.py` of RQ 3.0.0 make them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RqKeys {
    /// What all names begin with, with the colon: `rq:`.
    prefix: Vec<u8>,
    /// The name of the queue: `uploads`.
    queue: Vec<u8>,
    /// What the keys of jobs begin with, and what those of their results begin with.
    all_jobs: Vec<u8>,
    all_results: Vec<u8>,
}

impl RqKeys {
    /// Returns the names that begin with a prefix, which ends in a colon, for the jobs of a queue.
    fn new(prefix: &[u8], queue: &[u8]) -> Self {
        Self {
            prefix: prefix.to_vec(),
            queue: queue.to_vec(),
            all_jobs: [prefix, b"job:"].concat(),
            all_results: [prefix, b"results:"].concat(),
        }
    }

    /// Returns the name of the queue, as jobs have it in `origin`.
    #[must_use]
    pub fn queue(&self) -> &[u8] {
        &self.queue
    }

    /// Returns the hash that is the job.
    #[must_use]
    pub fn job(&self, id: &[u8]) -> Vec<u8> {
        [&self.all_jobs, id].concat()
    }

    /// Returns the id whose job would have this key.
    #[must_use]
    pub fn id_of<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        key.strip_prefix(self.all_jobs.as_slice())
    }

    /// Returns the set of the jobs that wait for this one.
    #[must_use]
    pub fn dependents(&self, id: &[u8]) -> Vec<u8> {
        [&self.all_jobs, id, b":dependents"].concat()
    }

    /// Returns the set of the jobs for which this one has waited. RQ writes two colons.
    #[must_use]
    pub fn dependencies(&self, id: &[u8]) -> Vec<u8> {
        [&self.all_jobs, &b":"[..], id, b":dependencies"].concat()
    }

    /// Returns the stream with the results of earlier runs.
    #[must_use]
    pub fn results(&self, id: &[u8]) -> Vec<u8> {
        [&self.all_results, id].concat()
    }
}

/// Returns the notice about ids whose message is missing.
#[must_use]
pub fn missing_notice(missing: u64) -> Option<String> {
    (missing > 0).then(|| {
        format!("ids whose message is missing: {missing}; no filter matches them and no clear removes them")
    })
}

/// Returns the notice about jobs that match and are kept.
#[must_use]
pub fn kept_notice(kept: u64) -> Option<String> {
    (kept > 0).then(|| {
        format!(
            "jobs that fit the filter and are no matches: {kept} (other jobs depend on them, their status is not queued, \
             they are of another queue, or they are too large to read); no clear removes them"
        )
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
            assert_eq!(place.keys_of(list.as_bytes()), Some(hash));
        }
        assert!(place.is_elsewhere());
        assert_eq!(MessageKind::Celery.spec().place.keys_of(b"celery"), None);
        assert!(!MessageKind::Ids.spec().place.is_elsewhere());
    }

    #[test]
    fn jobs_of_rq_have_keys_beside_their_list() {
        let place = MessageKind::Rq.spec().place;
        let prefix_of = |list: &str| match place.keys_of(list.as_bytes()) {
            Some(MessageKeys::Jobs(keys)) => Some(String::from_utf8(keys.prefix).expect("a text")),
            _ => None,
        };
        assert_eq!(prefix_of("rq:queue:uploads").as_deref(), Some("rq:"));
        assert_eq!(prefix_of("{rq}:queue:a:queue:b").as_deref(), Some("{rq}:"));
        for other in ["uploads", "queue:uploads", "rq:job:x", "rq:queue:uploads:intermediate", ""] {
            assert_eq!(prefix_of(other), None, "{other}");
        }
        let keys = RqKeys::new(b"rq:", b"uploads");
        assert_eq!(keys.job(b"a"), b"rq:job:a");
        assert_eq!((keys.id_of(b"rq:job:a"), keys.id_of(b"rq:jobs:a")), (Some(&b"a"[..]), None));
        assert_eq!(keys.dependents(b"a"), b"rq:job:a:dependents");
        assert_eq!(keys.dependencies(b"a"), b"rq:job::a:dependencies");
        assert_eq!(keys.results(b"a"), b"rq:results:a");
    }

    #[test]
    fn words_of_a_unit_say_where_the_messages_are() {
        let list = b"rq:queue:uploads";
        let jobs = MessagePlace::JobOfRq.keys_of(list).expect("a list of RQ");
        for keys in [MessageKeys::Hash(b"x".to_vec()), jobs.clone()] {
            assert_eq!(MessageKeys::of_words(list, &keys.words()), Some(keys));
        }
        for words in ["", "rq: x", "rq: rq rq", "r: rq", "rq:queue: rq"] {
            let words: Vec<&[u8]> = words.split_whitespace().map(str::as_bytes).collect();
            assert_eq!(MessageKeys::of_words(list, &words), None, "{words:?}");
        }
    }

    #[test]
    fn rights_are_needed_to_all_keys_of_jobs() {
        let jobs = MessagePlace::JobOfRq.keys_of(b"rq:queue:uploads").expect("a list of RQ");
        assert!(jobs.guarded(false).eq([b"rq:job:"]) && jobs.are_many());
        assert!(jobs.guarded(true).eq([&b"rq:job:"[..], b"rq:results:"]));
        let examples = jobs.examples();
        let begins = |key: &Vec<u8>| jobs.guarded(true).any(|all| key.starts_with(all));
        assert!(examples.len() == 4 && examples.iter().all(begins));
        let hash = MessageKeys::Hash(b"x".to_vec());
        assert!(hash.guarded(true).eq([b"x"]) && !hash.are_many() && hash.examples() == [b"x"]);
    }
}
