//! Queues of Taskiq's ListQueueBroker, with the real library: its workers run exactly what a clear left.

use std::process::Stdio;

use qadmin_harness::{Fields as _, Server, eventually, spawn};
use redis::{Commands as _, Connection};

use crate::durability::until_caught_up;
use crate::stage::set;
use crate::support::celery::script;
use crate::support::{Reply, ask, run, wait_for_job};

/// Messages that Taskiq 0.13.0 wrote, the oldest first.
const RECORDED: &str = include_str!("../../core/src/format/taskiq.jsonl");
const QUEUE: &str = "uploads";

/// Sends messages, and returns their numbers, each with whether `TASK bad` matches it.
fn send(server: &Server, first: usize, count: usize) -> Vec<(usize, bool)> {
    let (first, count) = (first.to_string(), count.to_string());
    let out = script(server).args(["taskiq_app.py", "send", &first, &count]).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).expect("a text");
    let line = |line: &str| {
        line.split_once(' ').map(|(number, task)| (number.parse().expect("a number"), task == "bad"))
    };
    lines.lines().filter_map(line).collect()
}

/// Runs a clear of the queue and returns its end.
fn clear(conn: &mut Connection, words: &str) -> Reply {
    let line = format!("QADMIN.CLEARJOB {QUEUE} {words} AS taskiq CONFIRM {QUEUE}");
    let job = ask(conn, &line).text("job_id");
    wait_for_job(conn, &job)
}

/// Returns the numbers of the messages in a list, from the one that runs next to the newest.
fn numbers(conn: &mut Connection, key: &str) -> Vec<u64> {
    let all: Vec<String> = conn.lrange(key, 0, -1).expect("LRANGE");
    let number = |text: &String| {
        let message: serde_json::Value = serde_json::from_str(text).expect("JSON");
        message["args"][0].as_u64().expect("a number")
    };
    all.iter().rev().map(number).collect()
}

#[test]
fn what_is_left_runs_exactly_once_and_what_was_cleared_never() {
    let server = Server::builder().module_args("slice-us 100 duty 5").start();
    let mut conn = server.conn();
    let mut sent = send(&server, 0, 1_500);
    let mut worker = script(&server);
    worker.args(["taskiq_app.py", "work"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let worker = spawn(worker).expect("Python starts");
    let ran = |conn: &mut Connection| -> Vec<usize> { conn.lrange("ran", 0, -1).expect("LRANGE") };
    eventually("the worker runs messages", || ran(&mut conn).len() > 20);
    let end = clear(&mut conn, "TASK bad ALL");
    assert_eq!((end.text("status"), end.int("unreadable")), ("completed".into(), 0), "{end:?}");
    assert!(end.int("deleted") > 0, "{end:?}");
    // These are not part of the snapshot.
    sent.extend(send(&server, 1_500, 30));
    let () = conn.set("finish", 1).expect("SET");
    let out = worker.wait_with_output().expect("a child of ours can be waited for");
    let log = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && out.stdout == b"done\n", "{log}");
    let mut ran = ran(&mut conn);
    ran.sort_unstable();
    assert_eq!(ran.windows(2).find(|pair| pair[0] == pair[1]), None, "a message ran twice");
    let never: Vec<&(usize, bool)> =
        sent.iter().filter(|(number, _)| ran.binary_search(number).is_err()).collect();
    assert!(never.iter().all(|(number, is_bad)| *is_bad && *number < 1_500), "lost: {never:?}");
    assert_eq!(i64::try_from(never.len()).expect("a count"), end.int("deleted"));
    assert_eq!(conn.llen::<_, i64>(QUEUE).expect("LLEN"), 0);
}

#[test]
fn messages_are_counted_shown_kept_moved_and_moved_back() {
    let server = Server::start();
    let replica = Server::start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    set(&mut conn, "cache-ttl 0");
    assert_eq!(send(&server, 0, 30).len(), 30);
    let before: Vec<String> = conn.lrange(QUEUE, 0, -1).expect("LRANGE");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad AS taskiq SAMPLE 2"));
    assert_eq!((preview.int("match_count"), preview.text("message_kind")), (10, "taskiq".into()));
    assert!(preview.is_null("looks_like") && preview.int("unreadable") == 0, "{preview:?}");
    let rows = preview.rows("sample");
    let shown = |row: &Reply| (row.int("index"), row.text("task"), row.text("args"), row.text("kwargs"));
    // The message at the tail runs next.
    assert_eq!(
        rows.iter().map(shown).collect::<Vec<_>>(),
        [
            (-1, "bad".into(), "[0]".into(), r#"{"commitid":"c0","group":0}"#.into()),
            (-4, "bad".into(), "[3]".into(), r#"{"commitid":"c3","group":3}"#.into()),
        ]
    );
    let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} GROUPBY 1 task AS taskiq"));
    let groups: Vec<(String, i64)> =
        stats.rows("groups").iter().map(|row| (row.text("task"), row.int("count"))).collect();
    assert_eq!(groups, [("good".to_owned(), 20), ("bad".to_owned(), 10)]);
    // A parked match comes back by UNDO.
    let end = clear(&mut conn, "COMMITID c3 ALL PARK");
    assert_eq!(end.int("deleted"), 1, "{end:?}");
    let parked = end.text("to");
    assert_eq!(numbers(&mut conn, &parked), [3]);
    let undo = ask(&mut conn, &format!("QADMIN.UNDO {} FRONT CONFIRM {parked}", end.text("job_id")));
    assert_eq!(wait_for_job(&mut conn, &undo.text("job_id")).int("deleted"), 1);
    assert_eq!(numbers(&mut conn, QUEUE)[..2], [3, 0]);
    // The oldest of each group is kept, where the group is a value of the messages.
    let end = clear(&mut conn, "TASK good KEEPONE BY 1 kwargs.group");
    assert_eq!(end.int("deleted"), 10, "{end:?}");
    let end = clear(&mut conn, "TASK bad WHERE args.0 >= 6 ALL LIMIT 2 TO moved");
    assert_eq!(end.int("deleted"), 2, "{end:?}");
    assert_eq!(numbers(&mut conn, "moved"), [6, 9]);
    let id = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} WHERE args.0 = 12 AS taskiq"));
    let id = id.rows("sample")[0].text("id");
    assert_eq!(clear(&mut conn, &format!("WHERE id = {id} KEEPONE")).int("deleted"), 0);
    assert_eq!(clear(&mut conn, &format!("WHERE id = {id} ALL")).int("deleted"), 1);
    let wanted = [3, 0, 1, 2, 4, 5, 7, 8, 10, 13, 15, 16, 18, 19, 21, 24, 27];
    assert_eq!(numbers(&mut conn, QUEUE), wanted);
    let left: Vec<String> = conn.lrange(QUEUE, 0, -1).expect("LRANGE");
    assert!(left.iter().all(|message| before.contains(message)), "no byte of a kept message changed");
    until_caught_up(&server, &replica);
    assert_eq!(replica.conn().lrange::<_, Vec<String>>(QUEUE, 0, -1).expect("LRANGE"), left);
}

#[test]
fn messages_of_taskiq_are_recognised_and_others_are_never_taken_for_them() {
    let server = Server::start();
    let mut conn = server.conn();
    for line in RECORDED.lines() {
        let _: i64 = conn.lpush(QUEUE, line).expect("LPUSH");
    }
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK app.upload"));
    assert_eq!((preview.int("match_count"), preview.text("looks_like")), (0, "taskiq".into()));
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let rows = queues.rows("queues");
    assert_eq!((rows[0].text("queue"), rows[0].text("looks_like")), (QUEUE.into(), "taskiq".into()));
    for line in [
        format!("QADMIN.CLEARJOB {QUEUE} TASK app.upload ALL CONFIRM {QUEUE}"),
        format!("QADMIN.CLEARJOB {QUEUE} TASK app.upload DRYRUN"),
    ] {
        let error = run(&mut conn, &line).expect_err(&line).to_string();
        assert!(error.contains("look like those of taskiq but would be read as those of celery"), "{error}");
    }
    let priority = format!("QADMIN.PREVIEW {QUEUE} TASK t PRIORITY ALL AS taskiq");
    let error = run(&mut conn, &priority).expect_err("only kombu has steps").to_string();
    assert!(error.contains("PRIORITY and messages of other libraries cannot be combined"), "{error}");
    // What other libraries, another serializer or nobody wrote is kept by every condition about a task.
    for foreign in [
        &b"{\"class\":\"A\",\"args\":[1],\"jid\":\"j\"}"[..],
        b"{\"task_id\":1,\"task_name\":\"app.upload\",\"args\":[],\"kwargs\":{}}",
        b"\x86\xa7task_id\xa1x",
        b"{\"task_id\":",
    ] {
        let _: i64 = conn.lpush(QUEUE, foreign).expect("LPUSH");
    }
    let end = clear(&mut conn, "WHERE kwargs.x MISSING WHERE task != nothing ALL");
    assert_eq!((end.int("deleted"), end.int("unreadable"), end.int("undecodable")), (8, 2, 2), "{end:?}");
    assert_eq!(clear(&mut conn, "WHERE undecodable = 1 ALL").int("deleted"), 2);
    assert_eq!(conn.llen::<_, i64>(QUEUE).expect("LLEN"), 2);
    set(&mut conn, "default-kind taskiq");
    assert_eq!(ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK t")).text("message_kind"), "taskiq");
}
