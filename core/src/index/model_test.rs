//! The index against a list that remembers the arrival of each message.
//!
//! Beside the true times, the model keeps what can be known of each message, by the rules alone: one value per message and
//! no runs.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of a test are small"
)]

use proptest::prelude::*;

use super::*;
use crate::arrival::{ArrivalField, Placed, STEP_MS};

/// One message: when it arrived, and what can be known of that.
#[derive(Debug, Clone, Copy)]
struct Message {
    arrived_ms: i64,
    known: Arrival,
}

#[derive(Debug, Clone)]
enum Op {
    Push(End, u64),
    Pop(End, u64),
    Rotate(End, End),
    Delete(Vec<prop::sample::Index>),
    Remove(Vec<prop::sample::Index>),
    Trim(u64, u64),
    Insert(prop::sample::Index),
    Set(prop::sample::Index),
    Replace(u64),
    Gone,
    Doubt,
    Silent(u64),
    Wait(i64),
}

fn ops() -> impl Strategy<Value = Op> {
    let end = || prop_oneof![Just(End::Head), Just(End::Tail)];
    let some = || prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    prop_oneof![
        12 => (end(), 1..6_u64).prop_map(|(end, n)| Op::Push(end, n)),
        10 => (end(), 1..6_u64).prop_map(|(end, n)| Op::Pop(end, n)),
        3 => (end(), end()).prop_map(|(from, to)| Op::Rotate(from, to)),
        4 => some().prop_map(Op::Delete),
        4 => some().prop_map(Op::Remove),
        3 => (0..3_u64, 0..3_u64).prop_map(|(head, tail)| Op::Trim(head, tail)),
        1 => any::<prop::sample::Index>().prop_map(Op::Insert),
        1 => any::<prop::sample::Index>().prop_map(Op::Set),
        1 => (0..9_u64).prop_map(Op::Replace),
        1 => Just(Op::Gone),
        1 => Just(Op::Doubt),
        1 => (0..4_u64).prop_map(Op::Silent),
        12 => prop_oneof![0..30_i64, 0..3_000_i64].prop_map(Op::Wait),
    ]
}

/// The list and its index.
struct Model {
    list: Vec<Message>,
    index: ListClock,
    now_ms: i64,
    waits: Waits,
    popped: u64,
}

fn step_of(ms: i64) -> i64 {
    ms.div_euclid(STEP_MS) * STEP_MS
}

impl Model {
    fn new(before: u64, consumer_end: End) -> Self {
        let now_ms = 1_700_000_000_123;
        let mut index = ListClock::new(consumer_end, now_ms);
        index.observe(before, now_ms);
        let mut model = Self { list: Vec::new(), index, now_ms, waits: Waits::default(), popped: 0 };
        model.list = vec![Message { arrived_ms: now_ms - 5_000, known: model.bound() }; before as usize];
        model
    }

    fn bound(&self) -> Arrival {
        Arrival { step_ms: step_of(self.now_ms), is_bound: true }
    }

    fn fresh(&self) -> Message {
        let known = Arrival { step_ms: step_of(self.now_ms), is_bound: false };
        Message { arrived_ms: self.now_ms, known }
    }

    fn len(&self) -> u64 {
        self.list.len() as u64
    }

    fn forget_all(&mut self) {
        let bound = self.bound();
        self.list.iter_mut().for_each(|message| message.known = bound);
    }

    fn push(&mut self, end: End) {
        let message = self.fresh();
        match end {
            End::Head => self.list.insert(0, message),
            End::Tail => self.list.push(message),
        }
    }

    fn pop(&mut self, end: End) {
        let message = match end {
            End::Head => self.list.remove(0),
            End::Tail => self.list.remove(self.list.len() - 1),
        };
        self.popped += 1;
        if end == self.index.consumer_end {
            match message.known.is_bound {
                true => self.waits.unknown += 1,
                false => self.waits.record((self.now_ms - message.known.step_ms) as u64, 1),
            }
        }
    }

    fn chosen(&self, of: &[prop::sample::Index]) -> Vec<usize> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let mut at: Vec<usize> = of.iter().map(|index| index.index(self.list.len())).collect();
        at.sort_unstable();
        at.dedup();
        at
    }

    /// Each message is one of those that stood at its position or up to `lost` further on.
    fn blur(&mut self, before: &[Arrival], lost: usize) {
        for (at, message) in self.list.iter_mut().enumerate() {
            let all = before[at..=at + lost].iter().copied();
            message.known = all.reduce(Arrival::either).expect("one at least");
        }
    }

    fn known(&self) -> Vec<Arrival> {
        self.list.iter().map(|message| message.known).collect()
    }

    fn apply(&mut self, op: &Op) {
        let now = self.now_ms;
        match op {
            Op::Wait(ms) => self.now_ms += ms,
            Op::Push(end, n) => {
                (0..*n).for_each(|_| self.push(*end));
                self.index.follow(Event::Pushed { end: *end, len: self.len() }, now);
            }
            Op::Pop(end, n) => {
                let n = (*n).min(self.len());
                if n > 0 {
                    (0..n).for_each(|_| self.pop(*end));
                    self.index.follow(Event::Popped { end: *end, len: self.len() }, now);
                    if self.list.is_empty() {
                        self.index.follow(Event::Gone, now);
                    }
                }
            }
            Op::Rotate(from, to) => {
                if !self.list.is_empty() {
                    self.pop(*from);
                    self.push(*to);
                    self.index.follow(Event::Pushed { end: *to, len: self.len() }, now);
                    self.index.follow(Event::Popped { end: *from, len: self.len() }, now);
                }
            }
            Op::Delete(which) => {
                let chosen = self.chosen(which);
                for at in chosen.iter().rev() {
                    self.list.remove(*at);
                }
                let indexes: Vec<u64> = chosen.iter().map(|at| *at as u64).collect();
                self.index.follow(Event::Deleted { indexes: &indexes, len: self.len() }, now);
            }
            Op::Remove(which) => {
                let (chosen, before) = (self.chosen(which), self.known());
                for at in chosen.iter().rev() {
                    self.list.remove(*at);
                }
                if !chosen.is_empty() {
                    self.blur(&before, chosen.len());
                    self.index.follow(Event::Removed { len: self.len() }, now);
                }
            }
            Op::Trim(head, tail) => {
                let before = self.known();
                let head = (*head as usize).min(self.list.len());
                let tail = (*tail as usize).min(self.list.len() - head);
                self.list.drain(..head);
                self.list.truncate(self.list.len() - tail);
                self.blur(&before, head + tail);
                self.index.follow(Event::Trimmed { len: self.len() }, now);
            }
            Op::Insert(at) => {
                if !self.list.is_empty() {
                    let (at, message) = (at.index(self.list.len()), self.fresh());
                    self.list.insert(at, message);
                    self.forget_all();
                    self.index.follow(Event::Edited { len: self.len() }, now);
                }
            }
            Op::Set(at) => {
                if !self.list.is_empty() {
                    let at = at.index(self.list.len());
                    self.list[at] = self.fresh();
                    self.forget_all();
                    self.index.follow(Event::Set { len: self.len() }, now);
                }
            }
            Op::Replace(len) => {
                self.list = vec![self.fresh(); *len as usize];
                self.forget_all();
                self.index.replaced(*len, now);
            }
            Op::Gone => {
                self.list.clear();
                self.index.follow(Event::Gone, now);
            }
            Op::Doubt => {
                self.index.doubt("a test");
                self.forget_all();
                self.index.observe(self.len(), now);
            }
            // Another module pushes and tells nobody; whoever looks next finds out.
            Op::Silent(n) => {
                (0..*n).for_each(|_| self.push(End::Head));
                if *n > 0 {
                    self.forget_all();
                }
                self.index.observe(self.len(), now);
            }
        }
    }

    fn check(&mut self) {
        let oldest = self.index.arrivals_mut().expect("it follows").oldest();
        let arrivals = self.index.arrivals().expect("it follows");
        assert_eq!(arrivals.len(), self.list.len() as u64);
        let bounds = self.list.iter().filter(|message| message.known.is_bound).count();
        assert_eq!(arrivals.bounds(), bounds as u64);
        let mut cursor = arrivals.cursor();
        let found: Vec<_> = (0..arrivals.len()).map(|at| cursor.at(at).expect("a position")).collect();
        assert_eq!(found, self.known());
        assert_eq!(cursor.at(arrivals.len()), None);
        let back: Vec<_> = (0..arrivals.len()).rev().map(|at| cursor.at(at).expect("a position")).collect();
        assert!(back.iter().rev().eq(&found), "the way back finds the same");
        for message in &self.list {
            let placed = Placed { arrival: message.known, now_ms: self.now_ms };
            let (age, arrived) = (self.now_ms - message.arrived_ms, message.arrived_ms * 1_000);
            for (field, truth) in [(ArrivalField::Age, age), (ArrivalField::Arrived, arrived)] {
                let span = placed.span(field);
                assert!(span.least.is_none_or(|least| least <= truth), "{field:?} {message:?}");
                assert!(span.most.is_none_or(|most| truth <= most), "{field:?} {message:?}");
            }
        }
        let earliest = self.known().iter().map(|arrival| arrival.step_ms).min();
        assert_eq!(oldest.map(|oldest| oldest.step_ms), earliest);
        let next = match self.index.consumer_end {
            End::Head => self.list.first(),
            End::Tail => self.list.last(),
        };
        assert_eq!(self.index.next(), next.map(|message| message.known));
        assert_eq!(self.index.waits, self.waits);
        assert_eq!(self.index.popped, self.popped);
    }
}

proptest! {
    #[test]
    fn the_index_knows_what_can_be_known(
        before in 0..6_u64,
        at_head in any::<bool>(),
        ops in prop::collection::vec(ops(), 1..120),
    ) {
        let mut model = Model::new(before, if at_head { End::Head } else { End::Tail });
        model.check();
        for op in &ops {
            model.apply(op);
            model.check();
        }
    }

    /// With more runs than fit one block.
    #[test]
    fn many_runs_are_kept_in_blocks(
        first in 1..1_500_u64,
        ops in prop::collection::vec(ops(), 1..40),
    ) {
        let mut model = Model::new(0, End::Tail);
        for n in 0..first {
            model.apply(&Op::Push(if n % 7 == 0 { End::Tail } else { End::Head }, 1 + n % 3));
            model.now_ms += STEP_MS * (n as i64 % 2);
        }
        model.check();
        for op in ops.iter().filter(|op| !matches!(op, Op::Trim(..))) {
            model.apply(op);
            model.check();
        }
    }
}

#[test]
fn ltrim_of_a_list_of_many_runs_costs_no_more_than_some_runs() {
    let mut index = ListClock::new(End::Tail, 0);
    index.observe(0, 0);
    for n in 1..=10_000_u64 {
        index.follow(Event::Pushed { end: End::Head, len: n }, n as i64 * STEP_MS);
    }
    index.follow(Event::Trimmed { len: 9_999 }, 100_000);
    let arrivals = index.arrivals().expect("it follows");
    assert!(arrivals.runs() <= 2 * TRIM_RUNS_MAX, "{} runs", arrivals.runs());
    assert_eq!((arrivals.len(), arrivals.bounds()), (9_999, 9_999));
    let mut cursor = arrivals.cursor();
    for (at, n) in (0..9_999).zip((1..=10_000_i64).rev()) {
        let known = cursor.at(at).expect("a position");
        assert!(known.step_ms >= (n - 1) * STEP_MS, "a bound is not before the arrival");
    }
}

#[test]
fn positions_that_do_not_exist_are_a_reason_to_begin_anew() {
    for indexes in [&[3][..], &[1, 1], &[2, 0]] {
        let mut index = ListClock::new(End::Tail, 0);
        index.observe(0, 0);
        index.follow(Event::Pushed { end: End::Head, len: 3 }, 50);
        index.follow(Event::Deleted { indexes, len: 3 - indexes.len() as u64 }, 90);
        let arrivals = index.arrivals().expect("it follows");
        assert_eq!(arrivals.len(), arrivals.bounds());
    }
}

#[test]
fn a_suspended_index_keeps_nothing_and_begins_anew_when_it_may() {
    let mut index = ListClock::new(End::Tail, 0);
    index.observe(5, 0);
    index.suspend("a test");
    index.follow(Event::Pushed { end: End::Head, len: 6 }, 10);
    index.observe(6, 20);
    index.replaced(3, 25);
    assert_eq!((index.state(), index.arrivals().is_none()), (IndexState::Suspended, true));
    assert_eq!(index.ages(30), None);
    index.resume();
    assert_eq!(index.state(), IndexState::Building);
    index.follow(Event::Popped { end: End::Tail, len: 5 }, 40);
    let arrivals = index.arrivals().expect("it follows");
    assert_eq!((arrivals.len(), arrivals.bounds()), (5, 5));
}

#[test]
fn steps_begin_again_after_497_days() {
    let mut arrivals = Arrivals::new(1, 7);
    arrivals.push(End::Head, 1, 1_000);
    let much_later = (i64::from(u32::MAX) + 10) * STEP_MS;
    arrivals.push(End::Head, 2, much_later);
    let mut cursor = arrivals.cursor();
    assert_eq!(cursor.at(0), Some(Arrival { step_ms: much_later, is_bound: false }));
    let before = cursor.at(2).expect("a position");
    assert!(before.is_bound && before.step_ms < much_later && before.step_ms >= 1_000);
    assert_eq!((arrivals.len(), arrivals.bounds()), (4, 2));
}
