use proptest::prelude::*;

use crate::filter::{Matcher, filter_of as filter};
use crate::format::JobText;
use crate::kind::MessageKind;
use crate::message_place::{IdKey, JobKeys, MessageKeys};

/// Kinds whose jobs are hashes, each with a list and the conditions of which filters are made.
const KINDS: [(MessageKind, &str, &[&str]); 3] = [
    (
        MessageKind::BullMq,
        "bull:q:wait",
        &[
            "task = a",
            "task != a",
            "kwargs.x = 1",
            "kwargs.x MISSING",
            "kwargs.* = 1",
            "headers.data.0 = 1",
            "headers.opts.attempts = 3",
            "headers.failedReason GLOB *a*",
            "headers.kept = 1",
            "headers.kept MISSING",
            "headers.unread.data EXISTS",
            "headers.other MISSING",
            "retries = 1",
            "retries MISSING",
            "group MISSING",
            "enqueued > 2020-01-01T00:00:00Z",
            "priority = 1",
            "id = a",
            "bytes > 60",
            "undecodable = 1",
            "undecodable = 0",
            "eta MISSING",
        ],
    ),
    (
        MessageKind::Rq,
        "rq:queue:q",
        &[
            "task = a",
            "task != a",
            "args.0 = 1",
            "kwargs.x MISSING",
            "headers.status = queued",
            "headers.status MISSING",
            "headers.other_status = 0",
            "headers.dependents = 1",
            "headers.data MISSING",
            "headers.description GLOB *a*",
            "headers.description MISSING",
            "group MISSING",
            "routing_key = q",
            "enqueued EXISTS",
            "id = a",
            "bytes > 60",
            "undecodable = 1",
            "undecodable = 0",
        ],
    ),
    (
        MessageKind::Asynq,
        "asynq:{q}:pending",
        &[
            "task = a",
            "task != a",
            "kwargs.x = 1",
            "kwargs.x MISSING",
            "headers.kept = 1",
            "headers.payload = 1",
            "headers.state MISSING",
            "enqueued MISSING",
            "id = a",
            "bytes > 60",
            "undecodable = 1",
        ],
    ),
];

fn keys_of(kind: MessageKind, list: &str) -> JobKeys {
    let keys = match kind.spec().place.keys_of(list.as_bytes(), IdKey::List) {
        Some(MessageKeys::Jobs(keys)) => Some(keys),
        _ => None,
    };
    keys.expect("a list of ids")
}

/// Values of fields: plausible ones, and hostile ones.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "",
        "a",
        "queued",
        "q",
        "1",
        "1796024414306",
        "007",
        "null",
        "{\"x\":1}",
        "{\"x\":2,\"x\":1}",
        "{\"attempts\":3,\"a\":[1,{\"x\":1}]}",
        "[1,\"a\"]",
        "[\"a\",null,[1],{\"x\":1}]",
        "[\"b\",null,[],{}]",
        "{\"x\":",
        "1,\"name\":\"a\"",
        "\"a",
        "{\"unread\":{\"data\":1}}",
        "2026-11-28T12:26:32.099438Z",
        "say \"a\"\n",
    ];
    let message = b"\x0a\x01a\x12\x07{\"x\":1}\x1a\x02id".to_vec();
    let other = b"\x0a\x01b\x12\x01{\x1a\x02id".to_vec();
    prop_oneof![
        12 => prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        2 => prop::sample::select(vec![message, other]),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::sample::select(vec![64 * 1024, 64 * 1024 + 1, 1024 * 1024 + 1]).prop_map(|len| vec![b'1'; len]),
        1 => Just(b"[".repeat(5_000)),
    ]
}

fn id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => Just(b"a".to_vec()),
        1 => Just(b"repeat:x".to_vec()),
        1 => Just(b"\xff\"".to_vec()),
        1 => Just(vec![b'x'; 64 * 1024 + 1]),
    ]
}

proptest! {
    /// What a part of a job says is what the whole job says, for every filter: whether it fits, and what else is counted.
    #[test]
    fn a_part_of_a_job_says_what_the_whole_job_says(
        (at, conditions) in (0..KINDS.len()).prop_flat_map(|at| {
            let condition = prop::sample::select(KINDS[at].2);
            let clause = prop::collection::vec(condition, 1..3).prop_map(|or| format!("WHERE {}", or.join(" OR ")));
            (Just(at), prop::collection::vec(clause, 1..4))
        }),
        id in id(),
        values in prop::collection::vec(prop::option::weighted(0.6, value()), 17),
        named in any::<bool>(),
        is_blocked in any::<bool>(),
    ) {
        let (kind, list, _) = KINDS[at];
        let filter = filter(&conditions.join(" "));
        let mut text = JobText::new(keys_of(kind, list));
        let count = text.fields().len();
        let mut fields: Vec<Option<&[u8]>> = values.iter().take(count).map(|value| value.as_deref()).collect();
        if named && kind == MessageKind::BullMq {
            fields[0] = Some(b"a");
        }
        let whole = text.of(&id, &fields, is_blocked);
        let Some(skim) = filter.skim(kind) else {
            let asks_whole = ["bytes", "kept", "dependents", "other_status"];
            let asked = conditions.iter().any(|clause| asks_whole.iter().any(|word| clause.contains(word)));
            prop_assert!(asked, "{conditions:?}");
            return Ok(());
        };
        let read: Vec<_> = fields.iter().enumerate().map(|(at, value)| value.filter(|_| skim.reads(at))).collect();
        let mut part = Vec::new();
        if !text.skim(&id, &read, &mut part) {
            return Ok(());
        }
        prop_assert!(part.len() <= whole.len());
        let verdict = Matcher::of(kind, &filter, None).examine(&whole);
        let of_part = Matcher::of(kind, &filter, None).examine(&part);
        let what = || format!("{conditions:?}\n{}\n{}", String::from_utf8_lossy(&part), String::from_utf8_lossy(&whole));
        let facts = |verdict: crate::filter::Verdict| {
            (verdict.matched | verdict.kept, verdict.undecodable, verdict.unreadable, verdict.uncompared, verdict.missing)
        };
        prop_assert_eq!(facts(of_part), facts(verdict), "{}", what());
        prop_assert!(!of_part.is_plain() || verdict.is_plain(), "{}", what());
    }
}

#[test]
fn few_fields_are_read_of_most_jobs() {
    let read = |kind, words: &str| {
        let skim = filter(words).skim(kind)?;
        let keys = keys_of(kind, KINDS.iter().find(|(own, ..)| *own == kind)?.1);
        let text = JobText::new(keys);
        let names = text.fields().iter().enumerate().filter(|(at, _)| skim.reads(*at)).map(|(_, name)| *name);
        Some(names.collect::<Vec<_>>().join(" "))
    };
    for (kind, words, wanted) in [
        (MessageKind::BullMq, "TASK a", Some("name")),
        (MessageKind::BullMq, "TASK a WHERE kwargs.x = 1", Some("name data")),
        (MessageKind::BullMq, "WHERE retries > 1", Some("name atm attemptsMade")),
        (MessageKind::BullMq, "WHERE headers.opts.a.b = 1", Some("name opts")),
        (MessageKind::BullMq, "WHERE bytes > 1", None),
        (MessageKind::BullMq, "WHERE headers.kept = 1", None),
        (MessageKind::Rq, "TASK a", Some("data")),
        (MessageKind::Rq, "WHERE headers.description = a", Some("data description")),
        (MessageKind::Rq, "WHERE headers.dependents = 1", None),
        (MessageKind::Asynq, "TASK a", Some("msg")),
        (MessageKind::Asynq, "WHERE enqueued MISSING", Some("msg pending_since")),
    ] {
        assert_eq!(read(kind, words).as_deref(), wanted, "{words}");
    }
    // Every job matches, or is read otherwise.
    assert_eq!(crate::filter::Filter::all().skim(MessageKind::BullMq), None);
    assert_eq!(filter("TASK a").skim(MessageKind::Dramatiq), None);
}
