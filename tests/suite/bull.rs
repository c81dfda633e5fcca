//! Queues of BullMQ and Bull: a list of ids, and a hash for each job.

mod clear;
mod library;

use std::process::Stdio;

use qadmin_harness::{Cluster, Fields as _, Server, eventually, maps, spawn};
use redis::{Commands as _, Connection, pipe};

use crate::durability::{digest, slow, tell};
use crate::ids::restore;
use crate::support::celery::script;
use crate::support::{ask, run};

/// The queue of these tests.
const QUEUE: &str = "bull:uploads:wait";

/// Adds a waiting job as BullMQ does.
fn add(conn: &mut Connection, id: &str, fields: &[(&str, &str)]) {
    let key = format!("bull:uploads:{id}");
    let () = pipe().hset_multiple(&key, fields).ignore().lpush(QUEUE, id).ignore().query(conn).expect("HSET");
}

#[test]
fn recorded_jobs_are_counted_grouped_and_shown() {
    for (file, kind, filter) in [
        ("bullmq6", "bullmq", "TASK upload"),
        ("bullmq5", "bullmq", "TASK upload"),
        ("bull", "bull", "WHERE kwargs.repoid EXISTS"),
    ] {
        let server = Server::start();
        let mut conn = server.conn();
        restore(&mut conn, file);
        let before = digest(&mut conn);
        let ids: Vec<String> = conn.lrange(QUEUE, 0, -1).expect("LRANGE");
        let depth = ids.len() as i64;
        let mut is_match = |id: &String| {
            let (name, data): (String, String) =
                conn.hmget(format!("bull:uploads:{id}"), &["name", "data"]).expect("HGET");
            if kind == "bull" { data.starts_with("{\"repoid\":") } else { name == "upload" }
        };
        let matches = ids.iter().filter(|id| is_match(id)).count() as i64;
        assert!(matches > 1, "{file}");
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK upload"));
        assert_eq!(
            (preview.int("match_count"), preview.text("looks_like").as_str()),
            (0, "bullmq"),
            "{file}"
        );
        assert!(preview.text("notice").contains("add AS bullmq to read them"), "{preview:?}");

        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} AS {kind}"));
        assert_eq!(
            (preview.int("match_count"), preview.int("depth")),
            (matches, depth),
            "{file}: {preview:?}"
        );
        assert_eq!((preview.int("undecodable"), preview.text("container").as_str()), (0, "list_of_ids"));
        let row = &preview.rows("sample")[0];
        // The tail runs next.
        assert!(row.int("index") < 0 && row.text("kwargs").starts_with("{\"repoid\":"), "{file}: {row:?}");
        assert!(row.int("enqueued") > 1_790_000_000_000, "{file}: {row:?}");

        let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} GROUPBY 1 task AS {kind}"));
        assert_eq!(stats.int("matched"), depth, "{file}: {stats:?}");
        assert_eq!(digest(&mut conn), before, "{file}: nothing was changed");
    }
}

#[test]
fn no_clear_removes_jobs_that_run_or_that_wait_for_others() {
    let server = Server::start();
    let mut conn = server.conn();
    add(&mut conn, "1", &[("name", "upload"), ("data", "{}")]);
    tell(&mut conn, &format!("RENAME {QUEUE} bull:uploads:active"));
    tell(&mut conn, "ZADD bull:uploads:waiting-children 1 1");
    let before = digest(&mut conn);
    for key in ["bull:uploads:active", "bull:uploads:waiting-children"] {
        for kind in ["bullmq", "bull"] {
            for mode in [format!("ALL CONFIRM {key}"), "DRYRUN".into(), format!("KEEPONE CONFIRM {key}")] {
                let line = format!("QADMIN.CLEARJOB {key} TASK upload {mode} AS {kind}");
                let error = run(&mut conn, &line).expect_err("refused").to_string();
                assert!(error.contains(&format!("AS {kind} reads jobs in :active")), "{error}");
            }
        }
        // They can be counted and shown.
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {key} TASK upload AS bullmq"));
        assert_eq!(preview.int("match_count"), 1, "{preview:?}");
    }
    assert_eq!(digest(&mut conn), before);
    let jobs = run(&mut conn, "QADMIN.JOBS").expect("a list");
    assert!(maps(&jobs).iter().all(|job| job.text("kind") == "preview"), "no clear was started: {jobs:?}");
}

#[test]
fn an_id_without_a_job_is_counted_apart() {
    let server = Server::start();
    let mut conn = server.conn();
    add(&mut conn, "1", &[("name", "upload"), ("data", "{\"repoid\":5}")]);
    // A marker of an older version, an expired job, the list itself, a hash that is no job, and a job that was damaged.
    let () = conn.lpush(QUEUE, &["0:0", "gone", "wait", "other", "broken"]).expect("LPUSH");
    let () = conn.hset("bull:uploads:other", "x", "y").expect("HSET");
    let damaged = [("name", "upload"), ("data", "{\"repoid\":5},\"name\":\"x\"")];
    let () = conn.hset_multiple("bull:uploads:broken", &damaged).expect("HSET");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK upload AS bullmq"));
    // What is known of the damaged job does not depend on its data.
    assert_eq!((preview.int("match_count"), preview.int("undecodable")), (2, 0), "{preview:?}");
    assert!(preview.text("notice").contains("ids whose message is missing: 4"), "{preview:?}");
    for (filter, wanted, unreadable) in [
        ("WHERE undecodable = 1", 0, 0),
        ("WHERE bytes >= 0", 2, 0),
        ("WHERE kwargs.repoid != 6", 1, 1),
        ("WHERE kwargs.repoid MISSING", 0, 1),
        ("TASK other WHERE kwargs.repoid MISSING", 0, 0),
        ("WHERE headers.data EXISTS", 1, 1),
    ] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} AS bullmq"));
        let counts = (preview.int("match_count"), preview.int("unreadable"));
        assert_eq!(counts, (wanted, unreadable), "{filter}: {preview:?}");
    }
}

#[test]
fn other_keys_are_refused_in_words_that_say_which_are_read() {
    let server = Server::start();
    let mut conn = server.conn();
    for key in ["bull:uploads:delayed", "wait", "celery", "bull:uploads:wait2"] {
        let () = conn.rpush(key, "1").expect("RPUSH");
        let error = run(&mut conn, &format!("QADMIN.PREVIEW {key} TASK a AS bullmq")).expect_err("refused");
        assert!(
            error
                .to_string()
                .contains("reads lists <prefix>:<name>:wait, :paused and :active, and sorted sets"),
            "{error}"
        );
    }
    // A paused queue, and one with another prefix.
    for key in ["bull:uploads:paused", "{app}:mail:wait", ":wait"] {
        let () = conn.rpush(key, "1").expect("RPUSH");
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {key} TASK a AS bullmq"));
        assert_eq!((preview.int("depth"), preview.int("match_count")), (1, 0), "{key}");
    }
}

#[test]
fn the_caller_needs_permission_to_read_all_jobs() {
    let server = Server::start();
    let mut conn = server.conn();
    add(&mut conn, "1", &[("name", "upload"), ("data", "{}")]);
    for (rule, may) in [
        ("~bull:uploads:*", true),
        ("%R~bull:*", true),
        ("~bull:uploads:wait", false),
        ("~bull:uploads:wait ~bull:uploads:[^a]*", false),
        ("%W~bull:* ~bull:uploads:wait", false),
    ] {
        let _ =
            run(&mut conn, &format!("ACL SETUSER viewer reset on nopass +@all {rule}")).expect("ACL SETUSER");
        let mut viewer = server.conn();
        let () = redis::cmd("AUTH").arg("viewer").arg("x").query(&mut viewer).expect("AUTH");
        let answer = run(&mut viewer, &format!("QADMIN.PREVIEW {QUEUE} TASK upload AS bullmq"));
        match (may, answer) {
            (true, answer) => assert!(answer.is_ok(), "{rule}: {answer:?}"),
            (false, answer) => {
                let error = answer.expect_err(rule).to_string();
                assert!(error.to_lowercase().contains("perm"), "{rule}: {error}");
            }
        }
    }
}

#[test]
fn keys_of_jobs_must_be_in_the_slot_of_the_list() {
    let cluster = Cluster::start(2, slow);
    let mut conn = cluster.node(cluster.home(QUEUE.as_bytes(), 2)).conn();
    let error = run(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK a AS bullmq")).expect_err("two slots");
    assert!(error.to_string().contains("the prefix {bull}"), "{error}");
    let tagged = "{bull}:uploads:wait";
    let mut conn = cluster.node(cluster.home(tagged.as_bytes(), 2)).conn();
    let () = conn.hset("{bull}:uploads:1", "name", "upload").expect("HSET");
    let () = conn.lpush(tagged, "1").expect("LPUSH");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {tagged} TASK upload AS bullmq"));
    assert_eq!(preview.int("match_count"), 1, "{preview:?}");
}

#[test]
fn the_real_library_goes_on_while_its_queue_is_counted() {
    let server = Server::builder().module_args("slice-us 100 duty 50").start();
    let mut conn = server.conn();
    let app = |words: &str| {
        let out =
            script(&server).arg("bullmq_app.py").args(words.split(' ')).output().expect("Python starts");
        assert!(out.status.success(), "{words}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("a text")
    };
    app("send 0 300");
    let filter = "TASK bad WHERE kwargs.number < 150 WHERE kwargs.commitid GLOB c*";
    let count = |conn: &mut Connection| {
        ask(conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} BUST AS bullmq")).int("match_count")
    };
    assert_eq!(count(&mut conn), 50);
    let mut worker = script(&server);
    worker.args(["bullmq_app.py", "work", "300"]).stdout(Stdio::null());
    let worker = spawn(worker).expect("Python starts");
    eventually("the queue is empty", || {
        let matches = count(&mut conn);
        assert!((0..=50).contains(&matches), "{matches}");
        conn.llen::<_, usize>(QUEUE).expect("LLEN") == 0
    });
    let out = worker.wait_with_output().expect("a child of ours can be waited for");
    assert!(out.status.success());
    let mut ran: Vec<usize> = conn.lrange("ran", 0, -1).expect("LRANGE");
    ran.sort_unstable();
    assert_eq!(ran, (0..300).collect::<Vec<_>>(), "each job ran once");
    assert_eq!(app("counts").trim(), "0 300 0");
    // The jobs are still there, in a sorted set.
    let completed = ask(&mut conn, &format!("QADMIN.PREVIEW bull:uploads:completed {filter} AS bullmq"));
    assert_eq!((completed.int("match_count"), completed.int("depth")), (50, 300), "{completed:?}");
    let row = &completed.rows("sample")[0];
    assert!(row.int("run_at") >= row.int("enqueued"), "the time at which it ended: {row:?}");
}
