use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// Returns the JSON text of a pickle, and the opaque parts of it.
fn read(pickle: &[u8]) -> Option<(String, Vec<String>)> {
    read_by(&mut Unpickler::default(), pickle)
}

fn read_by(unpickler: &mut Unpickler, pickle: &[u8]) -> Option<(String, Vec<String>)> {
    let (mut json, mut opaque) = (b"left over".to_vec(), Vec::from([1..2, 3..4]));
    let is_read = unpickler.json_of_pickle(pickle, 0, &mut json, &mut opaque);
    assert!(is_read || opaque.is_empty());
    let ends = opaque.iter().map(|opaque| opaque.end);
    assert!(opaque.iter().skip(1).zip(ends).all(|(next, end)| next.start >= end), "in ascending order");
    is_read.then(|| {
        let text = String::from_utf8(json).expect("text");
        let parts = opaque.iter().map(|part| text[part.clone()].to_owned()).collect();
        (text, parts)
    })
}

/// The value of a text. Words that are not JSON become unique strings, and numbers keep their digits.
fn tree(text: &str) -> Vec<u8> {
    let mut compact = Vec::new();
    crate::json::compact(text.as_bytes(), &mut compact, &mut Vec::new());
    compact
}

/// Pickles with the text that kombu's JSON writes for the value of each: see
/// `tests/python/record_pickles.py`. The variable `QADMIN_PICKLES_FILE` names another file of this form.
#[test]
fn every_pickle_becomes_what_kombu_makes_of_its_value() {
    let recorded = match std::env::var_os("QADMIN_PICKLES_FILE") {
        Some(file) => std::fs::read_to_string(file).expect("the file"),
        None => include_str!("recorded.jsonl").into(),
    };
    let mut unpickler = Unpickler::default().learning();
    let (mut known, mut with_opaque, mut refused) = (0, 0, 0);
    for line in recorded.lines() {
        let row: Json = serde_json::from_str(line).expect("JSON");
        let bytes = BASE64_STANDARD.decode(row["pickle"].as_str().expect("text")).expect("base64");
        let wanted = row["json"].as_str();
        let got = read_by(&mut unpickler, &bytes);
        let text = got.as_ref().map(|(text, _)| tree(text));
        assert_eq!(text, wanted.map(tree), "{line} {got:?}");
        // No class of the recorded values is wrapped, so that each of these names an opaque value.
        let opaque = wanted.unwrap_or_default().matches(r#"{"__class__": "#).count();
        assert_eq!(got.as_ref().map_or(0, |(_, parts)| parts.len()), opaque, "{line}");
        for part in got.iter().flat_map(|(_, parts)| parts) {
            assert!(part.starts_with(r#"{"__class__":""#) && part.ends_with("\"}"), "{part}");
        }
        known += usize::from(wanted.is_some() && opaque == 0);
        with_opaque += usize::from(opaque > 0);
        refused += usize::from(wanted.is_none());
        if wanted.is_some() && bytes.ends_with(b".") {
            for len in 0..bytes.len().min(300) {
                assert_eq!(read_by(&mut unpickler, &bytes[..len]), None, "{len} bytes of {line}");
            }
        }
    }
    assert!(known > 300 && with_opaque > 80 && refused > 50, "{known} {with_opaque} {refused}");
}

/// A pickle of a list with what these opcodes push.
fn list(opcodes: &[u8]) -> Vec<u8> {
    [b"\x80\x04](", opcodes, b"e."].concat()
}

/// The JSON text of that list without its brackets.
fn items(opcodes: &[u8]) -> Option<String> {
    read(&list(opcodes)).map(|(text, _)| text[1..text.len() - 1].to_owned())
}

#[test]
fn a_claimed_length_allocates_nothing() {
    // The opcodes with a length of 1, 4 and 8 bytes, and the data that follows.
    for (op, bytes) in
        [(0x8c, 1), (b'X', 4), (0x8d, 8), (b'C', 1), (b'B', 4), (0x8e, 8), (0x96, 8), (0x8a, 1), (0x8b, 4)]
    {
        for length in [3_u64, 200, 1 << 31, 1 << 60, u64::MAX] {
            let length = length.to_le_bytes();
            let pickle = [b"]", &[op][..], &length[..bytes], b"ab"].concat();
            assert_eq!(read(&pickle), None, "{op:#x}");
        }
        let mut unpickler = Unpickler::default();
        let pickle = [b"]", &[op][..], &[0xff; 8][..bytes]].concat();
        assert_eq!(read_by(&mut unpickler, &pickle), None);
        assert!(unpickler.stack.capacity() + unpickler.memo.capacity() < 64, "{op:#x}");
    }
}

#[test]
fn values_marks_and_entries_of_the_memo_are_bounded() {
    let most = VALUES_MAX - 3;
    assert!(read(&list(&vec![b'N'; most])).is_some(), "with the list, the mark and the list itself");
    assert_eq!(read(&list(&vec![b'N'; VALUES_MAX])), None);
    assert_eq!(read(&list(&b"N0".repeat(VALUES_MAX))), None, "what is popped again counts");
    assert_eq!(read(&list(&b"(1".repeat(VALUES_MAX))), None, "marks count");
    assert_eq!(
        read(&list(&[&b"N"[..], &vec![0x94; VALUES_MAX + 1]].concat())),
        None,
        "entries of the memo count"
    );
    assert!(read(&list(&[&b"N"[..], &vec![0x94; VALUES_MAX]].concat())).is_some());
    let sparse = |entry: u32| read(&list(&[b"Nr", &entry.to_le_bytes()[..]].concat()));
    assert!(sparse(5).is_some());
    assert_eq!(sparse(60_000), None, "a memo of holes");
}

#[test]
fn what_refers_to_itself_is_bounded() {
    // Each list has the one before it ten times.
    let laughs = |levels: usize| {
        let mut opcodes = b"]\x94".to_vec();
        for level in 0..levels {
            let level = u8::try_from(level).expect("few");
            opcodes.extend([b']', 0x94, b'(']);
            opcodes.extend([b'h', level].repeat(10));
            opcodes.push(b'e');
        }
        [opcodes, b".".to_vec()].concat()
    };
    assert!(read(&laughs(3)).is_some_and(|(text, _)| text.len() > 1_000));
    assert_eq!(read(&laughs(100)), None);
    assert_eq!(read(b"]\x94h\0a."), None, "a list that contains itself");
    assert_eq!(read(b"}\x94K\x01h\0s."), None, "a dict");
    let deep = |levels: usize| read(&[vec![b']'; levels], vec![b'a'; levels - 1], b".".to_vec()].concat());
    assert!(deep(DEPTH_MAX).is_some());
    assert_eq!(deep(DEPTH_MAX + 1), None);
    assert_eq!(deep(60_000), None);
}

#[test]
fn long_texts_and_integers_are_bounded() {
    let text = |len: usize| {
        let length = u32::try_from(len).expect("short").to_le_bytes();
        read(&list(&[b"X", &length[..], &vec![b'x'; len]].concat()))
    };
    assert!(text(JSON_MAX - 100).is_some());
    assert_eq!(text(JSON_MAX), None);
    // One text, many references to it.
    let text = [&b"X\0\x04\0\0"[..], &[b'x'; 1024], b"\x94"].concat();
    assert!(items(&[text.clone(), b"h\0".repeat(1_000)].concat()).is_some());
    assert_eq!(items(&[text, b"h\0".repeat(1_024)].concat()), None);
    // Each writes 309 digits.
    let long = [&b"\x8a\x80"[..], &[0x7f; 128], b"\x94"].concat();
    assert!(items(&[long.clone(), b"h\0".repeat(900)].concat()).is_some());
    assert_eq!(items(&[long, b"h\0".repeat(1_100)].concat()), None, "too many steps");
    let float = [&b"G\x3f\xf1\x23\x45\x67\x89\xab\xcd\x94"[..], &b"h\0".repeat(20_000)].concat();
    assert_eq!(items(&float), None, "too many steps");
    let longer = [&b"\x8a\x81"[..], &[0x7f; 129]].concat();
    assert_eq!(items(&longer).as_deref(), Some(r#"{"__class__":"builtins.int"}"#));
    let digits = |count: usize| items(format!("L{}L\n", "7".repeat(count)).as_bytes());
    assert_eq!(digits(256), Some("7".repeat(256)));
    assert_eq!(digits(257).as_deref(), Some(r#"{"__class__":"builtins.int"}"#));
}

#[test]
fn memory_of_a_large_body_is_given_back() {
    let mut unpickler = Unpickler::default();
    assert!(read_by(&mut unpickler, &list(&vec![b'N'; VALUES_MAX - 3])).is_some());
    let kept = (unpickler.stack.capacity() + unpickler.items.capacity()) * size_of::<Value>();
    assert!(kept <= 2 * KEEP, "{kept}");
}

#[test]
fn a_copy_of_a_dict_does_not_change_with_it() {
    let signature = b"ccelery.canvas\nsignature\n";
    // The dict gets an item after the copy was made.
    let pickle = [&b"]}\x94X\x01\0\0\0aK\x01s0"[..], signature, b"h\0\x85Rah\0X\x01\0\0\0bK\x02s0."].concat();
    assert_eq!(read(&pickle).map(|(text, _)| text).as_deref(), Some(r#"[{"a":1}]"#));
    // Nothing can be added to the copy.
    let pickle = [&b"]}"[..], b"0", signature, b"}\x85RX\x01\0\0\0bK\x02sa."].concat();
    assert_eq!(read(&pickle), None);
}

#[test]
fn names_of_classes_are_written_as_text() {
    assert_eq!(items(b"ca\"p\\p\nNa\x01me\n").as_deref(), Some(r#"{"__class__":"a\"p\\p.Na\u0001me"}"#));
    assert_eq!(items("c\u{e9}\nM\n".as_bytes()).as_deref(), Some("{\"__class__\":\"\u{e9}.M\"}"));
    assert_eq!(items(b"c\xff\nM\n"), None);
    assert_eq!(items(b"cM"), None);
}

/// A value that Python has, for a property test.
#[derive(Debug, Clone)]
enum Python {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Python>),
    Tuple(Vec<Python>),
    Dict(Vec<(String, Python)>),
    Object(String),
}

fn python() -> impl Strategy<Value = Python> {
    let scalar = prop_oneof![
        Just(Python::None),
        any::<bool>().prop_map(Python::Bool),
        prop_oneof![any::<i128>(), (-300_i128..300), any::<i64>().prop_map(i128::from)].prop_map(Python::Int),
        any::<f64>().prop_filter("a number", |n| n.is_finite()).prop_map(Python::Float),
        any::<String>().prop_map(Python::Text),
        "[a-z.\"]{1,9}".prop_map(Python::Object),
    ];
    scalar.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Python::List),
            prop::collection::vec(inner.clone(), 0..6).prop_map(Python::Tuple),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(Python::Dict),
        ]
    })
}

impl Python {
    /// Appends the opcodes; `memo` counts its entries.
    fn pickle(&self, out: &mut Vec<u8>, memo: &mut usize) {
        let text = |text: &str, out: &mut Vec<u8>, memo: &mut usize| {
            out.push(b'X');
            out.extend(u32::try_from(text.len()).expect("short").to_le_bytes());
            out.extend(text.as_bytes());
            out.push(0x94);
            *memo += 1;
        };
        match self {
            Self::None => out.push(b'N'),
            Self::Bool(is) => out.push(if *is { 0x88 } else { 0x89 }),
            Self::Int(n @ 0..=255) => out.extend([b'K', u8::try_from(*n).expect("small")]),
            Self::Int(n) => {
                out.extend([0x8a, 16]);
                out.extend(n.to_le_bytes());
            }
            Self::Float(n) => {
                out.push(b'G');
                out.extend(n.to_be_bytes());
            }
            Self::Text(value) => text(value, out, memo),
            Self::List(values) => {
                out.extend([b']', 0x94]);
                let own = *memo;
                *memo += 1;
                for value in values {
                    value.pickle(out, memo);
                    out.push(b'a');
                }
                if let Ok(own) = u8::try_from(own) {
                    // The list that was built, once more.
                    out.extend([b'0', b'h', own]);
                }
            }
            Self::Tuple(values) => {
                out.push(b'(');
                values.iter().for_each(|value| value.pickle(out, memo));
                out.push(b't');
            }
            Self::Dict(pairs) => {
                out.extend(b"}(");
                for (key, value) in pairs {
                    text(key, out, memo);
                    value.pickle(out, memo);
                }
                out.push(b'u');
            }
            Self::Object(name) => {
                text("app", out, memo);
                text(name, out, memo);
                out.extend(b"\x93)\x81}X\x01\0\0\0aN\x73b");
            }
        }
    }

    /// The same shape with other texts and numbers, which take the same opcodes.
    fn other(&self, choose: &mut impl FnMut(u32) -> u32) -> Self {
        match self {
            Self::Int(0..=255) | Self::Bool(_) => match choose(4) {
                0 => Self::None,
                _ => Self::Int(i128::from(choose(256))),
            },
            Self::Float(_) => Self::Float(f64::from(choose(1_000_000)) / 7.0),
            Self::Text(text) if text.is_ascii() => Self::Text("x".repeat(choose(40) as usize)),
            Self::List(values) => Self::List(values.iter().map(|value| value.other(choose)).collect()),
            Self::Tuple(values) => Self::Tuple(values.iter().map(|value| value.other(choose)).collect()),
            Self::Dict(pairs) => {
                Self::Dict(pairs.iter().map(|(key, value)| (key.clone(), value.other(choose))).collect())
            }
            other => other.clone(),
        }
    }

    fn has_object(&self) -> bool {
        match self {
            Self::Object(_) => true,
            Self::List(values) | Self::Tuple(values) => values.iter().any(Self::has_object),
            Self::Dict(pairs) => pairs.iter().any(|(_, value)| value.has_object()),
            _ => false,
        }
    }

    fn json(&self, opaque: &mut usize) -> String {
        let quoted = |text: &str| serde_json::to_string(text).expect("a string");
        match self {
            Self::None => "null".into(),
            Self::Bool(is) => is.to_string(),
            Self::Int(n) => n.to_string(),
            Self::Float(n) => serde_json::to_string(n).expect("a number"),
            Self::Text(text) => quoted(text),
            Self::List(values) | Self::Tuple(values) => {
                let items: Vec<String> = values.iter().map(|value| value.json(opaque)).collect();
                format!("[{}]", items.join(","))
            }
            Self::Dict(pairs) => {
                let pairs =
                    pairs.iter().map(|(key, value)| format!("{}:{}", quoted(key), value.json(opaque)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
            Self::Object(name) => {
                *opaque += 1;
                format!("{{\"__class__\":{}}}", quoted(&format!("app.{name}")))
            }
        }
    }
}

/// Opcodes with arguments that fit.
const USEFUL: &[&[u8]] = &[
    b"]",
    b"}",
    b"(",
    b"K\x07",
    b"N",
    b"\x94",
    b"h\0",
    b"h\x01",
    b"X\x01\0\0\0a",
    b"cuuid\nUUID\n",
    b")",
    b"\x81",
    b"b",
    b"R",
    b"cdatetime\ndatetime\n",
    b"C\x0a\x07\xe8\x05\x01\x0a\0\0\0\0\0",
    b"\x85",
    b"ccelery.canvas\nsignature\n",
    b"capp\nM\n",
    b"a",
    b"e",
    b"u",
    b"s",
    b"t",
    b"d",
    b"l",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"0",
    b"1",
    b"2",
    b"Q",
    b"\x82\x01",
    b"ccollections\nOrderedDict\n",
];

/// Opcodes in any order, with arguments that may fit.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let op = prop::sample::select(
        &b"(.012FIJKLMNPQRSTUVXab}eg]hijlopqrstu)Gcd\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8dBC\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98"[..],
    );
    let useful = prop::sample::select(USEFUL);
    let part = prop_oneof![
        4 => useful.prop_map(<[u8]>::to_vec),
        2 => op.prop_map(|op| vec![op]),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| [&b"]"[..], &parts.concat(), b"."].concat())
}

proptest! {
    /// What Python's values are, and which of them are opaque.
    #[test]
    fn values_are_read_as_they_were_written(values in prop::collection::vec(python(), 0..4)) {
        let root = Python::Tuple(values);
        let mut pickle = b"\x80\x04".to_vec();
        root.pickle(&mut pickle, &mut 0);
        pickle.push(b'.');
        let mut opaque = 0;
        let wanted = root.json(&mut opaque);
        let (text, parts) = read(&pickle).expect("a pickle");
        prop_assert_eq!(tree(&text), tree(&wanted));
        prop_assert_eq!(parts.len(), opaque);
        prop_assert_eq!(read(&pickle[..pickle.len() - 1]), None);
    }

    /// A pickle of a known layout is read as without it; and so is one that is nearly of this layout.
    #[test]
    fn a_known_layout_changes_nothing(values in prop::collection::vec(python(), 0..4), choices in prop::collection::vec(any::<u32>(), 64), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let root = Python::Tuple(values);
        let pickled = |value: &Python| {
            let mut pickle = b"\x80\x04".to_vec();
            value.pickle(&mut pickle, &mut 0);
            pickle.push(b'.');
            pickle
        };
        let first = pickled(&root);
        let mut unpickler = Unpickler::default().learning();
        prop_assert_eq!(read_by(&mut unpickler, &first), read(&first));
        let mut next = choices.iter().cycle();
        let other = pickled(&root.other(&mut |below| next.next().map_or(0, |choice| choice % below)));
        let mut changed = other.clone();
        *at.get_mut(&mut changed) = byte;
        let mut json = Vec::new();
        let fits = unpickler.layouts.fit(0, &other, &mut json);
        prop_assert!(fits || root.has_object() || first.iter().chain(&other).any(|byte| !byte.is_ascii() || *byte < 0x20));
        prop_assert_eq!(fits.then(|| String::from_utf8(json).expect("text")), read(&other).map(|(text, _)| text).filter(|_| fits));
        prop_assert_eq!(read_by(&mut unpickler, &other), read(&other));
        for pickle in [&changed[..], &changed[..changed.len() - 1], &[&other[..], b"N"].concat()] {
            prop_assert_eq!(read_by(&mut unpickler, pickle), read(pickle));
        }
    }

    /// Whatever opcodes there are: what is read is valid JSON, opaque values are where they are said to be,
    /// and nothing stays from one body to the next.
    #[test]
    fn opcodes_in_any_order_make_valid_json_or_nothing(first in soup(), second in soup()) {
        let mut unpickler = Unpickler::default().learning();
        for pickle in [&first, &second, &first] {
            let got = read_by(&mut unpickler, pickle);
            prop_assert_eq!(&got, &read(pickle));
            let Some((text, parts)) = got else { continue };
            let (paths, _) = crate::json::Paths::new([]);
            prop_assert!(crate::json::Scanner::default().scan(text.as_bytes(), &paths, &mut []), "{}", text);
            let is_body = text.starts_with(['[', '{']);
            prop_assert!(is_body);
            for part in parts {
                prop_assert!(part.starts_with("{\"__class__\":\"") && part.ends_with("\"}"), "{}", part);
            }
        }
    }
}

#[test]
fn pickles_of_one_task_fit_the_layout_of_the_first() {
    let body = |repoid: u16, text: &str, number: f64| {
        let values = Python::Dict(vec![
            ("repoid".into(), Python::Int(i128::from(repoid % 256))),
            ("text".into(), Python::Text(text.into())),
            (
                "more".into(),
                Python::List(vec![Python::Float(number), Python::None, Python::Text(text.into())]),
            ),
        ]);
        let mut pickle = b"\x80\x04\x95\x09\0\0\0\0\0\0\0".to_vec();
        Python::Tuple(vec![Python::Tuple(Vec::new()), values]).pickle(&mut pickle, &mut 0);
        pickle.push(b'.');
        pickle
    };
    let mut unpickler = Unpickler::default().learning();
    let mut json = Vec::new();
    assert!(read_by(&mut unpickler, &body(7, "abc", 1.5)).is_some());
    for (repoid, text, number, fits) in [
        (8, "abc", 1.5, true),
        (200, "", f64::NAN, true),
        (0, "a text that is longer than the other one", 1e300, true),
        (8, "a \"quote\"", 1.5, false),
        (8, "caf\u{e9}", 1.5, false),
    ] {
        let pickle = body(repoid, text, number);
        json.clear();
        assert_eq!(unpickler.layouts.fit(0, &pickle, &mut json), fits, "{text}");
        json.clear();
        assert_eq!(unpickler.layouts.fit(1, &pickle, &mut json), fits, "another task");
        assert_eq!(read_by(&mut unpickler, &pickle), read(&pickle), "{text}");
    }
    // A frame that is longer than what is left.
    let mut long = body(8, "abc", 1.5);
    long[3] = 0xff;
    json.clear();
    assert!(!unpickler.layouts.fit(0, &long, &mut json));
    assert_eq!((read_by(&mut unpickler, &long), read(&long)), (None, None));
}
