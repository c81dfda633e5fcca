//! Verdicts of tables against the matcher, message by message.

mod ranges;
mod route;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::filter::tests::model::{self, Term, term};
use crate::filter::tests::{filter, parse, plain};
use crate::filter::{Grouping, Matcher};
use crate::kind::MessageKind;

const ENOUGH: usize = 1_000_000;

/// A message whose body cannot be read, with the text of its sender.
fn by_text(x: &str, y: &str) -> Vec<u8> {
    format!(
        r#"{{"content-type": "application/x-yaml", "headers": {{"task": "a", "x": 7, "argsrepr": "({x}, {y})", "kwargsrepr": "{{'x': {x}, 'y': {y}}}"}}, "properties": {{}}, "body": "x"}}"#
    )
    .into_bytes()
}

/// Pickled bodies with objects of a class of their own: one as `x` and one in the list `y`, all keyword arguments, one as
/// `y`.
const PICKLED: [&str; 3] = [
    "gARLB4V9KIwBeGNhcHAKTQopgYwBeV0oSwdjYXBwCk0KKYFldX2HLg==",
    "gAQpY2FwcApNCimBfYcu",
    "gAQpfSiMAXhLB4wBeWNhcHAKTQopgXV9hy4=",
];

fn pickled(body: &str) -> Vec<u8> {
    format!(
        r#"{{"content-type": "pickle", "headers": {{"task": "a", "x": 7}}, "properties": {{"body_encoding": "base64"}}, "body": "{body}"}}"#
    )
    .into_bytes()
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let shown = || prop::sample::select(&["7", "'a'", "None", "True", "[1]", "'7'", "1.0"][..]);
    prop_oneof![
        8 => model::message().prop_map(|message| message.bytes()),
        3 => (shown(), shown()).prop_map(|(x, y)| by_text(x, y)),
        2 => prop::sample::select(&PICKLED[..]).prop_map(pickled),
        1 => Just(b"no message".to_vec()),
        1 => Just(plain(&format!(r#"[["{0}"], {{"x": "{0}"}}, {{}}]"#, "z".repeat(1_200)), r#""task": "a""#).into_bytes()),
    ]
}

/// The words of a filter: clauses of one or several conditions.
fn words() -> impl Strategy<Value = Vec<String>> {
    let other = prop::sample::select(
        &[
            "kwargs.x GLOB a*",
            "task GLOB *",
            "kwargs.y CONTAINS 7",
            "args.0 CONTAINS a",
            "bytes > 300",
            "bytes != 120",
            "undecodable = 1",
            "undecodable = 0",
            "kwargs.* = 7",
            "lang MISSING",
            "retries >= 0",
            "eta EXISTS",
            "kwargs.x = 2024-05-01T10:00:00Z",
            "kwargs.x = [1]",
            "kwargs.x IN 2 {} true",
        ][..],
    );
    let condition = prop_oneof![
        5 => term().prop_map(|term| term.words()[1..].to_vec()),
        3 => other.prop_map(|words| words.split(' ').map(String::from).collect()),
    ];
    prop::collection::vec((any::<u8>(), condition), 1..5).prop_map(|conditions| {
        let keyword = |at: usize, or: u8| if at > 0 && or < 100 { "OR" } else { "WHERE" };
        conditions
            .into_iter()
            .enumerate()
            .flat_map(|(at, (or, words))| [vec![keyword(at, or).to_owned()], words].concat())
            .collect()
    })
}

/// What a count makes of each message: as [`crate::job`] asks the matcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    No,
    Matched,
    Inexact,
    Unreadable(bool),
}

fn expected(matcher: &mut Matcher, message: &[u8]) -> (Expected, bool) {
    let verdict = matcher.examine(message);
    let expected = match (verdict.matched, verdict.unreadable) {
        (true, _) if matcher.is_inexact() => Expected::Inexact,
        (true, _) => Expected::Matched,
        (_, true) => Expected::Unreadable(verdict.uncompared),
        _ => Expected::No,
    };
    (expected, verdict.undecodable)
}

fn add(counted: &mut Counted, expected: (Expected, bool), bytes: u64) {
    counted.examined += 1;
    counted.undecodable += u64::from(expected.1);
    match expected.0 {
        Expected::No => {}
        Expected::Matched => {
            counted.matched += 1;
            counted.matched_bytes += bytes;
        }
        Expected::Inexact => {
            counted.inexact += 1;
            counted.inexact_bytes += bytes;
        }
        Expected::Unreadable(uncompared) => {
            counted.unreadable += 1;
            counted.uncompared += u64::from(uncompared);
        }
    }
}

/// An index of these messages. With `hashed` its fields have had too many values.
fn index_of(names: &[&str], list: &[Vec<u8>], hashed: bool) -> FieldIndex {
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    let fill: Vec<Vec<u8>> = (0..if hashed { 120 } else { 0 })
        .map(|n| {
            let inside = format!(r#"{{"x": "v{n}", "y": {n}}}"#);
            plain(
                &format!(r#"[["v{n}", {n}], {inside}, {{}}]"#),
                &format!(r#""task": "t{n}", "x": {n}, "y": {inside}"#),
            )
            .into_bytes()
        })
        .collect();
    let len = (fill.len() + list.len()) as u64;
    let mut index = FieldIndex::new(MessageKind::Celery, &names, len, 3).expect("fields");
    for message in fill.iter().chain(list) {
        assert!(index.read(Side::Consumer, message));
    }
    assert!(index.popped(Side::Producer, fill.len() as u64));
    if hashed {
        while index.maintain() {}
    }
    index
}

fn fields() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(model::FIELDS.to_vec(), 1..=8)
}

/// What the messages at these distances from the consumer end add to a count.
fn real(matcher: &mut Matcher, list: &[Vec<u8>], distances: impl IntoIterator<Item = u64>) -> Counted {
    let mut counted = Counted::default();
    for distance in distances {
        let message = &list[list.len() - 1 - usize::try_from(distance).expect("small")];
        add(&mut counted, expected(matcher, message), message.len() as u64);
    }
    counted
}

/// The count with its candidates judged.
fn whole(mut counted: Counted, matcher: &mut Matcher, list: &[Vec<u8>]) -> Counted {
    let candidates = std::mem::take(&mut counted.candidates);
    assert!(candidates.is_sorted_by(|a, b| a < b));
    let of = real(matcher, list, candidates);
    counted.examined += of.examined;
    counted.matched += of.matched;
    counted.matched_bytes += of.matched_bytes;
    counted.inexact += of.inexact;
    counted.inexact_bytes += of.inexact_bytes;
    counted.unreadable += of.unreadable;
    counted.uncompared += of.uncompared;
    counted.undecodable += of.undecodable;
    counted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn counts_are_those_of_a_scan(
        words in words(),
        names in fields(),
        list in prop::collection::vec(message(), 1..40),
        hashed in any::<bool>(),
        ends in any::<(Index, Index)>(),
    ) {
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let filter = parse(&words).expect("a filter");
        let index = index_of(&names, &list, hashed);
        let Some(mut verdicts) = Verdicts::new(&filter, &index) else { return Ok(()) };
        prop_assert!(verdicts.prepare(&index, ENOUGH));
        let (a, b) = (ends.0.index(list.len() + 1) as u64, ends.1.index(list.len() + 1) as u64);
        let mut matcher = Matcher::new(&filter).inexact(true);
        for range in [0..list.len() as u64, a.min(b)..a.max(b)] {
            let counted = verdicts.count(&index, range.clone(), ENOUGH).expect("all is read");
            let counted = whole(counted, &mut matcher, &list);
            prop_assert_eq!(counted, real(&mut matcher, &list, range));
        }
    }

    #[test]
    fn a_filter_on_numbered_fields_needs_no_message(
        terms in prop::collection::vec(term(), 1..4),
        list in prop::collection::vec(model::message().prop_map(|message| message.bytes()), 1..30),
    ) {
        let words: Vec<String> = terms.iter().flat_map(Term::words).collect();
        let filter = parse(&words.iter().map(String::as_bytes).collect::<Vec<_>>()).expect("a filter");
        let mut names: Vec<&str> = words.iter().filter(|word| model::FIELDS.contains(&&***word)).map(|word| &**word).collect();
        names.sort_unstable();
        names.dedup();
        let index = index_of(&names, &list, false);
        let mut verdicts = Verdicts::new(&filter, &index).expect("all fields are there");
        prop_assert!(verdicts.prepare(&index, ENOUGH));
        let counted = verdicts.count(&index, 0..u64::MAX, 0);
        prop_assert_eq!(counted, Some(real(&mut Matcher::new(&filter).inexact(true), &list, 0..list.len() as u64)));
    }

    #[test]
    fn positions_are_those_of_matches_and_of_what_has_to_be_read(
        words in words(),
        names in fields(),
        list in prop::collection::vec(message(), 1..40),
        unread in any::<(u8, u8)>(),
        (most, rows) in (1_usize..9, 1_u64..20),
        inexact in any::<bool>(),
    ) {
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let filter = parse(&words).expect("a filter");
        let mut index = index_of(&names, &list, false);
        let Some(mut verdicts) = Verdicts::new(&filter, &index) else { return Ok(()) };
        // Some messages at both ends are unread.
        let (producer, consumer) = (u64::from(unread.0 % 3), u64::from(unread.1 % 3));
        index.pushed(Side::Producer, producer);
        index.pushed(Side::Consumer, consumer);
        prop_assert!(verdicts.prepare(&index, ENOUGH));
        let mut found = Vec::new();
        let mut from = 0;
        while from < index.len() {
            let positions = verdicts.positions(&index, from, inexact, most, rows).expect("prepared");
            prop_assert!(positions.next > from && positions.found.len() <= most && positions.next <= from + rows);
            prop_assert!(positions.found.iter().all(|at| (from..positions.next).contains(at)));
            found.extend(positions.found);
            from = positions.next;
        }
        prop_assert!(found.is_sorted_by(|a, b| a < b));
        let read = consumer..consumer + list.len() as u64;
        let candidates = verdicts.count(&index, read.clone(), ENOUGH).expect("read").candidates;
        let mut matcher = Matcher::new(&filter).inexact(true);
        let wanted: Vec<u64> = (0..index.len()).filter(|at| {
            if !read.contains(at) || candidates.contains(at) {
                return true;
            }
            let message = &list[list.len() - 1 - usize::try_from(at - consumer).expect("small")];
            match expected(&mut matcher, message).0 {
                Expected::Matched => true,
                Expected::Inexact => inexact,
                Expected::No | Expected::Unreadable(_) => false,
            }
        }).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn groups_are_those_of_a_scan(
        terms in prop::collection::vec(term(), 0..2),
        list in prop::collection::vec(message(), 1..40),
        by in prop::sample::subsequence(model::FIELDS.to_vec(), 1..=2),
        inexact in any::<bool>(),
    ) {
        let words: Vec<String> = terms.iter().flat_map(Term::words).collect();
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let filter = if words.is_empty() { Filter::all() } else { parse(&words).expect("a filter") };
        let mut names: Vec<&str> = terms.iter().map(|term| term.field).chain(by.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let index = index_of(&names, &list, false);
        let grouping = Grouping::new(&by.iter().map(|name| name.as_bytes()).collect::<Vec<_>>()).expect("fields");
        let mut groups = Groups::new(&grouping, &index, inexact).expect("numbered");
        let mut verdicts = Verdicts::new(&filter, &index).expect("all fields are there");
        prop_assert!(groups.prepare(&index, ENOUGH) && verdicts.prepare(&index, ENOUGH));
        let got = verdicts.count_by(&groups, &index, 0..u64::MAX, ENOUGH).expect("all is read");

        let mut oracle = Oracle::new(&filter, &grouping, inexact);
        for (distance, message) in list.iter().rev().enumerate() {
            if !got.counted.candidates.contains(&(distance as u64)) {
                oracle.examine(message, distance as u64);
            }
        }
        let mut counted = got.counted;
        counted.candidates.clear();
        counted.inexact_bytes = 0;
        prop_assert_eq!(counted, oracle.counted);
        let all: BTreeMap<Vec<u8>, KeyCount> = got.groups.into_iter().map(|group| (group.key.clone(), group)).collect();
        prop_assert_eq!(all, oracle.groups);
    }
}

/// Groups as [`crate::job`] makes them.
struct Oracle {
    matcher: Matcher,
    exact: Option<Matcher>,
    counted: Counted,
    groups: BTreeMap<Vec<u8>, KeyCount>,
    /// Matches are grouped. Otherwise groups have no meaning.
    groups_all: bool,
}

impl Oracle {
    fn new(filter: &Filter, grouping: &Grouping, inexact: bool) -> Self {
        let matcher = Matcher::of(MessageKind::Celery, filter, Some(grouping));
        let exact = (!inexact).then(|| matcher.clone());
        Self {
            matcher: matcher.inexact(true),
            exact,
            counted: Counted::default(),
            groups: BTreeMap::new(),
            groups_all: true,
        }
    }

    fn examine(&mut self, message: &[u8], distance: u64) {
        let verdict = self.matcher.examine(message);
        self.counted.examined += 1;
        self.counted.undecodable += u64::from(verdict.undecodable);
        if !verdict.matched {
            self.counted.unreadable += u64::from(verdict.unreadable);
            self.counted.uncompared += u64::from(verdict.uncompared);
            return;
        }
        if self.exact.is_some() && self.matcher.is_inexact() {
            self.counted.inexact += 1;
            return;
        }
        if !self.groups_all {
            self.counted.inexact += u64::from(self.matcher.is_inexact());
            self.counted.matched += 1;
            self.counted.matched_bytes += message.len() as u64;
            return;
        }
        let mut key = Vec::new();
        let is_readable = self.matcher.group_key(message, &mut key);
        let is_inexact = self.matcher.is_inexact();
        if let Some(exact) = self.exact.as_mut().filter(|_| is_inexact) {
            exact.examine(message);
            exact.group_key(message, &mut key);
        }
        self.counted.inexact += u64::from(is_inexact);
        self.counted.unreadable += u64::from(!is_readable);
        self.counted.matched += 1;
        self.counted.matched_bytes += message.len() as u64;
        let (next, last) = (distance, distance);
        let new = KeyCount { key: key.clone(), count: 0, bytes: 0, next, last };
        let group = self.groups.entry(key).or_insert(new);
        group.count += 1;
        group.bytes += message.len() as u64;
        group.last = distance;
    }
}

/// Messages of the tasks a, b and c in turn, with an id each.
fn three_tasks(count: usize) -> Vec<Vec<u8>> {
    let task = |n: usize| ["a", "b", "c"][n % 3];
    (0..count)
        .map(|n| plain("[[], {}, {}]", &format!(r#""task": "{}", "id": "i{n}""#, task(n))).into_bytes())
        .collect()
}

#[test]
fn a_field_of_unique_values_narrows_a_filter_to_candidates() {
    let list = three_tasks(50);
    let index = index_of(&["id", "task"], &list, false);
    let mut verdicts = Verdicts::new(&filter("WHERE id IN 2 i7 i30"), &index).expect("there");
    assert!(verdicts.prepare(&index, 1));
    let counted = verdicts.count(&index, 0..50, 2).expect("two candidates");
    assert_eq!((counted.candidates, counted.examined, counted.matched), (vec![19, 42], 48, 0));
    assert_eq!(verdicts.count(&index, 0..50, 1), None, "more candidates than are wanted");
    let mut verdicts = Verdicts::new(&filter("WHERE id != i7 WHERE id EXISTS"), &index).expect("there");
    assert!(verdicts.prepare(&index, 1));
    let counted = verdicts.count(&index, 0..50, 2).expect("one candidate");
    assert_eq!((counted.candidates, counted.matched), (vec![42], 49));
}

#[test]
fn a_field_that_the_index_lacks_is_read_where_others_do_not_exclude_the_message() {
    let list = three_tasks(30);
    let index = index_of(&["task"], &list, false);
    assert!(Verdicts::new(&filter("WHERE retries = 1"), &index).is_none());
    assert!(Verdicts::new(&filter("WHERE task = a OR retries = 1"), &index).is_none());
    let mut verdicts =
        Verdicts::new(&filter("WHERE retries = 1 WHERE task = a"), &index).expect("task is there");
    assert!(verdicts.prepare(&index, ENOUGH));
    let counted = verdicts.count(&index, 0..30, ENOUGH).expect("read");
    assert_eq!((counted.examined, counted.candidates.len()), (20, 10));
}

#[test]
fn an_answer_needs_verdicts_on_all_values_and_only_read_messages() {
    let mut index = index_of(&["task"], &three_tasks(30), false);
    let mut verdicts = Verdicts::new(&filter("TASK a"), &index).expect("there");
    assert_eq!(verdicts.count(&index, 0..30, 0), None, "nothing was prepared");
    assert!(!verdicts.prepare(&index, 1));
    while !verdicts.prepare(&index, 1) {}
    assert_eq!(verdicts.count(&index, 0..30, 0).map(|counted| counted.matched), Some(10));
    index.pushed(Side::Producer, 1);
    assert_eq!(verdicts.count(&index, 0..31, 0), None, "the last one is unread");
    assert_eq!(verdicts.count(&index, 0..30, 0).map(|counted| counted.matched), Some(10));
    assert!(index.read(Side::Producer, &plain("[[], {}, {}]", r#""task": "new""#).into_bytes()));
    assert_eq!(verdicts.count(&index, 0..30, 0), None, "a value is new");
    assert!(verdicts.prepare(&index, ENOUGH));
    assert_eq!(verdicts.count(&index, 0..31, 0).map(|counted| counted.matched), Some(10));
}

#[test]
fn a_number_that_was_given_to_another_value_is_asked_again() {
    let task = |name: &str| plain("[[], {}, {}]", &format!(r#""task": "{name}""#)).into_bytes();
    let mut index = index_of(&["task"], &[task("a"), task("b")], false);
    let mut verdicts = Verdicts::new(&filter("TASK a"), &index).expect("there");
    let mut count = |index: &FieldIndex| {
        assert!(verdicts.prepare(index, ENOUGH));
        verdicts.count(index, 0..9, 0).map(|counted| counted.matched)
    };
    assert_eq!(count(&index), Some(1));
    // The number of `a` is free now, and `c` gets it.
    assert!(index.popped(Side::Producer, 1));
    index.pushed(Side::Producer, 1);
    assert!(index.read(Side::Producer, &task("c")));
    assert_eq!(count(&index), Some(0));
}

#[test]
fn all_conditions_of_a_filter_on_the_longest_values_never_exceed_the_work_of_one_message() {
    let pattern = &"*a?".repeat(100)[..crate::filter::PATTERN_MAX - 2];
    let conditions: Vec<String> = (10..10 + crate::filter::CONDITIONS_MAX)
        .map(|n| format!("WHERE kwargs.x GLOB {pattern}{n}"))
        .collect();
    let mut asked = Conditions::new(&filter(&conditions.join(" ")));
    let value = format!("\"{}\"", "a".repeat(crate::index::VALUE_BYTES_MAX - 2));
    // TASK, REPOID and COMMITID cost less than a pattern each.
    let each = (0..crate::filter::CONDITIONS_MAX).chain(0..3);
    let steps: usize =
        each.map(|at| asked.decide(at, crate::format::FieldValue::Value(value.as_bytes())).1).sum();
    assert!(steps > 500_000, "{steps} steps: the pattern is not among the most expensive ones");
    // A scan may evaluate them twice, with and without the texts of the sender.
    assert!(crate::filter::Work::on(0).take(2 * steps), "{steps} steps");
}
