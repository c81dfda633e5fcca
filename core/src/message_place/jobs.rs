//! Jobs that have keys of their own.

use super::{AsynqKeys, BullKeys, OtherKey, RqKeys, SaqKeys};

/// The names of the keys of the jobs of one key of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobKeys {
    /// Jobs of RQ.
    Rq(RqKeys),
    /// Jobs of BullMQ or Bull.
    Bull(BullKeys),
    /// Tasks of Asynq.
    Asynq(AsynqKeys),
    /// Jobs of SAQ.
    Saq(SaqKeys),
}

impl JobKeys {
    /// Returns the key that is the job: a hash, or a string ([`Self::are_strings`]). `None` if no job of this queue has
    /// this id.
    #[must_use]
    pub fn job(&self, id: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rq(_) | Self::Bull(_) | Self::Asynq(_) => Some([self.all_jobs(), id].concat()),
            Self::Saq(keys) => id.starts_with(keys.all_jobs()).then(|| id.to_vec()),
        }
    }

    /// Returns whether a job is a string and not a hash.
    #[must_use]
    pub fn are_strings(&self) -> bool {
        matches!(self, Self::Saq(_))
    }

    /// Returns the sorted set that has the ids of the jobs as well, and from which they leave with their jobs.
    #[must_use]
    pub fn other_ids(&self) -> Option<&[u8]> {
        match self {
            Self::Rq(_) | Self::Bull(_) | Self::Asynq(_) => None,
            Self::Saq(keys) => Some(keys.incomplete()),
        }
    }

    /// Returns the id whose job would have this key.
    #[must_use]
    pub fn id_of<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let id = key.strip_prefix(self.all_jobs())?;
        Some(if matches!(self, Self::Saq(_)) { key } else { id })
    }

    /// Returns the key whose existence forbids removing the job: the jobs that wait for it, or its lock.
    #[must_use]
    pub fn blocker(&self, id: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rq(keys) => Some(keys.dependents(id)),
            Self::Bull(keys) => Some(keys.lock(id)),
            // The state says it.
            Self::Asynq(_) | Self::Saq(_) => None,
        }
    }

    /// Returns the field of a job that says what it may have reserved, so that no other job like it is added.
    #[must_use]
    pub fn reserving_field(&self) -> Option<&'static str> {
        match self {
            Self::Rq(_) | Self::Saq(_) => None,
            Self::Bull(_) => Some("deid"),
            Self::Asynq(_) => Some("unique_key"),
        }
    }

    /// Returns the key of the job that is added when the one with this value of that field is gone.
    #[must_use]
    pub fn held_back(&self, value: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Bull(keys) => Some(keys.held_back(value)),
            Self::Rq(_) | Self::Asynq(_) | Self::Saq(_) => None,
        }
    }

    /// Returns the keys by which a job reserves what that field says. They leave with the job if the first one holds the id
    /// of the job.
    #[must_use]
    pub fn reserved(&self, value: &[u8]) -> Vec<Vec<u8>> {
        match self {
            Self::Rq(_) | Self::Saq(_) => Vec::new(),
            Self::Bull(keys) => vec![keys.deduplication(value)],
            Self::Asynq(keys) => keys.lock(value).into_iter().collect(),
        }
    }

    /// Returns whether that key can exist although the job is not held by a worker, so that counts have to look for it, too.
    #[must_use]
    pub fn is_blocked_while_it_waits(&self) -> bool {
        matches!(self, Self::Rq(_))
    }

    /// Returns the other keys that leave with a job, each with the type that the library gives to it.
    #[must_use]
    pub fn others(&self, id: &[u8]) -> Vec<(Vec<u8>, OtherKey)> {
        match self {
            Self::Rq(keys) => {
                vec![(keys.dependencies(id), OtherKey::Set), (keys.results(id), OtherKey::Stream)]
            }
            Self::Bull(keys) => keys.others(id),
            Self::Asynq(_) | Self::Saq(_) => Vec::new(),
        }
    }

    /// Returns whether the jobs are removed. Those of some keys are only read, because workers hold them or because they
    /// wait for other jobs.
    #[must_use]
    pub fn are_removed(&self) -> bool {
        match self {
            Self::Rq(_) | Self::Asynq(_) | Self::Saq(_) => true,
            Self::Bull(keys) => keys.are_removed(),
        }
    }

    /// Returns what the keys of all jobs begin with.
    pub(super) fn all_jobs(&self) -> &[u8] {
        match self {
            Self::Rq(keys) => keys.all_jobs(),
            Self::Bull(keys) => keys.all_jobs(),
            Self::Asynq(keys) => keys.all_jobs(),
            Self::Saq(keys) => keys.all_jobs(),
        }
    }

    /// Returns what the keys begin with that leave with jobs and do not begin like these.
    pub(super) fn all_others(&self) -> Option<&[u8]> {
        match self {
            Self::Rq(keys) => Some(keys.all_results()),
            Self::Bull(_) => None,
            Self::Asynq(keys) => Some(keys.all_locks()),
            Self::Saq(keys) => Some(keys.incomplete()),
        }
    }

    /// Returns the words of a unit for these keys.
    pub(super) fn words(&self) -> [&[u8]; 2] {
        match self {
            Self::Rq(keys) => keys.words(),
            Self::Bull(keys) => keys.words(),
            Self::Asynq(keys) => keys.words(),
            Self::Saq(keys) => keys.words(),
        }
    }

    /// Reads [`Self::words`] of this key of ids.
    pub(super) fn of_words(name: &[u8], prefix: &[u8], word: &[u8]) -> Option<Self> {
        let rq = RqKeys::of_words(name, prefix, word).map(Self::Rq);
        let bull = || BullKeys::of_words(name, prefix, word).map(Self::Bull);
        let asynq = || AsynqKeys::of_words(name, prefix, word).map(Self::Asynq);
        rq.or_else(bull).or_else(asynq).or_else(|| SaqKeys::of_words(name, prefix, word).map(Self::Saq))
    }

    /// Returns the memory that the names take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Rq(keys) => keys.bytes(),
            Self::Bull(keys) => keys.bytes(),
            Self::Asynq(keys) => keys.bytes(),
            Self::Saq(keys) => keys.bytes(),
        }
    }
}
