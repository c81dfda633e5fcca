//! Counts that an index only narrows: jobs that read what they must.

use qadmin_harness::{Fields as _, Server};
use redis::Value;

use super::{celery, create};
use crate::index::fields::push;
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
