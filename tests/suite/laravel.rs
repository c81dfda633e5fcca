//! Queues of Laravel: lists and the sorted sets of delayed jobs, with the messages that the real library wrote.

mod tokens;

use std::collections::BTreeMap;

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, Connection, pipe};

use crate::durability::until_caught_up;
use crate::stage::{Slow, set};
use crate::support::{ask, run, wait_for_job};

/// The keys that Laravel 12.67 wrote: see `tests/php/record_laravel.php`.
const RECORDED: &str = include_str!("../../core/src/filter/tests/laravel.jsonl");
const QUEUE: &str = "laravel_database_queues:default";
const DELAYED: &str = "laravel_database_queues:default:delayed";
const RESERVED: &str = "laravel_database_queues:default:reserved";

/// Writes the recorded keys, and returns the messages of the list in the order in which they run.
fn recorded(server: &Server) -> (Connection, Vec<String>) {
    let mut conn = server.conn();
    for line in RECORDED.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let (key, element) = (row["key"].as_str().expect("a key"), row["element"].as_str().expect("a text"));
        match row["score"].as_i64() {
            None => conn.rpush::<_, _, ()>(key, element).expect("RPUSH"),
            Some(score) => conn.zadd::<_, _, _, ()>(key, element, score).expect("ZADD"),
        }
    }
    let all = conn.lrange(QUEUE, 0, -1).expect("LRANGE");
    (conn, all)
}

/// Returns the messages at these positions of a list.
fn without(all: &[String], cleared: &[usize]) -> Vec<String> {
    let kept = all.iter().enumerate().filter(|(at, _)| !cleared.contains(at));
    kept.map(|(_, message)| message.clone()).collect()
}

fn scores(conn: &mut Connection, key: &str) -> BTreeMap<String, i64> {
    conn.zrange_withscores::<_, Vec<(String, i64)>>(key, 0, -1).expect("ZRANGE").into_iter().collect()
}

#[test]
fn recorded_jobs_are_counted_shown_and_cleared_by_their_properties() {
    let server = Server::start();
    let (mut conn, all) = recorded(&server);
    set(&mut conn, "cache-ttl 0");
    for (filter, matches, unreadable) in [
        (r"TASK App\Jobs\Upload", &[2, 8][..], 0),
        ("REPOID 147107", &[2, 7], 1),
        ("COMMITID e0ca38f7", &[2], 1),
        ("WHERE kwargs.user = 42", &[6], 1),
        ("WHERE kwargs.user.id = 42 WHERE kwargs.plan = Pro", &[6], 1),
        ("WHERE kwargs.repoid != 147107", &[1, 3, 8], 1),
        ("WHERE retries > 0", &[1], 0),
        ("WHERE enqueued > 2026-11-01 WHERE args.0 = 147107", &[4], 0),
    ] {
        let line = format!("QADMIN.PREVIEW {QUEUE} {filter} AS laravel");
        let preview = ask(&mut conn, &line);
        let positions: Vec<i64> = preview.rows("sample").iter().map(|row| row.int("index")).collect();
        let wanted: Vec<i64> = matches.iter().map(|at| i64::try_from(*at).expect("small")).collect();
        assert_eq!(positions, wanted, "{line}");
        assert_eq!(
            (preview.int("match_count"), preview.int("unreadable"), preview.text("message_kind")),
            (i64::try_from(matches.len()).expect("few"), unreadable, "laravel".into()),
            "{line}"
        );
        let clear = format!("QADMIN.CLEARJOB {QUEUE} {filter} ALL AS laravel CONFIRM {QUEUE}");
        let job = ask(&mut conn, &clear).text("job_id");
        let end = wait_for_job(&mut conn, &job);
        assert_eq!(
            (end.text("status"), end.int("deleted")),
            ("completed".into(), preview.int("match_count"))
        );
        let left: Vec<String> = conn.lrange(QUEUE, 0, -1).expect("LRANGE");
        assert_eq!(left, without(&all, matches), "{line}");
        let _: () = conn.del(QUEUE).expect("DEL");
        let _: () = conn.rpush(QUEUE, &all).expect("RPUSH");
    }
    let rows = ask(
        &mut conn,
        &format!(
            "QADMIN.PREVIEW {QUEUE} WHERE kwargs.user EXISTS AS laravel SAMPLE 1 FIELDS 3 task kwargs.user kwargs.plan"
        ),
    );
    let row = &rows.rows("sample")[0];
    assert_eq!(
        (row.text("task"), row.int("kwargs.user"), row.text("kwargs.plan")),
        (r"App\Jobs\Bill".into(), 42, "Pro".into())
    );
    let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} GROUPBY 1 kwargs.repoid AS laravel"));
    let rows = stats.rows("groups");
    let of_repo =
        rows.iter().find(|row| !row.is_null("kwargs.repoid") && row.int("kwargs.repoid") == 147_107);
    assert_eq!(of_repo.expect("a group").int("count"), 2, "{stats:?}");
    let keep = format!("QADMIN.CLEARJOB {QUEUE} TASK App\\Jobs\\Upload KEEPONE AS laravel CONFIRM {QUEUE}");
    let job = ask(&mut conn, &keep).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).int("kept_index"), 2, "the head runs next");
}

#[test]
fn a_clear_as_another_kind_is_refused_with_what_the_messages_look_like() {
    let server = Server::start();
    let (mut conn, all) = recorded(&server);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK t"));
    assert_eq!((preview.int("match_count"), preview.text("looks_like")), (0, "laravel".into()));
    let line = format!(r"QADMIN.CLEARJOB {QUEUE} TASK App\Jobs\Upload ALL CONFIRM {QUEUE}");
    let error = run(&mut conn, &line).expect_err(&line).to_string();
    assert!(
        error.contains("look like those of laravel but would be read as those of celery; add AS laravel"),
        "{error}"
    );
    let front = format!("QADMIN.CLEARJOB {QUEUE} TASK t ALL TO other FRONT AS laravel CONFIRM {QUEUE}");
    let error = run(&mut conn, &front).expect_err(&front).to_string();
    assert!(error.contains("FRONT and AS laravel cannot be combined"), "{error}");
    let priority = format!("QADMIN.PREVIEW {QUEUE} TASK t PRIORITY ALL AS laravel");
    assert!(run(&mut conn, &priority).is_err());
    // The other way round: messages of other libraries are not taken for Laravel's.
    let _: () = conn.lpush("queue:default", r#"{"class":"A","args":[1],"jid":"j"}"#).expect("LPUSH");
    let job = ask(
        &mut conn,
        "QADMIN.CLEARJOB queue:default WHERE kwargs.x MISSING ALL AS laravel CONFIRM queue:default",
    );
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!((end.int("deleted"), end.int("unreadable")), (0, 1), "{end:?}");
    set(&mut conn, "default-kind laravel");
    assert_eq!(ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} REPOID 147107")).int("match_count"), 2);
    let left: Vec<String> = conn.lrange(QUEUE, 0, -1).expect("LRANGE");
    assert_eq!(left, all);
}

#[test]
fn what_a_clear_leaves_behind_is_named() {
    let server = Server::start();
    let (mut conn, _) = recorded(&server);
    let notices = [
        "matches that hold a lock (lock_digest, unique_digest, unique_for, unique jobs of Laravel): 1;",
        "matches that a batch waits for (bid, data.batchId): 1;",
        "matches that hold the rest of a chain: 1;",
    ];
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} WHERE task EXISTS AS laravel"));
    let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} WHERE task EXISTS DRYRUN AS laravel"));
    for reply in [preview, wait_for_job(&mut conn, &dry.text("job_id"))] {
        let notice = reply.text("notice");
        assert!(notices.iter().all(|says| notice.contains(says)), "{notice}");
    }
    let plain = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} WHERE kwargs.path = a.b AS laravel"));
    assert!(plain.is_null("notice"), "{plain:?}");
}

/// Returns the `n`th message: the recorded one with another number of a repository, and with an id of its own.
fn job(template: &str, n: u32) -> String {
    let repoid = if n.is_multiple_of(3) { "i:147107;" } else { "i:147108;" };
    template.replace("i:147107;", repoid).replace("\"attempts\":0", &format!("\"n\":{n},\"attempts\":0"))
}

/// Workers pop from the head and producers push at the tail while a clear scans the queue.
#[test]
fn a_clear_of_a_live_queue_removes_only_matches() {
    const MESSAGES: u32 = 9_000;
    let server = Server::start();
    let replica = Server::start();
    replica.replica_of(&server);
    let (mut conn, all) = recorded(&server);
    let mut fill = pipe();
    (0..MESSAGES).for_each(|n| _ = fill.cmd("RPUSH").arg("queues:q").arg(job(&all[2], n)).ignore());
    fill.query::<()>(&mut conn).expect("RPUSH");
    let slow = Slow::start(&server);
    let id = ask(&mut conn, "QADMIN.CLEARJOB queues:q REPOID 147107 ALL CONFIRM queues:q AS laravel")
        .text("job_id");
    let (mut popped, mut pushed) = (Vec::new(), MESSAGES);
    let mut live = true;
    while live {
        for _ in 0..3 {
            popped.extend(conn.lpop::<_, Option<String>>("queues:q", None).expect("LPOP"));
            let _: () = conn.rpush("queues:q", job(&all[2], pushed)).expect("RPUSH");
            pushed += 1;
        }
        live = ask(&mut conn, &format!("QADMIN.STATUS {id}")).is_null("completed_at")
            && pushed < MESSAGES + 1_500;
    }
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!((end.int("processed") + end.int("drifted"), end.int("passes_run")), (i64::from(MESSAGES), 1));
    assert!(end.int("deleted") > 0 && end.int("unreadable") == 0, "{end:?}");
    let left: Vec<String> = conn.lrange("queues:q", 0, -1).expect("LRANGE");
    let wanted: Vec<String> = (0..pushed)
        .filter(|n| !n.is_multiple_of(3) || *n >= MESSAGES)
        .map(|n| job(&all[2], n))
        .filter(|message| !popped.contains(message))
        .collect();
    assert_eq!(left, wanted);
    until_caught_up(&server, &replica);
    assert_eq!(replica.conn().lrange::<_, Vec<String>>("queues:q", 0, -1).expect("LRANGE"), left);
}

#[test]
fn delayed_jobs_are_cleared_and_moved_with_their_time() {
    let server = Server::start();
    let (mut conn, _) = recorded(&server);
    let all = scores(&mut conn, DELAYED);
    assert_eq!(all.len(), 3);
    for kind in ["", "AS laravel"] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {DELAYED} REPOID 33 {kind} BUST"));
        assert_eq!(
            (preview.int("match_count"), preview.text("message_kind")),
            (2, "laravel".into()),
            "{preview:?}"
        );
        assert_eq!(preview.text("container"), "sorted_set");
    }
    let line = format!(
        r"QADMIN.CLEARJOB {DELAYED} TASK App\Jobs\Upload REPOID 33 ALL PARK ID 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 CONFIRM {DELAYED}"
    );
    let job = ask(&mut conn, &line).text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 1), "{end:?}");
    let parked_key = format!("{DELAYED}:parked:6f1c2b8e");
    let parked = scores(&mut conn, &parked_key);
    let [(member, score)] = &parked.iter().collect::<Vec<_>>()[..] else { panic!("one: {parked:?}") };
    assert!(member.contains("i:33;") && all[*member] == **score, "{member}");
    let undo =
        ask(&mut conn, &format!("QADMIN.UNDO 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 CONFIRM {parked_key}"));
    wait_for_job(&mut conn, &undo.text("job_id"));
    assert_eq!(scores(&mut conn, DELAYED), all);
    for (line, says) in [
        (format!("QADMIN.CLEARJOB {DELAYED} TASK t ALL AS celery CONFIRM {DELAYED}"), "AS celery"),
        (format!("QADMIN.PREVIEW {RESERVED} TASK t"), "which its workers hold"),
        (
            format!("QADMIN.CLEARJOB {RESERVED} TASK t ALL AS laravel CONFIRM {RESERVED}"),
            "which its workers hold",
        ),
    ] {
        let error = run(&mut conn, &line).expect_err(&line).to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(scores(&mut conn, RESERVED).len(), 1);
}

/// The score says when a job runs, so a new one can be anywhere in the set.
#[test]
fn delayed_jobs_that_are_added_after_a_clear_was_accepted_are_kept() {
    const JOBS: u32 = 6_000;
    let server = Server::start();
    let (mut conn, all) = recorded(&server);
    let mut fill = pipe();
    // Thousands of jobs have the same time, which is in whole seconds.
    (0..JOBS).for_each(|n| {
        _ = fill
            .cmd("ZADD")
            .arg("queues:q:delayed")
            .arg(1_795_000_000 + n / 1_000)
            .arg(job(&all[2], n))
            .ignore();
    });
    fill.query::<()>(&mut conn).expect("ZADD");
    let slow = Slow::start(&server);
    let id = ask(&mut conn, "QADMIN.CLEARJOB queues:q:delayed REPOID 147107 ALL CONFIRM queues:q:delayed")
        .text("job_id");
    let mut added = 0;
    while ask(&mut conn, &format!("QADMIN.STATUS {id}")).is_null("completed_at") && added < 600 {
        let later = job(&all[2], 900_000 + 3 * added);
        let _: () = conn.zadd("queues:q:delayed", later, 1_795_000_000 + added % 6).expect("ZADD");
        added += 1;
    }
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let left = scores(&mut conn, "queues:q:delayed");
    let new = (0..added).map(|n| job(&all[2], 900_000 + 3 * n));
    assert!(new.clone().all(|one| left.contains_key(&one)), "a later job was cleared");
    let old = (0..JOBS).filter(|n| !n.is_multiple_of(3)).map(|n| job(&all[2], n));
    assert!(old.clone().all(|one| left.contains_key(&one)), "a job that does not match was cleared");
    let matches = (0..JOBS).filter(|n| n.is_multiple_of(3)).map(|n| job(&all[2], n));
    let kept = i64::try_from(matches.filter(|one| left.contains_key(one)).count()).expect("few");
    assert_eq!(end.int("deleted") + kept, i64::from(JOBS / 3), "{end:?}");
}

#[test]
fn queues_lists_the_list_and_the_delayed_jobs_but_not_what_workers_hold() {
    let server = Server::start();
    let (mut conn, _) = recorded(&server);
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let listed: BTreeMap<String, (String, i64, String)> = queues
        .rows("queues")
        .iter()
        .map(|row| (row.text("queue"), (row.text("container"), row.int("depth"), row.text("looks_like"))))
        .collect();
    assert_eq!(listed[QUEUE], ("list".into(), 10, "laravel".into()), "{listed:?}");
    assert_eq!(listed[DELAYED], ("sorted_set".into(), 3, "laravel".into()), "{listed:?}");
    assert_eq!(listed.len(), 2, "{listed:?}");
    let rows = queues.rows("queues");
    let delayed = rows.iter().find(|row| row.text("queue") == DELAYED).expect("a row");
    assert_eq!(delayed.text("next_task"), r"App\Jobs\Upload");
}

/// Each reference stands for all that it refers to.
#[test]
fn a_job_that_describes_too_much_is_unreadable_and_delays_nobody() {
    let server = Server::start();
    let (mut conn, all) = recorded(&server);
    let ten = (0..10).map(|at| format!("i:{at};i:1;")).collect::<String>();
    let mut command = format!(r#"O:1:"J":9:{{s:2:"p0";a:10:{{{ten}}}"#);
    for level in 1..9 {
        let of = if level == 1 { 2 } else { 11 + level };
        let references = (0..10).map(|at| format!("i:{at};R:{of};")).collect::<String>();
        command += &format!("s:2:\"p{level}\";a:10:{{{references}}}");
    }
    command.push('}');
    let bomb = format!(
        r#"{{"displayName":"J","job":"Illuminate\\Queue\\CallQueuedHandler@call","data":{{"command":{}}}}}"#,
        serde_json::to_string(&command).expect("JSON")
    );
    let mut fill = pipe();
    (0..300).for_each(|n| {
        _ = fill.cmd("RPUSH").arg("queues:q").arg(if n % 3 == 0 { &all[2] } else { &bomb }).ignore();
    });
    fill.query::<()>(&mut conn).expect("RPUSH");
    let preview = ask(&mut conn, "QADMIN.PREVIEW queues:q REPOID 147107 AS laravel");
    let job =
        if preview.is_null("job_id") { preview } else { wait_for_job(&mut conn, &preview.text("job_id")) };
    assert_eq!(job.int("unreadable"), 200, "{job:?}");
    let job =
        ask(&mut conn, "QADMIN.CLEARJOB queues:q WHERE kwargs.p8 MISSING ALL AS laravel CONFIRM queues:q")
            .text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!((end.int("deleted"), end.int("unreadable")), (100, 200), "{end:?}");
    // One message is the smallest unit of work, and its work is bounded.
    assert!(end.int("slices") > 1, "{end:?}");
}
