use crate::field::FIELDS;
use crate::filter::filter_of as filter;
use crate::filter::{Matcher, Projection};
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Records that Dramatiq 2.2.1 wrote, in the order of their hashes.
const RECORDED: &str = include_str!("../dramatiq.jsonl");

fn matcher(words: &str) -> Matcher {
    Matcher::of(MessageKind::Dramatiq, &filter(words), None)
}

/// Returns the numbers of the recorded messages that match, from 0.
fn matching(words: &str) -> Vec<usize> {
    let mut matcher = matcher(words);
    let verdicts = RECORDED.lines().map(|message| matcher.examine(message.as_bytes()));
    verdicts
        .enumerate()
        .filter_map(|(at, verdict)| {
            assert!(!verdict.undecodable && !verdict.unreadable && !verdict.missing, "{words}: {at}");
            verdict.matched.then_some(at)
        })
        .collect()
}

#[test]
fn recorded_messages_match_as_expected() {
    let table: &[(&str, &[usize])] = &[
        ("TASK upload", &[0, 1, 2, 3, 4, 5]),
        ("TASK boom", &[6]),
        ("COMMITID e0ca38f7", &[3]),
        ("WHERE args.0 = 147107", &[3]),
        ("WHERE args.1 MISSING", &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("WHERE kwargs.kind = x", &[0]),
        ("WHERE kwargs.* EXISTS", &[0, 3]),
        ("WHERE id = 1a6e4da4-a433-4291-af0d-7dbf0bfc8a0c", &[0]),
        ("WHERE eta EXISTS", &[0, 7]),
        ("WHERE eta > 2026-11-28T13:00:00Z", &[0, 7]),
        ("WHERE enqueued < 2026-11-28T12:26:59.210Z", &[3]),
        ("WHERE routing_key = uploads.DQ", &[0, 7]),
        ("WHERE retries = 1", &[7]),
        ("WHERE headers.options.traceback GLOB *RuntimeError*", &[7]),
        ("WHERE group EXISTS", &[8]),
        ("WHERE headers.options.pipe_target.args.0 = 2", &[2]),
        ("WHERE headers.options.redis_message_id GLOB 6*", &[3]),
        ("WHERE retries MISSING WHERE task = boom", &[6]),
        ("WHERE undecodable = 1", &[]),
    ];
    for (words, wanted) in table {
        assert_eq!(matching(words), *wanted, "{words}");
    }
}

#[test]
fn a_missing_message_matches_nothing() {
    for words in ["WHERE undecodable = 1", "WHERE bytes < 5", "WHERE task MISSING", "WHERE task != x"] {
        let verdict = matcher(words).examine(b"");
        assert!(
            verdict.missing && !verdict.matched && !verdict.undecodable && !verdict.unreadable,
            "{words}"
        );
    }
    // The element itself is the message of other kinds.
    assert!(Matcher::of(MessageKind::Celery, &filter("WHERE undecodable = 1"), None).examine(b"").matched);
}

#[test]
fn an_object_that_is_no_message_of_dramatiq_is_withheld() {
    for object in [r#"{"task":"upload","args":[1]}"#, r#"{"actor_name":null,"args":[1]}"#, "{}"] {
        for spec in FIELDS.iter().filter(|spec| !["bytes", "undecodable"].contains(&spec.name)) {
            let name = spec.name.replace(".N", ".0");
            let any = name.ends_with('*');
            for test in ["MISSING", "EXISTS"].iter().filter(|test| !any || **test == "EXISTS") {
                let verdict = matcher(&format!("WHERE {name} {test}")).examine(object.as_bytes());
                assert!(!verdict.matched && verdict.unreadable, "{object} {name} {test}");
            }
        }
    }
    assert!(matcher("WHERE undecodable = 1").examine(b"\x80\x05pickled").matched);
}

#[test]
fn a_row_shows_the_task_and_its_arguments() {
    let kind = MessageKind::Dramatiq;
    let mut projection = Projection::of(kind, kind.spec().sample).expect("fields");
    let row = projection.row(RECORDED.lines().nth(3).unwrap_or_default().as_bytes());
    let get = |name: &str| row.iter().find(|(field, _)| &**field == name).map(|(_, value)| value.clone());
    assert_eq!(get("task"), Some(Reply::Text(b"upload".to_vec())));
    assert_eq!(get("args"), Some(Reply::Text(b"[147107]".to_vec())));
    assert_eq!(get("kwargs"), Some(Reply::Text(br#"{"commitid":"e0ca38f7"}"#.to_vec())));
    assert_eq!(get("enqueued"), Some(Reply::Int(1_795_868_819_209)));
    assert_eq!(get("eta"), Some(Reply::Null));
}
