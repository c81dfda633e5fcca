//! Which interrupted clears RESUME continues, and how the jobs of such a chain name each other.

use crate::reply::Status;
use crate::shell::quote;

/// The jobs before and after a job that an interruption split.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The job that this one continues, and how many messages all jobs before this one removed.
    pub(crate) continues: Option<(String, u64)>,
    /// The job that continues this one.
    pub(crate) continued_by: Option<String>,
}

impl Chain {
    pub(crate) fn of(job: &Status) -> Self {
        let before = || job.map.count("deleted_before").unwrap_or_default();
        Self {
            continues: job.map.word("continues").map(|id| (id, before())),
            continued_by: job.map.word("continued_by"),
        }
    }
}

/// Returns whether RESUME starts a job that continues this one.
pub(crate) fn can_continue(job: &Status) -> bool {
    let is_interrupted = job.status == "interrupted" && job.kind == "clear" && !job.dry_run;
    is_interrupted && Chain::of(job).continued_by.is_none()
}

/// Returns the command that continues a job.
pub(crate) fn command(job: &Status) -> String {
    format!("qadmin resume {} --queue {}", quote(job.job_id.as_bytes()), quote(&job.queue))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::reply::Map;

    fn job(members: &Value) -> Status {
        let all = json!({"job_id": "x-1", "kind": "clear", "status": "interrupted", "dry_run": 0, "deleted": 7,
            "queue": "a b", "continues": null, "continued_by": null, "deleted_before": null});
        let mut all = all.as_object().cloned().expect("an object");
        all.extend(members.as_object().cloned().expect("an object"));
        Status::new(Map(all))
    }

    #[test]
    fn an_interrupted_clear_is_continued_once() {
        let interrupted = job(&json!({}));
        assert!(can_continue(&interrupted));
        assert_eq!(command(&interrupted), "qadmin resume x-1 --queue 'a b'");
        assert_eq!(Chain::of(&interrupted), Chain::default());
        for other in [
            json!({"status": "completed"}),
            json!({"status": "paused"}),
            json!({"kind": "undo"}),
            json!({"dry_run": 1}),
            json!({"continued_by": "y-2"}),
        ] {
            assert!(!can_continue(&job(&other)), "{other}");
        }
        let next = Chain::of(&job(&json!({"continues": "w-0", "deleted_before": 12, "continued_by": "y-2"})));
        assert_eq!(next, Chain { continues: Some(("w-0".into(), 12)), continued_by: Some("y-2".into()) });
    }
}
