//! A server in trouble: the disk fails, the memory is full.

use qadmin_harness::{Fields as _, eventually};

use super::{
    Filled, clear_line, filter, queue, slow, start_clear, status, tell, until_deleted, until_waiting,
};
use crate::support::{ask, run, wait_for_job};

#[test]
fn while_the_disk_fails_a_clear_waits_with_a_reason_and_goes_on_when_it_works_again() {
    let server = slow().config("save 3600 1000000").start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    // A snapshot cannot take the place of a folder, whoever the server runs as.
    let obstacle = server.dir().join("dump.rdb");
    std::fs::create_dir_all(obstacle.join("x")).expect("a folder");
    tell(&mut conn, "BGSAVE");
    let why = until_waiting(&mut conn, &id);
    assert!(why.contains("MISCONF"), "{why}");
    let refused = run(&mut conn, "SET a b").expect_err("writes are refused");
    assert_eq!(refused.code(), Some("MISCONF"), "{refused}");
    assert_eq!(status(&mut conn, &id).int("deleted"), filled.missing(&queue(&mut conn)));
    std::fs::remove_dir_all(obstacle).expect("the folder goes");
    tell(&mut conn, "BGSAVE");
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(queue(&mut conn), filled.survivors());
}

#[test]
fn at_maxmemory_looking_clearing_and_cancelling_work() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 40.0);
    // The count is to answer here, however busy the machine is.
    tell(&mut conn, "CONFIG SET qadmin.inline-wait 60000");
    tell(&mut conn, "CONFIG SET maxmemory 1");
    let refused = run(&mut conn, "SET a b").expect_err("writes are refused");
    assert_eq!(refused.code(), Some("OOM"), "{refused}");

    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", filter()));
    assert_eq!(preview.int("match_count"), filled.matches());
    let cancelled = start_clear(&mut conn);
    until_deleted(&mut conn, &cancelled, 10);
    let end = ask(&mut conn, &format!("QADMIN.CANCEL {cancelled}"));
    assert_eq!(end.text("status"), "cancelled", "{end:?}");
    eventually("the record is written", || super::recorded(&mut conn, &cancelled, "status") == "cancelled");
    let end = ask(&mut conn, &clear_line());
    let end = wait_for_job(&mut conn, &end.text("job_id"));
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(queue(&mut conn), filled.survivors());
    assert_eq!(super::recorded(&mut conn, &end.text("job_id"), "status"), "completed");
}
