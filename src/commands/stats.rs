//! QADMIN.STATS: a count by the values of fields.

use qadmin_core::container::Container;
use qadmin_core::error::{EndReason, Error, ServerError};
use qadmin_core::filter::Projection;
use qadmin_core::job::{Groups, Job, Kind, Member, Origin, Record, Start, Status, Terms};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::{List, Priority};
use qadmin_core::reply::Reply;
use qadmin_core::request::{Stats, commands};
use qadmin_core::scan::Effect;
use uuid::Uuid;

use super::Answer;
use super::lists::{Over, depth_now, others_depth};
use super::preview::How;
use super::unacked::{Unacked, Words};
use crate::engine::Newcomer;
use crate::entry;
use crate::redis::acl::Access;
use crate::redis::clock::{now_ms, now_ns};
use crate::redis::{Ctx, block};
use crate::settings;
use crate::state::State;
use crate::waiters::{For, StatsWait};

/// What is known of the count when the reply is made.
#[derive(Debug)]
struct Count {
    /// Of the job that counted; absent while there is no count.
    record: Option<Record>,
    groups: Groups,
    /// When it was counted, where that was for somebody else and is over.
    cached_at: Option<i64>,
    job_id: Option<Uuid>,
    deduplicated: bool,
    error: Option<String>,
}

impl Count {
    /// No count (yet).
    fn none(deduplicated: bool) -> Self {
        Self { record: None, groups: Groups::NONE, cached_at: None, job_id: None, deduplicated, error: None }
    }

    fn failed(error: &str, deduplicated: bool) -> Self {
        Self { error: Some(error.to_owned()), ..Self::none(deduplicated) }
    }
}

pub(super) fn run(ctx: Ctx<'_>, request: &Stats) -> Result<Answer, Error> {
    let accepted_ns = now_ns();
    let settings = settings::now();
    let db = ctx.db();
    let words = Words::new(&request.queue, request.index.as_deref(), request.kind, request.priority);
    let over = Over::find(ctx, &words, &commands::STATS, Access::Read)?;
    // From here on it says which index it means.
    let request = &Stats { index: over.index(), ..request.clone() };
    let (depth, container) = (over.depth(), over.container(request.priority));
    let Over { held, kind, lists: over } = over;
    let lists: Vec<List> = over.iter().map(|(list, _)| list.clone()).collect();
    let digest = request.key(db, kind, &lists);
    let asked =
        Asked { ctx, request, kind, lists: &lists, container, held: held.as_ref(), depth, accepted_ns };
    let answer = |how, count| Ok(Answer::Reply(asked.reply(how, count), request.format));
    entry::with(|state| {
        if depth == 0 {
            // Nothing to scan, so nothing to wait for, wherever the command comes from.
            return Ok(Answer::Reply(asked.of_nothing(), request.format));
        }
        let inline = depth <= settings.inline_limit()
            && settings.inline_wait_ms() > 0
            && !ctx.flags().cannot_block()
            && state.waiters.has_room_for(StatsWait::bytes(request, &lists));
        let (id, deduplicated) = if let Some(job) = state.registry.equal_live(&digest, None) {
            state.totals.joins += 1;
            (job.id(), true)
        } else {
            if !request.bust {
                let lock = i64::try_from(settings.job_lock_ttl_ms()).unwrap_or(i64::MAX);
                let since = now_ms().saturating_sub(lock);
                if let Some(job) = state.registry.equal_completed(&digest, since) {
                    let count = Count {
                        record: Some(job.record.clone()),
                        groups: job.groups.clone(),
                        cached_at: Some(job.record.int(Member::CompletedAt)),
                        job_id: Some(job.id),
                        ..Count::none(true)
                    };
                    state.totals.joins += 1;
                    return answer(How::Job, count);
                }
            }
            if let Err(error) = state.room_for(ctx, Newcomer::Look) {
                return answer(How::Failed, Count::failed(&error.to_string(), false));
            }
            // Renews: what was counted before this is not given to anybody any more.
            state.registry.make_stale(|job| job.digest == digest);
            let job = new_job(ctx, request, kind, db, digest, (over.clone(), held.as_ref()))?;
            let id = job.id();
            state.start(ctx, job);
            (id, false)
        };
        if !inline {
            if let Some(job) = state.registry.find_live(id) {
                job.hand_out();
            }
            return answer(How::Job, Count { job_id: Some(id), ..Count::none(deduplicated) });
        }
        let client = block::block(ctx, settings.inline_wait_ms()).ok_or(ServerError::Internal)?;
        let lists = lists.clone();
        let wait = StatsWait { request: request.clone(), kind, lists, db, accepted_ns, deduplicated };
        state.waiters.add(client, id, For::Stats(Box::new(wait)));
        Ok(Answer::Later)
    })?
}

fn new_job(
    ctx: Ctx<'_>,
    request: &Stats,
    kind: MessageKind,
    db: i32,
    digest: [u8; 32],
    (lists, held): (Vec<(List, u64)>, Option<&Unacked>),
) -> Result<Job, Error> {
    let caller = ctx.caller();
    Ok(Job::new(Start {
        id: Uuid::new_v4(),
        kind: Kind::Stats,
        db,
        queue: request.queue.clone(),
        priority: request.priority,
        lists,
        messages: kind,
        filter: request.filter.clone(),
        projection: Projection::of(kind, kind.spec().sample)?,
        fields: None,
        sample: 0,
        grouping: Some(request.grouping.clone()),
        top: request.top,
        effect: Effect::Group,
        terms: Terms { inexact: request.inexact, ..Terms::default() },
        dry_run: false,
        origin: Origin { user: caller.user, client: caller.client, ..Origin::default() },
        digest,
        unacked: held.map(|held| held.start.clone()),
        now_ms: now_ms(),
        now_ns: now_ns(),
    }))
}

/// One command on its way to a reply.
struct Asked<'a> {
    ctx: Ctx<'a>,
    request: &'a Stats,
    kind: MessageKind,
    lists: &'a [List],
    /// What kind of storage that is; `None` where nothing tells.
    container: Option<Container>,
    /// Where workers hold the messages.
    held: Option<&'a Unacked>,
    depth: u64,
    accepted_ns: u64,
}

impl Asked<'_> {
    fn reply(&self, how: How, count: Count) -> Reply {
        let get = |member| count.record.as_ref().map_or(Reply::Null, |record| record.get(member).clone());
        let counts = [
            Member::Processed,
            Member::Matched,
            Member::MatchedBytes,
            Member::Undecodable,
            Member::Unreadable,
            Member::Drifted,
            Member::Inexact,
        ];
        self.map(how, counts.map(get), get(Member::Notice), count)
    }

    fn of_nothing(&self) -> Reply {
        let count = Count { groups: Groups::empty(), ..Count::none(false) };
        self.map(How::Synchronous, [0; 7].map(Reply::Int), Reply::Null, count)
    }

    fn map(&self, how: How, counts: [Reply; 7], notice: Reply, count: Count) -> Reply {
        let [total, matched, matched_bytes, undecodable, unreadable, drifted, inexact] = counts;
        let filter = &self.request.filter;
        let notice = match (self.held, notice) {
            (Some(held), Reply::Null) => held.notice(None).into(),
            (_, notice) => notice,
        };
        Reply::map()
            .with("mode", how.as_str())
            .with("queue", self.request.queue.as_slice())
            .with("filter", (!filter.is_all()).then(|| filter.canonical()))
            .with("depth", self.depth)
            .with("total", total)
            .with("matched", matched)
            .with("matched_bytes", matched_bytes)
            .with("groups", count.groups.groups)
            .with("other", count.groups.other)
            .with("groups_total", count.groups.total)
            .with("undecodable", undecodable)
            .with("unreadable", unreadable)
            .with("drifted", drifted)
            .with("cached_at", count.cached_at)
            .with("job_id", count.job_id.map(|id| id.to_string()))
            .with("deduplicated", count.deduplicated)
            .with("count_error", count.error)
            .with("elapsed_us", now_ns().saturating_sub(self.accepted_ns) / 1_000)
            .with(
                "other_priorities_depth",
                others_depth(self.ctx, &commands::STATS, self.lists.iter().map(|list| list.key.as_slice())),
            )
            .with("notice", notice)
            .with("message_kind", self.kind.spec().name)
            .with("inexact", inexact)
            .with("priority", self.request.priority.map(Priority::word))
            .with("container", self.container)
            .build()
    }
}

/// The reply to a client that waited: its job ended, or its time is up and the scan goes on without it.
pub(crate) fn after_wait(state: &mut State, ctx: Ctx<'_>, id: Uuid, wait: &StatsWait) -> Reply {
    ctx.select(wait.db);
    let request = &wait.request;
    let held = request.index.as_ref().map(|index| Unacked::again(ctx, &request.queue, index));
    // The queue may hold something else by now; that is no reason to keep the count back.
    let depth = match &held {
        Some(held) => held.len,
        None => depth_now(ctx, wait.lists.iter().map(|list| list.key.as_slice())),
    };
    // A client waits only for a queue that held messages when its command was accepted.
    let asked = Asked {
        ctx,
        request,
        kind: wait.kind,
        lists: &wait.lists,
        container: Container::of(held.is_some(), request.priority, true),
        held: held.as_ref(),
        depth,
        accepted_ns: wait.accepted_ns,
    };
    let deduplicated = wait.deduplicated;
    if let Some(job) = state.registry.find_live(id) {
        job.hand_out();
        return asked.reply(How::Job, Count { job_id: Some(id), ..Count::none(deduplicated) });
    }
    let Some(job) = state.registry.find_ended(id, now_ms()) else {
        return asked.reply(How::Failed, Count::failed(&EndReason::Internal.to_string(), deduplicated));
    };
    if job.record.status() == Status::Completed {
        // Indexes and depth must be of one moment, that of the job's end.
        let asked = Asked { depth: u64::try_from(job.record.int(Member::QueueDepth)).unwrap_or(0), ..asked };
        let (record, groups) = (Some(job.record.clone()), job.groups.clone());
        return asked.reply(How::Synchronous, Count { record, groups, ..Count::none(deduplicated) });
    }
    let error = String::from_utf8_lossy(job.record.text(Member::Error)).into_owned();
    asked.reply(How::Failed, Count::failed(&error, deduplicated))
}
