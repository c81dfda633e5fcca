//! Messages of Sidekiq and Resque.

use super::filter;
use crate::field::{FIELDS, Field};
use crate::filter::{Matcher, Projection};
use crate::kind::{KINDS, MessageKind, NAMES};
use crate::reply::Reply;

/// Messages that Sidekiq 6.4.1 pushed, for itself and for ActiveJob 6.1.7. The newest message of each queue
/// is first.
const RECORDED: &str = include_str!("sidekiq.jsonl");

/// Messages as Resque encodes a class and its arguments, and as the ResqueAdapter of ActiveJob encodes a job.
const RESQUE: [&str; 3] = [
    r#"{"class":"Archive","args":[147107,"masterbrew",{"force":true}]}"#,
    r#"{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":[{"job_class":"InvoiceJob","job_id":"274336c3-a910-4168-83bd-47220457a57a","provider_job_id":null,"queue_name":"default","priority":7,"arguments":[147107,"c0ffee",{"amount":12.5}],"executions":2,"exception_executions":{},"locale":"en","timezone":null,"enqueued_at":"2026-11-24T20:08:02Z"}]}"#,
    // The job of another class, whose argument looks like that of ActiveJob.
    r#"{"class":"Own","args":[{"job_class":"InvoiceJob","job_id":"1","arguments":[1]}]}"#,
];

/// Returns the positions, from 0, of the messages that match.
fn matching(kind: MessageKind, messages: &[&str], words: &str) -> Vec<usize> {
    let mut matcher = Matcher::of(kind, &filter(words), None);
    let verdicts = messages.iter().map(|message| matcher.examine(message.as_bytes()));
    verdicts
        .enumerate()
        .filter_map(|(at, verdict)| {
            // The argument of the last message of Resque is an object, which is not compared with a number.
            let uncompared = kind == MessageKind::Resque && words == "WHERE args.0 = 147107" && at == 2;
            assert!(!verdict.undecodable, "{words}: {at}");
            assert_eq!((verdict.unreadable, verdict.uncompared), (uncompared, uncompared), "{words}: {at}");
            verdict.matched.then_some(at)
        })
        .collect()
}

#[test]
fn recorded_messages_of_sidekiq_match_as_expected() {
    let messages: Vec<&str> = RECORDED.lines().collect();
    assert_eq!(messages.len(), 6);
    let table: &[(&str, &[usize])] = &[
        ("TASK PlainJob", &[1, 2, 3]),
        ("TASK InvoiceJob", &[0, 4]),
        ("WHERE task GLOB *JobWrapper", &[]),
        ("WHERE id = 08bf367f1194412270783410", &[2]),
        ("WHERE id EXISTS", &[0, 1, 2, 3, 4, 5]),
        ("WHERE routing_key = mail", &[4, 5]),
        ("WHERE args.0 = 147107", &[0, 3]),
        ("WHERE args.2.nested.a.0 = 1", &[3]),
        ("WHERE args.2.amount > 12", &[0]),
        ("WHERE args.1 = 12345678901234567890", &[5]),
        ("WHERE args.3 MISSING WHERE task = HardJob", &[5]),
        ("WHERE priority = 3", &[4]),
        ("WHERE headers.retry = 5", &[5]),
        ("WHERE headers.created_at > 1", &[0, 1, 2, 3, 4, 5]),
        ("WHERE retries MISSING", &[0, 1, 2, 3, 4, 5]),
        ("REPOID 147107", &[]),
        ("WHERE kwargs.amount EXISTS", &[]),
        ("WHERE bytes > 300", &[0, 4]),
    ];
    for (words, wanted) in table {
        assert_eq!(matching(MessageKind::Sidekiq, &messages, words), *wanted, "{words}");
    }
}

#[test]
fn messages_of_resque_match_as_expected() {
    let table: &[(&str, &[usize])] = &[
        ("TASK Archive", &[0]),
        ("TASK InvoiceJob", &[1]),
        ("TASK Own", &[2]),
        ("WHERE id = 274336c3-a910-4168-83bd-47220457a57a", &[1]),
        ("WHERE id MISSING", &[0, 2]),
        ("WHERE args.0 = 147107", &[0, 1]),
        ("WHERE args.2.force EXISTS", &[0]),
        ("WHERE args.0.job_class = InvoiceJob", &[2]),
        ("WHERE retries >= 2", &[1]),
        ("WHERE priority = 7", &[1]),
        ("WHERE routing_key = default", &[1]),
    ];
    for (words, wanted) in table {
        assert_eq!(matching(MessageKind::Resque, &RESQUE, words), *wanted, "{words}");
    }
}

#[test]
fn every_kind_has_one_row_and_rows_of_its_own() {
    for (row, name) in KINDS.iter().zip(NAMES) {
        assert_eq!((row.kind.spec().name, row.name), (*name, *name));
        assert_eq!(MessageKind::parse(name.to_uppercase().as_bytes()), Ok(row.kind));
        assert!(Projection::of(row.kind, row.sample).is_ok());
        // Every field that a user can name can be evaluated in messages of every kind.
        for spec in FIELDS {
            let name = spec.name.replace(".N", ".0");
            assert!(Field::parse(name.as_bytes()).is_ok());
            let mut matcher = Matcher::of(row.kind, &filter(&format!("WHERE {name} EXISTS")), None);
            // Huey's messages are pickles.
            let is_json = row.kind != MessageKind::Huey;
            let verdicts = RESQUE.iter().map(|message| matcher.examine(message.as_bytes()));
            assert!(verdicts.into_iter().all(|verdict| verdict.undecodable != is_json));
        }
    }
    assert!(MessageKind::parse(b"arq").is_err());
}

#[test]
fn a_row_of_activejob_shows_the_job_and_not_its_wrapper() {
    let message = RECORDED.lines().next().unwrap_or_default();
    let mut projection =
        Projection::of(MessageKind::Sidekiq, MessageKind::Sidekiq.spec().sample).expect("fields");
    let row = projection.row(message.as_bytes());
    let get = |name: &str| row.iter().find(|(field, _)| &**field == name).map(|(_, value)| value.clone());
    assert_eq!(get("task"), Some(Reply::Text(b"InvoiceJob".to_vec())));
    assert_eq!(get("id"), Some(Reply::Text(b"8ba73165a4cdb07cc90d0c87".to_vec())));
    assert_eq!(get("args.0"), Some(Reply::Int(147_107)));
    assert_eq!(get("args.3"), Some(Reply::Null));
}
