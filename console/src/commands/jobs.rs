//! `qadmin jobs`

use super::session::{Session, bytes, list};
use crate::cli;
use crate::client::JobsRequest;
use crate::failure::{Exit, Failure};
use crate::lists;

pub(crate) fn run(session: &mut Session, args: &cli::Jobs) -> Result<Exit, Failure> {
    let jobs = session.client.jobs(&JobsRequest {
        queue: args.queue.as_deref().map(bytes),
        count: args.count,
        kind: args.kind.clone(),
        status: args.status.clone(),
        user: args.started_by.as_deref().map(bytes),
    })?;
    session.show(&list(&jobs), || if jobs.is_empty() { "No jobs.".to_owned() } else { lists::jobs(&jobs) });
    Ok(Exit::Done)
}
