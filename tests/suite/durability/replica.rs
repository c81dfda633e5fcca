//! A replica has the same data as its primary at any moment, and after everything that can happen to it.

use qadmin_harness::{Factory, Fields as _, Server, Size, Traffic, eventually};

use redis::Commands as _;

use super::{
    Filled, QUEUE, assert_no_mismatch, digest, events, filter, finish_the_work, hurry, queue, record_key,
    recorded, slow, start_clear, status, tell, until_caught_up, until_deleted, until_waiting,
};
use crate::support::{ask, wait_for_job};

/// Starts a primary and its replica, which writes its own append-only file.
fn pair() -> (Server, Server) {
    let primary = slow().start();
    let replica = slow().start();
    replica.replica_of(&primary);
    (primary, replica)
}

/// Checks that both have the same data now; no writes happen during this check.
fn assert_equal(primary: &Server, replica: &Server) {
    let mut conn = primary.conn();
    tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
    until_caught_up(primary, replica);
    assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
    assert_no_mismatch(replica);
    tell(&mut conn, "CLIENT UNPAUSE");
}

#[test]
fn at_any_stop_of_a_clear_under_traffic_primary_and_replica_are_equal() {
    let (primary, mut replica) = pair();
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 6_000, 40.0);
    // Workers take matches, too, but so few that the clear finds enough of them however slow it is.
    let traffic = Traffic::start(primary.port(), QUEUE, Factory::new(8).size(Size::Slim).share(0.0), 50);
    let id = start_clear(&mut conn);
    for at in [1, 100, 250, 400] {
        until_deleted(&mut conn, &id, at);
        assert_equal(&primary, &replica);
    }
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    traffic.stop();
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");
    assert!(end.int("deleted") <= filled.matches());
    assert_equal(&primary, &replica);

    // The replica starts alone from its own append-only file: the configuration names no primary.
    let before = digest(&mut replica.conn());
    replica.restart();
    assert_eq!(digest(&mut replica.conn()), before, "the replica's own append-only file differs");
    assert_no_mismatch(&replica);
}

#[test]
fn a_replica_that_was_away_catches_up_in_part_or_whole() {
    let (primary, replica) = pair();
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 6_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 200);
    let before: u64 = primary.info("sync_full").expect("INFO").parse().expect("a number");
    // This is a partial synchronization: the link breaks and the backlog has the missing part.
    tell(&mut conn, "CLIENT KILL TYPE replica");
    until_deleted(&mut conn, &id, 600);
    assert_equal(&primary, &replica);
    // This is a full synchronization: the primary's history has another id now.
    tell(&mut conn, "DEBUG CHANGE-REPL-ID");
    tell(&mut conn, "CLIENT KILL TYPE replica");
    until_deleted(&mut conn, &id, 1_000);
    eventually("there was another full synchronization", || {
        primary.info("sync_full").expect("INFO").parse::<u64>().expect("a number") > before
    });
    assert_equal(&primary, &replica);
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_equal(&primary, &replica);
    assert_eq!(queue(&mut replica.conn()), filled.survivors());
}

#[test]
fn a_promoted_replica_shows_the_job_as_interrupted_and_clears_the_rest() {
    let (mut primary, replica) = pair();
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 6_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 500);
    let mut there = replica.conn();
    eventually("the record is there", || there.exists(record_key(&id)).expect("EXISTS"));
    let on_replica = status(&mut there, &id);
    assert_eq!(on_replica.text("status"), "running", "a replica shows the record unchanged: {on_replica:?}");
    primary.kill9();
    tell(&mut there, "REPLICAOF NO ONE");
    let missing = filled.missing(&queue(&mut there));
    let job = status(&mut there, &id);
    assert_eq!(job.text("status"), "interrupted", "{job:?}");
    assert_eq!(job.int("deleted"), missing);
    eventually("the record is corrected", || recorded(&mut there, &id, "status") == "interrupted");
    assert_eq!(events(&mut there), ["start", "interrupted"]);
    assert_no_mismatch(&replica);
    finish_the_work(&mut there, &filled);
}

#[test]
fn a_preview_on_the_replica_adds_up_while_its_primary_clears() {
    let (primary, replica) = pair();
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 6_000, 40.0);
    let mut there = replica.conn();
    until_caught_up(&primary, &replica);
    tell(&mut there, "CONFIG SET qadmin.inline-limit 0");
    let id = start_clear(&mut conn);
    let before = until_deleted(&mut conn, &id, 100);
    // One filter is unrelated to the clear, the other one is the clear's own.
    let other = ask(&mut there, &format!("QADMIN.PREVIEW {QUEUE} WHERE task != x"));
    let same = ask(&mut there, &format!("QADMIN.PREVIEW {QUEUE} {}", filter()));
    let (other, same) = (other.text("job_id"), same.text("job_id"));
    // The clear continues during both.
    until_deleted(&mut conn, &id, before + 100);
    hurry(&mut there);
    for preview in [other, same] {
        let end = wait_for_job(&mut there, &preview);
        assert_eq!(end.text("status"), "completed", "{end:?}");
        assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");
    }
    hurry(&mut conn);
    wait_for_job(&mut conn, &id);
    until_caught_up(&primary, &replica);
    let after = ask(&mut there, &format!("QADMIN.PREVIEW {QUEUE} {} NOCOUNT", filter()));
    assert_eq!(after.int("depth"), filled.survivors().len() as i64);
    assert!(after.rows("sample").is_empty());
}

#[test]
fn a_clear_on_a_replica_is_refused_and_a_unit_of_a_client_too() {
    let (primary, replica) = pair();
    Filled::new(&primary, 10, 100.0);
    until_caught_up(&primary, &replica);
    let mut there = replica.conn();
    let refused =
        crate::support::run(&mut there, &super::clear_line()).expect_err("a replica clears nothing");
    assert_eq!(refused.code(), Some("READONLY"), "{refused}");
    for server in [&primary, &replica] {
        let mut raw = server.raw();
        let reply = raw.call(&[b"QADMIN.APPLY", QUEUE.as_bytes(), b"10", b"\0", b"abcd"]);
        assert_eq!(reply.first(), Some(&b'-'), "{}", String::from_utf8_lossy(&reply));
        let reply = raw.line(&format!("EVAL return(redis.call('QADMIN.APPLY','{QUEUE}','10','0','abcd')) 0"));
        assert!(reply.starts_with('-'), "{reply}");
        assert_eq!(queue(&mut server.conn()).len(), 10);
    }
    assert_no_mismatch(&primary);
    assert_no_mismatch(&replica);
}

#[test]
fn without_enough_replicas_a_clear_waits_and_goes_on_by_itself() {
    let primary = slow().start();
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    tell(&mut conn, "CONFIG SET min-replicas-to-write 1");
    let why = until_waiting(&mut conn, &id);
    assert!(why.contains("min-replicas-to-write"), "{why}");
    let stands = queue(&mut conn);
    assert_eq!(status(&mut conn, &id).int("deleted"), filled.missing(&stands));
    // Reading and cancelling are not writes; the job continues when the condition is met.
    let replica = slow().start();
    replica.replica_of(&primary);
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    until_caught_up(&primary, &replica);
    assert_eq!(queue(&mut replica.conn()), filled.survivors());
}

#[test]
fn a_replica_of_a_replica_gets_the_clears_and_holds_the_same() {
    let (primary, middle) = pair();
    let mut last = slow().start();
    last.replica_of(&middle);
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 3_000, 40.0);
    let id = start_clear(&mut conn);
    for at in [1, 400] {
        until_deleted(&mut conn, &id, at);
        tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
        until_caught_up(&primary, &last);
        assert_eq!(digest(&mut conn), digest(&mut last.conn()), "primary and the end of the chain differ");
        tell(&mut conn, "CLIENT UNPAUSE");
    }
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    until_caught_up(&primary, &middle);
    until_caught_up(&middle, &last);
    let before = digest(&mut conn);
    assert_eq!(digest(&mut middle.conn()), before);
    assert_eq!(digest(&mut last.conn()), before);
    assert_eq!(queue(&mut last.conn()), filled.survivors());
    assert_no_mismatch(&middle);
    assert_no_mismatch(&last);
    last.restart();
    assert_eq!(digest(&mut last.conn()), before, "its own append-only file differs");
}
