//! Queues of Sidekiq and Resque: the same commands, with the kind of the messages.

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, Connection, pipe};

use crate::durability::{digest, until_caught_up};
use crate::stage::{Slow, filled, set};
use crate::support::{ask, run, wait_for_job};

/// Messages that Sidekiq 6.4.1 and ActiveJob 6.1.7 pushed, the newest of each queue first.
const SIDEKIQ: &str = include_str!("../../core/src/filter/tests/sidekiq.jsonl");

/// Pushes recorded messages as Sidekiq does: the last line first.
fn sidekiq(server: &Server, queue: &str) -> Connection {
    let mut conn = server.conn();
    for line in SIDEKIQ.lines().rev() {
        let _: i64 = conn.lpush(queue, line).expect("LPUSH");
    }
    conn
}

/// Pushes messages as Resque does, at the tail.
fn resque(conn: &mut Connection, queue: &str, numbers: std::ops::Range<u32>) {
    for n in numbers {
        let class = if n % 3 == 0 { "Bad" } else { "Good" };
        let _: i64 = conn.rpush(queue, format!(r#"{{"class":"{class}","args":[{n}]}}"#)).expect("RPUSH");
    }
}

fn args(conn: &mut Connection, queue: &str) -> Vec<u32> {
    let all: Vec<String> = conn.lrange(queue, 0, -1).expect("LRANGE");
    let number = |text: &String| text.split(['[', ']']).nth(1).and_then(|n| n.parse().ok());
    all.iter().map(|text| number(text).expect("a number")).collect()
}

#[test]
fn a_queue_of_sidekiq_is_counted_shown_and_cleared() {
    let server = Server::start();
    let mut conn = sidekiq(&server, "queue:default");
    let preview = ask(&mut conn, "QADMIN.PREVIEW queue:default TASK PlainJob AS sidekiq");
    assert_eq!((preview.int("match_count"), preview.text("message_kind").as_str()), (3, "sidekiq"));
    assert!(preview.is_null("looks_like"));
    let rows = preview.rows("sample");
    assert_eq!(rows[0].text("task"), "PlainJob");
    assert_eq!(rows[0].text("id"), "267f021335e9533f625741f4");
    assert_eq!((rows[0].int("args.0"), rows[0].text("args.1").as_str()), (147_107, "c0ffee"));
    // The same filter over the same queue with another kind is another count, cached or not.
    let other = ask(&mut conn, "QADMIN.PREVIEW queue:default TASK PlainJob");
    assert_eq!((other.int("match_count"), other.text("message_kind").as_str()), (0, "celery"));
    assert_eq!(other.text("looks_like"), "sidekiq");
    let clear =
        "QADMIN.CLEARJOB queue:default WHERE args.0 = 147107 KEEPONE CONFIRM queue:default AS sidekiq";
    let job = ask(&mut conn, clear);
    assert_eq!(job.text("message_kind"), "sidekiq");
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!(
        (end.int("matched"), end.int("deleted"), end.text("message_kind").as_str()),
        (2, 1, "sidekiq")
    );
    let left: Vec<String> = conn.lrange("queue:default", 0, -1).expect("LRANGE");
    let wanted: Vec<&str> = SIDEKIQ.lines().skip(1).collect();
    assert_eq!(left, wanted, "the one that runs next was kept");
}

#[test]
fn a_clear_without_as_is_refused_if_messages_look_like_another_kind() {
    let server = Server::start();
    let mut conn = sidekiq(&server, "q");
    filled(&server, "celery", 100);
    let refused = |conn: &mut Connection, line: &str| run(conn, line).expect_err(line).to_string();
    for line in ["QADMIN.CLEARJOB q TASK PlainJob ALL CONFIRM q", "QADMIN.CLEARJOB q TASK PlainJob DRYRUN"] {
        let error = refused(&mut conn, line);
        let says = "the messages look like those of sidekiq but would be read as those of celery; add AS \
                    sidekiq or AS celery";
        assert!(error.contains(says), "{error}");
    }
    // The kind that the user names is accepted, even if the messages look like another kind.
    let job = ask(&mut conn, "QADMIN.CLEARJOB q TASK PlainJob DRYRUN AS celery");
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("matched"), 0);
    set(&mut conn, "default-kind sidekiq");
    let job = ask(&mut conn, "QADMIN.CLEARJOB q TASK PlainJob DRYRUN");
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("would_delete"), 3);
    assert!(
        refused(&mut conn, "QADMIN.CLEARJOB celery TASK t ALL CONFIRM celery")
            .contains("look like those of celery")
    );
    // Messages of no recognisable kind are read as the kind that the user names.
    let _: i64 = conn.lpush("garbage", &["a", "{}", "[]"]).expect("LPUSH");
    assert!(run(&mut conn, "QADMIN.CLEARJOB garbage TASK t ALL CONFIRM garbage").is_ok());
    assert!(refused(&mut conn, "QADMIN.PREVIEW q TASK t AS arq").contains(
        "AS must be celery, sidekiq, resque, laravel, taskiq, huey, dramatiq, rq, bullmq, bull, asynq, saq or ids"
    ));
}

#[test]
fn messages_of_sidekiq_are_grouped_by_task() {
    let server = Server::start();
    let mut conn = sidekiq(&server, "q");
    let stats = ask(&mut conn, "QADMIN.STATS q GROUPBY 1 task AS sidekiq");
    let groups: Vec<(String, i64)> =
        stats.rows("groups").iter().map(|row| (row.text("task"), row.int("count"))).collect();
    let wanted = [("PlainJob", 3), ("InvoiceJob", 2), ("HardJob", 1)];
    assert_eq!(groups, wanted.map(|(task, count)| (task.to_owned(), count)));
    assert_eq!(stats.text("message_kind"), "sidekiq");
}

/// Resque pops from the head: the message there runs next.
#[test]
fn in_a_queue_of_resque_the_head_runs_next() {
    let server = Server::start();
    let mut conn = server.conn();
    resque(&mut conn, "resque:queue:mail", 0..10);
    let preview = ask(&mut conn, "QADMIN.PREVIEW resque:queue:mail TASK Bad AS resque");
    let rows: Vec<(i64, i64)> =
        preview.rows("sample").iter().map(|row| (row.int("index"), row.int("args.0"))).collect();
    assert_eq!(rows, [(0, 0), (3, 3), (6, 6), (9, 9)]);
    let moved =
        "QADMIN.CLEARJOB resque:queue:mail TASK Bad ALL TO away FRONT CONFIRM resque:queue:mail AS resque";
    let error = run(&mut conn, moved).expect_err("not for these lists").to_string();
    assert!(error.contains("FRONT and AS resque cannot be combined"), "{error}");
    let clear = "QADMIN.CLEARJOB resque:queue:mail TASK Bad KEEPONE CONFIRM resque:queue:mail AS resque";
    let job = ask(&mut conn, clear).text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!((end.int("deleted"), end.int("kept_index")), (3, 0), "{end:?}");
    assert_eq!(args(&mut conn, "resque:queue:mail"), [0, 1, 2, 4, 5, 7, 8]);
}

/// Messages later in the order are at the tail, where Resque pushes.
#[test]
fn a_move_from_a_resque_queue_and_back_keeps_the_order() {
    let server = Server::start();
    let replica = Server::start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    set(&mut conn, "slice-us 100 duty 100");
    resque(&mut conn, "q", 0..6_000);
    resque(&mut conn, "parked", 9_000..9_003);
    let mut wanted = vec![9_000, 9_001, 9_002];
    for (options, moved) in [("ALL LIMIT 1000", 0..3_000), ("KEEPONE", 3_003..6_000), ("ALL", 3_000..3_001)] {
        let line = format!("QADMIN.CLEARJOB q TASK Bad {options} TO parked CONFIRM q AS resque");
        let job = ask(&mut conn, &line).text("job_id");
        let end = wait_for_job(&mut conn, &job);
        wanted.extend(moved.filter(|n| n % 3 == 0));
        assert_eq!(end.text("status"), "completed", "{options}: {end:?}");
        assert_eq!(args(&mut conn, "parked"), wanted, "{options}");
    }
    assert_eq!(args(&mut conn, "q"), (0..6_000).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    let back = "QADMIN.CLEARJOB parked TASK Bad WHERE args.0 < 6000 ALL TO q CONFIRM parked AS resque";
    let job = ask(&mut conn, back).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), 2_000);
    assert_eq!(args(&mut conn, "parked"), [9_000, 9_001, 9_002]);
    assert_eq!(args(&mut conn, "q").len(), 6_000);
    until_caught_up(&server, &replica);
    for key in ["q", "parked"] {
        assert_eq!(args(&mut replica.conn(), key), args(&mut conn, key), "{key} of the replica");
    }
}

/// Workers pop from the head and producers push at the tail while a clear scans the queue.
#[test]
fn a_clear_of_a_live_resque_queue_removes_only_matches() {
    const MESSAGES: u32 = 12_000;
    let server = Server::start();
    let replica = Server::start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    let mut fill = pipe();
    let message = |n: u32| {
        let class = if n.is_multiple_of(3) { "Bad" } else { "Good" };
        format!(r#"{{"class":"{class}","args":[{n}]}}"#)
    };
    (0..MESSAGES).for_each(|n| _ = fill.cmd("RPUSH").arg("q").arg(message(n)).ignore());
    fill.query::<()>(&mut conn).expect("RPUSH");
    let slow = Slow::start(&server);
    let id = ask(&mut conn, "QADMIN.CLEARJOB q TASK Bad ALL CONFIRM q AS resque").text("job_id");
    let (mut popped, mut pushed) = (Vec::new(), MESSAGES);
    let mut live = true;
    while live {
        for _ in 0..3 {
            popped.extend(conn.lpop::<_, Option<String>>("q", None).expect("LPOP"));
            let _: i64 = conn.rpush("q", message(pushed)).expect("RPUSH");
            pushed += 1;
        }
        live = ask(&mut conn, &format!("QADMIN.STATUS {id}")).is_null("completed_at")
            && pushed < MESSAGES + 1_500;
    }
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!((end.int("processed") + end.int("drifted"), end.int("passes_run")), (i64::from(MESSAGES), 1));
    assert_eq!(end.int("deleted"), end.int("matched"));
    let left = args(&mut conn, "q");
    let taken: Vec<String> = popped;
    let wanted: Vec<u32> = (0..pushed)
        .filter(|n| !n.is_multiple_of(3) || *n >= MESSAGES)
        .filter(|n| !taken.contains(&message(*n)))
        .collect();
    assert_eq!(left, wanted);
    until_caught_up(&server, &replica);
    assert_eq!(args(&mut replica.conn(), "q"), left);
}

/// A lock and a batch are stored elsewhere, and a clear does not remove them.
#[test]
fn locks_and_batches_that_a_clear_leaves_are_named() {
    let server = Server::start();
    let mut conn = server.conn();
    for n in 0..6 {
        let more = match n % 3 {
            0 => r#","lock_digest":"uniquejobs:1""#,
            1 => r#","unique_digest":"u1","bid":"b""#,
            _ => "",
        };
        let job = format!(r#"{{"class":"Job","args":[{n}],"jid":"j{n}"{more}}}"#);
        let _: i64 = conn.lpush("queue:default", job).expect("LPUSH");
    }
    let locks = "matches that hold a lock (lock_digest, unique_digest, unique_for, unique jobs of Laravel): 4; a clear leaves the lock";
    let batches =
        "matches that a batch waits for (bid, data.batchId): 2; a batch whose job is cleared never completes";
    for _ in 0..2 {
        let preview = ask(&mut conn, "QADMIN.PREVIEW queue:default TASK Job AS sidekiq");
        let notice = preview.text("notice");
        assert!(notice.contains(locks) && notice.contains(batches), "counted and cached: {notice}");
    }
    for action in ["DRYRUN", "ALL CONFIRM queue:default"] {
        let job = ask(&mut conn, &format!("QADMIN.CLEARJOB queue:default TASK Job {action} AS sidekiq"));
        let end = wait_for_job(&mut conn, &job.text("job_id"));
        assert_eq!(end.int("matched"), 6, "{end:?}");
        assert!(end.text("notice").contains(locks) && end.text("notice").contains(batches), "{end:?}");
    }
    let payload = r#"{"displayName":"App","job":"J","data":{"batchId":"9d0f"}}"#;
    let _: i64 = conn.rpush("queues:default", payload).expect("RPUSH");
    let preview = ask(&mut conn, "QADMIN.PREVIEW queues:default WHERE headers.displayName = App AS resque");
    assert!(preview.text("notice").contains("matches that a batch waits for (bid, data.batchId): 1;"));
    // If nothing is left elsewhere, there is no notice.
    let _: i64 = conn.lpush("queue:low", r#"{"class":"Job","args":[],"jid":"j"}"#).expect("LPUSH");
    assert!(ask(&mut conn, "QADMIN.PREVIEW queue:low TASK Job AS sidekiq").is_null("notice"));
}

/// The element of `resque:failed` that Resque 3.0 wrote.
fn recorded_failure() -> String {
    let recorded = include_str!("../data/recorded/resque.txt");
    let mut lines = recorded.lines().skip_while(|line| !line.ends_with("resque:failed"));
    let element = lines.nth(1).and_then(|line| line.split_once("b'")).expect("an element").1;
    element.strip_suffix('\'').expect("a quote").replace("\\'", "'")
}

/// A failure has the job in `payload`; what is beside it says why it failed.
#[test]
fn failures_of_resque_are_counted_grouped_and_cleared_by_the_job_that_failed() {
    let server = Server::start();
    let replica = Server::start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    let recorded = recorded_failure();
    let failure = |n: u32| {
        let (class, error) = if n.is_multiple_of(3) { ("Mail", "timeout") } else { ("Archive", "no") };
        recorded
            .replace("666", &n.to_string())
            .replace(r#""class":"Archive""#, &format!(r#""class":"{class}""#))
            .replace(r#""error":"no""#, &format!(r#""error":"{error}""#))
    };
    assert!(failure(4).contains(r#""payload":{"class":"Archive","args":[4]}"#), "{}", failure(4));
    let all: Vec<String> = (0..12).map(failure).collect();
    let _: i64 = conn.rpush("resque:failed", &all).expect("RPUSH");
    let fields = "FIELDS 6 task args.0 routing_key headers.exception headers.error headers.failed_at";
    let line = format!("QADMIN.PREVIEW resque:failed TASK Mail AS resque SAMPLE 1 {fields}");
    let preview = ask(&mut conn, &line);
    assert_eq!((preview.int("match_count"), preview.int("unreadable")), (4, 0), "{preview:?}");
    let rows = preview.rows("sample");
    assert_eq!((rows[0].int("index"), rows[0].int("args.0")), (0, 0), "the head is the oldest failure");
    let texts = ["task", "routing_key", "headers.exception", "headers.error", "headers.failed_at"]
        .map(|field| rows[0].text(field));
    assert_eq!(texts, ["Mail", "mail", "RuntimeError", "timeout", "2026/11/28 12:31:03 UTC"]);
    for (filter, matches) in [
        ("WHERE args.0 = 7", 1),
        ("WHERE headers.error = timeout", 4),
        ("TASK Archive WHERE args.0 >= 10", 2),
        ("WHERE headers.worker EXISTS", 12),
        ("WHERE task != Mail WHERE headers.queue = mail", 8),
        ("WHERE id MISSING", 12),
    ] {
        let line = format!("QADMIN.PREVIEW resque:failed {filter} AS resque");
        assert_eq!(ask(&mut conn, &line).int("match_count"), matches, "{filter}");
    }
    assert_eq!(
        ask(&mut conn, "QADMIN.PREVIEW resque:failed TASK Mail").text("looks_like"),
        "resque",
        "failures are recognised"
    );
    let stats = ask(&mut conn, "QADMIN.STATS resque:failed GROUPBY 2 task headers.error AS resque");
    let groups: Vec<(String, String, i64)> = stats
        .rows("groups")
        .iter()
        .map(|row| (row.text("task"), row.text("headers.error"), row.int("count")))
        .collect();
    assert_eq!(groups, [("Archive".into(), "no".into(), 8), ("Mail".into(), "timeout".into(), 4)]);
    let clear = "QADMIN.CLEARJOB resque:failed TASK Mail WHERE headers.error = timeout KEEPONE AS resque \
                 CONFIRM resque:failed";
    let job = ask(&mut conn, clear).text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!((end.int("matched"), end.int("deleted"), end.int("kept_index")), (4, 3, 0), "{end:?}");
    let left: Vec<String> = conn.lrange("resque:failed", 0, -1).expect("LRANGE");
    let wanted: Vec<String> = (0..12).filter(|n| n % 3 != 0 || *n == 0).map(failure).collect();
    assert_eq!(left, wanted);
    until_caught_up(&server, &replica);
    assert_eq!(replica.conn().lrange::<_, Vec<String>>("resque:failed", 0, -1).expect("LRANGE"), left);
}

/// The keys are those that resque-scheduler 5.0 wrote. A job can be in a list twice.
#[test]
fn delayed_jobs_of_resque_are_counted_and_not_cleared() {
    const LIST: &str = "resque:delayed:1795872663";
    const SCHEDULE: &str = "resque:delayed_queue_schedule";
    let server = Server::start();
    let mut conn = server.conn();
    let job = r#"{"class":"Archive","args":[22],"queue":"mail"}"#;
    let other = r#"{"class":"Notify","args":[23],"queue":"mail"}"#;
    let _: i64 = conn.rpush(LIST, &[job, other, job]).expect("RPUSH");
    let _: i64 = conn.zadd(SCHEDULE, "1795872663", 1_795_872_663).expect("ZADD");
    for job in [job, other] {
        let _: i64 = conn.sadd(format!("resque:timestamps:{job}"), "delayed:1795872663").expect("SADD");
    }
    let before = digest(&mut conn);
    let preview =
        ask(&mut conn, &format!("QADMIN.PREVIEW {LIST} TASK Archive AS resque FIELDS 2 args.0 routing_key"));
    assert_eq!((preview.int("match_count"), preview.int("depth")), (2, 3));
    let row = &preview.rows("sample")[0];
    assert_eq!((row.int("args.0"), row.text("routing_key")), (22, "mail".into()));
    let stats = ask(&mut conn, &format!("QADMIN.STATS {LIST} GROUPBY 1 task AS resque"));
    assert_eq!(stats.rows("groups").len(), 2, "{stats:?}");
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let listed: Vec<String> = queues.rows("queues").iter().map(|row| row.text("queue")).collect();
    assert_eq!(listed, [LIST]);
    for words in
        ["TASK Archive ALL AS resque", "TASK Archive DRYRUN AS resque", "WHERE bytes > 0 ALL PARK AS celery"]
    {
        let line = format!("QADMIN.CLEARJOB {LIST} {words} CONFIRM {LIST}");
        let error = run(&mut conn, &line).expect_err(&line).to_string();
        assert!(error.contains("remove the jobs with Resque.remove_delayed_selection"), "{error}");
    }
    let line = format!("QADMIN.PREVIEW {SCHEDULE} TASK Archive");
    let error = run(&mut conn, &line).expect_err(&line).to_string();
    assert!(error.contains("its members are times; give the name of a list of delayed jobs"), "{error}");
    assert_eq!(digest(&mut conn), before);
    // Without a schedule it is a queue with such a name.
    resque(&mut conn, "resque:queue:delayed:7", 0..6);
    let clear =
        "QADMIN.CLEARJOB resque:queue:delayed:7 TASK Bad ALL AS resque CONFIRM resque:queue:delayed:7";
    let job = ask(&mut conn, clear).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), 2);
    // The name decides for a user who may not read the schedule.
    run(&mut conn, "ACL SETUSER op on nopass ~resque:queue:delayed:7 +@all").expect("ACL SETUSER");
    let mut user = server.conn();
    run(&mut user, "AUTH op x").expect("AUTH");
    let error = run(&mut user, clear).expect_err("it may be a list of delayed jobs").to_string();
    assert!(error.contains("resque-scheduler"), "{error}");
}
