//! Which jobs can be undone, and the command for it.

use crate::reply::Status;
use crate::shell::quote;

/// A job whose messages can be moved back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undo {
    /// Its id.
    pub(crate) job: String,
    /// The queue from which it moved them.
    pub(crate) queue: Vec<u8>,
    /// The list to which it moved them.
    pub(crate) list: Vec<u8>,
    /// Whether an earlier undo ended half-way, so that this one continues it.
    pub(crate) continues: bool,
}

impl Undo {
    /// The undo of a job that has ended and moved messages, or of an undo that ended half-way. `None` for a completed undo
    /// and for a job that was undone.
    pub(crate) fn of(job: &Status) -> Option<Self> {
        let to = job.to.clone()?;
        if !job.has_ended() || job.dry_run {
            return None;
        }
        match (&job.undoes, job.kind.as_str()) {
            (Some(undoes), "undo") if !job.completed() => {
                Some(Self { job: undoes.clone(), queue: to, list: job.queue.clone(), continues: true })
            }
            (None, "clear") if job.deleted > 0 && job.undone_by.is_none() => {
                Some(Self { job: job.job_id.clone(), queue: job.queue.clone(), list: to, continues: false })
            }
            _ => None,
        }
    }

    /// The command for it.
    pub(crate) fn command(&self) -> String {
        format!("qadmin undo {} --queue {}", quote(self.job.as_bytes()), quote(&self.queue))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Undo;
    use crate::reply::{Map, Status};

    fn undo(members: &serde_json::Value) -> Option<Undo> {
        let mut job = json!({"job_id": "x-1", "status": "completed", "kind": "clear", "dry_run": 0, "deleted": 3,
            "queue": "celery", "to": "celery:parked:x", "undoes": null, "undone_by": null});
        for (name, value) in members.as_object().expect("members") {
            job[name] = value.clone();
        }
        Undo::of(&Status::new(Map::new(job)))
    }

    #[test]
    fn a_job_that_moved_something_can_be_undone_by_its_id() {
        for over in ["completed", "cancelled", "failed", "interrupted"] {
            let undo = undo(&json!({"status": over, "queue": "a b"})).expect("a move");
            assert_eq!(undo.command(), "qadmin undo x-1 --queue 'a b'", "{over}");
            assert_eq!(undo.list, b"celery:parked:x");
        }
        // The server knows what was moved, whatever the filter was.
        assert!(
            undo(&json!({"filter": "[first 6 of 20 bytes, SHA-256 0a] TASK a", "priority": "3"})).is_some()
        );
    }

    #[test]
    fn other_jobs_and_completed_undos_cannot_be_undone() {
        for other in [
            json!({"to": null}),
            json!({"deleted": 0}),
            json!({"dry_run": 1}),
            json!({"status": "running"}),
            json!({"undone_by": "y"}),
            json!({"kind": "undo", "undoes": "y"}),
            json!({"kind": "undo", "undoes": "y", "status": "running"}),
            json!({"kind": "undo", "undoes": "y", "status": "cancelled", "dry_run": 1}),
        ] {
            assert_eq!(undo(&other), None, "{other}");
        }
    }

    #[test]
    fn an_unfinished_undo_is_continued_as_the_undo_of_its_job() {
        let members = json!({"kind": "undo", "status": "cancelled", "undoes": "y-2", "queue": "parked", "to": "celery"});
        let undo = undo(&members).expect("a rest");
        assert_eq!(undo.command(), "qadmin undo y-2 --queue celery");
        assert!(undo.continues && undo.list == b"parked");
    }
}
