//! What a job shows: its record, its sample, its groups and its notices.

use super::groups::{self, Groups};
use super::{Job, Kind, Rate, Record, Status, sample_row};
use crate::concerns::{chord_notice, inexact_notice, left_notices, uncompared_notice};
use crate::error::EndReason;
use crate::priorities::Priority;
use crate::reply::{Reply, int};
use crate::scan::{Effect, SampleRow};
use crate::unacked::UnackedScan;

impl Job {
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
            Some(EndReason::MoreThanExpected { deleted, .. }) => deleted,
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
