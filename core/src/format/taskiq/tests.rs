use crate::field::FIELDS;
use crate::filter::filter_of as filter;
use crate::filter::{Matcher, Projection};
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Messages that Taskiq 0.13.0 wrote: see tests/python/record_taskiq.py.
const RECORDED: &str = include_str!("../taskiq.jsonl");

fn matcher(words: &str) -> Matcher {
    Matcher::of(MessageKind::Taskiq, &filter(words), None)
}

#[test]
fn recorded_messages_match_as_expected() {
    let table: &[(&str, &[usize])] = &[
        ("TASK app.upload", &[0, 1, 2, 3, 4]),
        ("TASK app.flaky", &[7]),
        ("REPOID 147107", &[2]),
        ("WHERE args.0 = 147107", &[1]),
        ("COMMITID e0ca38f7", &[2]),
        ("WHERE args.2 MISSING WHERE args.1 EXISTS", &[1]),
        ("WHERE args.3 = true", &[1]),
        ("WHERE kwargs.nested.path = a.b", &[2]),
        ("WHERE kwargs.nested.list.1.0 = 2", &[2]),
        ("WHERE kwargs.name = Zo\u{eb}", &[3]),
        ("WHERE args.* = 6F1C2B8E-4D7A-4B59-9A60-1C3F5E7D9B02", &[4]),
        ("WHERE kwargs.at > 2026-11-28T12:29:59Z", &[4]),
        ("WHERE id = bill-1", &[5]),
        ("WHERE headers.labels.tenant = other", &[5]),
        ("WHERE headers.labels.tries = 3", &[5]),
        ("WHERE headers.labels_types.urgent = 5", &[5]),
        ("WHERE routing_key = exports", &[6]),
        ("WHERE retries = 2", &[7]),
        ("WHERE retries MISSING WHERE task != app.upload", &[5, 6]),
        ("WHERE priority EXISTS", &[]),
        ("WHERE undecodable = 1", &[]),
    ];
    for (words, wanted) in table {
        let mut matcher = matcher(words);
        let mut matching = Vec::new();
        for (at, message) in RECORDED.lines().enumerate() {
            let verdict = matcher.examine(message.as_bytes());
            assert!(!verdict.undecodable, "{words}: {at}");
            matching.extend(verdict.matched.then_some(at));
        }
        assert_eq!(matching, *wanted, "{words}");
    }
    // No message says when it was sent, so no condition on that time can be decided.
    for words in ["WHERE enqueued MISSING", "WHERE enqueued > 2026-01-01T00:00:00Z", "WHERE age > 1h"] {
        let verdict = matcher(words).examine(RECORDED.lines().next().unwrap_or_default().as_bytes());
        assert!(!verdict.matched && verdict.unreadable, "{words}");
    }
}

#[test]
fn an_object_that_is_no_message_of_taskiq_is_withheld() {
    for object in [
        r#"{"task":"upload","args":[1],"kwargs":{}}"#,
        r#"{"task_name":"a","args":[1]}"#,
        r#"{"task_name":"a","task_id":7,"labels":{"_retries":"1"}}"#,
        r#"{"task_name":null,"task_id":"i"}"#,
        "{}",
    ] {
        for spec in FIELDS.iter().filter(|spec| !["bytes", "undecodable"].contains(&spec.name)) {
            let name = spec.name.replace(".N", ".0");
            let any = name.ends_with('*');
            for test in ["MISSING", "EXISTS"].iter().filter(|test| !any || **test == "EXISTS") {
                let verdict = matcher(&format!("WHERE {name} {test}")).examine(object.as_bytes());
                assert!(!verdict.matched && verdict.unreadable, "{object} {name} {test}");
            }
        }
    }
    assert!(matcher("WHERE undecodable = 1").examine(b"\x83\xa7task_id").matched);
}

#[test]
fn a_row_shows_the_task_and_its_arguments() {
    let kind = MessageKind::Taskiq;
    let mut projection = Projection::of(kind, kind.spec().sample).expect("fields");
    let row = projection.row(RECORDED.lines().nth(7).unwrap_or_default().as_bytes());
    let shown: Vec<Reply> = row.into_iter().map(|(_, value)| value).collect();
    let text = |text: &str| Reply::Text(text.into());
    let id = text("127d6f9055434f9aa4fc3222b8262cc4");
    assert_eq!(shown, [text("app.flaky"), id, text("[7]"), text("{}"), text("2")]);
}
