//! QADMIN.STATS: exact counts by the values of fields, whatever the values are and whatever happens
//! meanwhile.

use std::collections::HashMap;

use qadmin_harness::{Factory, Fields as _, Server, Size, TARGET_TASK, eventually, fill, map, text};
use redis::{Commands as _, Connection, Value};

use crate::stage::{
    LONG, Slow, filled, info, joined, later, newest_job, set, start_clear, target, until_running,
    until_waiting,
};
use crate::support::{Reply, ask, run, wait_for_job};

const QUEUE: &str = "celery";

/// A group as a simple reading gives it: values, then count, bytes, share, next_index, last_index.
type Row = (Vec<String>, [i64; 5]);

fn int(n: usize) -> i64 {
    i64::try_from(n).expect("small")
}

/// Counts elements, the one that runs next first, by the result of `values` for them: largest groups first,
/// then by values.
fn naive<'m>(elements: impl Iterator<Item = &'m (Vec<String>, usize)>) -> Vec<Row> {
    let mut groups: HashMap<Vec<String>, [i64; 5]> = HashMap::new();
    let mut all = 0;
    for (at, (values, bytes)) in elements.enumerate() {
        let index = -1 - int(at);
        let row = groups.entry(values.clone()).or_insert([0, 0, 0, index, index]);
        *row = [row[0] + 1, row[1] + int(*bytes), 0, row[3], index];
        all += 1;
    }
    let mut rows: Vec<Row> = groups.into_iter().collect();
    rows.iter_mut().for_each(|(_, row)| row[2] = row[0] * 1_000 / all);
    // Integers come before text and are ordered by size; the values of one field are of one type here.
    let key =
        |values: &[String]| values.iter().map(|v| (v.parse::<i64>().ok(), v.clone())).collect::<Vec<_>>();
    rows.sort_by(|(a, x), (b, y)| y[0].cmp(&x[0]).then_with(|| key(a).cmp(&key(b))));
    rows
}

/// Returns the rows of a reply, with the values of these fields.
fn rows(reply: &Reply, fields: &[&str]) -> Vec<Row> {
    let number = |row: &Reply, name| if row.is_null(name) { 0 } else { row.int(name) };
    let of = |row: Reply| {
        let sums = ["count", "bytes", "share", "next_index", "last_index"].map(|name| number(&row, name));
        let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [fields, &["count", "bytes", "share", "next_index", "last_index"]].concat();
        assert_eq!(names, expected, "members in their order");
        (fields.iter().map(|field| row.text(field)).collect(), sums)
    };
    reply.rows("groups").into_iter().map(of).collect()
}

/// Compares groups, and shows only the first difference.
fn assert_same(shown: &[Row], expected: &[Row]) {
    assert_eq!(shown.len(), expected.len(), "as many groups");
    for (shown, expected) in shown.iter().zip(expected) {
        assert_eq!(shown, expected);
    }
}

fn other(reply: &Reply) -> Reply {
    map(reply.get_field("other"))
}

/// Returns the messages of a factory as values and bytes.
fn made(
    factory: &mut Factory,
    range: std::ops::Range<u64>,
    values: fn(&Factory, u64) -> Vec<String>,
) -> Vec<(Vec<String>, usize)> {
    range.map(|i| (values(factory, i), factory.message(i).len())).collect()
}

fn by_task_and_repo(factory: &Factory, i: u64) -> Vec<String> {
    let facts = factory.facts(i);
    vec![facts.task.to_string(), facts.repoid.to_string()]
}

fn by_repo(factory: &Factory, i: u64) -> Vec<String> {
    vec![factory.facts(i).repoid.to_string()]
}

fn by_task(factory: &Factory, i: u64) -> Vec<String> {
    vec![factory.facts(i).task.to_string()]
}

#[test]
fn groups_equal_a_naive_count_for_blocked_clients_and_jobs() {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let mut conn = server.conn();
    let mut factory = Factory::new(5).share(20.0);
    fill(server.port(), QUEUE, 0..5_000, &mut factory).expect("the queue is filled");
    for (fields, values, filter) in [
        (&["task"][..], by_task as fn(&Factory, u64) -> Vec<String>, String::new()),
        (&["kwargs.repoid"], by_repo, String::new()),
        (&["task", "repoid"], by_task_and_repo, String::new()),
        (&["repoid"], by_repo, format!("TASK {TARGET_TASK}")),
    ] {
        let all = made(&mut factory, 0..5_000, values);
        let matches = |i: usize| filter.is_empty() || factory.facts(i as u64).task == TARGET_TASK;
        // Positions count every message, counts only those that match.
        let mut expected = naive(all.iter().enumerate().filter(|(i, _)| matches(*i)).map(|(_, one)| one));
        for (of, row) in &mut expected {
            let at: Vec<usize> = (0..all.len()).filter(|i| matches(*i) && all[*i].0 == *of).collect();
            row[3..].copy_from_slice(&[-1 - int(at[0]), -1 - int(at[at.len() - 1])]);
        }
        let matched: i64 = expected.iter().map(|(_, row)| row[0]).sum();
        let line =
            format!("QADMIN.STATS celery {filter} GROUPBY {} {} TOP 1000", fields.len(), fields.join(" "));
        let reply = ask(&mut conn, &line);
        assert_eq!(reply.text("mode"), "synchronous", "{reply:?}");
        let top = 1_000.min(expected.len());
        assert_same(&rows(&reply, fields), &expected[..top]);
        assert_eq!((reply.int("depth"), reply.int("total"), reply.int("matched")), (5_000, 5_000, matched));
        assert_eq!(reply.int("matched_bytes"), expected.iter().map(|(_, row)| row[1]).sum::<i64>());
        assert_eq!(reply.int("groups_total"), int(expected.len()));
        let rest = other(&reply);
        let beyond = |at: usize| expected[top..].iter().map(|(_, row)| row[at]).sum::<i64>();
        let sums = [beyond(0), beyond(1), int(expected.len() - top)];
        assert_eq!(["count", "bytes", "groups"].map(|name| rest.int(name)), sums);
        assert_eq!(reply.is_null("filter"), filter.is_empty());
        assert!(["cached_at", "job_id", "count_error", "notice"].iter().all(|name| reply.is_null(name)));

        // The same is checked for a job; TOP shows the largest groups, and the rest is one sum.
        set(&mut conn, "inline-limit 0");
        let job = ask(&mut conn, &line.replace("TOP 1000", "TOP 3 BUST"));
        assert_eq!(
            (job.text("mode").as_str(), job.is_null("groups"), job.is_null("other")),
            ("job", true, true)
        );
        let end = wait_for_job(&mut conn, &job.text("job_id"));
        assert_eq!(
            (end.text("kind"), end.text("status"), end.text("mode")),
            ("stats".into(), "completed".into(), "count".into())
        );
        assert_same(&rows(&end, fields), &expected[..3]);
        let shown: i64 = rows(&end, fields).iter().map(|(_, row)| row[0]).sum();
        let rest = other(&end);
        assert_eq!(rest.int("count"), matched - shown);
        assert_eq!(rest.int("groups"), int(expected.len().saturating_sub(3)));
        assert_eq!(end.int("groups_total"), int(expected.len()));
        assert!(end.is_null("in_chord"), "stats do not look for it");
        set(&mut conn, "inline-limit 200000");
    }
}

#[test]
fn an_empty_queue_has_no_groups_and_needs_no_job() {
    let server = Server::start();
    let mut conn = server.conn();
    let reply = ask(&mut conn, "QADMIN.STATS nothing GROUPBY 1 task");
    assert_eq!((reply.text("mode"), reply.int("total")), ("synchronous".into(), 0));
    assert!(reply.rows("groups").is_empty() && reply.int("groups_total") == 0, "{reply:?}");
    assert_eq!(other(&reply).int("count"), 0);
    assert_eq!(info(&server, "jobs_started"), 0);
    run(&mut conn, "SET nothing else").expect("SET");
    let error = run(&mut conn, "QADMIN.STATS nothing GROUPBY 1 task").expect_err("no list");
    assert_eq!(error.code(), Some("WRONGTYPE"));
}

#[test]
fn equal_stats_share_a_scan_and_a_result_until_bust_or_a_clear() {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let mut conn = server.conn();
    filled(&server, QUEUE, LONG);
    let line = "QADMIN.STATS celery GROUPBY 1 task";
    let slow = Slow::start(&server);
    let clients: Vec<_> = (0..10).map(|_| later(&server, line)).collect();
    until_waiting(&server, 10);
    // Commands with other fields, another order, another TOP or a filter are not equal, and neither is a
    // preview.
    let others = ["GROUPBY 1 repoid", "GROUPBY 1 task TOP 3", "TASK x GROUPBY 1 task"];
    let others = others.map(|options| later(&server, format!("QADMIN.STATS celery {options}")));
    until_waiting(&server, 13);
    assert_eq!((info(&server, "stats_live"), info(&server, "previews_live")), (4, 0));
    drop(slow);
    let replies: Vec<Reply> = clients.into_iter().map(joined).collect();
    assert_eq!(replies.iter().filter(|reply| reply.int("deduplicated") == 0).count(), 1);
    assert!(replies.iter().all(|reply| rows(reply, &["task"]) == rows(&replies[0], &["task"])));
    assert!(others.into_iter().all(|client| joined(client).int("deduplicated") == 0));
    assert_eq!(info(&server, "joins"), 9);

    let again = ask(&mut conn, line);
    assert_eq!((again.text("mode"), again.int("deduplicated")), ("job".into(), 1));
    assert_eq!(rows(&again, &["task"]), rows(&replies[0], &["task"]));
    let given = ask(&mut conn, &format!("QADMIN.STATUS {}", again.text("job_id")));
    assert_eq!(again.int("cached_at"), given.int("completed_at"));
    conn.lpush::<_, _, ()>(QUEUE, "no JSON").expect("LPUSH");
    assert_eq!(ask(&mut conn, line).int("total"), again.int("total"), "of that time");
    let fresh = ask(&mut conn, &format!("{line} BUST"));
    assert_eq!((fresh.int("total"), fresh.int("deduplicated")), (again.int("total") + 1, 0));
    assert_eq!(ask(&mut conn, line).int("total"), fresh.int("total"), "renewed");
    let clear = start_clear(&mut conn, QUEUE);
    let deleted = wait_for_job(&mut conn, &clear).int("deleted");
    let after = ask(&mut conn, line);
    assert_eq!((after.int("total"), after.int("deduplicated")), (fresh.int("total") - deleted, 0));
}

#[test]
fn cancelled_stats_fail_for_waiters_and_are_not_reused() {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let mut conn = server.conn();
    filled(&server, QUEUE, LONG);
    let line = "QADMIN.STATS celery GROUPBY 1 task";
    let slow = Slow::start(&server);
    let client = later(&server, line);
    until_waiting(&server, 1);
    let id = newest_job(&server).text("job_id");
    until_running(&mut conn, &id);
    let cancelled = ask(&mut conn, &format!("QADMIN.CANCEL {id}"));
    assert_eq!((cancelled.text("kind"), cancelled.text("status")), ("stats".into(), "cancelled".into()));
    let reply = joined(client);
    assert_eq!(
        (reply.text("mode"), reply.text("count_error")),
        ("failed".into(), "ERR the job was cancelled".into())
    );
    assert!(["groups", "other", "total", "matched", "groups_total"].iter().all(|name| reply.is_null(name)));
    set(&mut conn, "inline-wait 0");
    let next = ask(&mut conn, line);
    assert_eq!((next.text("mode"), next.int("deduplicated")), ("job".into(), 0));
    drop(slow);
    assert_eq!(wait_for_job(&mut conn, &next.text("job_id")).text("status"), "completed");
    // A client whose wait is over receives the job, which continues.
    let slow = Slow::start(&server);
    set(&mut conn, "inline-wait 20");
    let told = ask(&mut conn, &format!("{line} BUST"));
    assert_eq!((told.text("mode"), told.is_null("groups")), ("job".into(), true));
    drop(slow);
    assert_eq!(wait_for_job(&mut conn, &told.text("job_id")).text("status"), "completed");
}

#[test]
fn previews_and_stats_together_use_half_of_the_jobs() {
    let server = Server::builder().module_args("max-jobs 4 inline-wait 60000").start();
    let mut conn = server.conn();
    filled(&server, QUEUE, LONG);
    let slow = Slow::start(&server);
    let first = later(&server, format!("QADMIN.PREVIEW celery {}", target()));
    until_waiting(&server, 1);
    let second = later(&server, "QADMIN.STATS celery GROUPBY 1 task");
    until_waiting(&server, 2);
    for (line, error) in [
        ("QADMIN.STATS celery GROUPBY 1 repoid", "count_error"),
        ("QADMIN.PREVIEW celery TASK x", "count_error"),
    ] {
        let full = ask(&mut conn, line);
        assert_eq!(full.text("mode"), "failed");
        assert!(full.text(error).starts_with("TOOMANYJOBS 2 previews and stats are unfinished"), "{full:?}");
    }
    let clear = start_clear(&mut conn, QUEUE);
    drop(slow);
    assert_eq!(wait_for_job(&mut conn, &clear).text("status"), "completed", "the other half is for clears");
    assert_eq!(joined(first).text("mode"), "synchronous");
    assert_eq!(joined(second).text("mode"), "synchronous");
}

/// A message that is popped with no slice in between was never examined; a message that is pushed was never
/// in the snapshot.
#[test]
fn counts_and_places_are_exact_while_the_queue_changes_at_its_ends() {
    let server = Server::builder().module_args("inline-limit 0").start();
    let mut conn = server.conn();
    let mut factory = Factory::new(9).size(Size::Slim);
    fill(server.port(), QUEUE, 0..LONG, &mut factory).expect("the queue is filled");
    let slow = Slow::start(&server);
    let late: Vec<Vec<u8>> = (LONG..LONG + 5).map(|i| factory.message(i)).collect();
    let mut both = redis::pipe();
    both.atomic().cmd("QADMIN.STATS").arg(QUEUE).arg(&["GROUPBY", "2", "task", "repoid", "TOP", "1000"]);
    both.cmd("RPOP").arg(QUEUE).arg(50).cmd("LPOP").arg(QUEUE).arg(30);
    both.cmd("LPUSH").arg(QUEUE).arg(&late).cmd("RPUSH").arg(QUEUE).arg(&late[..2]);
    let replies: Vec<Value> = both.query(&mut conn).expect("EXEC");
    let id = map(&replies[0]).text("job_id");
    // Pushes come in the middle of the scan, at both ends; and one message is popped and returned at once.
    let mut pushed = 2;
    eventually("the job is half through", || {
        run(&mut conn, &format!("LPUSH {QUEUE} x")).expect("LPUSH");
        run(&mut conn, &format!("RPUSH {QUEUE} y")).expect("RPUSH");
        pushed += 1;
        run(&mut conn, &format!("LMOVE {QUEUE} {QUEUE} RIGHT RIGHT")).expect("LMOVE");
        let status = ask(&mut conn, &format!("QADMIN.STATUS {id}"));
        let groups: i64 = rows(&status, &["task", "repoid"]).iter().map(|(_, row)| row[0]).sum();
        assert_eq!(groups + other(&status).int("count"), status.int("processed"), "as it goes");
        status.int("processed") > 3_000
    });
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status"), end.int("passes_run")), ("completed".into(), 1), "{end:?}");
    assert_eq!(
        (end.int("processed"), end.int("drifted")),
        (int(usize::try_from(LONG).expect("small")) - 80, 80)
    );
    let all = made(&mut factory, 50..LONG - 30, by_task_and_repo);
    let mut expected = naive(all.iter());
    expected.iter_mut().for_each(|(_, row)| {
        row[3] -= pushed;
        row[4] -= pushed;
    });
    let total = int(expected.len());
    let shown = rows(&end, &["task", "repoid"]);
    assert_same(&shown, &expected[..1_000.min(expected.len())]);
    assert_eq!(end.int("groups_total"), total);
    assert!(end.is_null("notice"), "{end:?}");
}

#[test]
fn a_group_whose_first_message_was_taken_has_no_position() {
    let server = Server::builder().module_args("inline-limit 0").start();
    let mut conn = server.conn();
    filled(&server, QUEUE, LONG);
    let message = |task: &str| format!(r#"{{"headers": {{"task": "{task}"}}, "body": ""}}"#);
    for task in ["c", "b", "b", "a", "a"] {
        conn.rpush::<_, _, ()>(QUEUE, message(task)).expect("RPUSH");
    }
    let slow = Slow::start(&server);
    let job = ask(&mut conn, "QADMIN.STATS celery GROUPBY 1 task TOP 1000").text("job_id");
    let place = |status: &Reply, task: &str| {
        let row = status.rows("groups").into_iter().find(|row| row.text("task") == task)?;
        let index = |name| (!row.is_null(name)).then(|| row.int(name));
        Some((row.int("count"), index("next_index"), index("last_index")))
    };
    eventually("the messages at the consumer end were examined", || {
        place(&ask(&mut conn, &format!("QADMIN.STATUS {job}")), "c").is_some()
    });
    conn.rpop::<_, Vec<Vec<u8>>>(QUEUE, std::num::NonZeroUsize::new(3)).expect("RPOP");
    let status = ask(&mut conn, &format!("QADMIN.STATUS {job}"));
    assert_eq!(status.text("status"), "running");
    assert_eq!(place(&status, "a"), Some((2, None, None)), "both are gone");
    assert_eq!(place(&status, "b"), Some((2, None, Some(-1))), "which one is next now is not known");
    assert_eq!(place(&status, "c"), Some((1, Some(-2), Some(-2))));
    drop(slow);
    let end = wait_for_job(&mut conn, &job);
    assert_eq!(place(&end, "b"), Some((2, None, Some(-1))), "counted as they were met");
    assert_eq!(end.int("drifted"), 0);
}

#[test]
fn groups_beyond_the_limit_are_counted_in_other() {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let mut conn = server.conn();
    let mut factory = Factory::new(5).size(Size::Slim);
    fill(server.port(), QUEUE, 0..12_000, &mut factory).expect("the queue is filled");
    // One id occurs three times and is found first.
    let first = factory.message(0);
    conn.rpush::<_, _, ()>(QUEUE, &[&first[..], &first]).expect("RPUSH");
    let reply = ask(&mut conn, "QADMIN.STATS celery GROUPBY 1 id TOP 1000");
    let shown = rows(&reply, &["id"]);
    assert_eq!((shown.len(), &shown[0].0[0]), (1_000, &factory.facts(0).id));
    assert_eq!([shown[0].1[0], shown[0].1[3], shown[0].1[4]], [3, -1, -3]);
    assert!(shown[1..].iter().all(|(_, row)| row[0] == 1 && row[3] == row[4]));
    let rest = other(&reply);
    assert_eq!(rest.int("count"), 12_002 - 1_002);
    assert!(
        rest.is_null("groups") && reply.is_null("groups_total"),
        "the number of groups is not known: {reply:?}"
    );
    let notice = reply.text("notice");
    assert!(notice.contains("10000") && notice.contains("`other`"), "{notice}");
    let bytes: i64 = shown.iter().map(|(_, row)| row[1]).sum();
    assert_eq!(bytes + rest.int("bytes"), reply.int("matched_bytes"));
}

/// Returns a message whose kwargs are this JSON.
fn with_kwargs(kwargs: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let body = [&b"[[], "[..], kwargs, b", {}]"].concat();
    let body = base64::engine::general_purpose::STANDARD.encode(body);
    format!(
        r#"{{"body": "{body}", "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {{"task": "t", "id": "1"}}, "properties": {{"body_encoding": "base64"}}}}"#
    )
    .into_bytes()
}

/// Messages, and the value that all of them show.
type Kind = (Vec<Vec<u8>>, Option<Vec<u8>>);

#[test]
fn hostile_values_are_groups_of_their_own_in_every_protocol() {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let (long, wide) = ("x".repeat(5_000_000), "é".repeat(3_000));
    let deep = [b"[".repeat(1_000), b"]".repeat(1_000)].concat();
    let json = |text: &str| format!(r#"{{"x": {text}}}"#).into_bytes();
    let kinds: Vec<Kind> = vec![
        // Null and missing are the same; a value in an unreadable body is null, too, and counted as
        // unreadable.
        (
            vec![
                json("null"),
                json("null"),
                b"{}".to_vec(),
                json("null"),
                json("null"),
                json("null"),
                json("null"),
                json("null"),
                json("null"),
                json("null"),
            ],
            None,
        ),
        (vec![json(r#""a\u0000b\r\n""#), json(r#""a\u0000b\u000d\u000a""#)], Some(b"a\0b\r\n".to_vec())),
        (vec![json(r#""%s%n""#)], Some(b"%s%n".to_vec())),
        (vec![json(r#""\ud800""#)], Some("\u{fffd}".into())),
        // The empty string cannot be typed without quotes, and a number and its digits are one value.
        (vec![json(r#""""#)], Some(br#""""#.to_vec())),
        (vec![json("7"), json("7.0"), json(r#""7""#), json(r#""007""#)], Some(b"7".to_vec())),
        (vec![json("1e400")], Some(b"1e400".to_vec())),
        (vec![json("true")], Some(b"true".to_vec())),
        (vec![json(&format!("\"{long}\"")), json(&format!("\"{long}y\""))], Some(vec![b'x'; 1_024])),
        (vec![json(&format!("\"{wide}\""))], Some("é".repeat(512).into())),
        (vec![json(&format!("[\"{long}\"]"))], Some([b"[\"", &[b'x'; 254][..]].concat())),
        (vec![json(r#"{"a": [null, {"b": "\u00e9"}]}"#)], Some("{\"a\":[null,{\"b\":\"é\"}]}".into())),
        (vec![[&b"{\"x\": "[..], &deep, b"}"].concat()], Some(vec![b'['; 256])),
    ];
    let mut conn = server.conn();
    for message in kinds.iter().flat_map(|(messages, _)| messages) {
        conn.lpush::<_, _, ()>(QUEUE, with_kwargs(message)).expect("LPUSH");
    }
    // A body that is not base64, one that is not UTF-8, and an element that is not a message.
    let broken =
        String::from_utf8(with_kwargs(b"{}")).expect("text").replacen("\"body\": \"", "\"body\": \"A", 1);
    for message in [broken.into_bytes(), with_kwargs(b"{\"x\": \"\xff\xfe\"}"), b"\xff\0".to_vec()] {
        conn.lpush::<_, _, ()>(QUEUE, message).expect("LPUSH");
    }
    let ask = |conn: &mut Connection| ask(conn, "QADMIN.STATS celery GROUPBY 1 kwargs.x BUST");
    let reply = ask(&mut conn);
    assert_eq!(
        map(&run(&mut server.conn3(), "QADMIN.STATS celery GROUPBY 1 kwargs.x BUST").expect("RESP3"))
            .rows("groups")
            .len(),
        reply.rows("groups").len()
    );
    assert_eq!(
        (reply.int("undecodable"), reply.int("unreadable")),
        (1, 2),
        "{:?}",
        reply.get_field("unreadable")
    );
    let shown: Vec<(Value, i64)> = reply
        .rows("groups")
        .iter()
        .map(|row| (row.get_field("kwargs.x").clone(), row.int("count")))
        .collect();
    assert_eq!(shown.len(), kinds.len(), "{shown:?}");
    for (messages, value) in &kinds {
        let numbers = messages[0].ends_with(b": 7}");
        let (expected, extra) = match value {
            None => (Value::Nil, 3),
            Some(_) if numbers => (Value::Int(7), 0),
            Some(bytes) => (Value::BulkString(bytes.clone()), 0),
        };
        let found = shown.iter().find(|(value, _)| *value == expected);
        assert_eq!(found.map(|(_, count)| *count), Some(int(messages.len()) + extra), "{expected:?}");
    }
    let text_of =
        text(&run(&mut conn, "QADMIN.STATS celery GROUPBY 1 kwargs.x BUST FORMAT JSON").expect("JSON"));
    let json: serde_json::Value = serde_json::from_str(&text_of).expect("valid JSON");
    let values: Vec<&serde_json::Value> =
        json["groups"].as_array().expect("a list").iter().map(|row| &row["kwargs.x"]).collect();
    assert_eq!(values.len(), kinds.len());
    assert!(values.contains(&&serde_json::json!("a\0b\r\n")) && values.contains(&&serde_json::json!(7)));
    assert_eq!(json["other"]["count"], 0);
    // The same field of a value that is not an object, and a name with any bytes.
    let mut raw = server.raw();
    let reply = String::from_utf8_lossy(&raw.call(&[
        b"QADMIN.STATS",
        QUEUE.as_bytes(),
        b"GROUPBY",
        b"1",
        b"kwargs.\xff\0",
    ]))
    .into_owned();
    assert!(reply.starts_with("-ERR "), "{reply}");
}

#[test]
fn stats_answer_on_replicas_and_if_the_client_cannot_wait() {
    let primary = Server::start();
    let replica = Server::start();
    filled(&primary, QUEUE, 2_000);
    replica.replica_of(&primary);
    let line = "QADMIN.STATS celery GROUPBY 1 task";
    let there = ask(&mut replica.conn(), line);
    let here = ask(&mut primary.conn(), line);
    assert_eq!(rows(&there, &["task"]), rows(&here, &["task"]));
    assert_eq!((there.text("mode"), there.int("total")), ("synchronous".into(), 2_000));

    let mut conn = primary.conn();
    let script = "return redis.call('QADMIN.STATS', KEYS[1], 'TASK', 'x', 'GROUPBY', 1, 'task')";
    let from_script: Value = redis::cmd("EVAL").arg(script).arg(1).arg(QUEUE).query(&mut conn).expect("EVAL");
    let mut both = redis::pipe();
    both.atomic().cmd("QADMIN.STATS").arg(QUEUE).arg(&["GROUPBY", "1", "retries"]);
    let replies: Vec<Value> = both.query(&mut conn).expect("EXEC");
    for reply in [map(&from_script), map(&replies[0])] {
        assert_eq!((reply.text("mode"), reply.is_null("groups")), ("job".into(), true));
        let end = wait_for_job(&mut conn, &reply.text("job_id"));
        assert_eq!((end.text("kind"), end.text("status")), ("stats".into(), "completed".into()));
    }
    // Priorities work as in PREVIEW, but not in scripts.
    conn.lpush::<_, _, ()>("celery\x06\x163", "x").expect("LPUSH");
    assert_eq!(ask(&mut conn, line).int("other_priorities_depth"), 1);
    assert!(map(&from_script).is_null("other_priorities_depth"));
}

#[test]
fn the_log_says_what_was_counted_by_what() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, QUEUE, 100);
    ask(&mut conn, "QADMIN.STATS celery GROUPBY 2 task repoid");
    ask(&mut conn, "QADMIN.STATS celery TASK x GROUPBY 1 kwargs.repoid");
    let log = server.log();
    assert!(
        log.contains(
            r#"started: stats of all messages by "task", "repoid" in queue "celery" (db 0), 100 messages"#
        ),
        "{log}"
    );
    assert!(log.contains(r#"started: stats of TASK x by "kwargs.repoid" in queue "celery""#), "{log}");
}
