//! QADMIN.RESUME: resumes a paused job, or starts a clear that continues an interrupted one.

use qadmin_core::container::Container;
use qadmin_core::error::{Error, ResumeError, ServerError};
use qadmin_core::job::{JobStatus, Member, Record};
use qadmin_core::request::{Interrupted, NamedJob, Resume, commands};
use uuid::Uuid;

use super::cancel::find_own;
use super::control::change;
use super::short_id::id_of;
use super::status::find;
use super::{Answer, check_starter, clearjob};
use crate::entry;
use crate::record;
use crate::redis::Ctx;
use crate::redis::acl::Access;
use crate::redis::clock::now_ms;
use crate::rights;
use crate::state::State;

/// How many jobs may have continued each other. A job is rarely interrupted twice.
const CONTINUED_MAX: usize = 100;

pub(super) fn run(ctx: Ctx<'_>, request: &Resume) -> Result<Answer, Error> {
    let named = &request.0;
    let (id, record) = entry::with(|state| last(state, ctx, named))??;
    if record.status() == JobStatus::Interrupted {
        return continue_clear(ctx, named, id, &record);
    }
    let queue = record.text(Member::Queue);
    change(ctx, &commands::RESUME, (id.into(), Some(queue)), named.format, |job| job.resume(now_ms()))
}

/// Finds the job, or if others have continued it, the last of these: whoever sends a command again means that one.
fn last(state: &mut State, ctx: Ctx<'_>, named: &NamedJob) -> Result<(Uuid, Record), Error> {
    let mut id = id_of(state, ctx, &commands::RESUME, &named.job, named.queue.as_deref())?;
    let mut found = find_own(state, ctx, &commands::RESUME, id, named.queue.as_deref())?.record;
    let mut seen = Vec::new();
    while let Ok(next) = Uuid::try_parse_ascii(found.text(Member::ContinuedBy)) {
        seen.push(id);
        // Records that somebody else wrote could name each other in a circle.
        if seen.contains(&next) || seen.len() > CONTINUED_MAX {
            return Err(impossible(id, "records of jobs name each other in a circle").into());
        }
        let queue = found.text(Member::Queue).to_vec();
        found = find_own(state, ctx, &commands::RESUME, next, Some(&queue))?.record;
        id = next;
    }
    Ok((id, found))
}

fn impossible(id: Uuid, why: &'static str) -> ResumeError {
    ResumeError::Impossible { id: id.to_string(), why }
}

/// Starts a clear of what the interrupted job `id` has left.
fn continue_clear(ctx: Ctx<'_>, named: &NamedJob, id: Uuid, record: &Record) -> Result<Answer, Error> {
    let caller = ctx.caller();
    check_starter(ctx, &caller, &commands::RESUME)?;
    check_writes(ctx)?;
    let record = entry::with(|state| record_here(state, ctx, id, record))??;
    let Interrupted { request, duty } = Interrupted::of(&record, id, ctx.db(), now_ms())?;
    // The server checks the key of a CLEARJOB, and of a RESUME at most the key of the record's queue for reading.
    let needs = [(request.target.queue.as_slice(), Access::TakeOut)];
    rights::check(ctx, &caller, &commands::CLEARJOB, &needs)?;
    let prepared = clearjob::prepare(ctx, &caller, &request)?;
    let container = prepared.container().map(Container::word);
    if container.is_some_and(|word| {
        !record.is_null(Member::Container) && record.text(Member::Container) != word.as_bytes()
    }) {
        return Err(ServerError::WrongType.into());
    }
    entry::with(|state| {
        let begun = clearjob::start(state, ctx, caller, &request, prepared, duty)?;
        let id = Uuid::try_parse_ascii(begun.text(Member::JobId)).map_err(|_| ServerError::Internal)?;
        let found = find(state, ctx, id, Some(begun.text(Member::Queue))).ok_or(ServerError::Internal)?;
        Ok(Answer::Reply(found.map(ctx), named.format))
    })?
}

/// Reads the record of the job from the keyspace, where the job that continues it will be noted. What is only in memory can be
/// older: another server may have been the primary meanwhile.
fn record_here(state: &State, ctx: Ctx<'_>, id: Uuid, known: &Record) -> Result<Record, Error> {
    let key = record::key(known.text(Member::Queue), id, ctx.flags().cluster());
    let (db, key) = state.records.find(id).unwrap_or_else(|| (ctx.db(), key));
    let gone = || impossible(id, "its record is gone; start a new QADMIN.CLEARJOB");
    let record = record::read(ctx, db, &key).ok_or_else(gone)?.record;
    if record.int(Member::Db) != i64::from(db) {
        let why = "its record is in another database than its queue was; start a new QADMIN.CLEARJOB";
        return Err(impossible(id, why).into());
    }
    if record.status() != JobStatus::Interrupted || !record.is_null(Member::ContinuedBy) {
        return Err(impossible(id, "its record changed; send the command again").into());
    }
    Ok(record)
}

/// Checks what the server checks before commands that write. This one usually writes nothing, so that it is not refused
/// on a replica or after an error of the disk.
fn check_writes(ctx: Ctx<'_>) -> Result<(), Error> {
    // Also on a replica that takes writes of clients: the primary writes records.
    if ctx.flags().read_only() || !ctx.flags().primary() {
        return Err(ServerError::ReadOnly.into());
    }
    if ctx.must_not_replicate() {
        let why =
            "writes are paused (CLIENT PAUSE, FAILOVER or SHUTDOWN); send the command again later".to_owned();
        return Err(ResumeError::Refused { why }.into());
    }
    Ok(())
}
