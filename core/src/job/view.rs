//! What a job shows: the values that its record is computed from, its notices, its sample and its groups.

use super::groups::{self, Groups};
use super::{Job, JobKind, JobStatus, Start, sample_row};
use crate::error::EndReason;
use crate::match_notices::{
    MatchNoticeCounts, chord_notice, inexact_notice, left_notices, uncompared_notice, unread_notice,
};
use crate::message_place::{kept_notice, missing_notice};
use crate::reply::{Reply, int};
use crate::scan::{AnyScan, Counters, Effect, SampleRow};

/// What the members of a record are computed from: the job, and results that several members need.
pub(super) struct View<'a> {
    pub(super) job: &'a Job,
    pub(super) start: &'a Start,
    pub(super) counters: &'a Counters,
    /// The word in `mode`.
    pub(super) mode: &'static str,
    /// The match that KEEPONE keeps: its list and its position in the queue.
    pub(super) kept: Option<(usize, i64)>,
    pub(super) per_second: u64,
    pub(super) eta_ms: Option<u64>,
    pub(super) notice: Option<String>,
}

impl<'a> View<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        let (start, counters) = (&job.start, job.counters());
        let per_second = rate(counters.examined_total, job.last_ns.saturating_sub(start.now_ns));
        Self {
            job,
            start,
            counters,
            mode: mode_of(start.effect),
            kept: job.scan.kept(),
            per_second,
            eta_ms: eta_ms(job, per_second),
            notice: job.notices(),
        }
    }

    /// Whether KEEPONE was given.
    pub(super) fn keeps_one(&self) -> bool {
        self.mode == "keepone"
    }

    /// Whether BY was given: one match is kept for each combination of values.
    pub(super) fn keeps_each(&self) -> bool {
        self.start.effect == Effect::KeepEach
    }

    /// If EXPECT was exceeded, the job clears nothing more, however many messages match.
    pub(super) fn would_delete(&self) -> u64 {
        match self.job.error {
            Some(EndReason::MoreThanExpected { deleted, .. }) => deleted,
            _ => self.counters.would_delete,
        }
    }

    /// Returns one count of the match notices; `None` for jobs whose judge does not look for them (stats and
    /// undos), and where an index counted matches that were not read.
    pub(super) fn match_notice(&self, count: impl Fn(&MatchNoticeCounts) -> u64) -> Option<u64> {
        let looks_for_it = self.job.judge.names.is_none() && self.start.clear_options.undo.is_none();
        (looks_for_it && self.counters.matched_unread == 0).then(|| count(&self.counters.match_notices))
    }

    /// For an undo: returns how many messages are back, with those that earlier undos moved back.
    pub(super) fn undone(&self) -> Option<u64> {
        let now = if self.start.dry_run { 0 } else { self.counters.deleted };
        self.start.clear_options.undo.map(|undo| undo.undone + now)
    }
}

/// The word in `mode`.
fn mode_of(effect: Effect) -> &'static str {
    match effect {
        Effect::Count | Effect::Group => "count",
        Effect::ClearAll => "all",
        Effect::KeepOne | Effect::KeepNewest | Effect::KeepEach => "keepone",
    }
}

/// Expected time to the end, milliseconds; 0 after the end; `None` while no message was examined.
fn eta_ms(job: &Job, per_second: u64) -> Option<u64> {
    if job.status.has_ended() {
        return Some(0);
    }
    let counters = job.counters();
    let second_pass = if job.scan.is_counting() { counters.total } else { 0 };
    let left = counters.total.saturating_sub(counters.processed + counters.drifted) + second_pass;
    left.saturating_mul(1_000).checked_div(per_second)
}

impl Job {
    /// Raises the progress to the present state of the job. It never falls: another pass begins at the start of
    /// the queue.
    pub(super) fn advance_progress(&mut self) {
        let counters = self.counters();
        let done = counters.processed + counters.drifted;
        // If there are two passes, each is half of the work.
        let (from, part) = match (self.scan.is_counting(), self.scan.counted()) {
            (true, _) => (0, 50),
            (false, Some(_)) => (50, 50),
            (false, None) => (0, 100),
        };
        let percent = match (self.status, counters.total) {
            (JobStatus::Completed, _) => 100,
            (_, 0) => from,
            (_, total) => (from + int(done.saturating_mul(part) / total)).min(99),
        };
        self.progress = self.progress.max(percent);
    }

    /// Returns the notices for readers of the counters, joined by semicolons; `None` if there are none.
    #[must_use]
    pub fn notices(&self) -> Option<String> {
        let match_notices = &self.counters().match_notices;
        let inexact = inexact_notice(match_notices.inexact, self.start.clear_options.inexact);
        let [locks, batches, chains, pipelines, callbacks] = left_notices(match_notices);
        let notices = [
            self.explanation.clone(),
            self.notice.clone(),
            self.edit_notice(),
            self.newest_notice(),
            self.throttle_notice(),
            unread_notice(self.counters().matched_unread)
                .or_else(|| chord_notice(match_notices.in_chord))
                .filter(|_| self.start.grouping.is_none()),
            locks,
            batches,
            chains,
            pipelines,
            callbacks,
            missing_notice(self.counters().missing),
            kept_notice(self.counters().kept, self.start.messages.spec().place),
            groups::notice(&self.tallied()),
            inexact.filter(|_| self.start.kind == JobKind::Preview),
            uncompared_notice(self.counters().uncompared),
            self.arrival_notice(),
        ];
        let notices: Vec<String> =
            self.scan.notices().into_iter().chain(notices.into_iter().flatten()).collect();
        (!notices.is_empty()).then(|| notices.join("; "))
    }

    /// Returns the notice about messages for whose arrival only a bound is known. They are counted as
    /// unreadable, although their bodies can be read.
    fn arrival_notice(&self) -> Option<String> {
        let unreadable = self.counters().unreadable;
        let field = self.start.filter.arrival_field().filter(|_| unreadable > 0)?;
        Some(format!(
            "{field} could not be compared for some of the {unreadable} messages in unreadable: it is only known that they have \
             waited at least since their index began to follow the list"
        ))
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
            "the newest matches kept leaving the queue while the job counted; it cannot tell which match is the newest and \
             cleared nothing more"
                .to_owned()
        })
    }

    fn edit_notice(&self) -> Option<String> {
        let (edits, refound) = (self.scan.edits(), self.scan.refound());
        let restarted = (edits > 0).then(|| {
            format!(
                "queue was modified in place {} (LREM, LINSERT, LSET, LTRIM or the like); the scan restarted and counters \
                 cover the current pass only",
                times(edits)
            )
        });
        let continued = (refound > 0).then(|| {
            format!(
                "messages were removed inside the queue (LREM, LTRIM) {}; the scan found its position again and continued",
                times(refound)
            )
        });
        let both: Vec<String> = restarted.into_iter().chain(continued).collect();
        (!both.is_empty()).then(|| both.join("; "))
    }

    /// The sample as a list of rows.
    #[must_use]
    pub fn sample(&self) -> Reply {
        let scan = match &self.scan {
            AnyScan::Lists(scan) => scan,
            other => return other.rows(self.start.sample).unwrap_or(Reply::Null),
        };
        let rows = scan.sample().take(self.start.sample);
        let row = |(list, row): (usize, &SampleRow)| {
            sample_row(scan.shown_index(row.distance), self.step(list), row.bytes, &row.members)
        };
        Reply::List(rows.map(row).collect())
    }

    /// The groups as replies show them.
    #[must_use]
    pub fn groups(&self) -> Groups {
        match (&self.start.grouping, &self.judge.names) {
            (Some(grouping), Some(names)) => groups::show(
                grouping,
                &names.keys(),
                self.tallied(),
                None,
                self.scan.plan().consumer_end,
                &self.start,
            ),
            _ => Groups::NONE,
        }
    }
}

/// `once`, or `n times`.
fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

/// Messages per second, rounded down; 0 if no time has passed.
fn rate(messages: u64, ns: u64) -> u64 {
    if ns == 0 {
        return 0;
    }
    u64::try_from(u128::from(messages) * 1_000_000_000 / u128::from(ns)).unwrap_or(u64::MAX)
}
