//! Bytes that want to break something: in names, values, reasons and messages.

use qadmin_harness::{Fields as _, Server, map};
use redis::{Connection, Value};

use crate::support::Reply;

/// What has broken other software: NUL, line ends, formats, wide characters, bytes that are no text.
const EVIL: [&[u8]; 9] = [
    b"\0",
    b"a\r\nb",
    b"%s%n%s%n",
    "\u{4e00}".as_bytes(),
    "\u{10a}".as_bytes(),
    b"\xff\xfe\x80",
    b"a}b{}",
    b"q\x06\x163",
    b"\"'\\",
];

fn send(conn: &mut Connection, words: &[&[u8]]) -> redis::RedisResult<Value> {
    let mut command = redis::cmd(std::str::from_utf8(words[0]).expect("a name"));
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    command.query(conn)
}

fn ask(conn: &mut Connection, words: &[&[u8]]) -> Reply {
    map(&send(conn, words).unwrap_or_else(|error| panic!("{words:?}: {error}")))
}

fn message(task: &str) -> Vec<u8> {
    format!(r#"{{"body": "W10=", "headers": {{"task": "{task}", "id": "1"}}, "properties": {{}}}}"#)
        .into_bytes()
}

#[test]
fn any_bytes_may_be_a_queue_a_value_an_actor_and_a_reason() {
    let server = Server::start();
    let mut conn = server.conn();
    for evil in EVIL {
        for task in ["good", "bad", "bad"] {
            send(&mut conn, &[b"LPUSH", evil, &message(task)]).expect("LPUSH");
        }
        let none = ask(&mut conn, &[b"QADMIN.PREVIEW", evil, b"TASK", evil, b"COMMITID", evil]);
        assert_eq!(none.int("match_count"), 0);
        let json =
            send(&mut conn, &[b"QADMIN.PREVIEW", evil, b"TASK", b"bad", b"FORMAT", b"JSON"]).expect("JSON");
        let Value::BulkString(json) = json else { panic!("{json:?}") };
        let json: serde_json::Value = serde_json::from_slice(&json).expect("valid JSON");
        assert_eq!(json["match_count"], 2);
        let job = ask(
            &mut conn,
            &[
                b"QADMIN.CLEARJOB",
                evil,
                b"TASK",
                b"bad",
                b"ALL",
                b"CONFIRM",
                evil,
                b"ACTOR",
                evil,
                b"REASON",
                evil,
            ],
        );
        let id = job.text("job_id");
        let ended = ask(&mut conn, &[b"QADMIN.STATUS", id.as_bytes(), b"WAIT", b"0"]);
        assert_eq!((ended.text("status").as_str(), ended.int("deleted")), ("completed", 2));
        for name in ["queue", "actor", "reason"] {
            assert_eq!(ended.get_field(name), &Value::BulkString(evil.to_vec()), "{name}");
        }
        let left: Vec<Vec<u8>> =
            redis::cmd("LRANGE").arg(evil).arg(0).arg(-1).query(&mut conn).expect("LRANGE");
        assert_eq!(left, [message("good")]);
        // In an error the bytes are quoted: one line of ASCII.
        let error = send(&mut conn, &[b"QADMIN.PREVIEW", evil, b"TASK", b"a", evil]).expect_err("no keyword");
        assert!(error.to_string().bytes().all(|b| (0x20..0x7f).contains(&b)), "{error}");
    }
    assert_eq!(send(&mut conn, &[b"PING"]).expect("PING"), Value::SimpleString("PONG".into()));
}

#[test]
fn any_bytes_may_be_a_message_and_none_is_taken_for_another() {
    let server = Server::start();
    let mut conn = server.conn();
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let deep_object = [&b"{\"headers\": "[..], &deep, b", \"x\": 1}"].concat();
    let twice = br#"{"headers": {"task": "good", "task": "bad"}, "body": "W10="}"#.to_vec();
    let twice_other = br#"{"headers": {"task": "bad", "task": "good"}, "body": "W10="}"#.to_vec();
    let hidden = br#"{"headers": {"task": "\u0062ad"}, "body": "W10="}"#.to_vec();
    let huge_number =
        format!(r#"{{"headers": {{"task": "bad", "retries": {}}}}}"#, "9".repeat(5_000)).into_bytes();
    let quoted =
        br#"{"headers": {"task": "good", "argsrepr": "\"task\": \"bad\""}, "body": "W10="}"#.to_vec();
    let large = message(&"x".repeat(8 << 20));
    let garbage: Vec<Vec<u8>> = EVIL.iter().map(|evil| evil.to_vec()).collect();
    // (message, matches TASK bad, is no JSON object)
    let mut all = vec![
        (message("bad"), true, false),
        (message("good"), false, false),
        (twice, true, false),
        (twice_other, false, false),
        (hidden, true, false),
        (huge_number, true, false),
        (quoted, false, false),
        (large, false, false),
        (deep, false, true),
        (deep_object, false, false),
        (b"{\"headers\": {\"task\": \"bad\"}".to_vec(), false, true),
        (b"{\"headers\": {\"task\": \"bad\"},}".to_vec(), false, true),
        (b"[{\"headers\": {\"task\": \"bad\"}}]".to_vec(), false, true),
        (b"".to_vec(), false, true),
        (b"12345".to_vec(), false, true),
    ];
    all.extend(garbage.into_iter().map(|bytes| (bytes, false, true)));
    for (message, ..) in &all {
        send(&mut conn, &[b"LPUSH", b"q", message]).expect("LPUSH");
    }
    let count = |pick: fn(&(Vec<u8>, bool, bool)) -> bool| {
        i64::try_from(all.iter().filter(|entry| pick(entry)).count()).expect("small")
    };
    let preview = ask(&mut conn, &[b"QADMIN.PREVIEW", b"q", b"TASK", b"bad", b"SAMPLE", b"100"]);
    assert_eq!(preview.int("match_count"), count(|(_, matches, _)| *matches));
    assert_eq!(preview.int("undecodable"), count(|(_, _, undecodable)| *undecodable));
    let job = ask(&mut conn, &[b"QADMIN.CLEARJOB", b"q", b"TASK", b"bad", b"ALL", b"CONFIRM", b"q"]);
    let id = job.text("job_id");
    let ended = ask(&mut conn, &[b"QADMIN.STATUS", id.as_bytes(), b"WAIT", b"0"]);
    assert_eq!(ended.int("deleted"), count(|(_, matches, _)| *matches));
    let left: Vec<Vec<u8>> = redis::cmd("LRANGE").arg("q").arg(0).arg(-1).query(&mut conn).expect("LRANGE");
    let kept: Vec<&Vec<u8>> =
        all.iter().rev().filter(|(_, matches, _)| !matches).map(|(message, ..)| message).collect();
    assert_eq!(left.iter().collect::<Vec<_>>(), kept);
}
