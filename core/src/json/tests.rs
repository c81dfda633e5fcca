use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn scan(text: &[u8], paths: &[&[Segment]]) -> Option<Vec<Option<String>>> {
    let (compiled, slots) = Paths::new(&paths.iter().map(|path| path.to_vec()).collect::<Vec<_>>());
    let mut spans = vec![None; compiled.slots()];
    let valid = Scanner::default().scan(text, &compiled, &mut spans);
    let show = |slot: &usize| spans[*slot].map(|span| String::from_utf8_lossy(span.of(text)).into_owned());
    valid.then(|| slots.iter().map(show).collect())
}

fn valid(text: &[u8]) -> bool {
    scan(text, &[]).is_some()
}

#[test]
fn python_accepts_these_and_rfc_8259_does_not() {
    for text in [&b"NaN"[..], b"[Infinity, -Infinity]", b"\"\xff\"", br#""\ud800""#, b"{\"\xc3\": 1}"] {
        assert!(valid(text), "{}", String::from_utf8_lossy(text));
    }
    for text in [&b"nan"[..], b"+1", b"-", b"-NaN", b"\xef\xbb\xbf1", b"\xff", b"\"\x1f\"", b"[1,]", b"'a'"] {
        assert!(!valid(text), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn depth_is_not_limited() {
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + "1" + &close.repeat(n);
    for n in [1_000, 1_000_000] {
        assert!(valid(deep("[", "]", n).as_bytes()));
        assert!(valid(deep("{\"a\":", "}", n).as_bytes()));
        assert!(!valid(deep("[", "]", n).trim_end_matches(']').as_bytes()));
        // Depth is not limited along a wanted path either.
        let path = vec![Segment::key("a"); 16];
        let found = scan(deep("{\"a\":", "}", n).as_bytes(), &[&path]).expect("valid");
        assert_eq!(found[0].as_ref().map(String::len), Some(6 * (n - 16) + 1));
    }
}

#[test]
fn the_last_of_equal_keys_wins_with_all_that_is_in_it() {
    let (a, b) = (Segment::key("a"), Segment::key("b"));
    let paths: &[&[Segment]] = &[&[a.clone(), b], &[a]];
    let found = |text: &str| scan(text.as_bytes(), paths).expect("valid");
    assert_eq!(found(r#"{"a": {"b": 1}, "a": {"c": 2}}"#), [None, Some(r#"{"c": 2}"#.into())]);
    assert_eq!(found(r#"{"a": {"b": 1, "\u0062":2}}"#)[0].as_deref(), Some("2"));
    assert_eq!(found(r#"{"a": {"b": 1}, "\u0061": null}"#), [None, Some("null".into())]);
}

#[test]
fn positions_reach_into_arrays_and_names_into_objects() {
    let paths: &[&[Segment]] =
        &[&[Segment::index(1)], &[Segment::either("0"), Segment::either("1")], &[Segment::key("0")]];
    let found = |text: &str| scan(text.as_bytes(), paths).expect("valid");
    assert_eq!(found("[[5, 6], 7]"), [Some("7".into()), Some("6".into()), None]);
    let (compiled, _) = Paths::new(&[vec![Segment::either("01")]]);
    assert_eq!(compiled.nodes[1].segment.index, None);
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        any::<String>().prop_map(Value::from),
        "[\"\\\\/\u{1}-\u{20}]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[ab\"\\\\0-2]{0,2}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Generates texts that are close to JSON: a valid text with a few bytes changed, removed or inserted.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(&b"{}[]\",:\\ \n\tu0aetrnf-+.1Ee\x00\x1f\x7f/"[..]);
    (json(), any::<bool>(), prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, byte), 0..3))
        .prop_map(|(value, pretty, edits)| {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
            let mut text = text.expect("a value");
            for (at, edit, byte) in edits {
                let at = at.index(text.len().max(1)).min(text.len());
                match edit {
                    0 if at < text.len() => text[at] = byte,
                    1 if at < text.len() => drop(text.remove(at)),
                    _ => text.insert(at, byte),
                }
            }
            text
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn validity_is_serde_jsons(text in nearly_json()) {
        // serde_json requires numbers that fit a double and this scanner does not, so serde_json is asked to
        // skip them.
        let theirs = std::str::from_utf8(&text)
            .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
        if std::str::from_utf8(&text).is_ok() {
            prop_assert_eq!(valid(&text), theirs);
        }
    }

    #[test]
    fn spans_are_the_values(value in json(), pretty: bool, path in prop::collection::vec("[ab\"\\\\0-2]{1,2}", 1..4)) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        let text = text.expect("a value");
        let segments: Vec<Segment> = path.iter().map(|part| Segment::either(part)).collect();
        let mut wanted = Some(&value);
        for part in &path {
            wanted = match wanted {
                Some(Value::Object(map)) => map.get(part),
                Some(Value::Array(items)) => array_index(part).and_then(|at| items.get(at)),
                _ => None,
            };
        }
        let found = scan(&text, &[&segments]).expect("valid")[0].clone();
        let found = found.map(|raw| serde_json::from_str::<Value>(&raw).expect("valid"));
        prop_assert_eq!(found.as_ref(), wanted);
    }

    #[test]
    fn strings_say_what_serde_json_reads(raw in r#"([a-z/é☃😀]|\\["\\/bfnrt]|\\u(00|20|d8|dc|d[a-f])[0-9a-fA-F]{2}){0,12}"#) {
        let quoted = format!("\"{raw}\"");
        let theirs = serde_json::from_str::<String>(&quoted).ok();
        let mut scratch = Vec::new();
        let ours = decode(raw.as_bytes(), &mut scratch).map(|text| String::from_utf8(text.to_vec()).expect("text"));
        prop_assert!(valid(quoted.as_bytes()));
        prop_assert_eq!(&ours, &theirs);
        if let Some(text) = theirs {
            prop_assert_eq!(decode_lossy(raw.as_bytes(), 1_000), text.clone());
            let short = decode_lossy(raw.as_bytes(), 5);
            prop_assert!(short.len() <= 5 && text.starts_with(&short) && (short.len() > 1 || text.len() < 5));
        }
    }

    #[test]
    fn the_map_shows_every_special_byte(text in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'!'), Just(b'\\'), Just(b' ')], 0..200)) {
        let naive = text.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\');
        let mut map = super::text::Map::default();
        map.draw(&text);
        prop_assert_eq!(map.next(0), naive);
    }

    #[test]
    fn decimals_compare_as_numbers(a in -9_999_i64..9_999, b in -9_999_i64..9_999, ea in -3_i32..3, eb in -3_i32..3, zeros in 0_usize..4) {
        let scaled = |n: i64, e: i32| n * 10_i64.pow(u32::try_from(e + 3).expect("positive"));
        let point = |n: i64, e: i32| {
            let digits = format!("{:0>8}", n.abs());
            let (whole, fraction) = digits.split_at(5);
            format!("{}{whole}.{fraction}{}e{}", if n < 0 { "-" } else { "" }, "0".repeat(zeros), e + 3)
        };
        let (x, y) = (format!("{a}e{ea}"), point(b, eb));
        let (x, y) = (Decimal::parse(x.as_bytes()).expect("number"), Decimal::parse(y.as_bytes()).expect("number"));
        let wanted = scaled(a, ea).cmp(&scaled(b, eb));
        prop_assert_eq!(x.compare(&y), wanted);
        prop_assert_eq!(y.compare(&x), wanted.reverse());
        prop_assert_eq!(x.canonical() == y.canonical(), wanted == Ordering::Equal);
        let again = x.canonical();
        prop_assert_eq!(Decimal::parse(&again).expect("number").compare(&x), Ordering::Equal);
        prop_assert_eq!(x.micros(), Some(scaled(a, ea) * 1_000));
    }
}

#[test]
fn integers_of_any_size() {
    let parse = |text: &'static str| Integer::parse(text.as_bytes());
    assert_eq!(parse("007"), parse("7"));
    assert_eq!(parse("-0"), parse("0"));
    assert_ne!(parse("-7"), parse("7"));
    assert_ne!(parse("18446744073709551617"), parse("1"));
    for text in ["", "-", "+7", "1.0", "1e0", " 7", "7 ", "\u{663}"] {
        assert_eq!(parse(text), None);
    }
    let decimal = |text: &'static str| Decimal::parse(text.as_bytes()).expect("number");
    assert!(decimal("9007199254740993").compare(&decimal("9007199254740992")).is_gt());
    assert!(decimal("1e99999999999999999999").compare(&decimal("2e9")).is_gt());
    assert!(decimal("1e-99999999999999999999").compare(&decimal("0")).is_gt());
    for text in ["NaN", "Infinity", "-Infinity", "", "-", ".5", "5.", "1e", "0x1"] {
        assert!(Decimal::parse(text.as_bytes()).is_none());
    }
}

/// Found by fuzzing: exponents that were clamped before the digits were added to them parsed as other
/// numbers.
#[test]
fn numbers_beyond_every_exponent_have_one_text() {
    let huge = [
        "162e99999999999999999999",
        "0.00162e99999999999999999999",
        "888888888888888888888888888888888888880000000000E00000000000008888888888888888888888",
        "-7e1152921504606846976",
        "5e576460752303423488",
        "162e-99999999999999999999",
        "0.00000000000000000000162e-1152921504606846976",
    ];
    for text in huge {
        let number = Decimal::parse(text.as_bytes()).expect("number");
        let canonical = number.canonical();
        let again = Decimal::parse(&canonical).expect("number");
        assert_eq!(again.canonical(), canonical, "{text}");
        assert!(again.compare(&number).is_eq(), "{text}");
    }
}
