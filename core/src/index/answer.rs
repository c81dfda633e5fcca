//! What one list answers to a count: the numbers, the groups, and where the first matches are.

use super::fields::FieldIndex;
use super::verdicts::{Counted, Groups, KeyCount, Verdicts};
use crate::filter::{Filter, Grouping};

/// A count that is asked of indexes.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Which messages.
    pub filter: &'a Filter,
    /// By what they are grouped.
    pub grouping: Option<&'a Grouping>,
    /// What the sender's texts tell alone counts as a match.
    pub inexact: bool,
    /// Most matches whose distances are asked for.
    pub matches: usize,
    /// Most work on values that the filter has not met: a step is about a nanosecond.
    pub steps: usize,
}

/// Time for one message in tenths of a nanosecond, measured by `cargo bench -p qadmin-core --bench index` with a million
/// messages: to count it ...
const COUNT: u64 = 11;
/// ... to find the first matches, which may be the last messages ...
const FIND: u64 = 6;
/// ... to find its group by one field ...
const GROUP: u64 = 22;
/// ... and by each further one.
const GROUP_MORE: u64 = 64;

impl Ask<'_> {
    /// Returns about how long it takes to answer for this number of messages, in nanoseconds. The server serves nobody
    /// meanwhile.
    #[must_use]
    pub fn answer_ns(&self, messages: u64) -> u64 {
        let fields = self.grouping.map_or(0, |grouping| grouping.fields().len() as u64);
        let group = if fields == 0 { 0 } else { GROUP + (fields - 1) * GROUP_MORE };
        let find = if self.matches == 0 { 0 } else { FIND };
        messages.saturating_mul(COUNT + find + group) / 10
    }
}

/// The answer of one list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// The numbers. Of groups, `matched` includes what matches by the sender's texts alone if [`Ask::inexact`] is set.
    pub counted: Counted,
    /// The groups, if any were asked for.
    pub groups: Vec<KeyCount>,
    /// Distances of the first matches from the consumer end, ascending.
    pub found: Vec<u64>,
}

impl FieldIndex {
    /// Answers a count over the whole list. Returns `None` if a message is unread, if the columns alone do not decide a
    /// condition or a group, or if that would take too much work.
    #[must_use]
    pub fn answer(&self, ask: &Ask<'_>) -> Option<Answered> {
        let mut verdicts = Verdicts::new(ask.filter, self)?;
        if !verdicts.prepare(self, ask.steps) {
            return None;
        }
        let all = 0..self.len();
        let (counted, groups) = match ask.grouping {
            None => (verdicts.count(self, all, 0)?, Vec::new()),
            Some(grouping) => {
                let mut groups = Groups::new(grouping, self, ask.inexact)?;
                if !groups.prepare(self, ask.steps) {
                    return None;
                }
                let grouped = verdicts.count_by(&groups, self, all, 0)?;
                (grouped.counted, grouped.groups)
            }
        };
        let found = match ask.matches {
            0 => Vec::new(),
            most => verdicts.positions(self, 0, ask.inexact, most, self.len())?.found,
        };
        Some(Answered { counted, groups, found })
    }
}
