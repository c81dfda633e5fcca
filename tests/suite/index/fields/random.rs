//! Random commands on a list whose index keeps values, also silent changes, beside workers: the index is
//! a scan's equal, and what it knows of arrivals is true.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use qadmin_harness::{Fields as _, Server, c_module, eventually};
use redis::{Connection, Value};
use serde_json::Value as Json;

use super::super::{STEP_MS, arrival_of, now_ms, rows};
use super::{compare, compare_stats, message};
use crate::model::rng::Rng;
use crate::support::{ask, run};

const QUEUE: &str = "q";
const OTHER: &str = "other";
/// The clock of the test is the wall clock, and that of the module the steady clock: they differ by less than
/// this.
const CLOCKS_MS: i64 = 2;

/// Workers that take messages until the test lets them stand still.
#[derive(Default)]
struct Workers {
    is_over: Arc<AtomicBool>,
    stands: Arc<AtomicBool>,
    /// Workers that stand still.
    standing: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(server: &Server, n: usize) -> Self {
        let mut workers = Self::default();
        for _ in 0..n {
            let mut conn = server.conn();
            let (is_over, stands) = (workers.is_over.clone(), workers.stands.clone());
            let standing = workers.standing.clone();
            workers.threads.push(thread::spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    if stands.load(Ordering::SeqCst) {
                        standing.fetch_add(1, Ordering::SeqCst);
                        while stands.load(Ordering::SeqCst) && !is_over.load(Ordering::SeqCst) {
                            thread::sleep(Duration::from_millis(1));
                        }
                        standing.fetch_sub(1, Ordering::SeqCst);
                    } else {
                        let taken: redis::RedisResult<Value> = run(&mut conn, "BRPOP q 0.01");
                        taken.expect("BRPOP");
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            }));
        }
        workers
    }

    /// Lets all of them stand still, or go on.
    fn stand(&self, stands: bool) {
        self.stands.store(stands, Ordering::SeqCst);
        let wanted = if stands { self.threads.len() as u64 } else { 0 };
        eventually("the workers stand or go on", || self.standing.load(Ordering::SeqCst) == wanted);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

struct World {
    conn: Connection,
    rng: Rng,
    ids: u64,
    has_silent: bool,
    /// The times before and after each message was put into the list last, by its id.
    put: HashMap<String, (i64, i64)>,
    workers: Workers,
    server: Server,
}

/// The id of a message; none of what is not a message.
fn id_of(message: &[u8]) -> Option<String> {
    let json: Json = serde_json::from_slice(message).ok()?;
    Some(json["headers"]["id"].as_str()?.to_owned())
}

impl World {
    fn new(seed: u64) -> Self {
        let server = Server::start();
        let mut conn = server.conn();
        let library = c_module("callqadmin", server.dir()).expect("the other module is built");
        run(&mut conn, &format!("MODULE LOAD {}", library.display())).expect("MODULE LOAD");
        ask(&mut conn, &format!("QADMIN.INDEX CREATE {QUEUE} FIELDS 2 task kwargs.x"));
        let workers = Workers::start(&server, if seed % 4 < 2 { 0 } else { 2 });
        Self {
            conn,
            rng: Rng::new(seed),
            ids: 0,
            has_silent: seed % 2 == 1,
            put: HashMap::new(),
            workers,
            server,
        }
    }

    /// Runs a command that puts these messages into the list; records the time.
    fn put(&mut self, messages: &[String], command: &redis::Cmd) -> redis::RedisResult<Value> {
        let before = now_ms();
        let reply = command.query(&mut self.conn);
        self.was_put(messages, before);
        reply
    }

    fn was_put(&mut self, messages: &[String], before: i64) {
        let after = now_ms();
        for id in messages.iter().filter_map(|message| id_of(message.as_bytes())) {
            self.put.insert(id, (before, after));
        }
    }

    /// Runs an LMOVE, whose message arrives again.
    fn rotate(&mut self, line: &str) {
        let before = now_ms();
        if let Value::BulkString(moved) = self.run(line) {
            self.was_put(&[String::from_utf8(moved).expect("text")], before);
        }
    }

    /// Runs commands during which no worker takes a message.
    fn alone(&mut self, work: impl FnOnce(&mut Self)) {
        self.workers.stand(true);
        work(self);
        self.workers.stand(false);
    }

    fn run(&mut self, line: &str) -> Value {
        run(&mut self.conn, line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn made(&mut self, n: usize) -> Vec<String> {
        (0..n).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> String {
        self.ids += 1;
        let task = ["a.b", "c.d", "e.f", "g.h"][self.rng.below(4)];
        match self.rng.below(12) {
            0 => format!("no message {}", self.ids),
            1 => format!(
                r#"{{"body":"x","content-type":"application/x-yaml","headers":{{"task":"{task}","id":"{}"}}}}"#,
                self.ids
            ),
            2 => message(self.ids, task, "null"),
            3 => message(self.ids, task, r#"\"text\""#),
            4 => message(self.ids, task, "[1, 2]"),
            5 => message(self.ids, task, "2.50"),
            _ => message(self.ids, task, &self.rng.below(9).to_string()),
        }
    }

    fn push(&mut self, command: &str, n: usize) {
        let made = self.made(n);
        self.put(&made, redis::cmd(command).arg(QUEUE).arg(&made)).expect(command);
    }

    fn len(&mut self) -> usize {
        redis::cmd("LLEN").arg(QUEUE).query(&mut self.conn).expect("LLEN")
    }

    /// A message of the list, which a worker may take meanwhile.
    fn at(&mut self) -> Option<(usize, Vec<u8>)> {
        let len = self.len();
        let at = (len > 0).then(|| self.rng.below(len))?;
        let there: Option<Vec<u8>> =
            redis::cmd("LINDEX").arg(QUEUE).arg(at).query(&mut self.conn).expect("LINDEX");
        Some((at, there?))
    }

    fn transaction(&mut self) {
        let (made, before) = (self.made(3), now_ms());
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("LPUSH").arg(QUEUE).arg(&made).cmd("RPOP").arg(QUEUE);
        pipe.cmd("LMOVE").arg(&[QUEUE, QUEUE, "LEFT", "RIGHT"]);
        pipe.query::<()>(&mut self.conn).expect("MULTI");
        self.was_put(&made, before);
    }

    fn script(&mut self) {
        let made = self.made(2);
        let text = "redis.call('RPUSH', KEYS[1], ARGV[1]) redis.call('LPUSH', KEYS[1], ARGV[2]) redis.call('LPOP', KEYS[1])";
        self.put(&made, redis::cmd("EVAL").arg(text).arg(1).arg(QUEUE).arg(&made)).expect("EVAL");
    }

    fn edit(&mut self) {
        let Some((at, there)) = self.at() else { return };
        let made = self.one();
        match self.rng.below(8) {
            0..4 => {
                let count = [0, 1, -1, -2][self.rng.below(4)];
                let lrem = redis::cmd("LREM").arg(QUEUE).arg(count).arg(there).to_owned();
                lrem.query::<()>(&mut self.conn).expect("LREM");
            }
            // A worker may have taken the last message, so that the index is out of range.
            4 => {
                drop(self.put(std::slice::from_ref(&made), redis::cmd("LSET").arg(QUEUE).arg(at).arg(&made)));
            }
            _ => {
                let place = if self.rng.percent(50) { "AFTER" } else { "BEFORE" };
                let linsert = redis::cmd("LINSERT").arg(QUEUE).arg(place).arg(there).arg(&made).to_owned();
                self.put(&[made], &linsert).expect("LINSERT");
            }
        }
    }

    /// Several edits, and pushes and pops in between, of which no slice sees the middle.
    fn edits_at_once(&mut self) {
        let ((_, one), (_, two)) = match (self.at(), self.at()) {
            (Some(one), Some(two)) => (one, two),
            _ => return,
        };
        let (made, before) = (self.made(3), now_ms());
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("LREM").arg(QUEUE).arg(1).arg(one).cmd("LPUSH").arg(QUEUE).arg(&made[..2]);
        pipe.cmd("RPOP").arg(QUEUE).cmd("LREM").arg(QUEUE).arg(-1).arg(&two);
        pipe.cmd("LINSERT").arg(&[QUEUE, "BEFORE", &made[0], &made[2]]);
        pipe.cmd("LTRIM").arg(&[QUEUE, "1", "-2"]);
        pipe.query::<()>(&mut self.conn).expect("MULTI");
        self.was_put(&made, before);
    }

    fn replace(&mut self) {
        if self.len() == 0 {
            return;
        }
        match self.rng.below(4) {
            0 => {
                self.run("RENAME q other");
                self.push("LPUSH", 3);
                self.run("RENAME other q");
            }
            1 => {
                self.run("COPY q other REPLACE");
                self.run("RPOP q 2");
                self.run("COPY other q REPLACE");
                self.run("DEL other");
            }
            2 => drop(self.run("SORT q ALPHA STORE q")),
            _ => {
                let dump: Vec<u8> = redis::cmd("DUMP").arg(QUEUE).query(&mut self.conn).expect("DUMP");
                self.run("LPOP q");
                let mut command = redis::cmd("RESTORE");
                command
                    .arg(QUEUE)
                    .arg(0)
                    .arg(dump)
                    .arg("REPLACE")
                    .query::<()>(&mut self.conn)
                    .expect("RESTORE");
            }
        }
    }

    /// Another module edits an end and reports nothing.
    fn edit_silently(&mut self, left: bool) {
        if !self.has_silent || self.len() < 8 {
            return;
        }
        let at = if left { "0" } else { "-1" };
        if self.rng.percent(50) {
            self.run(&format!("CALLQADMIN.CUT {QUEUE} {at}"));
        } else {
            let made = self.one();
            self.put(
                std::slice::from_ref(&made),
                redis::cmd("CALLQADMIN.SWAP").arg(QUEUE).arg(at).arg(&made),
            )
            .expect("SWAP");
        }
    }

    fn serve_a_waiting_worker(&mut self) {
        self.run("DEL q");
        let mut worker = self.server.conn();
        let waiting = thread::spawn(move || run(&mut worker, "BRPOP q 0"));
        let server = &self.server;
        eventually("a worker waits", || server.info("blocked_clients").as_deref() == Some("1"));
        self.push("LPUSH", 3);
        waiting.join().expect("the worker's thread ends").expect("the worker is served");
    }

    fn clear(&mut self) {
        let reply = ask(&mut self.conn, "QADMIN.CLEARJOB q WHERE task = g.h ALL CONFIRM q");
        crate::support::wait_for_job(&mut self.conn, &reply.text("job_id"));
    }

    fn step(&mut self) {
        let (left, other) = (self.rng.percent(50), self.rng.percent(50));
        let word = |left: bool| if left { "LEFT" } else { "RIGHT" };
        let n = self.rng.within(1, 6);
        match self.rng.below(1_000) {
            _ if self.len() > 400 => drop(self.run("RPOP q 250")),
            0..400 => self.push(if left { "LPUSH" } else { "RPUSH" }, n),
            400..620 => drop(self.run(&format!("{} q {n}", if left { "LPOP" } else { "RPOP" }))),
            620..700 => self.rotate(&format!("LMOVE q q {} {}", word(left), word(other))),
            700..730 => {
                self.run(&format!("LMOVE q {OTHER} {} LEFT", word(left)));
                self.rotate(&format!("LMOVE {OTHER} q RIGHT {}", word(other)));
            }
            730..790 => self.transaction(),
            790..840 => self.script(),
            840..860 => self.edit_silently(left),
            860..915 => self.edit(),
            915..930 => self.edits_at_once(),
            930..950 => {
                let (first, last) = (self.rng.below(3), self.rng.below(3) + 1);
                self.run(&format!("LTRIM q {first} -{last}"));
            }
            950..955 => self.alone(Self::replace),
            955..980 => self.clear(),
            980..984 => self.alone(Self::serve_a_waiting_worker),
            984..988 => drop(self.run("DEBUG RELOAD")),
            988..991 => {
                self.run("SWAPDB 0 1");
                self.run("SWAPDB 0 1");
            }
            991..993 => drop(self.run("FLUSHALL")),
            993..995 => drop(self.run("DEL q")),
            _ => self.push("LPUSH", 20),
        }
    }

    fn check(&mut self, context: &str) {
        if self.len() == 0 {
            return;
        }
        // A change that nobody reported is seen when somebody asks; the next question is answered.
        ask(&mut self.conn, "QADMIN.PREVIEW q WHERE task = a.b");
        for words in [
            &["WHERE", "task", "=", "a.b"][..],
            &["WHERE", "kwargs.x", ">", "3", "WHERE", "task", "!=", "c.d"],
            &["WHERE", "kwargs.x", "=", "2.5"],
            &["WHERE", "task", "GLOB", "e*", "WHERE", "kwargs.x", "MISSING"],
            &["WHERE", "undecodable", "=", "1"],
        ] {
            compare(&mut self.conn, QUEUE, words, context);
        }
        self.check_arrivals(context);
        compare_stats(&mut self.conn, QUEUE, &["GROUPBY", "1", "task"], context);
        compare_stats(
            &mut self.conn,
            QUEUE,
            &["WHERE", "task", "!=", "a.b", "GROUPBY", "1", "kwargs.x"],
            context,
        );
    }
}

impl World {
    /// A time that is known is that of the message; a bound is not before it. Where messages leave silently
    /// that were not read yet, the next push seems to have been of fewer messages, and that cannot be known.
    fn check_arrivals(&mut self, context: &str) {
        if self.has_silent {
            return;
        }
        for row in rows(&mut self.conn, QUEUE).iter().filter(|row| !row.is_null("id")) {
            let Some((before, after)) = self.put.get(&row.text("id")) else { continue };
            let (arrived, is_bound) = arrival_of(row);
            assert!(
                is_bound || arrived <= *after + CLOCKS_MS,
                "{context}: {row:?} was put there before {after}"
            );
            let latest = if is_bound { arrived } else { arrived + STEP_MS - 1 } + CLOCKS_MS;
            assert!(latest >= *before, "{context}: {row:?} was put there after {before}");
        }
    }
}

#[test]
fn the_index_is_a_scans_equal_whatever_happens_to_the_list() {
    let (mut repaired, mut rebuilt) = (0, 0);
    for seed in 0..6 {
        let mut world = World::new(seed);
        for round in 0..25 {
            for _ in 0..100 {
                world.step();
            }
            world.workers.stand(true);
            world.check(&format!("seed {seed}, round {round}"));
            world.workers.stand(false);
        }
        let info = ask(&mut world.conn, "QADMIN.INDEX INFO q");
        repaired += info.int("repaired");
        rebuilt += info.int("rebuilt");
    }
    assert!(repaired > 200, "{repaired} edits were found, and the list was read again {rebuilt} times");
}
