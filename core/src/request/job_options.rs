//! The options of the commands about jobs: `[QUEUE queue] [WAIT ms] [COUNT n] [RATE n] [DUTY percent] [KIND kind]
//! [STATUS status] [USER name] [FORMAT RESP|JSON] [VERBOSE]`, each if the command's row has it.
//!
//! There is one parser for all of them, because the server asks for the position of the key before it runs the
//! command: both must find the same.

use super::Format;
use super::job_filters::{StatusFilter, parse_kind};
use super::options::{Options, queue_name};
use super::spec::CommandSpec;
use crate::error::Error;
use crate::job::JobKind;

/// Longest WAIT, in milliseconds: a day. 0 waits until the job ends.
pub const WAIT_MAX_MS: u64 = 86_400_000;
/// Jobs that are listed without COUNT.
pub const JOBS_DEFAULT: usize = 20;
/// Most jobs listed.
pub const JOBS_MAX: usize = 100;
/// Highest RATE, messages per second: more than a server can remove.
pub const RATE_MAX: u64 = 10_000_000;

/// The arguments of a command about jobs.
#[derive(Debug)]
pub(super) struct JobOptions<'a> {
    /// The fixed argument, empty if the command has none.
    pub(super) target: &'a [u8],
    pub(super) queue: Option<Vec<u8>>,
    pub(super) wait_ms: Option<u64>,
    pub(super) count: usize,
    pub(super) rate: Option<u64>,
    pub(super) duty: Option<u64>,
    pub(super) kind: Option<JobKind>,
    pub(super) status: Option<StatusFilter>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) format: Format,
    // Index of QUEUE's value in the command line, in which the command's name is 0.
    pub(super) queue_at: Option<usize>,
}

impl<'a> JobOptions<'a> {
    pub(super) fn parse(command: &'static CommandSpec, args: &'a [&'a [u8]]) -> Result<Self, Error> {
        let mut options = Options::new(command, args);
        let target = if command.fixed == 0 { &[] } else { options.fixed()? };
        let (mut queue, mut queue_at, mut wait_ms) = (None, None, None);
        let (mut rate, mut duty) = (None, None);
        let (mut kind, mut status, mut user) = (None, None, None);
        let mut count = JOBS_DEFAULT;
        let mut format = Format::default();
        while let Some(keyword) = options.keyword()? {
            match keyword {
                "QUEUE" => {
                    queue = Some(queue_name(options.args.value("QUEUE")?)?);
                    queue_at = Some(args.len() - options.args.remaining());
                }
                "WAIT" => wait_ms = Some(options.args.number("WAIT", 0, WAIT_MAX_MS)?),
                "COUNT" => count = options.count("COUNT", 1, JOBS_MAX)?,
                "RATE" => rate = Some(options.args.number("RATE", 0, RATE_MAX)?),
                "DUTY" => duty = Some(options.args.number("DUTY", 0, 100)?),
                "KIND" => kind = Some(parse_kind(options.args.value("KIND")?)?),
                "STATUS" => status = Some(StatusFilter::parse(options.args.value("STATUS")?)?),
                "USER" => user = Some(options.args.value("USER")?.to_vec()),
                other => {
                    if !format.accept(other, &mut options.args)? {
                        return Err(options.unknown(other.as_bytes()));
                    }
                }
            }
        }
        Ok(Self { target, queue, wait_ms, count, rate, duty, kind, status, user, format, queue_at })
    }
}
