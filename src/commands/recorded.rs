//! What CLEARJOB and UNDO share: jobs that remove messages have a record in the keyspace from their start.

use qadmin_core::error::{EndReason, Error, JobError, ResumeError, ServerError};
use qadmin_core::job::{Job, Member, Record};
use qadmin_core::reply::{MapBuilder, Reply};
use qadmin_core::request::{add_notice, commands};
use uuid::Uuid;

use super::here;
use super::queue::target::{of_record, others_depth};
use crate::audit::Entry;
use crate::moved;
use crate::record::{self, PendingWrite};
use crate::redis::clock::now_ms;
use crate::redis::guard::guard;
use crate::redis::{Ctx, log};
use crate::refusal::Refusal;
use crate::state::State;

/// Writes the first record and starts the job: both or, as far as can be observed later, neither.
pub(super) fn begin(state: &mut State, ctx: Ctx<'_>, job: Job) -> Result<Record, Error> {
    let mut job = Some(job);
    let begun = guard("the start of a job", || {
        let record =
            job.as_mut().map_or(Err(ServerError::Internal.into()), |job| write_first(state, ctx, job))?;
        if let Some(mut job) = job.take() {
            state.mark_undone(&mut job);
            state.mark_continued(&job);
            state.start(ctx, job);
        }
        Ok(record)
    });
    if let (None, Some(job)) = (&begun, &job) {
        state.reconcile_soon(Some(ctx), job);
    }
    begun.unwrap_or(Err(ServerError::Internal.into()))
}

/// Writes the first record and the audit entry of a job. If the record cannot be written, the job does not start,
/// because it would leave no trace.
fn write_first(state: &mut State, ctx: Ctx<'_>, job: &mut Job) -> Result<Record, Error> {
    ctx.select(job.start().db);
    if job.start().destination().is_some() && job.start().clear_options.undo.is_none() && !job.start().dry_run
    {
        // An earlier job had the same id. It is forgotten.
        moved::forget(ctx, &moved::key_of(job, ctx));
    }
    let pending = PendingWrite::of(job, Some(Entry::Start));
    match pending.write(ctx) {
        Ok(()) => {
            state.know_record(ctx, &pending);
            Ok(pending.record)
        }
        Err(refusal) => {
            log::warning(&format!("no job was started, its record was refused: {refusal}"));
            Err(match refusal {
                Refusal::RecordKey => EndReason::RecordKeyTaken {
                    key: record::key(&pending.queue, pending.id, ctx.flags().cluster()),
                }
                .into(),
                // The server refuses commands that write before they run. RESUME is not one of them.
                other => ResumeError::Refused { why: other.to_string() }.into(),
            })
        }
    }
}

/// Returns the record of the job that an equal request started before, if there is one: clients repeat a command
/// after a timeout.
///
/// # Errors
/// [`JobError::IdInUse`] if another request started a job with this id.
pub(super) fn resent(
    state: &mut State,
    ctx: Ctx<'_>,
    id: Uuid,
    queue: &[u8],
    digest: &[u8; 32],
) -> Result<Option<Record>, Error> {
    let (same, record) = if let Some(job) = state.registry.find_live(id) {
        (job.start().digest == *digest, job.record())
    } else if let Some(job) = state.registry.find_ended(id, now_ms()) {
        (job.digest == *digest, job.record.clone())
    } else {
        let (db, key) = state
            .records
            .find(id)
            .unwrap_or_else(|| (ctx.db(), record::key(queue, id, ctx.flags().cluster())));
        match record::read(ctx, db, &key) {
            Some(stored) => (stored.is_from(digest), stored.record),
            None => return Ok(None),
        }
    };
    if same { Ok(Some(record)) } else { Err(JobError::IdInUse { id: id.to_string() }.into()) }
}

/// The members of the reply except `container`, which comes after those that only the reply to an undo has.
pub(super) fn members(ctx: Ctx<'_>, record: &Record, deduplicated: bool) -> MapBuilder {
    let mut shown = record.clone();
    add_notice(&mut shown, here(ctx).after_start(record));
    let record = &shown;
    let keys = of_record(record);
    let head =
        [Member::JobId, Member::Queue, Member::Mode, Member::DryRun, Member::Status, Member::TotalEstimated];
    let map = record.append_to(Reply::map(), &head).with("deduplicated", deduplicated).with(
        "other_priorities_depth",
        others_depth(ctx, &commands::CLEARJOB, keys.iter().map(Vec::as_slice)),
    );
    record.append_to(map, &[Member::MessageKind, Member::Priority, Member::Notice, Member::To])
}
