//! The scan over a sorted set compared with a simple model, while others add, remove and move entries.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::scan::doubles::{Ticking, budget};
use crate::scan::{Effect, Judge, Judgement, Progress, SliceOutcome as _};

/// Score and member. The first byte of the member decides whether it matches, the second is its value for BY.
type Entry = (i8, Vec<u8>);

/// What happens between two slices.
#[derive(Debug, Clone)]
enum Op {
    /// An entry with this score is added.
    Add { score: i8, matches: bool, value: u8 },
    /// The nth entry is removed.
    Remove(usize),
    /// The nth entry gets another score.
    Move(usize, i8),
    /// A worker takes the lowest entry.
    Pop,
    /// The nth entry is removed and put back unchanged.
    PutBack(usize),
    /// A slice over at most this many entries, which can write or not.
    Slice(u64, bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (any::<i8>(), any::<bool>(), 0..7_u8).prop_map(|(score, matches, value)| Op::Add { score, matches, value }),
        1 => any::<usize>().prop_map(Op::Remove),
        1 => (any::<usize>(), any::<i8>()).prop_map(|(n, score)| Op::Move(n, score)),
        1 => Just(Op::Pop),
        1 => any::<usize>().prop_map(Op::PutBack),
        6 => (1..6_u64, prop::bool::weighted(0.8)).prop_map(|(entries, write)| Op::Slice(entries, write)),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let effect =
        prop_oneof![2 => Just(Effect::ClearAll), 1 => Just(Effect::KeepOne), 1 => Just(Effect::KeepEach)];
    (effect, prop::option::of(0..9_u64), prop::option::of(0..20_u64))
        .prop_map(|(effect, limit, most)| Plan::new(effect, false).limit(limit).most(most))
}

struct Bytes(Vec<Vec<u8>>);

impl Judge for Bytes {
    fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
        self.0.push(message.to_vec());
        (message[0] == b'm').then(Judgement::of_match)
    }
    fn describe(&mut self, _: &[u8]) -> Vec<(Box<str>, Reply)> {
        Vec::new()
    }
    fn values(&mut self, message: &[u8]) -> Option<u128> {
        // One of the values cannot be read.
        (message[1] > 0).then_some(message[1].into())
    }
    fn work(&mut self) -> u64 {
        1 << 20
    }
}

/// The set, opened for one slice.
struct Opened<'a> {
    set: &'a [Entry],
    at: usize,
}

impl Opened<'_> {
    fn before(&self, place: &IndexPosition) -> usize {
        self.set.partition_point(|(score, tag)| place.cmp(f64::from(*score), tag).is_gt())
    }

    fn place(&self, at: usize) -> Option<IndexPosition> {
        self.set.get(at).map(|(score, tag)| IndexPosition { score: f64::from(*score), tag: tag.clone() })
    }
}

impl IndexKeys for Opened<'_> {
    fn seek(&mut self, after: Option<&IndexPosition>) {
        self.at = after.map_or(0, |place| {
            let at = self.before(place);
            at + usize::from(self.place(at).as_ref() == Some(place))
        });
    }
    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        let (score, tag) = self.set.get(self.at)?;
        self.at += 1;
        Some(f(f64::from(*score), tag, Some(tag)))
    }
    fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.at = place.map_or(self.set.len(), |place| self.before(place));
    }
    fn previous(&mut self) -> Option<IndexPosition> {
        self.at = self.at.checked_sub(1)?;
        self.place(self.at)
    }
    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        Some(place.map_or(self.set.len(), |place| self.before(place)) as u64)
    }
    fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        self.place(usize::try_from(rank).ok()?)
    }
    fn up_to(&mut self, score: f64) -> Option<u64> {
        Some(self.set.partition_point(|(other, _)| f64::from(*other) <= score) as u64)
    }
    fn is_refused(&self) -> bool {
        false
    }
}

struct Job {
    set: Vec<Entry>,
    scan: SortedScan,
    plan: Plan,
    /// The entries at the start.
    there: Vec<Entry>,
    /// The members that others moved or removed, for however short a time.
    touched: HashSet<Vec<u8>>,
    removed: Vec<Vec<u8>>,
    numbers: u16,
    /// Whether the command itself read all entries.
    knows_all: bool,
}

impl Job {
    fn new(entries: &[(i8, bool, u8)], plan: Plan, read_first: u64) -> Self {
        let mut numbers = 0;
        let mut set: Vec<Entry> = entries.iter().map(|one| new_entry(&mut numbers, *one)).collect();
        set.sort();
        let bound =
            set.last().map(|(score, tag)| IndexPosition { score: f64::from(*score), tag: tag.clone() });
        let start = IndexStart { index: b"retry".to_vec(), entries: set.len() as u64, bound };
        let mut scan = SortedScan::new(plan, &start, start.entries);
        scan.remember(&mut Opened { set: &set, at: 0 }, usize::MAX, &Ticking::default(), &budget(read_first));
        let knows_all = !scan.is_reading();
        Self {
            there: set.clone(),
            set,
            scan,
            plan,
            touched: HashSet::new(),
            removed: Vec::new(),
            numbers,
            knows_all,
        }
    }

    fn put(&mut self, entry: Entry) {
        self.set.push(entry);
        self.set.sort();
        self.changed();
    }

    fn remove(&mut self, n: usize) -> Option<Entry> {
        let at = n.checked_rem(self.set.len())?;
        let entry = self.set.remove(at);
        self.changed();
        Some(entry)
    }

    fn changed(&mut self) {
        self.scan.count(&mut Opened { set: &self.set, at: 0 });
        if self.set.is_empty() {
            self.scan.lose();
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Add { score, matches, value } => {
                let entry = new_entry(&mut self.numbers, (score, matches, value));
                self.put(entry);
            }
            Op::Remove(n) => {
                if let Some((_, tag)) = self.remove(n) {
                    self.touched.insert(tag);
                }
            }
            Op::Pop => {
                if let Some((_, tag)) = self.remove(0) {
                    self.touched.insert(tag);
                }
            }
            Op::Move(n, score) => {
                // ZINCRBY is one command.
                let Some(at) = n.checked_rem(self.set.len()) else { return };
                let (_, tag) = self.set.remove(at);
                self.touched.insert(tag.clone());
                self.put((score, tag));
            }
            Op::PutBack(n) => {
                if self.set.len() > 1
                    && let Some(entry) = self.remove(n)
                {
                    self.touched.insert(entry.1.clone());
                    self.put(entry);
                }
            }
            Op::Slice(entries, write) => self.slice(entries, write),
        }
    }

    fn slice(&mut self, entries: u64, write: bool) {
        if self.scan.progress() != Progress::Unfinished {
            return;
        }
        let len = self.set.len() as u64;
        self.scan.observe(len, len);
        if self.scan.kept().is_some_and(|kept| !self.set.iter().any(|(_, tag)| tag == kept)) {
            self.scan.lose_kept();
        }
        let mut opened = Opened { set: &self.set, at: 0 };
        if self.scan.is_reading() {
            self.scan.read(&mut opened, &Ticking::default(), &budget(entries));
            return;
        }
        let (mut outcome, mut judge) = (IndexOutcome::default(), Bytes(Vec::new()));
        self.scan.run_slice(&mut opened, &mut judge, &Ticking::default(), &budget(entries), &mut outcome);
        if !outcome.removed.is_empty() && !write {
            return;
        }
        for place in &outcome.removed {
            assert!(self.scan.deletes(), "a pass that counts takes nothing out");
            assert!(place.tag[0] == b'm', "what does not match is taken out");
            let was_there = |(score, tag): &Entry| f64::from(*score) == place.score && *tag == place.tag;
            assert!(
                self.touched.contains(&place.tag) || self.there.iter().any(was_there),
                "one that came later is taken out"
            );
            let before = self.set.len();
            self.set.retain(|(_, tag)| *tag != place.tag);
            assert_eq!(self.set.len() + 1, before, "it is there once");
            self.removed.push(place.tag.clone());
        }
        self.scan.count(&mut Opened { set: &self.set, at: 0 });
        assert_eq!(outcome.removed(), outcome.removed.len() as u64);
        self.scan.commit(&mut outcome);
    }

    fn finish(mut self) {
        for _ in 0..2_000 {
            self.slice(3, true);
        }
        let progress = self.scan.progress();
        assert_ne!(progress, Progress::Unfinished, "the job comes to its end");
        let c = self.scan.counters().clone();
        assert_eq!(c.deleted, self.removed.len() as u64, "{c:?}");
        let limited = self.plan.limit.is_some_and(|limit| c.would_delete >= limit);
        assert!(self.plan.limit.is_none_or(|limit| c.deleted <= limit), "{c:?}");
        match progress {
            Progress::Unexpected { matched } => {
                assert!(self.plan.most.is_some_and(|most| matched > most) && c.deleted == 0, "{c:?}");
                return;
            }
            Progress::TooManyValues => {
                assert_eq!(self.plan.effect, Effect::KeepEach);
                return;
            }
            _ => {}
        }
        if let Some(most) = self.plan.most {
            assert!(c.deleted <= most, "{c:?}");
        }
        // An entry that nobody touched was examined, and is there unless it was cleared.
        let rest: Vec<&Entry> = self.there.iter().filter(|(_, tag)| !self.touched.contains(tag)).collect();
        let stayed = |entry: &&&Entry| entry.1[0] == b'm' && self.set.contains(entry);
        if limited || !self.knows_all {
            return;
        }
        match self.plan.effect {
            Effect::ClearAll => assert_eq!(rest.iter().filter(stayed).count(), 0, "{c:?}"),
            Effect::KeepEach => {
                let mut values: HashSet<u8> = HashSet::new();
                let kept = rest.iter().filter(stayed).filter(|entry| entry.1[1] > 0);
                kept.for_each(|entry| assert!(values.insert(entry.1[1]), "one of each value stays"));
            }
            Effect::KeepOne if self.touched.is_empty() => {
                assert!(rest.iter().filter(stayed).count() <= 1, "{c:?}");
                let first = rest.iter().find(|(_, tag)| tag[0] == b'm');
                assert!(first.is_none_or(|first| self.set.contains(first)), "the lowest one stays: {c:?}");
            }
            _ => {}
        }
    }
}

fn new_entry(numbers: &mut u16, (score, matches, value): (i8, bool, u8)) -> Entry {
    *numbers += 1;
    // The order of the members is not the order in which they were added.
    let number = numbers.wrapping_mul(40_503).to_be_bytes();
    (score, [if matches { b'm' } else { b'o' }, value, number[0], number[1]].to_vec())
}

proptest! {
    #[test]
    fn old_entries_are_cleared_once_and_later_ones_are_kept(
        entries in prop::collection::vec((-4..4_i8, any::<bool>(), 0..7_u8), 0..40),
        plan in plan(),
        read_first in prop_oneof![Just(1_u64), 2..10_u64, Just(1_000)],
        ops in prop::collection::vec(op(), 0..60),
    ) {
        let mut job = Job::new(&entries, plan, read_first);
        ops.iter().for_each(|op| job.apply(op));
        job.finish();
    }
}

#[test]
fn matches_that_the_caller_keeps_are_not_counted_as_cleared() {
    let plan = Plan::new(Effect::ClearAll, false);
    let mut job = Job::new(&[(1, true, 1), (2, true, 1), (3, true, 1)], plan, 1_000);
    let mut outcome = IndexOutcome::default();
    let mut opened = Opened { set: &job.set, at: 0 };
    job.scan.run_slice(&mut opened, &mut Bytes(Vec::new()), &Ticking::default(), &budget(10), &mut outcome);
    outcome.keep_back(|place| place.score == 2.0);
    job.scan.commit(&mut outcome);
    let c = job.scan.counters();
    assert_eq!((c.matched, c.deleted, c.would_delete), (3, 2, 2));
    assert_eq!(
        job.scan.notices(),
        ["matches that were not moved because the destination holds the same messages already: 1"]
    );
}
