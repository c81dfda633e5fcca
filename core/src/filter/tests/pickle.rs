//! Pickled bodies, whose objects of other classes are known to be there and nothing else.
//!
//! The bodies were written by kombu 5.7.0 (`tests/python/record_pickles.py`).

use super::*;
use crate::kind::MessageKind;
use crate::match_notices::MatchNotices;
use crate::reply::Reply;

const BODIES: &str = include_str!("pickled.jsonl");

fn body(name: &str) -> String {
    let rows = BODIES.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let row = rows.into_iter().find(|row| row["name"] == name).expect("a name");
    row["body"].as_str().expect("a text").to_owned()
}

fn with(body: &str, headers: &str) -> String {
    format!(
        r#"{{"body": "{body}", "content-type": "application/x-python-serialize", "headers": {{{headers}}}, "properties": {{"body_encoding": "base64"}}}}"#
    )
}

/// The same body under headers of its protocol.
fn message(name: &str) -> String {
    let headers =
        if name == "protocol 1" { "" } else { r#""task": "t", "id": "i", "kwargsrepr": "{'repoid': 8}""# };
    with(&body(name), headers)
}

/// Matches, does not, or unknown.
#[track_caller]
fn judged(words: &str, message: &str) -> Option<bool> {
    let mut matcher = Matcher::new(&filter(words)).inexact(true);
    let verdict = matcher.examine(message.as_bytes());
    assert!(!verdict.undecodable && !matcher.is_inexact(), "{words}");
    assert!(!verdict.matched || !verdict.unreadable, "{words}");
    (!verdict.unreadable).then_some(verdict.matched)
}

#[test]
fn values_are_those_that_json_would_have() {
    for name in ["protocol 2", "protocol 1"] {
        let message = message(name);
        for (words, wanted) in [
            ("TASK t REPOID 7", true),
            ("REPOID 8", false),
            ("WHERE kwargs.repoid != 8", true),
            ("WHERE kwargs.none MISSING WHERE kwargs.nosuch MISSING", true),
            ("WHERE kwargs.none EXISTS OR kwargs.nosuch EXISTS", false),
            ("WHERE kwargs.nosuch.deep MISSING", true),
            ("WHERE kwargs.id = 7D0F3C1E3F0B4C539D1C0A5F8F6B2A11", true),
            ("WHERE kwargs.id.__value__.hex EXISTS", true),
            ("WHERE kwargs.at = 2024-05-01T10:00:00Z", true),
            ("WHERE kwargs.at < 2024-05-01T10:00:00Z", false),
            ("WHERE kwargs.price = 12.5", true),
            ("WHERE kwargs.data = //4=", true),
            ("WHERE kwargs.text = caf\u{e9}", true),
            ("WHERE kwargs.big = 1180591620717411303424", true),
            ("WHERE kwargs.numbers.1 = one", true),
            ("WHERE kwargs.known CONTAINS 8", true),
            ("WHERE kwargs.known CONTAINS 9", false),
            ("WHERE kwargs.tuple = [7,\"x\"]", true),
            ("WHERE kwargs.tuple.1 = x", true),
            ("WHERE kwargs.more.a.b = 1", true),
            ("WHERE kwargs.more.a.c MISSING", true),
            ("WHERE args.0 = 1 WHERE args.1 = x", true),
            ("WHERE args.3 MISSING", true),
            ("WHERE args.* = x", true),
            ("WHERE kwargs.* = 7", true),
        ] {
            assert_eq!(judged(words, &message), Some(wanted), "{words}: {name}");
        }
    }
}

#[test]
fn an_object_exists_and_nothing_else_is_known_of_it() {
    for name in ["protocol 2", "protocol 1"] {
        let message = message(name);
        let text = r#"{"__class__":"pickles.Money"}"#;
        for field in ["kwargs.money", "kwargs.keys", "kwargs.set", "kwargs.more.m", "kwargs.list.1", "args.2"]
        {
            assert_eq!(judged(&format!("WHERE {field} EXISTS"), &message), Some(true), "{field}");
            assert_eq!(judged(&format!("WHERE {field} MISSING"), &message), Some(false), "{field}");
            for test in [
                "= 7",
                "!= 7",
                "> 7",
                "GLOB *",
                "IN 2 7 8",
                "CONTAINS 7",
                &format!("= {text}"),
                &format!("!= {text}"),
            ] {
                assert_eq!(judged(&format!("WHERE {field} {test}"), &message), None, "{field} {test}");
            }
            // What is inside is neither there nor absent.
            for inside in ["amount", "__class__", "0", "a.b"] {
                for test in ["EXISTS", "MISSING", "= 7", "!= 7", "= pickles.Money"] {
                    let words = format!("WHERE {field}.{inside} {test}");
                    assert_eq!(judged(&words, &message), None, "{words}");
                }
            }
        }
        // What has one inside is known in part.
        for (words, wanted) in [
            (
                "WHERE kwargs.list EXISTS WHERE kwargs.more EXISTS WHERE args EXISTS WHERE kwargs EXISTS",
                Some(true),
            ),
            ("WHERE kwargs.list CONTAINS 7", Some(true)),
            ("WHERE kwargs.list CONTAINS 8", None),
            ("WHERE kwargs.list = [7,8]", None),
            ("WHERE kwargs.list != [7,8]", None),
            ("WHERE kwargs.list.0 = 7", Some(true)),
            ("WHERE kwargs.list.3 MISSING", Some(true)),
            ("WHERE kwargs GLOB *", None),
            ("WHERE args = 7", None),
            ("WHERE args.* = y", None),
            ("WHERE args.* EXISTS", Some(true)),
            ("WHERE kwargs.* = no", None),
            ("WHERE kwargs.* GLOB *no*", None),
            ("REPOID 8 WHERE kwargs.money = 7", Some(false)),
            ("WHERE kwargs.money = 7 OR kwargs.repoid = 7", Some(true)),
            ("WHERE kwargs.money = 7 OR kwargs.repoid = 8", None),
        ] {
            assert_eq!(judged(words, &message), wanted, "{words}: {name}");
        }
        let verdict = examine("WHERE kwargs.money = 7", message.as_bytes());
        assert!(verdict.unreadable && verdict.uncompared, "the body was read");
    }
}

#[test]
fn arguments_of_a_class_of_their_own_are_unknown() {
    for (name, field, other) in
        [("args of a class", "args", "kwargs.repoid"), ("kwargs of a class", "kwargs", "args.0")]
    {
        let message = message(name);
        assert_eq!(judged(&format!("WHERE {field} EXISTS"), &message), Some(true));
        assert_eq!(judged(&format!("WHERE {other} EXISTS"), &message), Some(true), "{name}");
        for test in ["0 MISSING", "0 EXISTS", "* EXISTS", "* = 7", "0.__class__ EXISTS"] {
            assert_eq!(judged(&format!("WHERE {field}.{test}"), &message), None, "{name}: {test}");
        }
    }
    for name in ["a class", "a text"] {
        let mut matcher = Matcher::new(&filter("WHERE args EXISTS"));
        assert!(matcher.examine(message(name).as_bytes()).unreadable, "{name}");
        assert!(!matcher.match_notices(message(name).as_bytes()).in_chord);
    }
}

#[test]
fn an_object_is_shown_by_its_class_and_is_no_group() {
    let message = message("protocol 2");
    let names: [&[u8]; 6] =
        [b"kwargs.money", b"kwargs.list", b"kwargs.keys", b"kwargs.money.x", b"kwargs.id", b"repoid"];
    let row: Vec<Reply> = Projection::new(&names)
        .expect("fields")
        .row(message.as_bytes())
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    let class = Reply::text(r#"{"__class__":"pickles.Money"}"#);
    let in_list = Reply::text(r#"[7,{"__class__":"pickles.Money"},"a"]"#);
    let dict = Reply::text(r#"{"__class__":"builtins.dict"}"#);
    let id = Reply::text("7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11");
    assert_eq!(row, [class, in_list, dict, Reply::Null, id.clone(), Reply::Int(7)]);
    for (names, readable, wanted) in [
        ([&b"kwargs.money"[..], b"repoid"], false, [Reply::Null, Reply::Int(7)]),
        ([b"kwargs.list", b"repoid"], false, [Reply::Null, Reply::Int(7)]),
        ([b"kwargs.money.x", b"repoid"], false, [Reply::Null, Reply::Int(7)]),
        ([b"kwargs.nosuch", b"repoid"], true, [Reply::Null, Reply::Int(7)]),
        ([b"kwargs.id", b"task"], true, [id, Reply::text("t")]),
    ] {
        let grouping = Grouping::new(&names).expect("fields");
        let mut matcher = Matcher::of(MessageKind::Celery, &Filter::all(), Some(&grouping));
        assert!(matcher.examine(message.as_bytes()).matched);
        let mut key = Vec::new();
        assert_eq!(matcher.group_key(message.as_bytes(), &mut key), readable, "{names:?}");
        assert_eq!(group_values(&key).map(Reply::from).collect::<Vec<_>>(), wanted, "{names:?}");
        let by = names.map(|name| parse_by(name).expect("a field"));
        let digest = Distinct::new(MessageKind::Celery, &by).digest(message.as_bytes());
        assert_eq!(digest.is_some(), readable, "KEEPONE BY keeps what it cannot tell apart: {names:?}");
    }
}

#[test]
fn members_of_chords_are_known() {
    for (name, in_chord) in [
        ("plain", false),
        ("chain", false),
        ("chord", true),
        ("chain in a chord", true),
        ("protocol 1", false),
    ] {
        let message = message(name);
        let mut matcher = Matcher::new(&filter("WHERE undecodable = 0"));
        assert!(matcher.examine(message.as_bytes()).matched);
        let wanted = MatchNotices { in_chord, ..MatchNotices::default() };
        assert_eq!(matcher.match_notices(message.as_bytes()), wanted, "{name}");
    }
}

#[test]
fn without_the_setting_pickled_bodies_are_unreadable() {
    let message = message("plain");
    let message = message.as_bytes();
    let mut matcher = Matcher::new(&filter("REPOID 7")).pickle(false);
    let verdict = matcher.examine(message);
    assert!(verdict.unreadable && !verdict.uncompared);
    assert_eq!(matcher.decoded(), 0, "nothing is decoded in vain");
    assert!(Matcher::new(&filter("REPOID 7")).pickle(false).pickle(true).examine(message).matched);
    // Then the sender's texts count, which do not where the body is read.
    let mut by_text = Matcher::new(&filter("REPOID 8")).pickle(false).inexact(true);
    assert!(by_text.examine(message).matched && by_text.is_inexact());
    let by = [parse_by(b"kwargs.repoid").expect("a field")];
    assert_eq!(Distinct::new(MessageKind::Celery, &by).pickle(false).digest(message), None);
    let row = |reads: bool| {
        Projection::new(&[b"kwargs.repoid"]).expect("a field").pickle(reads).row(message)[0].1.clone()
    };
    assert_eq!((row(true), row(false)), (Reply::Int(7), Reply::Null));
}

#[test]
fn pickled_bodies_are_opened_as_others_are() {
    use base64::Engine as _;
    let plain = body("plain");
    let bytes = base64::engine::general_purpose::STANDARD.decode(&plain).expect("base64");
    let zlib = base64::engine::general_purpose::STANDARD
        .encode(miniz_oxide::deflate::compress_to_vec_zlib(&bytes, 9));
    let headers = r#""task": "t""#;
    let compressed = with(&zlib, r#""task": "t", "compression": "application/x-gzip""#);
    let short = with(&plain, headers).replace("application/x-python-serialize", "pickle");
    for message in [with(&plain, headers), compressed, short] {
        assert_eq!(judged("REPOID 7", &message), Some(true), "{message}");
    }
    let cut = base64::engine::general_purpose::STANDARD.encode(&bytes[..bytes.len() - 1]);
    for message in [
        with(&cut, headers),
        with(&plain, headers).replace("\"base64\"", "\"utf-8\""),
        with(&plain, headers).replace("application/x-python-serialize", "Pickle"),
        with(&plain, headers).replace("application/x-python-serialize", "application/json"),
    ] {
        assert_eq!(judged("REPOID 7", &message), None, "{message}");
    }
    let mut matcher = Matcher::new(&filter("REPOID 7"));
    assert!(matcher.examine(with(&plain, headers).as_bytes()).matched);
    assert!(
        matcher.work() > bytes.len() * 3 / 2,
        "what is read and what is written is work: {}",
        matcher.work()
    );
}
