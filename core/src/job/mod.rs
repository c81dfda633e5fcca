//! Jobs: what they are, how they end, what they show, and how they share the main thread.

mod clear_options;
mod cost;
mod event;
mod eviction;
mod found;
mod groups;
mod histogram;
mod judge;
mod keys;
mod members;
mod pace;
mod rate;
mod record;
mod registry;
mod rows;
#[cfg(test)]
mod slices_test;
mod start;
mod status;
mod target;
mod undo;
mod view;

pub use clear_options::{ClearOptions, Destination, Expect, Keep, Undoing, parked_list};
pub use cost::{DeletionCost, MessageCost};
pub use event::{CHANNEL, EVENT_MEMBERS, JobEvent, event};
pub use eviction::count_to_evict;
pub use found::{FoundInLists, FoundMatches};
pub use groups::{GROUP_BYTES_MAX, GROUPS_MAX, Groups, TOP_DEFAULT, TOP_MAX};
pub use histogram::Histogram;
pub use judge::{FilterJudge, PlacedJudge};
pub use members::Member;
pub use pace::{Next, Pace, TurnClock};
pub use rate::Rate;
pub use record::{FILTER_KEPT_MAX, Record};
pub use registry::{
    CACHED_MAX, Cached, Caches, Ended, REMEMBERED_BYTES_MAX, REMEMBERED_MAX, Registry, SAMPLES_MAX,
};
pub use rows::{marked, sample_row};
pub use start::{Accepted, JobKind, Origin, Start};
pub use status::JobStatus;
pub use target::{JobTarget, Storage};
pub use undo::Undoable;

use uuid::Uuid;

use crate::container::Container;
use crate::error::EndReason;
use crate::excerpt::excerpt;
use crate::moved::Way;
use crate::reply::int;
use crate::scan::{
    AnyScan, Counters, Group, ListScan, OneScan, Plan, Progress, SortedScan, UnackedScan, VALUES_MAX,
};

/// The text in `waiting` of a paused job.
pub const PAUSED: &str = "paused; use QADMIN.RESUME to continue";

/// Cost of the slices of one job.
#[derive(Debug, Clone, Default)]
pub struct SliceCosts {
    /// Whole callbacks: seek, reads, deletes, record. Microseconds.
    pub whole_us: Histogram,
    /// Longest seek, microseconds.
    pub seek_max_us: u64,
    /// Sum of the whole callbacks, nanoseconds.
    pub main_thread_ns: u64,
}

/// A live job.
#[derive(Debug)]
pub struct Job {
    start: Start,
    /// Where it stands in its queue.
    pub scan: AnyScan,
    judge: FilterJudge,
    /// The text of the filter as records keep it.
    filter_kept: Option<Vec<u8>>,
    status: JobStatus,
    waiting: Option<&'static str>,
    notice: Option<String>,
    /// Why nothing matched.
    explanation: Option<String>,
    error: Option<EndReason>,
    cancel_requested: bool,
    id_published: bool,
    stale: bool,
    updated_ms: i64,
    completed_ms: Option<i64>,
    last_ns: u64,
    record_ns: u64,
    told_ns: u64,
    right_ns: Option<u64>,
    /// Elements of the journal that were read; `None` where all were, or there is none to read.
    journal_read: Option<u64>,
    /// The pass in which claims were last used.
    claims_pass: u64,
    rate: Option<Rate>,
    duty: Option<u64>,
    progress: i64,
    costs: SliceCosts,
}

impl Job {
    /// Accepts a job over the messages that are in the queue now.
    #[must_use]
    pub fn new(start: Start) -> Self {
        let clear_options = &start.clear_options;
        let plan = Plan::new(start.effect, start.dry_run)
            .limit(clear_options.limit)
            .most(clear_options.expect.map(Expect::most))
            .consumer_end(start.messages.spec().consumer_end)
            .to(start.destination().map(|(_, end)| end));
        let lens: Vec<u64> = start.lists.iter().map(|(_, len)| *len).collect();
        let scan = match &start.storage {
            Storage::Unacked(index) => UnackedScan::new(plan, index, lens.iter().sum()).into(),
            Storage::SortedSet(set) => SortedScan::new(plan, set, set.entries).into(),
            Storage::Lists => ListScan::over(plan, &lens).into(),
        };
        Self {
            scan,
            judge: FilterJudge::new(&start),
            filter_kept: (!start.filter.is_all())
                .then(|| excerpt(&start.filter.canonical(), FILTER_KEPT_MAX)),
            status: JobStatus::Pending,
            waiting: None,
            notice: None,
            explanation: None,
            error: None,
            cancel_requested: false,
            id_published: false,
            stale: false,
            updated_ms: start.now_ms,
            completed_ms: None,
            last_ns: start.now_ns,
            record_ns: start.now_ns,
            told_ns: start.now_ns,
            right_ns: None,
            journal_read: clear_options.undo.map(|_| 0),
            claims_pass: 1,
            rate: clear_options.rate.filter(|rate| *rate > 0).map(Rate::new),
            duty: None,
            progress: 0,
            costs: SliceCosts::default(),
            start,
        }
    }

    /// What it was started with.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Returns the container that it works on.
    #[must_use]
    pub fn container(&self) -> Container {
        let start = &self.start;
        Container::of(start.storage.container(), start.priority, true).unwrap_or(Container::List)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.start.id
    }

    /// It takes messages out of the queue now.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.scan.deletes()
    }

    /// Counters as they stand.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.scan.counters()
    }

    fn tallied(&self) -> Vec<Group> {
        self.scan.groups()
    }

    /// It takes messages out of the queue, now or when it has counted them.
    #[must_use]
    pub fn clears(&self) -> bool {
        self.start.effect.clears() && !self.start.dry_run
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        self.status
    }

    /// Why it stands still.
    #[must_use]
    pub fn waiting(&self) -> Option<&'static str> {
        self.waiting
    }

    /// The failure that ended it.
    #[must_use]
    pub fn error(&self) -> Option<&EndReason> {
        self.error.as_ref()
    }

    /// Somebody asked it to stop.
    #[must_use]
    pub fn cancel_requested(&self) -> bool {
        self.cancel_requested
    }

    /// Somebody was told its id and may come back for it: it goes on when its clients go.
    #[must_use]
    pub fn is_id_published(&self) -> bool {
        self.id_published
    }

    /// Somebody is told its id.
    pub fn publish_id(&mut self) {
        self.id_published = true;
    }

    /// Messages that it counted are gone by our own doing: its count is true of its snapshot, and no answer to
    /// whoever asks from now on.
    pub fn mark_stale(&mut self) {
        self.stale = true;
    }

    /// Its count is only for those who asked before: what it counted was taken out, or the queue is gone.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale || self.scan.lost_messages()
    }

    /// A joining client wants this many rows.
    pub fn want_sample(&mut self, rows: usize) {
        self.start.sample = self.start.sample.max(rows);
    }

    /// The job whose moves it writes down, and the way that messages take: its own moves there, or those back of the job
    /// that it undoes.
    #[must_use]
    pub fn journal(&self) -> (Uuid, Way) {
        self.start.clear_options.undo.map_or((self.start.id, Way::There), |undo| (undo.job, Way::Back))
    }

    /// Where an undo goes on reading what it may take; `None` for one that has read all, and for any other job.
    #[must_use]
    pub fn journal_read(&self) -> Option<u64> {
        self.journal_read
    }

    /// Reads more of what an undo may take: the elements that follow those that were read, none at the end. Says whether
    /// they are what they should be.
    pub fn read_journal(&mut self, elements: &[Vec<u8>]) -> bool {
        let (Some(read), Some(claims)) = (&mut self.journal_read, &mut self.judge.claims) else {
            return false;
        };
        *read += elements.len() as u64;
        if elements.is_empty() {
            self.journal_read = None;
            let moved = self.start.clear_options.undo.map_or(0, |undo| undo.moved);
            let unknown = moved.saturating_sub(claims.moved());
            if unknown > 0 {
                self.notice = Some(format!(
                    "{unknown} of the {moved} messages that the job moved were not written down; those stay where they are"
                ));
            }
            return true;
        }
        elements.iter().all(|element| claims.read(element))
    }

    /// Scan and judge side by side, for one look; `None` where the job is about another container. What a look before
    /// claimed and did not book is not claimed any more.
    pub fn parts<S: OneScan>(&mut self) -> Option<(&mut S, &mut FilterJudge)> {
        let pass = self.scan.counters().passes_run;
        if let Some(claims) = &mut self.judge.claims
            && (!self.start.dry_run || pass != self.claims_pass)
        {
            // A dry run moves nothing: its claims are used for one pass.
            claims.give_back();
        }
        self.claims_pass = pass;
        S::of(&mut self.scan).map(|scan| (scan, &mut self.judge))
    }

    /// The scan may go on.
    pub fn runs(&mut self) {
        self.waiting = None;
        self.status.to(JobStatus::Running);
    }

    /// The scan must stand still for now.
    pub fn waits(&mut self, reason: &'static str) {
        self.waiting = Some(reason);
    }

    /// It was told to stand still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.status == JobStatus::Paused
    }

    /// Lets it stand still.
    pub fn pause(&mut self, now_ms: i64) {
        if self.status.to(JobStatus::Paused) {
            self.waiting = Some(PAUSED);
            self.updated_ms = now_ms;
        }
    }

    /// Lets it go on.
    pub fn resume(&mut self, now_ms: i64) {
        if self.is_paused() && self.status.to(JobStatus::Running) {
            self.waiting = None;
            self.updated_ms = now_ms;
        }
    }

    /// Takes out at most so many messages per second from now on; 0 = any number.
    pub fn throttle(&mut self, per_second: u64) {
        self.rate = (per_second > 0).then(|| Rate::new(per_second));
    }

    /// Its share of the main thread while others are active, percent; 0 = as the setting says.
    pub fn set_duty(&mut self, percent: u64) {
        self.duty = (percent > 0).then_some(percent);
    }

    /// Its own share of the main thread, percent.
    #[must_use]
    pub fn duty(&self) -> Option<u64> {
        self.duty
    }

    /// How many messages it may take out now.
    ///
    /// # Errors
    /// None before this time of the steady clock.
    pub fn allowance(&self, now_ns: u64) -> Result<usize, u64> {
        self.rate.as_ref().map_or(Ok(usize::MAX), |rate| rate.allowance(now_ns))
    }

    /// It took so many messages out.
    pub fn took(&mut self, messages: u64, now_ns: u64) {
        if let Some(rate) = &mut self.rate {
            rate.took(messages, now_ns);
        }
    }

    /// Takes effect before the next slice.
    pub fn request_cancel(&mut self) {
        self.cancel_requested = true;
    }

    /// Says once what a reader of the status should know.
    pub fn note(&mut self, notice: String) {
        self.notice = Some(notice);
    }

    /// Says why nothing matched.
    pub fn explain(&mut self, why: Option<String>) {
        self.explanation = why;
    }

    /// Its record was last written more than `ns` ago.
    #[must_use]
    pub fn record_is_older_than(&self, now_ns: u64, ns: u64) -> bool {
        now_ns.saturating_sub(self.record_ns) > ns
    }

    /// Its record was written now.
    pub fn record_written(&mut self, now_ns: u64) {
        self.record_ns = now_ns;
    }

    /// Its progress was last told more than `ns` ago.
    #[must_use]
    pub fn was_told_before(&self, now_ns: u64, ns: u64) -> bool {
        now_ns.saturating_sub(self.told_ns) > ns
    }

    /// Its progress was told now, or nobody listens.
    pub fn told(&mut self, now_ns: u64) {
        self.told_ns = now_ns;
    }

    /// The right of its user was last checked more than `ns` ago, or never.
    #[must_use]
    pub fn right_is_older_than(&self, now_ns: u64, ns: u64) -> bool {
        self.right_ns.is_none_or(|checked| now_ns.saturating_sub(checked) > ns)
    }

    /// The right of its user was checked now.
    pub fn right_checked(&mut self, now_ns: u64) {
        self.right_ns = Some(now_ns);
    }

    /// Counts what a look took out, once: before its booking, which may go wrong.
    pub fn count_deleted<S: OneScan>(&mut self, outcome: &mut S::Outcome) {
        if let Some(scan) = S::of(&mut self.scan) {
            scan.count_deleted(outcome);
        }
    }

    /// Books a look that was carried out.
    pub fn commit<S: OneScan>(&mut self, outcome: &mut S::Outcome, now_ns: u64) {
        if let Some(scan) = S::of(&mut self.scan) {
            scan.commit(outcome);
        }
        if let Some(claims) = self.judge.claims.as_mut().filter(|_| !self.start.dry_run) {
            claims.confirm();
        }
        self.last_ns = now_ns;
    }

    /// Books the time of one whole callback.
    pub fn spent(&mut self, whole_ns: u64, seek_ns: u64, now_ms: i64) {
        self.costs.whole_us.record(whole_ns / 1_000);
        self.costs.seek_max_us = self.costs.seek_max_us.max(seek_ns / 1_000);
        self.costs.main_thread_ns += whole_ns;
        self.updated_ms = now_ms;
    }

    /// Ends it. An ended job does not change any more.
    pub fn end(&mut self, status: JobStatus, error: Option<EndReason>, now_ms: i64) {
        if self.status.to(status) {
            self.waiting = None;
            self.error = error;
            self.updated_ms = now_ms;
            self.completed_ms = Some(now_ms);
        }
    }

    /// How a scan that has nothing left to do ends its job; `None` while there is work.
    #[must_use]
    pub fn verdict(&self) -> Option<(JobStatus, Option<EndReason>)> {
        match self.scan.progress() {
            Progress::Unfinished => None,
            Progress::Finished => Some((JobStatus::Completed, None)),
            Progress::EditedTooOften { edits } => {
                Some((JobStatus::Failed, Some(EndReason::EditedInPlace { times: edits })))
            }
            Progress::Unexpected { matched } => {
                let most = self.start.clear_options.expect.map_or(0, Expect::most);
                let deleted = self.scan.counters().deleted;
                Some((JobStatus::Failed, Some(EndReason::MoreThanExpected { most, matched, deleted })))
            }
            Progress::TooManyValues => Some((
                JobStatus::Failed,
                Some(EndReason::TooManyValues { max: VALUES_MAX, deleted: self.scan.counters().deleted }),
            )),
        }
    }
}
