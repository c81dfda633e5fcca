//! Values that follow a list through random changes, also silent ones, against a look at each message.

use proptest::prelude::*;
use proptest::sample::Index;

use super::fields_test::message;
use super::{Answered, Ask, CaughtUp, IndexState, ListFields};
use crate::args::Args;
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
    Remove(Index),
    Trim(usize, usize),
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
    /// Reads at most this number of messages.
    Read(usize),
    Ask,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (end(), 1..6_usize).prop_map(|(end, n)| Op::Push(end, n)),
        5 => (end(), 1..5_usize).prop_map(|(end, n)| Op::Pop(end, n)),
        3 => (end(), end()).prop_map(|(from, to)| Op::Rotate(from, to)),
        2 => prop::collection::vec(any::<Index>(), 1..5).prop_map(Op::Delete),
        1 => any::<Index>().prop_map(Op::Remove),
        1 => (0..3_usize, 0..3_usize).prop_map(|(head, tail)| Op::Trim(head, tail)),
        1 => any::<Index>().prop_map(Op::Set),
        1 => any::<Index>().prop_map(Op::Insert),
        1 => (0..20_usize).prop_map(Op::Replace),
        1 => Just(Op::Gone),
        1 => Just(Op::Doubt),
        1 => Just(Op::Suspend),
        2 => (end(), 1..3_usize).prop_map(|(end, n)| Op::SilentPop(end, n)),
        2 => (end(), 1..3_usize).prop_map(|(end, n)| Op::SilentPush(end, n)),
        4 => end().prop_map(Op::SilentShift),
        6 => (1..12_usize).prop_map(Op::Read),
        6 => Just(Op::Ask),
    ]
}

struct World {
    list: Memory,
    fields: ListFields,
    made: u32,
}

impl World {
    fn make(&mut self, n: usize) -> Vec<Vec<u8>> {
        (0..n)
            .map(|_| {
                self.made += 1;
                message(self.made)
            })
            .collect()
    }

    fn push(&mut self, end: End, n: usize) {
        for made in self.make(n) {
            match end {
                End::Head => self.list.0.insert(0, made),
                End::Tail => self.list.0.push(made),
            }
        }
    }

    fn pop(&mut self, end: End, n: usize) -> Vec<Vec<u8>> {
        let n = n.min(self.list.0.len());
        match end {
            End::Head => self.list.0.drain(..n).collect(),
            End::Tail => self.list.0.split_off(self.list.0.len() - n),
        }
    }

    fn apply(&mut self, op: Op) {
        let before = self.list.0.len();
        let at = |index: Index| index.index(before.max(1));
        match op {
            Op::Push(end, n) => {
                self.push(end, n);
                self.fields.follow(Event::Pushed { end, len: self.list.len() });
            }
            Op::Pop(end, n) if before > 0 => {
                self.pop(end, n);
                self.fields.follow(Event::Popped { end, len: self.list.len() });
                if self.list.0.is_empty() {
                    self.fields.follow(Event::Gone);
                }
            }
            Op::Rotate(from, to) if before > 0 => {
                let moved = self.pop(from, 1).remove(0);
                match to {
                    End::Head => self.list.0.insert(0, moved),
                    End::Tail => self.list.0.push(moved),
                }
                self.fields.follow(Event::Pushed { end: to, len: self.list.len() });
                self.fields.follow(Event::Popped { end: from, len: self.list.len() });
            }
            Op::Delete(indexes) if before > 0 => {
                let mut indexes: Vec<u64> = indexes.into_iter().map(|index| at(index) as u64).collect();
                indexes.sort_unstable();
                indexes.dedup();
                for index in indexes.iter().rev() {
                    self.list.0.remove(usize::try_from(*index).expect("small"));
                }
                self.fields.follow(Event::Deleted { indexes: &indexes });
            }
            Op::Remove(index) if before > 0 => {
                self.list.0.remove(at(index));
                self.fields.follow(Event::Removed { len: self.list.len() });
            }
            Op::Trim(head, tail) => {
                self.pop(End::Head, head);
                self.pop(End::Tail, tail);
                self.fields.follow(Event::Trimmed { len: self.list.len() });
            }
            Op::Set(index) if before > 0 => {
                self.list.0[at(index)] = self.make(1).remove(0);
                self.fields.follow(Event::Set { len: self.list.len() });
            }
            Op::Insert(index) if before > 0 => {
                let made = self.make(1).remove(0);
                self.list.0.insert(at(index), made);
                self.fields.follow(Event::Edited { len: self.list.len() });
            }
            Op::Replace(n) => {
                self.list.0 = self.make(n);
                self.fields.replaced(self.list.len());
            }
            Op::Gone => {
                self.list.0.clear();
                self.fields.follow(Event::Gone);
            }
            Op::Doubt => self.fields.doubt("a doubt"),
            Op::Suspend => {
                self.fields.suspend("no room");
                assert_eq!((self.fields.state(), self.fields.has_work()), (IndexState::Suspended, false));
                assert_eq!(self.fields.catch_up(&mut self.list, |_| true), CaughtUp::More);
                self.fields.resume();
            }
            Op::SilentPop(end, n) => drop(self.pop(end, n)),
            Op::SilentPush(end, n) => self.push(end, n),
            Op::SilentShift(end) if before > 0 => {
                self.pop(end, 1);
                self.push(end.other(), 1);
            }
            Op::Read(most) => {
                let mut left = most;
                self.fields.catch_up(&mut self.list, |_| {
                    left -= 1;
                    left > 0
                });
            }
            _ => {}
        }
    }

    /// Reads what is left and answers, or says that it has to begin again.
    fn ask(&mut self, filter: &Filter, grouping: Option<&Grouping>) -> Option<Answered> {
        let ask = Ask { filter, grouping, inexact: false, matches: 3, steps: usize::MAX };
        match self.fields.catch_up(&mut self.list, |_| true) {
            CaughtUp::All => self.fields.index()?.answer(&ask),
            CaughtUp::More => None,
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

proptest! {
    #[test]
    fn what_is_answered_is_true_whatever_happened_to_the_list(
        ops in prop::collection::vec(op(), 1..60),
        is_resque in any::<bool>(),
    ) {
        // Resque's workers take the head. Its messages have a class for a task.
        let kind = if is_resque { MessageKind::Resque } else { MessageKind::Celery };
        let names = [b"task".to_vec(), if is_resque { b"args.0".to_vec() } else { b"kwargs.x".to_vec() }];
        let fields = ListFields::new(kind, &names, 3).expect("fields");
        let mut world = World { list: Memory(Vec::new()), fields, made: 0 };
        let filters = ["WHERE task = t1", "WHERE task != t2 WHERE bytes > 150", "WHERE task MISSING"].map(filter);
        let grouping = Grouping::new(&[b"task"]).expect("fields");
        for op in ops {
            let asks = matches!(op, Op::Ask);
            world.apply(op);
            if !asks {
                continue;
            }
            for filter in &filters {
                let (found, bytes) = naive(&world, kind, filter);
                if let Some(answered) = world.ask(filter, None) {
                    prop_assert_eq!(answered.counted.examined, world.list.len());
                    prop_assert_eq!(answered.counted.matched, found.len() as u64);
                    prop_assert_eq!(answered.counted.matched_bytes, bytes);
                    prop_assert_eq!(&answered.found[..], &found[..found.len().min(3)]);
                    prop_assert_eq!(world.fields.state(), IndexState::Ready);
                    prop_assert_eq!(world.fields.reason(), None);
                }
                // What did not fit is read again.
                prop_assert!(world.ask(filter, None).is_some());
                let grouped = world.ask(filter, Some(&grouping)).expect("groups");
                prop_assert_eq!(grouped.groups.iter().map(|group| group.count).sum::<u64>(), found.len() as u64);
            }
        }
    }
}

#[test]
fn a_silent_change_that_leaves_length_and_ends_right_is_seen_at_the_border() {
    let mut world = World {
        list: Memory(Vec::new()),
        fields: ListFields::new(MessageKind::Celery, &[b"task".to_vec()], 3).expect("fields"),
        made: 20,
    };
    world.apply(Op::Push(End::Head, 5));
    assert_eq!(world.fields.catch_up(&mut world.list, |_| true), CaughtUp::All);
    // One leaves silently, and three come, of which the event reports the length alone.
    world.apply(Op::SilentPop(End::Head, 1));
    world.apply(Op::Push(End::Head, 3));
    assert_eq!(world.fields.unread(), Some(2));
    assert_eq!(world.fields.catch_up(&mut world.list, |_| true), CaughtUp::More);
    assert_eq!((world.fields.unread(), world.fields.reason()), (Some(7), Some(super::list_fields::UNTOLD)));
    assert_eq!(world.fields.catch_up(&mut world.list, |_| true), CaughtUp::All);
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
