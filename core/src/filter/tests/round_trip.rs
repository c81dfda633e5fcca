//! If a user types the shown text of a value as an operand, the operand means exactly this value. A value
//! that could not be compared is neither equal to an operand nor different from it.

use proptest::prelude::*;

use super::*;
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Values of every kind, in every spelling for which there is a rule.
const VALUES: &[&str] = &[
    "0",
    "-0",
    "7",
    "-7",
    "7.0",
    "70e-1",
    "1e3",
    "1000",
    "12.5",
    "12.50",
    "0.0000001",
    "18446744073709551617",
    "8888000000000000000000000000000000000000000000",
    "1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    "true",
    "false",
    "[]",
    "[ ]",
    "[7]",
    "[7.0]",
    "[1, [2]]",
    "[true, null]",
    "{}",
    r#"{"a": 1}"#,
    r#"{"a":1}"#,
    r#"{"b": [1]}"#,
    r#""""#,
    r#""abc""#,
    r#""\u0061bc""#,
    r#""7""#,
    r#""007""#,
    r#""-0""#,
    r#""7.0""#,
    r#""12.5""#,
    r#""12.50""#,
    r#""1e3""#,
    r#""1000""#,
    r#""1.10""#,
    r#""1.1""#,
    r#""true""#,
    r#""True""#,
    r#""false""#,
    r#""False""#,
    r#""TRUE""#,
    r#""null""#,
    r#""None""#,
    r#""NaN""#,
    r#""\"7\"""#,
    r#""\"12.50\"""#,
    r#""\"\"""#,
    r#""\"""#,
    r#""[7]""#,
    r#""[ 7 ]""#,
    r#""{\"a\":1}""#,
    r#""{\"a\": 1}""#,
    r#""[urgent]""#,
    r#""a \"b\" c""#,
    r#"" ""#,
    r#""7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11""#,
    r#""7D0F3C1E-3F0B-4C53-9D1C-0A5F8F6B2A11""#,
    r#""7d0f3c1e3f0b4c539d1c0a5f8f6b2a11""#,
    r#""11111111222243338444555555555555""#,
    r#"{"__type__": "uuid", "__value__": {"hex": "7d0f3c1e3f0b4c539d1c0a5f8f6b2a11"}}"#,
    r#"{"__type__": "uuid", "__value__": {"hex": "a1111111222243338444555555555555"}}"#,
    r#"{"__type__": "datetime", "__value__": "2024-05-01T10:00:00+00:00"}"#,
    r#"{"__type__": "datetime", "__value__": "2024-05-01T12:00:00+02:00"}"#,
    r#"{"__type__": "datetime", "__value__": "2024-05-01T10:00:00"}"#,
    r#"{"__type__": "date", "__value__": "2024-05-01"}"#,
    r#"{"__type__": "time", "__value__": "10:00:00"}"#,
    r#"{"_aj_serialized": "ActiveJob::Serializers::TimeWithZoneSerializer", "value": "2024-05-01T10:00:00.000000000Z", "time_zone": "UTC"}"#,
    r#""2024-05-01T10:00:00+00:00""#,
    r#""2024-05-01T10:00:00Z""#,
    r#""2024-05-01T12:00:00+02:00""#,
    r#""2024-05-01T10:00:00""#,
    r#""2024-05-01 10:00:00""#,
    r#""2024-05-01""#,
    "1714557600",
    "1714557600000",
    r#""1714557600""#,
    r#"{"__type__": "decimal", "__value__": "12.50"}"#,
    r#"{"__type__": "decimal", "__value__": "7"}"#,
    r#"{"__type__": "decimal", "__value__": "NaN"}"#,
    r#"{"__type__": "bytes", "__value__": "abc"}"#,
    r#"{"__type__": "money", "__value__": 12.5}"#,
    r#"{"__type__": "uuid", "__value__": {"int": 5}}"#,
    r#"{"__type__": "money", "__value__": [7]}"#,
    r#"{"_aj_globalid": "gid://app/User/42"}"#,
    r#""gid://app/User/42""#,
    r#"{"_aj_serialized": "ActiveJob::Serializers::SymbolSerializer", "value": "abc"}"#,
    r#"{"_aj_serialized": "ActiveJob::Serializers::BigDecimalSerializer", "value": "0.125e2"}"#,
];

fn message(value: &str) -> String {
    plain(&format!(r#"[[], {{"x": {value}}}, {{}}]"#), r#""task": "t""#)
}

fn shown(message: &str) -> Reply {
    let mut matcher = Matcher::of(
        MessageKind::Celery,
        &Filter::all(),
        Some(&Grouping::new(&[b"kwargs.x"]).expect("a field")),
    );
    let mut key = Vec::new();
    assert!(matcher.examine(message.as_bytes()).matched);
    assert!(matcher.group_key(message.as_bytes(), &mut key));
    group_values(&key).map(Reply::from).next().expect("a value")
}

fn typed(shown: &Reply) -> Vec<u8> {
    match shown {
        Reply::Int(n) => n.to_string().into_bytes(),
        Reply::Text(text) => text.clone(),
        other => unreachable!("{other:?} is no value of a group"),
    }
}

fn of(operator: &str, operand: &[u8]) -> Filter {
    parse(&[b"WHERE", b"kwargs.x", operator.as_bytes(), operand]).expect("what is shown can be typed")
}

#[test]
fn group_value_as_operand_selects_the_same_messages() {
    let messages: Vec<String> = VALUES.iter().map(|value| message(value)).collect();
    let groups: Vec<Reply> = messages.iter().map(|message| shown(message)).collect();
    for (value, group) in VALUES.iter().zip(&groups) {
        let operand = typed(group);
        let text = String::from_utf8_lossy(&operand);
        let (equal, other) = (of("=", &operand), of("!=", &operand));
        let set = parse(&[b"WHERE", b"kwargs.x", b"IN", b"2", &operand, b"no such value"]).expect("a filter");
        let again = of("=", &operand).canonical();
        let (mut equal, mut other, mut set) =
            (Matcher::new(&equal), Matcher::new(&other), Matcher::new(&set));
        for ((message, its), its_value) in messages.iter().zip(&groups).zip(VALUES) {
            let is = equal.examine(message.as_bytes());
            assert_eq!(is.matched, its == group, "{value} is shown as {text}; = is asked of {its_value}");
            assert_eq!(set.examine(message.as_bytes()).matched, is.matched, "IN {text} of {its_value}");
            let differs = other.examine(message.as_bytes());
            assert!(!(differs.matched && its == group), "{text} != {its_value}");
            assert_eq!(differs.uncompared, is.uncompared, "{text} and {its_value}");
        }
        assert!(again.is_ascii());
    }
}

#[test]
fn equal_moments_in_other_forms_are_not_different() {
    for (operand, value) in [
        ("2024-05-01T10:00:00Z", "1714557600"),
        ("2024-05-01T10:00:00Z", "1714557600000"),
        ("2024-05-01T10:00:00Z", r#""2024-05-01T10:00:00""#),
        ("2024-05-01T10:00:00", r#""2024-05-01 10:00:00""#),
        ("2024-05-01T10:00:00", r#""2024-05-01T12:00:00+02:00""#),
    ] {
        for operator in ["=", "!="] {
            let verdict = Matcher::new(&of(operator, operand.as_bytes())).examine(message(value).as_bytes());
            assert!(verdict.uncompared && !verdict.matched, "{value} {operator} {operand}");
        }
    }
}

/// Operators with their opposites.
const OPPOSITES: &[(&str, &str)] = &[("=", "!="), ("<", ">="), ("<=", ">"), ("EXISTS", "MISSING")];

fn operand() -> impl Strategy<Value = Vec<u8>> {
    let shown = prop::sample::select(VALUES).prop_map(|value| typed(&shown(&message(value))));
    let raw = prop::sample::select(VALUES).prop_map(|value| value.trim_matches('"').as_bytes().to_vec());
    let some = prop_oneof![shown, raw, prop::collection::vec(any::<u8>(), 1..12)];
    some.prop_filter("an operand is not empty", |operand| !operand.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_condition_and_its_opposite_are_never_both_true(
        (operator, opposite) in prop::sample::select(OPPOSITES),
        operand in operand(),
        value in prop::sample::select(VALUES),
        deeper in any::<bool>(),
    ) {
        let field: &[u8] = if deeper { b"kwargs.x.a" } else { b"kwargs.x" };
        let condition = |operator: &str| {
            let words: [&[u8]; 4] = [b"WHERE", field, operator.as_bytes(), &operand];
            let count = if operator.len() > 2 { 3 } else { 4 };
            let mut args = Args::new(&words[..count]);
            let mut builder = FilterBuilder::default();
            builder.accept(&mut args, NOW_MS).ok().and_then(|_| builder.finish().ok())
        };
        let (Some(one), Some(other)) = (condition(operator), condition(opposite)) else { return Ok(()) };
        let message = message(value);
        let (one, other) =
            (Matcher::new(&one).examine(message.as_bytes()), Matcher::new(&other).examine(message.as_bytes()));
        prop_assert!(!(one.matched && other.matched));
        // A value that one of them could not compare, the other could not compare either.
        prop_assert_eq!(one.uncompared, other.uncompared);
    }

    #[test]
    fn the_text_of_a_filter_is_the_same_filter(
        operator in prop::sample::select(&["=", "!=", "CONTAINS"][..]),
        operand in operand(),
    ) {
        let filter = of(operator, &operand);
        // These are the words of the text. The operand can be in quotes and have escapes.
        let text = String::from_utf8(filter.canonical()).expect("ASCII");
        let word = text.strip_prefix(&format!("WHERE kwargs.x {operator} ")).expect("the condition");
        let word = unescape(word);
        prop_assert_eq!(of(operator, &word), filter, "{}", text);
    }
}

/// Reverses what `canonical` does to a word.
fn unescape(word: &str) -> Vec<u8> {
    let Some(inside) = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) else {
        return word.as_bytes().to_vec();
    };
    let mut out = Vec::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('x')) => {
                let digits: String = chars.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two digits"));
            }
            ('\\', Some(other)) => out.push(other as u8),
            (c, _) => out.push(c as u8),
        }
    }
    out
}

/// Values in fields that hold times, integers and flags: some of the type of the field, and some of other
/// types.
const STRAYS: &[&str] = &[
    "3",
    "7.0",
    "1.5",
    "1e400",
    "-9000000000000000000",
    "99999999999999999999999999",
    "true",
    "[]",
    "[1, 2]",
    r#"{"a": 1}"#,
    r#""""#,
    r#""3""#,
    r#""soon""#,
    r#""\"soon\"""#,
    r#""\"3\"""#,
    r#""now""#,
    r#""now-1d""#,
    r#""true""#,
    r#""True""#,
    r#""12.50""#,
    r#""1e3""#,
    r#""2024-13-45""#,
    r#""2024-05-01T10:00:00Z""#,
    r#"{"__type__": "datetime", "__value__": "2024-05-01T10:00:00Z"}"#,
    r#"{"__type__": "uuid", "__value__": {"hex": "7d0f3c1e3f0b4c539d1c0a5f8f6b2a11"}}"#,
];

/// Returns what a group and what a sample show of the field.
fn shown_of(field: &[u8], message: &str) -> [Reply; 2] {
    let grouping = Grouping::new(&[field]).expect("a field");
    let mut matcher = Matcher::of(MessageKind::Celery, &Filter::all(), Some(&grouping));
    let mut key = Vec::new();
    assert!(matcher.examine(message.as_bytes()).matched);
    assert!(matcher.group_key(message.as_bytes(), &mut key));
    let row = Projection::new(&[field]).expect("a field").row(message.as_bytes());
    [group_values(&key).map(Reply::from).next().expect("a value"), row[0].1.clone()]
}

#[test]
fn values_of_other_types_in_typed_fields_can_be_typed() {
    for field in ["eta", "retries", "redelivered"] {
        let messages: Vec<String> = STRAYS
            .iter()
            .map(|value| plain("[[], {}, {}]", &format!(r#""task": "t", "{field}": {value}"#)))
            .collect();
        let shown: Vec<[Reply; 2]> =
            messages.iter().map(|message| shown_of(field.as_bytes(), message)).collect();
        for (value, [group, sample]) in STRAYS.iter().zip(&shown) {
            let operand = typed(group);
            let of = |operator: &[u8]| parse(&[b"WHERE", field.as_bytes(), operator, &operand]);
            let text = String::from_utf8_lossy(&operand);
            let both = of(b"=").ok().zip(of(b"!=").ok());
            assert!(both.is_some(), "{field} = {text} is refused");
            let Some((equal, differs)) = both else { continue };
            let set = parse(&[b"WHERE", field.as_bytes(), b"IN", b"2", &operand, b"77"]).expect("a filter");
            for ((message, [its, _]), its_value) in messages.iter().zip(&shown).zip(STRAYS) {
                let says = || format!("{field}: {value} is shown as {text}; asked of {its_value}");
                let is = Matcher::new(&equal).examine(message.as_bytes());
                let other = Matcher::new(&differs).examine(message.as_bytes());
                assert_eq!(is.matched, its == group, "{}", says());
                assert_eq!(
                    Matcher::new(&set).examine(message.as_bytes()).matched,
                    is.matched,
                    "IN: {}",
                    says()
                );
                assert!(!(other.matched && is.matched), "{}", says());
                assert_eq!(other.unreadable, is.unreadable, "{}", says());
            }
            let sample =
                parse(&[b"WHERE", field.as_bytes(), b"=", &typed(sample)]).expect("a sample can be typed");
            assert!(!sample.canonical().is_empty());
        }
    }
}

#[test]
fn stray_value_needs_quotes_and_typo_is_an_error() {
    let text = |words: &str| String::from_utf8(filter(words).canonical()).expect("ASCII");
    assert_eq!(text(r#"WHERE eta = "soon""#), r#"WHERE eta = "\"soon\"""#);
    assert_eq!(text(r#"WHERE retries = "007""#), "WHERE retries = 7");
    assert_eq!(text(r#"WHERE eta = "1714557600""#), "WHERE eta = 2024-05-01T10:00:00Z");
    for words in [[&b"eta"[..], b"=", b"soon"], [b"retries", b"=", b"1.5"], [b"eta", b"<", b"\"soon\""]] {
        assert!(parse(&[&[&b"WHERE"[..]], &words[..]].concat()).is_err());
    }
}

#[test]
fn texts_of_the_longest_length_that_is_shown_can_be_typed() {
    for length in [255, 256, 257, 1_000, 1_023, 1_024] {
        let text = "x".repeat(length);
        let message = message(&format!("\"{text}\""));
        assert_eq!(typed(&shown(&message)), text.as_bytes());
        assert!(Matcher::new(&of("=", text.as_bytes())).examine(message.as_bytes()).matched);
    }
}

#[test]
fn repeated_key_uses_the_last_value() {
    for (kwargs, wanted) in [
        (r#"{"x": 7, "x": 8}"#, false),
        (r#"{"x": 7, "\u0078": 8}"#, false),
        (r#"{"x": 7, "x": null}"#, false),
        (r#"{"x": 8, "x": 7}"#, true),
        (r#"{"x": 7, "y": 8}"#, true),
        (r#"{"x": 7, "y": 7, "x": 8}"#, true),
    ] {
        let message = plain(&format!("[[], {kwargs}, {{}}]"), r#""task": "t""#);
        let verdict = Matcher::new(&filter("WHERE kwargs.* = 7")).examine(message.as_bytes());
        assert_eq!((verdict.matched, verdict.unreadable), (wanted, false), "{kwargs}");
    }
    let unknown = plain(r#"[[], {"x": [7], "x": 8}, {}]"#, r#""task": "t""#);
    assert!(!Matcher::new(&filter("WHERE kwargs.* = 7")).examine(unknown.as_bytes()).unreadable);
}
