//! QADMIN.CANCEL: ends jobs before their next slice.

use qadmin_core::error::Error;
use qadmin_core::job::{Job, Kind, Status};
use qadmin_core::reply::Reply;
use qadmin_core::request::{Cancel, Target, commands};
use uuid::Uuid;

use super::status::{Found, find};
use super::{Answer, denied, may_read};
use crate::engine::may_undo;
use crate::redis::Ctx;
use crate::redis::acl::{self, Right};
use crate::redis::ctx::Caller;
use crate::state::{self, State};

pub(super) fn run(ctx: Ctx<'_>, request: &Cancel) -> Result<Answer, Error> {
    let caller = ctx.caller();
    let of_queue = |queue: &[u8]| request.queue.as_deref().is_none_or(|wanted| wanted == queue);
    state::with(|state| {
        let ids: Vec<_> = match request.target {
            Target::One(id) => {
                let found = find_own(state, ctx, &caller, id, request.queue.as_deref())?;
                if state.registry.find_live(id).is_none() {
                    // Ended, or a record without a job: nothing to change.
                    return Ok(Answer::Reply(found.map(), request.format));
                }
                vec![id]
            }
            Target::All => state
                .registry
                .live()
                .iter()
                .filter(|job| of_queue(&job.start().queue))
                .filter(|job| {
                    let may = |key| may_end(&caller, job.start().kind, key);
                    may(&job.start().queue) && job.keys().all(may)
                })
                .map(Job::id)
                .collect(),
        };
        for id in &ids {
            if let Some(job) = state.registry.find_live(*id) {
                job.request_cancel();
            }
        }
        state.end_jobs(|job| ids.contains(&job.id()), |_| (Status::Cancelled, Error::Cancelled));
        let mut maps = Vec::new();
        for id in &ids {
            if let Some(found) = find(state, ctx, *id, None) {
                maps.push(found.map());
            }
        }
        let reply = match request.target {
            Target::One(_) => maps.pop().ok_or(Error::Internal)?,
            Target::All => Reply::List(maps),
        };
        Ok(Answer::Reply(reply, request.format))
    })?
}

/// What is known of a job that the caller may end or hold.
pub(super) fn find_own(
    state: &mut State,
    ctx: Ctx<'_>,
    caller: &Caller,
    id: Uuid,
    queue: Option<&[u8]>,
) -> Result<Found, Error> {
    let unknown = || Error::NoJob {
        id: id.to_string().into_bytes(),
        give_queue: ctx.flags().cluster() && queue.is_none(),
    };
    let found = find(state, ctx, id, queue).ok_or_else(unknown)?;
    let of = found.record.text("queue");
    if queue.is_some_and(|queue| queue != of) {
        return Err(unknown());
    }
    let kind = Kind::parse(found.record.text("kind")).unwrap_or(Kind::Clear);
    if let Some(key) = found.keys.iter().find(|key| !may_end(caller, kind, key)) {
        return Err(denied(ctx, caller, key));
    }
    Ok(found)
}

/// Whoever may start such a job may end it.
fn may_end(caller: &Caller, kind: Kind, queue: &[u8]) -> bool {
    let Some(user) = &caller.user else { return !caller.unknown };
    match kind {
        Kind::Preview | Kind::Stats => may_read(caller, queue),
        Kind::Undo => may_undo(user, queue),
        Kind::Clear => acl::may_call(user, &[commands::CLEARJOB.name.as_bytes(), queue]) == Right::Granted,
    }
}
