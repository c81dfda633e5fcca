//! What a clear must not remove: jobs of other queues, jobs that cannot be read, keys that only look like those of a
//! job, and jobs whose ids stand twice.

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, pipe};

use super::{QUEUE, bad, clear, content, enqueue, job, keys_of, missing};
use crate::dramatiq::is_equal;
use crate::durability::{slow, tell};
use crate::support::{ask, wait_for_job};

#[test]
fn a_job_of_another_queue_is_kept() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..30);
    // The first one was moved to another queue, and its id was left. Of the second one the queue is not known.
    let _: i64 = conn.hset("rq:job:job-3", "origin", "mail").expect("HSET");
    let _: i64 = conn.rpush("rq:queue:mail", "job-3").expect("RPUSH");
    let _: i64 = conn.hdel("rq:job:job-6", "origin").expect("HDEL");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} WHERE headers.other_queue = 1 AS rq"));
    assert!(preview.text("notice").contains("are no matches: 2 ("), "{preview:?}");
    let end = clear(&mut conn, "TASK bad ALL");
    assert_eq!(end.int("deleted"), bad(30) as i64 - 2, "{end:?}");
    assert!(end.text("notice").contains("they are of another queue"), "{end:?}");
    let (ids, keys) = content(&mut conn);
    for id in ["job-3", "job-6"] {
        assert!(ids.iter().any(|left| left == id), "{id}");
        assert!(keys_of(id).iter().all(|key| keys.contains(key)), "{id}");
    }
    // In its own queue it is cleared. The other id is one without a job then, and is counted.
    let line = "QADMIN.CLEARJOB rq:queue:mail TASK bad ALL CONFIRM rq:queue:mail AS rq";
    let id = ask(&mut conn, line).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &id).int("deleted"), 1);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad AS rq"));
    assert!(preview.text("notice").contains("ids whose message is missing: 1"), "{preview:?}");
}

#[test]
fn a_job_that_is_too_large_is_kept() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..9);
    // A long field is unknown, and nothing else.
    let _: i64 = conn.hset("rq:job:job-3", "description", "\"".repeat(70_000)).expect("HSET");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} WHERE headers.description MISSING AS rq"));
    assert_eq!((preview.int("match_count"), preview.int("unreadable")), (8, 1), "{preview:?}");
    assert_eq!(clear(&mut conn, "WHERE id = job-3 ALL").int("deleted"), 1);
    // Of a job with a long id nothing is known.
    let long = "x".repeat(70_000);
    let () = pipe()
        .hset(format!("rq:job:{long}"), "data", r#"["bad",null,[],{}]"#)
        .ignore()
        .rpush(QUEUE, &long)
        .ignore()
        .query(&mut conn)
        .expect("HSET");
    for filter in ["TASK bad", "WHERE id = job-6", "WHERE bytes > 0", "WHERE undecodable = 1"] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} AS rq"));
        assert_eq!(preview.int("undecodable"), 1, "{filter}: {preview:?}");
    }
    for filter in ["WHERE undecodable = 1", "WHERE bytes > 0"] {
        let end = clear(&mut conn, &format!("{filter} ALL"));
        assert!(
            end.text("notice").contains("or they are too large to read); no clear removes them"),
            "{end:?}"
        );
    }
    let (ids, keys) = content(&mut conn);
    assert_eq!(ids, [long.as_str()]);
    assert!(keys.contains(&format!("rq:job:{long}")));
}

#[test]
fn a_filter_rules_jobs_out_before_their_dependents_are_looked_for() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..600);
    let misses = || server.info("keyspace_misses").and_then(|n| n.parse::<i64>().ok()).expect("a number");
    for (filter, matches) in [("WHERE id = job-3", 1), ("TASK bad", bad(600) as i64)] {
        let before = misses();
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} SAMPLE 0 AS rq"));
        assert_eq!(preview.int("match_count"), matches, "{preview:?}");
        // Not every server counts them. A few jobs are also read to recognise what the list holds.
        let looked_for = misses() - before;
        assert!((0..matches + 50).contains(&looked_for), "{filter}: {looked_for}");
    }
}

#[test]
fn keys_of_other_types_and_the_jobs_of_other_ids_stay() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..1);
    // The names of keys of `job-0` are those of jobs here: an older RQ takes any id.
    let [_, dependencies, results] = keys_of("job-0");
    let () = pipe().del(&dependencies).del(&results).query(&mut conn).expect("DEL");
    let other = [("data", r#"["good",null,[],{}]"#), ("status", "queued"), ("origin", "uploads")];
    let () = conn.hset_multiple(&dependencies, &other).expect("HSET");
    let () = conn.set(&results, "x").expect("SET");
    let _: i64 = conn.rpush(QUEUE, ":job-0:dependencies").expect("RPUSH");
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 1);
    let (ids, keys) = content(&mut conn);
    assert_eq!(ids, [":job-0:dependencies"]);
    assert_eq!(keys, [dependencies, results].into());

    // A job whose key has the name of the dependents of another job: that one is kept, whatever this one is.
    tell(&mut conn, "FLUSHALL");
    enqueue(&mut conn, 0..1);
    let () = conn.hset_multiple("rq:job:job-0:dependents", &other).expect("HSET");
    let _: i64 = conn.hset("rq:job:job-0:dependents", "data", r#"["bad",null,[],{}]"#).expect("HSET");
    let _: i64 = conn.lpush(QUEUE, "job-0:dependents").expect("LPUSH");
    let end = clear(&mut conn, "TASK bad ALL");
    assert_eq!((end.int("deleted"), content(&mut conn).0), (1, vec!["job-0".to_owned()]), "{end:?}");
    assert!(end.text("notice").contains("are no matches: 1"), "{end:?}");
}

#[test]
fn an_id_that_stands_twice_leaves_with_its_job_or_is_counted_as_one_without() {
    // In one slice.
    let server = Server::builder().module_args("slice-us 100000").start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..30);
    let () = pipe()
        .rpush(QUEUE, "job-3")
        .lpush(QUEUE, "job-3")
        .rpush(QUEUE, "job-4")
        .query(&mut conn)
        .expect("ids");
    let end = clear(&mut conn, "TASK bad ALL");
    assert_eq!((end.int("deleted"), end.int("processed")), (bad(30) as i64 + 2, 33), "{end:?}");
    let (ids, keys) = content(&mut conn);
    assert!(!ids.contains(&"job-3".into()) && !keys.contains("rq:job:job-3"));
    assert_eq!(ids.iter().filter(|id| *id == "job-4").count(), 2);
    assert!(keys_of("job-4").iter().all(|key| keys.contains(key)));

    // In slices of their own, on a slow server.
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    enqueue(&mut conn, 0..3_000);
    let () = pipe().rpush(QUEUE, "job-3").rpush(QUEUE, "job-4").query(&mut conn).expect("ids");
    let end = clear(&mut conn, "TASK bad ALL");
    assert_eq!(
        (end.text("status").as_str(), end.int("deleted")),
        ("completed", bad(3_000) as i64),
        "{end:?}"
    );
    assert!(end.text("notice").contains("ids whose message is missing: 1"), "{end:?}");
    let twice: Vec<String> = conn.lrange(QUEUE, -2, -1).expect("LRANGE");
    assert_eq!(twice, ["job-3", "job-4"]);
    let exists: i64 =
        redis::cmd("EXISTS").arg("rq:job:job-3").arg("rq:job:job-4").query(&mut conn).expect("EXISTS");
    assert_eq!(exists, 1, "the job that does not match is there");
    is_equal(&primary, &replica);
    let () = conn.ltrim(QUEUE, 0, -3).expect("LTRIM");
    assert_eq!(missing(&mut conn, 3_000), bad(3_000));
}

#[test]
fn a_transaction_that_watches_a_job_fails_if_it_is_cleared() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..5);
    let mut watcher = server.conn();
    for (n, is_done) in [(0, false), (1, true)] {
        let [key, dependencies, results] = keys_of(&job(n).0);
        for key in [key, dependencies, results] {
            tell(&mut conn, "FLUSHALL");
            enqueue(&mut conn, 0..2);
            tell(&mut watcher, &format!("WATCH {key}"));
            clear(&mut conn, "TASK bad ALL");
            tell(&mut watcher, "MULTI");
            tell(&mut watcher, "SET after 1");
            let done: Option<Vec<String>> = redis::cmd("EXEC").query(&mut watcher).expect("EXEC");
            assert_eq!(done.is_some(), is_done, "{key}");
        }
    }
}
