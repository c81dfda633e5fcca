//! Conditions on values of every type: the text that a person types matches the value that is meant.

use std::collections::BTreeSet;
use std::process::Stdio;

use qadmin_harness::{Fields as _, Server, map, spawn};
use redis::{Commands as _, Connection, Value};
use serde_json::Value as Json;

use crate::support::celery::script;
use crate::support::{Reply, wait_for_job};

/// Small inputs made from public reports: messages as real producers write them, a filter as a person types
/// it, and the tags of the messages that are meant. Messages are given in the order in which they run.
const REPORTS: &str = include_str!("../data/reports.jsonl");

fn command(conn: &mut Connection, words: &[&str]) -> Reply {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    map(&command.query::<Value>(conn).unwrap_or_else(|error| panic!("{words:?}: {error}")))
}

/// Returns the counts of a preview: matches, and messages for which the filter stayed unknown.
fn counted(conn: &mut Connection, queue: &str, filter: &[&str], more: &[&str]) -> (i64, i64) {
    let reply = command(conn, &[&["QADMIN.PREVIEW", queue], filter, more].concat());
    (reply.int("match_count"), reply.int("unreadable"))
}

fn cleared(conn: &mut Connection, queue: &str, filter: &[&str], more: &[&str]) -> Reply {
    let clear = [&["QADMIN.CLEARJOB", queue], filter, &["ALL", "CONFIRM", queue], more].concat();
    let job = command(conn, &clear).text("job_id");
    let end = wait_for_job(conn, &job);
    assert_eq!(end.text("status"), "completed", "{clear:?}: {end:?}");
    end
}

fn texts(json: &Json) -> Vec<&str> {
    json.as_array().expect("an array").iter().map(|word| word.as_str().expect("a text")).collect()
}

/// Converts the times in these messages, which are relative to the time at which they were written down.
fn moved_to_now(conn: &mut Connection, id: &str, text: &str) -> String {
    if id != "C26a" {
        return text.to_owned();
    }
    const WRITTEN: i64 = 1_795_872_551;
    let (now, _): (i64, i64) = redis::cmd("TIME").query(conn).expect("TIME");
    let mut message: Json = serde_json::from_str(text).expect("a message");
    let moved = now - WRITTEN;
    let at = &mut message["enqueued_at"];
    *at = match at.as_i64() {
        Some(ms) => Json::from(ms + moved * 1_000),
        None => Json::from(at.as_f64().expect("a time") + moved as f64),
    };
    message.to_string()
}

#[test]
fn inputs_of_public_reports_are_counted_and_cleared_as_meant() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut wrong = Vec::new();
    for line in REPORTS.lines() {
        let case: Json = serde_json::from_str(line).expect("a case");
        let id = case["id"].as_str().expect("an id");
        let filter = texts(&case["filter"]);
        let kind = case["as"].as_str();
        let more: Vec<&str> = kind.map_or(Vec::new(), |kind| vec!["AS", kind]);
        let (mut left, mut meant) = (Vec::new(), 0);
        for message in case["messages"].as_array().expect("messages") {
            let text = moved_to_now(&mut conn, id, message["text"].as_str().expect("a text"));
            let push = if kind == Some("resque") { "RPUSH" } else { "LPUSH" };
            let _: i64 = redis::cmd(push).arg(id).arg(&text).query(&mut conn).expect("a push");
            if texts(&case["meant"]).contains(&message["tag"].as_str().expect("a tag")) {
                meant += 1;
            } else {
                left.push(text);
            }
        }
        if kind != Some("resque") {
            left.reverse();
        }
        let (count, _) = counted(&mut conn, id, &filter, &more);
        let end = cleared(&mut conn, id, &filter, &more);
        let stayed: Vec<String> = conn.lrange(id, 0, -1).expect("LRANGE");
        if (count, end.int("deleted")) != (meant, meant) || stayed != left {
            wrong.push(format!("{id}: counted {count}, cleared {}, meant {meant}", end.int("deleted")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Returns values of every type in messages of the real kombu.
fn sent_values(server: &Server) -> Json {
    let mut command = script(server);
    command.arg("values.py").stdout(Stdio::piped());
    let output = spawn(command).expect("Python starts").wait_with_output().expect("it ends");
    assert!(output.status.success(), "the sender failed: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("the sender prints JSON")
}

#[test]
fn every_condition_counts_and_clears_what_python_says_of_the_values() {
    let server = Server::start();
    let mut conn = server.conn();
    let sent = sent_values(&server);
    let mut wrong = Vec::new();
    // The values are in JSON, in MessagePack, in pickle, and in bodies that are not read, of which only Celery's text of
    // the arguments is known.
    for sent in sent["queues"].as_array().expect("queues") {
        let queue = sent["queue"].as_str().expect("a name");
        let more = texts(&sent["more"]);
        let all: Vec<String> = conn.lrange(queue, 0, -1).expect("LRANGE");
        let all: Vec<String> = all.iter().map(|text| id_of(text)).collect();
        assert_eq!(all.len(), texts(&sent["sent"]).len());
        for question in sent["questions"].as_array().expect("questions") {
            let filter = texts(&question["words"]);
            let (yes, unknown) = (texts(&question["true"]), texts(&question["unknown"]));
            let wanted = (yes.len() as i64, unknown.len() as i64);
            let got = counted(&mut conn, queue, &filter, &more);
            if got != wanted {
                wrong.push(format!("{queue} {filter:?}: counted {got:?}, Python says {wanted:?}"));
                continue;
            }
            let _: i64 = redis::cmd("COPY").arg(&[queue, "copy", "REPLACE"]).query(&mut conn).expect("COPY");
            let end = cleared(&mut conn, "copy", &filter, &more);
            let stayed: Vec<String> = conn.lrange("copy", 0, -1).expect("LRANGE");
            let stayed: BTreeSet<String> = stayed.iter().map(|text| id_of(text)).collect();
            let meant: BTreeSet<String> =
                all.iter().filter(|id| !yes.contains(&id.as_str())).cloned().collect();
            if end.int("deleted") != wanted.0 || stayed != meant {
                let deleted = end.int("deleted");
                wrong.push(format!("{queue} {filter:?}: cleared {deleted}, Python says {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn id_of(text: &str) -> String {
    let message: Json = serde_json::from_str(text).expect("a message");
    message["headers"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_row_of_stats_typed_back_is_previewed_with_its_count() {
    let server = Server::start();
    let mut conn = server.conn();
    let sent = sent_values(&server);
    for (sent, most) in sent["queues"].as_array().expect("queues").iter().zip([40, 30, 40, 30]) {
        let queue = sent["queue"].as_str().expect("a name");
        let more = texts(&sent["more"]);
        let stats = ["QADMIN.STATS", queue, "GROUPBY", "1", "kwargs.v", "TOP", "500"];
        let stats = command(&mut conn, &[&stats[..], &more].concat());
        let rows = stats.rows("groups");
        assert!(rows.len() > most, "{rows:?}");
        for row in &rows {
            let value = row.get_field("kwargs.v");
            let operand = match value {
                Value::Nil => continue,
                Value::Int(n) => n.to_string(),
                Value::BulkString(bytes) => String::from_utf8(bytes.clone()).expect("text"),
                other => panic!("{other:?} is no value of a group"),
            };
            let (count, _) = counted(&mut conn, queue, &["WHERE", "kwargs.v", "=", &operand], &more);
            assert_eq!(count, row.int("count"), "{queue} {operand}");
        }
    }
}

#[test]
fn a_task_with_bytes_that_are_no_characters_is_never_cleared_by_a_comparison() {
    let server = Server::start();
    let mut conn = server.conn();
    let job =
        |class: &[u8]| [&br#"{"class":""#[..], class, br#"","args":[],"jid":"j","queue":"q"}"#].concat();
    let (torn, half) = (job(b"Plain\xbbJob"), job(b"a\\ud800"));
    conn.lpush::<_, _, ()>("queue:q", &[&torn, &job(b"PlainJob"), &half, &job(b"Other")]).expect("LPUSH");
    for condition in ["task != PlainJob", "task != Plain\u{fffd}Job"] {
        let words: Vec<&str> = condition.split(' ').collect();
        let filter = [&["WHERE"][..], &words].concat();
        let matches = if condition.contains('\u{fffd}') { 2 } else { 1 };
        assert_eq!(counted(&mut conn, "queue:q", &filter, &["AS", "sidekiq"]), (matches, 2), "{condition}");
    }
    let end = cleared(&mut conn, "queue:q", &["WHERE", "task", "!=", "Nothing"], &["AS", "sidekiq"]);
    assert_eq!((end.int("deleted"), end.int("unreadable")), (2, 2), "{end:?}");
    let left: Vec<Vec<u8>> = conn.lrange("queue:q", 0, -1).expect("LRANGE");
    assert_eq!(left, [half, torn]);
}
