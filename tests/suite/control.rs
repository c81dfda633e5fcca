//! PAUSE, RESUME and THROTTLE: the operator controls the pace of a live job, and nothing is lost by that.

use qadmin_harness::{Fields as _, Server, eventually, map, text};
use redis::{Commands as _, Connection, Value};

use crate::stage::{LONG, Slow, filled, info, start_clear, target, until_running};
use crate::support::{Reply, ask, run, wait_for_job};

const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
const OTHER_ID: &str = "0a4cf1f7-93a2-4b7e-8d55-2f6d1f0e7c11";

/// Starts a clear and changes it before its first slice: no slice runs inside a transaction.
pub(crate) fn start_and(conn: &mut Connection, id: &str, line: &str) -> Reply {
    run(conn, "MULTI").expect("MULTI");
    run(conn, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ID {id}", target())).expect("QUEUED");
    run(conn, line).expect("QUEUED");
    let Value::Array(replies) = run(conn, "EXEC").expect("EXEC") else { panic!("a list") };
    map(&replies[1])
}

#[test]
fn paused_clear_stops_and_resumes_at_its_position() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    filled(&server, "other", 5_000);
    let slow = Slow::start(&server);
    let id = start_clear(&mut conn, "celery");
    until_running(&mut conn, &id);
    let paused = ask(&mut conn, &format!("QADMIN.PAUSE {id}"));
    assert_eq!(paused.text("status"), "paused");
    assert_eq!(paused.text("waiting"), "paused; use QADMIN.RESUME to continue");
    drop(slow);
    // Other jobs continue meanwhile, and the queue changes.
    let other = ask(&mut conn, &format!("QADMIN.CLEARJOB other {} ALL CONFIRM other", target()));
    assert_eq!(wait_for_job(&mut conn, &other.text("job_id")).text("status"), "completed");
    let popped = 100;
    let _: Value = redis::cmd("RPOP").arg("celery").arg(popped).query(&mut conn).expect("RPOP");
    let _: i64 = conn.lpush("celery", "{}").expect("LPUSH");
    let still = ask(&mut conn, &format!("QADMIN.STATUS {id}"));
    assert_eq!((still.text("status").as_str(), still.int("processed")), ("paused", paused.int("processed")));
    assert_eq!(still.int("arrived"), 1);
    eventually("the record says so", || {
        run(&mut conn, &format!("HGET qadmin:job:{id} status")).is_ok_and(|status| text(&status) == "paused")
    });
    // Pausing it again changes nothing; other live jobs are not affected.
    assert_eq!(ask(&mut conn, &format!("QADMIN.PAUSE {id} QUEUE celery")).text("status"), "paused");
    assert_eq!(ask(&mut conn, &format!("QADMIN.RESUME {id}")).text("status"), "running");
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed");
    assert_eq!(end.int("processed") + end.int("drifted"), end.int("total_estimated"));
    assert!(end.int("deleted") <= matching && end.int("deleted") == end.int("matched"), "{end:?}");
    let left = ask(&mut conn, &format!("QADMIN.PREVIEW celery {} BUST", target()));
    assert_eq!(left.int("match_count"), 0);
    assert_eq!(text(&run(&mut conn, &format!("HGET qadmin:job:{id} status")).expect("HGET")), "completed");
    // A job that has ended is not changed.
    for command in ["PAUSE", "RESUME", "THROTTLE"] {
        let more = if command == "THROTTLE" { " RATE 1" } else { "" };
        assert_eq!(ask(&mut conn, &format!("QADMIN.{command} {id}{more}")).text("status"), "completed");
    }
}

#[test]
fn a_job_paused_before_its_first_slice_can_be_cancelled() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", 3_000);
    assert_eq!(start_and(&mut conn, ID, &format!("QADMIN.PAUSE {ID}")).text("status"), "paused");
    let cancelled = ask(&mut conn, &format!("QADMIN.CANCEL {ID}"));
    assert_eq!((cancelled.text("status").as_str(), cancelled.int("processed")), ("cancelled", 0));

    let preview = {
        run(&mut conn, "CONFIG SET qadmin.inline-limit 0").expect("CONFIG SET");
        run(&mut conn, "MULTI").expect("MULTI");
        run(&mut conn, &format!("QADMIN.PREVIEW celery {} SAMPLE 0", target())).expect("QUEUED");
        let Value::Array(replies) = run(&mut conn, "EXEC").expect("EXEC") else { panic!("a list") };
        map(&replies[0]).text("job_id")
    };
    // Either the job was paused before its end and still is, or it is completed.
    let paused = ask(&mut conn, &format!("QADMIN.PAUSE {preview}"));
    assert!(["paused", "completed"].contains(&paused.text("status").as_str()), "{paused:?}");
    ask(&mut conn, &format!("QADMIN.RESUME {preview}"));
    assert_eq!(wait_for_job(&mut conn, &preview).int("matched"), matching);

    start_and(&mut conn, OTHER_ID, &format!("QADMIN.PAUSE {OTHER_ID}"));
    run(&mut conn, "RENAME celery moved").expect("RENAME");
    let end = wait_for_job(&mut conn, OTHER_ID);
    assert_eq!((end.text("status").as_str(), end.int("drifted")), ("completed", 3_000));
    assert_eq!(info(&server, "jobs_live"), 0);
}

#[test]
fn throttled_clear_keeps_its_rate_and_completes() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", 20_000);
    let throttled = start_and(&mut conn, ID, &format!("QADMIN.THROTTLE {ID} RATE 100 DUTY 10"));
    assert_eq!(
        throttled.text("notice"),
        "throttled: at most 100 messages per second, 10 % of the main thread while others are active"
    );
    let end = wait_for_job(&mut conn, ID);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", matching));
    // A tenth of a second's worth is cleared at once, the rest at the rate. A slow machine takes longer, but
    // none takes less time.
    let least_ms = (matching - 10) * 1_000 / 100 - 100;
    let took_ms = end.int("completed_at") - end.int("started_at");
    assert!(took_ms >= least_ms, "{matching} in {took_ms} ms");
    let left = ask(&mut conn, &format!("QADMIN.PREVIEW celery {} BUST", target()));
    assert_eq!((left.int("match_count"), left.int("depth")), (0, 20_000 - matching));
}

#[test]
fn a_throttle_can_be_lifted() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", 20_000);
    assert!(matching > 100, "at one a second this would take minutes");
    start_and(&mut conn, ID, &format!("QADMIN.THROTTLE {ID} RATE 1"));
    let lifted = ask(&mut conn, &format!("QADMIN.THROTTLE {ID} RATE 0 QUEUE celery"));
    assert!(lifted.is_null("notice"), "{lifted:?}");
    let end = wait_for_job(&mut conn, ID);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", matching));
}
