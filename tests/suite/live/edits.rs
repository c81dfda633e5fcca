//! Clears while clients remove single messages from the middle of the queue, as libraries do to delete a job:
//! the clear runs to its end, and every other message is kept in its place.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Commands as _;

use crate::model::Rng;
use crate::support::{Reply, ask, wait_for_job};

/// The number of messages in the queue when the clear begins. `make test-nightly` raises it to a million.
const MESSAGES: usize = 200_000;

/// The number of messages that other clients must remove while the clear is in its middle.
const EDITS: usize = 20;

fn messages() -> usize {
    std::env::var("QADMIN_EDITS_MESSAGES").map_or(MESSAGES, |n| n.parse().expect("a number of messages"))
}

/// Returns a message as Sidekiq and Celery send them: no two are the same.
fn message(i: usize) -> String {
    let task = if i.is_multiple_of(2) { "m" } else { "o" };
    format!(r#"{{"body":"","headers":{{"task":"{task}","id":"{i:08}"}},"padding":"{}"}}"#, "x".repeat(100))
}

/// Scripts that remove a message by its bytes (Sidekiq, RQ), or by a word that LSET put in its place (BullMQ,
/// Resque).
const DELETE: &str = "local at = redis.call('LPOS', KEYS[1], ARGV[1]) if not at then return 0 end \
                      redis.call('LSET', KEYS[1], at, '') return redis.call('LREM', KEYS[1], 0, '')";

/// A client that removes messages one after the other, with pauses of at most a millisecond, until it is
/// stopped. It returns which ones it removed.
struct Remover {
    /// The number of messages removed so far.
    count: Arc<AtomicUsize>,
    thread: thread::JoinHandle<HashSet<usize>>,
}

impl Remover {
    fn start(server: &Server, messages: usize, by_word: bool, stop: &Arc<AtomicBool>) -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let (told, done, mut conn) = (Arc::clone(stop), Arc::clone(&count), server.conn());
        let thread = thread::spawn(move || {
            let (mut removed, mut rng) = (HashSet::new(), Rng::new(3));
            while !told.load(Ordering::Relaxed) {
                let i = match rng.within(0, 3) {
                    0 => rng.within(0, 2_000),
                    1 => messages - 1 - rng.within(0, 2_000),
                    _ => rng.within(0, messages - 1),
                };
                // It removes one from either end as libraries do, mostly the nearer one, for which LREM is
                // quick; or all that are equal.
                let near = if i < messages / 2 { -1 } else { 1 };
                let count = rng.pick(&[near, near, near, near, near, near, near, near, -near, 0]);
                let gone: usize = match by_word {
                    true => redis::cmd("EVAL").arg(DELETE).arg(&["1", "q"]).arg(message(i)).query(&mut conn),
                    false => redis::cmd("LREM").arg("q").arg(count).arg(message(i)).query(&mut conn),
                }
                .expect("a removal");
                if gone == 1 {
                    removed.insert(i);
                    done.fetch_add(1, Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(1));
            }
            removed
        });
        Self { count, thread }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Clears half of a queue while other clients remove single messages from it and producers push. Returns the
/// job's end.
fn clear_beside(options: &str, by_word: bool, has_index: bool) -> Reply {
    let server = Server::builder().module_args("duty 20").start();
    let mut conn = server.conn();
    let messages = messages();
    for first in (0..messages).step_by(20_000) {
        let batch: Vec<String> = (first..messages.min(first + 20_000)).map(message).collect();
        conn.lpush::<_, _, ()>("q", batch).expect("LPUSH");
    }
    if has_index {
        ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 1 task");
        eventually("the index has read all messages", || {
            ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "ready"
        });
    }
    let stop = Arc::new(AtomicBool::new(false));
    let remover = Remover::start(&server, messages, by_word, &stop);
    let next = Arc::new(AtomicUsize::new(messages));
    let (told, sends, mut other) = (Arc::clone(&stop), Arc::clone(&next), server.conn());
    let producer = thread::spawn(move || {
        while !told.load(Ordering::Relaxed) {
            let i = sends.fetch_add(1, Ordering::SeqCst);
            other.lpush::<_, _, ()>("q", message(i)).expect("LPUSH");
            thread::sleep(Duration::from_millis(1));
        }
    });
    // The rate keeps the job in its middle until enough messages were removed meanwhile, however fast the
    // machine is.
    let line = format!("QADMIN.CLEARJOB q TASK m {options} RATE 1000 CONFIRM q");
    let id = ask(&mut conn, &line).text("job_id");
    let later = next.load(Ordering::SeqCst);
    let status = format!("QADMIN.STATUS {id}");
    eventually("the clear has begun", || ask(&mut conn, &status).int("deleted") > 0);
    let before = remover.count();
    eventually("others take messages out", || remover.count() >= before + EDITS);
    assert_eq!(ask(&mut conn, &status).text("status"), "running", "it is in its middle");
    ask(&mut conn, &format!("QADMIN.THROTTLE {id} RATE 0"));
    let status = wait_for_job(&mut conn, &id);
    stop.store(true, Ordering::Relaxed);
    let removed = remover.thread.join().expect("the remover goes on to the end");
    producer.join().expect("the producer goes on to the end");
    let sent = next.load(Ordering::SeqCst);
    let left: Vec<String> = conn.lrange("q", 0, -1).expect("LRANGE");
    assert_eq!(status.text("status"), "completed", "{status:?}");
    assert_eq!(status.int("total_estimated"), status.int("processed") + status.int("drifted"), "{status:?}");
    let there: HashSet<&String> = left.iter().collect();
    let cleared: Vec<usize> =
        (0..sent).filter(|i| !removed.contains(i) && !there.contains(&message(*i))).collect();
    assert!(cleared.iter().all(|i| i % 2 == 0), "only matches are cleared");
    assert_eq!(cleared.len() as i64, status.int("deleted"), "{status:?}");
    assert!(cleared.iter().all(|i| *i < later), "nothing that was pushed after the job's reply is cleared");
    let order: Vec<String> = (0..sent).rev().map(message).filter(|message| there.contains(message)).collect();
    assert!(left == order, "the others are in their order");
    let stays = (0..messages).filter(|i| i % 2 == 0 && there.contains(&message(*i))).count();
    assert_eq!(stays, usize::from(options.contains("KEEPONE")), "{status:?}");
    status
}

#[test]
fn clear_continues_while_others_remove_single_messages() {
    let status = clear_beside("ALL", false, false);
    assert!(status.int("passes_run") < 10, "{status:?}");
    assert!(status.text("notice").contains("found its position again"), "{status:?}");
}

#[test]
fn clear_continues_while_others_remove_messages_by_lset_and_lrem() {
    let status = clear_beside("ALL", true, false);
    assert!(status.int("passes_run") < 10, "{status:?}");
    assert!(status.text("notice").contains("found its position again"), "{status:?}");
}

/// A walk that jumps knows few neighbours of its position, so an edit can make it begin anew. It must not begin anew so
/// often that it gives up.
#[test]
fn clear_with_an_index_continues_while_others_remove_single_messages() {
    let status = clear_beside("ALL", false, true);
    assert!(status.int("passes_run") < 10, "{status:?}");
}

/// A script can remove many messages before the next slice. After each removal, the job finds its position again.
#[test]
fn many_removals_between_two_slices_do_not_begin_another_pass() {
    let server = Server::start();
    let mut conn = server.conn();
    conn.lpush::<_, _, ()>("q", (0..20_000).map(message).collect::<Vec<_>>()).expect("LPUSH");
    let id = ask(&mut conn, "QADMIN.CLEARJOB q TASK m ALL RATE 1000 CONFIRM q").text("job_id");
    eventually("the clear has begun", || ask(&mut conn, &format!("QADMIN.STATUS {id}")).int("deleted") > 0);
    ask(&mut conn, &format!("QADMIN.PAUSE {id}"));
    let removed: Vec<String> = (0..400).map(|i| message(i * 50 + 1)).collect();
    let script = "for _, m in ipairs(ARGV) do redis.call('LREM', KEYS[1], 1, m) end return redis.call('LLEN', KEYS[1])";
    let left: i64 =
        redis::cmd("EVAL").arg(script).arg(1).arg("q").arg(&removed).query(&mut conn).expect("EVAL");
    assert_eq!(left, 20_000 - 400 - ask(&mut conn, &format!("QADMIN.STATUS {id}")).int("deleted"));
    ask(&mut conn, &format!("QADMIN.THROTTLE {id} RATE 0"));
    ask(&mut conn, &format!("QADMIN.RESUME {id}"));
    let status = wait_for_job(&mut conn, &id);
    assert_eq!(status.text("status"), "completed", "{status:?}");
    assert_eq!((status.int("passes_run"), status.int("deleted")), (1, 10_000), "{status:?}");
    assert!(status.text("notice").contains("found its position again"), "{status:?}");
    let left: Vec<String> = conn.lrange("q", 0, -1).expect("LRANGE");
    let stays = (0..20_000).rev().filter(|i| i % 2 == 1 && i % 50 != 1).map(message);
    assert!(left.into_iter().eq(stays), "the others are in their order");
}

#[test]
fn clear_that_counts_first_continues_while_others_remove_single_messages() {
    let status = clear_beside("ALL EXPECT 1000000", false, false);
    assert!(status.int("passes_run") < 10, "{status:?}");
}
