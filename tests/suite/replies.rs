//! Every reply as a user sees it: all members in their documented order, the same in RESP2, RESP3 and JSON.
//!
//! Values that differ from run to run (ids, times, durations) are shown by their type, after a check that
//! they have it.

mod brief;
mod filters;
mod lists;
mod next_step;
mod preview;
mod stats;
mod status;

use std::fmt::Write as _;

use qadmin_harness::{Factory, Server, fill, map, text};
use redis::{Connection, Value};

use crate::support::run;

pub(crate) const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

/// Starts a server with six messages, five of which match [`crate::stage::target`].
pub(crate) fn six() -> Server {
    let server = Server::builder().module_args("inline-wait 60000").start();
    fill(server.port(), "celery", 0..6, &mut Factory::new(3).share(50.0)).expect("the queue is filled");
    server
}

/// Returns one member as a snapshot shows it.
fn member(name: &str, value: &Value) -> String {
    match (name, value) {
        ("job_id", Value::BulkString(_)) => {
            let id = text(value);
            assert!(id.len() == 36 && id.bytes().filter(|b| *b == b'-').count() == 4, "{id}");
            "[uuid]".into()
        }
        ("client", Value::BulkString(_)) => {
            let client = text(value);
            assert!(client.starts_with("id=") && client.contains(" addr=127.0.0.1:"), "{client}");
            "[client]".into()
        }
        ("started_at" | "updated_at" | "completed_at" | "cached_at", Value::Int(n)) => {
            assert!((1_600_000_000_000..10_000_000_000_000).contains(n), "{name} is in milliseconds: {n}");
            "[ms]".into()
        }
        ("slices" | "per_second" | "progress", Value::Int(n)) if *n > 0 && *n != 100 => "[n]".into(),
        (_, Value::Int(n)) if name.ends_with("_us") => {
            assert!(*n >= 0, "{name}: {n}");
            "[us]".into()
        }
        (_, Value::Nil) => "null".into(),
        ("notice", Value::BulkString(_)) => format!("{:?}", without_ids(&text(value))),
        (_, Value::Int(n)) => n.to_string(),
        (_, Value::BulkString(bytes)) => format!("{:?}", String::from_utf8_lossy(bytes)),
        ("other", Value::Array(_) | Value::Map(_)) => {
            let members: Vec<_> =
                map(value).iter().map(|(name, value)| format!("{name}: {}", member(name, value))).collect();
            format!("\n    {}", members.join("\n    "))
        }
        ("sample" | "groups", Value::Array(rows)) => {
            let row = |row: &Value| {
                let members: Vec<_> =
                    map(row).iter().map(|(name, value)| format!("{name}: {}", member(name, value))).collect();
                format!("\n  - {}", members.join("\n    "))
            };
            if rows.is_empty() { "[]".into() } else { rows.iter().map(row).collect() }
        }
        _ => panic!("{name} has no business in a reply: {value:?}"),
    }
}

/// Returns a notice with `[uuid]` for each id but [`ID`].
fn without_ids(notice: &str) -> String {
    let is_id =
        |word: &str| word.len() == 36 && word != ID && word.bytes().filter(|b| *b == b'-').count() == 4;
    let words: Vec<&str> = notice.split(' ').map(|word| if is_id(word) { "[uuid]" } else { word }).collect();
    words.join(" ")
}

/// Returns a map reply as a snapshot shows it.
pub(crate) fn shown(reply: &Value) -> String {
    let mut out = String::new();
    for (name, value) in map(reply) {
        let text = member(&name, &value);
        let blank = if text.starts_with('\n') { "" } else { " " };
        writeln!(out, "{name}:{blank}{text}").expect("a String takes it");
    }
    out
}

/// Checks that a JSON reply agrees with a RESP reply, except for volatile members.
pub(crate) fn assert_same(resp: &Value, json: &str) {
    assert!(!json.contains('\n'), "one line");
    let parsed: serde_json::Value = serde_json::from_str(json).expect("valid JSON");
    let members = map(resp);
    assert_eq!(parsed.as_object().expect("an object").len(), members.len(), "{json}");
    let mut from = 0;
    for (name, value) in members {
        let key = format!("\"{name}\":");
        let at = json[from..].find(&key).unwrap_or_else(|| panic!("{name} in its place in {json}"));
        from += at + key.len();
        let there = &parsed[&name];
        match &value {
            Value::Nil => assert!(there.is_null(), "{name}: {there}"),
            Value::Int(_) if member(&name, &value).starts_with('[') => {
                assert!(there.is_i64(), "{name}: {there}");
            }
            Value::Int(n) => assert_eq!(*there, *n, "{name}"),
            Value::BulkString(_) if member(&name, &value).starts_with('[') => assert!(there.is_string()),
            Value::BulkString(_) if name == "notice" => {
                let there = there.as_str().unwrap_or_else(|| panic!("{name} is a text"));
                assert_eq!(without_ids(there), without_ids(&text(&value)), "{name}");
            }
            Value::BulkString(_) => assert_eq!(*there, text(&value), "{name}"),
            Value::Array(_) if name == "other" => assert_same(&value, &json_in_order(&value, there)),
            Value::Array(rows) => {
                let there = there.as_array().unwrap_or_else(|| panic!("{name} is a list"));
                assert_eq!(there.len(), rows.len());
                rows.iter().zip(there).for_each(|(row, json)| assert_same(row, &json_in_order(row, json)));
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// Returns a parsed row as text again, with its members in the order of `row`, because parsing loses the
/// order and the outer text shows it.
fn json_in_order(row: &Value, json: &serde_json::Value) -> String {
    let members: Vec<_> = map(row).iter().map(|(name, _)| format!("\"{name}\":{}", json[name])).collect();
    assert_eq!(members.len(), json.as_object().expect("an object").len(), "{json}");
    format!("{{{}}}", members.join(","))
}

/// Runs a command in RESP2, RESP3 and as JSON, and returns the content that all of them have with VERBOSE.
pub(crate) fn three(server: &Server, line: &str) -> String {
    let verbose = format!("{line} VERBOSE");
    let resp2 = run(&mut server.conn(), &verbose).expect(line);
    let resp3 = run(&mut server.conn3(), &verbose).expect(line);
    assert!(matches!(resp2, Value::Array(_)), "RESP2 has flat arrays");
    assert!(matches!(resp3, Value::Map(_)), "RESP3 has maps");
    assert_eq!(shown(&resp2), shown(&resp3), "{line}");
    for mut conn in [server.conn(), server.conn3()] {
        let json = run(&mut conn, &format!("{line} FORMAT JSON")).expect(line);
        assert!(matches!(json, Value::BulkString(_)), "one bulk string");
        assert_same(&resp2, &text(&json));
        let verbose = run(&mut conn, &format!("{verbose} FORMAT JSON")).expect(line);
        assert_same(&resp2, &text(&verbose));
        // Only members that are null are left out without VERBOSE; those that FIELDS names stay in the rows.
        let brief = run(&mut conn, line).expect(line);
        assert_eq!(shown(&brief), without_nulls(&shown(&resp2), line.contains(" FIELDS ")), "{line}");
    }
    shown(&resp2)
}

/// Returns what [`shown`] returned without the members that are null, but with those of rows if `keeps_rows`.
fn without_nulls(shown: &str, keeps_rows: bool) -> String {
    let is_kept = |line: &&str| !line.ends_with(": null") || (keeps_rows && line.starts_with("    "));
    shown.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

/// Runs commands with no slice in between.
pub(crate) fn at_once(conn: &mut Connection, lines: &[String]) -> Vec<Value> {
    run(conn, "MULTI").expect("MULTI");
    lines.iter().for_each(|line| assert_eq!(text(&run(conn, line).expect(line)), "QUEUED"));
    match run(conn, "EXEC").expect("EXEC") {
        Value::Array(replies) => replies,
        other => panic!("EXEC answers a list, not {other:?}"),
    }
}
