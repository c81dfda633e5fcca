//! Ids and messages leave together: on replicas, after a crash, and while workers take others.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Commands as _;

use super::{HASH, QUEUE, bad, clear, content, enqueue, is_equal, message, missing};
use crate::durability::{
    assert_no_mismatch, in_memory, slow, status, transactions, until_caught_up, until_deleted, word,
};
use crate::support::kind_of_ids::KindOfIds;
use crate::support::{ask, run, wait_for_job};

/// Messages in the queue: enough for several slices of a slow server.
const MESSAGES: usize = 4_000;

const KIND: KindOfIds = KindOfIds { queue: QUEUE, kind: "dramatiq", enqueue, missing, bad };

#[test]
fn one_command_tells_replicas_of_ids_and_messages() {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..1_000);
    let id = KIND.start(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(
        (end.text("status").as_str(), end.int("deleted")),
        ("completed", bad(1_000) as i64),
        "{end:?}"
    );
    assert_eq!(missing(&mut conn, 1_000), bad(1_000));
    is_equal(&primary, &replica);
    for server in [&primary, &replica] {
        let units = transactions(server);
        let units: Vec<_> = units.iter().filter(|unit| word(&unit[0], 0) == "QADMIN.APPLY").collect();
        assert!(units.len() > 1, "there was more than one slice with deletions");
        for unit in units {
            let names: Vec<String> = unit.iter().map(|command| word(command, 0)).collect();
            assert!(!names.iter().any(|name| name == "HDEL"), "{names:?}");
            assert_eq!((word(&unit[0], 1).as_str(), word(&unit[0], 5).as_str()), (QUEUE, HASH));
        }
    }
    // What the replica wrote to its own file loads as the same data.
    let mut replica = replica;
    replica.kill9();
    replica.start_again();
    assert_eq!(missing(&mut replica.conn(), 1_000), bad(1_000));
    assert_no_mismatch(&replica);
}

#[test]
fn after_kill_9_no_id_is_without_its_message() {
    for at in [1, 307, 911] {
        KIND.survives_kill_9(at, |_, _| {});
    }
}

#[test]
fn a_panic_between_list_and_hash_aborts_and_changes_neither_alone() {
    KIND.aborts_at_a_panic_between_ids_and_messages();
}

#[test]
fn a_replica_that_is_promoted_in_the_middle_has_ids_and_messages_that_agree() {
    KIND.survives_a_promotion();
}

#[test]
fn a_replica_whose_message_differs_keeps_id_and_message() {
    let (primary, replica) = (in_memory().start(), in_memory().config("replica-read-only no").start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..30);
    until_caught_up(&primary, &replica);
    let first = message(0, "uploads").0;
    let _: i64 = replica.conn().hset(HASH, &first, "another").expect("HSET on the replica");
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 10);
    until_caught_up(&primary, &replica);
    assert_ne!(replica.info("qadmin_apply_mismatches").as_deref(), Some("0"));
    let (ids, messages) = content(&mut replica.conn());
    assert!(ids.contains(&first) && messages.contains_key(&first), "both stay");
    assert_eq!(ids.len(), messages.len());
    assert!(ids.iter().all(|id| messages.contains_key(id)), "no id is without its message");
}

#[test]
fn workers_and_producers_go_on_while_a_clear_runs() {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..MESSAGES);
    let id = KIND.start(&mut conn);
    let (mut added, mut taken) = (MESSAGES, Vec::new());
    let mut worker = primary.conn();
    eventually("the clear ends", || {
        // As the scripts `fetch` and `ack` do.
        for _ in 0..5 {
            let Some(next): Option<String> = worker.lpop(QUEUE, None).expect("LPOP") else { break };
            let text: Option<String> = worker.hget(HASH, &next).expect("HGET");
            assert!(text.is_some(), "a worker gets an id without a message");
            let _: i64 = worker.hdel(HASH, &next).expect("HDEL");
            taken.push(next);
        }
        enqueue(&mut worker, added..added + 3);
        added += 3;
        // Somebody else removes a message once, as a dashboard does: an edit in place.
        if added == MESSAGES + 60 {
            let ids: Vec<String> = worker.lrange(QUEUE, -1, -1).expect("LRANGE");
            let id = &ids[0];
            let () = redis::pipe()
                .atomic()
                .lrem(QUEUE, 1, id)
                .ignore()
                .hdel(HASH, id)
                .ignore()
                .query(&mut worker)
                .expect("LREM and HDEL");
            taken.push(id.clone());
        }
        !status(&mut conn, &id).is_null("completed_at")
    });
    let end = status(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let (ids, messages) = content(&mut conn);
    assert_eq!(ids.len(), messages.len(), "each id has its message");
    assert!(ids.iter().all(|id| messages.contains_key(id)));
    let gone = |id: &String| !messages.contains_key(id) && !taken.contains(id);
    let cleared = (0..added).map(|n| message(n, "uploads")).filter(|(id, _, _)| gone(id));
    let cleared: Vec<_> = cleared.collect();
    assert!(cleared.iter().all(|(_, _, is_bad)| *is_bad), "only matches were cleared");
    assert_eq!(end.int("deleted"), cleared.len() as i64);
    let snapshot: Vec<String> =
        (0..MESSAGES).map(|n| message(n, "uploads")).filter(|it| it.2).map(|it| it.0).collect();
    assert!(snapshot.iter().all(|id| !messages.contains_key(id)), "no match of the snapshot is left");
    is_equal(&primary, &replica);
}

#[test]
fn events_of_both_keys_are_announced_once() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..1);
    crate::durability::tell(&mut conn, "CONFIG SET notify-keyspace-events KA");
    let mut listener = server.conn();
    let mut events = listener.as_pubsub();
    events.psubscribe("__keyspace@0__:dramatiq:*").expect("PSUBSCRIBE");
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 1);
    let seen: Vec<(String, String)> = (0..4)
        .map(|_| {
            let event = events.get_message().expect("an event");
            let key = event.get_channel_name().trim_start_matches("__keyspace@0__:").to_owned();
            (key, event.get_payload().expect("its name"))
        })
        .collect();
    let wanted = [(QUEUE, "lrem"), (QUEUE, "del"), (HASH, "hdel"), (HASH, "del")];
    let seen: Vec<(&str, &str)> = seen.iter().map(|(key, event)| (key.as_str(), event.as_str())).collect();
    assert_eq!(seen, wanted);
}

/// Ids are recognised by themselves: their messages can change or leave without an event of the list.
#[test]
fn messages_pushed_later_are_kept_where_others_trim_the_list_and_rewrite_messages() {
    for rewrites in [false, true] {
        let server = in_memory().start();
        let mut conn = server.conn();
        enqueue(&mut conn, 0..3_000);
        let line = format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL RATE 100 CONFIRM {QUEUE} AS dramatiq");
        let id = ask(&mut conn, &line).text("job_id");
        until_deleted(&mut conn, &id, 60);
        let later: Vec<String> = (3_000..3_040).map(|n| message(n, "uploads").0).collect();
        enqueue(&mut conn, 3_000..3_040);
        let before = until_deleted(&mut conn, &id, 70);
        run(&mut conn, &format!("QADMIN.PAUSE {id}")).expect("PAUSE");
        assert!(before < 500, "the job was paused at its beginning");
        if rewrites {
            let (_, messages) = content(&mut conn);
            for (id, text) in messages {
                let _: i64 = conn.hset(HASH, id, format!("{text} ")).expect("HSET");
            }
        }
        let _: () = redis::cmd("LTRIM").arg(&[QUEUE, "8", "-1"]).query(&mut conn).expect("LTRIM");
        run(&mut conn, &format!("QADMIN.THROTTLE {id} RATE 0")).expect("THROTTLE");
        run(&mut conn, &format!("QADMIN.RESUME {id}")).expect("RESUME");
        let end = wait_for_job(&mut conn, &id);
        assert_eq!(end.text("status"), "completed", "{end:?}");
        let (ids, _) = content(&mut conn);
        assert!(later.iter().all(|id| ids.contains(id)), "messages pushed later are kept: {end:?}");
        let is_bad = |id: &String| {
            !later.contains(id)
                && (0..3_000).any(|n| {
                    let (own, _, bad) = message(n, "uploads");
                    bad && own == *id
                })
        };
        assert_eq!(ids.iter().filter(|id| is_bad(id)).count(), 0, "every match is cleared: {end:?}");
    }
}

#[test]
fn a_clear_continues_while_others_remove_single_ids() {
    let server = in_memory().start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..6_000);
    let line = format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL RATE 2000 CONFIRM {QUEUE} AS dramatiq");
    let id = ask(&mut conn, &line).text("job_id");
    until_deleted(&mut conn, &id, 1);
    for n in 0..40 {
        let (id, ..) = message(5_999 - n * 100, "uploads");
        let _: i64 = conn.lrem(QUEUE, 1, id).expect("LREM");
    }
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("passes_run")), ("completed", 1), "{end:?}");
}

#[test]
fn a_hash_that_is_replaced_ends_the_job_and_nothing_counts_as_taken() {
    let server = slow().start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..MESSAGES);
    let id = KIND.start(&mut conn);
    until_deleted(&mut conn, &id, 1);
    let _: () = redis::pipe().atomic().del(HASH).set(HASH, "x").query(&mut conn).expect("DEL and SET");
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("drifted")), ("failed", 0), "{end:?}");
    assert!(end.text("error").contains("now holds another type"), "{end:?}");
}
