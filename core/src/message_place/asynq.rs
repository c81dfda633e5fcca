//! The names of Asynq's keys, as internal/base/base.go of Asynq 0.24 and 0.25 makes them (`QueueKeyPrefix`, `PendingKey`,
//! `TaskKeyPrefix`, `UniqueKey`).

use super::{IdKey, Score};

/// The word of a unit after the prefix of a queue's keys.
const WORD: &[u8] = b"asynq";
/// What the prefix of a queue's keys ends in: the name of the queue is a hash tag.
const TAG: &[u8] = b"}:";

/// A key that holds ids of tasks of one queue.
#[derive(Debug)]
struct Place {
    /// The end of its name, which is the state of its tasks as well.
    state: &'static str,
    /// The type of the key.
    key: IdKey,
    /// What the scores mean.
    score: Score,
}

/// The keys of ids. Completed tasks have the time at which Asynq drops them; what runs is in none of these keys.
const PLACES: [Place; 5] = [
    Place { state: "pending", key: IdKey::List, score: Score::Other },
    Place { state: "scheduled", key: IdKey::SortedSet, score: Score::Seconds },
    Place { state: "retry", key: IdKey::SortedSet, score: Score::Seconds },
    Place { state: "archived", key: IdKey::SortedSet, score: Score::Seconds },
    Place { state: "completed", key: IdKey::SortedSet, score: Score::Other },
];

/// Finds the key of ids in the name of a key of this type: the length of the prefix, and the row.
fn find(name: &[u8], key: IdKey) -> Option<(usize, &'static Place)> {
    let colon = name.iter().rposition(|byte| *byte == b':')? + 1;
    let mut places = PLACES.iter().filter(|place| place.key == key);
    let place = places.find(|place| name[colon..] == *place.state.as_bytes())?;
    name[..colon].ends_with(TAG).then_some((colon, place))
}

/// Returns what the scores of this sorted set mean.
pub(super) fn score_of(name: &[u8]) -> Score {
    find(name, IdKey::SortedSet).map_or(Score::Other, |(_, place)| place.score)
}

/// The names of the keys of tasks of one key of ids.
#[derive(Debug, Clone)]
pub struct AsynqKeys {
    /// What all keys of the queue begin with, with the colon: `asynq:{uploads}:`.
    prefix: Vec<u8>,
    place: &'static Place,
    /// What the keys of tasks begin with, and what those of locks of unique tasks begin with.
    all_tasks: Vec<u8>,
    all_locks: Vec<u8>,
}

impl PartialEq for AsynqKeys {
    fn eq(&self, other: &Self) -> bool {
        self.prefix == other.prefix && self.place.state == other.place.state
    }
}

impl Eq for AsynqKeys {}

impl AsynqKeys {
    fn new(prefix: &[u8], place: &'static Place) -> Self {
        Self {
            prefix: prefix.to_vec(),
            place,
            all_tasks: [prefix, b"t:"].concat(),
            all_locks: [prefix, b"unique:"].concat(),
        }
    }

    /// Returns the names of the keys that belong to this key of ids; `None` if it is not one.
    pub(super) fn beside(name: &[u8], key: IdKey) -> Option<Self> {
        find(name, key).map(|(prefix, place)| Self::new(&name[..prefix], place))
    }

    /// Returns the words of a unit for these keys.
    pub(super) fn words(&self) -> [&[u8]; 2] {
        [&self.prefix, WORD]
    }

    /// Reads [`Self::words`] of this key of ids.
    pub(super) fn of_words(name: &[u8], prefix: &[u8], word: &[u8]) -> Option<Self> {
        let state = name.strip_prefix(prefix).filter(|_| word == WORD)?;
        let place = PLACES.iter().find(|place| place.state.as_bytes() == state)?;
        Some(Self::new(prefix, place))
    }

    /// Returns the state that a task has whose id is in this key.
    #[must_use]
    pub fn state(&self) -> &'static str {
        self.place.state
    }

    /// Returns what the keys of all tasks begin with.
    pub(super) fn all_jobs(&self) -> &[u8] {
        &self.all_tasks
    }

    /// Returns what the keys of the locks of unique tasks begin with.
    pub(super) fn all_locks(&self) -> &[u8] {
        &self.all_locks
    }

    /// Returns the key of a lock that the field `unique_key` of a task names; `None` if it is not one of this queue.
    pub(super) fn lock(&self, unique_key: &[u8]) -> Option<Vec<u8>> {
        unique_key.starts_with(&self.all_locks).then(|| unique_key.to_vec())
    }

    /// Returns the memory that the names take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.prefix.len() + self.all_tasks.len() + self.all_locks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_have_keys_beside_the_key_of_their_ids() {
        for (name, key) in [
            ("asynq:{uploads}:pending", IdKey::List),
            ("asynq:{a:b}:retry", IdKey::SortedSet),
            ("my:{q}:completed", IdKey::SortedSet),
        ] {
            let keys = AsynqKeys::beside(name.as_bytes(), key).expect("a key of Asynq");
            assert!(name.ends_with(keys.state()));
            let other = if key == IdKey::List { IdKey::SortedSet } else { IdKey::List };
            assert_eq!(AsynqKeys::beside(name.as_bytes(), other), None);
            let [prefix, word] = keys.words();
            assert_eq!(AsynqKeys::of_words(name.as_bytes(), prefix, word), Some(keys.clone()));
        }
        for (other, key) in [
            ("asynq:{uploads}:active", IdKey::List),
            ("asynq:{uploads}:lease", IdKey::SortedSet),
            ("asynq:{uploads}:g:group", IdKey::SortedSet),
            ("asynq:uploads:pending", IdKey::List),
            ("pending", IdKey::List),
        ] {
            assert_eq!(AsynqKeys::beside(other.as_bytes(), key), None, "{other}");
        }
    }

    #[test]
    fn names_of_the_keys_of_a_task() {
        let keys = AsynqKeys::beside(b"asynq:{q}:pending", IdKey::List).expect("a list of Asynq");
        assert_eq!(keys.all_jobs(), b"asynq:{q}:t:");
        assert_eq!(keys.lock(b"asynq:{q}:unique:mail:abc"), Some(b"asynq:{q}:unique:mail:abc".to_vec()));
        // A task can say what it likes.
        assert_eq!(keys.lock(b"asynq:{q}:pending"), None);
    }
}
