//! The record of a clear in the keyspace, and the audit stream.

use std::collections::HashMap;

use qadmin_harness::{Fields as _, Server, eventually, maps, text};
use redis::{Commands as _, Connection, Value};

use super::{
    Filled, audit, clear_line, events, filter, hurry, queue, record_key, recorded, slow, start_clear, status,
    tell, until_caught_up, until_deleted,
};
use crate::stage::{set, slowly};
use crate::support::{ask, run, wait_for_job};

const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

#[test]
fn the_record_has_every_field_of_status_and_a_time_to_live() {
    let server = slow().start();
    let mut conn = server.conn();
    Filled::new(&server, 500, 40.0);
    hurry(&mut conn);
    tell(&mut conn, "CONFIG SET qadmin.job-ttl 1000");
    let job = ask(&mut conn, &format!("{} ACTOR ann REASON tests", clear_line()));
    let id = job.text("job_id");
    let end = wait_for_job(&mut conn, &id);
    let hash: HashMap<String, Vec<u8>> = conn.hgetall(record_key(&id)).expect("HGETALL");
    for (name, value) in &end {
        if ["sample", "groups", "other", "groups_total", "ages"].contains(&name.as_str()) {
            continue;
        }
        let stored = hash.get(name).unwrap_or_else(|| panic!("the record lacks {name}"));
        let shown = if matches!(value, Value::Nil) { String::new() } else { text(value) };
        // The cost of the last slice is known only after the record was written.
        if !["slices", "slice_p99_us", "slice_max_us", "seek_max_us", "main_thread_us"]
            .contains(&name.as_str())
        {
            assert_eq!(String::from_utf8_lossy(stored), shown, "{name}");
        }
    }
    let ttl: i64 = conn.pttl(record_key(&id)).expect("PTTL");
    assert!(ttl > 0 && ttl <= 1_000_000, "{ttl}");
}

#[test]
fn a_record_of_an_earlier_version_is_shown_with_present_names() {
    let server = Server::start();
    let mut conn = server.conn();
    let message = r#"[{"body":"e30=","headers":{"task":"t","id":"1"},"properties":{}},"",""]"#;
    let _: () = conn.hset("unacked", "tag", message).expect("HSET");
    let _: () = conn.zadd("times", "tag", 1_700_000_000).expect("ZADD");
    let job = ask(&mut conn, "QADMIN.CLEARJOB unacked TASK t INDEX times ALL CONFIRM unacked");
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    let mut earlier: HashMap<String, Vec<u8>> =
        conn.hgetall(record_key(&end.text("job_id"))).expect("HGETALL");
    let index_key = earlier.remove("index_key").expect("the record has the key of the index");
    earlier.insert("index".into(), index_key);
    earlier.insert("job_id".into(), ID.into());
    earlier.remove("container").expect("the record names the container");
    let earlier: Vec<(String, Vec<u8>)> = earlier.into_iter().collect();
    let _: () = conn.hset_multiple(record_key(ID), &earlier).expect("HSET");
    let shown = ask(&mut conn, &format!("QADMIN.STATUS {ID}"));
    let names =
        |of: &crate::support::Reply| -> Vec<String> { of.iter().map(|(name, _)| name.clone()).collect() };
    assert_eq!(names(&shown), names(&end));
    assert_eq!((shown.text("index_key"), shown.int("deleted")), ("times".into(), 1), "{shown:?}");
    assert_eq!(shown.text("container"), "unacked", "{shown:?}");
}

#[test]
fn a_record_deleted_or_expired_during_the_job_is_written_again() {
    let server = slow().start();
    let mut conn = server.conn();
    Filled::new(&server, 6_000, 40.0);
    let id = start_clear(&mut conn);
    let whole: usize = conn.hlen(record_key(&id)).expect("HLEN");
    for (at, harm) in [(100, "DEL"), (300, "PERSIST"), (500, "UNLINK")] {
        until_deleted(&mut conn, &id, at);
        tell(&mut conn, &format!("{harm} {}", record_key(&id)));
        eventually("the record is back", || {
            conn.hlen(record_key(&id)).is_ok_and(|len: usize| len == whole)
                && conn.pttl(record_key(&id)).is_ok_and(|ttl: i64| ttl > 1_000_000)
        });
    }
    until_deleted(&mut conn, &id, 700);
    tell(&mut conn, &format!("PEXPIRE {} 1", record_key(&id)));
    eventually("the record is back", || conn.hlen(record_key(&id)).is_ok_and(|len: usize| len == whole));
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(recorded(&mut conn, &id, "deleted"), end.int("deleted").to_string());
}

#[test]
fn no_job_starts_if_the_record_key_holds_something_else() {
    let server = slow().start();
    let mut conn = server.conn();
    Filled::new(&server, 100, 40.0);
    tell(&mut conn, &format!("SET {} mine", record_key(ID)));
    let refused = run(&mut conn, &format!("{} ID {ID}", clear_line())).expect_err("no job without a record");
    assert_eq!(refused.code(), Some("WRONGTYPE"), "{refused}");
    assert_eq!(queue(&mut conn).len(), 100);
    assert_eq!(conn.get::<_, String>(record_key(ID)).expect("GET"), "mine");
    assert_eq!(server.info("qadmin_jobs_live").as_deref(), Some("0"));
}

#[test]
fn a_record_key_of_another_type_fails_the_job_without_a_pending_write() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 6_000, 40.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    // This is one transaction, so no slice runs in between.
    let key = record_key(&id);
    redis::pipe().atomic().del(&key).set(&key, "mine").exec(&mut conn).expect("MULTI");
    let missing = filled.missing(&queue(&mut conn));
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "failed", "{end:?}");
    assert!(end.text("error").starts_with("WRONGTYPE"), "{end:?}");
    assert_eq!(end.int("deleted"), missing);
    assert_eq!(filled.missing(&queue(&mut conn)), missing, "nothing more was cleared");
    assert_eq!(conn.get::<_, String>(&key).expect("GET"), "mine");
    // It can never be written: the server does not retry forever, and other records do not wait for it.
    assert_eq!(server.info("qadmin_records_owed").as_deref(), Some("0"));
    let entries = audit(&mut conn);
    assert_eq!(entries.last().map(|entry| entry.text("status")), Some("failed".into()), "{entries:?}");
}

#[test]
fn a_job_is_found_by_id_in_any_database_after_a_restart_and_on_replicas() {
    // Slices have their usual length, and so has the search for records for which JOBS has time.
    let kept = || Server::builder().module().config("appendonly yes").config("appendfsync always");
    let mut server = kept().start();
    let replica = kept().start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    tell(&mut conn, "SELECT 3");
    tell(&mut conn, "LPUSH celery {}");
    let id = start_clear(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    until_caught_up(&server, &replica);
    let seen = |mut conn: Connection| {
        let job = status(&mut conn, &id);
        assert_eq!((job.text("status"), job.int("db")), ("completed".into(), 3), "{job:?}");
        assert_eq!(job.int("started_at"), end.int("started_at"));
        // On a replica a record can appear only after the next JOBS.
        eventually("JOBS lists the job alone", || {
            let jobs = maps(&run(&mut conn, "QADMIN.JOBS").expect("QADMIN.JOBS"));
            jobs.iter().map(|job| job.text("job_id")).eq([id.as_str()])
        });
    };
    seen(server.conn());
    seen(replica.conn());
    server.restart();
    seen(server.conn());
    // From a snapshot, keys are loaded without a command.
    tell(&mut server.conn(), "DEBUG RELOAD");
    seen(server.conn());
    // The replica loads the whole dataset again.
    replica.wait_for_link();
    seen(replica.conn());
}

#[test]
fn the_audit_stream_has_start_and_end_and_is_kept_short() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 500, 40.0);
    hurry(&mut conn);
    let job = ask(&mut conn, &format!("{} ACTOR ann REASON tests", clear_line()));
    wait_for_job(&mut conn, &job.text("job_id"));
    let entries = audit(&mut conn);
    assert_eq!(events(&mut conn), ["start", "end"]);
    for entry in &entries {
        assert_eq!(entry.text("job_id"), job.text("job_id"));
        assert_eq!((entry.text("user"), entry.text("actor")), ("default".into(), "ann".into()));
        assert_eq!((entry.text("reason"), entry.text("queue")), ("tests".into(), "celery".into()));
    }
    assert_eq!(entries[0].text("deleted"), "0");
    assert_eq!(entries[1].text("deleted"), filled.matches().to_string());
    assert_eq!(entries[1].text("status"), "completed");

    tell(&mut conn, "CONFIG SET qadmin.audit-maxlen 3");
    for _ in 0..3 {
        let id = start_clear(&mut conn);
        wait_for_job(&mut conn, &id);
    }
    assert_eq!(audit(&mut conn).len(), 3);
    tell(&mut conn, "CONFIG SET qadmin.audit-maxlen 0");
    let id = ask(&mut conn, &format!("QADMIN.CLEARJOB celery DRYRUN {}", filter())).text("job_id");
    wait_for_job(&mut conn, &id);
    assert_eq!(audit(&mut conn).len(), 3);
}

#[test]
fn entries_of_interrupted_jobs_keep_the_audit_stream_short_too() {
    let mut server = slow().module_args("slice-us 50 duty 1 audit-maxlen 4").start();
    let mut conn = server.conn();
    Filled::new(&server, 4_000, 40.0);
    hurry(&mut conn);
    for at in 0..4 {
        // The jobs run one after the other on a queue in which only the last job has a match.
        let id = ask(&mut conn, &format!("QADMIN.CLEARJOB celery ALL TASK none.{at} CONFIRM celery"));
        wait_for_job(&mut conn, &id.text("job_id"));
    }
    assert_eq!(events(&mut conn), ["start", "end", "start", "end"]);
    set(&mut conn, &slowly());
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    assert_eq!(events(&mut conn), ["end", "start", "end", "start"]);
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    eventually("the record is corrected", || recorded(&mut conn, &id, "status") == "interrupted");
    assert_eq!(events(&mut conn), ["start", "end", "start", "interrupted"]);
    let last = audit(&mut conn).pop().expect("entries");
    assert_eq!(
        (last.text("job_id"), last.text("deleted")),
        (id.clone(), recorded(&mut conn, &id, "deleted"))
    );
}

#[test]
fn an_audit_key_of_another_type_stops_no_job() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 500, 40.0);
    tell(&mut conn, "SET qadmin:audit mine");
    super::finish_the_work(&mut conn, &filled);
    assert_eq!(conn.get::<_, String>("qadmin:audit").expect("GET"), "mine");
}
