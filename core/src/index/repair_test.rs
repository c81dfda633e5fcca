//! Repairs against lists that are edited in place: a repair is right, or it says that it is not certain.

use proptest::prelude::*;
use proptest::sample::Index;

use super::columns::Side;
use super::fields::FieldIndex;
use super::fields_test::{check, index_of, message};
use super::repair::{Edit, PROBES_MAX, Place, Repair, Step};
use crate::scan::fingerprint;

/// Searches for an edit that was made to the list, and applies it.
fn repair(index: &mut FieldIndex, edit: Edit, after: &[Vec<u8>]) -> Option<Place> {
    let mut probes = 0;
    let mut repair = Repair::new(index, edit);
    let place = loop {
        let mut probe = |position: u64| {
            probes += 1;
            after.get(usize::try_from(position).ok()?).map(|message| fingerprint(message))
        };
        match repair.step(index, &mut probe, 3) {
            Step::More => {}
            Step::Found(place) => break place,
            Step::Unknown | Step::Contradicted => return None,
        }
    };
    assert!(probes <= PROBES_MAX + 70, "{probes} probes");
    match &place {
        Place::Removed { positions, among } => {
            assert_eq!(positions.len(), among.len());
            assert!(index.deleted(positions));
        }
        Place::Inserted { position, among } => {
            assert!(among.contains(position));
            assert!(index.inserted(*position, &after[usize::try_from(*position).expect("small")]));
        }
        Place::Trimmed { first, count } => assert!(index.trimmed(*first, *count)),
    }
    Some(place)
}

/// LREM as Redis does it.
fn remove(list: &mut Vec<Vec<u8>>, count: i64, message: &[u8]) -> u64 {
    let most = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).expect("small") };
    let equal = (0..list.len()).filter(|at| list[*at] == message);
    let gone: Vec<usize> =
        if count < 0 { equal.rev().take(most).collect() } else { equal.take(most).collect() };
    let mut at = 0;
    list.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    gone.len() as u64
}

#[derive(Debug, Clone)]
enum Command {
    Remove(i64, Index),
    Insert(Index, u32),
    Trim(Index, Index),
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (-3_i64..4, any::<Index>()).prop_map(|(count, of)| Command::Remove(count, of)),
        (any::<Index>(), 0..100_u32).prop_map(|(at, new)| Command::Insert(at, new)),
        any::<(Index, Index)>().prop_map(|(first, count)| Command::Trim(first, count)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_repair_is_right_or_uncertain(
        letters in prop::collection::vec(any::<Index>(), 1..60),
        alphabet in 1_u32..40,
        ends in any::<(Index, Index)>(),
        whole in any::<bool>(),
        commands in prop::collection::vec(command(), 1..6),
    ) {
        let letter = |of: &Index| message(u32::try_from(of.index(alphabet as usize)).expect("small"));
        let mut list: Vec<Vec<u8>> = letters.iter().map(letter).collect();
        let (a, b) = (ends.0.index(list.len() + 1), ends.1.index(list.len() + 1));
        let region = if whole { 0..list.len() } else { a.min(b)..a.max(b) };
        let mut index = index_of(&list, region);
        for command in commands {
            if list.is_empty() {
                break;
            }
            let before = list.len() as u64;
            let edit = match command {
                Command::Remove(count, of) => {
                    let of = list[of.index(list.len())].clone();
                    Edit::Removed(remove(&mut list, count, &of))
                }
                Command::Insert(at, new) => {
                    list.insert(at.index(list.len() + 1), message(new % alphabet));
                    Edit::Inserted
                }
                Command::Trim(first, count) => {
                    let first = first.index(list.len());
                    let count = 1 + count.index(list.len() - first);
                    list = list[first..first + count].to_vec();
                    Edit::Trimmed(before - list.len() as u64)
                }
            };
            match repair(&mut index, edit, &list) {
                Some(_) => check(&index, &list),
                None => index = index_of(&list, 0..list.len()),
            }
        }
    }
}

/// Messages that are all different, and lie in many chunks.
fn different() -> Vec<Vec<u8>> {
    (0..1_000).map(|n| format!("no message {n}").into_bytes()).collect()
}

#[test]
fn an_edit_among_different_messages_is_always_found() {
    for at in [0, 1, 7, 8, 9, 499, 500, 998, 999] {
        let mut list = different();
        let mut index = index_of(&list, 0..list.len());
        let gone = list.remove(at);
        let place = repair(&mut index, Edit::Removed(1), &list).expect("certain");
        let (position, next) = (at as u64, at as u64 + 1);
        assert_eq!(
            place,
            Place::Removed {
                positions: vec![position],
                among: vec![std::iter::once(position..next).next().expect("one")]
            }
        );
        check(&index, &list);

        list.insert(at, gone);
        let place = repair(&mut index, Edit::Inserted, &list).expect("certain");
        assert_eq!(place, Place::Inserted { position, among: position..next });
        check(&index, &list);

        list = list[at..(at + 400).min(1_000)].to_vec();
        let edit = Edit::Trimmed(1_000 - list.len() as u64);
        let place = repair(&mut index, edit, &list).expect("certain");
        assert_eq!(place, Place::Trimmed { first: position, count: list.len() as u64 });
        check(&index, &list);
    }
}

#[test]
fn a_search_goes_no_further_from_the_ends_than_it_may() {
    for (at, is_near) in [(3, true), (60, true), (200, false), (500, false), (800, false), (990, true)] {
        let mut list = different();
        let index = index_of(&list, 0..list.len());
        list.remove(at);
        let mut repair = Repair::new(&index, Edit::Removed(1));
        let mut probe = |position: u64| {
            assert!(position.min(998 - position) <= 64 + 32, "a probe at {position}");
            list.get(usize::try_from(position).ok()?).map(|message| fingerprint(message))
        };
        let mut found = None;
        while found.is_none() && repair.reach(64) {
            found = match repair.step(&index, &mut probe, 1) {
                Step::More => None,
                ended => Some(ended),
            };
        }
        assert_eq!(found.is_some(), is_near, "the message at {at}");
        let mut probe = |position: u64| list.get(usize::try_from(position).ok()?).map(|m| fingerprint(m));
        assert!(repair.reach(u64::MAX));
        let ended = found.unwrap_or_else(|| repair.step(&index, &mut probe, 1_000));
        let place = Place::Removed {
            positions: vec![at as u64],
            among: vec![std::iter::once(at as u64..at as u64 + 1).next().expect("one")],
        };
        assert_eq!(ended, Step::Found(place));
    }
}

#[test]
fn several_equal_messages_are_found_among_others() {
    let mut list = different();
    for at in [3, 250, 251, 700, 999] {
        list[at] = b"twice".to_vec();
    }
    let mut index = index_of(&list, 0..list.len());
    assert_eq!(remove(&mut list, 0, b"twice"), 5);
    let positions = vec![3, 250, 251, 700, 999];
    // Two of them are neighbours: which one left first is not certain.
    let among = vec![3..4, 250..252, 251..252, 700..701, 999..1_000];
    let place = repair(&mut index, Edit::Removed(5), &list);
    assert_eq!(place, Some(Place::Removed { positions, among }));
    check(&index, &list);
}

#[test]
fn a_message_that_leaves_a_run_of_equal_ones_may_be_any_of_them() {
    let mut list = different();
    list[400..410].fill(b"same".to_vec());
    let mut index = index_of(&list, 0..list.len());
    list.remove(404);
    let place = repair(&mut index, Edit::Removed(1), &list);
    let among = std::iter::once(400..410).collect();
    assert_eq!(place, Some(Place::Removed { positions: vec![400], among }));
    check(&index, &list);
    list.insert(405, b"new".to_vec());
    let place = repair(&mut index, Edit::Inserted, &list);
    assert_eq!(place, Some(Place::Inserted { position: 405, among: 405..406 }));
    check(&index, &list);
}

#[test]
fn an_edit_of_unread_messages_leaves_the_read_ones() {
    let mut list = different();
    let mut index = index_of(&list, 200..800);
    list.remove(100);
    assert!(repair(&mut index, Edit::Removed(1), &list).is_none() || index.unread(Side::Producer) == 199);
    let mut index = index_of(&list, 200..800);
    list.insert(900, b"new".to_vec());
    assert!(repair(&mut index, Edit::Inserted, &list).is_some());
    check(&index, &list);
    assert_eq!(index.unread(Side::Consumer), 200);
}

#[test]
fn a_message_after_the_only_read_one_is_not_taken_for_an_unread_one() {
    let mut list = vec![b"a".to_vec(), b"b".to_vec()];
    let mut index = index_of(&list, 1..2);
    list.push(b"a".to_vec());
    let place = repair(&mut index, Edit::Inserted, &list);
    assert_eq!(place, Some(Place::Inserted { position: 2, among: 2..3 }));
    check(&index, &list);
}

#[test]
fn what_fits_no_shift_is_never_believed() {
    let mut list = different();
    let mut index = index_of(&list, 0..list.len());
    // Two edits of which only one was reported.
    list.remove(10);
    list[500] = b"other".to_vec();
    list.swap(300, 700);
    list.swap(499, 2);
    list.rotate_left(5);
    assert_eq!(repair(&mut index, Edit::Removed(1), &list), None);
    assert_eq!(repair(&mut index_of(&different(), 0..1_000), Edit::Removed(1), &[]), None);
    let long = Edit::Removed(super::repair::REMOVED_MAX + 1);
    assert_eq!(Repair::new(&index, long).step(&index, &mut |_| Some(0), 100), Step::Unknown);
}
