use super::{ASYNQ_FIELDS, AsynqText, TASK_MAX, UNREADABLE};
use crate::filter::Matcher;
use crate::filter::filter_of as filter;
use crate::kind::MessageKind;
use crate::message_place::{AsynqKeys, IdKey, JobKeys, MessageKeys, MessagePlace};
use proptest::prelude::*;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

/// A field of bytes, as protocol buffers write it.
fn bytes(number: u64, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A field of a number.
fn number(number: u64, value: i64) -> Vec<u8> {
    [varint(number << 3), varint(value.cast_unsigned())].concat()
}

/// A message with this payload and more fields.
fn message(payload: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let header = [bytes(1, b"tenant"), bytes(2, b"seven")].concat();
    let fields = [
        bytes(1, b"email:send"),
        bytes(2, payload),
        bytes(3, b"task-a"),
        bytes(4, b"uploads"),
        number(5, 25),
        number(6, 2),
        bytes(7, b"no luck"),
        number(8, 1_800),
        bytes(15, &header),
    ];
    [fields.concat(), more.concat()].concat()
}

fn keys_of(name: &str, of: IdKey) -> AsynqKeys {
    let keys = match MessagePlace::TaskOfAsynq.keys_of(name.as_bytes(), of) {
        Some(MessageKeys::Jobs(JobKeys::Asynq(keys))) => Some(keys),
        _ => None,
    };
    keys.expect("a key of Asynq")
}

/// The text of a pending task.
fn text(message: &[u8], state: &str) -> Vec<u8> {
    let keys = keys_of("asynq:{uploads}:pending", IdKey::List);
    let fields: [Option<&[u8]>; ASYNQ_FIELDS.len()] =
        [Some(message), Some(state.as_bytes()), Some(b"1796024414306123456"), None];
    AsynqText::default().of(&keys, &fields)
}

fn matches(words: &str, text: &[u8]) -> bool {
    Matcher::of(MessageKind::Asynq, &filter(words), None).examine(text).matched
}

#[test]
fn fields_of_a_task_compare() {
    let text =
        text(&message(br#"{"repoid":147107,"tags":["a"]}"#, &[bytes(14, b"g"), number(9, -1)]), "pending");
    for words in [
        "TASK email:send",
        "REPOID 147107",
        "WHERE kwargs.tags CONTAINS a",
        "WHERE id = task-a",
        "WHERE retries = 2",
        "WHERE group = g",
        "WHERE routing_key = uploads",
        "WHERE headers.retry = 25 WHERE headers.deadline = -1 WHERE headers.timeout > 1000",
        "WHERE headers.headers.tenant = seven",
        "WHERE headers.error_msg GLOB *luck*",
        "WHERE headers.payload.repoid = 147107",
        "WHERE enqueued > 2026-11-28T00:00:00Z WHERE enqueued < 2027-01-01T00:00:00Z",
        "WHERE kwargs.other MISSING",
        "WHERE headers.last_failed_at = 0",
    ] {
        assert!(matches(words, &text), "{words}: {}", String::from_utf8_lossy(&text));
    }
    // It is not known when a task is due, and which other fields the hash has.
    for words in ["WHERE eta MISSING", "WHERE headers.result MISSING", "WHERE undecodable = 1", "TASK email"]
    {
        assert!(!matches(words, &text), "{words}");
    }
}

#[test]
fn only_a_task_with_a_group_is_in_one() {
    for (more, is_in_group) in [(&[bytes(14, b"g")][..], true), (&[bytes(14, b"")], false), (&[], false)] {
        let text = text(&message(b"{}", more), "pending");
        let mut matcher = Matcher::of(MessageKind::Asynq, &filter("TASK email:send"), None);
        assert!(matcher.examine(&text).matched);
        assert_eq!(matcher.match_notices(&text).in_group, is_in_group);
    }
}

#[test]
fn arguments_are_unknown_where_the_payload_is_no_json() {
    for payload in [&b"\x0a\x03abc"[..], b"plain", b"{}}", b"1,\"type\":\"x\""] {
        let text = text(&message(payload, &[]), "pending");
        assert!(matches("TASK email:send", &text), "{payload:?}");
        for words in ["WHERE kwargs.x MISSING", "WHERE kwargs.x != 1", "WHERE args.0 MISSING", "TASK x"] {
            assert!(!matches(words, &text), "{words}: {payload:?}");
        }
    }
    // Without a payload there are no arguments.
    assert!(matches("WHERE kwargs.x MISSING", &text(&message(b"", &[]), "pending")));
    assert!(matches("WHERE args.0 = 5", &text(&message(b"[5]", &[]), "pending")));
}

#[test]
fn a_task_that_was_taken_from_the_key_is_kept() {
    let mut matcher = Matcher::of(MessageKind::Asynq, &filter("WHERE bytes > 0"), None);
    for (state, is_kept) in [("pending", false), ("active", true), ("retry", true), ("", true)] {
        for message in [message(b"{}", &[]), b"\xff".to_vec()] {
            let verdict = matcher.examine(&text(&message, state));
            assert_eq!((verdict.kept, verdict.matched), (is_kept, !is_kept), "{state} {message:?}");
        }
    }
}

#[test]
fn damaged_messages_are_unreadable_and_none_is_missing() {
    let whole = message(b"{}", &[]);
    for damaged in [&whole[..whole.len() - 1], b"\x0a\x05abc", b"\x0b", &[0xff; 11], b"\x08"] {
        assert_eq!(text(damaged, "pending"), UNREADABLE, "{damaged:?}");
    }
    assert_eq!(text(&message(&vec![b'1'; TASK_MAX], &[]), "pending"), UNREADABLE);
    let keys = keys_of("asynq:{uploads}:retry", IdKey::SortedSet);
    assert_eq!(AsynqText::default().of(&keys, &[None, Some(b"retry"), None, None]), b"");
    // Fields of later versions are passed over, whatever their type is.
    let later = [vec![0x81, 1], vec![0; 8]].concat();
    assert!(matches(
        "TASK email:send",
        &text(&message(b"{}", &[later, bytes(99, b"x"), number(98, 7)]), "pending")
    ));
}

proptest! {
    #[test]
    fn no_bytes_are_harmful(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = text(&message, "pending");
        let is_object = text.starts_with(b"{");
        prop_assert!(is_object || text == UNREADABLE);
    }

    #[test]
    fn texts_are_read_as_they_were_written(name in "\\PC{0,20}", value in "\\PC{0,20}", retried in any::<i32>()) {
        let text = text(&[bytes(1, name.as_bytes()), bytes(7, value.as_bytes()), number(6, retried.into())].concat(), "pending");
        let json: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        prop_assert_eq!(&json["type"], &serde_json::Value::from(name));
        prop_assert_eq!(&json["error_msg"], &serde_json::Value::from(value));
        prop_assert_eq!(&json["retried"], &serde_json::Value::from(retried));
    }
}
