//! Permissions, options that can be combined, and the allowed types of keys.

use qadmin_harness::{Cluster, Fields as _, Server, map};
use redis::{Commands as _, Connection, Value};

use super::{HASH, INDEX, append, both, many, of};
use crate::durability::{in_memory, slow, tell, until_caught_up, until_deleted};
use crate::stage::{info, target};
use crate::support::{ask, run, wait_for_job};

fn refused(conn: &mut Connection, line: &str) -> String {
    let error = run(conn, line).expect_err(line);
    format!("{} {}", error.code().unwrap_or_default(), error.detail().unwrap_or_default())
}

#[test]
fn list_only_options_are_refused_for_unacked() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = many(0, 50, 50.0);
    append(&mut conn, &all);
    tell(&mut conn, "LPUSH list x");
    tell(&mut conn, "SET text x");
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let clear = |terms: &str| format!("QADMIN.CLEARJOB {HASH} TASK t {terms} CONFIRM {HASH}");
    let only = |keyword: &str| format!("ERR {keyword} is not supported for unacknowledged messages");
    let table = [
        (clear("ALL TO parked"), only("TO")),
        (clear("KEEPONE BY id"), only("BY")),
        (clear("KEEPONE KEEP NEWEST"), only("KEEP NEWEST")),
        (clear("ALL EXPECT 5"), only("EXPECT")),
        (clear("ALL AS sidekiq"), only("AS sidekiq")),
        (clear("ALL PRIORITY ALL"), only("PRIORITY")),
        (format!("QADMIN.PREVIEW {HASH} TASK t PRIORITY 3"), only("PRIORITY")),
        (format!("QADMIN.PREVIEW {HASH} TASK t AS resque"), only("AS resque")),
        (format!("QADMIN.STATS {HASH} GROUPBY 1 task AS sidekiq"), only("AS sidekiq")),
        (
            format!("QADMIN.PREVIEW list TASK t INDEX {INDEX}"),
            "ERR INDEX is for kombu's hash of unacknowledged messages, and this key is a list; omit INDEX"
                .into(),
        ),
        (format!("QADMIN.PREVIEW text TASK t INDEX {INDEX}"), wrong.into()),
        (format!("QADMIN.PREVIEW {HASH} TASK t INDEX text"), wrong.into()),
        (format!("QADMIN.PREVIEW {HASH} TASK t INDEX {HASH}"), wrong.into()),
        (format!("QADMIN.STATS {HASH} GROUPBY 1 task INDEX list"), wrong.into()),
        (clear("ALL INDEX text"), wrong.into()),
        ("QADMIN.PREVIEW nosuch TASK t INDEX text".into(), wrong.into()),
        (format!("QADMIN.CLEARJOB list TASK t ALL TO {HASH} CONFIRM list"), wrong.into()),
    ];
    for (line, expected) in table {
        assert_eq!(refused(&mut conn, &line), expected, "{line}");
    }
    assert_eq!(info(&server, "jobs_started"), 0);
    assert_eq!(both(&mut conn), of(&all));
    // AS celery is correct for this hash; a missing hash is not an error.
    assert_eq!(ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} TASK t AS celery")).int("match_count"), 0);
    let nothing = ask(&mut conn, &format!("QADMIN.PREVIEW nosuch TASK t INDEX {INDEX}"));
    assert_eq!((nothing.int("depth"), nothing.int("match_count")), (0, 0));
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB nosuch TASK t ALL CONFIRM nosuch INDEX {INDEX}"));
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).text("status"), "completed");
    // Whatever the message kind of lists is, a hash is read as kombu's.
    crate::stage::set(&mut conn, "default-kind sidekiq");
    assert!(ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} {} BUST", target())).int("match_count") > 0);
}

#[test]
fn index_permission_is_checked_before_access() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let all = many(0, 6_000, 50.0);
    append(&mut conn, &all);
    let mut user = server.conn();
    let preview = format!("QADMIN.PREVIEW {HASH} {}", target());
    let stats = format!("QADMIN.STATS {HASH} GROUPBY 1 task");
    let clear = format!("QADMIN.CLEARJOB {HASH} {} ALL CONFIRM {HASH}", target());
    for (keys, reads, clears) in [
        ("~unacked", false, false),
        ("~unacked %W~unacked_index", false, false),
        ("~unacked %R~unacked_index", true, false),
        ("%R~unacked %RW~unacked_index", true, false),
        ("~unacked %RW~unacked_index", true, true),
    ] {
        tell(&mut conn, &format!("ACL SETUSER looker reset on >secret +@all resetkeys {keys}"));
        run(&mut user, "AUTH looker secret").expect("AUTH");
        let lines = [(&preview, reads), (&stats, reads), (&format!("{clear} DRYRUN"), clears)];
        for (line, granted) in lines {
            match run(&mut user, line) {
                Ok(_) => assert!(granted, "{keys}: {line}"),
                Err(error) => {
                    assert!(!granted && error.code() == Some("NOPERM"), "{keys}: {line}: {error}");
                    let log = format!("{:?}", run(&mut conn, "ACL LOG 1").expect("ACL LOG"));
                    assert!(log.contains("unacked"), "{keys}: {log}");
                }
            }
        }
    }
    // The permission is checked again while the job runs. At this rate it would run for minutes.
    let id = map(&run(&mut user, &format!("{clear} RATE 10")).expect("a job")).text("job_id");
    until_deleted(&mut conn, &id, 1);
    tell(&mut conn, "ACL SETUSER looker resetkeys ~unacked %R~unacked_index");
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "failed", "{end:?}");
    assert!(end.text("error").starts_with("NOPERM"), "{end:?}");
    assert_eq!(end.int("deleted"), (all.len() - both(&mut conn).len()) as i64);
}

#[test]
fn in_a_cluster_hash_and_index_share_a_slot_or_are_refused() {
    let mut cluster = Cluster::start(3, slow);
    let mut conn = cluster.node(cluster.home(b"unacked", 3)).conn();
    let put = |key: &str, index: &str, conn: &mut Connection| {
        conn.hset::<_, _, _, ()>(key, "t1", r#"[{"headers":{"task":"t"}},"","celery"]"#).expect("HSET");
        let _: redis::RedisResult<()> = conn.zadd(index, "t1", 5);
    };
    put("unacked", "unacked", &mut conn);
    assert_eq!(
        refused(&mut conn, "QADMIN.PREVIEW unacked TASK t"),
        "CROSSSLOT Keys in request don't hash to the same slot: \"unacked\" and its index \"unacked_index\"; give both \
         names the same hash tag, {like this}"
    );
    let mut conn = cluster.node(cluster.home(b"{app}", 3)).conn();
    put("{app}unacked", "{app}unacked_index", &mut conn);
    let home = cluster.home(b"{app}", 3);
    let replica = cluster.add_replica(home, slow());
    let mut there = cluster.node(replica).conn();
    until_caught_up(cluster.node(home), cluster.node(replica));
    run(&mut there, "READONLY").expect("READONLY");
    assert_eq!(
        refused(&mut there, "QADMIN.PREVIEW {app}unacked TASK t"),
        "ERR in a cluster, unacknowledged messages can be read on the primary only; send the command there"
    );
    let job = ask(&mut conn, "QADMIN.CLEARJOB {app}unacked TASK t ALL CONFIRM {app}unacked");
    let words = ["QADMIN.STATUS", &job.text("job_id"), "QUEUE", "{app}unacked", "WAIT", "0"].join(" ");
    let end = ask(&mut conn, &words);
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 1), "{end:?}");
    assert_eq!(run(&mut conn, "EXISTS {app}unacked {app}unacked_index").expect("EXISTS"), Value::Int(0));
}
