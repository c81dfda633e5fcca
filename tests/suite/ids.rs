//! Lists of ids: the jobs are stored elsewhere, so a clear of the list alone would leave them there. The
//! tests use keys that the real libraries wrote (tests/data/recorded).

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, Connection};

use crate::support::{ask, run, wait_for_job};

/// Parses bytes in Python's form `b'...'`.
fn python_bytes(text: &str) -> Vec<u8> {
    let inner = text.strip_prefix('b').unwrap_or(text);
    let inner = &inner.as_bytes()[1..inner.len() - 1];
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        if inner[at] != b'\\' {
            bytes.push(inner[at]);
            at += 1;
            continue;
        }
        let escaped = inner[at + 1];
        at += 2;
        bytes.push(match escaped {
            b'x' => {
                at += 2;
                let digits = std::str::from_utf8(&inner[at - 2..at]).expect("two digits");
                u8::from_str_radix(digits, 16).expect("hexadecimal")
            }
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            other => other,
        });
    }
    bytes
}

/// The score that a line like `(1795868792.0) b'job-c'` says.
fn recorded_score(line: &str) -> f64 {
    let (_, rest) = line.split_once('(').expect("a score");
    rest.split(')').next().and_then(|score| score.parse().ok()).expect("a score")
}

/// Writes the keys of a file as they were at its first moment.
pub(crate) fn restore(conn: &mut Connection, file: &str) {
    let path = format!("{}/data/recorded/{file}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("recorded keys");
    let moment = text.lines().skip_while(|line| !line.starts_with("=====")).skip(1);
    let (mut kind, mut key) = (String::new(), String::new());
    for line in moment.take_while(|line| !line.starts_with("=====")) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if ["list", "hash", "string", "set", "zset", "stream"].contains(&first) {
            (kind, key) = (first.to_owned(), rest.split_whitespace().next().expect("a key").to_owned());
        } else if !line.starts_with("     ") {
            kind.clear();
        } else {
            let at = line.find("b'").or_else(|| line.find("b\""));
            let Some(value) = at.map(|at| python_bytes(&line[at..])) else { continue };
            let written: redis::RedisResult<()> = match kind.as_str() {
                "list" => conn.rpush(&key, value),
                "string" => conn.set(&key, value),
                "set" => conn.sadd(&key, value),
                "zset" => conn.zadd(&key, value, recorded_score(line)),
                "hash" => {
                    let field =
                        line.trim_start().trim_start_matches(". ").split(" = ").next().expect("a field");
                    conn.hset(&key, field, value)
                }
                _ => Ok(()),
            };
            written.expect("a recorded key is written");
        }
    }
}

/// The file, the list and the library.
const LISTS: [(&str, &str, &str); 8] = [
    ("rq", "rq:queue:uploads", "RQ"),
    ("bullmq6", "bull:uploads:wait", "BullMQ or Bull"),
    ("bullmq6", "bull:other:wait", "BullMQ or Bull"),
    ("bullmq5", "bull:uploads:wait", "BullMQ or Bull"),
    ("bull", "bull:uploads:wait", "BullMQ or Bull"),
    ("dramatiq", "dramatiq:uploads", "Dramatiq"),
    ("dramatiq", "dramatiq:uploads.DQ", "Dramatiq"),
    ("saq", "saq:uploads:queued", "SAQ"),
];

#[test]
fn job_ids_are_cleared_only_with_as_ids() {
    for (file, list, library) in LISTS {
        let server = Server::start();
        let mut conn = server.conn();
        restore(&mut conn, file);
        let ids: Vec<Vec<u8>> = conn.lrange(list, 0, -1).expect("LRANGE");
        assert!(!ids.is_empty(), "{list}");
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {list} TASK upload"));
        // The jobs of some of these libraries can be read, and are cleared then.
        let (word, says) = match library {
            "Dramatiq" => ("dramatiq", "add AS dramatiq"),
            "RQ" => ("rq", "add AS rq"),
            "BullMQ or Bull" => ("bullmq", "add AS bullmq"),
            "SAQ" => ("saq", "add AS saq"),
            _ => ("ids", "add AS ids"),
        };
        assert_eq!((preview.int("match_count"), preview.text("looks_like").as_str()), (0, word), "{list}");
        let notice = preview.text("notice");
        assert!(notice.contains(&format!("ids of jobs that {library} keeps elsewhere")), "{list}: {notice}");
        for kind in ["", " AS celery", " AS resque"] {
            for action in [format!("ALL CONFIRM {list}"), "DRYRUN".to_owned()] {
                let line = format!("QADMIN.CLEARJOB {list} WHERE undecodable = 1 {action}{kind}");
                let error = run(&mut conn, &line).expect_err("refused").to_string();
                assert!(error.contains(&format!("ids of jobs that {library} keeps elsewhere")), "{error}");
                assert!(error.contains(says), "{error}");
            }
        }
        assert_eq!(conn.lrange::<_, Vec<Vec<u8>>>(list, 0, -1).expect("LRANGE"), ids, "nothing was touched");
        let queues = ask(&mut conn, "QADMIN.QUEUES");
        let row =
            queues.rows("queues").into_iter().find(|row| row.text("queue") == list).expect("it is listed");
        assert_eq!((row.text("looks_like").as_str(), row.int("depth")), (word, ids.len() as i64), "{list}");

        // A user who insists can clear the list.
        let line = format!("QADMIN.CLEARJOB {list} WHERE undecodable = 1 ALL CONFIRM {list} AS ids");
        let job = ask(&mut conn, &line);
        assert_eq!(job.text("message_kind"), "ids");
        let end = wait_for_job(&mut conn, &job.text("job_id"));
        assert_eq!(end.int("deleted"), ids.len() as i64, "{list}: {end:?}");
    }
}

#[test]
fn which_id_runs_next_is_not_known() {
    let server = Server::start();
    let mut conn = server.conn();
    restore(&mut conn, "rq");
    for mode in ["KEEPONE", "ALL LIMIT 1"] {
        let line = format!(
            "QADMIN.CLEARJOB rq:queue:uploads WHERE undecodable = 1 {mode} CONFIRM rq:queue:uploads AS ids"
        );
        let error = run(&mut conn, &line).expect_err("refused").to_string();
        assert!(error.contains("and AS ids cannot be combined"), "{error}");
    }
}

#[test]
fn arbitrary_elements_are_not_recognised_as_ids() {
    let server = Server::start();
    let mut conn = server.conn();
    // These short texts are not ids, although keys with such names exist.
    let _: i64 = conn.rpush("celery", &["1", "2", "other", "a:b"]).expect("RPUSH");
    let _: i64 = conn.rpush("app:celery", &["1", "2", "text"]).expect("RPUSH");
    let _: () = conn.set("app:1", "a string").expect("SET");
    let _: i64 = conn.hset("app:2", "name", "a hash of an application").expect("HSET");
    let _: i64 = conn.rpush("other", "x").expect("RPUSH");
    for queue in ["celery", "app:celery"] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {queue} WHERE undecodable = 1"));
        assert!(preview.is_null("looks_like") && preview.is_null("notice"), "{preview:?}");
        let job =
            ask(&mut conn, &format!("QADMIN.CLEARJOB {queue} WHERE undecodable = 1 ALL CONFIRM {queue}"));
        let end = wait_for_job(&mut conn, &job.text("job_id"));
        assert_eq!(end.int("deleted"), preview.int("match_count"));
    }
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    assert!(queues.rows("queues").is_empty(), "{queues:?}");
    // This is a queue of messages some of which are broken, one of them the id of a job.
    for n in 0..20 {
        let _: i64 = conn
            .lpush("bull:q:wait", format!(r#"{{"headers":{{"task":"t","id":"{n}"}},"body":""}}"#))
            .expect("LPUSH");
    }
    let _: i64 = conn.lpush("bull:q:wait", &["junk", "7"]).expect("LPUSH");
    let _: () = conn.hset_multiple("bull:q:7", &[("name", "n"), ("data", "{}")]).expect("HSET");
    let job = ask(&mut conn, "QADMIN.CLEARJOB bull:q:wait WHERE undecodable = 1 ALL CONFIRM bull:q:wait");
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 2);
}

/// Only a caller who may read a key learns whether it exists; otherwise the name of the list decides.
#[test]
fn users_without_the_right_to_the_jobs_learn_nothing_of_them() {
    let server = Server::start();
    let mut conn = server.conn();
    restore(&mut conn, "rq");
    let _: i64 = conn.rpush("mine:list", &["secret", "none"]).expect("RPUSH");
    let _: () = conn.hset_multiple("mine:secret", &[("name", "n"), ("data", "{}")]).expect("HSET");
    assert_eq!(ask(&mut conn, "QADMIN.PREVIEW mine:list TASK t").text("looks_like"), "bullmq");
    let user = "ACL SETUSER bob on >pw +@all ~mine:list ~rq:queue:*";
    run(&mut conn, user).expect("ACL SETUSER");
    let mut bob = server.conn();
    run(&mut bob, "AUTH bob pw").expect("AUTH");
    assert!(ask(&mut bob, "QADMIN.PREVIEW mine:list TASK t BUST").is_null("looks_like"));
    assert_eq!(ask(&mut bob, "QADMIN.PREVIEW rq:queue:uploads TASK t").text("looks_like"), "rq");
    let line = "QADMIN.CLEARJOB rq:queue:uploads WHERE undecodable = 1 ALL CONFIRM rq:queue:uploads";
    assert!(run(&mut bob, line).expect_err("refused").to_string().contains("add AS rq"));
}

#[test]
fn the_error_for_another_type_names_the_type() {
    let server = Server::start();
    let mut conn = server.conn();
    let _: i64 = conn.zadd("retry", "{}", 1).expect("ZADD");
    let _: i64 = conn.zadd("unacked_index", "tag", 1).expect("ZADD");
    let _: i64 = conn.sadd("set", "a").expect("SADD");
    let _: String = redis::cmd("XADD").arg(&["stream", "*", "a", "b"]).query(&mut conn).expect("XADD");
    for (key, says) in [
        ("retry", "it is a sorted set; of sorted sets qadmin reads those"),
        ("unacked_index", "it is a sorted set; if it is kombu's index"),
        ("set", "it is a set"),
        ("stream", "it is a stream"),
    ] {
        for line in [
            format!("QADMIN.PREVIEW {key} TASK t"),
            format!("QADMIN.STATS {key} GROUPBY 1 task"),
            format!("QADMIN.CLEARJOB {key} TASK t ALL CONFIRM {key}"),
        ] {
            let error = run(&mut conn, &line).expect_err("no list").to_string();
            assert!(error.contains("WRONGTYPE") && error.contains(says), "{line}: {error}");
        }
    }
}
