//! Whatever grows with input is bounded: the table of docs/limits.md, and what happens beyond.

use std::fs;

use qadmin_harness::{Fields as _, Raw, Server, eventually, workspace_root};

use crate::stage::{Slow, filled, info, set, start_clear, target};
use crate::support::{ask, run, wait_for_job};

/// `64 * 1024`, `10_000`: what the limits are written with.
fn value(text: &str) -> Option<u64> {
    text.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>().ok()).product()
}

#[test]
fn every_limit_of_the_page_is_the_one_of_the_code() {
    let read = |path: &str| fs::read_to_string(workspace_root().join(path)).expect("a file of the project");
    let mut rows = 0;
    for line in read("docs/limits.md").lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, most, _, place] = cells[..] else { panic!("four columns: {line}") };
        let (name, file) = place.split_once(" in ").expect("a constant and its file");
        let name = name.trim_matches('`');
        let code = read(file);
        let text = code.lines().find_map(|code| {
            let (_, rest) = code.split_once(&format!("const {name}: "))?;
            rest.split_once(" = ")?.1.strip_suffix(';')
        });
        let text = text.unwrap_or_else(|| panic!("{file} has no {name}"));
        assert_eq!(value(text), most.parse().ok(), "{line}");
        rows += 1;
    }
    assert!(rows > 30, "the table has {rows} rows");
}

/// A word that stands for many.
fn filter_of(terms: usize) -> String {
    (0..terms).map(|n| format!("WHERE kwargs.k{n} = {n} ")).collect()
}

#[test]
fn beyond_a_limit_there_is_an_error_that_says_the_limit() {
    let server = Server::start();
    let mut conn = server.conn();
    let long = |n: usize| "x".repeat(n);
    let values: String = (0..9_999).map(|n| format!(" {n:060}x")).collect();
    let clear = "QADMIN.CLEARJOB q TASK a ALL CONFIRM q";
    let table = [
        (format!("QADMIN.PREVIEW {} TASK a", long(8_193)), "8192 bytes"),
        (format!("QADMIN.CLEARJOB {0} TASK a ALL CONFIRM {0}", long(8_193)), "8192 bytes"),
        (format!("QADMIN.JOBS QUEUE {}", long(8_193)), "8192 bytes"),
        (format!("{clear} ACTOR {}", long(257)), "256 bytes"),
        (format!("{clear} REASON {}", long(1_025)), "1024 bytes"),
        (format!("QADMIN.PREVIEW q {}", filter_of(65)), "64"),
        (format!("QADMIN.PREVIEW q TASK {}", long(4_097)), "4096 bytes"),
        (format!("QADMIN.PREVIEW q WHERE task GLOB {}", long(257)), "256 bytes"),
        ("QADMIN.PREVIEW q WHERE task IN 10001 a".to_owned(), "10000"),
        (format!("QADMIN.PREVIEW q WHERE task IN 9999{values}"), "524288 bytes"),
        (format!("QADMIN.PREVIEW q WHERE kwargs.{} EXISTS", long(300)), "256 bytes"),
        (format!("QADMIN.PREVIEW q WHERE kwargs{} EXISTS", ".a".repeat(17)), "16 parts"),
        ("QADMIN.PREVIEW q TASK a SAMPLE 101".to_owned(), "100"),
        ("QADMIN.PREVIEW q TASK a FIELDS 33 a".to_owned(), "32"),
        ("QADMIN.JOBS COUNT 1001".to_owned(), "1000"),
        ("QADMIN.STATUS 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 WAIT 86400001".to_owned(), "86400000"),
    ];
    for (line, limit) in table {
        let error = run(&mut conn, &line).expect_err("beyond the limit").to_string();
        let start = &line[..line.len().min(60)];
        assert!(error.contains(limit), "{start}: {error}");
        assert!(error.len() < 1_000 && error.bytes().all(|b| (0x20..0x7f).contains(&b)), "{start}: {error}");
    }
    assert_eq!(info(&server, "jobs_started"), 0);
    // At the limit everything works.
    let most = format!("QADMIN.PREVIEW {} {} SAMPLE 100", long(8_192), filter_of(64));
    assert_eq!(ask(&mut conn, &most).int("match_count"), 0);
}

#[test]
fn clients_that_wait_for_one_job_are_let_go_over_several_turns_and_each_is_answered_once() {
    const CLIENTS: i64 = 150;
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 20_000);
    let slow = Slow::start(&server);
    let id = start_clear(&mut conn, "celery");
    let line = format!("QADMIN.STATUS {id} WAIT 0");
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let command = |words: &[&[u8]]| {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        words.iter().for_each(|word| {
            out.extend([format!("${}\r\n", word.len()).as_bytes(), word, b"\r\n"].concat());
        });
        out
    };
    let mut clients: Vec<Raw> = (0..CLIENTS).map(|_| server.raw()).collect();
    for client in &mut clients {
        client.send(&command(&words)).expect("the server listens");
    }
    eventually("all wait", || info(&server, "clients_waiting") == CLIENTS);
    // Some go before their reply is made.
    clients.truncate(120);
    run(&mut conn, &format!("QADMIN.CANCEL {id}")).expect("CANCEL");
    for client in &mut clients {
        let reply = String::from_utf8(client.reply().expect("a reply")).expect("text");
        assert!(reply.contains("cancelled"), "{reply}");
        assert_eq!(client.line("PING"), "+PONG\r\n", "one reply and no more");
    }
    drop(slow);
    eventually("nobody waits", || info(&server, "clients_waiting") == 0);
}

/// 60,000 messages cannot be looked at within a slice, whatever the machine.
#[test]
fn an_immediate_sample_ends_with_its_time_before_a_long_window_does() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "sample-window 100000");
    filled(&server, "celery", 60_000);
    let needle = r#"{"body":"W10=","headers":{"task":"needle","id":"1"},"properties":{}}"#;
    redis::cmd("LPUSH").arg("celery").arg(needle).query::<i64>(&mut conn).expect("LPUSH");
    let at_once = ask(&mut conn, "QADMIN.PREVIEW celery TASK needle NOCOUNT");
    assert!(at_once.rows("sample").is_empty() && at_once.is_null("sample_error"));
    // The scan goes all the way.
    let whole = ask(&mut conn, "QADMIN.PREVIEW celery TASK needle");
    assert_eq!((whole.int("match_count"), whole.rows("sample").len()), (1, 1));
    // What runs next is shown at once all the same.
    let next = ask(&mut conn, &format!("QADMIN.PREVIEW celery {} NOCOUNT SAMPLE 1", target()));
    assert_eq!(next.rows("sample").len(), 1);
}

#[test]
fn as_many_ids_as_in_takes_clear_those_and_no_other() {
    let server = Server::start();
    let mut conn = server.conn();
    let message = |n: u32| {
        format!(
            r#"{{"body":"W10=","headers":{{"task":"t","id":"{n:08}-0000-4000-8000-000000000000"}},"properties":{{}}}}"#
        )
    };
    let mut fill = redis::pipe();
    (0..600).for_each(|n| _ = fill.cmd("LPUSH").arg("q").arg(message(n)).ignore());
    fill.query::<()>(&mut conn).expect("LPUSH");
    // Every third from 0 on, most of them in no message.
    let mut clear = redis::cmd("QADMIN.CLEARJOB");
    clear.arg("q").arg("ALL").arg("CONFIRM").arg("q").arg("WHERE").arg("id").arg("IN").arg("10000");
    (0..10_000).for_each(|n| _ = clear.arg(format!("{:08}-0000-4000-8000-000000000000", n * 3)));
    let reply = qadmin_harness::map(&clear.query::<redis::Value>(&mut conn).expect("a job"));
    let end = wait_for_job(&mut conn, &reply.text("job_id"));
    assert_eq!((end.int("processed"), end.int("deleted")), (600, 200), "{end:?}");
    let left: Vec<String> = redis::cmd("LRANGE").arg("q").arg(0).arg(-1).query(&mut conn).expect("LRANGE");
    let wanted: Vec<String> = (0..600).rev().filter(|n| n % 3 != 0).map(message).collect();
    assert_eq!(left, wanted);
}
