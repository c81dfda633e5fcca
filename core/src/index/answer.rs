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
    /// Answers a count over the whole list. Nothing where a message is unread, where a condition or a group is not decided by the
    /// columns alone, or where that would take too much work.
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
