//! How long a slice may become, whatever messages and filters are: by counted work, on a clock that goes on with it.

use std::cell::Cell;

use super::start::tests::accepted;
use super::{ClearOptions, FilterJudge, Job, JobKind, Start};
use crate::args::Args;
use crate::filter::{FilterBuilder, Projection, parse_by};
use crate::kind::DEFAULT_FIELDS;
use crate::reply::Reply;
use crate::scan::{Budget, Clock, Effect, Judge, Judgement, ListOutcome, ListScan, Queue, SliceEnd, Time};

const SLICE_NS: u64 = 500_000;
/// Work between two looks at the clock.
const BETWEEN: u64 = 64 * 1024;

/// Goes on with the work that is done: a nanosecond for each byte that is read and for each step.
#[derive(Default)]
struct WorkClock(Cell<u64>);

impl WorkClock {
    fn goes_on(&self, steps: usize) {
        self.0.set(self.0.get() + steps as u64);
    }
}

impl Clock for &WorkClock {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }
}

struct Messages<'a> {
    all: Vec<Vec<u8>>,
    clock: &'a WorkClock,
}

impl Queue for Messages<'_> {
    fn len(&self) -> u64 {
        self.all.len() as u64
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let message = self.all.get(usize::try_from(index).ok()?)?;
        self.clock.goes_on(message.len());
        Some(f(message))
    }
    fn delete(&mut self, _: u64) -> bool {
        false
    }
    fn reopen(&mut self) -> bool {
        false
    }
}

/// The judge of a job; whatever it does advances the clock.
struct Timed<'a> {
    judge: &'a mut FilterJudge,
    clock: &'a WorkClock,
    /// What one message cost at most.
    worst: u64,
    began: u64,
}

impl Timed<'_> {
    fn timed<R>(&mut self, work: impl FnOnce(&mut FilterJudge) -> R) -> R {
        let before = self.judge.work;
        let result = work(self.judge);
        self.clock.goes_on(self.judge.work - before);
        self.worst = self.worst.max(self.clock.0.get() - self.began);
        result
    }
}

impl Judge for Timed<'_> {
    fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
        // The message was read, which is part of what it costs.
        self.began = self.clock.0.get() - message.len() as u64;
        self.timed(|judge| judge.judge(message))
    }
    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)> {
        self.timed(|judge| judge.describe(message))
    }
    fn values(&mut self, message: &[u8]) -> Option<u128> {
        self.timed(|judge| judge.values(message))
    }
    fn work(&mut self) -> u64 {
        self.judge.work()
    }
}

/// A message of protocol 2 with this body, compressed or plain.
fn message(body: &[u8], media: &str, compressed: bool) -> Vec<u8> {
    let body = if compressed { miniz_oxide::deflate::compress_to_vec_zlib(body, 9) } else { body.to_vec() };
    let compression = if compressed { r#", "compression": "application/x-gzip""# } else { "" };
    let body = base64_simd::STANDARD.encode_to_string(&body);
    format!(
        r#"{{"body": "{body}", "content-type": "{media}", "headers": {{"task": "t", "id": "1"{compression}}},
        "properties": {{"body_encoding": "base64"}}}}"#
    )
    .into_bytes()
}

/// Messages that are much work for their length, or at all.
fn hard_messages() -> Vec<(&'static str, Vec<u8>)> {
    const JSON: &str = "application/json";
    let kwargs = |value: &str| format!(r#"[[], {{"a": {{"b": {{"c": {value}}}}}}}, {{}}]"#).into_bytes();
    let text = |len: usize| format!("\"{}\"", "a".repeat(len));
    let escaped = |len: usize| format!("\"{}\"", "\\u0061".repeat(len / 6));
    let numbers = |len: usize| format!("[{}1]", "1,".repeat(len / 2));
    let mut msgpack = vec![0x93, 0x90, 0x81, 0xa1, b'a', 0xdd];
    msgpack.extend(20_000_u32.to_be_bytes());
    msgpack.extend([1; 20_000]);
    msgpack.push(0x80);
    vec![
        ("a usual one", message(&kwargs("1"), JSON, false)),
        ("a text in zlib", message(&kwargs(&text(150_000)), JSON, true)),
        ("escapes in zlib", message(&kwargs(&escaped(150_000)), JSON, true)),
        ("numbers in zlib", message(&kwargs(&numbers(150_000)), JSON, true)),
        ("more than may be decoded", message(&vec![b' '; 1 << 20], JSON, true)),
        ("MessagePack in zlib", message(&msgpack, "application/x-msgpack", true)),
        ("a long text", message(&kwargs(&text(400_000)), JSON, false)),
        ("no JSON", vec![b'{'; 100_000]),
    ]
}

/// Filters that are much work for a message. All match a text of `a`, so that rows are made of it and values compared.
fn hard_filters() -> Vec<Vec<String>> {
    let of = |conditions: Vec<[String; 4]>| conditions.into_iter().flatten().collect::<Vec<String>>();
    let condition = |field: &str, operator: &str, value: String| {
        ["WHERE".to_owned(), field.to_owned(), operator.to_owned(), value]
    };
    let globs =
        (0..64).map(|n| condition("kwargs.a.b.c", "GLOB", format!("*a*{}*", "?".repeat(n)))).collect();
    let differ = (0..64).map(|n| condition("kwargs.a.b.c", "!=", format!("{n}x"))).collect();
    vec![of(vec![condition("task", "=", "t".to_owned())]), of(globs), of(differ)]
}

fn job(filter: &[String], by: &[&str]) -> Job {
    let words: Vec<&[u8]> = filter.iter().map(String::as_bytes).collect();
    let mut builder = FilterBuilder::default();
    let mut args = Args::new(&words);
    while builder.accept(&mut args, 0).expect("a condition") {}
    let by: Vec<_> = by.iter().map(|name| parse_by(name.as_bytes()).expect("a field")).collect();
    let projection = Projection::new(DEFAULT_FIELDS).expect("fields");
    let filter = builder.finish().expect("a filter");
    let effect = if by.is_empty() { Effect::Count } else { Effect::KeepEach };
    let clear_options = ClearOptions { by, ..ClearOptions::default() };
    let counting = Start::counting(JobKind::Clear, accepted(0, 0), filter, projection);
    Job::new(Start { sample: 20, effect, clear_options, dry_run: true, ..counting })
}

#[test]
fn no_slice_is_longer_than_its_time_and_the_work_of_one_message() {
    for (what, hard) in hard_messages() {
        for filter in hard_filters() {
            for by in [&[][..], &["kwargs", "kwargs.a", "kwargs.a.b", "kwargs.a.b.c"]] {
                let clock = WorkClock::default();
                // Easy ones first: a rate that was measured on them says nothing about those that follow.
                let easy = message(b"[[], {}, {}]", "application/json", false);
                let mut all = vec![hard.clone(); 3];
                all.splice(0..0, vec![easy; 50]);
                let messages = all.len() as u64;
                let mut job = job(&filter, by);
                job.scan = ListScan::over(*job.scan.plan(), &[messages]).into();
                let mut queue = Messages { all, clock: &clock };
                let (mut outcome, mut slices) = (ListOutcome::default(), 0);
                while job.verdict().is_none() {
                    let budget = Budget {
                        time: Time::AfterSeek { slice_ns: SLICE_NS, last_seek_ns: 0 },
                        window: 1_000,
                        max_deletions: 1_000,
                        max_bytes: u64::MAX,
                        deletion_ns: 0,
                        put_ns: 0,
                    };
                    let (scan, judge) = job.parts::<ListScan>().expect("a scan over lists");
                    let mut timed = Timed { judge, clock: &clock, worst: 0, began: 0 };
                    let began = clock.0.get();
                    let slice_end =
                        scan.run_slice(&mut queue, &mut timed, &&clock, &budget, || true, &mut outcome);
                    assert_eq!(slice_end, SliceEnd::Done);
                    let (took, worst) = (clock.0.get() - began, timed.worst);
                    let most = SLICE_NS + BETWEEN + worst;
                    assert!(took <= most, "{what}: {took} steps where one message takes {worst}; by {by:?}");
                    job.commit::<ListScan>(&mut outcome, 0);
                    slices += 1;
                }
                assert!(slices > 0 && job.counters().examined_total >= messages, "{what}");
            }
        }
    }
}

#[test]
fn the_work_of_one_message_is_bounded_by_its_length() {
    for (what, message) in hard_messages() {
        for filter in hard_filters() {
            let mut job = job(&filter, &["kwargs", "kwargs.a", "kwargs.a.b", "kwargs.a.b.c"]);
            let (_, judge) = job.parts::<ListScan>().expect("a scan over lists");
            judge.judge(&message);
            judge.values(&message);
            judge.describe(&message);
            let (work, length) = (judge.work(), message.len() as u64);
            // It is read by the matcher, for its values and for its row, and decoded as often.
            let most = 8 * length + (8 << 20);
            assert!(work <= most, "{what}: {work} steps for {length} bytes, {most} are allowed");
        }
    }
}
