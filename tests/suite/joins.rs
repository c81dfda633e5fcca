//! One scan for equal previews: which clients join it, which receive a completed one, and whose disconnection
//! ends it.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Connection;

use crate::stage::{
    LONG, Slow, filled, info, inline_preview, joined, later, newest_job, set, target, until_waiting,
};
use crate::support::{Reply, ask, run, wait_for_job};

/// This depth is within the limit of an inline count, and the count ends at once.
const SMALL: u64 = 2_000;

fn preview(conn: &mut Connection, options: &str) -> Reply {
    ask(conn, &format!("QADMIN.PREVIEW celery {} {options}", target()))
}

#[test]
fn fifty_equal_previews_cost_one_scan() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "inline-wait 60000");
    let matching = filled(&server, "celery", LONG);
    let mut slow = Slow::start(&server);
    let mut clients = vec![inline_preview(&server, "celery")];
    // The scan is paused until all the others have joined.
    slow.hold(&mut conn);
    clients.extend((1..50).map(|_| later(&server, format!("QADMIN.PREVIEW celery {}", target()))));
    until_waiting(&server, 50);
    drop(slow);
    let replies: Vec<Reply> = clients.into_iter().map(joined).collect();
    for reply in &replies {
        assert_eq!(reply.text("mode"), "synchronous");
        assert_eq!(reply.int("match_count"), matching);
        assert!(reply.is_null("job_id"), "{reply:?}");
    }
    assert_eq!(replies.iter().filter(|reply| reply.int("deduplicated") == 0).count(), 1);
    assert_eq!(u64::try_from(info(&server, "messages_examined")), Ok(LONG));
    assert_eq!(info(&server, "joins"), 49);
    let jobs = run(&mut conn, "QADMIN.JOBS").expect("JOBS answers");
    assert_eq!(qadmin_harness::maps(&jobs).len(), 1);
}

#[test]
fn previews_that_show_other_fields_or_mean_another_queue_are_not_joined() {
    let server = Server::start();
    filled(&server, "celery", LONG);
    filled(&server, "other", LONG);
    let slow = Slow::start(&server);
    let lines = [
        format!("QADMIN.PREVIEW celery {}", target()),
        format!("QADMIN.PREVIEW celery {} FIELDS 1 id", target()),
        format!("QADMIN.PREVIEW celery {} FIELDS 2 id task", target()),
        format!("QADMIN.PREVIEW other {}", target()),
        format!("QADMIN.PREVIEW celery {} SAMPLE 3", target()),
    ];
    let clients: Vec<_> = lines
        .into_iter()
        .enumerate()
        .map(|(at, line)| {
            let client = later(&server, line);
            until_waiting(&server, i64::try_from(at + 1).expect("few"));
            client
        })
        .collect();
    assert_eq!(info(&server, "previews_live"), 4);
    drop(slow);
    let joins: Vec<i64> = clients.into_iter().map(|client| joined(client).int("deduplicated")).collect();
    assert_eq!(joins, [0, 0, 0, 0, 1]);
}

#[test]
fn completed_job_is_reused_until_ttl_or_bust() {
    let server = Server::builder().module_args("cache-ttl 0 inline-limit 0").start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", SMALL);
    let first = preview(&mut conn, "").text("job_id");
    wait_for_job(&mut conn, &first);
    let again = preview(&mut conn, "");
    assert_eq!((again.text("mode").as_str(), again.int("deduplicated")), ("job", 1));
    assert_eq!(again.text("job_id"), first);
    assert_eq!(again.int("match_count"), matching, "it has ended: its count is there at once");

    let busted = preview(&mut conn, "BUST");
    assert_eq!(busted.int("deduplicated"), 0);
    let second = busted.text("job_id");
    assert_ne!(second, first);
    wait_for_job(&mut conn, &second);
    assert_eq!(preview(&mut conn, "").text("job_id"), second, "BUST renewed what is given again");

    set(&mut conn, "job-lock-ttl 1");
    eventually("its time is over", || preview(&mut conn, "").text("job_id") != second);
}

#[test]
fn cancelled_preview_is_neither_joined_nor_reused() {
    let server = Server::builder().module_args("inline-limit 0").start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let _slow = Slow::start(&server);
    let first = preview(&mut conn, "").text("job_id");
    assert_eq!(preview(&mut conn, "").text("job_id"), first, "a live one is joined");
    assert_eq!(ask(&mut conn, &format!("QADMIN.CANCEL {first}")).text("status"), "cancelled");
    let next = preview(&mut conn, "");
    assert_eq!((next.int("deduplicated"), next.is_null("cached_at")), (0, true));
    assert_ne!(next.text("job_id"), first);
}

#[test]
fn an_inline_count_ends_with_its_last_client() {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let _slow = Slow::start(&server);
    let line = format!("QADMIN.PREVIEW celery {}", target());
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let start = |waiting| {
        let mut client = server.raw();
        client.send(&command(&words)).expect("the command is sent");
        until_waiting(&server, waiting);
        client
    };
    let (first, second) = (start(1), start(2));
    drop(first);
    until_waiting(&server, 1);
    assert_eq!(newest_job(&server).text("status"), "running", "the other client still waits");
    drop(second);
    eventually("nobody waits for the job: it is cancelled", || {
        newest_job(&server).text("status") == "cancelled"
    });
    assert_eq!(info(&server, "jobs_live"), 0);
    assert_eq!(info(&server, "clients_waiting"), 0);
    // The queue is free, and the cancelled count is not given to the next client.
    set(&mut conn, "inline-wait 0");
    let next = ask(&mut conn, &line);
    assert_eq!((next.text("mode").as_str(), next.int("deduplicated")), ("job", 0));
}

/// A client that received a job's id can use it later, so the job does not end with that client.
#[test]
fn job_with_published_id_survives_its_clients() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let slow = Slow::start(&server);
    set(&mut conn, "inline-wait 20");
    let mut told = server.conn();
    let job = preview(&mut told, "").text("job_id");
    drop(told);
    drop(slow);
    assert_eq!(wait_for_job(&mut conn, &job).text("status"), "completed");
}

/// A command as a client sends it.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}
