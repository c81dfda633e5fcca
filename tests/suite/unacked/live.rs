//! Clears while workers take, acknowledge and return messages.

use std::collections::BTreeSet;

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection};

use super::{HASH, INDEX, UnackedMessage, append, both, many, of};
use crate::durability::{digest, in_memory, status, tell, until_caught_up, until_deleted};
use crate::stage::{Slow, target};
use crate::support::{ask, run, wait_for_job};

/// Acknowledges a message as `QoS.ack` does.
fn ack(conn: &mut Connection, tag: &str) {
    let mut pipe = redis::pipe();
    pipe.atomic().zrem(INDEX, tag).ignore().hdel(HASH, tag).ignore();
    pipe.exec(conn).expect("EXEC");
}

#[test]
fn a_clear_during_deliveries_takes_every_old_match_and_no_later_message() {
    for options in ["ALL", "KEEPONE"] {
        let primary = in_memory().start();
        // It has no module: it receives HDEL and ZREM.
        let replica = Server::plain();
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        let before = many(0, 2_000, 30.0);
        append(&mut conn, &before);
        let mut later = many(2_000, 2_000, 50.0).into_iter();
        let line = format!("QADMIN.CLEARJOB {HASH} {} {options} CONFIRM {HASH}", target());
        let id = ask(&mut conn, &line).text("job_id");
        let (mut acked, mut came): (BTreeSet<String>, Vec<UnackedMessage>) = (BTreeSet::new(), Vec::new());
        let mut looks = 0;
        eventually("the job ends", || {
            looks += 1;
            // These are taken from the far end, so that some leave before the scan reaches them.
            let one = &before[before.len() - 1 - (looks * 7) % before.len()];
            ack(&mut conn, &one.tag);
            acked.insert(one.tag.clone());
            if let Some(one) = later.next() {
                append(&mut conn, std::slice::from_ref(&one));
                came.push(one);
            }
            if looks % 20 == 0 {
                both(&mut conn);
            }
            if looks % 50 == 0 {
                tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
                until_caught_up(&primary, &replica);
                assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
                tell(&mut conn, "CLIENT UNPAUSE");
            }
            !status(&mut conn, &id).is_null("completed_at")
        });
        let end = wait_for_job(&mut conn, &id);
        assert_eq!(end.text("status"), "completed", "{end:?}");
        assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");
        assert!(end.int("slices") > 1 && !came.is_empty(), "{end:?}");
        let left = both(&mut conn);
        // No later message was removed, and none of the earlier ones that does not match.
        assert!(came.iter().all(|one| left.contains_key(&one.tag)));
        let others = before.iter().filter(|one| !one.matches && !acked.contains(&one.tag));
        others.for_each(|one| assert!(left.contains_key(&one.tag), "lost"));
        let stayed = before.iter().filter(|one| one.matches && left.contains_key(&one.tag)).count();
        // The match that was kept can have been acknowledged since.
        assert!(stayed <= usize::from(options == "KEEPONE"), "{options}: {stayed} matches stayed");
        until_caught_up(&primary, &replica);
        assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
    }
}

#[test]
fn a_deleted_hash_completes_the_job_and_its_successor_is_not_touched() {
    for (what, line) in [
        ("deleted", "DEL unacked unacked_index"),
        ("renamed", "RENAME unacked elsewhere"),
        ("replaced", "SET unacked mine"),
        ("copied over", "COPY spare unacked REPLACE"),
        ("expired", "PEXPIRE unacked 1"),
        ("index replaced", "SET unacked_index mine"),
        ("index deleted", "DEL unacked_index"),
        ("index renamed over", "RENAME spare_index unacked_index"),
        ("index copied over", "COPY spare_index unacked_index REPLACE"),
        ("index stored over", "ZUNIONSTORE unacked_index 1 spare_index"),
        ("index cut", "ZRANGESTORE unacked_index unacked_index 0 -1"),
    ] {
        let server = Server::start();
        let mut conn = server.conn();
        append(&mut conn, &many(0, 5_000, 50.0));
        tell(&mut conn, "HSET spare 1 mine");
        tell(&mut conn, "ZADD spare_index 1700000004.5 1");
        let id = ask(&mut conn, &format!("QADMIN.CLEARJOB {HASH} {} ALL RATE 100 CONFIRM {HASH}", target()))
            .text("job_id");
        until_deleted(&mut conn, &id, 10);
        tell(&mut conn, line);
        let fresh: Vec<UnackedMessage> = many(10_000, 20, 100.0);
        if what == "deleted" {
            append(&mut conn, &fresh);
        }
        let end = wait_for_job(&mut conn, &id);
        assert_eq!(end.text("status"), "completed", "{what}: {end:?}");
        assert!(end.int("deleted") < 2_500, "{what}: {end:?}");
        assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{what}: {end:?}");
        match what {
            "deleted" => assert_eq!(both(&mut conn), of(&fresh), "a new hash is another one"),
            "renamed" => {
                let there: i64 = conn.hlen("elsewhere").expect("HLEN");
                assert_eq!(there, 5_000 - end.int("deleted"));
            }
            "copied over" => assert_eq!(conn.hlen::<_, i64>(HASH).expect("HLEN"), 1, "{end:?}"),
            "replaced" => assert!(end.int("drifted") > 0, "{end:?}"),
            "index replaced" => assert!(end.text("notice").contains("they were replaced"), "{end:?}"),
            _ if what.starts_with("index") => {
                assert!(end.text("notice").contains("the index was emptied, deleted or replaced"), "{end:?}");
                let there: i64 = conn.hlen(HASH).expect("HLEN");
                assert_eq!(there, 5_000 - end.int("deleted"), "{what}: {end:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn a_flush_and_a_swap_end_the_job() {
    for (line, error) in
        [("FLUSHDB", "ERR the database was flushed"), ("SWAPDB 0 1", "ERR databases were swapped")]
    {
        let server = in_memory().start();
        let mut conn = server.conn();
        append(&mut conn, &many(0, 5_000, 50.0));
        let slow = Slow::start(&server);
        let id = ask(&mut conn, &format!("QADMIN.CLEARJOB {HASH} {} ALL RATE 1000 CONFIRM {HASH}", target()))
            .text("job_id");
        until_deleted(&mut conn, &id, 10);
        tell(&mut conn, line);
        let end = wait_for_job(&mut conn, &id);
        drop(slow);
        assert_eq!(end.text("status"), "failed", "{line}: {end:?}");
        assert!(end.text("error").starts_with(error), "{line}: {end:?}");
    }
}

#[test]
fn two_clears_and_a_count_on_one_hash_take_every_match_once() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let all = many(0, 6_000, 40.0);
    append(&mut conn, &all);
    crate::stage::set(&mut conn, "inline-limit 0");
    let slow = Slow::start(&server);
    let clear = format!("QADMIN.CLEARJOB {HASH} {} ALL CONFIRM {HASH}", target());
    let preview = format!("QADMIN.PREVIEW {HASH} {}", target());
    let ids = [&clear, &clear, &preview].map(|line| ask(&mut conn, line).text("job_id"));
    // All three are running: from here on at full speed.
    drop(slow);
    let [first, second, count] = ids.map(|id| wait_for_job(&mut conn, &id));
    let matches = all.iter().filter(|one| one.matches).count() as i64;
    assert_eq!(first.int("deleted") + second.int("deleted"), matches, "{first:?} {second:?}");
    for job in [&first, &second, &count] {
        assert_eq!(job.text("status"), "completed", "{job:?}");
        assert_eq!(job.int("total_estimated"), job.int("processed") + job.int("drifted"), "{job:?}");
    }
    let left: Vec<UnackedMessage> = all.into_iter().filter(|one| !one.matches).collect();
    assert_eq!(both(&mut conn), of(&left));
    // A count of messages that are gone is not used again.
    let now = ask(&mut conn, &preview);
    assert_eq!(now.int("deduplicated"), 0, "{now:?}");
    assert_eq!(wait_for_job(&mut conn, &now.text("job_id")).int("matched"), 0);
}

#[test]
fn replica_counts_and_shows_unacked_messages() {
    let (primary, replica) = (Server::start(), Server::start());
    replica.replica_of(&primary);
    let all = many(0, 500, 20.0);
    append(&mut primary.conn(), &all);
    until_caught_up(&primary, &replica);
    let mut conn = replica.conn();
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} {}", target()));
    assert_eq!(preview.int("match_count"), all.iter().filter(|one| one.matches).count() as i64);
    let refused = run(&mut conn, &format!("QADMIN.CLEARJOB {HASH} {} ALL CONFIRM {HASH}", target()));
    assert_eq!(refused.expect_err("a replica").code(), Some("READONLY"));
}
