//! Sorted sets of ids: failed, scheduled and deferred jobs of RQ and BullMQ, and dead letters of Dramatiq. A clear
//! removes an id and the keys of its message together, by the server's own commands.

mod durability;
mod library;
mod live;
mod refusals;

use std::collections::{BTreeMap, HashSet};

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, Connection, pipe};

use crate::durability::{in_memory, tell, until_deleted};
use crate::ids::restore;
use crate::support::{Reply, ask, run, wait_for_job};

/// A library and one of its sorted sets of ids.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Family {
    /// RQ's failed jobs.
    Rq,
    /// Dramatiq's dead letters.
    Dramatiq,
    /// BullMQ's failed jobs.
    BullMq,
    /// Asynq's tasks that wait for their next try.
    Asynq,
}

const FAMILIES: [Family; 4] = [Family::Rq, Family::Dramatiq, Family::BullMq, Family::Asynq];
/// The score of the first entry.
const FIRST: i64 = 1_795_868_819_000;

impl Family {
    fn kind(self) -> &'static str {
        match self {
            Self::Rq => "rq",
            Self::Dramatiq => "dramatiq",
            Self::BullMq => "bullmq",
            Self::Asynq => "asynq",
        }
    }

    /// The sorted set.
    fn set(self) -> &'static str {
        match self {
            Self::Rq => "rq:failed:uploads",
            Self::Dramatiq => "dramatiq:uploads.XQ",
            Self::BullMq => "bull:uploads:failed",
            Self::Asynq => "asynq:{uploads}:retry",
        }
    }

    /// The ids in the sorted set with their scores.
    fn ids(self, conn: &mut Connection) -> BTreeMap<String, i64> {
        let rows: Vec<(String, i64)> = conn.zrange_withscores(self.set(), 0, -1).expect("ZRANGE");
        rows.into_iter().collect()
    }

    /// The ids that have a message, or all keys of jobs.
    fn messages(self, conn: &mut Connection) -> HashSet<String> {
        let mut keys = |pattern: &str| {
            let keys: Vec<String> = conn.keys(pattern).expect("KEYS");
            keys.into_iter().filter(|key| key != self.set() && key != EVENTS).collect()
        };
        match self {
            Self::Rq => keys("rq:*"),
            Self::BullMq => keys("bull:*"),
            Self::Asynq => keys("asynq:*"),
            Self::Dramatiq => conn.hkeys("dramatiq:uploads.XQ.msgs").expect("HKEYS"),
        }
    }

    /// The names in [`Self::messages`] of one id.
    fn names(self, id: &str) -> Vec<String> {
        match self {
            Self::Rq => {
                vec![format!("rq:job:{id}"), format!("rq:job::{id}:dependencies"), format!("rq:results:{id}")]
            }
            Self::Dramatiq => vec![id.to_owned()],
            Self::Asynq => {
                vec![format!("asynq:{{uploads}}:t:{id}"), format!("asynq:{{uploads}}:unique:{id}")]
            }
            Self::BullMq => {
                let ends = ["", ":logs", ":dependencies", ":processed", ":failed", ":unsuccessful"];
                ends.map(|end| format!("bull:uploads:{id}{end}")).to_vec()
            }
        }
    }

    /// Adds these entries as the library does: each with all its keys at once.
    fn add(self, conn: &mut Connection, numbers: std::ops::Range<usize>) {
        let mut batch = pipe();
        batch.atomic();
        for n in numbers {
            let id = id(n);
            let task = if is_bad(n) { "bad" } else { "good" };
            match self {
                Self::Rq => {
                    let data = format!(r#"["{task}",null,[{n}],{{"group":{}}}]"#, n % 7);
                    let fields = [("data", data.as_str()), ("status", "failed"), ("origin", "uploads")];
                    batch.hset_multiple(format!("rq:job:{id}"), &fields).ignore();
                    batch.sadd(format!("rq:job::{id}:dependencies"), "before").ignore();
                    batch.cmd("XADD").arg(format!("rq:results:{id}")).arg(&["1-1", "type", "2"]).ignore();
                }
                Self::Asynq => {
                    let [key, lock] = self.names(&id).try_into().expect("two keys");
                    let payload = format!(r#"{{"n":{n},"group":{}}}"#, n % 7);
                    batch.hset(&key, "msg", crate::asynq::message(&id, task, &payload)).ignore();
                    batch.hset_multiple(key, &[("state", "retry"), ("unique_key", &lock)]).ignore();
                    batch.set(lock, &id).ignore();
                }
                Self::BullMq => {
                    let [job, logs, dependencies, processed, failed, unsuccessful] =
                        self.names(&id).try_into().expect("six keys");
                    let data = format!(r#"{{"n":{n},"group":{}}}"#, n % 7);
                    let fields = [
                        ("name", task),
                        ("data", &data),
                        ("timestamp", "1795868838619"),
                        ("failedReason", "no luck"),
                    ];
                    batch.hset_multiple(job, &fields).ignore().rpush(logs, "a line").ignore();
                    batch
                        .sadd(dependencies, "bull:other:1")
                        .ignore()
                        .zadd(unsuccessful, "bull:other:2", 1)
                        .ignore();
                    batch
                        .hset(processed, "bull:other:3", "{}")
                        .ignore()
                        .hset(failed, "bull:other:4", "no")
                        .ignore();
                    batch.cmd("XADD").arg(EVENTS).arg(&["*", "event", "failed", "jobId", &id]).ignore();
                }
                Self::Dramatiq => {
                    let text = format!(
                        r#"{{"queue_name":"uploads","actor_name":"{task}","args":[{n}],"kwargs":{{"group":{}}},"options":{{"redis_message_id":"{id}"}},"message_id":"m-{n}","message_timestamp":{FIRST}}}"#,
                        n % 7
                    );
                    batch.hset("dramatiq:uploads.XQ.msgs", &id, text).ignore();
                }
            }
            batch.zadd(self.set(), &id, score(n)).ignore();
        }
        let () = batch.query(conn).expect("the entries are added");
    }

    /// Checks that each id has its messages and each message its id, and that only matches are missing. Returns the number
    /// of missing entries.
    fn missing(self, conn: &mut Connection, added: usize) -> usize {
        let (ids, mut messages) = (self.ids(conn), self.messages(conn));
        let mut left = 0;
        for n in 0..added {
            let id = id(n);
            let is_left = ids.get(&id);
            assert!(is_left.is_some() || is_bad(n), "lost: {id}");
            assert!(is_left.is_none_or(|is| *is == score(n)), "another score: {id}");
            left += usize::from(is_left.is_some());
            for name in self.names(&id) {
                assert_eq!(messages.remove(&name), is_left.is_some(), "{name}, and whether its id is left");
            }
        }
        assert_eq!((left, messages.len()), (ids.len(), 0), "there is what nobody added: {messages:?}");
        added - left
    }

    fn line(self, words: &str) -> String {
        let set = self.set();
        format!("QADMIN.CLEARJOB {set} {words} CONFIRM {set} AS {}", self.kind())
    }

    fn clear(self, conn: &mut Connection, words: &str) -> Reply {
        let job = ask(conn, &self.line(words));
        assert_eq!(
            (job.text("container").as_str(), job.text("message_kind").as_str()),
            ("sorted_set_of_ids", self.kind())
        );
        wait_for_job(conn, &job.text("job_id"))
    }
}

/// The stream in which BullMQ tells what happens to jobs.
const EVENTS: &str = "bull:uploads:events";

/// Names are not in the order of the scores.
fn id(n: usize) -> String {
    format!("{:08x}-job-{n}", u32::try_from(n).expect("few").wrapping_mul(2_654_435_761))
}

/// Several entries have the same score.
fn score(n: usize) -> i64 {
    FIRST + int(n / 4)
}

fn is_bad(n: usize) -> bool {
    n.is_multiple_of(3)
}

/// The number of matches of `TASK bad` among the first entries.
fn bad(added: usize) -> usize {
    added.div_ceil(3)
}

fn int(n: usize) -> i64 {
    i64::try_from(n).expect("a count")
}

#[test]
fn options_remove_exactly_what_they_say() {
    for family in FAMILIES {
        let server = Server::start();
        let mut conn = server.conn();
        let all = 600;
        let table = [
            ("TASK bad ALL DRYRUN", 0),
            ("TASK bad ALL", bad(all)),
            ("TASK bad WHERE bytes > 0 ALL RATE 100000", bad(all)),
            ("TASK bad ALL LIMIT 5", 5),
            ("TASK bad ALL EXPECT 1", 0),
            ("TASK bad ALL EXPECT 1000", bad(all)),
            ("TASK bad KEEPONE", bad(all) - 1),
            ("TASK bad KEEPONE BY 1 kwargs.group", bad(all) - 7),
        ];
        for (words, removed) in table {
            tell(&mut conn, "FLUSHALL");
            family.add(&mut conn, 0..all);
            let count = ask(
                &mut conn,
                &format!("QADMIN.PREVIEW {} TASK bad SAMPLE 3 AS {}", family.set(), family.kind()),
            );
            assert_eq!(
                (count.int("match_count"), count.int("depth")),
                (int(bad(all)), int(all)),
                "{count:?}"
            );
            assert!(count.is_null("looks_like") && count.rows("sample").len() == 3, "{count:?}");
            let end = family.clear(&mut conn, words);
            assert_eq!(family.missing(&mut conn, all), removed, "{family:?} {words}: {end:?}");
            assert_eq!(end.int("deleted"), int(removed), "{words}: {end:?}");
            if words.contains("KEEPONE") && !words.contains("BY") {
                // The lowest score is kept, and of equal ones the id that comes first.
                let first = (0..4).filter(|n| is_bad(*n)).map(id).min().expect("some");
                assert!(family.ids(&mut conn).contains_key(&first), "{end:?}");
            }
        }
    }
}

#[test]
fn a_set_that_does_not_exist_is_an_empty_queue() {
    let server = Server::start();
    let mut conn = server.conn();
    for family in FAMILIES {
        let (set, kind) = (family.set(), family.kind());
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {set} TASK bad AS {kind}"));
        assert_eq!((preview.int("match_count"), preview.int("depth")), (0, 0), "{preview:?}");
        let stats = ask(&mut conn, &format!("QADMIN.STATS {set} GROUPBY 1 task AS {kind}"));
        assert_eq!(stats.int("matched"), 0, "{stats:?}");
        for mode in ["KEEPONE", "ALL LIMIT 3"] {
            let end = family.clear(&mut conn, &format!("TASK bad {mode}"));
            assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 0), "{end:?}");
        }
        // The same command again, after its reply was lost and the clear has emptied the set.
        family.add(&mut conn, 0..1);
        let line = format!("{} ID {}", family.line("TASK bad ALL"), uuid_of(family));
        let first = ask(&mut conn, &line).text("job_id");
        assert_eq!(wait_for_job(&mut conn, &first).int("deleted"), 1);
        let again = ask(&mut conn, &line);
        assert_eq!((again.text("job_id"), again.int("deduplicated")), (first, 1), "{again:?}");
    }
}

fn uuid_of(family: Family) -> &'static str {
    match family {
        Family::Rq => "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b01",
        Family::Dramatiq => "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02",
        Family::BullMq => "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b03",
        Family::Asynq => "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b04",
    }
}

#[test]
fn the_match_that_is_kept_is_one_whose_message_is_still_there() {
    for (family, change) in [
        (Family::Rq, "DEL rq:job:{}"),
        (Family::Rq, "HSET rq:job:{} status queued"),
        (Family::Dramatiq, "HDEL dramatiq:uploads.XQ.msgs {}"),
        (Family::BullMq, "HSET bull:uploads:{} name good"),
        (Family::Asynq, "HSET asynq:{uploads}:t:{} state pending"),
    ] {
        let server = in_memory().start();
        let mut conn = server.conn();
        family.add(&mut conn, 0..600);
        let job = ask(&mut conn, &family.line("TASK bad KEEPONE RATE 50")).text("job_id");
        until_deleted(&mut conn, &job, 3);
        let first = (0..4).filter(|n| is_bad(*n)).map(id).min().expect("some");
        tell(&mut conn, &change.replace("{}", &first));
        tell(&mut conn, &format!("QADMIN.THROTTLE {job} RATE 0"));
        let end = wait_for_job(&mut conn, &job);
        let left = family.ids(&mut conn);
        let kept: Vec<usize> = (0..600).filter(|n| is_bad(*n) && left.contains_key(&id(*n))).collect();
        assert!(kept.len() == 2 && left.contains_key(&first), "{change}: {kept:?} {end:?}");
    }
}

#[test]
fn ids_without_a_message_are_counted_apart_and_stay() {
    for family in FAMILIES {
        let server = Server::start();
        let mut conn = server.conn();
        family.add(&mut conn, 0..30);
        let gone: Vec<String> = [3, 6].map(id).to_vec();
        for id in &gone {
            let _: i64 = match family {
                Family::Rq | Family::BullMq | Family::Asynq => conn.del(family.names(id)).expect("DEL"),
                Family::Dramatiq => conn.hdel("dramatiq:uploads.XQ.msgs", id).expect("HDEL"),
            };
        }
        let preview = format!("QADMIN.PREVIEW {} WHERE task != x AS {}", family.set(), family.kind());
        let preview = ask(&mut conn, &preview);
        assert_eq!((preview.int("match_count"), preview.int("undecodable")), (28, 0), "{preview:?}");
        assert!(preview.text("notice").contains("ids whose message is missing: 2"), "{preview:?}");
        assert_eq!(preview.rows("sample").len(), 20, "{preview:?}");
        let end = family.clear(&mut conn, "WHERE task != x ALL");
        assert_eq!((end.int("deleted"), end.int("processed")), (28, 30), "{end:?}");
        assert!(family.ids(&mut conn).into_keys().eq(sorted(gone)), "{family:?}");
        assert_eq!(family.messages(&mut conn).len(), 0, "{family:?}");
    }
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[test]
fn jobs_of_rq_that_others_need_or_that_were_taken_from_the_registry_are_kept() {
    let server = Server::start();
    let mut conn = server.conn();
    Family::Rq.add(&mut conn, 0..30);
    let key = |n: usize| format!("rq:job:{}", id(n));
    let _: i64 = conn.sadd(format!("{}:dependents", key(3)), "later").expect("SADD");
    // Somebody runs it again: its id is in the list, and soon not here any more.
    let _: i64 = conn.hset(key(6), "status", "queued").expect("HSET");
    let _: i64 = conn.hset(key(9), "origin", "other").expect("HSET");
    let preview = ask(&mut conn, "QADMIN.PREVIEW rq:failed:uploads TASK bad AS rq");
    assert_eq!((preview.int("match_count"), preview.rows("sample").len()), (7, 7), "{preview:?}");
    assert!(preview.text("notice").contains("are no matches: 3 (other jobs depend on them"), "{preview:?}");
    let end = Family::Rq.clear(&mut conn, "TASK bad ALL");
    assert_eq!((end.int("deleted"), end.int("processed")), (7, 30), "{end:?}");
    let left = Family::Rq.ids(&mut conn);
    assert_eq!(left.len(), 23);
    assert!([3, 6, 9].into_iter().all(|n| left.contains_key(&id(n))), "{left:?}");
}

#[test]
fn recorded_sets_are_counted_shown_grouped_and_listed() {
    for (file, kind, set, run_at) in [
        ("rq", "rq", "rq:scheduled:uploads", Some(1_795_872_392_000)),
        ("rq", "rq", "rq:deferred:uploads", None),
        ("bullmq6", "bullmq", "bull:uploads:delayed", Some(1_795_872_438_645)),
        ("bullmq6", "bullmq", "bull:uploads:prioritized", None),
        ("bullmq5", "bullmq", "bull:uploads:prioritized", None),
        ("bull", "bull", "bull:uploads:delayed", None),
    ] {
        let server = Server::start();
        let mut conn = server.conn();
        restore(&mut conn, file);
        let ids: Vec<String> = conn.zrange(set, 0, -1).expect("ZRANGE");
        let depth = int(ids.len());
        // Jobs of schedulers are kept.
        let matches = depth - int(ids.iter().filter(|id| id.starts_with("repeat:")).count());
        assert!(matches > 0, "{file}: {set}");
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {set} WHERE bytes > 0 AS {kind}"));
        let counted = (preview.int("match_count"), preview.int("undecodable"), preview.int("depth"));
        assert_eq!(counted, (matches, 0, depth), "{file} {set}: {preview:?}");
        assert_eq!(preview.text("container"), "sorted_set_of_ids");
        let row = &preview.rows("sample")[0];
        assert!(row.is_null("index") && !row.text("task").is_empty(), "{set}: {row:?}");
        if let Some(run_at) = run_at {
            assert_eq!(row.int("run_at"), run_at, "{set}: {row:?}");
        }
        let is_timeless = set.contains("deferred") || set.contains("prioritized");
        assert_eq!(row.is_null("run_at"), is_timeless, "{set}: {row:?}");
        let stats = ask(&mut conn, &format!("QADMIN.STATS {set} GROUPBY 1 task AS {kind}"));
        assert_eq!(stats.int("matched"), depth, "{set}: {stats:?}");
        let queues = ask(&mut conn, "QADMIN.QUEUES");
        let rows = queues.rows("queues");
        let row = rows.iter().find(|row| row.text("queue") == set).expect("it is listed");
        assert_eq!((row.text("container").as_str(), row.int("depth")), ("sorted_set_of_ids", depth));
        let named = if kind == "bull" { "bullmq" } else { kind };
        assert_eq!(row.text("looks_like"), named, "{row:?}");
        // What workers and schedulers keep for themselves is not a queue.
        let others = [":marker", ":repeat", ":allowed", ":rate_limited", ":wip:", ":priority"];
        let names: Vec<String> = rows.iter().map(|row| row.text("queue")).collect();
        assert!(!names.iter().any(|name| others.iter().any(|other| name.contains(other))), "{names:?}");
        // Without AS, the reply says how to read them.
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {set} WHERE bytes > 0"));
        assert_eq!(preview.text("looks_like"), named, "{set}: {preview:?}");
        assert!(preview.text("notice").contains(&format!("add AS {named}")), "{preview:?}");
    }
}

#[test]
fn a_sample_beyond_the_window_is_found_again() {
    let server = Server::builder().module_args("sample-window 10").start();
    let mut conn = server.conn();
    for family in FAMILIES {
        family.add(&mut conn, 0..300);
        let field = if [Family::BullMq, Family::Asynq].contains(&family) { "kwargs.n" } else { "args.0" };
        let line = format!("QADMIN.PREVIEW {} WHERE {field} >= 290 AS {}", family.set(), family.kind());
        let preview = ask(&mut conn, &line);
        assert_eq!((preview.int("match_count"), preview.rows("sample").len()), (10, 10), "{preview:?}");
        let none = ask(&mut conn, &line.replace(">= 290", "> 1000"));
        assert_eq!(none.int("match_count"), 0, "{none:?}");
    }
    let error = run(&mut conn, "QADMIN.PREVIEW rq:failed:uploads WHERE age > 5 AS rq").expect_err("no index");
    assert!(error.to_string().contains("age"), "{error}");
}
