//! Messages of unusual shapes: PREVIEW shows each as a real worker reads it.

use qadmin_harness::{Fields as _, Server, spawn};
use redis::Commands as _;
use serde_json::Value;
use std::process::Stdio;

use crate::support::celery::script;
use crate::support::{ask, wait_for_job};

/// A message, and what the worker did with it.
struct Shape {
    name: String,
    element: String,
    view: Value,
}

/// Lets a real worker run one message of each shape.
fn ask_a_worker(server: &Server) -> Vec<Shape> {
    let mut command = script(server);
    command.args(["shapes.py", "ask"]).stdout(Stdio::piped());
    // Celery warns that nobody should run it as root; these tasks are the tests' own.
    command.env("C_FORCE_ROOT", "1").env("QADMIN_TEST_LOG", server.dir().join("worker.log"));
    let output = spawn(command).expect("Python starts").wait_with_output().expect("a child of ours");
    assert!(output.status.success(), "the script failed: {}", output.status);
    let shape = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("the script prints JSON");
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        Shape { name: text("name"), element: text("element"), view: row["view"].clone() }
    };
    String::from_utf8(output.stdout).expect("the script prints text").lines().map(shape).collect()
}

/// Returns the worker's behaviour that the core's tests assume, which must still be its behaviour: names and
/// results.
fn recorded() -> Vec<(String, Value)> {
    let lines = include_str!("../../core/src/filter/tests/shapes.jsonl").lines();
    let row = |line: &str| -> Value { serde_json::from_str(line).expect("a recorded line") };
    lines.map(row).map(|row| (row["name"].as_str().expect("text").to_owned(), row["view"].clone())).collect()
}

#[test]
fn messages_match_and_are_shown_as_a_real_worker_runs_them() {
    const FIELDS: [&str; 12] = [
        "task", "id", "retries", "eta", "expires", "group", "root_id", "origin", "args.0", "args.1",
        "repoid", "kwargs.x",
    ];
    // These are not read here, whatever the worker does with them: only their headers count.
    const CLOSED: [&str; 2] = ["bzip2", "lzma"];
    let server = Server::start();
    let mut conn = server.conn();
    let shapes = ask_a_worker(&server);
    let said: Vec<_> = shapes.iter().map(|shape| (shape.name.clone(), shape.view.clone())).collect();
    assert_eq!(said, recorded(), "record again: tests/python/shapes.py");
    for Shape { name, element, view } in &shapes {
        let _: () = conn.del("one").expect("DEL");
        let _: i64 = conn.lpush("one", element).expect("LPUSH");
        let line = format!(
            "QADMIN.PREVIEW one WHERE bytes > 0 SAMPLE 1 FIELDS {} {}",
            FIELDS.len(),
            FIELDS.join(" ")
        );
        let row = ask(&mut conn, &line).rows("sample").remove(0);
        let closed = CLOSED.contains(&name.as_str());
        let ran = view["outcome"] == "ran";
        if ran {
            for field in FIELDS {
                let told = match field {
                    "args.0" => &view["args"][0],
                    "args.1" => &view["args"][1],
                    "repoid" | "kwargs.x" => &view["kwargs"][field.trim_start_matches("kwargs.")],
                    _ => &view[field],
                };
                let in_body = ["args.0", "args.1", "repoid", "kwargs.x"].contains(&field);
                match told {
                    // The values are shown as far as the sender's text of the arguments contains them.
                    _ if closed && in_body => {}
                    Value::Null => assert!(row.is_null(field), "{name}: {field}"),
                    // A worker treats a missing number of retries as 0.
                    Value::Number(zero) if row.is_null(field) => {
                        assert!(field == "retries" && zero.as_i64() == Some(0), "{name}: {field}");
                    }
                    Value::Number(number) => {
                        assert_eq!(Some(row.int(field)), number.as_i64(), "{name}: {field}");
                    }
                    Value::String(text) => assert_eq!(row.text(field), *text, "{name}: {field}"),
                    other => panic!("{name}: {field} is {other}"),
                }
            }
        }
        // A clear removes messages that the worker would have run with this argument, and never a message
        // that lacks the argument only here.
        let clear = |conn: &mut redis::Connection, words: &str| {
            let job = ask(conn, &format!("QADMIN.CLEARJOB one {words} DRYRUN AS celery"));
            wait_for_job(conn, &job.text("job_id")).int("would_delete")
        };
        let has = view["kwargs"]["repoid"] == 7 && !closed;
        if ran {
            assert_eq!(clear(&mut conn, "REPOID 7"), i64::from(has), "{name}");
        }
        let lacks = ran && view["kwargs"] == serde_json::json!({});
        assert_eq!(clear(&mut conn, "WHERE kwargs.repoid MISSING"), i64::from(lacks), "{name}");
    }
}

#[test]
fn bodies_are_not_shown_whatever_kind_is_expected() {
    const SECRET: &str = "aVerySecretArgument";
    let server = Server::start();
    let mut conn = server.conn();
    let body = format!(r#"[[], {{\"token\": \"{SECRET}\"}}, {{}}]"#);
    let message = |n: usize| {
        format!(
            r#"{{"body": "{body}", "content-type": "application/json", "content-encoding": "utf-8",
            "headers": {{"task": "t", "id": "{n}"}}, "properties": {{"delivery_tag": "{n}"}}}}"#
        )
    };
    (0..5).for_each(|n| {
        let _: i64 = conn.lpush("q", message(n)).expect("LPUSH");
    });
    for kind in ["sidekiq", "resque"] {
        let fields = "headers.body headers.properties headers.headers headers.content-type task args.0";
        for options in ["NOCOUNT", "BUST"] {
            let line =
                format!("QADMIN.PREVIEW q WHERE bytes > 0 {options} SAMPLE 5 FIELDS 6 {fields} AS {kind}");
            let reply = ask(&mut conn, &line);
            let rows = reply.rows("sample");
            assert_eq!(rows.len(), 5, "{reply:?}");
            assert!(rows.iter().all(|row| fields.split(' ').all(|field| row.is_null(field))), "{rows:?}");
        }
        let stats = ask(&mut conn, &format!("QADMIN.STATS q GROUPBY 2 headers.body task AS {kind}"));
        let groups = stats.rows("groups");
        assert_eq!(groups.len(), 1, "{stats:?}");
        assert!(groups[0].is_null("headers.body") && groups[0].is_null("task"), "{stats:?}");
        assert!(!format!("{stats:?}").contains(SECRET));
        // It can be neither guessed nor treated as missing.
        for words in [
            format!("WHERE headers.body GLOB *{SECRET}*"),
            "WHERE headers.body EXISTS".to_owned(),
            "WHERE headers.body MISSING".to_owned(),
            "WHERE task MISSING".to_owned(),
            "WHERE args.0 MISSING".to_owned(),
        ] {
            let reply = ask(&mut conn, &format!("QADMIN.PREVIEW q {words} AS {kind}"));
            assert_eq!((reply.int("match_count"), reply.int("unreadable")), (0, 5), "{words}: {reply:?}");
            assert!(reply.rows("sample").is_empty(), "{words}");
        }
        let job = ask(&mut conn, &format!("QADMIN.CLEARJOB q WHERE task MISSING ALL CONFIRM q AS {kind}"));
        assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 0);
    }
    // Read with the right kind, the message shows the requested argument.
    let reply = ask(&mut conn, "QADMIN.PREVIEW q TASK t SAMPLE 1 FIELDS 1 kwargs.token");
    assert_eq!(reply.rows("sample")[0].text("kwargs.token"), SECRET);
}
