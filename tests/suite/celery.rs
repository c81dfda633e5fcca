//! The promise that matters most: while a Celery worker runs, nothing is lost, duplicated or broken.

use std::collections::{HashMap, HashSet};

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Commands as _;

use crate::support::celery::{
    Sender, Sent, Worker, executed, queued, readable, send_workflows, wait_until_executed,
};
use crate::support::{ask, wait_for_job};

/// The number of messages in the queue before the worker starts.
const BEFORE: usize = 4_000;

/// The number of messages that are sent while jobs and worker run.
const MEANWHILE: usize = 1_500;

/// The clears, one job after the other.
const CLEARED: [(&str, u64); 4] = [
    ("app.tasks.upload.Upload", 101),
    ("app.tasks.notify.Notify", 102),
    ("app.tasks.upload.UploadProcessor", 103),
    ("app.tasks.upload.Upload", 104),
];

#[test]
fn every_task_is_executed_cleared_or_queued_and_the_worker_runs_on() {
    // Slices are short and far apart, so that the jobs run long enough to overlap with the worker.
    let server = Server::builder().module_args("slice-us 100 duty 5").start();
    let mut conn = server.conn();
    let mut sent = Sender::start(&server, BEFORE, 1).finish();

    let mut worker = Worker::start(&server);
    eventually("the worker runs tasks", || {
        assert!(worker.is_alive(), "the worker ended: {}", worker.log());
        executed(&server).len() > 20
    });
    let sender = Sender::start(&server, MEANWHILE, 2);
    let mut jobs: HashMap<(&str, u64), u64> = HashMap::new();
    for (task, repoid) in CLEARED {
        let job =
            ask(&mut conn, &format!("QADMIN.CLEARJOB celery ALL TASK {task} REPOID {repoid} CONFIRM celery"));
        let end = wait_for_job(&mut conn, &job.text("job_id"));
        assert_eq!(end.text("status"), "completed", "{end:?}");
        let seen = end.int("processed") + end.int("drifted");
        assert_eq!(end.int("total_estimated"), seen, "examined or taken, each once: {end:?}");
        jobs.insert((task, repoid), u64::try_from(end.int("deleted")).expect("a count"));
    }
    let during = executed(&server).len();
    sent.extend(sender.finish());

    // All matches of the last job's filter that were in the queue at that time are gone from the queue.
    let (last_task, last_repoid) = CLEARED[3];
    let before: HashSet<&str> = sent[..BEFORE].iter().map(|message| message.id.as_str()).collect();
    for element in conn.lrange::<_, Vec<Vec<u8>>>("celery", 0, -1).expect("LRANGE") {
        let Some(message) = readable(&element) else { continue };
        let meant = message.task == last_task && message.repoid == last_repoid;
        assert!(!(meant && before.contains(message.id.as_str())), "a match stayed: {message:?}");
    }

    // The worker runs everything else, and then one more message: the queue is first in, first out.
    let last = Sender::start(&server, 1, 3).finish();
    wait_until_executed(&server, &mut worker, "the worker runs one more task", &[last[0].id.clone()]);
    sent.extend(last);
    eventually("nothing is left in the queue", || queued(&server).is_empty());
    assert!(during < sent.len(), "the jobs were to run while the worker still had work");

    judge(&server, &sent, &jobs);
}

#[test]
fn matches_of_chords_groups_times_and_workers_are_counted() {
    let server = Server::start();
    let mut conn = server.conn();
    let truth = send_workflows(&server);
    let number = |name: &str| truth[name].as_i64().expect("a number");
    let task = truth["task"].as_str().expect("a name");
    const NAMES: [&str; 4] = ["in_chord", "in_group", "with_eta", "redelivered"];
    let all = NAMES.map(number);
    let line = format!("QADMIN.PREVIEW celery TASK {task}");
    let counted = ask(&mut conn, &line);
    let cached = ask(&mut conn, &line);
    assert!(counted.is_null("cached_at") && !cached.is_null("cached_at"));
    for reply in [&counted, &cached] {
        assert_eq!(reply.int("match_count"), number("matched"), "{reply:?}");
        assert_eq!(NAMES.map(|name| reply.int(name)), all, "{reply:?}");
        let notice = reply.text("notice");
        assert!(notice.starts_with("matches that a chord waits for: 4; "), "{notice}");
    }
    // The count is of the matches alone, even if another condition of the filter needs the body.
    let none = ask(&mut conn, &format!("QADMIN.PREVIEW celery TASK {task} REPOID 102"));
    assert_eq!(NAMES.map(|name| none.int(name)), [0; 4]);
    assert!(none.is_null("notice"));
    let some = ask(&mut conn, &format!("QADMIN.PREVIEW celery TASK {task} REPOID 101 WHERE group EXISTS"));
    assert_eq!((some.int("in_chord"), some.int("in_group"), some.int("with_eta")), (3, 8, 0), "{some:?}");
    assert_eq!(some.int("inexact"), 1, "{some:?}");
    // The message in YAML is known by its headers: they show that it is in a group, but not whether it has a
    // chord.
    let line = format!("QADMIN.PREVIEW celery TASK {task} REPOID 101 WHERE group EXISTS INEXACT");
    let some = ask(&mut conn, &line);
    assert_eq!((some.int("in_chord"), some.int("in_group"), some.int("with_eta")), (3, 9, 0), "{some:?}");
    assert_eq!(some.int("inexact"), 1, "{some:?}");

    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB celery TASK {task} KEEPONE CONFIRM celery"));
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!((end.int("matched"), end.int("deleted")), (number("matched"), number("matched") - 1));
    assert_eq!(NAMES.map(|name| end.int(name)), all, "of the matches, kept or not: {end:?}");
    assert!(end.text("notice").contains("a chord waits for: 4"), "{end:?}");
}

/// Checks that every message is in exactly one place, and that a message in no place was cleared by the job
/// whose filter it matches.
fn judge(server: &Server, sent: &[Sent], jobs: &HashMap<(&str, u64), u64>) {
    let executed = executed(server);
    let still: Vec<String> = queued(server);
    let queued: HashSet<&String> = still.iter().collect();
    assert_eq!(queued.len(), still.len(), "a message is queued twice");

    let mut gone: HashMap<(&str, u64), u64> = HashMap::new();
    let mut kinds: HashSet<&str> = HashSet::new();
    for message in sent {
        let times = executed.get(&message.id).copied().unwrap_or(0) + u64::from(queued.contains(&message.id));
        assert!(times <= 1, "{message:?} ran {times} times");
        if times == 0 {
            let meant = (message.task.as_str(), message.repoid);
            assert!(jobs.contains_key(&meant), "lost: {message:?} matches no filter");
            assert!(!message.kind.contains("yaml"), "cleared although nobody can read it: {message:?}");
            kinds.insert(message.kind.as_str());
            *gone.entry(meant).or_default() += 1;
        }
    }
    for kind in [
        "p2-json",
        "p2-msgpack",
        "p2-pickle",
        "p2-json-gzip",
        "p2-pickle-gzip",
        "p1-json",
        "p1-msgpack",
        "p1-pickle",
        "p2-msgpack-gzip",
        "p1-json-gzip",
    ] {
        assert!(kinds.contains(kind), "no {kind} was cleared: {kinds:?}");
    }
    for (meant, deleted) in jobs {
        assert_eq!(gone.get(meant).copied().unwrap_or(0), *deleted, "{meant:?}: gone against `deleted`");
        assert!(*deleted > 0, "{meant:?}: there was nothing to clear, the test proves nothing");
    }
}
