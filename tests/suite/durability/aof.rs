//! A restart from the append-only file restores the queue.

use qadmin_harness::{Factory, Fields as _, Size, Traffic};
use redis::Value;

use super::{
    Filled, QUEUE, assert_no_mismatch, clear_line, digest, hurry, in_memory, queue, slow, start_clear, tell,
    until_deleted,
};
use crate::support::{ask, run, wait_for_job};

#[test]
fn the_append_only_file_restores_the_queue_with_every_policy_and_format() {
    for policy in ["always", "everysec"] {
        for preamble in ["yes", "no"] {
            replayed(policy, preamble);
        }
    }
}

/// Runs a clear together with a producer and a worker, rewrites the file in the middle of the clear, and then
/// restarts the server.
fn replayed(policy: &str, preamble: &str) {
    let mut server = slow()
        .config(format!("appendfsync {policy}"))
        .config(format!("aof-use-rdb-preamble {preamble}"))
        .start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 30.0);
    let traffic = Traffic::start(server.port(), QUEUE, Factory::new(8).size(Size::Slim).share(0.0), 200);
    let id = start_clear(&mut conn);
    let before = until_deleted(&mut conn, &id, 100);
    // Later commands are in the next incremental file, earlier ones in the rewritten file.
    tell(&mut conn, "BGREWRITEAOF");
    until_deleted(&mut conn, &id, before + 100);
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    traffic.stop();
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert!(end.int("deleted") > 100 && end.int("deleted") <= filled.matches(), "{end:?}");
    assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");

    let before = (queue(&mut conn), digest(&mut conn));
    server.restart();
    let mut conn = server.conn();
    let after = (queue(&mut conn), digest(&mut conn));
    assert!(before == after, "{policy}, preamble {preamble}: another queue or record after the restart");
    assert_no_mismatch(&server);
    let again = ask(&mut conn, &format!("QADMIN.STATUS {id}"));
    assert_eq!((again.text("status"), again.int("deleted")), ("completed".into(), end.int("deleted")));
}

#[test]
fn the_file_can_be_switched_on_while_a_job_runs() {
    let mut server = in_memory().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 6_000, 50.0);
    let id = start_clear(&mut conn);
    let before = until_deleted(&mut conn, &id, 100);
    tell(&mut conn, "CONFIG SET appendonly yes");
    until_deleted(&mut conn, &id, before + 100);
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    qadmin_harness::eventually("the first rewrite is done", || {
        server.info("aof_rewrite_in_progress").as_deref() == Some("0")
            && server.info("aof_rewrite_scheduled").as_deref() == Some("0")
            && server.info("aof_last_bgrewrite_status").as_deref() == Some("ok")
    });
    let before = digest(&mut conn);
    // The configuration file says `appendonly no`.
    tell(&mut conn, "CONFIG REWRITE");
    server.restart();
    let mut conn = server.conn();
    assert_eq!(queue(&mut conn), filled.survivors());
    assert_eq!(digest(&mut conn), before);
    assert_no_mismatch(&server);
}

#[test]
fn the_audit_stream_is_replayed_as_it_was() {
    let mut server = slow().start();
    let mut conn = server.conn();
    Filled::new(&server, 200, 50.0);
    let job = ask(&mut conn, &format!("{} ACTOR ann REASON tests", clear_line()));
    wait_for_job(&mut conn, &job.text("job_id"));
    let before = run(&mut conn, "XRANGE qadmin:audit - +").expect("XRANGE");
    assert!(matches!(&before, Value::Array(entries) if entries.len() == 2), "{before:?}");
    server.restart();
    assert_eq!(run(&mut server.conn(), "XRANGE qadmin:audit - +").expect("XRANGE"), before);
}
