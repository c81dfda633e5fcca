//! QADMIN.FIELDS

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, Connection, Value};

use super::{MESSAGES, QUEUES, celery, filled};
use crate::stage::set;
use crate::support::{Reply, ask, run};

fn texts(value: &Value) -> Vec<String> {
    let Value::Array(items) = value else { panic!("not a list: {value:?}") };
    items.iter().map(shown).collect()
}

/// An example as a user types it.
fn shown(value: &Value) -> String {
    match value {
        Value::Int(n) => n.to_string(),
        other => qadmin_harness::text(other),
    }
}

/// The listed fields by name: types, count, examples.
fn fields(reply: &Reply) -> Vec<(String, Vec<String>, i64, Vec<String>)> {
    let row = |field: Reply| {
        let (types, examples) = (texts(field.get_field("types")), texts(field.get_field("examples")));
        (field.text("name"), types, field.int("count"), examples)
    };
    reply.rows("fields").into_iter().map(row).collect()
}

#[test]
fn fields_of_every_container_and_kind_are_listed_and_can_be_typed() {
    let (_server, mut conn) = filled();
    for queue in QUEUES {
        let reply = queue.ask(&mut conn, "QADMIN.FIELDS", &[]).expect("FIELDS");
        let all = MESSAGES as i64;
        assert_eq!(
            (reply.int("looked_at"), reply.int("matched"), reply.int("depth")),
            (all, all, all),
            "{:?}: {reply:?}",
            queue.words
        );
        assert_eq!(
            (reply.text("container"), reply.text("message_kind")),
            (queue.container.into(), queue.kind.into())
        );
        assert_eq!((reply.int("undecodable"), reply.int("unreadable")), (0, 0), "{reply:?}");
        let listed = fields(&reply);
        let names: Vec<&str> = listed.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names[..2], ["task", "id"], "{:?}", queue.words);
        assert!(
            names.iter().any(|name| ["args.1", "kwargs.secret"].contains(name)),
            "{:?} {names:?}",
            queue.words
        );
        assert_eq!(reply.int("fields_total"), listed.len() as i64);
        for (name, types, count, examples) in &listed {
            assert!(!types.is_empty() && *count > 0 && !examples.is_empty(), "{:?} {name}", queue.words);
            // Asked for, the field is there, and has this value.
            let exists = queue
                .ask(&mut conn, "QADMIN.PREVIEW", &["WHERE", name, "EXISTS", "SAMPLE", "0"])
                .expect(name);
            assert_eq!(exists.int("match_count"), *count, "{:?} {name}", queue.words);
            // An empty text is shown as it is, and no operand.
            let is_scalar = types.iter().all(|of| ["integer", "text"].contains(&of.as_str()));
            if is_scalar && !examples[0].is_empty() {
                let equal = queue
                    .ask(&mut conn, "QADMIN.PREVIEW", &["WHERE", name, "=", &examples[0], "SAMPLE", "0"])
                    .expect(name);
                assert!(equal.int("match_count") > 0, "{:?} {name} = {}", queue.words, examples[0]);
            }
        }
    }
}

#[test]
fn a_filter_chooses_the_messages() {
    let (_server, mut conn) = filled();
    let reply = ask(&mut conn, "QADMIN.FIELDS celery WHERE kwargs.account = 1");
    assert_eq!((reply.int("looked_at"), reply.int("matched")), (30, 10));
    assert_eq!(reply.text("filter"), "WHERE kwargs.account = 1");
    let account = fields(&reply).into_iter().find(|(name, ..)| name == "kwargs.account").expect("the field");
    assert_eq!((account.1, account.2, account.3), (vec!["integer".into()], 10, vec!["1".into()]));
    let none = ask(&mut conn, "QADMIN.FIELDS celery TASK none");
    assert_eq!((none.int("looked_at"), none.int("matched"), none.rows("fields").len()), (30, 0, 0));
}

#[test]
fn it_is_bounded_by_the_window_and_works_where_nothing_can_wait() {
    let (_server, mut conn) = filled();
    set(&mut conn, "sample-window 7");
    for queue in QUEUES {
        let reply = queue.ask(&mut conn, "QADMIN.FIELDS", &[]).expect("FIELDS");
        assert_eq!(reply.int("looked_at"), 7, "{:?}", queue.words);
    }
    let replies: Vec<Value> =
        redis::pipe().atomic().cmd("QADMIN.FIELDS").arg("celery").query(&mut conn).expect("MULTI");
    assert_eq!(qadmin_harness::map(&replies[0]).int("looked_at"), 7);
    let script = "return redis.call('QADMIN.FIELDS', KEYS[1], 'FORMAT', 'JSON')";
    let json: String =
        redis::cmd("EVAL_RO").arg(script).arg(1).arg("celery").query(&mut conn).expect("a script");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["looked_at"], &json["fields"][0]["name"]), (&7.into(), &"task".into()));
    assert_eq!(json["fields"][0]["examples"], serde_json::json!(["t"]));
}

#[test]
fn an_empty_queue_has_no_fields_and_says_what_was_meant() {
    let (_server, mut conn) = filled();
    let none = ask(&mut conn, "QADMIN.FIELDS cellery");
    assert_eq!((none.int("depth"), none.int("looked_at"), none.rows("fields").len()), (0, 0, 0));
    assert!(none.text("notice").contains("celery"), "{none:?}");
    let wrong = ask(&mut conn, "QADMIN.FIELDS queue:default AS celery");
    assert_eq!((wrong.text("looks_like"), wrong.text("message_kind")), ("sidekiq".into(), "celery".into()));
    let error = run(&mut conn, "QADMIN.FIELDS dramatiq:uploads.msgs AS rq").expect_err("a hash");
    assert!(error.code().is_some(), "{error}");
}

#[test]
fn it_works_on_a_replica() {
    let (server, _conn) = filled();
    let replica = Server::start();
    replica.replica_of(&server);
    for queue in QUEUES {
        let reply = queue.ask(&mut replica.conn(), "QADMIN.FIELDS", &[]).expect("FIELDS");
        assert_eq!(reply.int("matched"), MESSAGES as i64, "{:?}", queue.words);
    }
}

/// Returns the longest time that another client waited while the command ran is bounded elsewhere; here the reply is.
fn push(conn: &mut Connection, body: &str) {
    let body = serde_json::to_string(body).expect("a string");
    let message = format!(
        r#"{{"body":{body},"content-type":"application/json","headers":{{"task":"t","id":"x"}},"properties":{{}}}}"#
    );
    let _: i64 = conn.lpush("hostile", message).expect("LPUSH");
}

#[test]
fn hostile_messages_make_no_large_reply_and_no_error() {
    let server = Server::start();
    let mut conn = server.conn();
    let many: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\":{n}")).collect();
    push(&mut conn, &format!("[[],{{{}}},{{}}]", many.join(",")));
    push(&mut conn, &format!(r#"[["{}"],{{}},{{}}]"#, "x".repeat(8_000_000)));
    push(&mut conn, &format!(r#"[[{}],{{}},{{}}]"#, "[".repeat(50_000) + &"]".repeat(50_000)));
    push(&mut conn, &format!(r#"[[],{{"{}":1,"\u001b[31m":2,"\ud800":3}},{{}}]"#, "n".repeat(1_000)));
    for n in 0..40 {
        let large: Vec<String> = (0..50).map(|k| format!("\"n{n}k{k}\":\"{}\"", "y".repeat(5_000))).collect();
        push(&mut conn, &format!("[[],{{{}}},{{}}]", large.join(",")));
    }
    let _: i64 = conn.lpush("hostile", &b"\xff\x00junk"[..]).expect("LPUSH");
    set(&mut conn, "slice-us 50000");
    let json: Vec<u8> = redis::cmd("QADMIN.FIELDS")
        .arg("hostile")
        .arg("FORMAT")
        .arg("JSON")
        .query(&mut conn)
        .expect("FIELDS");
    assert!(json.len() < 300_000, "{}", json.len());
    let reply = ask(&mut conn, "QADMIN.FIELDS hostile");
    assert_eq!(reply.int("looked_at"), 45);
    assert!(
        reply.rows("fields").len() <= 200 && reply.is_null("fields_total"),
        "{:?}",
        reply.get_field("fields_total")
    );
    assert_eq!((reply.int("undecodable"), reply.int("partly_read")), (1, 1), "{}", reply.int("partly_read"));
    assert!(reply.int("unnamed") >= 2, "{}", reply.int("unnamed"));
}

#[test]
fn a_body_is_not_shown_as_a_header() {
    let (_server, mut conn) = filled();
    for kind in ["sidekiq", "resque", "laravel", "taskiq"] {
        let reply = ask(&mut conn, &format!("QADMIN.FIELDS celery AS {kind}"));
        assert_eq!(reply.rows("fields").len(), 0, "{kind}: {reply:?}");
        assert_eq!((reply.int("unreadable"), reply.text("looks_like")), (30, "celery".into()), "{kind}");
    }
    let encoded = celery(0);
    let body = encoded.split('"').nth(3).expect("the body");
    let json: String =
        redis::cmd("QADMIN.FIELDS").arg("celery").arg("FORMAT").arg("JSON").query(&mut conn).expect("FIELDS");
    assert!(!json.contains(body), "{json}");
}
