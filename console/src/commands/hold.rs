//! `qadmin pause`, `resume`, `throttle`

use super::session::{Session, job_ref, whole};
use super::shown;
use crate::cli;
use crate::client::{Hold, JobRef};
use crate::failure::{Exit, Failure};

pub(crate) fn pause(session: &mut Session, args: &cli::Job) -> Result<Exit, Failure> {
    hold(session, &job_ref(args), Hold::Pause)
}

pub(crate) fn resume(session: &mut Session, args: &cli::Job) -> Result<Exit, Failure> {
    hold(session, &job_ref(args), Hold::Resume)
}

pub(crate) fn throttle(session: &mut Session, args: &cli::Throttle) -> Result<Exit, Failure> {
    hold(session, &job_ref(&args.job), Hold::Throttle { rate: args.rate, duty: args.duty })
}

fn hold(session: &mut Session, job: &JobRef, hold: Hold) -> Result<Exit, Failure> {
    let status = session.client.hold(job, hold)?;
    session.show(&whole(&status), || shown::job(&status));
    Ok(Exit::Done)
}
