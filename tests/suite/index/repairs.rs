//! LREM, LINSERT and LTRIM on a list whose index keeps values: their place is found, and no age is lost.

use std::thread;
use std::time::Duration;

use qadmin_harness::{Fields as _, Server, text};
use redis::{Connection, Value};

use super::fields::{self, compare, until_read};
use super::{Known, Want, check_rows, message, now_ms, push};
use crate::support::{ask, run, wait_for_job};

/// Messages of a list of which the middle is too far from both ends to be searched at once.
const LONG: u64 = 2 * qadmin_core::index::SEARCHED_AT_ONCE_MAX + 40_000;

/// Waits until the next push is in another step than the last one.
fn another_step() {
    thread::sleep(Duration::from_millis(25));
}

/// Returns how many edits were found, and how often the list was read again.
fn repairs(conn: &mut Connection, queue: &str) -> (i64, i64) {
    let info = ask(conn, &format!("QADMIN.INDEX INFO {queue}"));
    (info.int("repaired"), info.int("rebuilt"))
}

/// Edits a list of messages that arrived at different times, and compares each arrival with the oracle.
fn edit_everywhere(kind: &str, push_end: &str) {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, &format!("QADMIN.INDEX CREATE q FIELDS 1 task AS {kind}"));
    let mut list: Vec<Known> = Vec::new();
    for first in [0, 20, 40] {
        let pushed = push(&mut conn, "q", push_end, &(first..first + 20).collect::<Vec<_>>());
        for known in pushed {
            if push_end == "LPUSH" { list.insert(0, known) } else { list.push(known) }
        }
        another_step();
    }
    until_read(&mut conn, "q");
    let see = |conn: &mut Connection, list: &[Known], context: &str| {
        until_read(conn, "q");
        check_rows(conn, "q", list, context);
    };
    for at in [30, 0, 57, 12] {
        let gone = list.remove(at);
        redis::cmd("LREM").arg("q").arg(1).arg(message(gone.id)).query::<()>(&mut conn).expect("LREM");
        see(&mut conn, &list, &format!("after LREM of the message at {at}"));
    }
    for (id, at) in [(100, 20), (101, 1), (102, 50)] {
        let (pivot, before) = (message(list[at].id), now_ms());
        let command = redis::cmd("LINSERT").arg("q").arg("BEFORE").arg(pivot).arg(message(id)).to_owned();
        command.query::<()>(&mut conn).expect("LINSERT");
        list.insert(at, Known { id, pushed: (before, now_ms()), known: Want::Exact });
        see(&mut conn, &list, &format!("after LINSERT at {at}"));
        another_step();
    }
    for (head, tail) in [(0, 1), (2, 0), (9, 5)] {
        run(&mut conn, &format!("LTRIM q {head} -{}", tail + 1)).expect("LTRIM");
        list.drain(..head);
        list.truncate(list.len() - tail);
        see(&mut conn, &list, &format!("after LTRIM by {head} and {tail}"));
    }
    assert_eq!(repairs(&mut conn, "q"), (10, 0));
    assert_eq!(server.info("qadmin_index_repairs").as_deref(), Some("10"));
    assert_eq!(server.info("qadmin_index_rebuilds").as_deref(), Some("0"));
}

#[test]
fn the_place_of_an_edit_is_found_and_no_age_is_lost() {
    edit_everywhere("celery", "LPUSH");
}

#[test]
fn so_it_is_where_workers_take_the_head() {
    edit_everywhere("resque", "RPUSH");
}

#[test]
fn a_list_that_is_trimmed_after_each_push_is_not_read_again() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 task kwargs.x");
    for n in 0..300 {
        let made = fields::message(n, "a.b", &(n % 7).to_string());
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("LPUSH").arg("q").arg(made).cmd("LTRIM").arg(&["q", "0", "49"]);
        pipe.query::<()>(&mut conn).expect("LPUSH and LTRIM");
        if n % 20 == 0 {
            until_read(&mut conn, "q");
        }
    }
    compare(&mut conn, "q", &["WHERE", "kwargs.x", "=", "3"], "a capped list");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("rebuilt"), info.int("at_least"), info.int("depth")), (0, 0, 50), "{info:?}");
    assert!(info.int("repaired") > 0, "{info:?}");
}

/// Pushes a long list, of which the older half arrived before the returned time and the other half after it.
fn long_list(conn: &mut Connection) -> i64 {
    let mut border = 0;
    for (first, end) in [(0, LONG / 2), (LONG / 2, LONG)] {
        border = now_ms();
        another_step();
        for first in (first..end).step_by(5_000) {
            push(conn, "q", "LPUSH", &(first..end.min(first + 5_000)).collect::<Vec<_>>());
        }
        another_step();
    }
    until_read(conn, "q");
    border
}

#[test]
fn an_edit_far_from_the_ends_is_searched_in_slices_while_the_list_goes_on() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 1 task");
    run(&mut conn, "CONFIG SET qadmin.inline-wait 60000").expect("CONFIG SET");
    let border = long_list(&mut conn);
    let middle = LONG / 2;
    // In one transaction no slice runs in between.
    let mut pipe = redis::pipe();
    pipe.atomic().cmd("LREM").arg("q").arg(1).arg(message(middle - 1));
    pipe.cmd("QADMIN.INDEX").arg(&["INFO", "q"]);
    pipe.cmd("LPUSH").arg("q").arg(message(LONG)).arg(message(LONG + 1));
    pipe.cmd("RPOP").arg(&["q", "3"]).cmd("LMOVE").arg(&["q", "q", "RIGHT", "LEFT"]);
    pipe.cmd("LREM").arg("q").arg(1).arg(message(middle + 5));
    pipe.cmd("QADMIN.INDEX").arg(&["INFO", "q"]);
    pipe.cmd("QADMIN.PREVIEW").arg(&["q", "WHERE", "task", "=", "a.b", "SAMPLE", "0"]);
    let replies: Vec<Value> = pipe.query(&mut conn).expect("EXEC");
    for info in [&replies[1], &replies[6]].map(qadmin_harness::map) {
        assert_eq!(info.text("state"), "repairing", "{info:?}");
        assert!(info.text("reason").contains("is being searched"), "{info:?}");
        assert!(info.is_null("read"), "{info:?}");
    }
    let preview = qadmin_harness::map(&replies[7]);
    // A question finishes the search, if one slice is enough for it; else a job counts.
    let counted = match preview.text("mode").as_str() {
        "job" => wait_for_job(&mut conn, &preview.text("job_id")).int("matched"),
        _ => preview.int("match_count"),
    };
    assert_eq!(counted, i64::try_from(LONG).expect("small") - 3, "{preview:?}");
    until_read(&mut conn, "q");
    assert_eq!(repairs(&mut conn, "q"), (1, 0), "both LREMs are one search");
    compare(&mut conn, "q", &["WHERE", "task", "=", "a.b"], "after the search");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("at_least"), info.is_null("reason")), (0, true), "{info:?}");
    // Three were popped, one was rotated, one was removed.
    let reply = ask(&mut conn, &format!("QADMIN.PREVIEW q WHERE arrived < {border} SAMPLE 0 BUST"));
    let old = i64::try_from(LONG / 2).expect("small") - 5;
    assert_eq!((reply.int("match_count"), reply.int("unreadable")), (old, 0), "{reply:?}");
    let first: String = run(&mut conn, "LINDEX q -1").map(|value| text(&value)).expect("LINDEX");
    assert_eq!(first, message(4));
}

#[test]
fn an_edit_whose_place_is_not_certain_is_a_reason_to_read_the_list_again() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 task kwargs.x");
    // More messages of one LREM than are searched.
    let twins: Vec<String> = (0..60).map(|n| fields::message(n % 3, "a.b", "1")).collect();
    fields::push(&mut conn, "q", &twins);
    until_read(&mut conn, "q");
    redis::cmd("LREM").arg("q").arg(0).arg(&twins[1]).query::<()>(&mut conn).expect("LREM");
    compare(&mut conn, "q", &["WHERE", "kwargs.x", "=", "1"], "after an LREM of many");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("repaired"), info.int("rebuilt"), info.int("depth")), (0, 1, 40), "{info:?}");
    redis::cmd("LSET").arg("q").arg(7).arg(&twins[1]).query::<()>(&mut conn).expect("LSET");
    compare(&mut conn, "q", &["WHERE", "kwargs.x", "=", "1"], "after an LSET");
    assert_eq!(repairs(&mut conn, "q"), (0, 2));
}
