//! The member `container`, which names the kind of storage that a reply is about, for every command and every
//! kind of storage.

use qadmin_harness::{Fields as _, Server, maps};
use redis::Connection;

use crate::durability::recorded;
use crate::stage::set;
use crate::support::{Reply, ask, run, wait_for_job};

/// Commands, and the word in `container`; `None` where it is null. The key `nothing` never exists.
const CASES: [(&str, Option<&str>); 12] = [
    ("celery TASK t", Some("list")),
    ("celery TASK no.such.task", Some("list")),
    ("celery TASK t PRIORITY ALL", Some("lists")),
    ("celery TASK no.such.task PRIORITY 3", Some("list")),
    ("unacked TASK t", Some("unacked")),
    ("unacked TASK no.such.task INDEX unacked_index", Some("unacked")),
    ("retry TASK t", Some("sorted_set")),
    ("retry TASK no.such.task AS sidekiq", Some("sorted_set")),
    ("nothing TASK t", None),
    ("nothing TASK t PRIORITY ALL", Some("lists")),
    ("nothing TASK t PRIORITY 3", Some("list")),
    ("nothing TASK t INDEX unacked_index", Some("unacked")),
];

const MESSAGE: &str = r#"{"body":"e30=","headers":{"task":"t","id":"1"},"properties":{}}"#;

const JOB: &str = r#"{"class":"t","args":[],"jid":"1"}"#;

/// Creates two priority lists of `celery`, one unacknowledged message, and a sorted set of Sidekiq.
fn filled() -> (Server, Connection) {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let mut conn = server.conn();
    redis::pipe()
        .lpush("celery", MESSAGE)
        .lpush(b"celery\x06\x163", MESSAGE)
        .hset("unacked", "tag", format!("[{MESSAGE},\"\",\"celery\"]"))
        .zadd("unacked_index", "tag", 1_700_000_000)
        .zadd("retry", JOB, 1_700_000_000)
        .exec(&mut conn)
        .expect("the server takes them");
    (server, conn)
}

fn container(reply: &Reply) -> Option<String> {
    (!reply.is_null("container")).then(|| reply.text("container"))
}

/// Checks that a reply has the member `container` with this value, and does not have it if it is null.
fn assert_container(reply: &Reply, expected: Option<&str>, line: &str) {
    assert_eq!(reply.find_field("container").is_some(), expected.is_some(), "{line}: {reply:?}");
    assert_eq!(container(reply).as_deref(), expected, "{line}: {reply:?}");
}

#[test]
fn previews_stats_and_their_jobs_name_the_container() {
    let (_server, mut conn) = filled();
    for inline in ["200000", "0"] {
        set(&mut conn, &format!("inline-limit {inline}"));
        for (about, expected) in CASES {
            // The second one receives the cached count or joins the job of the first.
            for options in ["BUST", "", "SAMPLE 0", "NOCOUNT"] {
                let line = format!("QADMIN.PREVIEW {about} {options}");
                let preview = ask(&mut conn, &line);
                assert_container(&preview, expected, &line);
                if !preview.is_null("job_id") {
                    let end = wait_for_job(&mut conn, &preview.text("job_id"));
                    assert_container(&end, expected, &format!("STATUS after {line}"));
                }
            }
            let line = format!("QADMIN.STATS {about} GROUPBY 1 task");
            let stats = ask(&mut conn, &line);
            assert_container(&stats, expected, &line);
            if !stats.is_null("job_id") {
                let end = wait_for_job(&mut conn, &stats.text("job_id"));
                assert_container(&end, expected, &format!("STATUS after {line}"));
            }
        }
    }
}

#[test]
fn clears_and_records_name_the_container_even_if_it_becomes_empty() {
    let (_server, mut conn) = filled();
    for (about, expected) in CASES {
        let line = format!("QADMIN.CLEARJOB {about} DRYRUN");
        let job = ask(&mut conn, &line);
        assert_container(&job, expected, &line);
        let end = wait_for_job(&mut conn, &job.text("job_id"));
        assert_container(&end, expected, &format!("STATUS after {line}"));
        assert_eq!(recorded(&mut conn, &job.text("job_id"), "container"), expected.unwrap_or_default());
        let listed = maps(&run(&mut conn, "QADMIN.JOBS COUNT 1").expect("JOBS"));
        assert_eq!(container(&listed[0]).as_deref(), expected, "JOBS after {line}");
    }
    for (about, expected) in [
        ("celery TASK t PRIORITY ALL ALL CONFIRM celery", "lists"),
        ("unacked TASK t ALL CONFIRM unacked", "unacked"),
        ("retry TASK t ALL CONFIRM retry", "sorted_set"),
    ] {
        let job = ask(&mut conn, &format!("QADMIN.CLEARJOB {about}"));
        let end = wait_for_job(&mut conn, &job.text("job_id"));
        assert!(end.int("deleted") > 0 && end.int("queue_depth") == 0, "{end:?}");
        assert_container(&end, Some(expected), about);
    }
}

#[test]
fn an_undo_names_the_container_that_it_takes_messages_from() {
    let (_server, mut conn) = filled();
    for (queue, word) in [("celery", "list"), ("retry", "sorted_set")] {
        let job = ask(&mut conn, &format!("QADMIN.CLEARJOB {queue} TASK t ALL PARK CONFIRM {queue}"));
        let parked = wait_for_job(&mut conn, &job.text("job_id"));
        let line = format!("QADMIN.UNDO {} CONFIRM {}", job.text("job_id"), parked.text("to"));
        let undo = ask(&mut conn, &line);
        assert_container(&undo, Some(word), &line);
        assert_container(&wait_for_job(&mut conn, &undo.text("job_id")), Some(word), "STATUS of the undo");
    }
}

#[test]
fn rows_of_queues_name_their_container() {
    let (_server, mut conn) = filled();
    redis::pipe()
        .lpush("mail", MESSAGE)
        .sadd("_kombu.binding.celery", b"empty\x06\x16\x06\x16empty")
        .exec(&mut conn)
        .expect("the server takes them");
    let mut rows: Vec<(String, Option<String>)> = ask(&mut conn, "QADMIN.QUEUES VERBOSE")
        .rows("queues")
        .iter()
        .map(|row| {
            assert!(row.iter().any(|(name, _)| name == "container"), "{row:?}");
            (row.text("queue"), container(row))
        })
        .collect();
    rows.sort();
    let expected =
        [("celery", Some("lists")), ("empty", None), ("mail", Some("list")), ("retry", Some("sorted_set"))];
    assert_eq!(rows, expected.map(|(queue, word)| (queue.to_owned(), word.map(str::to_owned))));
}
