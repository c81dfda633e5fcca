//! Places at which continuing would let replicas or the append-only file have a different queue: the process
//! aborts at once.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Connection;

use crate::durability::{
    Filled, assert_no_mismatch, digest, finish_the_work, queue, recorded, start_clear, status, tell,
    until_caught_up,
};
use crate::support::{run, wait_for_job};

/// Places of this file.
pub(super) const PLACES: [&str; 9] = [
    "after a deletion",
    "replicating a unit",
    "a unit of the primary",
    "passing on a unit",
    "QADMIN.APPLY",
    // This place is tested with unacknowledged messages.
    "between hash and index",
    // This place is tested with queues of Dramatiq and RQ.
    "between list and hash",
    // This place is tested with sorted sets.
    "between the two sorted sets",
    // This place is tested with sorted sets of ids.
    "between messages and ids",
];

/// A server with an append-only file, whose module panics on demand.
fn server() -> Server {
    let aof = Server::builder().config("appendonly yes").config("appendfsync always");
    aof.may_crash().faults().start()
}

fn arm(conn: &mut Connection, place: &str, skip: u32) {
    let _: i32 = redis::cmd("QADMIN.FAULT").arg(place).arg(skip).query(conn).expect("armed");
}

#[test]
fn a_panic_between_deletion_and_replication_aborts_and_loses_nothing() {
    for (place, skip) in [("replicating a unit", 3), ("after a deletion", 40)] {
        let mut server = server();
        let mut conn = server.conn();
        let filled = Filled::new(&server, 2_000, 50.0);
        arm(&mut conn, place, skip);
        // Slices can run before the reply, so the server can end before it replies.
        let line = format!("{} ID 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b78", crate::durability::clear_line());
        let id = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b78";
        let _ = run(&mut conn, &line);
        server.wait_for_exit();
        server.start_again();
        let mut conn = server.conn();
        let missing = filled.missing(&queue(&mut conn));
        assert!(missing > 0, "{place}: units before it stand");
        let job = status(&mut conn, id);
        assert_eq!((job.text("status").as_str(), job.int("deleted")), ("interrupted", missing), "{place}");
        eventually("the record is corrected", || recorded(&mut conn, id, "status") == "interrupted");
        assert_no_mismatch(&server);
        finish_the_work(&mut conn, &filled);
    }
}

/// Returns a replica and its primary on which nothing runs.
fn pair() -> (Server, Server, Filled) {
    let (primary, replica) = (Server::start(), server());
    let filled = Filled::new(&primary, 2_000, 50.0);
    replica.replica_of(&primary);
    (primary, replica, filled)
}

/// The replica has deleted messages without replicating that: its own append-only file and its replicas would
/// keep messages that it does not have. It aborts, and loads everything again from its primary.
#[test]
fn a_replica_that_panics_after_a_deletion_restarts_equal() {
    for place in ["after a deletion", "passing on a unit"] {
        let (primary, mut replica, filled) = pair();
        arm(&mut replica.conn(), place, 1);
        let id = start_clear(&mut primary.conn());
        replica.wait_for_exit();
        let end = wait_for_job(&mut primary.conn(), &id);
        assert_eq!(end.text("status"), "completed", "the primary does not notice: {end:?}");
        replica.start_again();
        replica.replica_of(&primary);
        until_caught_up(&primary, &replica);
        assert_eq!(digest(&mut primary.conn()), digest(&mut replica.conn()), "{place}");
        assert_eq!(queue(&mut replica.conn()), filled.survivors());
        assert_no_mismatch(&replica);
    }
}

/// Before the first deletion it is a mismatch: nothing is changed, the counter shows it, and no later unit
/// removes a wrong message. A full synchronization repairs it.
#[test]
fn a_panic_of_a_replica_before_a_deletion_is_counted_and_harmless() {
    for place in ["a unit of the primary", "reading a message"] {
        let (primary, replica, filled) = pair();
        arm(&mut replica.conn(), place, 0);
        let id = start_clear(&mut primary.conn());
        wait_for_job(&mut primary.conn(), &id);
        until_caught_up(&primary, &replica);
        let mismatches: i64 =
            replica.info("qadmin_apply_mismatches").expect("INFO").parse().expect("a number");
        assert!(mismatches > 0, "{place}");
        filled.missing(&queue(&mut replica.conn()));
        tell(&mut primary.conn(), "DEBUG CHANGE-REPL-ID");
        tell(&mut primary.conn(), "CLIENT KILL TYPE replica");
        eventually("it is equal again", || digest(&mut primary.conn()) == digest(&mut replica.conn()));
    }
}

/// The command's own guard catches this panic: the link's client receives the error, and nothing is changed.
#[test]
fn a_panic_before_the_internal_command_acts_is_seen_by_the_next_unit() {
    let (primary, replica, filled) = pair();
    arm(&mut replica.conn(), "QADMIN.APPLY", 0);
    let id = start_clear(&mut primary.conn());
    wait_for_job(&mut primary.conn(), &id);
    until_caught_up(&primary, &replica);
    assert!(replica.log().contains("internal fault in QADMIN.APPLY: a fault on demand"));
    filled.missing(&queue(&mut replica.conn()));
}
