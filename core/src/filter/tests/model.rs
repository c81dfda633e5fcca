//! Compares the matcher with a naive oracle, on messages that are written in every way that JSON permits.
//!
//! A message is made as a tree, so the oracle needs no parser. An encoder then writes the tree with random
//! escapes and spaces, with decoys before the last of equal keys, and with bodies that are plain or in
//! base64. The matcher must decide about the bytes as the oracle decides about the tree.

use crate::kind::MessageKind;
use base64::Engine as _;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    /// A number as it is written.
    Number(&'static str),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

const NUMBERS: &[&str] =
    &["0", "-0", "1", "7", "-7", "1.0", "7e0", "70e-1", "18446744073709551617", "9007199254740993", "NaN"];
const TEXTS: &[&str] = &[
    "",
    "a",
    "a/b",
    "7",
    "007",
    "-7",
    "\"7\"",
    "é\u{1f600}",
    "back\\slash",
    "kwargs",
    "18446744073709551617",
];
const NAMES: &[&str] = &["x", "y", "0", "1", "task", "kwargs", "a/é"];

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        prop::sample::select(NUMBERS).prop_map(Tree::Number),
        prop::sample::select(TEXTS).prop_map(|text| Tree::Text(text.into())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            map(inner).prop_map(Tree::Map),
        ]
    })
}

/// Keys can be repeated. The last of equal keys counts.
fn map(value: impl Strategy<Value = Tree>) -> impl Strategy<Value = Vec<(String, Tree)>> {
    prop::collection::vec((prop::sample::select(NAMES).prop_map(String::from), value), 0..5)
}

/// Decides what the encoder does next: a repeating stream of choices.
struct Choices<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Choices<'_> {
    fn below(&mut self, n: u8) -> u8 {
        self.0.next().map_or(0, |choice| choice % n)
    }
}

fn encode(tree: &Tree, choices: &mut Choices<'_>) -> String {
    match tree {
        Tree::Null => "null".into(),
        Tree::Bool(value) => value.to_string(),
        Tree::Number(text) => (*text).into(),
        Tree::Text(text) => encode_text(text, choices),
        Tree::List(items) => {
            let items: Vec<String> =
                items.iter().map(|item| space(choices) + &encode(item, choices) + &space(choices)).collect();
            format!("[{}{}]", if items.is_empty() { space(choices) } else { String::new() }, items.join(","))
        }
        Tree::Map(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| {
                    let key = space(choices) + &encode_text(key, choices) + &space(choices);
                    key + ":" + &space(choices) + &encode(value, choices) + &space(choices)
                })
                .collect();
            format!(
                "{{{}{}}}",
                if members.is_empty() { space(choices) } else { String::new() },
                members.join(",")
            )
        }
    }
}

fn space(choices: &mut Choices<'_>) -> String {
    ["", " ", "", "\n\t", "", "\r "][usize::from(choices.below(6))].into()
}

fn encode_text(text: &str, choices: &mut Choices<'_>) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match (c, choices.below(4)) {
            (_, 0) | ('\0'..='\x1f', _) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let hex = format!("{unit:04x}");
                    out += "\\u";
                    out += &if choices.below(2) == 0 { hex } else { hex.to_uppercase() };
                }
            }
            ('"' | '\\', _) | ('/', 1) => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out + "\""
}

fn get<'t>(tree: &'t Tree, path: &[&str]) -> Option<&'t Tree> {
    let Some((first, rest)) = path.split_first() else { return Some(tree) };
    let next = match tree {
        Tree::Map(members) => &members.iter().rev().find(|(key, _)| key == first)?.1,
        Tree::List(items) => items.get(first.parse::<usize>().ok()?)?,
        _ => return None,
    };
    get(next, rest)
}

/// A message, and the encoding of its body.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    protocol_2: bool,
    readable: bool,
    base64: bool,
    task: Tree,
    args: Vec<Tree>,
    kwargs: Vec<(String, Tree)>,
    extra: Vec<(String, Tree)>,
    choices: Vec<u8>,
}

pub(crate) fn message() -> impl Strategy<Value = Message> {
    let parts = (tree(), prop::collection::vec(tree(), 0..3), map(tree()), map(tree()));
    (any::<(bool, u8, bool)>(), parts, prop::collection::vec(any::<u8>(), 1..64)).prop_map(
        |((protocol_2, readable, base64), (task, args, kwargs, extra), choices)| Message {
            protocol_2,
            readable: readable > 40,
            base64,
            task,
            args,
            kwargs,
            extra,
            choices,
        },
    )
}

fn text(text: &str) -> Tree {
    Tree::Text(text.into())
}

impl Message {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut choices = Choices(self.choices.iter().cycle());
        let (args, kwargs) = (Tree::List(self.args.clone()), Tree::Map(self.kwargs.clone()));
        let mut headers = self.extra.clone();
        headers.retain(|(name, _)| name != "task");
        let body = if self.protocol_2 {
            headers.insert(0, ("task".into(), self.task.clone()));
            Tree::List(vec![args, kwargs, Tree::Map(self.extra.clone())])
        } else {
            let mut members = self.extra.clone();
            for (name, value) in [("kwargs", kwargs), ("task", self.task.clone()), ("args", args)] {
                members.push((name.into(), value));
            }
            Tree::Map(members)
        };
        let mut body = encode(&body, &mut choices);
        if self.base64 {
            body = base64::engine::general_purpose::STANDARD.encode(body);
        }
        let content_type = if self.readable { "application/json" } else { "application/x-yaml" };
        let encoding = if self.base64 { text("base64") } else { Tree::Null };
        let envelope = vec![
            // All of these are decoys, because the same keys follow below.
            ("body".into(), text("[")),
            (
                "headers".into(),
                Tree::Map(vec![("task".into(), text("a")), ("compression".into(), text("a"))]),
            ),
            ("body".into(), Tree::Text(body)),
            ("properties".into(), Tree::Map(vec![("body_encoding".into(), encoding)])),
            ("content-type".into(), text(content_type)),
            ("headers".into(), Tree::Map(headers)),
        ];
        encode(&Tree::Map(envelope), &mut choices).into_bytes()
    }

    /// Returns the value of a field: `None` if it is unknown, `Some(None)` if it is absent.
    fn field(&self, field: &str) -> Option<Option<Tree>> {
        let in_body = field != "task" || !self.protocol_2;
        if in_body && !field.starts_with("headers.") && !self.readable {
            return None;
        }
        let (group, rest) = field.split_once('.').unwrap_or((field, ""));
        let path: Vec<&str> = rest.split('.').collect();
        let value = match group {
            "task" => Some(self.task.clone()),
            "args" => get(&Tree::List(self.args.clone()), &path).cloned(),
            "kwargs" => get(&Tree::Map(self.kwargs.clone()), &path).cloned(),
            _ => get(&Tree::Map(self.extra.clone()), &path).cloned(),
        };
        Some(value.filter(|value| *value != Tree::Null))
    }
}

fn shortest(digits: &str) -> Option<String> {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    if digits.is_empty() || digits.contains(|c: char| !c.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(if digits.is_empty() { "0".into() } else { format!("{sign}{digits}") })
}

/// Returns the number that a text spells as JSON does. The numbers of these tests are small.
fn number_of(text: &str) -> Option<String> {
    if let Some(integer) = shortest(text) {
        return Some(integer);
    }
    match text {
        "1.0" => Some("1".into()),
        "7e0" | "70e-1" => Some("7".into()),
        _ => None,
    }
}

/// Returns whether the value equals the operand; `None` if they cannot be compared.
fn equals(value: &Tree, operand: &str) -> Option<bool> {
    Some(match (value, number_of(operand)) {
        (Tree::List(_) | Tree::Map(_), _) => return None,
        (Tree::Number(text), Some(number)) => number_of(text) == Some(number),
        (Tree::Number(text), None) => *text == operand && *text == "NaN",
        (Tree::Text(text), Some(number)) => {
            text == operand || *text == number || shortest(text) == Some(number)
        }
        (Tree::Text(text), None) => text == operand,
        (Tree::Bool(is), None) => operand == is.to_string(),
        (Tree::Bool(_), Some(_)) => false,
        (Tree::Null, _) => false,
    })
}

/// Returns the value as a number. It is exact for small numbers; other tests cover large ones.
fn number(value: &Tree) -> Option<f64> {
    match value {
        Tree::Number("NaN") => None,
        Tree::Number(text) => text.parse().ok(),
        Tree::Text(text) => shortest(text)?.parse().ok(),
        _ => None,
    }
}

pub(crate) const FIELDS: &[&str] = &[
    "task",
    "args.0",
    "args.1",
    "args.0.1",
    "kwargs.x",
    "kwargs.y",
    "kwargs.x.y",
    "kwargs.x.0",
    "kwargs.0",
    "kwargs.a/é",
    "kwargs.x.1.task",
    "headers.x",
    "headers.y.x",
];
const OPERANDS: &[&str] = &[
    "0",
    "7",
    "007",
    "-7",
    "1.0",
    "a",
    "a/b",
    "é\u{1f600}",
    "back\\slash",
    "18446744073709551617",
    "\"7\"",
    "true",
];

#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub(crate) field: &'static str,
    operator: &'static str,
    operands: Vec<&'static str>,
}

pub(crate) fn term() -> impl Strategy<Value = Term> {
    let operator = prop::sample::select(&["=", "=", "!=", "IN", "EXISTS", "MISSING", "<", ">="][..]);
    (prop::sample::select(FIELDS), operator, prop::collection::vec(prop::sample::select(OPERANDS), 1..4))
        .prop_map(|(field, operator, mut operands)| {
            match operator {
                "EXISTS" | "MISSING" => operands.clear(),
                "<" | ">=" => operands = vec![["0", "7", "1.5"][operands.len() - 1]],
                "IN" => {}
                _ => operands.truncate(1),
            }
            Term { field, operator, operands }
        })
}

impl Term {
    fn decide(&self, message: &Message) -> Option<bool> {
        let value = message.field(self.field)?;
        let Some(value) = value else { return Some(self.operator == "MISSING") };
        let order = |limit: &str| number(&value)?.partial_cmp(&limit.parse().ok()?);
        match self.operator {
            "EXISTS" => Some(true),
            "MISSING" => Some(false),
            "!=" => equals(&value, self.operands[0]).map(|equal| !equal),
            "<" => order(self.operands[0]).map(std::cmp::Ordering::is_lt),
            ">=" => order(self.operands[0]).map(std::cmp::Ordering::is_ge),
            _ => one_of(self.operands.iter().map(|operand| equals(&value, operand))),
        }
    }

    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec!["WHERE".into(), self.field.into(), self.operator.into()];
        if self.operator == "IN" {
            words.push(self.operands.len().to_string());
        }
        words.extend(self.operands.iter().copied().map(String::from));
        words
    }
}

/// Joins conditions with OR: the result is true if one is true, otherwise unknown if one is unknown,
/// otherwise false.
fn one_of(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let all: Vec<Option<bool>> = truths.collect();
    if all.contains(&Some(true)) {
        return Some(true);
    }
    if all.contains(&None) { None } else { Some(false) }
}

fn filter_of(terms: &[Term]) -> Filter {
    let words: Vec<String> = terms.iter().flat_map(Term::words).collect();
    parse(&words.iter().map(String::as_bytes).collect::<Vec<_>>()).expect("a filter")
}

fn oracle(terms: &[Term], message: &Message) -> Verdict {
    let truths: Vec<Option<bool>> = terms.iter().map(|term| term.decide(message)).collect();
    let no = truths.contains(&Some(false));
    let unreadable = !no && truths.contains(&None);
    let uncompared = |term: &Term| term.decide(message).is_none() && message.field(term.field).is_some();
    let uncompared = unreadable && terms.iter().any(uncompared);
    Verdict {
        matched: !no && !unreadable,
        undecodable: false,
        unreadable,
        uncompared,
        missing: false,
        kept: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_matcher_says_what_the_oracle_says(
        terms in prop::collection::vec(term(), 1..4),
        messages in prop::collection::vec(message(), 1..4),
    ) {
        let mut matcher = Matcher::new(&filter_of(&terms));
        for message in &messages {
            let bytes = message.bytes();
            let verdict = matcher.examine(&bytes);
            prop_assert_eq!(verdict, oracle(&terms, message), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn broken_messages_are_undecodable(
        terms in prop::collection::vec(term(), 1..4),
        message in message(),
        cut in any::<prop::sample::Index>(),
        after in any::<Vec<u8>>(),
    ) {
        let mut matcher = Matcher::new(&filter_of(&terms));
        let mut bytes = message.bytes();
        let whole = matcher.examine(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let undecodable = Verdict { undecodable: true, ..Verdict::default() };
        prop_assert_eq!(matcher.examine(&bytes), undecodable);
        bytes.extend(after);
        // Any bytes get a verdict, and it does not contradict itself.
        let verdict = matcher.examine(&bytes);
        prop_assert!(u8::from(verdict.matched) + u8::from(verdict.undecodable) + u8::from(verdict.unreadable) <= 1);
        prop_assert_eq!(matcher.examine(&message.bytes()), whole);
    }

    #[test]
    fn group_value_as_operand_selects_the_groups_messages(
        messages in prop::collection::vec(message(), 1..5),
    ) {
        let grouping = Grouping::new(&[b"kwargs.x"]).expect("a field");
        let mut matcher = Matcher::of(MessageKind::Celery, &Filter::all(), Some(&grouping));
        let mut keys = Vec::new();
        for message in &messages {
            let mut key = Vec::new();
            matcher.examine(&message.bytes());
            keys.push(matcher.group_key(&message.bytes(), &mut key).then_some(key));
        }
        for key in keys.iter().flatten() {
            let operand = match group_values(key).next() {
                Some(GroupValue::Int(n)) => n.to_string().into_bytes(),
                Some(GroupValue::Text(text)) if text.len() < COMPOUND_MAX => text.to_vec(),
                _ => continue,
            };
            let filter = parse(&[b"WHERE", b"kwargs.x", b"=", &operand]).expect("what is shown can be typed");
            let mut equal = Matcher::new(&filter);
            for (message, its) in messages.iter().zip(&keys) {
                let matched = equal.examine(&message.bytes()).matched;
                prop_assert_eq!(matched, its.as_ref() == Some(key), "{}", String::from_utf8_lossy(&operand));
            }
        }
    }

    #[test]
    fn grouping_changes_no_verdict(
        terms in prop::collection::vec(term(), 0..3),
        messages in prop::collection::vec(message(), 1..4),
    ) {
        let fields: [&[u8]; 4] = [b"task", b"kwargs.x", b"args.0", b"headers.y"];
        let filter = if terms.is_empty() { Filter::all() } else { filter_of(&terms) };
        let mut matcher = Matcher::of(MessageKind::Celery, &filter, Some(&Grouping::new(&fields).expect("fields")));
        let mut alone = Matcher::new(&filter);
        let (mut key, mut again) = (Vec::new(), Vec::new());
        // The second round uses the layouts that were learned in the first one.
        for message in messages.iter().chain(&messages) {
            let bytes = message.bytes();
            let verdict = matcher.examine(&bytes);
            prop_assert_eq!(verdict, alone.examine(&bytes));
            matcher.group_key(&bytes, &mut key);
            let mut fresh = Matcher::of(MessageKind::Celery, &filter, Some(&Grouping::new(&fields).expect("fields")));
            fresh.examine(&bytes);
            fresh.group_key(&bytes, &mut again);
            prop_assert_eq!(&key, &again);
        }
    }

    #[test]
    fn equal_texts_mean_equal_filters(a in prop::collection::vec(term(), 1..3), b in prop::collection::vec(term(), 1..3)) {
        let (a, b) = (filter_of(&a), filter_of(&b));
        prop_assert_eq!(a.canonical() == b.canonical(), a == b);
        let text = a.canonical();
        prop_assert!(text.iter().all(|b| (0x20..0x7f).contains(b)));
    }

    #[test]
    fn globs_are_what_a_naive_reading_says(pattern in r"[ab*?\[\]^\\-]{0,8}", text in r"[ab\]^\\-]{0,6}") {
        prop_assert_eq!(Glob::new(pattern.as_bytes()).matches(text.as_bytes()), naive_glob(pattern.as_bytes(), text.as_bytes()));
    }
}

/// Matches by trying every way to divide the text among the pieces of the pattern.
fn naive_glob(pattern: &[u8], text: &[u8]) -> bool {
    let Some((&first, rest)) = pattern.split_first() else { return text.is_empty() };
    if first == b'*' {
        return (0..=text.len()).any(|n| naive_glob(rest, &text[n..]));
    }
    let Some((&byte, after)) = text.split_first() else { return false };
    match first {
        b'?' => naive_glob(rest, after),
        b'\\' if !rest.is_empty() => rest[0] == byte && naive_glob(&rest[1..], after),
        b'[' => {
            let (negated, mut class) = rest.strip_prefix(b"^").map_or((false, rest), |class| (true, class));
            let mut members = Vec::new();
            while !class.is_empty() && class[0] != b']' {
                let taken = if class[0] == b'\\' && class.len() > 1 {
                    members.push(class[1]);
                    2
                } else if class.len() > 2 && class[1] == b'-' {
                    members.extend(class[0].min(class[2])..=class[0].max(class[2]));
                    3
                } else {
                    members.push(class[0]);
                    1
                };
                class = &class[taken..];
            }
            let class = class.strip_prefix(b"]").unwrap_or(class);
            members.contains(&byte) != negated && naive_glob(class, after)
        }
        _ => first == byte && naive_glob(rest, after),
    }
}
