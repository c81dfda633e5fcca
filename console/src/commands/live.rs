//! Which live job is meant if no id was given.

use super::session::{Session, bytes};
use crate::cli::LiveJob;
use crate::client::JobRef;
use crate::failure::{Exit, Failure};
use crate::lists;
use crate::prompt;
use crate::reply::Status;
use crate::shell::quote;
use crate::terminal;
use crate::text::{escape, grouped};

/// The job of the id, or the only live job for which `fits` is true. `what` is the command, for messages.
///
/// # Errors
/// Without an id: no job fits, or several do. The text lists these.
pub(super) fn the_job(
    session: &mut Session,
    args: &LiveJob,
    what: &str,
    fits: impl Fn(&Status) -> bool,
) -> Result<JobRef, Failure> {
    match &args.id {
        Some(id) => Ok(JobRef { id: id.to_string(), queue: args.queue.as_deref().map(bytes) }),
        None => only(session, args, what, fits).map(|job| reference(&job)),
    }
}

/// The only live job that fits.
pub(super) fn only(
    session: &mut Session,
    args: &LiveJob,
    what: &str,
    fits: impl Fn(&Status) -> bool,
) -> Result<Status, Failure> {
    let queue = args.queue.as_deref().map(bytes);
    let mut jobs = session.client.live_jobs(queue.as_deref())?;
    jobs.retain(|job| !job.has_ended() && fits(job));
    if jobs.len() > 1 {
        let list = lists::jobs(&jobs);
        return Err(Failure::new(
            Exit::Usage,
            format!("{} live jobs fit; name one of them: qadmin {what} JOB\n{list}", jobs.len()),
        ));
    }
    jobs.pop().ok_or_else(|| {
        let of = queue.map(|queue| format!(" of {}", escape(&queue))).unwrap_or_default();
        let which = if what == "resume" { "paused job" } else { "live job" };
        let more = if what == "resume" { "; an interrupted clear is continued by its id" } else { "" };
        Failure::new(
            Exit::NoJob,
            format!("there is no {which}{of} to {what}{more}. qadmin jobs lists the jobs"),
        )
    })
}

pub(super) fn reference(job: &Status) -> JobRef {
    JobRef { id: job.job_id.clone(), queue: Some(job.queue.clone()) }
}

/// Names the job that a command without an id is about, and asks whether it is to be cancelled.
///
/// # Errors
/// Nobody can be asked. The text has the command with the id.
pub(super) fn may_cancel(session: &Session, job: &Status) -> Result<bool, Failure> {
    if session.json || !terminal::can_ask() {
        return Err(Failure::new(
            Exit::Unconfirmed,
            format!(
                "nothing was cancelled: there is no terminal to ask which job is meant. In a script, name it: qadmin cancel {} \
                 --queue {}",
                quote(job.job_id.as_bytes()),
                quote(&job.queue)
            ),
        ));
    }
    eprintln!(
        "{} of {}, {} {} of {}: {}",
        escape(job.what().as_bytes()),
        escape(&job.queue),
        escape(job.status.as_bytes()),
        grouped(job.processed),
        grouped(job.total_estimated),
        escape(job.filter.as_bytes())
    );
    Ok(prompt::yes(&format!("Cancel job {}? [y/N] ", escape(job.job_id.as_bytes()))))
}
