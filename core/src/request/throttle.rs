//! `QADMIN.THROTTLE job-id [RATE n] [DUTY percent] [QUEUE queue] [FORMAT RESP|JSON] [VERBOSE]`

use super::job_options::JobOptions;
use super::options::job_name;
use super::spec::CommandSpec;
use super::{Format, JobName, Request, commands};
use crate::error::{Error, RequestError};

/// Changes the speed of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    /// The job.
    pub job: JobName,
    /// Most messages that it removes per second, 0 = any number; `None`: unchanged.
    pub rate: Option<u64>,
    /// Percent of the main thread while other clients are active, 0 = as the setting says; `None`: unchanged.
    pub duty: Option<u64>,
    /// The job's queue, which leads to the cluster node that runs it.
    pub queue: Option<Vec<u8>>,
    /// The format of the reply.
    pub format: Format,
}

impl Request for Throttle {
    const COMMAND: &'static CommandSpec = &commands::THROTTLE;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        let JobOptions { target, rate, duty, queue, format, .. } = JobOptions::parse(Self::COMMAND, args)?;
        if rate.is_none() && duty.is_none() {
            return Err(RequestError::NoThrottle.into());
        }
        Ok(Self { job: job_name(target)?, rate, duty, queue, format })
    }
}
