//! An undo after a restart, on replicas, after a failover and in a cluster.

use qadmin_harness::{Cluster, Fields as _, Server, eventually};
use redis::{Connection, Value};

use super::{LIST, PARKED, UNDO, count, error, job, list, park, tell};
use crate::durability::{assert_no_mismatch, digest, in_memory, slow, until_caught_up, until_deleted};
use crate::options::{messages, push_to};
use crate::support::{ask, run, wait_for_job};

#[test]
fn an_interrupted_undo_is_continued_after_a_restart_from_its_record() {
    for dump in [false, true] {
        let builder = if dump { in_memory().config("save 3600 1") } else { slow() };
        let mut server = builder.start();
        let mut conn = server.conn();
        push_to(&mut conn, "celery", &messages(30, 2_000));
        let moved = park(&mut conn).int("deleted");
        push_to(&mut conn, LIST, &messages(31, 20));
        if dump {
            tell(&mut conn, "SAVE");
        }
        server.restart();
        let mut conn = server.conn();
        let mut both = redis::pipe();
        both.atomic().cmd("QADMIN.UNDO").arg(&[PARKED, "CONFIRM", LIST, "ID", UNDO]);
        both.cmd("QADMIN.THROTTLE").arg(&[UNDO, "RATE", "500"]);
        both.exec(&mut conn).expect("EXEC");
        until_deleted(&mut conn, UNDO, 100);
        if dump {
            tell(&mut conn, "SAVE");
        }
        server.kill9();
        server.start_again();
        let mut conn = server.conn();
        let mut first = 0;
        eventually("the record says that it was interrupted", || {
            let status = ask(&mut conn, &format!("QADMIN.STATUS {UNDO}"));
            first = status.int("undone");
            status.text("status") == "interrupted"
        });
        assert!((100..moved).contains(&first), "{first} of {moved}");
        let undone = ask(&mut conn, &format!("QADMIN.STATUS {PARKED}"));
        assert_eq!((undone.text("undone_by"), undone.int("undone")), (UNDO.into(), first));
        let again = job(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}"));
        assert_eq!((again.int("deleted"), again.int("undone")), (moved - first, moved), "{again:?}");
        assert_eq!(count(&list(&mut conn, LIST)), 20);
        assert_eq!(count(&list(&mut conn, "celery")), 2_000);
        assert_no_mismatch(&server);
        // The record after another restart says so, too.
        if dump {
            tell(&mut conn, "SAVE");
        }
        server.restart();
        let mut conn = server.conn();
        assert!(error(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}")).contains("was undone by"));
    }
}

#[test]
fn a_replica_refuses_and_undoes_when_it_has_become_the_primary() {
    let (primary, replica) = (in_memory().start(), in_memory().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    push_to(&mut conn, "celery", &messages(32, 3_000));
    let moved = park(&mut conn).int("deleted");
    until_caught_up(&primary, &replica);
    let mut there = replica.conn();
    let line = format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}");
    assert_eq!(run(&mut there, &line).expect_err("a replica").code(), Some("READONLY"));
    let mut both = redis::pipe();
    both.atomic().cmd("QADMIN.UNDO").arg(&[PARKED, "CONFIRM", LIST, "ID", UNDO]);
    both.cmd("QADMIN.THROTTLE").arg(&[UNDO, "RATE", "200"]);
    both.exec(&mut conn).expect("EXEC");
    until_deleted(&mut conn, UNDO, 20);
    tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
    until_caught_up(&primary, &replica);
    assert_eq!(digest(&mut conn), digest(&mut there), "primary and replica differ");
    let first = ask(&mut there, &format!("QADMIN.STATUS {PARKED}")).int("undone");
    assert!((20..moved).contains(&first));
    tell(&mut there, "REPLICAOF NO ONE");
    eventually("the new primary says that the undo was interrupted", || {
        ask(&mut there, &format!("QADMIN.STATUS {UNDO}")).text("status") == "interrupted"
    });
    let again = job(&mut there, &line);
    assert_eq!((again.int("deleted"), again.int("undone")), (moved - first, moved), "{again:?}");
    assert_eq!(count(&list(&mut there, "celery")), 3_000);
    assert_no_mismatch(&replica);
}

#[test]
fn replica_and_append_only_file_equal_the_primary_after_an_undo() {
    let (mut primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    push_to(&mut conn, "celery", &messages(33, 1_000));
    park(&mut conn);
    for front in ["", " FRONT"] {
        let id = job(&mut conn, "QADMIN.CLEARJOB celery TASK o ALL TO other CONFIRM celery").text("job_id");
        job(&mut conn, &format!("QADMIN.UNDO {id} CONFIRM other{front}"));
    }
    job(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}"));
    until_caught_up(&primary, &replica);
    let before = digest(&mut conn);
    assert_eq!(before, digest(&mut replica.conn()), "the replica differs");
    primary.restart();
    assert_eq!(before, digest(&mut primary.conn()), "the append-only file differs");
    for server in [&primary, &replica] {
        assert_no_mismatch(server);
    }
}

fn words(conn: &mut Connection, words: &[&[u8]]) -> redis::RedisResult<Value> {
    let mut command = redis::cmd(std::str::from_utf8(words[0]).expect("a name"));
    for word in &words[1..] {
        command.arg(word);
    }
    command.query(conn)
}

#[test]
fn parked_lists_and_journals_are_in_the_slot_of_the_queue_for_any_name() {
    let cluster = Cluster::start(3, slow);
    for name in [&b"celery"[..], b"{a}b", b"a}b", b"{}x", b"x{}y}", b"", b"{{x}}", b"a{b"] {
        let home = cluster.home(name, 3);
        let mut conn = cluster.node(home).conn();
        let message = b"{\"headers\":{\"task\":\"t\"}}";
        words(&mut conn, &[b"LPUSH", name, b"{}", message, b"x"]).expect("LPUSH");
        let park: [&[u8]; 8] = [b"QADMIN.CLEARJOB", name, b"ALL", b"TASK", b"t", b"PARK", b"CONFIRM", name];
        let parked = qadmin_harness::map(&words(&mut conn, &park).expect("PARK"));
        let (id, to) = (parked.text("job_id"), parked.text("to"));
        let status = |conn: &mut Connection, id: &str| {
            let ask: [&[u8]; 6] = [b"QADMIN.STATUS", id.as_bytes(), b"QUEUE", name, b"WAIT", b"0"];
            words(conn, &ask).map(|reply| qadmin_harness::map(&reply))
        };
        assert_eq!(status(&mut conn, &id).expect("STATUS").int("deleted"), 1, "{name:?}");
        assert_eq!(cluster.slot(to.as_bytes()), cluster.slot(name), "{to}");
        assert!(to.contains("parked") && to.contains(&id[..8]), "{to}");
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("qadmin:moved:*").query(&mut conn).expect("KEYS");
        let journal = keys.iter().find(|key| key.ends_with(id.as_bytes())).expect("a journal");
        assert_eq!(cluster.slot(journal), cluster.slot(name));
        // A client finds the node by the queue, and other nodes redirect it.
        let undo: [&[u8]; 6] = [b"QADMIN.UNDO", id.as_bytes(), b"QUEUE", name, b"CONFIRM", to.as_bytes()];
        let mut other = cluster.node((home + 1) % 3).conn();
        assert_eq!(words(&mut other, &undo).expect_err("elsewhere").code(), Some("MOVED"), "{name:?}");
        let undo = qadmin_harness::map(&words(&mut conn, &undo).expect("UNDO")).text("job_id");
        let ask: [&[u8]; 6] = [b"QADMIN.STATUS", undo.as_bytes(), b"QUEUE", to.as_bytes(), b"WAIT", b"0"];
        let end = qadmin_harness::map(&words(&mut conn, &ask).expect("STATUS"));
        assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 1), "{name:?}: {end:?}");
        assert_eq!(status(&mut conn, &id).expect("STATUS").int("undone"), 1, "{name:?}");
        assert_eq!(words(&mut conn, &[b"LLEN", name]).expect("LLEN"), Value::Int(3));
    }
}

#[test]
fn an_undo_of_more_than_one_slice_of_claims_reads_them_all() {
    let server = Server::start();
    let mut conn = server.conn();
    crate::stage::set(&mut conn, "slice-us 50");
    push_to(&mut conn, "celery", &messages(34, 60_000));
    let moved = park(&mut conn).int("deleted");
    let undo = job(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}"));
    assert_eq!((undo.text("status"), undo.int("deleted")), ("completed".into(), moved), "{undo:?}");
    let gone = wait_for_job(&mut conn, PARKED);
    assert_eq!(gone.int("undone"), moved);
}

#[test]
fn former_primary_knows_later_undos() {
    let (first, second) = (in_memory().start(), in_memory().start());
    second.replica_of(&first);
    let (mut conn, mut there) = (first.conn(), second.conn());
    push_to(&mut conn, "celery", &messages(35, 300));
    let moved = park(&mut conn).int("deleted");
    until_caught_up(&first, &second);
    tell(&mut there, "REPLICAOF NO ONE");
    first.replica_of(&second);
    let line = format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}");
    assert_eq!(job(&mut there, &line).int("deleted"), moved);
    until_caught_up(&second, &first);
    tell(&mut conn, "REPLICAOF NO ONE");
    // It remembers the job from its own time, but not the undo.
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {PARKED}")).int("undone"), moved);
    assert!(error(&mut conn, &line).contains("was undone by"));
}
