//! Replies to clients that waited for a job: when the job ends, when their time is up, and when they disconnect.

use qadmin_core::error::{EndReason, ServerError};
use uuid::Uuid;

use super::queue::tiers::after_wait;
use super::{send, show, status};
use crate::entry;
use crate::redis::block::{Blocked, ClientId};
use crate::redis::{Ctx, reply};
use crate::state::State;
use crate::waiters::WaitFor;

/// The job has ended: replies with its end.
pub(crate) fn ready(ctx: Ctx<'_>, client: ClientId) {
    answer(ctx, client);
}

/// The time is up: replies with the current state of the job.
pub(crate) fn timeout(ctx: Ctx<'_>, client: ClientId) {
    answer(ctx, client);
}

fn answer(ctx: Ctx<'_>, client: ClientId) {
    let answer = entry::with(|state| {
        let waiter = state.waiters.take(client).ok_or(ServerError::Internal)?;
        match waiter.what {
            WaitFor::Preview(wait) => Ok(after_wait(state, ctx, waiter.job, &wait)),
            WaitFor::Stats(wait) => Ok(after_wait(state, ctx, waiter.job, &wait)),
            WaitFor::Show(wait) => {
                let answer = show::after_wait(state, ctx, waiter.job, &wait);
                // Nobody else waits for this job.
                abandon(state, waiter.job);
                answer
            }
            WaitFor::Status(format) => {
                status::show(state, ctx, waiter.job, None).map(|reply| (reply, format))
            }
            WaitFor::Queues(format) => {
                let walk = state.walks.take(waiter.job).ok_or(ServerError::Internal)?;
                Ok((walk.reply(), format))
            }
        }
    });
    match answer.and_then(|answer| answer) {
        Ok((reply, format)) => send(ctx, reply, format),
        Err(error) => reply::error(ctx, &error),
    }
}

/// The client has disconnected: ends an inline preview, or the search of a SHOW, that nobody else asked for.
pub(crate) fn gone(client: ClientId) -> Option<Blocked> {
    entry::with(|state| {
        let mut waiter = state.waiters.take(client)?;
        let token = waiter.token.take();
        state.walks.take(waiter.job);
        abandon(state, waiter.job);
        token
    })
    .unwrap_or(None)
}

fn abandon(state: &mut State, id: Uuid) {
    if state.waiters.any(id) {
        return;
    }
    state.end_jobs(
        |job| job.id() == id && !job.is_id_published(),
        |_| (qadmin_core::job::JobStatus::Cancelled, EndReason::Cancelled),
    );
}
