//! The result of a slice, and what the job does next.

use qadmin_core::error::EndReason;
use qadmin_core::job::{Destination, Job, JobStatus};
use qadmin_core::scan::SliceEnd;

use super::gate;
use crate::probe;
use crate::record::PendingWrite;
use crate::redis::clock::now_ns;
use crate::redis::{Ctx, RString, log};
use crate::refusal::Refusal;

/// How often a record is written while nothing is deleted.
const RECORD_EVERY_NS: u64 = 250_000_000;

/// The result of a slice.
pub(super) enum AfterSlice {
    /// It examined messages, and may have removed some.
    Worked,
    /// The job cannot work now, for this reason.
    Waits(&'static str),
    /// The pace alone forbids a slice before this time of the steady clock, in nanoseconds.
    Later(u64),
    /// The job ends.
    Ends(JobStatus, Option<EndReason>),
}

/// Decides what follows a slice, and writes the record if it is due.
pub(super) fn conclude(ctx: Ctx<'_>, job: &mut Job, slice_end: Option<SliceEnd>, wrote: bool) -> AfterSlice {
    match slice_end {
        Some(SliceEnd::Done | SliceEnd::Refused) => {}
        Some(SliceEnd::Stuck) => {
            log::warning(&format!("the server refused a deletion of job {}", job.id()));
            return AfterSlice::Ends(JobStatus::Failed, Some(EndReason::Internal));
        }
        None => return AfterSlice::Ends(JobStatus::Failed, Some(EndReason::Internal)),
    }
    if let Some((status, error)) = job.verdict() {
        // The end of the job writes the record, in this same unit.
        return AfterSlice::Ends(status, error);
    }
    let now = now_ns();
    let due = job.record_is_older_than(now, RECORD_EVERY_NS) && gate(ctx).is_none();
    if job.start().kind.is_recorded() && (due || wrote) {
        // If nothing was deleted, a refusal does no harm: the next record has all fields again.
        if let Err(refusal) = PendingWrite::of(job, None).write(ctx)
            && wrote
        {
            log::warning(&format!("the record of job {} was refused: {refusal}", job.id()));
        }
        job.record_written(now);
    }
    AfterSlice::Worked
}

/// Decides how a job ends whose scan has finished. If the cluster moved the queue away, the job is not completed.
pub(super) fn end(ctx: Ctx<'_>, job: &Job, status: JobStatus, error: Option<EndReason>) -> AfterSlice {
    let flags = ctx.flags();
    // On a replica every key belongs to another node, so the question has no meaning there.
    if flags.cluster() && flags.primary() {
        ctx.select(job.start().db);
        if job.gone().into_iter().any(|key| probe::has_moved(ctx, &RString::new(key))) {
            return moved();
        }
    }
    AfterSlice::Ends(status, error)
}

fn moved() -> AfterSlice {
    AfterSlice::Ends(JobStatus::Interrupted, Some(EndReason::QueueMigrated))
}

/// Maps the refusal of a write to the next step of the job.
pub(super) fn refused(refusal: &Refusal, record_key: &RString, to: Option<&Destination>) -> AfterSlice {
    match refusal {
        Refusal::Wait(reason) => AfterSlice::Waits(reason),
        Refusal::RecordKey => {
            let error = EndReason::RecordKeyTaken { key: record_key.bytes().to_vec() };
            AfterSlice::Ends(JobStatus::Failed, Some(error))
        }
        Refusal::Destination { wanted } => {
            let key = to.map(|to| to.key.clone()).unwrap_or_default();
            let error = EndReason::DestinationReplaced { key, wanted };
            AfterSlice::Ends(JobStatus::Failed, Some(error))
        }
        Refusal::Moved => moved(),
    }
}
