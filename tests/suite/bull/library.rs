//! The real BullMQ, in its port for Python: what becomes of jobs, ids and flows after a clear.

use std::process::Stdio;

use qadmin_harness::{Fields as _, Server, eventually, spawn};
use redis::{Commands as _, Connection};

use super::QUEUE;
use super::clear::clear;
use crate::support::celery::script;

fn app(server: &Server, words: &str) -> String {
    let out = script(server).arg("bullmq_app.py").args(words.split(' ')).output().expect("Python starts");
    assert!(out.status.success(), "{words}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("a text")
}

/// What ran, in ascending order; a worker that took an id without a job adds a word.
fn ran(conn: &mut Connection) -> Vec<usize> {
    let ran: Vec<String> = conn.lrange("ran", 0, -1).expect("LRANGE");
    let mut ran: Vec<usize> =
        ran.iter().map(|number| number.parse().expect("no worker took an id without a job")).collect();
    ran.sort_unstable();
    ran
}

fn is_bad(n: usize) -> bool {
    n.is_multiple_of(3)
}

#[test]
fn what_is_left_runs_exactly_once_and_what_was_cleared_never() {
    let server = Server::builder().module_args("slice-us 100 duty 20").start();
    let mut conn = server.conn();
    app(&server, "send 0 600");
    let mut worker = script(&server);
    // More than there will be: it runs until it is stopped.
    worker.args(["bullmq_app.py", "work", "100000"]).stdout(Stdio::null());
    let mut worker = spawn(worker).expect("Python starts");
    eventually("the worker runs jobs", || conn.llen::<_, usize>("ran").expect("LLEN") > 10);
    let end = clear(&mut conn, QUEUE, "TASK bad ALL");
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert!(end.int("deleted") > 0, "{end:?}");
    // These are not part of the snapshot.
    app(&server, "send 600 60");
    eventually("all others ran", || {
        conn.llen::<_, usize>("ran").expect("LLEN")
            == 660 - usize::try_from(end.int("deleted")).expect("a count")
    });
    worker.kill().expect("a child of ours");
    worker.wait().expect("a child of ours");
    let ran = ran(&mut conn);
    assert!(ran.windows(2).all(|pair| pair[0] < pair[1]), "a job ran twice");
    let never: Vec<usize> = (0..660).filter(|n| ran.binary_search(n).is_err()).collect();
    assert!(never.iter().all(|n| is_bad(*n) && *n < 600), "lost: {never:?}");
}

#[test]
fn ids_and_deduplication_ids_of_cleared_jobs_are_free_again() {
    let server = Server::start();
    let mut conn = server.conn();
    app(&server, "send 0 9");
    app(&server, "unique 9 9");
    assert_eq!(clear(&mut conn, QUEUE, "TASK bad ALL").int("deleted"), 6);
    let left: usize = conn.llen(QUEUE).expect("LLEN");
    assert_eq!(left, 12);
    // BullMQ adds nothing where a job has the id, or holds the deduplication id.
    app(&server, "send 0 9");
    app(&server, "unique 9 9");
    let left: usize = conn.llen(QUEUE).expect("LLEN");
    assert_eq!(left, 18, "the cleared ones can be added again, and the others are still there");
    app(&server, "work 18");
    assert_eq!(ran(&mut conn), (0..18).collect::<Vec<_>>());
    assert_eq!(app(&server, "counts").trim(), "0 18 0");
}

#[test]
fn parents_go_on_and_schedulers_fire_after_a_clear() {
    let server = Server::start();
    let mut conn = server.conn();
    app(&server, "flow 3");
    let end = clear(&mut conn, QUEUE, "TASK bad ALL");
    assert_eq!(end.int("deleted"), 0, "{end:?}");
    assert!(end.text("notice").contains("are no matches: 3"), "{end:?}");
    app(&server, "work 6");
    assert_eq!(ran(&mut conn), (0..6).collect::<Vec<_>>());
    let _: i64 = conn.del("ran").expect("DEL");
    app(&server, "repeat 200");
    for set in ["bull:uploads:delayed", QUEUE] {
        let end = clear(&mut conn, set, "TASK bad ALL");
        assert_eq!(end.int("deleted"), 0, "{set}: {end:?}");
    }
    app(&server, "work 3");
    assert!(ran(&mut conn).len() >= 3, "the scheduler still fires");
}

#[test]
fn failed_jobs_that_stay_run_when_bullmq_retries_them() {
    let server = Server::start();
    let mut conn = server.conn();
    app(&server, "send 0 30");
    app(&server, "fail 30");
    let end = clear(&mut conn, "bull:uploads:failed", "TASK bad WHERE headers.failedReason GLOB *luck* ALL");
    assert_eq!(end.int("deleted"), 10, "{end:?}");
    assert_eq!(app(&server, "counts").trim(), "0 0 20");
    app(&server, "retry");
    app(&server, "work 20");
    assert_eq!(ran(&mut conn), (0..30).filter(|n| !is_bad(*n)).collect::<Vec<_>>());
    // An id of a cleared job can be used again.
    app(&server, "send 0 1");
    let waits: usize = conn.llen(QUEUE).expect("LLEN");
    assert_eq!(waits, 1);
}
