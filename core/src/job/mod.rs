//! Jobs: what they are, how they end, what they show, and how they share the main thread.

mod cost;
mod event;
mod found;
mod groups;
mod histogram;
mod pace;
mod rate;
mod record;
mod registry;
mod room;
mod rows;
#[cfg(test)]
mod slices_test;
mod status;
mod terms;
mod undo;

pub use cost::{HitCost, MessageCost};
pub use event::{CHANNEL, EVENT_FIELDS, Happening, event};
pub use found::{Found, FoundInLists};
pub use groups::{GROUP_BYTES_MAX, GROUPS_MAX, Groups, TOP_DEFAULT, TOP_MAX};
pub use histogram::Histogram;
pub use pace::{Next, Pace, TurnClock};
pub use rate::Rate;
pub use record::{FIELDS, FILTER_KEPT_MAX, FieldKind, Record};
pub use registry::{
    CACHED_MAX, Cached, Caches, Ended, REMEMBERED_BYTES_MAX, REMEMBERED_MAX, Registry, SAMPLES_MAX,
};
pub use room::too_many;
pub use rows::{marked, sample_row};
pub use status::Status;
pub use terms::{Destination, Expect, Keep, Terms, Undoing, parked_list};
pub use undo::Undoable;

use groups::Names;
use uuid::Uuid;

use crate::concerns::{Concerns, chord_notice, inexact_notice, left_notices, uncompared_notice};
use crate::container::Container;
use crate::error::Error;
use crate::excerpt::excerpt;
use crate::filter::{Distinct, Filter, Grouping, Matcher, Projection};
use crate::format::Leavings;
use crate::kind::MessageKind;
use crate::moved::{self, Claims, Way};
use crate::priorities::{List, Priority};
use crate::queue::End;
use crate::reply::{Reply, int};
use crate::scan::{
    Counters, Effect, Event, Group, Judge, Judgement, Look, Plan, Progress, SampleRow, Scan, VALUES_MAX,
};
use crate::unacked::{UnackedLook, UnackedScan, UnackedStart};

/// Why a paused job stands still.
pub const PAUSED: &str = "paused: QADMIN.RESUME lets it go on";

/// What a job was started by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// QADMIN.PREVIEW.
    Preview,
    /// QADMIN.CLEARJOB.
    Clear,
    /// QADMIN.STATS.
    Stats,
    /// QADMIN.UNDO.
    Undo,
}

impl Kind {
    /// The word in `kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Clear => "clear",
            Self::Stats => "stats",
            Self::Undo => "undo",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        [Self::Preview, Self::Clear, Self::Stats, Self::Undo]
            .into_iter()
            .find(|kind| kind.as_str().as_bytes() == word)
    }

    /// It only looks: it lives in memory alone, whoever may read the queue may end it, and equal ones are one.
    #[must_use]
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Preview | Self::Stats)
    }

    /// It has a record in the keyspace, and entries in the audit stream.
    #[must_use]
    pub fn is_recorded(self) -> bool {
        !self.only_looks()
    }
}

/// Who asked for a job.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The authenticated Redis user.
    pub user: Option<Vec<u8>>,
    /// Who acts, as the calling app claims.
    pub actor: Option<Vec<u8>>,
    /// The connection: `id=7 addr=127.0.0.1:4242`.
    pub client: Option<Vec<u8>>,
    /// Why, as the caller says.
    pub reason: Option<Vec<u8>>,
}

/// Everything that a job is started with.
#[derive(Debug)]
pub struct Start {
    /// Its id.
    pub id: Uuid,
    /// The command behind it.
    pub kind: Kind,
    /// Logical database.
    pub db: i32,
    /// The queue's name, which is its key unless PRIORITY says otherwise.
    pub queue: Vec<u8>,
    /// Which of its priorities, where they are looked at.
    pub priority: Option<Priority>,
    /// The lists that hold its messages, in the order in which workers look into them, and how many are in each now.
    pub lists: Vec<(List, u64)>,
    /// What the messages are taken for.
    pub messages: MessageKind,
    /// Which messages.
    pub filter: Filter,
    /// Which fields its sample shows.
    pub projection: Projection,
    /// Names of those fields where the caller chose them: previews with other fields are not equal.
    pub fields: Option<Vec<Vec<u8>>>,
    /// How many sample rows were asked for.
    pub sample: usize,
    /// By what the matches are grouped.
    pub grouping: Option<Grouping>,
    /// How many groups were asked for.
    pub top: usize,
    /// What happens to a match.
    pub effect: Effect,
    /// Nothing is written to the queue.
    pub dry_run: bool,
    /// What else was asked for.
    pub terms: Terms,
    /// Who asked.
    pub origin: Origin,
    /// Digest that equal requests share: of (db, queue, filter) for a preview, of all arguments for a clear.
    pub digest: [u8; 32],
    /// Where workers hold the messages: the queue is a hash.
    pub unacked: Option<UnackedStart>,
    /// Wall clock now, Unix milliseconds.
    pub now_ms: i64,
    /// Steady clock now, nanoseconds.
    pub now_ns: u64,
}

impl Start {
    /// The list that matches are moved to, and the end that they are pushed at.
    #[must_use]
    pub fn destination(&self) -> Option<(&Destination, End)> {
        self.terms.to.as_ref().map(|to| (to, to.end(self.messages.spec().next_end)))
    }

    /// What kind of storage its messages are in; `None` where the key was missing and the request does not tell.
    #[must_use]
    pub fn container(&self) -> Option<Container> {
        Container::of(self.unacked.is_some(), self.priority, self.lists.iter().any(|(_, len)| *len > 0))
    }

    /// Where a body cannot be read, the texts that its sender put into the envelope are read. What they tell alone
    /// counts as a match only with [`Terms::inexact`]; a job that only looks says how many messages that concerns.
    fn reads_texts(&self) -> bool {
        self.kind.only_looks() || self.terms.inexact
    }
}

/// The filter, the sample's fields and the names of groups, as the scan wants them.
#[derive(Debug)]
pub struct FilterJudge {
    matcher: Matcher,
    /// The same filter without the sender's texts, where what those tell alone is counted apart: it says what is known
    /// of a message all the same.
    exact: Option<Matcher>,
    /// Sample rows say whether they match by the sender's texts alone.
    marks_inexact: bool,
    /// Where matches are counted or cleared and may leave something behind.
    leavings: Option<Leavings>,
    projection: Projection,
    distinct: Option<Distinct>,
    /// Where matches are grouped.
    names: Option<Names>,
    key: Vec<u8>,
    /// Work that was not asked for yet, in steps.
    work: usize,
    /// Of an undo: a match is what it may take, whatever is in it.
    claims: Option<Claims>,
}

impl Judge for FilterJudge {
    fn judge(&mut self, message: &[u8]) -> Judgement {
        if let Some(claims) = &mut self.claims {
            return Judgement { matched: claims.claim(moved::digest(message)), ..Judgement::default() };
        }
        let verdict = self.matcher.examine(message);
        self.work += self.matcher.work();
        let mut judgement = Judgement {
            matched: verdict.matched,
            undecodable: verdict.undecodable,
            unreadable: verdict.unreadable,
            uncompared: verdict.uncompared,
            ..Judgement::default()
        };
        if !verdict.matched {
            return judgement;
        }
        if self.exact.is_some() && self.matcher.is_inexact() {
            // A clear with the same words would leave it alone.
            judgement.matched = false;
            judgement.concerns.inexact = true;
            return judgement;
        }
        match &mut self.names {
            None => {
                judgement.concerns = self.matcher.concerns(message);
                judgement.left = self.leavings.as_mut().map(|left| left.look(message)).unwrap_or_default();
            }
            Some(names) => {
                let readable = self.matcher.group_key(message, &mut self.key);
                let inexact = self.matcher.is_inexact();
                if let Some(exact) = self.exact.as_mut().filter(|_| inexact) {
                    // Its group is the one that a preview with the same words finds it in.
                    exact.examine(message);
                    exact.group_key(message, &mut self.key);
                }
                judgement.group = names.number(&self.key);
                judgement.concerns = Concerns { inexact, ..Concerns::default() };
                judgement.unreadable |= !readable;
            }
        }
        judgement
    }

    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)> {
        let row = self.projection.row(message);
        self.work += self.projection.work(message);
        marked(self.marks_inexact.then(|| self.matcher.is_inexact()), row)
    }

    fn values(&mut self, message: &[u8]) -> Option<u128> {
        let distinct = self.distinct.as_mut()?;
        let digest = distinct.digest(message);
        self.work += distinct.work(message);
        digest
    }

    fn work(&mut self) -> u64 {
        std::mem::take(&mut self.work) as u64
    }
}

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
    pub scan: Scan,
    /// Where it stands in the messages that workers hold; then the other scan is one of nothing.
    pub unacked: Option<UnackedScan>,
    judge: FilterJudge,
    /// The text of the filter as records keep it.
    filter_kept: Option<Vec<u8>>,
    status: Status,
    waiting: Option<&'static str>,
    notice: Option<String>,
    /// Why nothing matched.
    explanation: Option<String>,
    error: Option<Error>,
    cancel_requested: bool,
    handed_out: bool,
    outdated: bool,
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
        let terms = &start.terms;
        let texts = start.reads_texts();
        let matcher = Matcher::of(start.messages, &start.filter, start.grouping.as_ref());
        let judge = FilterJudge {
            exact: (texts && !terms.inexact).then(|| matcher.clone()),
            marks_inexact: terms.inexact,
            leavings: Leavings::of(start.messages),
            matcher: matcher.inexact(texts),
            projection: start.projection.clone().inexact(texts),
            distinct: (!terms.by.is_empty()).then(|| Distinct::new(start.messages, &terms.by)),
            names: start.grouping.is_some().then(Names::default),
            key: Vec::new(),
            work: 0,
            claims: terms.undo.map(|undo| Claims::new(undo.moved)),
        };
        let plan = Plan::new(start.effect, start.dry_run)
            .limit(terms.limit)
            .most(terms.expect.map(Expect::most))
            .next_end(start.messages.spec().next_end)
            .to(start.destination().map(|(_, end)| end));
        let lens: Vec<u64> = start.lists.iter().map(|(_, len)| *len).collect();
        let unacked = start.unacked.as_ref().map(|keys| UnackedScan::new(plan, keys, lens.iter().sum()));
        Self {
            scan: Scan::over(plan, if unacked.is_some() { &[] } else { &lens }),
            unacked,
            judge,
            filter_kept: (!start.filter.is_all())
                .then(|| excerpt(&start.filter.canonical(), FILTER_KEPT_MAX)),
            status: Status::Pending,
            waiting: None,
            notice: None,
            explanation: None,
            error: None,
            cancel_requested: false,
            handed_out: false,
            outdated: false,
            updated_ms: start.now_ms,
            completed_ms: None,
            last_ns: start.now_ns,
            record_ns: start.now_ns,
            told_ns: start.now_ns,
            right_ns: None,
            journal_read: terms.undo.map(|_| 0),
            claims_pass: 1,
            rate: terms.rate.filter(|rate| *rate > 0).map(Rate::new),
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

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.start.id
    }

    /// The keys of its lists, in the order in which workers look into them.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.start.lists.iter().map(|(list, _)| list.key.as_slice())
    }

    /// The place of this list among its own.
    #[must_use]
    pub fn list_of(&self, db: i32, key: &[u8]) -> Option<usize> {
        self.keys().position(|own| own == key).filter(|_| self.start.db == db)
    }

    /// It works on this list.
    #[must_use]
    pub fn is_on(&self, db: i32, key: &[u8]) -> bool {
        self.list_of(db, key).is_some()
    }

    /// Follows what happened to a list, if it is one of its own; says whether it is.
    pub fn follow(&mut self, db: i32, key: &[u8], event: Event<'_>) -> bool {
        let (list, is_index) = (self.list_of(db, key), self.has_index(db, key));
        match (&mut self.unacked, event) {
            (None, event) => list.into_iter().for_each(|list| self.scan.follow(list, event)),
            (Some(scan), Event::Gone) if is_index => scan.lose_index(),
            (Some(scan), Event::Gone) if list.is_some() => scan.lose(),
            // Of what happens inside a hash no event tells anything.
            (Some(_), _) => {}
        }
        list.is_some() || is_index
    }

    /// This key is the index of what workers hold, which the job walks along.
    #[must_use]
    pub fn has_index(&self, db: i32, key: &[u8]) -> bool {
        self.start.db == db && self.unacked.as_ref().is_some_and(|scan| scan.index() == key)
    }

    /// The key of the list that its next slice works on.
    #[must_use]
    pub fn key_here(&self) -> &[u8] {
        self.start.lists.get(self.scan.at()).map_or(self.start.queue.as_slice(), |(list, _)| &list.key)
    }

    /// The step of a list, where priorities are looked at.
    fn step(&self, list: usize) -> Option<u8> {
        self.start.lists.get(list).and_then(|(list, _)| list.step)
    }

    /// It takes messages out of the queue now.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.unacked.as_ref().map_or_else(|| self.scan.deletes(), UnackedScan::deletes)
    }

    /// Counters as they stand.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.unacked.as_ref().map_or_else(|| self.scan.counters(), UnackedScan::counters)
    }

    /// The keys that were deleted, renamed away or replaced: what is under their names now is something else.
    #[must_use]
    pub fn gone(&self) -> Vec<&[u8]> {
        match &self.unacked {
            Some(scan) => {
                let hash = scan.is_gone().then_some(self.start.queue.as_slice());
                hash.into_iter().chain(scan.is_index_gone().then_some(scan.index())).collect()
            }
            None => self.scan.gone().filter_map(|list| self.keys().nth(list)).collect(),
        }
    }

    fn tallied(&self) -> Vec<Group> {
        self.unacked.as_ref().map_or_else(|| self.scan.groups(), UnackedScan::groups)
    }

    /// It takes messages out of the queue, now or when it has counted them.
    #[must_use]
    pub fn clears(&self) -> bool {
        self.start.effect.clears() && !self.start.dry_run
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Why it stands still.
    #[must_use]
    pub fn waiting(&self) -> Option<&'static str> {
        self.waiting
    }

    /// The failure that ended it.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Somebody asked it to stop.
    #[must_use]
    pub fn cancel_requested(&self) -> bool {
        self.cancel_requested
    }

    /// Somebody was told its id and may come back for it: it goes on when its clients go.
    #[must_use]
    pub fn is_handed_out(&self) -> bool {
        self.handed_out
    }

    /// Somebody is told its id.
    pub fn hand_out(&mut self) {
        self.handed_out = true;
    }

    /// Messages that it counted are gone by our own doing: its count is true of its snapshot, and no answer to
    /// whoever asks from now on.
    pub fn outdate(&mut self) {
        self.outdated = true;
    }

    /// Follows messages that were cleared from a list by somebody else than itself: what it has counted of them is not
    /// there any more.
    pub fn follow_deletion(&mut self, db: i32, key: &[u8], indexes: &[u64]) {
        let drifted = self.scan.counters().drifted;
        if self.follow(db, key, Event::Deleted { indexes }) {
            let before_it = self.scan.counters().drifted.saturating_sub(drifted);
            // Not all of them were still before it: it may have counted some.
            self.outdated |= before_it < indexes.len() as u64;
        }
    }

    /// Its count is only for those who asked before: what it counted was taken out, or the queue is gone.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.outdated
            || self
                .unacked
                .as_ref()
                .map_or_else(|| self.scan.lost_messages(), |scan| scan.is_gone() || scan.is_index_gone())
    }

    /// A joining client wants this many rows.
    pub fn want_sample(&mut self, rows: usize) {
        self.start.sample = self.start.sample.max(rows);
    }

    /// The job whose moves it writes down, and the way that messages take: its own moves there, or those back of the job
    /// that it undoes.
    #[must_use]
    pub fn journal(&self) -> (Uuid, Way) {
        self.start.terms.undo.map_or((self.start.id, Way::There), |undo| (undo.job, Way::Back))
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
            let moved = self.start.terms.undo.map_or(0, |undo| undo.moved);
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

    /// Judge and scan side by side, for one look. What a look before claimed and did not book is not claimed any more.
    pub fn parts(&mut self) -> (&mut Scan, &mut FilterJudge) {
        let pass = self.scan.counters().passes_run;
        if let Some(claims) = &mut self.judge.claims
            && (!self.start.dry_run || pass != self.claims_pass)
        {
            // A dry run moves nothing: its claims are used for one pass.
            claims.give_back();
        }
        self.claims_pass = pass;
        (&mut self.scan, &mut self.judge)
    }

    /// The same of a job on what workers hold.
    pub fn unacked_parts(&mut self) -> Option<(&mut UnackedScan, &mut FilterJudge)> {
        self.unacked.as_mut().map(|scan| (scan, &mut self.judge))
    }

    /// The scan may go on.
    pub fn runs(&mut self) {
        self.waiting = None;
        self.status.to(Status::Running);
    }

    /// The scan must stand still for now.
    pub fn waits(&mut self, reason: &'static str) {
        self.waiting = Some(reason);
    }

    /// It was told to stand still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.status == Status::Paused
    }

    /// Lets it stand still.
    pub fn pause(&mut self, now_ms: i64) {
        if self.status.to(Status::Paused) {
            self.waiting = Some(PAUSED);
            self.updated_ms = now_ms;
        }
    }

    /// Lets it go on.
    pub fn resume(&mut self, now_ms: i64) {
        if self.is_paused() && self.status.to(Status::Running) {
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

    /// Books a look that was carried out.
    pub fn commit(&mut self, look: &mut Look, now_ns: u64) {
        self.scan.commit(look);
        if let Some(claims) = self.judge.claims.as_mut().filter(|_| !self.start.dry_run) {
            claims.settle();
        }
        self.last_ns = now_ns;
    }

    /// The same of a job on what workers hold.
    pub fn commit_unacked(&mut self, look: &mut UnackedLook, now_ns: u64) {
        if let Some(scan) = &mut self.unacked {
            scan.commit(look);
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
    pub fn end(&mut self, status: Status, error: Option<Error>, now_ms: i64) {
        if self.status.to(status) {
            self.waiting = None;
            self.error = error;
            self.updated_ms = now_ms;
            self.completed_ms = Some(now_ms);
        }
    }

    /// How a scan that has nothing left to do ends its job; `None` while there is work.
    #[must_use]
    pub fn verdict(&self) -> Option<(Status, Option<Error>)> {
        if let Some(scan) = &self.unacked {
            return scan.is_done().then_some((Status::Completed, None));
        }
        match self.scan.progress() {
            Progress::Unfinished => None,
            Progress::Finished => Some((Status::Completed, None)),
            Progress::EditedTooOften { edits } => {
                Some((Status::Failed, Some(Error::EditedInPlace { times: edits })))
            }
            Progress::Unexpected { matched } => {
                let most = self.start.terms.expect.map_or(0, Expect::most);
                let deleted = self.scan.counters().deleted;
                Some((Status::Failed, Some(Error::Unexpected { most, matched, deleted })))
            }
            Progress::TooManyValues => Some((
                Status::Failed,
                Some(Error::TooManyValues { max: VALUES_MAX, deleted: self.scan.counters().deleted }),
            )),
        }
    }

    /// Everything that STATUS shows of a live job but the sample: its record with the whole text of the filter.
    pub fn live_record(&mut self) -> Record {
        let mut record = self.record();
        if !self.start.filter.is_all() {
            record.set("filter", Reply::Text(self.start.filter.canonical()));
        }
        record
    }

    /// The record as it is kept and repeated: a long filter is cut to [`FILTER_KEPT_MAX`] bytes.
    pub fn record(&mut self) -> Record {
        let c = self.counters().clone();
        let ended = self.status.has_ended();
        let done = c.processed + c.drifted;
        // Of two passes each is half of the way.
        let (from, part) = match (self.scan.is_counting(), self.scan.counted()) {
            (true, _) => (0, 50),
            (false, Some(_)) => (50, 50),
            (false, None) => (0, 100),
        };
        let percent = match (self.status, c.total) {
            (Status::Completed, _) => 100,
            (_, 0) => from,
            (_, total) => (from + int(done.saturating_mul(part) / total)).min(99),
        };
        self.progress = self.progress.max(percent);
        let elapsed_ns = self.last_ns.saturating_sub(self.start.now_ns);
        let per_second = rate(c.examined_total, elapsed_ns);
        let second = if self.scan.is_counting() { c.total } else { 0 };
        let left = c.total.saturating_sub(done) + second;
        let eta_ms = match (ended, per_second) {
            (true, _) => Reply::Int(0),
            (false, 0) => Reply::Null,
            (false, rate) => Reply::Int(int(left.saturating_mul(1_000) / rate)),
        };
        // Who was surprised clears nothing, however many would have gone.
        let would_delete = match self.error {
            Some(Error::Unexpected { deleted, .. }) => deleted,
            _ => c.would_delete,
        };
        let s = &self.start;
        let filter = &s.filter;
        let mode = match s.effect {
            Effect::Count | Effect::Group => "count",
            Effect::ClearAll => "all",
            Effect::KeepOne | Effect::KeepNewest | Effect::KeepEach => "keepone",
        };
        let keeps = mode == "keepone";
        let notice = self.notices();
        // Stats and undos do not look for them: see the judge.
        let concern = |n| {
            if self.judge.names.is_some() || s.terms.undo.is_some() {
                Reply::Null
            } else {
                Reply::Int(int(n))
            }
        };
        let [in_chord, in_group, with_eta, redelivered] = c.concerns.values().map(concern);
        let kept = self.scan.kept();
        let kept_priority = kept.and_then(|(list, _)| self.step(list));
        Record::new(vec![
            text(s.id.to_string()),
            text(s.kind.as_str()),
            text(self.status.as_str()),
            opt(self.waiting),
            Reply::Text(s.queue.clone()),
            Reply::Int(i64::from(s.db)),
            text(mode),
            flag(s.dry_run),
            flag(keeps),
            opt(self.filter_kept.as_deref()),
            opt(filter.task()),
            opt(filter.repoid()),
            opt(filter.commitid()),
            opt(s.origin.user.as_deref()),
            opt(s.origin.actor.as_deref()),
            opt(s.origin.client.as_deref()),
            opt(s.origin.reason.as_deref()),
            Reply::Int(s.now_ms),
            Reply::Int(self.updated_ms),
            self.completed_ms.map_or(Reply::Null, Reply::Int),
            Reply::Int(int(c.total)),
            Reply::Int(int(self.len())),
            Reply::Int(int(c.processed)),
            Reply::Int(int(c.matched)),
            Reply::Int(int(c.deleted)),
            Reply::Int(int(would_delete)),
            kept.map_or(Reply::Null, |(_, index)| Reply::Int(index)),
            Reply::Int(int(c.drifted)),
            Reply::Int(int(c.arrived)),
            Reply::Int(int(c.undecodable)),
            Reply::Int(int(c.unreadable)),
            Reply::Int(int(c.matched_bytes)),
            Reply::Int(int(c.passes_run)),
            Reply::Int(int(c.examined_total)),
            opt(notice),
            Reply::Int(self.progress),
            eta_ms,
            Reply::Int(int(per_second)),
            Reply::Int(int(self.costs.whole_us.count())),
            Reply::Int(int(self.costs.whole_us.quantile(99))),
            Reply::Int(int(self.costs.whole_us.max())),
            Reply::Int(int(self.costs.seek_max_us)),
            Reply::Int(int(self.costs.main_thread_ns / 1_000)),
            flag(self.cancel_requested),
            opt(self.error.as_ref().map(ToString::to_string)),
            in_chord,
            in_group,
            with_eta,
            redelivered,
            opt(keeps.then(|| s.terms.keep.as_str())),
            opt(s.terms.by_text()),
            number(s.terms.limit),
            number(self.rate.as_ref().map(Rate::per_second)),
            number(s.terms.expect.map(|expect| expect.matches)),
            number(s.terms.expect.map(|expect| expect.tolerance)),
            number(self.scan.counted()),
            number((s.effect == Effect::KeepEach).then(|| self.scan.distinct())),
            number((s.effect == Effect::KeepEach).then_some(c.undistinguished)),
            opt(s.terms.to.as_ref().map(|to| &to.key)),
            flag(s.terms.to.as_ref().is_some_and(|to| to.front)),
            text(s.messages.spec().name),
            number(s.reads_texts().then_some(c.concerns.inexact)),
            opt(s.priority.map(Priority::word)),
            number(kept_priority.map(u64::from)),
            opt(self.unacked.as_ref().map(UnackedScan::index)),
            number(self.duty),
            flag(s.terms.to.as_ref().is_some_and(|to| to.own)),
            opt(s.terms.undo.map(|undo| undo.job.to_string())),
            Reply::Null,
            number(s.terms.undo.map(|undo| undo.undone + if s.dry_run { 0 } else { c.deleted })),
            s.container().into(),
        ])
    }

    /// What a reader of its counters should know, in one line.
    #[must_use]
    pub fn notices(&self) -> Option<String> {
        let concerns = &self.counters().concerns;
        let inexact = inexact_notice(concerns.inexact, self.start.terms.inexact);
        let [locks, batches] = left_notices(concerns);
        let notices = [
            self.explanation.clone(),
            self.notice.clone(),
            self.edit_notice(),
            self.newest_notice(),
            self.throttle_notice(),
            chord_notice(concerns.in_chord),
            locks,
            batches,
            groups::notice(&self.tallied()),
            inexact.filter(|_| self.start.kind == Kind::Preview),
            uncompared_notice(self.counters().uncompared),
        ];
        let held = self.unacked.iter().flat_map(UnackedScan::notices);
        let notices: Vec<String> = held.chain(notices.into_iter().flatten()).collect();
        (!notices.is_empty()).then(|| notices.join("; "))
    }

    fn len(&self) -> u64 {
        self.unacked.as_ref().map_or_else(|| self.scan.len(), UnackedScan::len)
    }

    fn throttle_notice(&self) -> Option<String> {
        let rate =
            self.rate.as_ref().map(|rate| format!("at most {} messages per second", rate.per_second()));
        let duty = self.duty.map(|duty| format!("{duty} % of the main thread while others are active"));
        let both: Vec<String> = [rate, duty].into_iter().flatten().collect();
        (!both.is_empty()).then(|| format!("throttled: {}", both.join(", ")))
    }

    fn newest_notice(&self) -> Option<String> {
        self.scan.is_newest_unknown().then(|| {
            "the newest matches left the queue again and again while the job counted them: it does not know which match \
             is the newest, and cleared nothing more"
                .to_owned()
        })
    }

    fn edit_notice(&self) -> Option<String> {
        let (edits, refound) = (self.scan.edits(), self.scan.refound());
        let again = (edits > 0).then(|| {
            format!(
                "edits in place of the queue: {edits} (LREM, LINSERT, LSET, LTRIM or the like): \
                 the scan began again at the next end, the counters are of the current pass"
            )
        });
        let went_on = (refound > 0).then(|| {
            format!(
                "messages were taken out inside the queue (LREM, LTRIM): {refound} times the scan found its place again \
                 and went on"
            )
        });
        let both: Vec<String> = again.into_iter().chain(went_on).collect();
        (!both.is_empty()).then(|| both.join("; "))
    }

    /// The rows of its sample as a reply.
    #[must_use]
    pub fn sample(&self) -> Reply {
        if let Some(scan) = &self.unacked {
            return scan.sample(self.start.sample);
        }
        let rows = self.scan.sample().take(self.start.sample);
        let row = |(list, row): (usize, &SampleRow)| {
            sample_row(self.scan.shown_index(row.distance), self.step(list), row.bytes, &row.members)
        };
        Reply::List(rows.map(row).collect())
    }

    /// Its groups as a reply shows them.
    #[must_use]
    pub fn groups(&self) -> Groups {
        match (&self.start.grouping, &self.judge.names) {
            (Some(grouping), Some(names)) => {
                groups::show(grouping, names, self.tallied(), self.scan.plan().next_end, &self.start)
            }
            _ => Groups::NONE,
        }
    }
}

/// Messages per second, rounded down; 0 where no time has passed.
fn rate(messages: u64, ns: u64) -> u64 {
    if ns == 0 {
        return 0;
    }
    u64::try_from(u128::from(messages) * 1_000_000_000 / u128::from(ns)).unwrap_or(u64::MAX)
}

fn text(s: impl AsRef<[u8]>) -> Reply {
    Reply::Text(s.as_ref().to_vec())
}

fn opt(s: Option<impl AsRef<[u8]>>) -> Reply {
    s.map_or(Reply::Null, text)
}

fn number(n: Option<u64>) -> Reply {
    n.map_or(Reply::Null, |n| Reply::Int(int(n)))
}

fn flag(on: bool) -> Reply {
    Reply::Int(i64::from(on))
}
