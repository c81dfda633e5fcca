//! Everything that has a limit, and what happens when it is reached.

use qadmin_harness::{Fields as _, Raw, Server, eventually, map};
use redis::{Connection, Value, pipe};

use crate::control::start_and;
use crate::stage::{filled, info, set};
use crate::support::{ask, run, wait_for_job};

/// The id of a job that is paused before its first slice.
const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

/// Raises this process's limit of open files as far as permitted.
fn raise_open_files() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct lives through both calls, which read or write nothing else.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
    limit.rlim_cur
}

#[test]
fn ten_thousand_clients_can_wait_and_the_next_is_refused() {
    const CLIENTS: usize = 10_000;
    let files = raise_open_files();
    assert!(files > 10_600, "this test needs 10,600 open files (ulimit -n), and may have {files}");
    let server = Server::builder().module().config("maxclients 10300").start();
    let mut conn = server.conn();
    filled(&server, "celery", 1_000);
    start_and(&mut conn, ID, &format!("QADMIN.PAUSE {ID}"));
    let line = format!("QADMIN.STATUS {ID} WAIT 0\r\n");
    let mut clients: Vec<Raw> = (0..CLIENTS).map(|_| server.raw()).collect();
    for client in &mut clients {
        client.send(line.as_bytes()).expect("the server listens");
    }
    eventually("all wait", || info(&server, "clients_waiting") == 10_000);
    let error = run(&mut conn, line.trim()).expect_err("one too many").to_string();
    assert!(
        error.contains("10000 clients already wait for jobs, which is the limit; retry without WAIT"),
        "{error}"
    );
    // A preview does not wait in this case: the reply is that of a job.
    assert_eq!(ask(&mut conn, "QADMIN.PREVIEW celery TASK none").text("mode"), "job");
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {ID}")).text("status"), "paused");
    run(&mut conn, &format!("QADMIN.CANCEL {ID}")).expect("CANCEL");
    for client in &mut clients {
        let reply = String::from_utf8(client.reply().expect("a reply")).expect("text");
        assert!(reply.contains("cancelled"), "{reply}");
    }
    assert_eq!(info(&server, "clients_waiting"), 0);
}

#[test]
fn oldest_of_1001_cached_counts_is_evicted() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "job-lock-ttl 0 cache-ttl 3600");
    filled(&server, "celery", 3);
    let mut preview = |n: u32| ask(&mut conn, &format!("QADMIN.PREVIEW celery TASK t{n} SAMPLE 0"));
    assert!(preview(0).is_null("cached_at"));
    // Counts of the same millisecond have no order of age.
    run(&mut server.conn(), "DEBUG SLEEP 0.005").expect("DEBUG");
    (1..1_001).for_each(|n| assert!(preview(n).is_null("cached_at")));
    for kept in [1, 2, 1_000] {
        assert!(!preview(kept).is_null("cached_at"), "the count of {kept}");
    }
    assert!(preview(0).is_null("cached_at"));
}

#[test]
fn oldest_ended_job_is_evicted_but_the_record_of_a_clear_survives() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "inline-limit 0 job-lock-ttl 0 cache-ttl 0");
    filled(&server, "celery", 3);
    let clear = ask(&mut conn, "QADMIN.CLEARJOB celery TASK none ALL CONFIRM celery").text("job_id");
    wait_for_job(&mut conn, &clear);
    let mut previews = Vec::new();
    for n in 0..500 {
        let id = ask(&mut conn, &format!("QADMIN.PREVIEW celery TASK t{n} SAMPLE 0")).text("job_id");
        wait_for_job(&mut conn, &id);
        previews.push(id);
    }
    let status = |conn: &mut Connection, id: &str| run(conn, &format!("QADMIN.STATUS {id}"));
    assert!(status(&mut conn, &previews[0]).is_ok());
    let id = ask(&mut conn, "QADMIN.PREVIEW celery TASK last SAMPLE 0").text("job_id");
    wait_for_job(&mut conn, &id);
    let error = status(&mut conn, &previews[0]).expect_err("forgotten");
    assert_eq!(error.code(), Some("NOJOB"), "{error}");
    assert!(status(&mut conn, &previews[1]).is_ok());
    // It was evicted before that one: only its record is left.
    let clear = map(&status(&mut conn, &clear).expect("the record"));
    assert_eq!((clear.text("status").as_str(), clear.int("processed")), ("completed", 3));
}

#[test]
fn live_job_follows_its_queue_after_many_previews() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "cache-ttl 0 job-lock-ttl 0");
    filled(&server, "celery", 100);
    start_and(&mut conn, ID, &format!("QADMIN.PAUSE {ID}"));
    let mut many = pipe();
    (0..4_200)
        .for_each(|n| _ = many.cmd("QADMIN.PREVIEW").arg(format!("other{n}")).arg("TASK").arg("t").ignore());
    many.query::<()>(&mut conn).expect("previews");
    run(&mut conn, "RPOP celery 7").expect("RPOP");
    run(&mut conn, "LPUSH celery a b c").expect("LPUSH");
    run(&mut conn, &format!("QADMIN.RESUME {ID}")).expect("RESUME");
    let end = wait_for_job(&mut conn, ID);
    assert_eq!((end.int("processed"), end.int("drifted"), end.int("arrived")), (93, 7, 3), "{end:?}");
}

/// If there are more records than that, the database and its name of the record are enough.
#[test]
fn a_record_beyond_the_known_ones_is_found_from_its_own_database() {
    let server = Server::start();
    let mut conn = server.conn();
    // After a command of the module, the server reports events of keys to it.
    let id = ask(&mut conn, "QADMIN.CLEARJOB nobody TASK t ALL CONFIRM nobody").text("job_id");
    wait_for_job(&mut conn, &id);
    let copies = format!(
        "local d = redis.call('DUMP', 'qadmin:job:{id}') \
         for i = 0, 100009 do redis.call('RESTORE', \
         string.format('qadmin:job:00000000-0000-4000-8000-%012d', i), 0, d) end"
    );
    let _: Value = redis::cmd("EVAL").arg(copies).arg(0).query(&mut conn).expect("copies");
    let last = "00000000-0000-4000-8000-000000100009";
    let status = |conn: &mut Connection, id: &str| run(conn, &format!("QADMIN.STATUS {id}"));
    assert_eq!(map(&status(&mut conn, last).expect("found")).text("status"), "completed");
    run(&mut conn, "SELECT 1").expect("SELECT");
    assert!(status(&mut conn, &id).is_ok());
    let error = status(&mut conn, last).expect_err("not indexed").to_string();
    assert!(error.contains("NOJOB"), "{error}");
}
