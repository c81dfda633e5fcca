//! Ids and jobs leave together: on replicas, after a crash, and while workers take others.

use qadmin_harness::{Fields as _, eventually};
use redis::Commands as _;

use super::{QUEUE, bad, clear, content, enqueue, job, keys_of, missing};
use crate::dramatiq::is_equal;
use crate::durability::{
    assert_no_mismatch, in_memory, slow, status, tell, transactions, until_caught_up, word,
};
use crate::support::kind_of_ids::KindOfIds;
use crate::support::wait_for_job;

/// Jobs in the queue: enough for several slices of a slow server.
const JOBS: usize = 3_000;

const KIND: KindOfIds = KindOfIds { queue: QUEUE, kind: "rq", enqueue, missing, bad };

#[test]
fn one_command_tells_replicas_of_ids_and_all_keys_of_their_jobs() {
    let (primary, mut replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..900);
    let id = KIND.start(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", bad(900) as i64), "{end:?}");
    assert_eq!(missing(&mut conn, 900), bad(900));
    is_equal(&primary, &replica);
    for server in [&primary, &replica] {
        let units = transactions(server);
        let units: Vec<_> = units.iter().filter(|unit| word(&unit[0], 0) == "QADMIN.APPLY").collect();
        assert!(units.len() > 1, "there was more than one slice with deletions");
        for unit in units {
            let names: Vec<String> = unit.iter().map(|command| word(command, 0)).collect();
            assert!(!names.iter().any(|name| ["DEL", "UNLINK"].contains(&name.as_str())), "{names:?}");
            let words: Vec<String> = [1, 5, 6].map(|at| word(&unit[0], at)).into();
            assert_eq!(words, [QUEUE, "rq:", "rq"]);
        }
    }
    // What the replica wrote to its own file loads as the same data.
    replica.kill9();
    replica.start_again();
    assert_eq!(missing(&mut replica.conn(), 900), bad(900));
    assert_no_mismatch(&replica);
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
fn a_replica_whose_job_differs_keeps_id_and_job() {
    let (primary, replica) = (in_memory().start(), in_memory().config("replica-read-only no").start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    until_caught_up(&primary, &replica);
    let _: i64 = replica.conn().hset("rq:job:job-0", "status", "started").expect("HSET on the replica");
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 10);
    until_caught_up(&primary, &replica);
    assert_ne!(replica.info("qadmin_apply_mismatches").as_deref(), Some("0"));
    assert_eq!(missing(&mut replica.conn(), 30), 0, "the replica keeps the ids and the jobs");
}

/// A server can hide a key whose time is over without deleting it (import-mode of Valkey); replicas and files show it then.
#[test]
fn dependents_that_only_a_replica_sees_do_not_keep_a_cleared_job_there() {
    let (primary, replica) = (in_memory().start(), in_memory().config("replica-read-only no").start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    until_caught_up(&primary, &replica);
    for n in 0..30 {
        let key = format!("rq:job:{}:dependents", job(n).0);
        let _: i64 = replica.conn().sadd(key, "later").expect("SADD on the replica");
    }
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 10);
    until_caught_up(&primary, &replica);
    assert_no_mismatch(&replica);
    for n in 0..30 {
        let _: i64 =
            replica.conn().del(format!("rq:job:{}:dependents", job(n).0)).expect("DEL on the replica");
    }
    assert_eq!(missing(&mut replica.conn(), 30), 10, "the replica removed the same jobs");
}

/// The times of jobs can be over at any moment of a clear: the ids that stay are those of jobs that were not cleared.
#[test]
fn jobs_whose_time_ends_while_a_clear_runs_leave_the_replica_equal() {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    tell(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 0");
    enqueue(&mut conn, 0..JOBS);
    let mut times = redis::pipe();
    for n in 0..JOBS {
        times.cmd("PEXPIRE").arg(&keys_of(&job(n).0)[0]).arg(1 + n * 1_500 / JOBS).ignore();
    }
    let () = times.query(&mut conn).expect("PEXPIRE");
    let id = KIND.start(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("processed")), ("completed", JOBS as i64), "{end:?}");
    let (ids, _) = content(&mut conn);
    assert_eq!(ids.len() as i64, JOBS as i64 - end.int("deleted"));
    until_caught_up(&primary, &replica);
    let (on_replica, _) = content(&mut replica.conn());
    assert_eq!(on_replica, ids);
    assert_no_mismatch(&replica);
}

#[test]
fn workers_and_producers_go_on_while_a_clear_runs() {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..JOBS);
    let id = KIND.start(&mut conn);
    let (mut added, mut taken) = (JOBS, Vec::new());
    let mut worker = primary.conn();
    eventually("the clear ends", || {
        for _ in 0..5 {
            let Some(next): Option<String> = worker.lpop(QUEUE, None).expect("LPOP") else { break };
            let data: Option<String> = worker.hget(&keys_of(&next)[0], "data").expect("HGET");
            assert!(data.is_some(), "a worker gets the id of a job that was cleared");
            let _: i64 = worker.del(&keys_of(&next)).expect("DEL");
            taken.push(next);
        }
        enqueue(&mut worker, added..added + 3);
        added += 3;
        // Somebody else deletes a job once, as `Job.delete` does: an edit in place.
        if added == JOBS + 60 {
            let ids: Vec<String> = worker.lrange(QUEUE, -1, -1).expect("LRANGE");
            let mut batch = redis::pipe();
            batch.atomic().lrem(QUEUE, 1, &ids[0]).ignore().del(&keys_of(&ids[0])).ignore();
            let () = batch.query(&mut worker).expect("LREM and DEL");
            taken.push(ids[0].clone());
        }
        !status(&mut conn, &id).is_null("completed_at")
    });
    let end = status(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let (ids, keys) = content(&mut conn);
    assert_eq!(keys.len(), 3 * ids.len(), "each id has its keys");
    assert!(ids.iter().flat_map(|id| keys_of(id)).all(|key| keys.contains(&key)));
    let cleared: Vec<_> =
        (0..added).map(job).filter(|(id, ..)| !ids.contains(id) && !taken.contains(id)).collect();
    assert!(cleared.iter().all(|(_, _, is_bad)| *is_bad), "only matches were cleared");
    assert_eq!(end.int("deleted"), cleared.len() as i64);
    let left = (0..JOBS).map(job).filter(|(id, _, is_bad)| *is_bad && ids.contains(id)).count();
    assert_eq!(left, 0, "no match of the snapshot is left");
    is_equal(&primary, &replica);
}

#[test]
fn events_of_all_keys_are_announced_once() {
    let server = qadmin_harness::Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..1);
    tell(&mut conn, "CONFIG SET notify-keyspace-events KA");
    let mut listener = server.conn();
    let mut events = listener.as_pubsub();
    events.psubscribe("__keyspace@0__:rq:*").expect("PSUBSCRIBE");
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 1);
    let seen: Vec<String> = (0..5)
        .map(|_| {
            let event = events.get_message().expect("an event");
            let key = event.get_channel_name().trim_start_matches("__keyspace@0__:").to_owned();
            format!("{key} {}", event.get_payload::<String>().expect("its name"))
        })
        .collect();
    let [hash, dependencies, results] = keys_of("job-0").map(|key| format!("{key} del"));
    assert_eq!(seen, [format!("{QUEUE} lrem"), format!("{QUEUE} del"), hash, dependencies, results]);
}
