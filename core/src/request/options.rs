//! What all parsers share: fixed arguments first, then keywords in any order, each at most once.

use uuid::Uuid;

use super::job_name::JobName;
use super::spec::{CommandSpec, show, syntax};
use crate::args::Args;
use crate::error::{Error, JobError, RequestError};

/// The arguments of one command while they are parsed.
pub(super) struct Options<'a> {
    pub(super) args: Args<'a>,
    command: &'static CommandSpec,
    fixed_taken: usize,
    seen: Vec<&'static str>,
}

impl<'a> Options<'a> {
    pub(super) fn new(command: &'static CommandSpec, args: &'a [&'a [u8]]) -> Self {
        Self { args: Args::new(args), command, fixed_taken: 0, seen: Vec::new() }
    }

    /// Takes the next fixed argument.
    pub(super) fn fixed(&mut self) -> Result<&'a [u8], Error> {
        let argument = &self.command.args[self.fixed_taken];
        let value = self.args.next().ok_or_else(|| RequestError::MissingArgument {
            command: self.command.name,
            argument: show(argument),
            syntax: syntax(self.command),
        })?;
        self.fixed_taken += 1;
        Ok(value)
    }

    /// Takes the next keyword, as the table spells it; `None` at the end of the arguments.
    pub(super) fn keyword(&mut self) -> Result<Option<&'static str>, Error> {
        let Some(arg) = self.args.peek() else { return Ok(None) };
        let Some(keyword) = self.command.keyword(arg) else { return Err(self.unknown(arg)) };
        if self.seen.contains(&keyword) {
            return Err(RequestError::Repeated { keyword }.into());
        }
        self.seen.push(keyword);
        self.args.next();
        Ok(Some(keyword))
    }

    /// Takes the number after `keyword`, within `min..=max`.
    pub(super) fn count(&mut self, keyword: &'static str, min: usize, max: usize) -> Result<usize, Error> {
        let n = self.args.number(keyword, min as u64, max as u64)?;
        Ok(usize::try_from(n).unwrap_or(max))
    }

    /// Takes the `want` values that a count after `keyword` promises.
    pub(super) fn values(&mut self, keyword: &'static str, want: usize) -> Result<Vec<&'a [u8]>, Error> {
        let got = self.args.remaining();
        if got < want {
            return Err(RequestError::TooFewValues { keyword, want, got }.into());
        }
        Ok((0..want).filter_map(|_| self.args.next()).collect())
    }

    /// Returns the error for an argument that is not one of the command's keywords.
    pub(super) fn unknown(&self, got: &[u8]) -> Error {
        Error::Request(RequestError::UnknownKeyword {
            command: self.command.name,
            takes: self.command.keywords(),
            got: got.to_vec(),
        })
    }
}

/// Longest name of a queue, bytes. Names are kept with each job, cached count and record.
pub const QUEUE_MAX: usize = 8 * 1024;

/// The name of a queue, any bytes.
pub(super) fn queue_name(name: &[u8]) -> Result<Vec<u8>, Error> {
    match name.len() {
        0..=QUEUE_MAX => Ok(name.to_vec()),
        got => Err(RequestError::TooLong { keyword: "the queue's name", max: QUEUE_MAX, got }.into()),
    }
}

/// Reads the name of another key after `keyword`, any bytes, at least one.
pub(super) fn key_name(keyword: &'static str, name: &[u8]) -> Result<Vec<u8>, Error> {
    match name.len() {
        0 => Err(RequestError::EmptyText { keyword }.into()),
        1..=QUEUE_MAX => Ok(name.to_vec()),
        got => Err(RequestError::TooLong { keyword, max: QUEUE_MAX, got }.into()),
    }
}

/// A UUID in its hyphenated form of 36 characters, in any case.
pub(super) fn parse_uuid(text: &[u8]) -> Option<Uuid> {
    // The other forms that the crate reads (braces, URN, no hyphens) have other lengths.
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    Uuid::try_parse_ascii(text).ok()
}

/// Reads the name of a job. A text that cannot be the beginning of an id names no job.
pub(super) fn job_name(text: &[u8]) -> Result<JobName, Error> {
    JobName::parse(text).ok_or_else(|| Error::Job(JobError::NoJob { id: text.to_vec(), give_queue: false }))
}
