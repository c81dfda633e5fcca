//! Messages whose body cannot be read, judged by what the sender wrote into `argsrepr` and `kwargsrepr`.

use super::*;
use crate::kind::MessageKind;
use crate::reply::Reply;

/// A pickled message with these texts.
fn pickled(args: &str, kwargs: &str) -> String {
    let [args, kwargs] = [args, kwargs].map(|text| serde_json::to_string(text).expect("a string"));
    format!(
        r#"{{"body": "gAR9", "content-type": "application/x-python-serialize", "headers": {{"task": "t", "id": "i",
        "argsrepr": {args}, "kwargsrepr": {kwargs}}}, "properties": {{"body_encoding": "base64"}}}}"#
    )
}

fn matcher(words: &str) -> Matcher {
    Matcher::new(&filter(words)).inexact(true)
}

/// Matches, does not, or unknown.
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
    let message = pickled(
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
        // What is no plain value is not even known to exist, and what is inside it is not looked at.
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

#[test]
fn a_text_that_is_no_whole_one_leaves_all_unknown() {
    for (args, kwargs) in [
        ("(7, ...)", "{'repoid': 7, ...}"),
        ("(7, 'a...')", "{'repoid': 7, 'text': 'xxx...'}"),
        ("(7, b'a')", "{'repoid': 7, 'data': b'a'}"),
        ("(7, <Repo 8>)", "{'repoid': 7, 'repo': <Repo 8>}"),
        ("", ""),
        ("None", "None"),
        ("[7, 'a']x", "{'repoid': 7, 'repoid': 8}x"),
    ] {
        let message = pickled(args, kwargs);
        for words in
            ["REPOID 7", "REPOID 8", "WHERE kwargs.none MISSING", "WHERE args.0 = 7", "WHERE args.9 MISSING"]
        {
            assert_eq!(judged(words, &message), None, "{words}: {message}");
        }
    }
    // No dict shows a name twice.
    let twice = pickled("()", "{'repoid': 7, 'repoid': 8, 'a': 1}");
    for words in ["REPOID 7", "REPOID 8", "REPOID 9", "REPOID 7 WHERE kwargs.a = 2 WHERE kwargs.b EXISTS"] {
        assert_eq!(judged(words, &twice), None, "{words}");
    }
    let long = pickled("()", &format!("{{'repoid': 7, 'text': '{}'}}", "x".repeat(20_000)));
    assert_eq!(judged("REPOID 7", &long), None, "longer than any that Celery writes");
    for other in [
        pickled("(7,)", "{'repoid': 7}").replace("\"kwargsrepr\"", "\"other\""),
        pickled("(7,)", "{'repoid': 7}").replace("\"{'repoid': 7}\"", "null"),
        pickled("(7,)", "{'repoid': 7}").replace("\"{'repoid': 7}\"", "{\"repoid\": 7}"),
        pickled("(7,)", "{'repoid': 7}").replace("'repoid'", "\\ud800"),
        // Protocol 1 has no such headers.
        pickled("(7,)", "{'repoid': 7}").replace("\"task\"", "\"tusk\""),
    ] {
        assert_eq!(judged("REPOID 7", &other), None, "{other}");
    }
}

#[test]
fn a_body_that_can_be_read_is_the_only_truth() {
    let lies = pickled("(8,)", "{'repoid': 8}").replace("application/x-python-serialize", "application/json");
    let body = |body: &str| {
        use base64::Engine as _;
        lies.replace("gAR9", &base64::engine::general_purpose::STANDARD.encode(body))
    };
    let readable = body(r#"[[7], {"repoid": 7}, {}]"#);
    let mut matcher = matcher("REPOID 7");
    assert!(matcher.examine(readable.as_bytes()).matched && !matcher.is_inexact());
    assert_eq!(judged("REPOID 8", &readable), Some(false));
    assert_eq!(judged("WHERE args.0 = 8", &readable), Some(false));
    // One that is cut off can not.
    assert_eq!(judged("REPOID 8", &body(r#"[[7], {"repoid": 7}, {}"#)), Some(true));
}

#[test]
fn who_does_not_ask_for_it_is_told_nothing() {
    let message = pickled("(7,)", "{'repoid': 7}");
    for words in ["REPOID 7", "REPOID 8", "WHERE args.0 = 7", "WHERE kwargs.none MISSING"] {
        let mut exact = Matcher::new(&filter(words));
        let verdict = exact.examine(message.as_bytes());
        assert!(verdict.unreadable && !exact.is_inexact(), "{words}");
    }
    let mut projection = Projection::new(&[b"repoid"]).expect("a field");
    assert_eq!(projection.row(message.as_bytes())[0].1, Reply::Null);
    // And what needs no body rests on nothing.
    let mut matcher = matcher("TASK t");
    assert!(matcher.examine(message.as_bytes()).matched && !matcher.is_inexact());
}

#[test]
fn nothing_stays_from_one_message_to_the_next() {
    let mut matcher = matcher("REPOID 7");
    let all = [
        (pickled("()", "{'repoid': 7}"), Some(true), true),
        (pickled("()", "{}"), Some(false), false),
        (pickled("()", "{'repoid': 8}"), Some(false), false),
        (pickled("()", "{'repoid': 7, ...}"), None, false),
        (plain(r#"[[], {"repoid": 7}, {}]"#, r#""task": "t""#), Some(true), false),
        (plain("no JSON", r#""task": "t""#), None, false),
    ];
    for (message, wanted, inexact) in all.iter().chain(all.iter().rev()) {
        let verdict = matcher.examine(message.as_bytes());
        assert_eq!((!verdict.unreadable).then_some(verdict.matched), *wanted, "{message}");
        assert_eq!(matcher.is_inexact(), *inexact, "{message}");
        assert_eq!(matcher.concerns(message.as_bytes()).inexact, *inexact, "{message}");
    }
}

#[test]
fn groups_and_rows_show_it() {
    let message = pickled("(7,)", "{'repoid': 7, 'commitid': 'a\"\nb', 'pullid': None, 'l': [1]}");
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
fn what_is_read_counts_as_decoded() {
    let kwargs = format!("{{'repoid': 7, 'text': '{}'}}", "x".repeat(3_000));
    let message = pickled("()", &kwargs);
    let mut matcher = matcher("REPOID 7");
    assert!(matcher.examine(message.as_bytes()).matched);
    assert_eq!(matcher.decoded(), kwargs.len(), "only the text that is asked for");
    assert!(matcher.work() >= kwargs.len(), "what is decoded is work");
    matcher.concerns(message.as_bytes());
    assert_eq!(matcher.decoded(), kwargs.len());
}
