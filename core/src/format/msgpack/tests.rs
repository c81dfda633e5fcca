use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value as Json;

use super::*;

fn msgpack(bytes: &[u8]) -> Option<String> {
    let mut json = b"left over".to_vec();
    json_of_msgpack(bytes, &mut json).then(|| String::from_utf8(json).expect("text"))
}

fn tree(text: &str) -> Json {
    // Words that are not JSON become unique strings.
    let text = text.replace("-Infinity", "\"-inf\"").replace("Infinity", "\"inf\"").replace("NaN", "\"nan\"");
    serde_json::from_str(&text).expect("JSON")
}

/// The bodies that kombu reads, with the text that kombu's JSON writes for them: see
/// `tests/python/record_msgpack.py`.
#[test]
fn every_body_becomes_what_kombu_makes_of_it() {
    let (mut read, mut refused) = (0, 0);
    for line in include_str!("recorded.jsonl").lines() {
        let row: Json = serde_json::from_str(line).expect("JSON");
        let bytes = BASE64_STANDARD.decode(row["msgpack"].as_str().expect("text")).expect("base64");
        let wanted = row["json"].as_str();
        assert_eq!(msgpack(&bytes).as_deref().map(tree), wanted.map(tree), "{line}");
        read += usize::from(wanted.is_some());
        refused += usize::from(wanted.is_none());
        if wanted.is_some() {
            // A body that is cut off or followed by more bytes is not valid.
            for len in (0..bytes.len()).take(400) {
                assert_eq!(msgpack(&bytes[..len]), None, "{len} bytes of {line}");
            }
            assert_eq!(msgpack(&[&bytes[..], b"\xc0"].concat()), None, "{line}");
        }
    }
    assert!(read > 80 && refused > 30, "{read} read, {refused} refused");
}

#[test]
fn integers_as_keys_are_read_although_python_refuses_them() {
    assert_eq!(
        msgpack(b"\x83\x07\x01\xff\x02\xcd\x01\0\xc0").as_deref(),
        Some(r#"{"7":1,"-1":2,"256":null}"#)
    );
}

#[test]
fn an_empty_body_is_unreadable() {
    // kombu gives it to the worker unchanged, and the worker cannot unpack it.
    assert_eq!(msgpack(b""), None);
}

#[test]
fn keys_of_bytes_are_not_read() {
    // Python reads these, but `kwargs.d.a` would mean the string "a".
    assert_eq!(msgpack(b"\x81\xc4\x01a\x01"), None);
}

#[test]
fn a_timestamp_outside_of_dates_is_not_a_scalar() {
    let timestamp = |seconds: i64| [&b"\xc7\x0c\xff\0\0\0\x01"[..], &seconds.to_be_bytes()].concat();
    for seconds in [253_402_300_800, -62_135_596_801, i64::MAX, i64::MIN] {
        let wanted = format!(r#"{{"__type__":"timestamp","__value__":[{seconds},1]}}"#);
        assert_eq!(msgpack(&timestamp(seconds)), Some(wanted));
    }
}

fn array(items: usize, item: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xdd];
    bytes.extend(u32::try_from(items).expect("small").to_be_bytes());
    bytes.extend(item.repeat(items));
    bytes
}

#[test]
fn values_nesting_and_length_are_bounded() {
    // The array itself counts as a value, too.
    assert!(msgpack(&array(VALUES_MAX - 1, b"\x01")).is_some());
    assert_eq!(msgpack(&array(VALUES_MAX, b"\x01")), None);
    assert_eq!(msgpack(&array(VALUES_MAX / 2, b"\x91\x01")), None, "values inside values");
    assert_eq!(msgpack(&array(VALUES_MAX / 2, b"\x81\xa1a\x01")), None, "keys are values");
    let long = |head: u8, byte: u8, len: usize| {
        let len_bytes = u32::try_from(len).expect("small").to_be_bytes();
        [&[head][..], &len_bytes, &vec![byte; len]].concat()
    };
    for (head, name) in [(0xdb, "a text"), (0xc6, "binary data")] {
        assert!(msgpack(&long(head, b'x', 512 * 1024)).is_some(), "{name} is one value");
        assert_eq!(msgpack(&long(head, 1, 512 * 1024)), None, "{name}: each byte is written with six");
    }
    assert!(msgpack(&long(0xc6, 0xff, 512 * 1024)).is_some(), "four bytes of base64 for three");
    assert_eq!(msgpack(&long(0xc6, 0xff, 900 * 1024)), None);
    assert_eq!(msgpack(&array(VALUES_MAX / 2, b"\xc4\0")), None, "a wrapping is longer than what is in it");
    let nested = |depth: usize| [&b"\x91".repeat(depth)[..], b"\x01"].concat();
    assert!(msgpack(&nested(DEPTH_MAX)).is_some());
    for depth in [DEPTH_MAX + 1, 100_000] {
        assert_eq!(msgpack(&nested(depth)), None);
    }
}
