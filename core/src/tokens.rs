//! The tokens beside a list of Laravel: `queues:<name>:notify` has one element for each job in `queues:<name>`, and workers
//! that wait for a job block on it (`LuaScripts` and `RedisQueue::retrieveNextJob` of Laravel 12.67).
//!
//! Every push adds a token, and every pop takes one. A worker looks into the list first and waits only if it is empty. So
//! a token too many wakes a worker for nothing, and a job without a token can be passed over by a worker that waits already.
//! Therefore jobs that leave take tokens along only as far as each job that stays has one, and jobs that arrive bring tokens.

use crate::job::{Destination, JobKind, Start, Storage};
use crate::kind::MessageKind;

/// A token, as Laravel's scripts write it.
pub const TOKEN: &[u8] = b"1";
/// What Laravel puts before the name of a queue, after the prefix of the connection.
const QUEUES: &[u8] = b"queues:";
const SUFFIX: &[u8] = b":notify";

/// Returns the key of the tokens of a list; `None` if the list is not one of Laravel's by its name.
#[must_use]
pub fn key_of(kind: MessageKind, list: &[u8]) -> Option<Vec<u8>> {
    let is_queue = kind == MessageKind::Laravel && list.windows(QUEUES.len()).any(|part| part == QUEUES);
    is_queue.then(|| [list, SUFFIX].concat())
}

/// Returns how many tokens leave with `removed` jobs, if `tokens` are there and `jobs` stay.
#[must_use]
pub fn leaving(tokens: u64, jobs: u64, removed: u64) -> u64 {
    tokens.saturating_sub(jobs).min(removed)
}

/// Returns how many tokens come with `added` jobs, if `tokens` are there already and there are `jobs` now.
#[must_use]
pub fn coming(tokens: u64, jobs: u64, added: u64) -> u64 {
    jobs.saturating_sub(tokens).min(added)
}

/// The keys of tokens that a job changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenKeys {
    /// That of the list from which it removes jobs.
    pub from: Option<Vec<u8>>,
    /// That of the list to which it moves them.
    pub to: Option<Vec<u8>>,
}

impl TokenKeys {
    /// Returns the keys for messages of this kind in a list, which are moved to the list `to`, if it is given.
    #[must_use]
    pub fn of_list(kind: MessageKind, queue: &[u8], to: Option<&[u8]>) -> Self {
        Self { from: key_of(kind, queue), to: to.and_then(|to| key_of(kind, to)) }
    }

    /// Returns the keys for a clear of a list. No worker looks into a list of PARK, so it has no tokens.
    #[must_use]
    pub fn of_clear(kind: MessageKind, queue: &[u8], to: Option<&Destination>) -> Self {
        Self::of_list(kind, queue, to.filter(|to| !to.own).map(|to| to.key.as_slice()))
    }

    /// Returns the keys that a job changes. Jobs that only count change none.
    #[must_use]
    pub fn of(start: &Start) -> Self {
        match (start.kind, &start.storage) {
            (JobKind::Clear | JobKind::Undo, Storage::Lists) => {
                Self::of_clear(start.messages, &start.queue, start.clear_options.to.as_ref())
            }
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_of_laravel_have_tokens() {
        let key =
            |kind, list: &str| key_of(kind, list.as_bytes()).and_then(|key| String::from_utf8(key).ok());
        let laravel = MessageKind::Laravel;
        for list in ["queues:default", "laravel_database_queues:a:b", "app:queues:{default}"] {
            assert_eq!(key(laravel, list), Some(format!("{list}:notify")));
            assert_eq!(key(MessageKind::Resque, list), None, "{list}");
        }
        for list in ["queue:default", "celery", "queues", ""] {
            assert_eq!(key(laravel, list), None, "{list}");
        }
    }

    #[test]
    fn every_job_that_stays_keeps_a_token_and_no_surplus_arises() {
        for tokens in 0..12 {
            for before in 0..12_u64 {
                for removed in 0..=before {
                    let (jobs, left) =
                        (before - removed, tokens - leaving(tokens, before - removed, removed));
                    assert!(left >= jobs.min(tokens), "{tokens} {before} {removed}");
                    assert!(left.saturating_sub(jobs) <= tokens.saturating_sub(before), "no new surplus");
                    let back = left + coming(left, before, removed);
                    assert!(
                        back >= before.min(tokens) && back <= tokens.max(before),
                        "{tokens} {before} {removed}"
                    );
                }
            }
        }
    }
}
