//! The real RQ and the real Dramatiq: what becomes of the entries that a clear leaves.

use std::process::Stdio;

use qadmin_harness::{Fields as _, Server, eventually, spawn};
use redis::{Commands as _, Connection};

use crate::rq::library::{ran, rq};
use crate::support::celery::script;
use crate::support::{Reply, ask, wait_for_job};

fn clear(conn: &mut Connection, set: &str, words: &str, kind: &str) -> Reply {
    let job = ask(conn, &format!("QADMIN.CLEARJOB {set} {words} CONFIRM {set} AS {kind}"));
    let end = wait_for_job(conn, &job.text("job_id"));
    assert_eq!(end.text("status"), "completed", "{end:?}");
    end
}

/// Runs the jobs of RQ until the queue is empty. Some of them may fail.
fn work(server: &Server) {
    let out = script(server).args(["rq_app.py", "work"]).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn failed_jobs_that_stay_run_when_rq_requeues_them() {
    let server = Server::start();
    let mut conn = server.conn();
    let set = "rq:failed:uploads";
    let () = conn.set("broken", 1).expect("SET");
    rq(&server, "fail 30");
    work(&server);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {set} TASK rq_app.bad_if_broken AS rq"));
    assert_eq!((preview.int("match_count"), preview.int("depth")), (10, 30), "{preview:?}");
    let end = clear(&mut conn, set, "TASK rq_app.bad_if_broken ALL", "rq");
    assert_eq!(end.int("deleted"), 10, "{end:?}");
    let _: i64 = conn.del("broken").expect("DEL");
    rq(&server, "requeue");
    work(&server);
    let wanted: Vec<usize> = (0..30_usize).filter(|n| !n.is_multiple_of(3)).collect();
    assert_eq!(ran(&mut conn), wanted);
    let jobs: Vec<String> = conn.keys("rq:results:*").expect("KEYS");
    assert_eq!(jobs.len(), 20, "the results of a cleared job left with it: {jobs:?}");
    // The ids are free again.
    rq(&server, "again job-0");
    work(&server);
    assert!(ran(&mut conn).contains(&0));
}

#[test]
fn scheduled_jobs_that_stay_run_when_they_are_due() {
    let server = Server::start();
    let mut conn = server.conn();
    let set = "rq:scheduled:uploads";
    rq(&server, "schedule 30");
    let end = clear(&mut conn, set, "TASK rq_app.bad ALL", "rq");
    assert_eq!(end.int("deleted"), 10, "{end:?}");
    eventually("they are due", || {
        rq(&server, "due");
        conn.zcard::<_, i64>(set).expect("ZCARD") == 0
    });
    work(&server);
    let wanted: Vec<usize> = (0..30_usize).filter(|n| !n.is_multiple_of(3)).collect();
    assert_eq!(ran(&mut conn), wanted);
}

#[test]
fn jobs_whose_dependents_were_cleared_run_and_finish() {
    let server = Server::start();
    let mut conn = server.conn();
    rq(&server, "chain 4");
    let end = clear(&mut conn, "rq:deferred:uploads", "WHERE args.0 >= 6 ALL", "rq");
    assert_eq!(end.int("deleted"), 2, "{end:?}");
    rq(&server, "work");
    assert_eq!(ran(&mut conn), [0, 1, 2, 3, 4, 5]);
    let deferred: i64 = conn.zcard("rq:deferred:uploads").expect("ZCARD");
    assert_eq!(deferred, 0);
}

/// A worker that has finished a job moves those that wait for it in several steps, and watches the set of their ids.
#[test]
fn a_worker_that_moves_deferred_jobs_sees_that_one_was_cleared() {
    let server = Server::start();
    let mut conn = server.conn();
    rq(&server, "chain 2");
    let waiting = "rq:job:job-0:dependents";
    let mut worker = server.conn();
    redis::cmd("WATCH").arg(waiting).exec(&mut worker).expect("WATCH");
    let read: Vec<String> = worker.smembers(waiting).expect("SMEMBERS");
    assert_eq!(read, ["job-2"]);
    let end = clear(&mut conn, "rq:deferred:uploads", "WHERE id = job-2 ALL", "rq");
    assert_eq!(end.int("deleted"), 1, "{end:?}");
    let moved: Option<(i64,)> = redis::pipe()
        .atomic()
        .hset("rq:job:job-2", "status", "ready_to_enqueue")
        .query(&mut worker)
        .expect("EXEC");
    assert_eq!(moved, None, "the worker reads the ids again");
    assert!(!conn.exists::<_, bool>("rq:job:job-2").expect("EXISTS"));
    assert!(!conn.exists::<_, bool>(waiting).expect("EXISTS"), "nothing waits for this job any more");
    rq(&server, "work");
    assert_eq!(ran(&mut conn), [0, 1, 3]);
}

#[test]
fn dead_letters_of_dramatiq_are_cleared_with_their_messages() {
    let server = Server::start();
    let mut conn = server.conn();
    let (set, hash) = ("dramatiq:uploads.XQ", "dramatiq:uploads.XQ.msgs");
    let () = conn.set("broken", 1).expect("SET");
    let run = |words: &[&str]| {
        let out = script(&server).arg("dramatiq_app.py").args(words).output().expect("Python starts");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    run(&["send", "0", "30"]);
    let mut worker = script(&server);
    worker.args(["dramatiq_app.py", "work"]).stdout(Stdio::null()).stderr(Stdio::null());
    let worker = spawn(worker).expect("Python starts");
    eventually("all messages are dead", || conn.zcard::<_, i64>(set).expect("ZCARD") == 30);
    let () = conn.set("finish", 1).expect("SET");
    assert!(worker.wait_with_output().expect("a child of ours can be waited for").status.success());
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {set} TASK bad AS dramatiq"));
    assert_eq!((preview.int("match_count"), preview.int("depth")), (10, 30), "{preview:?}");
    let row = &preview.rows("sample")[0];
    assert!(row.int("run_at") >= row.int("enqueued"), "the time at which it was given up: {row:?}");
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let rows = queues.rows("queues");
    let named: Vec<String> = rows.iter().map(|row| row.text("queue")).collect();
    assert_eq!((named.as_slice(), rows[0].text("looks_like").as_str()), (&[set.to_owned()][..], "dramatiq"));
    assert_eq!(clear(&mut conn, set, "TASK bad ALL", "dramatiq").int("deleted"), 10);
    let left: (i64, i64) = redis::pipe().zcard(set).hlen(hash).query(&mut conn).expect("ZCARD and HLEN");
    assert_eq!(left, (20, 20));
    // Dramatiq's own maintenance removes the others as before.
    run(&["purge"]);
    let left: (i64, i64) = redis::pipe().zcard(set).hlen(hash).query(&mut conn).expect("ZCARD and HLEN");
    assert_eq!(left, (0, 0));
}
