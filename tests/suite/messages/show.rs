//! QADMIN.SHOW

use qadmin_harness::{Cluster, Fields as _, Server, eventually};
use redis::{Commands as _, Connection, Value};

use super::{MESSAGES, QUEUES, celery, filled, id};
use crate::durability::{audit, tell};
use crate::stage::{later, set, slowly, until_waiting};
use crate::support::{Reply, ask, run};

fn member(reply: &Reply, name: &str) -> String {
    qadmin_harness::map(reply.get_field("fields")).text(name)
}

#[test]
fn messages_of_every_container_and_kind_are_shown_at_once_and_by_a_job() {
    let (_server, mut conn) = filled();
    // The second window makes a job search.
    for window in ["2000", "2"] {
        set(&mut conn, &format!("sample-window {window}"));
        for queue in QUEUES {
            for n in [0, 1, MESSAGES / 2, MESSAGES - 1] {
                let shown = queue
                    .ask(&mut conn, "QADMIN.SHOW", &[&id(n)])
                    .unwrap_or_else(|error| panic!("{:?} {n}: {error}", queue.words));
                let at = format!("{:?} {n}, window {window}: {shown:?}", queue.words);
                assert_eq!((shown.text("id"), shown.text("queue")), (id(n), queue.key().to_owned()), "{at}");
                assert_eq!(
                    (shown.text("container"), shown.text("message_kind")),
                    (queue.container.into(), queue.kind.into()),
                    "{at}"
                );
                assert_eq!((member(&shown, "task"), member(&shown, "id")), ("t".to_owned(), id(n)), "{at}");
                let raw = shown.text("raw");
                assert!(raw.contains(&id(n)) && shown.int("bytes") == raw.len() as i64, "{at}");
                let arguments: String = ["args", "kwargs"]
                    .iter()
                    .filter(|name| !shown.is_null(name))
                    .map(|name| shown.text(name))
                    .collect();
                assert!(arguments.contains(&format!("\"s{n}\"")), "{at}");
                let index = match queue.container {
                    "list" | "list_of_ids" => Some(n as i64),
                    "lists" => Some((n % (MESSAGES / 2)) as i64),
                    _ => None,
                };
                match (index, queue.kind) {
                    (None, _) => assert!(shown.is_null("index"), "{at}"),
                    // The head runs next.
                    (Some(n), "resque" | "laravel" | "dramatiq" | "rq" | "saq") => {
                        assert_eq!(shown.int("index"), n, "{at}");
                    }
                    (Some(n), _) => assert_eq!(shown.int("index"), -1 - n, "{at}"),
                }
                assert_eq!(
                    (shown.get_field("cut"), shown.is_null("notice")),
                    (&Value::Array(Vec::new()), true),
                    "{at}"
                );
            }
            let missing = queue.ask(&mut conn, "QADMIN.SHOW", &["none"]).expect_err("no such message");
            let said = missing.to_string();
            assert_eq!(missing.code(), Some("NOMESSAGE"), "{:?}: {said}", queue.words);
            assert!(said.contains("30 messages were searched"), "{:?}: {said}", queue.words);
        }
    }
}

#[test]
fn all_parts_of_a_message_are_shown() {
    let (_server, mut conn) = filled();
    let shown = ask(&mut conn, "QADMIN.SHOW celery id-4");
    assert_eq!(shown.text("raw"), celery(4));
    assert_eq!(shown.text("body"), r#"[[4],{"account":1,"secret":"s4"},{}]"#);
    assert_eq!(
        (shown.text("args"), shown.text("kwargs")),
        ("[4]".into(), r#"{"account":1,"secret":"s4"}"#.into())
    );
    assert_eq!(shown.text("headers"), r#"{"task":"t","id":"id-4","retries":0}"#);
    assert!(shown.text("properties").contains("c4"));
    let json: String = redis::cmd("QADMIN.SHOW")
        .arg("celery")
        .arg("id-4")
        .arg("FORMAT")
        .arg("JSON")
        .query(&mut conn)
        .expect("SHOW");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["raw"], &json["index"]), (&celery(4).into(), &(-5).into()));
    // Bytes that are not text have a twin in JSON and are unchanged in RESP.
    let broken = [celery(99).as_bytes().split_last().expect("bytes").1, b",\"x\":\"\xff\"}"].concat();
    let _: i64 = conn.lpush("celery", &broken).expect("LPUSH");
    let shown = ask(&mut conn, "QADMIN.SHOW celery id-99");
    assert_eq!(shown.get_field("raw"), &Value::BulkString(broken));
    let json: String = redis::cmd("QADMIN.SHOW")
        .arg("celery")
        .arg("id-99")
        .arg("FORMAT")
        .arg("JSON")
        .query(&mut conn)
        .expect("SHOW");
    assert!(json.contains("\"raw_b64\""), "{json}");
}

#[test]
fn of_two_messages_with_one_id_the_one_that_runs_next_is_shown() {
    let (_server, mut conn) = filled();
    for n in [5, 20] {
        let twin = celery(100).replace("\"retries\":0", &format!("\"retries\":{n}"));
        let pivot: Vec<u8> = conn.lindex("celery", -1 - n).expect("LINDEX");
        let _: i64 = conn.linsert_before("celery", pivot, twin).expect("LINSERT");
    }
    for window in ["2000", "2"] {
        set(&mut conn, &format!("sample-window {window}"));
        let shown = ask(&mut conn, "QADMIN.SHOW celery id-100");
        assert_eq!(qadmin_harness::map(shown.get_field("fields")).int("retries"), 5, "window {window}");
    }
}

#[test]
fn large_messages_are_cut_and_found_also_in_a_sorted_set() {
    let server = Server::start();
    let mut conn = server.conn();
    let large =
        |n: usize| format!(r#"{{"class":"t","args":["{}"],"jid":"large-{n}","queue":"q"}}"#, "x".repeat(n));
    for n in [5_000, 3_000_000] {
        let _: i64 = conn.zadd("retry", large(n), 1_700_000_000 + n).expect("ZADD");
        let _: i64 = conn.lpush("list", large(n)).expect("LPUSH");
    }
    set(&mut conn, "sample-window 0");
    for key in ["retry", "list"] {
        let whole = ask(&mut conn, &format!("QADMIN.SHOW {key} large-5000 AS sidekiq"));
        assert_eq!(whole.text("raw"), large(5_000), "{key}");
        let cut = ask(&mut conn, &format!("QADMIN.SHOW {key} large-3000000 AS sidekiq"));
        assert_eq!((cut.text("raw").len(), cut.text("args").len()), (1_048_576, 1_048_576), "{key}");
        assert_eq!(cut.int("bytes"), large(3_000_000).len() as i64, "{key}");
        let names: Vec<Value> = ["args", "raw"].map(|name| Value::BulkString(name.into())).to_vec();
        assert_eq!(cut.get_field("cut"), &Value::Array(names), "{key}");
    }
}

#[test]
fn where_nothing_can_wait_only_the_messages_that_run_next_are_searched() {
    let (_server, mut conn) = filled();
    set(&mut conn, "sample-window 10");
    let show = |conn: &mut Connection, id: &str| -> redis::RedisResult<Vec<Value>> {
        redis::pipe().atomic().cmd("QADMIN.SHOW").arg("celery").arg(id).query(conn)
    };
    let shown = show(&mut conn, "id-3").expect("it is among those that run next");
    assert_eq!(qadmin_harness::map(&shown[0]).text("id"), "id-3");
    let error = show(&mut conn, "id-20").expect_err("it is not searched").to_string();
    assert!(
        error.contains("none of the 10 messages that run next") && error.contains("the other 20"),
        "{error}"
    );
    assert!(error.contains("send QADMIN.SHOW outside"), "{error}");
    let script = "return redis.call('QADMIN.SHOW', KEYS[1], ARGV[1])";
    let eval = |conn: &mut Connection, id: &str| -> redis::RedisResult<Value> {
        redis::cmd("EVAL").arg(script).arg(1).arg("celery").arg(id).query(conn)
    };
    assert!(eval(&mut conn, "id-3").is_ok());
    assert!(eval(&mut conn, "id-20").expect_err("a script cannot wait").to_string().contains("the other 20"));
    // If these are all messages of the queue, it is known that there is none.
    set(&mut conn, "sample-window 30");
    assert!(show(&mut conn, "none").expect_err("none").to_string().contains("NOMESSAGE"), "NOMESSAGE");
}

#[test]
fn a_search_can_be_stopped_and_says_what_to_do() {
    let (server, mut conn) = filled();
    set(&mut conn, &format!("sample-window 0 {}", slowly()));
    let search = |words: &str| {
        let waiting = later(&server, format!("QADMIN.SHOW big {words}"));
        until_waiting(&server, 1);
        waiting
    };
    crate::stage::filled(&server, "big", 30_000);
    let stopped = search("none");
    let id = qadmin_harness::maps(&run(&mut conn, "QADMIN.JOBS COUNT 1").expect("JOBS"))[0].text("job_id");
    let status = ask(&mut conn, &format!("QADMIN.STATUS {id}"));
    assert_eq!((status.text("kind"), status.text("filter")), ("show".into(), "WHERE id = none".into()));
    ask(&mut conn, &format!("QADMIN.CANCEL {id}"));
    let error = stopped.join().expect("a thread").expect_err("it was cancelled").to_string();
    assert!(error.contains("cancelled") && error.contains("send QADMIN.SHOW again"), "{error}");
    // A client that disconnects ends its search.
    let mut raw = server.raw();
    raw.send(b"*3\r\n$11\r\nQADMIN.SHOW\r\n$3\r\nbig\r\n$4\r\nnone\r\n").expect("it is sent");
    until_waiting(&server, 1);
    drop(raw);
    eventually("the search ends", || crate::stage::info(&server, "jobs_live") == 0);
}

#[test]
fn a_search_counts_as_a_preview_where_jobs_are_limited() {
    let (server, mut conn) = filled();
    crate::stage::filled(&server, "big", 30_000);
    set(&mut conn, &format!("sample-window 0 max-jobs 2 {}", slowly()));
    let waiting = later(&server, "QADMIN.SHOW big none".to_owned());
    until_waiting(&server, 1);
    let error = run(&mut conn, "QADMIN.SHOW big other").expect_err("one search is live");
    assert_eq!(error.code(), Some("TOOMANYJOBS"), "{error}");
    run(&mut conn, "QADMIN.CANCEL ALL").expect("CANCEL");
    waiting.join().expect("a thread").expect_err("it was cancelled");
}

#[test]
fn the_audit_stream_says_who_was_shown_which_message() {
    let (server, mut conn) = filled();
    ask(&mut conn, "QADMIN.SHOW celery id-4");
    run(&mut conn, "QADMIN.SHOW celery none").expect_err("it is not there");
    set(&mut conn, "sample-window 0");
    ask(&mut conn, "QADMIN.SHOW retry id-5");
    eventually("both entries are written", || audit(&mut server.conn()).len() == 2);
    let entries = audit(&mut conn);
    for (entry, queue, id) in [(&entries[0], "celery", "id-4"), (&entries[1], "retry", "id-5")] {
        for (name, wanted) in
            [("event", "show"), ("user", "default"), ("db", "0"), ("queue", queue), ("message_id", id)]
        {
            assert_eq!(entry.text(name), wanted, "{entry:?}");
        }
        assert!(entry.text("client").contains("addr="), "{entry:?}");
    }
    set(&mut conn, "audit-maxlen 0");
    ask(&mut conn, "QADMIN.SHOW celery id-4");
    set(&mut conn, "audit-maxlen 100");
    ask(&mut conn, "QADMIN.SHOW celery id-7");
    eventually("the next entry is written", || audit(&mut server.conn()).len() == 3);
    assert_eq!(audit(&mut conn)[2].text("message_id"), "id-7");
}

#[test]
fn a_replica_shows_messages_and_writes_nothing() {
    let (server, mut primary) = filled();
    let replica = Server::start();
    replica.replica_of(&server);
    let mut conn = replica.conn();
    for window in ["2000", "0"] {
        set(&mut conn, &format!("sample-window {window}"));
        for queue in QUEUES {
            let shown = queue.ask(&mut conn, "QADMIN.SHOW", &["id-9"]).expect("SHOW");
            assert_eq!(shown.text("id"), "id-9");
        }
    }
    assert_eq!((audit(&mut conn).len(), audit(&mut primary).len()), (0, 0));
}

#[test]
fn a_cluster_shows_messages_on_the_node_of_their_queue() {
    let cluster = Cluster::start(2, || Server::builder().module());
    let node = cluster.node(cluster.home(b"{q}celery", 2));
    let mut conn = node.conn();
    for n in 0..20 {
        let _: i64 = conn.lpush("{q}celery", celery(n)).expect("LPUSH");
    }
    for window in ["2000", "0"] {
        set(&mut conn, &format!("sample-window {window}"));
        assert_eq!(ask(&mut conn, "QADMIN.SHOW {q}celery id-9").text("raw"), celery(9));
        assert!(ask(&mut conn, "QADMIN.FIELDS {q}celery").int("depth") == 20);
    }
    let other = cluster.node(1 - cluster.home(b"{q}celery", 2));
    let error = run(&mut other.conn(), "QADMIN.SHOW {q}celery id-9").expect_err("it is elsewhere");
    assert_eq!(error.code(), Some("MOVED"), "{error}");
}

#[test]
fn every_message_that_is_shown_is_in_the_audit_stream_or_is_not_shown() {
    let (server, mut conn) = filled();
    set(&mut conn, "audit-maxlen 100000");
    let mut pipe = redis::pipe();
    pipe.atomic();
    for _ in 0..1_005 {
        pipe.cmd("QADMIN.SHOW").arg("celery").arg("id-3");
    }
    // The commands of a transaction come one after the other, and nothing can be written between them.
    let replies: Vec<redis::Value> = pipe.ignore_errors().query(&mut conn).expect("EXEC");
    let shown = replies.iter().filter(|reply| !matches!(reply, redis::Value::ServerError(_))).count();
    assert_eq!((replies.len(), shown), (1_005, 1_000));
    eventually("all entries are written", || audit(&mut server.conn()).len() == 1_000);

    // A refused write is tried again, and the module stays as long as an entry waits.
    tell(&mut conn, "CONFIG SET min-replicas-to-write 1");
    ask(&mut conn, "QADMIN.SHOW celery id-5");
    assert!(run(&mut conn, "MODULE UNLOAD qadmin").is_err());
    assert_eq!(audit(&mut conn).len(), 1_000);
    tell(&mut conn, "CONFIG SET min-replicas-to-write 0");
    eventually("the entry is written", || audit(&mut server.conn()).len() == 1_001);
    tell(&mut conn, "MODULE UNLOAD qadmin");
}
