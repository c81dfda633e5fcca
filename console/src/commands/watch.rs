//! `qadmin watch`

use super::live;
use super::render;
use super::session::{Session, exit_of, whole};
use crate::cli;
use crate::client::JobRef;
use crate::failure::{Exit, Failure};
use crate::job_id::is_short;
use crate::progress::{self, End};

pub(crate) fn run(session: &mut Session, args: &cli::LiveJob) -> Result<Exit, Failure> {
    let mut job = live::the_job(session, args, "watch", |_| true)?;
    if job.queue.is_none() || is_short(&job.id) {
        // The first request asks all nodes of a cluster; after that the queue leads to the node. Another job may soon have an
        // id with the same first digits.
        let status = session.client.status(&job, None)?;
        job = JobRef { id: status.job_id, queue: Some(status.common.queue) };
    }
    let End::Ended(status) = progress::follow(&mut session.client, &job, session.quiet)? else {
        return Ok(Exit::Interrupted);
    };
    session.show(&whole(&status), || render::job(&status));
    Ok(exit_of(&status))
}
