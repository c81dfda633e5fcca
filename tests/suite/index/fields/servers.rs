//! Indexes that keep values, on replicas and over restarts, loads, swaps, moves and migrations: what they
//! answer afterwards is what a scan counts, and of messages that were there before only a bound of the
//! arrival is known.

use qadmin_harness::{Cluster, Fields as _, Server, eventually, module_path};
use redis::Connection;

use super::{compare, compare_stats, message, push};
use crate::cluster::{migrate, open_slot};
use crate::support::{ask, run, wait_for_job};

/// The setting that creates the index of most of these tests.
const SETTING: &str = "q:task,kwargs.x";

fn messages(ids: std::ops::Range<u64>) -> Vec<String> {
    let task = |id: u64| ["a.b", "c.d", "e.f"][usize::try_from(id % 3).expect("small")];
    ids.map(|id| message(id, task(id), &(id % 5).to_string())).collect()
}

fn set_index(conn: &mut Connection, setting: &str) {
    redis::cmd("CONFIG").arg(&["SET", "qadmin.index", setting]).exec(conn).expect("CONFIG SET");
}

/// Compares counts and groups of the index of a list with those of a scan.
fn agrees(conn: &mut Connection, queue: &str, more: &[&str], context: &str) {
    for words in [
        &["WHERE", "task", "=", "a.b"][..],
        &["WHERE", "kwargs.x", ">", "2", "WHERE", "task", "!=", "c.d"],
        &["WHERE", "task", "=", "nothing"],
    ] {
        compare(conn, queue, &[words, more].concat(), context);
    }
    for words in
        [&["GROUPBY", "1", "task"][..], &["WHERE", "kwargs.x", "<", "3", "GROUPBY", "2", "task", "kwargs.x"]]
    {
        compare_stats(conn, queue, &[words, more].concat(), context);
    }
}

/// Returns the number of messages, and of how many only a bound of the arrival is known.
fn known(conn: &mut Connection, queue: &str) -> (i64, i64) {
    let info = ask(conn, &format!("QADMIN.INDEX INFO {queue}"));
    (info.int("depth"), info.int("at_least"))
}

fn until_depth(conn: &mut Connection, queue: &str, depth: i64) {
    eventually("the replica has the messages", || {
        redis::cmd("LLEN").arg(queue).query::<i64>(conn).expect("LLEN") == depth
    });
}

fn digest(conn: &mut Connection) -> String {
    redis::cmd("DEBUG").arg("DIGEST").query(conn).expect("DEBUG DIGEST")
}

#[test]
fn a_replica_answers_by_an_index_of_its_own_and_writes_nothing() {
    let (primary, replica) = (Server::start(), Server::start());
    let (mut at_primary, mut at_replica) = (primary.conn(), replica.conn());
    set_index(&mut at_replica, SETTING);
    push(&mut at_primary, "q", &messages(0..20));
    replica.replica_of(&primary);
    replica.wait_for_link();
    until_depth(&mut at_replica, "q", 20);
    agrees(&mut at_replica, "q", &[], "after the full synchronization");
    assert_eq!(known(&mut at_replica, "q"), (20, 20));
    push(&mut at_primary, "q", &messages(20..30));
    run(&mut at_primary, "RPOP q 3").expect("RPOP");
    until_depth(&mut at_replica, "q", 27);
    agrees(&mut at_replica, "q", &[], "after pushes and pops");
    assert_eq!(known(&mut at_replica, "q"), (27, 17), "the replica saw the last ten arrive");
    let job = ask(&mut at_primary, "QADMIN.CLEARJOB q WHERE task = a.b ALL CONFIRM q").text("job_id");
    let deleted = wait_for_job(&mut at_primary, &job).int("deleted");
    until_depth(&mut at_replica, "q", 27 - deleted);
    agrees(&mut at_replica, "q", &[], "after a clear of the primary");
    eventually("both have the same data", || digest(&mut at_primary) == digest(&mut at_replica));
    assert_eq!(ask(&mut at_primary, "QADMIN.PREVIEW q WHERE task = c.d").text("source"), "scan");

    run(&mut at_replica, "REPLICAOF NO ONE").expect("REPLICAOF");
    let before = known(&mut at_replica, "q");
    agrees(&mut at_replica, "q", &[], "after the promotion");
    push(&mut at_replica, "q", &messages(30..40));
    run(&mut at_replica, "RPOP q").expect("RPOP");
    agrees(&mut at_replica, "q", &[], "after pushes to the new primary");
    let now = known(&mut at_replica, "q");
    assert_eq!(now, (before.0 + 9, before.1 - 1), "the promotion forgets nothing");

    replica.replica_of(&primary);
    replica.wait_for_link();
    until_depth(&mut at_replica, "q", 27 - deleted);
    agrees(&mut at_replica, "q", &[], "after another full synchronization");
    assert_eq!(known(&mut at_replica, "q"), (27 - deleted, 27 - deleted));
}

#[test]
fn restarts_and_loads_begin_anew_with_bounds_and_answer_right() {
    let mut server = Server::builder()
        .module()
        .config("appendonly yes")
        .config("appendfsync always")
        .config("save \"\"")
        .start();
    let mut conn = server.conn();
    set_index(&mut conn, SETTING);
    push(&mut conn, "q", &messages(0..30));
    run(&mut conn, "CONFIG REWRITE").expect("CONFIG REWRITE");
    agrees(&mut conn, "q", &[], "at first");
    assert_eq!(known(&mut conn, "q"), (30, 0));
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    agrees(&mut conn, "q", &[], "after kill -9 and a restart");
    assert_eq!(known(&mut conn, "q"), (30, 30));
    for (line, id) in [("DEBUG RELOAD", 30), ("DEBUG LOADAOF", 32), ("DEBUG RELOAD", 34)] {
        push(&mut conn, "q", &messages(id..id + 3));
        run(&mut conn, "RPOP q").expect("RPOP");
        agrees(&mut conn, "q", &[], "before a load");
        assert_eq!(known(&mut conn, "q").1, i64::try_from(id).expect("small") - 1, "before {line}");
        run(&mut conn, line).expect(line);
        agrees(&mut conn, "q", &[], line);
        let (depth, bounds) = known(&mut conn, "q");
        assert_eq!((depth, bounds), (i64::try_from(id).expect("small") + 2, depth), "after {line}");
    }
}

#[test]
fn flushes_swaps_and_moves_are_followed() {
    let server = Server::start();
    let mut conn = server.conn();
    set_index(&mut conn, &format!("{SETTING} 1/{SETTING}"));
    for (round, line) in
        ["FLUSHALL ASYNC", "FLUSHALL SYNC", "FLUSHDB ASYNC", "UNLINK q"].into_iter().enumerate()
    {
        push(&mut conn, "q", &messages(0..20));
        agrees(&mut conn, "q", &[], &format!("before {line}, round {round}"));
        run(&mut conn, line).expect(line);
        assert_eq!(ask(&mut conn, "QADMIN.PREVIEW q WHERE task = a.b").int("match_count"), 0, "{line}");
        push(&mut conn, "q", &messages(20..30));
        agrees(&mut conn, "q", &[], line);
        assert_eq!(known(&mut conn, "q"), (10, 0), "{line}: later pushes are exact");
        run(&mut conn, "DEL q").expect("DEL");
    }
    // Both have the same length, so that it tells nothing.
    push(&mut conn, "q", &messages(0..15));
    run(&mut conn, "SELECT 1").expect("SELECT");
    push(&mut conn, "q", &messages(10..25));
    agrees(&mut conn, "q", &[], "in database 1");
    run(&mut conn, "SWAPDB 0 1").expect("SWAPDB");
    agrees(&mut conn, "q", &[], "in database 1 after SWAPDB");
    assert_eq!(known(&mut conn, "q"), (15, 15));
    run(&mut conn, "SELECT 0").expect("SELECT");
    agrees(&mut conn, "q", &[], "in database 0 after SWAPDB");
    assert_eq!(known(&mut conn, "q"), (15, 15));
    run(&mut conn, "DEL q").expect("DEL");
    run(&mut conn, "SELECT 1").expect("SELECT");
    run(&mut conn, "MOVE q 0").expect("MOVE");
    assert_eq!(known(&mut conn, "q"), (0, 0));
    run(&mut conn, "SELECT 0").expect("SELECT");
    agrees(&mut conn, "q", &[], "after MOVE into its database");
    assert_eq!(known(&mut conn, "q"), (15, 15));
}

#[test]
fn the_lists_of_a_queue_with_priorities_add_up() {
    let server = Server::start();
    let mut conn = server.conn();
    let lists = ["q", "q\u{6}\u{16}3", "q\u{6}\u{16}6"];
    for (list, ids) in lists.into_iter().zip([0..20, 20..31, 31..40]) {
        push(&mut conn, list, &messages(ids));
    }
    set_index(&mut conn, "q:task,kwargs.x q%06%163:task,kwargs.x");
    let all = ["PRIORITY", "ALL"];
    let source = |conn: &mut Connection| {
        let reply = ask(conn, "QADMIN.PREVIEW q WHERE task = a.b PRIORITY ALL");
        (reply.text("source"), reply.int("match_count"))
    };
    // One list has no index: the others may narrow the count.
    assert_eq!(source(&mut conn).1, 14);
    set_index(&mut conn, "q:task,kwargs.x q%06%163:task,kwargs.x q%06%166:task,kwargs.x");
    let settled = |conn: &mut Connection| {
        for list in lists {
            super::until_read(conn, list);
        }
    };
    settled(&mut conn);
    agrees(&mut conn, "q", &all, "three lists");
    let one = |conn: &mut Connection, list: &str| {
        ask(conn, &format!("QADMIN.PREVIEW {list} WHERE task = a.b")).int("match_count")
    };
    let sum: i64 = lists.into_iter().map(|list| one(&mut conn, list)).sum();
    assert_eq!(source(&mut conn), ("index".to_owned(), sum));
    run(&mut conn, "RPOP q 2").expect("RPOP");
    push(&mut conn, lists[2], &messages(40..60));
    settled(&mut conn);
    agrees(&mut conn, "q", &all, "after pushes and pops");
    run(&mut conn, &format!("DEL {}", lists[1])).expect("DEL");
    settled(&mut conn);
    agrees(&mut conn, "q", &all, "after one list is gone");
    let job = ask(&mut conn, "QADMIN.CLEARJOB q WHERE task = c.d ALL PRIORITY ALL CONFIRM q").text("job_id");
    wait_for_job(&mut conn, &job);
    settled(&mut conn);
    agrees(&mut conn, "q", &all, "after a clear");
    assert_eq!(ask(&mut conn, "QADMIN.PREVIEW q WHERE task = c.d PRIORITY ALL").int("match_count"), 0);
}

#[test]
fn lists_of_sidekiq_and_resque_are_answered_by_index() {
    let server = Server::start();
    let mut conn = server.conn();
    let made = |ids: std::ops::Range<u64>| -> Vec<String> {
        ids.map(|id| {
            format!(r#"{{"class":"W{}","args":[{},"x"],"jid":"{id:024}","queue":"default"}}"#, id % 3, id % 4)
        })
        .collect()
    };
    for (queue, kind, push_end, pop) in
        [("queue:default", "sidekiq", "LPUSH", "RPOP"), ("resque:queue:default", "resque", "RPUSH", "LPOP")]
    {
        let put = |conn: &mut Connection, ids| {
            redis::cmd(push_end).arg(queue).arg(made(ids)).exec(conn).expect(push_end);
        };
        put(&mut conn, 0..20);
        let created = ask(&mut conn, &format!("QADMIN.INDEX CREATE {queue} AS {kind} FIELDS 2 task args.0"));
        assert_eq!(created.text("message_kind"), kind);
        let agrees = |conn: &mut Connection, context: &str| {
            for words in
                [&["WHERE", "task", "=", "W1", "AS", kind][..], &["WHERE", "args.0", ">=", "2", "AS", kind]]
            {
                compare(conn, queue, words, context);
            }
            compare_stats(conn, queue, &["GROUPBY", "1", "task", "AS", kind], context);
        };
        agrees(&mut conn, "at first");
        put(&mut conn, 20..40);
        run(&mut conn, &format!("{pop} {queue} 15")).expect(pop);
        // A worker that is killed puts its job back where workers pop.
        let back = if push_end == "LPUSH" { "RPUSH" } else { "LPUSH" };
        redis::cmd(back).arg(queue).arg(made(40..41)).exec(&mut conn).expect(back);
        agrees(&mut conn, "after pushes and pops");
        assert_eq!(known(&mut conn, queue), (26, 5), "{queue}");
        let line = format!("QADMIN.CLEARJOB {queue} WHERE task = W1 ALL CONFIRM {queue} AS {kind}");
        let job = ask(&mut conn, &line).text("job_id");
        wait_for_job(&mut conn, &job);
        agrees(&mut conn, "after a clear");
        // Read as another kind, the messages have other values: the index does not answer.
        let other = ask(&mut conn, &format!("QADMIN.PREVIEW {queue} WHERE task = W1 AS celery"));
        assert_eq!(other.text("source"), "scan");
    }
}

#[test]
fn a_slot_that_moves_to_another_node_is_another_list_there() {
    const NODES: usize = 3;
    let cluster = Cluster::start(NODES, || Server::builder().module());
    let slot = cluster.slot(b"q");
    let from = cluster.home(b"q", NODES);
    let to = (from + 1) % NODES;
    let (mut here, mut there) = (cluster.node(from).conn(), cluster.node(to).conn());
    set_index(&mut here, SETTING);
    set_index(&mut there, SETTING);
    push(&mut here, "q", &messages(0..30));
    agrees(&mut here, "q", &[], "before the migration");
    open_slot(&cluster, slot, from, to);
    migrate(&cluster, slot, from, to);
    cluster.assign(slot, to);
    agrees(&mut there, "q", &[], "where the list is now");
    assert_eq!(known(&mut there, "q"), (30, 30));
    push(&mut there, "q", &messages(30..40));
    run(&mut there, "RPOP q").expect("RPOP");
    agrees(&mut there, "q", &[], "after pushes and pops");
    assert_eq!(known(&mut there, "q"), (39, 29));
    let gone = run(&mut here, "QADMIN.PREVIEW q WHERE task = a.b").expect_err("the slot is elsewhere");
    assert_eq!(gone.code(), Some("MOVED"), "{gone}");
    // And back, where the index has not been dropped.
    open_slot(&cluster, slot, to, from);
    migrate(&cluster, slot, to, from);
    cluster.assign(slot, from);
    agrees(&mut here, "q", &[], "back again");
    assert_eq!(known(&mut here, "q"), (39, 39));
}

#[test]
fn the_module_can_be_unloaded_with_an_index_and_loaded_again() {
    let server = Server::plain();
    let mut conn = server.conn();
    let load = format!(
        "MODULE LOADEX {} CONFIG qadmin.index {SETTING}",
        module_path().expect("the module is built").display()
    );
    run(&mut conn, &load).expect("MODULE LOADEX");
    push(&mut conn, "q", &messages(0..200));
    agrees(&mut conn, "q", &[], "at first");
    // Messages are unread, and reading is planned, when the module goes.
    push(&mut conn, "q", &messages(200..2_000));
    run(&mut conn, "MODULE UNLOAD qadmin").expect("MODULE UNLOAD");
    push(&mut conn, "q", &messages(2_000..2_010));
    run(&mut conn, "RPOP q 5").expect("RPOP");
    assert!(run(&mut conn, "QADMIN.INDEX LIST").is_err());
    run(&mut conn, &load).expect("MODULE LOADEX");
    agrees(&mut conn, "q", &[], "after the module was loaded again");
    assert_eq!(known(&mut conn, "q"), (2_005, 2_005));
}
