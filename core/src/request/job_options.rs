//! The options of the commands about jobs: `[QUEUE queue] [WAIT ms] [COUNT n] [RATE n] [DUTY percent]
//! [FORMAT RESP|JSON]`, each where the command's row has it.
//!
//! One parser for all of them, because the server asks where the key stands before it runs the command:
//! both questions must have the same answer.

use super::Format;
use super::options::{Options, queue_name};
use super::spec::CommandSpec;
use crate::error::Error;

/// Longest WAIT, in milliseconds: a day. Who wants longer says 0, until the job ends.
pub const WAIT_MAX_MS: u64 = 86_400_000;
/// Jobs listed where COUNT is not given.
pub const JOBS_DEFAULT: usize = 20;
/// Most jobs listed.
pub const JOBS_MAX: usize = 100;
/// Highest RATE, messages per second: more than a server takes out.
pub const RATE_MAX: u64 = 10_000_000;

/// What stands before and behind the keywords of a command about jobs.
#[derive(Debug)]
pub(super) struct JobOptions<'a> {
    /// The fixed argument, empty where the command has none.
    pub(super) target: &'a [u8],
    pub(super) queue: Option<Vec<u8>>,
    pub(super) wait_ms: Option<u64>,
    pub(super) count: usize,
    pub(super) rate: Option<u64>,
    pub(super) duty: Option<u64>,
    pub(super) format: Format,
    // Index of QUEUE's value in the command line, where the command's name is 0.
    pub(super) queue_at: Option<usize>,
}

impl<'a> JobOptions<'a> {
    pub(super) fn parse(command: &'static CommandSpec, args: &'a [&'a [u8]]) -> Result<Self, Error> {
        let mut options = Options::new(command, args);
        let target = if command.fixed == 0 { &[] } else { options.fixed()? };
        let (mut queue, mut queue_at, mut wait_ms) = (None, None, None);
        let (mut rate, mut duty) = (None, None);
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
                "FORMAT" => format = Format::parse(&mut options.args)?,
                other => return Err(options.unknown(other.as_bytes())),
            }
        }
        Ok(Self { target, queue, wait_ms, count, rate, duty, format, queue_at })
    }
}
