//! Conditions on arrivals. Only a span of time is known for each arrival.

use crate::args::Args;
use crate::arrival::{Arrival, Placed, STEP_MS};
use crate::filter::{Filter, FilterBuilder, Matcher, Verdict};

const NOW_MS: i64 = 1_700_000_000_123;
const MESSAGE: &[u8] = br#"{"body":"W10=","headers":{"task":"a"}}"#;

fn filter(line: &str) -> Filter {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let (mut args, mut builder) = (Args::new(&words), FilterBuilder::default());
    while builder.accept(&mut args, NOW_MS).expect(line) {}
    assert!(args.next().is_none(), "{line}");
    builder.finish().expect(line)
}

fn verdict(line: &str, placed: Option<Placed>) -> Option<bool> {
    let mut matcher = Matcher::new(&filter(line));
    matcher.place(placed);
    match matcher.examine(MESSAGE) {
        Verdict { matched: true, .. } => Some(true),
        Verdict { unreadable: true, .. } => None,
        _ => Some(false),
    }
}

/// Returns the milliseconds in which the message may have arrived.
fn possible(arrival: Arrival) -> impl Iterator<Item = i64> {
    let first = if arrival.is_bound { arrival.step_ms - 300 } else { arrival.step_ms };
    first..=arrival.latest_ms()
}

#[test]
fn a_comparison_is_decided_if_all_possible_arrivals_agree() {
    for (ago, is_bound) in [(0, false), (100, false), (100, true), (STEP_MS, true), (250, false)] {
        let step_ms = (NOW_MS - ago).div_euclid(STEP_MS) * STEP_MS;
        let arrival = Arrival { step_ms, is_bound };
        let placed = Placed { arrival, now_ms: NOW_MS };
        for operator in ["<", "<=", ">", ">="] {
            let holds = |value: i64, operand: i64| match operator {
                "<" => value < operand,
                "<=" => value <= operand,
                ">" => value > operand,
                _ => value >= operand,
            };
            // A bound has no earliest time, but `possible` returns only the last 300 ms of it. The operands
            // stay within them.
            for operand in 0..if is_bound { 290 } else { 300 } {
                let said = |values: Vec<bool>| match (values.contains(&true), values.contains(&false)) {
                    (true, true) => None,
                    (is_true, _) => Some(is_true),
                };
                let ages = possible(arrival).map(|at| holds((NOW_MS - at).max(0), operand)).collect();
                let found = verdict(&format!("WHERE age {operator} {operand}"), Some(placed));
                assert_eq!(found, said(ages), "age {operator} {operand} of {arrival:?}");
                let at_ms = NOW_MS - operand;
                // The message arrived in some microsecond of its millisecond, so the first and the last one
                // are compared.
                let moments = possible(arrival).flat_map(|at| [at * 1_000, at * 1_000 + 999]);
                let times = said(moments.map(|at| holds(at, at_ms * 1_000)).collect());
                let found = verdict(&format!("WHERE arrived {operator} {at_ms}"), Some(placed));
                assert_eq!(found, times, "arrived {operator} {at_ms} of {arrival:?}");
            }
        }
    }
}

#[test]
fn without_an_index_arrivals_are_unknown_and_other_conditions_decide() {
    for line in
        ["WHERE age > 0", "WHERE age <= 1h", "WHERE arrived != 5", "WHERE age EXISTS", "WHERE age MISSING"]
    {
        assert_eq!(verdict(line, None), None, "{line}");
    }
    assert_eq!(verdict("TASK b WHERE age > 0", None), Some(false));
    assert_eq!(verdict("WHERE age > 0 OR task = a", None), Some(true));
}

#[test]
fn equality_means_the_same_step() {
    let known = Placed { arrival: Arrival { step_ms: NOW_MS - 123, is_bound: false }, now_ms: NOW_MS };
    let bound = Placed { arrival: Arrival { is_bound: true, ..known.arrival }, ..known };
    for (line, of_known, of_bound) in [
        ("WHERE age = 123", Some(true), None),
        ("WHERE age = 114", Some(true), None),
        ("WHERE age = 113", Some(false), Some(false)),
        ("WHERE age = 124", Some(false), None),
        ("WHERE age != 124", Some(true), None),
        ("WHERE age IN 2 1 120", Some(true), None),
        ("WHERE age IN 2 1 2", Some(false), Some(false)),
        ("WHERE arrived = 1699999999.999", Some(false), None),
        ("WHERE arrived = 1700000000", Some(true), None),
        ("WHERE arrived = 1700000000.011", Some(false), Some(false)),
        ("WHERE arrived EXISTS", Some(true), Some(true)),
        ("WHERE arrived MISSING", Some(false), Some(false)),
    ] {
        assert_eq!(verdict(line, Some(known)), of_known, "{line}");
        assert_eq!(verdict(line, Some(bound)), of_bound, "{line} of a bound");
    }
}

#[test]
fn durations_have_one_text() {
    for (line, text) in [
        ("WHERE age > 2h", "WHERE age > 7200000"),
        ("WHERE age > 7200s", "WHERE age > 7200000"),
        ("WHERE age IN 2 1m 5", "WHERE age IN 2 5 60000"),
        ("WHERE arrived < now", "WHERE arrived < 2023-11-14T22:13:20.123Z"),
    ] {
        let parsed = filter(line);
        assert_eq!(String::from_utf8_lossy(parsed.text()), text);
        assert_eq!(filter(text), parsed, "{text}");
    }
    assert_eq!(filter("WHERE age > 1 TASK a").arrival_field(), Some("age"));
    assert_eq!(filter("TASK a").arrival_field(), None);
}
