//! What a sample or a group of STATS shows of a message, typed back: `=` is never refused, and matches the message.

use qadmin_core::filter::{
    COMPOUND_MAX, Filter, GroupValue, Grouping, Matcher, Projection, TEXT_MAX, group_values,
};
use qadmin_core::kind::MessageKind;
use qadmin_core::reply::Reply;

use crate::question::{Asker, Truth};

/// Fields whose values are shown and typed again, four of them for one input.
const SHOWN: [[&str; 4]; 9] = [
    ["task", "kwargs.x", "headers.group", "args.0"],
    ["id", "eta", "retries", "kwargs.y"],
    ["args.0", "args.1", "kwargs.a.b", "kwargs.repoid"],
    ["enqueued", "expires", "priority", "redelivered"],
    ["headers.x", "headers.\"meta.user\"", "properties.x", "properties.delivery_info"],
    ["args", "kwargs", "group", "root_id"],
    ["args.0.a", "kwargs.x.a", "headers.meta.user", "args.2"],
    ["routing_key", "exchange", "content_type", "compression"],
    ["argsrepr", "kwargsrepr", "lang", "origin"],
];
/// Operators of size and the ones that deny them: these alone may refuse what is shown.
const SIZES: [[&str; 2]; 2] = [["<", ">="], ["<=", ">"]];
/// A text that is cut is at most three bytes shorter than the limit; quotes around it are two more.
const TEXT_WHOLE: usize = TEXT_MAX - 6;

/// Types back what is shown of the message. `choice` says which fields.
pub fn check(kind: MessageKind, message: &[u8], choice: usize) {
    let fields = SHOWN[choice % SHOWN.len()].map(str::as_bytes);
    let grouping = Grouping::new(&fields).expect("fields");
    let mut matcher = Matcher::of(kind, &Filter::all(), Some(&grouping));
    let mut key = Vec::new();
    if matcher.examine(message).undecodable {
        return;
    }
    matcher.group_key(message, &mut key);
    let row = Projection::of(kind, &fields).expect("fields").row(message);
    let asker = Asker { kind, message, inexact: false };
    for ((field, group), (_, sample)) in fields.iter().zip(group_values(&key)).zip(row) {
        let says =
            |what: &[u8]| format!("{} of {:?}", describe(field, what), String::from_utf8_lossy(message));
        if let Some(operand) = whole(&sample_text(&sample)) {
            let equal = asker.ask(&[field, b"=", operand]);
            assert!(equal.is_some(), "a sample shows what = refuses: {}", says(operand));
        }
        let group = match group {
            GroupValue::Null => continue,
            GroupValue::Int(n) => n.to_string().into_bytes(),
            GroupValue::Text(text) => text.to_vec(),
        };
        let Some(operand) = whole(&group) else { continue };
        let equal = asker.ask(&[field, b"=", operand]);
        assert_eq!(equal, Some(Truth::True), "=: {}", says(operand));
        let other = asker.ask(&[field, b"!=", operand]);
        assert_eq!(other, Some(Truth::False), "!=: {}", says(operand));
        for [one, other] in SIZES {
            let (first, second) = (
                asker.ask(&[field, one.as_bytes(), operand]),
                asker.ask(&[field, other.as_bytes(), operand]),
            );
            assert_eq!(first.is_some(), second.is_some());
            let (Some(first), Some(second)) = (first, second) else { continue };
            assert!((first, second) != (Truth::True, Truth::True), "{one}: {}", says(operand));
            assert_eq!(first == Truth::Unknown, second == Truth::Unknown, "{one}: {}", says(operand));
        }
    }
}

fn describe(field: &[u8], operand: &[u8]) -> String {
    format!("{} = {:?}", String::from_utf8_lossy(field), String::from_utf8_lossy(operand))
}

fn sample_text(shown: &Reply) -> Vec<u8> {
    match shown {
        Reply::Int(n) => n.to_string().into_bytes(),
        Reply::Text(text) => text.clone(),
        _ => Vec::new(),
    }
}

/// What can be typed: it is not empty, not cut, and a sequence of characters.
fn whole(shown: &[u8]) -> Option<&[u8]> {
    let mut bare = shown;
    while let [b'"', inside @ ..] = bare {
        bare = inside;
    }
    let max = if bare.starts_with(b"[") || bare.starts_with(b"{") { COMPOUND_MAX - 6 } else { TEXT_WHOLE };
    let replaced = shown.windows(3).any(|three| three == "\u{fffd}".as_bytes());
    (!shown.is_empty() && shown.len() <= max && !replaced).then_some(shown)
}
