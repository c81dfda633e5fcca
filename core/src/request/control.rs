//! `QADMIN.PAUSE job-id`, `QADMIN.RESUME job-id`, each with `[QUEUE queue] [FORMAT RESP|JSON] [VERBOSE]`

use super::job_options::JobOptions;
use super::options::job_name;
use super::spec::CommandSpec;
use super::{Format, JobName, Request, commands};
use crate::error::Error;

/// A request with the id of a job and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedJob {
    /// The job.
    pub job: JobName,
    /// The job's queue, which leads to the cluster node that runs it.
    pub queue: Option<Vec<u8>>,
    /// The format of the reply.
    pub format: Format,
}

impl NamedJob {
    fn parse(command: &'static CommandSpec, args: &[&[u8]]) -> Result<Self, Error> {
        let JobOptions { target, queue, format, .. } = JobOptions::parse(command, args)?;
        Ok(Self { job: job_name(target)?, queue, format })
    }
}

/// Pauses a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause(pub NamedJob);

impl Request for Pause {
    const COMMAND: &'static CommandSpec = &commands::PAUSE;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        NamedJob::parse(Self::COMMAND, args).map(Self)
    }
}

/// Resumes a paused job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume(pub NamedJob);

impl Request for Resume {
    const COMMAND: &'static CommandSpec = &commands::RESUME;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        NamedJob::parse(Self::COMMAND, args).map(Self)
    }
}
