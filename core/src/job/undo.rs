//! What the record of a job says about undoing it.

use super::members::Member;
use super::{JobKind, JobStatus, Record, Undoing};
use crate::error::{Error, UndoError};
use crate::moved::UNDO_MAX;

/// The moves of a job that can be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undoable {
    /// The job, and how many messages it moved.
    pub undoing: Undoing,
    /// The list to which it moved them.
    pub list: Vec<u8>,
    /// The undo before this one.
    pub undone_by: Option<uuid::Uuid>,
}

impl Undoable {
    /// Reads the record of the job `id`, in the database `db`.
    ///
    /// # Errors
    /// [`UndoError::Nothing`], [`UndoError::OtherDatabase`], [`UndoError::MovesUnknown`].
    pub fn of(record: &Record, id: uuid::Uuid, db: i32) -> Result<Self, Error> {
        let refuse = |error| Err(Error::Undo(error));
        let nothing = |why| refuse(UndoError::Nothing { id: id.to_string(), why });
        let kind = JobKind::parse(record.text(Member::Kind));
        let deleted = u64::try_from(record.int(Member::Deleted)).unwrap_or(0);
        if kind == Some(JobKind::Undo) {
            return nothing(
                "it is itself an undo; to move the messages away again, start a new QADMIN.CLEARJOB with \
                 PARK",
            );
        }
        if kind != Some(JobKind::Clear) {
            return nothing("it only counted messages");
        }
        if record.flag(Member::DryRun) {
            return nothing("it was a dry run");
        }
        if !record.status().has_ended() {
            return nothing("it has not ended; wait for it to end, or cancel it");
        }
        if record.is_null(Member::To) {
            return nothing("it deleted its matches; only messages that PARK or TO moved can be moved back");
        }
        if deleted == 0 {
            return nothing("it moved nothing");
        }
        if record.int(Member::Db) != i64::from(db) {
            return refuse(UndoError::OtherDatabase { id: id.to_string(), db: record.int(Member::Db) });
        }
        let undoable = Self {
            undoing: Undoing {
                job: id,
                moved: deleted,
                undone: u64::try_from(record.int(Member::Undone)).unwrap_or(0),
            },
            list: record.text(Member::To).to_vec(),
            undone_by: uuid::Uuid::try_parse_ascii(record.text(Member::UndoneBy)).ok(),
        };
        if deleted > UNDO_MAX {
            return Err(undoable.unknown(record, "it moved more than 20000000 messages"));
        }
        Ok(undoable)
    }

    /// Returns what the undo before this one leaves to do: nothing if it completed and moved something back. An
    /// undo that was cancelled, failed or was interrupted can be continued.
    ///
    /// # Errors
    /// [`UndoError::Already`].
    pub fn check_last(&self, last: JobStatus) -> Result<(), Error> {
        let undone = match last {
            JobStatus::Completed if self.undoing.undone > 0 => Some(self.undoing.undone),
            last if !last.has_ended() => None,
            _ => return Ok(()),
        };
        let by = self.undone_by.map(|id| id.to_string()).unwrap_or_default();
        Err(UndoError::Already { id: self.undoing.job.to_string(), by, undone }.into())
    }

    /// Returns the error if it cannot be known which messages the job moved.
    #[must_use]
    pub fn unknown(&self, record: &Record, why: &'static str) -> Error {
        Error::Undo(UndoError::MovesUnknown {
            id: self.undoing.job.to_string(),
            why,
            list: self.list.clone(),
            queue: record.text(Member::Queue).to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ID: &str = Record::ID;

    /// A record of a job that moved something, with these members instead.
    fn record(members: &[(&str, &str)]) -> Record {
        let others = [
            ("kind", "clear"),
            ("queue", "celery"),
            ("db", "0"),
            ("to", "celery:parked"),
            ("deleted", "200"),
        ];
        Record::of_fields(members, &others)
    }

    fn of(members: &[(&str, &str)]) -> Result<Undoable, String> {
        Undoable::of(&record(members), Uuid::nil(), 0).map_err(|error| error.to_string())
    }

    #[test]
    fn only_messages_moved_by_an_ended_job_can_be_moved_back() {
        for status in ["completed", "cancelled", "failed", "interrupted"] {
            let undoable = of(&[("status", status), ("undone", "7")]).expect("it moved something");
            assert_eq!((undoable.undoing.moved, undoable.undoing.undone), (200, 7), "{status}");
            assert_eq!(undoable.list, b"celery:parked");
        }
        for (members, word) in [
            (&[("kind", "undo")][..], "itself an undo"),
            (&[("kind", "preview")], "counted"),
            (&[("kind", "stats")], "counted"),
            (&[("dry_run", "1")], "dry run"),
            (&[("status", "running")], "not ended"),
            (&[("status", "paused")], "not ended"),
            (&[("to", "")], "deleted"),
            (&[("deleted", "0")], "nothing"),
            (&[("db", "3")], "SELECT 3"),
            (&[("deleted", "20000001")], "more than 20000000"),
        ] {
            let refused = of(members).expect_err(word);
            assert!(refused.contains(word), "{refused}");
        }
        assert_eq!(UNDO_MAX, 20_000_000, "as the error says");
    }

    #[test]
    fn job_is_undone_once_unless_undo_was_partial_or_empty() {
        let check = |undone: &str, last| {
            of(&[("undone", undone), ("undone_by", ID)]).expect("it moved something").check_last(last)
        };
        for live in [JobStatus::Pending, JobStatus::Running, JobStatus::Paused] {
            assert!(check("5", live).expect_err("it is live").to_string().contains("is being undone by"));
        }
        assert!(
            check("5", JobStatus::Completed)
                .expect_err("it was undone")
                .to_string()
                .contains("moved back 5 messages")
        );
        for open in [JobStatus::Cancelled, JobStatus::Failed, JobStatus::Interrupted] {
            assert_eq!(check("5", open), Ok(()));
        }
        assert_eq!(check("0", JobStatus::Completed), Ok(()));
    }
}
