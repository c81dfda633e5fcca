//! Indexes on replicas, over restarts and loads, and as a setting.

use qadmin_harness::{Fields as _, Server, eventually, maps};
use redis::Connection;

use super::{Known, Want, check, push};
use crate::support::{ask, run, wait_for_job};

/// Returns the value of the setting.
fn setting(conn: &mut Connection) -> String {
    let pair: Vec<String> =
        redis::cmd("CONFIG").arg("GET").arg("qadmin.index").query(conn).expect("CONFIG GET");
    pair[1].clone()
}

/// Returns the keys with an index, and their databases.
fn indexed(conn: &mut Connection) -> Vec<(String, i64)> {
    let list = maps(&run(conn, "QADMIN.INDEX LIST").expect("LIST"));
    list.iter().map(|row| (row.text("queue"), row.int("db"))).collect()
}

fn bounds(list: &mut [Known]) {
    list.iter_mut().for_each(|known| known.known = Want::Bound);
}

fn pushed_left(conn: &mut Connection, queue: &str, ids: &[u64]) -> Vec<Known> {
    let mut list = push(conn, queue, "LPUSH", ids);
    list.reverse();
    list
}

#[test]
fn the_setting_is_what_commands_made_it_and_the_other_way_round() {
    let server = Server::start();
    let mut conn = server.conn();
    assert_eq!(setting(&mut conn), "");
    ask(&mut conn, "QADMIN.INDEX CREATE a");
    let list = pushed_left(&mut conn, "a", &[1, 2]);
    run(&mut conn, "SELECT 3").expect("SELECT");
    ask(&mut conn, "QADMIN.INDEX CREATE queue:b AS sidekiq");
    run(&mut conn, "SELECT 0").expect("SELECT");
    assert_eq!(setting(&mut conn), "a 3/queue:b@sidekiq");
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("qadmin.index")
        .arg("c a")
        .query::<()>(&mut conn)
        .expect("CONFIG SET");
    assert_eq!(indexed(&mut conn), [("c".to_owned(), 0), ("a".to_owned(), 0)]);
    check(&mut conn, "a", &list, "an index that stays keeps what it knows");
    for wrong in ["a a", "queue:b", "q@nothing", "q%4"] {
        let set = redis::cmd("CONFIG").arg("SET").arg("qadmin.index").arg(wrong).query::<()>(&mut conn);
        set.expect_err(wrong);
        assert_eq!(setting(&mut conn), "c a", "{wrong} changed it");
    }
}

#[test]
fn the_definitions_survive_a_restart_and_the_ages_do_not() {
    let mut server = Server::builder().module().config("appendonly yes").config("save \"\"").start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    ask(&mut conn, "QADMIN.INDEX CREATE celery\u{6}\u{16}3");
    let mut list = pushed_left(&mut conn, "q", &[1, 2, 3]);
    run(&mut conn, "CONFIG REWRITE").expect("CONFIG REWRITE");
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    assert_eq!(setting(&mut conn), "q celery%06%163");
    eventually("the lists were looked at", || ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "ready");
    bounds(&mut list);
    check(&mut conn, "q", &list, "after a restart");
    for more in pushed_left(&mut conn, "q", &[4]) {
        list.insert(0, more);
    }
    // There is no request in between, so each event is reported once.
    for more in pushed_left(&mut conn, "q", &[5]) {
        list.insert(0, more);
    }
    run(&mut conn, "RPOP q 2").expect("RPOP");
    list.truncate(list.len() - 2);
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("pushed"), info.int("popped"), info.int("exact")), (2, 2, 2), "{info:?}");
    check(&mut conn, "q", &list, "after a restart and two pushes");
    let job = ask(&mut conn, "QADMIN.CLEARJOB q WHERE age > 1d ALL CONFIRM q");
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 0);
    // The index is not in the dataset: a server without the module can load the file, except for the jobs
    // that cleared.
    run(&mut conn, "DEBUG LOADAOF").expect("DEBUG LOADAOF");
    bounds(&mut list);
    check(&mut conn, "q", &list, "after the append-only file was loaded");
}

#[test]
fn a_module_that_is_loaded_into_a_running_server_looks_at_once() {
    let server = Server::plain();
    let mut conn = server.conn();
    let mut list = pushed_left(&mut conn, "q", &[1, 2]);
    bounds(&mut list);
    let module = qadmin_harness::module_path().expect("the module is built");
    run(&mut conn, &format!("MODULE LOADEX {} CONFIG qadmin.index q", module.display()))
        .expect("MODULE LOADEX");
    check(&mut conn, "q", &list, "after the module was loaded");
    run(&mut conn, "MODULE UNLOAD qadmin").expect("an index is no reason to stay");
}

#[test]
fn a_replica_has_its_own_index_and_follows_clears_by_position() {
    let primary = Server::start();
    let replica = Server::start();
    let (mut at_primary, mut at_replica) = (primary.conn(), replica.conn());
    let mut list = pushed_left(&mut at_primary, "q", &[1, 2]);
    replica.replica_of(&primary);
    replica.wait_for_link();
    ask(&mut at_replica, "QADMIN.INDEX CREATE q");
    bounds(&mut list);
    let see = |conn: &mut Connection, len: i64| {
        eventually("the replica has caught up", || ask(conn, "QADMIN.INDEX INFO q").int("depth") == len);
    };
    list = [push_and_wait(&mut at_primary, &mut at_replica, &[3, 4, 5]), list].concat();
    check(&mut at_replica, "q", &list, "on the replica");
    let job = ask(&mut at_primary, "QADMIN.CLEARJOB q WHERE id IN 2 1 4 ALL CONFIRM q");
    assert_eq!(wait_for_job(&mut at_primary, &job.text("job_id")).int("deleted"), 2);
    see(&mut at_replica, 3);
    list.retain(|known| ![1, 4].contains(&known.id));
    check(&mut at_replica, "q", &list, "after a clear of the primary");
    let error = run(&mut at_primary, "QADMIN.INDEX INFO q").expect_err("it is the replica's own").to_string();
    assert!(error.contains("has no index"), "{error}");

    run(&mut at_replica, "REPLICAOF NO ONE").expect("REPLICAOF");
    check(&mut at_replica, "q", &list, "after the promotion");
    list = [pushed_left(&mut at_replica, "q", &[6]), list].concat();
    check(&mut at_replica, "q", &list, "after a push to the new primary");

    // A full synchronization replaces the dataset.
    replica.replica_of(&primary);
    replica.wait_for_link();
    list.retain(|known| known.id != 6);
    bounds(&mut list);
    see(&mut at_replica, 3);
    check(&mut at_replica, "q", &list, "after a full synchronization");
}

/// Pushes to the primary. A message arrives at the replica when the replica applies the push, which is before
/// this function returns.
fn push_and_wait(primary: &mut Connection, replica: &mut Connection, ids: &[u64]) -> Vec<Known> {
    let before: i64 = redis::cmd("LLEN").arg("q").query(replica).expect("LLEN");
    let mut pushed = pushed_left(primary, "q", ids);
    let len = before + i64::try_from(ids.len()).expect("few");
    eventually("the replica has the messages", || {
        redis::cmd("LLEN").arg("q").query::<i64>(replica).expect("LLEN") == len
    });
    pushed.iter_mut().for_each(|known| known.pushed.1 = super::now_ms());
    pushed
}

#[test]
fn flushes_and_swaps_concern_the_databases_that_they_name() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    let mut list = pushed_left(&mut conn, "q", &[1, 2]);
    run(&mut conn, "SELECT 1").expect("SELECT");
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    let mut other = pushed_left(&mut conn, "q", &[3]);
    run(&mut conn, "FLUSHDB").expect("FLUSHDB");
    check(&mut conn, "q", &[], "after FLUSHDB");
    run(&mut conn, "SELECT 0").expect("SELECT");
    check(&mut conn, "q", &list, "after FLUSHDB of another database");
    run(&mut conn, "SWAPDB 0 1").expect("SWAPDB");
    check(&mut conn, "q", &[], "after SWAPDB");
    other.clear();
    run(&mut conn, "SELECT 1").expect("SELECT");
    bounds(&mut list);
    check(&mut conn, "q", &list, "after SWAPDB, in the other database");
    run(&mut conn, "FLUSHALL").expect("FLUSHALL");
    check(&mut conn, "q", &[], "after FLUSHALL");
    let list = pushed_left(&mut conn, "q", &[4]);
    check(&mut conn, "q", &list, "after FLUSHALL and a push");
}

#[test]
fn what_is_moved_to_a_list_arrives_there() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    ask(&mut conn, "QADMIN.INDEX CREATE parked");
    let list = pushed_left(&mut conn, "q", &[1, 2, 3]);
    let before = super::now_ms();
    let job = ask(&mut conn, "QADMIN.CLEARJOB q WHERE id IN 2 1 3 ALL TO parked CONFIRM q");
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 2);
    let pushed = (before, super::now_ms());
    check(&mut conn, "q", &list[1..2], "where they were");
    let moved = |id| Known { id, pushed, known: Want::Exact };
    check(&mut conn, "parked", &[moved(3), moved(1)], "where they are");
}
