//! Time per row of a live index: `cargo bench -p qadmin-core --bench index`.
//!
//! A million rows of messages as kombu writes them: 20 tasks, 50 repositories, and as many ids as messages.
//! criterion's `time` of counts and groups is for all of them.
#![allow(missing_docs, reason = "a benchmark has no callers")]

mod support;

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qadmin_core::filter::Grouping;
use qadmin_core::index::verdicts::{Groups, Verdicts};
use qadmin_core::index::{FieldIndex, Side};
use qadmin_core::kind::MessageKind;

use support::{filter, message};

const ROWS: u64 = 1_000_000;
/// Messages that are made: the rows repeat them.
const MESSAGES: u64 = 20_000;
/// Steps that are enough for everything.
const ENOUGH: usize = usize::MAX;

fn messages() -> Vec<Vec<u8>> {
    (0..MESSAGES).map(message).collect()
}

fn index(names: &[&[u8]], messages: &[Vec<u8>], rows: u64) -> FieldIndex {
    let mut index = FieldIndex::new(MessageKind::Celery, names, rows, 1).expect("fields");
    for message in messages.iter().cycle().take(usize::try_from(rows).expect("fits")) {
        assert!(index.read(Side::Consumer, message));
    }
    index
}

fn counts(criterion: &mut Criterion, messages: &[Vec<u8>]) {
    let names: [&[u8]; 3] = [b"task", b"kwargs.repoid", b"kwargs.commitid"];
    let started = Instant::now();
    let index = index(&names, messages, ROWS);
    let built = started.elapsed();
    println!("build: {} ns for a row of {} fields", built.as_nanos() / u128::from(ROWS), names.len());
    let memory = index.memory() as u64;
    println!(
        "memory: {}.{:02} bytes for a row, with dictionaries",
        memory / ROWS,
        memory % ROWS * 100 / ROWS
    );

    let mut group = criterion.benchmark_group("index of a million");
    for (name, words) in [
        ("count by 1 condition", "TASK app.tasks.module3.Task3"),
        ("count by 2 conditions", "TASK app.tasks.module3.Task3 REPOID 7"),
        ("count by 1 condition with many values", "TASK app.tasks.module3.Task3 WHERE task GLOB *"),
        ("count by a range of values", "WHERE kwargs.repoid < 25"),
        ("count by a pattern on 20,000 values", "WHERE kwargs.commitid GLOB *a*"),
        ("count by the length", "WHERE bytes > 1400"),
    ] {
        let mut verdicts = Verdicts::new(&filter(words), &index).expect("the fields are there");
        assert!(verdicts.prepare(&index, ENOUGH));
        let mut count = || verdicts.count(black_box(&index), 0..ROWS, 0).expect("all is read").matched;
        assert!(count() > 0, "{words}");
        least(name, &mut count);
        group.bench_function(name, |bencher| bencher.iter(&mut count));
    }
    for names in [&[&b"task"[..]][..], &[b"kwargs.repoid"], &[b"task", b"kwargs.repoid"]] {
        let mut groups = Groups::new(&Grouping::new(names).expect("fields"), &index, false).expect("there");
        let mut verdicts = Verdicts::new(&qadmin_core::filter::Filter::all(), &index).expect("there");
        assert!(groups.prepare(&index, ENOUGH) && verdicts.prepare(&index, ENOUGH));
        let mut count =
            || verdicts.count_by(&groups, black_box(&index), 0..ROWS, 0).expect("read").groups.len() as u64;
        println!("groups: {}", count());
        let name = format!("group by {}", String::from_utf8_lossy(&names.join(&b" and "[..])));
        least(&name, &mut count);
        group.bench_function(name, |bencher| bencher.iter(&mut count));
    }
    group.bench_function("prepare a pattern on 20,000 values", |bencher| {
        let filter = filter("WHERE kwargs.commitid GLOB *a*");
        bencher.iter(|| Verdicts::new(&filter, &index).expect("there").prepare(&index, ENOUGH));
    });
    group.finish();
}

fn changes(criterion: &mut Criterion, messages: &[Vec<u8>]) {
    let names: [&[u8]; 2] = [b"task", b"kwargs.repoid"];
    let mut index = index(&names, messages, 100_000);
    let memory = index.memory() as u64;
    println!("memory: {}.{:02} bytes for a row of 2 fields", memory / 100_000, memory % 100_000 / 1_000);
    let mut group = criterion.benchmark_group("one message");
    group.throughput(Throughput::Elements(1));
    let mut next = messages.iter().cycle();
    group.bench_function("push, read and pop", |bencher| {
        bencher.iter(|| {
            index.pushed(Side::Producer, 1);
            assert!(index.read(Side::Producer, next.next().expect("a cycle")));
            assert!(index.popped(Side::Consumer, 1));
        });
    });
    group.bench_function("push and pop, unread", |bencher| {
        let mut index = FieldIndex::new(MessageKind::Celery, &names, 100, 1).expect("fields");
        bencher.iter(|| {
            index.pushed(Side::Producer, 1);
            assert!(index.popped(Side::Consumer, 1));
        });
    });
    group.finish();
}

/// Prints the longest step by which a field with too many values is read and turned into hashes. The steps are
/// the same in each run. The shortest time of each step counts, because other work of the machine only makes it
/// longer.
fn stalls() {
    const RUNS: usize = 5;
    let messages: Vec<Vec<u8>> = (0..80_000).map(message).collect();
    let mut least: [Vec<u128>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        let mut index =
            FieldIndex::new(MessageKind::Celery, &[b"properties.delivery_tag"], ROWS, 1).expect("fields");
        let mut took = |of: usize, at: usize, started: Instant| {
            let nanos = started.elapsed().as_nanos();
            match least[of].get_mut(at) {
                Some(least) => *least = nanos.min(*least),
                None => least[of].push(nanos),
            }
        };
        for (at, message) in messages.iter().enumerate() {
            let started = Instant::now();
            assert!(index.read(Side::Consumer, message));
            took(0, at, started);
        }
        for at in 0.. {
            let started = Instant::now();
            let is_left = index.maintain();
            took(1, at, started);
            if !is_left {
                break;
            }
        }
    }
    let [read, upkeep] = least.each_ref().map(|all| all.iter().max().map_or(0, |most| most / 1_000));
    println!(
        "80,000 distinct values: longest read {read} us, longest of {} steps of upkeep {upkeep} us",
        least[1].len()
    );
}

/// Prints the least time of many runs, microseconds: the one that nothing else on the machine made longer.
fn least(name: &str, mut run: impl FnMut() -> u64) {
    let times = (0..300).map(|_| {
        let started = Instant::now();
        black_box(run());
        started.elapsed().as_micros()
    });
    println!("least: {name}: {} us", times.min().unwrap_or_default());
}

fn bench(criterion: &mut Criterion) {
    let messages = messages();
    stalls();
    counts(criterion, &messages);
    changes(criterion, &messages);
}

criterion_group!(benches, bench);
criterion_main!(benches);
