//! What a user can name: jobs.

use super::{Client, JobsRequest};
use crate::failure::{Exit, Failure};
use crate::reply::Status;

/// The largest number of jobs that the server lists.
const JOBS_MAX: u32 = 100;

impl Client {
    /// QADMIN.JOBS: live and remembered jobs, as many as the server lists.
    pub(crate) fn all_jobs(&mut self, queue: Option<&[u8]>) -> Result<Vec<Status>, Failure> {
        self.jobs(&JobsRequest {
            queue: queue.map(<[u8]>::to_vec),
            count: JOBS_MAX,
            ..JobsRequest::default()
        })
    }

    /// The same, without the jobs that have ended where the server can leave them out.
    pub(crate) fn live_jobs(&mut self, queue: Option<&[u8]>) -> Result<Vec<Status>, Failure> {
        let live = JobsRequest {
            queue: queue.map(<[u8]>::to_vec),
            count: JOBS_MAX,
            status: Some("live".to_owned()),
            ..JobsRequest::default()
        };
        match self.jobs(&live) {
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
}
