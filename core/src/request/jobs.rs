//! `QADMIN.JOBS [QUEUE queue] [COUNT n] [KIND kind] [STATUS status] [USER name] [FORMAT RESP|JSON] [VERBOSE]`

use super::job_filters::StatusFilter;
use super::job_options::JobOptions;
use super::spec::CommandSpec;
use super::{Format, Request, commands};
use crate::error::Error;
use crate::job::{JobKind, JobStatus};

/// List jobs, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jobs {
    /// Only jobs of this queue.
    pub queue: Option<Vec<u8>>,
    /// Most jobs to list, 1 to [`JOBS_MAX`](super::JOBS_MAX).
    pub count: usize,
    /// Only jobs that this command started.
    pub kind: Option<JobKind>,
    /// Only jobs with such a status.
    pub status: Option<StatusFilter>,
    /// Only jobs that this Redis user started.
    pub user: Option<Vec<u8>>,
    /// The format of the reply.
    pub format: Format,
}

impl Jobs {
    /// Returns whether a job is listed, by what started it, its status and its user.
    #[must_use]
    pub fn wants(&self, kind: Option<JobKind>, status: JobStatus, user: &[u8]) -> bool {
        self.kind.is_none_or(|wanted| kind == Some(wanted))
            && self.status.is_none_or(|wanted| wanted.includes(status))
            && self.user.as_deref().is_none_or(|wanted| wanted == user)
    }
}

impl Request for Jobs {
    const COMMAND: &'static CommandSpec = &commands::JOBS;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        let JobOptions { queue, count, kind, status, user, format, .. } =
            JobOptions::parse(Self::COMMAND, args)?;
        Ok(Self { queue, count, kind, status, user, format })
    }
}
