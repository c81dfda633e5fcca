//! The scan against a naive hash with its index, while workers take, acknowledge and give back messages.

use std::cell::Cell;
use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::concerns::Concerns;
use crate::scan::{Budget, Clock, Effect, Judge, Judgement, Time};

/// What happens between two slices.
#[derive(Debug, Clone)]
enum Op {
    /// A worker takes a message at this time; its tag begins with this.
    Deliver { score: i8, tag: u8, matches: bool },
    /// The nth entry is acknowledged.
    Ack(usize),
    /// The nth message is given back as at a shutdown: its entry stays.
    Empty(usize),
    /// The nth entry gets another time.
    Move(usize, i8),
    /// A message without an entry.
    Lose(bool),
    /// A slice over at most so many entries, which may write or not.
    Slice(u64, bool),
}

/// Hash and index as they are.
#[derive(Debug, Clone, Default)]
struct Pair {
    hash: HashMap<Vec<u8>, Vec<u8>>,
    /// In order.
    index: Vec<(i8, Vec<u8>)>,
    ids: u64,
}

impl Pair {
    /// Tags in their order are not those in which messages came.
    fn new_tag(&mut self, first: u8) -> Vec<u8> {
        self.ids += 1;
        [vec![first], self.ids.to_le_bytes().to_vec()].concat()
    }

    fn put(&mut self, score: i8, tag: Vec<u8>) {
        self.index.retain(|(_, other)| *other != tag);
        self.index.push((score, tag));
        self.index.sort();
    }

    fn nth(&self, n: usize) -> Option<Vec<u8>> {
        Some(self.index.get(n.checked_rem(self.index.len())?)?.1.clone())
    }

    fn remove(&mut self, tag: &[u8]) {
        self.hash.remove(tag);
        self.index.retain(|(_, other)| other != tag);
    }

    fn start(&self) -> UnackedStart {
        UnackedStart {
            index: b"unacked_index".to_vec(),
            entries: self.index.len() as u64,
            bound: self.index.last().map(|(score, tag)| Place { score: f64::from(*score), tag: tag.clone() }),
        }
    }
}

/// The pair opened for one slice.
struct Opened<'a> {
    pair: &'a Pair,
    at: usize,
}

impl Held for Opened<'_> {
    fn seek(&mut self, behind: Option<&Place>) {
        let is_behind = |(score, tag): &(i8, Vec<u8>)| {
            behind.is_none_or(|place| (place.score, &place.tag) < (f64::from(*score), tag))
        };
        self.at = self.pair.index.iter().position(is_behind).unwrap_or(self.pair.index.len());
    }

    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        let (score, tag) = self.pair.index.get(self.at)?;
        self.at += 1;
        Some(f(f64::from(*score), tag, self.pair.hash.get(tag).map(Vec::as_slice)))
    }
}

/// Matches by the first byte, and remembers what it saw: the rest of a message is its tag.
#[derive(Default)]
struct Seen(Vec<Vec<u8>>);

impl Judge for Seen {
    fn judge(&mut self, message: &[u8]) -> Judgement {
        self.0.push(message[1..].to_vec());
        let matched = message[0] == b'm';
        Judgement { matched, concerns: Concerns::default(), ..Judgement::default() }
    }
    fn work(&mut self) -> u64 {
        // The clock is read after each message.
        1 << 20
    }
    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)> {
        vec![("tag".into(), Reply::Text(message[1..].to_vec()))]
    }
    fn values(&mut self, _: &[u8]) -> Option<u128> {
        None
    }
}

/// Goes on by one whenever somebody looks at it.
#[derive(Default)]
struct Ticking(Cell<u64>);

impl Clock for Ticking {
    fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// The job, and what its history says about it.
struct World {
    pair: Pair,
    scan: UnackedScan,
    plan: Plan,
    start: UnackedStart,
    /// Tags that were there at the start and have neither left nor moved since, nor lost their message.
    stayed: Vec<Vec<u8>>,
    matched: Vec<Vec<u8>>,
    seen: Vec<Vec<u8>>,
    taken: Vec<Vec<u8>>,
    moved: bool,
}

impl World {
    fn new(pair: Pair, plan: Plan) -> Self {
        let start = pair.start();
        let stayed = pair.index.iter().map(|(_, tag)| tag.clone()).filter(|tag| pair.hash.contains_key(tag));
        Self {
            scan: UnackedScan::new(plan, &start, pair.hash.len() as u64),
            plan,
            start,
            stayed: stayed.collect(),
            matched: Vec::new(),
            seen: Vec::new(),
            taken: Vec::new(),
            moved: false,
            pair,
        }
    }

    fn touch(&mut self, tag: &[u8]) {
        self.stayed.retain(|other| other != tag || self.seen.contains(other));
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Deliver { score, tag, matches } => deliver(&mut self.pair, score, tag, matches),
            Op::Ack(n) => {
                if let Some(tag) = self.pair.nth(n) {
                    self.touch(&tag);
                    self.pair.remove(&tag);
                }
            }
            Op::Empty(n) => {
                if let Some(tag) = self.pair.nth(n) {
                    self.touch(&tag);
                    self.pair.hash.remove(&tag);
                }
            }
            Op::Move(n, score) => {
                if let Some(tag) = self.pair.nth(n) {
                    self.touch(&tag);
                    self.moved = true;
                    self.pair.put(score, tag);
                }
            }
            Op::Lose(matches) => {
                let tag = self.pair.new_tag(0);
                self.pair.hash.insert(tag.clone(), message(matches, &tag));
            }
            Op::Slice(entries, write) => self.slice(entries, write),
        }
    }

    fn slice(&mut self, entries: u64, write: bool) {
        if self.scan.is_done() {
            return;
        }
        let budget = Budget {
            time: Time::AfterSeek { slice_ns: entries, last_seek_ns: 0 },
            window: 1,
            max_hits: 5,
            max_bytes: u64::MAX,
            hit_ns: 0,
            put_ns: 0,
        };
        let (mut look, mut judge) = (UnackedLook::default(), Seen::default());
        self.scan.observe(self.pair.hash.len() as u64, self.pair.index.len() as u64);
        let mut opened = Opened { pair: &self.pair, at: usize::MAX };
        self.scan.look(&mut opened, &mut judge, &Ticking::default(), &budget, &mut look);
        if !look.taken.is_empty() && !write {
            return;
        }
        let place = |tag: &Vec<u8>| self.pair.index.iter().position(|(_, other)| other == tag);
        assert!(judge.0.is_sorted_by_key(place), "in the order of the index");
        for tag in judge.0 {
            assert!(self.moved || !self.seen.contains(&tag), "examined twice");
            if self.pair.hash[&tag][0] == b'm' {
                self.matched.push(tag.clone());
            }
            self.seen.push(tag);
        }
        for tag in &look.taken {
            assert!(self.pair.hash[tag][0] == b'm', "what does not match is never taken out");
            self.taken.push(tag.clone());
            self.pair.remove(tag);
        }
        self.scan.commit(&mut look);
        self.check();
    }

    /// What holds behind every slice.
    fn check(&self) {
        let c = self.scan.counters();
        let clears = self.scan.deletes();
        assert_eq!(c.matched, self.matched.len() as u64);
        assert_eq!(c.deleted, self.taken.len() as u64);
        let limit = self.plan.limit.unwrap_or(u64::MAX);
        let would = match self.plan.effect {
            Effect::ClearAll => c.matched.min(limit),
            Effect::KeepOne => {
                let others = self.matched.iter().filter(|tag| Some(*tag) != self.matched.first());
                (others.count() as u64).min(limit)
            }
            _ => 0,
        };
        assert_eq!((c.would_delete, c.deleted), (would, if clears { would } else { 0 }));
        if self.plan.effect == Effect::KeepOne && clears {
            let kept = self.matched.first();
            assert!(kept.is_none_or(|kept| !self.taken.contains(kept)), "the lowest deadline stays");
        }
        if !clears {
            let Reply::List(rows) = self.scan.sample(usize::MAX) else { unreachable!("a list") };
            assert_eq!(rows.len(), self.matched.len().min(crate::scan::SAMPLE_MAX));
        }
        assert_eq!(self.scan.len(), self.pair.hash.len() as u64);
    }

    /// Slices until the job is done, and what holds then.
    fn finish(mut self) {
        for _ in 0..10_000 {
            if self.scan.is_done() {
                break;
            }
            self.slice(3, true);
        }
        assert!(self.scan.is_done());
        let c = self.scan.counters();
        let limited = self.plan.limit.is_some_and(|limit| c.would_delete >= limit);
        if !limited {
            for tag in &self.stayed {
                assert!(self.seen.contains(tag), "one that stayed was not examined");
            }
            // More are examined than were there only where some came with an earlier time.
            assert_eq!(c.drifted, self.start.entries.saturating_sub(c.processed));
            assert!(c.processed + c.drifted >= c.total);
        }
        if !self.moved && self.scan.deletes() && !limited {
            let kept = u64::from(self.plan.effect == Effect::KeepOne);
            let left = self
                .stayed
                .iter()
                .filter(|tag| self.matched.contains(tag) && self.pair.hash.contains_key(*tag));
            assert!(left.count() as u64 <= kept, "a match that stayed is gone");
        }
    }
}

fn message(matches: bool, tag: &[u8]) -> Vec<u8> {
    [if matches { b"m" } else { b"o" }, tag].concat()
}

fn deliver(pair: &mut Pair, score: i8, tag: u8, matches: bool) {
    let tag = pair.new_tag(tag);
    pair.hash.insert(tag.clone(), message(matches, &tag));
    pair.put(score, tag);
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (any::<i8>(), any::<u8>(), any::<bool>())
            .prop_map(|(score, tag, matches)| Op::Deliver { score: score / 16, tag, matches }),
        3 => any::<usize>().prop_map(Op::Ack),
        1 => any::<usize>().prop_map(Op::Empty),
        1 => (any::<usize>(), any::<i8>()).prop_map(|(n, score)| Op::Move(n, score / 16)),
        1 => any::<bool>().prop_map(Op::Lose),
        6 => (1_u64..9, prop::bool::weighted(0.8)).prop_map(|(n, write)| Op::Slice(n, write)),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let effects = prop_oneof![
        Just(Effect::Count),
        Just(Effect::ClearAll),
        Just(Effect::ClearAll),
        Just(Effect::KeepOne)
    ];
    (effects, any::<bool>(), prop::option::weighted(0.3, 1_u64..6)).prop_map(|(effect, dry, limit)| {
        let limit = limit.filter(|_| effect.clears());
        Plan::new(effect, dry && effect.clears()).limit(limit)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn every_entry_that_stays_is_examined_once_in_order_and_nothing_else_is_taken_out(
        before in prop::collection::vec((any::<i8>(), any::<u8>(), any::<bool>()), 0..40),
        plan in plan(),
        ops in prop::collection::vec(op(), 0..60),
    ) {
        let mut pair = Pair::default();
        for (score, tag, matches) in before {
            deliver(&mut pair, score / 16, tag, matches);
        }
        let mut world = World::new(pair, plan);
        for op in &ops {
            world.apply(op);
        }
        world.finish();
    }
}

#[test]
fn what_is_delivered_later_is_not_looked_at() {
    let mut pair = Pair::default();
    (0..20).for_each(|n| deliver(&mut pair, n, 1, true));
    let mut world = World::new(pair, Plan::new(Effect::ClearAll, false));
    world.slice(4, true);
    (0..20).for_each(|n| deliver(&mut world.pair, 20 + n, 0, true));
    // Of the same time as the last one, and a later tag.
    deliver(&mut world.pair, 19, 2, true);
    while !world.scan.is_done() {
        world.slice(4, true);
    }
    assert_eq!((world.taken.len(), world.pair.hash.len()), (20, 21));
    assert_eq!(world.scan.counters().drifted, 0);
}

#[test]
fn a_hash_that_is_gone_ends_the_scan_and_all_that_was_left_drifted() {
    let mut pair = Pair::default();
    (0..20).for_each(|n| deliver(&mut pair, n, 1, n % 2 == 0));
    let mut world = World::new(pair, Plan::new(Effect::Count, false));
    world.slice(4, true);
    let examined = world.scan.counters().processed;
    assert!(examined > 0);
    world.scan.lose();
    world.scan.lose();
    assert!(world.scan.is_done() && world.scan.is_gone() && world.scan.is_empty());
    let c = world.scan.counters();
    assert_eq!((c.processed, c.drifted, c.total), (examined, 20 - examined, 20));
    assert_eq!(world.scan.sample(20), Reply::List(Vec::new()));
}

#[test]
fn what_has_no_entry_and_what_has_no_message_is_said() {
    let mut pair = Pair::default();
    (0..4).for_each(|n| deliver(&mut pair, n, 1, true));
    let mut world = World::new(pair, Plan::new(Effect::ClearAll, false));
    world.apply(&Op::Empty(1));
    (0..3).for_each(|_| world.apply(&Op::Lose(true)));
    while !world.scan.is_done() {
        world.slice(9, true);
    }
    assert_eq!(world.taken.len(), 3);
    assert_eq!(world.pair.index.len(), 1, "an entry without a message is left alone");
    let notices = world.scan.notices();
    assert_eq!(notices[0], TASKS_GO_ON);
    assert!(notices[1].contains("does not know, which were not looked at: 2 or more"), "{notices:?}");
    assert!(notices[2].ends_with("which were left alone: 1"), "{notices:?}");
}
