//! Jobs: what they are, how they end, what they show, and how they share the main thread.

mod clear_options;
mod cost;
mod event;
mod eviction;
mod found;
mod groups;
mod guiding;
mod histogram;
mod judge;
#[cfg(test)]
mod kept_test;
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
pub use found::{FoundInLists, FoundMatches, PositionsLost};
pub use groups::{GROUP_BYTES_MAX, GROUPS_MAX, Groups, TOP_DEFAULT, TOP_MAX};
pub use guiding::Guided;
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
pub use start::{Accepted, Continued, JobKind, Origin, Start};
pub use status::JobStatus;
pub use target::{JobTarget, Storage};
pub use undo::Undoable;

use uuid::Uuid;

use guiding::Guiding;

use crate::container::Container;
use crate::error::EndReason;
use crate::excerpt::excerpt;
use crate::format::Skim;
use crate::moved::Way;
use crate::reply::int;
use crate::scan::{
    AnyScan, Counters, Group, IdSetScan, ListScan, OneScan, Plan, Progress, Recalled, SortedScan,
    UnackedScan, VALUES_MAX,
};

/// The text in `waiting` of a paused job.
pub const PAUSED: &str = "paused; use QADMIN.RESUME to continue";

/// The cost of the slices of one job.
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
    /// The scan, with its position in the queue.
    pub scan: AnyScan,
    judge: FilterJudge,
    guiding: Guiding,
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
    /// Elements of the journal that were read; `None` if all were, or there is no journal to read.
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
            .elsewhere(start.storage.message_keys().is_some())
            .finds_one(start.kind == JobKind::Show)
            .to(start.destination().map(|(_, end)| end));
        let lens: Vec<u64> = start.lists.iter().map(|(_, len)| *len).collect();
        let score = start.messages.score_of(&start.queue);
        let scan = match &start.storage {
            Storage::Unacked(index) => UnackedScan::new(plan, index, lens.iter().sum()).into(),
            Storage::SortedSet(set) => SortedScan::new(plan, set, set.entries).score(score).into(),
            Storage::SetOfIds(set, _) => IdSetScan::new(plan, set, set.entries).score(score).into(),
            Storage::Lists | Storage::ListOfIds(_) => ListScan::over(plan, &lens).into(),
        };
        Self {
            scan,
            judge: FilterJudge::new(&start),
            guiding: Guiding::default(),
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

    /// Uses what a preview of the same lists with the same filter has learned. The job has done nothing yet.
    pub fn recall(&mut self, recalled: Recalled) {
        if let AnyScan::Lists(scan) = &mut self.scan {
            scan.recall(recalled);
        }
    }

    /// Returns what it was started with.
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

    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.start.id
    }

    /// Returns whether it removes messages from the queue now.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.scan.deletes()
    }

    /// Returns the present counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.scan.counters()
    }

    fn tallied(&self) -> Vec<Group> {
        self.scan.groups()
    }

    /// Returns whether it removes messages from the queue, now or after it has counted them.
    #[must_use]
    pub fn clears(&self) -> bool {
        self.start.effect.clears() && !self.start.dry_run
    }

    /// Returns its status.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        self.status
    }

    /// Returns why it makes no progress.
    #[must_use]
    pub fn waiting(&self) -> Option<&'static str> {
        self.waiting
    }

    /// Returns the failure that ended it.
    #[must_use]
    pub fn error(&self) -> Option<&EndReason> {
        self.error.as_ref()
    }

    /// Returns whether a client asked it to stop.
    #[must_use]
    pub fn cancel_requested(&self) -> bool {
        self.cancel_requested
    }

    /// Returns whether a client has the id and may poll the job, so that it keeps running after all waiting
    /// clients disconnect.
    #[must_use]
    pub fn is_id_published(&self) -> bool {
        self.id_published
    }

    /// Notes that a client gets its id.
    pub fn publish_id(&mut self) {
        self.id_published = true;
    }

    /// Marks its count as stale, because the module itself removed counted messages: the count is still correct
    /// for its snapshot but must not answer new requests.
    pub fn mark_stale(&mut self) {
        self.stale = true;
    }

    /// Returns whether its count must not answer new requests: counted messages were removed, or the queue is
    /// gone.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale || self.scan.lost_messages()
    }

    /// Notes that a joining client wants this many rows.
    pub fn want_sample(&mut self, rows: usize) {
        self.start.sample = self.start.sample.max(rows);
    }

    /// Returns the job whose moves it records, and the direction of the moves: its own moves, or those that
    /// reverse the moves of the job that it undoes.
    #[must_use]
    pub fn journal(&self) -> (Uuid, Way) {
        self.start.clear_options.undo.map_or((self.start.id, Way::There), |undo| (undo.job, Way::Back))
    }

    /// Returns where an undo continues to read what it may move back; `None` if it has read everything, and for
    /// any other job.
    #[must_use]
    pub fn journal_read(&self) -> Option<u64> {
        self.journal_read
    }

    /// Reads more of what an undo may move back: the elements after those that were read, none at the end. Returns
    /// whether they are valid.
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

    /// Returns the fields that are read of each message first: see [`FilterJudge::skim`].
    pub fn skim(&mut self) -> Option<Skim> {
        self.judge.skim()
    }

    /// Returns scan and judge for one window; `None` if the job is about another container. Claims that an earlier
    /// window made and did not book are released.
    pub fn parts<S: OneScan>(&mut self) -> Option<(&mut S, &mut FilterJudge)> {
        self.release_claims();
        S::of(&mut self.scan).map(|scan| (scan, &mut self.judge))
    }

    fn release_claims(&mut self) {
        let pass = self.scan.counters().passes_run;
        if let Some(claims) = &mut self.judge.claims
            && (!self.start.dry_run || pass != self.claims_pass)
        {
            // A dry run moves nothing: its claims are used for one pass.
            claims.give_back();
        }
        self.claims_pass = pass;
    }

    /// Notes that the scan can continue.
    pub fn runs(&mut self) {
        self.waiting = None;
        self.status.to(JobStatus::Running);
    }

    /// Notes that the scan cannot continue now, and why.
    pub fn waits(&mut self, reason: &'static str) {
        self.waiting = Some(reason);
    }

    /// Returns whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.status == JobStatus::Paused
    }

    /// Pauses it.
    pub fn pause(&mut self, now_ms: i64) {
        if self.status.to(JobStatus::Paused) {
            self.waiting = Some(PAUSED);
            self.updated_ms = now_ms;
        }
    }

    /// Resumes it.
    pub fn resume(&mut self, now_ms: i64) {
        if self.is_paused() && self.status.to(JobStatus::Running) {
            self.waiting = None;
            self.updated_ms = now_ms;
        }
    }

    /// Limits it to this many removed messages per second from now on; 0 = no limit.
    pub fn throttle(&mut self, per_second: u64) {
        self.rate = (per_second > 0).then(|| Rate::new(per_second));
    }

    /// Sets its share of the main thread while other clients are active, percent; 0 = as the setting says.
    pub fn set_duty(&mut self, percent: u64) {
        self.duty = (percent > 0).then_some(percent);
    }

    /// Returns its own share of the main thread, percent.
    #[must_use]
    pub fn duty(&self) -> Option<u64> {
        self.duty
    }

    /// Returns how many messages it may remove now.
    ///
    /// # Errors
    /// If it may remove none, the time of the steady clock at which it may, in nanoseconds.
    pub fn allowance(&self, now_ns: u64) -> Result<usize, u64> {
        self.rate.as_ref().map_or(Ok(usize::MAX), |rate| rate.allowance(now_ns))
    }

    /// Notes that it removed this many messages.
    pub fn took(&mut self, messages: u64, now_ns: u64) {
        if let Some(rate) = &mut self.rate {
            rate.took(messages, now_ns);
        }
    }

    /// Cancels it before the next slice.
    pub fn request_cancel(&mut self) {
        self.cancel_requested = true;
    }

    /// Sets a notice for readers of the status.
    pub fn note(&mut self, notice: String) {
        self.notice = Some(notice);
    }

    /// Sets the explanation why nothing matched.
    pub fn explain(&mut self, why: Option<String>) {
        self.explanation = why;
    }

    /// Returns whether its record was last written more than `ns` ago.
    #[must_use]
    pub fn record_is_older_than(&self, now_ns: u64, ns: u64) -> bool {
        now_ns.saturating_sub(self.record_ns) > ns
    }

    /// Notes that its record was written now.
    pub fn record_written(&mut self, now_ns: u64) {
        self.record_ns = now_ns;
    }

    /// Returns whether its progress was last published more than `ns` ago.
    #[must_use]
    pub fn was_told_before(&self, now_ns: u64, ns: u64) -> bool {
        now_ns.saturating_sub(self.told_ns) > ns
    }

    /// Notes that its progress was published now, or has no subscribers.
    pub fn told(&mut self, now_ns: u64) {
        self.told_ns = now_ns;
    }

    /// Returns whether the permission of its user was last checked more than `ns` ago, or never.
    #[must_use]
    pub fn right_is_older_than(&self, now_ns: u64, ns: u64) -> bool {
        self.right_ns.is_none_or(|checked| now_ns.saturating_sub(checked) > ns)
    }

    /// Notes that the permission of its user was checked now.
    pub fn right_checked(&mut self, now_ns: u64) {
        self.right_ns = Some(now_ns);
    }

    /// Counts once what a slice removed, before it is booked, because booking may fail.
    pub fn count_deleted<S: OneScan>(&mut self, outcome: &mut S::Outcome) {
        if let Some(scan) = S::of(&mut self.scan) {
            scan.count_deleted(outcome);
        }
    }

    /// Books the outcome of a slice that was carried out.
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

    /// Returns how a scan with nothing left to do ends its job; `None` while there is work.
    #[must_use]
    pub fn verdict(&self) -> Option<(JobStatus, Option<EndReason>)> {
        match self.scan.progress() {
            // The search for one message is over when a window has it: of several, the one that runs next is shown.
            Progress::Unfinished if self.start.kind == JobKind::Show && self.counters().matched > 0 => {
                Some((JobStatus::Completed, None))
            }
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
