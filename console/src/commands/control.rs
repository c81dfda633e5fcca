//! `qadmin pause`, `resume`, `throttle`

use super::render;
use super::session::{Session, job_ref, whole};
use crate::cli;
use crate::client::{Control, JobRef};
use crate::failure::{Exit, Failure};

pub(crate) fn pause(session: &mut Session, args: &cli::Job) -> Result<Exit, Failure> {
    control(session, &job_ref(args), Control::Pause)
}

pub(crate) fn resume(session: &mut Session, args: &cli::Job) -> Result<Exit, Failure> {
    control(session, &job_ref(args), Control::Resume)
}

pub(crate) fn throttle(session: &mut Session, args: &cli::Throttle) -> Result<Exit, Failure> {
    control(session, &job_ref(&args.job), Control::Throttle { rate: args.rate, duty: args.duty })
}

fn control(session: &mut Session, job: &JobRef, control: Control) -> Result<Exit, Failure> {
    let status = session.client.control(job, control)?;
    session.show(&whole(&status), || render::job(&status));
    Ok(Exit::Done)
}
