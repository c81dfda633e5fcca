//! `QADMIN.STATUS job-id [QUEUE queue] [WAIT ms] [FORMAT RESP|JSON] [VERBOSE]`

use super::job_options::JobOptions;
use super::options::job_name;
use super::spec::CommandSpec;
use super::{Format, JobName, Request, commands};
use crate::error::Error;

/// Shows a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The job.
    pub job: JobName,
    /// The job's queue, which leads to the cluster node that runs it.
    pub queue: Option<Vec<u8>>,
    /// How long to wait for the job's end, in milliseconds, 0 = without a limit; `None`: not at all.
    pub wait_ms: Option<u64>,
    /// The format of the reply.
    pub format: Format,
}

impl Request for Status {
    const COMMAND: &'static CommandSpec = &commands::STATUS;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        let JobOptions { target, queue, wait_ms, format, .. } = JobOptions::parse(Self::COMMAND, args)?;
        Ok(Self { job: job_name(target)?, queue, wait_ms, format })
    }
}
