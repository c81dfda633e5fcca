//! `qadmin pause`, `resume`, `throttle`

use super::session::{Session, whole};
use super::{live, render};
use crate::cli;
use crate::client::{Control, JobRef};
use crate::failure::{Exit, Failure};

pub(crate) fn pause(session: &mut Session, args: &cli::LiveJob) -> Result<Exit, Failure> {
    let job = live::the_job(session, args, "pause", |job| job.status != "paused")?;
    control(session, &job, Control::Pause)
}

pub(crate) fn resume(session: &mut Session, args: &cli::LiveJob) -> Result<Exit, Failure> {
    let job = live::the_job(session, args, "resume", |job| job.status == "paused")?;
    control(session, &job, Control::Resume)
}

pub(crate) fn throttle(session: &mut Session, args: &cli::Throttle) -> Result<Exit, Failure> {
    let job = live::the_job(session, &args.job, "throttle", |_| true)?;
    control(session, &job, Control::Throttle { rate: args.rate, duty: args.duty })
}

fn control(session: &mut Session, job: &JobRef, control: Control) -> Result<Exit, Failure> {
    let status = session.client.control(job, control)?;
    session.show(&whole(&status), || render::job(&status));
    Ok(Exit::Done)
}
