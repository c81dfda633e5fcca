//! Ages of groups against a list of messages, each with its task and its arrival.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::clock::Arrivals;
use super::fields::FieldIndex;
use super::{Answered, Ask, GroupAge, Side, Waiting};
use crate::arrival::{Arrival, STEP_MS};
use crate::filter::{Filter, Grouping};
use crate::kind::MessageKind;
use crate::queue::End;

/// A list from the head on, and its arrivals.
struct World {
    list: Vec<(u8, Arrival)>,
    arrivals: Arrivals,
    kind: MessageKind,
    now_ms: i64,
}

impl World {
    /// A list with these tasks before anybody followed it.
    fn new(before: &[u8], kind: MessageKind) -> Self {
        let arrival = Arrival { step_ms: 0, is_bound: true };
        let list = before.iter().map(|task| (*task, arrival)).collect();
        Self { list, arrivals: Arrivals::new(before.len() as u64, 0), kind, now_ms: STEP_MS }
    }

    fn push(&mut self, end: End, tasks: &[u8], passed_ms: i64) {
        self.now_ms += passed_ms;
        let arrival = Arrival { step_ms: self.now_ms.div_euclid(STEP_MS) * STEP_MS, is_bound: false };
        self.arrivals.push(end, tasks.len() as u64, self.now_ms);
        for task in tasks {
            let at = if end == End::Head { 0 } else { self.list.len() };
            self.list.insert(at, (*task, arrival));
        }
    }

    fn consumer_end(&self) -> End {
        self.kind.spec().consumer_end
    }

    fn answer(&self, steps: usize) -> Answered {
        let mut index = FieldIndex::new(self.kind, &[b"task"], self.list.len() as u64, 7).expect("a field");
        let message = |task: u8| match self.kind {
            MessageKind::Resque => format!(r#"{{"class": "t{task}", "args": []}}"#),
            _ => format!(r#"{{"body": "W10=", "headers": {{"task": "t{task}", "id": "x"}}}}"#),
        };
        // Rows are in the order from the producer end on.
        let from_producer: Vec<u8> = match self.consumer_end() {
            End::Tail => self.list.iter().map(|(task, _)| *task).collect(),
            End::Head => self.list.iter().rev().map(|(task, _)| *task).collect(),
        };
        for task in from_producer {
            assert!(index.read(Side::Consumer, message(task).as_bytes()));
        }
        let (filter, grouping) = (Filter::all(), Grouping::new(&[b"task"]).expect("a field"));
        let ask = Ask {
            filter: &filter,
            grouping: Some(&grouping),
            inexact: false,
            matches: 0,
            steps,
            groups: u64::MAX,
        };
        let waiting =
            Waiting { arrivals: &self.arrivals, consumer_end: self.consumer_end(), now_ms: self.now_ms };
        index.answer_with_ages(&ask, Some(waiting)).expect("an answer")
    }

    /// The ages of each task, found message by message.
    fn wanted(&self) -> BTreeMap<u64, GroupAge> {
        let in_order: Vec<_> = match self.consumer_end() {
            End::Tail => self.list.iter().rev().collect(),
            End::Head => self.list.iter().collect(),
        };
        let mut ages = BTreeMap::new();
        for (task, _) in &self.list {
            let of: Vec<Arrival> =
                in_order.iter().filter(|(other, _)| other == task).map(|(_, arrival)| *arrival).collect();
            let age = |arrival: Arrival| arrival.least_age_ms(self.now_ms);
            let first = in_order.iter().position(|(other, _)| other == task).expect("a message");
            ages.insert(
                first as u64,
                GroupAge {
                    next_ms: age(of[0]),
                    next_at_least: of[0].is_bound,
                    oldest_ms: of.iter().map(|arrival| age(*arrival)).max().expect("a message"),
                    oldest_at_least: of.iter().any(|arrival| arrival.is_bound),
                },
            );
        }
        ages
    }
}

fn by_first(answered: &Answered) -> Option<BTreeMap<u64, GroupAge>> {
    let ages = answered.ages.as_ref()?;
    assert_eq!(ages.len(), answered.groups.len());
    Some(answered.groups.iter().map(|group| group.next).zip(ages.iter().copied()).collect())
}

proptest! {
    #[test]
    fn each_group_has_the_ages_of_its_messages(
        before in prop::collection::vec(0..4_u8, 0..6),
        pushes in prop::collection::vec((any::<bool>(), prop::collection::vec(0..4_u8, 1..5), 0..40_i64), 0..12),
        is_resque in any::<bool>(),
    ) {
        let kind = if is_resque { MessageKind::Resque } else { MessageKind::Celery };
        let mut world = World::new(&before, kind);
        for (at_head, tasks, passed) in pushes {
            world.push(if at_head { End::Head } else { End::Tail }, &tasks, passed);
        }
        world.now_ms += 5;
        prop_assert_eq!(by_first(&world.answer(usize::MAX)), Some(world.wanted()));
    }
}

#[test]
fn ages_of_groups_are_given_where_they_do_not_take_long() {
    let mut world = World::new(&[], MessageKind::Celery);
    for _ in 0..200 {
        world.push(End::Head, &[1, 2], 2 * STEP_MS);
    }
    // The messages arrived in the order in which they run. Passing over 200 runs takes 400 steps.
    assert_eq!(by_first(&world.answer(1_500)), Some(world.wanted()));
    assert!(by_first(&world.answer(350)).is_none(), "it takes too long to pass over the runs");
    // A worker gives one back: the messages have to be counted again, if there is time.
    world.push(End::Tail, &[2], 2 * STEP_MS);
    assert_eq!(by_first(&world.answer(10_000)), Some(world.wanted()));
    assert!(by_first(&world.answer(1_500)).is_none(), "it takes too long to count again");
    for _ in 0..40 {
        world.push(End::Tail, &[1], 2 * STEP_MS);
    }
    assert!(by_first(&world.answer(usize::MAX)).is_none(), "each of them is a stretch");
    assert_eq!(world.answer(usize::MAX).groups.len(), 2, "the counts are there all the same");
}
