use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

/// Returns the JSON of a serialized object, and the opaque parts of it.
fn read(text: impl AsRef<[u8]>) -> Option<(String, Vec<String>)> {
    let (mut json, mut opaque) = (b"left over".to_vec(), Vec::from([1..2, 3..4]));
    let is_read = Unserializer::default().json_of_object(text.as_ref(), &mut json, &mut opaque);
    assert!(is_read || opaque.is_empty());
    assert!(opaque.windows(2).all(|pair| pair[0].end <= pair[1].start), "in ascending order");
    is_read.then(|| {
        let text = String::from_utf8(json).expect("text");
        let parts = opaque.iter().map(|part| text[part.clone()].to_owned()).collect();
        (text, parts)
    })
}

/// Returns the JSON of a value that is the only property of an object.
fn value(serialized: &str) -> Option<String> {
    let (json, _) = read(format!(r#"O:1:"J":1:{{s:1:"v";{serialized}}}"#))?;
    Some(json.strip_prefix(r#"{"command":{"v":"#)?.strip_suffix("}}")?.to_owned())
}

fn parsed(json: &str) -> Json {
    serde_json::from_str(json).expect("JSON")
}

/// Values with what PHP says of them: see `tests/php/record_values.php`.
#[test]
fn what_php_serialized_is_read_as_php_has_it() {
    let mut objects = 0;
    for line in include_str!("recorded.jsonl").lines() {
        let recorded = parsed(line);
        let serialized = recorded["serialized"].as_str().expect("a text");
        let (json, opaque) = read(serialized).expect(serialized);
        assert_eq!(parsed(&json)["command"], recorded["properties"], "{serialized}");
        assert!(opaque.is_empty(), "{serialized}");
        objects += 1;
    }
    assert_eq!(objects, 300);
}

#[test]
fn every_kind_of_value_is_read() {
    for (serialized, json) in [
        ("N;", "null"),
        ("b:1;", "true"),
        ("b:0;", "false"),
        ("i:-9223372036854775808;", "-9223372036854775808"),
        ("i:+7;", "7"),
        ("d:0.1;", "0.1"),
        ("d:0.10000000000000001;", "0.1"),
        ("d:1.0E+25;", "1e+25"),
        ("d:-.5;", "-0.5"),
        ("d:5;", "5.0"),
        ("d:INF;", "Infinity"),
        ("d:-INF;", "-Infinity"),
        ("d:NAN;", "NaN"),
        (r#"s:3:"a"b";"#, r#""a\"b""#),
        ("s:2:\"\u{e9}\";", "\"\u{e9}\""),
        ("s:1:\"\0\";", r#""\u0000""#),
        (r#"S:3:"\41b\7a";"#, r#""Abz""#),
        (r#"S:2:"\c3\a9";"#, "\"\u{e9}\""),
        ("a:0:{}", "[]"),
        ("a:2:{i:0;i:5;i:1;N;}", "[5,null]"),
        ("a:2:{i:1;i:5;i:0;N;}", r#"{"1":5,"0":null}"#),
        (r#"a:1:{s:1:"k";a:1:{i:0;b:1;}}"#, r#"{"k":[true]}"#),
        (r#"O:8:"stdClass":0:{}"#, r#"{"__class__":"stdClass"}"#),
        (r#"O:3:"A\B":1:{s:1:"x";i:1;}"#, r#"{"__class__":"A\\B","x":1}"#),
        (r#"E:8:"A\B:Case";"#, r#"{"__enum__":"A\\B","case":"Case"}"#),
    ] {
        assert_eq!(value(serialized).as_deref(), Some(json), "{serialized}");
    }
}

#[test]
fn properties_have_their_bare_names() {
    let (json, opaque) =
        read("O:1:\"J\":3:{s:1:\"a\";i:1;s:4:\"\0*\0b\";i:2;s:4:\"\0J\0c\";i:3;}").expect("an object");
    assert_eq!(json, r#"{"command":{"a":1,"b":2,"c":3}}"#);
    assert!(opaque.is_empty());
    // The key of an array is what it is.
    assert_eq!(value("a:1:{s:4:\"\0*\0b\";i:2;}").as_deref(), Some("{\"\\u0000*\\u0000b\":2}"));
    assert_eq!(value("O:1:\"X\":1:{s:2:\"\0b\";i:2;}"), None, "a name without its second NUL");
}

#[test]
fn of_two_properties_with_one_name_nothing_is_known() {
    let twins = "O:1:\"J\":3:{s:4:\"\0J\0x\";i:1;s:4:\"\0P\0x\";i:2;s:1:\"y\";i:3;}";
    let unknown = r#"{"__class__":""}"#;
    let (json, opaque) = read(twins).expect("an object");
    assert_eq!(json, format!(r#"{{"command":{{"x":{unknown},"x":{unknown},"y":3}}}}"#));
    assert_eq!(opaque, [unknown, unknown]);
    // A property with the name under which the class is written.
    let (_, opaque) = read(r#"O:1:"J":1:{s:1:"v";O:1:"A":1:{s:9:"__class__";i:1;}}"#).expect("an object");
    assert_eq!(opaque, [unknown]);
    assert!(read(r#"O:1:"J":1:{s:9:"__class__";i:1;}"#).expect("an object").1.is_empty());
    assert_eq!(value(r#"a:2:{s:1:"x";i:1;s:1:"x";i:2;}"#), None, "PHP writes no such array");
    assert_eq!(value(r#"a:2:{s:1:"5";i:1;i:5;i:2;}"#), None);
}

#[test]
fn references_are_the_value_that_php_numbered() {
    // 1 the job, 2 the list, 3 the object, 4 its property, 5 the reference itself, 6 the last one.
    let shared = r#"O:1:"J":2:{s:1:"l";a:2:{i:0;O:1:"A":1:{s:1:"x";i:7;}i:1;r:3;}s:1:"n";R:4;}"#;
    let (json, opaque) = read(shared).expect("an object");
    let a = r#"{"__class__":"A","x":7}"#;
    assert_eq!(json, format!(r#"{{"command":{{"l":[{a},{a}],"n":7}}}}"#));
    assert!(opaque.is_empty());
    for refused in ["r:1", "r:4;", "r:0;", "r:-1;", "R:9;", "R:0;"] {
        let text = format!(r#"O:1:"J":2:{{s:1:"a";i:1;s:1:"b";{refused}}}"#);
        assert_eq!(read(&text), None, "{refused}: out of range, itself, or no object");
    }
    assert_eq!(read(r#"O:1:"J":2:{s:1:"a";i:1;s:1:"b";r:2;}"#), None, "r: is for objects only");
}

#[test]
fn a_reference_to_what_contains_it_is_opaque() {
    let (json, opaque) = read(r#"O:1:"J":1:{s:2:"me";r:1;}"#).expect("an object");
    assert_eq!(json, r#"{"command":{"me":{"__class__":"J"}}}"#);
    assert_eq!(opaque, [r#"{"__class__":"J"}"#]);
    // The second one meets itself inside of a value that is written again.
    let pair = r#"O:1:"J":2:{s:1:"a";O:1:"A":1:{s:1:"b";O:1:"B":1:{s:1:"a";r:2;}}s:1:"c";r:3;}"#;
    let (json, opaque) = read(pair).expect("an object");
    let b = r#"{"__class__":"B","a":{"__class__":"A"}}"#;
    let other = r#"{"__class__":"B","a":{"__class__":"A","b":{"__class__":"B"}}}"#;
    assert_eq!(json, format!(r#"{{"command":{{"a":{{"__class__":"A","b":{b}}},"c":{other}}}}}"#));
    assert_eq!(opaque, [r#"{"__class__":"A"}"#, r#"{"__class__":"B"}"#]);
    let array = r#"O:1:"J":1:{s:1:"a";a:1:{i:0;R:2;}}"#;
    assert_eq!(read(array).expect("an object").1, [r#"{"__class__":"array"}"#]);
}

#[test]
fn an_object_in_its_own_format_is_opaque_and_so_are_references_after_it() {
    let text = r#"O:1:"J":4:{s:1:"a";O:1:"A":0:{}s:1:"c";C:3:"C\D":5:{s:1:"}s:1:"b";r:2;s:1:"d";r:4;}"#;
    let (json, opaque) = read(text).expect("an object");
    let custom = r#"{"__class__":"C\\D"}"#;
    assert_eq!(
        json,
        format!(
            r#"{{"command":{{"a":{{"__class__":"A"}},"c":{custom},"b":{{"__class__":"A"}},"d":{{"__class__":""}}}}}}"#
        )
    );
    assert_eq!(opaque, [custom, r#"{"__class__":""}"#]);
    assert_eq!(read(r#"C:1:"J":0:{}"#), None, "of such a job nothing would be known");
}

#[test]
fn what_breaks_the_format_is_not_read() {
    let whole = r#"O:1:"J":2:{s:1:"a";a:1:{i:0;d:0.5;}s:1:"b";s:2:"xy";}"#;
    assert!(read(whole).is_some());
    assert!(read(format!("{whole} more")).is_some(), "PHP ignores what follows");
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end]), None, "cut off: {}", &whole[..end]);
    }
    for text in
        ["", "N;", "i:5;", "a:0:{}", "s:1:\"x\";", "O:1:\"J\":-1:{}", "O:+1:\"J\":0:{}", "o:1:\"J\":0:{}"]
    {
        assert_eq!(read(text), None, "{text}");
    }
    for serialized in [
        "b:2;",
        "i:9223372036854775808;",
        "i:;",
        "i:1.5;",
        "d:;",
        "d:nan;",
        "d:0x1;",
        "d:inf;",
        "s:1:\"\u{e9}\";",
        "s:3:\"xy\";",
        "s:1:\"xy\";",
        "s:99999999999:\"x\";",
        "s:18446744073709551615:\"x\";",
        r#"S:1:"\4";"#,
        r#"S:1:"\zz";"#,
        r#"S:1:"\ff";"#,
        "a:1:{}",
        "a:0:{i:0;N;}",
        "a:4294967295:{}",
        "a:1:{N;N;}",
        "a:1:{d:1;N;}",
        "a:1:{R:1;N;}",
        "a:1:{a:0:{}N;}",
        "E:3:\"Foo\";",
        r#"C:1:"A":9:{}"#,
        "N",
        "x:1;",
        "}",
    ] {
        assert_eq!(value(serialized), None, "{serialized}");
    }
}

#[test]
fn what_describes_too_much_is_not_read() {
    // Ten references to a list of ten references to a list ... 10^9 values from less than a kilobyte.
    let mut text = String::from(
        r#"O:1:"J":9:{s:2:"p0";a:10:{i:0;i:1;i:1;i:1;i:2;i:1;i:3;i:1;i:4;i:1;i:5;i:1;i:6;i:1;i:7;i:1;i:8;i:1;i:9;i:1;}"#,
    );
    let mut list = 2;
    for level in 1..9 {
        text += &format!("s:2:\"p{level}\";a:10:{{");
        (0..10).for_each(|at| text += &format!("i:{at};R:{list};"));
        text += "}";
        // The first list had ten numbered items; those of the others have no numbers.
        list += if level == 1 { 11 } else { 1 };
    }
    text += "}";
    assert_eq!(read(&text), None, "too many values");
    let nested = |depth: usize| value(&("a:1:{i:0;".repeat(depth) + "N;" + &"}".repeat(depth))).is_some();
    assert!(nested(DEPTH_MAX - 1));
    assert!(!nested(DEPTH_MAX));
    assert!(!nested(100_000));
    let many = |count: usize| {
        let items: String = (0..count).map(|at| format!("i:{at};N;")).collect();
        value(&format!("a:{count}:{{{items}}}")).is_some()
    };
    // The job, the name of its property, the list, and two for each item.
    assert!(many((VALUES_MAX - 3) / 2));
    assert!(!many((VALUES_MAX - 3) / 2 + 1));
    // Fifteen references to 100 KB.
    let long = "x".repeat(100_000);
    let copies: String = (1..16).map(|at| format!("i:{at};R:3;")).collect();
    assert_eq!(value(&format!("a:16:{{i:0;s:100000:\"{long}\";{copies}}}")), None, "too long a text");
    assert!(value(&format!("s:100000:\"{long}\";")).is_some());
}

#[test]
fn buffers_do_not_stay_large() {
    let items: String = (0..30_000).map(|at| format!("i:{at};N;")).collect();
    let mut reader = Unserializer::default();
    let text = format!(r#"O:1:"J":1:{{s:1:"v";a:30000:{{{items}}}}}"#);
    assert!(reader.json_of_object(text.as_bytes(), &mut Vec::new(), &mut Vec::new()));
    assert!(reader.steps() > 60_000 * VALUE_STEPS);
    assert!(reader.nodes.capacity() * size_of::<Node>() <= KEEP);
    assert!(reader.numbered.capacity() * size_of::<u32>() <= KEEP);
}

/// Serializes a JSON value as PHP would, without references.
fn serialized(value: &Json) -> String {
    let entries = |entries: Vec<(Json, &Json)>| -> String {
        entries.iter().map(|(key, value)| serialized(key) + &serialized(value)).collect()
    };
    match value {
        Json::Null => "N;".into(),
        Json::Bool(is) => format!("b:{};", u8::from(*is)),
        Json::Number(number) if number.is_i64() => format!("i:{number};"),
        Json::Number(number) => format!("d:{number};"),
        Json::String(text) => format!("s:{}:\"{text}\";", text.len()),
        Json::Array(items) => {
            let all = items.iter().enumerate().map(|(at, item)| (json!(at), item)).collect();
            format!("a:{}:{{{}}}", items.len(), entries(all))
        }
        Json::Object(members) => {
            let all = members.iter().map(|(name, value)| (json!(name), value)).collect();
            format!("O:8:\"stdClass\":{}:{{{}}}", members.len(), entries(all))
        }
    }
}

/// Adds the class of every object that [`serialized`] writes.
fn with_classes(value: &Json) -> Json {
    match value {
        Json::Array(items) => items.iter().map(with_classes).collect(),
        Json::Object(members) => {
            let all = members.iter().map(|(name, value)| (name.clone(), with_classes(value)));
            Json::Object(all.chain([("__class__".to_owned(), json!("stdClass"))]).collect())
        }
        other => other.clone(),
    }
}

fn values() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        // Eighths, which every reader of JSON has exactly.
        any::<i32>().prop_map(|eighths| Json::from(f64::from(eighths) / 8.0)),
        "\\PC{0,6}".prop_map(Json::from),
        "[\"\\\\;:{}\u{0}-\u{1f}s5]{0,8}".prop_map(Json::from),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(written in values()) {
        let job = json!({ "v": written });
        let (json, opaque) = read(serialized(&job)).expect("an object");
        prop_assert_eq!(&parsed(&json)["command"]["v"], &with_classes(&job["v"]));
        prop_assert!(opaque.is_empty());
    }

    #[test]
    fn bytes_in_any_order_make_valid_json_or_nothing(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("N;"), Just("b:1;"), Just("i:0;"), Just("i:1;"), Just("a:1:{"), Just("a:2:{"), Just("}"),
                Just("O:1:\"J\":1:{"), Just("O:1:\"J\":2:{"), Just("s:1:\"x\";"), Just("s:4:\"\0J\0x\";"), Just("r:1;"),
                Just("R:2;"), Just("r:2;"), Just("R:3;"), Just("C:1:\"C\":2:{N;}"), Just("E:3:\"A:B\";"), Just("d:0.5;"),
            ],
            0..40,
        ),
    ) {
        let text = format!("O:1:\"J\":2:{{{}", parts.concat());
        if let Some((json, opaque)) = read(&text) {
            let whole = parsed(&json);
            prop_assert!(whole["command"].is_object(), "{}", json);
            for part in opaque {
                prop_assert!(parsed(&part)["__class__"].is_string(), "{}", part);
            }
        }
    }
}
