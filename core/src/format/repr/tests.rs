use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// Reads a text and returns every argument; `None` if the meaning of the text is not certain.
fn read(form: Form, text: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut said = Vec::new();
    let whole = arguments(text.as_bytes(), form, |key, value| {
        let name = match key {
            Key::At(at) => at.to_string(),
            Key::Name(name) => String::from_utf8(name.to_vec()).expect("a name of a text is text"),
        };
        let mut json = Vec::new();
        value.json(&mut json);
        let json = String::from_utf8(json).expect("JSON is text");
        said.push((name, if value == Value::None { Some("null".into()) } else { Some(json) }));
    });
    let said = said.into_iter().map(|(name, json)| (name, json.filter(|json| !json.is_empty())));
    whole.then(|| said.collect())
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).expect("JSON")
}

/// Returns those of `names` that have a value. Each value must be the one that `truth` gives for plain
/// values, as JSON.
fn answered<'n>(
    form: Form,
    text: &str,
    names: impl Iterator<Item = &'n str>,
    truth: impl Fn(&str) -> Option<String>,
) -> Option<Vec<&'n str>> {
    let said = read(form, text)?;
    let names: Vec<&str> = names.collect();
    let met: Vec<&str> = said.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(met, names, "every name in its place: {text}");
    let answered = names.into_iter().zip(&said).filter_map(|(name, (_, json))| Some((name, json.as_ref()?)));
    let right = answered.inspect(|(name, said)| {
        let truth = truth(name).unwrap_or_default();
        assert!(!truth.is_empty(), "{name} has no plain value: {text}");
        // Numbers are compared in the form in which they are written, because a JSON tree loses digits.
        let same = if said.starts_with(['"', '{']) { json(said) == json(&truth) } else { **said == truth };
        assert!(same, "{name} is {truth} and not {said}: {text}");
    });
    Some(right.map(|(name, _)| name).collect())
}

/// The bytes at the place where a text was cut.
const ENDS: [&str; 13] = [
    "", "...", ", ...", "...}", "...]", "...)", ", ...}", ", ...]", ", ...)", "...'", "...'}", "...']",
    "...')",
];

/// Texts of Celery itself, of Python, and texts that Celery cut: see `tests/python/record_reprs.py`.
#[test]
fn texts_of_python_are_read_correctly_or_not_at_all() {
    let (mut texts, mut cuts) = (0, 0);
    for line in include_str!("recorded.jsonl").lines() {
        let row = json(line);
        let text = |name: &str| row[name].as_str().expect("text");
        let list = |name: &str| -> Vec<&str> {
            row[name].as_array().into_iter().flatten().map(|name| name.as_str().expect("text")).collect()
        };
        let form = if text("form") == "args" { Form::Args } else { Form::Kwargs };
        let truth = |name: &str| row["plain"][name].as_str().map(String::from);
        let said = answered(form, text("text"), list("names").into_iter(), truth);
        if !row["answered"].is_null() {
            assert_eq!(said.unwrap_or_default(), list("answered"), "{line}");
            texts += 1;
        }
        for cut in list("cuts") {
            assert_eq!(read(form, cut), None, "{cut}");
            cuts += 1;
        }
        // A text can be cut at any position and in any way; long texts add nothing that short ones do not
        // show.
        for (at, _) in text("text").char_indices().filter(|_| text("text").len() < 400) {
            for end in ENDS {
                let cut = format!("{}{end}", &text("text")[..at]);
                assert_eq!(read(form, &cut), None, "{cut}");
            }
        }
    }
    assert!(texts > 50 && cuts > 200, "{texts} texts, {cuts} cuts");
}

/// A value of Python.
#[derive(Debug, Clone)]
enum Py {
    None,
    Bool(bool),
    Int(i64),
    Text(String),
    /// The text that both writers show for a value, and the JSON that kombu makes of it.
    Shown(&'static str, &'static str),
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Set(Vec<Py>),
    Dict(Vec<(Py, Py)>),
}

/// The writer of a string.
#[derive(Debug, Clone, Copy)]
enum Writer {
    Celery,
    Python,
}

impl Writer {
    fn text(self, text: &str) -> String {
        match self {
            Self::Celery => format!("'{}'", text.replace('\'', "\\'")),
            Self::Python => {
                let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
                let escaped = text.replace('\\', "\\\\").replace('\n', "\\n");
                let escaped = if quote == '\'' { escaped.replace('\'', "\\'") } else { escaped };
                format!("{quote}{escaped}{quote}")
            }
        }
    }

    fn show(self, value: &Py) -> String {
        let all = |items: &[Py]| items.iter().map(|item| self.show(item)).collect::<Vec<_>>().join(", ");
        match value {
            Py::None => "None".into(),
            Py::Bool(true) => "True".into(),
            Py::Bool(false) => "False".into(),
            Py::Int(n) => n.to_string(),
            Py::Text(text) => self.text(text),
            Py::Shown(text, _) => (*text).into(),
            Py::List(items) => format!("[{}]", all(items)),
            Py::Tuple(items) if items.len() == 1 => format!("({},)", all(items)),
            Py::Tuple(items) => format!("({})", all(items)),
            Py::Set(items) if items.is_empty() => "set()".into(),
            Py::Set(items) => format!("{{{}}}", all(items)),
            Py::Dict(items) => {
                let item = |(key, value): &(Py, Py)| format!("{}: {}", self.show(key), self.show(value));
                format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Returns the value as JSON, if it is a plain value.
fn plain(value: &Py) -> Option<String> {
    match value {
        Py::None => Some("null".into()),
        Py::Bool(on) => Some(on.to_string()),
        Py::Int(n) => Some(n.to_string()),
        Py::Text(text) => Some(serde_json::to_string(text).expect("a string")),
        Py::Shown(_, json) => Some((*json).into()),
        Py::List(_) | Py::Tuple(_) | Py::Set(_) | Py::Dict(_) => None,
    }
}

/// Values of the standard library: the texts that are shown for them, and their JSON.
const SHOWN: [(&str, &str); 4] = [
    (
        "UUID('0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11')",
        r#"{"__type__": "uuid", "__value__": {"hex": "0b4f7c626d534c0e9a570c2b8f1f3d11"}}"#,
    ),
    ("Decimal('-1.50')", r#"{"__type__": "decimal", "__value__": "-1.50"}"#),
    (
        "datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)",
        r#"{"__type__": "datetime", "__value__": "2026-01-02T03:04:00+00:00"}"#,
    ),
    ("datetime.time(1, 2)", r#"{"__type__": "time", "__value__": "01:02:00"}"#),
];

/// The parts of texts that are made to be misread.
const PIECES: [&str; 24] = [
    "'",
    "\"",
    "\\",
    "\n",
    ", ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    " ",
    "...",
    "'repoid': 8",
    "b'",
    "UUID(",
    "Decimal('7')",
    "a",
    "7",
    "\u{e9}",
    "None",
];

fn pieces(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..most).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Py> {
    let leaf = prop_oneof![
        Just(Py::None),
        any::<bool>().prop_map(Py::Bool),
        any::<i64>().prop_map(Py::Int),
        pieces(6).prop_map(Py::Text),
        prop::sample::select(&SHOWN[..]).prop_map(|(text, json)| Py::Shown(text, json)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 0..3);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..3);
        prop_oneof![
            some().prop_map(Py::List),
            some().prop_map(Py::Tuple),
            some().prop_map(Py::Set),
            pairs.prop_map(Py::Dict),
        ]
    })
}

/// The arguments of a call: their form, all of them as one value, and each with its name.
#[derive(Debug, Clone)]
struct Call {
    form: Form,
    whole: Py,
    each: Vec<(String, Py)>,
}

impl Call {
    fn named(named: Vec<(String, Py)>) -> Self {
        let whole = named.iter().map(|(name, value)| (Py::Text(name.clone()), value.clone())).collect();
        Self { form: Form::Kwargs, whole: Py::Dict(whole), each: named }
    }

    fn placed(items: &[Py], whole: Py) -> Self {
        let each = items.iter().enumerate().map(|(at, value)| (at.to_string(), value.clone())).collect();
        Self { form: Form::Args, whole, each }
    }
}

fn call() -> impl Strategy<Value = Call> {
    let name = prop_oneof![Just("repoid".to_owned()), "[a-z]{1,3}", pieces(3)];
    let items = || prop::collection::vec(value(), 0..4);
    prop_oneof![
        prop::collection::btree_map(name, value(), 0..4)
            .prop_map(|named| Call::named(named.into_iter().collect())),
        items().prop_map(|items| Call::placed(&items, Py::Tuple(items.clone()))),
        items().prop_map(|items| Call::placed(&items, Py::List(items.clone()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn values_read_from_texts_of_both_writers_are_correct(
        call in call(),
        writer in prop_oneof![Just(Writer::Celery), Just(Writer::Python)],
        cut in any::<prop::sample::Index>(),
        end in prop_oneof![prop::sample::select(&ENDS[..]).prop_map(String::from), ", [.]{3}[])}]{0,4}"],
    ) {
        let text = writer.show(&call.whole);
        let find = |name: &str| call.each.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        let names = call.each.iter().map(|(name, _)| name.as_str());
        let said = answered(call.form, &text, names, |name| find(name).and_then(plain));
        // A text without a backslash and without bytes that look like a cut is never uncertain.
        if !text.contains('\\') && !text.contains("...") {
            let all = call.each.iter().filter(|(_, value)| plain(value).is_some()).count();
            prop_assert_eq!(said.map(|said| said.len()), Some(all), "{}", text);
        }
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let cut = format!("{}{end}", &text[..places[cut.index(places.len())]]);
        prop_assert_eq!(read(call.form, &cut), None, "{}", cut);
    }

    #[test]
    fn values_that_are_read_are_json_and_the_text_is_read_whole(text in pieces(24), args in any::<bool>()) {
        let form = if args { Form::Args } else { Form::Kwargs };
        let (open, close) = if args { ("(", ",)") } else { ("{'k': ", "}") };
        for text in [text.clone(), format!("{open}{text}{close}")] {
            let Some(said) = read(form, &text) else { continue };
            said.into_iter().filter_map(|(_, value)| value).for_each(|value| drop(json(&value)));
            for more in [" ", "\n", ",", "}", "x"] {
                prop_assert_eq!(read(form, &format!("{text}{more}")), None);
            }
        }
    }
}

#[test]
fn texts_that_python_does_not_write_are_not_read() {
    for text in [
        "",
        "{",
        "7",
        "'a'",
        "{'repoid': 7} ",
        " {'repoid': 7}",
        "{'repoid':7}",
        "{'repoid' : 7}",
        "{'repoid': 7,}",
        "{'repoid': 7, }",
        "{'repoid': 7,'a': 8}",
        "{\"repoid\":7}",
        "{'repoid': 07}",
        "{'repoid': +7}",
        "{'repoid': 7L}",
        "{'repoid': 1_000}",
        "{'repoid': 0x7}",
        "{'repoid': .5}",
        "{'repoid': null}",
        "{'repoid': true}",
        "{'repoid': None7}",
        "{'repoid': 'a' 'b'}",
        "{'repoid': u'a'}",
        "{'repoid': '''a'''}",
        "{'repoid'}",
        "{'repoid': 7: 8}",
        "{'a', 'repoid': 7}",
        "{'repoid': {1: 2, 3}}",
        "{'repoid': {1, 2: 3}}",
        "{'repoid': {1: 2: 3}}",
        "{'repoid': (7)}",
        "{'repoid': (1, 2,)}",
        "{'repoid': [1,)}",
        "{'repoid': (1]}",
        "{7: 7}",
        "{None: 7}",
        "{'a...': 7}",
        "{'a': 'b...c', 'repoid': 7}",
        "{...}",
        "(...)",
        "(...,)",
        "[...]",
        "[7, ...]",
        "(7)",
        "(7,",
        "(,)",
        "(7,, 8)",
        "(UUID('a)",
        "(UUID('a..')",
        "(UUID('a...'),)",
        "(UUID(\"a\"),)",
        "(Uuid('a'),)",
        "(datetime.datetime(2026, 1),",
        "(datetime.datetime(2026, 1, 2, 3, 4,",
        "(datetime.time(1, 2, tzinfo=tz('(')),)",
        "(datetime.time(1, 2, tzinfo=tz(')')),)",
        "(datetime.time(1, 2, tzinfo=tz(', 7')),)",
        "(MyUUID('0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11'),)",
        "(uuid.UUID('0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11'),)",
        "('***', <secret>)",
    ] {
        for form in [Form::Args, Form::Kwargs] {
            assert_eq!(read(form, text), None, "{form:?} {text}");
        }
    }
    assert_eq!(read(Form::Args, "{'repoid': 7}"), None);
    assert_eq!(read(Form::Kwargs, "(7, 8)"), None);
    // The text that an object shows of itself is read by its form, and so is a text that the sender wrote
    // itself.
    assert_eq!(read(Form::Args, "(7, '***')").map(|said| said.len()), Some(2));
}

#[test]
fn length_and_depth_are_bounded() {
    let long = |n: usize| format!("('{}',)", "x".repeat(n - 5));
    assert!(read(Form::Args, &long(REPR_MAX)).is_some());
    assert_eq!(read(Form::Args, &long(REPR_MAX + 1)), None);
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(
        read(Form::Args, &deep(REPR_DEPTH_MAX + 1)).is_some(),
        "the innermost is empty: nothing is below it"
    );
    assert_eq!(read(Form::Args, &deep(REPR_DEPTH_MAX + 2)), None);
    assert_eq!(read(Form::Args, &"[".repeat(REPR_MAX)), None);
}
