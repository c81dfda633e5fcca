//! Time per message of the matcher: `cargo bench -p qadmin-core --bench matcher`.
//!
//! The messages are as kombu writes them, about 1.4 KB each, all different, 20 tasks in turn, and more of
//! them than a core could learn by heart. criterion's `thrpt` is messages per second; `time` is for all.
#![allow(missing_docs, reason = "a benchmark has no callers")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qadmin_core::filter::Matcher;

use support::{cases, decode, filter, matches, message, pickled};

const MESSAGES: u64 = 1_000;

fn bench(criterion: &mut Criterion) {
    let messages: Vec<Vec<u8>> = (0..MESSAGES).map(message).collect();
    let bytes: usize = messages.iter().map(Vec::len).sum();
    println!("{MESSAGES} messages of {} bytes", bytes as u64 / MESSAGES);
    let mut group = criterion.benchmark_group("matcher");
    group.throughput(Throughput::Elements(MESSAGES));
    for (name, words, expected) in cases() {
        let mut matcher = Matcher::new(&filter(&words));
        assert_eq!(matches(&mut matcher, &messages), expected(MESSAGES), "{words}");
        group.bench_function(name, |bencher| bencher.iter(|| matches(&mut matcher, &messages)));
    }
    let bodies: Vec<Vec<u8>> = (0..MESSAGES).map(pickled).collect();
    let mut matcher = Matcher::new(&filter("REPOID 7"));
    assert_eq!(matches(&mut matcher, &bodies), MESSAGES / 50);
    group.bench_function("repoid, pickled", |bencher| bencher.iter(|| matches(&mut matcher, &bodies)));
    group.bench_function("decode of envelope and body", |bencher| bencher.iter(|| decode(&messages)));
    group.finish();
    let mut group = criterion.benchmark_group("filter");
    for (name, words, _) in cases() {
        group.bench_function(name, |bencher| bencher.iter(|| Matcher::new(&filter(black_box(&words)))));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
