//! A job that counts by groups from the columns of an index, slice by slice, while the list changes between them. Each message
//! is counted once, at the moment at which it is booked, whether or not slices kept what they counted.

use std::cell::Cell;
use std::collections::HashMap;

use proptest::prelude::*;

use super::start::tests::accepted;
use super::{Job, JobKind, Start};
use crate::filter::{Filter, Grouping, Projection};
use crate::index::{CaughtUp, ListFields};
use crate::kind::{DEFAULT_FIELDS, MessageKind};
use crate::queue::End;
use crate::reply::Reply;
use crate::scan::{Budget, Clock, Effect, Event, ListOutcome, ListScan, Queue, SliceEnd, Time};

const FIELDS: [&[u8]; 2] = [b"task", b"headers.x"];
const ENOUGH: usize = 1_000_000;
/// How much later it is each time the clock is read, nanoseconds.
const TICK_NS: u64 = 10_000;

#[derive(Default)]
struct Ticks(Cell<u64>);

impl Clock for &Ticks {
    fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + TICK_NS);
        self.0.get()
    }
}

/// The values of the two fields of a message.
type Values = (u8, u8);

/// From the head on.
struct Messages(Vec<Values>);

impl Queue for Messages {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (task, x) = self.0.get(usize::try_from(index).ok()?)?;
        Some(f(format!(r#"{{"body":"W10=","headers":{{"task":"t{task}","x":{x}}}}}"#).as_bytes()))
    }
    fn delete(&mut self, _: u64) -> bool {
        false
    }
    fn reopen(&mut self) -> bool {
        true
    }
}

/// What happens between two slices.
#[derive(Debug, Clone)]
enum Between {
    Push(Values),
    Requeue(Values),
    Pop,
    Remove(usize),
}

fn values() -> impl Strategy<Value = Values> {
    (0..3_u8, 0..2_u8)
}

fn between() -> impl Strategy<Value = Option<Between>> {
    prop_oneof![
        6 => Just(None),
        2 => values().prop_map(|values| Some(Between::Push(values))),
        1 => values().prop_map(|values| Some(Between::Requeue(values))),
        1 => Just(Some(Between::Pop)),
        1 => (0..200_usize).prop_map(|at| Some(Between::Remove(at))),
    ]
}

struct Test {
    list: Messages,
    fields: ListFields,
    job: Job,
    /// The distance from the consumer end of the message that is booked next.
    at: usize,
    booked: HashMap<Values, i64>,
}

impl Test {
    fn new(messages: Vec<Values>) -> Self {
        let names = FIELDS.map(<[u8]>::to_vec);
        let mut fields = ListFields::new(MessageKind::Celery, &names, 5).expect("fields");
        let mut list = Messages(messages);
        fields.observe(list.len());
        assert_eq!(fields.catch_up(&mut list, |_| true), CaughtUp::All);
        let projection = Projection::new(DEFAULT_FIELDS).expect("fields");
        let start = Start::counting(JobKind::Stats, accepted(0, list.len()), Filter::all(), projection);
        let grouping = Some(Grouping::new(&FIELDS).expect("fields"));
        let job = Job::new(Start { effect: Effect::Group, grouping, top: 100, sample: 0, ..start });
        Self { list, fields, job, at: 0, booked: HashMap::new() }
    }

    /// Runs a slice in which the clock is read about this many times.
    fn slice(&mut self, ticks: u64, clock: &Ticks, outcome: &mut ListOutcome) {
        let before = self.job.counters().processed;
        let guided = self.job.guided_parts::<ListScan>(&self.fields, ENOUGH);
        let (scan, judge, guide) = guided.expect("a scan over lists");
        let budget = Budget {
            time: Time::AfterSeek { slice_ns: ticks * TICK_NS, last_seek_ns: 0 },
            window: 1_000,
            max_deletions: 1_000,
            max_bytes: u64::MAX,
            deletion_ns: 0,
            put_ns: 0,
        };
        let mut guide = guide.expect("an index that has read everything");
        let end = scan.run_guided(&mut self.list, judge, &mut guide, &clock, &budget, || true, outcome);
        assert_eq!(end, SliceEnd::Done);
        self.job.commit::<ListScan>(outcome, 0);
        for _ in before..self.job.counters().processed {
            *self.booked.entry(self.list.0[self.list.0.len() - 1 - self.at]).or_default() += 1;
            self.at += 1;
        }
    }

    fn change(&mut self, between: &Between) {
        let list = &mut self.list.0;
        let last = list.len().saturating_sub(1);
        let mut gone = Vec::new();
        match between {
            Between::Push(values) => list.insert(0, *values),
            Between::Requeue(values) => {
                list.push(*values);
                self.at += 1;
            }
            Between::Pop if list.pop().is_some() => self.at = self.at.saturating_sub(1),
            Between::Remove(at) if *at <= last && !list.is_empty() => {
                list.remove(*at);
                gone.push(*at as u64);
                self.at -= usize::from(last - at < self.at);
            }
            Between::Pop | Between::Remove(_) => return,
        }
        let len = list.len() as u64;
        let event = match between {
            Between::Push(_) => Event::Pushed { end: End::Head, len },
            Between::Requeue(_) => Event::Pushed { end: End::Tail, len },
            Between::Pop => Event::Popped { end: End::Tail, len },
            Between::Remove(_) => Event::Deleted { indexes: &gone, len },
        };
        self.job.follow(0, b"q", event);
        self.fields.follow(event, 0);
        assert_eq!(self.fields.catch_up(&mut self.list, |_| true), CaughtUp::All);
    }

    /// The groups that the job shows, with the list index of the match that runs next.
    fn shown(&self) -> HashMap<Values, (i64, Option<i64>)> {
        let Reply::List(rows) = self.job.groups().groups else { unreachable!("no groups") };
        let group = |row: &Reply| {
            let Reply::Map(members) = row else { unreachable!("{row:?}") };
            let of =
                |name: &str| members.iter().find(|(member, _)| &**member == name).map(|(_, value)| value);
            let number = |name: &str| match of(name) {
                Some(Reply::Int(number)) => Some(*number),
                Some(Reply::Text(text)) => {
                    std::str::from_utf8(text).ok()?.trim_start_matches('t').parse().ok()
                }
                _ => None,
            };
            let value = |name: &str| number(name).and_then(|n| u8::try_from(n).ok()).expect("a value");
            ((value("task"), value("headers.x")), (number("count").expect("a count"), number("next_index")))
        };
        rows.iter().map(group).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn groups_that_slices_keep_are_those_of_the_messages_that_are_booked(
        messages in prop::collection::vec(values(), 1..200),
        steps in prop::collection::vec((3..20_u64, between()), 1..60),
    ) {
        let mut test = Test::new(messages);
        let (clock, mut outcome) = (Ticks::default(), ListOutcome::default());
        for (ticks, between) in steps.iter().cycle().take(2_000) {
            if test.job.verdict().is_some() {
                break;
            }
            test.slice(*ticks, &clock, &mut outcome);
            if let Some(between) = between {
                test.change(between);
            }
        }
        prop_assert!(test.job.verdict().is_some(), "the job does not end");
        let shown = test.shown();
        let counts: HashMap<Values, i64> = shown.iter().map(|(values, (count, _))| (*values, *count)).collect();
        prop_assert_eq!(&counts, &test.booked);
        for (values, (_, next)) in shown {
            let at = next.and_then(|next| usize::try_from(test.list.0.len() as i64 + next).ok());
            prop_assert!(at.is_none_or(|at| test.list.0[at] == values), "{values:?} at {next:?}");
        }
    }
}

#[test]
fn a_quiet_list_is_booked_at_once_and_a_busy_one_slice_by_slice() {
    let messages: Vec<Values> = (0..120).map(|n| (n % 3, n % 2)).collect();
    for is_busy in [false, true] {
        let mut test = Test::new(messages.clone());
        let (clock, mut outcome) = (Ticks::default(), ListOutcome::default());
        let (mut slices, mut books) = (0, 0);
        while test.job.verdict().is_none() {
            let before = test.job.counters().processed;
            test.slice(10, &clock, &mut outcome);
            slices += 1;
            books += usize::from(test.job.counters().processed > before);
            if is_busy {
                test.change(&Between::Pop);
            }
        }
        if is_busy {
            // The first slice keeps what it counted, and the next one counts it again.
            assert_eq!(books, slices - 1);
        } else {
            assert!(slices > 3 && books <= slices / 2, "{books} of {slices}");
        }
    }
}
