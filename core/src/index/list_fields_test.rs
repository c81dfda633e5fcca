//! Values that follow a list through random changes, also silent ones, against a look at each message.

use proptest::prelude::*;
use proptest::sample::Index;

use super::fields_test::message;
use super::{Answered, Ask, Audited, CaughtUp, ForClock, IndexState, ListClock, ListFields};
use crate::args::Args;
use crate::arrival::STEP_MS;
use crate::filter::{Filter, FilterBuilder, Grouping, Matcher};
use crate::kind::MessageKind;
use crate::queue::End;
use crate::scan::{Event, Queue};

/// From the head to the tail.
struct Memory(Vec<Vec<u8>>);

impl Queue for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.0.get(usize::try_from(index).ok()?).map(|message| f(message))
    }
    fn delete(&mut self, _: u64) -> bool {
        unreachable!("an index deletes nothing")
    }
    fn reopen(&mut self) -> bool {
        true
    }
}

#[derive(Debug, Clone)]
enum Op {
    Push(End, usize),
    Pop(End, usize),
    Rotate(End, End),
    Delete(Vec<Index>),
    /// LREM with a count, of the message at this position.
    Remove(Index, i64),
    Trim(Index, Index),
    TrimEnds(usize, usize),
    Set(Index),
    Insert(Index),
    Replace(usize),
    Gone,
    Doubt,
    Suspend,
    /// Nobody reports these.
    SilentPop(End, usize),
    SilentPush(End, usize),
    /// One message leaves at this end and another one comes at the other: the length is the same.
    SilentShift(End),
    /// A message inside the list is replaced.
    SilentSet(Index),
    /// Reads at most this number of messages.
    Read(usize),
    /// In the notification of a push.
    ReadPushed(usize),
    /// Compares at most this number of messages.
    Audit(usize),
    /// The next edits are searched at once for this number of probes.
    Probes(usize),
    Wait(i64),
    Ask,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn op(is_silent: bool) -> impl Strategy<Value = Op> {
    let op = prop_oneof![
        8 => (end(), 1..6_usize).prop_map(|(end, n)| Op::Push(end, n)),
        5 => (end(), 1..5_usize).prop_map(|(end, n)| Op::Pop(end, n)),
        3 => (end(), end()).prop_map(|(from, to)| Op::Rotate(from, to)),
        2 => prop::collection::vec(any::<Index>(), 1..5).prop_map(Op::Delete),
        4 => (any::<Index>(), -3..4_i64).prop_map(|(index, count)| Op::Remove(index, count)),
        1 => any::<(Index, Index)>().prop_map(|(first, count)| Op::Trim(first, count)),
        2 => (0..3_usize, 0..3_usize).prop_map(|(head, tail)| Op::TrimEnds(head, tail)),
        1 => any::<Index>().prop_map(Op::Set),
        3 => any::<Index>().prop_map(Op::Insert),
        1 => (0..20_usize).prop_map(Op::Replace),
        1 => Just(Op::Gone),
        1 => Just(Op::Doubt),
        1 => Just(Op::Suspend),
        2 => (end(), 1..3_usize).prop_map(|(end, n)| Op::SilentPop(end, n)),
        2 => (end(), 1..3_usize).prop_map(|(end, n)| Op::SilentPush(end, n)),
        4 => end().prop_map(Op::SilentShift),
        2 => any::<Index>().prop_map(Op::SilentSet),
        6 => (1..12_usize).prop_map(Op::Read),
        4 => (1..12_usize).prop_map(Op::ReadPushed),
        4 => (1..12_usize).prop_map(Op::Audit),
        4 => prop_oneof![Just(0), 0..9_usize, Just(1_000)].prop_map(Op::Probes),
        6 => (0..40_i64).prop_map(Op::Wait),
        6 => Just(Op::Ask),
    ];
    op.prop_map(move |op| match op {
        Op::SilentPop(..) | Op::SilentPush(..) | Op::SilentShift(_) | Op::SilentSet(_) if !is_silent => {
            Op::Ask
        }
        op => op,
    })
}

struct World {
    list: Memory,
    /// When each message arrived.
    arrived: Vec<i64>,
    fields: ListFields,
    clock: ListClock,
    now_ms: i64,
    made: u32,
    /// There are messages that are equal to others.
    has_twins: bool,
    probes: usize,
    /// A message was replaced silently, or the list was edited after a silent change before any check, and no audit was
    /// made since.
    is_wrong_inside: bool,
    /// A silent change cannot be seen: messages were unread, or it was a push, which looks like a part of the next one.
    are_times_unsure: bool,
    was_silent: bool,
}

impl World {
    fn new(kind: MessageKind, names: &[Vec<u8>], has_twins: bool) -> Self {
        Self {
            list: Memory(Vec::new()),
            arrived: Vec::new(),
            fields: ListFields::new(kind, names, 3).expect("fields"),
            clock: ListClock::new(kind.spec().consumer_end, 0),
            now_ms: 0,
            made: 0,
            has_twins,
            probes: 1_000,
            is_wrong_inside: false,
            are_times_unsure: false,
            was_silent: false,
        }
    }

    fn one(&mut self) -> Vec<u8> {
        self.made += 1;
        message(if self.has_twins && !self.made.is_multiple_of(3) { self.made % 7 } else { self.made })
    }

    fn insert(&mut self, at: usize) {
        let made = self.one();
        self.list.0.insert(at, made);
        self.arrived.insert(at, self.now_ms);
    }

    fn remove(&mut self, at: usize) {
        self.list.0.remove(at);
        self.arrived.remove(at);
    }

    fn push(&mut self, end: End, n: usize) {
        for _ in 0..n {
            self.insert(if end == End::Head { 0 } else { self.list.0.len() });
        }
    }

    fn pop(&mut self, end: End, n: usize) {
        for _ in 0..n.min(self.list.0.len()) {
            self.remove(if end == End::Head { 0 } else { self.list.0.len() - 1 });
        }
    }

    fn replace(&mut self, at: usize) {
        self.remove(at);
        self.insert(at);
    }

    fn follow(&mut self, event: Event<'_>) {
        self.clock.follow(event, self.now_ms);
        self.fields.follow(event, self.now_ms);
    }

    fn edit(&mut self, event: Event<'_>) {
        // A message that came silently can look like one that was pushed later, and the edit like the end of the other.
        self.are_times_unsure |= self.was_silent;
        self.is_wrong_inside |= self.was_silent;
        let mut left = self.probes;
        let goes_on = || {
            left = left.saturating_sub(1);
            left > 0
        };
        let list = (self.probes > 0).then_some(&mut self.list);
        self.fields.edit(event, self.now_ms, Some(&mut self.clock), list, goes_on);
    }

    /// LREM as Redis does it.
    fn lrem(&mut self, of: usize, count: i64) {
        let most =
            if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).expect("small") };
        let equal = (0..self.list.0.len()).filter(|at| self.list.0[*at] == self.list.0[of]);
        let mut gone: Vec<usize> =
            if count < 0 { equal.rev().take(most).collect() } else { equal.take(most).collect() };
        gone.sort_unstable();
        gone.iter().rev().for_each(|at| self.remove(*at));
        self.edit(Event::Removed { len: self.list.len() });
    }

    fn apply(&mut self, op: Op) {
        let before = self.list.0.len();
        let at = |index: Index| index.index(before.max(1));
        match op {
            Op::SilentPop(..) | Op::SilentPush(..) | Op::SilentShift(_) | Op::SilentSet(_) => {
                let is_seen = self.fields.unread() == Some(0) && before > 0;
                self.are_times_unsure |= !is_seen || matches!(op, Op::SilentPush(..));
                self.was_silent = true;
            }
            Op::Replace(_) | Op::Gone | Op::Doubt | Op::Suspend => {
                (self.are_times_unsure, self.was_silent) = (false, false);
            }
            _ => {}
        }
        let rebuilt = self.fields.repairs().1;
        match op {
            Op::Push(end, n) => {
                self.push(end, n);
                self.follow(Event::Pushed { end, len: self.list.len() });
            }
            Op::Pop(end, n) if before > 0 => {
                self.pop(end, n);
                self.follow(Event::Popped { end, len: self.list.len() });
                if self.list.0.is_empty() {
                    self.follow(Event::Gone);
                }
            }
            Op::Rotate(from, to) if before > 0 => {
                let moved = if from == End::Head { 0 } else { before - 1 };
                let moved = self.list.0[moved].clone();
                self.pop(from, 1);
                let at = if to == End::Head { 0 } else { before - 1 };
                self.list.0.insert(at, moved);
                self.arrived.insert(at, self.now_ms);
                self.follow(Event::Pushed { end: to, len: self.list.len() });
                self.follow(Event::Popped { end: from, len: self.list.len() });
            }
            Op::Delete(indexes) if before > 0 => {
                self.is_wrong_inside |= self.was_silent;
                let mut indexes: Vec<u64> = indexes.into_iter().map(|index| at(index) as u64).collect();
                indexes.sort_unstable();
                indexes.dedup();
                for index in indexes.iter().rev() {
                    self.remove(usize::try_from(*index).expect("small"));
                }
                self.follow(Event::Deleted { indexes: &indexes, len: self.list.len() });
            }
            Op::Remove(index, count) if before > 0 => {
                self.lrem(at(index), count);
                if self.list.0.is_empty() {
                    self.follow(Event::Gone);
                }
            }
            Op::Trim(first, count) if before > 0 => {
                let first = at(first);
                let count = 1 + count.index(before - first);
                self.pop(End::Head, first);
                self.pop(End::Tail, before - first - count);
                self.edit(Event::Trimmed { len: self.list.len() });
            }
            Op::TrimEnds(head, tail) if before > 0 => {
                self.pop(End::Head, head);
                self.pop(End::Tail, tail);
                self.edit(Event::Trimmed { len: self.list.len() });
                if self.list.0.is_empty() {
                    self.follow(Event::Gone);
                }
            }
            Op::Set(index) if before > 0 => {
                self.replace(at(index));
                self.follow(Event::Set { len: self.list.len() });
            }
            Op::Insert(index) if before > 0 => {
                // LINSERT before or after a message.
                self.insert(index.index(before + 1));
                self.edit(Event::Edited { len: self.list.len() });
            }
            Op::Replace(n) => {
                self.pop(End::Head, before);
                self.push(End::Tail, n);
                self.clock.replaced(self.list.len(), self.now_ms);
                self.fields.replaced(self.list.len());
            }
            Op::Gone => {
                self.pop(End::Head, before);
                self.follow(Event::Gone);
            }
            Op::Doubt => {
                self.clock.doubt("a doubt");
                self.fields.doubt("a doubt");
            }
            Op::Suspend => {
                self.clock.suspend("no room");
                self.fields.suspend("no room");
                assert_eq!((self.fields.state(), self.fields.has_work()), (IndexState::Suspended, false));
                assert_eq!(self.fields.catch_up(&mut self.list, |_| true), CaughtUp::More);
                self.clock.resume();
                self.fields.resume();
            }
            Op::SilentPop(end, n) => self.pop(end, n),
            Op::SilentPush(end, n) => self.push(end, n),
            Op::SilentShift(end) if before > 0 => {
                self.pop(end, 1);
                self.push(end.other(), 1);
            }
            Op::SilentSet(index) if before > 0 => {
                self.replace(at(index));
                self.is_wrong_inside = true;
            }
            Op::Read(most) => drop(self.catch_up(most)),
            Op::ReadPushed(most) => self.read_pushed(most),
            Op::Audit(most) if self.catch_up(usize::MAX) == CaughtUp::All => drop(self.audit(most)),
            Op::Probes(probes) => self.probes = probes,
            Op::Wait(ms) => self.now_ms += ms,
            _ => {}
        }
        // The rows that would have shown it are gone.
        self.are_times_unsure |= self.was_silent && self.fields.repairs().1 > rebuilt;
    }

    /// What a slice of an index does.
    fn catch_up(&mut self, most: usize) -> CaughtUp {
        self.clock.observe(self.list.len(), self.now_ms);
        let mut left = most;
        let caught_up = self.fields.catch_up(&mut self.list, |_| {
            left -= 1;
            left > 0
        });
        self.learn();
        caught_up
    }

    fn read_pushed(&mut self, most: usize) {
        // The clock has heard of the push, and of the length.
        self.clock.observe(self.list.len(), self.now_ms);
        let mut left = most;
        self.fields.read_pushed(&mut self.list, |_| {
            left -= 1;
            left > 0
        });
        self.learn();
    }

    fn audit(&mut self, most: usize) -> Audited {
        let mut left = most;
        if !self.fields.audits().is_running() {
            self.fields.begin_audit();
        }
        let audited = self.fields.audit(&mut self.list, self.now_ms, |_| {
            left -= 1;
            left > 0
        });
        self.learn();
        audited
    }

    fn learn(&mut self) {
        if let Some(what) = self.fields.for_clock() {
            self.was_silent &= matches!(what, ForClock::Restore(_));
            self.clock.learn(what, self.list.len(), self.now_ms);
        }
    }

    /// Finds what was changed inside the list, which no check sees.
    fn audit_whole(&mut self) {
        while self.catch_up(usize::MAX) == CaughtUp::More {}
        self.fields.begin_audit();
        if self.audit(usize::MAX) == Audited::Different {
            while self.catch_up(usize::MAX) == CaughtUp::More {}
        }
        self.is_wrong_inside = false;
    }

    /// Reads what is left and answers, or says that it has to begin again.
    fn ask(&mut self, filter: &Filter, grouping: Option<&Grouping>) -> Option<Answered> {
        let ask = Ask { filter, grouping, inexact: false, matches: 3, steps: usize::MAX, groups: u64::MAX };
        match self.catch_up(usize::MAX) {
            CaughtUp::All => self.fields.index()?.answer(&ask),
            CaughtUp::More => None,
        }
    }

    /// A time that is known is that of the message; a bound is not before it.
    fn check_arrivals(&self) {
        if self.are_times_unsure {
            return;
        }
        let arrivals = self.clock.arrivals().expect("the length was observed");
        assert_eq!(arrivals.len(), self.list.len());
        let mut cursor = arrivals.cursor();
        for (at, arrived) in (0..).zip(&self.arrived) {
            let known = cursor.at(at).expect("a position");
            let step = arrived.div_euclid(STEP_MS) * STEP_MS;
            let is_true = if known.is_bound { known.step_ms >= step } else { known.step_ms == step };
            assert!(is_true, "the message at {at} arrived at {arrived}, and not {known:?}");
        }
    }
}

fn filter(words: &str) -> Filter {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let mut args = Args::new(&words);
    let mut filter = FilterBuilder::default();
    while filter.accept(&mut args, 0).expect("a filter") {}
    filter.finish().expect("a filter")
}

/// The matches by a look at each message: their distances from the consumer end, and their bytes.
fn naive(world: &World, kind: MessageKind, filter: &Filter) -> (Vec<u64>, u64) {
    let mut matcher = Matcher::of(kind, filter, None);
    let mut list: Vec<&Vec<u8>> = world.list.0.iter().collect();
    if kind.spec().consumer_end == End::Tail {
        list.reverse();
    }
    let matches = (0..).zip(list).filter(|(_, message)| matcher.examine(message).matched);
    matches.fold((Vec::new(), 0), |(mut found, bytes), (distance, message)| {
        found.push(distance);
        (found, bytes + message.len() as u64)
    })
}

/// Applies random changes, and holds each answer against a look at each message.
fn check_answers(world: &mut World, ops: Vec<Op>) {
    let kind = world.fields.kind();
    let filters = ["WHERE task = t1", "WHERE task != t2 WHERE bytes > 150", "WHERE task MISSING"].map(filter);
    let grouping = Grouping::new(&[b"task"]).expect("fields");
    for op in ops {
        let asks = matches!(op, Op::Ask);
        world.apply(op);
        if !asks {
            continue;
        }
        if world.is_wrong_inside {
            world.audit_whole();
        }
        for filter in &filters {
            let (found, bytes) = naive(world, kind, filter);
            if let Some(answered) = world.ask(filter, None) {
                assert_eq!(answered.counted.examined, world.list.len());
                assert_eq!(answered.counted.matched, found.len() as u64);
                assert_eq!(answered.counted.matched_bytes, bytes);
                assert_eq!(&answered.found[..], &found[..found.len().min(3)]);
                assert_eq!(world.fields.state(), IndexState::Ready);
                assert_eq!(world.fields.reason(), None);
                world.check_arrivals();
            }
            // What did not fit is read again.
            assert!(world.ask(filter, None).is_some());
            world.check_arrivals();
            let grouped = world.ask(filter, Some(&grouping)).expect("groups");
            assert_eq!(grouped.groups.iter().map(|group| group.count).sum::<u64>(), found.len() as u64);
        }
    }
}

/// Resque's workers take the head. Its messages have a class for a task.
fn world(is_resque: bool, has_twins: bool) -> World {
    let kind = if is_resque { MessageKind::Resque } else { MessageKind::Celery };
    let names = [b"task".to_vec(), if is_resque { b"args.0".to_vec() } else { b"kwargs.x".to_vec() }];
    World::new(kind, &names, has_twins)
}

proptest! {
    #[test]
    fn what_is_answered_is_true_whatever_happened_to_the_list(
        ops in prop::collection::vec(op(true), 1..60),
        is_resque in any::<bool>(),
    ) {
        check_answers(&mut world(is_resque, false), ops);
    }

    #[test]
    fn what_is_answered_is_true_after_many_edits(
        first in 0..80_usize,
        ops in prop::collection::vec(op(false), 1..60),
        is_resque in any::<bool>(),
        has_twins in any::<bool>(),
    ) {
        let mut world = world(is_resque, has_twins);
        world.apply(Op::Push(End::Head, first));
        world.apply(Op::Read(1_000));
        check_answers(&mut world, ops);
    }
}

/// The deletion reports a length that does not fit, and so the positions are not trusted.
#[test]
fn positions_of_a_list_that_a_silent_pop_moved_are_not_followed() {
    let mut world = world(false, false);
    world.apply(Op::Push(End::Head, 11));
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
    world.apply(Op::SilentPop(End::Head, 1));
    world.remove(4);
    world.follow(Event::Deleted { indexes: &[4], len: world.list.len() });
    // The length is right again after it.
    world.apply(Op::Pop(End::Head, 1));
    check_answers(&mut world, vec![Op::Ask]);
    assert_eq!(world.fields.repairs(), (0, 1));
}

/// A list of different messages that arrived at different times, of which all are read.
fn read_world() -> World {
    let mut world = world(false, false);
    world.apply(Op::Read(1));
    for _ in 0..600 {
        world.apply(Op::Push(End::Head, 1));
        world.apply(Op::Wait(STEP_MS));
    }
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
    world
}

fn bounds(world: &World) -> u64 {
    world.clock.arrivals().expect("it follows").bounds()
}

#[test]
fn an_edit_is_found_at_once_and_no_time_is_lost() {
    let mut world = read_world();
    world.remove(300);
    world.edit(Event::Removed { len: world.list.len() });
    world.insert(77);
    world.edit(Event::Edited { len: world.list.len() });
    world.pop(End::Head, 20);
    world.pop(End::Tail, 30);
    world.edit(Event::Trimmed { len: world.list.len() });
    assert_eq!((world.fields.state(), world.fields.repairs()), (IndexState::Ready, (3, 0)));
    assert_eq!((world.clock.reason, bounds(&world)), (None, 0));
    world.check_arrivals();
}

#[test]
fn what_happens_while_an_edit_is_searched_is_followed_afterwards() {
    let mut world = read_world();
    world.probes = 1;
    world.remove(300);
    world.edit(Event::Removed { len: world.list.len() });
    assert_eq!(world.fields.state(), IndexState::Repairing);
    assert_eq!(world.fields.reason(), Some(super::reasons::SEARCHED));
    assert!(world.fields.index().is_none() && bounds(&world) > 0);
    for op in [Op::Push(End::Head, 3), Op::Pop(End::Tail, 2), Op::Rotate(End::Tail, End::Head)] {
        world.apply(op);
    }
    // Another LREM meanwhile is searched together with the first one.
    world.remove(500);
    world.edit(Event::Removed { len: world.list.len() });
    world.apply(Op::Pop(End::Tail, 1));
    world.apply(Op::Push(End::Head, 1));
    world.now_ms += 1_000;
    for _ in 0..100 {
        world.apply(Op::Read(2));
    }
    assert_eq!((world.fields.state(), world.fields.repairs()), (IndexState::Ready, (1, 0)));
    assert_eq!((world.clock.reason, bounds(&world)), (None, 0));
    world.check_arrivals();
}

#[test]
fn an_edit_is_found_whatever_comes_and_goes_meanwhile() {
    for between in [
        vec![Op::Pop(End::Head, 3), Op::Push(End::Head, 2), Op::Pop(End::Head, 1)],
        vec![Op::Pop(End::Tail, 5), Op::Push(End::Tail, 1)],
        vec![Op::Rotate(End::Head, End::Tail), Op::Rotate(End::Tail, End::Tail)],
        // The place is among messages that have left.
        vec![Op::Pop(End::Head, 310)],
        vec![Op::Push(End::Tail, 2), Op::Pop(End::Tail, 320)],
    ] {
        let mut world = read_world();
        world.probes = 1;
        world.remove(300);
        world.edit(Event::Removed { len: world.list.len() });
        between.iter().cloned().for_each(|op| world.apply(op));
        let deleted = [0, 7, 200].map(|at| at.min(world.list.0.len() - 1));
        deleted.iter().rev().for_each(|at| world.remove(*at));
        world.follow(Event::Deleted { indexes: &deleted.map(|at| at as u64), len: world.list.len() });
        assert_eq!(world.fields.state(), IndexState::Repairing, "{between:?}");
        while world.catch_up(usize::MAX) == CaughtUp::More {}
        assert_eq!((world.fields.repairs(), bounds(&world)), ((1, 0), 0), "{between:?}");
        world.check_arrivals();
        world.fields.begin_audit();
        assert_eq!(world.audit(usize::MAX), Audited::All, "{between:?}");
    }
}

#[test]
fn edits_that_cannot_be_searched_together_are_given_up() {
    type Second = fn(&mut World);
    let lrem: Second = |world| {
        world.remove(400);
        world.edit(Event::Removed { len: world.list.len() });
    };
    let linsert: Second = |world| {
        world.insert(400);
        world.edit(Event::Edited { len: world.list.len() });
    };
    let ltrim: Second = |world| {
        world.pop(End::Tail, 1);
        world.edit(Event::Trimmed { len: world.list.len() });
    };
    let push_after_pop = |end| vec![Op::Pop(end, 2), Op::Push(end, 1)];
    for (between, second, state) in [
        (vec![Op::Push(End::Head, 2), Op::Pop(End::Tail, 2)], lrem, IndexState::Repairing),
        (vec![Op::Push(End::Tail, 2), Op::Pop(End::Tail, 5)], lrem, IndexState::Repairing),
        (push_after_pop(End::Head), lrem, IndexState::Building),
        (push_after_pop(End::Tail), lrem, IndexState::Building),
        (vec![], linsert, IndexState::Building),
        (vec![], ltrim, IndexState::Building),
    ] {
        let mut world = read_world();
        world.probes = 1;
        world.remove(300);
        world.edit(Event::Removed { len: world.list.len() });
        between.iter().cloned().for_each(|op| world.apply(op));
        second(&mut world);
        assert_eq!(world.fields.state(), state, "{between:?}");
        world.check_arrivals();
        while world.catch_up(usize::MAX) == CaughtUp::More {}
        assert_eq!(bounds(&world) > 0, state == IndexState::Building, "{between:?}");
        world.check_arrivals();
        world.fields.begin_audit();
        assert_eq!(world.audit(usize::MAX), Audited::All, "{between:?}");
    }
}

#[test]
fn a_search_among_too_many_changes_is_given_up() {
    let mut world = read_world();
    world.probes = 1;
    world.remove(300);
    world.edit(Event::Removed { len: world.list.len() });
    for _ in 0..=super::pending::HELD {
        world.apply(Op::Push(End::Head, 1));
        world.apply(Op::Pop(End::Tail, 1));
    }
    assert_eq!(world.fields.state(), IndexState::Building);
    assert_eq!(world.fields.repairs(), (0, 1));
    assert!(bounds(&world) > 0, "what was not found is known by bounds");
    world.check_arrivals();
}

#[test]
fn an_audit_finds_a_message_that_was_replaced_silently() {
    let mut world = read_world();
    world.fields.begin_audit();
    assert_eq!(world.audit(100), Audited::More);
    // It goes on at the same message, whatever comes and goes.
    world.apply(Op::Push(End::Head, 5));
    world.apply(Op::Pop(End::Tail, 5));
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
    assert_eq!(world.audit(usize::MAX), Audited::All);
    let (audits, now_ms) = (world.fields.audits(), world.now_ms);
    assert_eq!((audits.completed, audits.faults, audits.ended_ms), (1, 0, Some(now_ms)));
    world.replace(300);
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::All, "nothing else sees it");
    world.fields.begin_audit();
    assert_eq!(world.audit(usize::MAX), Audited::Different);
    let audits = world.fields.audits();
    assert_eq!((audits.completed, audits.faults, audits.is_running()), (1, 1, false));
    assert_eq!((world.fields.state(), bounds(&world)), (IndexState::Building, 600));
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
    world.fields.begin_audit();
    assert_eq!(world.audit(usize::MAX), Audited::All);
}

#[test]
fn an_audit_leaves_no_message_out_while_the_list_changes() {
    for at_end in [false, true] {
        let mut world = read_world();
        world.fields.begin_audit();
        assert_eq!(world.audit(200), Audited::More);
        // Messages that were compared leave in each way; the next one that was not is replaced.
        world.apply(Op::Pop(End::Head, 30));
        world.pop(End::Head, 1);
        world.edit(Event::Trimmed { len: world.list.len() });
        world.remove(100);
        world.edit(Event::Removed { len: world.list.len() });
        for at in [20, 10] {
            world.remove(at);
        }
        world.follow(Event::Deleted { indexes: &[10, 20], len: world.list.len() });
        world.insert(50);
        world.edit(Event::Edited { len: world.list.len() });
        world.apply(Op::Push(End::Head, 3));
        let next = 200 - 30 - 1 - 1 - 2 + 1 + 3;
        world.replace(if at_end { world.list.0.len() - 2 } else { next });
        assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
        assert_eq!(world.audit(usize::MAX), Audited::Different);
    }
}

#[test]
fn a_silent_change_that_leaves_length_and_ends_right_is_seen_at_the_border() {
    let mut world = world(false, false);
    world.made = 20;
    world.apply(Op::Push(End::Head, 5));
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
    // One leaves silently, and three come, of which the event reports the length alone.
    world.apply(Op::SilentPop(End::Head, 1));
    world.apply(Op::Push(End::Head, 3));
    assert_eq!(world.fields.unread(), Some(2));
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::More);
    assert_eq!((world.fields.unread(), world.fields.reason()), (Some(7), Some(super::reasons::UNTOLD)));
    assert_eq!(bounds(&world), 7, "nor are the arrivals believed");
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
}

#[test]
fn fields_that_an_index_cannot_keep_are_refused() {
    for names in
        [&["age"][..], &["bytes"], &["undecodable"], &["args.*"], &["nothing"], &["task", "task"], &[]]
    {
        let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        assert!(ListFields::new(MessageKind::Celery, &names, 0).is_err(), "{names:?}");
    }
}

#[test]
fn a_queue_that_is_often_empty_keeps_what_was_learned_of_its_messages() {
    let mut world = world(false, false);
    world.apply(Op::Read(1));
    let identity = world.fields.identity();
    for _ in 0..3 {
        world.apply(Op::Push(End::Head, 3));
        assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
        world.check_arrivals();
        world.apply(Op::Pop(End::Tail, 3));
        assert_eq!((world.fields.identity(), world.fields.unread()), (identity, Some(0)));
    }
    // A key that is deleted takes its messages with it.
    world.apply(Op::Push(End::Head, 3));
    world.apply(Op::Gone);
    assert_ne!(world.fields.identity(), identity);
}

#[test]
fn an_empty_queue_that_had_too_many_values_begins_anew() {
    let mut world = read_world();
    let (identity, distinct) = (world.fields.identity(), |world: &World| {
        world.fields.index().map(|index| index.distinct().collect::<Vec<_>>())
    });
    assert_eq!(distinct(&world).map(|fields| fields[1]), Some(None), "the values of x are kept as hashes");
    world.apply(Op::Pop(End::Tail, 600));
    assert_ne!(world.fields.identity(), identity);
    world.apply(Op::Push(End::Head, 3));
    assert_eq!(world.catch_up(usize::MAX), CaughtUp::All);
    assert!(distinct(&world).is_some_and(|fields| fields[1].is_some()), "values have numbers again");
}
