//! Scans: the only loops over messages, and the only code that knows the position of a job in a live queue.
//!
//! There are two ways to walk. `list` walks lists by position. `index` walks messages in the order of a
//! sorted set, which is the index of unacknowledged messages or contains the messages itself. The two differ
//! in how they find their position again while the queue changes, and in how they remove messages. Their
//! guarantees are the same:
//!
//! * The messages that were in the queue when the job was accepted are the *snapshot*. Nothing else is
//!   counted or cleared.
//! * Every message of the snapshot that is still in the queue when the scan reaches it is examined exactly
//!   once in a pass.
//! * One function for all containers (`decide`) decides about a match, from the effect, LIMIT, and what the
//!   scan remembers of earlier matches.
//! * A slice is bounded by time, by counted work, and by what it removes (`budget`).
//!
//! # Two steps per slice
//! [`Examine::examine`] reads and judges messages, and removes matches or notes them for removal;
//! [`ContainerScan::commit`] books the result. A slice that was not permitted to remove anything, because the
//! server must not write now (a replica, a pause, a full disk), is dropped: the same messages are examined
//! later, and still counted once.
//!
//! # How to add a container
//! The scan of the container gets a folder and implements the traits of `contract`. The container gets a row
//! in `any`, a row in [`crate::container`], a test in `contract_test`, and in the module a file in
//! `src/container/` that opens its keys and removes messages.

mod any;
mod budget;
mod contract;
#[cfg(test)]
mod contract_test;
mod counters;
mod decide;
#[cfg(test)]
mod doubles;
mod event;
mod guide;
mod index;
mod judge;
mod list;
mod place;
mod plan;
mod sample;
mod shift;
mod tallies;
mod unread;
mod values;

pub use any::{AnyScan, OneScan};
pub use budget::{Budget, Clock, Time};
pub use contract::{ContainerScan, Examine, Progress, ScanState, SliceEnd, SliceOutcome};
pub use counters::{Counters, SliceCounts};
pub use event::Event;
pub use guide::{CANDIDATES_MAX, Candidate, Guide, JumpCosts, Route, Toward};
pub use index::{
    IdSetScan, IndexKeys, IndexOutcome, IndexScan, IndexStart, Layout, PLACES_MAX, ROW_TAG_MAX, SetOfIds,
    SortedScan, SortedSet, TASKS_GO_ON, Unacked, UnackedScan, index_row, lost_notice,
};
pub use judge::{Judge, Judgement};
pub use list::{
    Deletion, ListOutcome, ListScan, Lost, MAX_PASSES, Marks, NEWEST_MAX, Queue, REMEMBERED_MAX, Recalled,
    fingerprint, shown_index,
};
pub use place::{IndexPosition, default_index};
pub use plan::{Effect, Plan};
pub use sample::{SAMPLE_MAX, Sample, SampleRow};
pub use tallies::{Group, Spot};
pub use unread::{CountedUnread, GroupCount, Kept, Reached};
pub use values::VALUES_MAX;
