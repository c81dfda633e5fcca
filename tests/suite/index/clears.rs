//! Jobs with conditions on the arrival of messages.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use qadmin_harness::{Fields as _, Server};
use redis::Connection;

use super::{arrival_of, message, now_ms, push, rows};
use crate::stage::{Slow, slow_server};
use crate::support::{ask, run, wait_for_job};

/// Waits until the next push is in another step than the last one.
fn another_step() {
    thread::sleep(Duration::from_millis(25));
}

/// Returns the ids in the list, from the head to the tail.
fn ids(conn: &mut Connection, queue: &str) -> Vec<u64> {
    let messages: Vec<String> = redis::cmd("LRANGE").arg(queue).arg(0).arg(-1).query(conn).expect("LRANGE");
    let id = |text: &String| text.rsplit('"').nth(1).and_then(|id| id.parse().ok()).expect("an id");
    messages.iter().map(id).collect()
}

/// Returns the arrival of the message with this id.
fn arrived(conn: &mut Connection, queue: &str, id: u64) -> i64 {
    let line = format!("QADMIN.PREVIEW {queue} WHERE id = {id} FIELDS 2 id arrived");
    let reply = ask(conn, &line);
    let (arrived, is_bound) = arrival_of(&reply.rows("sample")[0]);
    assert!(!is_bound, "{reply:?}");
    arrived
}

#[test]
fn a_filter_decides_what_is_known_and_leaves_the_rest() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, "q", "LPUSH", &[1, 2]);
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    another_step();
    push(&mut conn, "q", "LPUSH", &[3, 4]);
    another_step();
    push(&mut conn, "q", "LPUSH", &[5]);
    let [third, fifth] = [3, 5].map(|id| arrived(&mut conn, "q", id));
    let mut counted = |filter: &str| {
        let reply = ask(&mut conn, &format!("QADMIN.PREVIEW q {filter} BUST"));
        (reply.int("match_count"), reply.int("unreadable"))
    };
    // The first two are known to have arrived before the index.
    assert_eq!(counted(&format!("WHERE arrived < {third}")), (2, 0));
    assert_eq!(counted(&format!("WHERE arrived < {fifth}")), (4, 0));
    assert_eq!(counted(&format!("WHERE arrived >= {third}")), (3, 0));
    assert_eq!(counted(&format!("WHERE arrived = {third}")), (2, 0));
    assert_eq!(counted(&format!("WHERE arrived != {fifth}")), (4, 0));
    assert_eq!(counted(&format!("WHERE arrived IN 2 {third} {fifth}")), (3, 0));
    assert_eq!(counted("WHERE age < 1d"), (3, 2));
    assert_eq!(counted("WHERE age > 1d"), (0, 2));
    assert_eq!(counted("WHERE age > 1d OR id = 1"), (1, 1));
    assert_eq!(counted("WHERE age >= 0"), (5, 0));
    assert_eq!(counted("WHERE age EXISTS"), (5, 0));
    assert_eq!(counted("WHERE age MISSING"), (0, 0));
    assert_eq!(counted("WHERE age > 20ms WHERE id IN 2 1 3"), (2, 0));
    let stats = ask(&mut conn, "QADMIN.STATS q WHERE age < 1d GROUPBY 1 task");
    assert_eq!((stats.int("matched"), stats.int("unreadable")), (3, 2));
    let notice = ask(&mut conn, "QADMIN.PREVIEW q WHERE age > 1d BUST").text("notice");
    assert!(notice.contains("at least"), "{notice}");

    let job = ask(&mut conn, "QADMIN.CLEARJOB q WHERE age > 1d ALL CONFIRM q");
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 0);
    let job =
        ask(&mut conn, &format!("QADMIN.CLEARJOB q WHERE arrived < {fifth} WHERE id != 1 ALL CONFIRM q"));
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 3);
    assert_eq!(ids(&mut conn, "q"), [5, 1]);
    let known: Vec<bool> = rows(&mut conn, "q").iter().map(|row| arrival_of(row).1).collect();
    assert_eq!(known, [true, false], "the clear told the index where it took messages out");
    assert_eq!(arrived(&mut conn, "q", 5), fifth);
}

#[test]
fn what_is_suspended_or_dropped_decides_nothing() {
    let server = Server::builder().module().config("maxmemory-policy noeviction").start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    push(&mut conn, "q", "LPUSH", &[1, 2, 3]);
    let used = server.info("used_memory").expect("INFO");
    run(&mut conn, &format!("CONFIG SET maxmemory {used}")).expect("CONFIG SET");
    ask(&mut conn, "QADMIN.INDEX DROP q");
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!(info.text("state"), "suspended", "{info:?}");
    assert!(info.text("reason").contains("maxmemory") && info.is_null("next_age"), "{info:?}");
    assert_eq!(info.int("depth"), 3);
    let reply = ask(&mut conn, "QADMIN.PREVIEW q WHERE age >= 0 BUST");
    assert_eq!((reply.int("match_count"), reply.int("unreadable")), (0, 3));
    let job = ask(&mut conn, "QADMIN.CLEARJOB q WHERE age >= 0 ALL CONFIRM q");
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 0);
    run(&mut conn, "CONFIG SET maxmemory 0").expect("CONFIG SET");
    qadmin_harness::eventually("the index begins anew", || {
        ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "ready"
    });
    assert_eq!(ask(&mut conn, "QADMIN.PREVIEW q WHERE age >= 0 BUST").int("match_count"), 3);
}

#[test]
fn all_indexes_together_have_a_limit() {
    let server = Server::start();
    let mut conn = server.conn();
    run(&mut conn, "CONFIG SET qadmin.index-max-memory 65536").expect("CONFIG SET");
    let suspended: Vec<bool> = (0..64)
        .map(|n| {
            push(&mut conn, &format!("q{n}"), "LPUSH", &[n]);
            let info = ask(&mut conn, &format!("QADMIN.INDEX CREATE q{n}"));
            let is_suspended = info.text("state") == "suspended";
            assert!(!is_suspended || info.text("reason").contains("index-max-memory"), "{info:?}");
            is_suspended
        })
        .collect();
    assert!(!suspended[0] && suspended[63] && suspended.is_sorted(), "{suspended:?}");
    let used = server.info("qadmin_index_memory").expect("INFO").parse::<u64>().expect("bytes");
    // A suspended index takes some bytes as well.
    assert!(used <= 65_536 + 64 * 1_024, "{used}");
    run(&mut conn, "CONFIG SET qadmin.index-max-memory 1048576").expect("CONFIG SET");
    qadmin_harness::eventually("it begins anew", || {
        ask(&mut conn, "QADMIN.INDEX INFO q63").text("state") == "ready"
    });
}

/// Creates old messages, then new ones. While a clear of the old ones runs, producers push, workers pop, and
/// some messages move from one end to the other.
fn clear_beside_traffic(kind: &str, edits: bool) {
    let server = slow_server().start();
    let mut conn = server.conn();
    let (push_end, pop, rotate) = match kind {
        "resque" => ("RPUSH", "LPOP", "LMOVE q q LEFT RIGHT"),
        _ => ("LPUSH", "RPOP", "LMOVE q q RIGHT LEFT"),
    };
    ask(&mut conn, &format!("QADMIN.INDEX CREATE q AS {kind}"));
    let old: Vec<u64> = (0..3_000).collect();
    for some in old.chunks(500) {
        push(&mut conn, "q", push_end, some);
    }
    another_step();
    let border = now_ms();
    another_step();
    let new: Vec<u64> = (3_000..6_000).collect();
    for some in new.chunks(500) {
        push(&mut conn, "q", push_end, some);
    }
    let mut slow = Slow::start(&server);
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB q WHERE arrived < {border} ALL CONFIRM q AS {kind}"))
        .text("job_id");
    crate::stage::until_running(&mut conn, &job);
    slow.hold(&mut conn);
    let (mut taken, mut rotated) = (BTreeSet::new(), BTreeSet::new());
    for id in 6_000..6_020 {
        push(&mut conn, "q", push_end, &[id]);
        let popped: Option<String> = redis::cmd(pop).arg("q").query(&mut conn).expect(pop);
        let id_of =
            |text: &str| text.rsplit('"').nth(1).and_then(|id| id.parse::<u64>().ok()).expect("an id");
        taken.insert(id_of(&popped.expect("a message")));
        let moved: String = run(&mut conn, rotate).map(|value| qadmin_harness::text(&value)).expect(rotate);
        rotated.insert(id_of(&moved));
    }
    if edits {
        // Both are in the middle of the messages that are to be kept: their neighbours are known only by a
        // bound from now on.
        for id in [4_000, 5_000] {
            let removed: i64 =
                redis::cmd("LREM").arg("q").arg(1).arg(message(id)).query(&mut conn).expect("LREM");
            assert_eq!(removed, 1);
            taken.insert(id);
        }
    }
    drop(slow);
    let status = wait_for_job(&mut conn, &job);
    assert_eq!(status.text("status"), "completed", "{status:?}");
    let left: BTreeSet<u64> = ids(&mut conn, "q").into_iter().collect();
    let wanted: BTreeSet<u64> =
        (3_000..6_020).chain(rotated.iter().copied()).filter(|id| !taken.contains(id)).collect();
    let [lost, spared] = [(&wanted, &left), (&left, &wanted)].map(|(of, other)| {
        let difference = of.difference(other).copied();
        difference.collect::<Vec<_>>()
    });
    assert!(
        lost.is_empty(),
        "{lost:?}: new messages, and old ones that arrived again while the job ran, are kept"
    );
    // Two messages were removed, so each message can be one of three neighbours. The last old messages could
    // be new as far as the index knows.
    let undecided: &[u64] = if edits { &[2_998, 2_999] } else { &[] };
    assert!(spared.iter().all(|id| undecided.contains(id)), "{spared:?} are old, and known to be");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!(info.int("depth"), i64::try_from(left.len()).expect("few"));
    if !edits {
        assert_eq!((status.int("unreadable"), info.int("at_least")), (0, 0));
    }
}

#[test]
fn a_clear_by_arrival_is_exact_beside_traffic() {
    clear_beside_traffic("celery", false);
}

#[test]
fn so_it_is_where_workers_take_the_head() {
    clear_beside_traffic("resque", false);
}

#[test]
fn after_an_edit_in_place_a_clear_takes_what_a_bound_decides_and_nothing_else() {
    clear_beside_traffic("celery", true);
}
