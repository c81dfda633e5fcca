//! Time per message of the matcher: `cargo bench -p qadmin-core --bench matcher`.
//!
//! The messages are as kombu writes them, about 1.4 KB each, all different, 20 tasks in turn, and more of
//! them than a core could learn by heart. criterion's `thrpt` is messages per second; `time` is for all.
#![allow(missing_docs, reason = "a benchmark has no callers")]

use std::hint::black_box;

use base64::Engine as _;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qadmin_core::args::Args;
use qadmin_core::filter::{FilterBuilder, Matcher};

const MESSAGES: u64 = 1_000;
const TASKS: u64 = 20;

fn message(n: u64) -> Vec<u8> {
    // Spread over the digits, so that ids differ in all places.
    let hash = |salt: u64| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(salt | 1);
    let uuid = |salt: u64| {
        let (a, b) = (hash(salt), hash(salt ^ 0xffff));
        format!("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", a >> 32, a & 0xffff, a >> 52, b & 0xfff, b >> 16)
    };
    let (task, repoid, ownerid, pull) = (n % TASKS, n / TASKS % 50, hash(3) % 30_000, hash(5) % 9_000);
    let sha = format!("{:016x}{:016x}{:08x}", hash(7), hash(9), hash(11) >> 32);
    let body = format!(
        "[[], {{\"repoid\": {repoid}, \"commitid\": \"{sha}\", \"ownerid\": {ownerid}, \"pullid\": {pull}, \
         \"branch\": \"feature/{:x}\", \"report_code\": null, \"report_type\": \"coverage\", \"arguments\": \
         {{\"reportid\": \"{}\", \"url\": \"v4/raw/2024-03-01/{:x}/{sha}.txt\", \"flags\": [\"unit\", \"linux\"]}}}}, \
         {{\"callbacks\": null, \"errbacks\": null, \"chain\": null, \"chord\": null}}]",
        hash(13) >> 40,
        uuid(15),
        hash(17),
    );
    let id = uuid(19);
    format!(
        "{{\"body\": \"{}\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \
         \"headers\": {{\"lang\": \"py\", \"task\": \"app.tasks.module{task}.Task{task}\", \"id\": \"{id}\", \
         \"shadow\": null, \"eta\": null, \"expires\": null, \"group\": null, \"group_index\": null, \"retries\": 0, \
         \"timelimit\": [null, null], \"root_id\": \"{id}\", \"parent_id\": null, \"argsrepr\": \"()\", \
         \"kwargsrepr\": \"{{'repoid': {repoid}, 'commitid': '{sha}', 'ownerid': {ownerid}, 'pullid': {pull}}}\", \
         \"origin\": \"gen{}@worker-{}\", \"ignore_result\": false, \"replaced_task_nesting\": 0, \
         \"stamped_headers\": null, \"stamps\": {{}}}}, \"properties\": {{\"correlation_id\": \"{id}\", \
         \"reply_to\": \"{}\", \"delivery_mode\": 2, \"delivery_info\": {{\"exchange\": \"\", \"routing_key\": \
         \"celery\"}}, \"priority\": 0, \"body_encoding\": \"base64\", \"delivery_tag\": \"{}\"}}}}",
        base64::engine::general_purpose::STANDARD.encode(body),
        hash(21) % 60_000,
        hash(23) % 40,
        uuid(25),
        uuid(27),
    )
    .into_bytes()
}

fn matcher(words: &str) -> Matcher {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let (mut args, mut builder) = (Args::new(&words), FilterBuilder::default());
    while builder.accept(&mut args, 0).expect("a filter") {}
    Matcher::new(&builder.finish().expect("a filter"))
}

fn bench(criterion: &mut Criterion) {
    let messages: Vec<Vec<u8>> = (0..MESSAGES).map(message).collect();
    let bytes: usize = messages.iter().map(Vec::len).sum();
    println!("{MESSAGES} messages of {} bytes", bytes as u64 / MESSAGES);
    let mut group = criterion.benchmark_group("matcher");
    group.throughput(Throughput::Elements(MESSAGES));
    // Name, filter, how many match.
    let cases = [
        ("no task matches", "TASK app.tasks.other.Other", 0),
        ("1 task of 20", "TASK app.tasks.module3.Task3", MESSAGES / TASKS),
        ("1 task of 20 and repoid", "TASK app.tasks.module3.Task3 REPOID 7", MESSAGES / TASKS / 50),
        ("repoid", "REPOID 7", MESSAGES / 50),
        ("repoid and commitid", "REPOID 7 COMMITID none", 0),
        ("retries", "WHERE retries > 0", 0),
    ];
    for (name, words, matches) in cases {
        let mut matcher = matcher(words);
        let found = messages.iter().filter(|message| matcher.examine(message).matched).count();
        assert_eq!(found as u64, matches, "{words}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                messages.iter().filter(|message| matcher.examine(black_box(message)).matched).count()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
