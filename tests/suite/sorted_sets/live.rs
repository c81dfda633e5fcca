//! Clears while workers take due jobs, clients add and change entries, and other commands run.

use std::collections::{BTreeMap, BTreeSet};

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Connection;

use super::{Entry, FIRST, KEY, add, clear, count, entries, entry, held, matching, of, others};
use crate::durability::{digest, in_memory, status, tell, until_caught_up, until_deleted};
use crate::stage::{Slow, set, slowly};
use crate::support::{ask, run, wait_for_job};

/// The script takes due jobs as `Sidekiq::Scheduled::Enq` does: one job at a time.
const TAKE_DUE: &str = r#"local jobs = redis.call("zrange", KEYS[1], "-inf", ARGV[1], "byscore", "limit", 0, 1)
if jobs[1] then redis.call("zrem", KEYS[1], jobs[1]) return jobs[1] end"#;

/// The script removes the jobs with a score and puts them back at once. A clear can have taken them before it.
const PUT_BACK: &str = r#"local jobs = redis.call("zrange", KEYS[1], ARGV[1], ARGV[1], "byscore", "withscores")
redis.call("zremrangebyscore", KEYS[1], ARGV[1], ARGV[1])
for at = 1, #jobs, 2 do redis.call("zadd", KEYS[1], jobs[at + 1], jobs[at]) end"#;

fn take_due(conn: &mut Connection) -> Option<Vec<u8>> {
    redis::cmd("EVAL").arg(TAKE_DUE).arg(1).arg(KEY).arg("+inf").query(conn).expect("EVAL")
}

fn start(conn: &mut Connection, options: &str) -> String {
    ask(conn, &format!("QADMIN.CLEARJOB {KEY} TASK Upload {options} CONFIRM {KEY}")).text("job_id")
}

/// The changes that the test made to entries while a clear ran. Nothing is promised about an entry that it
/// moved or took.
#[derive(Default)]
struct Done {
    touched: BTreeSet<Vec<u8>>,
    came: BTreeMap<Vec<u8>, String>,
    /// The scores that other commands gave.
    moved: BTreeMap<Vec<u8>, String>,
}

impl Done {
    /// Makes one change of each kind during the job; `n` counts them.
    fn step(&mut self, conn: &mut Connection, all: &[Entry], n: usize) {
        if let Some(taken) = take_due(conn) {
            self.forget(&taken);
        }
        // New jobs come before the scan, near it, and after everything; each of them would match.
        for (score, number) in [(0, 0), (n, 1), (1_000_000, 2)] {
            let number = 10_000_000 + u32::try_from(n * 3 + number).expect("few") * 2;
            let one = Entry { score: f64::from(FIRST) + score as f64 / 8.0, ..entry(number, 2) };
            add(conn, KEY, std::slice::from_ref(&one));
            self.came.insert(one.member, one.score.to_string());
        }
        let pick = |by: usize| &all[all.len() - 1 - (n * by) % all.len()];
        // A client deletes a job, reschedules one, and gives another one a new time.
        let gone = &pick(7).member;
        redis::cmd("ZREM").arg(KEY).arg(gone).exec(conn).expect("ZREM");
        self.forget(gone);
        for (name, member, by) in [("ZINCRBY", &pick(11).member, 3.5), ("ZINCRBY", &pick(13).member, -700.25)]
        {
            if held(conn, KEY).contains_key(member) {
                let score: String =
                    redis::cmd(name).arg(KEY).arg(by).arg(member).query(conn).expect("ZINCRBY");
                self.came.remove(member);
                self.touched.insert(member.clone());
                self.moved.insert(member.clone(), score);
            }
        }
        // The web page removes entries by their score and puts them back; an entry that never existed is not
        // created.
        redis::cmd("EVAL").arg(PUT_BACK).arg(1).arg(KEY).arg(pick(17).score).exec(conn).expect("EVAL");
        if n.is_multiple_of(5) {
            let popped: Vec<(Vec<u8>, String)> = redis::cmd("ZPOPMIN").arg(KEY).query(conn).expect("ZPOPMIN");
            popped.iter().for_each(|(member, _)| self.forget(member));
        }
    }

    fn forget(&mut self, member: &[u8]) {
        self.came.remove(member);
        self.moved.remove(member);
        self.touched.insert(member.to_vec());
    }
}

#[test]
fn a_clear_under_traffic_takes_all_old_matches_and_no_later_job() {
    for options in ["ALL", "KEEPONE", "ALL TO spare", "ALL EXPECT 1000"] {
        let primary = in_memory().start();
        // It has no module: it receives the server's own commands.
        let replica = Server::plain();
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        let all = entries(0..2_000, 2);
        add(&mut conn, KEY, &all);
        // The command itself has time to read all entries that are there.
        set(&mut conn, "slice-us 20000");
        let id = start(&mut conn, &format!("{options} RATE 1"));
        set(&mut conn, &slowly());
        tell(&mut conn, &format!("QADMIN.THROTTLE {id} RATE 0"));
        let mut done = Done::default();
        let mut n = 0;
        eventually("the job ends", || {
            n += 1;
            done.step(&mut conn, &all, n);
            if n.is_multiple_of(50) {
                tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
                until_caught_up(&primary, &replica);
                assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
                tell(&mut conn, "CLIENT UNPAUSE");
            }
            !status(&mut conn, &id).is_null("completed_at")
        });
        let end = wait_for_job(&mut conn, &id);
        assert_eq!(end.text("status"), "completed", "{options}: {end:?}");
        assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");
        let left = held(&mut conn, KEY);
        for (member, score) in &done.came {
            assert_eq!(left.get(member), Some(score), "{options}: one that came later is gone: {end:?}");
        }
        for one in others(&all).filter(|one| !done.touched.contains(&one.member)) {
            assert!(left.contains_key(&one.member), "{options}: one that does not match is gone: {end:?}");
        }
        for (member, score) in &done.moved {
            assert_eq!(left.get(member), Some(score), "{options}: one that was rescheduled is gone: {end:?}");
        }
        let stayed: Vec<_> = matching(&all)
            .filter(|one| !done.touched.contains(&one.member) && left.contains_key(&one.member))
            .collect();
        // A worker can take the match that is kept, and another one is kept then.
        let kept = if options == "KEEPONE" { n + 1 } else { 0 };
        assert!(stayed.len() <= kept, "{options}: {} stayed: {end:?}", stayed.len());
        if options.contains("TO") {
            let spare = held(&mut conn, "spare");
            assert_eq!(count(spare.len()), end.int("deleted"));
            let were: BTreeMap<Vec<u8>, String> = of(&all);
            assert!(spare.keys().all(|member| were.contains_key(member) && !left.contains_key(member)));
        }
        until_caught_up(&primary, &replica);
        assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
    }
}

#[test]
fn jobs_added_again_or_rescored_during_a_clear_are_kept() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let all = entries(0..4_000, 2);
    add(&mut conn, KEY, &all);
    let slow = Slow::start(&server);
    let id = start(&mut conn, "ALL RATE 1000");
    until_deleted(&mut conn, &id, 10);
    let last = all[3_998].clone();
    let moved = Entry { score: last.score - 0.125, ..last };
    // The same job with another time is not the entry that was there.
    add(&mut conn, KEY, std::slice::from_ref(&moved));
    run(&mut conn, &format!("QADMIN.THROTTLE {id} RATE 0")).expect("THROTTLE");
    let end = wait_for_job(&mut conn, &id);
    drop(slow);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let left = held(&mut conn, KEY);
    assert_eq!(left.get(&moved.member), Some(&moved.score.to_string()), "{end:?}");
    assert_eq!(left.len(), 2_001, "{end:?}");
}

#[test]
fn the_match_that_is_kept_is_one_that_is_still_there() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let all = entries(0..4_000, 2);
    add(&mut conn, KEY, &all);
    let slow = Slow::start(&server);
    let id = start(&mut conn, "KEEPONE RATE 1000");
    until_deleted(&mut conn, &id, 10);
    let first: Vec<Vec<u8>> = held(&mut conn, KEY).into_keys().collect();
    let kept = matching(&all).find(|one| first.contains(&one.member)).expect("one is kept");
    redis::cmd("ZREM").arg(KEY).arg(&kept.member).exec(&mut conn).expect("ZREM");
    run(&mut conn, &format!("QADMIN.THROTTLE {id} RATE 0")).expect("THROTTLE");
    let end = wait_for_job(&mut conn, &id);
    drop(slow);
    let left = held(&mut conn, KEY);
    let stayed: Vec<&Entry> = matching(&all).filter(|one| left.contains_key(&one.member)).collect();
    assert_eq!((stayed.len(), left.len()), (1, 2_001), "{end:?}");
    assert!(stayed[0].member != kept.member);
}

#[test]
fn a_deleted_or_replaced_set_completes_the_job_and_is_not_touched() {
    for (what, line, status) in [
        ("deleted", "DEL retry", "completed"),
        ("renamed", "RENAME retry elsewhere", "completed"),
        ("replaced", "SET retry mine", "completed"),
        ("renamed over", "RENAME other retry", "completed"),
        ("copied over", "COPY other retry REPLACE", "completed"),
        ("stored over", "ZUNIONSTORE retry 1 other", "completed"),
        ("moved", "MOVE retry 1", "completed"),
        ("expired", "PEXPIRE retry 1", "completed"),
        ("flushed", "FLUSHDB", "failed"),
        ("swapped", "SWAPDB 0 1", "failed"),
    ] {
        let server = in_memory().start();
        let mut conn = server.conn();
        add(&mut conn, KEY, &entries(0..4_000, 2));
        let other = entries(10_000..10_100, 1);
        add(&mut conn, "other", &other);
        let slow = Slow::start(&server);
        let id = start(&mut conn, "ALL RATE 1000");
        until_deleted(&mut conn, &id, 10);
        tell(&mut conn, line);
        let end = wait_for_job(&mut conn, &id);
        drop(slow);
        assert_eq!(end.text("status"), status, "{what}: {end:?}");
        assert!(end.int("deleted") < 2_000, "{what}: {end:?}");
        if what.ends_with("over") {
            assert_eq!(held(&mut conn, KEY), of(&other), "{what}: {end:?}");
        }
        if what == "renamed" {
            assert_eq!(count(held(&mut conn, "elsewhere").len()), 4_000 - end.int("deleted"));
        }
        if status == "completed" {
            assert_eq!(
                end.int("total_estimated"),
                end.int("processed") + end.int("drifted"),
                "{what}: {end:?}"
            );
        }
    }
}

#[test]
fn large_jobs_are_taken_out_in_small_units() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 20000");
    let all: Vec<Entry> = (0..40)
        .map(|i| {
            let member = format!(
                r#"{{"queue":"default","class":"Upload","args":["{}"],"jid":"{i:08}"}}"#,
                "x".repeat(300_000)
            );
            Entry { score: f64::from(i), member: member.into_bytes(), matches: true }
        })
        .collect();
    add(&mut conn, KEY, &all);
    let end = clear(&mut conn, "ALL TO spare");
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 40), "{end:?}");
    // A mebibyte contains four of them, and a slice ends after that.
    assert!(end.int("slices") >= 10, "{end:?}");
    assert_eq!(held(&mut conn, "spare"), of(&all));
}
