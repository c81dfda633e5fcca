//! How a run can end, and what is said when it does not end well.

use std::process::ExitCode;

use redis::RedisError;
use serde_json::{Value, json};

use crate::text::escape;

/// The exit codes; docs/console.md has the same table. 2 (usage) is clap's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked is done.
    Done = 0,
    /// The server refused, for a reason that has no code of its own.
    Refused = 1,
    /// What clap did not notice: an argument that cannot be.
    Usage = 2,
    /// Nothing was cleared because nobody confirmed it.
    Unconfirmed = 3,
    /// A job ended otherwise than completed, or a count failed.
    JobFailed = 4,
    /// The Redis user may not.
    NoRight = 5,
    /// No server, no connection, no login.
    Unreachable = 6,
    /// The server does not know the command: no module, or an older one.
    NoModule = 7,
    /// A clear was asked of a replica.
    Replica = 8,
    /// Nobody knows the job.
    NoJob = 9,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A run that did not end well.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One or more lines for people, safe to print.
    pub(crate) words: String,
    /// Whether the connection is gone, so that asking again may help.
    pub(crate) disconnected: bool,
    /// The first word of the server's error.
    pub(crate) code: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, words: words.into(), disconnected: false, code: None }
    }

    /// What scripts read on stdout.
    pub(crate) fn json(&self) -> Value {
        json!({ "error": self.words, "exit_code": self.exit as u8 })
    }

    /// What a server at `address` answered, or that it did not.
    pub(crate) fn from_redis(error: &RedisError, address: &str, command: &str) -> Self {
        let said = said(error);
        let Some(code) = error.code() else { return Self::connection(error, address) };
        let detail = error.detail().unwrap_or_default();
        let failure = match code {
            "ERR" if detail.starts_with("unknown command") => Self::new(
                Exit::NoModule,
                format!(
                    "the server at {address} does not know {command}: the module qadmin is not loaded there, or is \
                     older than this program.\nLoad it in redis.conf (`loadmodule /path/libqadmin.so`) or by \
                     `MODULE LOADEX /path/libqadmin.so`; `MODULE LIST` shows what is loaded."
                ),
            ),
            "NOPERM" => Self::new(
                Exit::NoRight,
                format!("the Redis user of this connection may not do that.\nThe server says: {said}"),
            ),
            "READONLY" => Self::new(
                Exit::Replica,
                format!(
                    "the server at {address} is a replica: it shows queues, but they are cleared on its primary. Give \
                     the primary's address with --redis."
                ),
            ),
            "NOJOB" => Self::new(Exit::NoJob, said),
            "NOAUTH" | "WRONGPASS" => Self::new(
                Exit::Unreachable,
                format!("the server at {address} refused the login.\nThe server says: {said}"),
            ),
            "CONFIRM" => Self::new(Exit::Unconfirmed, said),
            _ => Self::new(Exit::Refused, said),
        };
        Self { code: Some(code.to_owned()), ..failure }
    }

    /// A connection that could not be made, or broke.
    pub(crate) fn connection(error: &RedisError, address: &str) -> Self {
        let words = if error.is_timeout() {
            format!("the server at {address} does not answer: time-out")
        } else {
            format!("no connection to {address}: {}", escape(error.to_string().as_bytes()))
        };
        Self { exit: Exit::Unreachable, words, disconnected: true, code: None }
    }
}

/// The error line as the server sent it.
fn said(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => escape(format!("{code} {detail}").as_bytes()),
        _ => escape(error.to_string().as_bytes()),
    }
}
