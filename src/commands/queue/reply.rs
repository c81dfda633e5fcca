//! The members that the replies of all commands that count messages share.

use qadmin_core::container::Container;
use qadmin_core::filter::Filter;
use qadmin_core::index::Ages;
use qadmin_core::job::{Cached, Ended, FoundMatches, Groups, Job, JobTarget, Member, Record};
use qadmin_core::priorities::Priority;
use qadmin_core::reply::{MapBuilder, Reply};
use qadmin_core::request::{CommandSpec, TargetOptions};
use uuid::Uuid;

use super::super::here;
use super::target::others_depth;
use crate::index;
use crate::library::Recognised;
use crate::redis::Ctx;
use crate::redis::clock::now_ns;

/// How a count was made: the member `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum CountMode {
    /// The reply has the count.
    Synchronous,
    /// A job counts or has counted; the reply has its id.
    Job,
    /// The command asked for no count.
    Skipped,
    /// The count failed.
    Failed,
}

impl CountMode {
    fn word(self) -> &'static str {
        match self {
            Self::Synchronous => "synchronous",
            Self::Job => "job",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// What counted the messages: the member `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum CountedBy {
    /// A job that reads the messages, now or before.
    Scan,
    /// The values that indexes keep, at least for some of the messages.
    Index,
}

impl CountedBy {
    /// The count of a job.
    pub(super) fn of_job(was_guided: bool) -> Option<Self> {
        Some(if was_guided { Self::Index } else { Self::Scan })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Index => "index",
        }
    }
}

/// What is known of a count when its reply is made. Unknown numbers are `None`.
#[derive(Debug)]
pub(in crate::commands) struct Count {
    pub(in crate::commands) mode: CountMode,
    /// Examined messages; unknown for cached counts.
    pub(in crate::commands) processed: Option<i64>,
    pub(in crate::commands) matched: Option<i64>,
    pub(in crate::commands) matched_bytes: Option<i64>,
    pub(in crate::commands) undecodable: Option<i64>,
    pub(in crate::commands) unreadable: Option<i64>,
    pub(in crate::commands) drifted: Option<i64>,
    /// In the order of [`Member::MATCH_NOTICES`].
    pub(in crate::commands) match_notices: [Option<i64>; 4],
    pub(in crate::commands) inexact: Option<i64>,
    pub(in crate::commands) notice: Option<String>,
    /// The time of the count, Unix milliseconds, if it is earlier than the command.
    pub(in crate::commands) cached_at: Option<i64>,
    pub(in crate::commands) job_id: Option<Uuid>,
    pub(in crate::commands) deduplicated: bool,
    pub(in crate::commands) error: Option<String>,
    /// `None` without a count.
    pub(in crate::commands) counted_by: Option<CountedBy>,
}

impl Count {
    /// Returns a count without numbers: it was not requested, is not finished or failed.
    pub(super) fn unknown(mode: CountMode) -> Self {
        Self {
            mode,
            processed: None,
            matched: None,
            matched_bytes: None,
            undecodable: None,
            unreadable: None,
            drifted: None,
            match_notices: [None; 4],
            inexact: None,
            notice: None,
            cached_at: None,
            job_id: None,
            deduplicated: false,
            error: None,
            counted_by: None,
        }
    }

    /// Returns a count that failed with this error.
    pub(super) fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::unknown(CountMode::Failed) }
    }

    /// Returns the count of a job that still runs.
    pub(super) fn running(job: &Job) -> Self {
        let counted_by = CountedBy::of_job(job.was_guided());
        Self { job_id: Some(job.id()), counted_by, ..Self::unknown(CountMode::Job) }
    }

    /// Returns the count of a target without messages.
    pub(super) fn zero() -> Self {
        let zero = Some(0);
        Self {
            processed: zero,
            matched: zero,
            matched_bytes: zero,
            undecodable: zero,
            unreadable: zero,
            drifted: zero,
            match_notices: [zero; 4],
            inexact: zero,
            counted_by: Some(CountedBy::Scan),
            ..Self::unknown(CountMode::Synchronous)
        }
    }

    /// Returns the count of a completed job.
    pub(super) fn completed(mode: CountMode, record: &Record) -> Self {
        let get = |name| Some(record.int(name));
        let known = |name| if matches!(record.get(name), Reply::Null) { None } else { get(name) };
        let notice = record.text(Member::Notice);
        Self {
            processed: get(Member::Processed),
            matched: get(Member::Matched),
            matched_bytes: get(Member::MatchedBytes),
            undecodable: get(Member::Undecodable),
            unreadable: get(Member::Unreadable),
            drifted: get(Member::Drifted),
            match_notices: Member::MATCH_NOTICES.map(known),
            inexact: get(Member::Inexact),
            notice: (!notice.is_empty()).then(|| String::from_utf8_lossy(notice).into_owned()),
            counted_by: CountedBy::of_job(record.text(Member::Source) == b"index"),
            ..Self::unknown(mode)
        }
    }

    /// Returns a count from the cache.
    pub(super) fn cached(count: &Cached) -> Self {
        let int = |n: u64| Some(qadmin_core::reply::int(n));
        Self {
            matched: int(count.match_count),
            matched_bytes: int(count.matched_bytes),
            undecodable: int(count.undecodable),
            unreadable: int(count.unreadable),
            drifted: int(count.drifted),
            match_notices: count.match_notices.values().map(|n| int(n).filter(|_| count.matched_unread == 0)),
            inexact: int(count.match_notices.inexact),
            notice: count.notice.clone(),
            cached_at: Some(count.cached_ms),
            counted_by: CountedBy::of_job(count.by_index),
            ..Self::unknown(CountMode::Synchronous)
        }
    }
}

/// What indexes found besides the numbers of a count.
pub(in crate::commands) struct Indexed {
    /// For each list of the target, the distances of the first matches from the consumer end.
    pub(in crate::commands) found: Vec<Vec<u64>>,
    /// The groups; none if they were not requested.
    pub(in crate::commands) groups: Groups,
}

/// What a reply can show besides the numbers of a count, such as rows or groups, and where it finds that.
pub(in crate::commands) enum Source<'a> {
    /// There is no count. `rows` has the rows that the scan has found so far, for clients that waited while
    /// the replies to other clients used up the immediate samples of this turn; `None` if this reply may take
    /// a sample itself.
    NoCount { rows: Option<Reply> },
    /// The target has no messages.
    Empty,
    /// It was counted before. `job` is the completed job; `None` if only the numbers in the cache are left.
    /// `found` says where its matches are now, as far as that is known.
    Before { job: Option<&'a Ended>, found: Option<&'a FoundMatches> },
    /// The completed job that the client waited for.
    Waited(&'a Ended),
    /// Indexes counted just now.
    Indexes(&'a Indexed),
}

/// A command that is about to reply. This is what its reply needs besides the count.
#[derive(Clone, Copy)]
pub(in crate::commands) struct Pending<'a> {
    pub(in crate::commands) ctx: Ctx<'a>,
    pub(super) command: &'static CommandSpec,
    pub(super) options: &'a TargetOptions,
    pub(super) filter: &'a Filter,
    /// The keys with their lengths when the reply is made.
    pub(in crate::commands) target: &'a JobTarget,
    /// The kind of storage when the command was accepted.
    pub(super) container: Option<Container>,
    /// The depth that the reply shows.
    pub(super) depth: u64,
    /// Steady clock when the command arrived, nanoseconds.
    pub(super) accepted_ns: u64,
    /// If the client waited: what the messages looked like when its command arrived.
    pub(super) waited: Option<Option<Recognised>>,
}

impl Pending<'_> {
    /// Returns what the messages look like: as seen before the client waited, otherwise as seen now.
    pub(in crate::commands) fn looks_like(&self, now: Option<Recognised>) -> Option<Recognised> {
        self.waited.unwrap_or(now)
    }

    /// Returns the first members of every reply: `mode`, `queue`, `filter` and `depth`.
    pub(in crate::commands) fn head(&self, mode: CountMode) -> MapBuilder {
        Reply::map()
            .with("mode", mode.word())
            .with("queue", self.options.queue.as_slice())
            .with("filter", (!self.filter.is_all()).then(|| self.filter.text()))
            .with("depth", self.depth)
    }

    /// Appends how the count was made: `cached_at`, `job_id`, `deduplicated`, `count_error`, `elapsed_us` and
    /// `other_priorities_depth`.
    pub(in crate::commands) fn with_origin(&self, map: MapBuilder, count: &Count) -> MapBuilder {
        map.with("cached_at", count.cached_at)
            .with("job_id", count.job_id.map(|id| id.to_string()))
            .with("deduplicated", count.deduplicated)
            .with("count_error", count.error.as_deref())
            .with("elapsed_us", now_ns().saturating_sub(self.accepted_ns) / 1_000)
            .with("other_priorities_depth", others_depth(self.ctx, self.command, self.target.keys()))
    }

    /// Returns the member `notice`: the notice of the count or, without one, the notice of the target; then, if a job counts,
    /// how to wait for the count.
    pub(in crate::commands) fn notice(&self, count: &Count) -> Option<String> {
        let known = count.notice.clone().or_else(|| self.target.notice());
        let unfinished = count.job_id.filter(|_| count.mode == CountMode::Job && count.matched.is_none());
        let next = unfinished.map(|id| here(self.ctx).after_count(id, &self.options.queue, "count"));
        let both: Vec<String> = [known, next].into_iter().flatten().collect();
        (!both.is_empty()).then(|| both.join("; "))
    }

    /// Returns the member `message_kind`.
    pub(in crate::commands) fn message_kind(&self) -> &'static str {
        self.target.messages.spec().name
    }

    /// Returns the member `priority`.
    pub(in crate::commands) fn priority(&self) -> Option<String> {
        self.options.priority.map(Priority::word)
    }

    /// Returns the member `source`.
    pub(in crate::commands) fn counted_by(count: &Count) -> Option<&'static str> {
        count.counted_by.map(CountedBy::word)
    }

    /// Returns the member `ages`: what the indexes of the lists know when the reply is made.
    pub(in crate::commands) fn ages(&self) -> Reply {
        let lists = self.target.lists.iter().filter(|_| self.target.storage.is_listed());
        let lists = lists.map(|(list, len)| (list.key.as_slice(), *len));
        Ages::shown(index::ages_of_lists(self.target.db, lists))
    }

    /// Returns the member `container`.
    pub(in crate::commands) fn container(&self) -> Option<Container> {
        self.container
    }
}
