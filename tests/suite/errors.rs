//! The errors that users read when a command is wrong: one line of ASCII that names the correct form.

use qadmin_harness::{Fields as _, Raw, Server, eventually};
use redis::Commands as _;

use crate::stage::{LONG, Slow, filled, info, set, start_clear, target};
use crate::support::{ask, run, wait_for_job};

const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

/// Returns the words of a typed line: separated by single blanks, `''` for an empty word, `\xNN` for any
/// byte.
fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .map(|word| {
            let mut out = Vec::new();
            let mut rest = if word == "''" { b"" } else { word.as_bytes() };
            while let Some((first, after)) = rest.split_first() {
                if let Some(hex) = rest.strip_prefix(b"\\x") {
                    let digits = std::str::from_utf8(&hex[..2]).expect("two digits");
                    out.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                    rest = &hex[2..];
                } else {
                    out.push(*first);
                    rest = after;
                }
            }
            out
        })
        .collect()
}

/// Returns the reply to a typed line as it came over the wire, without its line end.
fn wire(raw: &mut Raw, line: &str) -> String {
    let words = words(line);
    let reply = raw.call(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let reply = String::from_utf8(reply).unwrap_or_else(|_| panic!("{line}: the reply is no text"));
    let end = reply.strip_suffix("\r\n").unwrap_or_else(|| panic!("{line}: {reply:?}"));
    end.to_string()
}

/// Runs every line of a table on a server on which only `wrongtype` exists.
fn check(table: &[(&str, &str)]) {
    let server = Server::start();
    let mut raw = server.raw();
    raw.line("SET wrongtype x");
    for (line, expected) in table {
        let got = wire(&mut raw, &format!("QADMIN.{line}"));
        assert_eq!(got, format!("-{expected}"), "{line}");
        assert!(got.bytes().all(|b| (0x20..0x7f).contains(&b)), "one line of ASCII: {got:?}");
    }
    assert_eq!(info(&server, "jobs_started"), 0, "a wrong command starts nothing");
    assert_eq!(
        server.info("db0").unwrap_or_default().split(',').next(),
        Some("keys=1"),
        "and writes nothing"
    );
}

#[test]
fn every_syntax_error_says_what_would_be_right() {
    check(&[
        ("PREVIEW", "ERR wrong number of arguments for 'QADMIN.PREVIEW' command"),
        ("CLEARJOB", "ERR wrong number of arguments for 'QADMIN.CLEARJOB' command"),
        ("STATUS", "ERR wrong number of arguments for 'QADMIN.STATUS' command"),
        ("CANCEL", "ERR wrong number of arguments for 'QADMIN.CANCEL' command"),
        ("HELP me", "ERR wrong number of arguments for 'QADMIN.HELP' command"),
        ("PREVIEW q", "ERR a filter is needed: at least one of TASK, REPOID, COMMITID and WHERE"),
        ("PREVIEW q SAMPLE 3", "ERR a filter is needed: at least one of TASK, REPOID, COMMITID and WHERE"),
        (
            "CLEARJOB q ALL CONFIRM q",
            "ERR a filter is needed: at least one of TASK, REPOID, COMMITID and WHERE",
        ),
        (
            "PREVIEW q TASK t XYZ",
            "ERR unknown keyword \"XYZ\"; QADMIN.PREVIEW takes TASK, REPOID, COMMITID, WHERE, OR, SAMPLE, FIELDS, \
             BUST, NOCOUNT, INEXACT, PRIORITY, INDEX, AS, FORMAT, VERBOSE",
        ),
        (
            "CLEARJOB q TASK t ALL BUST",
            "ERR unknown keyword \"BUST\"; QADMIN.CLEARJOB takes TASK, REPOID, COMMITID, WHERE, OR, ALL, KEEPONE, \
             KEEP, BY, LIMIT, RATE, EXPECT, TOLERANCE, TO, PARK, FRONT, INEXACT, DRYRUN, CONFIRM, ID, ACTOR, REASON, PRIORITY, INDEX, AS, FORMAT, VERBOSE",
        ),
        (
            &format!("STATUS {ID} COUNT 1"),
            "ERR unknown keyword \"COUNT\"; QADMIN.STATUS takes QUEUE, WAIT, FORMAT, VERBOSE",
        ),
        (
            &format!("CANCEL {ID} WAIT 1"),
            "ERR unknown keyword \"WAIT\"; QADMIN.CANCEL takes QUEUE, FORMAT, VERBOSE",
        ),
        (
            &format!("PAUSE {ID} WAIT 1"),
            "ERR unknown keyword \"WAIT\"; QADMIN.PAUSE takes QUEUE, FORMAT, VERBOSE",
        ),
        (
            &format!("RESUME {ID} RATE 1"),
            "ERR unknown keyword \"RATE\"; QADMIN.RESUME takes QUEUE, FORMAT, VERBOSE",
        ),
        (
            &format!("THROTTLE {ID}"),
            "ERR give RATE n (messages removed per second, 0 = no limit), DUTY percent (0 = the value of \
             the setting), or both",
        ),
        ("QUEUES celery", "ERR unknown keyword \"celery\"; QADMIN.QUEUES takes GLOB, FORMAT, VERBOSE"),
        ("QUEUES GLOB", "ERR GLOB needs a value"),
        (
            "JOBS celery",
            "ERR unknown keyword \"celery\"; QADMIN.JOBS takes QUEUE, COUNT, KIND, STATUS, USER, FORMAT, VERBOSE",
        ),
        ("PREVIEW q TASK", "ERR TASK needs a value"),
        ("PREVIEW q TASK t SAMPLE", "ERR SAMPLE needs a value"),
        ("PREVIEW q WHERE", "ERR WHERE needs a value"),
        ("PREVIEW q WHERE task", "ERR WHERE task needs an operator"),
        ("PREVIEW q WHERE task =", "ERR = needs a value"),
        (
            "PREVIEW q WHERE task ~ x",
            "ERR unknown operator \"~\"; operators are = != < <= > >= EQ NE LT LE GT GE GLOB IN CONTAINS EXISTS MISSING",
        ),
        ("PREVIEW q WHERE task IN 3 a b", "ERR IN 3 needs 3 values, got 2"),
        ("PREVIEW q WHERE retries GLOB 1*", "ERR GLOB needs a text field; retries is not one"),
        (
            "PREVIEW q WHERE task < abc",
            "ERR <, <=, > and >= need a number or a time (ISO-8601 or now[+-]N[s|m|h|d]) for task, got \"abc\"",
        ),
        (
            "PREVIEW q WHERE eta > tomorrow",
            "ERR eta must be a time (ISO-8601, Unix seconds or milliseconds, or now[+-]N[s|m|h|d]), got \"tomorrow\"",
        ),
        ("PREVIEW q TASK ''", "ERR the value of TASK must not be empty"),
        ("PREVIEW q TASK a TASK b", "ERR TASK can be given only once; use WHERE task IN 2 a b"),
        ("PREVIEW q REPOID abc", "ERR REPOID must be an integer, got \"abc\""),
        ("PREVIEW q REPOID 1.0", "ERR REPOID must be an integer, got \"1.0\""),
        ("PREVIEW q TASK t SAMPLE 3 SAMPLE 3", "ERR SAMPLE is given twice; give it once"),
        ("CLEARJOB q TASK t ALL all", "ERR ALL is given twice; give it once"),
        ("PREVIEW q TASK t SAMPLE 101", "ERR SAMPLE must be an integer from 0 to 100, got \"101\""),
        ("PREVIEW q TASK t SAMPLE -1", "ERR SAMPLE must be an integer from 0 to 100, got \"-1\""),
        ("PREVIEW q TASK t FIELDS 0", "ERR FIELDS must be an integer from 1 to 32, got \"0\""),
        ("PREVIEW q TASK t FIELDS 3 task id", "ERR FIELDS 3 needs 3 values after it, got 2"),
        ("PREVIEW q TASK t FORMAT xml", "ERR FORMAT must be RESP or JSON, got \"xml\""),
        (
            &format!("STATUS {ID} WAIT 86400001"),
            "ERR WAIT must be an integer from 0 to 86400000, got \"86400001\"",
        ),
        ("JOBS COUNT 0", "ERR COUNT must be an integer from 1 to 100, got \"0\""),
        (
            "JOBS COUNT 99999999999999999999",
            "ERR COUNT must be an integer from 1 to 100, got \"99999999999999999999\"",
        ),
        (
            "CLEARJOB q TASK t ALL ID 5 CONFIRM q",
            "ERR ID must be a UUID like 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02, got \"5\"",
        ),
        ("CLEARJOB q TASK t ALL ACTOR '' CONFIRM q", "ERR ACTOR must not be empty"),
        (
            "CLEARJOB q TASK t ALL KEEPONE CONFIRM q",
            "ERR ALL and KEEPONE cannot be combined; give one of them",
        ),
        (
            "CLEARJOB q TASK t CONFIRM q",
            "ERR the mode is missing; give ALL to clear every match, KEEPONE to clear all but the oldest, \
             or DRYRUN to only count them",
        ),
        ("APPLY q 1 a b", "ERR QADMIN.APPLY is internal; only a primary or an append-only file may send it"),
    ]);
}

#[test]
fn a_clear_without_confirmation_does_nothing() {
    check(&[
        (
            "UNDO 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 CONFIRM x",
            "NOJOB no job with id \"6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02\"; jobs are forgotten after \
             job-ttl. To move a whole list, use QADMIN.CLEARJOB list WHERE bytes GE 0 ALL TO queue CONFIRM \
             list",
        ),
        ("UNDO x", "NOJOB no job with id \"x\""),
        ("CLEARJOB q TASK t ALL", "CONFIRM repeat the queue's name to confirm the clear: CONFIRM \"q\""),
        ("CLEARJOB q TASK t KEEPONE", "CONFIRM repeat the queue's name to confirm the clear: CONFIRM \"q\""),
        ("CLEARJOB '' TASK t ALL", "CONFIRM repeat the queue's name to confirm the clear: CONFIRM \"\""),
        (
            "CLEARJOB q TASK t ALL CONFIRM Q",
            "CONFIRM \"Q\" is not the name of queue \"q\"; to clear it, give CONFIRM \"q\"",
        ),
        (
            "CLEARJOB q TASK t ALL CONFIRM ''",
            "CONFIRM \"\" is not the name of queue \"q\"; to clear it, give CONFIRM \"q\"",
        ),
        (
            "CLEARJOB q TASK t DRYRUN CONFIRM other",
            "CONFIRM \"other\" is not the name of queue \"q\"; to clear it, give CONFIRM \"q\"",
        ),
        ("CLEARJOB q TASK t ALL CONFIRM", "ERR CONFIRM needs a value"),
    ]);
}

#[test]
fn the_error_for_an_unknown_job_repeats_its_id() {
    check(&[
        (&format!("STATUS {ID}"), &format!("NOJOB no job with id \"{ID}\"")),
        (&format!("STATUS {ID} WAIT 0"), &format!("NOJOB no job with id \"{ID}\"")),
        (&format!("STATUS {ID} QUEUE q"), &format!("NOJOB no job with id \"{ID}\"")),
        (&format!("CANCEL {ID}"), &format!("NOJOB no job with id \"{ID}\"")),
        ("STATUS 5", "NOJOB no job with id \"5\""),
        ("STATUS ''", "NOJOB no job with id \"\""),
        ("CANCEL every", "NOJOB no job with id \"every\""),
    ]);
}

#[test]
fn key_of_another_type_is_refused() {
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    check(&[
        ("PREVIEW wrongtype TASK t", wrong),
        ("PREVIEW wrongtype TASK t NOCOUNT", wrong),
        ("CLEARJOB wrongtype TASK t ALL CONFIRM wrongtype", wrong),
        ("CLEARJOB wrongtype TASK t DRYRUN", wrong),
    ]);
}

#[test]
fn bytes_of_users_are_quoted_and_escaped() {
    check(&[
        ("STATUS a\\x00b", "NOJOB no job with id \"a\\x00b\""),
        ("STATUS a\\x0d\\x0ab", "NOJOB no job with id \"a\\x0d\\x0ab\""),
        ("STATUS %s%n%x", "NOJOB no job with id \"%s%n%x\""),
        ("STATUS \u{4e00}", "NOJOB no job with id \"\\xe4\\xb8\\x80\""),
        ("STATUS \\xff\\xfe\"\\x5c", "NOJOB no job with id \"\\xff\\xfe\\\"\\\\\""),
        ("PREVIEW q REPOID \\x0d\\x0a+OK", "ERR REPOID must be an integer, got \"\\x0d\\x0a+OK\""),
        (
            "CLEARJOB %s\\x00 TASK t ALL CONFIRM \\xff",
            "CONFIRM \"\\xff\" is not the name of queue \"%s\\x00\"; to clear it, give CONFIRM \"%s\\x00\"",
        ),
        ("PREVIEW q TASK t FORMAT \\x1b[31m", "ERR FORMAT must be RESP or JSON, got \"\\x1b[31m\""),
        (
            "JOBS xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "ERR unknown keyword \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"; \
             QADMIN.JOBS takes QUEUE, COUNT, KIND, STATUS, USER, FORMAT, VERBOSE",
        ),
    ]);
}

#[test]
fn an_unknown_field_names_the_fields() {
    let server = Server::start();
    for line in ["QADMIN.PREVIEW q WHERE nosuch = 1", "QADMIN.PREVIEW q TASK t FIELDS 1 nosuch"] {
        let error = wire(&mut server.raw(), line);
        assert!(error.starts_with("-ERR unknown field \"nosuch\"; fields are task"), "{error}");
        assert!(error.contains("kwargs.NAME"), "{error}");
    }
}

#[test]
fn too_many_jobs_says_how_many_and_which_setting() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    set(&mut conn, "max-jobs 2");
    let slow = Slow::start(&server);
    let ids = [start_clear(&mut conn, "celery"), start_clear(&mut conn, "celery")];
    let line = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery", target());
    assert_eq!(
        wire(&mut server.raw(), &line),
        "-TOOMANYJOBS 2 jobs are unfinished and the setting max-jobs is 2; wait for one to end, cancel one, \
         or raise max-jobs"
    );
    drop(slow);
    for id in ids {
        assert_eq!(wait_for_job(&mut conn, &id).text("status"), "completed");
    }
    assert_eq!(info(&server, "jobs_started"), 2);
}

#[test]
fn an_id_that_another_job_has_is_refused() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 100);
    let line = format!("QADMIN.CLEARJOB celery {} ALL ID {ID}", target());
    ask(&mut conn, &format!("{line} CONFIRM celery"));
    wait_for_job(&mut conn, ID);
    let refused = format!("-ERR ID {ID} belongs to a job with other arguments; choose another ID");
    let mut raw = server.raw();
    for other in ["ACTOR me CONFIRM celery", "DRYRUN", "REASON x CONFIRM celery"] {
        assert_eq!(wire(&mut raw, &format!("{line} {other}")), refused, "{other}");
    }
    let elsewhere = format!("QADMIN.CLEARJOB other {} ALL CONFIRM other ID {ID}", target());
    assert_eq!(wire(&mut raw, &elsewhere), refused, "another queue");
    raw.line("SELECT 1");
    assert_eq!(wire(&mut raw, &format!("{line} CONFIRM celery")), refused, "another database");
    assert_eq!(info(&server, "jobs_started"), 1);
}

#[test]
fn a_replica_clears_nothing() {
    let primary = Server::start();
    filled(&primary, "celery", 100);
    let replica = Server::start();
    replica.replica_of(&primary);
    eventually("the replica has the queue", || replica.conn().llen::<_, u64>("celery").expect("LLEN") == 100);
    let refused = "-READONLY You can't write against a read only replica.";
    let line = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery", target());
    assert_eq!(wire(&mut replica.raw(), &line), refused);
    let dry = format!("QADMIN.CLEARJOB celery {} DRYRUN", target());
    assert_eq!(wire(&mut replica.raw(), &dry), refused, "a dry run leaves a record, which is a write");
    let seen = run(&mut replica.conn(), &format!("QADMIN.PREVIEW celery {}", target()));
    assert_eq!(qadmin_harness::map(&seen.expect("a reply")).text("mode"), "synchronous");
}
