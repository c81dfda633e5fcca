//! What operators monitor: INFO, LATENCY and the log.

use qadmin_harness::{Fields as _, Server};
use redis::Value;

use crate::stage::{filled, set, target};
use crate::support::{ask, run, wait_for_job};

fn counter(server: &Server, name: &str) -> i64 {
    let text = server.info(&format!("qadmin_{name}")).unwrap_or_else(|| panic!("INFO has no qadmin_{name}"));
    text.parse().expect("a number")
}

#[test]
fn info_counts_jobs_messages_slices_cache_hits_and_joins() {
    let server = Server::start();
    let mut conn = server.conn();
    let n = 20_000;
    let matches = filled(&server, "celery", 20_000);
    let preview = format!("QADMIN.PREVIEW celery {}", target());
    assert_eq!(ask(&mut conn, &preview).int("match_count"), matches);
    assert_eq!(ask(&mut conn, &preview).int("match_count"), matches);
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery", target()));
    wait_for_job(&mut conn, &job.text("job_id"));

    assert_eq!(counter(&server, "jobs_started"), 2);
    assert_eq!(counter(&server, "jobs_completed"), 2);
    assert_eq!(counter(&server, "jobs_live"), 0);
    assert_eq!(counter(&server, "messages_examined"), 2 * n);
    assert_eq!(counter(&server, "messages_cleared"), matches);
    assert_eq!((counter(&server, "cache_hits"), counter(&server, "cache_misses")), (1, 1));
    assert_eq!(counter(&server, "joins"), 0);
    let (p99, max) = (counter(&server, "slice_p99_us"), counter(&server, "slice_max_us"));
    assert!(counter(&server, "slices") >= 2 && 0 < p99 && p99 <= max, "p99 {p99}, max {max}");
}

#[test]
fn latency_has_a_sample_of_a_slice_above_the_threshold() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 20_000);
    run(&mut conn, "CONFIG SET latency-monitor-threshold 1").expect("CONFIG SET");
    // A slice of twenty milliseconds is far above the threshold.
    set(&mut conn, "slice-us 20000");
    ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target()));
    let Value::Array(samples) = run(&mut conn, "LATENCY HISTORY qadmin-slice").expect("LATENCY HISTORY")
    else {
        panic!("LATENCY HISTORY answers a list")
    };
    assert!(!samples.is_empty());
}

#[test]
fn the_log_has_one_line_when_a_job_starts_and_one_when_it_ends() {
    let server = Server::start();
    let mut conn = server.conn();
    let matches = filled(&server, "celery", 2_000);
    let command = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ACTOR %s%n REASON flood", target());
    let id = ask(&mut conn, &command).text("job_id");
    wait_for_job(&mut conn, &id);
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id)).collect();
    let [started, ended] = lines.as_slice() else { panic!("two lines, not {lines:?}") };
    assert!(started.contains("started: clear all of") && started.contains("actor \"%s%n\""), "{started}");
    assert!(ended.contains(&format!("completed: examined 2000, matched {matches}")), "{ended}");
}

/// The server collects its crash report in a signal handler, on whichever thread crashed, while the module's
/// state can be in the middle of a change.
#[test]
fn a_crash_report_does_not_touch_the_state_of_the_module() {
    let mut server = Server::builder().module().may_crash().start();
    let mut conn = server.conn();
    filled(&server, "celery", 2_000);
    let id = ask(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery RATE 1", target()));
    assert_eq!(counter(&server, "jobs_live"), 1, "{id:?}");
    run(&mut conn, "DEBUG SEGFAULT").expect_err("the server crashes");
    server.wait_for_exit();
    let log = server.log();
    assert!(log.contains("MODULES INFO OUTPUT"), "the report reached the modules: {log}");
    assert!(!log.contains("qadmin_jobs_live"), "{log}");
}
