//! Random commands on a list whose index keeps values, also changes that nobody reports: the index is a scan's equal.

use std::thread;

use qadmin_harness::{Fields as _, Server, c_module, eventually};
use redis::{Connection, Value};

use super::{compare, compare_stats, message};
use crate::model::rng::Rng;
use crate::support::{ask, run};

const QUEUE: &str = "q";
const OTHER: &str = "other";

struct World {
    server: Server,
    conn: Connection,
    rng: Rng,
    ids: u64,
    has_silent: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let server = Server::start();
        let mut conn = server.conn();
        let library = c_module("callqadmin", server.dir()).expect("the other module is built");
        run(&mut conn, &format!("MODULE LOAD {}", library.display())).expect("MODULE LOAD");
        ask(&mut conn, &format!("QADMIN.INDEX CREATE {QUEUE} FIELDS 2 task kwargs.x"));
        Self { server, conn, rng: Rng::new(seed), ids: 0, has_silent: seed % 2 == 1 }
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
        redis::cmd(command).arg(QUEUE).arg(made).query::<()>(&mut self.conn).expect(command);
    }

    fn len(&mut self) -> usize {
        redis::cmd("LLEN").arg(QUEUE).query(&mut self.conn).expect("LLEN")
    }

    fn at(&mut self) -> Option<(usize, Vec<u8>)> {
        let len = self.len();
        let at = (len > 0).then(|| self.rng.below(len))?;
        Some((at, redis::cmd("LINDEX").arg(QUEUE).arg(at).query(&mut self.conn).expect("LINDEX")))
    }

    fn transaction(&mut self) {
        let made = self.made(3);
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("LPUSH").arg(QUEUE).arg(&made).cmd("RPOP").arg(QUEUE);
        pipe.cmd("LMOVE").arg(&[QUEUE, QUEUE, "LEFT", "RIGHT"]);
        pipe.query::<()>(&mut self.conn).expect("MULTI");
    }

    fn script(&mut self) {
        let made = self.made(2);
        let text = "redis.call('RPUSH', KEYS[1], ARGV[1]) redis.call('LPUSH', KEYS[1], ARGV[2]) redis.call('LPOP', KEYS[1])";
        redis::cmd("EVAL").arg(text).arg(1).arg(QUEUE).arg(made).query::<()>(&mut self.conn).expect("EVAL");
    }

    fn edit(&mut self) {
        let Some((at, there)) = self.at() else { return };
        let made = self.one();
        let command = match self.rng.below(3) {
            0 => redis::cmd("LREM").arg(QUEUE).arg(0).arg(there).to_owned(),
            1 => redis::cmd("LSET").arg(QUEUE).arg(at).arg(made).to_owned(),
            _ => redis::cmd("LINSERT").arg(QUEUE).arg("AFTER").arg(there).arg(made).to_owned(),
        };
        command.query::<()>(&mut self.conn).expect("an edit");
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
            redis::cmd("CALLQADMIN.SWAP")
                .arg(QUEUE)
                .arg(at)
                .arg(made)
                .query::<()>(&mut self.conn)
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
            620..700 => drop(self.run(&format!("LMOVE q q {} {}", word(left), word(other)))),
            700..730 => {
                self.run(&format!("LMOVE q {OTHER} {} LEFT", word(left)));
                self.run(&format!("LMOVE {OTHER} q RIGHT {}", word(other)));
            }
            730..790 => self.transaction(),
            790..840 => self.script(),
            840..880 => self.edit_silently(left),
            880..930 => self.edit(),
            930..950 => {
                let (first, last) = (self.rng.below(3), self.rng.below(3) + 1);
                self.run(&format!("LTRIM q {first} -{last}"));
            }
            950..965 => self.replace(),
            965..980 => self.clear(),
            980..988 => self.serve_a_waiting_worker(),
            988..992 => drop(self.run("DEBUG RELOAD")),
            992..995 => {
                self.run("SWAPDB 0 1");
                self.run("SWAPDB 0 1");
            }
            995..997 => drop(self.run("FLUSHALL")),
            _ => drop(self.run("DEL q")),
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
        compare_stats(&mut self.conn, QUEUE, &["GROUPBY", "1", "task"], context);
        compare_stats(
            &mut self.conn,
            QUEUE,
            &["WHERE", "task", "!=", "a.b", "GROUPBY", "1", "kwargs.x"],
            context,
        );
    }
}

#[test]
fn the_index_is_a_scans_equal_whatever_happens_to_the_list() {
    for seed in 0..4 {
        let mut world = World::new(seed);
        for round in 0..25 {
            for _ in 0..100 {
                world.step();
            }
            world.check(&format!("seed {seed}, round {round}"));
        }
    }
}
