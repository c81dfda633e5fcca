use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

use super::*;
use crate::field::FIELDS;
use crate::filter::filter_of as filter;
use crate::filter::{Matcher, Projection, Verdict};
use crate::format::Recogniser;
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Elements that Huey 2.6.0 and 3.5.4 wrote: see tests/python/record_huey.py.
const RECORDED: &str = include_str!("recorded.jsonl");

/// Returns the recorded elements, each with what is special about it.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let element = BASE64_STANDARD.decode(row["element"].as_str().expect("a text")).expect("base64");
        (row["how"].as_str().expect("a text").to_owned(), element)
    };
    RECORDED.lines().map(row).collect()
}

/// Returns the first recorded element of Huey 3.5.4 that is special in this way.
fn element(how: &str) -> Vec<u8> {
    recorded().into_iter().rfind(|(of, _)| of == how).expect("recorded").1
}

fn matcher(words: &str) -> Matcher {
    Matcher::of(MessageKind::Huey, &filter(words), None)
}

fn examine(words: &str, element: &[u8]) -> Verdict {
    matcher(words).examine(element)
}

/// Conditions about every field except the two that are known of every element.
fn conditions() -> Vec<String> {
    let fields = FIELDS.iter().filter(|spec| !["bytes", "undecodable"].contains(&spec.name));
    let mut conditions = Vec::new();
    for spec in fields {
        let name = spec.name.replace(".N", ".0");
        conditions.push(format!("WHERE {name} EXISTS"));
        conditions.extend((!name.ends_with('*')).then(|| format!("WHERE {name} MISSING")));
    }
    conditions
}

#[test]
fn every_recorded_element_is_read_however_it_was_written() {
    let call = ["bare", "eta", "expires", "values", "pipeline", "error", "chord"];
    let mut calls = 0;
    for (how, element) in recorded() {
        for (words, matches) in [
            ("TASK app.upload", true),
            ("WHERE retries = 3 WHERE headers.retry_delay = 60", true),
            ("WHERE id GLOB ????????-????-????-????-????????????", true),
            ("TASK upload", false),
            ("WHERE undecodable = 1", false),
            ("WHERE undecodable = 0", true),
        ] {
            let verdict = examine(words, &element);
            assert_eq!((verdict.matched, verdict.unreadable), (matches, false), "{how}: {words}");
        }
        if call.contains(&&*how) {
            continue;
        }
        calls += 1;
        for words in [
            "REPOID 22",
            "WHERE args.0 = 147107 WHERE args.1 = e0ca38f7 WHERE args.2 MISSING",
            "WHERE args = [147107,\"e0ca38f7\"] WHERE kwargs.* = 22",
            "WHERE eta MISSING WHERE priority MISSING WHERE expires MISSING WHERE group MISSING",
        ] {
            assert!(examine(words, &element).matched, "{how}: {words}");
        }
        assert!(!examine("REPOID 23", &element).matched, "{how}");
    }
    assert_eq!(calls, 18);
    for words in ["WHERE enqueued MISSING", "WHERE age > 1h"] {
        let verdict = examine(words, &element("bare"));
        assert!(!verdict.matched && verdict.unreadable, "{words}");
    }
}

#[test]
fn members_of_messages_are_found_under_their_names() {
    for (how, words) in [
        ("bare", "WHERE args = [] WHERE args.0 MISSING WHERE kwargs = {} WHERE headers.retry_backoff = 0"),
        ("eta", "WHERE eta = 2026-11-28T12:30:00Z WHERE eta < 2026-11-28T12:30:01Z WHERE args.0 = 1"),
        (
            "expires",
            "WHERE expires = 2026-11-28T12:30:00Z WHERE headers.expires = 2026-11-28T12:30:00.000005",
        ),
        ("pipeline", "WHERE headers.on_complete.name = app.upload WHERE headers.on_complete.args.0 = 2"),
        ("error", "WHERE headers.on_error.name = app.upload WHERE headers.on_complete MISSING"),
        (
            "chord",
            "WHERE group EXISTS WHERE headers.chord_config.1 = 2 WHERE headers.chord_config.3.args.0 = 3",
        ),
        (
            "values",
            "WHERE args.0 = 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 WHERE args.1 < 2026-11-28T12:30:01Z WHERE args.2 = 19.90",
        ),
        ("values", "WHERE kwargs.nested.a.0 = 1 WHERE kwargs.nested.a.2 = true"),
        ("values", "WHERE args.3 EXISTS WHERE args.4 EXISTS WHERE args.5 EXISTS WHERE args.6 MISSING"),
    ] {
        assert!(examine(words, &element(how)).matched, "{how}: {words}");
    }
    // Of an object of another class only the class is known.
    for words in ["WHERE args.3 = 7", "WHERE args.3 != 7", "WHERE args.3.n MISSING", "WHERE args.5 = x"] {
        let verdict = examine(words, &element("values"));
        assert!(!verdict.matched && verdict.unreadable, "{words}");
    }
}

#[test]
fn the_setting_pickle_leaves_messages_unread() {
    for (how, element) in recorded() {
        for words in conditions() {
            let verdict = matcher(&words).pickle(false).examine(&element);
            assert!(!verdict.matched && verdict.unreadable && !verdict.undecodable, "{how}: {words}");
        }
        assert!(matcher("WHERE undecodable = 0 WHERE bytes > 10").pickle(false).examine(&element).matched);
    }
}

#[test]
fn what_is_no_message_matches_no_condition_about_its_content() {
    let whole = element("protocol 5");
    let gzip = element("gzip");
    let mut flipped = gzip.clone();
    let middle = flipped.len() - 6;
    flipped[middle] ^= 1;
    let zlib = |bytes: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6);
    let unreadable: [(&str, Vec<u8>); 11] = [
        ("no name of a task", b"\x80\x02chuey.registry\nMessage\n(X\x01\x00\x00\x00iNt\x81.".to_vec()),
        ("cut off", whole[..whole.len() - 1].to_vec()),
        (
            "a dict with the names of the fields",
            b"\x80\x02}X\x04\x00\x00\x00nameX\x01\x00\x00\x00as.".to_vec(),
        ),
        (
            "a tuple, as of Huey 1",
            b"\x80\x02(X\x01\x00\x00\x00iX\x01\x00\x00\x00aNK\x00K\x00)}\x86Nt.".to_vec(),
        ),
        ("another class", b"\x80\x02capp\nMessage\n(X\x01\x00\x00\x00it\x81.".to_vec()),
        ("what would run", b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.".to_vec()),
        ("fields that are not a tuple", b"\x80\x02chuey.registry\nMessage\n]\x81.".to_vec()),
        ("a checksum that is wrong", flipped),
        ("gzip that is cut off", gzip[..gzip.len() - 9].to_vec()),
        ("zlib of nothing", zlib(b"")),
        ("zlib of a message twice", zlib(&zlib(&whole))),
    ];
    for (what, element) in unreadable {
        for words in conditions() {
            let verdict = examine(&words, &element);
            assert!(!verdict.matched && verdict.unreadable && !verdict.undecodable, "{what}: {words}");
        }
        assert!(!examine("WHERE undecodable = 1", &element).matched, "{what}");
    }
    for undecodable in
        [&b""[..], b"{\"id\": 1}", b"a-text", b"\x80", b"\x80\x06.", b"\x1f\x8b", b"\x78\x02ab", b"cos\n"]
    {
        for words in conditions() {
            let verdict = examine(&words, undecodable);
            assert!(!verdict.matched && verdict.undecodable, "{undecodable:?}: {words}");
        }
        assert!(examine("WHERE undecodable = 1", undecodable).matched);
    }
}

/// What a message describes or unpacks is bounded, whatever its length.
#[test]
fn bombs_are_unreadable() {
    let message = |args: &[u8]| {
        let mut pickle =
            b"\x80\x02chuey.registry\nMessage\n(X\x01\x00\x00\x00iX\x01\x00\x00\x00aNK\x00K\x00N".to_vec();
        pickle.extend_from_slice(args);
        pickle.extend_from_slice(b"}t\x81.");
        pickle
    };
    assert!(examine("TASK a WHERE args.0 = 7", &message(b"K\x07\x85")).matched);
    // Each list has ten references to the one before.
    let mut lists = b"]q\x000".to_vec();
    for level in 0..9_u8 {
        lists.extend_from_slice(b"](");
        (0..10).for_each(|_| lists.extend_from_slice(&[b'h', level]));
        lists.extend_from_slice(&[b'e', b'q', level + 1, b'0']);
    }
    lists.extend_from_slice(b"h\x09\x85");
    let deep = [vec![b']'; 100_000], vec![b'a'; 99_999], vec![0x85]].concat();
    let zeros = vec![0; DECODED_MAX + 1];
    for element in [
        message(&lists),
        message(&deep),
        miniz_oxide::deflate::compress_to_vec_zlib(&[message(b")"), zeros.clone()].concat(), 9),
        [message(b")"), zeros].concat(),
    ] {
        let verdict = examine("TASK a", &element);
        assert!(!verdict.matched && verdict.unreadable, "{} bytes", element.len());
    }
    // A signature is behind the pickle, and so is anything else that a worker ignores.
    assert!(examine("TASK a", &[message(b")"), vec![0; 1_000]].concat()).matched);
}

#[test]
fn recorded_elements_look_like_messages_and_others_do_not() {
    let mut recogniser = Recogniser::new();
    for (how, element) in recorded() {
        assert!(looks_like_message(&element), "{how}");
        recogniser.examine(&element);
    }
    assert_eq!(recogniser.kind_of_most(), Some(MessageKind::Huey));
    assert_eq!(recogniser.ids(), &[] as &[Vec<u8>], "messages are no ids");
    let other = [
        &b"\x80\x05\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07Message\x94."[..],
        b"\x80\x02chuey.registry\nOther\n.",
        b"huey.registry\nMessage\n",
        b"\x78\x9c",
        b"\x1f\x8b\x08\x00",
        b"",
    ];
    assert!(other.iter().all(|element| !looks_like_message(element)));
}

#[test]
fn a_row_shows_the_task_and_its_arguments() {
    let kind = MessageKind::Huey;
    let mut projection = Projection::of(kind, kind.spec().sample).expect("fields");
    let mut shown = |element: &[u8]| -> Vec<Reply> {
        projection.row(element).into_iter().map(|(_, value)| value).collect()
    };
    let text = |text: &str| Reply::Text(text.into());
    for how in ["protocol 1", "protocol 2", "protocol 5", "signed gzip"] {
        let row: [Reply; 6] = shown(&element(how)).try_into().expect("six");
        let [task, _, args, kwargs, retries, eta] = &row;
        let values = [task, args, kwargs, retries, eta];
        let wanted = [
            &text("app.upload"),
            &text(r#"[147107,"e0ca38f7"]"#),
            &text(r#"{"repoid":22}"#),
            &Reply::Int(3),
            &Reply::Null,
        ];
        assert_eq!(values, wanted, "{how}");
    }
    assert_eq!(shown(&element("eta"))[5], text("2026-11-28T12:30:00"));
    assert_eq!(shown(b"\x80\x02.")[..2], [Reply::Null, Reply::Null]);
}

#[test]
fn the_task_that_follows_and_the_chord_are_noticed() {
    let mut matcher = matcher("TASK app.upload");
    for (how, element) in recorded() {
        assert!(matcher.examine(&element).matched);
        assert_eq!(matcher.left_behind(&element).pipeline, how == "pipeline", "{how}");
        let notices = matcher.match_notices(&element);
        assert_eq!(
            (notices.in_chord, notices.in_group, notices.with_eta),
            (how == "chord", how == "chord", how == "eta"),
            "{how}"
        );
    }
    let mut unread = matcher.pickle(false);
    unread.examine(&element("pipeline"));
    assert!(!unread.left_behind(&element("pipeline")).pipeline);
}

proptest! {
    /// Neither panics, and what is known does not contradict itself.
    #[test]
    fn damaged_elements_are_judged_without_contradiction(
        which in 0_usize..32,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let (_, mut element) = recorded().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(element.len());
            element[at] = byte;
        }
        if cuts {
            element.truncate(cut.index(element.len()));
        }
        let _ = looks_like_message(&element);
        for field in ["task", "args.0", "kwargs.repoid", "headers.on_complete.name", "eta"] {
            let [exists, missing] = ["EXISTS", "MISSING"].map(|test| examine(&format!("WHERE {field} {test}"), &element));
            prop_assert!(!exists.matched || !missing.matched);
            prop_assert_eq!(exists.unreadable, missing.unreadable);
            prop_assert_eq!(exists.undecodable, missing.undecodable);
        }
    }
}
