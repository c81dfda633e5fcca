//! QADMIN.PAUSE and THROTTLE, and what RESUME shares with them: the control of live jobs. They change the job in memory; its record is
//! written later from the hook.

use qadmin_core::error::{Error, ServerError};
use qadmin_core::job::{Job, JobEvent};
use qadmin_core::request::{CommandSpec, Format, JobName, Pause, Throttle, commands};

use super::Answer;
use super::cancel::find_own;
use super::short_id::id_of;
use super::status::find;
use crate::entry;
use crate::record::{PendingWrite, queue_write};
use crate::redis::Ctx;
use crate::redis::clock::now_ms;

pub(super) fn pause(ctx: Ctx<'_>, request: &Pause) -> Result<Answer, Error> {
    let named = &request.0;
    let job = (named.job, named.queue.as_deref());
    change(ctx, &commands::PAUSE, job, named.format, |job| job.pause(now_ms()))
}

pub(super) fn throttle(ctx: Ctx<'_>, request: &Throttle) -> Result<Answer, Error> {
    let named = (request.job, request.queue.as_deref());
    change(ctx, &commands::THROTTLE, named, request.format, |job| {
        if let Some(rate) = request.rate {
            job.throttle(rate);
        }
        if let Some(duty) = request.duty {
            job.set_duty(duty);
        }
    })
}

/// Changes a live job and replies with its status. An ended job is not changed.
pub(super) fn change(
    ctx: Ctx<'_>,
    command: &'static CommandSpec,
    (job, queue): (JobName, Option<&[u8]>),
    format: Format,
    change: impl Fn(&mut Job),
) -> Result<Answer, Error> {
    entry::with(|state| {
        let id = id_of(state, ctx, command, &job, queue)?;
        let mut found = find_own(state, ctx, command, id, queue)?;
        if let Some(job) = state.registry.find_live(id) {
            let was_paused = job.is_paused();
            change(job);
            match (was_paused, job.is_paused()) {
                (false, true) => state.publisher.tell(job, JobEvent::Paused),
                (true, false) => state.publisher.tell(job, JobEvent::Resumed),
                _ => {}
            }
            if job.start().kind.is_recorded() {
                let now = PendingWrite::of(job, None);
                queue_write(&mut state.pending, now);
            }
            state.wake();
            found = find(state, ctx, id, queue).ok_or(ServerError::Internal)?;
        }
        Ok(Answer::Reply(found.map(ctx), format))
    })?
}
