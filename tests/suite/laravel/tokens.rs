//! The tokens `queues:<name>:notify`, on which workers of Laravel wait, leave and arrive with their jobs.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection, pipe};

use crate::durability::{
    assert_no_mismatch, digest, hurry, in_memory, slow, tell, transactions, until_caught_up, until_deleted,
    word,
};
use crate::stage::Slow;
use crate::support::{Reply, ask, run, wait_for_job};

const QUEUE: &str = "queues:q";
const NOTIFY: &str = "queues:q:notify";
const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
const PARKED: &str = "queues:q:parked:6f1c2b8e";

fn job(n: usize) -> String {
    let name = if is_bad(n) { "Bad" } else { "Good" };
    format!(r#"{{"uuid":"u{n}","displayName":"{name}","job":"{name}@fire","data":{{"n":{n}}},"attempts":0}}"#)
}

fn is_bad(n: usize) -> bool {
    n.is_multiple_of(3)
}

/// Pushes jobs as Laravel does: each with a token, if workers can wait for it.
fn push(conn: &mut Connection, queue: &str, numbers: std::ops::Range<usize>) {
    let mut batch = pipe();
    batch.atomic();
    for n in numbers {
        batch.rpush(queue, job(n)).ignore().rpush(format!("{queue}:notify"), 1).ignore();
    }
    let () = batch.query(conn).expect("RPUSH");
}

/// What a worker does to take a job: a token leaves with it.
fn pop(conn: &mut Connection) -> Option<String> {
    let take =
        "local job = redis.call('LPOP', KEYS[1]) if job then redis.call('LPOP', KEYS[2]) end return job";
    redis::cmd("EVAL").arg(take).arg(2).arg(QUEUE).arg(NOTIFY).query(conn).expect("EVAL")
}

fn lens(conn: &mut Connection, queue: &str) -> (i64, i64) {
    pipe().atomic().llen(queue).llen(format!("{queue}:notify")).query(conn).expect("LLEN")
}

fn clear(conn: &mut Connection, key: &str, words: &str) -> Reply {
    let started = ask(conn, &format!("QADMIN.CLEARJOB {key} {words} CONFIRM {key} AS laravel"));
    wait_for_job(conn, &started.text("job_id"))
}

#[test]
fn as_many_tokens_leave_as_jobs_unless_a_job_would_have_none() {
    let server = Server::start();
    let mut conn = server.conn();
    // 12 jobs, 4 of which leave.
    for (tokens, left) in [(12, 8), (9, 8), (8, 8), (7, 7), (1, 1), (0, 0), (15, 11), (40, 36)] {
        tell(&mut conn, "FLUSHALL");
        push(&mut conn, QUEUE, 0..12);
        let _: () = conn.del(NOTIFY).expect("DEL");
        (0..tokens).for_each(|_| conn.rpush::<_, _, ()>(NOTIFY, 1).expect("RPUSH"));
        let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} TASK Bad DRYRUN AS laravel"));
        assert_eq!(wait_for_job(&mut conn, &dry.text("job_id")).int("would_delete"), 4);
        assert_eq!(lens(&mut conn, QUEUE), (12, tokens));
        assert_eq!(clear(&mut conn, QUEUE, "TASK Bad ALL").int("deleted"), 4);
        assert_eq!(lens(&mut conn, QUEUE), (8, left), "{tokens}");
        assert_eq!(clear(&mut conn, QUEUE, "TASK Good ALL").int("deleted"), 8);
        assert_eq!(lens(&mut conn, QUEUE), (0, (tokens - 12).max(0)), "{tokens}");
    }
}

/// The same name can be that of another key, or of another queue.
#[test]
fn only_tokens_of_this_queue_are_taken() {
    let server = Server::start();
    let mut conn = server.conn();
    for (line, left) in [
        (format!("SET {NOTIFY} 1"), None),
        (format!("RPUSH {NOTIFY} 1 1 {} 1 1 1 1 1 1", "{\"displayName\":\"Good\"}"), Some(9)),
    ] {
        tell(&mut conn, "FLUSHALL");
        push(&mut conn, QUEUE, 0..6);
        let _: () = conn.del(NOTIFY).expect("DEL");
        tell(&mut conn, &line);
        let before: Vec<u8> = redis::cmd("DUMP").arg(NOTIFY).query(&mut conn).expect("DUMP");
        let end = clear(&mut conn, QUEUE, "WHERE task EXISTS ALL");
        assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 6), "{end:?}");
        let after: Vec<u8> = redis::cmd("DUMP").arg(NOTIFY).query(&mut conn).expect("DUMP");
        assert_eq!(after, before, "{left:?}");
    }
    // Other libraries have no such tokens, and neither has a key that is not named as a queue of Laravel.
    tell(&mut conn, "FLUSHALL");
    for (key, kind) in [(QUEUE, "resque"), ("jobs", "laravel")] {
        push(&mut conn, key, 0..6);
        let line = format!("QADMIN.CLEARJOB {key} WHERE bytes > 0 ALL AS {kind} CONFIRM {key}");
        let started = ask(&mut conn, &line);
        assert_eq!(wait_for_job(&mut conn, &started.text("job_id")).int("deleted"), 6);
        assert_eq!(lens(&mut conn, key), (0, 6), "{key} as {kind}");
    }
}

/// Workers take a token, wait, and then take a job; others take both at once; and others push.
#[test]
fn while_workers_and_producers_go_on_no_job_lacks_a_token_that_a_worker_did_not_take() {
    const JOBS: usize = 9_000;
    let server = in_memory().start();
    let replica = in_memory().start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    push(&mut conn, QUEUE, 0..JOBS);
    let slow = Slow::start(&server);
    let id = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} TASK Bad ALL CONFIRM {QUEUE} AS laravel"))
        .text("job_id");
    let (mut popped, mut pushed, mut short) = (Vec::new(), JOBS, 0);
    let mut live = true;
    while live {
        // The worker that blocks takes a token before the script takes another one with the job.
        let token: Option<String> = conn.lpop(NOTIFY, None).expect("LPOP");
        short += i64::from(token.is_some());
        live =
            ask(&mut conn, &format!("QADMIN.STATUS {id}")).is_null("completed_at") && pushed < JOBS + 1_200;
        popped.extend(pop(&mut conn));
        popped.extend(pop(&mut conn));
        push(&mut conn, QUEUE, pushed..pushed + 3);
        pushed += 3;
        let (jobs, tokens) = lens(&mut conn, QUEUE);
        assert!(tokens <= jobs, "{tokens} tokens for {jobs} jobs");
        assert!(tokens >= jobs - short, "{tokens} tokens for {jobs} jobs, of which workers took {short}");
    }
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status"), end.int("passes_run")), ("completed".into(), 1), "{end:?}");
    assert!(end.int("deleted") > 100, "{end:?}");
    until_caught_up(&server, &replica);
    assert_eq!(lens(&mut replica.conn(), QUEUE), lens(&mut conn, QUEUE));
    assert_no_mismatch(&replica);
    // Every job that was not cleared is run exactly once.
    while let Some(one) = pop(&mut conn) {
        popped.push(one);
    }
    let cleared = usize::try_from(end.int("deleted")).expect("a count");
    popped.sort();
    let all = popped.len();
    popped.dedup();
    assert_eq!((popped.len(), all), (pushed - cleared, all));
    let good = (0..pushed).filter(|n| !is_bad(*n)).map(job);
    assert!(
        good.into_iter().all(|one| popped.binary_search(&one).is_ok()),
        "a job that does not match is gone"
    );
}

#[test]
fn tokens_leave_in_the_unit_of_their_jobs_by_a_command_of_the_server() {
    let (mut server, replica) = (slow().start(), in_memory().start());
    replica.replica_of(&server);
    let mut conn = server.conn();
    push(&mut conn, QUEUE, 0..900);
    assert_eq!(clear(&mut conn, QUEUE, "TASK Bad ALL").int("deleted"), 300);
    assert_eq!(lens(&mut conn, QUEUE), (600, 600));
    until_caught_up(&server, &replica);
    assert_eq!(digest(&mut conn), digest(&mut replica.conn()));
    let units = transactions(&server);
    let units = units.iter().filter(|unit| word(&unit[0], 0) == "QADMIN.APPLY");
    let mut taken = 0;
    for unit in units {
        let names: Vec<String> = unit.iter().map(|command| word(command, 0)).collect();
        assert_eq!((names[1].as_str(), word(&unit[1], 1).as_str()), ("LTRIM", NOTIFY), "{names:?}");
        taken += word(&unit[1], 2).parse::<i64>().expect("a number");
    }
    assert_eq!(taken, 300);
    drop(conn);
    server.kill9();
    server.start_again();
    assert_eq!(lens(&mut server.conn(), QUEUE), (600, 600));
}

/// After a crash at any moment, the tokens are those of the jobs that are there.
#[test]
fn after_kill_9_there_are_as_many_tokens_as_jobs() {
    let mut server = slow().start();
    let mut conn = server.conn();
    push(&mut conn, QUEUE, 0..6_000);
    let id = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} TASK Bad ALL CONFIRM {QUEUE} AS laravel"))
        .text("job_id");
    until_deleted(&mut conn, &id, 100);
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    hurry(&mut conn);
    let (jobs, tokens) = lens(&mut conn, QUEUE);
    assert!(jobs < 6_000 && jobs == tokens, "{jobs} jobs, {tokens} tokens");
    clear(&mut conn, QUEUE, "TASK Bad ALL");
    assert_eq!(lens(&mut conn, QUEUE), (4_000, 4_000));
}

#[test]
fn jobs_that_are_moved_bring_tokens_to_a_queue_and_none_to_a_parked_list() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, QUEUE, 0..12);
    push(&mut conn, "queues:other", 12..14);
    // To another queue and back.
    let end = clear(&mut conn, QUEUE, &format!("TASK Bad ALL TO queues:other ID {ID}"));
    assert_eq!((end.int("deleted"), end.text("status")), (4, "completed".into()), "{end:?}");
    assert_eq!((lens(&mut conn, QUEUE), lens(&mut conn, "queues:other")), ((8, 8), (6, 6)));
    let undo = ask(&mut conn, &format!("QADMIN.UNDO {ID} CONFIRM queues:other"));
    wait_for_job(&mut conn, &undo.text("job_id"));
    assert_eq!((lens(&mut conn, QUEUE), lens(&mut conn, "queues:other")), ((12, 12), (2, 2)));
    // To a list that is no queue, and to one that has tokens left over.
    clear(&mut conn, QUEUE, "TASK Bad ALL LIMIT 1 TO shelf");
    assert_eq!((lens(&mut conn, QUEUE), lens(&mut conn, "shelf")), ((11, 11), (1, 0)));
    (0..2).for_each(|_| conn.rpush::<_, _, ()>("queues:other:notify", 1).expect("RPUSH"));
    clear(&mut conn, QUEUE, "TASK Bad ALL LIMIT 1 TO queues:other");
    assert_eq!((lens(&mut conn, QUEUE), lens(&mut conn, "queues:other")), ((10, 10), (3, 4)));
}

#[test]
fn a_worker_that_waits_for_a_token_is_woken_by_an_undo() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, QUEUE, 0..6);
    let end = clear(&mut conn, QUEUE, &format!("WHERE task EXISTS ALL PARK ID {ID}"));
    assert_eq!((end.int("deleted"), end.text("to")), (6, PARKED.into()));
    assert_eq!((lens(&mut conn, QUEUE), lens(&mut conn, PARKED)), ((0, 0), (6, 0)));
    let mut worker = server.raw();
    worker.send(b"*3\r\n$5\r\nBLPOP\r\n$15\r\nqueues:q:notify\r\n$1\r\n0\r\n").expect("the server is there");
    eventually("the worker waits", || server.info("blocked_clients").as_deref() == Some("1"));
    let undo = ask(&mut conn, &format!("QADMIN.UNDO {ID} CONFIRM {PARKED}"));
    let reply = worker.reply().expect("the worker is served");
    assert!(reply.ends_with(b"$1\r\n1\r\n"), "{reply:?}");
    wait_for_job(&mut conn, &undo.text("job_id"));
    assert_eq!(lens(&mut conn, QUEUE), (6, 5));
}

#[test]
fn the_tokens_are_keys_that_a_clear_needs_permission_for() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, QUEUE, 0..6);
    push(&mut conn, "queues:other", 6..7);
    let clear = format!("QADMIN.CLEARJOB {QUEUE} TASK Bad ALL AS laravel CONFIRM {QUEUE}");
    let to =
        format!("QADMIN.CLEARJOB {QUEUE} TASK Bad ALL AS laravel TO queues:other ID {ID} CONFIRM {QUEUE}");
    let dry = format!("QADMIN.CLEARJOB {QUEUE} TASK Bad DRYRUN AS laravel");
    let undo = format!("QADMIN.UNDO {ID} CONFIRM queues:other");
    let (own, both) = (format!("~{QUEUE} ~queues:other"), format!("~{QUEUE} ~{NOTIFY} ~queues:other"));
    for (keys, line, may) in [
        (&own, "QADMIN.PREVIEW queues:q TASK Bad AS laravel", true),
        (&own, &clear, false),
        (&own, &dry, false),
        (&own, &to, false),
        (&both, &to, false),
        (&both, &dry, true),
        (&both, &clear, true),
    ] {
        tell(&mut conn, &format!("ACL SETUSER op reset on nopass {keys} -@all +@all"));
        let mut user = server.conn();
        tell(&mut user, "AUTH op x");
        match run(&mut user, line) {
            Ok(_) => assert!(may, "{line} with {keys}"),
            Err(error) => assert!(!may && error.code() == Some("NOPERM"), "{line} with {keys}: {error}"),
        }
    }
    eventually("the clear ends", || lens(&mut server.conn(), QUEUE) == (4, 4));
    push(&mut conn, QUEUE, 9..10);
    let moved = ask(&mut conn, &to).text("job_id");
    wait_for_job(&mut conn, &moved);
    let mut user = server.conn();
    tell(&mut user, "AUTH op x");
    let error = run(&mut user, &undo).expect_err("the tokens of the other queue are missing");
    assert_eq!(error.code(), Some("NOPERM"), "{error}");
    tell(&mut conn, "ACL SETUSER op ~queues:other:notify");
    wait_for_job(&mut conn, &ask(&mut user, &undo).text("job_id"));
    assert_eq!((lens(&mut conn, QUEUE), lens(&mut conn, "queues:other")), ((5, 5), (1, 1)));
}
