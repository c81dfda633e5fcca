//! The messages on either side of a boundary in the queue, by which the boundary is found again after messages
//! were removed at unknown positions.

use crate::scan::shift::Shift;

/// Fingerprint by which a message is recognised: XXH3-64 of its bytes.
#[must_use]
pub(super) fn mark_of(message: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(message)
}

/// The messages next to a boundary, by fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// The messages nearer to the consumer end, beginning with the one right before the boundary.
    pub(super) near: Vec<u64>,
    /// The messages further away, beginning with the one right after the boundary.
    pub(super) far: Vec<u64>,
}

/// A possible position of a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundPlace {
    /// Number of removed messages that were nearer than the boundary.
    pub(super) nearer: u64,
    /// Whether the message right before the boundary is still there. It has no meaning if that message was not
    /// known.
    pub(super) neighbour_stays: bool,
}

impl Surroundings {
    /// Follows a shift; the boundary was at `at` before it.
    pub(super) fn follow(&mut self, at: u64, shift: &Shift) {
        match shift {
            Shift::Away(_) => {}
            Shift::Closer(n) => {
                self.near.truncate(small(at.saturating_sub(*n)));
                cut_front(&mut self.far, n.saturating_sub(at));
            }
            Shift::CutAt(len) => {
                self.far.truncate(small(len.saturating_sub(at)));
                cut_front(&mut self.near, at.saturating_sub(*len));
            }
            Shift::Without(gone) => {
                let stays = |distance: Option<u64>| distance.is_some_and(|d| gone.binary_search(&d).is_err());
                let mut before = (0..at).rev();
                self.near.retain(|_| stays(before.next()));
                let mut after = at..;
                self.far.retain(|_| stays(after.next()));
            }
        }
    }

    /// Returns the distances that have to be read to find the boundary, which was at `at` before `removed`
    /// messages were removed.
    pub(super) fn reach(&self, at: u64, removed: u64) -> std::ops::Range<u64> {
        at.saturating_sub(self.near.len() as u64 + removed)..at + self.far.len() as u64
    }

    /// Returns the position of the boundary, if the messages in the queue now allow one possibility only.
    ///
    /// `removed` messages were removed somewhere, and nothing else was changed. Every number of them that may have
    /// been nearer than the boundary is tried: the messages next to it, without some that were among the removed
    /// ones, must be the messages that are now next to the place where the boundary would be. `seen` returns the
    /// message at a distance; `len` is the present length.
    pub(super) fn find(
        &self,
        at: u64,
        removed: u64,
        len: u64,
        seen: impl Fn(u64) -> Option<u64>,
    ) -> Option<FoundPlace> {
        let mut found = None;
        for nearer in 0..=removed.min(at) {
            let now = at - nearer;
            let further = removed - nearer;
            let beyond = (len + removed).saturating_sub(at + self.far.len() as u64);
            let far = |i: u64| seen(now + i);
            if !fits(&self.far, further, beyond, far, None) {
                continue;
            }
            let beyond = at.checked_sub(self.near.len() as u64)?;
            let near = |i: u64| now.checked_sub(i + 1).and_then(&seen);
            // Without a neighbour there is nothing to say about it.
            for stays in if self.near.is_empty() { &[true][..] } else { &[true, false][..] } {
                if fits(&self.near, nearer, beyond, near, (!self.near.is_empty()).then_some(*stays)) {
                    let one = FoundPlace { nearer, neighbour_stays: *stays };
                    if found.replace(one).is_some() {
                        return None;
                    }
                }
            }
        }
        found
    }
}

/// Returns whether `known`, without at most `removed` of its messages, is what `seen` shows from its beginning on.
/// Messages that were not removed from `known` were removed from the `beyond` messages after it. `first` says what
/// happened to the first of them.
fn fits(
    known: &[u64],
    removed: u64,
    beyond: u64,
    seen: impl Fn(u64) -> Option<u64>,
    first: Option<bool>,
) -> bool {
    let most = small(removed).min(known.len());
    // By the number that were removed so far: whether that is possible.
    let mut possible = vec![false; most + 1];
    possible[0] = true;
    for (at, one) in known.iter().enumerate() {
        let mut next = vec![false; most + 1];
        for gone in (0..=most).filter(|gone| possible[*gone]) {
            let may = |stays: bool| at > 0 || first.is_none_or(|first| first == stays);
            if may(true) && seen((at - gone) as u64) == Some(*one) {
                next[gone] = true;
            }
            if may(false) && gone < most {
                next[gone + 1] = true;
            }
        }
        possible = next;
    }
    (0..=most).any(|gone| possible[gone] && removed - gone as u64 <= beyond)
}

fn cut_front(list: &mut Vec<u64>, n: u64) {
    list.drain(..small(n).min(list.len()));
}

fn small(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the surroundings of a boundary in a list of messages, nearest first.
    fn around(list: &[u64], at: usize, reach: usize) -> Surroundings {
        Surroundings {
            near: list[..at].iter().rev().take(reach).copied().collect(),
            far: list[at..].iter().take(reach).copied().collect(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn found_boundary_is_correct(
            list in prop::collection::vec(0..6_u64, 1..30),
            at in any::<prop::sample::Index>(),
            reach in 1..6_usize,
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let at = at.index(list.len() + 1);
            let known = around(&list, at, reach);
            let gone: std::collections::BTreeSet<usize> = gone.iter().map(|i| i.index(list.len())).collect();
            let left: Vec<u64> =
                list.iter().enumerate().filter(|(i, _)| !gone.contains(i)).map(|(_, m)| *m).collect();
            let range = known.reach(at as u64, gone.len() as u64);
            let seen = |d: u64| {
                assert!(range.contains(&d), "{d} is not one of those that are read: {range:?}");
                left.get(usize::try_from(d).expect("small")).copied()
            };
            let found = known.find(at as u64, gone.len() as u64, left.len() as u64, seen);
            if let Some(found) = found {
                prop_assert_eq!(found.nearer, gone.iter().filter(|i| **i < at).count() as u64);
                if !known.near.is_empty() {
                    prop_assert_eq!(found.neighbour_stays, !gone.contains(&(at - 1)));
                }
            }
            // If all messages differ and enough of them are known, the boundary is found.
            let mut distinct = list.clone();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() == list.len() && reach > gone.len() {
                prop_assert!(found.is_some());
            }
        }
    }
}
