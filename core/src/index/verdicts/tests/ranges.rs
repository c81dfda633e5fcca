//! Parts of a list that are counted one after the other, while the list changes at its ends, against the matcher.

use std::collections::HashMap;

use super::*;
use crate::index::verdicts::{Counts, GroupCounter, ListGuide};
use crate::scan::{CountedUnread, GroupCount, Guide as _, JumpCosts};

/// What happens between two slices.
#[derive(Debug, Clone)]
enum Between {
    Nothing,
    /// A message is pushed, at the consumer end or at the other.
    Push(bool, Vec<u8>),
    /// A worker takes messages.
    Pop(usize),
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        3 => Just(Between::Nothing),
        2 => (any::<bool>(), message()).prop_map(|(requeued, message)| Between::Push(requeued, message)),
        1 => (1..4_usize).prop_map(Between::Pop),
    ]
}

/// A count in slices, and what it found.
struct Count {
    /// The messages from the producer end to the consumer end.
    list: Vec<Vec<u8>>,
    index: FieldIndex,
    verdicts: Verdicts,
    groups: Option<GroupCounter>,
    costs: JumpCosts,
    inexact: bool,
    reads_matches: bool,
    /// The distance of the message that is counted next.
    at: u64,
    /// Messages that were pushed later and come after the end of the count.
    later: u64,
    counted: CountedUnread,
    by_group: Vec<GroupCount>,
    /// The values of each group, by number.
    names: Vec<Vec<u8>>,
}

impl Count {
    /// Counts for one slice, of at most `blocks` blocks and one message that has to be read. What was counted or read is
    /// told to the oracle. Returns whether nothing is left.
    fn slice(&mut self, grouping: Option<&Grouping>, blocks: usize, oracle: &mut Oracle) -> bool {
        let end = self.list.len() as u64 - self.later;
        if self.at >= end {
            return true;
        }
        assert!(self.verdicts.prepare(&self.index, ENOUGH));
        let counts = match (&mut self.groups, grouping) {
            (Some(groups), Some(grouping)) => {
                assert_eq!(groups.prepare(grouping, &self.index, ENOUGH), Some(true));
                Counts::Groups(groups)
            }
            _ => Counts::Matches,
        };
        let (verdicts, index, costs) = (&mut self.verdicts, &self.index, &mut self.costs);
        let mut guide = ListGuide { verdicts, index, costs, counts, inexact: self.inexact };
        let mut left = blocks;
        let mut goes_on = |_| {
            left = left.saturating_sub(1);
            left > 0
        };
        let begin = self.at;
        let reached = guide.count(begin..end, self.reads_matches, &mut goes_on, &mut self.counted);
        let (names, mut found) = (&mut self.names, Vec::new());
        let mut number = |values: &[u8]| {
            let at = names.iter().position(|name| name == values).unwrap_or_else(|| {
                names.push(values.to_vec());
                names.len() - 1
            });
            u32::try_from(at).expect("few")
        };
        guide.groups(&mut number, &mut found);
        for group in &found {
            let inside = begin..reached.map_or(begin, |reached| reached.at);
            assert!(inside.contains(&group.next) && inside.contains(&group.last), "{group:?}");
            assert!(group.next <= group.last && (group.count > 1 || group.next == group.last), "{group:?}");
        }
        self.by_group.extend(found);
        let next = match reached {
            Some(reached) => {
                (begin..reached.at).for_each(|at| oracle.examine(self.message(at), at));
                reached.at + u64::from(reached.has_to_be_read)
            }
            // The scan reads.
            None => begin + 1,
        };
        self.at = next;
        false
    }

    fn message(&self, distance: u64) -> &[u8] {
        &self.list[self.list.len() - 1 - usize::try_from(distance).expect("small")]
    }

    fn change(&mut self, between: &Between) {
        match between {
            Between::Nothing => {}
            Between::Push(requeued, message) => {
                let side = if *requeued { Side::Consumer } else { Side::Producer };
                let to = if *requeued { self.list.len() } else { 0 };
                self.list.insert(to, message.clone());
                self.index.pushed(side, 1);
                // All messages of a list that was empty are unread ones of the consumer end.
                let side = if self.index.unread(side) > 0 { side } else { Side::Consumer };
                assert!(self.index.read(side, message));
                if *requeued {
                    self.at += 1;
                } else {
                    self.later += 1;
                }
            }
            Between::Pop(n) => {
                let n = (*n).min(self.list.len());
                self.list.truncate(self.list.len() - n);
                assert!(self.index.popped(Side::Consumer, n as u64));
                self.at = self.at.saturating_sub(n as u64);
                self.later = self.later.min(self.list.len() as u64);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(700))]

    #[test]
    fn parts_add_up_to_what_a_scan_counts(
        words in words(),
        has_filter in any::<bool>(),
        names in fields(),
        by in prop::option::of(prop::sample::subsequence(model::FIELDS.to_vec(), 1..=2)),
        (inexact, reads_matches) in any::<(bool, bool)>(),
        list in prop::collection::vec(message(), 1..40),
        slices in prop::collection::vec((1..4_usize, between()), 1..30),
    ) {
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let filter = if has_filter { parse(&words).expect("a filter") } else { Filter::all() };
        let index = index_of(&names, &list, false);
        let Some(verdicts) = Verdicts::new(&filter, &index) else { return Ok(()) };
        let fields: Option<Vec<&[u8]>> = by.map(|by| by.iter().map(|name| name.as_bytes()).collect());
        let grouping = fields.map(|fields| Grouping::new(&fields).expect("fields"));
        let groups = match &grouping {
            None => None,
            Some(grouping) => match GroupCounter::new(grouping, &index, inexact) {
                None => return Ok(()),
                groups => groups,
            },
        };
        let none = Grouping::new(&[b"task"]).expect("a field");
        let mut oracle = Oracle::new(&filter, grouping.as_ref().unwrap_or(&none), inexact);
        oracle.groups_all = grouping.is_some();
        let mut count = Count {
            list,
            index,
            verdicts,
            groups,
            costs: JumpCosts::default(),
            inexact,
            reads_matches,
            at: 0,
            later: 0,
            counted: CountedUnread::default(),
            by_group: Vec::new(),
            names: Vec::new(),
        };
        for (blocks, between) in &slices {
            count.slice(grouping.as_ref(), *blocks, &mut oracle);
            count.change(between);
        }
        while !count.slice(grouping.as_ref(), 9, &mut oracle) {}
        let expected = &oracle.counted;
        prop_assert!(!reads_matches || count.counted.matched == 0);
        prop_assert_eq!(count.counted, CountedUnread {
            messages: expected.examined,
            matched: expected.matched,
            matched_bytes: expected.matched_bytes,
            inexact: expected.inexact,
            undecodable: expected.undecodable,
            unreadable: expected.unreadable,
            uncompared: expected.uncompared,
        });
        if grouping.is_some() {
            let mut got: HashMap<Vec<u8>, (u64, u64)> = HashMap::new();
            for group in &count.by_group {
                let sum = got.entry(count.names[group.group as usize].clone()).or_default();
                *sum = (sum.0 + group.count, sum.1 + group.bytes);
            }
            let expected: HashMap<Vec<u8>, (u64, u64)> =
                oracle.groups.iter().map(|(key, group)| (key.clone(), (group.count, group.bytes))).collect();
            prop_assert_eq!(got, expected);
        }
    }
}

#[test]
fn nothing_is_counted_where_most_messages_have_to_be_read() {
    let list = three_tasks(48);
    let index = index_of(&["id", "task"], &list, false);
    let mut verdicts = Verdicts::new(&filter("WHERE id CONTAINS i"), &index).expect("there");
    assert!(verdicts.prepare(&index, ENOUGH));
    let mut costs = JumpCosts::default();
    let (verdicts, index, costs) = (&mut verdicts, &index, &mut costs);
    let mut guide = ListGuide { verdicts, index, costs, counts: Counts::Matches, inexact: false };
    let mut counted = CountedUnread::default();
    assert_eq!(guide.count(0..48, false, &mut |_| true, &mut counted), None);
    assert_eq!(counted, CountedUnread::default());
    assert_eq!(guide.count(0..49, false, &mut |_| true, &mut counted), None, "the list has no such message");
}
