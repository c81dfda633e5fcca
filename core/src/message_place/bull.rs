//! The names of the keys of BullMQ and Bull, as `QueueKeys.toKey` in bullmq/src/classes/queue-keys.ts of BullMQ 5.81.5
//! makes them.

use super::{IdKey, Score};

/// The word of BullMQ's and Bull's jobs after the prefix of their keys.
const WORD: &[u8] = b"bull";
/// What the names of lists of ids end in: of jobs that wait, that wait while the queue is paused, and that run.
const LISTS: [&[u8]; 3] = [b":wait", b":paused", b":active"];
/// What the names of sorted sets of ids end in, and what their scores mean.
///
/// Failed and completed jobs have the time at which they ended (`moveToFinished`), delayed jobs the time at which they are
/// due (`addDelayedJob` and `getDelayedScore`), and jobs with a priority have that and a number (`getPriorityScore`).
const SETS: [(&[u8], Score); 5] = [
    (b":prioritized", Score::Other),
    (b":delayed", Score::MillisecondsAndNumber),
    (b":failed", Score::Milliseconds),
    (b":completed", Score::Milliseconds),
    (b":waiting-children", Score::Milliseconds),
];

/// Returns the end of the name of a sorted set of ids, and what its scores mean.
fn set(name: &[u8]) -> Option<(&'static [u8], Score)> {
    SETS.into_iter().find(|(end, _)| name.ends_with(end))
}

/// Returns what the scores of this sorted set mean.
pub(super) fn score_of(name: &[u8]) -> Score {
    set(name).map_or(Score::Other, |(_, score)| score)
}

/// The names of the keys of jobs of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BullKeys {
    /// What all keys of the queue begin with, with the colon: `bull:uploads:`.
    prefix: Vec<u8>,
}

impl BullKeys {
    /// Returns the names of the keys that belong to this key of ids; `None` if it is not one.
    pub(super) fn beside(name: &[u8], key: IdKey) -> Option<Self> {
        let end = match key {
            IdKey::List => LISTS.into_iter().find(|end| name.ends_with(end))?,
            IdKey::SortedSet => set(name)?.0,
        };
        // The colon belongs to the prefix.
        Some(Self { prefix: name[..=name.len() - end.len()].to_vec() })
    }

    /// Returns the words that say this to the next slice.
    pub(super) fn words(&self) -> [&[u8]; 2] {
        [&self.prefix, WORD]
    }

    /// Reads [`Self::words`].
    pub(super) fn of_words(prefix: &[u8], word: &[u8]) -> Option<Self> {
        (word == WORD).then(|| Self { prefix: prefix.to_vec() })
    }

    /// Returns what the keys of all jobs begin with.
    pub(super) fn all_jobs(&self) -> &[u8] {
        &self.prefix
    }

    /// Returns the hash that is the job.
    #[must_use]
    pub fn job(&self, id: &[u8]) -> Vec<u8> {
        [&self.prefix, id].concat()
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
        for (name, key) in [
            ("bull:uploads:wait", IdKey::List),
            ("bull:uploads:active", IdKey::List),
            ("bull:uploads:delayed", IdKey::SortedSet),
            ("bull:uploads:waiting-children", IdKey::SortedSet),
        ] {
            let keys = BullKeys::beside(name.as_bytes(), key).expect("a key of BullMQ");
            assert_eq!(keys.job(b"7"), b"bull:uploads:7");
            let other = if key == IdKey::List { IdKey::SortedSet } else { IdKey::List };
            assert_eq!(BullKeys::beside(name.as_bytes(), other), None);
        }
        // Its members name schedulers, and not jobs.
        assert_eq!(BullKeys::beside(b"bull:uploads:repeat", IdKey::SortedSet), None);
    }
}
