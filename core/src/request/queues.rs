//! `QADMIN.QUEUES [GLOB pattern] [FORMAT RESP|JSON] [VERBOSE]`

use super::options::Options;
use super::spec::CommandSpec;
use super::{Format, Request, commands};
use crate::error::{Error, RequestError};
use crate::filter::{Glob, PATTERN_MAX};

/// Lists the queues of the selected database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queues {
    /// Only queues whose names match.
    pub pattern: Option<Glob>,
    /// The format of the reply.
    pub format: Format,
}

impl Queues {
    /// Returns whether the queue was requested.
    #[must_use]
    pub fn wants(&self, queue: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(queue))
    }
}

impl Request for Queues {
    const COMMAND: &'static CommandSpec = &commands::QUEUES;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let (mut pattern, mut format) = (None, Format::default());
        while let Some(keyword) = options.keyword()? {
            match keyword {
                "GLOB" => pattern = Some(parse_pattern(options.args.value("GLOB")?)?),
                other => {
                    if !format.accept(other, &mut options.args)? {
                        return Err(options.unknown(other.as_bytes()));
                    }
                }
            }
        }
        Ok(Self { pattern, format })
    }
}

fn parse_pattern(text: &[u8]) -> Result<Glob, Error> {
    match text.len() {
        0 => Err(RequestError::EmptyText { keyword: "GLOB" }.into()),
        got if got > PATTERN_MAX => {
            Err(RequestError::TooLong { keyword: "GLOB", max: PATTERN_MAX, got }.into())
        }
        _ => Ok(Glob::new(text)),
    }
}
