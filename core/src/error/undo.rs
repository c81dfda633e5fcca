//! Errors of UNDO: why the messages that a job moved cannot be moved back.

use super::Code;
use super::quote::quote;

/// Why an undo is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoError {
    /// CONFIRM is missing, or names another list.
    Confirm {
        /// The list that messages would be moved back from.
        list: Vec<u8>,
        /// The name that was given.
        got: Option<Vec<u8>>,
    },
    /// There is no job with this id, or it was forgotten.
    Forgotten {
        /// The id as the client wrote it.
        id: Vec<u8>,
    },
    /// The job moved nothing that could be moved back.
    Nothing {
        /// The canonical id.
        id: String,
        /// Why not, and what would be right.
        why: &'static str,
    },
    /// The job was undone already, or is being undone.
    Already {
        /// The canonical id.
        id: String,
        /// The id of the undo.
        by: String,
        /// The number of messages that the undo moved back; `None` while the undo runs.
        undone: Option<u64>,
    },
    /// It is not known which messages the job moved.
    MovesUnknown {
        /// The canonical id.
        id: String,
        /// Why not, as a clause.
        why: &'static str,
        /// The list that the job moved messages to.
        list: Vec<u8>,
        /// The queue that it moved them from.
        queue: Vec<u8>,
    },
    /// The job worked in another database.
    OtherDatabase {
        /// The canonical id.
        id: String,
        /// The number of that database.
        db: i64,
    },
}

impl UndoError {
    pub(super) fn describe(&self) -> (Code, String) {
        match self {
            Self::Confirm { list, got: None } => (
                Code::Confirm,
                format!(
                    "repeat the name of the list that messages are moved back from: CONFIRM {}",
                    quote(list)
                ),
            ),
            Self::Confirm { list, got: Some(got) } => {
                let (list, got) = (quote(list), quote(got));
                let text = format!(
                    "the job moved messages to {list}, not to {got}; to move them back, give CONFIRM {list}"
                );
                (Code::Confirm, text)
            }
            Self::Forgotten { id } => (
                Code::NoJob,
                format!(
                    "no job with id {}; jobs are forgotten after job-ttl. To move a whole list, use \
                     QADMIN.CLEARJOB list WHERE bytes GE 0 ALL TO queue CONFIRM list",
                    quote(id)
                ),
            ),
            Self::Nothing { id, why } => (Code::Err, format!("job {id} cannot be undone: {why}")),
            Self::Already { id, by, undone: None } => {
                (Code::Err, format!("job {id} is being undone by job {by}; wait for it to end, or cancel it"))
            }
            Self::Already { id, by, undone: Some(undone) } => {
                (Code::Err, format!("job {id} was undone by job {by}, which moved back {undone} messages"))
            }
            Self::MovesUnknown { id, why, list, queue } => {
                let (list, queue) = (quote(list), quote(queue));
                let text = format!(
                    "it is not known which messages job {id} moved: {why}. To move all messages of the \
                     list, also others, use QADMIN.CLEARJOB {list} WHERE bytes GE 0 ALL TO {queue} CONFIRM \
                     {list}"
                );
                (Code::Err, text)
            }
            Self::OtherDatabase { id, db } => {
                (Code::Err, format!("job {id} worked in database {db}; SELECT {db} first"))
            }
        }
    }
}
