//! `QADMIN.JOBS [QUEUE queue] [COUNT n] [FORMAT RESP|JSON]`

use super::job_options::JobOptions;
use super::spec::CommandSpec;
use super::{Format, Request, commands};
use crate::error::Error;

/// List jobs, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jobs {
    /// Only jobs of this queue.
    pub queue: Option<Vec<u8>>,
    /// Most jobs to list, 1 to [`JOBS_MAX`](super::JOBS_MAX).
    pub count: usize,
    /// The format of the reply.
    pub format: Format,
}

impl Request for Jobs {
    const COMMAND: &'static CommandSpec = &commands::JOBS;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        let JobOptions { queue, count, format, .. } = JobOptions::parse(Self::COMMAND, args)?;
        Ok(Self { queue, count, format })
    }
}
