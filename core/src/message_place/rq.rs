//! The names of RQ's keys, as `rq/job.py`, `rq/registry.py` and `rq/results.py` of RQ 3.0.0 make them.

use super::{IdKey, Score};

/// What the name of a list ends in that holds the ids of jobs that a worker has taken and not yet started.
const TAKEN: &[u8] = b":intermediate";
/// The word of a unit after the prefix of RQ's keys.
const WORD: &[u8] = b"rq";

/// A key that holds ids of jobs of one queue.
struct Place {
    /// What its name has between the prefix and the name of the queue.
    part: &'static [u8],
    /// The type of the key.
    key: IdKey,
    /// The status of the jobs whose ids are in it.
    status: &'static str,
}

/// A row of [`PLACES`] for a registry, which is a sorted set.
const fn registry(part: &'static [u8], status: &'static str) -> Place {
    Place { part, key: IdKey::SortedSet, status }
}

/// The keys of ids. What runs is in none of them.
const PLACES: [Place; 6] = [
    Place { part: b"queue:", key: IdKey::List, status: "queued" },
    registry(b"scheduled:", "scheduled"),
    registry(b"deferred:", "deferred"),
    registry(b"failed:", "failed"),
    registry(b"finished:", "finished"),
    registry(b"canceled:", "canceled"),
];

/// Finds the key of ids in the name of a key of this type: the length of the prefix with its colon, and the row. The part
/// that stands first decides, because the rest is the name of the queue.
fn find(name: &[u8], key: IdKey) -> Option<(usize, &'static Place)> {
    let mut starts = (1..name.len()).filter(|at| name[at - 1] == b':');
    starts.find_map(|at| {
        let mut places = PLACES.iter().filter(|place| place.key == key);
        places.find(|place| name[at..].starts_with(place.part)).map(|place| (at, place))
    })
}

/// Returns what the scores of this sorted set mean. Only scheduled jobs have the time at which they are to run. In the
/// other registries it is the time at which RQ drops the id (`BaseRegistry.add`).
pub(super) fn score_of(set: &[u8]) -> Score {
    match find(set, IdKey::SortedSet) {
        Some((_, Place { part: b"scheduled:", .. })) => Score::Seconds,
        _ => Score::Other,
    }
}

/// The names of the keys that belong to the jobs of one key of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RqKeys {
    /// What all names begin with, with the colon: `rq:`.
    prefix: Vec<u8>,
    /// The name of the queue: `uploads`.
    queue: Vec<u8>,
    /// The status of a job whose id is in this key.
    status: &'static str,
    /// What the keys of jobs begin with, and what those of their results begin with.
    all_jobs: Vec<u8>,
    all_results: Vec<u8>,
}

impl RqKeys {
    /// Returns the names of the keys that belong to this key of ids; `None` if RQ names no such key so, or if workers hold
    /// what is in it.
    pub(super) fn beside(name: &[u8], key: IdKey) -> Option<Self> {
        let (prefix, place) = find(name, key)?;
        let is_taken = key == IdKey::List && name.ends_with(TAKEN);
        (!is_taken).then(|| Self::new(name, prefix, place))
    }

    fn new(name: &[u8], prefix_len: usize, place: &Place) -> Self {
        let (prefix, rest) = name.split_at(prefix_len);
        Self {
            prefix: prefix.to_vec(),
            queue: rest[place.part.len()..].to_vec(),
            status: place.status,
            all_jobs: [prefix, b"job:"].concat(),
            all_results: [prefix, b"results:"].concat(),
        }
    }

    /// Returns the words of a unit for these keys.
    pub(super) fn words(&self) -> [&[u8]; 2] {
        [&self.prefix, WORD]
    }

    /// Reads [`Self::words`] of this key of ids.
    pub(super) fn of_words(name: &[u8], prefix: &[u8], word: &[u8]) -> Option<Self> {
        let rest = name.strip_prefix(prefix).filter(|_| word == WORD)?;
        let place = PLACES.iter().find(|place| rest.starts_with(place.part))?;
        Some(Self::new(name, prefix.len(), place))
    }

    /// Returns the name of the queue, as jobs have it in `origin`.
    #[must_use]
    pub fn queue(&self) -> &[u8] {
        &self.queue
    }

    /// Returns the status that a job has whose id is in this key.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.status
    }

    /// Returns what the keys of all jobs begin with.
    pub(super) fn all_jobs(&self) -> &[u8] {
        &self.all_jobs
    }

    /// Returns what the keys of the results of all jobs begin with.
    pub(super) fn all_results(&self) -> &[u8] {
        &self.all_results
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
    pub(super) fn results(&self, id: &[u8]) -> Vec<u8> {
        [&self.all_results, id].concat()
    }

    /// Returns the memory that the names take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.prefix.len() + self.queue.len() + self.all_jobs.len() + self.all_results.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::JobKeys;
    use super::*;

    fn of(name: &str, key: IdKey) -> Option<[String; 3]> {
        let keys = RqKeys::beside(name.as_bytes(), key)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a text");
        Some([text(&keys.prefix), text(&keys.queue), keys.status.to_owned()])
    }

    #[test]
    fn jobs_have_keys_beside_the_key_of_their_ids() {
        use IdKey::{List, SortedSet};
        for (name, key, expected) in [
            ("rq:queue:uploads", List, ["rq:", "uploads", "queued"]),
            ("{rq}:queue:a:queue:b", List, ["{rq}:", "a:queue:b", "queued"]),
            ("rq:queue:failed:x", List, ["rq:", "failed:x", "queued"]),
            ("rq:scheduled:uploads", SortedSet, ["rq:", "uploads", "scheduled"]),
            ("rq:deferred:uploads", SortedSet, ["rq:", "uploads", "deferred"]),
            ("my:rq:failed:queue:x", SortedSet, ["my:rq:", "queue:x", "failed"]),
            ("my:failed:rq:queue:x", List, ["my:failed:rq:", "x", "queued"]),
            ("rq:finished:a:intermediate", SortedSet, ["rq:", "a:intermediate", "finished"]),
            ("rq:canceled:uploads", SortedSet, ["rq:", "uploads", "canceled"]),
        ] {
            assert_eq!(of(name, key), Some(expected.map(str::to_owned)), "{name}");
        }
        for other in
            ["uploads", "queue:uploads", "rq:job:x", "rq:failed:x", "rq:queue:uploads:intermediate", ""]
        {
            assert_eq!(of(other, List), None, "{other}");
        }
        // What runs, and what waits for its turn, is left to RQ.
        for other in ["rq:wip:uploads", "rq:ready:uploads", "rq:rl:x:allowed", "rq:queue:x"] {
            assert_eq!(of(other, SortedSet), None, "{other}");
        }
    }

    #[test]
    fn names_of_the_keys_of_a_job() {
        let keys = RqKeys::beside(b"rq:queue:uploads", IdKey::List).expect("a list of RQ");
        let jobs = JobKeys::Rq(keys.clone());
        assert_eq!(jobs.job(b"a").as_deref(), Some(&b"rq:job:a"[..]));
        assert_eq!((jobs.id_of(b"rq:job:a"), jobs.id_of(b"rq:jobs:a")), (Some(&b"a"[..]), None));
        assert_eq!(keys.dependents(b"a"), b"rq:job:a:dependents");
        assert_eq!(keys.dependencies(b"a"), b"rq:job::a:dependencies");
        assert_eq!(keys.results(b"a"), b"rq:results:a");
    }

    #[test]
    fn only_scheduled_jobs_have_a_time_to_run() {
        assert_eq!(score_of(b"rq:scheduled:uploads"), Score::Seconds);
        for other in [&b"rq:failed:scheduled:x"[..], b"rq:deferred:x", b"x"] {
            assert_eq!(score_of(other), Score::Other);
        }
    }
}
