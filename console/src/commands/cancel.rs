//! `qadmin cancel`

use super::render;
use super::session::{Session, bytes, list, whole};
use crate::cli;
use crate::client::{Control, JobRef};
use crate::failure::{Exit, Failure};
use crate::table;
use crate::text::counted;

pub(crate) fn run(session: &mut Session, args: &cli::Cancel) -> Result<Exit, Failure> {
    let queue = args.queue.as_deref().map(bytes);
    if let Some(id) = &args.id {
        let status = session.client.control(&JobRef { id: id.to_string(), queue }, Control::Cancel)?;
        session.show(&whole(&status), || render::job(&status));
    } else {
        let ended = session.client.cancel_all(queue.as_deref())?;
        session.show(&list(&ended), || match u64::try_from(ended.len()) {
            Ok(0) => "There was no live job to cancel.".to_owned(),
            n => format!("Cancelled {}:\n{}", counted(n.unwrap_or(u64::MAX), "job"), table::jobs(&ended)),
        });
    }
    Ok(Exit::Done)
}
