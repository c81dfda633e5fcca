//! A count that fails is reported as failed and is never taken for zero, for a fact or for permission to
//! clear something else.

use qadmin_harness::{Fields as _, Server, eventually, map};
use redis::{Commands as _, Connection};

use crate::stage::{
    LONG, Slow, filled, info, inline_preview, joined, later, set, start_clear, target, until_running,
    until_waiting,
};
use crate::support::{Reply, ask, run, wait_for_job};

/// Starts a server with a queue whose inline counts take seconds.
fn server() -> (Server, i64) {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let matching = filled(&server, "celery", LONG);
    (server, matching)
}

/// Waits until the live count has found a match. Only some of the clients that are unblocked in one
/// event-loop iteration read a sample of their own; the others receive the matches that the count has found.
fn until_a_match_is_met(conn: &mut Connection) {
    let jobs = run(conn, "QADMIN.JOBS").expect("JOBS answers");
    let id = qadmin_harness::maps(&jobs).first().expect("a live job").text("job_id");
    while ask(conn, &format!("QADMIN.STATUS {id}")).int("matched") == 0 {}
}

/// Checks a failed count: all members are present, and no number is shown that was not counted.
fn assert_failed(reply: &Reply, error: &str) {
    assert_eq!(reply.text("mode"), "failed", "{reply:?}");
    for unknown in [
        "match_count",
        "matched_bytes",
        "undecodable",
        "unreadable",
        "drifted",
        "cached_at",
        "job_id",
        "in_chord",
        "in_group",
        "with_eta",
        "redelivered",
        "inexact",
        "notice",
    ] {
        assert!(reply.is_null(unknown), "{unknown} of {reply:?}");
    }
    assert_eq!(reply.text("count_error"), error);
    assert!(reply.is_null("sample_error"));
}

/// Checks that the next equal preview counts again and a clear runs to its end.
fn assert_all_is_well(server: &Server, matching: i64) {
    let mut conn = server.conn();
    let next = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target()));
    assert!(next.is_null("cached_at"), "{next:?}");
    assert_eq!((next.int("deduplicated"), next.int("match_count")), (0, matching), "{next:?}");
    let clear = start_clear(&mut conn, "celery");
    let end = wait_for_job(&mut conn, &clear);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", matching), "{end:?}");
}

#[test]
fn a_count_that_was_cancelled() {
    let (server, matching) = server();
    let mut conn = server.conn();
    let mut slow = Slow::start(&server);
    let clients = [inline_preview(&server, "celery"), inline_preview(&server, "celery")];
    until_a_match_is_met(&mut conn);
    slow.hold(&mut conn);
    let ended = run(&mut conn, "QADMIN.CANCEL ALL").expect("CANCEL answers");
    assert_eq!(qadmin_harness::maps(&ended).len(), 1, "two clients, one scan");
    drop(slow);
    for client in clients {
        let reply = joined(client);
        assert_failed(&reply, "ERR the job was cancelled");
        assert!(!reply.rows("sample").is_empty(), "what was found is shown: {reply:?}");
    }
    assert_all_is_well(&server, matching);
}

#[test]
fn a_count_whose_data_was_flushed() {
    for flush in ["FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC"] {
        let (server, _) = server();
        let slow = Slow::start(&server);
        let client = inline_preview(&server, "celery");
        run(&mut server.conn(), flush).expect(flush);
        drop(slow);
        let reply = joined(client);
        assert_failed(&reply, "ERR the database was flushed while the job ran; start the job again");
        assert_eq!(reply.int("depth"), 0);
        let matching = filled(&server, "celery", 500);
        assert_all_is_well(&server, matching);
    }
}

#[test]
fn count_in_another_database_survives_a_flush() {
    let (server, matching) = server();
    let slow = Slow::start(&server);
    let client = inline_preview(&server, "celery");
    let mut conn = server.conn();
    run(&mut conn, "SELECT 1").expect("SELECT");
    run(&mut conn, "FLUSHDB").expect("FLUSHDB");
    run(&mut conn, "SWAPDB 1 2").expect("SWAPDB");
    drop(slow);
    let reply = joined(client);
    assert_eq!((reply.text("mode").as_str(), reply.int("match_count")), ("synchronous", matching));
}

#[test]
fn a_count_whose_database_was_swapped() {
    let (server, matching) = server();
    let slow = Slow::start(&server);
    let client = inline_preview(&server, "celery");
    run(&mut server.conn(), "SWAPDB 1 0").expect("SWAPDB");
    drop(slow);
    let reply = joined(client);
    assert_failed(&reply, "ERR databases were swapped while the job ran; start the job again");
    run(&mut server.conn(), "SWAPDB 0 1").expect("SWAPDB");
    assert_all_is_well(&server, matching);
}

#[test]
fn a_count_on_a_replica_that_became_the_primary() {
    let (primary, matching) = server();
    let replica = Server::builder().module_args("inline-wait 60000").start();
    replica.replica_of(&primary);
    let slow = Slow::start(&replica);
    let client = inline_preview(&replica, "celery");
    run(&mut replica.conn(), "REPLICAOF NO ONE").expect("REPLICAOF");
    drop(slow);
    let reply = joined(client);
    let error = "READONLY the server changed its role between primary and replica while the job ran; start \
                 the job again";
    assert_failed(&reply, error);
    assert_all_is_well(&replica, matching);
}

/// The server itself unblocks clients when it becomes a replica (`-UNBLOCKED`); the job of a count for which
/// no client waits reports why it failed.
#[test]
fn a_count_on_a_primary_that_became_a_replica() {
    let (server, matching) = server();
    let mut conn = server.conn();
    set(&mut conn, "inline-limit 0");
    let slow = Slow::start(&server);
    let job = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target())).text("job_id");
    set(&mut conn, "inline-limit 200000");
    let client = later(&server, format!("QADMIN.PREVIEW celery {}", target()));
    until_waiting(&server, 1);
    // Nothing listens on port 1: the role changes at once, and the data is not changed.
    run(&mut conn, "REPLICAOF 127.0.0.1 1").expect("REPLICAOF");
    let error = client.join().expect("ends").expect_err("sent away").to_string();
    assert!(error.contains("UNBLOCKED"), "{error}");
    let mut conn = server.conn();
    let end = ask(&mut conn, &format!("QADMIN.STATUS {job}"));
    assert_eq!(end.text("status"), "failed");
    assert_eq!(
        end.text("error"),
        "READONLY the server changed its role between primary and replica while the job ran; start the job \
         again"
    );
    assert_eq!(info(&server, "clients_waiting"), 0);
    run(&mut conn, "REPLICAOF NO ONE").expect("REPLICAOF");
    drop(slow);
    assert_all_is_well(&server, matching);
}

#[test]
fn a_count_of_a_queue_that_is_edited_in_place_again_and_again() {
    let (server, matching) = server();
    let mut conn = server.conn();
    let first: Vec<u8> = conn.lindex("celery", 0).expect("LINDEX");
    let slow = Slow::start(&server);
    let client = inline_preview(&server, "celery");
    let job = |conn: &mut Connection| {
        let jobs = run(conn, "QADMIN.JOBS").expect("JOBS answers");
        qadmin_harness::maps(&jobs).remove(0)
    };
    let id = job(&mut conn).text("job_id");
    // The tenth edit exceeds the limit.
    for _ in 0..10 {
        // An edit counts only after its pass has examined something, so the pass is known at the moment of
        // the edit.
        let mut edit = redis::pipe();
        edit.atomic().cmd("QADMIN.STATUS").arg(&id).cmd("LSET").arg("celery").arg(0).arg(&first).ignore();
        let (before,): (redis::Value,) = edit.query(&mut conn).expect("EXEC");
        let before = map(&before);
        assert_eq!(before.text("status"), "running", "{before:?}");
        eventually("the job is in its next pass, or has given up", || {
            let now = job(&mut conn);
            now.int("examined_total") > before.int("examined_total") || now.text("status") == "failed"
        });
    }
    drop(slow);
    let reply = joined(client);
    assert_failed(&reply, "ERR queue was edited in place 10 times");
    assert_eq!(job(&mut conn).int("passes_run"), 10);
    assert_all_is_well(&server, matching);
}

#[test]
fn a_count_for_which_there_is_no_room() {
    let (server, matching) = server();
    let mut conn = server.conn();
    set(&mut conn, "max-jobs 2");
    let slow = Slow::start(&server);
    let first = later(&server, "QADMIN.PREVIEW celery TASK other");
    until_waiting(&server, 1);
    // Every message matches, so even the shortest sample finds one.
    let reply = ask(&mut conn, "QADMIN.PREVIEW celery WHERE bytes > 0");
    let error = "TOOMANYJOBS 1 previews and stats are unfinished and the limit is 1, half of the setting \
                 max-jobs (2); wait for one to end, cancel one, or raise max-jobs";
    assert_failed(&reply, error);
    assert!(!reply.rows("sample").is_empty());
    // The other half is reserved for clears.
    let line = format!("QADMIN.CLEARJOB celery {} ALL RATE 1 CONFIRM celery", target());
    let clear = ask(&mut conn, &line).text("job_id");
    until_running(&mut conn, &clear);
    let full = ask(&mut conn, "QADMIN.PREVIEW celery TASK third");
    let error = "TOOMANYJOBS 2 jobs are unfinished and the setting max-jobs is 2; wait for one to end, \
                 cancel one, or raise max-jobs";
    assert_failed(&full, error);
    ask(&mut conn, &format!("QADMIN.CANCEL {clear}"));
    drop(slow);
    assert_eq!(joined(first).text("mode"), "synchronous");
    let left = map(&run(&mut conn, &format!("QADMIN.STATUS {clear}")).expect("a reply")).int("deleted");
    assert_all_is_well(&server, matching - left);
}
