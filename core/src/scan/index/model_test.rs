//! The scan compared with a simple model of a hash and its index, while workers take, acknowledge and return
//! messages.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::scan::doubles::{self, Ticking};
use crate::scan::{Effect, Judge, Judgement, ScanState as _};

/// What happens between two slices.
#[derive(Debug, Clone)]
enum Op {
    /// A worker takes a message at this time; the message's tag begins with this byte.
    Deliver { score: i8, tag: u8, matches: bool },
    /// The nth entry is acknowledged.
    Ack(usize),
    /// The nth message is returned as at a shutdown: its entry is kept.
    Empty(usize),
    /// Several messages are taken by one command.
    DeliverSome(Vec<(i8, u8, bool)>),
    /// A message is taken while nothing can count the index.
    DeliverUnseen { score: i8, tag: u8, matches: bool },
    /// The nth entry gets another time.
    Move(usize, i8),
    /// The nth message is returned and taken again under the same tag, at this time.
    TakeAgain(usize, i8),
    /// A message without an entry is added.
    Lose(bool),
    /// A slice over at most n entries, which can write or not.
    Slice(u64, bool),
    /// Another job removes the nth entry.
    Other(usize),
}

/// The present hash and index.
#[derive(Debug, Clone, Default)]
struct Pair {
    hash: HashMap<Vec<u8>, Vec<u8>>,
    /// The entries in order.
    index: Vec<(i8, Vec<u8>)>,
    ids: u64,
}

impl Pair {
    /// The order of the tags is not the order in which the messages came.
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

    fn start(&self) -> IndexStart {
        IndexStart {
            index: b"unacked_index".to_vec(),
            entries: self.index.len() as u64,
            bound: self
                .index
                .last()
                .map(|(score, tag)| IndexPosition { score: f64::from(*score), tag: tag.clone() }),
        }
    }
}

/// The pair opened for one slice.
struct Opened<'a> {
    pair: &'a Pair,
    at: usize,
    back: usize,
    refused: bool,
}

impl<'a> Opened<'a> {
    fn new(pair: &'a Pair) -> Self {
        Self { pair, at: usize::MAX, back: 0, refused: false }
    }

    fn place(&self, at: usize) -> Option<IndexPosition> {
        let (score, tag) = self.pair.index.get(at).filter(|_| !self.refused)?;
        Some(IndexPosition { score: f64::from(*score), tag: tag.clone() })
    }
}

impl IndexKeys for Opened<'_> {
    fn seek(&mut self, after: Option<&IndexPosition>) {
        let is_after = |(score, tag): &(i8, Vec<u8>)| {
            after.is_none_or(|place| (place.score, &place.tag) < (f64::from(*score), tag))
        };
        self.at = self.pair.index.iter().position(is_after).unwrap_or(self.pair.index.len());
    }

    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        let (score, tag) = self.pair.index.get(self.at)?;
        self.at += 1;
        Some(f(f64::from(*score), tag, self.pair.hash.get(tag).map(Vec::as_slice)))
    }

    fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.back = self.rank(place).and_then(|rank| usize::try_from(rank).ok()).unwrap_or(0);
    }

    fn previous(&mut self) -> Option<IndexPosition> {
        self.back = self.back.checked_sub(1)?;
        self.place(self.back)
    }

    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        let is_before = |(score, tag): &&(i8, Vec<u8>)| {
            place.is_none_or(|place| (f64::from(*score), tag) < (place.score, &place.tag))
        };
        (!self.refused).then(|| self.pair.index.iter().filter(is_before).count() as u64)
    }

    fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        self.place(usize::try_from(rank).ok()?)
    }

    fn up_to(&mut self, score: f64) -> Option<u64> {
        let is_in = |(other, _): &&(i8, Vec<u8>)| f64::from(*other) <= score;
        (!self.refused).then(|| self.pair.index.iter().filter(is_in).count() as u64)
    }

    fn is_refused(&self) -> bool {
        self.refused
    }
}

/// Matches by the first byte, and records the messages that it examined: the rest of a message is its tag.
#[derive(Default)]
struct Seen(Vec<Vec<u8>>);

impl Judge for Seen {
    fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
        self.0.push(message[1..].to_vec());
        (message[0] == b'm').then(Judgement::of_match)
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

/// The job, and the expectations that follow from its history.
struct World {
    pair: Pair,
    scan: UnackedScan,
    plan: Plan,
    start: IndexStart,
    /// The entries that were there at the start.
    there: HashSet<(i8, Vec<u8>)>,
    /// Those of their tags that have been in the index ever since, whatever their scores.
    never_left: HashSet<Vec<u8>>,
    /// The tags that were there at the start and whose entries have neither left nor moved nor lost their
    /// message since.
    stayed: Vec<Vec<u8>>,
    matched: Vec<Vec<u8>>,
    seen: Vec<Vec<u8>>,
    removed: Vec<Vec<u8>>,
    moved: bool,
    /// Whether something came that the scan cannot distinguish with certainty from the entries that were
    /// there.
    disturbed: bool,
}

/// Returns the budget of a slice of this model: it can remove five messages, and its windows have one message each.
fn budget(entries: u64) -> Budget {
    Budget { window: 1, max_deletions: 5, ..doubles::budget(entries) }
}

impl World {
    fn new(pair: Pair, plan: Plan) -> Self {
        Self::with_room(pair, plan, usize::MAX)
    }

    fn with_room(pair: Pair, plan: Plan, room: usize) -> Self {
        let start = pair.start();
        let stayed = pair.index.iter().map(|(_, tag)| tag.clone()).filter(|tag| pair.hash.contains_key(tag));
        let mut scan = UnackedScan::new(plan, &start, pair.hash.len() as u64);
        scan.remember(&mut Opened::new(&pair), room, &Ticking::default(), &budget(1));
        Self {
            scan,
            plan,
            start,
            there: pair.index.iter().cloned().collect(),
            never_left: pair.index.iter().map(|(_, tag)| tag.clone()).collect(),
            stayed: stayed.collect(),
            matched: Vec::new(),
            seen: Vec::new(),
            removed: Vec::new(),
            moved: false,
            disturbed: false,
            pair,
        }
    }

    /// Returns whether the entry was there at the start, with this score or with another score that one
    /// command replaced.
    fn was_there(&self, score: i8, tag: &Vec<u8>) -> bool {
        self.never_left.contains(tag) || self.there.contains(&(score, tag.clone()))
    }

    /// Returns whether the scan remembers the entries that were there.
    fn remembers(&self) -> bool {
        self.plan.effect.clears()
    }

    /// Announces that the index changed, as the server does.
    fn tell(&mut self) {
        if self.scan.watches() {
            self.scan.count(&mut Opened::new(&self.pair));
        }
    }

    /// Records that an entry is about to come at this time.
    fn comes(&mut self, score: i8) {
        let is_before = self.start.bound.as_ref().is_some_and(|bound| f64::from(score) <= bound.score);
        self.disturbed |= is_before && self.scan.watches();
    }

    fn deliver(&mut self, (score, tag, matches): (i8, u8, bool)) {
        self.comes(score);
        deliver(&mut self.pair, score, tag, matches);
    }

    fn touch(&mut self, tag: &[u8]) {
        self.stayed.retain(|other| other != tag || self.seen.contains(other));
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Deliver { score, tag, matches } => {
                self.deliver((score, tag, matches));
                self.tell();
            }
            Op::DeliverSome(ref all) => {
                all.iter().for_each(|one| self.deliver(*one));
                self.tell();
            }
            Op::DeliverUnseen { score, tag, matches } => {
                self.disturbed |= self.scan.watches();
                self.deliver((score, tag, matches));
                self.scan.lose_sight();
            }
            Op::TakeAgain(n, score) => {
                if let Some(tag) = self.pair.nth(n) {
                    self.touch(&tag);
                    self.comes(score);
                    // The scan can reach it a second time, at another position.
                    self.moved = true;
                    let message = self.pair.hash.get(&tag).cloned();
                    self.never_left.remove(&tag);
                    self.pair.remove(&tag);
                    self.tell();
                    self.pair.put(score, tag.clone());
                    self.tell();
                    message.into_iter().for_each(|message| {
                        self.pair.hash.insert(tag.clone(), message);
                    });
                }
            }
            Op::Ack(n) | Op::Other(n) => {
                if let Some(tag) = self.pair.nth(n) {
                    self.touch(&tag);
                    self.never_left.remove(&tag);
                    self.pair.remove(&tag);
                    self.tell();
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
                    self.comes(score);
                    self.moved = true;
                    self.pair.put(score, tag);
                    self.tell();
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
        let (mut outcome, mut judge) = (IndexOutcome::default(), Seen::default());
        self.scan.observe(self.pair.hash.len() as u64, self.pair.index.len() as u64);
        let mut opened = Opened::new(&self.pair);
        self.scan.count(&mut opened);
        if self.scan.is_reading() {
            self.scan.read(&mut opened, &Ticking::default(), &budget(entries));
            assert_eq!(self.scan.counters().processed, 0, "nothing is examined before all is read");
            return;
        }
        self.scan.run_slice(&mut opened, &mut judge, &Ticking::default(), &budget(entries), &mut outcome);
        if !outcome.removed.is_empty() && !write {
            return;
        }
        let place = |tag: &Vec<u8>| self.pair.index.iter().position(|(_, other)| other == tag);
        assert!(judge.0.is_sorted_by_key(place), "in the order of the index");
        for tag in judge.0 {
            assert!(self.moved || !self.seen.contains(&tag), "examined twice");
            let score = self.pair.index.iter().find(|(_, other)| *other == tag).expect("it is there").0;
            let known = self.scan.membership((f64::from(score), &tag));
            if known == Membership::There {
                let was_there = self.was_there(score, &tag);
                assert!(
                    was_there || !self.remembers(),
                    "one that came later is taken for one that was there"
                );
                if self.pair.hash[&tag][0] == b'm' {
                    self.matched.push(tag.clone());
                }
            }
            assert!(known == Membership::There || self.disturbed, "nothing came that could be one of those");
            self.seen.push(tag);
        }
        for IndexPosition { tag, .. } in &outcome.removed {
            assert!(self.pair.hash[tag][0] == b'm', "what does not match is never taken out");
            let entry = self.pair.index.iter().find(|(_, other)| other == tag).expect("it is there");
            assert!(self.was_there(entry.0, tag), "one that came later is taken out");
            self.removed.push(tag.clone());
            self.never_left.remove(tag);
            self.pair.remove(tag);
        }
        self.scan.count(&mut Opened::new(&self.pair));
        self.scan.commit(&mut outcome);
        self.check();
    }

    /// Checks the conditions that are true after every slice.
    fn check(&self) {
        let c = self.scan.counters();
        let clears = self.scan.deletes();
        assert_eq!(c.matched, self.matched.len() as u64);
        assert_eq!(c.deleted, self.removed.len() as u64);
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
            assert!(kept.is_none_or(|kept| !self.removed.contains(kept)), "the lowest deadline stays");
        }
        if !clears {
            let Reply::List(rows) = self.scan.sample(usize::MAX) else { unreachable!("a list") };
            assert_eq!(rows.len(), self.matched.len().min(crate::scan::SAMPLE_MAX));
        }
        assert_eq!(self.scan.len(), self.pair.hash.len() as u64);
    }

    /// Runs slices until the job is done, and checks the conditions that are true then.
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
            assert_eq!(c.drifted, self.start.entries.saturating_sub(c.processed));
            // More entries are examined than were there only if the scan does not remember them and some came
            // with an earlier time.
            assert!(c.processed + c.drifted >= c.total);
            assert!(c.processed <= c.total || !self.remembers());
        }
        if !limited && !self.disturbed {
            let matches =
                self.stayed.iter().filter(|tag| self.pair.hash.get(*tag).is_some_and(|m| m[0] == b'm'));
            matches.for_each(|tag| assert!(self.matched.contains(tag), "a match that stayed is not counted"));
            assert!(self.scan.doubtful == 0);
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
            .prop_map(|(score, tag, matches)| Op::Deliver { score: score / 4, tag, matches }),
        1 => prop::collection::vec((any::<i8>().prop_map(|score| score / 4), any::<u8>(), any::<bool>()), 2..5)
            .prop_map(Op::DeliverSome),
        1 => (any::<i8>(), any::<u8>(), any::<bool>())
            .prop_map(|(score, tag, matches)| Op::DeliverUnseen { score: score / 4, tag, matches }),
        1 => (any::<usize>(), any::<i8>()).prop_map(|(n, score)| Op::TakeAgain(n, score / 4)),
        1 => any::<usize>().prop_map(Op::Other),
        3 => any::<usize>().prop_map(Op::Ack),
        1 => any::<usize>().prop_map(Op::Empty),
        1 => (any::<usize>(), any::<i8>()).prop_map(|(n, score)| Op::Move(n, score / 4)),
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
    fn kept_entries_are_examined_once_and_only_matches_removed(
        before in prop::collection::vec((any::<i8>(), any::<u8>(), any::<bool>()), 0..120),
        plan in plan(),
        room in prop_oneof![Just(usize::MAX), 0..100_usize],
        ops in prop::collection::vec(op(), 0..60),
    ) {
        let mut pair = Pair::default();
        for (score, tag, matches) in before {
            deliver(&mut pair, score / 4, tag, matches);
        }
        let mut world = World::with_room(pair, plan, room);
        for op in &ops {
            world.apply(op);
        }
        world.finish();
    }
}

#[test]
fn later_deliveries_are_not_examined() {
    let mut pair = Pair::default();
    (0..20).for_each(|n| deliver(&mut pair, n, 1, true));
    let mut world = World::new(pair, Plan::new(Effect::ClearAll, false));
    world.slice(4, true);
    (0..20).for_each(|n| deliver(&mut world.pair, 20 + n, 0, true));
    // It has the time of the last entry and a later tag.
    deliver(&mut world.pair, 19, 2, true);
    // Its time is one that the scan has not reached yet: the clock of its worker is slow.
    deliver(&mut world.pair, 15, 2, true);
    while !world.scan.is_done() {
        world.slice(4, true);
    }
    assert_eq!((world.removed.len(), world.pair.hash.len()), (20, 22));
    let c = world.scan.counters();
    assert_eq!((c.processed, c.drifted, c.arrived), (20, 0, 22));
}

/// Creates a hundred entries, of which the command itself reads the last sixteen.
fn a_hundred(room: usize) -> World {
    let mut pair = Pair::default();
    (0..100).for_each(|n| deliver(&mut pair, n, 1, true));
    let world = World::with_room(pair, Plan::new(Effect::ClearAll, false), room);
    assert_eq!(world.scan.is_reading(), room > 16);
    world
}

fn run(mut world: World) -> World {
    while !world.scan.is_done() {
        world.slice(4, true);
    }
    world
}

#[test]
fn changes_while_reading_cost_one_segment() {
    for (score, unknown) in [(0, 2), (50, 4), (83, 4), (84, 0), (99, 0), (100, 0)] {
        let mut world = a_hundred(usize::MAX);
        world.apply(&Op::Deliver { score, tag: 0, matches: true });
        let world = run(world);
        let left = world.pair.hash.len() as u64 - 1;
        assert_eq!((left > 0, left <= unknown), (unknown > 0, true), "{score}: {left} are left");
        let c = world.scan.counters();
        assert_eq!((c.processed, c.arrived, c.deleted), (100, 1, 100 - left), "{score}");
        let said = world.scan.notices().iter().any(|notice| {
            notice.contains(&format!("may have been delivered after the command: {};", left + 1))
        });
        assert_eq!(said, left > 0, "{:?}", world.scan.notices());
    }
}

#[test]
fn changes_after_reading_cost_nothing() {
    let mut world = a_hundred(usize::MAX);
    while world.scan.is_reading() {
        world.slice(1, true);
    }
    assert!(!world.scan.watches());
    for score in 0..100 {
        world.apply(&Op::Deliver { score, tag: 0, matches: true });
    }
    let world = run(world);
    assert_eq!((world.removed.len(), world.pair.hash.len()), (100, 100));
    assert_eq!((world.scan.counters().arrived, world.scan.doubtful), (100, 0));
}

#[test]
fn entries_beyond_memory_are_distinguished_by_counting() {
    for room in [0, 10, 50] {
        let mut world = a_hundred(room);
        while world.scan.is_reading() {
            world.slice(1, true);
        }
        assert!(world.scan.watches());
        // This one is acknowledged before the scan reaches it, and replaced by one that came later.
        world.apply(&Op::Ack(5));
        world.apply(&Op::Deliver { score: 5, tag: 0, matches: true });
        while world.scan.counters().processed < 30 {
            world.slice(4, true);
        }
        // The scan has passed these times.
        (0..9).for_each(|score| world.apply(&Op::Deliver { score, tag: 0, matches: true }));
        let world = run(world);
        let c = world.scan.counters();
        assert_eq!((c.processed, c.drifted, c.deleted), (99, 1, 99 - (world.pair.hash.len() as u64 - 10)));
        assert!((1..=4).contains(&world.scan.doubtful), "{}", world.scan.doubtful);
    }
}

#[test]
fn entries_of_an_unreadable_index_stay_uncertain() {
    let mut pair = Pair::default();
    (0..100).for_each(|n| deliver(&mut pair, n, 1, true));
    let mut world = World::new(pair, Plan::new(Effect::ClearAll, false));
    world.disturbed = true;
    world.scan.count(&mut Opened { refused: true, ..Opened::new(&world.pair) });
    assert!(!world.scan.watches());
    let world = run(world);
    assert_eq!(
        (world.removed.len(), world.scan.doubtful),
        (16, 84),
        "only those that the command read are known"
    );
    let c = world.scan.counters();
    assert_eq!((c.processed, c.drifted, c.arrived), (100, 0, 0));
}

#[test]
fn a_read_that_is_refused_is_not_the_end_of_the_index() {
    let world = &mut a_hundred(usize::MAX);
    let mut refused = Opened { refused: true, ..Opened::new(&world.pair) };
    world.scan.read(&mut refused, &Ticking::default(), &budget(9));
    assert!(world.scan.is_reading() && world.scan.watches());
}

#[test]
fn an_index_that_is_gone_ends_the_scan_and_the_messages_stay() {
    let mut world = a_hundred(usize::MAX);
    world.scan.lose_index();
    let c = world.scan.counters();
    assert_eq!((c.processed, c.drifted, world.scan.len()), (0, 100, 100));
    assert!(world.scan.is_done() && world.scan.index_gone && !world.scan.gone);
    assert!(world.scan.notices()[1].starts_with("the index was emptied"), "{:?}", world.scan.notices());
    // If the hash is emptied as well, there is no notice.
    world.scan.lose();
    assert_eq!(world.scan.notices().len(), 1);
}

#[test]
fn a_deleted_hash_ends_the_scan_and_the_rest_drifted() {
    let mut pair = Pair::default();
    (0..20).for_each(|n| deliver(&mut pair, n, 1, n % 2 == 0));
    let mut world = World::new(pair, Plan::new(Effect::Count, false));
    world.slice(4, true);
    let examined = world.scan.counters().processed;
    assert!(examined > 0);
    world.scan.lose();
    world.scan.lose();
    assert!(world.scan.is_done() && world.scan.gone && world.scan.is_empty());
    let c = world.scan.counters();
    assert_eq!((c.processed, c.drifted, c.total), (examined, 20 - examined, 20));
    assert_eq!(world.scan.sample(20), Reply::List(Vec::new()));
}

#[test]
fn missing_entries_and_messages_are_reported() {
    let mut pair = Pair::default();
    (0..4).for_each(|n| deliver(&mut pair, n, 1, true));
    let mut world = World::new(pair, Plan::new(Effect::ClearAll, false));
    world.apply(&Op::Empty(1));
    (0..3).for_each(|_| world.apply(&Op::Lose(true)));
    while !world.scan.is_done() {
        world.slice(9, true);
    }
    assert_eq!(world.removed.len(), 3);
    assert_eq!(world.pair.index.len(), 1, "an entry without a message is left alone");
    let notices = world.scan.notices();
    assert_eq!(notices[0], TASKS_GO_ON);
    assert!(notices[1].contains("which were skipped: 2 or more"), "{notices:?}");
    assert!(notices[2].ends_with("which were kept: 1"), "{notices:?}");
}
