//! `qadmin status`

use super::render;
use super::session::{Session, exit_of, job_ref, whole};
use crate::cli;
use crate::failure::{Exit, Failure};

pub(crate) fn run(session: &mut Session, args: &cli::Job) -> Result<Exit, Failure> {
    let status = session.client.status(&job_ref(args), None)?;
    session.show(&whole(&status), || render::job(&status));
    Ok(exit_of(&status))
}
