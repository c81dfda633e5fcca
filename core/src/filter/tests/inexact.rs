//! Messages whose body cannot be read, matched by the texts in `argsrepr` and `kwargsrepr` that the sender
//! wrote.

use super::*;
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Returns a message with these texts whose body is not read.
fn closed(args: &str, kwargs: &str) -> String {
    let [args, kwargs] = [args, kwargs].map(|text| serde_json::to_string(text).expect("a string"));
    format!(
        r#"{{"body": "gAR9", "content-type": "application/x-yaml", "headers": {{"task": "t", "id": "i",
        "argsrepr": {args}, "kwargsrepr": {kwargs}}}, "properties": {{"body_encoding": "base64"}}}}"#
    )
}

fn matcher(words: &str) -> Matcher {
    Matcher::new(&filter(words)).inexact(true)
}

/// Returns whether the message matches; `None` if that is unknown.
#[track_caller]
fn judged(words: &str, message: &str) -> Option<bool> {
    let mut matcher = matcher(words);
    let verdict = matcher.examine(message.as_bytes());
    assert!(!verdict.undecodable, "{words}");
    assert!(!verdict.matched || !verdict.unreadable, "{words}");
    assert!(verdict.matched || !matcher.is_inexact(), "only what matches is counted");
    (!verdict.unreadable).then_some(verdict.matched)
}

#[test]
fn plain_values_of_whole_texts_are_known() {
    let message = closed(
        "(7, 'it\\'s', [1], None)",
        "{'repoid': 7, 'commitid': 'abc', 'n': None, 'f': 7.0, 't': True, 'l': {'a': 1}, 'p': 'C:\\temp', 's': '007'}",
    );
    let (yes, no, unknown) = (Some(true), Some(false), None);
    for (words, wanted) in [
        ("REPOID 7", yes),
        ("REPOID 8", no),
        ("COMMITID abc", yes),
        ("COMMITID abd", no),
        ("TASK t REPOID 7 COMMITID abc", yes),
        ("TASK u REPOID 7", no),
        ("WHERE kwargs.repoid IN 2 6 7", yes),
        ("WHERE kwargs.repoid > 7", no),
        ("WHERE kwargs.repoid != 7", no),
        ("WHERE kwargs.commitid GLOB a*", yes),
        ("WHERE kwargs.n MISSING", yes),
        ("WHERE kwargs.n = 7", no),
        ("WHERE kwargs.none MISSING", yes),
        ("WHERE kwargs.none EXISTS", no),
        ("WHERE kwargs.none != 7", no),
        ("WHERE kwargs.f = 7", yes),
        ("WHERE kwargs.f = 7.5", no),
        ("WHERE kwargs.f >= 7", yes),
        ("WHERE kwargs.t != 7", yes),
        ("WHERE kwargs.t = true", yes),
        ("WHERE kwargs.t = False", no),
        ("WHERE kwargs.s = 7", yes),
        ("WHERE args.0 = 7", yes),
        ("WHERE args.1 = it's", yes),
        ("WHERE args.3 MISSING", yes),
        ("WHERE args.4 MISSING", yes),
        // A value that is not plain is not even known to exist, and nothing inside it is read.
        ("WHERE kwargs.l EXISTS", unknown),
        ("WHERE kwargs.l.a = 1", unknown),
        ("WHERE kwargs.repoid.a MISSING", unknown),
        ("WHERE kwargs.p EXISTS", unknown),
        ("WHERE args.2 EXISTS", unknown),
        ("WHERE args.2.0 = 1", unknown),
        ("REPOID 7 WHERE kwargs.l EXISTS", unknown),
        ("REPOID 8 WHERE kwargs.l EXISTS", no),
    ] {
        assert_eq!(judged(words, &message), wanted, "{words}");
    }
}

/// A value as kombu writes it in JSON, as MessagePack if that has a form for it, and as Python shows it if
/// that form is read.
type Sent = (String, Option<&'static [u8]>, Option<&'static str>);

/// A condition decides the same about a value in JSON by kombu, in MessagePack (if that has a form for it),
/// and in the sender's text alone (if that shows it).
#[test]
fn a_condition_decides_alike_in_every_encoding() {
    let wrapped = |of: &str, text: &str| format!(r#"{{"__type__": "{of}", "__value__": "{text}"}}"#);
    let uuid = r#"{"__type__": "uuid", "__value__": {"hex": "7d0f3c1e3f0b4c539d1c0a5f8f6b2a11"}}"#.to_owned();
    let values: &[Sent] = &[
        (uuid, None, Some("UUID('7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11')")),
        (wrapped("decimal", "12.50"), None, Some("Decimal('12.50')")),
        (wrapped("decimal", "-0"), None, Some("Decimal('-0')")),
        (wrapped("decimal", "1E+5"), None, Some("Decimal('1E+5')")),
        (wrapped("decimal", "NaN"), None, Some("Decimal('NaN')")),
        (
            wrapped("datetime", "2024-05-01T10:00:00.000005+00:00"),
            Some(b"\xd7\xff\x00\x00\x4e\x20\x66\x32\x12\xa0"),
            Some("datetime.datetime(2024, 5, 1, 10, 0, 0, 5, tzinfo=datetime.timezone.utc)"),
        ),
        (
            wrapped("datetime", "2024-05-01T10:00:00+00:00"),
            Some(b"\xd6\xff\x66\x32\x12\xa0"),
            Some("datetime.datetime(2024, 5, 1, 10, 0, tzinfo=datetime.timezone.utc)"),
        ),
        (wrapped("datetime", "2024-05-01T10:00:00"), None, Some("datetime.datetime(2024, 5, 1, 10, 0)")),
        (wrapped("date", "2024-05-01"), None, Some("datetime.date(2024, 5, 1)")),
        (wrapped("time", "10:00:00"), None, Some("datetime.time(10, 0)")),
        (wrapped("bytes", "abc"), Some(b"\xc4\x03abc"), None),
        (wrapped("bytes", "12"), Some(b"\xc4\x0212"), None),
        (wrapped("bytes", ""), Some(b"\xc4\x00"), None),
        (wrapped("base64", "//79"), Some(b"\xc4\x03\xff\xfe\xfd"), None),
        (r#"[5, {"__type__": "bytes", "__value__": "abc"}]"#.into(), Some(b"\xc7\x03\x05abc"), None),
        ("NaN".into(), Some(b"\xcb\x7f\xf8\0\0\0\0\0\0"), None),
        ("-Infinity".into(), Some(b"\xcb\xff\xf0\0\0\0\0\0\0"), None),
        ("1.100000023841858".into(), Some(b"\xca\x3f\x8c\xcc\xcd"), None),
    ];
    let operands = [
        "7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11",
        "7D0F3C1E3F0B4C539D1C0A5F8F6B2A11",
        "12.5",
        "0",
        "1e5",
        "NaN",
        "-Infinity",
        "12",
        "2024-05-01T10:00:00Z",
        "2024-05-01T12:00:00.000005+02:00",
        "2024-05-01T10:00:00",
        "2024-05-01",
        "10:00:00",
        "abc",
        "//79",
        "97",
        "1.1",
        "1.100000023841858",
        "5",
    ];
    let tests =
        ["EXISTS", "MISSING", "GLOB *", "GLOB 2024-05-01T10:00:00*+00:00", "GLOB 7d0f3c1e-*", "GLOB a*"];
    let compare =
        ["=", "!=", "CONTAINS", "IN 1"].map(|word| operands.map(|operand| format!("{word} {operand}")));
    let order = ["< 12.50", ">= 1e5", "< 2024-05-01T10:00:01Z", ">= 2030-01-01"];
    let words = compare.iter().flatten().map(String::as_str).chain(tests).chain(order);
    for (test, (json, msgpack, shown)) in words.flat_map(|test| values.iter().map(move |value| (test, value)))
    {
        let words = format!("WHERE kwargs.v {test}");
        let wanted = judged(&words, &plain(&format!(r#"[[], {{"v": {json}}}, {{}}]"#), r#""task": "t""#));
        if let Some(shown) = shown {
            assert_eq!(
                judged(&words, &closed("()", &format!("{{'v': {shown}}}"))),
                wanted,
                "{words}: {shown}"
            );
        }
        if let Some(msgpack) = msgpack {
            use base64::Engine as _;
            let body = [&b"\x93\x90\x81\xa1v"[..], msgpack, b"\x80"].concat();
            let body = base64::engine::general_purpose::STANDARD.encode(body);
            let message = closed("()", "{}").replace("gAR9", &body).replace("x-yaml", "x-msgpack");
            assert_eq!(judged(&words, &message), wanted, "{words}: {json} in MessagePack");
        }
    }
}

#[test]
fn incomplete_text_leaves_arguments_unknown() {
    for (args, kwargs) in [
        ("(7, ...)", "{'repoid': 7, ...}"),
        ("(7, 'a...')", "{'repoid': 7, 'text': 'xxx...'}"),
        ("(7, b'a')", "{'repoid': 7, 'data': b'a'}"),
        ("(7, <Repo 8>)", "{'repoid': 7, 'repo': <Repo 8>}"),
        ("", ""),
        ("None", "None"),
        ("[7, 'a']x", "{'repoid': 7, 'repoid': 8}x"),
    ] {
        let message = closed(args, kwargs);
        for words in
            ["REPOID 7", "REPOID 8", "WHERE kwargs.none MISSING", "WHERE args.0 = 7", "WHERE args.9 MISSING"]
        {
            assert_eq!(judged(words, &message), None, "{words}: {message}");
        }
    }
    // A dict cannot contain a name twice.
    let twice = closed("()", "{'repoid': 7, 'repoid': 8, 'a': 1}");
    for words in ["REPOID 7", "REPOID 8", "REPOID 9", "REPOID 7 WHERE kwargs.a = 2 WHERE kwargs.b EXISTS"] {
        assert_eq!(judged(words, &twice), None, "{words}");
    }
    let long = closed("()", &format!("{{'repoid': 7, 'text': '{}'}}", "x".repeat(20_000)));
    assert_eq!(judged("REPOID 7", &long), None, "longer than any that Celery writes");
    for other in [
        closed("(7,)", "{'repoid': 7}").replace("\"kwargsrepr\"", "\"other\""),
        closed("(7,)", "{'repoid': 7}").replace("\"{'repoid': 7}\"", "null"),
        closed("(7,)", "{'repoid': 7}").replace("\"{'repoid': 7}\"", "{\"repoid\": 7}"),
        closed("(7,)", "{'repoid': 7}").replace("'repoid'", "\\ud800"),
        // Protocol 1 has no such headers.
        closed("(7,)", "{'repoid': 7}").replace("\"task\"", "\"tusk\""),
    ] {
        assert_eq!(judged("REPOID 7", &other), None, "{other}");
    }
}

#[test]
fn readable_body_wins_over_sender_texts() {
    let lies = closed("(8,)", "{'repoid': 8}").replace("application/x-yaml", "application/json");
    let body = |body: &str| {
        use base64::Engine as _;
        lies.replace("gAR9", &base64::engine::general_purpose::STANDARD.encode(body))
    };
    let readable = body(r#"[[7], {"repoid": 7}, {}]"#);
    let mut matcher = matcher("REPOID 7");
    assert!(matcher.examine(readable.as_bytes()).matched && !matcher.is_inexact());
    assert_eq!(judged("REPOID 8", &readable), Some(false));
    assert_eq!(judged("WHERE args.0 = 8", &readable), Some(false));
    // A body that is cut off cannot be read, so the texts count.
    assert_eq!(judged("REPOID 8", &body(r#"[[7], {"repoid": 7}, {}"#)), Some(true));
}

#[test]
fn without_inexact_the_texts_are_not_used() {
    let message = closed("(7,)", "{'repoid': 7}");
    for words in ["REPOID 7", "REPOID 8", "WHERE args.0 = 7", "WHERE kwargs.none MISSING"] {
        let mut exact = Matcher::new(&filter(words));
        let verdict = exact.examine(message.as_bytes());
        assert!(verdict.unreadable && !exact.is_inexact(), "{words}");
    }
    let mut projection = Projection::new(&[b"repoid"]).expect("a field");
    assert_eq!(projection.row(message.as_bytes())[0].1, Reply::Null);
    // A condition that needs no body does not use the texts.
    let mut matcher = matcher("TASK t");
    assert!(matcher.examine(message.as_bytes()).matched && !matcher.is_inexact());
}

#[test]
fn no_state_is_kept_between_messages() {
    let mut matcher = matcher("REPOID 7");
    let all = [
        (closed("()", "{'repoid': 7}"), Some(true), true),
        (closed("()", "{}"), Some(false), false),
        (closed("()", "{'repoid': 8}"), Some(false), false),
        (closed("()", "{'repoid': 7, ...}"), None, false),
        (plain(r#"[[], {"repoid": 7}, {}]"#, r#""task": "t""#), Some(true), false),
        (plain("no JSON", r#""task": "t""#), None, false),
    ];
    for (message, wanted, inexact) in all.iter().chain(all.iter().rev()) {
        let verdict = matcher.examine(message.as_bytes());
        assert_eq!((!verdict.unreadable).then_some(verdict.matched), *wanted, "{message}");
        assert_eq!(matcher.is_inexact(), *inexact, "{message}");
        assert_eq!(matcher.match_notices(message.as_bytes()).inexact, *inexact, "{message}");
    }
}

#[test]
fn groups_and_rows_show_values_of_the_texts() {
    let message = closed("(7,)", "{'repoid': 7, 'commitid': 'a\"\nb', 'pullid': None, 'l': [1]}");
    let message = message.as_bytes();
    let fields: [&[u8]; 4] = [b"kwargs.repoid", b"commitid", b"pullid", b"args.0"];
    let (seven, text) = (Reply::Int(7), Reply::text(b"a\"\nb"));
    let wanted = [seven.clone(), text, Reply::Null, seven];
    let mut projection = Projection::new(&fields).expect("fields").inexact(true);
    let row: Vec<Reply> = projection.row(message).into_iter().map(|(_, value)| value).collect();
    assert_eq!(row, wanted);

    let mut key = Vec::new();
    let mut group = |words: &str, fields: &[&[u8]]| {
        let filter = if words.is_empty() { Filter::all() } else { filter(words) };
        let grouping = Grouping::new(fields).expect("fields");
        let mut matcher = Matcher::of(MessageKind::Celery, &filter, Some(&grouping)).inexact(true);
        assert!(matcher.examine(message).matched);
        let readable = matcher.group_key(message, &mut key);
        let values: Vec<Reply> = group_values(&key).map(Reply::from).collect();
        (readable, matcher.is_inexact(), values)
    };
    assert_eq!(group("", &fields), (true, true, wanted.to_vec()));
    assert_eq!(group("TASK t", &[b"task"]), (true, false, vec![Reply::text(b"t")]));
    assert_eq!(group("REPOID 7", &[b"task"]), (true, true, vec![Reply::text(b"t")]));
    let mixed = vec![Reply::Int(7), Reply::Null];
    assert_eq!(group("", &[b"repoid", b"kwargs.l"]), (false, true, mixed));
    assert_eq!(group("", &[b"kwargs.l"]), (false, false, vec![Reply::Null]));
}

#[test]
fn read_texts_count_as_decoded() {
    let kwargs = format!("{{'repoid': 7, 'text': '{}'}}", "x".repeat(3_000));
    let message = closed("()", &kwargs);
    let mut matcher = matcher("REPOID 7");
    assert!(matcher.examine(message.as_bytes()).matched);
    assert_eq!(matcher.decoded(), kwargs.len(), "only the text that is asked for");
    assert!(matcher.work() >= kwargs.len(), "what is decoded is work");
    matcher.match_notices(message.as_bytes());
    assert_eq!(matcher.decoded(), kwargs.len());
}

#[test]
fn a_match_that_needs_no_text_is_not_inexact() {
    let message = br#"{"body": "?", "content-type": "application/x-yaml", "headers": {"task": "t", "id": "1", "kwargsrepr": "{'x': 7}"}, "properties": {}}"#;
    for (words, exact, inexact) in [
        ("WHERE task = t OR kwargs.x = 8", true, false),
        ("WHERE task = t OR kwargs.x = 7", true, false),
        ("WHERE task = u OR kwargs.x = 7", false, true),
        ("WHERE task = u OR kwargs.x = 8", false, false),
    ] {
        let mut by_text = Matcher::new(&filter(words)).inexact(true);
        assert_eq!(examine(words, message).matched, exact, "{words}");
        assert_eq!(by_text.examine(message).matched, exact || inexact, "{words}");
        assert_eq!(by_text.is_inexact(), inexact, "{words}");
    }
}
