//! `QADMIN.HELP`

use super::commands::{COMMANDS, FILTER, OPERATOR};
use super::options::Options;
use super::spec::{CommandSpec, expand};
use super::{Request, commands, syntax};
use crate::error::Error;
use crate::reply::Reply;

/// Show the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Help;

impl Help {
    /// Returns the reply: for each command a line with its syntax and an indented line that says what it does;
    /// then what the words `filter` and `operator` in them stand for.
    #[must_use]
    pub fn reply() -> Reply {
        let mut lines = Vec::new();
        for command in COMMANDS {
            lines.push(syntax(command));
            lines.push(format!("    {}", command.summary));
        }
        lines.push("filter, at least one of:".to_owned());
        lines.push(format!("    {}", expand(&FILTER)));
        lines.push("operator, one of:".to_owned());
        lines.push(format!("    {}", expand(&OPERATOR).replace(" | ", " ")));
        Reply::List(lines.into_iter().map(Reply::from).collect())
    }
}

impl Request for Help {
    const COMMAND: &'static CommandSpec = &commands::HELP;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        // The row has no keywords, so any argument is unknown.
        Options::new(Self::COMMAND, args).keyword()?;
        Ok(Self)
    }
}
