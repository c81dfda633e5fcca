//! The members of STATUS, one row each, in the order in which replies show them.
//!
//! A row has the member, its name in replies and records, what kind of value it holds, and the function that computes the
//! value; the doc comment above it is the text in docs/commands/status.md. Everything else is derived from this table:
//! the reply of STATUS and JOBS, the record in memory and its hash in the keyspace. Events and audit entries list the
//! members that they repeat.
//!
//! To add a member:
//!
//! 1. Append a row at the end of the table, with a doc comment: what it is, its unit, when it is null. The order is a
//!    promise to clients, so a row never moves.
//! 2. Choose the constructor of [`Value`] by what the function returns. If several members need the same intermediate
//!    result, compute it once in [`View::new`].
//! 3. The tests in `tests/suite/docs.rs` and `tests/suite/replies` fail and print the rows of docs/commands/status.md and
//!    the snapshots that have to follow.

use crate::container::Container;
use crate::priorities::Priority;
use crate::reply::{Reply, int};

use super::Rate;
use super::view::View;

/// The value of a member: its kind, and the function that computes it.
#[derive(Clone, Copy)]
enum Value {
    /// Bytes that may be empty.
    Name(fn(&View<'_>) -> Vec<u8>),
    /// Bytes that are never empty, or null.
    Text(fn(&View<'_>) -> Option<Vec<u8>>),
    /// A number that is never negative.
    Count(fn(&View<'_>) -> u64),
    /// The same, or null.
    CountOrNull(fn(&View<'_>) -> Option<u64>),
    /// A number.
    Int(fn(&View<'_>) -> i64),
    /// The same, or null.
    IntOrNull(fn(&View<'_>) -> Option<i64>),
    /// 0 or 1.
    Flag(fn(&View<'_>) -> bool),
    /// A value that only STATUS shows and no record holds, and what it is.
    Shown(&'static str),
}

impl Value {
    /// The kind as the documentation names it.
    fn kind(self) -> &'static str {
        match self {
            Self::Name(_) => "text",
            Self::Text(_) => "text or null",
            Self::Count(_) | Self::Int(_) => "integer",
            Self::CountOrNull(_) | Self::IntOrNull(_) => "integer or null",
            Self::Flag(_) => "flag",
            Self::Shown(kind) => kind,
        }
    }

    fn compute(self, view: &View<'_>) -> Reply {
        match self {
            Self::Name(compute) => Reply::Text(compute(view)),
            Self::Text(compute) => Reply::opt(compute(view)),
            Self::Count(compute) => Reply::Int(int(compute(view))),
            Self::CountOrNull(compute) => Reply::opt(compute(view)),
            Self::Int(compute) => Reply::Int(compute(view)),
            Self::IntOrNull(compute) => Reply::opt(compute(view)),
            Self::Flag(compute) => Reply::flag(compute(view)),
            Self::Shown(_) => Reply::Null,
        }
    }

    /// Reads the value from a field of a record's hash, as [`Member::read`] says.
    fn read(self, field: Option<&[u8]>) -> Reply {
        let number = |bytes| std::str::from_utf8(bytes).ok().and_then(|digits| digits.parse::<i64>().ok());
        match self {
            Self::Name(_) => Reply::opt(field),
            Self::Text(_) => Reply::opt(field.filter(|bytes| !bytes.is_empty())),
            Self::Count(_) | Self::CountOrNull(_) | Self::Int(_) | Self::IntOrNull(_) => {
                Reply::opt(field.and_then(number))
            }
            Self::Flag(_) => Reply::flag(field == Some(b"1")),
            Self::Shown(_) => Reply::Null,
        }
    }
}

/// One row of the table.
struct Row {
    name: &'static str,
    doc: &'static str,
    value: Value,
}

/// Writes [`Member`] and [`TABLE`] from rows `/// doc`, `Member "name" Kind value;`.
macro_rules! members {
    ($($(#[doc = $doc:literal])+ $member:ident $name:literal $kind:ident $value:expr;)+) => {
        /// A member of STATUS. The order is that of the reply.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Member {
            $($(#[doc = $doc])+ $member,)+
        }

        #[allow(
            clippy::redundant_closure_for_method_calls,
            reason = "a method of a type with a lifetime is not a function pointer for every lifetime"
        )]
        static TABLE: [Row; Member::COUNT] =
            [$(Row { name: $name, doc: concat!($($doc),+), value: Value::$kind($value) },)+];

        impl Member {
            /// How many members there are.
            pub const COUNT: usize = [$($name),+].len();

            /// Every member, in the order of the reply.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$member),+];
        }
    };
}

members! {
    /// The id of the job, a UUID.
    JobId "job_id" Name |v| v.start.id.to_string().into();
    /// The command that started the job: `preview`, `clear`, `stats`, `undo`, or `show` for the search of a QADMIN.SHOW.
    Kind "kind" Name |v| v.start.kind.as_str().into();
    /// `pending` (no slice done yet), `running`, `paused`, `completed`, `cancelled`, `failed` or `interrupted`.
    Status "status" Name |v| v.job.status.as_str().into();
    /// Why the job makes no progress at the moment, one of the texts below or, of a paused job, how to continue it; null
    /// otherwise.
    Waiting "waiting" Text |v| v.job.waiting.map(Into::into);
    /// The name of the queue.
    Queue "queue" Name |v| v.start.queue.clone();
    /// The logical database of the queue.
    Db "db" Int |v| v.start.db.into();
    /// `count`, `all` or `keepone`.
    Mode "mode" Name |v| v.mode.into();
    /// 1 with DRYRUN: the job writes nothing to the queue.
    DryRun "dry_run" Flag |v| v.start.dry_run;
    /// 1 where `mode` is `keepone`.
    KeepOne "keep_one" Flag |v| v.keeps_one();
    /// The canonical text of the filter; null without a filter. Of a filter longer than 4,096 bytes an ended job keeps the
    /// first 4,096, after a mark that gives its length and its SHA-256.
    Filter "filter" Text |v| v.job.filter_kept.clone();
    /// The value of TASK; null without it.
    FilterTask "filter_task" Text |v| v.start.filter.task().map(Into::into);
    /// The value of REPOID as text; null without it.
    FilterRepoid "filter_repoid" Text |v| v.start.filter.repoid().map(Into::into);
    /// The value of COMMITID; null without it.
    FilterCommitid "filter_commitid" Text |v| v.start.filter.commitid().map(Into::into);
    /// The Redis user who started the job; null where the server does not name one.
    User "user" Text |v| v.start.origin.user.clone();
    /// The person or service that started the job, as ACTOR named it; null without ACTOR.
    Actor "actor" Text |v| v.start.origin.actor.clone();
    /// The connection that started the job, `id=7 addr=127.0.0.1:4242`; null where the server does not name it.
    Client "client" Text |v| v.start.origin.client.clone();
    /// The reason for the job, as REASON gave it; null without REASON.
    Reason "reason" Text |v| v.start.origin.reason.clone();
    /// When the job was accepted, Unix milliseconds.
    StartedAt "started_at" Int |v| v.start.now_ms;
    /// When the job last did a slice, was paused or resumed, or ended, Unix milliseconds.
    UpdatedAt "updated_at" Int |v| v.job.updated_ms;
    /// When the job ended, Unix milliseconds; null before.
    CompletedAt "completed_at" IntOrNull |v| v.job.completed_ms;
    /// Messages that the current pass set out to examine. At the end of a pass it is `processed` + `drifted`, except for a
    /// job that ended at its LIMIT.
    TotalEstimated "total_estimated" Count |v| v.counters.total;
    /// Messages in the queue, as of the last event or slice that told the job.
    QueueDepth "queue_depth" Count |v| v.job.scan.len();
    /// Messages that were examined in the current pass.
    Processed "processed" Count |v| v.counters.processed;
    /// Messages of the current pass that match.
    Matched "matched" Count |v| v.counters.matched;
    /// Messages that were removed from the queue or moved to another list, over all passes.
    Deleted "deleted" Count |v| v.counters.deleted;
    /// Matches of the current pass that the mode removes; of a dry run those that it would remove. Where EXPECT was
    /// exceeded, only what was removed before.
    WouldDelete "would_delete" Count |v| v.would_delete();
    /// The position of the match that KEEPONE keeps (-1 runs next); null where there is none, or a worker has taken it.
    KeptIndex "kept_index" IntOrNull |v| v.kept.map(|(_, index)| index);
    /// Messages that left the queue before they were examined. What LREM removed is counted once the next slice has found
    /// out where it was.
    Drifted "drifted" Count |v| v.counters.drifted;
    /// Messages that were pushed since the current pass began. For unacknowledged messages it has
    /// [a meaning of its own](../unacked.md#what-differs-from-a-queue).
    Arrived "arrived" Count |v| v.counters.arrived;
    /// Examined elements that are not a JSON object.
    Undecodable "undecodable" Count |v| v.counters.undecodable;
    /// Examined messages whose match could not be decided, because of their body. They are never removed.
    Unreadable "unreadable" Count |v| v.counters.unreadable;
    /// The size of the matches of the current pass, bytes.
    MatchedBytes "matched_bytes" Count |v| v.counters.matched_bytes;
    /// Passes that were begun: 1, plus one each time the queue was modified in place after the pass had begun to examine
    /// and the scan could not be certain of its position, plus one if the first pass only counts (EXPECT, KEEP NEWEST),
    /// plus one each time KEEP NEWEST had to count again.
    PassesRun "passes_run" Count |v| v.counters.passes_run;
    /// Messages that were examined over all passes.
    ExaminedTotal "examined_total" Count |v| v.counters.examined_total;
    /// What a reader of the counters should know, sentences separated by semicolons; null where there is nothing to say.
    Notice "notice" Text |v| v.notice.clone().map(Into::into);
    /// Progress in whole percent. It never falls, and is 100 only of a completed job.
    Progress "progress" Int |v| v.job.progress;
    /// Expected time until the job ends, milliseconds; 0 after its end; null until its speed is known.
    EtaMs "eta_ms" CountOrNull |v| v.eta_ms;
    /// Messages examined per second, on average since the job was accepted.
    PerSecond "per_second" Count |v| v.per_second;
    /// Slices that were done.
    Slices "slices" Count |v| v.job.costs.whole_us.count();
    /// The 99th percentile of the duration of a slice, microseconds; at most an eighth too high. The duration is that of
    /// the whole callback: seek, reads, deletions and record.
    SliceP99Us "slice_p99_us" Count |v| v.job.costs.whole_us.quantile(99);
    /// The longest duration of a slice, microseconds.
    SliceMaxUs "slice_max_us" Count |v| v.job.costs.whole_us.max();
    /// The longest time that a slice needed to reach its first message, microseconds.
    SeekMaxUs "seek_max_us" Count |v| v.job.costs.seek_max_us;
    /// The duration of all slices together, microseconds.
    MainThreadUs "main_thread_us" Count |v| v.job.costs.main_thread_ns / 1_000;
    /// 1 from the moment that CANCEL named the job.
    CancelRequested "cancel_requested" Flag |v| v.job.cancel_requested;
    /// The failure that ended the job, as `CODE text`; null where there was none.
    Error "error" Text |v| v.job.error.as_ref().map(|error| error.to_string().into());
    /// For previews and dry runs: some matches as in [PREVIEW](preview.md), with positions as of now or, of an ended job, of
    /// its end. Empty for others, and for jobs known from their record only.
    Sample "sample" Shown "list";
    /// Matches of the current pass that [a chord waits for](../celery.md#what-a-match-belongs-to). Null for stats and undos,
    /// which do not look for them, and where an [index](../index.md#values) counted matches that were not read.
    InChord "in_chord" CountOrNull |v| v.match_notice(|match_notices| match_notices.in_chord);
    /// Matches of the current pass that are members of a group; null as `in_chord`.
    InGroup "in_group" CountOrNull |v| v.match_notice(|match_notices| match_notices.in_group);
    /// Matches of the current pass with an `eta`; null as `in_chord`.
    WithEta "with_eta" CountOrNull |v| v.match_notice(|match_notices| match_notices.with_eta);
    /// Matches of the current pass that a worker gave back; null as `in_chord`.
    Redelivered "redelivered" CountOrNull |v| v.match_notice(|match_notices| match_notices.redelivered);
    /// For stats: the groups as in [STATS](stats.md#reply), of what was examined so far, with positions as of now or, of an
    /// ended job, of its end. Null for others, and for jobs known from their record only.
    Groups "groups" Shown "list or null";
    /// For stats: the matches outside of `groups`, as in [STATS](stats.md#reply); null as `groups`.
    Other "other" Shown "map or null";
    /// For stats: how many groups there are; null as `groups`, and where more groups were met than are kept.
    GroupsTotal "groups_total" Shown "integer or null";
    /// Which match KEEPONE keeps, `oldest` or `newest`; null for other modes.
    Keep "keep" Text |v| v.keeps_one().then(|| v.start.clear_options.keep.as_str().into());
    /// The fields of BY, separated by spaces; null without BY.
    By "by" Text |v| v.start.clear_options.by_text().map(Into::into);
    /// The value of LIMIT, messages; null without it.
    Limit "limit" CountOrNull |v| v.start.clear_options.limit;
    /// The most messages that the job removes per second, as RATE set it or [THROTTLE](throttle.md) changed it; null without
    /// a bound.
    Rate "rate" CountOrNull |v| v.job.rate.as_ref().map(Rate::per_second);
    /// The value of EXPECT, messages; null without it.
    Expect "expect" CountOrNull |v| v.start.clear_options.expect.map(|expect| expect.matches);
    /// The allowed overshoot of EXPECT, percent; null without EXPECT.
    Tolerance "tolerance" CountOrNull |v| v.start.clear_options.expect.map(|expect| expect.tolerance);
    /// Matches that the first, counting pass found (EXPECT, KEEP NEWEST); null until it is done, and for jobs without one.
    Counted "counted" CountOrNull |v| v.job.scan.counted();
    /// With BY: distinct values met so far; null without BY.
    Distinct "distinct" CountOrNull |v| v.keeps_each().then(|| v.job.scan.distinct());
    /// With BY: matches that are kept because one of the values that BY names cannot be read; null without BY.
    Unkeyed "unkeyed" CountOrNull |v| v.keeps_each().then_some(v.counters.unkeyed);
    /// The list that matches are moved to; null for a job that moves none.
    To "to" Text |v| v.start.clear_options.to.as_ref().map(|to| to.key.clone());
    /// 1 with FRONT: what is moved runs next in `to`.
    Front "front" Flag |v| v.start.clear_options.to.as_ref().is_some_and(|to| to.front);
    /// What the messages are read as: `celery`, `sidekiq`, `resque`, `laravel`, `taskiq`, `huey`, `dramatiq`, `rq`, `bullmq`, `bull` or `ids` ([kinds](../kinds.md)).
    MessageKind "message_kind" Text |v| Some(v.start.messages.spec().name.into());
    /// Messages of the current pass that match, or whose group is known, by
    /// [`argsrepr` or `kwargsrepr` alone](../filter.md#what-a-sender-shows-of-arguments). With INEXACT they are among
    /// `matched`, in a preview or stats without it they are not. Null for a clear without INEXACT, which does not look for
    /// them.
    Inexact "inexact" CountOrNull |v| v.start.reads_texts().then_some(v.counters.match_notices.inexact);
    /// The value of [PRIORITY](../priorities.md), `all` or a step; counts and depths are of all lists that the job covers.
    /// Null without PRIORITY.
    Priority "priority" Text |v| v.start.priority.map(|priority| Priority::word(priority).into());
    /// The step whose list holds the match at `kept_index`; null without PRIORITY, and where `kept_index` is null.
    KeptPriority "kept_priority" CountOrNull |v| v.kept.and_then(|(list, _)| v.job.step(list)).map(u64::from);
    /// For [unacknowledged messages](../unacked.md): the key of their index; then `drifted` is known at the end only. Null for
    /// other queues.
    IndexKey "index_key" Text |v| v.start.storage.index().map(|keys| keys.index.as_slice().into());
    /// The job's own share of the main thread, percent, as THROTTLE set it; null where the setting `duty` applies.
    Duty "duty" CountOrNull |v| v.job.duty;
    /// 1 with PARK: `to` is a list of the job's own.
    Parked "parked" Flag |v| v.start.clear_options.to.as_ref().is_some_and(|to| to.own);
    /// Of an [undo](undo.md): the id of the job that it undoes; null for others.
    Undoes "undoes" Text |v| v.start.clear_options.undo.map(|undo| undo.job.to_string().into());
    /// The id of the last job that undid this one; null where none did.
    UndoneBy "undone_by" Text |_| None;
    /// Of a job that was undone: how many of the messages that it moved are back. Of an undo: the same of the job that it
    /// undoes, with those that earlier undos moved back. Null for others.
    Undone "undone" CountOrNull |v| v.undone();
    /// The kind of storage that holds the messages: `list`; `lists` with PRIORITY ALL, several priority lists as one queue;
    /// `unacked`, the hash of [unacknowledged messages](../unacked.md); `sorted_set`, a [sorted set](../sorted-sets.md);
    /// `list_of_ids`, a list of ids whose messages are elsewhere ([AS dramatiq](../dramatiq.md), [AS rq](../rq.md), [AS
    /// bullmq](../bull.md), [AS asynq](../asynq.md), [AS saq](../saq.md)); `sorted_set_of_ids`, a [sorted set of such ids](../sets-of-ids.md). Null
    /// where no such key existed when the job was accepted and the command does not say what it would be (PRIORITY,
    /// INDEX, AS dramatiq, AS rq, AS bullmq, AS asynq and AS saq do).
    Container "container" Text |v| v.start.container().map(|container| Container::word(container).into());
    /// Where the numbers come from: `index` where an [index](../index.md#values) excluded messages, which
    /// were then not read; `scan` where every message was read. Null for a job that an earlier version
    /// recorded.
    Source "source" Text |v| Some(if v.job.was_guided() { "index" } else { "scan" }.into());
    /// What the [indexes](../index.md) of the lists know now of messages that wait: see [PREVIEW](preview.md#ages). Null
    /// where a list with messages has no index that can answer. Only STATUS, CANCEL, PAUSE, RESUME and THROTTLE show it.
    Ages "ages" Shown "map or null";
    /// Of a clear that [continues](resume.md#interrupted-clears) an interrupted one: the id of that job; null for others.
    Continues "continues" Text |v| v.start.continues.map(|before| before.job.to_string().into());
    /// Of an interrupted clear: the id of the job that continues it; null where none does.
    ContinuedBy "continued_by" Text |_| None;
    /// Of a clear that continues an interrupted one: the messages that all jobs before it removed or moved, together. They
    /// are not in `deleted`. Null for others.
    DeletedBefore "deleted_before" CountOrNull |v| v.start.continues.map(|before| before.deleted);
}

impl Member {
    /// What matches belong to, in the order of [`crate::match_notices::MatchNoticeCounts::values`].
    pub const MATCH_NOTICES: [Self; 4] = [Self::InChord, Self::InGroup, Self::WithEta, Self::Redelivered];

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Its name in replies and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What it is, its unit, and when it is null: one line of Markdown for docs/commands/status.md.
    #[must_use]
    pub fn doc(self) -> &'static str {
        self.row().doc.trim_start()
    }

    /// Its kind, as docs/commands/status.md names it: `text`, `integer`, `flag`, `list` or `map`, or one of them
    /// `or null`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        self.row().value.kind()
    }

    /// Whether records hold it. What they do not hold is large and changes with every message: only STATUS shows it.
    #[must_use]
    pub fn is_recorded(self) -> bool {
        !matches!(self.row().value, Value::Shown(_))
    }

    /// The members that records hold, in the order of the reply.
    pub fn recorded() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|member| member.is_recorded())
    }

    /// Computes the value; null for one that no record holds.
    pub(super) fn compute(self, view: &View<'_>) -> Reply {
        self.row().value.compute(view)
    }

    /// Reads the value from a field of a record's hash. `None` stands for a missing field, as in the record of an earlier
    /// version that did not have the member: the value is null then, of a flag 0.
    pub(super) fn read(self, field: Option<&[u8]>) -> Reply {
        self.row().value.read(field)
    }
}

#[cfg(test)]
mod tests;
