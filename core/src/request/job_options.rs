//! The options of the commands about jobs: `[QUEUE queue] [WAIT ms] [COUNT n] [RATE n] [DUTY percent]
//! [FORMAT RESP|JSON]`, each where the command's row has it.
//!
//! One parser for all of them, because the server asks where the key stands before it runs the command:
//! both questions must have the same answer.

use super::Format;
use super::jobs::{JOBS_DEFAULT, JOBS_MAX};
use super::options::{Options, queue_name};
use super::spec::{CommandSpec, Keys};
use super::status::WAIT_MAX_MS;
use super::throttle::RATE_MAX;
use crate::error::Error;

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
    queue_at: Option<usize>,
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

/// Where the key of a command with an optional QUEUE stands in the command line (the command's name is
/// 0), given the arguments after the name: the answer of the getkeys callback.
///
/// `None` without QUEUE, and where the arguments do not parse: such a command touches no key and answers
/// with its error.
#[must_use]
pub fn optional_queue(command: &'static CommandSpec, args: &[&[u8]]) -> Option<usize> {
    if command.keys != Keys::OptionalQueue {
        return None;
    }
    match command.name {
        "QADMIN.UNDO" => super::undo::queue_at(args),
        _ => JobOptions::parse(command, args).ok()?.queue_at,
    }
}
