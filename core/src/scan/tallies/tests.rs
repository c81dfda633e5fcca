//! Places of groups against a naive list that knows every message.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    /// Messages of groups at these distances among those not yet found, nearest first: one by one, or as
    /// an index counts them.
    Find(usize, bool),
    PushTail(u64),
    PushHead(u64),
    PopTail(u64),
    PopHead(u64),
    Delete(Vec<prop::sample::Index>),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..6_usize, any::<bool>()).prop_map(|(n, counted)| Op::Find(n, counted)),
        2 => (1..4_u64).prop_map(Op::PushTail),
        1 => (1..4_u64).prop_map(Op::PushHead),
        3 => (1..5_u64).prop_map(Op::PopTail),
        1 => (1..4_u64).prop_map(Op::PopHead),
        3 => prop::collection::vec(any::<prop::sample::Index>(), 1..4).prop_map(Op::Delete),
    ]
}

/// A message: its group where it is of the snapshot, and whether it was found.
#[derive(Debug, Clone, Copy)]
struct Msg {
    group: Option<u32>,
    found: bool,
    id: usize,
}

/// The same matches, added up by group.
fn counted(rows: &[Grouped]) -> Vec<GroupCount> {
    let group = |group: u32| {
        let rows: Vec<&Grouped> = rows.iter().filter(|row| row.group == group).collect();
        let distances = || rows.iter().map(|row| row.distance);
        Some(GroupCount {
            group,
            count: rows.len() as u64,
            bytes: rows.iter().map(|row| row.bytes).sum(),
            next: distances().min()?,
            last: distances().max()?,
        })
    };
    (0..3).filter_map(group).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn positions_are_exact_or_the_message_left(
        groups in prop::collection::vec(0..3_u32, 0..30),
        ops in prop::collection::vec(op(), 0..40),
    ) {
        // By distance: 0 runs next.
        let mut queue: Vec<Msg> =
            groups.iter().enumerate().map(|(id, g)| Msg { group: Some(*g), found: false, id }).collect();
        let foreign = Msg { group: None, found: false, id: usize::MAX };
        let mut tallies = Tallies::default();
        let mut counts = [0_u64; 3];
        // Per group the ids of the first and the last that were found, of all that ever were.
        let mut found: [Vec<usize>; 3] = Default::default();
        for op in ops {
            match op {
                Op::Find(n, is_counted) => {
                    // A window: the nearest ones that were not found yet, from its far side.
                    let open = |m: &Msg| m.group.is_some() && !m.found;
                    let at: Vec<usize> = (0..queue.len()).filter(|d| open(&queue[*d])).take(n).collect();
                    let mut rows = Vec::new();
                    for d in at.into_iter().rev() {
                        queue[d].found = true;
                        let group = queue[d].group.unwrap_or_default();
                        counts[group as usize] += 1;
                        found[group as usize].push(queue[d].id);
                        rows.push(Grouped { group, distance: d as u64, bytes: 10 });
                    }
                    if is_counted {
                        tallies.extend_counted(&counted(&rows));
                    } else {
                        tallies.extend(&rows);
                    }
                }
                Op::PushTail(n) => {
                    (0..n).for_each(|_| queue.insert(0, foreign));
                    tallies.follow(&Shift::Away(n));
                }
                Op::PushHead(n) => queue.extend((0..n).map(|_| foreign)),
                Op::PopTail(n) => {
                    let n = n.min(queue.len() as u64);
                    queue.drain(..usize::try_from(n).unwrap_or(0));
                    tallies.follow(&Shift::Closer(n));
                }
                Op::PopHead(n) => {
                    let left = queue.len().saturating_sub(usize::try_from(n).unwrap_or(0));
                    queue.truncate(left);
                    tallies.follow(&Shift::CutAt(left as u64));
                }
                Op::Delete(which) => {
                    if queue.is_empty() {
                        continue;
                    }
                    let mut gone: Vec<u64> = which.iter().map(|i| i.index(queue.len()) as u64).collect();
                    gone.sort_unstable();
                    gone.dedup();
                    for at in gone.iter().rev() {
                        queue.remove(usize::try_from(*at).unwrap_or(0));
                    }
                    tallies.follow(&Shift::Without(gone));
                }
            }
            let shown: Vec<Group> = tallies.groups(0).collect();
            prop_assert_eq!(shown.iter().map(|g| g.count).sum::<u64>(), counts.iter().sum::<u64>());
            for group in shown {
                let of = group.group as usize;
                prop_assert_eq!((group.count, group.bytes), (counts[of], counts[of] * 10));
                let still: Vec<(u64, usize)> = queue
                    .iter()
                    .enumerate()
                    .filter(|(_, m)| m.found && m.group == Some(group.group))
                    .map(|(d, m)| (d as u64, m.id))
                    .collect();
                // Ids grow towards the head.
                let (least, most) = (found[of].iter().min(), found[of].iter().max());
                match group.next {
                    Some(next) => prop_assert_eq!(Some(next.distance), still.first().map(|(d, _)| *d)),
                    None => prop_assert!(still.first().map(|(_, id)| id) != least, "the first is still there"),
                }
                match group.last {
                    Some(last) => prop_assert_eq!(Some(last.distance), still.last().map(|(d, _)| *d)),
                    None => prop_assert!(still.last().map(|(_, id)| id) != most, "the last is still there"),
                }
            }
        }
    }
}
