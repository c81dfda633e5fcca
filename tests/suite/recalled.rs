//! A clear after a preview with the same filter need not read every message again. It must do exactly what it would do
//! without the preview, whatever has happened to the queue in between.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection, cmd};

use crate::model::Rng;
use crate::options::{Message, messages};
use crate::support::{Reply, ask, run, wait_for_job};

/// Of the first one the preview is taken.
const QUEUES: [&str; 2] = ["celery", "twin"];
const FILTERS: [&str; 4] = [
    "TASK m",
    "TASK m WHERE args.0 > 20",
    "WHERE args.0 < 25 OR task = m",
    // What pickled messages contain is known by their sender's texts, if at all.
    "WHERE kwargs.k = m INEXACT",
];
const OPTIONS: [&str; 8] = [
    "ALL",
    "KEEPONE",
    "KEEPONE KEEP NEWEST",
    "KEEPONE BY id",
    "ALL LIMIT 7",
    "ALL EXPECT 100000",
    "ALL TO parked:",
    "ALL RATE 100000",
];
/// The members of STATUS that must be equal.
const COUNTS: [&str; 8] =
    ["status", "processed", "matched", "matched_bytes", "deleted", "undecodable", "unreadable", "uncompared"];

fn push(conn: &mut Connection, messages: &[Message]) {
    for queue in QUEUES {
        crate::options::push_to(conn, queue, messages);
    }
}

/// Does something at random to both queues.
fn change(conn: &mut Connection, rng: &mut Rng, spare: &mut Vec<Message>) {
    let depth: usize = conn.llen(QUEUES[0]).expect("LLEN");
    let at = rng.within(0, depth.saturating_sub(1));
    let some = rng.within(1, 9);
    let what = rng.within(0, 11);
    let new: Vec<Message> = spare.drain(..some.min(spare.len())).collect();
    for queue in QUEUES {
        let mut words =
            cmd(["LPUSH", "RPUSH", "RPOP", "LPOP", "LMOVE", "LREM", "LSET", "LTRIM", "LINSERT"][what.min(8)]);
        words.arg(queue);
        let element: Vec<u8> = conn.lindex(queue, at as isize).expect("LINDEX");
        match what {
            0 | 1 => words.arg(new.iter().map(|message| &message.bytes[..]).collect::<Vec<_>>()),
            2 | 3 => words.arg(some),
            4 => words.arg(queue).arg("RIGHT").arg("LEFT"),
            5 => words.arg(1).arg(element),
            6 => words.arg(at).arg(&new[0].bytes[..]),
            // Nothing is cut off, as by producers that cap their list; or a few are.
            7 => words.arg(0).arg(if some > 4 { -1 } else { -2 }),
            8 => words.arg("BEFORE").arg(element).arg(&new[0].bytes[..]),
            _ => continue,
        };
        words.exec(conn).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

fn clear(conn: &mut Connection, queue: &str, filter: &str, options: &str) -> Reply {
    let options = options.replace("parked:", &format!("parked:{queue}"));
    let job = ask(conn, &format!("QADMIN.CLEARJOB {queue} {filter} {options} CONFIRM {queue}"));
    wait_for_job(conn, &job.text("job_id"))
}

fn list(conn: &mut Connection, key: &str) -> Vec<Vec<u8>> {
    conn.lrange(key, 0, -1).expect("LRANGE")
}

fn compare(seed: u64, config: &str) {
    let server = Server::builder().module_args(config).start();
    let mut conn = server.conn();
    let mut rng = Rng::new(seed);
    for (round, options) in OPTIONS.iter().cycle().take(24).enumerate() {
        let filter = FILTERS[rng.within(0, FILTERS.len() - 1)];
        run(&mut conn, "FLUSHALL").expect("FLUSHALL");
        let mut all = messages(seed + round as u64, 900);
        let mut spare = all.split_off(700);
        push(&mut conn, &all);
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {} {filter} BUST", QUEUES[0]));
        if !preview.is_null("job_id") {
            let done = wait_for_job(&mut conn, &preview.text("job_id"));
            assert_eq!(done.text("status"), "completed", "{done:?}");
        }
        for _ in 0..rng.within(0, 8) {
            change(&mut conn, &mut rng, &mut spare);
        }
        let what = format!("seed {seed}, round {round}: {filter} {options}");
        let jobs = QUEUES.map(|queue| clear(&mut conn, queue, filter, options));
        for member in COUNTS {
            let [one, other] = [&jobs[0], &jobs[1]].map(|job| job.iter().find(|(name, _)| name == member));
            assert_eq!(one, other, "{what}: {jobs:?}");
        }
        assert_eq!(list(&mut conn, QUEUES[0]), list(&mut conn, QUEUES[1]), "{what}");
        let parked = QUEUES.map(|queue| list(&mut conn, &format!("parked:{queue}")));
        assert_eq!(parked[0], parked[1], "{what}");
    }
}

#[test]
fn a_clear_does_the_same_with_and_without_a_preview_before_it() {
    for seed in 0..3 {
        compare(seed * 1_000, "inline-limit 0");
    }
}

#[test]
fn so_it_does_where_the_preview_answered_at_once_and_slices_are_short() {
    compare(77_000, "slice-us 100");
}

/// Many matches: more than are remembered.
#[test]
fn more_matches_than_are_remembered_are_cleared_as_well() {
    let server = Server::builder().module_args("inline-limit 0").start();
    let mut conn = server.conn();
    let message =
        br#"{"body":"","content-type":"application/json","headers":{"task":"m","id":"i"},"properties":{}}"#;
    let many: Vec<&[u8]> = vec![message; 1_000];
    for _ in 0..40 {
        conn.lpush::<_, _, ()>("celery", &many).expect("LPUSH");
    }
    let preview = ask(&mut conn, "QADMIN.PREVIEW celery TASK m");
    wait_for_job(&mut conn, &preview.text("job_id"));
    let status = clear(&mut conn, "celery", "TASK m", "ALL");
    assert_eq!((status.int("deleted"), conn.llen("celery").ok()), (40_000, Some(0)), "{status:?}");
}

/// Workers pop and producers push all the time: the clear takes every match that was there, and nothing else.
#[test]
fn a_clear_after_a_preview_is_exact_while_the_queue_moves() {
    let server = Server::builder().module_args("inline-limit 0").start();
    let mut conn = server.conn();
    let all = messages(5, 4_000);
    crate::options::push_to(&mut conn, "celery", &all);
    let preview = ask(&mut conn, "QADMIN.PREVIEW celery TASK m");
    wait_for_job(&mut conn, &preview.text("job_id"));
    let traffic = qadmin_harness::Traffic::start(
        server.port(),
        "celery",
        qadmin_harness::Factory::new(3).queue("celery"),
        2_000,
    );
    let moved = |conn: &mut Connection| {
        let info: String = cmd("INFO").arg("commandstats").query(conn).expect("INFO");
        info.contains("cmdstat_rpop:calls=1")
    };
    eventually("some are popped", || moved(&mut conn));
    let status = clear(&mut conn, "celery", "TASK m", "ALL");
    let report = traffic.stop();
    let left = list(&mut conn, "celery");
    assert_eq!(status.text("status"), "completed", "{status:?}");
    let popped = |message: &Message| report.popped.contains(&message.bytes);
    for message in &all {
        let is_there = left.contains(&message.bytes);
        match message.matches() {
            true => assert!(!is_there, "a match is left"),
            false => assert!(is_there || popped(message), "another message is gone"),
        }
    }
    let cleared = all.iter().filter(|message| message.matches() && !popped(message)).count();
    let deleted = usize::try_from(status.int("deleted")).expect("small");
    assert!(deleted >= cleared, "{deleted} cleared, {cleared} were there: {status:?}");
    assert_eq!(
        all.len() + usize::try_from(report.pushed).expect("small"),
        left.len() + report.popped.len() + deleted
    );
}

/// Messages become old enough between the two commands.
#[test]
fn a_clear_by_age_after_a_preview_takes_what_is_old_enough_by_then() {
    let server = Server::builder().module_args("inline-limit 0").start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE celery");
    crate::options::push_to(&mut conn, "celery", &messages(9, 50));
    let filter = "WHERE age > 500ms";
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW celery {filter}"));
    wait_for_job(&mut conn, &preview.text("job_id"));
    eventually("all are old enough", || ask(&mut conn, "QADMIN.INDEX INFO celery").int("next_age") > 600);
    let status = clear(&mut conn, "celery", filter, "ALL");
    assert_eq!((status.int("deleted"), conn.llen("celery").ok()), (50, Some(0)), "{status:?}");
}
