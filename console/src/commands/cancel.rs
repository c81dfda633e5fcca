//! `qadmin cancel`

use super::session::{Session, bytes, list, whole};
use super::{live, render};
use crate::cli;
use crate::client::Control;
use crate::failure::{Exit, Failure};
use crate::lists;
use crate::text::counted;

pub(crate) fn run(session: &mut Session, args: &cli::Cancel) -> Result<Exit, Failure> {
    if args.all {
        let ended = session.client.cancel_all(args.job.queue.as_deref().map(bytes).as_deref())?;
        session.show(&list(&ended), || match u64::try_from(ended.len()) {
            Ok(0) => "There was no live job to cancel.".to_owned(),
            n => format!("Cancelled {}:\n{}", counted(n.unwrap_or(u64::MAX), "job"), lists::jobs(&ended)),
        });
        return Ok(Exit::Done);
    }
    let job = if args.job.id.is_some() {
        live::the_job(session, &args.job, "cancel", |_| true)?
    } else {
        let job = live::only(session, &args.job, "cancel", |_| true)?;
        if !live::may_cancel(session, &job)? {
            eprintln!("Nothing was cancelled.");
            return Ok(Exit::Unconfirmed);
        }
        live::reference(&job)
    };
    let status = session.client.control(&job, Control::Cancel)?;
    session.show(&whole(&status), || render::job(&status));
    Ok(Exit::Done)
}
