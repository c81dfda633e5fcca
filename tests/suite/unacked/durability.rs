//! Both keys and the record change as one unit, also on replicas and after crashes.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Connection;

use super::{HASH, INDEX, UnackedMessage, append, both, many, of};
use crate::durability::{
    digest, recorded, slow, status, tell, transactions, until_caught_up, until_deleted, until_waiting, word,
};
use crate::stage::{set, target};
use crate::support::{ask, run, wait_for_job};

fn start(conn: &mut Connection) -> String {
    ask(conn, &format!("QADMIN.CLEARJOB {HASH} {} ALL CONFIRM {HASH}", target())).text("job_id")
}

#[test]
fn unacked_deletions_and_record_are_replicated_as_one_transaction() {
    let mut primary = slow().start();
    let replica = Server::builder().config("appendonly yes").start();
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    append(&mut conn, &many(0, 600, 50.0));
    until_caught_up(&primary, &replica);
    let id = start(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    until_caught_up(&primary, &replica);
    for server in [&primary, &replica] {
        let mut deleted = 0;
        let mut units = 0;
        for unit in transactions(server) {
            let names: Vec<String> = unit.iter().map(|command| word(command, 0)).collect();
            if !names.contains(&"HDEL".to_owned()) {
                assert!(!names.contains(&"ZREM".to_owned()), "{names:?}");
                continue;
            }
            units += 1;
            assert_eq!(names[..4], ["HDEL", "ZREM", "HSET", "PEXPIREAT"], "a unit");
            assert_eq!((word(&unit[0], 1), word(&unit[1], 1)), (HASH.to_owned(), INDEX.to_owned()));
            assert_eq!(unit[0][2..], unit[1][2..], "the same tags");
            deleted += unit[0].len() - 2;
        }
        assert!(units > 1, "there was more than one slice with deletions");
        assert_eq!(deleted as i64, end.int("deleted"));
    }
    let before = digest(&mut conn);
    assert_eq!(before, digest(&mut replica.conn()));
    primary.restart();
    assert_eq!(digest(&mut primary.conn()), before, "the append-only file differs");
}

/// Checks that the missing messages match and are as many as the record says.
fn agrees(conn: &mut Connection, all: &[UnackedMessage], id: &str, reported: i64) {
    let left = both(conn);
    let missing: Vec<&UnackedMessage> = all.iter().filter(|one| !left.contains_key(&one.tag)).collect();
    assert!(missing.iter().all(|one| one.matches), "lost");
    assert!(
        missing.len() as i64 >= reported,
        "{reported} were reported as cleared, {} are gone",
        missing.len()
    );
    assert_eq!(recorded(conn, id, "deleted"), missing.len().to_string(), "the record against the keys");
    assert_eq!(status(conn, id).text("status"), "interrupted");
    set(conn, "slice-us 500 duty 100");
    let again = start(conn);
    let end = wait_for_job(conn, &again);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let others: Vec<UnackedMessage> = all.iter().filter(|one| !one.matches).cloned().collect();
    assert_eq!(both(conn), of(&others));
}

#[test]
fn after_kill_9_hash_index_and_record_agree_and_a_clear_finishes() {
    for at in [1, 431] {
        let mut server = slow().start();
        let mut conn = server.conn();
        let all = many(0, 4_000, 50.0);
        append(&mut conn, &all);
        let id = start(&mut conn);
        let reported = until_deleted(&mut conn, &id, at);
        server.kill9();
        server.start_again();
        agrees(&mut server.conn(), &all, &id, reported);
    }
}

#[test]
fn a_panic_between_hash_and_index_aborts_and_changes_neither_alone() {
    let aof = Server::builder().config("appendonly yes").config("appendfsync always");
    let mut server = aof.may_crash().faults().start();
    let mut conn = server.conn();
    let all = many(0, 2_000, 50.0);
    append(&mut conn, &all);
    set(&mut conn, &crate::stage::slowly());
    let _: i32 =
        redis::cmd("QADMIN.FAULT").arg("between hash and index").arg(3).query(&mut conn).expect("armed");
    let id = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b79";
    // The server can end before it replies.
    let _ = run(&mut conn, &format!("QADMIN.CLEARJOB {HASH} {} ALL CONFIRM {HASH} ID {id}", target()));
    server.wait_for_exit();
    server.start_again();
    let mut conn = server.conn();
    assert!(both(&mut conn).len() < all.len(), "units before it stand");
    agrees(&mut conn, &all, id, 1);
}

#[test]
fn while_writes_are_refused_or_paused_a_clear_waits_and_says_why() {
    let server = crate::durability::in_memory().start();
    let mut conn = server.conn();
    let all = many(0, 3_000, 50.0);
    append(&mut conn, &all);
    for (stop, go, why) in [
        ("CLIENT PAUSE 60000 WRITE", "CLIENT UNPAUSE", "writes are paused"),
        (
            "CONFIG SET min-replicas-to-write 1",
            "CONFIG SET min-replicas-to-write 0",
            "not enough good replicas",
        ),
    ] {
        let id = ask(
            &mut conn,
            &format!("QADMIN.CLEARJOB {HASH} {} ALL LIMIT 200 RATE 1000 CONFIRM {HASH}", target()),
        )
        .text("job_id");
        until_deleted(&mut conn, &id, 1);
        tell(&mut conn, stop);
        let waiting = until_waiting(&mut conn, &id);
        assert!(waiting.starts_with(why), "{waiting}");
        let before = both(&mut conn).len();
        tell(&mut conn, go);
        let end = wait_for_job(&mut conn, &id);
        assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 200), "{end:?}");
        assert!(both(&mut conn).len() < before);
    }
    eventually("nothing is pending", || crate::stage::info(&server, "jobs_live") == 0);
}
