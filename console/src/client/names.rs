//! What a user can name: live jobs and fields.

use redis::Cmd;

use super::Client;
use crate::failure::{Exit, Failure};
use crate::reply::Status;

impl Client {
    /// QADMIN.JOBS: live and remembered jobs, as many as the server lists.
    pub(crate) fn all_jobs(&mut self, queue: Option<&[u8]>) -> Result<Vec<Status>, Failure> {
        self.jobs_of(listed(), queue, "QADMIN.JOBS")
    }

    /// The same, without the jobs that have ended where the server can leave them out.
    pub(crate) fn live_jobs(&mut self, queue: Option<&[u8]>) -> Result<Vec<Status>, Failure> {
        let mut live = listed();
        live.arg("STATUS").arg("live");
        match self.jobs_of(live, queue, "QADMIN.JOBS") {
            // An older module does not know the option.
            Err(failure) if failure.exit == Exit::Refused => self.all_jobs(queue),
            jobs => jobs,
        }
    }

    /// QADMIN.CANCEL ALL
    pub(crate) fn cancel_all(&mut self, queue: Option<&[u8]>) -> Result<Vec<Status>, Failure> {
        let mut command = redis::cmd("QADMIN.CANCEL");
        command.arg("ALL");
        self.jobs_of(command, queue, "QADMIN.CANCEL")
    }

    /// Names of the fields that the messages at the consumer end of a queue have: those of QADMIN.FIELDS.
    pub(crate) fn field_names(&mut self, queue: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut command = redis::cmd("QADMIN.FIELDS");
        command.arg(queue);
        let reply = self.map(command, "QADMIN.FIELDS")?;
        Ok(reply.maps("fields").iter().filter_map(|field| field.bytes("name")).collect())
    }
}

/// JOBS with the largest number that the server accepts.
fn listed() -> Cmd {
    let mut command = redis::cmd("QADMIN.JOBS");
    command.arg("COUNT").arg(100);
    command
}
