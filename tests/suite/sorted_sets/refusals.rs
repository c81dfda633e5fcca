//! Keys that are not sorted sets of messages, options that cannot be combined, and permissions.

use qadmin_harness::{Cluster, Fields as _, Server};
use redis::Connection;

use super::{KEY, add, entries, held, of};
use crate::durability::{slow, tell, until_caught_up};
use crate::stage::{info, set};
use crate::support::{ask, run, wait_for_job};

fn refused(conn: &mut Connection, line: &str) -> String {
    let error = run(conn, line).expect_err(line);
    format!("{} {}", error.code().unwrap_or_default(), error.detail().unwrap_or_default())
}

#[test]
fn options_that_sorted_sets_do_not_take_are_refused_by_name() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = entries(0..50, 2);
    add(&mut conn, KEY, &all);
    tell(&mut conn, "LPUSH list x");
    let clear = |terms: &str| format!("QADMIN.CLEARJOB {KEY} TASK Upload {terms} CONFIRM {KEY}");
    let not = |keyword: &str| format!("ERR {keyword} is not supported for a sorted set");
    let table = [
        (clear("KEEPONE KEEP NEWEST"), not("KEEP NEWEST")),
        (clear("ALL TO spare FRONT"), not("FRONT")),
        (clear("ALL PARK FRONT"), not("FRONT")),
        (clear("ALL AS celery"), not("AS celery")),
        (clear("ALL AS resque"), not("AS resque")),
        (clear("ALL AS ids"), not("AS ids")),
        (clear("ALL PRIORITY ALL"), not("PRIORITY")),
        (format!("QADMIN.PREVIEW {KEY} TASK t PRIORITY 3"), not("PRIORITY")),
        (format!("QADMIN.STATS {KEY} GROUPBY 1 task AS celery"), not("AS celery")),
        (clear(&format!("ALL TO {KEY}")), "ERR TO must name another key than the queue".into()),
        (
            clear("ALL TO list"),
            concat!(
                "WRONGTYPE Operation against a key holding the wrong kind of value: messages of a sorted set are moved to a ",
                "sorted set, and \"list\" is not one"
            )
            .into(),
        ),
    ];
    for (line, expected) in table {
        let got = refused(&mut conn, &line);
        if expected.starts_with("ERR TO must") {
            assert!(got.starts_with("ERR"), "{line}: {got}");
        } else {
            assert_eq!(got, expected, "{line}");
        }
    }
    assert_eq!(info(&server, "jobs_started"), 0);
    assert_eq!(held(&mut conn, KEY), of(&all));
}

#[test]
fn a_sorted_set_of_something_else_is_refused_with_what_to_do() {
    let server = Server::start();
    let mut conn = server.conn();
    tell(&mut conn, "ZADD scores 1 alice 2 bob");
    tell(&mut conn, r#"ZADD queues:default:delayed 1 {"uuid":"1","job":"Illuminate","data":{}}"#);
    tell(&mut conn, "ZADD unacked_index 1 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02");
    for (key, says) in [
        ("scores", "of sorted sets qadmin reads those whose members are jobs of Sidekiq, Laravel or Huey"),
        ("queues:default:delayed", "remove other jobs with their library"),
        ("unacked_index", "give the name of the hash that it belongs to"),
    ] {
        for line in [
            format!("QADMIN.PREVIEW {key} TASK t"),
            format!("QADMIN.STATS {key} GROUPBY 1 task"),
            format!("QADMIN.CLEARJOB {key} TASK t ALL CONFIRM {key}"),
        ] {
            let error = refused(&mut conn, &line);
            assert!(error.starts_with("WRONGTYPE ") && error.contains(says), "{line}: {error}");
        }
    }
    // The kind that the user names is accepted, and nothing matches.
    assert_eq!(ask(&mut conn, "QADMIN.PREVIEW scores TASK t AS sidekiq").int("match_count"), 0);
    assert_eq!(
        ask(&mut conn, "QADMIN.PREVIEW scores WHERE undecodable = 1 AS sidekiq").int("match_count"),
        2
    );
}

#[test]
fn ids_of_other_libraries_are_named_by_a_preview_and_refused_by_a_clear() {
    let server = Server::start();
    let mut conn = server.conn();
    tell(&mut conn, "HSET bull:uploads:4 name upload data {} opts {} timestamp 1");
    tell(&mut conn, "ZADD bull:uploads:delayed 7355893508689920 4");
    tell(&mut conn, "HSET rq:job:job-c data x created_at x status deferred origin uploads");
    tell(&mut conn, "ZADD rq:deferred:uploads 1795868792 job-c");
    tell(&mut conn, "SET arq:job:job-a x");
    tell(&mut conn, "ZADD arq:queue 1795868880640 job-a");
    for (key, looks_like, library, remedy, clear_remedy) in [
        ("bull:uploads:delayed", "bullmq", "BullMQ or Bull", "add AS bullmq", "add AS bullmq"),
        ("rq:deferred:uploads", "rq", "RQ", "add AS rq", "add AS rq"),
        ("arq:queue", "ids", "arq", "CLEARJOB refuses such a sorted set", "leave the jobs"),
    ] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {key} TASK t"));
        assert_eq!(
            (preview.text("looks_like").as_str(), preview.int("match_count")),
            (looks_like, 0),
            "{preview:?}"
        );
        let notice = preview.text("notice");
        assert!(notice.contains(library) && notice.contains(remedy), "{preview:?}");
        for kind in ["", "AS sidekiq"] {
            let line = format!("QADMIN.CLEARJOB {key} WHERE undecodable = 1 ALL {kind} CONFIRM {key}");
            let error = refused(&mut conn, &line);
            assert!(error.contains("are ids of jobs that"), "{error}");
            assert!(error.contains(library) && error.contains(clear_remedy), "{error}");
        }
        let left: i64 = redis::cmd("ZCARD").arg(key).query(&mut conn).expect("ZCARD");
        assert_eq!(left, 1);
    }
}

#[test]
fn rights_to_a_sorted_set_are_those_to_a_list() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 50");
    let all = entries(0..200, 2);
    add(&mut conn, KEY, &all);
    tell(&mut conn, "ACL SETUSER reader on nopass +@all ~unrelated %R~retry");
    tell(&mut conn, "ACL SETUSER clearer on nopass +@all ~retry ~qadmin:*");
    tell(&mut conn, "ACL SETUSER mover on nopass +@all ~retry ~spare ~qadmin:*");
    let clear = |to: &str| format!("QADMIN.CLEARJOB {KEY} TASK Upload ALL LIMIT 10 {to} CONFIRM {KEY}");
    let spare = clear("TO spare");
    for (user, line, may) in [
        ("reader", format!("QADMIN.PREVIEW {KEY} TASK Upload"), true),
        ("reader", clear(""), false),
        ("clearer", clear(""), true),
        ("clearer", spare.clone(), false),
        ("mover", spare.clone(), true),
    ] {
        tell(&mut conn, &format!("AUTH {user} x"));
        let answer = run(&mut conn, &line);
        match &answer {
            Ok(reply) => {
                assert!(may, "{user} {line}: {reply:?}");
                if line.contains("CLEARJOB") {
                    let id = qadmin_harness::map(reply).text("job_id");
                    assert_eq!(wait_for_job(&mut conn, &id).int("deleted"), 10, "{user} {line}");
                }
            }
            Err(error) => {
                assert!(!may && error.code() == Some("NOPERM"), "{user} {line}: {error:?}");
            }
        }
    }
}

#[test]
fn in_a_cluster_the_set_its_parked_set_and_the_record_share_a_slot() {
    let mut cluster = Cluster::start(3, slow);
    let home = cluster.home(b"retry", 3);
    let mut conn = cluster.node(home).conn();
    let all = entries(0..200, 2);
    add(&mut conn, KEY, &all);
    let job = |conn: &mut Connection, line: &str| {
        let id = ask(conn, line).text("job_id");
        (id.clone(), ask(conn, &format!("QADMIN.STATUS {id} QUEUE {KEY} WAIT 0")))
    };
    let elsewhere =
        refused(&mut conn, &format!("QADMIN.CLEARJOB {KEY} TASK Upload ALL TO spare CONFIRM {KEY}"));
    assert_eq!(elsewhere, "CROSSSLOT Keys in request don't hash to the same slot");
    let (_, end) = job(&mut conn, &format!("QADMIN.CLEARJOB {KEY} TASK Upload ALL LIMIT 10 CONFIRM {KEY}"));
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 10), "{end:?}");
    let left = held(&mut conn, KEY);
    let (id, end) = job(&mut conn, &format!("QADMIN.CLEARJOB {KEY} TASK Upload ALL PARK CONFIRM {KEY}"));
    let parked = end.text("to");
    assert_eq!((end.int("deleted"), parked.starts_with("{retry}:parked:")), (90, true), "{end:?}");
    let undo = ask(&mut conn, &format!("QADMIN.UNDO {id} QUEUE {KEY} CONFIRM {parked}")).text("job_id");
    let end = ask(&mut conn, &format!("QADMIN.STATUS {undo} QUEUE {parked} WAIT 0"));
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 90), "{end:?}");
    assert_eq!(held(&mut conn, KEY), left);

    let replica = cluster.add_replica(home, slow());
    let mut there = cluster.node(replica).conn();
    until_caught_up(cluster.node(home), cluster.node(replica));
    run(&mut there, "READONLY").expect("READONLY");
    assert_eq!(
        refused(&mut there, &format!("QADMIN.PREVIEW {KEY} TASK Upload")),
        "ERR in a cluster, a sorted set can be read on the primary only; send the command there"
    );
}

#[test]
fn queues_lists_sorted_sets_of_jobs_and_no_others() {
    let server = Server::start();
    let mut conn = server.conn();
    add(&mut conn, KEY, &entries(0..50, 1));
    tell(&mut conn, "ZADD scores 1 alice 2 bob");
    tell(&mut conn, r#"ZADD delayed 1 {"uuid":"1","job":"Illuminate","data":{}}"#);
    tell(&mut conn, "ACL SETUSER nobody on nopass +@all ~other");
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let rows = queues.rows("queues");
    assert_eq!(rows.len(), 1, "{queues:?}");
    assert_eq!((rows[0].text("queue"), rows[0].text("container")), (KEY.into(), "sorted_set".into()));
    assert_eq!((rows[0].int("depth"), rows[0].text("next_task")), (50, "Upload".into()), "{queues:?}");
    assert_eq!(rows[0].text("looks_like"), "sidekiq");
    assert!(rows[0].int("bytes_estimate") > 50 * 100 && rows[0].rows("priorities").is_empty(), "{queues:?}");
    tell(&mut conn, "AUTH nobody x");
    assert!(ask(&mut conn, "QADMIN.QUEUES").rows("queues").is_empty(), "what may not be read is not listed");
}
