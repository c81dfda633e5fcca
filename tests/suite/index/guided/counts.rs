//! Counts that an index only narrows: jobs that read what they must.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use qadmin_harness::{Fields as _, Server};
use redis::{Connection, Value};

use super::{celery, create};
use crate::index::fields::{message, push};
use crate::model::rng::Rng;
use crate::stage::{Slow, slow_server};
use crate::support::{Reply, ask, run, wait_for_job};

#[test]
fn a_count_that_an_index_narrows_is_that_of_a_scan() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, "q", &celery(2_000, 9, &mut Rng::new(21)));
    create(&mut conn, "q", "FIELDS 1 task");
    for words in ["WHERE id CONTAINS 7", "WHERE kwargs.x > 1", "WHERE id = 12", "WHERE kwargs.y EXISTS"] {
        for (command, names) in [
            (
                format!("QADMIN.PREVIEW q TASK a.b {words} SAMPLE 30"),
                &["match_count", "matched_bytes", "in_chord", "with_eta", "inexact", "sample"][..],
            ),
            (
                format!("QADMIN.STATS q TASK a.b {words} GROUPBY 1 kwargs.x"),
                &["matched", "matched_bytes", "inexact", "groups", "other", "groups_total"],
            ),
        ] {
            let (with, without) = (ask(&mut conn, &command), ask(&mut conn, &format!("{command} BUST")));
            let sources = [&with, &without].map(|reply| reply.text("source"));
            assert_eq!(sources, ["index", "scan"], "{command}: {with:?}");
            for name in names.iter().chain(&["undecodable", "unreadable", "drifted", "depth"]) {
                assert_eq!(with.get_field(name), without.get_field(name), "{name} of {command}");
            }
            // The count that BUST made answers from now on, and says where it comes from.
            let again = ask(&mut conn, &command);
            assert_eq!(again.text("source"), "scan", "{again:?}");
        }
    }
}

/// The id of a job that was started or joined, and whether it was joined.
fn job(reply: &Reply) -> (String, bool) {
    (reply.text("job_id"), reply.get_field("deduplicated") == &Value::Int(1))
}

#[test]
fn a_count_with_bust_joins_no_job_that_an_index_has_guided() {
    let server = slow_server().start();
    let mut conn = server.conn();
    for _ in 0..6 {
        push(&mut conn, "q", &celery(2_000, 3, &mut Rng::new(22)));
    }
    create(&mut conn, "q", "FIELDS 1 task");
    run(&mut conn, "CONFIG SET qadmin.inline-limit 0").expect("CONFIG SET");
    let mut slow = Slow::start(&server);
    let line = "QADMIN.PREVIEW q TASK a.b WHERE id CONTAINS 7";
    let (first, _) = job(&ask(&mut conn, line));
    qadmin_harness::eventually("it is guided", || {
        ask(&mut conn, &format!("QADMIN.STATUS {first}")).text("source") == "index"
    });
    slow.hold(&mut conn);
    assert_eq!(job(&ask(&mut conn, line)), (first.clone(), true));
    let (second, joined) = job(&ask(&mut conn, &format!("{line} BUST")));
    assert!(second != first && !joined);
    drop(slow);
    let ends = [first, second].map(|id| wait_for_job(&mut conn, &id));
    assert_eq!([&ends[0], &ends[1]].map(|end| end.text("source")), ["index", "scan"]);
    let [guided, other] = [&ends[0], &ends[1]].map(|end| (end.int("matched"), end.int("processed")));
    assert_eq!(guided, other);
}

/// Messages of several tasks; some are too long to be kept, or cannot be read.
fn mixed(n: u64, rng: &mut Rng) -> Vec<String> {
    let mut messages = celery(n, 9, rng);
    for (id, message) in messages.iter_mut().enumerate().filter(|(id, _)| id % 997 == 5) {
        let long = format!("\\\"{}{id}\\\"", "v".repeat(1_100 + rng.below(3)));
        *message = self::message(id as u64, "c.d", &long);
    }
    messages
}

/// Asks with a question's words, which may not fit into one slice, and waits for the job if there is one.
fn answer(conn: &mut Connection, line: &str) -> Reply {
    let reply = ask(conn, line);
    assert!(!reply.is_null("source"), "{line}: {reply:?}");
    reply
}

/// A server whose slices are too short to answer at once, and whose clients wait for the jobs.
fn short_slices() -> Server {
    Server::builder()
        .module_args("slice-us 50 inline-limit 10000000 inline-wait 60000 cache-ttl 0 job-lock-ttl 0")
        .start()
}

#[test]
fn a_job_that_an_index_counts_for_says_what_a_scan_says() {
    let server = short_slices();
    let mut conn = server.conn();
    let messages = mixed(3_000, &mut Rng::new(31));
    for _ in 0..80 {
        push(&mut conn, "q", &messages);
    }
    create(&mut conn, "q", "FIELDS 2 task kwargs.x");
    let questions = [
        "QADMIN.PREVIEW q TASK a.b SAMPLE 30",
        "QADMIN.PREVIEW q WHERE kwargs.x > 2 TASK c.d",
        "QADMIN.PREVIEW q WHERE kwargs.x CONTAINS v",
        "QADMIN.PREVIEW q TASK none",
        "QADMIN.STATS q GROUPBY 1 task",
        "QADMIN.STATS q WHERE kwargs.x > 1 GROUPBY 2 task kwargs.x",
        "QADMIN.STATS q GROUPBY 1 kwargs.x TOP 2",
        "QADMIN.STATS q TASK c.d GROUPBY 1 kwargs.x INEXACT",
    ];
    for line in questions {
        let (with, without) = (answer(&mut conn, line), answer(&mut conn, &format!("{line} BUST")));
        let sources = [&with, &without].map(|reply| reply.text("source"));
        assert_eq!(sources, ["index", "scan"], "{line}: {with:?}");
        let names = [
            "match_count",
            "total",
            "matched",
            "matched_bytes",
            "undecodable",
            "unreadable",
            "drifted",
            "inexact",
            "sample",
            "groups",
            "other",
            "groups_total",
            "depth",
        ];
        for name in names.iter().filter(|name| without.iter().any(|(member, _)| member == **name)) {
            assert_eq!(with.get_field(name), without.get_field(name), "{name} of {line}");
        }
        let matched = without.iter().find(|(name, _)| *name == "match_count").map(|(_, n)| n.clone());
        if matched.is_some_and(|matched| matched != Value::Int(0)) {
            assert!(with.is_null("in_chord") && !without.is_null("in_chord"), "{with:?}");
            assert!(with.text("notice").contains("not counted where an index answers"), "{with:?}");
        }
    }
}

/// Values of a field: with those of another one they make so many groups that giving them takes a large part of a slice.
const VALUES: u64 = 250;

#[test]
fn jobs_count_alike_by_index_and_by_scan_beside_producers_and_workers() {
    let server = short_slices();
    let mut conn = server.conn();
    // Workers take only messages that do not match, so the matches are the same at all times.
    let messages: Vec<String> = (0..3_000)
        .map(|id| {
            message(
                id,
                ["a.b", "c.d", "e.f"][usize::try_from(id % 3).expect("small")],
                &format!("{}", id % VALUES),
            )
        })
        .collect();
    let others: Vec<String> = (0..3_000).map(|id| message(id, "worked", "1")).collect();
    for n in 0..60 {
        push(&mut conn, "q", if n < 20 { &others } else { &messages });
    }
    create(&mut conn, "q", "FIELDS 2 task kwargs.x");
    let is_over = Arc::new(AtomicBool::new(false));
    let traffic = {
        let (is_over, mut conn) = (Arc::clone(&is_over), server.conn());
        thread::spawn(move || {
            let mut taken = 0;
            while !is_over.load(Ordering::Relaxed) && taken < 50_000 {
                push(&mut conn, "q", &[message(taken, "later", "1"), message(taken, "later", "2")]);
                run(&mut conn, "RPOP q 2").expect("RPOP");
                run(&mut conn, "LMOVE q q RIGHT LEFT").expect("LMOVE");
                taken += 3;
            }
        })
    };
    for round in 0..12 {
        let bust = if round % 2 == 0 { "" } else { " BUST" };
        let source = if round % 2 == 0 { "index" } else { "scan" };
        let preview = answer(&mut conn, &format!("QADMIN.PREVIEW q TASK a.b WHERE kwargs.x > 2{bust}"));
        let expected = messages
            .iter()
            .filter(|text| text.contains("a.b"))
            .filter(|text| !["0", "1", "2"].iter().any(|x| text.contains(&format!(r#"x\": {x}}}"#))));
        let expected = i64::try_from(expected.count() * 40).expect("small");
        assert_eq!((preview.text("source").as_str(), preview.int("match_count")), (source, expected));
        let stats = answer(&mut conn, &format!("QADMIN.STATS q GROUPBY 1 task{bust}"));
        assert_eq!(stats.text("source"), source, "{stats:?}");
        let groups = stats.rows("groups");
        for task in ["a.b", "c.d", "e.f"] {
            let row = groups.iter().find(|row| row.text("task") == task).expect("it is there");
            assert_eq!(row.int("count"), 40_000, "{task} of {stats:?}");
        }
        let counted: i64 = groups.iter().map(|row| row.int("count")).sum();
        assert_eq!(counted, stats.int("total"), "every message has a task");
        // With so many groups, slices keep what they counted while nothing happens to the list.
        let stats = answer(&mut conn, &format!("QADMIN.STATS q GROUPBY 2 task kwargs.x TOP 1000{bust}"));
        assert_eq!(stats.text("source"), source, "{stats:?}");
        for task in ["a.b", "c.d", "e.f"] {
            let groups = stats.rows("groups").into_iter().filter(|row| row.text("task") == task);
            let counts: Vec<i64> = groups.map(|row| row.int("count")).collect();
            assert_eq!((counts.len() as u64, counts.iter().sum()), (VALUES, 40_000), "{task} of {stats:?}");
        }
    }
    is_over.store(true, Ordering::Relaxed);
    traffic.join().expect("the traffic ends");
}
