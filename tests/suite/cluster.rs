//! Cluster: a job's keys are in the slot of its queue, and a queue that was migrated is not taken for
//! cleared.

use qadmin_harness::{Cluster, Fields as _, eventually, map, maps, text};
use redis::{Connection, Value};

use crate::durability::{
    Filled, QUEUE, finish_the_work, queue, slow, start_clear, status, tell, until_deleted,
};
use crate::support::{Reply, run, wait_for_job};

const NODES: usize = 3;

/// Names with unusual braces, and ordinary ones.
const NAMES: [&[u8]; 8] = [b"celery", b"{a}b", b"a}b", b"{}x", b"x{}y}", b"", b"q\x06\x163", b"{{x}}"];

fn ask(conn: &mut Connection, words: &[&[u8]]) -> redis::RedisResult<Value> {
    let mut command = redis::cmd(std::str::from_utf8(words[0]).expect("a name"));
    for word in &words[1..] {
        command.arg(word);
    }
    command.query(conn)
}

fn reply(conn: &mut Connection, words: &[&[u8]]) -> Reply {
    map(&ask(conn, words).unwrap_or_else(|error| panic!("{words:?}: {error}")))
}

#[test]
fn the_keys_of_a_job_are_in_the_slot_of_its_queue_for_any_name() {
    let cluster = Cluster::start(NODES, slow);
    for name in NAMES {
        let home = cluster.home(name, NODES);
        let mut conn = cluster.node(home).conn();
        let mut other = cluster.node((home + 1) % NODES).conn();
        ask(&mut conn, &[b"DEL", name]).expect("the slot is here");
        ask(&mut conn, &[b"LPUSH", name, b"{}", b"{\"headers\":{\"task\":\"t\"}}", b"x"]).expect("LPUSH");
        let clear: [&[u8]; 7] = [b"QADMIN.CLEARJOB", name, b"ALL", b"TASK", b"t", b"CONFIRM", name];
        let id = reply(&mut conn, &clear).text("job_id");
        let end = reply(&mut conn, &[b"QADMIN.STATUS", id.as_bytes(), b"QUEUE", name, b"WAIT", b"0"]);
        assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 1), "{end:?}");

        let slot = cluster.slot(name);
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("qadmin:*").query(&mut conn).expect("KEYS");
        let of_job = |key: &&Vec<u8>| key.ends_with(id.as_bytes());
        assert_eq!(keys.iter().filter(of_job).count(), 1, "{name:?}: {keys:?}");
        let in_slot: Vec<_> = keys.iter().filter(|key| cluster.slot(key) == slot).collect();
        assert!(in_slot.iter().any(of_job), "{name:?}: the record lies elsewhere: {keys:?}");
        assert!(in_slot.iter().any(|key| key.starts_with(b"qadmin:audit:")), "{name:?}: {keys:?}");

        routed(&mut conn, &mut other, name, &id, slot);
    }
}

#[test]
fn a_move_to_another_slot_is_refused_and_one_to_the_same_slot_works() {
    let cluster = Cluster::start(NODES, slow);
    let mut conn = cluster.node(cluster.home(b"celery", NODES)).conn();
    ask(&mut conn, &[b"LPUSH", b"celery", b"{}", b"{\"headers\":{\"task\":\"t\"}}"]).expect("LPUSH");
    let clear = |to: &'static [u8]| -> [&'static [u8]; 9] {
        [b"QADMIN.CLEARJOB", b"celery", b"ALL", b"TASK", b"t", b"TO", to, b"CONFIRM", b"celery"]
    };
    let refused = ask(&mut conn, &clear(b"parked")).expect_err("another slot");
    assert_eq!(refused.code(), Some("CROSSSLOT"), "{refused}");
    let id = reply(&mut conn, &clear(b"{celery}:parked")).text("job_id");
    let end = reply(&mut conn, &[b"QADMIN.STATUS", id.as_bytes(), b"QUEUE", b"celery", b"WAIT", b"0"]);
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 1), "{end:?}");
    assert_eq!(ask(&mut conn, &[b"LLEN", b"{celery}:parked"]).expect("LLEN"), Value::Int(1));
}

/// Checks how a cluster's client finds the node of a job, and which reply it receives from another node.
fn routed(conn: &mut Connection, other: &mut Connection, name: &[u8], id: &str, slot: usize) {
    for command in ["QADMIN.STATUS", "QADMIN.CANCEL", "QADMIN.PAUSE", "QADMIN.RESUME"] {
        let words: [&[u8]; 4] = [command.as_bytes(), id.as_bytes(), b"QUEUE", name];
        let keys =
            ask(conn, &[&[&b"COMMAND"[..], b"GETKEYS"], &words[..]].concat()).expect("COMMAND GETKEYS");
        assert_eq!(keys, Value::Array(vec![Value::BulkString(name.to_vec())]), "{command} {name:?}");
        let moved = ask(other, &words).expect_err("the job is on another node");
        assert_eq!(moved.code(), Some("MOVED"), "{moved}");
        assert!(moved.detail().is_some_and(|detail| detail.starts_with(&slot.to_string())), "{moved}");
        let unknown = ask(other, &words[..2]).expect_err("the job is on another node");
        assert_eq!(unknown.code(), Some("NOJOB"), "{unknown}");
        assert!(unknown.to_string().contains("QUEUE"), "{unknown}");
        assert_eq!(reply(conn, &words[..2]).text("status"), "completed");
    }
    let jobs = maps(&ask(conn, &[b"QADMIN.JOBS", b"QUEUE", name]).expect("QADMIN.JOBS"));
    assert_eq!(jobs.iter().map(|job| job.text("job_id")).collect::<Vec<_>>(), [id]);
}

/// Lets a slot be migrated between two nodes.
pub(crate) fn open_slot(cluster: &Cluster, slot: usize, from: usize, to: usize) {
    let line = |state: &str, id: String| format!("CLUSTER SETSLOT {slot} {state} {id}");
    tell(&mut cluster.node(to).conn(), &line("IMPORTING", cluster.id(from)));
    tell(&mut cluster.node(from).conn(), &line("MIGRATING", cluster.id(to)));
}

/// Migrates every key of a slot, as redis-cli does.
pub(crate) fn migrate(cluster: &Cluster, slot: usize, from: usize, to: usize) {
    let mut conn = cluster.node(from).conn();
    let port = cluster.node(to).port();
    loop {
        let keys = run(&mut conn, &format!("CLUSTER GETKEYSINSLOT {slot} 100")).expect("GETKEYSINSLOT");
        let Value::Array(keys) = keys else { panic!("a list of keys") };
        if keys.is_empty() {
            return;
        }
        for key in keys {
            tell(&mut conn, &format!("MIGRATE 127.0.0.1 {port} {} 0 60000", text(&key)));
        }
    }
}

#[test]
fn a_queue_that_moves_to_another_node_interrupts_its_job() {
    let cluster = Cluster::start(NODES, slow);
    let slot = cluster.slot(QUEUE.as_bytes());
    let from = cluster.home(QUEUE.as_bytes(), NODES);
    let to = (from + 1) % NODES;
    let mut conn = cluster.node(from).conn();
    let filled = Filled::new(cluster.node(from), 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    open_slot(&cluster, slot, from, to);
    // The queue is migrated first; its record is still here.
    tell(&mut conn, &format!("MIGRATE 127.0.0.1 {} {QUEUE} 0 60000", cluster.node(to).port()));
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "interrupted", "{end:?}");
    assert!(end.text("error").contains("moved to another node"), "{end:?}");
    eventually("nothing is pending", || {
        cluster.node(from).info("qadmin_records_owed").as_deref() == Some("0")
    });
    migrate(&cluster, slot, from, to);
    cluster.assign(slot, to);

    let mut there = cluster.node(to).conn();
    assert_eq!(filled.missing(&queue(&mut there)), end.int("deleted"), "no message was lost on the way");
    // The record was migrated, too.
    let job = crate::support::ask(&mut there, &format!("QADMIN.STATUS {id} QUEUE {QUEUE}"));
    assert_eq!((job.text("status"), job.int("deleted")), ("interrupted".into(), end.int("deleted")));
    assert_eq!(status(&mut there, &id).text("status"), "interrupted", "found by its id alone too");
    finish_the_work(&mut there, &filled);
}

#[test]
fn a_record_that_moves_first_interrupts_the_job_without_a_pending_write() {
    let cluster = Cluster::start(NODES, slow);
    let slot = cluster.slot(QUEUE.as_bytes());
    let from = cluster.home(QUEUE.as_bytes(), NODES);
    let to = (from + 1) % NODES;
    let mut conn = cluster.node(from).conn();
    let filled = Filled::new(cluster.node(from), 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    open_slot(&cluster, slot, from, to);
    let keys: Vec<String> = redis::cmd("KEYS").arg("qadmin:job:*").query(&mut conn).expect("KEYS");
    tell(&mut conn, &format!("MIGRATE 127.0.0.1 {} {} 0 60000", cluster.node(to).port(), keys[0]));
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "interrupted", "{end:?}");
    assert_eq!(filled.missing(&queue(&mut conn)), end.int("deleted"));
    eventually("nothing is pending", || {
        cluster.node(from).info("qadmin_records_owed").as_deref() == Some("0")
    });
    migrate(&cluster, slot, from, to);
    cluster.assign(slot, to);
    finish_the_work(&mut cluster.node(to).conn(), &filled);
}

#[test]
fn deleted_queue_completes_job_in_a_cluster() {
    let cluster = Cluster::start(NODES, slow);
    let from = cluster.home(QUEUE.as_bytes(), NODES);
    let mut conn = cluster.node(from).conn();
    Filled::new(cluster.node(from), 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    tell(&mut conn, &format!("DEL {QUEUE}"));
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
}

#[test]
fn cluster_failover_in_the_middle_of_a_clear_loses_nothing() {
    let mut cluster = Cluster::start(NODES, slow);
    let from = cluster.home(QUEUE.as_bytes(), NODES);
    let replica = cluster.add_replica(from, slow());
    let mut conn = cluster.node(from).conn();
    let filled = Filled::new(cluster.node(from), 4_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    let mut there = cluster.node(replica).conn();
    tell(&mut there, "CLUSTER FAILOVER");
    eventually("the replica took over", || {
        cluster.node(replica).info("role").as_deref() == Some("master")
            && cluster.node(from).info("role").as_deref() == Some("slave")
    });
    let missing = filled.missing(&queue(&mut there));
    let end = crate::support::ask(&mut there, &format!("QADMIN.STATUS {id} QUEUE {QUEUE}"));
    assert_eq!((end.text("status"), end.int("deleted")), ("interrupted".into(), missing), "{end:?}");
    finish_the_work(&mut there, &filled);
    crate::durability::until_caught_up(cluster.node(replica), cluster.node(from));
    crate::durability::assert_no_mismatch(cluster.node(from));
}

#[test]
fn a_deleted_queue_is_not_taken_for_a_moved_one_on_a_cluster_replica() {
    let mut cluster = Cluster::start(NODES, slow);
    let from = cluster.home(QUEUE.as_bytes(), NODES);
    let replica = cluster.add_replica(from, slow());
    Filled::new(cluster.node(from), 20_000, 40.0);
    let (mut conn, mut there) = (cluster.node(from).conn(), cluster.node(replica).conn());
    crate::durability::until_caught_up(cluster.node(from), cluster.node(replica));
    tell(&mut there, "READONLY");
    tell(&mut there, "CONFIG SET qadmin.inline-limit 0");
    // The whole queue is migrated at the moment at which the preview begins, or a little later.
    let preview = crate::support::ask(&mut there, &format!("QADMIN.PREVIEW {QUEUE} TASK x"));
    tell(&mut conn, &format!("DEL {QUEUE}"));
    let end = wait_for_job(&mut there, &preview.text("job_id"));
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");
}

#[test]
fn a_subscriber_on_any_node_gets_all_events_and_nodes_list_own_queues() {
    let cluster = Cluster::start(NODES, slow);
    let home = cluster.home(QUEUE.as_bytes(), NODES);
    let (here, other) = (cluster.node(home), cluster.node((home + 1) % NODES));
    let mut listener = other.raw();
    listener.line("SUBSCRIBE qadmin:events");
    let mut conn = here.conn();
    Filled::new(here, 200, 40.0);
    let id = start_clear(&mut conn);
    let mut heard = String::new();
    while !heard.contains("\"event\":\"end\"") {
        heard.push_str(&String::from_utf8_lossy(&listener.reply().expect("an event")));
    }
    assert!(heard.contains("\"event\":\"start\"") && heard.contains(&id), "{heard}");

    let queues = |conn: &mut Connection| {
        let found = reply(conn, &[b"QADMIN.QUEUES"]);
        (found.int("complete"), found.rows("queues").iter().map(|row| row.text("queue")).collect::<Vec<_>>())
    };
    assert_eq!(queues(&mut conn), (1, vec![QUEUE.to_string()]));
    assert_eq!(queues(&mut other.conn()), (1, vec![]));
    // The other priority lists are in other slots, unless the name has a hash tag.
    assert!(
        reply(&mut conn, &[b"QADMIN.PREVIEW", QUEUE.as_bytes(), b"TASK", b"t"])
            .is_null("other_priorities_depth")
    );
    let mut there = cluster.node(cluster.home(b"{q}", NODES)).conn();
    ask(&mut there, &[b"LPUSH", b"{q}\x06\x163", b"{}", b"{}"]).expect("LPUSH");
    assert_eq!(
        reply(&mut there, &[b"QADMIN.PREVIEW", b"{q}", b"TASK", b"t"]).int("other_priorities_depth"),
        2
    );
}
