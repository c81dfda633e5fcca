//! What a slice came to, and what the job does then.

use qadmin_core::error::EndReason;
use qadmin_core::job::{Destination, Job, Status};
use qadmin_core::scan::Looked;

use super::gate;
use crate::probe;
use crate::record::Owed;
use crate::redis::clock::now_ns;
use crate::redis::{Ctx, RString, log};
use crate::refusal::Refusal;

/// How often a record is written while nothing is deleted.
const RECORD_EVERY_NS: u64 = 250_000_000;

/// What a slice came to.
pub(super) enum Step {
    /// It read, and perhaps deleted.
    Worked,
    /// It must stand still.
    Waits(&'static str),
    /// It may go on at this time of the steady clock, for reasons of pace alone.
    Later(u64),
    /// The job is at its end.
    Ends(Status, Option<EndReason>),
}

/// What the slice came to, with the record that is due.
pub(super) fn conclude(ctx: Ctx<'_>, job: &mut Job, looked: Option<Looked>, wrote: bool) -> Step {
    match looked {
        Some(Looked::Done | Looked::Refused) => {}
        Some(Looked::Stuck) => {
            log::warning(&format!("the server refused a deletion of job {}", job.id()));
            return Step::Ends(Status::Failed, Some(EndReason::Internal));
        }
        None => return Step::Ends(Status::Failed, Some(EndReason::Internal)),
    }
    if let Some((status, error)) = job.verdict() {
        // The end writes the record itself, in this same unit.
        return Step::Ends(status, error);
    }
    let now = now_ns();
    let due = job.record_is_older_than(now, RECORD_EVERY_NS) && gate(ctx).is_none();
    if job.start().kind.is_recorded() && (due || wrote) {
        // Refused for now is no harm where nothing was deleted: the next one has all fields again.
        if let Err(refusal) = Owed::of(job, None).write(ctx)
            && wrote
        {
            log::warning(&format!("the record of job {} was refused: {refusal}", job.id()));
        }
        job.record_written(now);
    }
    Step::Worked
}

/// How a job ends whose scan is over: one whose queue was taken away by the cluster did not complete.
pub(super) fn end(ctx: Ctx<'_>, job: &Job, status: Status, error: Option<EndReason>) -> Step {
    let flags = ctx.flags();
    // To a replica every key is one of another node's: nothing could be learned there.
    if flags.cluster() && flags.primary() {
        ctx.select(job.start().db);
        if job.gone().into_iter().any(|key| probe::has_moved(ctx, &RString::new(key))) {
            return moved();
        }
    }
    Step::Ends(status, error)
}

fn moved() -> Step {
    Step::Ends(Status::Interrupted, Some(EndReason::QueueMigrated))
}

/// What a job does that may not write.
pub(super) fn refused(refusal: &Refusal, record_key: &RString, to: Option<&Destination>) -> Step {
    match refusal {
        Refusal::Wait(reason) => Step::Waits(reason),
        Refusal::RecordKey => {
            let error = EndReason::RecordKeyTaken { key: record_key.bytes().to_vec() };
            Step::Ends(Status::Failed, Some(error))
        }
        Refusal::NoList => {
            let error =
                EndReason::DestinationNotAList { key: to.map(|to| to.key.clone()).unwrap_or_default() };
            Step::Ends(Status::Failed, Some(error))
        }
        Refusal::Moved => moved(),
    }
}
