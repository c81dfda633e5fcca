//! Random parks, moves, pushes, pops and undos on the same lists, with an oracle that knows which job moved
//! which message: an undo takes from a list exactly the messages that its job moved there and that are still
//! in it.

use std::collections::{HashMap, HashSet};

use qadmin_harness::{Fields as _, Server, eventually, map};
use redis::{Commands as _, Connection};

use super::{job, list, tell};
use crate::durability::{assert_no_mismatch, digest, in_memory, slow, until_caught_up};
use crate::model::Rng;
use crate::stage::{info, set, slowly};
use crate::support::{ask, wait_for_job};

type Bytes = Vec<u8>;

/// Two queues and a list that all moves can share; the lists that PARK makes are in addition to these.
const QUEUES: [&str; 2] = ["celery", "other"];
const SHARED: &str = "shared";

/// A job that moved messages, as the oracle knows it.
#[derive(Debug)]
struct Moved {
    id: String,
    queue: &'static str,
    list: String,
    /// The messages that it moved and no undo has moved back, whether they are in the list or not.
    messages: HashSet<Bytes>,
    undone: bool,
}

/// A running job of the round.
struct Live {
    id: String,
    /// The list to which it moves, or from which it takes if it is an undo.
    list: String,
    /// For an undo: the position of the job that it undoes.
    undoes: Option<usize>,
    queue: &'static str,
}

struct World {
    rng: Rng,
    conn: Connection,
    sent: usize,
    moved: Vec<Moved>,
    /// For this round: the messages that others pushed to each list and popped from it.
    pushed: HashMap<String, HashSet<Bytes>>,
    popped: HashMap<String, HashSet<Bytes>>,
    /// The messages that were popped in all rounds.
    all_popped: HashSet<Bytes>,
}

impl World {
    fn message(&mut self) -> Bytes {
        self.sent += 1;
        let task = self.rng.pick(&["a", "b", "c"]);
        format!(r#"{{"headers":{{"task":"{task}","id":"{}","retries":{}}}}}"#, self.sent, self.sent % 5)
            .into()
    }

    fn push(&mut self, key: &str, count: usize) {
        for _ in 0..count {
            let message = self.message();
            match self.rng.percent(80) {
                true => self.conn.lpush::<_, _, ()>(key, &message).expect("LPUSH"),
                false => self.conn.rpush::<_, _, ()>(key, &message).expect("RPUSH"),
            }
            self.pushed.entry(key.to_owned()).or_default().insert(message);
        }
    }

    fn pop(&mut self, key: &str) {
        let message: Option<Bytes> = match self.rng.percent(80) {
            true => self.conn.rpop(key, None).expect("RPOP"),
            false => self.conn.lpop(key, None).expect("LPOP"),
        };
        if let Some(message) = message {
            assert!(self.all_popped.insert(message.clone()), "a message was in two places");
            self.popped.entry(key.to_owned()).or_default().insert(message);
        }
    }

    fn lists(&self) -> Vec<String> {
        let mut lists: Vec<String> = QUEUES.map(str::to_owned).into();
        lists.push(SHARED.to_owned());
        lists.extend(self.moved.iter().map(|moved| moved.list.clone()).filter(|list| list != SHARED));
        lists
    }

    fn contents(&mut self) -> HashMap<String, Vec<Bytes>> {
        let lists = self.lists();
        lists.into_iter().map(|key| (key.clone(), list(&mut self.conn, &key))).collect()
    }

    fn filter(&mut self) -> &'static str {
        self.rng.pick(&[
            "TASK a",
            "TASK b",
            "WHERE retries GE 2",
            "WHERE task IN 2 a c",
            "WHERE retries LT 4",
        ])
    }

    /// Starts some jobs that overlap, at one moment. At most one of them moves to the shared list, so that
    /// the oracle knows which job moved a message.
    fn start(&mut self) -> Vec<Live> {
        let (mut lines, mut plans) = (Vec::new(), Vec::new());
        for to_shared in [self.rng.percent(60), false, false] {
            if !to_shared && self.rng.percent(50) {
                continue;
            }
            let (queue, filter) = (self.rng.pick(&QUEUES), self.filter());
            let front = if self.rng.percent(30) { " FRONT" } else { "" };
            let to = if to_shared { format!("TO {SHARED}") } else { "PARK".to_owned() };
            lines.push(format!("QADMIN.CLEARJOB {queue} {filter} ALL {to}{front} CONFIRM {queue}"));
            plans.push((None, queue));
        }
        let mut undoable: Vec<usize> = (0..self.moved.len()).filter(|at| !self.moved[*at].undone).collect();
        for _ in 0..self.rng.within(0, 2).min(undoable.len()) {
            let at = undoable.remove(self.rng.below(undoable.len()));
            let Moved { id, list, queue, .. } = &self.moved[at];
            let front = if self.rng.percent(40) { " FRONT" } else { "" };
            lines.push(format!("QADMIN.UNDO {id} CONFIRM {list}{front}"));
            plans.push((Some(at), *queue));
        }
        let mut all = redis::pipe();
        all.atomic();
        for line in &lines {
            let mut words = line.split(' ');
            all.cmd(words.next().expect("a word")).arg(words.collect::<Vec<_>>());
        }
        let replies: Vec<redis::Value> = all.query(&mut self.conn).expect("EXEC");
        let live = replies.iter().zip(plans).map(|(reply, (undoes, queue))| {
            let reply = map(reply);
            let list = if undoes.is_some() { reply.text("queue") } else { reply.text("to") };
            Live { id: reply.text("job_id"), list, undoes, queue }
        });
        live.collect()
    }

    /// Checks that a dry run of an undo counts exactly what the undo would take.
    fn check_dry_run(&mut self, at: usize, there: &[Bytes]) {
        let left = there.iter().filter(|message| self.moved[at].messages.contains(*message)).count();
        let line = format!("QADMIN.UNDO {} DRYRUN", self.moved[at].id);
        let dry = job(&mut self.conn, &line);
        assert_eq!(dry.int("would_delete"), i64::try_from(left).expect("few"), "{dry:?}");
    }

    /// Runs one round: jobs while producers and consumers use all lists, then the checks.
    fn round(&mut self) {
        (self.pushed, self.popped) = (HashMap::new(), HashMap::new());
        let before = self.contents();
        if let Some(at) = (0..self.moved.len()).find(|at| !self.moved[*at].undone) {
            let list = self.moved[at].list.clone();
            self.check_dry_run(at, &before[&list]);
        }
        let live = self.start();
        let mut keys = self.lists();
        keys.extend(live.iter().map(|job| job.list.clone()));
        let mut turns = 0;
        eventually("the jobs of a round end", || {
            turns += 1;
            let key = keys[self.rng.below(keys.len())].clone();
            if self.rng.percent(60) {
                self.push(&key, 1);
            } else {
                self.pop(&key);
            }
            if turns == 5 && self.rng.percent(30) {
                for job in live.iter().filter(|job| job.undoes.is_some()) {
                    tell(&mut self.conn, &format!("QADMIN.CANCEL {}", job.id));
                }
            }
            live.iter()
                .all(|job| !ask(&mut self.conn, &format!("QADMIN.STATUS {}", job.id)).is_null("completed_at"))
        });
        for job in live.iter().filter(|job| job.undoes.is_none()) {
            self.moved.push(Moved {
                id: job.id.clone(),
                queue: job.queue,
                list: job.list.clone(),
                messages: HashSet::new(),
                undone: false,
            });
        }
        let after = self.contents();
        self.check_undos(&live, &before, &after);
        self.book_moves(&live, &before, &after);
        self.check_that_nothing_is_lost(&after);
    }

    /// Checks what each undo took from its list.
    fn check_undos(
        &mut self,
        live: &[Live],
        before: &HashMap<String, Vec<Bytes>>,
        after: &HashMap<String, Vec<Bytes>>,
    ) {
        let mut all = HashSet::new();
        let nothing = HashSet::new();
        for undo in live {
            let Some(at) = undo.undoes else { continue };
            let end = wait_for_job(&mut self.conn, &undo.id);
            let popped = self.popped.get(&undo.list).unwrap_or(&nothing);
            let still: HashSet<&Bytes> = after[&undo.list].iter().collect();
            let gone = before[&undo.list]
                .iter()
                .filter(|message| !still.contains(message) && !popped.contains(*message));
            let mine: HashSet<Bytes> =
                gone.filter(|message| self.moved[at].messages.contains(*message)).cloned().collect();
            assert_eq!(end.int("deleted"), i64::try_from(mine.len()).expect("few"), "{end:?}");
            let left = before[&undo.list].iter().filter(|message| still.contains(message));
            let left = left.filter(|message| self.moved[at].messages.contains(*message)).count();
            match end.text("status").as_str() {
                "completed" => assert_eq!(left, 0, "an undo left what it should have taken: {end:?}"),
                "cancelled" => {}
                other => panic!("{other}: {end:?}"),
            }
            let moved = &mut self.moved[at];
            moved.messages.retain(|message| !mine.contains(message));
            moved.undone = end.text("status") == "completed" && end.int("undone") > 0;
            all.extend(mine);
        }
        // Every other message that left a list was taken by a consumer, or by a job that moves.
        for key in before.keys().filter(|key| !QUEUES.contains(&key.as_str())) {
            let popped = self.popped.get(key).unwrap_or(&nothing);
            let may_go = |message: &Bytes| popped.contains(message) || all.contains(message);
            let kept: Vec<&Bytes> = before[key].iter().filter(|message| !may_go(message)).collect();
            let there: HashSet<&Bytes> = kept.iter().copied().collect();
            let now: Vec<&Bytes> = after[key].iter().filter(|message| there.contains(message)).collect();
            assert!(kept == now, "{key} lost a message that no undo may take, or its order");
        }
    }

    /// Records which messages each job of this round moved: those that came into its list and were not pushed
    /// there.
    fn book_moves(
        &mut self,
        live: &[Live],
        before: &HashMap<String, Vec<Bytes>>,
        after: &HashMap<String, Vec<Bytes>>,
    ) {
        let nothing = HashSet::new();
        for job in live.iter().filter(|job| job.undoes.is_none()) {
            let there: HashSet<&Bytes> = before.get(&job.list).into_iter().flatten().collect();
            let pushed = self.pushed.get(&job.list).unwrap_or(&nothing);
            let popped = self.popped.get(&job.list).unwrap_or(&nothing);
            let came = after[&job.list].iter().chain(popped);
            let came: HashSet<Bytes> = came
                .filter(|message| !there.contains(message) && !pushed.contains(*message))
                .cloned()
                .collect();
            let end = wait_for_job(&mut self.conn, &job.id);
            assert_eq!(end.int("deleted"), i64::try_from(came.len()).expect("few"), "{end:?}");
            let moved = self.moved.iter_mut().find(|moved| moved.id == job.id).expect("it was added");
            // A job that moved nothing cannot be undone.
            moved.undone = came.is_empty();
            moved.messages = came;
        }
    }

    fn check_that_nothing_is_lost(&self, after: &HashMap<String, Vec<Bytes>>) {
        let mut seen = self.all_popped.clone();
        for message in after.values().flatten() {
            assert!(seen.insert(message.clone()), "a message is in two places");
        }
        assert_eq!(seen.len(), self.sent, "a message is nowhere");
    }
}

fn world(server: &Server, seed: u64) -> World {
    let (pushed, popped, all_popped) = (HashMap::new(), HashMap::new(), HashSet::new());
    let (rng, conn) = (Rng::new(seed), server.conn());
    World { rng, conn, sent: 0, moved: Vec::new(), pushed, popped, all_popped }
}

#[test]
fn an_undo_returns_exactly_the_moved_messages_that_are_still_there() {
    let mut popped_before = false;
    for (seed, restarts) in [(1, false), (2, false), (3, true)] {
        let mut server = if restarts { slow().start() } else { in_memory().start() };
        let replica = in_memory().start();
        replica.replica_of(&server);
        let mut world = world(&server, seed);
        for round in 0..8 {
            set(&mut world.conn, &slowly());
            for queue in QUEUES {
                world.push(queue, 40);
            }
            world.round();
            // The record of a job that was cancelled is written in a later event-loop iteration.
            eventually("no record is pending", || info(&server, "records_owed") == 0);
            until_caught_up(&server, &replica);
            assert_eq!(
                digest(&mut world.conn),
                digest(&mut replica.conn()),
                "the replica differs, seed {seed}, round {round}"
            );
            if restarts && round % 4 == 3 {
                server.restart();
                world.conn = server.conn();
                replica.wait_for_link();
            }
        }
        popped_before |= world.moved.iter().any(|moved| moved.undone && !moved.messages.is_empty());
        for server in [&server, &replica] {
            assert_no_mismatch(server);
        }
    }
    assert!(popped_before, "some were popped before");
}
