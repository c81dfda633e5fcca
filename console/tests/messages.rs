//! `qadmin fields` and `qadmin show`.

use qadmin_harness::{Server, fill_examples};
use redis::Commands as _;
use serde_json::Value;

use crate::support::{QUEUE, qadmin, rest, tell, terminal, terminal_of};

/// A message of Celery with this id and these keyword arguments.
fn message(id: &str, kwargs: &str) -> String {
    let body = serde_json::to_string(&format!("[[1, \"x\"], {kwargs}, {{}}]")).expect("a string");
    format!(
        r#"{{"body": {body}, "content-type": "application/json", "headers": {{"task": "t", "id": "{id}", "lang": "py"}}, "properties": {{"priority": 0}}}}"#
    )
}

#[test]
fn fields_are_a_table_with_types_and_examples() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    tell(&mut server.conn(), "CONFIG SET qadmin.slice-us 20000");
    let run = qadmin(&server, &["fields", QUEUE, "--task", "app.tasks.upload.Upload"]).ended(0);
    for word in [
        "1,051 messages that run next, 134 match",
        "field",
        "kwargs.repoid",
        "integer",
        "147107",
        "kwargs.report_type",
    ] {
        assert!(run.out.contains(word), "{word}: {run:?}");
    }
    let json = qadmin(&server, &["fields", QUEUE, "--json"]).ended(0).json();
    assert_eq!((&json["looked_at"], &json["fields"][0]["name"]), (&1_051.into(), &"task".into()));
    let none = qadmin(&server, &["fields", "nothing"]).ended(0);
    assert!(none.out.contains("0 messages"), "{none:?}");
    qadmin(&server, &["fields", QUEUE, "--where", "nosuch = 1"]).ended(1);
}

#[test]
fn the_table_of_fields_fits_into_eighty_columns() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let (shown, code) = rest(terminal_of(&server.url(0), 80, &["fields", QUEUE], &[("NO_COLOR", "1")]));
    assert_eq!(code, 0, "{shown}");
    // A terminal of the tests gives each byte as one character.
    let bytes: Vec<u8> = shown.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
    for line in String::from_utf8(bytes).expect("UTF-8").lines() {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_message_is_shown_with_its_arguments_one_below_the_other() {
    let server = Server::start();
    let text = message("id-1", r#"{"account": 7, "nested": {"a": [1, 2.50]}}"#);
    let _: i64 = server.conn().lpush(QUEUE, &text).expect("LPUSH");
    let run = qadmin(&server, &["show", QUEUE, "id-1"]).ended(0);
    for line in [
        " runs          1",
        " task          t",
        "keyword arguments",
        "    \"account\": 7,",
        "        2.50",
        "positional arguments",
        "headers",
    ] {
        assert!(run.out.lines().any(|shown| shown == line), "{line}: {}", run.out);
    }
    assert_eq!(qadmin(&server, &["show", QUEUE, "id-1", "--raw"]).ended(0).out, text);
    let json = qadmin(&server, &["show", QUEUE, "id-1", "--json"]).ended(0).json();
    assert_eq!((&json["raw"], &json["args"]), (&Value::from(text), &r#"[1, "x"]"#.into()));
    let none = qadmin(&server, &["show", QUEUE, "id-2"]).ended(9);
    assert!(none.err.contains("1 message was searched"), "{none:?}");
}

#[test]
fn a_user_who_may_preview_is_told_that_the_right_is_missing() {
    let server = Server::start();
    let _: i64 = server.conn().lpush(QUEUE, message("id-1", "{}")).expect("LPUSH");
    tell(&mut server.conn(), "ACL SETUSER default -qadmin.show");
    let run = qadmin(&server, &["show", QUEUE, "id-1"]).ended(5);
    assert!(run.err.contains("lacks the permission"), "{run:?}");
}

#[test]
fn no_byte_of_a_message_controls_the_terminal() {
    const EVIL: &str = "\\u001b[2J\\u009b31m\\u202e";
    let server = Server::start();
    let text = message("id-1", &format!("{{\"a{EVIL}\": \"{EVIL}\", \"raw\": \"\u{202e}\u{9b}\"}}"));
    let _: i64 = server.conn().lpush(QUEUE, text).expect("LPUSH");
    let broken = [&b"\x1b[2J\xff"[..], message("id-2", "{}").as_bytes()].concat();
    let _: i64 = server.conn().lpush(QUEUE, broken).expect("LPUSH");
    for args in [
        &["fields", QUEUE][..],
        &["fields", QUEUE, "--json"],
        &["show", QUEUE, "id-1"],
        &["show", QUEUE, "id-1", "--json"],
        &["show", QUEUE, "\u{1b}[2J"],
    ] {
        let run = qadmin(&server, args);
        let is_evil = |c: char| c != '\n' && (c.is_control() || ('\u{2000}'..'\u{2070}').contains(&c));
        assert!(!run.out.contains(is_evil) && !run.err.contains(is_evil), "{args:?}: {run:?}");
    }
    // At a terminal the bytes themselves are escaped, too.
    let (shown, _) = rest(terminal(&server, &["show", QUEUE, "id-1", "--raw"]));
    assert!(!shown.contains(['\u{202e}', '\u{9b}']) && shown.contains("\\u{202e}"), "{shown:?}");
}
