//! Commands in a transaction, from a script and from another module. These callers cannot wait, and only
//! clients can start a clear.

use qadmin_harness::{Fields as _, Server, c_module, map, maps, text};
use redis::{Commands as _, Connection, Value};

use crate::stage::{LONG, Slow, filled, info, set, target, until_running};
use crate::support::{Reply, ask, run, wait_for_job};

const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

/// Runs commands in one transaction and returns their replies.
fn transaction(conn: &mut Connection, lines: &[String]) -> Vec<Value> {
    run(conn, "MULTI").expect("MULTI");
    for line in lines {
        assert_eq!(text(&run(conn, line).expect("queued")), "QUEUED", "{line}");
    }
    match run(conn, "EXEC").expect("EXEC") {
        Value::Array(replies) => replies,
        other => panic!("EXEC answers a list, not {other:?}"),
    }
}

/// Runs a command from a script. Lua has no maps, so the reply is the flat array of RESP2.
fn eval(conn: &mut Connection, line: &str) -> redis::RedisResult<Value> {
    let words: Vec<&str> = line.split(' ').collect();
    redis::cmd("EVAL").arg("return redis.call(unpack(ARGV))").arg(0).arg(words).query(conn)
}

#[test]
fn transaction_is_never_blocked() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    let _slow = Slow::start(&server);
    let clear = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ID {ID}", target());
    let replies = transaction(
        &mut conn,
        &[
            format!("QADMIN.PREVIEW celery {}", target()),
            clear,
            format!("QADMIN.STATUS {ID} WAIT 0"),
            "QADMIN.JOBS".into(),
            format!("QADMIN.CANCEL {ID}"),
            format!("QADMIN.STATUS {ID} WAIT 0"),
            "QADMIN.HELP".into(),
        ],
    );
    let preview = map(&replies[0]);
    assert_eq!(preview.text("mode"), "job");
    assert!(preview.is_null("match_count"));
    assert_eq!(map(&replies[1]).text("status"), "pending", "a transaction is a client's own");
    assert_eq!(map(&replies[2]).text("status"), "pending", "no wait");
    let ids: Vec<_> = maps(&replies[3]).iter().map(|job| job.text("job_id")).collect();
    assert_eq!(ids, [ID.to_string(), preview.text("job_id")], "newest first");
    assert_eq!(map(&replies[4]).text("status"), "cancelled", "before its first slice");
    assert_eq!(map(&replies[5]).int("deleted"), 0);
    assert!(matches!(&replies[6], Value::Array(lines) if lines.len() > 6));
    let end = ask(&mut conn, &format!("QADMIN.CANCEL {}", preview.text("job_id")));
    assert_eq!(end.text("status"), "cancelled");
    assert!(end.int("matched") <= matching);
}

#[test]
fn a_transaction_that_watched_the_queue_fails_after_a_clear() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 1_000);
    run(&mut conn, "WATCH celery").expect("WATCH");
    let mut other = server.conn();
    let job = ask(&mut other, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery", target()));
    wait_for_job(&mut other, &job.text("job_id"));
    run(&mut conn, "MULTI").expect("MULTI");
    run(&mut conn, "LLEN celery").expect("queued");
    assert_eq!(run(&mut conn, "EXEC").expect("EXEC"), Value::Nil);
}

/// Checks what scripts and modules are permitted to do and which replies they receive, through `call`.
fn check_caller(server: &Server, mut call: impl FnMut(&str) -> redis::RedisResult<Value>, refusal: &str) {
    let mut conn = server.conn();
    filled(server, "celery", LONG);
    let slow = Slow::start(server);
    let mut ask_there = |line: &str| -> Reply { map(&call(line).expect(line)) };
    let preview = ask_there(&format!("QADMIN.PREVIEW celery {}", target()));
    assert_eq!(preview.text("mode"), "job");
    let job = preview.text("job_id");
    until_running(&mut conn, &job);
    assert_eq!(ask_there(&format!("QADMIN.STATUS {job} WAIT 0")).text("status"), "running");
    assert_eq!(ask_there(&format!("QADMIN.PREVIEW celery {}", target())).text("job_id"), job, "joined");
    assert_eq!(ask_there(&format!("QADMIN.PREVIEW celery {} NOCOUNT", target())).text("mode"), "skipped");
    let stats = ask_there("QADMIN.STATS celery GROUPBY 1 task");
    assert_eq!((stats.text("mode").as_str(), stats.is_null("groups")), ("job", true));
    assert_eq!(ask_there(&format!("QADMIN.CANCEL {}", stats.text("job_id"))).text("kind"), "stats");
    assert_eq!(ask_there(&format!("QADMIN.CANCEL {job}")).text("status"), "cancelled");
    assert_eq!(maps(&call("QADMIN.JOBS").expect("JOBS")).len(), 2);
    assert_eq!(maps(&call("QADMIN.CANCEL ALL").expect("CANCEL ALL")).len(), 0);
    assert!(matches!(call("QADMIN.HELP"), Ok(Value::Array(_))));
    drop(slow);

    let depth: u64 = conn.llen("celery").expect("LLEN");
    for mode in ["ALL CONFIRM celery", "KEEPONE CONFIRM celery", "DRYRUN"] {
        let error = call(&format!("QADMIN.CLEARJOB celery {} {mode}", target())).expect_err(mode).to_string();
        assert!(error.contains(refusal), "{mode}: {error}");
    }
    assert_eq!(conn.llen::<_, u64>("celery").expect("LLEN"), depth);
    assert_eq!(info(server, "clears_live"), 0);

    // They receive a cached count, too.
    set(&mut conn, "inline-wait 60000");
    let counted = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target()));
    let there = map(&call(&format!("QADMIN.PREVIEW celery {}", target())).expect("PREVIEW"));
    assert_eq!(there.text("mode"), "synchronous");
    assert_eq!(there.int("match_count"), counted.int("match_count"));
}

#[test]
fn script_is_never_blocked_and_starts_no_clear() {
    let server = Server::start();
    let mut conn = server.conn();
    check_caller(&server, |line| eval(&mut conn, line), "command is not allowed from script");
}

#[test]
fn other_module_is_never_blocked_and_starts_no_clear() {
    let server = Server::start();
    let mut conn = server.conn();
    let library =
        c_module("callqadmin", server.dir()).expect("a C compiler is there, as it is wherever Rust links");
    run(&mut conn, &format!("MODULE LOAD {}", library.display())).expect("MODULE LOAD");
    check_caller(
        &server,
        |line| run(&mut conn, &format!("CALLQADMIN.RUN {line}")),
        "must come from a client, not from a script or a module",
    );
    // The result is the same in a transaction, and from a script through the other module.
    let through = format!("CALLQADMIN.RUN QADMIN.CLEARJOB celery {} ALL CONFIRM celery", target());
    eval(&mut conn, &through).expect_err("refused");
    let replies =
        transaction(&mut conn, &[format!("CALLQADMIN.RUN QADMIN.PREVIEW celery {} BUST", target())]);
    assert_eq!(map(&replies[0]).text("mode"), "job");
    assert_eq!(info(&server, "clears_live"), 0);
}

#[test]
fn no_client_can_run_the_internal_command() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 10);
    let library =
        c_module("callqadmin", server.dir()).expect("a C compiler is there, as it is wherever Rust links");
    run(&mut conn, &format!("MODULE LOAD {}", library.display())).expect("MODULE LOAD");
    let line = "QADMIN.APPLY celery 10 x y";
    for error in [
        run(&mut conn, line).expect_err("refused").to_string(),
        eval(&mut conn, line).expect_err("refused").to_string(),
        run(&mut conn, &format!("CALLQADMIN.RUN {line}")).expect_err("refused").to_string(),
    ] {
        assert!(error.contains("QADMIN.APPLY is internal"), "{error}");
    }
    assert_eq!(conn.llen::<_, u64>("celery").expect("LLEN"), 10);
}
