//! The real Celery: a worker with unacknowledged messages that are to run later.

use std::process::Stdio;

use qadmin_harness::{Fields as _, Server, eventually, spawn};
use redis::Commands as _;
use serde_json::Value;

use super::{HASH, INDEX, both};
use crate::support::celery::{Sender, Worker, queued, script, wait_until_executed};
use crate::support::{ask, wait_for_job};

/// The number of messages that are to run in an hour.
const LATER: usize = 240;

fn send_later(server: &Server) -> Vec<Value> {
    let mut command = script(server);
    command.args(["celery_app.py", "later", &LATER.to_string()]).stdout(Stdio::piped());
    let output = spawn(command).expect("Python starts").wait_with_output().expect("a child of ours");
    assert!(output.status.success(), "the sender failed: {}", output.status);
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).expect("the sender prints JSON")).collect()
}

#[test]
fn unacked_messages_of_a_real_worker_are_cleared_and_it_keeps_running() {
    let server = Server::start();
    let mut conn = server.conn();
    let sent = send_later(&server);
    let mut worker = Worker::start(&server);
    // Messages with a time do not count for the worker's prefetch limit: it receives all of them and does not
    // acknowledge them.
    eventually("the worker holds them all", || {
        assert!(worker.is_alive(), "the worker ended: {}", worker.log());
        conn.hlen::<_, usize>(HASH).expect("HLEN") == LATER
    });
    let now_ms =
        i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis()).expect("a time");
    let of = |repoid: u64| sent.iter().filter(|row| row["repoid"] == repoid).count() as i64;
    let preview = ask(
        &mut conn,
        &format!("QADMIN.PREVIEW {HASH} REPOID 101 SAMPLE 100 FIELDS 3 id routing_key repoid"),
    );
    assert_eq!((preview.int("match_count"), preview.int("with_eta")), (of(101), of(101)), "{preview:?}");
    assert_eq!((preview.int("undecodable"), preview.int("unreadable")), (0, 0), "{preview:?}");
    for row in preview.rows("sample") {
        assert!(sent.iter().any(|sent| sent["id"] == row.text("id")), "{row:?}");
        assert_eq!((row.text("routing_key"), row.int("repoid")), ("celery".into(), 101));
        assert!((now_ms - row.int("delivered_at")).abs() < 600_000, "delivered a moment ago: {row:?}");
    }
    let stats = ask(&mut conn, &format!("QADMIN.STATS {HASH} GROUPBY 2 routing_key repoid"));
    for group in stats.rows("groups") {
        let repoid = group.text("repoid").parse().expect("a number");
        assert_eq!(
            (group.text("routing_key"), group.int("count")),
            ("celery".into(), of(repoid)),
            "{group:?}"
        );
    }
    // The message that was delivered first is kept: the first match in the index.
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB {HASH} REPOID 102 KEEPONE CONFIRM {HASH}"));
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), of(102) - 1), "{end:?}");
    let kept = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} REPOID 102"));
    assert_eq!(kept.int("match_count"), 1);
    let job = ask(
        &mut conn,
        &format!("QADMIN.CLEARJOB {HASH} WHERE routing_key = celery REPOID 101 ALL CONFIRM {HASH}"),
    );
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!(end.int("deleted"), of(101), "{end:?}");
    assert_eq!(both(&mut conn).len() as i64, LATER as i64 - of(101) - of(102) + 1);

    // The worker continues.
    let last = Sender::start(&server, 1, 3).finish();
    wait_until_executed(&server, &mut worker, "the worker runs one more task", &[last[0].id.clone()]);
    assert!(worker.is_alive(), "{}", worker.log());
    // At its end it returns its unacknowledged messages: the cleared ones are not among them.
    drop(worker);
    let cleared = |row: &&Value| row["repoid"] == 101 || row["repoid"] == 102;
    let unacked: Vec<String> = queued(&server);
    let back =
        sent.iter().filter(cleared).filter(|row| unacked.iter().any(|id| row["id"] == id.as_str())).count();
    assert_eq!(back, 1, "the one that was kept");
    assert!(conn.zcard::<_, usize>(INDEX).expect("ZCARD") <= LATER);
}
