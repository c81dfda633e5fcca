//! How PREVIEW gets its result: skipped, from the cache, by joining, by counting, as a job.

use qadmin_harness::{Factory, Fields as _, Server, Size, eventually, fill};
use redis::{Commands as _, Connection};

use crate::stage::{LONG, Slow, filled, info, inline_preview, joined, newest_job, set, start_clear, target};
use crate::support::{Reply, ask, run, wait_for_job};

/// This depth is within the limit of an inline count, and the count ends at once.
const SMALL: u64 = 2_000;

fn preview(conn: &mut Connection, options: &str) -> Reply {
    ask(conn, &format!("QADMIN.PREVIEW celery {} {options}", target()))
}

#[test]
fn a_cached_count_answers_at_any_depth() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", SMALL);
    let counted = preview(&mut conn, "");
    assert_eq!(counted.text("mode"), "synchronous");
    assert!(counted.is_null("cached_at"), "{counted:?}");
    assert_eq!(counted.int("match_count"), matching);

    // Every queue is deep now, and a push does not make the count invalid before its time is over.
    set(&mut conn, "inline-limit 0");
    let _: u64 = conn.lpush("celery", "x").expect("LPUSH");
    let cached = preview(&mut conn, "");
    assert_eq!(cached.text("mode"), "synchronous");
    assert!(cached.int("cached_at") > 0);
    assert_eq!(cached.int("match_count"), matching);
    assert_eq!(u64::try_from(cached.int("depth")), Ok(SMALL + 1), "the depth is live");
    assert_eq!(info(&server, "cache_hits"), 1);
    for same in ["matched_bytes", "undecodable", "unreadable", "drifted"] {
        assert_eq!(cached.int(same), counted.int(same), "{same}");
    }
}

#[test]
fn the_cache_knows_a_filter_by_what_it_means() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 50);
    let hit = |conn: &mut Connection, line: &str| !ask(conn, line).is_null("cached_at");
    assert!(!hit(&mut conn, "QADMIN.PREVIEW celery TASK t REPOID 7 WHERE retries > 1"));
    for same in [
        "qadmin.preview celery repoid 007 task t where retries gt 01",
        "QADMIN.PREVIEW celery WHERE retries > 1 REPOID 7 TASK t SAMPLE 3 FIELDS 1 id FORMAT RESP",
        "QADMIN.PREVIEW celery WHERE retries > 1 WHERE retries > 1 REPOID 7 TASK t",
    ] {
        assert!(hit(&mut conn, same), "{same}");
    }
    for other in [
        "QADMIN.PREVIEW celery TASK t REPOID -7 WHERE retries > 1",
        "QADMIN.PREVIEW celery TASK T REPOID 7 WHERE retries > 1",
        "QADMIN.PREVIEW celery TASK t REPOID 7 WHERE retries >= 1",
    ] {
        assert!(!hit(&mut conn, other), "{other}");
    }
}

#[test]
fn a_number_with_a_plus_sign_is_an_error_and_not_a_cache_hit() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 50);
    ask(&mut conn, "QADMIN.PREVIEW celery TASK t REPOID 7");
    let error = run(&mut conn, "QADMIN.PREVIEW celery TASK t REPOID +7").expect_err("no integer");
    assert!(error.to_string().contains("REPOID must be an integer"), "{error}");
}

#[test]
fn cached_counts_expire_and_can_be_disabled() {
    let server = Server::builder().module_args("cache-ttl 0 job-lock-ttl 0").start();
    let mut conn = server.conn();
    filled(&server, "celery", SMALL);
    for _ in 0..2 {
        let counted = preview(&mut conn, "");
        assert!(counted.is_null("cached_at") && counted.int("deduplicated") == 0, "{counted:?}");
    }
    set(&mut conn, "cache-ttl 1");
    preview(&mut conn, "");
    assert!(!preview(&mut conn, "").is_null("cached_at"));
    eventually("the cached count is over its time", || preview(&mut conn, "").is_null("cached_at"));
}

#[test]
fn bust_skips_the_cache_and_renews_it() {
    let server = Server::start();
    let mut conn = server.conn();
    let before = filled(&server, "celery", SMALL);
    preview(&mut conn, "");
    let after = before + filled(&server, "celery", SMALL);
    assert_eq!(preview(&mut conn, "").int("match_count"), before, "the cached count");
    let fresh = preview(&mut conn, "BUST");
    assert!(fresh.is_null("cached_at"));
    assert_eq!(fresh.int("match_count"), after);
    let cached = preview(&mut conn, "");
    assert!(!cached.is_null("cached_at"));
    assert_eq!(cached.int("match_count"), fresh.int("match_count"), "renewed");
}

#[test]
fn nocount_answers_depth_and_sample_alone() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", SMALL);
    preview(&mut conn, "");
    for options in ["NOCOUNT", "NOCOUNT BUST"] {
        let reply = preview(&mut conn, options);
        assert_eq!(reply.text("mode"), "skipped");
        assert!(reply.is_null("match_count") && reply.is_null("cached_at") && reply.is_null("job_id"));
        assert_eq!(u64::try_from(reply.int("depth")), Ok(SMALL));
        assert!(!reply.rows("sample").is_empty());
    }
    assert_eq!(info(&server, "jobs_started"), 1, "NOCOUNT starts nothing");
}

#[test]
fn the_depth_decides_between_waiting_and_a_job() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", SMALL);
    set(&mut conn, &format!("cache-ttl 0 job-lock-ttl 0 inline-limit {SMALL}"));
    assert_eq!(preview(&mut conn, "").text("mode"), "synchronous");
    set(&mut conn, &format!("inline-limit {}", SMALL - 1));
    let job = preview(&mut conn, "");
    assert_eq!(job.text("mode"), "job");
    assert!(job.is_null("match_count"));
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!(end.text("status"), "completed");
    assert_eq!(end.int("matched"), matching);
    set(&mut conn, &format!("inline-limit {SMALL} inline-wait 0"));
    assert_eq!(preview(&mut conn, "").text("mode"), "job", "a wait of no time is none");
}

#[test]
fn timed_out_client_gets_id_of_running_job() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    let slow = Slow::start(&server);
    set(&mut conn, "inline-wait 20");
    let reply = preview(&mut conn, "");
    assert_eq!(reply.text("mode"), "job");
    assert!(reply.is_null("match_count"));
    drop(slow);
    let end = wait_for_job(&mut conn, &reply.text("job_id"));
    assert_eq!(end.text("status"), "completed");
    assert_eq!(end.int("matched"), matching);
    assert_eq!(u64::try_from(end.int("examined_total")), Ok(LONG));
    assert_eq!(info(&server, "jobs_started"), 1, "the same scan went on");
    assert_eq!(preview(&mut conn, "").int("match_count"), matching, "and its count is cached");
}

#[test]
fn preview_after_clear_is_correct() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", SMALL);
    assert_eq!(preview(&mut conn, "").int("match_count"), matching);
    let job = start_clear(&mut conn, "celery");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), matching);
    let after = preview(&mut conn, "");
    assert!(after.is_null("cached_at") && after.int("deduplicated") == 0, "{after:?}");
    assert_eq!(after.int("match_count"), 0);
}

/// The matches run next, so both jobs find them at once; the rest of the queue keeps the preview running
/// after the clear removed them.
#[test]
fn count_overtaken_by_a_clear_is_not_reused() {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let mut conn = server.conn();
    let mut factory = Factory::new(7).size(Size::Slim).share(100.0);
    fill(server.port(), "celery", 0..50, &mut factory).expect("the queue is filled");
    fill(server.port(), "celery", 50..LONG, &mut factory.share(0.0)).expect("the queue is filled");
    let mut slow = Slow::start(&server);
    let early = inline_preview(&server, "celery");
    eventually("the preview has counted the matches", || newest_job(&server).int("matched") == 50);
    slow.hold(&mut conn);
    let clear = start_clear(&mut conn, "celery");
    eventually("the clear has taken them out", || {
        ask(&mut conn, &format!("QADMIN.STATUS {clear}")).int("deleted") == 50
    });
    let late = inline_preview(&server, "celery");
    drop(slow);
    let early = joined(early);
    assert_eq!((early.text("mode").as_str(), early.int("match_count")), ("synchronous", 50));
    let late = joined(late);
    assert_eq!((late.int("deduplicated"), late.int("match_count")), (0, 0), "not joined: {late:?}");
    assert_eq!(wait_for_job(&mut conn, &clear).int("deleted"), 50);
    let after = preview(&mut conn, "");
    assert_eq!(after.int("match_count"), 0, "neither cached nor given again: {after:?}");
}

#[test]
fn commands_that_empty_a_queue_drop_its_counts() {
    for emptied in
        ["FLUSHALL", "FLUSHDB", "DEL celery", "UNLINK celery", "RENAME celery elsewhere", "SWAPDB 0 1"]
    {
        let server = Server::start();
        let mut conn = server.conn();
        filled(&server, "celery", SMALL);
        preview(&mut conn, "");
        set(&mut conn, "cache-ttl 0");
        assert_eq!(preview(&mut conn, "").int("deduplicated"), 1, "a completed job is there to be given");
        set(&mut conn, "cache-ttl 60");
        run(&mut conn, emptied).expect(emptied);
        let after = preview(&mut conn, "");
        assert!(after.is_null("cached_at") && after.int("deduplicated") == 0, "{emptied}: {after:?}");
        assert_eq!(after.int("match_count"), 0, "{emptied}");
    }
}

/// The job ends as completed after it has examined everything that was left; the messages that it counted do
/// not exist any more.
#[test]
fn count_of_a_deleted_queue_is_not_reused() {
    for emptied in ["DEL celery", "RENAME celery elsewhere", "SET celery x"] {
        let server = Server::builder().module_args("inline-wait 60000").start();
        let mut conn = server.conn();
        filled(&server, "celery", LONG);
        let slow = Slow::start(&server);
        let early = inline_preview(&server, "celery");
        eventually("the preview has counted something", || newest_job(&server).int("matched") > 5);
        run(&mut conn, emptied).expect(emptied);
        let early = joined(early);
        drop(slow);
        assert_eq!(early.text("mode"), "synchronous", "{emptied}: {early:?}");
        let _: () = conn.del("celery").expect("DEL");
        let _: u64 = conn.lpush("celery", "x").expect("LPUSH");
        let after = preview(&mut conn, "");
        assert!(after.is_null("cached_at") && after.int("deduplicated") == 0, "{emptied}: {after:?}");
        assert_eq!(after.int("match_count"), 0, "{emptied}");
    }
}
