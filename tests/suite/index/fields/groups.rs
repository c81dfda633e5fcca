//! How long the messages of each group have waited.

use std::thread;
use std::time::Duration;

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Connection;

use super::{message, push, until_read};
use crate::index::{STEP_MS, now_ms};
use crate::support::{Reply, ask, run};

fn groups(conn: &mut Connection, more: &str) -> Vec<Reply> {
    until_read(conn, "q");
    let reply = ask(conn, &format!("QADMIN.STATS q GROUPBY 1 task{more}"));
    assert_eq!(reply.text("source"), if more.contains("BUST") { "scan" } else { "index" }, "{reply:?}");
    reply.rows("groups")
}

fn of<'a>(rows: &'a [Reply], task: &str) -> &'a Reply {
    rows.iter().find(|row| row.text("task") == task).unwrap_or_else(|| panic!("no {task}: {rows:?}"))
}

/// Lets the next push be later than the last one by more than both clocks are rounded.
fn later() -> i64 {
    thread::sleep(Duration::from_millis(3 * 10));
    now_ms()
}

#[test]
fn each_group_of_an_index_has_its_ages() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, "q", &[message(1, "old", "1"), message(2, "both", "1")]);
    let created = now_ms();
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 task kwargs.x");
    let first = later();
    push(&mut conn, "q", &[message(3, "both", "2"), message(4, "new", "1")]);
    let second = later();
    push(&mut conn, "q", &[message(5, "new", "2"), message(6, "newest", "2")]);
    let rows = groups(&mut conn, "");
    let at_least = |row: &Reply| (row.int("next_at_least"), row.int("oldest_at_least"));
    assert_eq!(at_least(of(&rows, "old")), (1, 1));
    assert_eq!(at_least(of(&rows, "both")), (1, 1));
    assert_eq!(at_least(of(&rows, "new")), (0, 0));
    let now = now_ms() + STEP_MS;
    for (task, pushed) in [("old", created), ("both", created), ("new", first), ("newest", second)] {
        let row = of(&rows, task);
        assert_eq!(row.int("next_age"), row.int("oldest_age"), "{task}: the next one is the oldest");
        // An age is the least that it can be, in steps.
        assert!((0..=now - pushed).contains(&row.int("oldest_age")), "{task}: {row:?}");
    }
    assert!(of(&rows, "new").int("oldest_age") > of(&rows, "newest").int("oldest_age"), "{rows:?}");
    let filtered = groups(&mut conn, " WHERE kwargs.x = 2");
    assert_eq!(at_least(of(&filtered, "both")), (0, 0), "the message with a bound does not match");

    // A worker gives a message back: it runs next, and is not the oldest of its group.
    redis::cmd("RPUSH").arg("q").arg(message(7, "new", "1")).exec(&mut conn).expect("RPUSH");
    let rows = groups(&mut conn, "");
    let new = of(&rows, "new");
    assert!(new.int("next_age") < new.int("oldest_age"), "{new:?}");
    assert!(new.int("oldest_age") <= now_ms() + STEP_MS - first, "{new:?}");
    assert_eq!(at_least(new), (0, 0));
    let scanned = groups(&mut conn, " BUST");
    assert!(scanned[0].iter().all(|(name, _)| name != "oldest_age"), "a scan does not know: {scanned:?}");
}

#[test]
fn waits_are_counted_under_the_values_of_messages_that_were_read() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, "q", &[message(1, "bound", "1")]);
    assert!(ask(&mut conn, "QADMIN.INDEX CREATE plain").is_null("value_waits"));
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 task kwargs.x");
    let pushed = now_ms();
    push(
        &mut conn,
        "q",
        &[message(2, "a", "7"), message(3, "a", "7.0"), message(4, "b", "null"), message(5, "c", "8")],
    );
    until_read(&mut conn, "q");
    later();
    run(&mut conn, "RPOP q").expect("RPOP");
    run(&mut conn, "RPOP q 2").expect("RPOP");
    // It is pushed and popped before anybody reads it: which value it has is not guessed.
    let mut pipe = redis::pipe();
    pipe.atomic().cmd("RPUSH").arg("q").arg(message(6, "a", "7")).cmd("RPOP").arg("q");
    pipe.query::<()>(&mut conn).expect("MULTI");
    run(&mut conn, "LMOVE q q RIGHT LEFT").expect("LMOVE");
    // What leaves at the other end was not taken by a worker.
    run(&mut conn, "LPOP q").expect("LPOP");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("waits"), info.int("waits_unknown")), (4, 1));
    let fields = info.rows("value_waits");
    let shown = |at: usize| -> Vec<(String, i64)> {
        let value = |row: &Reply| match row.get_field("value") {
            redis::Value::Nil => "none".to_owned(),
            value => qadmin_harness::text(value),
        };
        fields[at].rows("values").iter().map(|row| (value(row), row.int("waits"))).collect()
    };
    assert_eq!(
        (fields[0].text("field"), fields[1].text("field")),
        ("task".to_owned(), "kwargs.x".to_owned())
    );
    let named =
        |pairs: &[(&str, i64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(shown(0), named(&[("a", 2), ("b", 1)]));
    assert_eq!(shown(1), named(&[("7", 2), ("none", 1)]), "7 and 7.0 are one value");
    for field in &fields {
        assert_eq!((field.int("unread"), field.int("skipped")), (1, 0));
        for row in field.rows("values") {
            let (mean, max) = (row.int("wait_mean_ms"), row.int("wait_max_ms"));
            assert!((20..=now_ms() + STEP_MS - pushed).contains(&mean) && mean <= max, "{row:?}");
        }
    }
    // A list that is read again, and an index that gave its memory back.
    run(&mut conn, "DEBUG RELOAD").expect("DEBUG RELOAD");
    until_read(&mut conn, "q");
    let kept = ask(&mut conn, "QADMIN.INDEX INFO q").rows("value_waits");
    assert_eq!(kept[0].rows("values").len(), 2, "what was counted before stays");
    run(&mut conn, "CONFIG SET maxmemory 1").expect("CONFIG SET");
    eventually("it is suspended", || ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "suspended");
    let forgotten = ask(&mut conn, "QADMIN.INDEX INFO q").rows("value_waits");
    assert_eq!((forgotten[0].rows("values").len(), forgotten[0].int("unread")), (0, 0));
}

#[test]
fn groups_of_several_lists_have_the_ages_of_all() {
    let server = Server::start();
    let mut conn = server.conn();
    let low = "q\u{6}\u{16}3";
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 1 task");
    push(&mut conn, low, &[message(1, "a", "1"), message(2, "b", "1")]);
    ask(&mut conn, &format!("QADMIN.INDEX CREATE {low} FIELDS 1 task"));
    later();
    push(&mut conn, "q", &[message(3, "a", "1"), message(4, "c", "1")]);
    until_read(&mut conn, low);
    let rows = groups(&mut conn, " PRIORITY ALL");
    let a = of(&rows, "a");
    assert_eq!((a.int("next_at_least"), a.int("oldest_at_least")), (0, 1), "{a:?}");
    assert!(a.int("oldest_age") > a.int("next_age"), "{a:?}");
    assert_eq!(of(&rows, "b").int("next_at_least"), 1);
    assert_eq!(of(&rows, "c").int("oldest_at_least"), 0);
    run(&mut conn, "DEL q").expect("DEL");
    let rows = groups(&mut conn, " PRIORITY ALL");
    assert_eq!(of(&rows, "a").int("next_at_least"), 1);
}
