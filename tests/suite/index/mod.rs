//! Indexes: how long the messages of a list have waited, compared with an oracle that records the time before
//! and after each push.

mod audits;
mod clears;
mod fields;
mod guided;
mod memory;
mod random;
mod repairs;
mod servers;
mod shown;

use std::time::{SystemTime, UNIX_EPOCH};

use qadmin_harness::{Fields as _, Server, maps};
use redis::{Connection, Value};

use crate::support::{Reply, ask, run};

/// The length of one step in milliseconds: see `core/src/arrival.rs`.
const STEP_MS: i64 = qadmin_core::arrival::STEP_MS;

/// Returns Unix milliseconds. The servers of the tests run on this machine, so they use the same clock.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("a time of this era")
}

/// Returns a message of Celery with this id.
fn message(id: u64) -> String {
    format!(r#"{{"body":"W10=","headers":{{"task":"a.b","id":"{id}"}}}}"#)
}

/// One message as the oracle knows it.
#[derive(Debug, Clone)]
struct Known {
    id: u64,
    /// The times before and after the push, in Unix milliseconds.
    pushed: (i64, i64),
    /// What the index must know.
    known: Want,
}

/// What the index must know of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Exact,
    Bound,
    Either,
}

/// Returns the rows of a preview of the whole list, the message that runs next first. The list has no more
/// messages than a sample.
fn rows(conn: &mut Connection, queue: &str) -> Vec<Reply> {
    let line = format!("QADMIN.PREVIEW {queue} WHERE bytes > 0 NOCOUNT SAMPLE 100 FIELDS 3 id arrived age");
    ask(conn, &line).rows("sample")
}

/// Returns the arrival that a row shows: the time, and whether it is a bound.
fn arrival_of(row: &Reply) -> (i64, bool) {
    match &row.iter().find(|(name, _)| name == "arrived").expect("arrived").1 {
        Value::Int(ms) => (*ms, false),
        other => {
            let text = qadmin_harness::text(other);
            let ms =
                text.strip_prefix("<=").unwrap_or_else(|| panic!("neither a time nor a bound: {text:?}"));
            (ms.parse().expect("milliseconds"), true)
        }
    }
}

/// Compares the arrival of each message in the index with the oracle. `list` is ordered from the head to the
/// tail.
fn check_rows(conn: &mut Connection, queue: &str, list: &[Known], context: &str) -> Vec<Reply> {
    let rows = rows(conn, queue);
    assert_eq!(rows.len(), list.len(), "{context}: {rows:?}");
    for (row, known) in rows.iter().zip(list.iter().rev()) {
        assert_eq!(row.text("id"), known.id.to_string(), "{context}");
        let (before, after) = known.pushed;
        let (arrived, is_bound) = arrival_of(row);
        if is_bound {
            assert!(before <= arrived, "{context}: {known:?} arrived after its bound {arrived}");
        } else {
            assert!(arrived <= after, "{context}: {known:?} did not arrive as late as {arrived}");
            assert!(before < arrived + STEP_MS, "{context}: {known:?} did not arrive as early as {arrived}");
        }
        match known.known {
            Want::Exact => assert!(!is_bound, "{context}: {known:?} is known by a bound alone"),
            Want::Bound => assert!(is_bound, "{context}: {known:?} cannot be known exactly"),
            Want::Either => {}
        }
    }
    rows
}

/// Compares the index with the oracle, and what INFO shows of it with its rows.
fn check(conn: &mut Connection, queue: &str, list: &[Known], context: &str) {
    let rows = check_rows(conn, queue, list, context);
    let info = ask(conn, &format!("QADMIN.INDEX INFO {queue}"));
    assert_eq!(info.text("state"), "ready", "{context}");
    assert_eq!(info.int("depth"), i64::try_from(list.len()).expect("few"), "{context}");
    let bounds = rows.iter().filter(|row| arrival_of(row).1).count();
    assert_eq!(info.int("at_least"), i64::try_from(bounds).expect("few"), "{context}");
    assert_eq!(info.is_null("reason"), bounds == 0, "{context}: {info:?}");
    if let Some(next) = list.last() {
        let at_most = now_ms() - next.pushed.0;
        assert!(info.int("next_age") <= at_most, "{context}: {info:?} {next:?}");
        assert_eq!(info.int("next_at_least") == 1, arrival_of(&rows[0]).1, "{context}");
        assert!(info.int("next_age") <= info.int("oldest_age"), "{context}");
    } else {
        assert!(info.is_null("next_age") && info.is_null("oldest_age"), "{context}");
    }
}

/// Pushes messages with these ids, and records the time.
fn push(conn: &mut Connection, queue: &str, command: &str, ids: &[u64]) -> Vec<Known> {
    let messages: Vec<String> = ids.iter().map(|id| message(*id)).collect();
    let before = now_ms();
    redis::cmd(command).arg(queue).arg(messages).query::<()>(conn).expect(command);
    let pushed = (before, now_ms());
    ids.iter().map(|id| Known { id: *id, pushed, known: Want::Exact }).collect()
}

#[test]
fn an_index_knows_since_when_messages_wait_and_what_it_does_not_know() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut list = push(&mut conn, "q", "RPUSH", &[2, 1]);
    list.iter_mut().for_each(|known| known.known = Want::Bound);
    let created = ask(&mut conn, "QADMIN.INDEX CREATE q");
    assert_eq!((created.int("depth"), created.int("at_least"), created.int("exact")), (2, 2, 0));
    assert!(created.text("reason").contains("before the index"), "{created:?}");
    for pushed in push(&mut conn, "q", "LPUSH", &[3, 4]) {
        list.insert(0, pushed);
    }
    check(&mut conn, "q", &list, "after two pushes");
    run(&mut conn, "RPOP q 3").expect("RPOP");
    list.truncate(1);
    check(&mut conn, "q", &list, "after three pops");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("pushed"), info.int("popped"), info.int("removed")), (2, 3, 0));
    assert_eq!((info.int("waits"), info.int("waits_unknown")), (1, 2), "a bound is in no mean");
    let histogram = info.rows("wait_histogram");
    assert_eq!((histogram.len(), histogram[0].int("messages")), (1, 1));
    run(&mut conn, "RPOP q").expect("RPOP");
    check(&mut conn, "q", &[], "after all were popped");
    let dropped = ask(&mut conn, "QADMIN.INDEX DROP q");
    assert_eq!((dropped.text("queue"), dropped.int("dropped")), ("q".to_owned(), 1));
    let error = run(&mut conn, "QADMIN.INDEX INFO q").expect_err("no index").to_string();
    assert!(error.contains("\"q\" has no index"), "{error}");
}

#[test]
fn workers_of_resque_take_the_head() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE resque:queue:mail AS resque");
    let first = push(&mut conn, "resque:queue:mail", "RPUSH", &[1]).remove(0);
    run(&mut conn, "RPUSH resque:queue:mail x").expect("RPUSH");
    let info = ask(&mut conn, "QADMIN.INDEX INFO resque:queue:mail");
    assert_eq!(info.text("message_kind"), "resque");
    assert!(info.int("next_age") <= now_ms() - first.pushed.0);
    run(&mut conn, "RPOP resque:queue:mail").expect("RPOP");
    let info = ask(&mut conn, "QADMIN.INDEX INFO resque:queue:mail");
    assert_eq!((info.int("waits"), info.int("popped")), (0, 1), "nobody ran the one at the tail");
    run(&mut conn, "LPOP resque:queue:mail").expect("LPOP");
    assert_eq!(ask(&mut conn, "QADMIN.INDEX INFO resque:queue:mail").int("waits"), 1);
}

#[test]
fn queues_and_info_show_what_an_index_knows() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE a");
    let pushed = push(&mut conn, "a", "LPUSH", &[1, 2]);
    push(&mut conn, "b", "LPUSH", &[3]);
    let queues = ask(&mut conn, "QADMIN.QUEUES").rows("queues");
    let of = |name: &str| queues.iter().find(|row| row.text("queue") == name).expect("a row");
    assert!(of("a").int("oldest_age") <= now_ms() - pushed[0].pushed.0);
    assert_eq!((of("a").int("next_at_least"), of("a").int("oldest_at_least")), (0, 0));
    for member in ["next_age", "next_at_least", "oldest_age", "oldest_at_least", "pushed_per_minute"] {
        assert!(of("b").is_null(member), "{member}");
    }
    let info = |name: &str| server.info(name).expect(name);
    assert_eq!((info("qadmin_indexes"), info("qadmin_indexes_suspended")), ("1".to_owned(), "0".to_owned()));
    assert!(info("qadmin_index_memory").parse::<u64>().expect("bytes") > 0);
}

#[test]
fn priority_lists_are_shown_together_where_each_has_an_index() {
    let server = Server::start();
    let mut conn = server.conn();
    let low = "q\u{6}\u{16}3";
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    push(&mut conn, "q", "LPUSH", &[1]);
    push(&mut conn, low, "LPUSH", &[2]);
    let row = |conn: &mut Connection| ask(conn, "QADMIN.QUEUES").rows("queues").remove(0);
    assert!(row(&mut conn).is_null("oldest_age"), "nobody knows what is oldest");
    let error =
        run(&mut conn, "QADMIN.PREVIEW q WHERE age >= 0 PRIORITY ALL").expect_err("one has none").to_string();
    assert!(error.contains("has none"), "{error}");
    ask(&mut conn, &format!("QADMIN.INDEX CREATE {low}"));
    let shown = row(&mut conn);
    assert_eq!((shown.int("next_at_least"), shown.int("oldest_at_least")), (0, 1));
    let reply = ask(&mut conn, "QADMIN.PREVIEW q WHERE age >= 0 PRIORITY ALL FIELDS 2 id age");
    assert_eq!(reply.int("match_count"), 2);
    let ages: Vec<bool> = reply
        .rows("sample")
        .iter()
        .map(|row| matches!(row.iter().find(|(name, _)| name == "age"), Some((_, Value::Int(_)))))
        .collect();
    assert_eq!(ages, [true, false], "each list has its own arrivals");
}

#[test]
fn what_needs_an_index_says_so() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, "q", "LPUSH", &[1]);
    run(&mut conn, "HSET unacked tag x").expect("HSET");
    run(&mut conn, "SET text x").expect("SET");
    for (line, wanted) in [
        ("QADMIN.PREVIEW q WHERE age > 1h", "age is known only for lists that have an index"),
        ("QADMIN.PREVIEW q WHERE arrived < now-1h", "arrived is known only"),
        ("QADMIN.PREVIEW q TASK a.b FIELDS 1 age", "age is known only"),
        ("QADMIN.STATS q WHERE age > 1h GROUPBY 1 task", "QADMIN.INDEX CREATE"),
        ("QADMIN.CLEARJOB q WHERE age > 1h ALL CONFIRM q", "QADMIN.INDEX CREATE"),
        ("QADMIN.PREVIEW unacked WHERE age > 1h", "these messages are not in a list"),
        ("QADMIN.STATS q GROUPBY 1 age", "there are no groups of it"),
        ("QADMIN.CLEARJOB q TASK a.b KEEPONE BY age CONFIRM q", "there are no groups of it"),
        ("QADMIN.PREVIEW q WHERE age > soon", "30s or 2h"),
        ("QADMIN.PREVIEW q WHERE age GLOB 1*", "GLOB needs a text field"),
        ("QADMIN.INDEX CREATE text", "WRONGTYPE"),
        ("QADMIN.INDEX CREATE", "needs queue"),
        ("QADMIN.INDEX DROP q", "has no index"),
        ("QADMIN.INDEX LIST AS sidekiq", "AS can be used only together with CREATE"),
        ("QADMIN.INDEX LIST q", "unknown keyword"),
    ] {
        let error = run(&mut conn, line).expect_err(line).to_string();
        assert!(error.contains(wanted), "{line}: {error}");
    }
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    let error = run(&mut conn, "QADMIN.INDEX CREATE q").expect_err("twice").to_string();
    assert!(error.contains("has an index already"), "{error}");
    for n in 1..64 {
        ask(&mut conn, &format!("QADMIN.INDEX CREATE q{n}"));
    }
    let error = run(&mut conn, "QADMIN.INDEX CREATE more").expect_err("too many").to_string();
    assert!(error.contains("64 indexes"), "{error}");
    assert_eq!(maps(&run(&mut conn, "QADMIN.INDEX LIST").expect("LIST")).len(), 64);
}

#[test]
fn an_index_is_shown_to_those_who_may_read_its_list() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE mine");
    ask(&mut conn, "QADMIN.INDEX CREATE other");
    run(&mut conn, "ACL SETUSER reader on nopass %R~mine +qadmin.index").expect("ACL");
    run(&mut conn, "ACL SETUSER shower on nopass %R~* +qadmin.index|info +qadmin.index|list").expect("ACL");
    let as_user = |user: &str| {
        let mut conn = server.conn();
        run(&mut conn, &format!("AUTH {user} x")).expect("AUTH");
        conn
    };
    let mut reader = as_user("reader");
    ask(&mut reader, "QADMIN.INDEX INFO mine");
    let listed = maps(&run(&mut reader, "QADMIN.INDEX LIST").expect("LIST"));
    assert_eq!(listed.iter().map(|row| row.text("queue")).collect::<Vec<_>>(), ["mine"]);
    for line in ["QADMIN.INDEX INFO other", "QADMIN.INDEX DROP other", "QADMIN.INDEX CREATE third"] {
        let error = run(&mut reader, line).expect_err(line).to_string();
        assert!(error.contains("NOPERM") || error.contains("permission"), "{line}: {error}");
    }
    let mut shower = as_user("shower");
    ask(&mut shower, "QADMIN.INDEX INFO other");
    assert_eq!(maps(&run(&mut shower, "QADMIN.INDEX LIST").expect("LIST")).len(), 2);
    for line in ["QADMIN.INDEX DROP other", "QADMIN.INDEX CREATE third"] {
        let error = run(&mut shower, line).expect_err(line).to_string();
        assert!(error.contains("NOPERM") || error.contains("permission"), "{line}: {error}");
    }
}
