//! Live jobs, ended jobs that are remembered, and cached counts.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::{FoundMatches, Groups, Job, JobKind, JobStatus, Record};
use crate::match_notices::MatchNoticeCounts;
use crate::priorities::List;
use crate::reply::Reply;
use crate::scan::{Event, Recalled};

/// Most ended jobs that are remembered in memory. The record of a clear in the keyspace can outlive its place
/// here.
pub const REMEMBERED_MAX: usize = 500;
/// How many of these keep their sample or groups: the newest.
pub const SAMPLES_MAX: usize = 100;
/// Most bytes that the records and samples of remembered jobs take, since names and the rows of samples can
/// be long. The newest job is remembered whatever its size.
pub const REMEMBERED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most counts that are cached. Beyond it the oldest one is dropped.
pub const CACHED_MAX: usize = 1_000;

/// An ended job that is remembered.
#[derive(Debug)]
pub struct Ended {
    /// Its id.
    pub id: Uuid,
    /// The command that started it.
    pub kind: JobKind,
    /// Logical database.
    pub db: i32,
    /// The queue's name.
    pub queue: Vec<u8>,
    /// The keys of its lists.
    pub keys: Vec<Vec<u8>>,
    /// Its record at its end.
    pub record: Record,
    /// Its sample, with the positions at its end.
    pub sample: Reply,
    /// Its groups, with the positions at its end.
    pub groups: Groups,
    /// The digest of its request: equal requests have the same.
    pub digest: [u8; 32],
    /// The fields that FIELDS asked for; `None` for the default ones.
    pub fields: Option<Vec<Vec<u8>>>,
    /// When it was accepted, Unix milliseconds.
    pub started_ms: i64,
    /// When it is forgotten, Unix milliseconds.
    pub expires_ms: i64,
    /// Whether it must not answer an equal request any more, because the queue was written to since.
    pub stale: bool,
    /// Where the matches are now, for a completed count.
    pub found: Option<FoundMatches>,
    /// The approximate memory that it takes, bytes.
    bytes: usize,
}

/// The live jobs in the order of their start, and the ended ones, newest end first.
#[derive(Debug, Default)]
pub struct Registry {
    live: Vec<Job>,
    ended: VecDeque<Ended>,
    turn: usize,
}

impl Registry {
    /// Adds a live job.
    pub fn add(&mut self, job: Job) {
        self.live.push(job);
    }

    /// Live jobs, oldest first.
    #[must_use]
    pub fn live(&self) -> &[Job] {
        &self.live
    }

    /// Live jobs, oldest first.
    pub fn live_mut(&mut self) -> &mut [Job] {
        &mut self.live
    }

    /// The live job with this id.
    pub fn find_live(&mut self, id: Uuid) -> Option<&mut Job> {
        self.live.iter_mut().find(|job| job.id() == id)
    }

    /// Takes out the job whose turn it is. Every job gets a slice before any gets a second one.
    pub fn take_turn(&mut self) -> Option<(usize, Job)> {
        if self.live.is_empty() {
            return None;
        }
        let at = self.turn % self.live.len();
        Some((at, self.live.remove(at)))
    }

    /// Puts a job back after its slice. The next turn is that of the job after it.
    pub fn put_back(&mut self, at: usize, job: Job) {
        self.live.insert(at, job);
        self.turn = at + 1;
    }

    /// Remembers an ended job that was taken out. Until `found_until_ms` (Unix milliseconds) an equal preview
    /// can ask where its matches are.
    pub fn remember(&mut self, mut job: Job, expires_ms: i64, found_until_ms: i64) -> &Ended {
        let sample = job.sample();
        let groups = job.groups();
        let record = job.record();
        // The messages of a list of ids can change without an event of the list.
        let stale = job.is_stale() || job.start().storage.message_keys().is_some();
        let keys: Vec<Vec<u8>> = job.keys().map(<[u8]>::to_vec).collect();
        let start = job.start();
        let keys_bytes: usize = keys.iter().map(Vec::len).sum();
        let bytes = start.queue.len() + keys_bytes + record.bytes() + sample.bytes() + groups.bytes();
        let mut ended = Ended {
            id: start.id,
            kind: start.kind,
            db: start.db,
            queue: start.queue.clone(),
            keys,
            digest: start.digest,
            fields: start.fields.clone(),
            started_ms: start.now_ms,
            record,
            sample,
            groups,
            expires_ms,
            stale,
            found: None,
            bytes,
        };
        ended.found = FoundMatches::of(job, found_until_ms);
        ended.bytes += ended.found.as_ref().map_or(0, FoundMatches::bytes);
        self.ended.push_front(ended);
        self.ended.truncate(REMEMBERED_MAX);
        if let Some(old) = self.ended.get_mut(SAMPLES_MAX) {
            old.bytes -= old.sample.bytes() + old.groups.bytes();
            old.sample = Reply::List(Vec::new());
            // Without its groups it cannot answer a request any more.
            old.stale |= old.kind == JobKind::Stats;
            old.groups = Groups::NONE;
            old.bytes -= old.found.take().map_or(0, |found| found.bytes());
        }
        self.keep_within(REMEMBERED_BYTES_MAX);
        &self.ended[0]
    }

    /// Forgets the oldest jobs until the others take at most `max` bytes. The newest is always kept.
    fn keep_within(&mut self, max: usize) {
        let mut bytes = 0;
        let fit = self.ended.iter().take_while(|job| {
            bytes += job.bytes;
            bytes <= max
        });
        let fit = fit.count().max(1);
        self.ended.truncate(fit);
    }

    /// Takes out the live jobs that `pick` chooses.
    pub fn take_if(&mut self, mut pick: impl FnMut(&Job) -> bool) -> Vec<Job> {
        let mut taken = Vec::new();
        let mut at = 0;
        while at < self.live.len() {
            if pick(&self.live[at]) {
                taken.push(self.live.remove(at));
                self.turn -= usize::from(self.turn > at);
            } else {
                at += 1;
            }
        }
        taken
    }

    /// The ended job with this id, unless it has expired.
    #[must_use]
    pub fn find_ended(&self, id: Uuid, now_ms: i64) -> Option<&Ended> {
        self.ended.iter().find(|job| job.id == id && now_ms < job.expires_ms)
    }

    /// Notes in the record of an ended job which job undoes it, and how many of its messages are back.
    pub fn mark_undone(&mut self, id: Uuid, by: &[u8], undone: i64) {
        if let Some(job) = self.ended.iter_mut().find(|job| job.id == id) {
            job.record.mark_undone(by, undone);
        }
    }

    /// Notes in the record of an ended job which job continues it.
    pub fn mark_continued(&mut self, id: Uuid, by: &[u8]) {
        if let Some(job) = self.ended.iter_mut().find(|job| job.id == id) {
            job.record.mark_continued(by);
        }
    }

    /// The ended jobs that have not expired, newest end first.
    pub fn ended(&self, now_ms: i64) -> impl Iterator<Item = &Ended> {
        self.ended.iter().filter(move |job| now_ms < job.expires_ms)
    }

    /// Forgets the ended jobs that have expired.
    pub fn forget_expired(&mut self, now_ms: i64) {
        self.ended.retain(|job| now_ms < job.expires_ms);
    }

    /// A live preview or stats job for an equal request.
    pub fn equal_live(&mut self, digest: &[u8; 32], fields: Option<&[Vec<u8>]>) -> Option<&mut Job> {
        self.live.iter_mut().find(|job| {
            let start = job.start();
            start.kind.only_counts()
                && start.digest == *digest
                && start.fields.as_deref() == fields
                && !job.cancel_requested()
                && !job.is_stale()
        })
    }

    /// A completed preview or stats job for an equal request that was accepted at `since_ms` or later.
    #[must_use]
    pub fn equal_completed(&self, digest: &[u8; 32], since_ms: i64) -> Option<&Ended> {
        self.ended.iter().find(|job| {
            job.kind.only_counts()
                && !job.stale
                && job.digest == *digest
                && job.started_ms >= since_ms
                && job.record.status() == JobStatus::Completed
        })
    }

    /// Returns where the matches of a completed preview for an equal request are. The preview must have shown
    /// the same fields, unless only the positions of its matches are kept: then the fields are read from the
    /// messages again.
    #[must_use]
    pub fn found(&self, digest: &[u8; 32], fields: Option<&[Vec<u8>]>) -> Option<&FoundMatches> {
        let mut equal = self.ended.iter().filter(|job| !job.stale && job.digest == *digest);
        equal.find_map(|job| match &job.found {
            Some(FoundMatches::Lists(_)) if job.fields.as_deref() != fields => None,
            found => found.as_ref(),
        })
    }

    /// What a completed preview with this key has learned of these lists, for a clear with the same filter.
    #[must_use]
    pub fn recalled(&self, digest: &[u8; 32], lists: &[(List, u64)], now_ms: i64) -> Option<Recalled> {
        let mut equal = self.followers().filter(|job| job.digest == *digest);
        equal.find_map(|job| match &job.found {
            Some(FoundMatches::Lists(found)) => found.recalled(lists, now_ms),
            _ => None,
        })
    }

    /// Whether a completed count follows what happens to this list.
    #[must_use]
    pub fn follows(&self, db: i32, key: &[u8]) -> bool {
        self.followers().any(|job| job.db == db && job.found.as_ref().is_some_and(|found| found.is_on(key)))
    }

    fn followers(&self) -> impl Iterator<Item = &Ended> {
        self.ended.iter().take(SAMPLES_MAX).filter(|job| !job.stale && job.found.is_some())
    }

    /// Tells completed counts what happened to a list that holds their matches.
    pub fn follow_found(&mut self, db: i32, key: &[u8], event: Event<'_>, now_ms: i64) {
        for job in self.ended.iter_mut().take(SAMPLES_MAX).filter(|job| job.db == db && !job.stale) {
            let Some(found) = job.found.as_mut().and_then(FoundMatches::in_lists) else { continue };
            found.follow(key, event);
            // A SHOW that is about to be answered looks near a lost position.
            if !found.is_wanted(now_ms) && job.kind != JobKind::Show {
                let bytes = job.found.take().map_or(0, |found| found.bytes());
                job.bytes -= bytes.min(job.bytes);
            }
        }
    }

    /// Marks the ended previews and stats that `pick` chooses as stale, so that equal requests are counted
    /// again.
    pub fn mark_stale(&mut self, mut pick: impl FnMut(&Ended) -> bool) {
        for job in &mut self.ended {
            job.stale |= job.kind.only_counts() && pick(job);
            if job.stale {
                job.found = None;
            }
        }
    }

    /// The keys of the lists of all jobs, live and remembered, and of the indexes of live ones. A key can
    /// come more than once.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let live = self.live.iter().flat_map(Job::all_keys);
        live.chain(self.ended.iter().flat_map(|job| job.keys.iter().map(Vec::as_slice)))
    }

    /// How many entries of indexes all live jobs together have reserved memory for.
    #[must_use]
    pub fn room_taken(&self) -> usize {
        self.live.iter().map(|job| job.scan.room_taken()).sum()
    }

    /// How many live jobs only count: previews and stats.
    #[must_use]
    pub fn count_previews(&self) -> usize {
        self.live.iter().filter(|job| job.start().kind.only_counts()).count()
    }

    /// How many live jobs are of a kind.
    #[must_use]
    pub fn count(&self, kind: JobKind) -> usize {
        self.live.iter().filter(|job| job.start().kind == kind).count()
    }
}

/// A cached count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// Logical database.
    pub db: i32,
    /// The keys of the queue's lists.
    pub keys: Vec<Vec<u8>>,
    /// Messages that match.
    pub match_count: u64,
    /// The size of these messages, bytes.
    pub matched_bytes: u64,
    /// Elements that are not a JSON object.
    pub undecodable: u64,
    /// Messages whose match could not be decided.
    pub unreadable: u64,
    /// Messages that left the queue before the scan reached them.
    pub drifted: u64,
    /// When it was counted, Unix milliseconds.
    pub cached_ms: i64,
    /// What the matches belong to.
    pub match_notices: MatchNoticeCounts,
    /// Matches that an index counted: what they belong to is not known.
    pub matched_unread: u64,
    /// The notices about the count, joined by semicolons.
    pub notice: Option<String>,
    /// An index excluded messages that were not read.
    pub by_index: bool,
}

/// Cached counts by the digest of database, queue and filter.
#[derive(Debug, Default)]
pub struct Caches {
    counts: HashMap<[u8; 32], Cached>,
}

impl Caches {
    /// The count for this digest, if it is younger than `ttl_ms`.
    #[must_use]
    pub fn get(&self, digest: &[u8; 32], now_ms: i64, ttl_ms: i64) -> Option<&Cached> {
        self.counts.get(digest).filter(|count| now_ms - count.cached_ms < ttl_ms)
    }

    /// Caches a count. Where `ttl_ms` is 0 nothing is cached.
    pub fn put(&mut self, digest: [u8; 32], count: Cached, ttl_ms: i64) {
        if ttl_ms <= 0 {
            return;
        }
        if self.counts.len() >= CACHED_MAX {
            let now = count.cached_ms;
            self.counts.retain(|_, old| now - old.cached_ms < ttl_ms);
        }
        if self.counts.len() >= CACHED_MAX
            && let Some(oldest) = self.counts.iter().min_by_key(|(_, c)| c.cached_ms).map(|(key, _)| *key)
        {
            self.counts.remove(&oldest);
        }
        self.counts.insert(digest, count);
    }

    /// Drops the count for this digest.
    pub fn forget(&mut self, digest: &[u8; 32]) {
        self.counts.remove(digest);
    }

    /// Drops the counts that `pick` chooses.
    pub fn drop_if(&mut self, mut pick: impl FnMut(&Cached) -> bool) {
        self.counts.retain(|_, count| !pick(count));
    }

    /// The keys of the lists that were counted. A key can come more than once.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.counts.values().flat_map(|count| count.keys.iter().map(Vec::as_slice))
    }

    /// How many counts are cached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether no count is cached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use crate::filter::{FilterBuilder, Projection};
    use crate::job::Start;
    use crate::job::start::tests::accepted;
    use crate::kind::DEFAULT_FIELDS;

    fn job(n: u128) -> Job {
        let words: [&[u8]; 2] = [b"TASK", b"a"];
        let mut filter = FilterBuilder::default();
        filter.accept(&mut Args::new(&words), 0).expect("a term");
        let projection = Projection::new(DEFAULT_FIELDS).expect("fields");
        let filter = filter.finish().expect("a filter");
        Job::new(Start {
            sample: 20,
            ..Start::counting(JobKind::Preview, accepted(n, 10), filter, projection)
        })
    }

    /// Ids of the jobs that got the next `n` slices.
    fn slices(registry: &mut Registry, n: usize) -> Vec<u128> {
        let mut ids = Vec::new();
        for _ in 0..n {
            let (at, job) = registry.take_turn().expect("a live job");
            ids.push(job.id().as_u128());
            registry.put_back(at, job);
        }
        ids
    }

    #[test]
    fn every_job_gets_a_slice_before_one_gets_two() {
        let mut registry = Registry::default();
        (1..=3).for_each(|n| registry.add(job(n)));
        assert_eq!(slices(&mut registry, 7), [1, 2, 3, 1, 2, 3, 1]);
    }

    #[test]
    fn every_job_gets_its_turn_while_others_come_and_end() {
        let mut registry = Registry::default();
        (1..=4).for_each(|n| registry.add(job(n)));
        assert_eq!(slices(&mut registry, 2), [1, 2]);
        // One that had its turn ends outside a slice, one ends inside.
        assert_eq!(registry.take_if(|job| job.id().as_u128() == 1).len(), 1);
        let (_, third) = registry.take_turn().expect("a live job");
        assert_eq!(third.id().as_u128(), 3);
        registry.remember(third, 1_000, 1_000);
        registry.add(job(5));
        assert_eq!(slices(&mut registry, 4), [4, 5, 2, 4]);
    }

    #[test]
    fn remembered_jobs_are_bounded_in_bytes() {
        let mut registry = Registry::default();
        for n in 1..=10 {
            registry.remember(job(n), 1_000, 1_000);
        }
        let each = registry.ended[0].bytes;
        registry.keep_within(each * 4);
        let left: Vec<u128> = registry.ended(0).map(|job| job.id.as_u128()).collect();
        assert_eq!(left, [10, 9, 8, 7], "the oldest made room");
        registry.keep_within(1);
        assert_eq!(registry.ended(0).count(), 1, "the newest always finds room");
    }

    #[test]
    fn remembered_jobs_are_bounded_and_expire() {
        let mut registry = Registry::default();
        for n in 0..REMEMBERED_MAX + 10 {
            registry.remember(job(n as u128), 1_000, 1_000);
        }
        assert_eq!(registry.ended(0).count(), REMEMBERED_MAX);
        assert!(registry.find_ended(Uuid::from_u128(5), 0).is_none(), "the oldest made room");
        assert!(registry.find_ended(Uuid::from_u128(20), 999).is_some());
        assert!(registry.find_ended(Uuid::from_u128(20), 1_000).is_none());
    }
}
