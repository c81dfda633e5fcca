//! Every way in which a command can fail and every reason why a job can end early: the codes and the only
//! wording that users see.
//!
//! An error is one line of ASCII, `CODE text`: what was wrong and what would be right. Bytes that come from a user
//! are quoted and escaped by [`quote()`], never inserted raw.
//!
//! There is one enum per area, each in a file of its own. In each file one exhaustive `match`, `describe`, gives every
//! variant its code and its text side by side. To add an error, add a variant and its arm there, and a sample of
//! it to the list in `error/tests.rs`.

mod end;
mod filter;
mod index;
mod job;
mod quote;
mod request;
mod resume;
mod server;
mod setting;
mod show;
mod target;
mod undo;

pub use end::EndReason;
pub use filter::FilterError;
pub use index::IndexError;
pub use job::JobError;
pub use quote::{QUOTE_MAX, quote};
pub use request::RequestError;
pub use resume::ResumeError;
pub use server::ServerError;
pub use setting::SettingError;
pub use show::ShowError;
pub use target::TargetError;
pub use undo::UndoError;

/// The first word of an error reply, which clients can match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The syntax is wrong, a value is out of range, or the current state does not permit the request.
    Err,
    /// A destructive command was given without its confirmation.
    Confirm,
    /// More messages match than the caller expected.
    Expect,
    /// Two keys are in different slots, so a cluster may keep them on different nodes.
    CrossSlot,
    /// The job id is unknown or was forgotten.
    NoJob,
    /// Several jobs have ids that begin with the short id.
    Ambiguous,
    /// No message of the queue has the id.
    NoMessage,
    /// As many jobs as the setting `max-jobs` allows are unfinished.
    TooManyJobs,
    /// The key holds a type that the command does not work on.
    WrongType,
    /// The user lacks a permission.
    NoPerm,
    /// A write was sent to a replica.
    ReadOnly,
    /// The server is loading its dataset.
    Loading,
    /// The server uses more memory than `maxmemory` allows.
    Oom,
}

impl Code {
    /// Returns the word as it is sent to clients.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Err => "ERR",
            Self::Confirm => "CONFIRM",
            Self::Expect => "EXPECT",
            Self::CrossSlot => "CROSSSLOT",
            Self::NoJob => "NOJOB",
            Self::Ambiguous => "AMBIGUOUS",
            Self::NoMessage => "NOMESSAGE",
            Self::TooManyJobs => "TOOMANYJOBS",
            Self::WrongType => "WRONGTYPE",
            Self::NoPerm => "NOPERM",
            Self::ReadOnly => "READONLY",
            Self::Loading => "LOADING",
            Self::Oom => "OOM",
        }
    }
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The filter, or a list of fields, is wrong.
    Filter(FilterError),
    /// The arguments are wrong, whatever the key holds.
    Request(RequestError),
    /// The command does not work on this key, or not on this node.
    Target(TargetError),
    /// An index is missing, or is not created.
    Index(IndexError),
    /// The job is unknown, or no further job or client can be accepted.
    Job(JobError),
    /// An undo is refused.
    Undo(UndoError),
    /// An interrupted job cannot be continued.
    Resume(ResumeError),
    /// A message is not shown.
    Show(ShowError),
    /// A setting is wrong.
    Setting(SettingError),
    /// The server does not permit the command now or for this user, or the module has a fault.
    Server(ServerError),
    /// The command failed for a reason that also ends running jobs.
    End(EndReason),
}

impl Error {
    /// Returns the first word of the reply.
    #[must_use]
    pub fn code(&self) -> Code {
        self.describe().0
    }

    /// Returns what follows the code and one blank.
    #[must_use]
    pub fn text(&self) -> String {
        self.describe().1
    }

    fn describe(&self) -> (Code, String) {
        match self {
            Self::Filter(error) => error.describe(),
            Self::Request(error) => error.describe(),
            Self::Target(error) => error.describe(),
            Self::Index(error) => error.describe(),
            Self::Job(error) => error.describe(),
            Self::Undo(error) => error.describe(),
            Self::Resume(error) => error.describe(),
            Self::Show(error) => error.describe(),
            Self::Setting(error) => error.describe(),
            Self::Server(error) => error.describe(),
            Self::End(reason) => reason.describe(),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (code, text) = self.describe();
        write!(f, "{} {text}", code.as_str())
    }
}

impl std::error::Error for Error {}

/// Converts the error of each area into an [`Error`], so that `?` and `.into()` do it at the call site.
macro_rules! from_areas {
    ($($variant:ident($area:ty);)*) => {
        $(impl From<$area> for Error {
            fn from(error: $area) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from_areas! {
    Filter(FilterError);
    Request(RequestError);
    Target(TargetError);
    Index(IndexError);
    Job(JobError);
    Undo(UndoError);
    Resume(ResumeError);
    Show(ShowError);
    Setting(SettingError);
    Server(ServerError);
    End(EndReason);
}

#[cfg(test)]
mod tests;
