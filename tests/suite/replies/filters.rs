//! KIND, STATUS and USER of JOBS.

use qadmin_harness::{Fields as _, Server, eventually, maps};
use redis::Connection;

use super::six;
use crate::stage::{Slow, filled, set, target};
use crate::support::{ask, run, wait_for_job};

/// The ids that JOBS lists.
fn listed(conn: &mut Connection, options: &str) -> Vec<String> {
    let jobs = maps(&run(conn, &format!("QADMIN.JOBS {options}")).expect("a list"));
    jobs.iter().map(|job| job.text("job_id")).collect()
}

#[test]
fn jobs_are_listed_by_kind_status_and_user() {
    for resp in [2, 3] {
        let server = six();
        let mut conn = if resp == 2 { server.conn() } else { server.conn3() };
        set(&mut conn, "inline-limit 0");
        run(&mut conn, "ACL SETUSER ann reset on nopass ~* +@all").expect("ACL SETUSER");
        let mut ann = server.conn();
        run(&mut ann, "AUTH ann x").expect("AUTH");
        let job = |conn: &mut Connection, line: &str| {
            let id = ask(conn, line).text("job_id");
            (wait_for_job(conn, &id), id).1
        };
        let preview = job(&mut conn, &format!("QADMIN.PREVIEW celery {} BUST", target()));
        let stats = job(&mut ann, "QADMIN.STATS celery GROUPBY 1 task BUST");
        let clear = job(&mut ann, "QADMIN.CLEARJOB celery TASK nosuch ALL CONFIRM celery");
        let park = job(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL PARK CONFIRM celery", target()));
        let list = ask(&mut conn, &format!("QADMIN.STATUS {park}")).text("to");
        let undo = job(&mut conn, &format!("QADMIN.UNDO {park} CONFIRM {list}"));
        let failed =
            job(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery EXPECT 1", target()));
        let newest = |ids: &[&String]| -> Vec<String> { ids.iter().map(|id| (*id).clone()).collect() };
        for (options, expected) in [
            // Without KIND all jobs are listed by their time.
            ("", newest(&[&failed, &undo, &park, &clear, &stats, &preview])),
            ("KIND clear", newest(&[&failed, &park, &clear])),
            ("kind UNDO", newest(&[&undo])),
            ("KIND preview", newest(&[&preview])),
            ("KIND Stats STATUS completed", newest(&[&stats])),
            ("STATUS ended", newest(&[&failed, &undo, &park, &clear, &stats, &preview])),
            ("STATUS live", newest(&[])),
            ("STATUS failed", newest(&[&failed])),
            ("STATUS cancelled", newest(&[])),
            ("USER ann", newest(&[&clear, &stats])),
            ("USER ann KIND clear STATUS completed", newest(&[&clear])),
            ("USER default KIND stats", newest(&[])),
            ("USER Ann", newest(&[])),
            ("KIND clear COUNT 2", newest(&[&failed, &park])),
            ("KIND clear COUNT 1 USER ann", newest(&[&clear])),
            ("QUEUE celery KIND undo", newest(&[])),
        ] {
            assert_eq!(listed(&mut conn, options), expected, "{options}");
        }
    }
}

#[test]
fn a_live_job_and_records_of_an_earlier_process_are_found_by_the_filters() {
    let mut server = Server::builder().module().config("appendonly yes").start();
    filled(&server, "celery", 3_000);
    let mut conn = server.conn();
    let ended = ask(&mut conn, "QADMIN.CLEARJOB celery TASK nosuch ALL CONFIRM celery").text("job_id");
    wait_for_job(&mut conn, &ended);
    drop(conn);
    server.restart();
    let mut conn = server.conn();
    let mut slow = Slow::start(&server);
    let live =
        ask(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery", target())).text("job_id");
    slow.hold(&mut conn);
    eventually("it is paused", || listed(&mut conn, "STATUS paused") == [live.as_str()]);
    assert_eq!(listed(&mut conn, "STATUS live"), [live.as_str()]);
    assert_eq!(listed(&mut conn, "STATUS completed KIND clear USER default"), [ended.as_str()]);
    assert_eq!(listed(&mut conn, "KIND clear"), [live, ended]);
    assert!(listed(&mut conn, "KIND preview").is_empty());
}

#[test]
fn words_that_are_no_kind_or_status_are_refused() {
    let server = Server::start();
    let mut conn = server.conn();
    for (options, expected) in [
        ("KIND clears", "KIND must be PREVIEW, CLEAR, STATS, UNDO or SHOW, got \"clears\""),
        ("KIND", "KIND needs a value"),
        (
            "STATUS done",
            "STATUS must be LIVE, ENDED, PENDING, RUNNING, PAUSED, COMPLETED, CANCELLED, FAILED or INTERRUPTED, got \"done\"",
        ),
        ("USER", "USER needs a value"),
        ("USER a USER b", "USER is given twice; give it once"),
    ] {
        let error = run(&mut conn, &format!("QADMIN.JOBS {options}")).expect_err(options);
        assert_eq!(error.detail(), Some(expected), "{options}");
    }
}
