//! Requests: what a client can ask for, as data ([`COMMANDS`]) and as one typed request per command.
//!
//! The rows of [`commands`] are the only source of keywords: a parser reads them from its row, so it cannot accept
//! a keyword that help, documentation and error hints do not know.
//!
//! To add a command: a row in `commands.rs`, a file here that implements [`Request`], and its line in the
//! tests' list of parsers.

pub mod commands;
pub mod spec;

mod cancel;
mod clearjob;
mod continuing;
mod control;
mod count;
mod digest;
mod fields;
mod format;
mod help;
mod index;
mod job_filters;
mod job_name;
mod job_options;
mod jobs;
mod next_step;
mod options;
mod preview;
mod queue_at;
mod queues;
mod show;
mod stats;
mod status;
mod target;
mod throttle;
mod undo;

pub use cancel::{Cancel, Target};
pub use clearjob::{ACTOR_MAX, ClearJob, Mode, REASON_MAX};
pub use commands::COMMANDS;
pub use continuing::Interrupted;
pub use control::{NamedJob, Pause, Resume};
pub use count::{CountRequest, SampleOptions};
use digest::{preview_key, unacked_key};
pub use fields::Fields;
pub use format::{Format, Notation};
pub use help::Help;
pub use index::{Index, IndexAction};
pub use job_filters::StatusFilter;
pub use job_name::{JobName, SHORT_ID_MIN};
pub use job_options::{JOBS_DEFAULT, JOBS_MAX, RATE_MAX, WAIT_MAX_MS};
pub use jobs::Jobs;
pub use next_step::{Here, add_notice};
pub use options::QUEUE_MAX;
pub use preview::{Preview, SAMPLE_DEFAULT, SAMPLE_MAX};
pub use queue_at::optional_queue;
pub use queues::Queues;
pub use show::Show;
pub use spec::{CommandSpec, syntax};
pub use stats::Stats;
pub use status::Status;
pub use target::TargetOptions;
pub use throttle::Throttle;
pub use undo::Undo;

use crate::error::Error;

/// A request of one command.
pub trait Request: Sized {
    /// The command's row.
    const COMMAND: &'static CommandSpec;

    /// Reads the arguments after the command's name. `now_ms` (Unix milliseconds) is the value of `now` in the
    /// filter; commands without a filter ignore it.
    ///
    /// # Errors
    /// The first error in the arguments, from left to right; then what is missing.
    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error>;
}

#[cfg(test)]
mod tests;
