//! Answers a count over one list: the numbers, the groups, and the positions of the first matches.

use super::fields::FieldIndex;
use super::group_ages::{GroupAge, Waiting};
use super::verdicts::{Counted, Groups, KeyCount, Verdicts};
use crate::filter::{Filter, Grouping};

/// A count that indexes are to answer.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The filter that selects the messages.
    pub filter: &'a Filter,
    /// How matches are grouped, if they are.
    pub grouping: Option<&'a Grouping>,
    /// Whether messages count as matches of which only the sender's texts show that they match.
    pub inexact: bool,
    /// The largest number of matches whose distances are returned.
    pub matches: usize,
    /// The largest amount of work on values that the filter has not been compared with yet. A step takes
    /// about a nanosecond.
    pub steps: usize,
    /// The largest number of groups.
    pub groups: u64,
}

/// The time to count one message. This constant and the next three are in tenths of a nanosecond and were
/// measured with a million messages.
const COUNT: u64 = 11;
/// The time per message to find the first matches, which may be the last messages.
const FIND: u64 = 6;
/// The time to find the group of a message by one field.
const GROUP: u64 = 22;
/// The time that each further field adds to that.
const GROUP_MORE: u64 = 16;
/// The time for each group of an answer beside that for its messages, nanoseconds: to make its key, to show it, and to
/// read the tally of another group for each message.
const GROUP_NS: u64 = 160;

impl Ask<'_> {
    /// Returns approximately how long an answer for this number of messages takes, in nanoseconds. The server
    /// serves no client during that time.
    #[must_use]
    pub fn answer_ns(&self, messages: u64) -> u64 {
        let fields = self.grouping.map_or(0, |grouping| grouping.fields().len() as u64);
        let group = if fields == 0 { 0 } else { GROUP + (fields - 1) * GROUP_MORE };
        let find = if self.matches == 0 { 0 } else { FIND };
        messages.saturating_mul(COUNT + find + group) / 10
    }

    /// Returns approximately how many groups an answer can have that takes this many nanoseconds more.
    #[must_use]
    pub fn groups_in(ns: u64) -> u64 {
        ns / GROUP_NS
    }
}

/// The answer for one list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// The numbers. If [`Ask::inexact`] and [`Ask::grouping`] are set, `matched` includes the messages of
    /// which only the sender's texts show that they match.
    pub counted: Counted,
    /// The groups; empty if none were requested.
    pub groups: Vec<KeyCount>,
    /// The distances of the first matches from the consumer end, ascending.
    pub found: Vec<u64>,
    /// How long the messages of each group have waited, in the order of `groups`; `None` where that is not
    /// known or would take too long.
    pub ages: Option<Vec<GroupAge>>,
}

impl FieldIndex {
    /// Answers a count over the whole list. Returns `None` if a message is unread, if the columns alone do
    /// not decide a condition or a group, or if the answer would take more steps than [`Ask::steps`].
    #[must_use]
    pub fn answer(&self, ask: &Ask<'_>) -> Option<Answered> {
        self.answer_with_ages(ask, None)
    }

    /// The same with the ages of groups, where it is known since when the messages wait.
    #[must_use]
    pub fn answer_with_ages(&self, ask: &Ask<'_>, waiting: Option<Waiting<'_>>) -> Option<Answered> {
        let mut verdicts = Verdicts::new(ask.filter, self)?;
        if !verdicts.prepare(self, ask.steps) {
            return None;
        }
        let all = 0..self.len();
        let mut ages = None;
        let (counted, groups) = match ask.grouping {
            None => (verdicts.count(self, all, 0)?, Vec::new()),
            Some(grouping) => {
                let mut groups = Groups::new(grouping, self, ask.inexact)?;
                if !groups.prepare(self, ask.steps) {
                    return None;
                }
                if self.len().min(groups.combinations() as u64) > ask.groups {
                    return None;
                }
                let grouped = verdicts.count_by(&groups, self, all, 0)?;
                // Passing over a run takes about two nanoseconds.
                let runs_ns = |waiting: &Waiting<'_>| 2 * waiting.arrivals.runs() as u64;
                let steps = ask.steps as u64;
                ages = waiting.filter(|waiting| runs_ns(waiting) <= steps).and_then(|waiting| {
                    let again = ask.answer_ns(2 * self.len()) + runs_ns(&waiting) <= steps;
                    waiting.ages(self, &mut verdicts, &groups, &grouped.groups, again)
                });
                (grouped.counted, grouped.groups)
            }
        };
        let found = match ask.matches {
            0 => Vec::new(),
            most => verdicts.positions(self, 0, ask.inexact, most, self.len())?.found,
        };
        Some(Answered { counted, groups, found, ages })
    }
}
