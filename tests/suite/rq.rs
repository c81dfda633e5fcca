//! Queues of RQ: a list of ids, and a hash for each job. A clear removes an id and the keys of its job together,
//! whatever happens to the server meanwhile.

mod kept;
pub(crate) mod library;
mod times;
mod units;

use std::collections::HashSet;

use qadmin_harness::{Cluster, Fields as _, Server};
use redis::{Commands as _, Connection, pipe};

use crate::durability::{slow, tell};
use crate::ids::restore;
use crate::support::{Reply, ask, run, wait_for_job};

/// The queue of these tests.
const QUEUE: &str = "rq:queue:uploads";

/// The id of a job, its data, and whether it matches `TASK bad`. RQ reads data that is not compressed as well.
fn job(n: usize) -> (String, String, bool) {
    let is_bad = n.is_multiple_of(3);
    let name = if is_bad { "bad" } else { "good" };
    (format!("job-{n}"), format!(r#"["{name}",null,[{n}],{{"commitid":"c{n}"}}]"#), is_bad)
}

/// Adds jobs as `Queue.enqueue` does: at the tail, all keys at once. Each has results of an earlier run, too.
fn enqueue(conn: &mut Connection, numbers: std::ops::Range<usize>) {
    let mut batch = pipe();
    batch.atomic();
    for n in numbers {
        let (id, data, _) = job(n);
        let fields = [
            ("data", data.as_str()),
            ("status", "queued"),
            ("origin", "uploads"),
            ("enqueued_at", "2026-11-28T12:26:32.099438Z"),
            ("group_id", ""),
        ];
        batch.hset_multiple(format!("rq:job:{id}"), &fields).ignore();
        batch.sadd(format!("rq:job::{id}:dependencies"), "before").ignore();
        batch.cmd("XADD").arg(format!("rq:results:{id}")).arg(&["1-1", "type", "1"]).ignore();
        batch.rpush(QUEUE, id).ignore();
    }
    let () = batch.query(conn).expect("HSET and RPUSH");
}

/// The ids, and the names of all other keys of RQ.
fn content(conn: &mut Connection) -> (Vec<String>, HashSet<String>) {
    let (ids, keys): (Vec<String>, Vec<String>) =
        pipe().atomic().lrange(QUEUE, 0, -1).keys("rq:*").query(conn).expect("LRANGE and KEYS");
    (ids, keys.into_iter().filter(|key| key != QUEUE).collect())
}

/// The keys of a job.
fn keys_of(id: &str) -> [String; 3] {
    [format!("rq:job:{id}"), format!("rq:job::{id}:dependencies"), format!("rq:results:{id}")]
}

/// Checks that each id has its keys and each key its id, that the order is that in which jobs were added, and that only
/// matches are missing. Returns the number of missing jobs.
fn missing(conn: &mut Connection, added: usize) -> usize {
    let (ids, mut keys) = content(conn);
    let mut left = ids.iter().peekable();
    let mut missing = 0;
    for n in 0..added {
        let (id, _, is_bad) = job(n);
        let is_left = left.next_if(|next| **next == id).is_some();
        assert!(is_left || is_bad, "lost: {id}");
        missing += usize::from(!is_left);
        for key in keys_of(&id) {
            assert_eq!(keys.remove(&key), is_left, "{key}, and whether its id is left");
        }
    }
    assert_eq!((left.next(), keys.len()), (None, 0), "the queue holds what nobody sent: {keys:?}");
    missing
}

/// The number of matches among the first jobs.
fn bad(added: usize) -> usize {
    added.div_ceil(3)
}

fn clear(conn: &mut Connection, words: &str) -> Reply {
    let job = ask(conn, &format!("QADMIN.CLEARJOB {QUEUE} {words} CONFIRM {QUEUE} AS rq"));
    assert_eq!((job.text("container").as_str(), job.text("message_kind").as_str()), ("list_of_ids", "rq"));
    wait_for_job(conn, &job.text("job_id"))
}

#[test]
fn recorded_jobs_are_counted_shown_and_cleared_with_their_ids() {
    let server = Server::start();
    let mut conn = server.conn();
    restore(&mut conn, "rq");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} WHERE bytes > 0"));
    assert_eq!(preview.text("looks_like"), "rq");
    assert!(preview.text("notice").contains("add AS rq"), "{preview:?}");
    let (ids, _) = content(&mut conn);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} WHERE bytes > 0 AS rq"));
    let depth = i64::try_from(ids.len()).expect("a count");
    assert_eq!((preview.int("depth"), preview.int("undecodable")), (depth, 0), "{preview:?}");
    assert_eq!(preview.text("container"), "list_of_ids");
    assert!(preview.is_null("looks_like"), "{preview:?}");
    let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} GROUPBY 1 task AS rq"));
    assert_eq!(stats.int("matched"), depth, "{stats:?}");
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let row = queues.rows("queues").into_iter().find(|row| row.text("queue") == QUEUE).expect("it is listed");
    assert_eq!((row.text("looks_like").as_str(), row.int("depth")), ("rq", depth));
    // What a preview counts is what a clear removes.
    let count = preview.int("match_count");
    assert_eq!(clear(&mut conn, "WHERE bytes > 0 ALL").int("deleted"), count);
    let (left, keys) = content(&mut conn);
    assert_eq!(i64::try_from(left.len()).expect("a count"), depth - count);
    assert!(left.iter().all(|id| keys.contains(&format!("rq:job:{id}"))));
    let cleared = ids.iter().filter(|id| !left.contains(id));
    assert!(cleared.clone().all(|id| !keys.contains(&format!("rq:job:{id}"))), "{keys:?}");
}

#[test]
fn options_that_keep_some_matches_are_refused_and_the_others_work() {
    let server = Server::start();
    let mut conn = server.conn();
    let table: [(&str, usize); 4] = [
        ("TASK bad ALL DRYRUN", 0),
        ("TASK bad ALL EXPECT 1", 0),
        ("TASK bad ALL EXPECT 1000", bad(500)),
        ("TASK bad WHERE args.0 >= 0 ALL RATE 100000", bad(500)),
    ];
    for (words, removed) in table {
        tell(&mut conn, "FLUSHALL");
        enqueue(&mut conn, 0..500);
        let end = clear(&mut conn, words);
        assert_eq!(missing(&mut conn, 500), removed, "{words}: {end:?}");
        assert_eq!(end.int("deleted"), i64::try_from(removed).expect("a count"), "{words}");
    }
    for (mode, keyword) in [
        ("KEEPONE", "KEEPONE"),
        ("KEEPONE BY 1 kwargs.commitid", "BY"),
        ("ALL LIMIT 5", "LIMIT"),
        ("ALL TO other", "TO"),
        ("ALL PARK", "PARK"),
    ] {
        let line = format!("QADMIN.CLEARJOB {QUEUE} TASK bad {mode} CONFIRM {QUEUE} AS rq");
        let error = run(&mut conn, &line).expect_err("refused").to_string();
        assert!(error.contains(&format!("{keyword} is not supported for a list of ids")), "{error}");
    }
    assert_eq!(missing(&mut conn, 500), bad(500), "nothing was cleared by a refused command");
}

#[test]
fn jobs_that_others_depend_on_or_that_are_not_queued_are_kept() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..30);
    let _: i64 = conn.sadd("rq:job:job-3:dependents", "later").expect("SADD");
    let _: i64 = conn.hset("rq:job:job-6", "status", "started").expect("HSET");
    let _: i64 = conn.hdel("rq:job:job-9", "status").expect("HDEL");
    for filter in ["TASK bad", "WHERE task = bad WHERE id != x"] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} AS rq"));
        assert_eq!((preview.int("match_count"), preview.rows("sample").len()), (7, 7), "{preview:?}");
        let notice = preview.text("notice");
        assert!(notice.contains("are no matches: 3 (other jobs depend on them"), "{notice}");
    }
    let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} TASK bad GROUPBY 1 task AS rq"));
    assert_eq!(stats.int("matched"), 10, "{stats:?}");
    let end = clear(&mut conn, "TASK bad ALL");
    assert_eq!((end.int("deleted"), end.int("processed")), (7, 30), "{end:?}");
    assert!(end.text("notice").contains("are no matches: 3 (other jobs depend on them"), "{end:?}");
    let (ids, keys) = content(&mut conn);
    assert_eq!(ids.len(), 23);
    for id in ["job-3", "job-6", "job-9"] {
        assert!(
            ids.iter().any(|left| left == id) && keys_of(id).iter().all(|key| keys.contains(key)),
            "{id}"
        );
    }
    // A job whose last dependent is gone can be cleared.
    let _: i64 = conn.del("rq:job:job-3:dependents").expect("DEL");
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), 1);
}

#[test]
fn an_id_without_a_job_is_counted_apart_and_stays() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..30);
    // A job with a `ttl` whose time is over, one that was deleted, and what a late heartbeat leaves of one.
    let () = redis::cmd("PEXPIRE").arg("rq:job:job-3").arg(1).query(&mut conn).expect("PEXPIRE");
    std::thread::sleep(std::time::Duration::from_millis(5));
    let _: i64 = conn.del("rq:job:job-6").expect("DEL");
    let _: i64 = conn.hdel("rq:job:job-9", "data").expect("HDEL");
    let _: i64 = conn.del("rq:job:job-12").expect("DEL");
    let () = conn.set("rq:job:job-12", "x").expect("SET");
    for filter in ["WHERE undecodable = 1", "WHERE bytes < 3", "WHERE task MISSING"] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} AS rq"));
        assert_eq!((preview.int("match_count"), preview.int("undecodable")), (0, 0), "{filter}");
        assert!(preview.text("notice").contains("ids whose message is missing: 4"), "{preview:?}");
    }
    let end = clear(&mut conn, "WHERE task != x ALL");
    assert_eq!((end.int("deleted"), end.int("processed"), end.int("unreadable")), (26, 30, 0), "{end:?}");
    let (ids, _) = content(&mut conn);
    assert_eq!(ids, ["job-3", "job-6", "job-9", "job-12"]);
}

#[test]
fn missing_rights_and_other_keys_are_refused() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..9);
    let user = "ACL SETUSER ops on >secret +@all -@dangerous +qadmin.clearjob +qadmin.preview +qadmin.status \
                +qadmin.cancel +qadmin.jobs";
    let preview = format!("QADMIN.PREVIEW {QUEUE} TASK bad AS rq");
    let clear = format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL CONFIRM {QUEUE} AS rq");
    let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} TASK bad DRYRUN AS rq")).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &dry).rows("sample").len(), 3);
    let mut ops = server.conn();
    tell(&mut conn, user);
    tell(&mut ops, "AUTH ops secret");
    let refused = |conn: &mut Connection, line: &str| {
        let error = run(conn, line).expect_err("a right is missing").to_string();
        assert!(error.contains("no permissions to access one of the keys"), "{line}: {error}");
    };
    // A rule has to permit all keys of jobs, whatever their ids are. Two rules may do so together, which nobody can see.
    for rule in
        ["", "~rq:job:job-*", "~rq:job:[^a]*", "~rq:job:[a]* ~rq:job:[^a]*", "%W~rq:job:*", "~rq:job:?*"]
    {
        tell(&mut conn, format!("ACL SETUSER ops resetkeys ~{QUEUE} ~rq:results:* {rule}").trim_end());
        for line in [&preview, &clear, &format!("QADMIN.STATUS {dry}"), &format!("QADMIN.CANCEL {dry}")] {
            refused(&mut ops, line);
        }
        assert_eq!(run(&mut ops, "QADMIN.JOBS").expect("JOBS"), redis::Value::Array(Vec::new()), "{rule}");
    }
    // Jobs may be read, and not removed; then all but the results of earlier runs.
    tell(&mut conn, &format!("ACL SETUSER ops resetkeys ~{QUEUE} %R~rq:job:*"));
    assert_eq!(ask(&mut ops, &preview).int("match_count"), 3);
    assert_eq!(ask(&mut ops, &format!("QADMIN.STATUS {dry}")).int("matched"), 3);
    refused(&mut ops, &clear);
    tell(&mut conn, &format!("ACL SETUSER ops resetkeys ~{QUEUE} ~rq:job:*"));
    refused(&mut ops, &clear);
    assert_eq!(missing(&mut conn, 9), 0);
    // Selectors are not combined.
    tell(&mut conn, &format!("ACL SETUSER ops (~{QUEUE} ~rq:results:* +@all)"));
    refused(&mut ops, &clear);
    tell(&mut conn, &format!("ACL SETUSER ops clearselectors (~{QUEUE} ~rq:* +@all)"));
    let job = ask(&mut ops, &clear).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), 3);

    // These are not lists in which jobs of RQ wait.
    tell(&mut conn, "RPUSH rq:queue:uploads:intermediate job-1");
    for list in ["uploads", "rq:queue:uploads:intermediate"] {
        let error = run(&mut conn, &format!("QADMIN.PREVIEW {list} TASK x AS rq")).expect_err("refused");
        assert!(error.to_string().contains("AS rq reads lists <prefix>:queue:<name>"), "{error}");
    }
    let line = format!("QADMIN.INDEX CREATE {QUEUE} FIELDS 1 task AS rq");
    let error = run(&mut conn, &line).expect_err("refused").to_string();
    assert!(error.contains("the list holds ids"), "{error}");
}

#[test]
fn in_a_cluster_all_keys_must_be_in_one_slot() {
    let cluster = Cluster::start(2, slow);
    let mut conn = cluster.node(cluster.home(QUEUE.as_bytes(), 2)).conn();
    let error = run(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK bad AS rq")).expect_err("two slots");
    assert!(error.to_string().contains("as with RQ_KEY_PREFIX={rq}"), "{error}");
    let tagged = "{rq}:queue:uploads";
    let mut conn = cluster.node(cluster.home(tagged.as_bytes(), 2)).conn();
    for n in 0..9 {
        let (id, data, _) = job(n);
        let fields = [("data", data.as_str()), ("status", "queued"), ("origin", "uploads")];
        let _: () = conn.hset_multiple(format!("{{rq}}:job:{id}"), &fields).expect("HSET");
        let _: i64 = conn.rpush(tagged, id).expect("RPUSH");
    }
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB {tagged} TASK bad ALL CONFIRM {tagged} AS rq"));
    let end = ask(&mut conn, &format!("QADMIN.STATUS {} QUEUE {tagged} WAIT 0", job.text("job_id")));
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 3), "{end:?}");
    let left: Vec<String> = conn.keys("{rq}:*").expect("KEYS");
    assert_eq!(left.len(), 7, "the list and six jobs: {left:?}");
}
