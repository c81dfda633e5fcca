//! The real Dramatiq: what its workers run after a clear.

use std::process::Stdio;

use qadmin_harness::{Fields as _, Server, eventually, spawn};
use redis::Commands as _;

use super::{HASH, QUEUE, clear};
use crate::support::ask;
use crate::support::celery::script;

/// Sends messages, and returns their numbers, each with whether `TASK bad` matches it.
fn send(server: &Server, first: usize, count: usize) -> Vec<(usize, bool)> {
    let (first, count) = (first.to_string(), count.to_string());
    let out =
        script(server).args(["dramatiq_app.py", "send", &first, &count]).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).expect("a text");
    let line = |line: &str| {
        line.split_once(' ').map(|(number, actor)| (number.parse().expect("a number"), actor == "bad"))
    };
    lines.lines().filter_map(line).collect()
}

#[test]
fn what_is_left_runs_exactly_once_and_what_was_cleared_never() {
    let server = Server::builder().module_args("slice-us 100 duty 5").start();
    let mut conn = server.conn();
    let mut sent = send(&server, 0, 1_500);
    let mut worker = script(&server);
    worker.args(["dramatiq_app.py", "work"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let worker = spawn(worker).expect("Python starts");
    let ran = |conn: &mut redis::Connection| -> Vec<usize> { conn.lrange("ran", 0, -1).expect("LRANGE") };
    eventually("the worker runs messages", || ran(&mut conn).len() > 20);
    let end = clear(&mut conn, "TASK bad ALL");
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert!(end.int("deleted") > 0 && end.int("drifted") >= 0, "{end:?}");
    // These are not part of the snapshot.
    sent.extend(send(&server, 1_500, 30));
    let () = conn.set("finish", 1).expect("SET");
    let out = worker.wait_with_output().expect("a child of ours can be waited for");
    let log = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && out.stdout == b"joined\n", "broker.join() returns: {log}");
    assert!(!log.contains("message cache"), "a worker met an id without a message: {log}");
    let mut ran = ran(&mut conn);
    ran.sort_unstable();
    let twice = ran.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None, "a message ran twice");
    let never: Vec<&(usize, bool)> =
        sent.iter().filter(|(number, _)| ran.binary_search(number).is_err()).collect();
    assert!(never.iter().all(|(number, is_bad)| *is_bad && *number < 1_500), "lost: {never:?}");
    assert_eq!(i64::try_from(never.len()).expect("a count"), end.int("deleted"));
    let left: (i64, i64) = redis::pipe().llen(QUEUE).hlen(HASH).query(&mut conn).expect("LLEN and HLEN");
    assert_eq!(left, (0, 0));
}

#[test]
fn a_message_as_dramatiq_names_it_is_found_by_its_id() {
    let server = Server::start();
    let mut conn = server.conn();
    assert_eq!(send(&server, 0, 4).len(), 4);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} COMMITID c2 AS dramatiq"));
    let rows = preview.rows("sample");
    assert_eq!((rows.len(), rows[0].text("task").as_str()), (1, "good"));
    let end = clear(&mut conn, &format!("WHERE id = {} ALL", rows[0].text("id")));
    assert_eq!(end.int("deleted"), 1);
    // Dramatiq's own count of the queue.
    let left: (i64, i64) = redis::pipe().llen(QUEUE).hlen(HASH).query(&mut conn).expect("LLEN and HLEN");
    assert_eq!(left, (3, 3));
}
