//! The names of the keys of BullMQ and Bull, as `QueueKeys.toKey` in bullmq/src/classes/queue-keys.ts of BullMQ 5.81.5
//! makes them.

use super::{IdKey, OtherKey, Score};

/// The word of BullMQ's and Bull's jobs after the prefix of their keys.
const WORD: &[u8] = b"bull";

/// A key that holds ids of jobs of one queue.
#[derive(Debug)]
struct Place {
    /// The end of its name, which BullMQ's events call the state of the job.
    state: &'static str,
    /// The type of the key.
    key: IdKey,
    /// What the scores mean.
    score: Score,
    /// Jobs are removed, and not only read.
    are_removed: bool,
}

const fn list(state: &'static str, are_removed: bool) -> Place {
    Place { state, key: IdKey::List, score: Score::Other, are_removed }
}

const fn set(state: &'static str, score: Score, are_removed: bool) -> Place {
    Place { state, key: IdKey::SortedSet, score, are_removed }
}

/// The keys of ids.
///
/// Failed and completed jobs have the time at which they ended (`moveToFinished`), delayed jobs the time at which they are
/// due (`addDelayedJob` and `getDelayedScore`), and jobs with a priority have that and a number (`getPriorityScore`).
const PLACES: [Place; 8] = [
    list("wait", true),
    // Before BullMQ 6, and in Bull: the whole list of a queue that is paused.
    list("paused", true),
    list("active", false),
    set("prioritized", Score::Other, true),
    set("delayed", Score::MillisecondsAndNumber, true),
    set("failed", Score::Milliseconds, true),
    set("completed", Score::Milliseconds, true),
    set("waiting-children", Score::Milliseconds, false),
];

/// Finds the key of ids in the name of a key of this type: the length of the prefix with its colon, and the row.
fn find(name: &[u8], key: IdKey) -> Option<(usize, &'static Place)> {
    let colon = name.iter().rposition(|byte| *byte == b':')?;
    let mut places = PLACES.iter().filter(|place| place.key == key);
    places.find(|place| name[colon + 1..] == *place.state.as_bytes()).map(|place| (colon + 1, place))
}

/// Returns what the scores of this sorted set mean.
pub(super) fn score_of(name: &[u8]) -> Score {
    find(name, IdKey::SortedSet).map_or(Score::Other, |(_, place)| place.score)
}

/// The names of the keys of jobs of one key of ids.
#[derive(Debug, Clone)]
pub struct BullKeys {
    /// What all keys of the queue begin with, with the colon: `bull:uploads:`.
    prefix: Vec<u8>,
    place: &'static Place,
}

impl PartialEq for BullKeys {
    fn eq(&self, other: &Self) -> bool {
        self.prefix == other.prefix && self.place.state == other.place.state
    }
}

impl Eq for BullKeys {}

impl BullKeys {
    /// Returns the names of the keys that belong to this key of ids; `None` if it is not one.
    pub(super) fn beside(name: &[u8], key: IdKey) -> Option<Self> {
        find(name, key).map(|(prefix, place)| Self { prefix: name[..prefix].to_vec(), place })
    }

    /// Returns the words of a unit for these keys.
    pub(super) fn words(&self) -> [&[u8]; 2] {
        [&self.prefix, WORD]
    }

    /// Reads [`Self::words`] of this key of ids.
    pub(super) fn of_words(name: &[u8], prefix: &[u8], word: &[u8]) -> Option<Self> {
        let state = name.strip_prefix(prefix).filter(|_| word == WORD)?;
        let place = PLACES.iter().find(|place| place.state.as_bytes() == state)?;
        Some(Self { prefix: prefix.to_vec(), place })
    }

    /// Returns the state of the jobs, as BullMQ's events call it.
    #[must_use]
    pub fn state(&self) -> &'static str {
        self.place.state
    }

    /// Returns whether the jobs are removed, and not only read.
    #[must_use]
    pub fn are_removed(&self) -> bool {
        self.place.are_removed
    }

    /// Returns what the keys of all jobs begin with.
    pub(super) fn all_jobs(&self) -> &[u8] {
        &self.prefix
    }

    /// Returns the key that a worker sets while it holds the job.
    pub(super) fn lock(&self, id: &[u8]) -> Vec<u8> {
        [&self.prefix, id, b":lock"].concat()
    }

    /// Returns the keys that `removeJobKeys` of BullMQ 5.81.5 deletes beside the job.
    pub(super) fn others(&self, id: &[u8]) -> Vec<(Vec<u8>, OtherKey)> {
        let of = |end: &[u8], key| ([&self.prefix, id, end].concat(), key);
        vec![
            of(b":logs", OtherKey::List),
            of(b":dependencies", OtherKey::Set),
            of(b":processed", OtherKey::Hash),
            of(b":failed", OtherKey::Hash),
            of(b":unsuccessful", OtherKey::SortedSet),
        ]
    }

    /// Returns the key that reserves a deduplication id for a job (`removeDeduplicationKeyIfNeededOnRemoval` of BullMQ
    /// 5.81.5).
    pub(super) fn deduplication(&self, deduplication_id: &[u8]) -> Vec<u8> {
        [&self.prefix, &b"de:"[..], deduplication_id].concat()
    }

    /// Returns the key of the job that is held back by this deduplication id, and is added when the one that holds it has
    /// finished (the option `keepLastIfActive`). BullMQ's own removal deletes it.
    pub(super) fn held_back(&self, deduplication_id: &[u8]) -> Vec<u8> {
        [&self.prefix, &b"dn:"[..], deduplication_id].concat()
    }

    /// Returns the hash in which Bull says which set holds the id of a job that a rate limit holds back.
    #[must_use]
    pub fn limited_jobs(&self) -> Vec<u8> {
        [&self.prefix, &b"limiter:index"[..]].concat()
    }

    /// Returns whether a key is one of this queue.
    #[must_use]
    pub fn is_own(&self, key: &[u8]) -> bool {
        key.starts_with(&self.prefix)
    }

    /// Returns the sorted set in which Bull has the ids of the waiting jobs with a priority, too (`addJob-6.lua` and
    /// `removeJobs-8.lua` of Bull 4.16.5).
    #[must_use]
    pub fn priorities(&self) -> Vec<u8> {
        [&self.prefix, &b"priority"[..]].concat()
    }

    /// Returns the stream of the queue's events, and the hash that says how long it may be.
    #[must_use]
    pub fn events(&self) -> [Vec<u8>; 2] {
        [&b"events"[..], b"meta"].map(|name| [&self.prefix, name].concat())
    }

    /// Returns the memory that the names take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.prefix.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_have_keys_beside_the_key_of_their_ids() {
        for (name, key, are_removed) in [
            ("bull:uploads:wait", IdKey::List, true),
            ("bull:uploads:active", IdKey::List, false),
            ("bull:uploads:delayed", IdKey::SortedSet, true),
            ("bull:uploads:waiting-children", IdKey::SortedSet, false),
        ] {
            let keys = BullKeys::beside(name.as_bytes(), key).expect("a key of BullMQ");
            assert_eq!((keys.all_jobs(), keys.are_removed()), (&b"bull:uploads:"[..], are_removed));
            assert!(name.ends_with(keys.state()));
            let other = if key == IdKey::List { IdKey::SortedSet } else { IdKey::List };
            assert_eq!(BullKeys::beside(name.as_bytes(), other), None);
            let [prefix, word] = keys.words();
            assert_eq!(BullKeys::of_words(name.as_bytes(), prefix, word), Some(keys.clone()));
        }
        // Members of the first name schedulers, and not jobs.
        for other in ["bull:uploads:repeat", "bull:uploads:priority", "failed", "bull:uploads:failed:x"] {
            assert_eq!(BullKeys::beside(other.as_bytes(), IdKey::SortedSet), None, "{other}");
        }
        assert_eq!(BullKeys::of_words(b"bull:uploads:repeat", b"bull:uploads:", WORD), None);
    }

    #[test]
    fn names_of_the_keys_of_a_job() {
        let keys = BullKeys::beside(b"bull:q:wait", IdKey::List).expect("a list of BullMQ");
        assert_eq!(keys.lock(b"7"), b"bull:q:7:lock");
        assert_eq!(keys.deduplication(b"a"), b"bull:q:de:a");
        assert_eq!(
            (keys.held_back(b"a"), keys.limited_jobs()),
            (b"bull:q:dn:a".to_vec(), b"bull:q:limiter:index".to_vec())
        );
        assert!(keys.is_own(b"bull:q:limiter:limited") && !keys.is_own(b"bull:other:x"));
        assert_eq!(keys.priorities(), b"bull:q:priority");
        assert_eq!(keys.events(), [b"bull:q:events".to_vec(), b"bull:q:meta".to_vec()]);
        assert!(keys.others(b"7").iter().all(|(key, _)| key.starts_with(b"bull:q:7:")));
    }
}
