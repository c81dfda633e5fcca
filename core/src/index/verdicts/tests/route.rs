//! The way of a scan against the matcher.

use super::*;
use crate::index::verdicts::{Counts, ListGuide};
use crate::scan::{Guide as _, JumpCosts, Route, Toward};

/// A part of a way.
struct Way {
    /// The messages to read, each with whether it is certain to match.
    read: Vec<(u64, bool)>,
    passed: Vec<u64>,
    /// Of these, elements that are not JSON objects.
    undecodable: u64,
}

fn walk(guide: &mut ListGuide<'_>, range: Range<u64>, toward: Toward, most: usize) -> Option<Way> {
    let mut route = Route::default();
    route.begin(if toward == Toward::ProducerEnd { range.start } else { range.end });
    if !guide.lead(range, toward, most, &mut || true, &mut route) {
        return None;
    }
    let read: Vec<(u64, bool)> =
        route.candidates().iter().map(|candidate| (candidate.distance, candidate.is_sure)).collect();
    let passed = route.covered().filter(|at| !read.iter().any(|(read, _)| read == at)).collect();
    Some(Way { read, passed, undecodable: route.undecodable(0, true) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_passed_does_not_match_and_what_is_certain_does(
        words in words(),
        names in fields(),
        list in prop::collection::vec(message(), 1..40),
        hashed in any::<bool>(),
        ends in any::<(Index, Index)>(),
        most in 1_usize..9,
        inward in any::<bool>(),
    ) {
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let filter = parse(&words).expect("a filter");
        let index = index_of(&names, &list, hashed);
        let Some(mut verdicts) = Verdicts::new(&filter, &index) else { return Ok(()) };
        prop_assert!(verdicts.prepare(&index, ENOUGH));
        let (a, b) = (ends.0.index(list.len() + 1) as u64, ends.1.index(list.len() + 1) as u64);
        let toward = if inward { Toward::ConsumerEnd } else { Toward::ProducerEnd };
        let mut left = a.min(b)..a.max(b);
        let mut costs = JumpCosts::default();
        let mut guide = ListGuide { verdicts: &mut verdicts, index: &index, costs: &mut costs, counts: Counts::Nothing, inexact: false };
        // A clear does not look at the texts of senders but with INEXACT.
        let mut matchers = [Matcher::new(&filter), Matcher::new(&filter).inexact(true)];
        while !left.is_empty() {
            let way = walk(&mut guide, left.clone(), toward, most).expect("all is read");
            let Way { read, passed, undecodable } = way;
            let done = (read.len() + passed.len()) as u64;
            prop_assert!(done > 0 && read.len() <= most);
            let whole = if inward { left.end - done..left.end } else { left.start..left.start + done };
            let mut met: Vec<u64> = read.iter().map(|(at, _)| *at).chain(passed.iter().copied()).collect();
            prop_assert!(read.is_sorted_by(|a, b| (a < b) != inward));
            met.sort_unstable();
            prop_assert_eq!(met, whole.clone().collect::<Vec<_>>());
            for matcher in &mut matchers {
                let counted = real(matcher, &list, passed.iter().copied());
                let wanted = Counted { examined: passed.len() as u64, undecodable, ..Counted::default() };
                prop_assert_eq!(counted, wanted);
                for (at, _) in read.iter().filter(|(_, is_sure)| *is_sure) {
                    prop_assert_eq!(real(matcher, &list, [*at]).matched, 1);
                }
            }
            left = if inward { left.start..whole.start } else { whole.end..left.end };
        }
    }
}

#[test]
fn a_way_stops_when_there_is_no_time_and_ends_next_to_the_last_message_that_it_reads() {
    let list = three_tasks(50);
    let index = index_of(&["task"], &list, false);
    let mut verdicts = Verdicts::new(&filter("TASK a"), &index).expect("there");
    assert!(verdicts.prepare(&index, ENOUGH));
    let mut costs = JumpCosts::default();
    let mut guide = ListGuide {
        verdicts: &mut verdicts,
        index: &index,
        costs: &mut costs,
        counts: Counts::Nothing,
        inexact: false,
    };
    let mut route = Route::default();
    let mut left = 2;
    let mut goes_on = || {
        left -= 1;
        left > 0
    };
    // The message of distance 0 is number 49. A chunk has eight rows, and the last one has two.
    route.begin(0);
    assert!(guide.lead(0..50, Toward::ProducerEnd, 100, &mut goes_on, &mut route));
    assert_eq!(route.covered(), 0..10);
    assert_eq!(route.candidates().iter().map(|one| one.distance).collect::<Vec<_>>(), [1, 4, 7]);
    route.begin(50);
    assert!(guide.lead(0..50, Toward::ConsumerEnd, 2, &mut || true, &mut route));
    assert_eq!((route.covered(), route.candidates().len()), (44..50, 2));
    // It is not known what unread messages are.
    let mut index = index.clone();
    index.pushed(Side::Consumer, 1);
    let mut verdicts = Verdicts::new(&filter("TASK a"), &index).expect("there");
    assert!(verdicts.prepare(&index, ENOUGH));
    let mut guide = ListGuide {
        verdicts: &mut verdicts,
        index: &index,
        costs: &mut costs,
        counts: Counts::Nothing,
        inexact: false,
    };
    for (range, tells) in [(0..51, false), (1..51, true), (1..52, false)] {
        route.begin(range.start);
        assert_eq!(guide.lead(range, Toward::ProducerEnd, 9, &mut || true, &mut route), tells);
    }
}
