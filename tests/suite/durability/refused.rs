//! A server in trouble: the disk fails, or the memory is full.

use qadmin_harness::{Fields as _, eventually};
use redis::{Commands as _, Value};

use super::{
    Filled, QUEUE, clear_line, filter, hurry, in_memory, queue, record_key, slow, start_clear, status, tell,
    until_deleted, until_waiting,
};
use crate::stage::{set, slowly};
use crate::support::{ask, run, wait_for_job};

#[test]
fn a_clear_waits_while_the_disk_fails_and_continues_afterwards() {
    let server = slow().config("save 3600 1000000").start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    // A snapshot cannot replace a folder, whatever user runs the server.
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
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(queue(&mut conn), filled.survivors());
}

#[test]
fn at_maxmemory_preview_clear_and_cancel_work() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 4_000, 40.0);
    // The count must be returned here, however busy the machine is.
    tell(&mut conn, "CONFIG SET qadmin.inline-wait 60000");
    tell(&mut conn, "CONFIG SET maxmemory 1 maxmemory-policy noeviction");
    let refused = run(&mut conn, "SET a b").expect_err("writes are refused");
    assert_eq!(refused.code(), Some("OOM"), "{refused}");

    hurry(&mut conn);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", filter()));
    assert_eq!(preview.int("match_count"), filled.matches());
    set(&mut conn, &slowly());
    let cancelled = start_clear(&mut conn);
    until_deleted(&mut conn, &cancelled, 10);
    let end = ask(&mut conn, &format!("QADMIN.CANCEL {cancelled}"));
    assert_eq!(end.text("status"), "cancelled", "{end:?}");
    eventually("the record is written", || super::recorded(&mut conn, &cancelled, "status") == "cancelled");
    hurry(&mut conn);
    let end = ask(&mut conn, &clear_line());
    let end = wait_for_job(&mut conn, &end.text("job_id"));
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(queue(&mut conn), filled.survivors());
    assert_eq!(super::recorded(&mut conn, &end.text("job_id"), "status"), "completed");
}

#[test]
fn evicted_record_of_live_job_is_restored() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 10_000, 40.0);
    tell(&mut conn, "CONFIG SET maxmemory-policy allkeys-lfu maxmemory-samples 64 lfu-decay-time 0");
    // The record is evicted first, then keys that nothing uses; the queue is used most. (The job frees memory
    // all the time: a small excess would be gone before it is noticed.)
    tell(&mut conn, &format!("SET filler {}", "x".repeat(20_000)));
    let mut restore = |from: &str, to: &str, frequency: u8| {
        let dumped: Vec<u8> = redis::cmd("DUMP").arg(from).query(&mut conn).expect("DUMP");
        let mut restore = redis::cmd("RESTORE");
        restore.arg(to).arg(0).arg(dumped).arg("REPLACE").arg("FREQ").arg(frequency);
        restore.exec(&mut conn).expect("RESTORE");
    };
    restore(QUEUE, QUEUE, 255);
    (0..50).for_each(|at| restore("filler", &format!("filler:{at}"), 100));
    let id = start_clear(&mut conn);
    let whole: usize = conn.hlen(record_key(&id)).expect("HLEN");
    for at in [100, 400] {
        until_deleted(&mut conn, &id, at);
        eventually("the record is evicted", || {
            let used: u64 = server.info("used_memory").expect("INFO").parse().expect("a number");
            // Both requests are read together, so no slice runs in between.
            let (_, there): (Value, bool) = redis::pipe()
                .cmd("CONFIG")
                .arg("SET")
                .arg("maxmemory")
                .arg(used - 40_000)
                .cmd("EXISTS")
                .arg(record_key(&id))
                .query(&mut conn)
                .expect("both answer");
            !there
        });
        tell(&mut conn, "CONFIG SET maxmemory 0");
        eventually("the record is back", || {
            conn.hlen(record_key(&id)).is_ok_and(|len: usize| len == whole)
                && conn.pttl(record_key(&id)).is_ok_and(|ttl: i64| ttl > 1_000_000)
        });
        assert_eq!(status(&mut conn, &id).text("status"), "running");
    }
    let evicted: u64 = server.info("evicted_keys").expect("INFO").parse().expect("a number");
    hurry(&mut conn);
    assert!(evicted >= 2, "{evicted} keys were evicted");
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!((end.int("deleted"), queue(&mut conn)), (filled.matches(), filled.survivors()));
    assert_eq!(super::recorded(&mut conn, &id, "deleted"), end.int("deleted").to_string());
}
