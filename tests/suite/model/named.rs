//! Named cases: situations that chance seldom produces, and situations that can be predicted to the last
//! message because a job starts in the transaction of the commands that affect it, so that no slice runs in
//! between.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Connection, Pipeline, Value, cmd};

use crate::support::{Reply, ask, run, wait_for_job};

const ID: &str = "00000000-0000-4000-8000-00000000000a";
const CLEAR: &str = "QADMIN.CLEARJOB q TASK m ALL CONFIRM q ID 00000000-0000-4000-8000-00000000000a";
const MATCH: &str = r#"{"body":"","headers":{"task":"m"}}"#;
const OTHER: &str = r#"{"body":"","headers":{"task":"o"}}"#;

/// Starts a server on which a job takes many slices.
fn server() -> Server {
    Server::builder().module_args(&crate::stage::slowly()).start()
}

/// Pushes `n` messages, of which every second one matches; the last one matches.
fn fill(conn: &mut Connection, n: usize) {
    let mut push = cmd("LPUSH");
    push.arg("q");
    for i in 1..=n {
        push.arg(if (n - i).is_multiple_of(2) { MATCH } else { OTHER });
    }
    push.exec(conn).expect("LPUSH");
}

fn push(conn: &mut Connection, word: &str, message: &str, n: usize) {
    cmd(word).arg("q").arg(vec![message; n]).exec(conn).expect("a push");
}

fn queue(conn: &mut Connection) -> Vec<String> {
    cmd("LRANGE").arg(&["q", "0", "-1"]).query(conn).expect("LRANGE")
}

/// Runs lines of words in one transaction.
fn together(conn: &mut Connection, lines: &[&str]) -> Vec<Value> {
    let mut pipe: Pipeline = redis::pipe();
    pipe.atomic();
    for line in lines {
        let mut words = line.split_ascii_whitespace();
        pipe.cmd(words.next().expect("a line has a first word")).arg(words.collect::<Vec<_>>());
    }
    pipe.query(conn).expect("every command of the transaction succeeds")
}

fn numbers<const N: usize>(reply: &Reply, names: [&str; N]) -> [i64; N] {
    names.map(|name| reply.int(name))
}

const COUNTS: [&str; 6] = ["total_estimated", "processed", "matched", "deleted", "drifted", "arrived"];

#[test]
fn messages_taken_before_the_first_slice_are_drift_also_if_given_back() {
    let server = server();
    let mut conn = server.conn();
    for (mode, deleted, would_delete) in [
        ("ALL CONFIRM q", 47, 47),
        ("KEEPONE CONFIRM q", 46, 46),
        ("DRYRUN", 0, 47),
        ("KEEPONE DRYRUN", 0, 46),
    ] {
        run(&mut conn, "DEL q other").expect("DEL");
        fill(&mut conn, 100);
        let answers = together(
            &mut conn,
            &[
                &format!("QADMIN.CLEARJOB q TASK m {mode}"),
                // The lengths before and after are the same, so a difference of lengths would show nothing.
                "LMOVE q q RIGHT LEFT",
                "LMOVE q q LEFT RIGHT",
                "RPOP q 1",
                "LMOVE q q RIGHT RIGHT",
                "RPOP q 2",
                "LMOVE q other LEFT LEFT",
                "LMOVE other q LEFT LEFT",
                "LPOP q 2",
                "EVAL return{redis.call('RPOP',KEYS[1],'2'),redis.call('RPUSH',KEYS[1],'x','y')} 1 q",
            ],
        );
        let id = qadmin_harness::map(&answers[0]).text("job_id");
        let status = wait_for_job(&mut conn, &id);
        // At the tail, message 1 moves to the head and returns as a new message, which RPOP takes; 2 becomes
        // a new message at the tail, which RPOP 2 takes with 3; the script takes 4 and 5. At the head, 100
        // leaves and returns, and LPOP takes it and 99.
        assert_eq!(numbers(&status, COUNTS), [100, 93, 47, deleted, 7, 6], "{mode}: {status:?}");
        assert_eq!(status.int("would_delete"), would_delete, "{mode}");
        assert_eq!(i64::try_from(queue(&mut conn).len()), Ok(95 - deleted), "{mode}");
    }
}

#[test]
fn a_blocked_worker_is_served_before_the_first_slice_and_counts_as_drift() {
    let server = server();
    let (mut conn, mut worker) = (server.conn(), server.raw());
    worker.send(b"*3\r\n$5\r\nBRPOP\r\n$1\r\nq\r\n$1\r\n0\r\n").expect("the server is there");
    eventually("the worker waits", || server.info("blocked_clients").as_deref() == Some("1"));
    let push = format!("LPUSH q {MATCH} {MATCH} {OTHER}");
    together(&mut conn, &[&push, CLEAR]);
    let reply = worker.reply().expect("the worker is served");
    assert!(String::from_utf8_lossy(&reply).contains(MATCH));
    let status = wait_for_job(&mut conn, ID);
    assert_eq!(numbers(&status, COUNTS), [3, 2, 1, 1, 1, 0]);
    assert_eq!(queue(&mut conn), [OTHER]);
}

#[test]
fn a_deleted_queue_completes_the_job_and_its_successor_is_not_touched() {
    let server = server();
    let mut conn = server.conn();
    let endings: [&[&str]; 12] = [
        &["DEL q"],
        &["UNLINK q"],
        &["RENAME q away"],
        &["RENAME other q"],
        &["COPY other q REPLACE"],
        &["COPY other q REPLACE"],
        &["SORT other BY nosort STORE q"],
        &["SORT other BY nosort STORE q"],
        &["RPOP q 100000"],
        &["LTRIM q 1 0"],
        &["PEXPIREAT q 1"],
        // Valkey 8.1 leaves a client in the other database if any module receives key events.
        &["MOVE q 5", "SELECT 0"],
    ];
    let again = format!("LPUSH q {MATCH} {MATCH} {MATCH}");
    for (at, ending) in endings.into_iter().enumerate() {
        run(&mut conn, "DEL q away other").expect("DEL");
        fill(&mut conn, 400);
        let length = if ending[0].contains(" other ") {
            cmd("LPUSH").arg("other").arg(MATCH).exec(&mut conn).expect("LPUSH");
            4
        } else {
            3
        };
        let id = format!("00000000-0000-4000-8000-0000000001{at:02}");
        let clear = CLEAR.replace(ID, &id);
        let answers = if at % 2 == 0 {
            together(&mut conn, &[&[clear.as_str()], ending, &[again.as_str()]].concat())
        } else {
            run(&mut conn, &clear).expect("CLEARJOB");
            together(&mut conn, &[ending, &[again.as_str()]].concat())
        };
        drop(answers);
        let status = wait_for_job(&mut conn, &id);
        let [total, processed, deleted, drifted] =
            numbers(&status, ["total_estimated", "processed", "deleted", "drifted"]);
        assert_eq!(status.text("status"), "completed", "{ending:?}: {status:?}");
        assert_eq!(total, processed + drifted, "{ending:?}");
        assert!(at % 2 == 1 || deleted == 0, "{ending:?}: nothing was examined");
        assert_eq!(queue(&mut conn), vec![MATCH; length], "{ending:?}");
    }
}

#[test]
fn a_queue_replaced_by_restore_completes_the_job_and_is_not_touched() {
    let server = server();
    let mut conn = server.conn();
    push(&mut conn, "LPUSH", MATCH, 700);
    let dump: Vec<u8> = cmd("DUMP").arg("q").query(&mut conn).expect("DUMP");
    run(&mut conn, "DEL q").expect("DEL");
    fill(&mut conn, 400);
    let mut both = redis::pipe();
    both.atomic().cmd("QADMIN.CLEARJOB").arg(CLEAR.split(' ').skip(1).collect::<Vec<_>>());
    both.cmd("RESTORE").arg("q").arg(0).arg(dump).arg("REPLACE");
    both.exec(&mut conn).expect("EXEC");
    let status = wait_for_job(&mut conn, ID);
    assert_eq!(status.text("status"), "completed", "{status:?}");
    assert_eq!(numbers(&status, ["total_estimated", "processed", "deleted", "drifted"]), [400, 0, 0, 400]);
    assert_eq!(queue(&mut conn), vec![MATCH; 700]);
}

#[test]
fn producers_that_cap_the_queue_and_take_nothing_from_it_do_not_edit_it() {
    let server = server();
    let mut conn = server.conn();
    fill(&mut conn, 2_000);
    let late = format!("LPUSH q {MATCH}");
    let capped = [late.as_str(), "LTRIM q 0 100000"].repeat(20);
    together(&mut conn, &[&[CLEAR], &capped[..]].concat());
    let mut steps = 0;
    while ask(&mut conn, &format!("QADMIN.STATUS {ID}")).text("status") != "completed" {
        together(&mut conn, &[&late, "LTRIM q 0 100000"]);
        steps += 1;
    }
    let status = wait_for_job(&mut conn, ID);
    assert_eq!(numbers(&status, ["processed", "deleted", "passes_run"]), [2_000, 1_000, 1], "{status:?}");
    assert!(status.is_null("notice"), "{status:?}");
    assert_eq!(queue(&mut conn).iter().filter(|message| *message == MATCH).count(), 20 + steps);
}

#[test]
fn a_queue_that_expires_completes_the_job() {
    let server = server();
    let mut conn = server.conn();
    fill(&mut conn, 2_000);
    together(&mut conn, &[CLEAR, "PEXPIRE q 1"]);
    eventually("the queue has expired", || run(&mut conn, "EXISTS q").expect("EXISTS") == Value::Int(0));
    push(&mut conn, "LPUSH", MATCH, 2);
    let status = wait_for_job(&mut conn, ID);
    assert_eq!(status.text("status"), "completed");
    let [total, processed, drifted] = numbers(&status, ["total_estimated", "processed", "drifted"]);
    assert_eq!(total, processed + drifted);
    assert_eq!(queue(&mut conn), [MATCH, MATCH]);
}

#[test]
fn a_flushed_or_swapped_database_fails_the_job() {
    let server = server();
    let mut conn = server.conn();
    for (at, (line, words)) in [
        ("FLUSHALL", "flushed"),
        ("FLUSHDB", "flushed"),
        ("SWAPDB 0 3", "swapped"),
        ("SWAPDB 3 0", "swapped"),
    ]
    .into_iter()
    .enumerate()
    {
        run(&mut conn, "FLUSHALL").expect("FLUSHALL");
        fill(&mut conn, 50);
        let id = format!("00000000-0000-4000-8000-0000000002{at:02}");
        let again = format!("LPUSH q {MATCH}");
        together(&mut conn, &[&CLEAR.replace(ID, &id), line, &again]);
        let status = wait_for_job(&mut conn, &id);
        assert_eq!(status.text("status"), "failed", "{line}");
        assert!(status.text("error").contains(words), "{line}: {status:?}");
        assert_eq!(queue(&mut conn), [MATCH], "{line}");
        run(&mut conn, "SELECT 3").expect("SELECT");
        let other = queue(&mut conn).len();
        assert_eq!(other, if line.starts_with("SWAPDB") { 50 } else { 0 }, "{line}");
        run(&mut conn, "SELECT 0").expect("SELECT");
    }
}

#[test]
fn job_fails_after_ten_edited_passes_with_reason() {
    let server = server();
    let mut conn = server.conn();
    let mut raw = server.raw();
    for _ in 0..40 {
        push(&mut conn, "LPUSH", OTHER, 1_000);
    }
    let mut jobs = 0;
    let mut id = String::new();
    let ended = || {
        if id.is_empty() {
            jobs += 1;
            id = uuid(jobs);
            run(&mut conn, &CLEAR.replace(ID, &id)).expect("CLEARJOB");
        }
        let status = ask(&mut conn, &format!("QADMIN.STATUS {id}"));
        assert!(status.int("passes_run") <= 10);
        // LSET to the value that is already there is an edit nevertheless.
        let lset = raw.call(&[b"LSET", b"q", b"0", OTHER.as_bytes()]);
        assert_eq!(lset, b"+OK\r\n");
        if status.text("status") == "completed" {
            // The machine let it complete a whole pass between two edits, so another one is started.
            id.clear();
        }
        status.text("status") == "failed"
    };
    eventually("a job gives up", ended);
    let status = wait_for_job(&mut conn, &id);
    assert_eq!(status.text("status"), "failed");
    assert!(status.text("error").contains("queue was edited in place "), "{status:?}");
    assert_eq!(status.int("passes_run"), 10);
    assert!(!status.is_null("notice"));
    assert_eq!(run(&mut conn, "LLEN q").expect("LLEN"), Value::Int(40_000));
}

#[test]
fn edit_does_not_add_late_messages_to_the_snapshot() {
    let server = server();
    let mut conn = server.conn();
    for edit in
        ["LREM q 1 no", "LSET q 5 no", "LTRIM q 0 -2", "LINSERT q AFTER no no", "LINSERT q BEFORE no no"]
    {
        run(&mut conn, "DEL q").expect("DEL");
        push(&mut conn, "LPUSH", MATCH, 300);
        cmd("LSET").arg("q").arg(150).arg("no").exec(&mut conn).expect("LSET");
        let id = uuid(edit.len());
        let late = format!("LPUSH q {MATCH} {MATCH} {MATCH}");
        let back = format!("RPUSH q {MATCH} {MATCH}");
        together(&mut conn, &[&CLEAR.replace(ID, &id), &late, &back, edit]);
        let status = wait_for_job(&mut conn, &id);
        assert_eq!(status.text("status"), "completed", "{edit}: {status:?}");
        assert_eq!(status.int("total_estimated"), status.int("processed") + status.int("drifted"), "{edit}");
        let left = queue(&mut conn);
        let tail = if edit.starts_with("LTRIM") { 1 } else { 2 };
        assert!(left[..3].iter().all(|message| message == MATCH || message == "no"), "{edit}: {left:?}");
        assert!(left.iter().filter(|message| *message == MATCH).count() >= 2 + tail, "{edit}: {left:?}");
        assert!(left[left.len() - tail..].iter().all(|message| message == MATCH), "{edit}: {left:?}");
    }
}

/// Returns a unique id.
fn uuid(n: usize) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

#[test]
fn clear_waits_while_writes_are_paused_and_says_why() {
    let server = server();
    let mut conn = server.conn();
    fill(&mut conn, 500);
    together(&mut conn, &[CLEAR, "CLIENT PAUSE 600000 WRITE"]);
    let status = format!("QADMIN.STATUS {ID}");
    eventually("the job says why it waits", || !ask(&mut conn, &status).is_null("waiting"));
    assert_eq!(numbers(&ask(&mut conn, &status), ["processed", "deleted", "drifted"]), [0, 0, 0]);
    assert_eq!(run(&mut conn, "LLEN q").expect("LLEN"), Value::Int(500));
    run(&mut conn, "CLIENT UNPAUSE").expect("CLIENT UNPAUSE");
    let status = wait_for_job(&mut conn, ID);
    assert_eq!(numbers(&status, COUNTS), [500, 500, 250, 250, 0, 0]);
    assert!(status.is_null("waiting"));
}

#[test]
fn two_clears_take_every_match_once_and_count_the_others_as_drift() {
    let server = server();
    let mut conn = server.conn();
    fill(&mut conn, 3_000);
    let other = uuid(77);
    together(&mut conn, &[CLEAR, &CLEAR.replace(ID, &other).replace("TASK m", "WHERE bytes > 0 TASK m")]);
    let one = wait_for_job(&mut conn, ID);
    let two = wait_for_job(&mut conn, &other);
    for status in [&one, &two] {
        assert_eq!(status.int("total_estimated"), status.int("processed") + status.int("drifted"));
        assert_eq!(status.int("matched"), status.int("deleted"));
    }
    assert_eq!(one.int("deleted") + two.int("deleted"), 1_500);
    assert_eq!(one.int("drifted") + one.int("matched"), 1_500, "each match was cleared by one or the other");
    assert_eq!(queue(&mut conn), vec![OTHER; 1_500]);
}
