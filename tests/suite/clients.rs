//! Clients that send a command again, wait, are disconnected, or use another database or a replica.

use qadmin_harness::{Fields as _, Server, eventually, map, maps, text};
use redis::{Commands as _, Value};

use crate::stage::{
    LONG, Slow, filled, info, joined, later, set, start_clear, target, until_running, until_waiting,
};
use crate::support::{ask, run, wait_for_job};

const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

#[test]
fn a_command_that_is_sent_again_starts_nothing() {
    let mut server = Server::builder().module().config("appendonly yes").start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    let line = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ID {ID} ACTOR me", target());
    let slow = Slow::start(&server);
    // The first client disconnects before it reads its reply.
    let mut lost = server.raw();
    let words: Vec<String> = line.split(' ').map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    lost.send(format!("*{}\r\n{}", words.len(), words.concat()).as_bytes()).expect("sent");
    eventually("the job was accepted", || info(&server, "clears_live") == 1);
    drop(lost);
    for _ in 0..4 {
        let again = ask(&mut conn, &line);
        assert_eq!((again.text("job_id").as_str(), again.int("deduplicated")), (ID, 1));
    }
    // The order of the words, their case and FORMAT do not change the job.
    let spelled = format!("qadmin.clearjob celery actor me id {} all {}", ID.to_uppercase(), target());
    let json = run(&mut conn, &format!("{spelled} FORMAT JSON CONFIRM celery")).expect("a reply");
    assert!(text(&json).contains("\"deduplicated\":1"), "{json:?}");
    drop(slow);
    assert_eq!(wait_for_job(&mut conn, ID).int("deleted"), matching);
    let ended = ask(&mut conn, &line);
    assert_eq!((ended.text("status").as_str(), ended.int("deduplicated")), ("completed", 1));
    server.restart();
    let mut conn = server.conn();
    let remembered = ask(&mut conn, &line);
    assert_eq!((remembered.text("status").as_str(), remembered.int("deduplicated")), ("completed", 1));
    let error = run(&mut conn, &format!("{line} REASON other")).expect_err("other arguments").to_string();
    assert!(error.contains("belongs to a job with other arguments"), "{error}");
    assert_eq!(info(&server, "jobs_started"), 0, "since the restart");
}

#[test]
fn status_waits_for_the_end_of_a_job_or_its_own_time() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    let slow = Slow::start(&server);
    let job = start_clear(&mut conn, "celery");
    let short = ask(&mut conn, &format!("QADMIN.STATUS {job} WAIT 5"));
    assert!(["pending", "running"].contains(&short.text("status").as_str()), "{short:?}");
    let waiting = [
        later(&server, format!("QADMIN.STATUS {job} WAIT 0")),
        later(&server, format!("QADMIN.STATUS {job} WAIT 86400000 QUEUE celery")),
        later(&server, format!("QADMIN.STATUS {job} WAIT 0 FORMAT JSON")),
    ];
    until_waiting(&server, 3);
    drop(slow);
    let [first, second, json] = waiting;
    for end in [joined(first), joined(second)] {
        assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", matching));
        assert_eq!(end.int("progress"), 100);
    }
    let json = text(&json.join().expect("ends").expect("a reply"));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["status"], &json["deleted"]), (&"completed".into(), &matching.into()));
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {job} WAIT 0")).text("status"), "completed", "at once");
}

#[test]
fn blocked_client_can_be_unblocked() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    set(&mut conn, "inline-wait 60000");
    let _slow = Slow::start(&server);
    let job = start_clear(&mut conn, "celery");
    let blocked = |line: String, options: &str| {
        let mut waiter = server.conn();
        let id = text(&run(&mut waiter, "CLIENT ID").expect("CLIENT ID"));
        let thread = std::thread::spawn(move || run(&mut waiter, &line));
        until_waiting(&server, 1);
        assert_eq!(
            run(&mut server.conn(), &format!("CLIENT UNBLOCK {id}{options}")),
            Ok(redis::Value::Int(1))
        );
        let reply = thread.join().expect("ends");
        until_waiting(&server, 0);
        reply
    };
    let status = blocked(format!("QADMIN.STATUS {job} WAIT 0"), "").expect("a reply");
    assert!(["pending", "running"].contains(&map(&status).text("status").as_str()), "as after its time");
    let error = blocked(format!("QADMIN.STATUS {job} WAIT 0"), " ERROR").expect_err("an error").to_string();
    assert!(error.contains("UNBLOCKED"), "{error}");
    let line = format!("QADMIN.PREVIEW celery {}", target());
    let preview = map(&blocked(line.clone(), " TIMEOUT").expect("a reply"));
    assert_eq!(preview.text("mode"), "job", "the count goes on as a job");
    let found = ask(&mut conn, &format!("QADMIN.STATUS {}", preview.text("job_id")));
    assert_eq!(found.text("kind"), "preview");
    ask(&mut conn, &format!("QADMIN.CANCEL {}", preview.text("job_id")));
    blocked(line, " ERROR").expect_err("an error");
    assert_eq!(info(&server, "previews_live"), 0, "no client got the id of that job");
    ask(&mut conn, &format!("QADMIN.CANCEL {job}"));
}

/// If a client's time is up after the module has replied and before the server handles the reply, Redis 7.0
/// drops the reply.
#[test]
fn a_client_whose_time_is_up_as_its_job_ends_is_answered() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let slow = Slow::start(&server);
    for command in ["QADMIN.PREVIEW celery TASK x", "QADMIN.STATUS JOB WAIT 0"] {
        let job = start_clear(&mut conn, "celery");
        let mut client = server.conn();
        let id = text(&run(&mut client, "CLIENT ID").expect("an id"));
        let line = command.replace("JOB", &job);
        let waits = std::thread::spawn(move || run(&mut client, &line));
        until_waiting(&server, 1);
        // Nothing happens between the end of its job and the end of its time.
        let ended: redis::RedisResult<Vec<Value>> = redis::pipe()
            .atomic()
            .cmd("QADMIN.CANCEL")
            .arg("ALL")
            .cmd("CLIENT")
            .arg(&["UNBLOCK", &id, "TIMEOUT"])
            .query(&mut conn);
        assert_eq!(ended.expect("EXEC answers")[1], Value::Int(1));
        eventually("the client is answered", || waits.is_finished());
        let reply = map(&waits.join().expect("the client's thread ends well").expect("a reply"));
        let state = if command.contains("PREVIEW") { "mode" } else { "status" };
        assert!(["failed", "cancelled"].contains(&reply.text(state).as_str()), "{reply:?}");
        assert_eq!(info(&server, "clients_waiting"), 0);
    }
    drop(slow);
}

#[test]
fn a_replica_shows_and_counts() {
    let primary = Server::start();
    let mut conn = primary.conn();
    let matching = filled(&primary, "celery", 2_000);
    let replica = Server::start();
    replica.replica_of(&primary);
    let mut there = replica.conn();
    eventually("the replica has the queue", || there.llen::<_, u64>("celery").expect("LLEN") == 2_000);
    let count = ask(&mut there, &format!("QADMIN.PREVIEW celery {}", target()));
    assert_eq!((count.text("mode").as_str(), count.int("match_count")), ("synchronous", matching));
    assert_eq!(count.rows("sample").len(), usize::try_from(matching.min(20)).expect("small"));

    let job = start_clear(&mut conn, "celery");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), matching);
    run(&mut conn, "WAIT 1 0").expect("WAIT");
    let seen = ask(&mut there, &format!("QADMIN.STATUS {job} WAIT 0"));
    assert_eq!((seen.text("status").as_str(), seen.int("deleted")), ("completed", matching));
    let jobs = run(&mut there, "QADMIN.JOBS QUEUE celery").expect("JOBS");
    assert!(maps(&jobs).iter().any(|listed| listed.text("job_id") == job));
    let count = ask(&mut there, &format!("QADMIN.PREVIEW celery {}", target()));
    assert_eq!(count.int("match_count"), 0, "the cached count went with the messages: {count:?}");
    let cancelled = ask(&mut there, &format!("QADMIN.CANCEL {job}"));
    assert_eq!(cancelled.text("status"), "completed", "an ended job does not change");
}

#[test]
fn databases_do_not_mix() {
    let server = Server::start();
    let mut zero = server.conn();
    let matching = filled(&server, "celery", 2_000);
    let mut one = server.conn();
    run(&mut one, "SELECT 1").expect("SELECT");
    run(&mut zero, "COPY celery celery DB 1").expect("COPY");
    // After this, Valkey 8.1 leaves a client in the other database if any module receives key events.
    run(&mut zero, "SELECT 0").expect("SELECT");
    run(&mut one, "LTRIM celery 0 999").expect("LTRIM");
    let line = format!("QADMIN.PREVIEW celery {}", target());
    assert_eq!(ask(&mut zero, &line).int("match_count"), matching);
    let fewer = ask(&mut one, &line);
    assert!(fewer.is_null("cached_at") && fewer.int("deduplicated") == 0, "{fewer:?}");
    assert!(fewer.int("match_count") < matching);

    let job = start_clear(&mut one, "celery");
    // A job is found by its id from any database; its record is in the database of its queue.
    let end = wait_for_job(&mut zero, &job);
    assert_eq!((end.int("db"), end.int("deleted")), (1, fewer.int("match_count")));
    assert!(one.exists::<_, bool>(format!("qadmin:job:{job}")).expect("EXISTS"));
    assert!(!zero.exists::<_, bool>(format!("qadmin:job:{job}")).expect("EXISTS"));
    assert_eq!(zero.llen::<_, u64>("celery").expect("LLEN"), 2_000);
    let kept = ask(&mut zero, &line);
    assert_eq!(kept.int("match_count"), matching);
    assert!(!kept.is_null("cached_at"), "a clear elsewhere drops no count here");
}

#[test]
fn cancelling_one_job_leaves_the_others_alone() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    filled(&server, "other", LONG);
    let slow = Slow::start(&server);
    let (first, second, third) =
        (start_clear(&mut conn, "celery"), start_clear(&mut conn, "other"), start_clear(&mut conn, "other"));
    until_running(&mut conn, &first);
    let error = run(&mut conn, &format!("QADMIN.CANCEL {first} QUEUE other")).expect_err("not of that queue");
    assert_eq!(error.code(), Some("NOJOB"));
    assert_eq!(ask(&mut conn, &format!("QADMIN.CANCEL {second}")).text("status"), "cancelled");
    let ended = run(&mut conn, "QADMIN.CANCEL ALL QUEUE other").expect("CANCEL ALL");
    let ids: Vec<_> = maps(&ended).iter().map(|job| job.text("job_id")).collect();
    assert_eq!(ids, [third]);
    drop(slow);
    assert_eq!(wait_for_job(&mut conn, &first).text("status"), "completed");
    assert_eq!(ask(&mut conn, &format!("QADMIN.CANCEL {first}")).text("status"), "completed");
}
