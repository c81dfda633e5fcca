//! Indexes that keep values: what is counted from them is what a scan counts.

mod groups;
mod pushed;
mod random;
mod servers;
mod values;

use qadmin_harness::{Fields as _, Server, eventually, map, maps, text};
use redis::{Connection, Value};

use crate::support::{Reply, ask, run, wait_for_job};

/// A message of Celery with a readable body.
pub(super) fn message(id: u64, task: &str, x: &str) -> String {
    format!(
        r#"{{"body":"[[], {{\"x\": {x}}}, {{}}]","content-type":"application/json","headers":{{"task":"{task}","id":"{id}"}},"properties":{{}}}}"#
    )
}

fn command(conn: &mut Connection, words: &[&str]) -> Reply {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    map(&command.query::<Value>(conn).unwrap_or_else(|error| panic!("{words:?}: {error}")))
}

/// What a preview says of the matches, wherever it was counted.
fn preview(conn: &mut Connection, queue: &str, words: &[&str]) -> Reply {
    command(conn, &[&["QADMIN.PREVIEW", queue], words].concat())
}

/// One slice may not be enough to read all messages of a busy machine's list: a scan would answer.
pub(super) fn until_read(conn: &mut Connection, queue: &str) {
    eventually("all messages are read", || {
        ask(conn, &format!("QADMIN.INDEX INFO {queue}")).text("state") == "ready"
    });
}

/// Holds what the index answers against what a scan counts.
pub(super) fn compare(conn: &mut Connection, queue: &str, words: &[&str], context: &str) {
    until_read(conn, queue);
    let by_index = preview(conn, queue, words);
    assert_eq!(by_index.text("source"), "index", "{context}: {words:?}: {by_index:?}");
    assert_eq!(by_index.text("mode"), "synchronous");
    let by_scan = preview(conn, queue, &[words, &["BUST"]].concat());
    assert_eq!(by_scan.text("source"), "scan", "{context}: {words:?}: {by_scan:?}");
    for name in ["match_count", "matched_bytes", "undecodable", "unreadable", "drifted", "inexact", "depth"] {
        assert_eq!(by_index.get_field(name), by_scan.get_field(name), "{context}: {name} of {words:?}");
    }
    // The sample of an answer ends with its time, which other processes of the machine may have taken.
    let rows =
        |reply: &Reply| if let Value::Array(rows) = reply.get_field("sample") { rows.len() } else { 0 };
    let mut whole = by_index;
    eventually("the sample has as many rows as that of the scan", || {
        let is_whole = rows(&whole) >= rows(&by_scan);
        if !is_whole {
            whole = preview(conn, queue, words);
        }
        is_whole
    });
    for name in ["sample", "sample_error"] {
        assert_eq!(whole.get_field(name), by_scan.get_field(name), "{context}: {name} of {words:?}");
    }
}

/// The same for groups.
pub(super) fn compare_stats(conn: &mut Connection, queue: &str, words: &[&str], context: &str) {
    let stats = |conn: &mut Connection, more: &[&str]| {
        command(conn, &[&["QADMIN.STATS", queue], words, &["TOP", "1000"], more].concat())
    };
    until_read(conn, queue);
    let (by_index, by_scan) = (stats(conn, &[]), stats(conn, &["BUST"]));
    assert_eq!(by_index.text("source"), "index", "{context}: {words:?}: {by_index:?}");
    assert_eq!(by_scan.text("source"), "scan", "{context}: {words:?}: {by_scan:?}");
    let names = [
        "total",
        "matched",
        "matched_bytes",
        "undecodable",
        "unreadable",
        "drifted",
        "inexact",
        "groups_total",
        "groups",
        "other",
    ];
    for name in names {
        let [of_index, of_scan] = [&by_index, &by_scan].map(|reply| without_ages(reply.get_field(name)));
        assert_eq!(of_index, of_scan, "{context}: {name} of {words:?}");
    }
}

/// Removes from the rows of groups what only an index knows.
fn without_ages(value: &Value) -> Value {
    const AGES: [&str; 4] = ["next_age", "next_at_least", "oldest_age", "oldest_at_least"];
    let Value::Array(rows) = value else { return value.clone() };
    let members = |row: &Value| map(row).into_iter().filter(|(name, _)| !AGES.contains(&name.as_str()));
    let bytes = |name: String| Value::BulkString(name.into_bytes());
    let flat = |row: &Value| members(row).flat_map(|(name, value)| [bytes(name), value]).collect();
    Value::Array(
        rows.iter()
            .map(|row| {
                if matches!(row, Value::Array(_) | Value::Map(_)) {
                    Value::Array(flat(row))
                } else {
                    row.clone()
                }
            })
            .collect(),
    )
}

pub(super) fn push(conn: &mut Connection, queue: &str, messages: &[String]) {
    redis::cmd("LPUSH").arg(queue).arg(messages).query::<()>(conn).expect("LPUSH");
}

#[test]
fn counts_and_groups_come_from_the_index_and_are_those_of_a_scan() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut messages: Vec<String> = (0..40)
        .map(|n| {
            message(n, ["a.b", "c.d", "e.f"][usize::try_from(n % 3).expect("small")], &(n % 7).to_string())
        })
        .collect();
    messages.push("no message".into());
    push(&mut conn, "q", &messages);
    let created = ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 task kwargs.x");
    let Value::Array(fields) = created.get_field("fields") else { panic!("{created:?}") };
    assert_eq!(fields.iter().map(text).collect::<Vec<_>>(), ["task", "kwargs.x"]);
    for words in [
        &["WHERE", "task", "=", "a.b"][..],
        &["WHERE", "task", "=", "c.d", "WHERE", "kwargs.x", ">", "3"],
        &["WHERE", "kwargs.x", "IN", "2", "1", "6", "WHERE", "bytes", ">", "100"],
        &["WHERE", "undecodable", "=", "1"],
        &["WHERE", "task", "=", "nothing"],
    ] {
        compare(&mut conn, "q", words, "at first");
    }
    compare_stats(&mut conn, "q", &["GROUPBY", "1", "task"], "at first");
    compare_stats(
        &mut conn,
        "q",
        &["WHERE", "kwargs.x", "<", "4", "GROUPBY", "2", "task", "kwargs.x"],
        "at first",
    );
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.text("state"), info.int("read"), info.int("unread")), ("ready".to_owned(), 41, 0));
    let Value::Array(distinct) = info.get_field("distinct") else { panic!("{info:?}") };
    assert_eq!(distinct, &[Value::Int(3), Value::Int(7)]);
    // A filter of which no condition is on the fields is counted by a scan. One that must read some messages is
    // counted by a job, which reads no others.
    for (words, source) in [("WHERE id = 3", "scan"), ("WHERE task = a.b WHERE id = 3", "index")] {
        let reply = ask(&mut conn, &format!("QADMIN.PREVIEW q {words}"));
        assert_eq!((reply.text("source").as_str(), reply.int("match_count")), (source, 1), "{words}");
        assert!(!reply.is_null("in_chord"), "{reply:?}");
    }
    // What is known of matches beside their number is not kept, and the reply says so.
    let reply = ask(&mut conn, "QADMIN.PREVIEW q WHERE task = a.b");
    assert!(
        reply.is_null("in_chord") && reply.text("notice").contains("not counted where an index"),
        "{reply:?}"
    );

    // A clear judges the messages themselves, and the index hears what it removed.
    let job = ask(&mut conn, "QADMIN.CLEARJOB q WHERE task = a.b ALL CONFIRM q");
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 14);
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("read"), info.int("unread")), (27, 0), "nothing is read again: {info:?}");
    compare(&mut conn, "q", &["WHERE", "task", "=", "a.b"], "after the clear");
    compare_stats(&mut conn, "q", &["GROUPBY", "1", "kwargs.x"], "after the clear");
}

#[test]
fn new_messages_are_read_without_being_asked_for() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 1 task");
    for round in 0..3 {
        let messages: Vec<String> = (0..700).map(|n| message(n, "a.b", "1")).collect();
        push(&mut conn, "q", &messages);
        eventually("all messages are read", || {
            let info = ask(&mut conn, "QADMIN.INDEX INFO q");
            info.text("state") == "ready" && info.int("read") == 700 * (round + 1)
        });
        // Few wait a moment and are read as well.
        push(&mut conn, "q", &messages[..1]);
        eventually("the last one is read", || ask(&mut conn, "QADMIN.INDEX INFO q").int("unread") == 0);
        run(&mut conn, "RPOP q").expect("RPOP");
    }
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("depth"), info.int("read")), (2_100, 2_100));
}

#[test]
fn fields_are_part_of_the_definition_and_are_checked() {
    let server = Server::start();
    let mut conn = server.conn();
    for (line, why) in [
        ("QADMIN.INDEX CREATE q FIELDS 1 age", "no groups of it"),
        ("QADMIN.INDEX CREATE q FIELDS 1 bytes", "is known of each message"),
        ("QADMIN.INDEX CREATE q FIELDS 2 repoid kwargs.repoid", "twice"),
        ("QADMIN.INDEX CREATE q FIELDS 9 a b c d e f g h i", "from 1 to 8"),
        ("QADMIN.INDEX CREATE q FIELDS 0", "from 1 to 8"),
        ("QADMIN.INDEX DROP q FIELDS 1 task", "CREATE"),
    ] {
        let error = run(&mut conn, line).expect_err(line).to_string();
        assert!(error.contains(why), "{line}: {error}");
    }
    ask(&mut conn, "QADMIN.INDEX CREATE queue:b AS sidekiq FIELDS 2 task args.0");
    let setting = |conn: &mut Connection| {
        let pair: Vec<String> =
            redis::cmd("CONFIG").arg(&["GET", "qadmin.index"]).query(conn).expect("CONFIG GET");
        pair[1].clone()
    };
    assert_eq!(setting(&mut conn), "queue:b@sidekiq:task,args.0");
    let set = |conn: &mut Connection, value: &str| {
        redis::cmd("CONFIG").arg(&["SET", "qadmin.index", value]).query::<()>(conn)
    };
    set(&mut conn, "q:task r:age").expect_err("age is no such field");
    push(&mut conn, "q", &[message(1, "a.b", "1")]);
    set(&mut conn, "q:task,kwargs.x").expect("CONFIG SET");
    eventually("it is read", || ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "ready");
    compare(&mut conn, "q", &["WHERE", "kwargs.x", "=", "1"], "by the setting");
    assert_eq!(maps(&run(&mut conn, "QADMIN.INDEX LIST").expect("LIST")).len(), 1);
    ask(&mut conn, "QADMIN.INDEX DROP q");
    assert_eq!(ask(&mut conn, "QADMIN.PREVIEW q WHERE kwargs.x = 1").text("source"), "scan");
}

#[test]
fn an_index_without_room_answers_nothing_and_a_scan_does() {
    let server = Server::start();
    let mut conn = server.conn();
    redis::cmd("CONFIG")
        .arg(&["SET", "qadmin.index-max-memory", "1048576"])
        .query::<()>(&mut conn)
        .expect("CONFIG SET");
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 4 task kwargs.x headers.id lang");
    for first in (0..60_000).step_by(1_000) {
        let messages: Vec<String> = (first..first + 1_000).map(|n| message(n, "a.b", "1")).collect();
        push(&mut conn, "q", &messages);
    }
    eventually("it is suspended", || ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "suspended");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert!(info.text("reason").contains("index-max-memory") && info.is_null("read"), "{info:?}");
    assert!(info.int("memory") < 100_000, "{info:?}");
    let reply = ask(&mut conn, "QADMIN.PREVIEW q WHERE task = a.b");
    assert_eq!(reply.text("source"), "scan");
}

#[test]
fn an_answer_that_would_take_longer_than_four_slices_is_given_by_a_job() {
    let server = Server::builder().module_args("slice-us 50").start();
    let mut conn = server.conn();
    run(&mut conn, "QADMIN.INDEX CREATE q FIELDS 1 task").expect("INDEX CREATE");
    // 200 microseconds: 117,000 messages with a sample, 180,000 without one.
    let messages: Vec<String> = (0..1_000).map(|id| message(id, "t", "1")).collect();
    for _ in 0..150 {
        push(&mut conn, "q", &messages);
    }
    until_read(&mut conn, "q");
    let by_job = |conn: &mut Connection, words: &[&str]| !preview(conn, "q", words).is_null("job_id");
    run(&mut conn, "CONFIG SET qadmin.inline-limit 0").expect("CONFIG SET");
    assert!(!by_job(&mut conn, &["TASK", "t", "SAMPLE", "0"]));
    let reply = preview(&mut conn, "q", &["TASK", "t", "SAMPLE", "1"]);
    let status = wait_for_job(&mut conn, &reply.text("job_id"));
    assert_eq!((status.text("source"), status.int("matched")), ("index".to_owned(), 150_000));
    run(&mut conn, "CONFIG SET qadmin.slice-us 500").expect("CONFIG SET");
    assert!(!by_job(&mut conn, &["TASK", "t", "SAMPLE", "1"]));
}

#[test]
fn info_shows_how_long_the_slices_of_indexes_took() {
    let server = Server::start();
    let mut conn = server.conn();
    let shown = |name: &str| {
        server.info(&format!("qadmin_index_{name}")).expect("INFO").parse::<u64>().expect("microseconds")
    };
    assert_eq!((shown("slice_work_max_us"), shown("seek_max_us")), (0, 0));
    let made: Vec<String> = (0..20_000).map(|n| message(n, "a.b", &n.to_string())).collect();
    redis::cmd("LPUSH").arg("q").arg(made).exec(&mut conn).expect("LPUSH");
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 task kwargs.x");
    until_read(&mut conn, "q");
    // Reading these takes a hundred slices, of which none takes no time.
    assert!(shown("slice_work_max_us") > 0);
}
