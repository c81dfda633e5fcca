//! Messages of Laravel.

use super::filter;
use crate::filter::{Matcher, Projection, Verdict};
use crate::format::Recogniser;
use crate::kind::MessageKind;
use crate::reply::Reply;

/// What Laravel 12.67 wrote: see `tests/php/record_laravel.php`.
const RECORDED: &str = include_str!("laravel.jsonl");

/// Returns the messages of the keys with this ending.
fn recorded(ending: &str) -> Vec<String> {
    let rows = RECORDED.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let of_key = rows.filter(|row| row["key"].as_str().expect("a key").ends_with(ending));
    of_key.map(|row| row["element"].as_str().expect("a text").to_owned()).collect()
}

fn examine(words: &str, message: &str) -> Verdict {
    Matcher::of(MessageKind::Laravel, &filter(words), None).examine(message.as_bytes())
}

/// The positions of the messages that match, and of those that are unreadable or cannot be compared.
fn matching(messages: &[String], words: &str) -> (Vec<usize>, Vec<usize>) {
    let mut matcher = Matcher::of(MessageKind::Laravel, &filter(words), None);
    let (mut matches, mut unknown) = (Vec::new(), Vec::new());
    for (at, message) in messages.iter().enumerate() {
        let verdict = matcher.examine(message.as_bytes());
        assert!(!verdict.undecodable, "{words}: {at}");
        matches.extend(verdict.matched.then_some(at));
        unknown.extend(verdict.unreadable.then_some(at));
    }
    (matches, unknown)
}

/// The messages: 0 of a name without data; 1 written by a script; 2 an object; 3 of a name, with data; 4 likewise, with a
/// list; 5 likewise, with nothing; 6 in a batch; 7 a unique job; 8 with a chain; 9 encrypted.
#[test]
fn recorded_messages_match_by_name_arguments_and_time() {
    let messages = recorded(":default");
    assert_eq!(messages.len(), 10);
    assert!(messages[1].starts_with("{\"uuid\"") && messages[1].contains("\"none\":{}"), "by a script");
    let table: &[(&str, &[usize], &[usize])] = &[
        ("WHERE task = App\\Jobs\\Upload", &[2, 8], &[]),
        ("TASK App\\Handlers\\Old", &[1, 3], &[]),
        ("WHERE kwargs.repoid = 147107", &[2, 7], &[9]),
        ("REPOID 147107", &[2, 7], &[9]),
        ("COMMITID e0ca38f7", &[2], &[9]),
        ("WHERE kwargs.repoid < 10", &[1, 3, 8], &[9]),
        ("WHERE kwargs.repoid MISSING", &[0, 4, 5, 6], &[9]),
        ("WHERE kwargs.repoid != 147107", &[1, 3, 8], &[9]),
        ("WHERE kwargs.opts.n = 1.5", &[2], &[9]),
        ("WHERE kwargs.opts.ok = true", &[2], &[9]),
        ("WHERE kwargs.path = a.b", &[3], &[9]),
        ("WHERE kwargs.* = e0ca38f7", &[2], &[1, 6, 7, 8, 9]),
        ("WHERE kwargs GLOB *e0ca38f7*", &[2], &[9]),
        ("WHERE args.1 = masterbrew", &[4], &[]),
        ("WHERE args MISSING", &[0, 1, 2, 3, 5, 6, 7, 8, 9], &[]),
        ("WHERE kwargs.user = 42", &[6], &[9]),
        ("WHERE kwargs.user.class = App\\Models\\User", &[6], &[9]),
        ("WHERE kwargs.user.relations CONTAINS team", &[6], &[9]),
        ("WHERE kwargs.plan = Pro", &[6], &[9]),
        ("WHERE kwargs.plan.__enum__ = App\\Jobs\\Plan", &[6], &[9]),
        ("WHERE kwargs.invoices.id CONTAINS 8", &[6], &[9]),
        ("WHERE kwargs.invoices = 8", &[], &[6, 9]),
        ("WHERE group = 9d0f1c34-2b3e-4a55-9c51-0a4e5a7b1c2d", &[6], &[]),
        ("WHERE retries = 1", &[1], &[]),
        ("WHERE retries = 0", &[0, 2, 3, 4, 5, 6, 7, 8, 9], &[]),
        ("WHERE enqueued > 2026-11-01", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &[]),
        ("WHERE id EXISTS", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &[]),
        ("WHERE headers.maxTries = 3", &[2, 8, 9], &[]),
        ("WHERE headers.data.commandName = App\\Jobs\\Secret", &[9], &[]),
        ("WHERE properties.x MISSING", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &[]),
    ];
    for (words, matches, unknown) in table {
        assert_eq!(matching(&messages, words), (matches.to_vec(), unknown.to_vec()), "{words}");
    }
}

/// What a script of the server wrote back has its members in another order, and escapes of its own.
#[test]
fn a_job_that_was_reserved_reads_as_before() {
    let reserved = recorded(":reserved");
    assert_eq!(reserved.len(), 1);
    let message = &reserved[0];
    assert!(message.find("\"command\"") < message.find("\"commandName\""), "in another order");
    for words in ["REPOID 22", "COMMITID \u{e9}/\u{fc}", "WHERE retries > 0", "WHERE kwargs.opts.x MISSING"] {
        assert!(examine(words, message).matched, "{words}");
    }
}

#[test]
fn a_row_shows_models_and_cases_as_scalars() {
    let messages = recorded(":default");
    let fields: [&[u8]; 6] =
        [b"task", b"kwargs.user", b"kwargs.plan", b"kwargs.repoid", b"group", b"kwargs.invoices.id"];
    let mut projection = Projection::of(MessageKind::Laravel, &fields).expect("fields");
    let mut shown = |at: usize| -> Vec<Reply> {
        projection.row(messages[at].as_bytes()).into_iter().map(|(_, value)| value).collect()
    };
    let text = |text: &str| Reply::Text(text.into());
    assert_eq!(
        shown(6),
        [
            text("App\\Jobs\\Bill"),
            Reply::Int(42),
            text("Pro"),
            Reply::Null,
            text("9d0f1c34-2b3e-4a55-9c51-0a4e5a7b1c2d"),
            text("[7,8]"),
        ]
    );
    let secret = shown(9);
    assert_eq!(secret[0], text("App\\Jobs\\Secret"));
    assert!(secret[1..].iter().all(|value| *value == Reply::Null), "{secret:?}");
}

#[test]
fn other_versions_and_handlers_are_read_too() {
    let job = r#"O:1:\"J\":2:{s:1:\"x\";i:7;s:7:\"batchId\";s:2:\"b9\";}"#;
    let own = format!(
        r#"{{"displayName":"J","job":"App\\Own@call","data":{{"commandName":"J","command":"{job}"}},"id":"a1","attempts":0}}"#
    );
    for words in ["WHERE kwargs.x = 7", "WHERE id = a1", "WHERE group = b9", "WHERE enqueued MISSING"] {
        assert!(examine(words, &own).matched, "{words}");
    }
    let horizon = r#"{"uuid":"u","displayName":"J","job":"J@fire","data":[],"id":"u","tags":["repo:5","x"],"pushedAt":"1795869048.1234","createdAt":1}"#;
    for words in [
        "WHERE enqueued = 1795869048.1234",
        "WHERE enqueued > 2026-11-28",
        "WHERE headers.tags CONTAINS repo:5",
    ] {
        assert!(examine(words, horizon).matched, "{words}");
    }
    let escaped = own.replace("App\\\\Own@call", "\\u0049lluminate\\\\Queue\\\\CallQueuedHandler@call");
    assert!(examine("WHERE kwargs.x = 7", &escaped.replace("commandName", "other")).matched);
}

#[test]
fn what_is_not_readable_or_of_another_kind_matches_nothing() {
    let of = |command: &str| {
        format!(
            r#"{{"displayName":"J","job":"Illuminate\\Queue\\CallQueuedHandler@call","data":{{"command":{command}}}}}"#
        )
    };
    let unreadable = [
        "\"eyJpdiI6\"",
        "\"\"",
        "null",
        "5",
        "\"O:1:\\\"J\\\":1:{\"",
        "\"a:0:{}\"",
        "\"O:1:\\\"\\ud800\\\":0:{}\"",
    ];
    for command in unreadable {
        for words in ["WHERE kwargs.x MISSING", "WHERE kwargs.x != 1", "WHERE kwargs.x EXISTS"] {
            let verdict = examine(words, &of(command));
            assert!(verdict.unreadable && !verdict.matched, "{command} {words}");
        }
    }
    for foreign in [
        "{}",
        r#"{"class":"A","args":[1],"jid":"j"}"#,
        r#"{"body":"","headers":{},"properties":{},"job":"x"}"#,
        r#"{"job":5,"displayName":"J","data":{}}"#,
    ] {
        for words in
            ["WHERE task MISSING", "WHERE kwargs.x MISSING", "WHERE headers.class = A", "WHERE id != 1"]
        {
            let verdict = examine(words, foreign);
            assert!(verdict.unreadable && !verdict.matched, "{foreign} {words}");
        }
        assert!(examine("WHERE bytes > 0", foreign).matched);
    }
}

#[test]
fn a_property_that_two_classes_have_is_unknown() {
    let twins = r#"{"displayName":"J","job":"Illuminate\\Queue\\CallQueuedHandler@call","data":{"command":"O:1:\"J\":3:{s:4:\"\u0000J\u0000x\";i:1;s:4:\"\u0000P\u0000x\";i:2;s:1:\"y\";i:3;}"}}"#;
    assert!(examine("WHERE kwargs.y = 3", twins).matched);
    assert!(examine("WHERE kwargs.x EXISTS", twins).matched);
    for words in
        ["WHERE kwargs.x = 1", "WHERE kwargs.x != 1", "WHERE kwargs.x.z MISSING", "WHERE kwargs.x > 0"]
    {
        let verdict = examine(words, twins);
        assert!(!verdict.matched && verdict.unreadable, "{words}");
    }
}

#[test]
fn locks_batches_and_chains_are_noticed() {
    // The same whether the filter opened the body or not.
    let left_by = |words: &str| {
        let mut matcher = Matcher::of(MessageKind::Laravel, &filter(words), None);
        let examine = |message: &String| {
            assert!(matcher.examine(message.as_bytes()).matched || words.contains("kwargs"), "{message}");
            matcher.left_behind(message.as_bytes())
        };
        recorded(":default").iter().map(examine).collect::<Vec<_>>()
    };
    let left = left_by("WHERE bytes > 0");
    assert_eq!(left, left_by("WHERE kwargs.repoid = 1 OR bytes > 0"));
    assert_eq!(left, left_by("WHERE kwargs.repoid = 1"));
    let with = |is: fn(&crate::match_notices::LeftBehind) -> bool| -> Vec<usize> {
        left.iter().enumerate().filter(|(_, left)| is(left)).map(|(at, _)| at).collect()
    };
    assert_eq!(with(|left| left.lock), [7]);
    assert_eq!(with(|left| left.batch), [6]);
    assert_eq!(with(|left| left.chain), [8]);
}

#[test]
fn recorded_messages_look_like_those_of_laravel() {
    for ending in [":default", ":delayed", ":reserved"] {
        let mut recogniser = Recogniser::new();
        recorded(ending).iter().for_each(|message| recogniser.examine(message.as_bytes()));
        assert_eq!(recogniser.kind_of_most(), Some(MessageKind::Laravel), "{ending}");
    }
}
