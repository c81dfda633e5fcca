//! The names of SAQ's keys, as saq/queue/redis.py of SAQ 0.26.4 makes them (`job_id` and `namespace`).

use super::IdKey;

/// The word of a unit after what the keys of jobs begin with.
const WORD: &[u8] = b"saq";
/// What all keys of queues begin with, which no setting changes.
const PREFIX: &[u8] = b"saq:";
/// The end of the name of a list of jobs that wait. Those in `saq:<queue>:active` run.
const QUEUED: &[u8] = b":queued";

/// The names of the keys of jobs of one list. The ids are the whole names of the keys of their jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaqKeys {
    /// What the keys of the jobs of the queue begin with: `saq:job:uploads:`.
    all_jobs: Vec<u8>,
    /// The sorted set of all ids that have not been completed: `saq:uploads:incomplete`.
    incomplete: Vec<u8>,
}

impl SaqKeys {
    /// Returns the names of the keys that belong to this key of ids; `None` if it is not a list of jobs that wait.
    pub(super) fn beside(name: &[u8], key: IdKey) -> Option<Self> {
        let queue = name.strip_prefix(PREFIX)?.strip_suffix(QUEUED).filter(|_| key == IdKey::List)?;
        Some(Self {
            all_jobs: [PREFIX, b"job:", queue, b":"].concat(),
            incomplete: [PREFIX, queue, b":incomplete"].concat(),
        })
    }

    /// Returns the words of a unit for these keys.
    pub(super) fn words(&self) -> [&[u8]; 2] {
        [&self.all_jobs, WORD]
    }

    /// Reads [`Self::words`] of this key of ids.
    pub(super) fn of_words(name: &[u8], all_jobs: &[u8], word: &[u8]) -> Option<Self> {
        Self::beside(name, IdKey::List).filter(|keys| word == WORD && keys.all_jobs == all_jobs)
    }

    /// Returns what the keys of all jobs begin with.
    pub(super) fn all_jobs(&self) -> &[u8] {
        &self.all_jobs
    }

    /// Returns the sorted set from which the ids of removed jobs leave.
    pub(super) fn incomplete(&self) -> &[u8] {
        &self.incomplete
    }

    /// Returns the memory that the names take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.all_jobs.len() + self.incomplete.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_have_the_keys_that_their_ids_name() {
        for (list, jobs, incomplete) in [
            ("saq:uploads:queued", "saq:job:uploads:", "saq:uploads:incomplete"),
            ("saq:{a:b}:queued", "saq:job:{a:b}:", "saq:{a:b}:incomplete"),
        ] {
            let keys = SaqKeys::beside(list.as_bytes(), IdKey::List).expect("a list of SAQ");
            assert_eq!((keys.all_jobs(), keys.incomplete()), (jobs.as_bytes(), incomplete.as_bytes()));
            let [all_jobs, word] = keys.words();
            assert_eq!(SaqKeys::of_words(list.as_bytes(), all_jobs, word), Some(keys.clone()));
            assert_eq!(SaqKeys::of_words(list.as_bytes(), b"saq:job:x:", word), None);
            assert_eq!(SaqKeys::beside(list.as_bytes(), IdKey::SortedSet), None);
        }
        for other in
            ["saq:uploads:active", "saq:uploads:incomplete", "my:uploads:queued", "saq:queued", "queued"]
        {
            assert_eq!(SaqKeys::beside(other.as_bytes(), IdKey::List), None, "{other}");
        }
    }
}
