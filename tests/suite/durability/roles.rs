//! Roles change, writes are paused or data is loaded again in the middle of a clear: the server keeps
//! running, the job reports what happened, and every message is where it belongs.

use qadmin_harness::{Fields as _, Server, eventually};

use super::{
    Filled, assert_no_mismatch, clear_line, digest, finish_the_work, hurry, queue, recorded, slow,
    start_clear, status, tell, until_caught_up, until_deleted, until_waiting,
};
use crate::support::{ask, wait_for_job};

fn pair() -> (Server, Server) {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    (primary, replica)
}

#[test]
fn a_clear_waits_while_writes_are_paused_and_continues_by_itself() {
    let (primary, replica) = pair();
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
    let why = until_waiting(&mut conn, &id);
    assert!(why.contains("CLIENT PAUSE"), "{why}");
    let stands = queue(&mut conn);
    assert_eq!(status(&mut conn, &id).int("deleted"), filled.missing(&stands));
    tell(&mut conn, "CLIENT UNPAUSE");
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    until_caught_up(&primary, &replica);
    assert_eq!(queue(&mut replica.conn()), filled.survivors());
}

#[test]
fn a_pause_of_all_clients_ends_by_its_time_and_the_clear_goes_on() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    tell(&mut conn, "CLIENT PAUSE 300 ALL");
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(queue(&mut conn), filled.survivors());
}

#[test]
fn a_job_cancelled_during_paused_writes_gets_its_record_afterwards() {
    let server = slow().start();
    let mut conn = server.conn();
    Filled::new(&server, 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
    let job = ask(&mut conn, &format!("QADMIN.CANCEL {id}"));
    assert_eq!(job.text("status"), "cancelled", "{job:?}");
    assert_eq!(server.info("qadmin_records_owed").as_deref(), Some("1"));
    tell(&mut conn, "CLIENT UNPAUSE");
    eventually("the record is written", || recorded(&mut conn, &id, "status") == "cancelled");
    assert_eq!(recorded(&mut conn, &id, "deleted"), job.int("deleted").to_string());
}

#[test]
fn failover_in_the_middle_of_a_clear_loses_nothing() {
    let (primary, replica) = pair();
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 6_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 300);
    tell(&mut conn, &format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 60000", replica.port()));
    eventually("the roles have changed", || {
        replica.info("role").as_deref() == Some("master") && primary.info("role").as_deref() == Some("slave")
    });
    let ended = wait_for_job(&mut conn, &id);
    assert_eq!(ended.text("status"), "interrupted", "{ended:?}");
    primary.wait_for_link();
    let mut there = replica.conn();
    let missing = filled.missing(&queue(&mut there));
    assert_eq!(missing, ended.int("deleted"), "what the job reported is gone, and nothing else");
    let job = status(&mut there, &id);
    assert_eq!((job.text("status"), job.int("deleted")), ("interrupted".into(), missing), "{job:?}");
    eventually("the new primary corrects the record", || {
        recorded(&mut there, &id, "status") == "interrupted"
    });
    assert_eq!(primary.info("qadmin_records_owed").as_deref(), Some("0"), "the record is its to write");
    finish_the_work(&mut there, &filled);
    until_caught_up(&replica, &primary);
    assert_eq!(digest(&mut conn), digest(&mut there));
    assert_no_mismatch(&primary);
}

#[test]
fn a_clear_does_not_disturb_a_shutdown_that_waits_for_a_replica() {
    let mut primary = slow().config("shutdown-timeout 60").start();
    let replica = slow().start();
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 6_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 200);
    replica.freeze();
    // This makes the replica lag reliably.
    let deleted = until_deleted(&mut conn, &id, 400);
    let mut other = primary.raw();
    other.send(b"SHUTDOWN\r\n").expect("the server listens");
    eventually("the shutdown waits", || status(&mut conn, &id).get_field("waiting") != &redis::Value::Nil);
    let last = status(&mut conn, &id).int("deleted");
    assert!(last >= deleted);
    replica.thaw();
    primary.wait_for_exit();
    let mut there = replica.conn();
    assert_eq!(filled.missing(&queue(&mut there)), last, "the replica has all that was cleared");
    let log = primary.log();
    assert!(log.contains("is now ready to exit"), "an orderly end");
    primary.start_again();
    assert_eq!(filled.missing(&queue(&mut primary.conn())), last);
}

#[test]
fn a_primary_that_becomes_a_replica_interrupts_its_jobs() {
    let (primary, other) = (slow().start(), slow().start());
    let mut conn = primary.conn();
    Filled::new(&primary, 4_000, 40.0);
    tell(&mut other.conn(), "RPUSH celery untouched");
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    primary.replica_of(&other);
    let job = wait_for_job(&mut conn, &id);
    assert_eq!(job.text("status"), "interrupted", "{job:?}");
    assert!(job.text("error").contains("replica"), "{job:?}");
    assert_eq!(queue(&mut conn), vec![b"untouched".to_vec()]);
    until_caught_up(&other, &primary);
    assert_eq!(digest(&mut conn), digest(&mut other.conn()));
}

#[test]
fn reloaded_dataset_ends_job_and_keeps_guarantees() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    tell(&mut conn, "DEBUG RELOAD");
    let job = wait_for_job(&mut conn, &id);
    // Most servers empty the dataset before they load, which is the first event that a module receives;
    // Valkey 9 announces the load first.
    let (status, error) = (job.text("status"), job.text("error"));
    match status.as_str() {
        "failed" => assert!(error.contains("flushed"), "{job:?}"),
        "interrupted" => assert!(error.contains("load"), "{job:?}"),
        _ => panic!("the job neither failed nor was it interrupted: {job:?}"),
    }
    assert_eq!(job.int("deleted"), filled.missing(&queue(&mut conn)));
    eventually("the record says so", || recorded(&mut conn, &id, "status") == status);
    finish_the_work(&mut conn, &filled);
}

#[test]
fn flush_or_swapdb_ends_job_and_changes_nothing_else() {
    for command in ["FLUSHDB", "FLUSHALL", "SWAPDB 0 1"] {
        let server = slow().start();
        let mut conn = server.conn();
        Filled::new(&server, 4_000, 40.0);
        let id = start_clear(&mut conn);
        until_deleted(&mut conn, &id, 100);
        let moved = queue(&mut conn).len();
        tell(&mut conn, command);
        tell(&mut conn, "RPUSH celery a b c");
        let job = wait_for_job(&mut conn, &id);
        assert_eq!(job.text("status"), "failed", "{command}: {job:?}");
        assert_eq!(queue(&mut conn).len(), 3, "{command}: the new list of that name is another one");
        if command.starts_with("SWAPDB") {
            tell(&mut conn, "SELECT 1");
            assert!(queue(&mut conn).len() <= moved);
            assert_eq!(queue(&mut conn).len(), 4_000 - usize::try_from(job.int("deleted")).expect("a count"));
        }
        // Nothing of the job prevents the next one.
        wait_for_job(&mut server.conn(), &ask(&mut server.conn(), &clear_line()).text("job_id"));
    }
}
