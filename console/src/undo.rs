//! How a clear that moved its matches is undone: the same filter moves them back.

use crate::kind::Kind;
use crate::reply::Status;
use crate::shell::quote;
use crate::words::{self, Parts};

/// The clear that brings matches back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undo {
    /// Where they are.
    pub(crate) queue: Vec<u8>,
    pub(crate) filter: Parts,
    /// Where they were.
    pub(crate) to: Vec<u8>,
    /// What they are, where that has to be said.
    pub(crate) kind: Option<Kind>,
    /// Some were known by their sender's texts alone, and are again.
    pub(crate) inexact: bool,
}

impl Undo {
    /// Of a job that has ended and moved something.
    pub(crate) fn of(job: &Status) -> Option<Self> {
        if !job.has_ended() || job.dry_run || job.deleted == 0 {
            return None;
        }
        // The list of another step has a name of its own, which only the server knows.
        if job.priority.as_deref().is_some_and(|step| step != "0") {
            return None;
        }
        Some(Self {
            queue: job.to.clone()?,
            filter: words::filter(&job.filter).ok()?,
            to: job.queue.clone(),
            kind: job.message_kind.as_deref().and_then(Kind::parse).filter(|kind| *kind != Kind::Celery),
            // Null where nobody asked for it.
            inexact: job.map.count("inexact").is_some(),
        })
    }

    /// It as a command to type.
    pub(crate) fn command(&self) -> String {
        let mut command = format!("qadmin clear {}", quote(&self.queue));
        let mut option = |name: &str, value: &[u8]| command += &format!(" --{name} {}", quote(value));
        let filter = &self.filter;
        for (name, value) in
            [("task", &filter.task), ("repoid", &filter.repoid), ("commitid", &filter.commitid)]
        {
            if let Some(value) = value {
                option(name, value);
            }
        }
        for condition in &filter.wheres {
            option("where", condition.as_bytes());
        }
        if let Some(kind) = self.kind {
            option("as", kind.word().as_bytes());
        }
        let inexact = if self.inexact { " --inexact" } else { "" };
        command + &format!("{inexact} --all --to {}", quote(&self.to))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Undo;
    use crate::reply::{Map, Status};

    fn undo(members: &serde_json::Value) -> Option<Undo> {
        let mut job = json!({"status": "completed", "kind": "clear", "dry_run": 0, "deleted": 3, "queue": "celery",
            "to": "celery:parked", "filter": "TASK a.b WHERE eta EXISTS WHERE task = \"it's\"", "message_kind": "celery"});
        for (name, value) in members.as_object().expect("members") {
            job[name] = value.clone();
        }
        Undo::of(&Status::new(Map::new(job)))
    }

    #[test]
    fn the_command_moves_back_what_the_same_filter_meets() {
        assert_eq!(
            undo(&json!({})).expect("a move").command(),
            r#"qadmin clear celery:parked --task a.b --where 'eta EXISTS' --where 'task = "it'\''s"' --all --to celery"#
        );
        assert_eq!(
            undo(&json!({"filter": "REPOID -7 COMMITID \"\\xff\"", "to": "a b", "message_kind": "sidekiq"}))
                .expect("a move")
                .command(),
            r"qadmin clear 'a b' --repoid -7 --commitid $'\xff' --as sidekiq --all --to celery"
        );
        assert_eq!(
            undo(&json!({"filter": "REPOID 7", "inexact": 0})).expect("a move").command(),
            "qadmin clear celery:parked --repoid 7 --inexact --all --to celery"
        );
    }

    #[test]
    fn only_what_was_moved_can_be_moved_back() {
        for other in [
            json!({"to": null}),
            json!({"deleted": 0}),
            json!({"dry_run": 1}),
            json!({"status": "running"}),
            json!({"filter": "SOMETHING new"}),
            json!({"filter": "[first 6 of 20 bytes, SHA-256 0a] TASK a"}),
            json!({"priority": "3"}),
        ] {
            assert_eq!(undo(&other), None, "{other}");
        }
        for over in ["cancelled", "failed", "interrupted"] {
            assert!(undo(&json!({"status": over})).is_some(), "{over}");
        }
    }
}
