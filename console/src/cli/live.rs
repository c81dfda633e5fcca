//! Commands about a live job, whose id can be left out where only one job fits.

use std::ffi::OsString;

use clap::Args;

use crate::job_id::JobId;

/// A job that has not ended.
#[derive(Debug, Args)]
pub(crate) struct LiveJob {
    /// The job's id, or its first digits, 4 or more. It can be left out if exactly one live job fits.
    #[arg(value_name = "JOB")]
    pub(crate) id: Option<JobId>,
    /// The job's queue. In a cluster it leads to the right node. Without an id, only jobs of this queue fit.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) job: LiveJob,
    /// Cancel every live job that you may cancel; with --queue, those of one queue.
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Throttle {
    #[command(flatten)]
    pub(crate) job: LiveJob,
    /// Maximum number of messages cleared per second; 0 removes the limit.
    #[arg(long, value_name = "N", required_unless_present = "duty")]
    pub(crate) rate: Option<u64>,
    /// Share of the server's main thread, in percent; 0 means the server's setting.
    #[arg(long, value_name = "PERCENT")]
    pub(crate) duty: Option<u8>,
}
