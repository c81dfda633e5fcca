//! `qadmin watch`

use super::render;
use super::session::{Session, exit_of, job_ref, whole};
use crate::cli;
use crate::failure::{Exit, Failure};
use crate::progress::{self, End};

pub(crate) fn run(session: &mut Session, args: &cli::Job) -> Result<Exit, Failure> {
    let mut job = job_ref(args);
    if job.queue.is_none() {
        // The first request asks all nodes of a cluster; after that the queue leads to the node.
        job.queue = Some(session.client.status(&job, None)?.common.queue);
    }
    let End::Ended(status) = progress::follow(&mut session.client, &job, session.quiet)? else {
        return Ok(Exit::Interrupted);
    };
    session.show(&whole(&status), || render::job(&status));
    Ok(exit_of(&status))
}
