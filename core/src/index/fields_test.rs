//! The index against a plain list of messages, through random changes of the list.

use proptest::prelude::*;
use proptest::sample::Index;

use super::codes::{RESERVED, VALUES};
use super::columns::{FINGERPRINT, LENGTH, META, Side};
use super::fields::FieldIndex;
use crate::filter::tests::plain;
use crate::kind::MessageKind;

const FIELDS: [&[u8]; 3] = [b"task", b"kwargs.x", b"id"];
const SEED: u64 = 11;

/// Message n of some kinds: readable, known by the sender's texts, unreadable, not a message.
pub(super) fn message(n: u32) -> Vec<u8> {
    let task = n % 5;
    match n % 17 {
        3 => format!("no message {n}").into_bytes(),
        5 => format!(
            r#"{{"content-type": "application/x-yaml", "headers": {{"task": "t{task}", "id": "{n}", "argsrepr": "()", "kwargsrepr": "{{'x': {n}}}"}}, "properties": {{}}, "body": "x"}}"#
        )
        .into_bytes(),
        7 => format!(
            r#"{{"content-type": "application/x-yaml", "headers": {{"task": "t{task}", "id": "{n}"}}, "properties": {{}}, "body": "x"}}"#
        )
        .into_bytes(),
        9 => plain("[[], {}, {}]", &format!(r#""task": "t{task}", "id": {n}"#)).into_bytes(),
        11 => plain(&format!(r#"[[], {{"x": [{n}]}}, {{}}]"#), &format!(r#""task": "t{task}""#)).into_bytes(),
        13 => plain(
            &format!(r#"[[], {{"x": "{}"}}, {{}}]"#, "y".repeat(1_100 + n as usize)),
            &format!(r#""task": "t{task}""#),
        )
        .into_bytes(),
        _ => plain(&format!(r#"[[], {{"x": {n}}}, {{}}]"#), &format!(r#""task": "t{task}", "id": "{n}""#)).into_bytes(),
    }
}

/// An index of a list with these messages, those in `region` read.
pub(super) fn index_of(list: &[Vec<u8>], region: std::ops::Range<usize>) -> FieldIndex {
    let mut index = FieldIndex::new(MessageKind::Celery, &FIELDS, (list.len() - region.start) as u64, SEED)
        .expect("fields");
    for message in &list[region.clone()] {
        assert!(index.read(Side::Consumer, message));
    }
    index.pushed(Side::Producer, region.start as u64);
    index
}

/// What a row says, in words that do not depend on how its values came to be known: the length, the fingerprint, and the
/// hash of each value.
fn row(index: &FieldIndex, position: u64) -> Option<Vec<u32>> {
    let mut row = vec![index.rows.value(LENGTH, position)?, index.rows.value(FINGERPRINT, position)?];
    let hashes = index.rows.hashes_at(position)?;
    for (at, column) in index.columns.iter().enumerate() {
        let value = index.rows.value(META + at, position)?;
        let is_hash = hashes >> at & 1 == 1;
        row.push(match column.numbered() {
            Some(dictionary) if !is_hash && value >= VALUES => dictionary.get(value).expect("a value").hash,
            _ => value,
        });
    }
    Some(row)
}

/// The index is the one of a list of which the messages in the region are read.
pub(super) fn check(index: &FieldIndex, list: &[Vec<u8>]) {
    let region = index.rows.region();
    assert_eq!(index.len(), list.len() as u64);
    assert_eq!(index.unread(Side::Producer), region.start);
    assert_eq!(index.unread(Side::Consumer), list.len() as u64 - region.end);
    let read = usize::try_from(region.start).expect("small")..usize::try_from(region.end).expect("small");
    let fresh = index_of(list, read.clone());
    for position in 0..list.len() as u64 {
        assert_eq!(row(index, position), row(&fresh, position), "the row at {position} of {}", list.len());
    }
    for (column, other) in index.columns.iter().zip(&fresh.columns) {
        let at = index.columns.iter().position(|of| std::ptr::eq(of, column)).expect("there");
        let values =
            |of: &FieldIndex| region.clone().filter_map(|p| of.rows.value(META + at, p)).collect::<Vec<_>>();
        let mine = values(index);
        for (number, count) in column.reserved.iter().enumerate() {
            let rows = mine.iter().filter(|value| **value as usize == number).count();
            assert_eq!(*count, rows as u64, "rows with the reserved number {number}");
        }
        if let (Some(one), Some(two)) = (column.dictionary(), other.dictionary()) {
            assert_eq!(one.len(), two.len(), "distinct values");
            for number in RESERVED..one.end() {
                let number = u32::try_from(number).expect("small");
                let rows = mine.iter().filter(|value| **value == number).count();
                assert_eq!(
                    one.get(number).map_or(0, |value| value.count as usize),
                    rows,
                    "rows with a value"
                );
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Push(Side, u32),
    Pop(Side, Index, u8),
    Read(Side, u8),
    Delete(Vec<Index>),
    Insert(Index),
    Trim(Index, Index),
    Maintain,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Producer), Just(Side::Consumer)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (side(), 1_u32..12).prop_map(|(side, n)| Step::Push(side, n)),
        2 => (side(), any::<Index>(), 0..4_u8).prop_map(|(side, n, few)| Step::Pop(side, n, few)),
        6 => (side(), 1..30_u8).prop_map(|(side, n)| Step::Read(side, n)),
        2 => prop::collection::vec(any::<Index>(), 0..20).prop_map(Step::Delete),
        2 => any::<Index>().prop_map(Step::Insert),
        1 => any::<(Index, Index)>().prop_map(|(first, count)| Step::Trim(first, count)),
        2 => Just(Step::Maintain),
    ]
}

/// Does the same to the list and to the index.
fn apply(step: &Step, list: &mut Vec<Vec<u8>>, index: &mut FieldIndex, next: &mut u32) {
    let mut new = || {
        *next += 1;
        // Some are equal.
        message(*next * *next % 251)
    };
    match step {
        Step::Push(side, n) => {
            for _ in 0..*n {
                match side {
                    Side::Producer => list.insert(0, new()),
                    Side::Consumer => list.push(new()),
                }
            }
            index.pushed(*side, u64::from(*n));
        }
        Step::Pop(side, n, few) => {
            let n = n.index(list.len() + 1).min(if *few > 0 { usize::from(*few) * 5 } else { usize::MAX });
            match side {
                Side::Producer => drop(list.drain(..n)),
                Side::Consumer => list.truncate(list.len() - n),
            }
            assert!(!index.popped(*side, list.len() as u64 + n as u64 + 1), "there are not as many");
            assert!(index.popped(*side, n as u64));
        }
        Step::Read(side, n) => {
            for _ in 0..*n {
                let unread = usize::try_from(index.unread(*side)).expect("small");
                let at = match side {
                    Side::Producer => unread.checked_sub(1),
                    Side::Consumer => list.len().checked_sub(unread).filter(|at| *at < list.len()),
                };
                let is_read = index.read(*side, at.map_or(&b""[..], |at| &list[at]));
                assert_eq!(is_read, at.is_some());
            }
        }
        Step::Delete(at) if !list.is_empty() => {
            let mut at: Vec<usize> = at.iter().map(|at| at.index(list.len())).collect();
            at.sort_unstable();
            at.dedup();
            let positions: Vec<u64> = at.iter().map(|at| *at as u64).collect();
            assert!(!index.deleted(&[list.len() as u64]));
            assert!(index.deleted(&positions));
            at.iter().rev().for_each(|at| drop(list.remove(*at)));
        }
        Step::Insert(at) => {
            let (at, message) = (at.index(list.len() + 1), new());
            assert!(index.inserted(at as u64, &message));
            list.insert(at, message);
        }
        Step::Trim(first, count) => {
            let first = first.index(list.len() + 1);
            let count = count.index(list.len() - first + 1);
            *list = list[first..first + count].to_vec();
            assert!(index.trimmed(first as u64, count as u64));
        }
        Step::Maintain => drop(index.maintain()),
        Step::Delete(_) => {}
    }
}

/// Whether a list with `len` messages can be the one of an index, by the borders that the module compares.
fn agrees(index: &FieldIndex, len: u64, mut fingerprint_at: impl FnMut(u64) -> Option<u32>) -> bool {
    let mut agrees = |(position, wanted)| fingerprint_at(position) == Some(wanted);
    len == index.len() && index.borders().into_iter().flatten().all(&mut agrees)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_index_is_always_the_one_of_the_list(steps in prop::collection::vec(step(), 1..120)) {
        let mut list: Vec<Vec<u8>> = Vec::new();
        let mut index = index_of(&list, 0..0);
        let mut next = 0;
        for step in &steps {
            apply(step, &mut list, &mut index, &mut next);
            check(&index, &list);
            let read = |position: u64| list.get(usize::try_from(position).ok()?).map(|m| crate::scan::fingerprint(m));
            assert!(agrees(&index, list.len() as u64, read));
        }
    }
}

#[test]
fn a_field_with_too_many_values_is_turned_into_hashes_step_by_step() {
    let list: Vec<Vec<u8>> = (0..200)
        .map(|n| plain(&format!(r#"[[], {{"x": {n}}}, {{}}]"#), r#""task": "t""#).into_bytes())
        .collect();
    let mut index = index_of(&list, 0..200);
    assert_eq!(index.distinct().collect::<Vec<_>>(), [Some(1), None, None]);
    let numbered = |index: &FieldIndex| (0..200).filter(|p| index.rows.hashes_at(*p) == Some(0b100)).count();
    let before = numbered(&index);
    assert!(before > 90, "{before} rows have numbers");
    assert!(index.maintain());
    assert_eq!(numbered(&index), before - super::columns::ROWS);
    check(&index, &list);
    while index.maintain() {}
    assert_eq!(numbered(&index), 0);
    check(&index, &list);
    while index.discard_some() {}
}

#[test]
fn borders_find_silent_edits_at_the_ends_of_the_region() {
    let list: Vec<Vec<u8>> =
        (0..40).map(|n| plain("[[], {}, {}]", &format!(r#""task": "t{n}""#)).into_bytes()).collect();
    let index = index_of(&list, 10..30);
    let print = |list: &[Vec<u8>], position: u64| {
        list.get(usize::try_from(position).ok()?).map(|message| crate::scan::fingerprint(message))
    };
    assert_eq!(index.borders().map(|border| border.expect("read").0), [10, 29]);
    assert!(agrees(&index, 40, |position| print(&list, position)));
    assert!(!agrees(&index, 41, |position| print(&list, position)));
    let shifted = [vec![b"new".to_vec()], list[..39].to_vec()].concat();
    assert!(!agrees(&index, 40, |position| print(&shifted, position)));
    assert!(!agrees(&index, 40, |_| None));
}

#[test]
fn rows_take_what_was_promised_and_no_more() {
    let fields = 3;
    let count = super::columns::ROWS as u64 * 100;
    let mut rows = super::columns::Columns::new(fields, count);
    for _ in 0..count {
        assert!(rows.read(Side::Consumer, &vec![9; META + fields], 0));
    }
    // Arrival times, which are kept elsewhere, are 4 of the 12 bytes.
    let most = (8 + 4 * fields as u64) * count * 105 / 100;
    // Chunks of tests have 8 rows, so that what is kept for each of them weighs more.
    let chunks = 128 * std::mem::size_of::<super::columns::Chunk>();
    assert!(rows.memory() <= usize::try_from(most).expect("small") + chunks, "{} bytes", rows.memory());
    // Every second message is deleted: the rest takes half.
    let every_second: Vec<u64> = (0..count).step_by(2).collect();
    assert!(rows.deleted(&every_second, &mut |_, _, _| {}));
    assert!(
        rows.memory() <= usize::try_from(most).expect("small") / 2 + chunks + 200,
        "{} bytes",
        rows.memory()
    );
}
