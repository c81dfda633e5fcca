//! What the record of an interrupted clear says about continuing it: the request of a CLEARJOB with the same filter and
//! options, for what the job had not removed yet.

use uuid::Uuid;

use super::{ClearJob, Request};
use crate::error::{Error, ResumeError};
use crate::filter::split_words;
use crate::job::{Continued, Expect, JobKind, JobStatus, Member, Record};
use crate::reply::Reply;

/// An interrupted clear that can be continued.
#[derive(Debug, Clone, PartialEq)]
pub struct Interrupted {
    /// The clear that continues it. Like the command of the job it names the queue again as CONFIRM demands.
    pub request: ClearJob,
    /// The job's own share of the main thread, percent, as THROTTLE had set it.
    pub duty: Option<u64>,
}

impl Interrupted {
    /// Reads the record of the interrupted job `id`, in the database `db`. `now_ms`: Unix milliseconds.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub fn of(record: &Record, id: Uuid, db: i32, now_ms: i64) -> Result<Self, Error> {
        debug_assert_eq!(record.status(), JobStatus::Interrupted);
        let impossible = |why| Error::Resume(ResumeError::Impossible { id: id.to_string(), why });
        let deleted = number(record, Member::Deleted).unwrap_or(0);
        check(record, id, db, deleted)?;
        let unknown = || {
            impossible(
                "its record does not say exactly what to clear (it keeps 4096 bytes of a filter); start a new \
                 QADMIN.CLEARJOB",
            )
        };
        let words = words(record, deleted).ok_or_else(unknown)?;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let mut request = ClearJob::parse(&words, now_ms).map_err(|_| unknown())?;
        // The record of a long filter has a part of it, and that can be a filter, too.
        if (!request.filter.is_all() || !record.is_null(Member::Filter))
            && request.filter.text() != record.text(Member::Filter)
        {
            return Err(unknown());
        }
        if request.filter.arrival_field().is_some() {
            return Err(impossible(
                "its filter asks how long messages have waited, and more of them have by now; start a new \
                 QADMIN.CLEARJOB",
            ));
        }
        let before = number(record, Member::DeletedBefore).unwrap_or(0);
        request.continues = Some(Continued { job: id, deleted: before.saturating_add(deleted) });
        let duty = number(record, Member::Duty).filter(|percent| (1..=100).contains(percent));
        Ok(Self { request, duty })
    }
}

/// Refuses what cannot be continued, whatever its filter is. The job removed `deleted` messages.
fn check(record: &Record, id: Uuid, db: i32, deleted: u64) -> Result<(), Error> {
    let id = id.to_string();
    let why = match JobKind::parse(record.text(Member::Kind)) {
        Some(JobKind::Undo) => {
            let undoes = String::from_utf8_lossy(record.text(Member::Undoes)).into_owned();
            return Err(ResumeError::IsUndo { id, undoes }.into());
        }
        Some(JobKind::Clear) if record.flag(Member::DryRun) => {
            "it was a dry run, which removes nothing; start it again"
        }
        Some(JobKind::Clear) if record.int(Member::Db) != i64::from(db) => {
            return Err(ResumeError::OtherDatabase { id, db: record.int(Member::Db) }.into());
        }
        Some(JobKind::Clear) if record.int(Member::Undone) > 0 => {
            "messages that it moved were moved back since; start a new QADMIN.CLEARJOB"
        }
        // What it moved is before everything that was there then. What arrived later would come before that.
        Some(JobKind::Clear) if record.flag(Member::Front) && deleted > 0 => {
            "with FRONT, messages that arrived since would run before those that it moved; start a new \
             QADMIN.CLEARJOB"
        }
        Some(JobKind::Clear) => {
            return match number(record, Member::Limit).filter(|limit| *limit <= deleted) {
                Some(limit) => Err(ResumeError::LimitReached { id, limit }.into()),
                None => Ok(()),
            };
        }
        _ => "it is not a clear",
    };
    Err(ResumeError::Impossible { id, why }.into())
}

/// A number that is never negative.
fn number(record: &Record, member: Member) -> Option<u64> {
    if let Reply::Int(n) = record.get(member) { u64::try_from(*n).ok() } else { None }
}

/// Returns the arguments of a CLEARJOB of what is left, after a job that removed `deleted` messages. `None` if the record
/// does not say them.
fn words(record: &Record, deleted: u64) -> Option<Vec<Vec<u8>>> {
    let queue = record.text(Member::Queue);
    let mut words = vec![queue.to_vec()];
    words.extend(split_words(record.text(Member::Filter))?);
    let mut add = |all: &[&[u8]]| words.extend(all.iter().map(|word| word.to_vec()));
    if record.flag(Member::KeepOne) {
        add(&[b"KEEPONE", b"KEEP", record.text(Member::Keep)]);
    } else {
        add(&[b"ALL"]);
    }
    let by = split_words(record.text(Member::By))?;
    if !by.is_empty() {
        add(&[b"BY", by.len().to_string().as_bytes()]);
        by.iter().for_each(|field| add(&[field]));
    }
    // What was removed before counts towards the bounds.
    let most = number(record, Member::Expect)
        .map(|matches| Expect { matches, tolerance: number(record, Member::Tolerance).unwrap_or(0) }.most());
    let numbers = [
        ("LIMIT", number(record, Member::Limit).map(|limit| limit.saturating_sub(deleted))),
        ("RATE", number(record, Member::Rate)),
        ("EXPECT", most.map(|most| most.saturating_sub(deleted))),
    ];
    for (keyword, number) in numbers {
        if let Some(number) = number {
            add(&[keyword.as_bytes(), number.to_string().as_bytes()]);
        }
    }
    let texts = [
        ("TO", Member::To),
        ("PRIORITY", Member::Priority),
        ("INDEX", Member::IndexKey),
        ("AS", Member::MessageKind),
        ("ACTOR", Member::Actor),
        ("REASON", Member::Reason),
    ];
    for (keyword, member) in texts {
        if !record.text(member).is_empty() {
            add(&[keyword.as_bytes(), record.text(member)]);
        }
    }
    if record.flag(Member::Front) {
        add(&[b"FRONT"]);
    }
    // A clear counts inexact matches only with INEXACT.
    if !record.is_null(Member::Inexact) {
        add(&[b"INEXACT"]);
    }
    add(&[b"CONFIRM", queue]);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Keep;
    use crate::kind::MessageKind;
    use crate::request::Mode;

    /// The record of an interrupted clear, with these members instead.
    fn record(members: &[(&str, &str)]) -> Record {
        let others = [
            ("kind", "clear"),
            ("status", "interrupted"),
            ("queue", "celery"),
            ("db", "0"),
            ("filter", "TASK app.send"),
            ("message_kind", "celery"),
            ("deleted", "200"),
        ];
        Record::of_fields(members, &others)
    }

    fn of(members: &[(&str, &str)]) -> Result<Interrupted, String> {
        let id = Uuid::try_parse(Record::ID).expect("an id");
        Interrupted::of(&record(members), id, 0, 0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_clear_goes_on_with_its_filter_and_what_its_bounds_leave() {
        let all = of(&[("limit", "500"), ("rate", "9"), ("expect", "1000"), ("tolerance", "5")]);
        let Interrupted { request, duty } = all.expect("it can be continued");
        assert_eq!((request.filter.text(), request.mode), (&b"TASK app.send"[..], Mode::All));
        let options = &request.clear_options;
        assert_eq!((options.limit, options.rate, duty), (Some(300), Some(9), None));
        assert_eq!(options.expect.map(|expect| (expect.matches, expect.tolerance)), Some((850, 0)));
        assert_eq!(request.continues.map(|before| before.deleted), Some(200));
        assert_eq!(request.target.kind, Some(MessageKind::Celery));

        let parked = of(&[
            ("filter", r#"WHERE kwargs.name = "a \"b\" \x00" WHERE task = x OR task IN 2 y z"#),
            ("keep_one", "1"),
            ("keep", "oldest"),
            ("by", "kwargs.account args.0"),
            ("to", "celery:parked:6f1c2b8e"),
            ("parked", "1"),
            ("inexact", "3"),
            ("actor", "on call"),
            ("deleted_before", "50"),
            ("duty", "7"),
        ]);
        let Interrupted { request, duty } = parked.expect("it can be continued");
        let options = &request.clear_options;
        assert_eq!((request.mode, options.keep, options.by.len()), (Mode::KeepOne, Keep::Oldest, 2));
        let to = options.to.as_ref().map(|to| (to.key.as_slice(), to.own));
        assert_eq!(to, Some((&b"celery:parked:6f1c2b8e"[..], false)), "the list is not a new one");
        assert_eq!((options.inexact, request.actor.as_deref(), duty), (true, Some(&b"on call"[..]), Some(7)));
        assert_eq!(request.continues.map(|before| before.deleted), Some(250));
    }

    #[test]
    fn what_the_record_does_not_say_for_certain_is_refused() {
        let long = format!("TASK {}", "a".repeat(5_000));
        let cut = crate::excerpt::excerpt(long.as_bytes(), crate::job::FILTER_KEPT_MAX);
        for (members, word) in [
            (&[("kind", "undo"), ("undoes", "x")][..], "QADMIN.UNDO x"),
            (&[("dry_run", "1")], "dry run"),
            (&[("kind", "preview")], "not a clear"),
            (&[("undone", "1")], "moved back since"),
            (&[("front", "1"), ("to", "x")], "FRONT"),
            (&[("db", "3")], "SELECT 3"),
            (&[("limit", "200")], "LIMIT 200"),
            (&[("filter", std::str::from_utf8(&cut).expect("text"))], "keeps 4096 bytes"),
            (&[("filter", "TASK")], "keeps 4096 bytes"),
            // It is not the canonical text, so no job has written it.
            (&[("filter", "task app.send")], "keeps 4096 bytes"),
            (&[("filter", "TASK app.send ALL")], "keeps 4096 bytes"),
            (&[("filter", "WHERE age > 7200")], "how long messages have waited"),
        ] {
            let refused = of(members).expect_err(word);
            assert!(refused.contains(word), "{refused}");
        }
    }
}
