//! What PHP serialized as the object of a Laravel job. What must hold:
//!
//! - conditions and their negations are never both true, and an object satisfies neither;
//! - a message whose values are known has the verdict that the same values have as plain JSON;
//! - two messages are told apart, or grouped, only by values that are known;
//! - rows of samples keep to their limits.
//!
//! The input is the serialized text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qadmin_core::filter::{Distinct, Filter, Grouping, Matcher, Projection, Verdict, parse_by};
use qadmin_core::kind::MessageKind;
use qadmin_core::reply::Reply;
use qadmin_fuzz::filter;

const KIND: MessageKind = MessageKind::Laravel;
/// A test of a value, and its opposite.
const PAIRS: [[&str; 2]; 4] = [["= 7", "!= 7"], ["EXISTS", "MISSING"], ["= abc", "!= abc"], ["< 7", ">= 7"]];
const FIELDS: [&str; 6] =
    ["kwargs.x", "kwargs.x.y", "kwargs.x.0", "kwargs.x.__class__", "kwargs.x.id", "kwargs.z"];

fn of(words: &str) -> Filter {
    filter(&words.split(' ').map(str::as_bytes).collect::<Vec<_>>()).expect("a filter")
}

fn examine(words: &str, message: &[u8]) -> Verdict {
    let verdict = Matcher::of(KIND, &of(words), None).examine(message);
    assert!(!verdict.matched || !verdict.unreadable);
    verdict
}

/// The text of a value, if a row shows it.
fn shown(field: &str, message: &[u8]) -> Option<String> {
    let mut projection = Projection::of(KIND, &[field.as_bytes()]).expect("a field");
    match projection.row(message).remove(0).1 {
        Reply::Text(text) => {
            assert!(text.len() <= 1_024, "{field}");
            Some(String::from_utf8(text).expect("UTF-8"))
        }
        Reply::Int(n) => Some(n.to_string()),
        _ => None,
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Few questions are asked of one input, by its bytes, so that many inputs are run.
    let choice =
        data.iter().fold(data.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let field = FIELDS[choice % FIELDS.len()];
    let message = format!(
        r#"{{"displayName":"J","job":"Illuminate\\Queue\\CallQueuedHandler@call","data":{{"commandName":"J","command":{}}}}}"#,
        serde_json::to_string(text).expect("a string")
    )
    .into_bytes();
    let verdicts = PAIRS.map(|pair| pair.map(|test| examine(&format!("WHERE {field} {test}"), &message)));
    for [one, other] in verdicts {
        assert!(!one.matched || !other.matched, "{field}");
        assert_eq!(one.unreadable, other.unreadable, "{field}");
    }
    let [exists, missing] = verdicts[1];
    if shown(field, &message).is_some_and(|text| text.starts_with(r#"{"__class__":""#)) && exists.matched {
        let [equal, differs] = verdicts[0];
        // A property with these bytes is a text, and its text has quotes around it in none of the other forms.
        assert!(equal.unreadable == differs.unreadable && !equal.matched, "an object is compared: {field}");
    }
    let by = [parse_by(field.as_bytes()).expect("a field")];
    let has_digest = Distinct::new(KIND, &by).digest(&message).is_some();
    let grouping = Grouping::new(&[field.as_bytes()]).expect("a field");
    let mut grouped = Matcher::of(KIND, &Filter::all(), Some(&grouping));
    assert!(grouped.examine(&message).matched);
    let is_group = grouped.group_key(&message, &mut Vec::new());
    assert_eq!(has_digest, is_group, "{field}");
    assert!(
        !is_group || exists.matched != missing.matched,
        "{field}: a group, and unknown whether it is there"
    );

    // What is known completely says as plain data what it says here.
    let grouping = Grouping::new(&[b"kwargs"]).expect("a field");
    let mut grouped = Matcher::of(KIND, &Filter::all(), Some(&grouping));
    let is_known = grouped.examine(&message).matched && grouped.group_key(&message, &mut Vec::new());
    let Some(kwargs) = shown("kwargs", &message).filter(|text| is_known && text.starts_with('{')) else {
        return;
    };
    // A longer text is cut.
    if kwargs.len() > 200 {
        return;
    }
    let plain = format!(r#"{{"displayName":"J","job":"J@fire","data":{kwargs}}}"#).into_bytes();
    for test in PAIRS.as_flattened() {
        let words = format!("WHERE {field} {test}");
        let (serialized, json) = (examine(&words, &message), examine(&words, &plain));
        if !json.undecodable && !json.unreadable {
            assert_eq!(serialized, json, "{words}: {kwargs}");
        }
    }
});
