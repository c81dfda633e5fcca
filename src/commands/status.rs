//! QADMIN.STATUS: a job as it stands, or at its end.

use qadmin_core::error::Error;
use qadmin_core::job::Record;
use qadmin_core::reply::Reply;
use qadmin_core::request::Status;
use uuid::Uuid;

use super::{Answer, denied, may_read};
use crate::record;
use crate::redis::clock::now_ms;
use crate::redis::{Ctx, block};
use crate::state::{self, State};
use crate::waiters::{For, WAITERS_MAX};

pub(super) fn run(ctx: Ctx<'_>, request: &Status) -> Result<Answer, Error> {
    state::with(|state| {
        let reply = show(state, ctx, request.id, request.queue.as_deref())?;
        let is_live = state.registry.find_live(request.id).is_some();
        match request.wait_ms {
            Some(wait_ms) if is_live && !ctx.flags().cannot_block() => {
                if state.waiters.len() >= WAITERS_MAX {
                    return Err(Error::TooManyWaiting { max: WAITERS_MAX });
                }
                let client = block::block(ctx, wait_ms).ok_or(Error::Internal)?;
                state.waiters.add(client, request.id, For::Status(request.format));
                Ok(Answer::Later)
            }
            _ => Ok(Answer::Reply(reply, request.format)),
        }
    })?
}

/// The map of one job, live or remembered, if the caller may see it.
pub(crate) fn show(state: &mut State, ctx: Ctx<'_>, id: Uuid, queue: Option<&[u8]>) -> Result<Reply, Error> {
    let flags = ctx.flags();
    let unknown =
        || Error::NoJob { id: id.to_string().into_bytes(), give_queue: flags.cluster() && queue.is_none() };
    let (record, sample) = find(state, ctx, id, queue).ok_or_else(unknown)?;
    let of = record.text("queue");
    if queue.is_some_and(|queue| queue != of) {
        return Err(unknown());
    }
    let caller = ctx.caller();
    if !may_read(&caller, of) {
        return Err(denied(ctx, &caller, of));
    }
    Ok(map(&record, sample))
}

/// The record and the sample of a job: from memory, else from its hash.
pub(super) fn find(
    state: &mut State,
    ctx: Ctx<'_>,
    id: Uuid,
    queue: Option<&[u8]>,
) -> Option<(Record, Reply)> {
    if let Some(job) = state.registry.find_live(id) {
        return Some((job.record(), job.sample()));
    }
    if let Some(job) = state.registry.find_ended(id, now_ms()) {
        return Some((job.record.clone(), job.sample.clone()));
    }
    let cluster = ctx.flags().cluster();
    // Where events saw it; else where it would be in the selected database.
    let (db, key) = match state.records.find(id) {
        Some(place) => place,
        None if cluster && queue.is_none() => return None,
        None => (ctx.db(), record::key(queue.unwrap_or_default(), id, cluster)),
    };
    let stored = record::read(ctx, db, &key)?;
    Some((stored.record, Reply::List(Vec::new())))
}

/// The reply: the record's members, and the sample among them in the place that it has had since the first version:
/// what is new comes behind.
pub(super) fn map(record: &Record, sample: Reply) -> Reply {
    let mut members = record.members();
    let at = members.iter().position(|(name, _)| &**name == "error").map_or(members.len(), |at| at + 1);
    members.insert(at, ("sample".into(), sample));
    Reply::Map(members)
}
