//! Messages whose time ends: fields of the hash, on the servers whose fields can have times of their own.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection, cmd, pipe};

use super::{HASH, QUEUE, content, enqueue, message};
use crate::durability::{assert_no_mismatch, slow, tell, until_caught_up};
use crate::support::{ask, servers_with_field_times, wait_for_job};

/// Lets the message of an id end after this many milliseconds.
fn end_after(batch: &mut redis::Pipeline, n: usize, ms: usize) {
    let id = message(n, "uploads").0;
    batch.cmd("HPEXPIRE").arg(HASH).arg(ms).arg("FIELDS").arg(1).arg(id).ignore();
}

/// Checks that list, hash and replica agree when no time is left.
fn assert_equal_at_last(primary: &Server, replica: &Server) {
    let mut conn = primary.conn();
    tell(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 1");
    let times = |conn: &mut Connection| {
        let fields: Vec<String> = conn.hkeys(HASH).expect("HKEYS");
        let mut ask = cmd("HPTTL");
        ask.arg(HASH).arg("FIELDS").arg(fields.len()).arg(&fields);
        if fields.is_empty() { Vec::new() } else { ask.query::<Vec<i64>>(conn).expect("HPTTL") }
    };
    eventually("all times are over", || {
        let len: usize = conn.hlen(HASH).expect("HLEN");
        let times = times(&mut conn);
        times.len() == len && times.iter().all(|left| *left == -1)
    });
    until_caught_up(primary, replica);
    assert_eq!(content(&mut conn), content(&mut replica.conn()), "the replica differs");
    assert_no_mismatch(replica);
}

#[test]
fn messages_whose_times_end_while_a_clear_runs_leave_replica_and_file_equal() {
    for path in servers_with_field_times() {
        let (mut primary, replica) = (slow().binary(&path).start(), slow().binary(&path).start());
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        tell(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 0");
        enqueue(&mut conn, 0..1_500);
        let mut batch = pipe();
        for n in (0..1_500).filter(|n| n % 7 != 0) {
            end_after(&mut batch, n, 1 + n * 7_919 % 5_000);
        }
        let () = batch.query(&mut conn).expect("HPEXPIRE");
        let id = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL CONFIRM {QUEUE} AS dramatiq"));
        let end = wait_for_job(&mut conn, &id.text("job_id"));
        assert_eq!((end.text("status").as_str(), end.int("processed")), ("completed", 1_500), "{end:?}");
        let ids = content(&mut conn).0;
        assert_eq!(ids.len() as i64, 1_500 - end.int("deleted"));
        for n in (0..1_500).filter(|n| n % 21 == 0) {
            assert!(!ids.contains(&message(n, "uploads").0), "a match without a time is left");
        }
        assert_equal_at_last(&primary, &replica);
        primary.kill9();
        primary.start_again();
        assert_eq!(content(&mut primary.conn()).0, ids, "what the file loads as");
        assert_no_mismatch(&primary);
    }
}
