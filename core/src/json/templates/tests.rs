//! For a text that fits, the templates give the same result as a scan.

use proptest::prelude::*;

use super::*;
use crate::json::{Paths, Scanner, Segment};

/// Texts that can replace a scalar of a template: scalars, and texts that only begin like scalars.
const FRAGMENTS: [&str; 32] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "7",
    "147107",
    "-1.5e+3",
    "01",
    "1.",
    "-",
    "1e",
    "NaN",
    "-Infinity",
    "nul",
    "truefalse",
    "\"\"",
    "\"a\"",
    "\"b c\"",
    "\"\\\"\"",
    "\"\\u0041\"",
    "\"\\u004\"",
    "\"\\x\"",
    "\"\\ud800\"",
    "\"\u{4e00}\"",
    "\"a",
    "\"\\\"",
    "\"\u{1}\"",
    "{}",
    "[1]",
    "\"x\", \"a\": 1",
    "1, 2",
];

/// Layouts; `_` marks a scalar.
const LAYOUTS: [&str; 8] = [
    "_",
    "[_, _, _]",
    "{\"a\": _, \"b\": {\"a\": _, \"c\": [_, _]}, \"c\": _}",
    "{\"a\":_,\"b\":{\"a\":_,\"c\":[_,_]},\"c\":_}",
    "{\"a\": {\"b\": _}, \"a\": _}",
    "{\"a\": _, \"a\": {\"b\": _, \"\\u0062\": _}}",
    "[{}, [], {\"b\": [[_], {\"a\": _}]}, _]",
    " {\"b\": {\"a\": [_]},\n \"a\": _} ",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    let fill = prop::collection::vec((0..FRAGMENTS.len(), prop::bool::weighted(0.3)), 8);
    let edit = prop::option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>()));
    (0..LAYOUTS.len(), fill, edit).prop_map(|(layout, fill, edit)| {
        let mut fill = fill.into_iter();
        let mut text = String::new();
        for part in LAYOUTS[layout].split_inclusive('_') {
            text.push_str(part.trim_end_matches('_'));
            if part.ends_with('_') {
                // Most texts have the same value, so that layouts are learned; some have any other.
                let (at, anything) = fill.next().unwrap_or((5, false));
                text.push_str(FRAGMENTS[if anything { at } else { 5 + at % 2 }]);
            }
        }
        let mut text = text.into_bytes();
        if let Some((at, byte)) = edit {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text
    })
}

fn paths() -> Vec<Vec<Segment>> {
    let path = |parts: &[&str]| parts.iter().map(|part| Segment::either(part)).collect();
    vec![
        path(&["a"]),
        path(&["a", "b"]),
        path(&["b", "a"]),
        path(&["b"]),
        path(&["b", "c", "1"]),
        path(&["c"]),
        path(&["1"]),
        path(&["2", "b", "1", "a"]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_fitted_template_agrees_with_a_scan(texts in prop::collection::vec(text(), 1..40), hints: u64) {
        let (paths, _) = Paths::new(&paths());
        let mut templates = Templates::default();
        let mut scanner = Scanner::default();
        let mut scanned = vec![None; paths.slots()];
        for (n, text) in texts.iter().enumerate() {
            let valid = scanner.scan(text, &paths, &mut scanned);
            if templates.fit(text, hints >> (n % 60)) {
                prop_assert!(valid, "{}", String::from_utf8_lossy(text));
                let fitted: Vec<_> = (0..paths.slots()).map(|slot| templates.place(slot)).collect();
                prop_assert_eq!(&fitted, &scanned, "{}", String::from_utf8_lossy(text));
            } else if valid {
                templates.learn(text, &scanned);
            }
        }
    }
}

#[test]
fn a_layout_is_known_once_its_scalars_were_seen_to_differ() {
    let (paths, _) = Paths::new(&[vec![Segment::key("a")]]);
    let (mut templates, mut slots) = (Templates::default(), vec![None]);
    for text in [&br#"{"a": 1, "b": "x"}"#[..], br#"{"a": null, "b": "yz"}"#] {
        assert!(!templates.fit(text, 0));
        assert!(Scanner::default().scan(text, &paths, &mut slots));
        templates.learn(text, &slots);
    }
    let text = br#"{"a": "\"quoted\"", "b": -1.5}"#;
    assert!(templates.fit(text, 0));
    assert_eq!(templates.place(0).map(|span| span.of(text)), Some(&br#""\"quoted\"""#[..]));
    for other in
        [&br#"{"a": 1, "c": 2}"#[..], br#"{"a": 1, "b": {}}"#, br#"{"a": 1, "b": 2} "#, br#"{"a": 1, "b":"#]
    {
        assert!(!templates.fit(other, 0), "{}", String::from_utf8_lossy(other));
    }
}

#[test]
fn templates_are_bounded_and_used_ones_are_kept() {
    let (paths, _) = Paths::new(&[vec![Segment::key("a")]]);
    let (mut templates, mut slots) = (Templates::default(), vec![None]);
    let mut see = |text: &[u8]| {
        let known = templates.fit(text, 0);
        if !known {
            assert!(Scanner::default().scan(text, &paths, &mut slots));
            templates.learn(text, &slots);
        }
        (known, templates.list.len(), templates.kept)
    };
    let usual = |n: usize| format!(r#"{{"a": {n}}}"#).into_bytes();
    for n in 0..2_000 {
        see(&usual(n));
        if n % 10 == 0 {
            let lonely = format!(r#"{{"k{n}": "{}"}}"#, "x".repeat(15_000)).into_bytes();
            let (_, list, kept) = see(&lonely);
            assert!(list <= TEMPLATES_MAX && kept <= KEPT_MAX);
        }
    }
    assert!(see(&usual(9_999)).0);
}
