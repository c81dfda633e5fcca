//! QADMIN.QUEUES: the queues of the selected database.

use qadmin_core::error::{Error, JobError, RequestError, ServerError};
use qadmin_core::request::{Queues, commands};

use super::Answer;
use crate::entry;
use crate::redis::{Ctx, block};
use crate::waiters::{WAITERS_MAX, WaitFor};
use crate::walk::{WALK_MAX_MS, WALKS_MAX, Walk};

pub(super) fn run(ctx: Ctx<'_>, request: &Queues) -> Result<Answer, Error> {
    let caller = ctx.caller();
    if caller.user.is_none() || ctx.flags().script() {
        // The user is unknown whose permissions would decide what is listed.
        return Err(RequestError::NotClient { command: commands::QUEUES.name }.into());
    }
    // The first slice runs at once; most keyspaces need no other.
    let mut walk = Walk::new(ctx, caller, request)?;
    walk.slice(ctx);
    if walk.has_ended() || ctx.flags().cannot_block() {
        return Ok(Answer::Reply(walk.reply(), request.format));
    }
    entry::with(|state| {
        if state.walks.len() >= WALKS_MAX || state.waiters.len() >= WAITERS_MAX {
            return Err(JobError::TooManyWalks { max: WALKS_MAX }.into());
        }
        let client = block::block(ctx, WALK_MAX_MS).ok_or(ServerError::Internal)?;
        state.waiters.add(client, walk.id, WaitFor::Queues(request.format));
        state.go_on(ctx, walk);
        Ok(Answer::Later)
    })?
}
