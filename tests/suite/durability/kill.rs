//! The server is killed in the middle of a clear.

use qadmin_harness::{Fields as _, Server};

use super::{
    Filled, assert_no_mismatch, finish_the_work, queue, recorded, slow_with_aof, start_clear, status, until_deleted,
};

#[test]
fn after_kill_9_the_record_and_the_queue_agree_and_a_new_clear_finishes_the_work() {
    // Where in the clear the server is killed: numbers without a pattern, so that units are met at any place.
    for (policy, at) in [("always", 1), ("everysec", 211), ("always", 733), ("everysec", 1_207)] {
        killed(policy, at);
    }
}

fn killed(policy: &str, at: i64) {
    let mut server = slow_with_aof().config(format!("appendfsync {policy}")).start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 50.0);
    let id = start_clear(&mut conn);
    let reported = until_deleted(&mut conn, &id, at);
    server.kill9();
    server.start_again();
    agrees(&server, &filled, &id, reported);
}

/// What is missing is what the record says, at least what was reported, and nothing else.
fn agrees(server: &Server, filled: &Filled, id: &str, reported: i64) {
    let mut conn = server.conn();
    let missing = filled.missing(&queue(&mut conn)) as i64;
    assert!(missing >= reported, "{reported} were reported as cleared, {missing} are gone");
    assert_eq!(recorded(&mut conn, id, "deleted"), missing.to_string(), "the record against the queue");
    let job = status(&mut conn, id);
    assert_eq!(job.text("status"), "interrupted", "{job:?}");
    assert_eq!(job.int("deleted"), missing);
    assert_no_mismatch(server);
    finish_the_work(&mut conn, filled);
}

#[test]
fn a_unit_that_was_cut_off_is_none() {
    let mut server = slow_with_aof().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 2_000, 50.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 300);
    server.kill9();
    // The machine went down while the last unit was on its way to the disk: everything up to the middle of
    // its record is there.
    let file = super::units::incr_file(&server);
    let bytes = std::fs::read(&file).expect("the append-only file");
    let last = bytes.windows(4).rposition(|word| word == b"HSET").expect("a unit with its record");
    std::fs::write(&file, &bytes[..last + 100]).expect("the append-only file can be cut");
    server.start_again();
    agrees(&server, &filled, &id, 1);
}

#[test]
fn after_a_restart_in_order_the_same_holds() {
    let mut server = slow_with_aof().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 50.0);
    let id = start_clear(&mut conn);
    let reported = until_deleted(&mut conn, &id, 300);
    server.restart();
    agrees(&server, &filled, &id, reported);
}

#[test]
fn a_snapshot_taken_in_the_middle_holds_a_queue_and_a_record_that_agree() {
    let mut server = super::slow().config("save \"\"").start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 50.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 300);
    super::tell(&mut conn, "SAVE");
    until_deleted(&mut conn, &id, 600);
    server.kill9();
    server.start_again();
    // Nothing that the snapshot does not have was promised to be on the disk.
    agrees(&server, &filled, &id, 300);
}
