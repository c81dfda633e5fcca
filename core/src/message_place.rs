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
}

/// What RQ's names of lists have between the prefix of all its keys and the name of the queue.
const RQ_QUEUE: &[u8] = b":queue:";
/// What the name of a list ends in that holds the ids of jobs that a worker has taken and not yet started.
const RQ_TAKEN: &[u8] = b":intermediate";
/// The word of a unit after the prefix of RQ's keys.
const RQ_WORD: &[u8] = b"rq";
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
                (!list.ends_with(RQ_TAKEN)).then(|| MessageKeys::Jobs(RqKeys::new(&list[..=at])))
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
}

impl MessageKeys {
    /// Returns the words that say this in a unit, for replicas and the append-only file.
    #[must_use]
    pub fn words(&self) -> Vec<&[u8]> {
        match self {
            Self::Hash(hash) => vec![hash],
            Self::Jobs(jobs) => vec![&jobs.prefix, RQ_WORD],
        }
    }

    /// Reads [`Self::words`]; `None` if they are other words.
    #[must_use]
    pub fn of_words(words: &[&[u8]]) -> Option<Self> {
        match words {
            [hash] => Some(Self::Hash(hash.to_vec())),
            [prefix, word] if *word == RQ_WORD => Some(Self::Jobs(RqKeys::new(prefix))),
            _ => None,
        }
    }

    /// Returns the keys that a user needs a right to who reads the messages or, if they are `taken`, removes them. Of
    /// jobs that have keys of their own these are keys of two ids that stand for all others: a rule of the server is a
    /// pattern, and one that fits both without fitting all would have to be made for that.
    pub fn guarded(&self, taken: bool) -> impl Iterator<Item = &[u8]> {
        let (hash, jobs) = match self {
            Self::Hash(hash) => (Some(hash.as_slice()), &[][..]),
            Self::Jobs(jobs) if taken => (None, &jobs.guarded[..]),
            Self::Jobs(jobs) => (None, &jobs.guarded[..ANY_IDS.len()]),
        };
        hash.into_iter().chain(jobs.iter().map(Vec::as_slice))
    }

    /// Returns the memory that the names take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.guarded(true).map(<[u8]>::len).sum()
    }
}

/// The names of RQ's keys, as `rq/job.py` and `rq/results.py` of RQ 3.0.0 make them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RqKeys {
    /// What all names begin with, with the colon: `rq:`.
    prefix: Vec<u8>,
    /// Keys that stand for all others: jobs, then results.
    guarded: Vec<Vec<u8>>,
}

impl RqKeys {
    /// Returns the names that begin with a prefix, which ends in a colon.
    #[must_use]
    pub fn new(prefix: &[u8]) -> Self {
        let mut keys = Self { prefix: prefix.to_vec(), guarded: Vec::new() };
        let jobs = ANY_IDS.map(|id| keys.job(id));
        keys.guarded = jobs.into_iter().chain(ANY_IDS.map(|id| keys.results(id))).collect();
        keys
    }

    /// Returns the hash that is the job.
    #[must_use]
    pub fn job(&self, id: &[u8]) -> Vec<u8> {
        [&self.prefix, &b"job:"[..], id].concat()
    }

    /// Returns the set of the jobs that wait for this one.
    #[must_use]
    pub fn dependents(&self, id: &[u8]) -> Vec<u8> {
        [&self.prefix, &b"job:"[..], id, b":dependents"].concat()
    }

    /// Returns the set of the jobs for which this one has waited. RQ writes two colons.
    #[must_use]
    pub fn dependencies(&self, id: &[u8]) -> Vec<u8> {
        [&self.prefix, &b"job::"[..], id, b":dependencies"].concat()
    }

    /// Returns the stream with the results of earlier runs.
    #[must_use]
    pub fn results(&self, id: &[u8]) -> Vec<u8> {
        [&self.prefix, &b"results:"[..], id].concat()
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
            "not among the matches, because other jobs depend on them or their status is not queued: {kept}; no clear \
             removes them"
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
        let keys = RqKeys::new(b"rq:");
        assert_eq!(keys.job(b"a"), b"rq:job:a");
        assert_eq!(keys.dependents(b"a"), b"rq:job:a:dependents");
        assert_eq!(keys.dependencies(b"a"), b"rq:job::a:dependencies");
        assert_eq!(keys.results(b"a"), b"rq:results:a");
    }

    #[test]
    fn words_of_a_unit_say_where_the_messages_are() {
        for keys in [MessageKeys::Hash(b"x".to_vec()), MessageKeys::Jobs(RqKeys::new(b"rq:"))] {
            assert_eq!(MessageKeys::of_words(&keys.words()), Some(keys));
        }
        for words in ["", "rq: x", "rq: rq rq"] {
            let words: Vec<&[u8]> = words.split_whitespace().map(str::as_bytes).collect();
            assert_eq!(MessageKeys::of_words(&words), None, "{words:?}");
        }
        let keys = MessageKeys::Jobs(RqKeys::new(b"rq:"));
        let job = |key: &[u8]| key.starts_with(b"rq:job:");
        assert!(keys.guarded(false).all(job) && keys.guarded(false).count() == 2);
        assert_eq!(keys.guarded(true).filter(|key| !job(key)).count(), 2);
    }
}
