//! `qadmin doctor`: checks of a server, and the steps that come before the removal of the module.
//!
//! Everything is found out by commands of the server and, where the server runs on this machine, by reading files. Nothing
//! is changed. A check whose command the user may not run says so and is a warning.

mod access;
mod aof;
mod ask;
mod checks;
mod configuration;
mod data;
mod execution;
mod facts;
mod info;
mod machine;
mod removal;
mod rules;
mod steps;
mod version;

pub(crate) use checks::checks;
pub(crate) use steps::steps;

use serde_json::{Value, json};

/// The result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing has to be done.
    Ok,
    /// Somebody should look at it, or it could not be checked.
    Warning,
    /// The module is not loaded, or something does not work or will not work after the next start.
    Failure,
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// One check, and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    /// One line. It can contain bytes of others, so it is escaped where it is shown.
    pub(crate) found: String,
    /// Lines to type in a shell.
    pub(crate) next: Vec<String>,
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { check, verdict, found: found.into(), next: Vec::new() }
    }

    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, found)
    }

    fn warning(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, found)
    }

    fn failure(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Failure, found)
    }

    fn unknown(check: &'static str, why: &ask::Unknown) -> Self {
        Self::warning(check, format!("could not be checked: {why}"))
    }

    fn next(mut self, line: impl Into<String>) -> Self {
        self.next.push(line.into());
        self
    }

    pub(crate) fn json(&self) -> Value {
        json!({"check": self.check, "verdict": self.verdict.word(), "found": self.found, "next": self.next})
    }
}

/// How far a step towards the removal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is left to do.
    Done,
    /// It has to be done while the module is loaded.
    Todo,
    /// Nothing breaks without it, but what is named here cannot be done without the module.
    Choice,
    /// It is not known whether it is done.
    Unknown,
    /// It follows when all other steps are done.
    Last,
}

impl Progress {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Todo => "to do",
            Self::Choice => "choice",
            Self::Unknown => "unknown",
            Self::Last => "last",
        }
    }

    /// Whether the module must not be removed yet.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Todo | Self::Unknown)
    }
}

/// One step towards the removal of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) step: &'static str,
    pub(crate) progress: Progress,
    /// One line, escaped where it is shown.
    pub(crate) found: String,
    /// Lines to type in a shell.
    pub(crate) next: Vec<String>,
}

impl Step {
    fn new(step: &'static str, progress: Progress, found: impl Into<String>) -> Self {
        Self { step, progress, found: found.into(), next: Vec::new() }
    }

    fn unknown(step: &'static str, why: &ask::Unknown) -> Self {
        Self::new(step, Progress::Unknown, format!("could not be checked: {why}"))
    }

    fn next(mut self, line: impl Into<String>) -> Self {
        self.next.push(line.into());
        self
    }

    pub(crate) fn json(&self) -> Value {
        json!({"step": self.step, "progress": self.progress.word(), "found": self.found, "next": self.next})
    }
}
