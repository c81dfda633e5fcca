//! Positions of messages on which a decision depends, followed while the queue moves.
//!
//! A position is kept as a *mark* that does not move when messages are pushed or popped at the consumer end: the
//! distance from the consumer end is `mark - base`, and such an event changes only `base`. A removal inside the
//! list moves the marks beyond it.

use std::collections::VecDeque;
use std::ops::Range;

use crate::scan::shift::Shift;

/// How a message left the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// At the consumer end: a worker popped it, and runs it.
    Popped,
    /// Anywhere else, or with its list: it does not run.
    Removed,
}

/// Messages of one list, the one that runs next first, each with what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Places<T> {
    rows: VecDeque<(i64, T)>,
    base: i64,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { rows: VecDeque::new(), base: 0 }
    }
}

impl<T> Places<T> {
    /// Adds messages at these distances; they must be sorted, and beyond all that are there already.
    pub(super) fn append(&mut self, found: impl Iterator<Item = (u64, T)>) {
        let base = self.base;
        self.rows.extend(found.map(|(distance, of)| (signed(distance) + base, of)));
        debug_assert!(self.rows.iter().is_sorted_by_key(|(mark, _)| mark), "the nearest comes first");
    }

    /// Adds messages at these distances, which are sorted. Some of those that are there already may be beyond them, or
    /// the same ones.
    pub(super) fn merge(&mut self, found: impl Iterator<Item = (u64, T)>) {
        let mut found = found.peekable();
        let Some((first, _)) = found.peek() else { return };
        let beyond = self.rows.partition_point(|(mark, _)| *mark < signed(*first) + self.base);
        let mut after = self.rows.split_off(beyond).into_iter().peekable();
        for (distance, of) in found {
            let mark = signed(distance) + self.base;
            while let Some(row) = after.next_if(|(other, _)| *other <= mark) {
                if row.0 < mark {
                    self.rows.push_back(row);
                }
            }
            self.rows.push_back((mark, of));
        }
        self.rows.extend(after);
    }

    /// Returns the number of messages.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns approximately how much memory it takes, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<(i64, T)>()
    }

    /// Returns the distances in a range, ascending.
    pub(super) fn within(&self, range: &Range<u64>) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let at = |distance: u64| self.rows.partition_point(|(mark, _)| *mark < signed(distance) + self.base);
        let first = at(range.start);
        self.rows.range(first..at(range.end).max(first)).map(|(mark, _)| self.distance(*mark))
    }

    /// Returns the distance of the message that runs last.
    pub(super) fn last(&self) -> Option<u64> {
        self.rows.back().map(|(mark, _)| self.distance(*mark))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns all distances, ascending.
    pub(super) fn distances(&self) -> impl Iterator<Item = u64> + '_ {
        self.rows.iter().map(|(mark, _)| self.distance(*mark))
    }

    fn distance(&self, mark: i64) -> u64 {
        u64::try_from(mark - self.base).unwrap_or_default()
    }

    /// Forgets all of them, and reports each.
    pub(super) fn clear(&mut self, mut left: impl FnMut(T)) {
        self.rows.drain(..).for_each(|(_, of)| left(of));
        self.base = 0;
    }

    /// Follows a shift, and reports each message that left.
    pub(super) fn follow(&mut self, shift: &Shift, mut left: impl FnMut(T, Departure)) {
        match shift {
            Shift::Away(n) => self.base -= signed(*n),
            Shift::Closer(n) => {
                self.base += signed(*n);
                let popped = self.rows.partition_point(|(mark, _)| *mark < self.base);
                self.rows.drain(..popped).for_each(|(_, of)| left(of, Departure::Popped));
            }
            Shift::CutAt(len) => {
                let cut = signed(*len) + self.base;
                let left_here = self.rows.partition_point(|(mark, _)| *mark < cut);
                self.rows.drain(left_here..).for_each(|(_, of)| left(of, Departure::Removed));
            }
            Shift::Without(gone) => self.without(gone, left),
        }
    }

    fn without(&mut self, gone: &[u64], mut left: impl FnMut(T, Departure)) {
        let Some(first) = gone.first() else { return };
        let base = self.base;
        let from = self.rows.partition_point(|(mark, _)| *mark < signed(*first) + base);
        if from == self.rows.len() {
            return;
        }
        let mut below = 0;
        for (mark, of) in self.rows.split_off(from) {
            let distance = u64::try_from(mark - base).unwrap_or_default();
            while gone.get(below).is_some_and(|gone| *gone < distance) {
                below += 1;
            }
            if gone.get(below) == Some(&distance) {
                left(of, Departure::Removed);
            } else {
                self.rows.push_back((mark - signed(below as u64), of));
            }
        }
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
