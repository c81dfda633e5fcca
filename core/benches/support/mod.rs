//! Messages and filters that benchmarks share.
//!
//! The messages are as kombu writes them, about 1.4 KB each, all different, 20 tasks in turn.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses some of it")]

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use qadmin_core::args::Args;
use qadmin_core::filter::{Filter, FilterBuilder, Matcher, Projection};
use qadmin_core::kind::DEFAULT_FIELDS;
use serde_json::Value;

/// How many tasks there are.
pub const TASKS: u64 = 20;

/// Message n.
pub fn message(n: u64) -> Vec<u8> {
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
        BASE64.encode(body),
        hash(21) % 60_000,
        hash(23) % 40,
        uuid(25),
        uuid(27),
    )
    .into_bytes()
}

/// Message n with its body pickled, as Python's protocol 4 writes it.
pub fn pickled(n: u64) -> Vec<u8> {
    let message = String::from_utf8(message(n))
        .expect("text")
        .replace("application/json", "application/x-python-serialize");
    let (start, rest) = message.split_once("\"body\": \"").expect("a body");
    let (body, rest) = rest.split_once('"').expect("its end");
    let body: Value = serde_json::from_slice(&BASE64.decode(body).expect("base64")).expect("JSON");
    let mut opcodes = Vec::new();
    pickle(&body, &mut opcodes);
    opcodes.push(b'.');
    let length = (opcodes.len() as u64).to_le_bytes();
    let body = BASE64.encode([b"\x80\x04\x95", &length[..], &opcodes].concat());
    format!("{start}\"body\": \"{body}\"{rest}").into_bytes()
}

/// Every list, dict and text gets an entry of the memo, as Python gives it one.
fn pickle(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(b'N'),
        Value::Bool(is) => out.push(if *is { 0x88 } else { 0x89 }),
        Value::Number(number) => match number.as_u64().unwrap_or_default().to_le_bytes() {
            [a, 0, 0, 0, ..] => out.extend([b'K', a]),
            [a, b, 0, 0, ..] => out.extend([b'M', a, b]),
            [a, b, c, d, ..] => out.extend([b'J', a, b, c, d]),
        },
        Value::String(text) => {
            out.extend([0x8c, u8::try_from(text.len()).expect("short")]);
            out.extend(text.as_bytes());
            out.push(0x94);
        }
        Value::Array(items) => {
            out.extend([b']', 0x94, b'(']);
            items.iter().for_each(|item| pickle(item, out));
            out.push(b'e');
        }
        Value::Object(members) => {
            out.extend([b'}', 0x94, b'(']);
            for (name, member) in members {
                pickle(&Value::String(name.clone()), out);
                pickle(member, out);
            }
            out.push(b'u');
        }
    }
}

/// What a command's filter becomes.
pub fn filter(words: &str) -> Filter {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let (mut args, mut builder) = (Args::new(&words), FilterBuilder::default());
    while builder.accept(&mut args, 0).expect("a filter") {}
    builder.finish().expect("a filter")
}

/// A filter: its name, its words, the number of messages, and how many of them match.
pub type Case = (&'static str, String, fn(u64) -> u64);

/// The filters that are measured.
pub fn cases() -> Vec<Case> {
    let all = ALWAYS.join(" ");
    let four = ALWAYS[..4].join(" ");
    vec![
        ("no task matches", "TASK app.tasks.other.Other".into(), |_| 0),
        ("1 task of 20", "TASK app.tasks.module3.Task3".into(), |n| n / TASKS),
        ("1 task of 20 and repoid", "TASK app.tasks.module3.Task3 REPOID 7".into(), |n| n / TASKS / 50),
        ("repoid", "REPOID 7".into(), |n| n / 50),
        ("repoid and commitid", "REPOID 7 COMMITID none".into(), |_| 0),
        ("retries", "WHERE retries > 0".into(), |_| 0),
        ("1 condition, true of all", ALWAYS[0].into(), |n| n),
        ("4 conditions, true of all", four, |n| n),
        ("10 conditions, true of all", all, |n| n),
    ]
}

/// Conditions that are true of every message: none of them spares the next one.
const ALWAYS: [&str; 10] = [
    "WHERE kwargs.repoid >= 0",
    "WHERE kwargs.ownerid >= 0",
    "WHERE retries >= 0",
    "WHERE task GLOB app.*",
    "WHERE kwargs.pullid >= 0",
    "WHERE lang = py",
    "WHERE kwargs.commitid EXISTS",
    "WHERE content_type = application/json",
    "WHERE id EXISTS",
    "WHERE eta MISSING",
];

/// How many messages a filter matches.
pub fn matches(matcher: &mut Matcher, messages: &[Vec<u8>]) -> u64 {
    messages.iter().filter(|message| matcher.examine(black_box(message)).matched).count() as u64
}

/// Opens envelope and body of each message, as for a sample: how many values it read.
pub fn decode(messages: &[Vec<u8>]) -> u64 {
    let mut fields = Projection::new(DEFAULT_FIELDS).expect("the default fields are fields");
    messages.iter().map(|message| fields.row(black_box(message)).len() as u64).sum()
}
