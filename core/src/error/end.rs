//! Why a job ended before its work was done.

use super::quote::quote;
use super::{Code, ServerError};

/// Why a job ended as cancelled, failed or interrupted. A job that completed has no such reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// A user cancelled the job, or the last client that waited for it disconnected.
    Cancelled,
    /// The job was a paused preview, and another job needed its place.
    Evicted,
    /// The queue was edited in place too often: each edit makes the scan begin again.
    EditedInPlace {
        /// The number of edits.
        times: u64,
    },
    /// More messages match than EXPECT and TOLERANCE allow.
    MoreThanExpected {
        /// The largest number that they allow.
        most: u64,
        /// The number of matches that were found.
        matched: u64,
        /// The number of messages that were cleared before an edit in place made the scan begin again.
        deleted: u64,
    },
    /// The matches have more distinct values of BY than a job can tell apart.
    TooManyValues {
        /// The largest number that it can.
        max: usize,
        /// The number of messages that were cleared before.
        deleted: u64,
    },
    /// FLUSHDB or FLUSHALL emptied the queue's database during a count or a clear.
    Flushed,
    /// SWAPDB moved the queue's database during a count or a clear.
    DatabasesSwapped,
    /// The server changed its role between primary and replica during a count.
    RoleChanged,
    /// The server began to load another dataset during a count.
    Loading,
    /// The server stopped being a primary during a clear.
    BecameReplica,
    /// The server began to load another dataset during a clear.
    DatasetReplaced,
    /// The cluster moved the queue to another node.
    QueueMigrated,
    /// The job's record says that it runs, and no server runs it any more.
    ServerGone,
    /// The user who started the job was deleted, was switched off or lost the permission for it.
    RightLost {
        /// The name of the user.
        user: Vec<u8>,
    },
    /// The key that matches are moved to came to hold another type.
    DestinationReplaced {
        /// The key.
        key: Vec<u8>,
        /// The type that it should hold.
        wanted: &'static str,
    },
    /// The key of the job's record holds something other than a record.
    RecordKeyTaken {
        /// The key.
        key: Vec<u8>,
    },
    /// The list in which the job noted the messages that it moved is gone or was changed by others.
    JournalLost,
    /// The hash of the messages of a list of ids, or the list itself, came to hold another type.
    MessagesReplaced,
    /// The module has a fault.
    Internal,
}

impl EndReason {
    pub(super) fn describe(&self) -> (Code, String) {
        match self {
            Self::Cancelled => (Code::Err, "the job was cancelled".into()),
            Self::Evicted => {
                (Code::Err, "the job was paused and another job needed its place; start it again".into())
            }
            Self::EditedInPlace { times } => (Code::Err, format!("queue was edited in place {times} times")),
            Self::MoreThanExpected { most, matched, deleted } => (
                Code::Expect,
                format!("expected at most {most} matches and found {matched}; {}", cleared(*deleted)),
            ),
            Self::TooManyValues { max, deleted } => (
                Code::Err,
                format!(
                    "the matches have more than {max} distinct values of BY; {}; narrow the filter",
                    cleared(*deleted)
                ),
            ),
            Self::Flushed => {
                (Code::Err, "the database was flushed while the job ran; start the job again".into())
            }
            Self::DatabasesSwapped => {
                (Code::Err, "databases were swapped while the job ran; start the job again".into())
            }
            Self::RoleChanged => (
                Code::ReadOnly,
                "the server changed its role between primary and replica while the job ran; start the job \
                 again"
                    .into(),
            ),
            Self::Loading => ServerError::Loading.describe(),
            Self::BecameReplica => {
                (Code::Err, "the server became a replica; QADMIN.RESUME on its primary continues the job".into())
            }
            Self::DatasetReplaced => (
                Code::Err,
                "the server began to load another dataset; start the job again when the dataset is loaded"
                    .into(),
            ),
            Self::QueueMigrated => {
                (Code::Err, "the queue moved to another node of the cluster; QADMIN.RESUME with QUEUE continues the job there".into())
            }
            Self::ServerGone => {
                (Code::Err, "the server that ran the job stopped or was replaced; QADMIN.RESUME continues it".into())
            }
            Self::RightLost { user } => (
                Code::NoPerm,
                format!(
                    "the user {}, who started the job, was deleted, was disabled, or lost the permission to \
                     clear this queue",
                    quote(user)
                ),
            ),
            Self::DestinationReplaced { key, wanted } => {
                (Code::WrongType, format!("the key {} no longer holds {wanted}", quote(key)))
            }
            Self::RecordKeyTaken { key } => (
                Code::WrongType,
                format!("the key {} is reserved for the job's record and holds something else", quote(key)),
            ),
            Self::JournalLost => (
                Code::Err,
                "it is no longer known which messages the job moved: its list qadmin:moved:<id> is gone or \
                 was changed"
                    .into(),
            ),
            Self::MessagesReplaced => (
                Code::Err,
                "the key of the ids or the hash of their messages now holds another type; the other messages were not \
                 examined"
                    .into(),
            ),
            Self::Internal => ServerError::Internal.describe(),
        }
    }
}

impl std::fmt::Display for EndReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (code, text) = self.describe();
        write!(f, "{} {text}", code.as_str())
    }
}

/// Returns the clause that says how many messages a job had cleared before it gave up.
fn cleared(deleted: u64) -> String {
    match deleted {
        0 => "nothing was cleared".to_owned(),
        1 => "1 message had been cleared".to_owned(),
        n => format!("{n} messages had been cleared"),
    }
}
