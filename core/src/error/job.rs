//! Errors about jobs: which one is meant, and whether one more can be accepted.

use super::Code;
use super::quote::quote;

/// Why a job is not found, or a request for one more job or one more wait is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobError {
    /// There is no job with this id, or it was forgotten.
    NoJob {
        /// The id as the client wrote it.
        id: Vec<u8>,
        /// Whether QUEUE is missing and could route the command to the cluster node that knows the job.
        give_queue: bool,
    },
    /// There is no job whose id begins with these digits.
    NoShort {
        /// The short id.
        short: String,
        /// Whether QUEUE is missing and could route the command to the cluster node that knows the job.
        give_queue: bool,
    },
    /// The ids of several jobs begin with these digits, or it was not found out whether those of others do.
    Ambiguous {
        /// The short id.
        short: String,
        /// Some of the jobs: id, queue and status.
        jobs: Vec<(String, Vec<u8>, &'static str)>,
        /// Whether there may be more jobs than these.
        more: bool,
    },
    /// The id that the caller chose belongs to a job with other arguments.
    IdInUse {
        /// The canonical id.
        id: String,
    },
    /// A dry run would leave a record while more memory is in use than `maxmemory` allows.
    OutOfMemory,
    /// As many jobs are unfinished as `max-jobs` allows.
    TooManyJobs {
        /// The number of unfinished jobs.
        live: usize,
        /// The value of the setting.
        max_jobs: usize,
    },
    /// As many previews and stats are unfinished as may be; a clear would still be accepted.
    TooManyPreviews {
        /// The number of unfinished previews and stats.
        live: usize,
        /// The largest number of them.
        limit: usize,
        /// The value of the setting.
        max_jobs: usize,
    },
    /// As many clients wait for QUEUES as may.
    TooManyWalks {
        /// The largest number of them.
        max: usize,
    },
    /// As many clients wait for jobs as may.
    TooManyWaiting {
        /// The largest number of them.
        max: usize,
    },
}

impl JobError {
    pub(super) fn describe(&self) -> (Code, String) {
        match self {
            Self::NoJob { id, give_queue: false } => (Code::NoJob, format!("no job with id {}", quote(id))),
            Self::NoJob { id, give_queue: true } => (
                Code::NoJob,
                format!("no job with id {} on this node; give QUEUE with the job's queue", quote(id)),
            ),
            Self::NoShort { short, give_queue: false } => {
                (Code::NoJob, format!("no job has an id that begins with {short}; QADMIN.JOBS lists jobs"))
            }
            Self::NoShort { short, give_queue: true } => (
                Code::NoJob,
                format!(
                    "no job on this node has an id that begins with {short}; give QUEUE with the job's queue"
                ),
            ),
            Self::Ambiguous { short, jobs, more } => {
                let jobs: Vec<String> = jobs
                    .iter()
                    .map(|(id, queue, status)| format!("{id} ({} {status})", quote(queue)))
                    .collect();
                let more = if *more { ", and perhaps others" } else { "" };
                let text = format!(
                    "{short} is the beginning of the ids of several jobs, give more digits of one: {}{more}",
                    jobs.join(", ")
                );
                (Code::Ambiguous, text)
            }
            Self::IdInUse { id } => {
                (Code::Err, format!("ID {id} belongs to a job with other arguments; choose another ID"))
            }
            Self::OutOfMemory => (
                Code::Oom,
                "more memory is in use than maxmemory allows, and a dry run stores a record; use \
                 QADMIN.PREVIEW, which counts the same messages and stores nothing"
                    .into(),
            ),
            Self::TooManyJobs { live, max_jobs } => (
                Code::TooManyJobs,
                format!(
                    "{live} jobs are unfinished and the setting max-jobs is {max_jobs}; wait for one to \
                     end, cancel one, or raise max-jobs"
                ),
            ),
            Self::TooManyPreviews { live, limit, max_jobs } => (
                Code::TooManyJobs,
                format!(
                    "{live} previews and stats are unfinished and the limit is {limit}, half of the setting \
                     max-jobs ({max_jobs}); wait for one to end, cancel one, or raise max-jobs"
                ),
            ),
            Self::TooManyWalks { max } => (
                Code::Err,
                format!("{max} clients already wait for QADMIN.QUEUES, which is the limit; retry later"),
            ),
            Self::TooManyWaiting { max } => (
                Code::Err,
                format!("{max} clients already wait for jobs, which is the limit; retry without WAIT"),
            ),
        }
    }
}
