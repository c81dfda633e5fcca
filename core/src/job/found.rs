//! Where the matches of a completed count are, kept in place while the queue moves under them.
//!
//! A count that is given again would otherwise show only what stands among the messages that run next. The scan of the job
//! goes on to follow what happens to its lists: pushes and pops move its sample as they did while it ran. An edit in place
//! tells no positions, and whatever is done without an event shows in the length: then nothing is known any more.
//!
//! What workers hold stands in an index: a match is found again by its time and its tag, or has left.

use super::{Job, Kind, Status, sample_row};
use crate::priorities::List;
use crate::reply::Reply;
use crate::scan::{AnyScan, Event, ListScan, Place, ScanState as _};

/// The sample of a completed count.
#[derive(Debug)]
pub enum Found {
    /// In lists.
    Lists(Box<FoundInLists>),
    /// In the index of what workers hold: the places of the first ones, lowest first.
    Held(Vec<Place>),
}

/// Where matches are in lists.
#[derive(Debug)]
pub struct FoundInLists {
    scan: Box<ListScan>,
    lists: Vec<List>,
    /// Edits in place that the scan had seen when it was done: one more, and the places are lost.
    edits: u64,
    /// Messages were taken out or replaced inside a list: the scan of a completed job reads no message any more by which
    /// it could find the places again.
    is_lost: bool,
    /// Of no use from this time on, Unix milliseconds.
    until_ms: i64,
}

impl Found {
    /// What a job found. `None` where it is not a completed count that is given out again.
    pub(super) fn of(job: Job, until_ms: i64) -> Option<Self> {
        let counted = job.status() == Status::Completed && job.start.kind == Kind::Preview;
        if !counted || job.is_outdated() {
            return None;
        }
        let scan = match job.scan {
            AnyScan::Lists(scan) => scan,
            AnyScan::Unacked(scan) => return Some(Self::Held(scan.found().cloned().collect())),
        };
        let lists = job.start.lists.into_iter().map(|(list, _)| list).collect();
        let edits = scan.edits();
        Some(Self::Lists(Box::new(FoundInLists { edits, is_lost: false, scan, lists, until_ms })))
    }

    /// Where it is followed what happens to lists.
    pub(super) fn in_lists(&mut self) -> Option<&mut FoundInLists> {
        match self {
            Self::Lists(found) => Some(found),
            Self::Held(_) => None,
        }
    }

    /// It follows what happens to this list.
    pub(super) fn is_on(&self, key: &[u8]) -> bool {
        match self {
            Self::Lists(found) => found.lists.iter().any(|list| list.key == key),
            Self::Held(_) => false,
        }
    }

    /// What it takes, bytes, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Lists(found) => {
                let members = found.scan.sample().flat_map(|(_, row)| &row.members);
                members.map(|(name, value)| name.len() + value.bytes()).sum()
            }
            Self::Held(places) => places.iter().map(|place| size_of::<Place>() + place.tag.len()).sum(),
        }
    }
}

impl FoundInLists {
    /// It may still be asked for.
    pub(super) fn is_wanted(&self, now_ms: i64) -> bool {
        now_ms < self.until_ms && !self.is_lost && self.scan.edits() == self.edits
    }

    pub(super) fn follow(&mut self, key: &[u8], event: Event<'_>) {
        if let Some(list) = self.lists.iter().position(|list| list.key == key) {
            self.is_lost |= match event {
                // LTRIM of what is short enough takes nothing.
                Event::Trimmed { len } => self.lists.len() > 1 || self.scan.len() != len,
                Event::Removed { .. } | Event::Set { .. } | Event::Edited { .. } => true,
                Event::Pushed { .. } | Event::Popped { .. } | Event::Deleted { .. } | Event::Gone => false,
            };
            self.scan.follow(list, event);
        }
    }

    /// The rows that stand behind what was looked at: so many messages of each list, in their order. `None` where it is not
    /// known any more which messages these are; the lists hold `depth` messages now.
    #[must_use]
    pub fn rows(&self, depth: u64, looked: &[u64]) -> Option<Vec<Reply>> {
        if self.is_lost || self.scan.edits() != self.edits || self.scan.len() != depth {
            return None;
        }
        let behind = |list: usize| looked.get(list).copied().unwrap_or(0);
        let rows = self.scan.sample().filter(|(list, row)| row.distance >= behind(*list));
        let shown = rows.map(|(list, row)| {
            let step = self.lists.get(list).and_then(|list| list.step);
            sample_row(self.scan.shown_index(row.distance), step, row.bytes, &row.members)
        });
        Some(shown.collect())
    }
}
