//! `qadmin jobs`

use super::session::{Session, bytes, list};
use crate::cli;
use crate::failure::{Exit, Failure};
use crate::table;

pub(crate) fn run(session: &mut Session, args: &cli::Jobs) -> Result<Exit, Failure> {
    let jobs = session.client.jobs(args.queue.as_deref().map(bytes).as_deref(), args.count)?;
    session.show(&list(&jobs), || if jobs.is_empty() { "No jobs.".to_owned() } else { table::jobs(&jobs) });
    Ok(Exit::Done)
}
