//! The visible behaviour of a job in its middle: which match it keeps, and which matches it clears first.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection};

use crate::durability::until_deleted;
use crate::stage::set;
use crate::support::{Reply, ask, run, wait_for_job};

const MATCH: &str = r#"{"body":"","headers":{"task":"m","id":"late"}}"#;

/// Creates a queue of 20,000 messages on a server on which a job takes many slices; every tenth message
/// matches.
fn slow_queue() -> (Server, Connection) {
    let server = Server::builder().module_args(&crate::stage::slowly()).start();
    let mut conn = server.conn();
    for thousand in 0..20 {
        let message = |i: i32| {
            let task = if i % 10 == 9 { "m" } else { "o" };
            format!(r#"{{"body":"","headers":{{"task":"{task}","id":"{i}"}}}}"#)
        };
        let batch: Vec<String> = (thousand * 1_000..(thousand + 1) * 1_000).map(message).collect();
        conn.lpush::<_, _, ()>("q", batch).expect("LPUSH");
    }
    (server, conn)
}

fn is_match(message: &str) -> bool {
    message.contains(r#""task":"m""#)
}

/// Lets the rest of a job run as fast as possible.
fn let_go(conn: &mut Connection, id: &str) {
    set(conn, "slice-us 500 duty 100");
    run(conn, &format!("QADMIN.THROTTLE {id} RATE 0")).expect("THROTTLE");
}

/// Runs a line of words in the middle of a KEEPONE clear that has found the match to keep, and waits for the
/// job's end.
fn in_the_middle_of_keep_one(line: &str) -> (Server, Connection, Reply, redis::Value) {
    let (server, mut conn) = slow_queue();
    // At this rate the job would take ten seconds.
    let id = ask(&mut conn, "QADMIN.CLEARJOB q TASK m KEEPONE RATE 200 CONFIRM q").text("job_id");
    let status = format!("QADMIN.STATUS {id}");
    eventually("a match is kept", || !ask(&mut conn, &status).is_null("kept_index"));
    let mut words = line.split(' ');
    let mut both = redis::pipe();
    both.atomic().cmd("QADMIN.STATUS").arg(&id);
    both.cmd(words.next().expect("a line has a first word")).arg(words.collect::<Vec<_>>());
    let (before, answer): (redis::Value, redis::Value) = both.query(&mut conn).expect("EXEC");
    let before = qadmin_harness::map(&before);
    assert_eq!(before.text("status"), "running", "it is in its middle: {before:?}");
    assert_eq!(before.int("kept_index"), -10, "the match that runs next");
    let_go(&mut conn, &id);
    let status = wait_for_job(&mut conn, &id);
    (server, conn, status, answer)
}

fn matches_left(conn: &mut Connection) -> Vec<String> {
    let mut left: Vec<String> = conn.lrange("q", 0, -1).expect("LRANGE");
    left.retain(|message| is_match(message));
    left
}

#[test]
fn keepone_keeps_a_match_of_the_snapshot_not_a_returned_one() {
    let (_server, mut conn, status, _) = in_the_middle_of_keep_one(&format!("RPUSH q {MATCH} {MATCH}"));
    assert_eq!((status.int("matched"), status.int("deleted")), (2_000, 1_999));
    assert_eq!((status.int("kept_index"), status.int("arrived")), (-12, 2));
    let left = matches_left(&mut conn);
    assert_eq!(left.len(), 3);
    assert!(left[0].contains(r#""id":"9""#), "{left:?}");
    assert_eq!(left[1..], [MATCH, MATCH]);
}

#[test]
fn a_kept_match_that_a_worker_takes_is_not_replaced_by_another() {
    let (_server, mut conn, status, popped) = in_the_middle_of_keep_one("RPOP q 10");
    let popped: Vec<String> = redis::from_redis_value(popped).expect("a list");
    assert!(popped.last().is_some_and(|message| is_match(message)), "{popped:?}");
    assert_eq!((status.int("matched"), status.int("deleted")), (2_000, 1_999));
    assert!(status.is_null("kept_index"));
    assert_eq!(matches_left(&mut conn), Vec::<String>::new());
}

#[test]
fn matches_that_run_next_go_first() {
    let (_server, mut conn) = slow_queue();
    // At this rate the job would take ten seconds.
    set(&mut conn, "duty 100");
    let id = ask(&mut conn, "QADMIN.CLEARJOB q TASK m ALL RATE 200 CONFIRM q").text("job_id");
    // A window contains fewer: they cannot all be of the last one.
    for at_least in [650, 700] {
        until_deleted(&mut conn, &id, at_least);
        let mut look = redis::pipe();
        look.atomic().cmd("QADMIN.STATUS").arg(&id).cmd("LRANGE").arg(&["q", "0", "-1"]);
        let (status, left): (redis::Value, Vec<String>) = look.query(&mut conn).expect("EXEC");
        let status = qadmin_harness::map(&status);
        assert_eq!(status.text("status"), "running", "it is in its middle: {status:?}");
        // There are nine other messages before each match. A window is far smaller than 6,000 messages, even
        // if the machine made a seek long and the slice is allowed to be as long.
        let passed = left.iter().rev().take_while(|message| !is_match(message)).count() / 9;
        let now = usize::try_from(status.int("deleted")).expect("not negative");
        assert!((passed.saturating_sub(1)..=passed + 600).contains(&now), "{passed} passed: {status:?}");
    }
    let_go(&mut conn, &id);
    wait_for_job(&mut conn, &id);
    assert_eq!(run(&mut conn, "LLEN q").expect("LLEN"), redis::Value::Int(18_000));
}
