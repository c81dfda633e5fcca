use super::*;
use crate::kind::MessageKind;

const YES: Verdict = Verdict {
    matched: true,
    undecodable: false,
    unreadable: false,
    uncompared: false,
    missing: false,
    kept: false,
};
const NO: Verdict = Verdict {
    matched: false,
    undecodable: false,
    unreadable: false,
    uncompared: false,
    missing: false,
    kept: false,
};
const UNKNOWN: Verdict = Verdict {
    matched: false,
    undecodable: false,
    unreadable: true,
    uncompared: false,
    missing: false,
    kept: false,
};
/// The verdict if the body was read and the operator cannot compare a value in it.
const UNCOMPARED: Verdict = Verdict { uncompared: true, ..UNKNOWN };

/// Returns a message in which kwargs.x is `value`, or is absent.
fn with(value: Option<&str>) -> String {
    let kwargs = value.map_or_else(|| "{}".into(), |value| format!("{{\"x\": {value}}}"));
    plain(&format!("[[], {kwargs}, {{}}]"), r#""task": "t""#)
}

/// Returns a message whose body cannot be read.
fn closed() -> String {
    with(None).replace("application/json", "application/x-yaml")
}

/// A message with this pickled body, in base64.
fn pickled(body: &str) -> String {
    format!(
        r#"{{"body": "{body}", "content-type": "application/x-python-serialize", "headers": {{"task": "t"}}, "properties": {{"body_encoding": "base64"}}}}"#
    )
}

#[test]
fn true_false_or_unknown() {
    // Each row has a condition on kwargs.x, the values for which it is true, and the values for which it is
    // unknown. For all other values it is false. If the body cannot be read, every condition is unknown.
    let everything = [
        "1",
        "0",
        "-1",
        "1.0",
        "1e0",
        "true",
        "false",
        "\"\"",
        "\"1\"",
        "\"01\"",
        "\"1.0\"",
        "\"true\"",
        "\"True\"",
        "\"a\"",
        "\"A\"",
        "[]",
        "[1]",
        "[1, [2]]",
        "{}",
        "{\"x\": 1}",
        "NaN",
        "Infinity",
        r#""\ud800""#,
        "18446744073709551617",
        "9007199254740993",
        "9007199254740992",
        "2.5",
    ];
    let compounds = ["[]", "[1]", "[1, [2]]", "{}", "{\"x\": 1}", r#""\ud800""#];
    let texts = ["\"\"", "\"true\"", "\"True\"", "\"a\"", "\"A\"", "NaN", "Infinity"];
    let numbers =
        ["1", "0", "-1", "1.0", "1e0", "18446744073709551617", "9007199254740993", "9007199254740992", "2.5"];
    let no_number = [&compounds[..], &texts[..], &["true", "false"]].concat();
    let no_text = [&compounds[..], &numbers[..], &["true", "false"]].concat();
    let no_array: Vec<&str> = everything.into_iter().filter(|value| !value.starts_with('[')).collect();
    let one = ["1", "1.0", "1e0", "\"1\"", "\"01\""];
    let table: &[(&str, &[&str], &[&str])] = &[
        ("= 1", &one, &compounds),
        ("= 01", &one, &compounds),
        ("= 1e0", &one, &compounds),
        ("= 1.0", &["1", "1.0", "1e0", "\"1\"", "\"01\"", "\"1.0\""], &compounds),
        ("= \"1.0\"", &["\"1.0\""], &compounds),
        ("= 0", &["0"], &compounds),
        ("= -1", &["-1"], &compounds),
        ("= 2.50", &["2.5"], &compounds),
        ("= true", &["true", "\"true\""], &compounds),
        ("= True", &["true", "\"true\"", "\"True\""], &compounds),
        ("= \"True\"", &["\"True\""], &compounds),
        ("= false", &["false"], &compounds),
        ("= \"\"", &["\"\""], &compounds),
        ("= a", &["\"a\""], &compounds),
        ("= NaN", &["NaN"], &compounds),
        ("= 18446744073709551617", &["18446744073709551617"], &compounds),
        ("= 9007199254740993", &["9007199254740993"], &compounds),
        ("= [1]", &["[1]"], &[&["{}", "{\"x\": 1}", "true", "false", r#""\ud800""#], &numbers[..]].concat()),
        (
            "= [1,[2.0]]",
            &["[1, [2]]"],
            &[&["{}", "{\"x\": 1}", "true", "false", r#""\ud800""#], &numbers[..]].concat(),
        ),
        (
            "= {\"x\":1}",
            &["{\"x\": 1}"],
            &[&["[]", "[1]", "[1, [2]]", "{}", "true", "false", r#""\ud800""#], &numbers[..]].concat(),
        ),
        (
            "IN 3 1 a 9007199254740992",
            &["1", "1.0", "1e0", "\"1\"", "\"01\"", "\"a\"", "9007199254740992"],
            &compounds,
        ),
        ("IN 2 true 2.50", &["true", "\"true\"", "2.5"], &compounds),
        ("IN 1 1.0", &["1", "1.0", "1e0", "\"1\"", "\"01\"", "\"1.0\""], &compounds),
        ("> 9007199254740992", &["9007199254740993", "18446744073709551617"], &no_number),
        (">= 2.50", &["2.5", "9007199254740993", "9007199254740992", "18446744073709551617"], &no_number),
        ("< 1", &["0", "-1"], &no_number),
        ("<= 1", &["0", "-1", "1", "1.0", "1e0", "\"1\"", "\"01\"", "\"1.0\""], &no_number),
        ("GLOB *", &[&["\"1\"", "\"01\"", "\"1.0\""], &texts[..]].concat(), &no_text),
        ("GLOB [a-z]", &["\"a\""], &no_text),
        ("GLOB ?", &["\"1\"", "\"a\"", "\"A\""], &no_text),
        ("CONTAINS 1", &["[1]", "[1, [2]]"], &no_array),
        ("CONTAINS 2", &[], &[&["[1, [2]]"], &no_array[..]].concat()),
    ];
    for (test, yes, unknown) in table {
        let words = format!("WHERE kwargs.x {test}");
        let wanted = |value: &str| match (yes.contains(&value), unknown.contains(&value)) {
            (true, _) => YES,
            (_, true) => UNCOMPARED,
            _ => NO,
        };
        for value in everything {
            assert_eq!(examine(&words, with(Some(value)).as_bytes()), wanted(value), "{words} on {value}");
        }
        for absent in [with(None), with(Some("null"))] {
            assert_eq!(examine(&words, absent.as_bytes()), NO, "{words} on nothing");
        }
        assert_eq!(examine(&words, closed().as_bytes()), UNKNOWN, "{words}");
        if let Some(operand) = test.strip_prefix("= ") {
            let words = format!("WHERE kwargs.x != {operand}");
            for value in everything {
                let opposite = match wanted(value) {
                    YES => NO,
                    NO => YES,
                    unknown => unknown,
                };
                assert_eq!(examine(&words, with(Some(value)).as_bytes()), opposite, "{words} on {value}");
            }
            assert_eq!(examine(&words, with(Some("null")).as_bytes()), NO);
            assert_eq!(examine(&words, with(None).as_bytes()), NO);
            assert_eq!(examine(&words, closed().as_bytes()), UNKNOWN);
        }
    }
    for value in everything {
        assert_eq!(examine("WHERE kwargs.x EXISTS", with(Some(value)).as_bytes()), YES);
        assert_eq!(examine("WHERE kwargs.x MISSING", with(Some(value)).as_bytes()), NO);
    }
    for absent in [with(None), with(Some("null"))] {
        assert_eq!(examine("WHERE kwargs.x EXISTS", absent.as_bytes()), NO);
        assert_eq!(examine("WHERE kwargs.x MISSING", absent.as_bytes()), YES);
    }
    assert_eq!(examine("WHERE kwargs.x EXISTS", closed().as_bytes()), UNKNOWN);
    assert_eq!(examine("WHERE kwargs.x MISSING", closed().as_bytes()), UNKNOWN);
}

/// Returns the cells of the table in docs/filter.md, row by row.
fn documented() -> Vec<Vec<&'static str>> {
    let page = include_str!("../../../../docs/filter.md");
    let from = page.find("| `kwargs.x` in the message |").expect("the table");
    let rows = page[from..].lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn the_table_of_the_documentation_is_true() {
    let rows = documented();
    let (head, rows) = rows.split_first().expect("a head");
    assert_eq!(
        (head.len(), rows.len()),
        (9, 21),
        "a line below the head, thirteen kinds of values, an object of a class that is not read and what is inside it, \
         absent values, a closed body, three texts of a sender"
    );
    for row in &rows[1..] {
        let shown = row[0].strip_prefix("the same, and `kwargsrepr` is ");
        let messages: Vec<String> = match row[0] {
            _ if shown.is_some() => {
                let header = format!(r#""kwargsrepr": "{}""#, shown.unwrap_or_default().trim_matches('`'));
                let message = closed().replace("\"headers\": {", &format!("\"headers\": {{{header}, "));
                assert_eq!(examine("WHERE kwargs.x = 7", message.as_bytes()), UNKNOWN, "without INEXACT");
                vec![message]
            }
            "the body cannot be read" => vec![closed()],
            // The keyword argument x is an object; all keyword arguments are one.
            "in a pickled body, an object of a class that is not read" => {
                vec![pickled("gAQpfYwBeGNhcHAKTQopgXN9hy4=")]
            }
            "something inside such an object" => vec![pickled("gAQpY2FwcApNCimBfYcu")],
            "`null`, absent" => vec![with(Some("null")), with(None)],
            values => values.split("`, `").map(|value| with(Some(value.trim_matches('`')))).collect(),
        };
        for (test, wanted) in head.iter().zip(row).skip(1) {
            let words = format!("WHERE kwargs.x {}", test.trim_matches('`'));
            let wanted = match wanted.trim_matches('*') {
                "true" => YES,
                "false" => NO,
                "unknown"
                    if row[0].contains("cannot be read")
                        || row[0].contains("inside")
                        || shown.is_some_and(|shown| shown.contains("...")) =>
                {
                    UNKNOWN
                }
                "unknown" => UNCOMPARED,
                other => {
                    assert_eq!(other, "true, false or unknown", "in the row of {}", row[0]);
                    continue;
                }
            };
            for message in &messages {
                let verdict = Matcher::new(&filter(&words)).inexact(true).examine(message.as_bytes());
                assert_eq!(verdict, wanted, "{words} on {message}");
            }
        }
    }
}

#[test]
fn ten_thousand_values_of_in_are_all_compared() {
    let all: Vec<String> = (1..=10_000_u64)
        .map(|n| match n % 2 {
            0 => (n * 1_000_003).to_string(),
            _ => format!("{:08x}-0000-4000-8000-{n:012x}", n * 2_654_435),
        })
        .collect();
    let mut words: Vec<&[u8]> = vec![b"WHERE", b"kwargs.x", b"IN", b"10000"];
    words.extend(all.iter().map(String::as_bytes));
    let mut matcher = Matcher::new(&parse(&words).expect("as many as there may be"));
    for value in &all {
        let number = value.bytes().all(|b| b.is_ascii_digit());
        let (same, other) = if number {
            (format!("[[], {{\"x\": {value}}}, {{}}]"), format!("[[], {{\"x\": {value}1}}, {{}}]"))
        } else {
            (format!("[[], {{\"x\": \"{value}\"}}, {{}}]"), format!("[[], {{\"x\": \"{value}0\"}}, {{}}]"))
        };
        assert_eq!(matcher.examine(plain(&same, r#""task": "t""#).as_bytes()), YES, "{same}");
        assert_eq!(matcher.examine(plain(&other, r#""task": "t""#).as_bytes()), NO, "{other}");
    }
}

#[test]
fn one_false_condition_decides_whatever_is_unknown() {
    let closed = closed();
    assert_eq!(examine("TASK t REPOID 1", closed.as_bytes()), UNKNOWN);
    assert_eq!(examine("TASK u REPOID 1", closed.as_bytes()), NO);
    assert_eq!(examine("TASK t WHERE bytes > 100000 REPOID 1", closed.as_bytes()), NO);
    assert_eq!(examine("TASK t", closed.as_bytes()), YES);
}

#[test]
fn task_and_commitid_are_text_whatever_they_look_like() {
    let message = plain(r#"[[], {"commitid": "7"}, {}]"#, r#""task": "7""#);
    assert_eq!(examine("TASK 7 COMMITID 7", message.as_bytes()), YES);
    assert_eq!(examine("TASK 07", message.as_bytes()), NO);
    assert_eq!(examine("COMMITID 07", message.as_bytes()), NO);
    assert_eq!(examine("WHERE task = 07 WHERE kwargs.commitid = 07", message.as_bytes()), YES);
    let message = plain(r#"[[], {"commitid": 7}, {}]"#, r#""task": 7"#);
    assert_eq!(examine("TASK 7", message.as_bytes()), NO);
    assert_eq!(examine("COMMITID 7", message.as_bytes()), NO);
}

#[test]
fn bodies_that_cannot_be_read() {
    let body = |body: &str, content_type: &str, headers: &str, encoding: &str| {
        format!(
            r#"{{"body": {body}, "content-type": {content_type}, "headers": {{"task": "t"{headers}}}, "properties": {{"body_encoding": {encoding}}}}}"#
        )
    };
    let (good, json) = (r#""W1tdLCB7IngiOiAxfSwge31d""#, "\"application/json\"");
    let open = |message: String| examine("WHERE kwargs.x = 1", message.as_bytes());
    assert_eq!(open(body(good, json, "", "\"base64\"")), YES);
    assert_eq!(open(body(r#""\u00571tdLCB7IngiOiAxfSwge31d""#, json, "", "\"base64\"")), YES);
    assert_eq!(open(body(good, r#""application\/json""#, r#", "compression": null"#, "\"base64\"")), YES);
    assert_eq!(open(body(r#""[[], {\"x\": 1}, {}]""#, json, "", "null")), YES);
    assert_eq!(open(body(r#""[[], {\"x\": 1}, {}]""#, json, "", "\"UTF-8\"")), YES);
    // A float that only Python's JSON can write does not make the body unreadable.
    assert_eq!(open(body(r#""[[NaN], {\"x\": 1}, {}]""#, json, "", "null")), YES);
    for broken in [
        // The body can be read, but a worker finds no arguments in it.
        body(r#""{\"x\": 1}""#, json, "", "null"),
        body(good, "\"application/x-python-serialize\"", "", "\"base64\""),
        body(good, "null", "", "\"base64\""),
        body(good, json, r#", "compression": "application/x-gzip""#, "\"base64\""),
        body(good, json, "", "\"rot13\""),
        body(good, json, "", "null"),
        body("\"W1tdLCB7IngiOiAxfSwge31\"", json, "", "\"base64\""),
        body("\"W1tdLCB7IngiOiAxfSwge31!\"", json, "", "\"base64\""),
        body("\"W1tdLCB7IngiOiAxfSwge30=\"", json, "", "\"base64\""),
        // The body is the bytes ["\xff"]. Workers refuse a decoded body that is not UTF-8.
        body("\"WyL/Il0=\"", json, "", "\"base64\""),
        body("[]", json, "", "null"),
        body("\"\"", json, "", "null"),
        body("null", json, "", "null"),
    ] {
        assert_eq!(open(broken.clone()), UNKNOWN, "{broken}");
    }
    assert_eq!(open(r#"{"headers": {"task": "t"}, "content-type": "application/json"}"#.into()), UNKNOWN);
}

#[test]
fn undecodable_elements_match_what_asks_for_them_only() {
    let undecodable = Verdict { matched: false, undecodable: true, ..Verdict::default() };
    for element in [
        &b""[..],
        b"x",
        b"[]",
        b"\"a\"",
        b"null",
        b"{",
        b"{}x",
        b"{\"headers\": {\"task\": \"t\"}",
        b"\xff{}",
    ] {
        for no in [
            "TASK t",
            "REPOID 1",
            "WHERE task MISSING",
            "WHERE task != x",
            "WHERE undecodable = 0",
            "WHERE bytes > 1000",
            "WHERE undecodable = 1 WHERE task MISSING",
            "WHERE undecodable MISSING",
        ] {
            assert_eq!(examine(no, element), undecodable, "{no}");
        }
        for yes in [
            "WHERE undecodable = 1",
            "WHERE undecodable > 0",
            "WHERE bytes < 1000",
            "WHERE undecodable EXISTS",
        ] {
            assert_eq!(examine(yes, element), Verdict { matched: true, ..undecodable }, "{yes}");
        }
    }
    for element in [&b"{}"[..], b" {} ", b"{\"a\": \"\xff\"}", b"{\"a\": NaN}"] {
        assert_eq!(examine("WHERE undecodable = 1", element), NO);
        assert_eq!(examine("WHERE headers.origin MISSING", element), YES);
        // The message has neither protocol. The task could only be in a body, and there is none.
        assert_eq!(examine("WHERE task MISSING", element), UNKNOWN);
    }
}

#[test]
fn redelivered_is_read_from_several_places() {
    let message = |headers: &str, properties: &str| {
        format!(r#"{{"headers": {{"task": "t"{headers}}}, "properties": {{{properties}}}}}"#)
    };
    for yes in [
        message(r#", "redelivered": true"#, ""),
        message("", r#""delivery_info": {"redelivered": true}"#),
        message("", r#""redelivered": 1"#),
        message(r#", "redelivered": null"#, r#""redelivered": true"#),
    ] {
        assert_eq!(examine("WHERE redelivered = 1", yes.as_bytes()), YES, "{yes}");
        assert_eq!(examine("WHERE redelivered = 0", yes.as_bytes()), NO);
    }
    assert_eq!(examine("WHERE redelivered = 0", message(r#", "redelivered": false"#, "").as_bytes()), YES);
    assert_eq!(examine("WHERE redelivered = 0", message("", "").as_bytes()), NO);
    assert_eq!(examine("WHERE redelivered MISSING", message("", "").as_bytes()), YES);
}

#[test]
fn times_compare_as_moments() {
    let message = |eta: &str| plain("[[], {}, {}]", &format!(r#""task": "t", "eta": {eta}"#));
    let at = |words: &str, eta: &str| examine(words, message(eta).as_bytes());
    for eta in [
        "\"2024-03-01T01:00:00+00:00\"",
        "\"2024-02-29T20:00:00-05:00\"",
        "1709254800",
        "1709254800.0",
        "1709254800000",
        "\"1709254800\"",
        "\"2024-03-01 01:00:00\"",
    ] {
        assert_eq!(at("WHERE eta = now+1h", eta), YES, "{eta}");
        assert_eq!(at("WHERE eta IN 2 now now+1h", eta), YES, "{eta}");
        assert_eq!(at("WHERE eta > now+59m", eta), YES, "{eta}");
        assert_eq!(at("WHERE eta <= now+59m", eta), NO, "{eta}");
        assert_eq!(at("WHERE eta != now+1h", eta), NO, "{eta}");
    }
    for odd in ["\"soon\"", "true", "[]", "1e99", "\"now\""] {
        assert_eq!(at("WHERE eta = now", odd), UNCOMPARED, "{odd}");
        assert_eq!(at("WHERE eta < now+1000d", odd), UNCOMPARED, "{odd}");
        assert_eq!(at("WHERE eta != now", odd), UNCOMPARED, "{odd}");
    }
    assert_eq!(at("WHERE eta != now", "null"), NO);
}

#[test]
fn a_huge_message_costs_no_stack() {
    let deep =
        format!(r#"{{"headers": {{"task": "t", "x": {}1{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(examine("TASK t", deep.as_bytes()), YES);
    let inside = plain(
        &format!("[[], {{\"x\": {}1{}}}, {{}}]", "[".repeat(100_000), "]".repeat(100_000)),
        r#""task": "t""#,
    );
    assert_eq!(examine("WHERE kwargs.x.0.0 EXISTS", inside.as_bytes()), YES);
}

#[test]
fn base64_is_what_python_decodes_whichever_engine_reads_it() {
    let open = |body: &str| {
        let message = plain("", r#""task": "t""#)
            .replace(r#""body": """#, &format!("\"body\": \"{body}\""))
            .replace(r#""priority": 0"#, r#""body_encoding": "base64""#);
        examine("WHERE kwargs.x = 1", message.as_bytes())
    };
    assert_eq!(open("W1tdLCB7IngiOiAxfSwge31d"), YES);
    // Bits that belong to no byte, line breaks and other characters are ignored. Text without padding is not
    // read.
    assert_eq!(open("W1tdLCB7IngiOiAxfSwge31dIA=="), YES);
    assert_eq!(open("W1tdLCB7IngiOiAxfSwge31dIB=="), YES);
    assert_eq!(open("W1tdLCB7IngiOiAxfSwge31dIA"), UNKNOWN);
    assert_eq!(open("W1tdLCB7IngiOiAx\\nfSwge31d"), YES);
    assert_eq!(open("W1tdLCB7IngiOiAx-fSwge31d"), YES);
    assert_eq!(open("W1tdLCB7IngiOiAx-Swge31d"), UNKNOWN);
}

#[test]
fn a_text_that_is_no_sequence_of_characters_is_neither_equal_nor_different() {
    let long = [&b"a task with more than sixteen bytes "[..], b"\xbb"].concat();
    for class in [&b"Plain\xbbJob"[..], b"\xbb", b"b\\ud800", b"PlainJob\xff", &long] {
        let message = [&br#"{"class":""#[..], class, br#"","args":[],"jid":"j","queue":"q"}"#].concat();
        let ask = |words: &str| Matcher::of(MessageKind::Sidekiq, &filter(words), None).examine(&message);
        for words in [
            "TASK PlainJob",
            "WHERE task = PlainJob",
            "WHERE task != PlainJob",
            "WHERE task = Other",
            "WHERE task != Other",
            "WHERE task IN 2 PlainJob Other",
            "WHERE task GLOB P*",
            "WHERE task != Plain\u{fffd}Job",
            "WHERE task != \u{fffd}",
        ] {
            let verdict = ask(words);
            let says = || format!("{words} of {:?}", String::from_utf8_lossy(class));
            assert!(!verdict.matched && verdict.unreadable, "{}", says());
        }
        assert!(ask("WHERE task EXISTS").matched);
    }
}
