//! Jobs whose time ends: all at once in a slice, and field by field on servers whose fields have times of their own.

use std::path::Path;

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection, pipe};

use super::{QUEUE, bad, clear, content, enqueue, job, keys_of};
use crate::durability::{assert_no_mismatch, in_memory, slow, tell, until_caught_up};
use crate::support::{servers_with_field_times, wait_for_job};

/// The id of the clear.
const ID: &str = "3b1d7c52-9c1e-4b53-8f0e-6a7c1d2e4f61";

/// Starts a primary and its replica, with slices that take in the whole queue.
fn pair() -> (Server, Server) {
    let builder = || {
        let builder = Server::builder().module_args("slice-us 100000").faults();
        builder.config("appendonly yes").config("appendfsync always")
    };
    let (primary, replica) = (builder().start(), builder().start());
    replica.replica_of(&primary);
    (primary, replica)
}

/// The content when no time of a job is left, on which the replica agrees.
fn content_at_last(primary: &Server, replica: &Server) -> (Vec<String>, std::collections::HashSet<String>) {
    let mut conn = primary.conn();
    tell(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 1");
    eventually("all times are over", || {
        let keys: Vec<String> = conn.keys("rq:job:*").expect("KEYS");
        let times = keys.iter().fold(pipe(), |mut batch, key| {
            batch.pttl(key);
            batch
        });
        let times: Vec<i64> = times.query(&mut conn).expect("PTTL");
        times.iter().all(|left| *left == -1)
    });
    until_caught_up(primary, replica);
    let here = content(&mut conn);
    assert_eq!(content(&mut replica.conn()), here, "the replica differs");
    assert_no_mismatch(replica);
    here
}

/// A slice reads all jobs, and then those again that it removes: meanwhile the times of some end.
#[test]
fn jobs_whose_time_ends_inside_a_slice_are_removed_as_they_were_judged() {
    let (mut primary, replica) = pair();
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    // One of them stands twice, and is read again after its first id was removed.
    let _: i64 = conn.lpush(QUEUE, "job-0").expect("LPUSH");
    tell(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 0");
    let mut batch = pipe();
    for n in (0..30).filter(|n| n % 2 == 0) {
        batch.cmd("PEXPIRE").arg(&keys_of(&job(n).0)[0]).arg(1_000).ignore();
    }
    // The second of the jobs that are read again takes longer than their times.
    batch.cmd("QADMIN.FAULT").arg("reading a message").arg(32).arg(1_500).ignore();
    let line = format!("{QUEUE} TASK bad ALL CONFIRM {QUEUE} AS rq ID {ID}");
    line.split(' ').fold(batch.cmd("QADMIN.CLEARJOB"), |batch, word| batch.arg(word)).ignore();
    let () = batch.query(&mut conn).expect("the jobs have times, and the clear begins");
    let end = wait_for_job(&mut conn, ID);
    assert_eq!((end.text("status").as_str(), end.int("processed")), ("completed", 31), "{end:?}");
    let deleted = usize::try_from(end.int("deleted")).expect("a count");
    assert!((5..=bad(30) + 1).contains(&deleted), "those without a time, at least: {end:?}");
    let (ids, keys) = content_at_last(&primary, &replica);
    assert_eq!(ids.len(), 31 - deleted);
    for n in (0..30).filter(|n| n % 2 != 0) {
        let (id, _, is_bad) = job(n);
        assert_eq!((ids.contains(&id), keys.contains(&keys_of(&id)[0])), (!is_bad, !is_bad), "{id}");
    }
    primary.kill9();
    primary.start_again();
    assert_eq!(content(&mut primary.conn()), (ids, keys), "what the file loads as");
    assert_no_mismatch(&primary);
}

/// Lets the times of these fields of all jobs be over, while no server deletes them by itself.
fn end_fields(conn: &mut Connection, jobs: usize, fields: impl Fn(usize) -> &'static [&'static str]) {
    tell(conn, "DEBUG SET-ACTIVE-EXPIRE 0");
    let mut batch = pipe();
    for n in 0..jobs {
        let key = &keys_of(&job(n).0)[0];
        for field in fields(n) {
            batch.hset(key, field, "x").ignore();
            batch.cmd("HPEXPIRE").arg(key).arg(1).arg("FIELDS").arg(1).arg(field).ignore();
        }
    }
    let () = batch.query(conn).expect("HPEXPIRE");
    std::thread::sleep(std::time::Duration::from_millis(20));
}

/// A primary hides a field whose time is over, and its replica still has it.
#[test]
fn fields_whose_times_are_over_leave_replica_and_file_equal() {
    let pair = |path: &Path| {
        let (primary, replica) = (slow().binary(path).start(), slow().binary(path).start());
        replica.replica_of(&primary);
        (primary, replica)
    };
    for path in servers_with_field_times() {
        let (mut primary, replica) = pair(&path);
        let mut conn = primary.conn();
        enqueue(&mut conn, 0..300);
        // Not what decides, then the status, then what makes it a job.
        end_fields(&mut conn, 300, |n| match n {
            0..100 => &["description", "ttl"],
            100..200 => &["status"],
            200.. => &["data"],
        });
        let end = clear(&mut conn, "WHERE id != x ALL");
        assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 100), "{end:?}");
        assert!(end.text("notice").contains("are no matches: 100 ("), "{end:?}");
        assert!(end.text("notice").contains("ids whose message is missing: 100"), "{end:?}");
        until_caught_up(&primary, &replica);
        let (ids, keys) = content(&mut conn);
        assert_eq!(ids.len(), 200);
        let wanted: Vec<String> = (100..300).flat_map(|n| keys_of(&job(n).0)).collect();
        assert!(wanted.iter().all(|key| keys.contains(key)));
        assert_eq!(content(&mut replica.conn()), (ids, keys), "the replica differs");
        assert_no_mismatch(&replica);
        let here = content(&mut conn);
        primary.kill9();
        primary.start_again();
        assert_eq!(content(&mut primary.conn()), here, "what the file loads as");
        assert_no_mismatch(&primary);
    }
}

/// A field that a primary saw when it cleared a job can be over when the file is loaded.
#[test]
fn a_file_loads_equal_when_the_times_of_fields_are_over() {
    const TIME: std::time::Duration = std::time::Duration::from_millis(2_000);
    for path in servers_with_field_times() {
        let aof = Server::builder().module().config("appendonly yes").config("appendfsync always");
        let mut server = aof.binary(&path).start();
        let mut conn = server.conn();
        enqueue(&mut conn, 0..30);
        let mut batch = pipe();
        for n in 0..30 {
            let key = &keys_of(&job(n).0)[0];
            for field in ["group_id", "status"] {
                batch.cmd("HPEXPIRE").arg(key).arg(TIME.as_millis()).arg("FIELDS").arg(1).arg(field).ignore();
            }
        }
        let () = batch.query(&mut conn).expect("HPEXPIRE");
        let over = std::time::Instant::now() + TIME;
        let end = clear(&mut conn, "TASK bad ALL");
        let ids = content(&mut conn).0;
        assert_eq!(ids.len() as i64, 30 - end.int("deleted"), "{end:?}");
        eventually("all times are over", || std::time::Instant::now() > over);
        server.kill9();
        server.start_again();
        assert_eq!(content(&mut server.conn()).0, ids, "what the file loads as");
        assert_no_mismatch(&server);
    }
}

/// Times of fields end at any moment of a clear.
#[test]
fn fields_whose_times_end_while_a_clear_runs_leave_the_replica_equal() {
    for path in servers_with_field_times() {
        let (primary, replica) = (in_memory().binary(&path).start(), in_memory().binary(&path).start());
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        tell(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 0");
        enqueue(&mut conn, 0..400);
        let mut batch = pipe();
        for n in 0..400 {
            let field = ["group_id", "enqueued_at", "status", "data"][n % 4];
            let key = &keys_of(&job(n).0)[0];
            batch
                .cmd("HPEXPIRE")
                .arg(key)
                .arg(1 + n * 7_919 % 6_000)
                .arg("FIELDS")
                .arg(1)
                .arg(field)
                .ignore();
        }
        let () = batch.query(&mut conn).expect("HPEXPIRE");
        let end = clear(&mut conn, "WHERE id != x ALL");
        assert_eq!((end.text("status").as_str(), end.int("processed")), ("completed", 400), "{end:?}");
        let (ids, _) = content(&mut conn);
        assert_eq!(ids.len() as i64, 400 - end.int("deleted"));
        until_caught_up(&primary, &replica);
        assert_eq!(content(&mut replica.conn()).0, ids, "the replica differs");
        assert_no_mismatch(&replica);
    }
}
