//! Ids and jobs of BullMQ leave together: on replicas, after a crash, and while workers take others.

use std::collections::HashSet;

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection, pipe};

use super::QUEUE;
use crate::dramatiq::is_equal;
use crate::durability::{
    assert_no_mismatch, in_memory, slow, status, tell, transactions, until_caught_up, word,
};
use crate::stage::set;
use crate::support::kind_of_ids::KindOfIds;
use crate::support::{Reply, ask, wait_for_job};

/// Jobs in the queue: enough for several slices of a slow server.
const JOBS: usize = 3_000;
const EVENTS: &str = "bull:uploads:events";

/// Clears jobs of BullMQ in this key.
pub(super) fn clear(conn: &mut Connection, key: &str, words: &str) -> Reply {
    let job = ask(conn, &format!("QADMIN.CLEARJOB {key} {words} CONFIRM {key} AS bullmq"));
    wait_for_job(conn, &job.text("job_id"))
}

fn is_bad(n: usize) -> bool {
    n.is_multiple_of(3)
}

fn bad(added: usize) -> usize {
    added.div_ceil(3)
}

/// All keys of a job, one of which says that it holds its deduplication id.
fn keys_of(n: usize) -> [String; 3] {
    ["job-{}", "job-{}:logs", "de:unique-{}"]
        .map(|key| format!("bull:uploads:{}", key.replace("{}", &n.to_string())))
}

/// Adds jobs as BullMQ does, each with a deduplication id, and with a log of an earlier run.
fn enqueue(conn: &mut Connection, numbers: std::ops::Range<usize>) {
    let mut batch = pipe();
    batch.atomic();
    for n in numbers {
        let [job, logs, reserved] = keys_of(n);
        let (id, name, unique) =
            (format!("job-{n}"), if is_bad(n) { "bad" } else { "good" }, format!("unique-{n}"));
        let data = format!(r#"{{"number":{n}}}"#);
        let fields = [("name", name), ("data", &data), ("timestamp", "1795868838619"), ("deid", &unique)];
        batch.hset_multiple(job, &fields).ignore().rpush(logs, "a line").ignore().set(reserved, &id).ignore();
        batch.lpush(QUEUE, &id).ignore();
        batch.cmd("XADD").arg(EVENTS).arg(&["*", "event", "waiting", "jobId", &id]).ignore();
    }
    let () = batch.query(conn).expect("the jobs are added");
}

fn content(conn: &mut Connection) -> (Vec<String>, HashSet<String>) {
    let (ids, keys): (Vec<String>, Vec<String>) =
        pipe().atomic().lrange(QUEUE, 0, -1).keys("bull:*").query(conn).expect("LRANGE and KEYS");
    (ids, keys.into_iter().filter(|key| key != QUEUE && key != EVENTS).collect())
}

/// Checks that each id has its keys and each key its id, that the order is that in which jobs were added, and that only
/// matches are missing. Returns the number of missing jobs.
fn missing(conn: &mut Connection, added: usize) -> usize {
    let (ids, mut keys) = content(conn);
    let mut left = ids.iter().rev().peekable();
    let mut missing = 0;
    for n in 0..added {
        let is_left = left.next_if(|next| **next == format!("job-{n}")).is_some();
        assert!(is_left || is_bad(n), "lost: {n}");
        missing += usize::from(!is_left);
        for key in keys_of(n) {
            assert_eq!(keys.remove(&key), is_left, "{key}, and whether its id is left");
        }
    }
    assert_eq!((left.next(), keys.len()), (None, 0), "the queue holds what nobody sent: {keys:?}");
    missing
}

/// The ids whose removal the stream tells.
fn told(conn: &mut Connection) -> Vec<String> {
    let events: Vec<(String, Vec<String>)> =
        redis::cmd("XRANGE").arg(EVENTS).arg("-").arg("+").query(conn).expect("XRANGE");
    let removed = events.into_iter().map(|(_, words)| words).filter(|words| words[1] == "removed");
    removed
        .map(|words| {
            assert_eq!((words[0].as_str(), words[2].as_str(), words[4].as_str()), ("event", "jobId", "prev"));
            assert_eq!(words[5], "wait");
            words[3].clone()
        })
        .collect()
}

const KIND: KindOfIds = KindOfIds { queue: QUEUE, kind: "bullmq", enqueue, missing, bad };

#[test]
fn replicas_and_files_repeat_a_clear_and_the_events_of_it() {
    let (primary, mut replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    set(&mut conn, "inline-wait 60000");
    enqueue(&mut conn, 0..900);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad AS bullmq"));
    assert_eq!(preview.int("match_count"), bad(900) as i64, "{preview:?}");
    let id = KIND.start(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", bad(900) as i64), "{end:?}");
    assert_eq!(
        (end.text("container").as_str(), end.text("message_kind").as_str()),
        ("list_of_ids", "bullmq")
    );
    assert_eq!(missing(&mut conn, 900), bad(900));
    is_equal(&primary, &replica);
    let told = told(&mut conn);
    let unique: HashSet<&String> = told.iter().collect();
    assert_eq!((told.len(), unique.len()), (bad(900), bad(900)), "one event for each job");
    for unit in transactions(&primary).iter().filter(|unit| word(&unit[0], 0) == "QADMIN.APPLY") {
        let names: Vec<String> = unit.iter().map(|command| word(command, 0)).collect();
        assert!(!names.iter().any(|name| ["DEL", "UNLINK", "LREM"].contains(&name.as_str())), "{names:?}");
        let words: Vec<String> = [1, 5, 6].map(|at| word(&unit[0], at)).into();
        assert_eq!(words, [QUEUE, "bull:uploads:", "bull"]);
    }
    // What the replica wrote to its own file loads as the same data.
    replica.kill9();
    replica.start_again();
    assert_eq!(missing(&mut replica.conn(), 900), bad(900));
    assert_no_mismatch(&replica);
}

#[test]
fn damaged_jobs_are_cleared_by_what_is_known_of_them() {
    let (primary, replica) = (Server::start(), Server::start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..60);
    // Four of them match by their names, and nothing else of them is asked.
    let long = "1".repeat(1 << 20 | 1);
    for (n, field, value) in [
        (0, "data", "{\"number\":"),
        (3, "data", "1,\"name\":\"good\""),
        (6, "data", long.as_str()),
        (9, "returnvalue", "\u{e9}"),
        (1, "data", "}"),
    ] {
        let _: i64 = conn.hset(&keys_of(n)[0], field, value).expect("HSET");
    }
    for (filter, matches, unreadable) in [
        ("TASK bad WHERE kwargs.number < 12", 1, 3),
        ("TASK bad WHERE headers.returnvalue MISSING", 19, 1),
        ("TASK other", 0, 0),
        ("TASK bad", 20, 0),
    ] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} AS bullmq"));
        let counts = (preview.int("match_count"), preview.int("unreadable"), preview.int("undecodable"));
        assert_eq!(counts, (matches, unreadable, 0), "{filter}: {preview:?}");
        let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} {filter} ALL DRYRUN AS bullmq"));
        let dry = wait_for_job(&mut conn, &dry.text("job_id"));
        assert_eq!((dry.int("matched"), dry.int("unreadable")), (matches, unreadable), "{filter}: {dry:?}");
    }
    assert_eq!(clear(&mut conn, QUEUE, "TASK bad WHERE kwargs.number < 40 ALL").int("deleted"), 11);
    assert_eq!(clear(&mut conn, QUEUE, "TASK bad ALL").int("deleted"), 9);
    let (ids, _) = content(&mut conn);
    assert_eq!(ids.len(), 40);
    is_equal(&primary, &replica);
    assert_no_mismatch(&replica);
}

#[test]
fn after_kill_9_no_id_is_without_its_job() {
    for at in [1, 307] {
        KIND.survives_kill_9(at, |conn, gone| assert_eq!(told(conn).len() as i64, gone));
    }
}

#[test]
fn a_panic_between_the_list_and_the_jobs_aborts_and_changes_neither_alone() {
    KIND.aborts_at_a_panic_between_ids_and_messages();
}

#[test]
fn a_replica_that_is_promoted_in_the_middle_has_ids_and_jobs_that_agree() {
    KIND.survives_a_promotion();
}

#[test]
fn jobs_that_others_need_are_kept() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..30);
    let job = |n: usize| keys_of(n)[0].clone();
    let _: i64 = conn.hset(job(0), "parentKey", "bull:other:1").expect("HSET");
    let _: i64 = conn.hset(job(3), "rjk", "nightly").expect("HSET");
    let _: i64 = conn.hdel(job(9), "name").expect("HDEL");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad AS bullmq"));
    assert_eq!((preview.int("match_count"), preview.rows("sample").len()), (7, 7), "{preview:?}");
    assert!(preview.text("notice").contains("are no matches: 2"), "{preview:?}");
    // A lock, and a job that is held back by this one, are looked for when jobs are removed.
    let () = conn.set(format!("{}:lock", job(12)), "token").expect("SET");
    let () = conn.hset("bull:uploads:dn:unique-15", "name", "good").expect("HSET");
    let end = clear(&mut conn, QUEUE, "TASK bad ALL");
    assert_eq!(end.int("deleted"), 5, "{end:?}");
    assert!(
        end.text("notice").contains("are no matches: 4 (they have a parent, belong to a scheduler"),
        "{end:?}"
    );
    let (ids, keys) = content(&mut conn);
    assert!(keys.contains("bull:uploads:dn:unique-15"));
    for n in [0, 3, 9, 12, 15] {
        assert!(ids.contains(&format!("job-{n}")) && keys_of(n).iter().all(|key| keys.contains(key)), "{n}");
    }
}

#[test]
fn keys_of_other_jobs_stay() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..6);
    // Another job holds the deduplication id by now.
    let () = conn.set(&keys_of(0)[2], "job-1").expect("SET");
    // A job whose id is another one's with the end of one of its keys; and a key of another type.
    let fields = [("name", "good"), ("data", "{}")];
    let () = conn.hset_multiple("bull:uploads:job-0:failed", &fields).expect("HSET");
    let () = conn.lpush(QUEUE, "job-0:failed").expect("LPUSH");
    let () = conn.set("bull:uploads:job-3:dependencies", "mine").expect("SET");
    assert_eq!(clear(&mut conn, QUEUE, "TASK bad ALL").int("deleted"), 2);
    let (ids, keys) = content(&mut conn);
    assert_eq!(ids, ["job-0:failed", "job-5", "job-4", "job-2", "job-1"]);
    for key in [&keys_of(0)[2], "bull:uploads:job-0:failed", "bull:uploads:job-3:dependencies"] {
        assert!(keys.contains(key), "{key}");
    }
    for key in [&keys_of(0)[0], &keys_of(0)[1], &keys_of(3)[0], &keys_of(3)[2]] {
        assert!(!keys.contains(key), "{key}");
    }
}

/// A replica or a file can show a key of a deduplication id whose time is over, or not show it any more.
#[test]
fn deduplication_ids_leave_a_replica_as_they_left_the_primary() {
    let (primary, replica) = (in_memory().start(), in_memory().config("replica-read-only no").start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    let () = conn.set(&keys_of(0)[2], "job-1").expect("SET");
    until_caught_up(&primary, &replica);
    // On the replica, the first one seems to be held by the job, and the second one by another.
    let () = replica.conn().set(&keys_of(0)[2], "job-0").expect("SET on the replica");
    let () = replica.conn().set(&keys_of(3)[2], "job-1").expect("SET on the replica");
    assert_eq!(clear(&mut conn, QUEUE, "TASK bad ALL").int("deleted"), 10);
    until_caught_up(&primary, &replica);
    assert_no_mismatch(&replica);
    for server in [&primary, &replica] {
        let mut conn = server.conn();
        let left: (bool, bool) =
            pipe().exists(&keys_of(0)[2]).exists(&keys_of(3)[2]).query(&mut conn).expect("EXISTS");
        assert_eq!(left, (true, false));
    }
}

#[test]
fn a_replica_whose_job_differs_keeps_id_and_job() {
    let (primary, replica) = (in_memory().start(), in_memory().config("replica-read-only no").start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    until_caught_up(&primary, &replica);
    let _: i64 = replica.conn().hset(&keys_of(0)[0], "timestamp", 1).expect("HSET on the replica");
    assert_eq!(clear(&mut conn, QUEUE, "TASK bad ALL").int("deleted"), 10);
    until_caught_up(&primary, &replica);
    assert_ne!(replica.info("qadmin_apply_mismatches").as_deref(), Some("0"));
    // Each slice is one unit: the one with this job changed nothing there.
    assert!(missing(&mut replica.conn(), 30) < 10);
    let (ids, _) = content(&mut replica.conn());
    assert!(ids.contains(&"job-0".to_owned()), "the replica keeps the id and the job");
}

#[test]
fn workers_and_producers_go_on_while_a_clear_runs() {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..JOBS);
    let id = KIND.start(&mut conn);
    let mut worker = primary.conn();
    let mut added = JOBS;
    let mut taken = HashSet::new();
    eventually("the clear ends", || {
        for _ in 0..5 {
            let next: Option<String> = worker.rpoplpush(QUEUE, "bull:uploads:active").expect("RPOPLPUSH");
            let Some(next) = next else { break };
            let name: Option<String> = worker.hget(format!("bull:uploads:{next}"), "name").expect("HGET");
            assert!(name.is_some(), "a worker gets the id of a job that was cleared");
            taken.insert(next);
        }
        enqueue(&mut worker, added..added + 3);
        added += 3;
        !status(&mut conn, &id).is_null("completed_at")
    });
    let end = status(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let (ids, keys) = content(&mut conn);
    let ids: HashSet<String> = ids.into_iter().collect();
    let mut cleared = 0;
    for n in 0..added {
        let is_there = ids.contains(&format!("job-{n}")) || taken.contains(&format!("job-{n}"));
        assert!(is_there || (is_bad(n) && n < JOBS), "lost: {n}");
        assert!(keys_of(n).iter().all(|key| keys.contains(key) == is_there), "{n}");
        cleared += i64::from(!is_there);
    }
    assert_eq!(end.int("deleted"), cleared);
    let left = (0..JOBS).filter(|n| is_bad(*n) && ids.contains(&format!("job-{n}"))).count();
    assert_eq!(left, 0, "no match of the snapshot is left");
    is_equal(&primary, &replica);
}

#[test]
fn ids_of_jobs_with_a_priority_leave_the_sorted_set_that_bull_has_beside_the_list() {
    let (primary, replica) = (in_memory().start(), in_memory().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    let set = "bull:uploads:priority";
    for n in 0..6 {
        let _: i64 = conn.hset(&keys_of(n)[0], "priority", 2).expect("HSET");
        let () = conn.zadd(set, format!("job-{n}"), 2).expect("ZADD");
    }
    assert_eq!(clear(&mut conn, QUEUE, "TASK bad ALL").int("deleted"), 10);
    is_equal(&primary, &replica);
    let left: Vec<String> = conn.zrange(set, 0, -1).expect("ZRANGE");
    assert_eq!(left, ["job-1", "job-2", "job-4", "job-5"]);
    assert_eq!(clear(&mut conn, QUEUE, "TASK good ALL").int("deleted"), 20);
    is_equal(&primary, &replica);
    assert!(!conn.exists::<_, bool>(set).expect("EXISTS"), "it is gone with its last id");
}

/// Bull delays each new job by the number of ids that a rate limit holds back.
#[test]
fn ids_that_a_rate_limit_of_bull_holds_back_are_forgotten() {
    for key in [QUEUE, "bull:uploads:delayed"] {
        let (primary, replica) = (in_memory().start(), in_memory().start());
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        enqueue(&mut conn, 0..30);
        if key != QUEUE {
            tell(&mut conn, &format!("DEL {QUEUE}"));
        }
        for n in 0..30 {
            let (set, id) = (["limiter:limited", "limiter:g:limited"][n % 2], format!("job-{n}"));
            let () = conn.sadd(format!("bull:uploads:{set}"), &id).expect("SADD");
            let () =
                conn.hset("bull:uploads:limiter:index", &id, format!("bull:uploads:{set}")).expect("HSET");
            if key != QUEUE {
                let () = conn.zadd(key, &id, n).expect("ZADD");
                let () = conn.zadd("bull:uploads:priority", &id, 1).expect("ZADD");
            }
        }
        // The name of the set is a value, which could be any name.
        let () = conn.sadd("others", "job-0").expect("SADD");
        let () = conn.hset("bull:uploads:limiter:index", "job-0", "others").expect("HSET");
        assert_eq!(clear(&mut conn, key, "TASK bad ALL").int("deleted"), 10);
        is_equal(&primary, &replica);
        let left: (usize, usize, usize, usize) = pipe()
            .scard("bull:uploads:limiter:limited")
            .scard("bull:uploads:limiter:g:limited")
            .hlen("bull:uploads:limiter:index")
            .scard("others")
            .query(&mut conn)
            .expect("SCARD and HLEN");
        assert_eq!(left, (11, 10, 21, 1), "{key}: only the entry with another name stays");
        let priorities: usize = conn.zcard("bull:uploads:priority").expect("ZCARD");
        assert_eq!(priorities, if key == QUEUE { 0 } else { 20 });
    }
}

#[test]
fn a_queue_without_a_stream_gets_none_and_a_short_one_stays_short() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..6);
    tell(&mut conn, &format!("DEL {EVENTS}"));
    assert_eq!(clear(&mut conn, QUEUE, "TASK bad ALL").int("deleted"), 2);
    assert!(!conn.exists::<_, bool>(EVENTS).expect("EXISTS"), "Bull has no such stream");
    enqueue(&mut conn, 6..1_000);
    tell(&mut conn, "HSET bull:uploads:meta opts.maxLenEvents 100");
    clear(&mut conn, QUEUE, "TASK bad ALL");
    let len: usize = redis::cmd("XLEN").arg(EVENTS).query(&mut conn).expect("XLEN");
    assert!((100..=300).contains(&len), "whole nodes are removed, so it is a little longer: {len}");
}
