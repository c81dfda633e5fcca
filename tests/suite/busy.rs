//! The server is busy while a job runs: slow scripts, sleeps, unloading. The job waits, and nothing is lost.

use qadmin_harness::{Fields as _, Server, eventually, module_path};
use redis::{Commands as _, Connection, Value};

use crate::stage::{
    LONG, Slow, filled, info, inline_preview, joined, later, set, start_clear, target, until_running,
    until_waiting,
};
use crate::support::{ask, run, wait_for_job};

/// Returns the ids of all messages, in order.
fn queue(conn: &mut Connection) -> Vec<Vec<u8>> {
    conn.lrange("celery", 0, -1).expect("LRANGE")
}

#[test]
fn job_continues_after_a_hanging_script() {
    let server = Server::builder().module().config("busy-reply-threshold 10").start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    let before = queue(&mut conn);
    let slow = Slow::start(&server);
    let job = start_clear(&mut conn, "celery");
    until_running(&mut conn, &job);
    let waiting = later(&server, format!("QADMIN.STATUS {job} WAIT 0"));
    until_waiting(&server, 1);

    let mut other = server.conn();
    let mut script = server.conn();
    let hung = std::thread::spawn(move || {
        redis::cmd("EVAL").arg("while true do end").arg(0).query::<Value>(&mut script)
    });
    eventually("the server says that it is busy", || {
        run(&mut other, "PING").is_err_and(|error| error.code() == Some("BUSY"))
    });
    let refused = run(&mut other, &format!("QADMIN.STATUS {job}")).expect_err("busy");
    assert_eq!(refused.code(), Some("BUSY"));
    run(&mut other, "SCRIPT KILL").expect("SCRIPT KILL");
    hung.join().expect("ends").expect_err("killed");
    drop(slow);

    let end = joined(waiting);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", matching), "{end:?}");
    assert_eq!(end.int("passes_run"), 1);
    let after = queue(&mut conn);
    assert_eq!(i64::try_from(before.len() - after.len()), Ok(matching));
    let mut rest = before.iter();
    assert!(after.iter().all(|message| rest.any(|earlier| earlier == message)), "the order is the same");
}

#[test]
fn a_job_can_be_cancelled_while_a_script_hangs() {
    let server = Server::builder().module().config("busy-reply-threshold 10").start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let slow = Slow::start(&server);
    let job = start_clear(&mut conn, "celery");
    let preview = inline_preview(&server, "celery");
    until_running(&mut conn, &job);
    let mut other = server.conn();
    let mut script = server.conn();
    let hung = std::thread::spawn(move || {
        redis::cmd("EVAL").arg("while true do end").arg(0).query::<Value>(&mut script)
    });
    eventually("the server says that it is busy", || {
        run(&mut other, "PING").is_err_and(|error| error.code() == Some("BUSY"))
    });
    let ended = run(&mut other, "QADMIN.CANCEL ALL").expect("CANCEL is allowed while the server is busy");
    assert_eq!(qadmin_harness::maps(&ended).len(), 2);
    run(&mut other, "SCRIPT KILL").expect("SCRIPT KILL");
    hung.join().expect("ends").expect_err("killed");
    drop(slow);
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {job}")).text("status"), "cancelled");
    assert_eq!(joined(preview).text("mode"), "failed");
    eventually("the record says so, too", || {
        conn.hget::<_, _, String>(format!("qadmin:job:{job}"), "status").expect("HGET") == "cancelled"
    });
}

#[test]
fn job_continues_after_server_sleep() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    let slow = Slow::start(&server);
    let job = start_clear(&mut conn, "celery");
    let preview = inline_preview(&server, "celery");
    run(&mut conn, "DEBUG SLEEP 0.3").expect("DEBUG SLEEP");
    drop(slow);
    let end = wait_for_job(&mut conn, &job);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", matching));
    let preview = joined(preview);
    assert_eq!(preview.text("mode"), "synchronous");
    assert_eq!(u64::try_from(end.int("queue_depth") + matching), Ok(LONG));
}

#[test]
fn a_clear_whose_user_was_deleted_fails_and_the_server_lives() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    run(&mut conn, "ACL SETUSER carol on nopass ~* +@all").expect("ACL SETUSER");
    let slow = Slow::start(&server);
    let mut hers = server.conn();
    run(&mut hers, "AUTH carol x").expect("AUTH");
    let job = start_clear(&mut hers, "celery");
    until_running(&mut conn, &job);
    // The job runs for longer than the module relies on a permission that it has checked.
    run(&mut conn, &format!("QADMIN.THROTTLE {job} RATE 20")).expect("THROTTLE");
    run(&mut conn, "ACL DELUSER carol").expect("ACL DELUSER");
    drop(slow);
    let end = wait_for_job(&mut conn, &job);
    assert_eq!(end.text("status"), "failed", "{end:?}");
    assert!(end.text("error").starts_with("NOPERM the user \"carol\""), "{end:?}");
    assert!(end.int("deleted") < end.int("matched") || end.int("processed") < end.int("total_estimated"));
}

/// Returns the error of MODULE UNLOAD, if it refuses.
fn unload(conn: &mut Connection) -> Option<String> {
    run(conn, "MODULE UNLOAD qadmin").err().map(|error| error.to_string())
}

/// Redis 8.0 and Valkey 8.1 crash in this case; Valkey 9.1 refuses by itself, with its own error.
#[test]
fn unloading_is_refused_while_rules_of_users_name_its_commands() {
    let server = Server::start();
    let mut conn = server.conn();
    for rules in [&["+qadmin.preview"][..], &["+@all", "-QADMIN.clearjob"], &["(+qadmin.status ~celery)"]] {
        let words: Vec<&str> = ["reset", "~qadmin:*"].into_iter().chain(rules.iter().copied()).collect();
        redis::cmd("ACL").arg("SETUSER").arg("jane").arg(words).exec(&mut conn).expect("ACL SETUSER");
        let error = unload(&mut conn).expect("refused");
        if error.contains("operation not possible") {
            eventually("the log names the user", || {
                server.log().contains("of this module (user \"jane\"), and some")
            });
        }
        run(&mut conn, "QADMIN.HELP").expect("still there");
    }
    // Keys with that name are no reason to refuse.
    run(&mut conn, "ACL SETUSER jane reset ~qadmin:* +get").expect("ACL SETUSER");
    assert_eq!(unload(&mut conn), None);
}

#[test]
fn unloading_is_refused_while_something_would_be_lost() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    set(&mut conn, "inline-wait 60000");
    let slow = Slow::start(&server);
    let job = start_clear(&mut conn, "celery");
    unload(&mut conn).expect("refused: a job is live");
    eventually("the log says why", || {
        server.log().contains(&format!(
            "not unloaded: live jobs: 1 ({job} in queue \"celery\"), blocked clients: 0; cancel the jobs with QADMIN.CANCEL ALL, \
             or wait"
        ))
    });
    let client = later(&server, format!("QADMIN.STATUS {job} WAIT 0"));
    until_waiting(&server, 1);
    unload(&mut conn).expect("refused: a client waits");
    drop(slow);
    assert_eq!(joined(client).int("deleted"), matching, "neither job nor client noticed");
    ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target()));
    assert_eq!(unload(&mut conn), None);
    run(&mut conn, "QADMIN.HELP").expect_err("unloaded");

    // The queue can now change without the module's knowledge.
    let more = filled(&server, "celery", 500);
    let module = module_path().expect("built");
    run(&mut conn, &format!("MODULE LOAD {} duty 60 inline-wait 60000", module.display())).expect("LOAD");
    assert_eq!(info(&server, "jobs_started"), 0, "a new life");
    let duty = run(&mut conn, "CONFIG GET qadmin.duty").expect("CONFIG GET");
    assert!(format!("{duty:?}").contains("60"), "{duty:?}");
    let count = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target()));
    assert!(count.is_null("cached_at") && count.int("deduplicated") == 0, "{count:?}");
    assert_eq!(count.int("match_count"), more);
    let old = ask(&mut conn, &format!("QADMIN.STATUS {job}"));
    assert_eq!((old.text("status").as_str(), old.int("deleted")), ("completed", matching), "from its record");
    let job = start_clear(&mut conn, "celery");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), more);
    assert_eq!(unload(&mut conn), None, "and again");
}
