//! What is refused, and in which words.

use qadmin_harness::{Cluster, Fields as _, Server};
use redis::Commands as _;

use super::{FAMILIES, Family, bad, int};
use crate::durability::{slow, tell};
use crate::support::{ask, run, wait_for_job};

#[test]
fn options_of_other_containers_are_refused() {
    let server = Server::start();
    let mut conn = server.conn();
    for family in FAMILIES {
        family.add(&mut conn, 0..30);
        for (mode, keyword) in [
            ("ALL TO other", "TO"),
            ("ALL PARK", "PARK"),
            ("KEEPONE KEEP NEWEST", "KEEP NEWEST"),
            ("ALL PRIORITY 3", "PRIORITY"),
        ] {
            let error =
                run(&mut conn, &family.line(&format!("TASK bad {mode}"))).expect_err("refused").to_string();
            assert!(
                error.contains(&format!("{keyword} is not supported for a sorted set of ids")),
                "{error}"
            );
        }
        assert_eq!(family.missing(&mut conn, 30), 0);
    }
}

#[test]
fn sets_that_a_library_does_not_name_so_are_refused() {
    let server = Server::start();
    let mut conn = server.conn();
    for (set, kind, names) in [
        ("rq:wip:uploads", "rq", "AS rq reads lists <prefix>:queue:<name>"),
        ("rq:queue:uploads", "rq", "sorted sets <prefix>:scheduled:<name>"),
        ("bull:uploads:repeat", "bullmq", "sorted sets <prefix>:<name>:prioritized"),
        ("bull:uploads:wait", "bull", "AS bull reads lists <prefix>:<name>:wait"),
    ] {
        tell(&mut conn, &format!("ZADD {set} 1 job-1"));
        for line in [
            format!("QADMIN.PREVIEW {set} TASK x AS {kind}"),
            format!("QADMIN.CLEARJOB {set} TASK x ALL CONFIRM {set} AS {kind}"),
        ] {
            let error = run(&mut conn, &line).expect_err("refused").to_string();
            assert!(error.contains(names), "{line}: {error}");
        }
    }
}

#[test]
fn rights_to_the_keys_of_all_messages_are_needed() {
    let server = Server::start();
    let mut conn = server.conn();
    for (family, read, all) in [
        (Family::Rq, "%R~rq:job:*", "~rq:job:* ~rq:results:*"),
        (Family::Dramatiq, "%R~dramatiq:uploads.XQ.msgs", "~dramatiq:uploads.XQ.msgs"),
        (Family::BullMq, "%R~bull:uploads:*", "~bull:uploads:*"),
        (Family::Asynq, "%R~asynq:{uploads}:t:*", "~asynq:{uploads}:t:* ~asynq:{uploads}:unique:*"),
    ] {
        family.add(&mut conn, 0..30);
        let preview = format!("QADMIN.PREVIEW {} TASK bad AS {}", family.set(), family.kind());
        let clear = family.line("TASK bad ALL");
        tell(&mut conn, "ACL SETUSER ops reset on >secret +@all");
        let mut ops = server.conn();
        tell(&mut ops, "AUTH ops secret");
        for (rules, may_read, may_clear) in [("", false, false), (read, true, false), (all, true, true)] {
            tell(&mut conn, format!("ACL SETUSER ops resetkeys ~{} {rules}", family.set()).trim_end());
            for (line, may) in [(&preview, may_read), (&clear, may_clear)] {
                match run(&mut ops, line) {
                    Ok(_) => assert!(may, "{rules}: {line}"),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(
                            !may && error.contains("no permissions to access one of the keys"),
                            "{error}"
                        );
                    }
                }
            }
        }
        let jobs = run(&mut conn, "QADMIN.JOBS").expect("a list");
        let id = qadmin_harness::maps(&jobs)[0].text("job_id");
        assert_eq!(wait_for_job(&mut conn, &id).int("deleted"), int(bad(30)));
        assert_eq!(family.missing(&mut conn, 30), bad(30));
    }
}

#[test]
fn in_a_cluster_all_keys_must_be_in_one_slot() {
    let cluster = Cluster::start(2, slow);
    for (set, kind, words) in [
        ("rq:failed:uploads", "rq", "as with RQ_KEY_PREFIX={rq}"),
        ("dramatiq:uploads.XQ", "dramatiq", "as with the namespace {dramatiq}"),
        ("bull:uploads:failed", "bullmq", "the prefix {bull}"),
    ] {
        let mut conn = cluster.node(cluster.home(set.as_bytes(), 2)).conn();
        let () = conn.zadd(set, "1", 1).expect("ZADD");
        let error =
            run(&mut conn, &format!("QADMIN.PREVIEW {set} TASK bad AS {kind}")).expect_err("two slots");
        assert!(error.to_string().contains(words), "{error}");
    }
    let set = "{rq}:failed:uploads";
    let home = cluster.home(set.as_bytes(), 2);
    let mut conn = cluster.node(home).conn();
    for n in 0..9 {
        let task = if n % 3 == 0 { "bad" } else { "good" };
        let data = format!(r#"["{task}",null,[{n}],{{}}]"#);
        let fields = [("data", data.as_str()), ("status", "failed"), ("origin", "uploads")];
        let _: () = conn.hset_multiple(format!("{{rq}}:job:{n}"), &fields).expect("HSET");
        let () = conn.zadd(set, n, n).expect("ZADD");
    }
    // Keys of jobs can be on the other node already, although the sorted set is here.
    let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(set).query(&mut conn).expect("KEYSLOT");
    let other: String =
        redis::cmd("CLUSTER").arg("MYID").query(&mut cluster.node(1 - home).conn()).expect("MYID");
    let migrating = format!("CLUSTER SETSLOT {slot} MIGRATING {other}");
    let line = format!("QADMIN.CLEARJOB {set} TASK bad ALL CONFIRM {set} AS rq");
    let job = ask(&mut conn, &format!("{line} RATE 1")).text("job_id");
    tell(&mut conn, &migrating);
    let end = ask(&mut conn, &format!("QADMIN.STATUS {job} QUEUE {set} WAIT 0"));
    assert_eq!(end.text("status"), "interrupted", "{end:?}");
    for line in [&line, &format!("QADMIN.PREVIEW {set} TASK bad AS rq")] {
        let error = run(&mut conn, line).expect_err("its slot moves").to_string();
        assert!(error.contains("is being migrated to another node"), "{error}");
    }
    tell(&mut conn, &format!("CLUSTER SETSLOT {slot} STABLE"));
    let before: i64 = conn.zcard(set).expect("ZCARD");
    let job = ask(&mut conn, &line);
    let end = ask(&mut conn, &format!("QADMIN.STATUS {} QUEUE {set} WAIT 0", job.text("job_id")));
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", before - 6), "{end:?}");
    let left: Vec<String> = conn.keys("{rq}:*").expect("KEYS");
    assert_eq!(left.len(), 7, "the set and six jobs: {left:?}");
}
