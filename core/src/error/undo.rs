//! Why an undo is refused.

use super::{Code, quote};

/// Why what a job moved cannot be moved back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoError {
    /// CONFIRM is missing, or names another list.
    Confirm {
        /// The list that messages would be taken from.
        list: Vec<u8>,
        /// What was given.
        got: Option<Vec<u8>>,
    },
    /// The job is unknown or forgotten.
    Forgotten {
        /// The id as the client wrote it.
        id: Vec<u8>,
    },
    /// The job moved nothing that could be moved back.
    Nothing {
        /// The canonical id.
        id: String,
        /// Why, and what would be right.
        why: &'static str,
    },
    /// The job was undone, or is being undone now.
    Already {
        /// The canonical id.
        id: String,
        /// The id of the undo.
        by: String,
        /// How many messages are back; `None` while the undo is live.
        undone: Option<u64>,
    },
    /// Which messages the job moved is not known.
    MovesUnknown {
        /// The canonical id.
        id: String,
        /// Why, as a clause.
        why: &'static str,
        /// The list that it moved to.
        list: Vec<u8>,
        /// The list that it moved from.
        queue: Vec<u8>,
    },
    /// The job worked in another database.
    OtherDatabase {
        /// The canonical id.
        id: String,
        /// That database.
        db: i64,
    },
}

impl UndoError {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Confirm { .. } => Code::Confirm,
            Self::Forgotten { .. } => Code::NoJob,
            Self::Nothing { .. }
            | Self::Already { .. }
            | Self::MovesUnknown { .. }
            | Self::OtherDatabase { .. } => Code::Err,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Confirm { list, got: None } => format!(
                "type the name of the list that messages are moved back from: CONFIRM {}",
                quote(list)
            ),
            Self::Confirm { list, got: Some(got) } => {
                let list = quote(list);
                format!(
                    "the job moved messages to {list}, not to {}; to move them back: CONFIRM {list}",
                    quote(got)
                )
            }
            Self::Forgotten { id } => format!(
                "no job with id {}; jobs are forgotten after job-ttl. A whole list is moved by QADMIN.CLEARJOB list \
                 WHERE bytes GE 0 ALL TO queue CONFIRM list",
                quote(id)
            ),
            Self::Nothing { id, why } => format!("job {id} cannot be undone: {why}"),
            Self::Already { id, by, undone: None } => {
                format!("job {id} is being undone by job {by}; wait for its end, or cancel it")
            }
            Self::Already { id, by, undone: Some(undone) } => {
                format!("job {id} was undone by job {by}; {undone} of its messages are back")
            }
            Self::MovesUnknown { id, why, list, queue } => {
                let (list, queue) = (quote(list), quote(queue));
                format!(
                    "which messages job {id} moved is not known: {why}. All of them and others in the list are moved by \
                     QADMIN.CLEARJOB {list} WHERE bytes GE 0 ALL TO {queue} CONFIRM {list}"
                )
            }
            Self::OtherDatabase { id, db } => format!("job {id} worked in database {db}; SELECT {db} first"),
        }
    }
}
