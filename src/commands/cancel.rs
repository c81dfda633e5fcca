//! QADMIN.CANCEL: ends jobs before their next slice.

use qadmin_core::error::{EndReason, Error, JobError, ServerError};
use qadmin_core::job::{Job, JobKind, JobStatus, Member};
use qadmin_core::reply::Reply;
use qadmin_core::request::{Cancel, CommandSpec, Target, commands};
use qadmin_core::tokens::TokenKeys;
use uuid::Uuid;

use super::short_id::id_of;
use super::status::{FoundJob, find};
use super::{Answer, needs_commands};
use crate::entry;
use crate::redis::acl::Access;
use crate::redis::caller::Caller;
use crate::redis::{Ctx, server};
use crate::rights::{self, Need, needs_of, starter};
use crate::state::State;

pub(super) fn run(ctx: Ctx<'_>, request: &Cancel) -> Result<Answer, Error> {
    let caller = ctx.caller();
    let of_queue = |queue: &[u8]| request.queue.as_deref().is_none_or(|wanted| wanted == queue);
    entry::with(|state| {
        let ids: Vec<_> = match request.target {
            Target::One(job) => {
                let queue = request.queue.as_deref();
                let id = id_of(state, ctx, &commands::CANCEL, &job, queue)?;
                let found = find_own(state, ctx, &commands::CANCEL, id, queue)?;
                if state.registry.find_live(id).is_none() {
                    // The job has ended, or there is only a record: nothing to change.
                    return Ok(Answer::Reply(found.map(ctx), request.format));
                }
                vec![id]
            }
            Target::All => state
                .registry
                .live()
                .iter()
                .filter(|job| of_queue(&job.start().queue))
                .filter(|job| {
                    let tokens = TokenKeys::of(job.start());
                    may_end(&caller, &commands::CANCEL, job.start().kind, &needs_of(job, &tokens))
                })
                .map(Job::id)
                .collect(),
        };
        for id in &ids {
            if let Some(job) = state.registry.find_live(*id) {
                job.request_cancel();
            }
        }
        state.end_jobs(|job| ids.contains(&job.id()), |_| (JobStatus::Cancelled, EndReason::Cancelled));
        let mut maps = Vec::new();
        for id in &ids {
            if let Some(found) = find(state, ctx, *id, None) {
                maps.push(found.map(ctx));
            }
        }
        let reply = match request.target {
            Target::One(_) => maps.pop().ok_or(ServerError::Internal)?,
            Target::All => Reply::List(maps),
        };
        Ok(Answer::Reply(reply, request.format))
    })?
}

/// Returns what is known of a job that the caller may end, pause or change by this command.
pub(super) fn find_own(
    state: &mut State,
    ctx: Ctx<'_>,
    command: &CommandSpec,
    id: Uuid,
    queue: Option<&[u8]>,
) -> Result<FoundJob, Error> {
    let unknown = || {
        Error::Job(JobError::NoJob {
            id: id.to_string().into_bytes(),
            give_queue: ctx.flags().cluster() && queue.is_none(),
        })
    };
    let Some(found) = find(state, ctx, id, queue) else {
        needs_commands(server::RECORD_READ)?;
        return Err(unknown());
    };
    let of = found.record.text(Member::Queue);
    if queue.is_some_and(|queue| queue != of) {
        return Err(unknown());
    }
    let kind = JobKind::parse(found.record.text(Member::Kind)).unwrap_or(JobKind::Clear);
    let access = if kind.is_recorded() { Access::TakeOut } else { Access::Read };
    let live = state.registry.find_live(id);
    let tokens = live.as_ref().map(|job| TokenKeys::of(job.start())).unwrap_or_default();
    let needs = match &live {
        Some(job) => needs_of(job, &tokens),
        None => found.needs(access),
    };
    let caller = ctx.caller();
    rights::check(ctx, &caller, command, &to_end(&needs))?;
    rights::check(ctx, &caller, starter(kind), &needs)?;
    Ok(found)
}

/// Returns whether the caller may end such a job: a user who may start one may end one, by a command that may read
/// its keys.
fn may_end(caller: &Caller, command: &CommandSpec, kind: JobKind, needs: &[Need<'_>]) -> bool {
    rights::may(caller, command, &to_end(needs)) && rights::may(caller, starter(kind), needs)
}

/// Returns the permissions that the command needs, given those that the job needs: the command removes no
/// messages.
fn to_end<'a>(needs: &[Need<'a>]) -> Vec<Need<'a>> {
    let less = |access| match access {
        Access::TakeOut => Access::Read,
        Access::TakeOutAny => Access::ReadAny,
        Access::Read | Access::ReadAny | Access::Add => access,
    };
    needs.iter().map(|(key, access)| (*key, less(*access))).collect()
}
