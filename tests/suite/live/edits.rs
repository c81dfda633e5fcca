//! Clears beside clients that take single messages out of the inside of the queue, as libraries do to delete a job: the
//! clear goes on to its end, and every other message is where it was.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use qadmin_harness::{Fields as _, Server};
use redis::Commands as _;

use crate::model::Rng;
use crate::support::{Reply, ask, wait_for_job};

const MESSAGES: usize = 200_000;

/// Messages as Sidekiq and Celery send them: no two are the same.
fn message(i: usize) -> String {
    let task = if i.is_multiple_of(2) { "m" } else { "o" };
    format!(r#"{{"body":"","headers":{{"task":"{task}","id":"{i:08}"}},"padding":"{}"}}"#, "x".repeat(100))
}

/// A message that is taken out: by its bytes (Sidekiq, RQ), or by a word that LSET put in its place (BullMQ, Resque).
const DELETE: &str = "local at = redis.call('LPOS', KEYS[1], ARGV[1]) if not at then return 0 end \
                      redis.call('LSET', KEYS[1], at, '') return redis.call('LREM', KEYS[1], 0, '')";

/// Clears half of a queue while others take single messages out of it, one after the other without a pause of more than
/// a millisecond, and producers go on. Answers the job's end.
fn clear_beside(options: &str, by_word: bool) -> Reply {
    let server = Server::builder().module_args("duty 20").start();
    let mut conn = server.conn();
    for first in (0..MESSAGES).step_by(20_000) {
        let batch: Vec<String> = (first..first + 20_000).map(message).collect();
        conn.lpush::<_, _, ()>("q", batch).expect("LPUSH");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (told, mut other) = (Arc::clone(&stop), server.conn());
    let remover = thread::spawn(move || {
        let (mut removed, mut rng) = (HashSet::new(), Rng::new(3));
        while !told.load(Ordering::Relaxed) {
            // Near either end, where LREM is quick: it looks from there.
            let i = match rng.within(0, 3) {
                0 => rng.within(0, 2_000),
                1 => MESSAGES - 1 - rng.within(0, 2_000),
                _ => rng.within(0, MESSAGES - 1),
            };
            let count = if i < MESSAGES / 2 { -1 } else { 1 };
            let gone: usize = match by_word {
                true => redis::cmd("EVAL").arg(DELETE).arg(&["1", "q"]).arg(message(i)).query(&mut other),
                false => redis::cmd("LREM").arg("q").arg(count).arg(message(i)).query(&mut other),
            }
            .expect("a removal");
            if gone == 1 {
                removed.insert(i);
            }
            thread::sleep(Duration::from_millis(1));
        }
        removed
    });
    let (told, mut other) = (Arc::clone(&stop), server.conn());
    let producer = thread::spawn(move || {
        let mut next = MESSAGES;
        while !told.load(Ordering::Relaxed) {
            other.lpush::<_, _, ()>("q", message(next)).expect("LPUSH");
            next += 1;
            thread::sleep(Duration::from_millis(1));
        }
        next
    });
    let line = format!("QADMIN.CLEARJOB q TASK m {options} CONFIRM q");
    let id = ask(&mut conn, &line).text("job_id");
    let later = MESSAGES;
    let status = wait_for_job(&mut conn, &id);
    stop.store(true, Ordering::Relaxed);
    let removed = remover.join().expect("the remover goes on to the end");
    let sent = producer.join().expect("the producer goes on to the end");
    let left: Vec<String> = conn.lrange("q", 0, -1).expect("LRANGE");
    assert_eq!(status.text("status"), "completed", "{status:?}");
    assert_eq!(status.int("total_estimated"), status.int("processed") + status.int("drifted"), "{status:?}");
    let there: HashSet<&String> = left.iter().collect();
    let cleared: Vec<usize> =
        (0..sent).filter(|i| !removed.contains(i) && !there.contains(&message(*i))).collect();
    assert!(cleared.iter().all(|i| i % 2 == 0), "only matches are cleared");
    assert_eq!(cleared.len() as i64, status.int("deleted"), "{status:?}");
    // What was pushed while the job was accepted may be of its snapshot: the producer runs beside.
    assert!(cleared.iter().all(|i| *i < later + 5_000), "nothing pushed later is cleared");
    let order: Vec<String> = (0..sent).rev().map(message).filter(|message| there.contains(message)).collect();
    assert!(left == order, "the others are in their order");
    let stays = (0..later).filter(|i| i % 2 == 0 && there.contains(&message(*i))).count();
    assert_eq!(stays, usize::from(options.contains("KEEPONE")), "{status:?}");
    status
}

#[test]
fn a_clear_goes_on_while_others_take_single_messages_out_of_the_queue() {
    let status = clear_beside("ALL", false);
    assert!(status.int("passes_run") < 10, "{status:?}");
    assert!(status.text("notice").contains("found its place again"), "{status:?}");
}

#[test]
fn a_clear_goes_on_while_others_take_messages_out_by_a_word_that_they_set() {
    let status = clear_beside("ALL", true);
    assert!(status.int("passes_run") < 10, "{status:?}");
    assert!(status.text("notice").contains("found its place again"), "{status:?}");
}
