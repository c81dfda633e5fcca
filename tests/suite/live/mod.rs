//! Jobs on a queue of 100,000 realistic messages while producers and workers run at full speed: nothing is
//! lost, duplicated or reordered, and nothing is cleared that does not match.

mod edits;
mod middle;
mod newest;

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use qadmin_harness::{Factory, Fields as _, Server, Size, TARGET_REPOID, TARGET_TASK, eventually, fill};
use redis::{Commands as _, cmd};

use crate::support::{Reply, ask, wait_for_job};

const QUEUE: &str = "celery";
/// The number of messages in the queue at the start: those of the factory from 0 on.
const START: u64 = 100_000;
/// The number of the first message of each producer.
const PRODUCERS: [u64; 2] = [1_000_000, 2_000_000];
/// The number of messages of one push.
const BATCH: u64 = 4;

fn digest(message: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    hasher.finish()
}

/// Running producers and workers.
struct Crowd {
    stop: Arc<AtomicBool>,
    /// The number of the next message that each producer sends.
    next: [Arc<AtomicU64>; 2],
    producers: Vec<JoinHandle<()>>,
    /// The messages that they took and kept, as digests.
    workers: Vec<JoinHandle<Vec<u64>>>,
    /// The messages that were taken and returned.
    returner: JoinHandle<Vec<u64>>,
}

/// The result of the crowd.
struct Done {
    popped: Vec<u64>,
    returned: HashSet<u64>,
}

impl Crowd {
    fn start(server: &Server, factory: &Factory) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let next = PRODUCERS.map(|first| Arc::new(AtomicU64::new(first)));
        let producers = next.iter().map(|next| {
            let (stop, next, mut factory) = (Arc::clone(&stop), Arc::clone(next), factory.clone());
            let mut conn = server.conn();
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(BATCH, Ordering::SeqCst);
                    let batch: Vec<Vec<u8>> = (first..first + BATCH).map(|i| factory.message(i)).collect();
                    conn.lpush::<_, _, ()>(QUEUE, batch).expect("LPUSH");
                }
            })
        });
        let producers = producers.collect();
        let pops: [(&str, &[&str]); 3] =
            [("BRPOP", &[QUEUE, "1"]), ("RPOP", &[QUEUE, "3"]), ("LPOP", &[QUEUE, "1"])];
        let workers = pops.map(|(word, args)| {
            let (stop, mut conn) = (Arc::clone(&stop), server.conn());
            thread::spawn(move || {
                let mut taken = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let popped: Option<Vec<Vec<u8>>> = cmd(word).arg(args).query(&mut conn).expect(word);
                    // BRPOP returns the name of the queue first.
                    let skip = usize::from(word == "BRPOP");
                    taken.extend(popped.unwrap_or_default().iter().skip(skip).map(|m| digest(m)));
                }
                taken
            })
        });
        let (told, mut conn) = (Arc::clone(&stop), server.conn());
        let returner = thread::spawn(move || {
            let mut returned = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let held: Option<Vec<Vec<u8>>> =
                    cmd("RPOP").arg(&[QUEUE, "2"]).query(&mut conn).expect("RPOP");
                let held = held.unwrap_or_default();
                returned.extend(held.iter().map(|message| digest(message)));
                if !held.is_empty() {
                    conn.rpush::<_, _, ()>(QUEUE, held).expect("RPUSH");
                }
            }
            returned
        });
        Self { stop, next, producers, workers: workers.into(), returner }
    }

    fn sent(&self) -> [u64; 2] {
        [0, 1].map(|p| self.next[p].load(Ordering::SeqCst))
    }

    fn stop(self) -> Done {
        self.stop.store(true, Ordering::Relaxed);
        self.producers.into_iter().for_each(|thread| thread.join().expect("a producer went on to the end"));
        let workers = self.workers.into_iter();
        Done {
            popped: workers.flat_map(|thread| thread.join().expect("a worker went on to the end")).collect(),
            returned: self.returner.join().expect("it went on to the end").into_iter().collect(),
        }
    }
}

/// Runs one job during traffic and checks everything that is true of all jobs.
fn job_in_traffic(size: Size, command: &str) -> Outcome {
    // Previews return a job at once.
    let server = Server::builder().module_args("inline-limit 1000").start();
    let mut factory = Factory::new(11).size(size).share(20.0);
    fill(server.port(), QUEUE, 0..START, &mut factory).expect("the server takes messages");
    let mut conn = server.conn();
    let crowd = Crowd::start(&server, &factory);
    eventually("traffic flows", || {
        crowd.sent().iter().zip(PRODUCERS).all(|(next, first)| *next > first + 40)
    });
    let words = command.replace("FILTER", &format!("{QUEUE} TASK {TARGET_TASK} REPOID {TARGET_REPOID}"));
    let id = ask(&mut conn, &words).text("job_id");
    let later = crowd.sent();
    let status = wait_for_job(&mut conn, &id);
    let next = crowd.next.clone();
    let done = crowd.stop();
    let pushed = (0..2).flat_map(|p| PRODUCERS[p]..next[p].load(Ordering::SeqCst));
    let sent: Vec<u64> = (0..START).chain(pushed).collect();
    let index: HashMap<u64, u64> = sent.iter().map(|i| (digest(&factory.message(*i)), *i)).collect();
    let known =
        |digest: &u64| *index.get(digest).expect("every message that comes out was sent, byte for byte");
    let elements: Vec<Vec<u8>> = conn.lrange(QUEUE, 0, -1).expect("LRANGE");
    // The order is from the consumer end on.
    let queued: Vec<u64> = elements.iter().rev().map(|message| known(&digest(message))).collect();
    let popped: Vec<u64> = done.popped.iter().map(known).collect();
    let returned: HashSet<u64> = done.returned.iter().map(known).collect();
    let mut seen = HashSet::new();
    for i in queued.iter().chain(&popped) {
        assert!(seen.insert(*i), "message {i} is there twice");
    }
    let cleared: Vec<u64> = sent.into_iter().filter(|i| !seen.contains(i)).collect();
    for i in &cleared {
        assert!(factory.matches(*i), "message {i} does not match and is gone");
        assert!(
            !(0..2).any(|p| (later[p]..later[p] + START).contains(i)),
            "message {i} was pushed after the job began and is gone"
        );
    }
    assert_eq!(status.text("status"), "completed", "{status:?}");
    assert_eq!(status.int("deleted"), i64::try_from(cleared.len()).expect("small"), "{status:?}");
    assert_eq!(status.int("total_estimated"), status.int("processed") + status.int("drifted"), "{status:?}");
    assert_eq!(status.int("passes_run"), 1, "{status:?}");
    assert!(status.int("arrived") > 0 && status.int("slices") > 1, "{status:?}");
    for first in [0].into_iter().chain(PRODUCERS) {
        let of = |i: &&u64| (first..first + PRODUCERS[0]).contains(i) && !returned.contains(i);
        let order: Vec<&u64> = queued.iter().filter(of).collect();
        assert!(order.is_sorted(), "the messages from {first} on are no longer in their order");
    }
    assert_eq!(server.info("qadmin_apply_mismatches").as_deref(), Some("0"));
    let stayed = queued.iter().filter(|i| **i < START && factory.matches(**i) && !returned.contains(i));
    Outcome { status, here: i64::try_from(stayed.count()).expect("small"), cleared }
}

/// The result of a job during traffic.
struct Outcome {
    status: Reply,
    /// The number of matches of the start that are in the queue and never left it.
    here: i64,
    cleared: Vec<u64>,
}

#[test]
fn clear_in_traffic_removes_exactly_its_snapshots_matches() {
    let outcome = job_in_traffic(Size::Full, "QADMIN.CLEARJOB FILTER ALL CONFIRM celery");
    assert_eq!(outcome.here, 0);
    assert_eq!(outcome.status.int("matched"), outcome.status.int("deleted"));
    assert!(!outcome.cleared.is_empty());
}

#[test]
fn keepone_in_traffic_leaves_at_most_one() {
    let outcome = job_in_traffic(Size::Slim, "QADMIN.CLEARJOB FILTER KEEPONE CONFIRM celery");
    assert!(outcome.here <= 1, "{} are left", outcome.here);
    assert_eq!(outcome.status.int("matched") - 1, outcome.status.int("deleted"));
    assert!(!outcome.cleared.is_empty());
}

#[test]
fn dry_run_preview_and_stats_in_traffic_count_and_take_nothing() {
    for command in [
        "QADMIN.STATS FILTER GROUPBY 2 task repoid",
        "QADMIN.CLEARJOB FILTER DRYRUN",
        "QADMIN.CLEARJOB FILTER KEEPONE DRYRUN",
        "QADMIN.PREVIEW FILTER BUST SAMPLE 5",
    ] {
        let outcome = job_in_traffic(Size::Slim, command);
        assert!(outcome.cleared.is_empty());
        assert!(outcome.status.int("matched") >= outcome.here, "{command}: {:?}", outcome.status);
        if command.contains("STATS") {
            // All matches have the same task and repository.
            let groups = outcome.status.rows("groups");
            assert_eq!(groups.len(), 1, "{groups:?}");
            assert_eq!(groups[0].int("count"), outcome.status.int("matched"), "{groups:?}");
        }
    }
}
