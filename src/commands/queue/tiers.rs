//! Gets the count for commands that count messages. A command that requests no count gets none. Otherwise the
//! first of these that is available is used: the indexes of the lists, a cached count, 0 if the target has no
//! messages, a live job that makes the same count, a completed job that made the same count, and a new job.
//!
//! If the target is short enough the client waits for the job; otherwise the reply has the id of the job. A
//! client that waits does not block the server.

use std::fmt::Debug;

use qadmin_core::error::{EndReason, Error, ServerError};
use qadmin_core::job::{Job, JobStatus, JobTarget, Member};
use qadmin_core::reply::Reply;
use qadmin_core::request::{CountRequest, Format, SampleOptions};
use uuid::Uuid;

use super::super::Answer;
use super::recognise::looks_like;
use super::reply::{Count, CountMode, Pending, Source};
use super::{indexed, target};
use crate::engine::Newcomer;
use crate::entry;
use crate::redis::acl::Access;
use crate::redis::clock::{now_ms, now_ns};
use crate::redis::{Ctx, block};
use crate::settings;
use crate::state::State;
use crate::waiters::{CountWait, WaitFor};

/// A command that counts messages and changes nothing.
pub(in crate::commands) trait CountCommand: CountRequest + Debug {
    /// Whether completed counts are cached, so that they answer equal commands after their job is forgotten.
    const IS_CACHED: bool;

    /// Makes the reply. `count` has the numbers; `source` says where rows or groups are.
    fn reply(&self, pending: &Pending<'_>, count: Count, source: &Source<'_>) -> Reply;

    /// Returns the entry of a client that waits for this command's count.
    fn wait(wait: Box<CountWait<Self>>) -> WaitFor;
}

/// Runs a command that counts messages.
pub(in crate::commands) fn run<C: CountCommand>(ctx: Ctx<'_>, request: &C) -> Result<Answer, Error> {
    let accepted_ns = now_ns();
    let target = target::find(ctx, request.target(), C::COMMAND, Access::Read)?;
    target::check_arrivals(&target, request.arrival_field())?;
    let digest = request.key(&target);
    let query = Query { ctx, request, target: &target, digest, accepted_ns };
    entry::with(|state| query.answer(state))?
}

/// An accepted command, with the key by which equal commands find each other.
struct Query<'a, C> {
    ctx: Ctx<'a>,
    request: &'a C,
    target: &'a JobTarget,
    digest: [u8; 32],
    accepted_ns: u64,
}

impl<C: CountCommand> Query<'_, C> {
    fn answer(&self, state: &mut State) -> Result<Answer, Error> {
        let Self { ctx, request, target, digest, .. } = *self;
        if request.skips_count() {
            return Ok(self.without_count(Count::unknown(CountMode::Skipped)));
        }
        if let Some(answer) = self.indexed_answer() {
            return Ok(answer);
        }
        if let Some(answer) = self.cached_answer(state) {
            return Ok(answer);
        }
        if target.depth() == 0 {
            // There is nothing to scan, so the client need not wait.
            return Ok(self.reply(Count::zero(), &Source::Empty));
        }
        let waits = self.can_wait(state);
        if let Some(job) = state.registry.equal_live(&digest, sample_fields(request))
            && (!request.busts() || job.read_all())
        {
            job.want_sample(request.sample().map_or(0, |sample| sample.rows));
            let id = job.id();
            if !waits {
                job.publish_id();
            }
            state.totals.joins += 1;
            return self.answer_by_job(state, id, waits, true);
        }
        if let Some(answer) = self.answer_of_completed_job(state) {
            return Ok(answer);
        }
        if C::IS_CACHED {
            state.totals.cache_misses += 1;
        }
        if let Err(error) = state.room_for(ctx, Newcomer::Count) {
            return Ok(self.without_count(Count::failed(error.to_string())));
        }
        if request.busts() {
            // Earlier counts must not answer requests from now on.
            state.caches.forget(&digest);
            state.registry.mark_stale(|job| job.digest == digest);
        }
        let accepted = target::accepted(ctx.caller(), Uuid::new_v4(), target.clone(), digest);
        let mut job = Job::new(request.start(accepted)?);
        let id = job.id();
        if !waits {
            job.publish_id();
        }
        state.start(ctx, job);
        self.answer_by_job(state, id, waits, false)
    }

    /// Returns whether the client waits for the count of a job and does not get its id at once.
    fn can_wait(&self, state: &State) -> bool {
        let settings = settings::now();
        self.target.depth() <= settings.inline_limit()
            && settings.inline_wait_ms() > 0
            && !self.ctx.flags().cannot_block()
            && state.waiters.has_room_for(CountWait::bytes_of(self.request, self.target))
    }

    /// Answers from the indexes, unless the command requests that the messages are read.
    fn indexed_answer(&self) -> Option<Answer> {
        let Self { ctx, request, target, digest, .. } = *self;
        if !indexed::may_answer(request, target) {
            return None;
        }
        let accepted = target::accepted(ctx.caller(), Uuid::new_v4(), target.clone(), digest);
        let (count, indexed) = indexed::count(ctx, request, target, request.start(accepted).ok()?)?;
        Some(self.reply(count, &Source::Indexes(&indexed)))
    }

    /// Answers from the cache, unless the command requests a new count.
    fn cached_answer(&self, state: &mut State) -> Option<Answer> {
        if !C::IS_CACHED || self.request.busts() {
            return None;
        }
        let ttl_ms = i64::try_from(settings::now().cache_ttl_ms()).unwrap_or(i64::MAX);
        let count = Count::cached(state.caches.get(&self.digest, now_ms(), ttl_ms)?);
        state.totals.cache_hits += 1;
        let found = state.registry.found(&self.digest, sample_fields(self.request));
        Some(self.reply(count, &Source::Before { job: None, found }))
    }

    /// Answers with an equal job that completed within `job-lock-ttl`, unless the command requests a new
    /// count.
    fn answer_of_completed_job(&self, state: &mut State) -> Option<Answer> {
        if self.request.busts() {
            return None;
        }
        let lock_ms = i64::try_from(settings::now().job_lock_ttl_ms()).unwrap_or(i64::MAX);
        let job = state.registry.equal_completed(&self.digest, now_ms().saturating_sub(lock_ms))?;
        state.totals.joins += 1;
        let count = Count {
            job_id: Some(job.id),
            deduplicated: true,
            ..Count::completed(CountMode::Job, &job.record)
        };
        let found = state.registry.found(&self.digest, sample_fields(self.request));
        Some(self.reply(count, &Source::Before { job: Some(job), found }))
    }

    /// Blocks the client until a job ends, or replies with the id of the job.
    fn answer_by_job(
        &self,
        state: &mut State,
        id: Uuid,
        waits: bool,
        deduplicated: bool,
    ) -> Result<Answer, Error> {
        if !waits {
            let job = state.registry.find_live(id).ok_or(ServerError::Internal)?;
            return Ok(self.without_count(Count { deduplicated, ..Count::running(job) }));
        }
        // These messages are read now, and not in the turn of the event loop in which many clients are
        // unblocked at once.
        let looks_like = self.request.sample().and_then(|_| looks_like(self.ctx, self.target));
        let client = block::block(self.ctx, settings::now().inline_wait_ms()).ok_or(ServerError::Internal)?;
        let wait = CountWait {
            bytes: CountWait::bytes_of(self.request, self.target),
            request: self.request.clone(),
            target: self.target.clone(),
            looks_like,
            accepted_ns: self.accepted_ns,
            deduplicated,
        };
        state.waiters.add(client, id, C::wait(Box::new(wait)));
        Ok(Answer::Later)
    }

    fn without_count(&self, count: Count) -> Answer {
        self.reply(count, &Source::NoCount { rows: None })
    }

    fn reply(&self, count: Count, source: &Source<'_>) -> Answer {
        let Self { ctx, request, target, accepted_ns, .. } = *self;
        let pending = Pending {
            ctx,
            command: C::COMMAND,
            options: request.target(),
            filter: request.filter(),
            target,
            container: target.container(),
            depth: target.depth(),
            accepted_ns,
            waited: None,
        };
        Answer::Reply(request.reply(&pending, count, source), request.target().format)
    }
}

/// Returns the fields that the rows of a request show, if the request chose them.
fn sample_fields<C: CountRequest>(request: &C) -> Option<&[Vec<u8>]> {
    request.sample().and_then(|SampleOptions { fields, .. }| fields)
}

/// Returns the reply to a client that waited, and the format of the reply. Either the job has ended, or the
/// time of the client is up and the scan continues without it.
pub(in crate::commands) fn after_wait<C: CountCommand>(
    state: &mut State,
    ctx: Ctx<'_>,
    id: Uuid,
    wait: &CountWait<C>,
) -> (Reply, Format) {
    (reply_after_wait(state, ctx, id, wait), wait.request.target().format)
}

fn reply_after_wait<C: CountCommand>(
    state: &mut State,
    ctx: Ctx<'_>,
    id: Uuid,
    wait: &CountWait<C>,
) -> Reply {
    let CountWait { request, deduplicated, .. } = wait;
    ctx.select(wait.target.db);
    // The keys may hold something else by now. The count is still sent.
    let target = target::now(ctx, &wait.target);
    let pending = Pending {
        ctx,
        command: C::COMMAND,
        options: request.target(),
        filter: request.filter(),
        target: &target,
        // The container is that of the time when the command was accepted: a client waits only for a target
        // that held messages.
        container: wait.target.container(),
        depth: target.depth(),
        accepted_ns: wait.accepted_ns,
        waited: Some(wait.looks_like),
    };
    let reply = |count: Count, source: &Source<'_>| {
        request.reply(&pending, Count { deduplicated: *deduplicated, ..count }, source)
    };
    if let Some(job) = state.registry.find_live(id) {
        job.publish_id();
        let may_sample = request.sample().is_none() || state.waiters.may_sample();
        let rows = (!may_sample).then(|| job.sample());
        return reply(Count::running(job), &Source::NoCount { rows });
    }
    let Some(job) = state.registry.find_ended(id, now_ms()) else {
        let may_sample = request.sample().is_none() || state.waiters.may_sample();
        let rows = (!may_sample).then(|| Reply::List(Vec::new()));
        return reply(Count::failed(EndReason::Internal.to_string()), &Source::NoCount { rows });
    };
    if job.record.status() == JobStatus::Completed {
        // Rows and groups show the queue at the end of the job. Commands may have run between then and the
        // moment at which the server unblocked this client. Positions and depth must be of one moment, so
        // this depth is that of the end of the job, too.
        let depth = u64::try_from(job.record.int(Member::QueueDepth)).unwrap_or(0);
        let count = Count::completed(CountMode::Synchronous, &job.record);
        let count = Count { deduplicated: *deduplicated, ..count };
        return request.reply(&Pending { depth, ..pending }, count, &Source::Waited(job));
    }
    let may_sample = request.sample().is_none() || state.waiters.may_sample();
    let rows = (!may_sample).then(|| job.sample.clone());
    let error = String::from_utf8_lossy(job.record.text(Member::Error)).into_owned();
    reply(Count::failed(error), &Source::NoCount { rows })
}
