//! Exit codes, and failures with their texts.

use std::process::ExitCode;

use redis::RedisError;
use serde_json::{Value, json};

use crate::near;
use crate::text::escape;

/// The exit codes; docs/console.md has the same table. 2 (usage) is clap's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command succeeded.
    Done = 0,
    /// The server refused the command for a reason without an exit code of its own.
    Refused = 1,
    /// An invalid argument that clap did not detect.
    Usage = 2,
    /// Nothing was cleared because nobody confirmed it.
    Unconfirmed = 3,
    /// A job did not end as completed, or a count failed.
    JobFailed = 4,
    /// The Redis user lacks a permission.
    NoRight = 5,
    /// The connection or the login failed.
    Unreachable = 6,
    /// The server does not know the command: the module is not loaded or older than the program.
    NoModule = 7,
    /// A clear was sent to a replica.
    Replica = 8,
    /// The job is unknown, or the message is not in the queue.
    NoJob = 9,
    /// `qadmin doctor` found a failure, or a step that comes before the removal of the module.
    Unhealthy = 10,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure that ends a command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One or more lines for people, safe to print.
    pub(crate) words: String,
    /// Whether the connection was lost, so that another attempt can succeed.
    pub(crate) disconnected: bool,
    /// The first word of the server's error.
    pub(crate) code: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, words: words.into(), disconnected: false, code: None }
    }

    /// The JSON document that scripts read from standard output.
    pub(crate) fn json(&self) -> Value {
        json!({ "error": self.words, "exit_code": self.exit as u8 })
    }

    /// The failure for an error of the server at `address`, or of the connection to it.
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
                format!("the Redis user of this connection lacks the permission.\nThe server says: {said}"),
            ),
            "READONLY" => Self::new(
                Exit::Replica,
                format!(
                    "the server at {address} is a replica: it can preview queues, but only its primary can clear them. Give \
                     the primary's address with --redis."
                ),
            ),
            "NOJOB" | "NOMESSAGE" => Self::new(Exit::NoJob, said),
            "NOAUTH" | "WRONGPASS" => Self::new(
                Exit::Unreachable,
                format!("the server at {address} refused the login.\nThe server says: {said}"),
            ),
            "CONFIRM" => Self::new(Exit::Unconfirmed, said),
            _ => {
                let hint = near::field(&said).map(|hint| format!("\n{hint}")).unwrap_or_default();
                Self::new(Exit::Refused, said + &hint)
            }
        };
        Self { code: Some(code.to_owned()), ..failure }
    }

    /// The failure for a connection that could not be made or was lost.
    pub(crate) fn connection(error: &RedisError, address: &str) -> Self {
        let words = if error.is_timeout() {
            format!("the server at {address} does not answer: timeout")
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
