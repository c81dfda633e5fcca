//! The connection and the output that all commands share.

use std::ffi::OsStr;

use serde_json::Value;

use crate::cli::Job;
use crate::client::{Client, JobRef};
use crate::failure::{Exit, Failure};
use crate::job_id::is_short;
use crate::reply::Status;
use crate::terminal;

/// A connection, and the way in which replies are shown.
pub(crate) struct Session {
    pub(super) client: Client,
    pub(super) json: bool,
    pub(super) quiet: bool,
}

impl Session {
    /// Prints a reply, as JSON for scripts or as text for people.
    pub(super) fn show(&self, json: &Value, people: impl FnOnce() -> String) {
        if self.json { terminal::print_json(json) } else { terminal::print(&people()) }
    }

    /// Returns the job with its whole id and its queue, asking for what is missing. The first request asks all nodes of a
    /// cluster; after that the queue leads to the node. Another job may soon have an id with the same first digits.
    pub(super) fn located(&mut self, job: JobRef) -> Result<JobRef, Failure> {
        if job.queue.is_some() && !is_short(&job.id) {
            return Ok(job);
        }
        let status = self.client.status(&job, None)?;
        Ok(JobRef { id: status.job_id, queue: Some(status.common.queue) })
    }

    /// Prints a message in addition to the reply, never to standard output.
    pub(super) fn say(&self, words: &str) {
        if !self.quiet && !self.json {
            eprintln!("{words}");
        }
    }
}

/// The bytes of an argument.
pub(super) fn bytes(argument: &OsStr) -> Vec<u8> {
    argument.as_encoded_bytes().to_vec()
}

pub(super) fn job_ref(job: &Job) -> JobRef {
    JobRef { id: job.id.to_string(), queue: job.queue.as_deref().map(bytes) }
}

/// The exit code for the status of a job.
pub(super) fn exit_of(job: &Status) -> Exit {
    if job.has_ended() && !job.completed() { Exit::JobFailed } else { Exit::Done }
}

/// A list of replies as JSON.
pub(super) fn list(jobs: &[Status]) -> Value {
    Value::Array(jobs.iter().map(|job| Value::Object(job.map.0.clone())).collect())
}

pub(super) fn whole(status: &Status) -> Value {
    Value::Object(status.map.0.clone())
}
