//! What a reader of a reply about a job can type next: a clause of its notice, with a whole command.

use uuid::Uuid;

use super::Interrupted;
use crate::filter::words;
use crate::job::{JobKind, JobStatus, Member, Record, Undoable};

/// The node that a command about a job goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here {
    /// Whether it is a node of a cluster: a command needs the name of the queue to find it.
    pub cluster: bool,
    /// The selected database.
    pub db: i32,
    /// Wall clock now, Unix milliseconds.
    pub now_ms: i64,
}

impl Here {
    /// The command with these words about a job of this queue.
    fn command(self, name: &str, id: &str, queue: &[u8], options: &str) -> String {
        let mut line = format!("{name} {id}");
        if self.cluster {
            line.push_str(&format!(" QUEUE {}", words([queue])));
        }
        if !options.is_empty() {
            line.push(' ');
            line.push_str(options);
        }
        line
    }

    /// Returns what to type after a reply with the id of a job that counts `what`.
    #[must_use]
    pub fn after_count(self, id: Uuid, queue: &[u8], what: &str) -> String {
        let status = self.command("QADMIN.STATUS", &id.to_string(), queue, "WAIT 0");
        format!("{status} waits for the {what}")
    }

    /// Returns what to type after a clear or an undo was accepted; as [`Self::after_status`] if it has ended.
    #[must_use]
    pub fn after_start(self, record: &Record) -> Option<String> {
        if record.status().has_ended() {
            return self.after_status(record);
        }
        let (id, queue) = (String::from_utf8_lossy(record.text(Member::JobId)), record.text(Member::Queue));
        let status = self.command("QADMIN.STATUS", &id, queue, "WAIT 0");
        let cancel = self.command("QADMIN.CANCEL", &id, queue, "");
        match (record.int(Member::TotalEstimated), record.flag(Member::DryRun)) {
            // It ends at once.
            (0, _) => None,
            (_, true) => Some(format!("{status} waits for the count of what it would remove")),
            (_, false) => Some(format!("{status} waits for its end, {cancel} stops it")),
        }
    }

    /// Returns what to type after the status of a job, if its record says that the command would be accepted.
    #[must_use]
    pub fn after_status(self, record: &Record) -> Option<String> {
        let id = Uuid::try_parse_ascii(record.text(Member::JobId)).ok()?;
        let (own, queue) = (id.to_string(), record.text(Member::Queue));
        if !record.is_null(Member::ContinuedBy) {
            let by = Uuid::try_parse_ascii(record.text(Member::ContinuedBy)).ok()?.to_string();
            let status = self.command("QADMIN.STATUS", &by, queue, "");
            return Some(format!("{status} shows the job that continues it"));
        }
        let status = record.status();
        if status == JobStatus::Interrupted && Interrupted::of(record, id, self.db, self.now_ms).is_ok() {
            return Some(format!("{} continues it", self.command("QADMIN.RESUME", &own, queue, "")));
        }
        if is_unfinished_undo(record, self.db) {
            let undoes = Uuid::try_parse_ascii(record.text(Member::Undoes)).ok()?.to_string();
            let front = if record.flag(Member::Front) { " FRONT" } else { "" };
            let confirm = format!("CONFIRM {}{front}", words([queue]));
            let undo = self.command("QADMIN.UNDO", &undoes, record.text(Member::To), &confirm);
            return Some(format!("{undo} moves back the rest"));
        }
        let undoable = Undoable::of(record, id, self.db).ok().filter(|job| job.undone_by.is_none())?;
        let confirm = format!("CONFIRM {}", words([undoable.list.as_slice()]));
        let undo = self.command("QADMIN.UNDO", &own, queue, &confirm);
        Some(format!("{undo} moves back what it moved"))
    }
}

/// Returns whether it is an undo that ended before it had moved back everything.
fn is_unfinished_undo(record: &Record, db: i32) -> bool {
    JobKind::parse(record.text(Member::Kind)) == Some(JobKind::Undo)
        && matches!(record.status(), JobStatus::Cancelled | JobStatus::Failed | JobStatus::Interrupted)
        && !record.flag(Member::DryRun)
        && !record.is_null(Member::Undoes)
        && record.int(Member::Db) == i64::from(db)
}

/// Appends a clause to the notice of a record.
pub fn add_notice(record: &mut Record, clause: Option<String>) {
    let Some(clause) = clause else { return };
    let mut notice = record.text(Member::Notice).to_vec();
    if !notice.is_empty() {
        notice.extend_from_slice(b"; ");
    }
    notice.extend_from_slice(clause.as_bytes());
    record.set(Member::Notice, notice.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Here = Here { cluster: false, db: 0, now_ms: 1_700_000_000_000 };
    const NODE: Here = Here { cluster: true, ..HERE };

    fn record(members: &[(&str, &str)]) -> Record {
        let others = [
            ("kind", "clear"),
            ("queue", "celery"),
            ("db", "0"),
            ("mode", "all"),
            ("filter", "TASK t"),
            ("message_kind", "celery"),
            ("total_estimated", "9"),
            ("deleted", "2"),
        ];
        Record::of_fields(members, &others)
    }

    fn after_status(members: &[(&str, &str)]) -> Option<String> {
        HERE.after_status(&record(members)).map(|text| text.replace(Record::ID, "ID"))
    }

    #[test]
    fn command_is_named_that_continues_or_undoes_job() {
        let other = "00000000-0000-4000-8000-000000000001";
        for (members, expected) in [
            (&[("status", "interrupted")][..], "QADMIN.RESUME ID continues it"),
            (
                &[("status", "interrupted"), ("continued_by", other)],
                "QADMIN.STATUS 00000000-0000-4000-8000-000000000001 shows the job that continues it",
            ),
            (&[("to", "celery:parked")], "QADMIN.UNDO ID CONFIRM celery:parked moves back what it moved"),
            (&[("to", "a b\"\n")], "QADMIN.UNDO ID CONFIRM \"a b\\\"\\x0a\" moves back what it moved"),
            (
                &[("status", "cancelled"), ("kind", "undo"), ("undoes", other), ("queue", "p"), ("to", "q")],
                "QADMIN.UNDO 00000000-0000-4000-8000-000000000001 CONFIRM p moves back the rest",
            ),
            (
                &[
                    ("status", "failed"),
                    ("kind", "undo"),
                    ("undoes", other),
                    ("queue", "p"),
                    ("to", "q"),
                    ("front", "1"),
                ],
                "QADMIN.UNDO 00000000-0000-4000-8000-000000000001 CONFIRM p FRONT moves back the rest",
            ),
            // What is interrupted is first continued, and undone after that.
            (&[("status", "interrupted"), ("to", "p")], "QADMIN.RESUME ID continues it"),
            (
                &[("status", "interrupted"), ("to", "p"), ("front", "1")],
                "QADMIN.UNDO ID CONFIRM p moves back what it moved",
            ),
        ] {
            assert_eq!(after_status(members).as_deref(), Some(expected), "{members:?}");
        }
    }

    #[test]
    fn no_command_is_named_that_would_be_refused() {
        for members in [
            &[][..],
            &[("status", "cancelled")],
            &[("status", "running"), ("to", "p")],
            &[("to", "p"), ("deleted", "0")],
            &[("to", "p"), ("dry_run", "1")],
            &[("to", "p"), ("undone_by", Record::ID), ("undone", "2")],
            &[("to", "p"), ("db", "3")],
            &[("status", "interrupted"), ("db", "3")],
            &[("status", "interrupted"), ("dry_run", "1")],
            &[("kind", "undo"), ("undoes", Record::ID), ("to", "q")],
            &[("kind", "preview"), ("status", "interrupted"), ("deleted", "0")],
            // Somebody wrote something else than an id into the record.
            &[("status", "interrupted"), ("continued_by", "x\r\nFLUSHALL; `id`")],
            &[("status", "failed"), ("kind", "undo"), ("undoes", "y FLUSHALL\n"), ("to", "q")],
        ] {
            assert_eq!(after_status(members), None, "{members:?}");
        }
    }

    #[test]
    fn started_job_is_waited_for_and_stopped() {
        let started = |members: &[(&str, &str)]| {
            HERE.after_start(&record(members)).map(|text| text.replace(Record::ID, "ID"))
        };
        let running = ("status", "pending");
        assert_eq!(
            started(&[running]).as_deref(),
            Some("QADMIN.STATUS ID WAIT 0 waits for its end, QADMIN.CANCEL ID stops it")
        );
        assert_eq!(
            started(&[running, ("dry_run", "1")]).as_deref(),
            Some("QADMIN.STATUS ID WAIT 0 waits for the count of what it would remove")
        );
        assert_eq!(started(&[running, ("total_estimated", "0")]), None);
        assert_eq!(
            started(&[("to", "p")]).as_deref(),
            Some("QADMIN.UNDO ID CONFIRM p moves back what it moved")
        );
    }

    #[test]
    fn node_of_cluster_is_found_by_queue() {
        let id = Uuid::nil();
        assert_eq!(
            NODE.after_count(id, b"a b", "count"),
            format!("QADMIN.STATUS {id} QUEUE \"a b\" WAIT 0 waits for the count")
        );
        let undo = NODE.after_status(&record(&[("to", "p")])).map(|text| text.replace(Record::ID, "ID"));
        assert_eq!(undo.as_deref(), Some("QADMIN.UNDO ID QUEUE celery CONFIRM p moves back what it moved"));
    }

    #[test]
    fn clause_follows_what_notice_says() {
        let mut shown = record(&[("notice", "throttled")]);
        add_notice(&mut shown, None);
        assert_eq!(shown.text(Member::Notice), b"throttled");
        add_notice(&mut shown, Some("x".to_owned()));
        assert_eq!(shown.text(Member::Notice), b"throttled; x");
        let mut shown = record(&[]);
        add_notice(&mut shown, Some("x".to_owned()));
        assert_eq!(shown.text(Member::Notice), b"x");
    }
}
