//! The room for jobs and for what they leave: which jobs end and which data is deleted to make room for the
//! next.

use qadmin_harness::{Fields as _, Server, eventually, map, text};
use redis::{Commands as _, Connection, Value};

use crate::stage::{Slow, filled, info, set, start_clear, target};
use crate::support::{ask, run, wait_for_job};

/// Starts a preview that continues as a job, and pauses it before its first slice.
fn paused_preview(conn: &mut Connection, n: usize) -> String {
    run(conn, "MULTI").expect("MULTI");
    run(conn, &format!("QADMIN.PREVIEW celery TASK paused.{n} SAMPLE 0")).expect("QUEUED");
    let Value::Array(replies) = run(conn, "EXEC").expect("EXEC") else { panic!("a list") };
    let id = map(&replies[0]).text("job_id");
    assert_eq!(ask(conn, &format!("QADMIN.PAUSE {id}")).text("status"), "paused");
    id
}

#[test]
fn oldest_paused_preview_is_evicted_for_a_new_count() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", 20_000);
    let slow = Slow::start(&server);
    let paused: Vec<String> = (0..8).map(|n| paused_preview(&mut conn, n)).collect();
    drop(slow);
    let count = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target()));
    assert_eq!((count.text("mode"), count.int("match_count")), ("synchronous".into(), matching), "{count:?}");
    let oldest = ask(&mut conn, &format!("QADMIN.STATUS {}", paused[0]));
    assert_eq!(oldest.text("status"), "cancelled");
    assert_eq!(
        oldest.text("error"),
        "ERR the job was paused and another job needed its place; start it again"
    );
    for id in &paused[1..] {
        assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {id}")).text("status"), "paused");
    }
}

#[test]
fn paused_previews_make_room_for_a_clear_and_paused_clears_keep_theirs() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 20_000);
    set(&mut conn, "max-jobs 2");
    let slow = Slow::start(&server);
    let preview = paused_preview(&mut conn, 0);
    let clear = start_clear(&mut conn, "celery");
    ask(&mut conn, &format!("QADMIN.PAUSE {clear}"));
    let second = start_clear(&mut conn, "celery");
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {preview}")).text("status"), "cancelled");
    ask(&mut conn, &format!("QADMIN.PAUSE {second}"));
    let third = run(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery", target()));
    assert_eq!(third.expect_err("both places are taken").code(), Some("TOOMANYJOBS"));
    let count = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target()));
    assert!(count.text("count_error").starts_with("TOOMANYJOBS"), "{count:?}");
    for id in [clear, second] {
        assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {id}")).text("status"), "paused");
    }
    drop(slow);
}

#[test]
fn many_clears_of_empty_queues_at_once_each_have_a_record() {
    const CLEARS: usize = 200;
    let server = Server::start();
    let mut conn = server.conn();
    let mut pipe = redis::pipe();
    (0..CLEARS).for_each(|n| {
        pipe.cmd("QADMIN.CLEARJOB").arg(format!("empty:{n}")).arg(&["TASK", "a", "ALL", "CONFIRM"]);
        pipe.arg(format!("empty:{n}"));
    });
    let replies: Vec<Value> = pipe.query(&mut conn).expect("each is accepted");
    let ids: Vec<String> = replies.iter().map(|reply| map(reply).text("job_id")).collect();
    for id in &ids {
        let end = wait_for_job(&mut conn, id);
        assert_eq!((end.text("status"), end.int("total_estimated")), ("completed".into(), 0), "{end:?}");
        eventually("the record has the end", || {
            run(&mut conn, &format!("HGET qadmin:job:{id} status")).is_ok_and(|at| text(&at) == "completed")
        });
    }
    assert_eq!(audit_len(&mut conn), 2 * CLEARS, "a start and an end of each");
    assert_eq!(info(&server, "jobs_live"), 0);
}

fn audit_len(conn: &mut Connection) -> usize {
    redis::cmd("XLEN").arg("qadmin:audit").query(conn).expect("XLEN")
}

/// Returns a filter that selects nothing in [`filled`] queues, with this many values.
fn long_filter(values: usize) -> String {
    let ids: String = (0..values).map(|n| format!(" {n:08}-0000-4000-8000-000000000000")).collect();
    format!("WHERE id IN {values}{ids}")
}

#[test]
fn long_filter_is_complete_in_live_job_and_cut_in_record() {
    const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
    let mut server = Server::builder().module().config("appendonly yes").start();
    let mut conn = server.conn();
    filled(&server, "celery", 20_000);
    let (filter, other) = (long_filter(1_000), long_filter(1_001));
    let line = |filter: &str| format!("QADMIN.CLEARJOB celery {filter} ALL CONFIRM celery ID {ID}");
    let slow = Slow::start(&server);
    ask(&mut conn, &line(&filter));
    let live = ask(&mut conn, &format!("QADMIN.STATUS {ID}"));
    assert_eq!(live.text("filter"), filter);
    drop(slow);
    let end = wait_for_job(&mut conn, ID);
    assert_eq!(end.text("status"), "completed");
    let mark = format!("[first 4096 of {} bytes, SHA-256 ", filter.len());
    let kept = end.text("filter");
    assert!(kept.starts_with(&mark) && kept.ends_with(&filter[..4_096]), "{kept}");
    assert_eq!(text(&run(&mut conn, &format!("HGET qadmin:job:{ID} filter")).expect("HGET")), kept);
    let digest = kept[mark.len()..].split(']').next().expect("a digest").to_owned();
    for entry in crate::durability::audit(&mut conn) {
        let mark = format!("[first 1024 of {} bytes, SHA-256 {digest}] ", filter.len());
        assert_eq!(entry.text("filter"), mark + &filter[..1_024]);
    }
    let jobs = qadmin_harness::maps(&run(&mut conn, "QADMIN.JOBS").expect("JOBS"));
    assert!(jobs[0].text("filter").contains(&digest) && jobs[0].text("filter").len() < 1_200);
    // The text that is kept of it is not a filter.
    let pasted = run(&mut conn, &format!("QADMIN.PREVIEW celery {kept}")).expect_err("no filter");
    assert_eq!(pasted.code(), Some("ERR"), "{pasted}");
    server.restart();
    let mut conn = server.conn();
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {ID}")).text("filter"), kept);
    // The request that started the job is identified by the digest of all of it, not by the text that is
    // kept.
    assert_eq!(ask(&mut conn, &line(&filter)).int("deduplicated"), 1);
    assert!(other[20..].starts_with(&filter[20..4_096]));
    let taken = run(&mut conn, &line(&other)).expect_err("another request");
    assert!(taken.to_string().contains("belongs to a job with other arguments"), "{taken}");
}

#[test]
fn a_dry_run_is_refused_above_maxmemory_and_known_ids_still_answer() {
    const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
    let server = Server::builder().module().config("maxmemory-policy noeviction").start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", 2_000);
    let dry = format!("QADMIN.CLEARJOB celery {} DRYRUN", target());
    ask(&mut conn, &format!("{dry} ID {ID}"));
    wait_for_job(&mut conn, ID);
    run(&mut conn, "CONFIG SET maxmemory 1mb").expect("CONFIG");
    let keys: usize = redis::cmd("DBSIZE").query(&mut conn).expect("DBSIZE");
    let refused = run(&mut conn, &dry).expect_err("it would leave a record");
    assert_eq!(refused.code(), Some("OOM"), "{refused}");
    assert_eq!(redis::cmd("DBSIZE").query::<usize>(&mut conn).expect("DBSIZE"), keys);
    assert_eq!(ask(&mut conn, &format!("{dry} ID {ID}")).int("deduplicated"), 1);
    assert_eq!(
        ask(&mut conn, &format!("QADMIN.PREVIEW celery {} BUST", target())).int("match_count"),
        matching
    );
    // A clear is not refused, and its audit entries replace older ones.
    set(&mut conn, "audit-maxlen 1000");
    for _ in 0..120 {
        let id = start_clear(&mut conn, "celery");
        assert_eq!(wait_for_job(&mut conn, &id).text("status"), "completed");
    }
    assert_eq!(audit_len(&mut conn), 100);
    run(&mut conn, "CONFIG SET maxmemory 0").expect("CONFIG");
    ask(&mut conn, &dry);
}

/// Each record of such a job takes about 35 KB.
#[test]
fn records_are_bounded_in_bytes_and_the_oldest_are_evicted() {
    const JOBS: usize = 1_200;
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 20_000);
    let slow = Slow::start(&server);
    let live = start_clear(&mut conn, "celery");
    ask(&mut conn, &format!("QADMIN.PAUSE {live}"));
    drop(slow);
    // This key is not a record, although it has the name of one.
    let foreign = "qadmin:job:0a4cf1f7-93a2-4b7e-8d55-2f6d1f0e7c11";
    run(&mut conn, &format!("HSET {foreign} mine 1")).expect("HSET");
    let long = |with: &str, len: usize| format!("{with}{}", "x".repeat(len));
    let line = format!(
        "QADMIN.CLEARJOB {} TASK {} COMMITID {} DRYRUN TO {}",
        long("q", 8_000),
        long("t", 4_000),
        long("c", 4_000),
        long("to", 8_000)
    );
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(ask(&mut conn, &line).text("job_id"));
        if ids.len().is_multiple_of(8) {
            wait_for_job(&mut conn, ids.last().expect("a job"));
        }
    }
    wait_for_job(&mut conn, ids.last().expect("a job"));
    let exists =
        |conn: &mut Connection, id: &str| conn.exists::<_, bool>(format!("qadmin:job:{id}")).expect("EXISTS");
    eventually("the newest have their records and no more than fit", || {
        let keys: Vec<String> = conn.keys("qadmin:job:*").expect("KEYS");
        let memory = |key: &String| {
            redis::cmd("MEMORY")
                .arg("USAGE")
                .arg(key)
                .arg("SAMPLES")
                .arg(0)
                .query::<usize>(&mut server.conn())
        };
        let bytes: usize = keys.iter().map(|key| memory(key).expect("MEMORY USAGE")).sum();
        // The amount that MEMORY USAGE adds to lengths depends on the allocator.
        keys.len() < JOBS && bytes < 48 * 1024 * 1024
    });
    assert!(exists(&mut conn, &live), "a live job keeps its record");
    assert!(conn.exists::<_, bool>(foreign).expect("EXISTS"), "a foreign key is not deleted");
    let left: Vec<bool> = ids.iter().map(|id| exists(&mut conn, id)).collect();
    let gone = left.iter().take_while(|left| !**left).count();
    assert!((100..600).contains(&gone), "{gone} of {JOBS} are gone");
    assert!(left[gone..].iter().all(|left| *left), "the oldest are gone and no other");
}
