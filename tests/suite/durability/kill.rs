//! The server is killed in the middle of a clear.

use qadmin_harness::{Fields as _, Server, eventually};

use super::{
    Filled, assert_no_mismatch, events, finish_the_work, queue, recorded, slow, start_clear, status,
    until_deleted,
};

#[test]
fn after_kill_9_record_and_queue_agree_and_a_new_clear_finishes() {
    // The points of the clear at which the server is killed: numbers without a pattern, so that units are
    // interrupted at any place.
    for (policy, at) in [("always", 1), ("everysec", 211), ("always", 733), ("everysec", 1_207)] {
        killed(policy, at);
    }
}

fn killed(policy: &str, at: i64) {
    let mut server = slow().config(format!("appendfsync {policy}")).start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 50.0);
    // With `everysec` a server can hold back the pushes and the start of the job, too; a crash would lose
    // them.
    let written = || server.info("aof_buffer_length").as_deref() == Some("0");
    eventually("the file has all messages", written);
    let id = start_clear(&mut conn);
    eventually("the file has the start", written);
    let reported = until_deleted(&mut conn, &id, at);
    server.kill9();
    server.start_again();
    // The same is true of its last writes.
    let sure = if policy == "always" { reported } else { 0 };
    agrees_and_goes_on(&server, &filled, &id, sure);
}

fn agrees_and_goes_on(server: &Server, filled: &Filled, id: &str, reported: i64) {
    agrees(server, filled, id, reported);
    finish_the_work(&mut server.conn(), filled);
}

/// Checks that the missing messages are those of the record, at least as many as were reported, and no
/// others.
pub(super) fn agrees(server: &Server, filled: &Filled, id: &str, reported: i64) {
    let mut conn = server.conn();
    let missing = filled.missing(&queue(&mut conn));
    assert!(missing >= reported, "{reported} were reported as cleared, {missing} are gone");
    assert_eq!(recorded(&mut conn, id, "deleted"), missing.to_string(), "the record against the queue");
    let job = status(&mut conn, id);
    assert_eq!(job.text("status"), "interrupted", "{job:?}");
    assert_eq!(job.int("deleted"), missing);
    // As soon as the server may write, it corrects the record itself, and reports that once.
    eventually("the record is corrected", || recorded(&mut conn, id, "status") == "interrupted");
    assert_eq!(recorded(&mut conn, id, "deleted"), missing.to_string());
    assert!(!recorded(&mut conn, id, "error").is_empty());
    assert_eq!(events(&mut conn), ["start", "interrupted"]);
    assert_no_mismatch(server);
}

#[test]
fn truncated_unit_is_refused() {
    let mut server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 2_000, 50.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 300);
    server.kill9();
    // The machine went down while the last unit was being written to disk: everything up to the middle of its
    // record is there.
    let file = super::units::incr_file(&server);
    let bytes = std::fs::read(&file).expect("the append-only file");
    let last = bytes.windows(4).rposition(|word| word == b"HSET").expect("a unit with its record");
    std::fs::write(&file, &bytes[..last + 100]).expect("the append-only file can be cut");
    server.start_again();
    agrees_and_goes_on(&server, &filled, &id, 1);
}

#[test]
fn after_a_restart_in_order_the_same_holds() {
    let mut server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 50.0);
    let id = start_clear(&mut conn);
    let reported = until_deleted(&mut conn, &id, 300);
    // A signal is not used, because the server checks for signals ten times a second, and the job would end
    // before that if it runs alone.
    server.raw().send(b"SHUTDOWN\r\n").expect("the server listens");
    server.wait_for_exit();
    server.start_again();
    agrees_and_goes_on(&server, &filled, &id, reported);
}

#[test]
fn a_snapshot_taken_in_the_middle_holds_a_queue_and_a_record_that_agree() {
    let mut server = super::in_memory().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 50.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 300);
    super::tell(&mut conn, "SAVE");
    until_deleted(&mut conn, &id, 600);
    server.kill9();
    server.start_again();
    // No data that is missing in the snapshot was promised to be on disk.
    agrees_and_goes_on(&server, &filled, &id, 300);
}
