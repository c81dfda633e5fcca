//! Everything that grows with input is limited: the table of docs/limits.md, and what happens beyond the
//! limits.

use std::fs;
use std::path::{Path, PathBuf};

use qadmin_harness::{Fields as _, Raw, Server, eventually, maps, workspace_root};

use crate::durability::until_caught_up;
use crate::stage::{Slow, filled, info, joined, later, newest_job, set, start_clear, target, until_waiting};
use crate::support::{ask, run, wait_for_job};

/// Parses the notations of limits: `64 * 1024`, `10_000`.
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

/// Constants that are named like a limit but limit nothing that a client sends.
const NO_LIMITS: [&str; 6] =
    ["CREDIT_MAX", "EXPONENT_MAX", "MAGNITUDE_MAX", "ZEROS_MAX", "OWN_MAX", "HANDLERS_MAX"];

/// Collects the code of the module and of its core, without tests.
fn code(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of code") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("tests") {
            code(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// A constant that is named like a limit is in the table, or in the list of those that are not limits.
#[test]
fn every_limit_of_the_code_is_on_the_page() {
    let root = workspace_root();
    let page = fs::read_to_string(root.join("docs/limits.md")).expect("the page");
    let mut files = Vec::new();
    code(&root.join("src"), &mut files);
    code(&root.join("core/src"), &mut files);
    let mut found = 0;
    for file in files {
        let place = file.strip_prefix(&root).expect("inside").display().to_string();
        for line in fs::read_to_string(&file).expect("code is text").lines() {
            let Some((_, rest)) = line.split_once("const ") else { continue };
            let Some((name, _)) = rest.split_once(": ") else { continue };
            let parts: Vec<&str> = name.split('_').collect();
            let limit = parts.iter().any(|part| ["MAX", "KEEP", "SLICES"].contains(part))
                || name.ends_with("PER_TURN");
            // These are positions in the table of settings, and the largest number that a browser reads
            // exactly.
            let other = place == "core/src/settings.rs" || place == "core/src/reply/json.rs";
            if limit && !other && !NO_LIMITS.contains(&name) {
                assert!(
                    page.contains(&format!("`{name}` in {place}")),
                    "{place}: {name} is not in limits.md"
                );
                found += 1;
            }
        }
    }
    assert!(found > 30, "{found} limits");
}

/// Returns a filter with this many terms.
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
        ("QADMIN.STATS q GROUPBY 5 a b c d e".to_owned(), "from 1 to 4"),
        ("QADMIN.STATS q GROUPBY 1 task TOP 1001".to_owned(), "1000"),
        ("QADMIN.PREVIEW q TASK a FIELDS 3 task id task".to_owned(), "got \"task\" twice"),
        ("QADMIN.JOBS COUNT 101".to_owned(), "100"),
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
fn clients_of_one_job_are_unblocked_over_several_turns_each_once() {
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
    // Some clients disconnect before their reply is made.
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

/// No machine can read 60,000 messages within one slice.
#[test]
fn an_immediate_sample_ends_with_its_time_before_a_long_window_does() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "sample-window 100000");
    set(&mut conn, "inline-wait 60000");
    filled(&server, "celery", 60_000);
    let needle = r#"{"body":"W10=","headers":{"task":"needle","id":"1"},"properties":{}}"#;
    redis::cmd("LPUSH").arg("celery").arg(needle).query::<i64>(&mut conn).expect("LPUSH");
    let at_once = ask(&mut conn, "QADMIN.PREVIEW celery TASK needle NOCOUNT");
    assert!(at_once.rows("sample").is_empty() && at_once.is_null("sample_error"));
    // The scan reads everything.
    let whole = ask(&mut conn, "QADMIN.PREVIEW celery TASK needle");
    assert_eq!((whole.int("match_count"), whole.rows("sample").len()), (1, 1));
    // The message that runs next is shown at once nevertheless.
    let next = ask(&mut conn, &format!("QADMIN.PREVIEW celery {} NOCOUNT SAMPLE 1", target()));
    assert_eq!(next.rows("sample").len(), 1);
}

#[test]
fn in_with_maximum_ids_clears_exactly_those() {
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
    // Every third number from 0 on; most of them are in no message.
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

/// Each of these filters is stored about twice as conditions and once as text.
#[test]
fn previews_do_not_block_once_their_requests_use_too_much_memory() {
    const CLIENTS: usize = 50;
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "inline-wait 60000");
    filled(&server, "celery", 20_000);
    let slow = Slow::start(&server);
    let values: String = (0..8_000).map(|n| format!(" {n:060}x")).collect();
    let line = format!("QADMIN.PREVIEW celery WHERE task IN 8000{values} SAMPLE 0");
    let clients: Vec<_> = (0..CLIENTS).map(|_| later(&server, line.clone())).collect();
    let told = || clients.iter().filter(|client| client.is_finished()).count();
    eventually("each waits or gets an error", || {
        usize::try_from(info(&server, "clients_waiting")).expect("a count") + told() == CLIENTS
    });
    let waiting = CLIENTS - told();
    run(&mut conn, "QADMIN.CANCEL ALL").expect("CANCEL");
    let modes: Vec<String> = clients.into_iter().map(|client| joined(client).text("mode")).collect();
    drop(slow);
    assert_eq!(modes.iter().filter(|mode| *mode == "job").count(), CLIENTS - waiting, "{modes:?}");
    // 64 MB are enough for that many filters of three times half a megabyte each.
    assert!((38..48).contains(&waiting), "{waiting} waited");
}

/// The message that all of them search for is where an immediate sample finds it and the paused scan has not
/// been.
#[test]
fn only_one_of_many_expiring_previews_searches_for_a_sample() {
    const CLIENTS: i64 = 8;
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "sample-window 8000");
    filled(&server, "celery", 6_000);
    let needle = r#"{"body":"W10=","headers":{"task":"needle","id":"1"},"properties":{}}"#;
    redis::cmd("LPUSH").arg("celery").arg(needle).query::<i64>(&mut conn).expect("LPUSH");
    filled(&server, "celery", 20_000);
    let slow = Slow::start(&server);
    set(&mut conn, "inline-wait 2000");
    let preview = || later(&server, "QADMIN.PREVIEW celery TASK needle");
    let mut clients = vec![preview()];
    until_waiting(&server, 1);
    let id = newest_job(&server).text("job_id");
    run(&mut conn, &format!("QADMIN.PAUSE {id}")).expect("PAUSE");
    drop(slow);
    set(&mut conn, "slice-us 5000");
    clients.extend((1..CLIENTS).map(|_| preview()));
    until_waiting(&server, CLIENTS);
    // This is longer than inline-wait: the time of all of them is up in the next event-loop iteration.
    run(&mut conn, "DEBUG SLEEP 2.1").expect("DEBUG");
    let replies: Vec<_> = clients.into_iter().map(joined).collect();
    assert!(replies.iter().all(|reply| reply.text("mode") == "job" && reply.is_null("sample_error")));
    let shown = replies.iter().filter(|reply| reply.rows("sample").len() == 1).count();
    assert_eq!(shown, 1, "{replies:?}");
    run(&mut conn, &format!("QADMIN.RESUME {id}")).expect("RESUME");
    assert_eq!(wait_for_job(&mut conn, &id).int("matched"), 1);
}

#[test]
fn newest_jobs_known_from_records_are_listed() {
    let mut server = Server::builder().module().config("appendonly yes").start();
    let replica = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 10);
    let mut starts: Vec<i64> = (0..30)
        .map(|_| {
            let id = start_clear(&mut conn, "celery");
            wait_for_job(&mut conn, &id).int("started_at")
        })
        .collect();
    starts.reverse();
    server.restart();
    replica.replica_of(&server);
    until_caught_up(&server, &replica);
    for server in [&server, &replica] {
        eventually("the five newest", || {
            let jobs = run(&mut server.conn(), "QADMIN.JOBS COUNT 5").expect("JOBS");
            maps(&jobs).iter().map(|job| job.int("started_at")).collect::<Vec<_>>() == starts[..5]
        });
    }
}
