//! Random commands on a list with an index, each compared with the oracle.

use std::thread;

use qadmin_harness::{Server, eventually};
use redis::{Connection, Value};

use super::{Known, Want, check, message, now_ms, push};
use crate::model::rng::Rng;
use crate::support::{ask, run};

const QUEUE: &str = "q";
const OTHER: &str = "other";
/// The length of the longest list; a sample shows all of it.
const LONGEST: usize = 60;

struct World {
    server: Server,
    conn: Connection,
    rng: Rng,
    /// The messages from the head to the tail.
    list: Vec<Known>,
    ids: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let server = Server::start();
        let mut conn = server.conn();
        ask(&mut conn, &format!("QADMIN.INDEX CREATE {QUEUE}"));
        Self { server, conn, rng: Rng::new(seed), list: Vec::new(), ids: 0 }
    }

    fn next_ids(&mut self, n: usize) -> Vec<u64> {
        let first = self.ids;
        self.ids += n as u64;
        (first..self.ids).collect()
    }

    fn run(&mut self, line: &str) -> Value {
        run(&mut self.conn, line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn push(&mut self, left: bool, n: usize) {
        let ids = self.next_ids(n);
        let pushed = push(&mut self.conn, QUEUE, if left { "LPUSH" } else { "RPUSH" }, &ids);
        self.pushed(left, pushed);
    }

    fn pushed(&mut self, left: bool, pushed: Vec<Known>) {
        for known in pushed {
            if left {
                self.list.insert(0, known);
            } else {
                self.list.push(known);
            }
        }
    }

    fn pop(&mut self, left: bool) -> Option<Known> {
        if self.list.is_empty() {
            return None;
        }
        Some(self.list.remove(if left { 0 } else { self.list.len() - 1 }))
    }

    /// Runs a command; returns the times before and after it.
    fn timed(&mut self, line: &str) -> (i64, i64) {
        let before = now_ms();
        self.run(line);
        (before, now_ms())
    }

    /// Records that the arrival of every message is unknown.
    fn forget(&mut self) {
        self.list.iter_mut().for_each(|known| known.known = Want::Bound);
    }

    /// Records that some messages are gone whose positions were not reported.
    fn blur(&mut self) {
        for known in self.list.iter_mut().filter(|known| known.known == Want::Exact) {
            known.known = Want::Either;
        }
    }

    fn rotate(&mut self, from_left: bool, to_left: bool) {
        let word = |left: bool| if left { "LEFT" } else { "RIGHT" };
        let line = format!("LMOVE {QUEUE} {QUEUE} {} {}", word(from_left), word(to_left));
        let pushed = self.timed(&line);
        if let Some(moved) = self.pop(from_left) {
            self.pushed(to_left, vec![Known { pushed, known: Want::Exact, ..moved }]);
        }
    }

    /// Moves a message to another list and back: it arrives again.
    fn move_there_and_back(&mut self) {
        self.run(&format!("LMOVE {QUEUE} {OTHER} RIGHT LEFT"));
        let pushed = self.timed(&format!("LMOVE {OTHER} {QUEUE} RIGHT LEFT"));
        if let Some(moved) = self.pop(false) {
            self.pushed(true, vec![Known { pushed, known: Want::Exact, ..moved }]);
        }
    }

    /// A push of several messages serves a worker that waits on an empty list.
    fn serve_a_waiting_worker(&mut self) {
        self.run(&format!("DEL {QUEUE}"));
        self.list.clear();
        let mut worker = self.server.conn();
        let left = self.rng.percent(50);
        let line = format!("{} {QUEUE} 0", if left { "BLPOP" } else { "BRPOP" });
        let waiting = thread::spawn(move || run(&mut worker, &line));
        let server = &self.server;
        eventually("a worker waits", || server.info("blocked_clients").as_deref() == Some("1"));
        self.push(true, 3);
        waiting.join().expect("the worker's thread ends").expect("the worker is served");
        self.pop(left);
    }

    fn transaction(&mut self) {
        let ids = self.next_ids(2);
        let before = now_ms();
        let mut pipe = redis::pipe();
        pipe.atomic();
        for id in &ids {
            pipe.cmd("LPUSH").arg(QUEUE).arg(message(*id));
        }
        pipe.cmd("RPOP").arg(QUEUE);
        pipe.query::<()>(&mut self.conn).expect("MULTI");
        let pushed = (before, now_ms());
        self.pushed(true, ids.iter().map(|id| Known { id: *id, pushed, known: Want::Exact }).collect());
        self.pop(false);
    }

    fn script(&mut self) {
        let ids = self.next_ids(2);
        let before = now_ms();
        redis::cmd("EVAL")
            .arg("redis.call('RPUSH', KEYS[1], ARGV[1]) redis.call('LPUSH', KEYS[1], ARGV[2]) redis.call('LPOP', KEYS[1])")
            .arg(1)
            .arg(QUEUE)
            .arg(message(ids[0]))
            .arg(message(ids[1]))
            .query::<()>(&mut self.conn)
            .expect("EVAL");
        self.pushed(false, vec![Known { id: ids[0], pushed: (before, now_ms()), known: Want::Exact }]);
    }

    fn lrem(&mut self) {
        if self.list.is_empty() {
            return;
        }
        let at = self.rng.below(self.list.len());
        let gone = self.list.remove(at);
        redis::cmd("LREM").arg(QUEUE).arg(0).arg(message(gone.id)).query::<()>(&mut self.conn).expect("LREM");
        self.blur();
    }

    fn ltrim(&mut self) {
        let (head, tail) = (self.rng.below(3), self.rng.below(3));
        self.run(&format!("LTRIM {QUEUE} {head} -{}", tail + 1));
        let before = self.list.len();
        let (head, tail) = (head.min(before), tail.min(before - head.min(before)));
        self.list.drain(..head);
        self.list.truncate(self.list.len() - tail);
        if head + tail > 0 {
            self.blur();
        }
    }

    fn put_inside(&mut self, replaces: bool) {
        if self.list.is_empty() {
            return;
        }
        let (at, id) = (self.rng.below(self.list.len()), self.next_ids(1)[0]);
        let before = now_ms();
        if replaces {
            redis::cmd("LSET").arg(QUEUE).arg(at).arg(message(id)).query::<()>(&mut self.conn).expect("LSET");
            self.list.remove(at);
        } else {
            let pivot = message(self.list[at].id);
            let line = redis::cmd("LINSERT")
                .arg(QUEUE)
                .arg("BEFORE")
                .arg(pivot)
                .arg(message(id))
                .query::<()>(&mut self.conn);
            line.expect("LINSERT");
        }
        self.list.insert(at, Known { id, pushed: (before, now_ms()), known: Want::Bound });
        self.forget();
    }

    /// Writes the same messages to the same key again: for the index it is another list.
    fn replace(&mut self) {
        let lines: &[&str] = match self.rng.below(4) {
            0 => &["RENAME q other", "RENAME other q"],
            1 => &["COPY q other REPLACE", "COPY other q REPLACE", "DEL other"],
            2 => &["MOVE q 1", "SELECT 1", "MOVE q 0", "SELECT 0"],
            _ => {
                let dump: Value = redis::cmd("DUMP").arg(QUEUE).query(&mut self.conn).expect("DUMP");
                let Value::BulkString(dump) = dump else { return };
                let mut command = redis::cmd("RESTORE");
                command.arg(QUEUE).arg(0).arg(dump).arg("REPLACE");
                command.query::<()>(&mut self.conn).expect("RESTORE");
                return self.forget();
            }
        };
        if !self.list.is_empty() {
            lines.iter().for_each(|line| drop(self.run(line)));
            self.forget();
        }
    }

    fn reload(&mut self) {
        self.run("DEBUG RELOAD");
        self.forget();
    }

    fn step(&mut self) -> &'static str {
        let (left, other) = (self.rng.percent(50), self.rng.percent(50));
        match self.rng.below(100) {
            _ if self.list.len() > LONGEST => {
                self.run(&format!("RPOP {QUEUE} 20"));
                (0..20).for_each(|_| {
                    self.pop(false);
                });
                "RPOP 20"
            }
            0..28 => {
                let n = self.rng.within(1, 5);
                self.push(left, n);
                "push"
            }
            28..50 => {
                let n = self.rng.within(1, 4);
                self.run(&format!("{} {QUEUE} {n}", if left { "LPOP" } else { "RPOP" }));
                (0..n).for_each(|_| {
                    self.pop(left);
                });
                "pop"
            }
            50..60 => {
                self.rotate(left, other);
                "LMOVE in the list"
            }
            60..65 => {
                self.move_there_and_back();
                "LMOVE to another list and back"
            }
            65..70 => {
                self.transaction();
                "MULTI"
            }
            70..75 => {
                self.script();
                "EVAL"
            }
            75..81 => {
                self.lrem();
                "LREM"
            }
            81..87 => {
                self.ltrim();
                "LTRIM"
            }
            87..90 => {
                self.put_inside(left);
                "LINSERT or LSET"
            }
            90..93 => {
                self.replace();
                "another list"
            }
            93..95 => {
                self.serve_a_waiting_worker();
                "a push to a waiting worker"
            }
            95 => {
                self.reload();
                "DEBUG RELOAD"
            }
            96 => {
                self.run("FLUSHDB");
                self.list.clear();
                "FLUSHDB"
            }
            97 => {
                // The other database is empty.
                self.run("SWAPDB 0 1");
                self.run("SWAPDB 0 1");
                self.forget();
                "SWAPDB twice"
            }
            _ => {
                self.run(&format!("DEL {QUEUE}"));
                self.list.clear();
                "DEL"
            }
        }
    }
}

#[test]
fn the_index_is_right_whatever_happens_to_the_list() {
    for seed in 0..6 {
        let mut world = World::new(seed);
        let mut last = Vec::new();
        for at in 0..150 {
            let what = world.step();
            last.push(what);
            let recent = &last[last.len().saturating_sub(5)..];
            let list = world.list.clone();
            check(&mut world.conn, QUEUE, &list, &format!("seed {seed}, step {at}: {recent:?}"));
        }
    }
}
