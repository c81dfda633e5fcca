//! Queues of Asynq: a list of ids, and a hash for each task, whose message is a protocol buffer. The keys and messages are
//! those of Asynq's source; the library itself is not run.

use std::collections::HashSet;

use qadmin_harness::{Cluster, Fields as _, Server, eventually};
use redis::{Commands as _, Connection, pipe};

use crate::dramatiq::is_equal;
use crate::durability::{assert_no_mismatch, in_memory, slow, status, tell, until_caught_up};
use crate::stage::set;
use crate::support::kind_of_ids::KindOfIds;
use crate::support::{Reply, ask, run, wait_for_job};

/// The queue of these tests.
const QUEUE: &str = "asynq:{uploads}:pending";
/// Tasks in the queue: enough for several slices of a slow server.
const TASKS: usize = 3_000;

/// A field of bytes, as protocol buffers write it; they are shorter than 128.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(value.len()).expect("short")], value].concat()
}

/// The message of a task.
pub(crate) fn message(id: &str, task: &str, payload: &str) -> Vec<u8> {
    let retry = [5 << 3, 25];
    [
        field(1, task.as_bytes()),
        field(2, payload.as_bytes()),
        field(3, id.as_bytes()),
        field(4, b"uploads"),
        retry.to_vec(),
    ]
    .concat()
}

fn is_bad(n: usize) -> bool {
    n.is_multiple_of(3)
}

fn bad(added: usize) -> usize {
    added.div_ceil(3)
}

/// The hash of a task, and its lock.
fn keys_of(n: usize) -> [String; 2] {
    [format!("asynq:{{uploads}}:t:task-{n}"), format!("asynq:{{uploads}}:unique:mail:{n}")]
}

/// Adds unique tasks as `EnqueueUnique` does.
fn enqueue(conn: &mut Connection, numbers: std::ops::Range<usize>) {
    let mut batch = pipe();
    batch.atomic();
    for n in numbers {
        let ([task, lock], id) = (keys_of(n), format!("task-{n}"));
        let message = message(&id, if is_bad(n) { "bad" } else { "good" }, &format!(r#"{{"n":{n}}}"#));
        batch.cmd("SET").arg(&lock).arg(&id).arg("NX").arg("EX").arg(3_600).ignore();
        batch.hset(&task, "msg", message).ignore();
        let fields = [("state", "pending"), ("pending_since", "1796024414306123456"), ("unique_key", &lock)];
        batch.hset_multiple(task, &fields).ignore().lpush(QUEUE, id).ignore();
    }
    let () = batch.query(conn).expect("the tasks are added");
}

fn content(conn: &mut Connection) -> (Vec<String>, HashSet<String>) {
    let (ids, keys): (Vec<String>, Vec<String>) =
        pipe().atomic().lrange(QUEUE, 0, -1).keys("asynq:*").query(conn).expect("LRANGE and KEYS");
    (ids, keys.into_iter().filter(|key| key != QUEUE).collect())
}

/// Checks that each id has its task and its lock and each of these its id, that the order is that in which tasks were added,
/// and that only matches are missing. Returns the number of missing tasks.
fn missing(conn: &mut Connection, added: usize) -> usize {
    let (ids, mut keys) = content(conn);
    let mut left = ids.iter().rev().peekable();
    let mut missing = 0;
    for n in 0..added {
        let is_left = left.next_if(|next| **next == format!("task-{n}")).is_some();
        assert!(is_left || is_bad(n), "lost: {n}");
        missing += usize::from(!is_left);
        for key in keys_of(n) {
            assert_eq!(keys.remove(&key), is_left, "{key}, and whether its id is left");
        }
    }
    assert_eq!((left.next(), keys.len()), (None, 0), "the queue holds what nobody sent: {keys:?}");
    missing
}

const KIND: KindOfIds = KindOfIds { queue: QUEUE, kind: "asynq", enqueue, missing, bad };

fn clear(conn: &mut Connection) -> Reply {
    let id = KIND.start(conn);
    wait_for_job(conn, &id)
}

#[test]
fn tasks_are_counted_shown_grouped_listed_and_cleared_with_their_locks() {
    let (primary, mut replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    set(&mut conn, "inline-wait 60000");
    enqueue(&mut conn, 0..900);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad"));
    assert_eq!((preview.int("match_count"), preview.text("looks_like").as_str()), (0, "asynq"));
    assert!(preview.text("notice").contains("add AS asynq to read them"), "{preview:?}");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad WHERE kwargs.n >= 450 AS asynq"));
    assert_eq!((preview.int("match_count"), preview.int("undecodable")), (150, 0), "{preview:?}");
    let row = &preview.rows("sample")[0];
    assert_eq!((row.text("id").as_str(), row.text("kwargs").as_str()), ("task-450", r#"{"n":450}"#));
    assert_eq!((row.int("retries"), row.int("enqueued")), (0, 1_796_024_414_306));
    let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} GROUPBY 1 task AS asynq"));
    assert_eq!(stats.int("matched"), 900, "{stats:?}");
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let row = &queues.rows("queues")[0];
    assert_eq!((row.text("queue").as_str(), row.text("looks_like").as_str()), (QUEUE, "asynq"));
    let end = clear(&mut conn);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", bad(900) as i64), "{end:?}");
    assert_eq!(missing(&mut conn, 900), bad(900));
    is_equal(&primary, &replica);
    // What the replica wrote to its own file loads as the same data.
    replica.kill9();
    replica.start_again();
    assert_eq!(missing(&mut replica.conn(), 900), bad(900));
    assert_no_mismatch(&replica);
}

#[test]
fn after_kill_9_no_id_is_without_its_task() {
    for at in [1, 307] {
        KIND.survives_kill_9(at, |_, _| {});
    }
}

#[test]
fn a_panic_between_the_list_and_the_tasks_aborts_and_changes_neither_alone() {
    KIND.aborts_at_a_panic_between_ids_and_messages();
}

#[test]
fn a_replica_that_is_promoted_in_the_middle_has_ids_and_tasks_that_agree() {
    KIND.survives_a_promotion();
}

#[test]
fn tasks_that_were_taken_and_locks_of_others_stay() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..9);
    // A worker took the first one, another task holds the lock of the second one, and the third names a key of the queue.
    let _: i64 = conn.hset(&keys_of(0)[0], "state", "active").expect("HSET");
    let () = conn.set(&keys_of(3)[1], "task-4").expect("SET");
    let _: i64 = conn.hset(&keys_of(6)[0], "unique_key", QUEUE).expect("HSET");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad AS asynq"));
    assert_eq!(preview.int("match_count"), 2, "{preview:?}");
    assert!(preview.text("notice").contains("are no matches: 1"), "{preview:?}");
    assert_eq!(clear(&mut conn).int("deleted"), 2);
    let (ids, keys) = content(&mut conn);
    assert_eq!(ids, ["task-8", "task-7", "task-5", "task-4", "task-2", "task-1", "task-0"]);
    assert!(keys.contains(&keys_of(3)[1]) && keys.contains(&keys_of(6)[1]) && keys.contains(&keys_of(0)[0]));
    assert!(!keys.contains(&keys_of(3)[0]) && !keys.contains(&keys_of(6)[0]));
}

#[test]
fn locks_leave_a_replica_as_they_left_the_primary() {
    let (primary, replica) = (in_memory().start(), in_memory().config("replica-read-only no").start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    let () = conn.set(&keys_of(0)[1], "task-1").expect("SET");
    until_caught_up(&primary, &replica);
    let () = replica.conn().set(&keys_of(0)[1], "task-0").expect("SET on the replica");
    let () = replica.conn().set(&keys_of(3)[1], "task-1").expect("SET on the replica");
    assert_eq!(clear(&mut conn).int("deleted"), 10);
    until_caught_up(&primary, &replica);
    assert_no_mismatch(&replica);
    for server in [&primary, &replica] {
        let left: (bool, bool) =
            pipe().exists(&keys_of(0)[1]).exists(&keys_of(3)[1]).query(&mut server.conn()).expect("EXISTS");
        assert_eq!(left, (true, false));
    }
}

#[test]
fn workers_and_producers_go_on_while_a_clear_runs() {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..TASKS);
    let id = KIND.start(&mut conn);
    let (mut worker, mut added, mut taken) = (primary.conn(), TASKS, HashSet::new());
    eventually("the clear ends", || {
        for _ in 0..5 {
            // As `dequeueCmd` does.
            let next: Option<String> = worker.rpoplpush(QUEUE, "asynq:{uploads}:active").expect("RPOPLPUSH");
            let Some(next) = next else { break };
            let key = format!("asynq:{{uploads}}:t:{next}");
            let message: Option<Vec<u8>> = worker.hget(&key, "msg").expect("HGET");
            assert!(message.is_some(), "a worker gets the id of a task that was cleared");
            let _: i64 = worker.hset(&key, "state", "active").expect("HSET");
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
        let is_there = ids.contains(&format!("task-{n}")) || taken.contains(&format!("task-{n}"));
        assert!(is_there || (is_bad(n) && n < TASKS), "lost: {n}");
        assert!(keys_of(n).iter().all(|key| keys.contains(key) == is_there), "{n}");
        cleared += i64::from(!is_there);
    }
    assert_eq!(end.int("deleted"), cleared);
    assert_eq!((0..TASKS).filter(|n| is_bad(*n) && ids.contains(&format!("task-{n}"))).count(), 0);
    is_equal(&primary, &replica);
}

#[test]
fn the_keys_of_a_queue_are_in_one_slot_and_rights_to_all_of_them_are_needed() {
    let cluster = Cluster::start(2, slow);
    let mut conn = cluster.node(cluster.home(QUEUE.as_bytes(), 2)).conn();
    enqueue(&mut conn, 0..9);
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL CONFIRM {QUEUE} AS asynq"));
    let end = ask(&mut conn, &format!("QADMIN.STATUS {} QUEUE {QUEUE} WAIT 0", job.text("job_id")));
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 3), "{end:?}");
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..9);
    tell(&mut conn, "ACL SETUSER ops on >secret +@all");
    let mut ops = server.conn();
    tell(&mut ops, "AUTH ops secret");
    let line = format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL CONFIRM {QUEUE} AS asynq");
    for rules in ["", "~asynq:{uploads}:t:*", "~asynq:{uploads}:unique:*", "%R~asynq:{uploads}:*"] {
        tell(&mut conn, format!("ACL SETUSER ops resetkeys ~{QUEUE} {rules}").trim_end());
        let error = run(&mut ops, &line).expect_err("a right is missing").to_string();
        assert!(error.contains("no permissions to access one of the keys"), "{rules}: {error}");
    }
    tell(&mut conn, "ACL SETUSER ops resetkeys ~asynq:{uploads}:*");
    let job = ask(&mut ops, &line).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), 3);
    for key in ["asynq:{uploads}:active", "asynq:uploads:pending"] {
        tell(&mut conn, &format!("LPUSH {key} x"));
        let error = run(&mut conn, &format!("QADMIN.PREVIEW {key} TASK x AS asynq")).expect_err("refused");
        assert!(error.to_string().contains("AS asynq reads lists asynq:{<queue>}:pending"), "{error}");
    }
}
