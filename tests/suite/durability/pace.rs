//! The cost of a clear if every write is synced, and the cost of a job that waits.

use qadmin_harness::{Fields as _, Server, eventually};

use super::units::{transactions, word};
use super::{Filled, slow, start_clear, status, tell, until_deleted, until_waiting};
use crate::support::{ask, wait_for_job};

#[test]
fn with_every_write_synced_there_is_at_most_one_unit_in_ten_milliseconds() {
    one_unit_in_ten_milliseconds(&slow().module_args("slice-us 50").start());
}

#[test]
fn without_config_units_are_as_far_apart_as_with_fsync_always() {
    one_unit_in_ten_milliseconds(
        &slow().module_args("slice-us 50").config("rename-command CONFIG \"\"").start(),
    );
}

fn one_unit_in_ten_milliseconds(server: &Server) {
    let mut conn = server.conn();
    Filled::new(server, 2_000, 50.0);
    // The rate is that of the server, not of each job.
    let other = ask(&mut conn, "QADMIN.CLEARJOB celery ALL WHERE bytes > 0 CONFIRM celery").text("job_id");
    let id = start_clear(&mut conn);
    let (first, last) = (wait_for_job(&mut conn, &id), wait_for_job(&mut conn, &other));
    for job in [&first, &last] {
        assert_eq!(job.text("status"), "completed", "{job:?}");
    }
    let began = first.int("started_at").min(last.int("started_at"));
    let ended = first.int("completed_at").max(last.int("completed_at"));
    let units = transactions(server);
    let units = units.iter().filter(|unit| unit.iter().any(|command| word(command, 0) == "QADMIN.APPLY"));
    let units = i64::try_from(units.count()).expect("a count");
    assert!(units > 10, "{units} units are too few to say anything");
    // This is the time between the first and the last unit; both times are rounded down to milliseconds.
    assert!((units - 1) * 10 <= ended - began + 2, "{units} units in {} ms", ended - began);
}

/// Returns the processor time that the server has used, in hundredths of a second.
fn ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("the server runs");
    let (_, fields) = stat.rsplit_once(") ").expect("the name ends");
    let fields: Vec<&str> = fields.split(' ').collect();
    // Fields 14 and 15 of proc(5); the third field is the first one after the name.
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

fn cycles(server: &Server) -> Option<u64> {
    server.info("eventloop_cycles").map(|n| n.parse().expect("a number"))
}

#[test]
fn an_idle_server_with_a_job_that_waits_does_not_spin() {
    let server = slow().start();
    let mut conn = server.conn();
    Filled::new(&server, 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 50);
    tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
    until_waiting(&mut conn, &id);
    let (before, turns, began) = (ticks(&server), cycles(&server), std::time::Instant::now());
    // Nothing happens until the server itself ends the wait.
    let job = ask(&mut conn, &format!("QADMIN.STATUS {id} WAIT 1000"));
    let spent = (ticks(&server) - before) * 10;
    let elapsed = u64::try_from(began.elapsed().as_millis()).expect("small");
    assert!(job.is_null("completed_at") && !job.is_null("waiting"), "{job:?}");
    // The limit is far from both cases: a busy loop would use all of the processor and run thousands of
    // times.
    assert!(spent < elapsed / 2, "{spent} ms of the processor in {elapsed} ms");
    // Redis 7.0 does not count the cycles of its event loop.
    if let (Some(turns), Some(now)) = (turns, cycles(&server)) {
        assert!(now - turns < elapsed, "{} turns in {elapsed} ms", now - turns);
    }
    assert_eq!(status(&mut conn, &id).text("job_id"), id);
    tell(&mut conn, "CLIENT UNPAUSE");
    eventually("the job goes on", || status(&mut conn, &id).is_null("waiting"));
}
