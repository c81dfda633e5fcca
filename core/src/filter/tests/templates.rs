//! A matcher that has examined many messages decides about each as one that has examined none.

use proptest::prelude::*;

use super::*;

/// The parts of a message that vary.
#[derive(Debug, Clone)]
struct Parts {
    task: usize,
    strings: [String; 6],
    numbers: [u8; 2],
    order: bool,
    group: Option<String>,
    headers_as_text: bool,
    /// Bytes that are inserted somewhere as a fault.
    fault: Option<(usize, Vec<u8>)>,
}

const TASKS: [&str; 4] = ["a", "b", "app.tasks.upload.Upload", ""];

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-f0-9-]{1,24}",
        1 => Just(String::new()),
        1 => Just("\\\"task\\\": \\\"a\\\"".to_owned()),
        1 => Just("\\u0061".to_owned()),
        1 => Just("\\ud800".to_owned()),
        1 => Just("\u{4e00}".to_owned()),
        1 => Just("W1tdLCB7InJlcG9pZCI6IDd9LCB7fV0=".to_owned()),
        1 => Just("base64".to_owned()),
        1 => Just("application/json".to_owned()),
    ]
}

fn parts() -> impl Strategy<Value = Parts> {
    let fault = prop_oneof![
        12 => Just(None),
        1 => (any::<usize>(), proptest::collection::vec(any::<u8>(), 0..3)).prop_map(Some),
        1 => (any::<usize>(), prop_oneof![Just("\""), Just("\\"), Just("\n"), Just("}"), Just(",")])
            .prop_map(|(at, text)| Some((at, text.into()))),
    ];
    (
        0..TASKS.len(),
        proptest::array::uniform6(string()),
        proptest::array::uniform2(0..3_u8),
        prop_oneof![9 => Just(false), 1 => Just(true)],
        proptest::option::of(string()),
        prop_oneof![19 => Just(false), 1 => Just(true)],
        fault,
    )
        .prop_map(|(task, strings, numbers, order, group, headers_as_text, fault)| Parts {
            task,
            strings,
            numbers,
            order,
            group,
            headers_as_text,
            fault,
        })
}

fn write(parts: &Parts) -> Vec<u8> {
    let Parts { strings: [body, id, origin, kind, encoding, tag], numbers: [retries, priority], .. } = parts;
    let group = parts.group.as_ref().map_or("null".to_owned(), |group| format!("\"{group}\""));
    let headers = format!(
        r#"{{"lang": "py", "task": "{}", "id": "{id}", "retries": {retries}, "group": {group}, "origin": "{origin}"}}"#,
        TASKS[parts.task]
    );
    let headers = if parts.headers_as_text { format!("\"{id}\"") } else { headers };
    let properties =
        format!(r#"{{"priority": {priority}, "body_encoding": "{encoding}", "delivery_tag": "{tag}"}}"#);
    let mut message = if parts.order {
        format!(
            r#"{{"headers":{headers},"properties":{properties},"body":"{body}","content-type":"{kind}"}}"#
        )
    } else {
        format!(
            r#"{{"body": "{body}", "content-type": "{kind}", "headers": {headers}, "properties": {properties}}}"#
        )
    }
    .into_bytes();
    if let Some((at, bytes)) = &parts.fault {
        let at = at % message.len();
        let end = (at + 1).min(message.len());
        message.splice(at..end, bytes.iter().copied());
    }
    message
}

const FILTERS: [&str; 14] = [
    "TASK a",
    "TASK nobody",
    "REPOID 7",
    "TASK a REPOID 7",
    "TASK a WHERE origin = base64",
    "WHERE origin = base64 WHERE group = base64 WHERE task = b",
    "WHERE group EXISTS",
    "WHERE group MISSING",
    "WHERE priority = 1",
    "WHERE priority = 1 WHERE retries > 1 WHERE id != base64",
    "WHERE content_type != application/json TASK b",
    "WHERE headers.task GLOB app.*",
    "WHERE bytes > 260 TASK a",
    "WHERE undecodable = 1",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn earlier_messages_do_not_change_verdicts(
        filter_at in 0..FILTERS.len(),
        base in parts(),
        others in proptest::collection::vec((parts(), any::<u16>()), 1..80),
    ) {
        let filter = filter(FILTERS[filter_at]);
        let mut seasoned = Matcher::new(&filter);
        for (other, take) in &others {
            // Most messages have most of their parts in common with the base.
            let mut parts = base.clone();
            let takes = |bit: u16| take >> bit & 1 == 1;
            if takes(0) && takes(1) { parts.task = other.task; }
            for (n, string) in other.strings.iter().enumerate() {
                if take >> (n + 2) & 1 == 1 { parts.strings[n].clone_from(string); }
            }
            if takes(8) && takes(9) { parts.numbers = other.numbers; }
            if takes(10) && takes(11) { parts.group.clone_from(&other.group); }
            if takes(12) && takes(13) { parts.order = other.order; }
            if takes(14) { parts.fault.clone_from(&other.fault); }
            if takes(15) { parts.headers_as_text = other.headers_as_text; }
            let message = write(&parts);
            prop_assert_eq!(
                seasoned.examine(&message),
                Matcher::new(&filter).examine(&message),
                "{} of {}", FILTERS[filter_at], String::from_utf8_lossy(&message)
            );
        }
    }
}

fn like(n: usize, task: usize) -> Vec<u8> {
    let text = |salt: usize| format!("{:016x}", (n + 1).wrapping_mul(salt | 1).wrapping_mul(0x9e37_79b9));
    write(&Parts {
        task,
        strings: [text(3), text(5), "host-1".into(), "application/json".into(), "base64".into(), text(7)],
        numbers: [0, 0],
        order: false,
        group: None,
        headers_as_text: false,
        fault: None,
    })
}

#[test]
fn messages_that_repeat_are_not_parsed() {
    let mut matcher = Matcher::new(&filter("TASK nobody"));
    for n in 0..200 {
        matcher.examine(&like(n, n % 3));
    }
    let known = (200..300).filter(|n| matcher.knows(&like(*n, n % 3))).count();
    assert_eq!(known, 100);
}

#[test]
fn learning_pauses_while_nothing_repeats_and_resumes() {
    let filter = filter("TASK nobody");
    let mut matcher = Matcher::new(&filter);
    let lonely = |n: usize| format!(r#"{{"headers": {{"task": "a", "k{n}": {n}}}}}"#).into_bytes();
    for n in 0..1_000 {
        assert_eq!(matcher.examine(&lonely(n)), Verdict::default());
    }
    assert!(!matcher.knows(&like(0, 0)));
    for n in 0..5_000 {
        matcher.examine(&like(n, 0));
    }
    assert!(matcher.knows(&like(6_000, 0)));
}
