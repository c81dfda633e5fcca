//! Errors of RESUME: why an interrupted job cannot be continued.

use super::Code;

/// Why an interrupted job is not continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumeError {
    /// It cannot be continued.
    Impossible {
        /// The canonical id.
        id: String,
        /// Why not, and what would be right.
        why: &'static str,
    },
    /// It reached its LIMIT before it was interrupted.
    LimitReached {
        /// The canonical id.
        id: String,
        /// The value of LIMIT.
        limit: u64,
    },
    /// The job is an undo.
    IsUndo {
        /// The canonical id.
        id: String,
        /// The id of the job that it undoes.
        undoes: String,
    },
    /// The job worked in another database.
    OtherDatabase {
        /// The canonical id.
        id: String,
        /// The number of that database.
        db: i64,
    },
    /// The server refuses the first write of the job.
    Refused {
        /// Why, as a clause.
        why: String,
    },
}

impl ResumeError {
    pub(super) fn describe(&self) -> (Code, String) {
        let text = match self {
            Self::Impossible { id, why } => format!("job {id} cannot be continued: {why}"),
            Self::LimitReached { id, limit } => {
                format!(
                    "job {id} cannot be continued: it had removed as many messages as its LIMIT {limit} allows"
                )
            }
            Self::IsUndo { id, undoes } => {
                format!("job {id} is an undo; continue it by QADMIN.UNDO {undoes}")
            }
            Self::OtherDatabase { id, db } => format!("job {id} worked in database {db}; SELECT {db} first"),
            Self::Refused { why } => format!("no job was started: {why}"),
        };
        (Code::Err, text)
    }
}
