//! The present positions of the matches of a completed count, followed while the queue changes.
//!
//! If a count is reused, its sample must show current positions. Without this the sample could only show
//! matches among the messages that run next. The scan of the completed job keeps following the events of its
//! lists: pushes and pops shift the positions of its sample as they did while it ran. An edit in place does
//! not say which positions changed, and a change without an event shows in the length of a list. In both
//! cases the positions are lost.
//!
//! A sorted set, or the index of unacknowledged messages, has no positions that move: a match is found again
//! by its score and its member, or it has left.

use super::{Job, JobKind, JobStatus, sample_row};
use crate::priorities::List;
use crate::reply::Reply;
use crate::scan::{AnyScan, Event, IndexPosition, ListScan, Recalled, ScanState as _};

/// The sample of a completed count.
#[derive(Debug)]
pub enum FoundMatches {
    /// In lists.
    Lists(Box<FoundInLists>),
    /// In a sorted set: the places of the first matches, lowest first.
    Unacked(Vec<IndexPosition>),
}

/// The positions of matches are not known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionsLost {
    /// Where the match that ran next was before: the number of its list, and its distance from the consumer end. After
    /// few edits it is near.
    pub last: Option<(usize, u64)>,
}

/// The matches of a completed count in lists.
#[derive(Debug)]
pub struct FoundInLists {
    scan: Box<ListScan>,
    lists: Vec<List>,
    /// Edits in place that the scan had seen when it completed. One more, and the positions are lost.
    edits: u64,
    /// Whether messages were removed or replaced inside a list. The scan of a completed job reads no more
    /// messages, so it cannot find its positions again.
    is_lost: bool,
    /// The match that runs next, as it was before the last event: the number of its list, and its distance from the
    /// consumer end.
    last: Option<(usize, u64)>,
    /// When it is not needed any more, Unix milliseconds.
    until_ms: i64,
}

impl FoundMatches {
    /// Returns what an ended job found. `None` if the job is not a completed count that can be reused.
    pub(super) fn of(job: Job, until_ms: i64) -> Option<Self> {
        let counted = job.status() == JobStatus::Completed
            && matches!(job.start.kind, JobKind::Preview | JobKind::Show);
        if !counted || job.is_stale() {
            return None;
        }
        let scan = match job.scan {
            AnyScan::Lists(mut scan) => {
                scan.complete();
                scan
            }
            other => return Some(Self::Unacked(other.found_at())),
        };
        let lists = job.start.lists.into_iter().map(|(list, _)| list).collect();
        let edits = scan.edits();
        Some(Self::Lists(Box::new(FoundInLists { edits, is_lost: false, last: None, scan, lists, until_ms })))
    }

    /// Returns the matches in lists, whose events are followed.
    pub(super) fn in_lists(&mut self) -> Option<&mut FoundInLists> {
        match self {
            Self::Lists(found) => Some(found),
            Self::Unacked(_) => None,
        }
    }

    /// Returns whether it follows the events of this list.
    pub(super) fn is_on(&self, key: &[u8]) -> bool {
        match self {
            Self::Lists(found) => found.lists.iter().any(|list| list.key == key),
            Self::Unacked(_) => false,
        }
    }

    /// Returns approximately how much memory it takes, bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Lists(found) => {
                let members = found.scan.sample().flat_map(|(_, row)| &row.members);
                let rows: usize = members.map(|(name, value)| name.len() + value.bytes()).sum();
                rows + found.scan.remembered_bytes()
            }
            Self::Unacked(places) => {
                places.iter().map(|place| size_of::<IndexPosition>() + place.tag.len()).sum()
            }
        }
    }
}

impl FoundInLists {
    /// Returns what a clear of these lists with the same filter can use. `None` if the positions are lost, or if these are
    /// other lists.
    pub(super) fn recalled(&self, lists: &[(List, u64)], now_ms: i64) -> Option<Recalled> {
        let are_same = self.lists.iter().eq(lists.iter().map(|(list, _)| list));
        if are_same && self.is_wanted(now_ms) { self.scan.recalled() } else { None }
    }

    /// Returns whether it can still be used and its positions are known.
    pub(super) fn is_wanted(&self, now_ms: i64) -> bool {
        now_ms < self.until_ms && !self.is_lost && self.scan.edits() == self.edits
    }

    /// Follows an event of a list, if it is one of its lists.
    pub(super) fn follow(&mut self, key: &[u8], event: Event<'_>) {
        self.last = self.first().or(self.last);
        if let Some(list) = self.lists.iter().position(|list| list.key == key) {
            self.is_lost |= match event {
                // LTRIM of a list that is short enough removes nothing.
                Event::Trimmed { len } => self.lists.len() > 1 || self.scan.len() != len,
                Event::Removed { .. } | Event::Set { .. } | Event::Edited { .. } => true,
                Event::Pushed { .. } | Event::Popped { .. } | Event::Deleted { .. } | Event::Gone => false,
            };
            self.scan.follow(list, event);
        }
    }

    /// Returns the match that runs next: the number of its list, and its distance from the consumer end. `Ok(None)` if all
    /// matches have left the queue. `depth` is the present number of messages in the lists.
    ///
    /// # Errors
    /// The positions are lost.
    pub fn next(&self, depth: u64) -> Result<Option<(usize, u64)>, PositionsLost> {
        if self.is_lost || self.scan.edits() != self.edits || self.scan.len() != depth {
            return Err(PositionsLost { last: self.first().or(self.last) });
        }
        Ok(self.first())
    }

    fn first(&self) -> Option<(usize, u64)> {
        self.scan.sample().next().map(|(list, row)| (list, row.distance))
    }

    /// Returns the rows of matches after the first `looked[i]` messages of each list `i`, which the caller has
    /// examined itself. `None` if the positions are lost. `depth` is the present number of messages in the lists.
    #[must_use]
    pub fn rows(&self, depth: u64, looked: &[u64]) -> Option<Vec<Reply>> {
        if self.is_lost || self.scan.edits() != self.edits || self.scan.len() != depth {
            return None;
        }
        let examined = |list: usize| looked.get(list).copied().unwrap_or(0);
        let rows = self.scan.sample().filter(|(list, row)| row.distance >= examined(*list));
        let shown = rows.map(|(list, row)| {
            let step = self.lists.get(list).and_then(|list| list.step);
            sample_row(self.scan.shown_index(row.distance), step, row.bytes, &row.members)
        });
        Some(shown.collect())
    }
}
