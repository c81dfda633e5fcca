//! Two databases of one server, each with a queue of the same name, changed at random.

use std::sync::atomic::{AtomicU64, Ordering};

use redis::{Cmd, Connection, Value, cmd};

use qadmin_harness::{Fields as _, Server, map};

use super::job::{Job, Mode};
use super::ops::{Op, at_the_ends, in_place, last};
use super::queue::{End, KINDS, Kind, Maker, Queue};
use super::rng::Rng;
use super::status::Status;
use super::wire::{exec, look, look_at_both, seen, set};

/// Whether lists are changed inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edits {
    Never,
    Sometimes,
}

/// The number of jobs on one queue at a time: below the half of `max-jobs` that previews may take.
const JOBS_MAX: usize = 3;

/// The number if messages are alike: with different snapshots it could not be determined from which one of
/// two equal messages is missing.
const JOBS_MAX_ALIKE: usize = 1;

pub(super) struct World {
    conns: [Connection; 2],
    queues: [Queue; 2],
    maker: Maker,
    edits: Edits,
    duty: usize,
}

/// A command of a step.
enum Doing {
    Op(Op),
    Start(Mode, bool, Vec<Kind>),
}

fn random_job(rng: &mut Rng) -> Doing {
    let kinds = match rng.below(5) {
        0 => vec![Kind::A],
        1 => vec![Kind::B],
        2 => vec![Kind::A, Kind::B],
        3 => vec![Kind::Undecodable],
        _ => KINDS.to_vec(),
    };
    let n = rng.pick(&[1, 3, 40, 300]);
    let options = [Mode::Limit(n), Mode::KeepEach, Mode::KeepNewest, Mode::Expect(n)];
    match rng.below(12) {
        0..=3 => Doing::Start(Mode::All, false, kinds),
        4..=5 => Doing::Start(Mode::KeepOne, false, kinds),
        6 => Doing::Start(rng.pick(&[Mode::All, Mode::KeepOne]), true, kinds),
        7..=9 => Doing::Start(rng.pick(&options), false, kinds),
        10 => Doing::Start(rng.pick(&options), true, kinds),
        _ => Doing::Start(Mode::Preview, false, kinds),
    }
}

/// Returns the command that starts a job, and the id of a clear.
fn start(mode: Mode, dry: bool, kinds: &[Kind]) -> (Cmd, String) {
    static STARTED: AtomicU64 = AtomicU64::new(1);
    let n = STARTED.fetch_add(1, Ordering::Relaxed);
    let id = format!("00000000-0000-4000-8000-{n:012x}");
    let mut c = cmd(if mode == Mode::Preview { "QADMIN.PREVIEW" } else { "QADMIN.CLEARJOB" });
    // This condition is always true and different each time, because equal previews are one job.
    c.arg(&["q", "WHERE", "bytes", "<"]).arg(1_000_000 + n);
    match kinds {
        [Kind::A, Kind::B] => c.arg(&["WHERE", "task", "IN", "2", "A", "B"]),
        [Kind::Undecodable] => c.arg(&["WHERE", "undecodable", "=", "1"]),
        [one] => c.arg("TASK").arg(format!("{one:?}")),
        _ => &mut c,
    };
    match mode {
        Mode::Preview => c.arg("BUST"),
        Mode::All => c.arg("ALL"),
        Mode::KeepOne => c.arg("KEEPONE"),
        Mode::Limit(n) => c.arg(&["ALL", "LIMIT"]).arg(n),
        Mode::KeepEach => c.arg(&["KEEPONE", "BY", "task"]),
        Mode::KeepNewest => c.arg(&["KEEPONE", "KEEP", "NEWEST"]),
        Mode::Expect(n) => c.arg(&["ALL", "EXPECT"]).arg(n),
    };
    if mode != Mode::Preview {
        c.arg(&["CONFIRM", "q", "ID"]).arg(&id);
    }
    if dry {
        c.arg("DRYRUN");
    }
    (c, id)
}

impl World {
    pub(super) fn new(server: &Server, rng: &mut Rng, edits: Edits) -> Self {
        let mut conns = [server.conn(), server.conn()];
        cmd("SELECT").arg(1).exec(&mut conns[1]).expect("SELECT");
        cmd("FLUSHALL").exec(&mut conns[0]).expect("FLUSHALL");
        let fill = rng.pick(&["-2", "4", "128", "1"]);
        cmd("CONFIG").arg(&["SET", "list-max-listpack-size", fill]).exec(&mut conns[0]).expect("CONFIG SET");
        set(&mut conns[0], "list-compress-depth", rng.pick(&[0, 1, 3]));
        let shares =
            rng.pick(&[[100, 0, 0, 0], [90, 5, 5, 0], [50, 20, 25, 5], [6, 2, 90, 2], [34, 33, 33, 0]]);
        let maker = Maker { unique: rng.percent(60), shares, padding: rng.pick(&[0, 0, 40, 700]), made: 0 };
        let duty = rng.pick(&[1, 5, 50]);
        let mut world = Self { conns, queues: [Queue::default(), Queue::default()], maker, edits, duty };
        for db in 0..2 {
            world.fill(rng, db);
        }
        world
    }

    /// Creates messages for an empty queue.
    fn fill(&mut self, rng: &mut Rng, db: usize) {
        let most = rng.pick(&[3, 60, 400, 400, 1_000, 3_000]);
        let mut pipe = redis::pipe();
        let mut left = rng.within(0, most);
        while left > 0 {
            let n = left.min(100);
            let texts = (0..n).map(|_| self.maker.text(rng)).collect();
            let op = Op::Push(End::Head, texts);
            pipe.add_command(op.command());
            let len = i64::try_from(self.queues[db].list.len() + n).expect("small");
            op.follow(&mut self.queues[db], &Value::Int(len));
            left -= n;
        }
        if pipe.is_empty() {
            return;
        }
        pipe.query::<Vec<usize>>(&mut self.conns[db]).expect("LPUSH");
    }

    /// Runs one transaction of random commands, or a command that affects the whole server.
    pub(super) fn step(&mut self, rng: &mut Rng) {
        let db = rng.below(2);
        if rng.percent(2) {
            return self.shake(rng.pick(&[&["SWAPDB", "0", "1"][..], &["FLUSHALL"][..]]));
        }
        if self.queues[db].jobs.is_empty() && self.queues[db].list.len() < 20 && rng.percent(60) {
            self.fill(rng, db);
        }
        let mut doing = Vec::new();
        let jobs_max = if self.maker.unique { JOBS_MAX } else { JOBS_MAX_ALIKE };
        let mut starts = self.queues[db].jobs.len();
        for _ in 0..rng.within(0, 5) {
            if starts < jobs_max && rng.percent(if starts == 0 { 60 } else { 15 }) {
                starts += 1;
                doing.push(random_job(rng));
            }
            let queue = &self.queues[db];
            let around = queue.list.get(rng.below(queue.list.len() + 1)).map(|msg| msg.text.clone());
            let op = match around {
                Some(around) if self.edits == Edits::Sometimes && rng.percent(12) => {
                    in_place(rng, &mut self.maker, around, queue.list.len())
                }
                _ if rng.percent(1) => last(rng),
                _ => at_the_ends(rng, &mut self.maker),
            };
            doing.push(Doing::Op(op));
        }
        self.transaction(db, &doing);
    }

    /// Runs commands between two requests for the state, all at one point in time. A clear that starts in the
    /// transaction has an id that the test chose, so that its status can be read before its first slice.
    fn transaction(&mut self, db: usize, doing: &[Doing]) {
        let mut pipe = redis::pipe();
        pipe.atomic();
        let mut ids = self.queues[db].ids();
        let known = ids.len();
        look(&mut pipe, &ids);
        for what in doing {
            pipe.add_command(match what {
                Doing::Op(op) => op.command(),
                Doing::Start(mode, dry, kinds) => {
                    let (command, id) = start(*mode, *dry, kinds);
                    ids.extend((*mode != Mode::Preview).then_some(id));
                    command
                }
            });
        }
        look(&mut pipe, &ids);
        let answers = exec(&mut self.conns[db], &pipe);
        let (before, rest) = answers.split_at(known + 1);
        let (between, after) = rest.split_at(doing.len());
        let queue = &mut self.queues[db];
        let (statuses, now) = seen(before);
        queue.settle(&now, &statuses);
        for (what, answer) in doing.iter().zip(between) {
            match what {
                Doing::Op(op) => op.follow(queue, answer),
                Doing::Start(mode, dry, kinds) => {
                    let reply = map(answer);
                    if reply.is_null("job_id") {
                        assert!(*mode == Mode::Preview && queue.list.is_empty(), "{reply:?}");
                        continue;
                    }
                    let id = reply.text("job_id");
                    queue.jobs.push(Job::start(id, *mode, *dry, kinds.clone(), &queue.list));
                }
            }
        }
        let (statuses, now) = seen(after);
        compare(queue, &now);
        for status in statuses {
            if let Some(job) = queue.jobs.iter_mut().find(|job| job.id == status.id) {
                job.commands_ran(&status, &queue.list);
            }
        }
    }

    /// Runs FLUSHALL or SWAPDB, with the state of both databases in one transaction.
    fn shake(&mut self, words: &[&str]) {
        let mut pipe = redis::pipe();
        pipe.atomic();
        let known = [self.queues[0].jobs.len(), self.queues[1].jobs.len()];
        let ids = [self.queues[0].ids(), self.queues[1].ids()];
        look_at_both(&mut pipe, &ids);
        let mut shake = cmd(words[0]);
        shake.arg(&words[1..]);
        pipe.add_command(shake);
        look_at_both(&mut pipe, &ids);
        pipe.cmd("SELECT").arg(0);
        let answers = exec(&mut self.conns[0], &pipe);
        let (first, rest) = answers[1..].split_at(known[0] + 1);
        let (second, rest) = rest[1..].split_at(known[1] + 1);
        let (third, rest) = rest[2..].split_at(known[0] + 1);
        let fourth = &rest[1..known[1] + 2];
        for (queue, before) in self.queues.iter_mut().zip([first, second]) {
            let (statuses, now) = seen(before);
            queue.settle(&now, &statuses);
        }
        for (queue, (before, after)) in self.queues.iter_mut().zip([(first, third), (second, fourth)]) {
            let was = before[..before.len() - 1].iter().map(Status::read);
            let live = was.zip(seen(after).0).filter(|(was, _)| !was.has_ended());
            for (job, (_, status)) in queue.jobs.iter_mut().zip(live) {
                job.fails = Some(if words[0] == "FLUSHALL" { "flushed" } else { "swapped" });
                job.commands_ran(&status, &queue.list);
            }
            queue.jobs.clear();
        }
        if words[0] == "FLUSHALL" {
            self.queues = [Queue::default(), Queue::default()];
        } else {
            self.queues.swap(0, 1);
        }
        for (queue, after) in self.queues.iter().zip([third, fourth]) {
            compare(queue, &seen(after).1);
        }
    }

    /// Lets all jobs run to their end.
    pub(super) fn finish(&mut self) {
        set(&mut self.conns[0], "qadmin.duty", 100);
        for db in 0..2 {
            for id in self.queues[db].ids() {
                cmd("QADMIN.STATUS")
                    .arg(id)
                    .arg(&["WAIT", "60000"])
                    .exec(&mut self.conns[db])
                    .expect("STATUS");
            }
            self.transaction(db, &[]);
            assert!(self.queues[db].jobs.is_empty(), "all jobs ended");
        }
        set(&mut self.conns[0], "qadmin.duty", self.duty);
    }
}

/// Checks that the simple list and the server's list are the same.
fn compare(queue: &Queue, now: &[Vec<u8>]) {
    let expected: Vec<&Vec<u8>> = queue.list.iter().map(|msg| &*msg.text.bytes).collect();
    let same = expected.len() == now.len() && expected.iter().zip(now).all(|(a, b)| *a == b);
    assert!(same, "the list of {} should have {} messages, in their order", now.len(), expected.len());
}
