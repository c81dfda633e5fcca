//! Slots move as a whole to another node, with a clear at work in them: CLUSTER MIGRATESLOTS of Valkey 9, CLUSTER MIGRATION of
//! Redis 8.4.

use std::path::PathBuf;

use qadmin_harness::{Builder, Cluster, Fields as _, Server, eventually, leave_out, workspace_root};
use redis::{Connection, Value};

use crate::durability::{
    Filled, QUEUE, assert_no_mismatch, clear_line, digest, hurry, queue, slow, start_clear, until_caught_up,
    until_deleted,
};
use crate::support::{ask, run, wait_for_job};

const NODES: usize = 2;

/// A server that moves slots as a whole.
#[derive(Debug, Clone)]
struct Kind {
    program: PathBuf,
    is_valkey: bool,
}

impl Kind {
    fn builder(&self) -> Builder {
        slow().binary(&self.program)
    }

    /// Asks for the move of the queue's slot to another node. Returns an error if the server refuses that at once.
    fn begin(&self, cluster: &Cluster, from: usize, to: usize) -> redis::RedisResult<Value> {
        let slot = cluster.slot(QUEUE.as_bytes());
        if self.is_valkey {
            let line = format!("CLUSTER MIGRATESLOTS SLOTSRANGE {slot} {slot} NODE {}", cluster.id(to));
            run(&mut cluster.node(from).conn(), &line)
        } else {
            run(&mut cluster.node(to).conn(), &format!("CLUSTER MIGRATION IMPORT {slot} {slot}"))
        }
    }
}

/// Returns the installed servers that can do it. Reports it if there is none.
fn kinds() -> Vec<Kind> {
    let found: Vec<Kind> = [("sid-valkey", true), ("experimental-redis", false)]
        .into_iter()
        .map(|(name, is_valkey)| {
            let program = workspace_root().join("target/servers").join(name).join("run");
            Kind { program, is_valkey }
        })
        .filter(|kind| kind.program.is_file() && moves_slots(kind))
        .collect();
    if found.is_empty() {
        leave_out("servers", "none moves slots as a whole; `make servers` gets some");
    }
    found
}

fn moves_slots(kind: &Kind) -> bool {
    let asked = if kind.is_valkey { "GETSLOTMIGRATIONS" } else { "MIGRATION" };
    let server = Server::builder().binary(&kind.program).start();
    let words =
        redis::cmd("COMMAND").arg("INFO").arg(format!("cluster|{asked}")).query::<Value>(&mut server.conn());
    matches!(words, Ok(Value::Array(found)) if found.iter().any(|command| *command != Value::Nil))
}

fn owns(conn: &mut Connection) -> bool {
    run(conn, &format!("LLEN {QUEUE}")).is_ok()
}

/// Moves the slot while a producer pushes, and returns how many messages it pushed.
fn move_with_traffic(kind: &Kind, cluster: &Cluster, from: usize, to: usize) -> i64 {
    let (mut here, mut there) = (cluster.node(from).conn(), cluster.node(to).conn());
    kind.begin(cluster, from, to).expect("the move begins");
    let (mut pushed, mut arrived) = (0, 0);
    eventually("the slot has moved", || {
        let line = format!("LPUSH {QUEUE} later:{pushed}");
        if run(&mut here, &line).is_ok() {
            pushed += 1;
        } else if run(&mut there, &line).is_ok() {
            pushed += 1;
            arrived += 1;
        }
        arrived > 10
    });
    pushed
}

/// Checks that the queue begins with what was pushed later, and returns the rest.
fn without_later(conn: &mut Connection, pushed: i64) -> Vec<Vec<u8>> {
    let mut all = queue(conn);
    let rest = all.split_off(usize::try_from(pushed).expect("small"));
    let expected = (0..pushed).rev().map(|at| format!("later:{at}").into_bytes());
    assert!(all.into_iter().eq(expected), "what was pushed later is there, in its order");
    rest
}

#[test]
fn a_clear_whose_slot_moves_is_exact_and_goes_on_at_the_other_node() {
    for kind in kinds() {
        for options in ["", "TO {celery}:other"] {
            moved(&kind, options);
        }
    }
}

fn moved(kind: &Kind, options: &str) {
    let mut cluster = Cluster::start(NODES, || kind.builder());
    let from = cluster.home(QUEUE.as_bytes(), NODES);
    let to = (from + 1) % NODES;
    let replica = cluster.add_replica(to, kind.builder());
    let filled = Filled::new(cluster.node(from), 6_000, 50.0);
    let mut conn = cluster.node(from).conn();
    // The clear takes ten seconds at least, however fast the machine is.
    let id = ask(&mut conn, &format!("{} {options} RATE 300", clear_line())).text("job_id");
    until_deleted(&mut conn, &id, 200);

    let pushed = move_with_traffic(kind, &cluster, from, to);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "interrupted", "{end:?}");
    let mut there = cluster.node(to).conn();
    let missing = filled.missing(&without_later(&mut there, pushed));
    assert_eq!(end.int("deleted"), missing, "what the job reported, and nothing else");
    assert!(missing < filled.matches(), "it was interrupted");
    if !options.is_empty() {
        let moved: i64 = redis::cmd("LLEN").arg("{celery}:other").query(&mut there).expect("LLEN");
        assert_eq!(moved, missing);
    }
    // The record has come with the slot, and the node corrects it by itself.
    let status = |conn: &mut Connection, id: &str| ask(conn, &format!("QADMIN.STATUS {id} QUEUE {QUEUE}"));
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("qadmin:job:*").query(&mut there).expect("KEYS");
    assert_eq!(keys.len(), 1, "one record");
    eventually("the record is corrected", || {
        redis::cmd("HGET").arg(&keys[0]).arg("status").query::<String>(&mut there).expect("HGET")
            == "interrupted"
    });
    assert_eq!(status(&mut there, &id).int("deleted"), missing);

    // The node is killed, reads its file, and goes on from there.
    until_caught_up(cluster.node(to), cluster.node(replica));
    assert_eq!(digest(&mut there), digest(&mut cluster.node(replica).conn()), "the replica differs");
    hurry(&mut there);
    let next = ask(&mut there, &format!("QADMIN.RESUME {id} QUEUE {QUEUE}"));
    assert_eq!((next.text("continues"), next.int("deleted_before")), (id, missing));
    ask(&mut there, &format!("QADMIN.THROTTLE {} RATE 0 QUEUE {QUEUE}", next.text("job_id")));
    let next = ask(&mut there, &format!("QADMIN.STATUS {} QUEUE {QUEUE} WAIT 0", next.text("job_id")));
    assert_eq!((next.text("status"), next.int("deleted")), ("completed".into(), filled.matches() - missing));
    assert_eq!(without_later(&mut there, pushed), filled.survivors());
    until_caught_up(cluster.node(to), cluster.node(replica));
    assert_eq!(digest(&mut there), digest(&mut cluster.node(replica).conn()), "the replica differs");
    for node in [from, to, replica] {
        assert_no_mismatch(cluster.node(node));
    }
}

#[test]
fn a_node_without_the_module_misses_no_slice() {
    for kind in kinds().into_iter().filter(|kind| kind.is_valkey) {
        let first = std::cell::Cell::new(true);
        // The slot of the queue belongs to the first node.
        let cluster = Cluster::start(NODES, || {
            if first.take() { kind.builder() } else { Server::builder().binary(&kind.program) }
        });
        let from = cluster.home(QUEUE.as_bytes(), NODES);
        assert_eq!(from, 0);
        let filled = Filled::new(cluster.node(from), 4_000, 50.0);
        let mut conn = cluster.node(from).conn();
        let id = start_clear(&mut conn);
        until_deleted(&mut conn, &id, 100);
        // The server fails the move with the first slice that reaches the other node. It succeeds if none does.
        kind.begin(&cluster, from, 1).expect("the move begins");
        hurry(&mut conn);
        let end = wait_for_job(&mut conn, &id);
        match end.text("status").as_str() {
            "completed" => {
                assert!(owns(&mut conn));
                assert_eq!(queue(&mut conn), filled.survivors());
            }
            status => {
                assert_eq!(status, "interrupted", "{end:?}");
                let mut there = cluster.node(1).conn();
                eventually("the slot has moved", || owns(&mut there));
                assert_eq!(filled.missing(&queue(&mut there)), end.int("deleted"));
            }
        }
    }
}
