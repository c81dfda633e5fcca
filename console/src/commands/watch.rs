//! `qadmin watch`

use super::live;
use super::render;
use super::session::{Session, exit_of, whole};
use crate::cli;
use crate::failure::{Exit, Failure};
use crate::progress::{self, End};

pub(crate) fn run(session: &mut Session, args: &cli::LiveJob) -> Result<Exit, Failure> {
    let job = live::the_job(session, args, "watch", |_| true)?;
    let job = session.located(job)?;
    let End::Ended(status) = progress::follow(&mut session.client, &job, session.quiet)? else {
        return Ok(Exit::Interrupted);
    };
    session.show(&whole(&status), || render::job(&status));
    Ok(exit_of(&status))
}
