//! `qadmin index`, and what the other commands show of an index.

use qadmin_harness::{Server, eventually, fill_examples};
use redis::Connection;
use serde_json::{Value, json};

use crate::support::{QUEUE, about, qadmin, target, tell};

fn push(conn: &mut Connection, queue: &str, task: &str) {
    let message = format!(r#"{{"body":"W10=","headers":{{"task":"{task}","id":"x"}}}}"#);
    redis::cmd("LPUSH").arg(queue).arg(message).exec(conn).expect("LPUSH");
}

/// The value of a line of output that begins with this name.
fn line<'a>(out: &'a str, name: &str) -> Option<&'a str> {
    out.lines().find_map(|line| line.trim_start().strip_prefix(name)).map(str::trim)
}

#[test]
fn an_index_is_created_shown_and_dropped() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut conn = server.conn();
    assert_eq!(
        qadmin(&server, &["index", "list"]).ended(0).out,
        "There are no indexes of lists that you may read.\n"
    );
    assert_eq!(qadmin(&server, &["index", "list", "--json"]).ended(0).json(), json!([]));
    let created =
        qadmin(&server, &["index", "create", QUEUE, "--fields", "task,kwargs.repoid", "--kind", "celery"]);
    let created = created.ended(0);
    assert_eq!(line(&created.out, "queue"), Some(QUEUE), "{created:?}");
    assert_eq!(line(&created.out, "depth"), Some("1,051 messages"), "{created:?}");
    assert!(line(&created.out, "next waits").is_some_and(|age| age.starts_with(">= ")), "{created:?}");
    assert_eq!(line(&created.out, "arrivals"), Some("0 known, 1,051 only by a bound"), "{created:?}");
    assert!(created.err.contains("CONFIG REWRITE"), "{created:?}");
    eventually("the messages are read", || {
        qadmin(&server, &["index", "info", QUEUE, "--json"]).ended(0).json()["state"] == "ready"
    });
    let info = qadmin(&server, &["index", "info", QUEUE]).ended(0);
    assert_eq!(line(&info.out, "state"), Some("ready"), "{info:?}");
    assert_eq!(line(&info.out, "fields"), Some("task (21 values), kwargs.repoid (463 values)"), "{info:?}");
    assert!(line(&info.out, "mean wait").is_none() && !info.out.contains("waited less"), "{info:?}");

    tell(&mut conn, "SELECT 2");
    qadmin_at_db_2(&server, &["index", "create", "queue:default", "--as", "sidekiq"]);
    push(&mut conn, "queue:default", "a.b");
    push(&mut conn, "queue:default", "a.b");
    tell(&mut conn, "RPOP queue:default");
    let list = qadmin(&server, &["index", "list"]).ended(0);
    let rows: Vec<Vec<&str>> = list.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 3, "{list:?}");
    assert_eq!(rows[1][..4], [QUEUE, "0", "ready", "1,051"], "{list:?}");
    assert_eq!(rows[2][..4], ["queue:default", "2", "ready", "1"], "{list:?}");
    let info = qadmin_at_db_2(&server, &["index", "info", "queue:default"]);
    assert_eq!(line(&info, "database"), Some("2"), "{info}");
    assert!(
        line(&info, "mean wait").is_some_and(|mean| mean.contains("1 message that workers took")),
        "{info}"
    );
    assert!(info.contains("waited less than") && info.contains(&"#".repeat(20)), "{info}");
    assert!(
        line(&info, "so far").is_some_and(|text| text == "2 pushed, 1 popped, 0 removed otherwise"),
        "{info}"
    );

    let json = qadmin(&server, &["index", "list", "--json"]).ended(0).json();
    assert_eq!(json.as_array().map(Vec::len), Some(2), "{json}");
    assert_eq!(
        qadmin(&server, &["index", "drop", QUEUE]).ended(0).out,
        format!("Dropped the index of {QUEUE}.\n")
    );
    let gone = qadmin(&server, &["index", "info", QUEUE, "--json"]).ended(1);
    assert!(gone.json()["error"].as_str().is_some_and(|why| why.contains("has no index")), "{gone:?}");
    qadmin(&server, &["index", "drop", QUEUE]).ended(1);
    qadmin(&server, &["index", "create", QUEUE, "--fields", "nothing"]).ended(1);
    for wrong in [&["index"][..], &["index", "create"], &["index", "create", "q", "--as", "arq"]] {
        qadmin(&server, wrong).ended(2);
    }
}

/// Runs the program on database 2 and returns its output.
fn qadmin_at_db_2(server: &Server, args: &[&str]) -> String {
    crate::support::at(&server.url(2), args).ended(0).out
}

#[test]
fn the_other_commands_show_what_an_index_knows() {
    let server = Server::start();
    let mut conn = server.conn();
    let preview =
        |more: &[&str]| qadmin(&server, &[&["preview", "q", "--where", "task GLOB *"], more].concat());
    push(&mut conn, "q", "a.b");
    let without = preview(&[]).ended(0);
    assert!(!without.out.contains("waits") && !without.out.contains("source"), "{without:?}");
    qadmin(&server, &["preview", "q", "--where", "age > 2h"]).ended(1);
    qadmin(&server, &["index", "create", "q", "--fields", "task", "--quiet"]).ended(0);
    push(&mut conn, "q", "c.d");
    push(&mut conn, "q", "c.d");
    tell(&mut conn, "RPOP q");
    tell(&mut conn, "RPOP q");
    push(&mut conn, "q", "a.b");
    eventually("it is read", || {
        qadmin(&server, &["index", "info", "q", "--json"]).ended(0).json()["unread"] == 0
    });
    let info = qadmin(&server, &["index", "info", "q"]).ended(0);
    assert!(
        info.out.contains("! taken before they were read, so under no value: 1 message")
            || info.out.contains("mean wait  longest wait"),
        "{info:?}"
    );
    let with = preview(&["--fields", "task,age,arrived"]).ended(0);
    for (name, part) in [
        ("next waits", "ms"),
        ("oldest waits", "ms"),
        // Whole seconds count, so it depends on the moment how many these are.
        ("per minute", " in, "),
        ("mean wait", "(1 message that workers took)"),
        ("source", "index"),
    ] {
        assert!(line(&with.out, name).is_some_and(|text| text.contains(part)), "{name}: {with:?}");
    }
    // Ages and times in the sample are those of people.
    let row = with.out.lines().find(|line| line.contains("c.d")).expect("a row");
    assert!(row.contains(" ms ") && row.contains("20") && row.contains(':'), "{with:?}");
    let stats = qadmin(&server, &["stats", "q"]).ended(0);
    assert!(line(&stats.out, "source").is_some() && line(&stats.out, "oldest waits").is_some(), "{stats:?}");
    assert!(
        stats.out.lines().any(|line| line.contains("next waits") && line.contains("messages")),
        "{stats:?}"
    );
    let scanned = qadmin(&server, &["stats", "q", "--bust"]).ended(0);
    assert!(
        line(&scanned.out, "source").is_none() && line(&scanned.out, "mean wait").is_some(),
        "{scanned:?}"
    );
    for (condition, matches) in
        [("age < 1h", 2), ("age > 2h", 0), ("arrived > now-1h", 2), ("arrived < now-1h", 0)]
    {
        let json = qadmin(&server, &["preview", "q", "--where", condition, "--json"]).ended(0).json();
        assert_eq!(json["match_count"], matches, "{condition}: {json}");
    }
    let dry = ["clear", "q", "--where", "age < 1h", "--all", "--dry-run", "--json"];
    let job = qadmin(&server, &dry).ended(0).json();
    assert_eq!(job["would_delete"], 2, "{job}");
    let status = qadmin(&server, &["status", job["job_id"].as_str().expect("an id")]).ended(0);
    assert!(line(&status.out, "next waits").is_some(), "{status:?}");
    let queues = qadmin(&server, &["queues"]).ended(0);
    assert!(queues.out.lines().next().is_some_and(|head| head.contains("mean wait")), "{queues:?}");
}

#[test]
fn a_bound_is_marked_in_samples() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    qadmin(&server, &["index", "create", QUEUE]).ended(0);
    let target = target();
    let args = about("preview", &target, &["--sample", "1", "--fields", "age,arrived"]);
    let run = qadmin(&server, &args).ended(0);
    let row = run.out.lines().last().expect("a row");
    assert!(row.contains(" >= ") && row.contains(" <= 20"), "{run:?}");
    let json = qadmin(&server, &[&args[..], &["--json"]].concat());
    let age = &json.ended(0).json()["sample"][0]["age"];
    assert!(matches!(age, Value::String(text) if text.starts_with(">=")), "{age}");
}
