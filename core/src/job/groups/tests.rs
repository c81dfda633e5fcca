//! Groups against a naive count.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::filter::{Filter, Projection};
use crate::job::start::tests::accepted;
use crate::job::{Job, JobKind, Member, Start};
use crate::kind::DEFAULT_FIELDS;
use crate::scan::{Budget, Clock, Effect, Event, ListOutcome, ListScan, Queue, Time};

/// By distance from the consumer end.
struct Memory(Vec<Vec<u8>>);

impl Queue for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let at = self.0.len() - 1 - usize::try_from(index).ok()?;
        self.0.get(at).map(|message| f(message))
    }
    fn delete(&mut self, _: u64) -> bool {
        unreachable!("stats delete nothing")
    }
    fn reopen(&mut self) -> bool {
        unreachable!("stats delete nothing")
    }
}

struct Frozen;

impl Clock for Frozen {
    fn now_ns(&self) -> u64 {
        0
    }
}

fn job(len: u64, top: usize) -> Job {
    let projection = Projection::new(DEFAULT_FIELDS).expect("fields");
    let grouping = Some(Grouping::new(&[b"task", b"retries"]).expect("fields"));
    let counting = Start::counting(JobKind::Stats, accepted(1, len), Filter::all(), projection);
    Job::new(Start { grouping, top, effect: Effect::Group, ..counting })
}

/// One slice over at most this many messages.
fn slice(job: &mut Job, queue: &mut Memory, window: u64) {
    let time = Time::AfterSeek { slice_ns: 1, last_seek_ns: 0 };
    let budget =
        Budget { time, window, max_deletions: usize::MAX, max_bytes: u64::MAX, deletion_ns: 0, put_ns: 0 };
    let mut outcome = ListOutcome::default();
    let (scan, judge) = job.parts::<ListScan>().expect("a scan over lists");
    scan.run_slice(queue, judge, &Frozen, &budget, || true, &mut outcome);
    job.commit::<ListScan>(&mut outcome, 0);
}

fn message(task: &str, retries: u8) -> Vec<u8> {
    format!(r#"{{"headers":{{"task":"{task}","retries":{retries}}},"body":""}}"#).into_bytes()
}

fn get<'r>(map: &'r Reply, name: &str) -> &'r Reply {
    let Reply::Map(members) = map else { unreachable!("a map: {map:?}") };
    members.iter().find(|(member, _)| &**member == name).map_or(&Reply::Null, |(_, value)| value)
}

fn int_of(map: &Reply, name: &str) -> i64 {
    if let Reply::Int(n) = get(map, name) { *n } else { unreachable!("{name} of {map:?}") }
}

/// What a naive reader says: values, count, bytes, first and last distance; largest first, then by values.
fn naive(queue: &[Vec<u8>], kept: &[(String, u8)], keys: &[(String, u8)]) -> Vec<((String, u8), [i64; 4])> {
    let mut all: BTreeMap<(String, u8), [i64; 4]> = BTreeMap::new();
    for (at, (bytes, key)) in queue.iter().zip(keys).enumerate().filter(|(_, (_, key))| kept.contains(key)) {
        let (at, size) = (i64::try_from(at).expect("few"), i64::try_from(bytes.len()).expect("few"));
        let row = all.entry(key.clone()).or_insert([0, 0, -1 - at, -1 - at]);
        *row = [row[0] + 1, row[1] + size, row[2], -1 - at];
    }
    let mut rows: Vec<_> = all.into_iter().collect();
    rows.sort_by_key(|(_, row)| -row[0]);
    rows
}

proptest! {
    #[test]
    fn groups_are_a_naive_count_and_what_is_not_kept_is_other(
        keys in prop::collection::vec(("[a-d]", 0..5_u8), 0..80),
        window in 1..9_u64,
        top in 0..12_usize,
        edited in any::<bool>(),
    ) {
        let messages: Vec<Vec<u8>> = keys.iter().map(|(task, n)| message(task, *n)).collect();
        let mut queue = Memory(messages.clone());
        let len = queue.len();
        let mut job = job(len, top);
        // The order in which groups are met: windows from the consumer end, each from its far side.
        let mut kept: Vec<(String, u8)> = Vec::new();
        for window in keys.chunks(usize::try_from(window).expect("small")) {
            for key in window.iter().rev() {
                if kept.len() < ROOM.0 && !kept.contains(key) {
                    kept.push(key.clone());
                }
            }
        }
        if edited && len > 0 {
            // The pass begins again, and so do the counts.
            slice(&mut job, &mut queue, window);
            job.scan.follow(0, Event::Edited { len });
            prop_assert_eq!(&job.groups().groups, &Reply::List(Vec::new()));
        }
        while job.verdict().is_none() {
            slice(&mut job, &mut queue, window);
        }
        let Groups { groups, other, total } = job.groups();
        let Reply::List(rows) = groups else { unreachable!("a list") };
        let expected = naive(&messages, &kept, &keys);
        prop_assert_eq!(rows.len(), expected.len().min(top));
        for (row, ((task, retries), sums)) in rows.iter().zip(&expected) {
            prop_assert_eq!(get(row, "task"), &Reply::text(task.as_bytes()));
            prop_assert_eq!(get(row, "retries"), &Reply::Int(i64::from(*retries)));
            let shown = ["count", "bytes", "next_index", "last_index"].map(|name| int_of(row, name));
            prop_assert_eq!(&shown, sums);
            let all = i64::try_from(len).expect("few");
            prop_assert_eq!(int_of(row, "share"), sums[0] * 1_000 / all);
        }
        let shown: i64 = rows.iter().map(|row| int_of(row, "count")).sum();
        prop_assert_eq!(int_of(&other, "count"), i64::try_from(len).expect("few") - shown);
        let bytes: i64 = rows.iter().map(|row| int_of(row, "bytes")).sum();
        let all: usize = messages.iter().map(Vec::len).sum();
        prop_assert_eq!(int_of(&other, "bytes"), i64::try_from(all).expect("few") - bytes);
        let distinct = keys.iter().collect::<std::collections::BTreeSet<_>>().len();
        if distinct > ROOM.0 {
            prop_assert_eq!((&total, get(&other, "groups")), (&Reply::Null, &Reply::Null));
            prop_assert!(matches!(job.record().get(Member::Notice), Reply::Text(_)));
        } else {
            prop_assert_eq!(total, Reply::from(distinct));
            prop_assert_eq!(int_of(&other, "groups"), i64::try_from(distinct - rows.len()).expect("few"));
        }
    }
}

#[test]
fn the_bytes_of_values_are_bounded_and_what_is_kept_stays_exact() {
    let mut names = Names::new(7);
    let long = [b'x'; ROOM.1];
    let number = names.number(b"short");
    assert_ne!(number, UNKEPT);
    assert_eq!(names.number(&long), UNKEPT);
    assert_eq!(
        names.number(b"also short"),
        UNKEPT,
        "full is full: a group is kept from its first match or not"
    );
    assert_eq!(names.number(b"short"), number);
}

#[test]
fn a_group_by_bytes_has_that_value_under_this_name() {
    let grouping = Grouping::new(&[b"bytes"]).expect("a field");
    let group =
        Group { group: 1, count: 3, bytes: 30, next: Some(Spot { list: 0, distance: 0 }), last: None };
    let mut key = vec![1];
    key.extend(10_i64.to_le_bytes());
    let job = job(4, 0);
    let shown =
        Shown { grouping: &grouping, consumer_end: End::Tail, matched: 4, ages: None, start: job.start() };
    let shown = shown.row(&key, &group);
    let expected = Reply::map()
        .with("bytes", 10)
        .with("count", 3)
        .with("share", 750)
        .with("next_index", -1)
        .with("last_index", Reply::Null)
        .build();
    assert_eq!(shown, expected);
}
