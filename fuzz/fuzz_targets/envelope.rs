//! Messages through the matcher and the projection, against a naive oracle over a parsed tree; a matcher that knows
//! the shapes of other messages against one that knows none; and one that goes by what stands in for a body against one
//! that does not.
//!
//! The input is one message per line; each line is judged by every filter.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use qadmin_core::filter::{
    COMPOUND_MAX, DEFAULT_FIELDS, Filter, GroupValue, Grouping, Matcher, Projection, Verdict, group_values,
};
use qadmin_core::kind::MessageKind;
use qadmin_core::reply::Reply;
use qadmin_fuzz::{filter, words};
use serde_json::Value;

/// Most messages of one input.
const LINES_MAX: usize = 6;

/// What a filter asks, as the oracle understands it.
#[derive(Clone, Copy)]
enum Ask {
    /// Of a header.
    Header(&'static str, Test),
    /// Of a keyword argument of a message of protocol 2.
    Kwarg(&'static str, Test),
    /// Whether the message is no JSON object.
    Undecodable,
}

#[derive(Clone, Copy)]
enum Test {
    Is(&'static str),
    IsNot(&'static str),
    IsInteger(i64),
    Exists,
    Missing,
}

const ASKED: &[(&str, &[Ask])] = &[
    ("TASK\na", &[Ask::Header("task", Test::Is("a"))]),
    ("WHERE\ntask\n!=\na", &[Ask::Header("task", Test::IsNot("a"))]),
    ("WHERE\nheaders.task\nEXISTS", &[Ask::Header("task", Test::Exists)]),
    ("WHERE\nheaders.group\nMISSING", &[Ask::Header("group", Test::Missing)]),
    ("REPOID\n7", &[Ask::Kwarg("repoid", Test::IsInteger(7))]),
    ("TASK\na\nREPOID\n7", &[Ask::Header("task", Test::Is("a")), Ask::Kwarg("repoid", Test::IsInteger(7))]),
    ("COMMITID\nabc", &[Ask::Kwarg("commitid", Test::Is("abc"))]),
    ("WHERE\nkwargs.x\nMISSING", &[Ask::Kwarg("x", Test::Missing)]),
    ("WHERE\nundecodable\n=\n1", &[Ask::Undecodable]),
];

thread_local! {
    /// Matchers that have seen no message.
    static NEW: Vec<Matcher> = fresh();
}

fn fresh() -> Vec<Matcher> {
    let of = |text: &str| Matcher::new(&filter(&words(text.as_bytes())).expect("a filter"));
    ASKED.iter().map(|(text, _)| of(text)).collect()
}

fn falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Keyword arguments of a message with a header `task`; nothing where its body cannot be read, or is nothing that a
/// worker takes apart. `Err` where the judge does not know either: it is stricter with texts than a worker is.
fn kwargs(message: &Value) -> Result<Option<Value>, ()> {
    if message["content-type"] == "application/x-msgpack" || !falsy(&message["headers"]["compression"]) {
        // Tests with bodies of the real libraries cover these.
        return Err(());
    }
    if message["content-type"] != "application/json" {
        return Ok(None);
    }
    let Some(body) = message["body"].as_str() else { return Ok(None) };
    let bytes = match &message["properties"]["body_encoding"] {
        none if falsy(none) => body.as_bytes().to_vec(),
        Value::String(name) if name == "base64" => STANDARD.decode(body).map_err(|_| ())?,
        Value::String(name) if name.eq_ignore_ascii_case("utf-8") => body.as_bytes().to_vec(),
        _ => return Ok(None),
    };
    let tree: Value = serde_json::from_slice(&bytes).map_err(|_| ())?;
    Ok(match &tree {
        Value::Array(items) => Some(items.get(1).cloned().unwrap_or(Value::Null)),
        Value::Object(members) if members.contains_key("args") => Some(tree["kwargs"].clone()),
        _ => None,
    })
}

/// True, false or unknown; `Err` where the judge does not know.
fn decide(test: Test, value: &Value) -> Result<Option<bool>, ()> {
    let integer = |n: i64| match value {
        Value::Number(number) => match number.as_i64() {
            Some(m) => Ok(m == n),
            // The judge has lost what is not an integer into floats.
            None => Err(()),
        },
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            Ok(!digits.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit())
                && text.parse::<i128>().is_ok_and(|m| m == i128::from(n)))
        }
        _ => Ok(false),
    };
    Ok(match (value, test) {
        (Value::Null, Test::Missing) => Some(true),
        (Value::Null, _) => Some(false),
        (_, Test::Exists) => Some(true),
        (_, Test::Missing) => Some(false),
        // Perhaps a scalar that a library has wrapped.
        (Value::Object(members), _) if members.keys().any(|name| name.starts_with('_')) => return Err(()),
        (Value::Object(_) | Value::Array(_), _) => None,
        (value, Test::Is(text)) => Some(value == text),
        (value, Test::IsNot(text)) => Some(value != text),
        (_, Test::IsInteger(n)) => Some(integer(n)?),
    })
}

/// The verdict, if the judge can tell.
fn oracle(asked: &[Ask], message: &[u8]) -> Option<Verdict> {
    let parsed: Option<Value> = serde_json::from_slice(message).ok();
    let Some(tree) = parsed else {
        // The judge refuses more than a worker does: NaN, lone surrogates, other bytes than UTF-8, huge
        // numbers, depth. Where none of that can be the reason, the message is no JSON.
        let plain = message.is_ascii()
            && !message.windows(2).any(|pair| pair.eq_ignore_ascii_case(b"\\u"))
            && !message.iter().any(|b| b"NI".contains(b))
            && !message.windows(2).any(|pair| pair[0].is_ascii_digit() && b"eE".contains(&pair[1]))
            && message.len() < 300
            && message.iter().filter(|b| b"[{".contains(b)).count() < 100
            && !message.iter().any(|b| *b < 0x20 || *b == 0x7f);
        let undecodable = Verdict { undecodable: true, ..Verdict::default() };
        let asks = matches!(asked, [Ask::Undecodable]);
        return plain.then_some(Verdict { matched: asks, ..undecodable });
    };
    if !tree.is_object() {
        let asks = matches!(asked, [Ask::Undecodable]);
        return Some(Verdict { matched: asks, undecodable: true, ..Verdict::default() });
    }
    let headers = &tree["headers"];
    let proper = headers.is_object() && headers.get("task").is_some();
    let mut all = Some(true);
    let mut uncompared = false;
    for ask in asked {
        let one = match ask {
            Ask::Undecodable => Some(false),
            // Other protocols have these elsewhere: not asked of the judge.
            Ask::Header(..) | Ask::Kwarg(..) if !proper => return None,
            Ask::Header(name, test) => decide(*test, &headers[name]).ok()?.or_else(|| {
                uncompared = true;
                None
            }),
            Ask::Kwarg(name, test) => match kwargs(&tree) {
                Err(()) => return None,
                Ok(None) => None,
                Ok(Some(kwargs)) => {
                    let value = kwargs.get(name).unwrap_or(&Value::Null);
                    decide(*test, value).ok()?.or_else(|| {
                        uncompared = true;
                        None
                    })
                }
            },
        };
        all = match (all, one) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, _) | (_, None) => None,
            _ => Some(true),
        };
    }
    let unreadable = all.is_none();
    let uncompared = unreadable && uncompared;
    Some(Verdict { matched: all == Some(true), undecodable: false, unreadable, uncompared })
}

/// Nothing that a row shows is longer than rows may be.
fn check_row(row: &[(Box<str>, Reply)]) {
    assert_eq!(row.len(), DEFAULT_FIELDS.len());
    for (name, value) in row {
        if let Reply::Text(text) = value {
            assert!(text.len() <= 1_024 && std::str::from_utf8(text).is_ok(), "{name}");
        }
    }
}

/// Fields whose values are shown and typed again.
const SHOWN: [&str; 3] = ["task", "kwargs.x", "headers.group"];
/// Operators and the ones that deny them.
const OPPOSITES: [[&str; 2]; 3] = [["=", "!="], ["<", ">="], ["<=", ">"]];

/// What a group shows of the message, typed as an operand: `=` is true of the message, and no operator together with
/// the one that denies it.
fn check_round_trip(message: &[u8]) {
    for field in SHOWN {
        let grouping = Grouping::new(&[field.as_bytes()]).expect("a field");
        let mut matcher = Matcher::of(MessageKind::Celery, &Filter::all(), Some(&grouping));
        let mut key = Vec::new();
        if matcher.examine(message).undecodable || !matcher.group_key(message, &mut key) {
            continue;
        }
        let operand = match group_values(&key).next() {
            Some(GroupValue::Int(n)) => n.to_string().into_bytes(),
            Some(GroupValue::Text(text)) => text.to_vec(),
            _ => continue,
        };
        // What is cut, or is no sequence of characters, cannot be typed.
        let whole =
            operand.len() < COMPOUND_MAX && !operand.windows(3).any(|three| three == "\u{fffd}".as_bytes());
        if !whole || operand.is_empty() {
            continue;
        }
        for [one, other] in OPPOSITES {
            let verdict = |operator: &str| {
                let words: [&[u8]; 4] = [b"WHERE", field.as_bytes(), operator.as_bytes(), &operand];
                filter(&words).ok().map(|filter| Matcher::new(&filter).examine(message))
            };
            let (Some(first), Some(second)) = (verdict(one), verdict(other)) else { continue };
            let says = || format!("{field} {one} {:?}", String::from_utf8_lossy(&operand));
            assert!(!(first.matched && second.matched), "{}", says());
            assert_eq!(first.uncompared, second.uncompared, "{}", says());
            assert!(one != "=" || first.matched, "{} of {:?}", says(), String::from_utf8_lossy(message));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut projection = Projection::new(DEFAULT_FIELDS).expect("fields");
    let new: Vec<Matcher> = NEW.with(Clone::clone);
    let mut warm = new.clone();
    let mut shown: Vec<Matcher> = new.iter().cloned().map(|matcher| matcher.inexact(true)).collect();
    // Twice, so that what the first round learns is used by the second.
    let lines = words(data);
    let lines = &lines[..lines.len().min(LINES_MAX)];
    if let Some(first) = lines.first() {
        check_round_trip(first);
    }
    for message in lines.iter().chain(lines) {
        let mut fresh = new.clone();
        check_row(&projection.row(message));
        for (at, (text, asked)) in ASKED.iter().enumerate() {
            let verdict = fresh[at].examine(message);
            let says = || format!("{text:?} of {:?}", String::from_utf8_lossy(message));
            assert_eq!(warm[at].examine(message), verdict, "shapes: {}", says());
            let by_text = shown[at].examine(message);
            if !verdict.unreadable {
                assert_eq!(by_text, verdict, "a body that can be read is the only truth: {}", says());
            }
            assert_eq!(by_text.matched && !verdict.matched, shown[at].is_inexact(), "text: {}", says());
            if let Some(expected) = oracle(asked, message) {
                assert_eq!(verdict, expected, "oracle: {}", says());
            }
        }
    }
});
