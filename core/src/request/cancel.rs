//! `QADMIN.CANCEL <job-id | ALL> [QUEUE queue] [FORMAT RESP|JSON] [VERBOSE]`

use super::job_options::JobOptions;
use super::options::job_name;
use super::spec::CommandSpec;
use super::{Format, JobName, Request, commands};
use crate::error::Error;

/// Which jobs to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// This job.
    One(JobName),
    /// All live jobs; with QUEUE all live jobs of that queue.
    All,
}

/// Ends jobs before their next slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// Which jobs.
    pub target: Target,
    /// The jobs' queue.
    pub queue: Option<Vec<u8>>,
    /// The format of the reply.
    pub format: Format,
}

impl Request for Cancel {
    const COMMAND: &'static CommandSpec = &commands::CANCEL;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        let JobOptions { target, queue, format, .. } = JobOptions::parse(Self::COMMAND, args)?;
        let target =
            if target.eq_ignore_ascii_case(b"ALL") { Target::All } else { Target::One(job_name(target)?) };
        Ok(Self { target, queue, format })
    }
}
