//! The guarantees that every container keeps: one test, run over each of them.
//!
//! The model tests of the containers know how each of them finds its positions. This test does not: it adds
//! messages, lets workers remove some and producers add others between slices, refuses some slices, and checks
//! what was examined, what is left, and what was counted.

use std::collections::HashMap;

use proptest::prelude::*;

use super::doubles::{Ticking, budget};
use super::*;
use crate::queue::End;
use crate::reply::Reply;

/// Messages are numbered in the order in which they run. Those that are pushed later have higher numbers.
type Id = u32;

/// A message: whether it matches, and its number.
fn message((id, matches): (Id, bool)) -> Vec<u8> {
    [vec![if matches { b'm' } else { b'o' }], id.to_be_bytes().to_vec()].concat()
}

fn id_of(message: &[u8]) -> Id {
    Id::from_be_bytes(message[1..].try_into().expect("four bytes"))
}

/// A container with messages, and a job that scans it.
trait Model {
    fn new(messages: &[(Id, bool)], plan: Plan) -> Self;
    /// A producer adds a message that runs last.
    fn push(&mut self, message: (Id, bool));
    /// A worker takes the message that runs next.
    fn pop(&mut self);
    /// Runs one slice over at most this many messages, which may write or not. Returns what it examined, and
    /// whether it was booked.
    fn slice(&mut self, messages: u64, may_write: bool) -> (Vec<Id>, bool);
    /// The messages that are left, the one that runs next first.
    fn left(&self) -> Vec<Id>;
    fn state(&self) -> &dyn ScanState;
}

/// Remembers what it judged.
#[derive(Default)]
struct Seen(Vec<Id>);

impl Judge for Seen {
    fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
        self.0.push(id_of(message));
        (message[0] == b'm').then(Judgement::of_match)
    }
    fn excludes(&mut self, part: &[u8]) -> bool {
        let excludes = part[0] != b'm';
        if excludes {
            self.0.push(id_of(part));
        }
        excludes
    }
    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)> {
        vec![("id".into(), Reply::Int(id_of(message).into()))]
    }
    fn values(&mut self, _: &[u8]) -> Option<u128> {
        None
    }
    fn work(&mut self) -> u64 {
        // The clock is read after each message.
        1 << 20
    }
}

/// Examines opened keys, and returns the result.
fn examine<K, S: Examine<K>>(
    scan: &S,
    keys: &mut K,
    outcome: &mut S::Outcome,
    messages: u64,
    may_write: bool,
) -> (Vec<Id>, SliceEnd) {
    let (mut seen, mut asked) = (Seen::default(), 0);
    let permit = || {
        asked += 1;
        may_write
    };
    let slice_end = scan.examine(keys, &mut seen, &Ticking::default(), &budget(messages), permit, outcome);
    assert!(asked <= 1, "permission is asked once");
    assert!(
        may_write || outcome.removed() == 0 || slice_end == SliceEnd::Refused,
        "nothing is taken without it"
    );
    assert!(scan.deletes() || asked == 0, "who takes nothing out asks for no permission");
    (seen.0, slice_end)
}

/// A list whose workers pop from the tail.
struct InList {
    /// From the head to the tail.
    list: Vec<Vec<u8>>,
    scan: ListScan,
}

/// The list opened for one slice.
struct OpenedList(Vec<Vec<u8>>);

impl Queue for OpenedList {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        Some(f(self.0.get(usize::try_from(index).ok()?)?))
    }
    fn delete(&mut self, index: u64) -> bool {
        self.0.remove(usize::try_from(index).expect("small"));
        true
    }
    fn reopen(&mut self) -> bool {
        true
    }
}

impl Model for InList {
    fn new(messages: &[(Id, bool)], plan: Plan) -> Self {
        let list: Vec<_> = messages.iter().rev().map(|one| message(*one)).collect();
        Self { scan: ListScan::new(plan, list.len() as u64), list }
    }
    fn push(&mut self, pushed: (Id, bool)) {
        self.list.insert(0, message(pushed));
        self.scan.follow(0, Event::Pushed { end: End::Head, len: self.list.len() as u64 });
    }
    fn pop(&mut self) {
        self.list.pop();
        self.scan.follow(0, Event::Popped { end: End::Tail, len: self.list.len() as u64 });
    }
    fn slice(&mut self, messages: u64, may_write: bool) -> (Vec<Id>, bool) {
        let (mut opened, mut outcome) = (OpenedList(self.list.clone()), ListOutcome::default());
        let (seen, slice_end) = examine(&self.scan, &mut opened, &mut outcome, messages, may_write);
        if slice_end == SliceEnd::Refused {
            assert_eq!(opened.0, self.list, "a slice that is refused changes nothing");
            return (seen, false);
        }
        self.list = opened.0;
        self.scan.commit(&mut outcome);
        (seen, true)
    }
    fn left(&self) -> Vec<Id> {
        self.list.iter().rev().map(|message| id_of(message)).collect()
    }
    fn state(&self) -> &dyn ScanState {
        &self.scan
    }
}

/// A list of ids, whose messages are in a hash.
struct InListOfIds {
    ids: InList,
    hash: HashMap<Vec<u8>, Vec<u8>>,
}

/// List and hash opened for one slice: what is read is the message of an id.
struct OpenedIds<'a> {
    ids: OpenedList,
    hash: &'a HashMap<Vec<u8>, Vec<u8>>,
    removed: Vec<Vec<u8>>,
}

/// The id of a message does not say whether it matches.
fn id_in_list((id, _): (Id, bool)) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

impl Queue for OpenedIds<'_> {
    fn len(&self) -> u64 {
        self.ids.len()
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let hash = self.hash;
        self.ids.read(index, |id| f(&hash[id]))
    }
    fn examine<R>(&mut self, index: u64, mut f: impl FnMut(&[u8], bool) -> Option<R>) -> Option<R> {
        let part = self.read(index, |part| f(part, false)).flatten();
        part.or_else(|| self.read(index, |message| f(message, true)).flatten())
    }
    fn delete(&mut self, index: u64) -> bool {
        let id = self.ids.read(index, <[u8]>::to_vec);
        self.removed.extend(id);
        self.ids.delete(index)
    }
    fn reopen(&mut self) -> bool {
        self.ids.reopen()
    }
}

impl Model for InListOfIds {
    fn new(messages: &[(Id, bool)], plan: Plan) -> Self {
        let list: Vec<_> = messages.iter().rev().map(|one| id_in_list(*one)).collect();
        let hash = messages.iter().map(|one| (id_in_list(*one), message(*one))).collect();
        Self { ids: InList { scan: ListScan::new(plan, list.len() as u64), list }, hash }
    }
    fn push(&mut self, pushed: (Id, bool)) {
        self.hash.insert(id_in_list(pushed), message(pushed));
        self.ids.list.insert(0, id_in_list(pushed));
        self.ids.scan.follow(0, Event::Pushed { end: End::Head, len: self.ids.list.len() as u64 });
    }
    fn pop(&mut self) {
        if let Some(id) = self.ids.list.last() {
            self.hash.remove(id);
        }
        self.ids.pop();
    }
    fn slice(&mut self, messages: u64, may_write: bool) -> (Vec<Id>, bool) {
        let ids = OpenedList(self.ids.list.clone());
        let (mut opened, mut outcome) =
            (OpenedIds { ids, hash: &self.hash, removed: Vec::new() }, ListOutcome::default());
        let (seen, slice_end) = examine(&self.ids.scan, &mut opened, &mut outcome, messages, may_write);
        let OpenedIds { ids, removed, .. } = opened;
        if slice_end == SliceEnd::Refused {
            assert_eq!((ids.0, removed), (self.ids.list.clone(), Vec::new()), "nothing is changed");
            return (seen, false);
        }
        // What the module does with the hash.
        assert_eq!(removed.len(), outcome.deletions.len(), "each removed id is known");
        let same =
            |(deletion, id): (&Deletion, &Vec<u8>)| deletion.fingerprint == fingerprint(&self.hash[id]);
        assert!(outcome.deletions.iter().zip(&removed).all(same), "fingerprints are those of the messages");
        removed.iter().for_each(|id| drop(self.hash.remove(id)));
        self.ids.list = ids.0;
        self.ids.scan.commit(&mut outcome);
        (seen, true)
    }
    fn left(&self) -> Vec<Id> {
        assert_eq!(self.hash.len(), self.ids.list.len(), "each id has its message, and each message its id");
        self.ids.list.iter().rev().map(|id| id_of(&self.hash[id])).collect()
    }
    fn state(&self) -> &dyn ScanState {
        &self.ids.scan
    }
}

/// A sorted set of messages, or a hash with its index, in which what is pushed later has a later time.
struct InIndex<L: Layout> {
    index: Vec<(IndexPosition, Vec<u8>)>,
    scan: IndexScan<L>,
}

/// Hash and index opened for one slice.
struct OpenedIndex<'a> {
    index: &'a [(IndexPosition, Vec<u8>)],
    at: usize,
}

impl OpenedIndex<'_> {
    /// Returns the number of entries before a position.
    fn before(&self, place: &IndexPosition) -> usize {
        self.index.partition_point(|(other, _)| other.cmp(place.score, &place.tag).is_lt())
    }
}

impl IndexKeys for OpenedIndex<'_> {
    fn seek(&mut self, after: Option<&IndexPosition>) {
        self.at = after.map_or(0, |place| {
            let at = self.before(place);
            at + usize::from(self.index.get(at).is_some_and(|(other, _)| other == place))
        });
    }
    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        let (place, message) = self.index.get(self.at)?;
        self.at += 1;
        Some(f(place.score, &place.tag, Some(message)))
    }
    fn examine_next<R>(
        &mut self,
        mut f: impl FnMut(f64, &[u8], Option<&[u8]>, bool) -> Option<R>,
    ) -> Option<R> {
        let (place, message) = self.index.get(self.at)?;
        self.at += 1;
        let part = f(place.score, &place.tag, Some(message), false);
        part.or_else(|| f(place.score, &place.tag, Some(message), true))
    }
    fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.at = place.map_or(self.index.len(), |place| self.before(place));
    }
    fn previous(&mut self) -> Option<IndexPosition> {
        self.at = self.at.checked_sub(1)?;
        Some(self.index[self.at].0.clone())
    }
    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        Some(place.map_or(self.index.len(), |place| self.before(place)) as u64)
    }
    fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        self.index.get(usize::try_from(rank).ok()?).map(|(place, _)| place.clone())
    }
    fn up_to(&mut self, score: f64) -> Option<u64> {
        Some(self.index.partition_point(|(place, _)| place.score <= score) as u64)
    }
    fn is_refused(&self) -> bool {
        false
    }
}

/// What the member of an entry is.
trait Tags: Layout {
    fn tag(one: (Id, bool)) -> Vec<u8>;
}

impl Tags for Unacked {
    fn tag((id, _): (Id, bool)) -> Vec<u8> {
        id.to_be_bytes().to_vec()
    }
}

impl Tags for SortedSet {
    fn tag(one: (Id, bool)) -> Vec<u8> {
        message(one)
    }
}

fn entry<L: Tags>(one: (Id, bool)) -> (IndexPosition, Vec<u8>) {
    // Each entry has another score. Entries of equal scores are sorted by their bytes, which begin with whether the
    // message matches.
    (IndexPosition { score: f64::from(one.0), tag: L::tag(one) }, message(one))
}

impl<L: Tags> Model for InIndex<L> {
    fn new(messages: &[(Id, bool)], plan: Plan) -> Self {
        let index: Vec<_> = messages.iter().map(|one| entry::<L>(*one)).collect();
        let entries = index.len() as u64;
        let bound = index.last().map(|(place, _)| place.clone());
        let start = IndexStart { index: b"unacked_index".to_vec(), entries, bound };
        let mut scan = IndexScan::new(plan, &start, entries);
        let mut opened = OpenedIndex { index: &index, at: 0 };
        scan.remember(&mut opened, usize::MAX, &Ticking::default(), &budget(1_000_000));
        Self { index, scan }
    }
    fn push(&mut self, pushed: (Id, bool)) {
        self.index.push(entry::<L>(pushed));
        self.scan.count(&mut OpenedIndex { index: &self.index, at: 0 });
    }
    fn pop(&mut self) {
        if !self.index.is_empty() {
            self.index.remove(0);
        }
        self.scan.count(&mut OpenedIndex { index: &self.index, at: 0 });
    }
    fn slice(&mut self, messages: u64, may_write: bool) -> (Vec<Id>, bool) {
        let entries = self.index.len() as u64;
        self.scan.observe(entries, entries);
        let mut outcome = IndexOutcome::default();
        let mut opened = OpenedIndex { index: &self.index, at: 0 };
        let (seen, slice_end) = examine(&self.scan, &mut opened, &mut outcome, messages, may_write);
        if slice_end == SliceEnd::Refused {
            assert_eq!(outcome.to_remove().len(), 0, "a slice that is refused changes nothing");
            return (seen, false);
        }
        let taken = outcome.to_remove().to_vec();
        self.index.retain(|(place, _)| !taken.contains(place));
        self.scan.commit(&mut outcome);
        (seen, true)
    }
    fn left(&self) -> Vec<Id> {
        self.index.iter().map(|(_, message)| id_of(message)).collect()
    }
    fn state(&self) -> &dyn ScanState {
        &self.scan
    }
}

/// What happens between two slices.
#[derive(Debug, Clone)]
enum Op {
    Push(bool),
    Pop,
    /// A slice over at most this many messages, which may write or not.
    Slice(u64, bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => any::<bool>().prop_map(Op::Push),
        1 => Just(Op::Pop),
        4 => (1..6_u64, prop::bool::weighted(0.7)).prop_map(|(messages, write)| Op::Slice(messages, write)),
    ]
}

/// Effects that every container takes, with and without LIMIT, acted out or as a dry run.
fn plan() -> impl Strategy<Value = Plan> {
    let effect = prop_oneof![Just(Effect::Count), Just(Effect::ClearAll), Just(Effect::KeepOne)];
    (effect, any::<bool>(), prop::option::of(0..6_u64))
        .prop_map(|(effect, dry_run, limit)| Plan::new(effect, dry_run).limit(limit))
}

/// A job over one container from beginning to end.
struct Run<M> {
    model: M,
    plan: Plan,
    snapshot: Vec<(Id, bool)>,
    /// What was examined by slices that were booked.
    seen: Vec<Id>,
    /// What workers took.
    popped: Vec<Id>,
    pushed: Vec<Id>,
}

impl<M: Model> Run<M> {
    fn new(matches: &[bool], plan: Plan) -> Self {
        let snapshot: Vec<(Id, bool)> = (0..).zip(matches.iter().copied()).collect();
        let model = M::new(&snapshot, plan);
        Self { model, plan, snapshot, seen: Vec::new(), popped: Vec::new(), pushed: Vec::new() }
    }

    fn is_done(&self) -> bool {
        self.model.state().progress() != Progress::Unfinished
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Push(matches) => {
                let id = Id::try_from(self.snapshot.len() + self.pushed.len()).expect("few");
                self.pushed.push(id);
                self.model.push((id, matches));
            }
            Op::Pop => {
                if let Some(next) = self.model.left().first() {
                    self.popped.push(*next);
                    self.model.pop();
                }
            }
            Op::Slice(..) if self.is_done() => {}
            Op::Slice(messages, may_write) => {
                let before = self.model.left();
                let (seen, booked) = self.model.slice(messages, may_write);
                assert!(
                    !seen.is_empty() || before.is_empty() || self.is_done(),
                    "a slice passes one at least"
                );
                if booked {
                    self.seen.extend(seen);
                } else {
                    assert!(!may_write && self.model.state().deletes(), "only who may not write is refused");
                    assert_eq!(self.model.left(), before);
                }
            }
        }
    }

    fn finish(mut self) {
        for _ in 0..1_000 {
            self.apply(&Op::Slice(2, true));
        }
        assert!(self.is_done(), "the job comes to its end");
        self.check();
    }

    fn check(&self) {
        let c = self.model.state().counters();
        let is_in = |id: &Id| (*id as usize) < self.snapshot.len();
        let matches = |id: &Id| self.snapshot[*id as usize].1;
        assert!(self.seen.iter().all(is_in), "nothing that was pushed later is examined");
        let mut once = self.seen.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), self.seen.len(), "nothing is examined twice");
        let limited = self.plan.limit.is_some_and(|limit| c.would_delete >= limit);
        let unseen = self.snapshot.iter().map(|(id, _)| *id).filter(|id| !once.contains(id));
        assert!(limited || unseen.clone().all(|id| self.popped.contains(&id)), "what stays is examined");
        assert_eq!(c.processed, self.seen.len() as u64);
        assert!(limited || c.processed + c.drifted == c.total, "{c:?}");
        let matched: Vec<Id> = once.iter().copied().filter(matches).collect();
        assert_eq!(c.matched, matched.len() as u64);

        // The oldest of those that were examined: a worker that takes it runs it.
        let keeps = usize::from(self.plan.effect == Effect::KeepOne);
        let limit = self.plan.limit.map_or(usize::MAX, |limit| usize::try_from(limit).expect("small"));
        let cleared: Vec<Id> = match self.plan.effect {
            Effect::Count => Vec::new(),
            _ => matched.iter().copied().skip(keeps).take(limit).collect(),
        };
        assert_eq!(c.would_delete, cleared.len() as u64);
        let cleared = if self.plan.dry_run { Vec::new() } else { cleared };
        assert_eq!(c.deleted, cleared.len() as u64);
        let all = self.snapshot.iter().map(|(id, _)| id).chain(&self.pushed).copied();
        let left: Vec<Id> = all.filter(|id| !cleared.contains(id) && !self.popped.contains(id)).collect();
        assert_eq!(self.model.left(), left, "survivors are the others, in their order");
    }
}

fn run<M: Model>(matches: &[bool], plan: Plan, ops: &[Op]) {
    let mut run = Run::<M>::new(matches, plan);
    ops.iter().for_each(|op| run.apply(op));
    run.finish();
}

proptest! {
    #[test]
    fn every_container_examines_once_and_clears_the_matches(
        matches in prop::collection::vec(any::<bool>(), 0..24),
        plan in plan(),
        ops in prop::collection::vec(op(), 0..30),
    ) {
        run::<InList>(&matches, plan, &ops);
        run::<InListOfIds>(&matches, plan, &ops);
        run::<InIndex<Unacked>>(&matches, plan, &ops);
        run::<InIndex<SortedSet>>(&matches, plan, &ops);
    }
}
