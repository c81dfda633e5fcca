//! Clears of queues whose index keeps values: they read what the index does not exclude, and clear what they
//! would clear without it.

mod counts;
mod traffic;

use qadmin_harness::{Fields as _, Server, c_module, eventually};
use redis::{Connection, Value};

use super::fields::{message, push};
use crate::durability::{assert_no_mismatch, until_caught_up};
use crate::model::rng::Rng;
use crate::support::{Reply, ask, run, wait_for_job};

/// The control byte between the name of a queue and the step of one of its priority lists.
const STEP: &str = "\x06\x16";

/// Messages of Celery: some match `task = a.b`, others may, for all that their bodies show.
fn celery(n: u64, one_in: usize, rng: &mut Rng) -> Vec<String> {
    (0..n)
        .map(|id| {
            let task = if rng.below(one_in) == 0 { "a.b" } else { ["c.d", "e.f"][rng.below(2)] };
            match rng.below(40) {
                0 => format!("no message {id}"),
                1 => format!(
                    r#"{{"body":"x","content-type":"application/x-yaml","headers":{{"task":"{task}","id":"{id}"}}}}"#
                ),
                2 => message(id, task, r#"\"text\""#),
                _ => message(id, task, &rng.below(5).to_string()),
            }
        })
        .collect()
}

fn resque(n: u64, one_in: usize, rng: &mut Rng) -> Vec<String> {
    (0..n)
        .map(|id| {
            let class = if rng.below(one_in) == 0 { "A" } else { "B" };
            format!(r#"{{"class":"{class}","args":[{},{id}]}}"#, rng.below(5))
        })
        .collect()
}

/// Creates an index of `key`; the words that follow are those of CREATE.
fn create(conn: &mut Connection, key: &str, words: &str) {
    let mut command = redis::cmd("QADMIN.INDEX");
    command.arg("CREATE").arg(key).arg(words.split(' ').collect::<Vec<_>>());
    command.query::<()>(conn).expect("CREATE");
    let mut info = redis::cmd("QADMIN.INDEX");
    info.arg("INFO").arg(key);
    eventually("all messages are read", || {
        let info = qadmin_harness::map(&info.query::<Value>(conn).expect("INFO"));
        info.text("state") == "ready"
    });
}

fn list(conn: &mut Connection, key: &str) -> Vec<Vec<u8>> {
    redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(conn).expect("LRANGE")
}

/// The members of STATUS that must be the same, however the job found its matches.
const SAME: [&str; 22] = [
    "status",
    "total_estimated",
    "queue_depth",
    "processed",
    "matched",
    "deleted",
    "would_delete",
    "kept_index",
    "drifted",
    "arrived",
    "undecodable",
    "unreadable",
    "matched_bytes",
    "examined_total",
    "in_chord",
    "with_eta",
    "counted",
    "distinct",
    "unkeyed",
    "inexact",
    "kept_priority",
    "error",
];

/// Clears `with`, which has an index, and `without`, which is equal and has none, and compares what the jobs
/// say and leave. `{}` in the words of the command stands for the name of the queue.
fn compare(conn: &mut Connection, words: &str, steps: &[&str]) -> [Reply; 2] {
    let ends = ["with", "without"].map(|queue| {
        let line = format!("QADMIN.CLEARJOB {queue} {} CONFIRM {queue}", words.replace("{}", queue));
        let id = ask(conn, &line).text("job_id");
        wait_for_job(conn, &id)
    });
    for name in SAME {
        let [with, without] = [&ends[0], &ends[1]].map(|end| end.get_field(name));
        assert_eq!(with, without, "{name} of {words}: {:?}", ends[0]);
    }
    assert_eq!(
        [&ends[0], &ends[1]].map(|end| end.text("source")),
        ["index", "scan"],
        "{words}: {:?}",
        ends[0]
    );
    for step in steps.iter().chain(&[":to"]) {
        let [with, without] = ["with", "without"].map(|queue| list(conn, &format!("{queue}{step}")));
        assert!(with == without, "what {words} leaves in the list {step:?} is not the same");
    }
    ends
}

const CASES: [&str; 14] = [
    "ALL",
    "ALL LIMIT 7",
    "ALL RATE 100000",
    "ALL EXPECT 100000",
    "ALL EXPECT 3",
    "ALL DRYRUN",
    "KEEPONE",
    "KEEPONE DRYRUN LIMIT 9",
    "KEEPONE KEEP NEWEST",
    "KEEPONE BY kwargs.x",
    "KEEPONE BY task kwargs.x LIMIT 5",
    "ALL TO {}:to",
    "ALL TO {}:to FRONT",
    "ALL INEXACT",
];

#[test]
fn every_clear_does_the_same_with_an_index_and_without() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut rng = Rng::new(11);
    for (one_in, filter) in [
        (60, "TASK a.b"),
        (9, "TASK a.b WHERE kwargs.x > 1"),
        // The index narrows: only the messages tell the id.
        (9, "TASK a.b WHERE id CONTAINS 7"),
        (2_000, "TASK a.b"),
    ] {
        for words in CASES {
            run(&mut conn, "FLUSHALL").expect("FLUSHALL");
            let messages = celery(1_500, one_in, &mut rng);
            push(&mut conn, "with", &messages);
            push(&mut conn, "without", &messages);
            create(&mut conn, "with", "FIELDS 2 task kwargs.x");
            compare(&mut conn, &format!("{filter} {words}"), &[""]);
            ask(&mut conn, "QADMIN.INDEX DROP with");
        }
    }
}

#[test]
fn so_it_is_where_workers_take_the_head() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut rng = Rng::new(12);
    for words in CASES.iter().filter(|words| !words.contains("kwargs") && !words.contains("FRONT")) {
        run(&mut conn, "FLUSHALL").expect("FLUSHALL");
        let messages = resque(1_500, 30, &mut rng);
        for queue in ["with", "without"] {
            redis::cmd("RPUSH").arg(queue).arg(&messages).query::<()>(&mut conn).expect("RPUSH");
        }
        create(&mut conn, "with", "FIELDS 1 task AS resque");
        compare(&mut conn, &format!("TASK A {words} AS resque"), &[""]);
        ask(&mut conn, "QADMIN.INDEX DROP with");
    }
}

#[test]
fn each_list_of_a_queue_with_priorities_has_its_own_index_or_none() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut rng = Rng::new(13);
    let three = format!("{STEP}3");
    let nine = format!("{STEP}9");
    let steps = ["", &three, &nine];
    for words in CASES.iter().filter(|words| !words.contains("TO")) {
        run(&mut conn, "FLUSHALL").expect("FLUSHALL");
        for step in steps {
            let messages = celery(700, 40, &mut rng);
            push(&mut conn, &format!("with{step}"), &messages);
            push(&mut conn, &format!("without{step}"), &messages);
        }
        // The list in between has none, and is read.
        create(&mut conn, "with", "FIELDS 1 task");
        create(&mut conn, &format!("with{nine}"), "FIELDS 1 task");
        compare(&mut conn, &format!("TASK a.b {words} PRIORITY ALL"), &steps);
        for step in ["", &nine] {
            redis::cmd("QADMIN.INDEX")
                .arg("DROP")
                .arg(format!("with{step}"))
                .query::<()>(&mut conn)
                .expect("DROP");
        }
    }
}

#[test]
fn an_index_that_is_not_ready_or_excludes_nothing_guides_nobody() {
    let server = Server::start();
    let mut conn = server.conn();
    let messages = celery(800, 20, &mut Rng::new(14));
    let clear = |conn: &mut Connection, words: &str| {
        let id = ask(conn, &format!("QADMIN.CLEARJOB q {words} CONFIRM q")).text("job_id");
        wait_for_job(conn, &id).text("source")
    };
    push(&mut conn, "q", &messages);
    assert_eq!(clear(&mut conn, "TASK c.d ALL LIMIT 1"), "scan", "there is no index");
    create(&mut conn, "q", "FIELDS 1 task");
    assert_eq!(clear(&mut conn, "WHERE id = 5 ALL"), "scan", "no condition is on its fields");
    assert_eq!(clear(&mut conn, "WHERE bytes > 0 ALL DRYRUN"), "scan", "all messages match");
    assert_eq!(clear(&mut conn, "TASK a.b ALL AS sidekiq DRYRUN"), "scan", "it reads them as another kind");
    assert_eq!(clear(&mut conn, "TASK a.b ALL DRYRUN"), "index");
    run(&mut conn, "CONFIG SET qadmin.index-max-memory 65536").expect("CONFIG SET");
    push(&mut conn, "q", &messages);
    assert_eq!(clear(&mut conn, "TASK a.b ALL"), "scan", "it is suspended");
}

#[test]
fn a_wrong_index_clears_nothing_else_and_is_found_out() {
    let server = Server::start();
    let mut conn = server.conn();
    let library = c_module("callqadmin", server.dir()).expect("the other module is built");
    run(&mut conn, &format!("MODULE LOAD {}", library.display())).expect("MODULE LOAD");
    let messages: Vec<String> =
        (0..900).map(|id| message(id, if id % 30 == 7 { "a.b" } else { "c.d" }, "1")).collect();
    push(&mut conn, "q", &messages);
    create(&mut conn, "q", "FIELDS 1 task");
    // Another module replaces a match inside the list, and reports nothing: 37 is the second match to run.
    let other = message(37, "g.h", "1");
    redis::cmd("CALLQADMIN.SWAP").arg("q").arg(-38).arg(&other).query::<()>(&mut conn).expect("SWAP");
    let id = ask(&mut conn, "QADMIN.CLEARJOB q TASK a.b ALL CONFIRM q").text("job_id");
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("deleted"), end.int("matched")), ("completed", 29, 29));
    assert_eq!(end.int("processed"), 900, "{end:?}");
    let left = list(&mut conn, "q");
    assert_eq!(left.len(), 871);
    assert!(left.contains(&other.into_bytes()), "what does not match stays");
    let is_match = |message: &Vec<u8>| message.windows(5).any(|word| word == b"\"a.b\"");
    assert!(!left.iter().any(is_match), "all others are cleared");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    let begun = info.text("state") == "building" || info.int("unread") == 0;
    assert!(begun, "{info:?}");
    eventually("all messages are read again", || {
        let reply = ask(&mut conn, "QADMIN.PREVIEW q TASK g.h");
        (reply.text("source").as_str(), reply.int("match_count")) == ("index", 1)
    });
}

/// Opening a key with a time to live again may delete it, so a slice never does.
#[test]
fn a_list_with_a_time_to_live_is_cleared_as_others() {
    let server = Server::start();
    let mut conn = server.conn();
    let messages = celery(6_000, 300, &mut Rng::new(17));
    for queue in ["with", "without"] {
        push(&mut conn, queue, &messages);
        run(&mut conn, &format!("EXPIRE {queue} 1000")).expect("EXPIRE");
    }
    create(&mut conn, "with", "FIELDS 1 task");
    compare(&mut conn, "TASK a.b KEEPONE LIMIT 5", &[""]);
    compare(&mut conn, "TASK a.b ALL", &[""]);
}

#[test]
fn replicas_get_the_same_deletions() {
    let (primary, replica) = (Server::start(), Server::start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    let messages = celery(4_000, 40, &mut Rng::new(15));
    push(&mut conn, "q", &messages);
    create(&mut conn, "q", "FIELDS 1 task");
    for words in ["LIMIT 20", "TO moved", ""] {
        let id = ask(&mut conn, &format!("QADMIN.CLEARJOB q TASK a.b ALL CONFIRM q {words}")).text("job_id");
        let end = wait_for_job(&mut conn, &id);
        assert_eq!((end.text("status").as_str(), end.text("source").as_str()), ("completed", "index"));
        push(&mut conn, "q", &celery(500, 10, &mut Rng::new(16)));
    }
    until_caught_up(&primary, &replica);
    assert_no_mismatch(&replica);
    for key in ["q", "moved"] {
        assert!(list(&mut conn, key) == list(&mut replica.conn(), key), "{key}");
    }
}
