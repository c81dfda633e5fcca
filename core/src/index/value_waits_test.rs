//! Waits by values against a list of messages, each with its task, its arrival, and whether it was read.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::value_waits::{WAIT_POPPED_MAX, WAIT_VALUES_MAX};
use super::{CaughtUp, ListClock, ListFields, ValueWaits};
use crate::arrival::STEP_MS;
use crate::kind::MessageKind;
use crate::queue::End;
use crate::reply::Reply;
use crate::scan::{Event, Queue};

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

#[derive(Debug, Clone, Copy)]
struct Message {
    task: Option<u16>,
    /// The beginning of the step; `None` if only a bound is known.
    step_ms: Option<i64>,
    is_read: bool,
}

impl Message {
    fn text(self, kind: MessageKind) -> Vec<u8> {
        let name = if kind == MessageKind::Resque { "class" } else { "task" };
        let task = self.task.map(|task| format!(r#""{name}": "t{task}""#)).unwrap_or_default();
        let text = match kind {
            MessageKind::Resque => format!("{{{task}}}"),
            _ => format!(
                r#"{{"body": "W10=", "headers": {{"id": "x"{}{task}}}}}"#,
                if task.is_empty() { "" } else { ", " }
            ),
        };
        text.into_bytes()
    }
}

#[derive(Debug, Clone)]
enum Op {
    Push(End, Vec<Option<u16>>),
    Pop(End, usize),
    Rotate(End, End),
    Read,
    Passed(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let end = || prop_oneof![Just(End::Head), Just(End::Tail)];
    prop_oneof![
        4 => (end(), prop::collection::vec(prop::option::weighted(0.8, 0..3_u16), 1..5)).prop_map(|(end, tasks)| Op::Push(end, tasks)),
        4 => (end(), 1..5_usize).prop_map(|(end, n)| Op::Pop(end, n)),
        2 => (end(), end()).prop_map(|(from, to)| Op::Rotate(from, to)),
        2 => Just(Op::Read),
        2 => (1..60_i64).prop_map(Op::Passed),
    ]
}

/// From the head to the tail.
struct World {
    list: Vec<Message>,
    clock: ListClock,
    fields: ListFields,
    waits: ValueWaits,
    kind: MessageKind,
    now_ms: i64,
    /// Waits by task: how many, and their sum.
    wanted: BTreeMap<Option<String>, (i64, i64)>,
    unread: i64,
}

impl World {
    fn new(kind: MessageKind) -> Self {
        let mut world = Self {
            list: vec![Message { task: Some(0), step_ms: None, is_read: false }; 3],
            clock: ListClock::new(kind.spec().consumer_end, 0),
            fields: ListFields::new(kind, &[b"task".to_vec()], 3).expect("a field"),
            waits: ValueWaits::default(),
            kind,
            now_ms: 0,
            wanted: BTreeMap::new(),
            unread: 0,
        };
        world.clock.observe(3, 0);
        world.fields.observe(3);
        world
    }

    fn tell(&mut self, event: Event<'_>) {
        self.waits.follow(&self.clock, &self.fields, event, self.now_ms);
        self.clock.follow(event, self.now_ms);
        self.fields.follow(event, self.now_ms);
    }

    fn put(&mut self, end: End, task: Option<u16>) {
        let message = Message { task, step_ms: Some(self.now_ms / STEP_MS * STEP_MS), is_read: false };
        let at = if end == End::Head { 0 } else { self.list.len() };
        self.list.insert(at, message);
    }

    fn take(&mut self, end: End) -> Message {
        let message = self.list.remove(if end == End::Head { 0 } else { self.list.len() - 1 });
        let Some(step_ms) = message.step_ms.filter(|_| end == self.kind.spec().consumer_end) else {
            return message;
        };
        if message.is_read {
            let sum = self.wanted.entry(message.task.map(|task| format!("t{task}"))).or_default();
            *sum = (sum.0 + 1, sum.1 + self.now_ms - step_ms);
        } else {
            self.unread += 1;
        }
        message
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Passed(ms) => self.now_ms += ms,
            Op::Push(end, tasks) => {
                tasks.into_iter().for_each(|task| self.put(end, task));
                self.tell(Event::Pushed { end, len: self.list.len() as u64 });
            }
            Op::Pop(end, n) => {
                let n = n.min(self.list.len());
                for _ in 0..n {
                    self.take(end);
                }
                if n > 0 {
                    self.tell(Event::Popped { end, len: self.list.len() as u64 });
                }
            }
            Op::Rotate(from, to) if !self.list.is_empty() => {
                let message = self.take(from);
                self.put(to, message.task);
                let len = self.list.len() as u64;
                self.tell(Event::Pushed { end: to, len });
                self.tell(Event::Popped { end: from, len });
            }
            Op::Rotate(..) => {}
            Op::Read => {
                let mut memory = Memory(self.list.iter().map(|message| message.text(self.kind)).collect());
                assert_eq!(self.fields.catch_up(&mut memory, |_| true), CaughtUp::All);
                self.list.iter_mut().for_each(|message| message.is_read = true);
            }
        }
    }

    fn check(&self) {
        let shown = self.waits.shown(&self.fields);
        let field = members(&items(&shown)[0]);
        let mut found = BTreeMap::new();
        for row in items(&field["values"]) {
            let row = members(&row);
            let value = match &row["value"] {
                Reply::Text(text) => Some(String::from_utf8(text.clone()).expect("a name")),
                _ => None,
            };
            found.insert(value, (int(&row["waits"]), int(&row["wait_mean_ms"])));
        }
        let wanted: BTreeMap<_, _> =
            self.wanted.iter().map(|(task, (waits, sum))| (task.clone(), (*waits, sum / waits))).collect();
        assert_eq!(found, wanted);
        assert_eq!((int(&field["unread"]), int(&field["skipped"])), (self.unread, 0));
        assert_eq!(int(&members(&field["other"])["waits"]), 0);
    }
}

fn items(reply: &Reply) -> Vec<Reply> {
    if let Reply::List(items) = reply { items.clone() } else { unreachable!("{reply:?}") }
}

fn members(reply: &Reply) -> BTreeMap<String, Reply> {
    let Reply::Map(members) = reply else { unreachable!("{reply:?}") };
    members.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
}

fn int(reply: &Reply) -> i64 {
    if let Reply::Int(n) = reply { *n } else { unreachable!("{reply:?}") }
}

proptest! {
    #[test]
    fn each_wait_is_counted_under_the_value_of_its_message_or_as_unread(
        ops in prop::collection::vec(op(), 1..60),
        is_resque in any::<bool>(),
    ) {
        let mut world = World::new(if is_resque { MessageKind::Resque } else { MessageKind::Celery });
        for op in ops {
            world.apply(op);
            world.check();
        }
    }
}

#[test]
fn values_and_lookups_are_bounded() {
    let mut world = World::new(MessageKind::Celery);
    world.apply(Op::Pop(End::Tail, 3));
    // One list after the other, because an index has room for fewer values in tests.
    for first in (0..600).step_by(50) {
        world.apply(Op::Push(End::Head, (first..first + 50).map(Some).collect()));
        world.apply(Op::Read);
        world.apply(Op::Pop(End::Tail, 50));
    }
    let field = |world: &World| members(&items(&world.waits.shown(&world.fields))[0]);
    let shown = field(&world);
    assert_eq!(items(&shown["values"]).len(), 20);
    assert_eq!(int(&members(&shown["other"])["waits"]), 580);
    assert!(world.waits.memory() < 200_000, "{}", world.waits.memory());
    world.apply(Op::Push(End::Head, vec![Some(550); 40]));
    world.apply(Op::Read);
    world.apply(Op::Pop(End::Tail, 40));
    let shown = field(&world);
    let largest = members(&items(&shown["values"])[0]);
    assert_eq!(int(&largest["waits"]), 1, "value {WAIT_VALUES_MAX} and later ones are counted together");
    assert_eq!(int(&members(&shown["other"])["waits"]), 620);
    let many = usize::try_from(WAIT_POPPED_MAX).expect("small") + 76;
    world.apply(Op::Push(End::Head, vec![Some(1); many]));
    world.apply(Op::Read);
    world.apply(Op::Pop(End::Tail, many));
    let shown = field(&world);
    assert_eq!(int(&members(&items(&shown["values"])[0])["waits"]), 1 + 1_024);
    assert_eq!(int(&shown["skipped"]), 76);
    world.waits.clear();
    assert_eq!((world.waits.memory(), items(&field(&world)["values"]).len()), (0, 0));
}
