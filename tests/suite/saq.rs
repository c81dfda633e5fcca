//! Queues of SAQ: a list of ids, a string for each job, and a sorted set of the ids of all jobs that are not complete.

use std::collections::HashSet;
use std::process::Stdio;

use qadmin_harness::{Cluster, Fields as _, Server, eventually, spawn};
use redis::{Commands as _, Connection, pipe};

use crate::dramatiq::is_equal;
use crate::durability::{
    assert_no_mismatch, in_memory, slow, status, tell, transactions, until_caught_up, word,
};
use crate::stage::set;
use crate::support::celery::script;
use crate::support::kind_of_ids::KindOfIds;
use crate::support::{Reply, ask, run, wait_for_job};

/// The queue of these tests.
const QUEUE: &str = "saq:uploads:queued";
const INCOMPLETE: &str = "saq:uploads:incomplete";
/// Jobs in the queue: enough for several slices of a slow server.
const JOBS: usize = 3_000;

fn is_bad(n: usize) -> bool {
    n.is_multiple_of(3)
}

fn bad(added: usize) -> usize {
    added.div_ceil(3)
}

fn id(n: usize) -> String {
    format!("saq:job:uploads:job-{n}")
}

fn job(n: usize, status: &str) -> String {
    let function = if is_bad(n) { "bad" } else { "good" };
    format!(
        r#"{{"function": "{function}", "kwargs": {{"n": {n}}}, "queue": "uploads", "key": "job-{n}", "queued": 1796058044896, "status": "{status}"}}"#
    )
}

/// Adds jobs as SAQ does.
fn enqueue(conn: &mut Connection, numbers: std::ops::Range<usize>) {
    let mut batch = pipe();
    batch.atomic();
    for n in numbers {
        batch
            .set(id(n), job(n, "queued"))
            .ignore()
            .zadd(INCOMPLETE, id(n), 0)
            .ignore()
            .rpush(QUEUE, id(n))
            .ignore();
    }
    let () = batch.query(conn).expect("the jobs are added");
}

/// The ids in the list, in the sorted set, and the keys of jobs.
fn content(conn: &mut Connection) -> (Vec<String>, HashSet<String>, HashSet<String>) {
    pipe()
        .atomic()
        .lrange(QUEUE, 0, -1)
        .zrange(INCOMPLETE, 0, -1)
        .keys("saq:job:*")
        .query(conn)
        .expect("content")
}

/// Checks that each id has its job and stands in the sorted set, that the order is that in which jobs were added, and that only
/// matches are missing. Returns the number of missing jobs.
fn missing(conn: &mut Connection, added: usize) -> usize {
    let (ids, incomplete, jobs) = content(conn);
    let mut left = ids.iter().peekable();
    let mut missing = 0;
    for n in 0..added {
        let is_left = left.next_if(|next| **next == id(n)).is_some();
        assert!(is_left || is_bad(n), "lost: {n}");
        missing += usize::from(!is_left);
        assert_eq!((incomplete.contains(&id(n)), jobs.contains(&id(n))), (is_left, is_left), "{n}");
    }
    assert_eq!((left.next(), incomplete.len(), jobs.len()), (None, ids.len(), ids.len()));
    missing
}

const KIND: KindOfIds = KindOfIds { queue: QUEUE, kind: "saq", enqueue, missing, bad };

fn clear(conn: &mut Connection, words: &str) -> Reply {
    let job = ask(conn, &format!("QADMIN.CLEARJOB {QUEUE} {words} CONFIRM {QUEUE} AS saq"));
    wait_for_job(conn, &job.text("job_id"))
}

#[test]
fn jobs_are_counted_shown_grouped_listed_and_cleared_with_all_their_keys() {
    let (primary, mut replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    set(&mut conn, "inline-wait 60000");
    enqueue(&mut conn, 0..900);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad"));
    assert_eq!((preview.int("match_count"), preview.text("looks_like").as_str()), (0, "saq"));
    assert!(preview.text("notice").contains("add AS saq to read them"), "{preview:?}");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad WHERE kwargs.n >= 450 AS saq"));
    assert_eq!(
        (preview.int("match_count"), preview.text("container").as_str()),
        (150, "list_of_ids"),
        "{preview:?}"
    );
    let row = &preview.rows("sample")[0];
    assert_eq!((row.int("index"), row.text("id").as_str()), (450, "job-450"));
    assert_eq!((row.text("kwargs").as_str(), row.int("enqueued")), (r#"{"n":450}"#, 1_796_058_044_896));
    let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} GROUPBY 1 task AS saq"));
    assert_eq!(stats.int("matched"), 900, "{stats:?}");
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let row = &queues.rows("queues")[0];
    assert_eq!((row.text("queue").as_str(), row.text("looks_like").as_str()), (QUEUE, "saq"));
    let line = format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL CONFIRM {QUEUE}");
    let error = run(&mut conn, &line).expect_err(&line).to_string();
    assert!(
        error.contains("add AS saq to read the jobs and to clear them together with their ids"),
        "{error}"
    );
    let end = clear(&mut conn, "TASK bad ALL");
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", bad(900) as i64), "{end:?}");
    assert_eq!(missing(&mut conn, 900), bad(900));
    is_equal(&primary, &replica);
    for unit in transactions(&primary).iter().filter(|unit| word(&unit[0], 0) == "QADMIN.APPLY") {
        let names: Vec<String> = unit.iter().map(|command| word(command, 0)).collect();
        assert!(
            !names.iter().any(|name| ["DEL", "UNLINK", "LREM", "ZREM"].contains(&name.as_str())),
            "{names:?}"
        );
        assert_eq!([1, 5, 6].map(|at| word(&unit[0], at)), [QUEUE, "saq:job:uploads:", "saq"]);
    }
    // What the replica wrote to its own file loads as the same data.
    replica.kill9();
    replica.start_again();
    assert_eq!(missing(&mut replica.conn(), 900), bad(900));
    assert_no_mismatch(&replica);
}

#[test]
fn the_last_job_takes_all_keys_along_and_their_events_are_announced() {
    let server = in_memory().config("notify-keyspace-events KEA").start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..1);
    let mut listener = server.conn();
    let mut events = listener.as_pubsub();
    events.psubscribe("__keyevent@0__:*").expect("PSUBSCRIBE");
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 1);
    let keys: Vec<String> = conn.keys("saq:*").expect("KEYS");
    assert_eq!(keys, Vec::<String>::new());
    let mut wanted: HashSet<(&str, String)> = HashSet::from([
        ("lrem", QUEUE.to_owned()),
        ("del", QUEUE.to_owned()),
        ("del", id(0)),
        ("zrem", INCOMPLETE.to_owned()),
        ("del", INCOMPLETE.to_owned()),
    ]);
    while !wanted.is_empty() {
        let event = events.get_message().expect("an event");
        let (channel, key) =
            (event.get_channel_name().to_owned(), event.get_payload::<String>().expect("a key"));
        wanted.retain(|(name, of)| !(channel.ends_with(&format!(":{name}")) && *of == key));
    }
}

#[test]
fn after_kill_9_no_id_is_without_its_job() {
    for at in [1, 307] {
        KIND.survives_kill_9(at, |_, _| {});
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
fn what_is_no_job_of_the_queue_or_does_not_wait_stays() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..9);
    // A worker has the first one; the second one is of another serializer; the third has no job; and two keys are no jobs.
    let () = conn.set(id(0), job(0, "active")).expect("SET");
    let () = conn.set(id(3), "\u{80}\u{4}\u{95}").expect("SET");
    let _: i64 = conn.del(id(6)).expect("DEL");
    let () = conn.set("saq:job:other:1", job(3, "queued")).expect("SET");
    let _: i64 = conn.hset("saq:job:uploads:hash", "function", "bad").expect("HSET");
    let _: i64 = conn.rpush(QUEUE, &["saq:job:other:1", "saq:job:uploads:hash", QUEUE]).expect("RPUSH");
    let before = content(&mut conn);
    for filter in ["TASK bad", "WHERE bytes > 0 WHERE task = bad", "WHERE undecodable = 1"] {
        let end = clear(&mut conn, &format!("{filter} ALL"));
        assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 0), "{filter}: {end:?}");
        assert!(end.text("notice").contains("ids whose message is missing: 4"), "{filter}: {end:?}");
        assert!(
            end.text("notice").contains("are no matches: 1 (their status is not queued"),
            "{filter}: {end:?}"
        );
    }
    assert_eq!(content(&mut conn), before);
    // A sorted set that is none, or lacks the id, does not prevent a clear.
    for line in [format!("ZREM {INCOMPLETE} {}", id(1)), format!("SET {INCOMPLETE} x")] {
        tell(&mut conn, &line);
        let key = if line.starts_with("ZREM") { "job-1" } else { "job-2" };
        assert_eq!(clear(&mut conn, &format!("WHERE id = {key} ALL")).int("deleted"), 1, "{line}");
    }
    assert_eq!(conn.get::<_, String>(INCOMPLETE).expect("GET"), "x");
}

#[test]
fn a_replica_whose_job_differs_keeps_id_and_job() {
    let (primary, replica) = (in_memory().start(), in_memory().config("replica-read-only no").start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    until_caught_up(&primary, &replica);
    let () = replica.conn().set(id(0), job(0, "active")).expect("SET on the replica");
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 10);
    until_caught_up(&primary, &replica);
    assert_ne!(replica.info("qadmin_apply_mismatches").as_deref(), Some("0"));
    assert!(missing(&mut replica.conn(), 30) < 10);
}

#[test]
fn workers_and_producers_go_on_while_a_clear_runs() {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..JOBS);
    let clear = KIND.start(&mut conn);
    let (mut worker, mut added, mut taken) = (primary.conn(), JOBS, HashSet::new());
    eventually("the clear ends", || {
        for _ in 0..5 {
            // As a worker does: the id moves, and then the job is read.
            let next: Option<String> = redis::cmd("LMOVE")
                .arg(&[QUEUE, "saq:uploads:active", "LEFT", "RIGHT"])
                .query(&mut worker)
                .expect("LMOVE");
            let Some(next) = next else { break };
            let job: Option<String> = worker.get(&next).expect("GET");
            let job = job.expect("a worker gets the id of a job that was cleared");
            let () = worker.set(&next, job.replace("queued\"}", "active\"}")).expect("SET");
            taken.insert(next);
        }
        enqueue(&mut worker, added..added + 3);
        added += 3;
        !status(&mut conn, &clear).is_null("completed_at")
    });
    let end = status(&mut conn, &clear);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let (ids, incomplete, jobs) = content(&mut conn);
    let ids: HashSet<String> = ids.into_iter().collect();
    let mut cleared = 0;
    for n in 0..added {
        let is_there = ids.contains(&id(n)) || taken.contains(&id(n));
        assert!(is_there || (is_bad(n) && n < JOBS), "lost: {n}");
        assert_eq!((incomplete.contains(&id(n)), jobs.contains(&id(n))), (is_there, is_there), "{n}");
        cleared += i64::from(!is_there);
    }
    assert_eq!(end.int("deleted"), cleared);
    assert_eq!((0..JOBS).filter(|n| is_bad(*n) && ids.contains(&id(*n))).count(), 0);
    is_equal(&primary, &replica);
}

#[test]
fn the_keys_of_a_queue_are_in_one_slot_and_rights_to_all_of_them_are_needed() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..9);
    tell(&mut conn, "ACL SETUSER ops on >secret +@all");
    let mut ops = server.conn();
    tell(&mut ops, "AUTH ops secret");
    let line = format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL CONFIRM {QUEUE} AS saq");
    for rules in ["", "~saq:job:uploads:*", "~saq:uploads:incomplete", "%R~saq:*"] {
        tell(&mut conn, format!("ACL SETUSER ops resetkeys ~{QUEUE} {rules}").trim_end());
        let error = run(&mut ops, &line).expect_err("a right is missing").to_string();
        assert!(error.contains("no permissions to access one of the keys"), "{rules}: {error}");
    }
    let read = format!("QADMIN.PREVIEW {QUEUE} TASK bad AS saq");
    assert_eq!(ask(&mut ops, &read).int("match_count"), 3);
    tell(
        &mut conn,
        &format!("ACL SETUSER ops resetkeys ~{QUEUE} ~saq:job:uploads:* ~saq:uploads:incomplete*"),
    );
    let job = ask(&mut ops, &line).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), 3);
    tell(&mut conn, "LPUSH saq:uploads:active x");
    let error =
        run(&mut conn, "QADMIN.PREVIEW saq:uploads:active TASK x AS saq").expect_err("refused").to_string();
    assert!(error.contains("AS saq reads lists saq:<queue>:queued"), "{error}");
    let line = format!("QADMIN.PREVIEW {INCOMPLETE} TASK x AS saq");
    assert!(run(&mut conn, &line).is_err());
    for words in ["KEEPONE", "ALL PARK", "ALL LIMIT 2"] {
        let line = format!("QADMIN.CLEARJOB {QUEUE} TASK good {words} CONFIRM {QUEUE} AS saq");
        assert!(run(&mut conn, &line).is_err(), "{line}");
    }
    // The names of SAQ's keys have a common hash tag only if the name of the queue has one.
    let cluster = Cluster::start(2, slow);
    let mut conn = cluster.node(cluster.home(QUEUE.as_bytes(), 2)).conn();
    let error = run(&mut conn, &read).expect_err("other slots").to_string();
    assert!(error.to_lowercase().contains("slot"), "{error}");
}

/// Runs the real library with these words, and returns what it printed.
fn saq(server: &Server, words: &str) -> String {
    let out = script(server).arg("saq_app.py").args(words.split(' ')).output().expect("Python starts");
    let log = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && !log.contains("Error"), "{words}: {log}");
    String::from_utf8(out.stdout).expect("a text")
}

#[test]
fn what_is_left_runs_exactly_once_and_keys_of_cleared_jobs_are_free_again() {
    let server = Server::builder().module_args("slice-us 100 duty 5").start();
    let mut conn = server.conn();
    assert_eq!(saq(&server, "send 0 60").lines().count(), 60);
    // A sender goes on while the clear runs.
    let mut sender = script(&server);
    sender.args(["saq_app.py", "send", "60", "30"]).stdout(Stdio::null());
    let sender = spawn(sender).expect("Python starts");
    let end = clear(&mut conn, "TASK bad WHERE kwargs.number < 60 ALL");
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 20), "{end:?}");
    assert!(sender.wait_with_output().expect("a child of ours can be waited for").status.success());
    // SAQ adds no job whose key is taken.
    assert_eq!(saq(&server, "again job-0 job-1 job-3"), "job-0 True\njob-1 False\njob-3 True\n");
    saq(&server, "work");
    let mut ran: Vec<usize> = conn.lrange("ran", 0, -1).expect("LRANGE");
    ran.sort_unstable();
    let wanted: Vec<usize> = (0..90_usize).filter(|n| *n >= 60 || !n.is_multiple_of(3) || *n < 4).collect();
    assert_eq!(ran, wanted);
    assert_eq!(conn.zcard::<_, i64>(INCOMPLETE).expect("ZCARD"), 0);
}
