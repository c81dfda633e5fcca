//! How long the messages of each group have waited.
//!
//! The columns do not have arrivals, and the runs of arrivals do not have groups. But messages mostly arrived
//! in the order in which they run: then the oldest message of a group is the one that runs next. So the list
//! is divided into *stretches* in which that holds, and the groups are counted in each of them. A queue to
//! which no worker gave messages back is one stretch, and nothing is counted again.

use std::collections::HashMap;
use std::ops::Range;

use super::clock::{Arrivals, Cursor};
use super::fields::FieldIndex;
use super::verdicts::{Groups, KeyCount, Verdicts};
use crate::arrival::Arrival;
use crate::queue::End;

/// Most stretches: with more of them the groups are not counted again for each.
const STRETCHES: usize = 16;

/// Since when the messages of a list wait, at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<'a> {
    /// When each message arrived.
    pub arrivals: &'a Arrivals,
    /// Where workers pop.
    pub consumer_end: End,
    /// The moment, by the clock of arrivals, milliseconds.
    pub now_ms: i64,
}

/// How long the messages of one group have waited, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupAge {
    /// The one that runs next, at least.
    pub next_ms: i64,
    /// It may have waited longer.
    pub next_at_least: bool,
    /// The one that has waited longest, at least.
    pub oldest_ms: i64,
    /// It, or another one, may have waited longer.
    pub oldest_at_least: bool,
}

impl GroupAge {
    /// The same group in two lists of one queue, in the order in which workers look into them.
    #[must_use]
    pub fn with_later_list(self, other: Self) -> Self {
        Self {
            oldest_ms: self.oldest_ms.max(other.oldest_ms),
            oldest_at_least: self.oldest_at_least || other.oldest_at_least,
            ..self
        }
    }
}

impl Waiting<'_> {
    /// The distances from the consumer end of messages of which each arrived no earlier than those that run
    /// before it, and of which all or none are known by a bound. `None` where there are more than
    /// [`STRETCHES`].
    fn stretches(&self) -> Option<Vec<Range<u64>>> {
        let (len, mut cursor) = (self.arrivals.len(), self.arrivals.cursor());
        let mut stretches: Vec<Range<u64>> = Vec::new();
        let (mut position, mut before) = (0, None::<Arrival>);
        while let Some(arrival) = cursor.at(position) {
            let end = cursor.run_end();
            // From the head on, where workers pop at the tail.
            let is_in_order = |before: Arrival| match self.consumer_end {
                End::Head => before.step_ms <= arrival.step_ms,
                End::Tail => before.step_ms >= arrival.step_ms,
            };
            let continues = |before: Arrival| before.is_bound == arrival.is_bound && is_in_order(before);
            if let Some(stretch) = stretches.last_mut().filter(|_| before.is_some_and(continues)) {
                stretch.end = end;
            } else if stretches.len() < STRETCHES {
                stretches.push(position..end);
            } else {
                return None;
            }
            (position, before) = (end, Some(arrival));
        }
        if self.consumer_end == End::Tail {
            stretches.reverse();
            stretches.iter_mut().for_each(|stretch| *stretch = len - stretch.end..len - stretch.start);
        }
        Some(stretches)
    }

    fn arrival(&self, cursor: &mut Cursor<'_>, distance: u64) -> Option<Arrival> {
        cursor.at(match self.consumer_end {
            End::Head => distance,
            End::Tail => self.arrivals.len().checked_sub(distance + 1)?,
        })
    }

    /// The arrivals of the first messages of these groups.
    fn of_first(&self, groups: &[KeyCount]) -> Option<Vec<Arrival>> {
        // A cursor finds neighbours fastest.
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_unstable_by_key(|at| groups[*at].next);
        let mut cursor = self.arrivals.cursor();
        let mut found = vec![Arrival { step_ms: 0, is_bound: true }; groups.len()];
        for at in order {
            found[at] = self.arrival(&mut cursor, groups[at].next)?;
        }
        Some(found)
    }

    /// The ages of groups that were just counted over the whole list by these verdicts, in their order.
    /// `None` where the list has too many stretches, or where it may be counted once only (`again` is false)
    /// and has several.
    pub(super) fn ages(
        &self,
        index: &FieldIndex,
        verdicts: &mut Verdicts,
        groups: &Groups,
        counted: &[KeyCount],
        again: bool,
    ) -> Option<Vec<GroupAge>> {
        if self.arrivals.len() != index.len() {
            return None;
        }
        let (next, stretches) = (self.of_first(counted)?, self.stretches()?);
        let mut oldest = next.clone();
        if stretches.len() > 1 {
            let numbers: HashMap<&[u8], usize> =
                counted.iter().enumerate().map(|(at, group)| (group.key.as_slice(), at)).collect();
            if !again {
                return None;
            }
            for stretch in stretches {
                let here = verdicts.count_by(groups, index, stretch, 0)?.groups;
                for (group, first) in here.iter().zip(self.of_first(&here)?) {
                    let oldest = &mut oldest[*numbers.get(group.key.as_slice())?];
                    oldest.step_ms = oldest.step_ms.min(first.step_ms);
                    oldest.is_bound |= first.is_bound;
                }
            }
        }
        let age = |(next, oldest): (&Arrival, &Arrival)| GroupAge {
            next_ms: next.least_age_ms(self.now_ms),
            next_at_least: next.is_bound,
            oldest_ms: oldest.least_age_ms(self.now_ms),
            oldest_at_least: oldest.is_bound,
        };
        Some(next.iter().zip(&oldest).map(age).collect())
    }
}
