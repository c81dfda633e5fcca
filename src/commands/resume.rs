//! QADMIN.RESUME: resumes a paused job, or starts a clear that continues an interrupted one.

use qadmin_core::error::{Error, ResumeError, ServerError};
use qadmin_core::job::{JobStatus, Member, Record};
use qadmin_core::request::{Interrupted, NamedJob, Resume, commands};
use uuid::Uuid;

use super::cancel::find_own;
use super::control::change;
use super::status::find;
use super::{Answer, check_starter, clearjob};
use crate::entry;
use crate::redis::Ctx;
use crate::redis::clock::now_ms;
use crate::state::State;

/// How many jobs may have continued each other. A job is rarely interrupted twice; records that somebody else wrote could
/// name each other in a circle.
const CONTINUED_MAX: usize = 1_000;

pub(super) fn run(ctx: Ctx<'_>, request: &Resume) -> Result<Answer, Error> {
    let named = &request.0;
    let (id, record) = entry::with(|state| last(state, ctx, named))??;
    if record.status() == JobStatus::Interrupted {
        return continue_clear(ctx, named, id, &record);
    }
    let queue = record.text(Member::Queue);
    change(ctx, &commands::RESUME, (id, Some(queue)), named.format, |job| job.resume(now_ms()))
}

/// Finds the job, or if others have continued it, the last of these: whoever sends a command again means that one.
fn last(state: &mut State, ctx: Ctx<'_>, named: &NamedJob) -> Result<(Uuid, Record), Error> {
    let mut id = named.id;
    let mut found = find_own(state, ctx, &commands::RESUME, id, named.queue.as_deref())?.record;
    for _ in 0..CONTINUED_MAX {
        let Ok(next) = Uuid::try_parse_ascii(found.text(Member::ContinuedBy)) else {
            return Ok((id, found));
        };
        id = next;
        let queue = found.text(Member::Queue).to_vec();
        found = find_own(state, ctx, &commands::RESUME, id, Some(&queue))?.record;
    }
    Err(ServerError::Internal.into())
}

/// Starts a clear of what the interrupted job `id` has left.
fn continue_clear(ctx: Ctx<'_>, named: &NamedJob, id: Uuid, record: &Record) -> Result<Answer, Error> {
    let caller = ctx.caller();
    check_starter(ctx, &caller, &commands::RESUME)?;
    check_writes(ctx)?;
    let Interrupted { request, duty } = Interrupted::of(record, id, ctx.db(), now_ms())?;
    let prepared = clearjob::prepare(ctx, &caller, &request)?;
    entry::with(|state| {
        let begun = clearjob::start(state, ctx, caller, &request, prepared, duty)?;
        let id = Uuid::try_parse_ascii(begun.text(Member::JobId)).map_err(|_| ServerError::Internal)?;
        let found = find(state, ctx, id, Some(begun.text(Member::Queue))).ok_or(ServerError::Internal)?;
        Ok(Answer::Reply(found.map(ctx), named.format))
    })?
}

/// Checks what the server checks before commands that write. This one usually writes nothing, so that it is not refused
/// on a replica or after an error of the disk.
fn check_writes(ctx: Ctx<'_>) -> Result<(), Error> {
    if ctx.flags().read_only() {
        return Err(ServerError::ReadOnly.into());
    }
    if ctx.must_not_replicate() {
        let why =
            "writes are paused (CLIENT PAUSE, FAILOVER or SHUTDOWN); send the command again later".to_owned();
        return Err(ResumeError::Refused { why }.into());
    }
    Ok(())
}
