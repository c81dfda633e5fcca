//! Unacknowledged messages: the array in which kombu stores a message does not change the verdict about it.

use super::filter;
use crate::field::FIELDS;
use crate::filter::{Grouping, Matcher, Projection, Verdict};
use crate::kind::MessageKind;
use crate::reply::Reply;

const RECORDED: &str = include_str!("celery.jsonl");

/// Returns the message as `QoS.append` of kombu writes it.
fn held(message: &str) -> String {
    format!(r#"[{message}, "an exchange", "a key"]"#)
}

fn examine(words: &str, value: &str) -> Verdict {
    Matcher::of(MessageKind::Unacked, &filter(words), None).examine(value.as_bytes())
}

#[test]
fn unacked_message_is_judged_as_in_its_queue() {
    let mut words: Vec<String> =
        ["TASK app.tasks.upload.Upload", "REPOID 7", "COMMITID aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
            .map(str::to_owned)
            .into();
    for spec in FIELDS.iter().filter(|spec| spec.name != "bytes") {
        let name = spec.name.replace(".NAME", ".repoid").replace(".N", ".0");
        words.push(format!("WHERE {name} EXISTS"));
        if !name.ends_with(".*") {
            words.push(format!("WHERE {name} MISSING"));
        }
    }
    for (words, inexact) in words.iter().flat_map(|words| [(words, false), (words, true)]) {
        let filter = filter(words);
        let mut plain = Matcher::of(MessageKind::Celery, &filter, None).inexact(inexact);
        let mut of_worker = Matcher::of(MessageKind::Unacked, &filter, None).inexact(inexact);
        for message in RECORDED.lines() {
            let verdict = of_worker.examine(held(message).as_bytes());
            assert_eq!(verdict, plain.examine(message.as_bytes()), "{words}: {message}");
            let match_notices = of_worker.match_notices(held(message).as_bytes());
            assert_eq!(match_notices, plain.match_notices(message.as_bytes()), "{words}: {message}");
        }
    }
}

#[test]
fn the_routing_key_of_the_message_has_precedence() {
    let own =
        r#"{"properties": {"delivery_info": {"exchange": "own", "routing_key": "own"}}, "headers": {}}"#;
    let none = r#"{"properties": {"delivery_info": {"exchange": null}}, "headers": {}}"#;
    for (message, exchange, routing_key) in [(own, "own", "own"), (none, "an exchange", "a key")] {
        let value = held(message);
        for (field, is) in [("exchange", exchange), ("routing_key", routing_key)] {
            let mut matcher = Matcher::of(
                MessageKind::Unacked,
                &filter("WHERE headers.x MISSING"),
                Some(&Grouping::new(&[field.as_bytes()]).expect("a field")),
            );
            assert!(matcher.examine(value.as_bytes()).matched);
            let mut key = Vec::new();
            assert!(matcher.group_key(value.as_bytes(), &mut key));
            assert!(key.ends_with(is.as_bytes()), "{field}: {key:?}");
        }
        let mut row = Projection::of(MessageKind::Unacked, &[b"routing_key", b"exchange"]).expect("fields");
        let texts: Vec<Reply> = row.row(value.as_bytes()).into_iter().map(|(_, value)| value).collect();
        assert_eq!(texts, [routing_key, exchange].map(|text| Reply::Text(text.into())));
    }
    let any = examine("WHERE routing_key GLOB a?key", &held(none));
    assert!(any.matched);
}

#[test]
fn elements_that_a_worker_cannot_read_are_undecodable() {
    for value in [
        "",
        "null",
        "{}",
        r#"{"headers": {"task": "t"}}"#,
        r#"[{"headers": {"task": "t"}}]"#,
        r#"[{"headers": {"task": "t"}}, "e"]"#,
        r#"[{"headers": {"task": "t"}}, "e", "k", 1]"#,
        r#"[[{"headers": {"task": "t"}}], "e", "k"]"#,
        r#"[null, "e", "k"]"#,
        r#"["{}", "e", "k"]"#,
        r#"[{"headers": {"task": "t"}}, "e", "k"] x"#,
        r#"[{"headers": {"task": "t"}, "e", "k"]"#,
    ] {
        let verdict = examine("WHERE undecodable = 1", value);
        assert!(verdict.undecodable && verdict.matched, "{value}");
        assert!(!examine("TASK t", value).matched, "{value}");
    }
    for value in [r#"[{"headers": {"task": "t"}}, "e", "k"]"#, " [ {\"headers\":{\"task\":\"t\"}} ,null,7]\n"]
    {
        assert_eq!(examine("TASK t", value), Verdict { matched: true, ..Verdict::default() }, "{value}");
        assert!(examine(&format!("WHERE bytes = {}", value.len()), value).matched);
    }
}
