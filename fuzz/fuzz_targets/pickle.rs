//! A pickle as the body of a message. What must hold:
//!
//! - conditions and their negations are never both true, and an object that is not read satisfies neither;
//! - a message whose values are known has the verdict that the same text has in a JSON body;
//! - two messages are told apart, or grouped, only by values that are known;
//! - rows of samples keep to their limits, and a body without the setting is unreadable.
//!
//! The same bytes are an element of a list of Huey, of which the first and the last must hold as well. The input is the
//! pickle.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use libfuzzer_sys::fuzz_target;
use qadmin_core::filter::{Distinct, Filter, Grouping, Matcher, Projection, Verdict, parse_by};
use qadmin_core::format::Recogniser;
use qadmin_core::kind::MessageKind;
use qadmin_core::reply::Reply;
use qadmin_fuzz::filter;

/// A test of a value, and its opposite.
const PAIRS: [[&str; 2]; 5] =
    [["= 7", "!= 7"], ["EXISTS", "MISSING"], ["= abc", "!= abc"], ["< 7", ">= 7"], ["= []", "!= []"]];
/// Fields of bodies of both protocols.
const FIELDS: [&str; 7] =
    ["kwargs.x", "kwargs.x.y", "kwargs.x.0", "args.0", "args.0.0", "kwargs.x.__class__", "id"];

fn of(words: &str) -> Filter {
    filter(&words.split(' ').map(str::as_bytes).collect::<Vec<_>>()).expect("a filter")
}

fn message(body: &[u8], content_type: &str, headers: &str) -> Vec<u8> {
    format!(
        r#"{{"body": "{}", "content-type": "{content_type}", "headers": {{{headers}}}, "properties": {{"body_encoding": "base64"}}}}"#,
        BASE64.encode(body)
    )
    .into_bytes()
}

fn examine(filter: &Filter, message: &[u8]) -> Verdict {
    let verdict = Matcher::new(filter).examine(message);
    assert!(!verdict.matched || !verdict.unreadable);
    verdict
}

/// The text of a value, if a row shows it.
fn shown(field: &str, message: &[u8]) -> Option<String> {
    let mut projection = Projection::new(&[field.as_bytes()]).expect("a field");
    match projection.row(message).remove(0).1 {
        Reply::Text(text) => {
            assert!(text.len() <= 1_024, "{field}");
            Some(String::from_utf8(text).expect("UTF-8"))
        }
        Reply::Int(n) => Some(n.to_string()),
        _ => None,
    }
}

/// The bytes as an element of a list of Huey.
fn check_huey(data: &[u8], field: &str) {
    Recogniser::new().examine(data);
    for pair in PAIRS {
        let [one, other] = pair.map(|test| {
            let filter = of(&format!("WHERE {field} {test}"));
            let verdict = Matcher::of(MessageKind::Huey, &filter, None).examine(data);
            assert!(!verdict.matched || !verdict.unreadable && !verdict.undecodable, "{field} {test}");
            let off = Matcher::of(MessageKind::Huey, &filter, None).pickle(false).examine(data);
            assert!(!off.matched && off.undecodable == verdict.undecodable, "{field} {test}");
            verdict
        });
        assert!(!one.matched || !other.matched, "{field}");
        assert_eq!(one.unreadable, other.unreadable, "{field}");
    }
    let sample = MessageKind::Huey.spec().sample;
    for (name, value) in Projection::of(MessageKind::Huey, sample).expect("fields").row(data) {
        assert!(!matches!(value, Reply::Text(text) if text.len() > 1_024), "{name}");
    }
}

fuzz_target!(|data: &[u8]| {
    // Few questions are asked of one input, by its bytes, so that many inputs are run.
    let choice =
        data.iter().fold(data.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let field = FIELDS[choice % FIELDS.len()];
    check_huey(data, field);
    for headers in [[r#""task": "t""#, ""][choice / 7 % 2]] {
        let pickled = message(data, "application/x-python-serialize", headers);
        let whole = |name: &str| shown(name, &pickled);
        {
            let verdicts =
                PAIRS.map(|pair| pair.map(|test| examine(&of(&format!("WHERE {field} {test}")), &pickled)));
            for [one, other] in verdicts {
                assert!(!one.matched || !other.matched, "{field}");
                assert_eq!(one.unreadable, other.unreadable, "{field}");
            }
            // Whether it exists is known of all but what is inside an object, and of bodies that are read.
            let [exists, missing] = verdicts[1];
            let text = whole(field).unwrap_or_default();
            if text.starts_with(r#"{"__class__":""#) && exists.matched {
                let [equal, differs] = verdicts[0];
                let is_known = !equal.unreadable || !differs.unreadable;
                assert!(!is_known, "an object is compared: {field}");
            }
            let by = [parse_by(field.as_bytes()).expect("a field")];
            let has_digest = Distinct::new(MessageKind::Celery, &by).digest(&pickled).is_some();
            let grouping = Grouping::new(&[field.as_bytes()]).expect("a field");
            let mut grouped = Matcher::of(MessageKind::Celery, &Filter::all(), Some(&grouping));
            assert!(grouped.examine(&pickled).matched);
            let is_group = grouped.group_key(&pickled, &mut Vec::new());
            assert_eq!(has_digest, is_group, "{field}");
            assert!(
                !is_group || exists.matched != missing.matched,
                "{field}: a group, and unknown whether it is there"
            );
            let off = Matcher::new(&of(&format!("WHERE {field} EXISTS"))).pickle(false).examine(&pickled);
            assert!(!off.matched && (off.unreadable || !field.contains("args")), "{field}");
        }
        // What is known completely says in JSON what it says here.
        let (args, kwargs) = (whole("args"), whole("kwargs"));
        let grouping = Grouping::new(&[b"args", b"kwargs"]).expect("fields");
        let mut grouped = Matcher::of(MessageKind::Celery, &Filter::all(), Some(&grouping));
        let is_known = grouped.examine(&pickled).matched && grouped.group_key(&pickled, &mut Vec::new());
        let (Some(args), Some(kwargs), true, false) = (args, kwargs, is_known, headers.is_empty()) else {
            continue;
        };
        if args.len() + kwargs.len() > 400
            || !args.starts_with('[')
            || !kwargs.starts_with('{')
            || (args + &kwargs).contains("__type__")
        {
            continue;
        }
        let json = message(
            format!("[{}, {}, 0]", whole("args").unwrap_or_default(), whole("kwargs").unwrap_or_default())
                .as_bytes(),
            "application/json",
            headers,
        );
        {
            for test in PAIRS.as_flattened() {
                let asked = of(&format!("WHERE {field} {test}"));
                let (by_pickle, by_json) = (examine(&asked, &pickled), examine(&asked, &json));
                // A text that a row had to cut or to replace is another one.
                if !by_json.undecodable && !by_json.unreadable {
                    assert_eq!(by_pickle, by_json, "{field} {test}: {:?}", String::from_utf8_lossy(&json));
                }
            }
        }
    }
});
