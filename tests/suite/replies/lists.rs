//! Lists: CANCEL ALL, JOBS, HELP; and JSON for numbers and bytes that a browser would lose.

use qadmin_harness::{Factory, Fields as _, Server, eventually, map, maps, text};
use redis::{Commands as _, Connection, Value};

use super::{ID, at_once, six};
use crate::stage::{set, target};
use crate::support::{ask, run, wait_for_job};

#[test]
fn cancel_all_is_a_list_of_what_it_ended() {
    let server = six();
    let mut conn = server.conn();
    set(&mut conn, "inline-limit 0");
    let preview = format!("QADMIN.PREVIEW celery {}", target());
    let clear = |options: &str| format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery {options}", target());
    let replies = at_once(
        &mut conn,
        &[preview, clear(""), clear("REASON two"), "QADMIN.CANCEL ALL QUEUE celery".into()],
    );
    let ended = maps(&replies[3]);
    let kinds: Vec<_> = ended.iter().map(|job| (job.text("kind"), job.text("status"))).collect();
    let cancelled = |kind: &str| (kind.to_string(), "cancelled".to_string());
    assert_eq!(kinds, [cancelled("preview"), cancelled("clear"), cancelled("clear")]);
    assert!(ended[0].iter().any(|(name, _)| name == "sample"), "status maps");
    assert_eq!(run(&mut conn, "QADMIN.CANCEL ALL"), Ok(Value::Array(Vec::new())));
    assert_eq!(text(&run(&mut conn, "QADMIN.CANCEL ALL FORMAT JSON").expect("a reply")), "[]");
}

#[test]
fn jobs_are_listed_newest_first() {
    let server = six();
    let mut conn = server.conn();
    let clear = |queue: &str| format!("QADMIN.CLEARJOB {queue} TASK t ALL CONFIRM {queue}");
    let lines = ["celery", "other", "celery", "celery"].map(clear);
    let mut ids: Vec<_> = at_once(&mut conn, &lines).iter().map(|job| map(job).text("job_id")).collect();
    for id in &ids {
        wait_for_job(&mut conn, id);
    }
    // Live jobs, including those of the same millisecond, come before ended ones.
    let replies = at_once(&mut conn, &[clear("celery"), clear("celery"), "QADMIN.JOBS".into()]);
    ids.extend(replies[..2].iter().map(|job| map(job).text("job_id")));
    let listed = maps(&replies[2]);
    let shown: Vec<_> = listed.iter().map(|job| job.text("job_id")).collect();
    assert_eq!(shown[..2], [ids[5].clone(), ids[4].clone()]);
    let started: Vec<_> = listed.iter().map(|job| job.int("started_at")).collect();
    assert!(started.is_sorted_by(|newer, older| newer >= older), "{started:?}");
    let mut all = shown.clone();
    all.sort();
    ids.sort();
    assert_eq!(all, ids);

    for id in &ids {
        wait_for_job(&mut conn, id);
    }
    let mut status = ask(&mut conn, &format!("QADMIN.STATUS {}", shown[0]));
    status
        .retain(|(name, _)| !["sample", "groups", "other", "groups_total", "ages"].contains(&name.as_str()));
    let list = |conn: &mut Connection, options: &str| {
        maps(&run(conn, &format!("QADMIN.JOBS {options}")).expect("a list"))
    };
    assert_eq!(list(&mut conn, "")[0], status, "STATUS without what only it shows");
    assert_eq!(list(&mut conn, "COUNT 2").len(), 2);
    assert_eq!(list(&mut conn, "QUEUE other").len(), 1);
    assert_eq!(list(&mut conn, "QUEUE celery COUNT 3").len(), 3);
    assert!(list(&mut conn, "QUEUE nosuch").is_empty());
    let json = text(&run(&mut conn, "QADMIN.JOBS FORMAT JSON").expect("a reply"));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(6));
    let resp3 = run(&mut server.conn3(), "QADMIN.JOBS").expect("a reply");
    assert!(matches!(&resp3, Value::Array(jobs) if jobs.iter().all(|job| matches!(job, Value::Map(_)))));

    for _ in 0..20 {
        ask(&mut conn, &clear("celery"));
    }
    eventually("all have ended", || crate::stage::info(&server, "jobs_live") == 0);
    assert_eq!(list(&mut conn, "").len(), 20, "20 where nobody says how many");
    assert_eq!(list(&mut conn, "COUNT 100").len(), 26);
}

#[test]
fn help() {
    let server = Server::start();
    let reply = run(&mut server.conn(), "QADMIN.HELP").expect("a reply");
    assert_eq!(run(&mut server.conn3(), "QADMIN.HELP").expect("a reply"), reply);
    let Value::Array(lines) = reply else { panic!("HELP answers a list, not {reply:?}") };
    let lines: Vec<_> = lines.iter().map(text).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
        QADMIN.PREVIEW queue filter [SAMPLE n] [FIELDS n field [field ...]] [BUST] [NOCOUNT] [INEXACT] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
            Counts the messages of a queue that match a filter and shows some of them.
        QADMIN.CLEARJOB queue filter [ALL | KEEPONE] [KEEP <OLDEST | NEWEST>] [BY [n] field [field ...]] [LIMIT n] [RATE n] [EXPECT n] [TOLERANCE percent] [TO key | PARK] [FRONT] [INEXACT] [DRYRUN] [CONFIRM queue] [ID uuid] [ACTOR name] [REASON text] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
            Starts a job that removes the messages of a queue that match a filter.
        QADMIN.UNDO job-id [QUEUE queue] [CONFIRM list] [FRONT] [DRYRUN] [ID uuid] [ACTOR name] [REASON text] [FORMAT <RESP | JSON>] [VERBOSE]
            Starts a job that moves back what a job moved to another list.
        QADMIN.STATUS job-id [QUEUE queue] [WAIT ms] [FORMAT <RESP | JSON>] [VERBOSE]
            Shows the state of a job, or waits for its end.
        QADMIN.CANCEL <job-id | ALL> [QUEUE queue] [FORMAT <RESP | JSON>] [VERBOSE]
            Cancels a job, or all jobs, before the next slice.
        QADMIN.PAUSE job-id [QUEUE queue] [FORMAT <RESP | JSON>] [VERBOSE]
            Pauses a job.
        QADMIN.RESUME job-id [QUEUE queue] [FORMAT <RESP | JSON>] [VERBOSE]
            Resumes a paused job, or continues an interrupted clear.
        QADMIN.THROTTLE job-id [RATE n] [DUTY percent] [QUEUE queue] [FORMAT <RESP | JSON>] [VERBOSE]
            Changes the speed of a job.
        QADMIN.JOBS [QUEUE queue] [COUNT n] [KIND <PREVIEW | CLEAR | STATS | UNDO | SHOW>] [STATUS <LIVE | ENDED | PENDING | RUNNING | PAUSED | COMPLETED | CANCELLED | FAILED | INTERRUPTED>] [USER name] [FORMAT <RESP | JSON>] [VERBOSE]
            Lists live and remembered jobs, newest first.
        QADMIN.QUEUES [GLOB pattern] [FORMAT <RESP | JSON>] [VERBOSE]
            Lists the queues of the database, the deepest first.
        QADMIN.STATS queue [filter] GROUPBY n field [field ...] [TOP n] [BUST] [INEXACT] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
            Counts the messages of a queue by the values of their fields.
        QADMIN.FIELDS queue [filter] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
            Shows which fields the messages that run next have, with examples of their values.
        QADMIN.SHOW queue id [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
            Shows one message of a queue whole, with its body.
        QADMIN.INDEX <CREATE | DROP | INFO | LIST> [queue] [FIELDS n field [field ...]] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
            Creates, drops and shows indexes of lists, for the ages of messages and for fast counts.
        QADMIN.HELP
            Shows this text.
        filter, at least one of:
            [TASK name] [REPOID id] [COMMITID sha] [WHERE field <operator value | GLOB pattern | IN count value [value ...] | CONTAINS value | EXISTS | MISSING>]... [OR field <operator value | GLOB pattern | IN count value [value ...] | CONTAINS value | EXISTS | MISSING>]...
        operator, one of:
            EQ NE LT LE GT GE = != < <= > >=
    ");
}

#[test]
fn json_keeps_what_a_browser_would_lose() {
    let server = Server::start();
    let mut conn = server.conn();
    let message = String::from_utf8(Factory::new(3).share(100.0).message(0)).expect("JSON");
    let queue: &[u8] = b"q\xff\0";
    for retries in ["9007199254740991", "9007199254740992", "-9007199254740992", "99999999999999999999"] {
        let message = message.replacen("\"retries\": 0", &format!("\"retries\": {retries}"), 1);
        let _: u64 = conn.lpush(queue, message).expect("LPUSH");
    }
    let ask = |conn: &mut Connection, args: &[&[u8]]| -> (String, serde_json::Value) {
        let mut command = redis::Cmd::new();
        for arg in args {
            command.arg(*arg);
        }
        let json: Vec<u8> = command.arg("FORMAT").arg("JSON").query(conn).expect("a reply");
        let json = String::from_utf8(json).expect("UTF-8");
        let parsed = serde_json::from_str(&json).expect("JSON");
        (json, parsed)
    };
    let line: &[&[u8]] =
        &[b"QADMIN.PREVIEW", queue, b"WHERE", b"task", b"EXISTS", b"FIELDS", b"1", b"retries"];
    let (json, preview) = ask(&mut conn, line);
    assert!(json.contains("\"queue\":\"q\u{fffd}\\u0000\",\"queue_b64\":\"cf8A\",\"filter\":"), "{json}");
    let rows: Vec<_> = (0..4).map(|row| preview["sample"][row]["retries"].clone()).collect();
    let expected = serde_json::json!([
        9_007_199_254_740_991_i64,
        "9007199254740992",
        "-9007199254740992",
        "99999999999999999999"
    ]);
    assert_eq!(serde_json::Value::from(rows), expected);

    let line: &[&[u8]] = &[
        b"QADMIN.CLEARJOB",
        queue,
        b"TASK",
        b"\xe4\xb8\x80\xff",
        b"ALL",
        b"CONFIRM",
        queue,
        b"REASON",
        b"\xfe",
        b"ACTOR",
        "\u{4e00}\"\n".as_bytes(),
        b"ID",
        ID.as_bytes(),
    ];
    let (_, clear) = ask(&mut conn, line);
    assert_eq!(clear["queue_b64"], "cf8A");
    wait_for_job(&mut conn, ID);
    let (json, status) = ask(&mut conn, &[b"QADMIN.STATUS", ID.as_bytes()]);
    for (member, value) in [
        ("reason", "\u{fffd}"),
        ("reason_b64", "/g=="),
        ("actor", "\u{4e00}\"\n"),
        ("queue_b64", "cf8A"),
        ("filter", "TASK \"\\xe4\\xb8\\x80\\xff\""),
        ("filter_task", "\u{4e00}\u{fffd}"),
        ("filter_task_b64", "5LiA/w=="),
    ] {
        assert_eq!(status[member], value, "{member} in {json}");
    }
    assert!(status.get("actor_b64").is_none(), "a twin only where it is needed");
    let (_, jobs) = ask(&mut conn, &[b"QADMIN.JOBS", b"QUEUE", queue]);
    assert_eq!(jobs[0]["queue_b64"], "cf8A");
}
