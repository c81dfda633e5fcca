//! How jobs begin and end, and the writes that are pending afterwards.

use qadmin_core::error::{EndReason, ShowError, quote};
use qadmin_core::excerpt::excerpt;
use qadmin_core::job::{Cached, Job, JobEvent, JobKind, JobStatus, Member};
use qadmin_core::reply::int;
use qadmin_core::scan::Effect;
use uuid::Uuid;

use super::gate;
use crate::audit::{Entry, Shown};
use crate::index;
use crate::no_match;
use crate::record::{self, PendingWrite, queue_write};
use crate::redis::clock::{Duration, now_ms};
use crate::redis::guard::guard;
use crate::redis::{Ctx, event_loop, events, info, keyspace, log};
use crate::settings;
use crate::state::State;

/// Pending records that are written in one turn.
const PENDING_PER_TURN: usize = 8;
/// Audit entries about shown messages that are written in one turn.
const SHOWN_PER_TURN: usize = 64;
/// Bytes of a filter's text in a line of the log.
const LOGGED_MAX: usize = 1_024;
/// Number of queues whose events are followed. Above it, the queues that have no jobs and no counts are forgotten.
const QUEUES_MAX: usize = 4_096;

impl State {
    /// Adds a job and starts the slices.
    pub(crate) fn start(&mut self, ctx: Ctx<'_>, mut job: Job) {
        self.totals.jobs_started += 1;
        log::notice(&started(&mut job));
        if self.queues.len() >= QUEUES_MAX {
            self.queues = self.registry.keys().chain(self.caches.keys()).map(<[u8]>::to_vec).collect();
        }
        self.queues.extend(job.all_keys().map(<[u8]>::to_vec));
        if !keyspace::follow_lists(ctx) {
            // Every change is then detected by the length alone, as a change by another module is.
            log::warning("the server refused the subscription to events of lists");
        }
        if job.start().storage.walked().is_some() && !keyspace::follow_indexes(ctx) {
            log::warning("the server refused the subscription to events of sorted sets");
            job.scan.lose_sight();
        }
        events::follow(ctx);
        self.publisher.tell(&mut job, JobEvent::Start);
        self.registry.add(job);
        self.run(ctx);
    }

    /// Starts the calls that run slices.
    fn run(&mut self, ctx: Ctx<'_>) {
        event_loop::hook(ctx);
        self.wake();
    }

    /// Lets jobs that wait try again at once.
    pub(crate) fn wake(&mut self) {
        self.pace.wake();
        event_loop::arm(1);
    }

    /// Ends live jobs outside of a slice.
    pub(crate) fn end_jobs(
        &mut self,
        pick: impl FnMut(&Job) -> bool,
        end: impl Fn(&Job) -> (JobStatus, EndReason),
    ) {
        for job in self.registry.take_if(pick) {
            let (status, error) = end(&job);
            self.conclude(job, status, Some(error), None);
        }
    }

    /// Ends a job at the end of its slice. Its record is written in the slice's unit if it can be written.
    pub(super) fn finish(&mut self, ctx: Ctx<'_>, job: Job, status: JobStatus, error: Option<EndReason>) {
        self.conclude(job, status, error, Some(ctx));
    }

    pub(super) fn conclude(
        &mut self,
        mut job: Job,
        status: JobStatus,
        error: Option<EndReason>,
        ctx: Option<Ctx<'_>>,
    ) {
        let now = now_ms();
        job.end(status, error, now);
        if let Some(ctx) = ctx.filter(|_| status == JobStatus::Completed) {
            // The explanation is only text. If finding it panics, the job has none.
            let why = guard("the search for why nothing matches", || no_match::explain(ctx, &job)).flatten();
            job.explain(why);
        }
        match status {
            JobStatus::Completed => self.totals.jobs_completed += 1,
            JobStatus::Cancelled => self.totals.jobs_cancelled += 1,
            JobStatus::Interrupted => self.totals.jobs_interrupted += 1,
            _ => self.totals.jobs_failed += 1,
        }
        // Earlier pending records of this job (paused, throttled) are obsolete now.
        self.pending.retain(|older| older.id != job.id() || older.audit.is_some());
        // If writing fails, the end is still remembered, and no client goes on waiting for the job.
        let mut unwritten = None;
        let told = guard("the end of a job", || write_end(&mut job, ctx, &mut unwritten));
        if let Some(record) = unwritten {
            queue_write(&mut self.pending, record);
            hook_and_arm(ctx);
        } else if told.is_none() && job.start().kind.is_recorded() {
            self.reconcile_soon(ctx, &job);
        }
        self.mark_undone(&mut job);
        self.publisher.tell(&mut job, JobEvent::End);
        self.cache_count(&mut job, now);
        let id = job.id();
        let expires = now + i64::try_from(settings::now().job_ttl_ms()).unwrap_or(i64::MAX / 2);
        self.registry.forget_expired(now);
        let asked_for = settings::now().cache_ttl_ms().max(settings::now().job_lock_ttl_ms());
        let found_until = now.saturating_add(i64::try_from(asked_for).unwrap_or(i64::MAX));
        self.registry.remember(job, expires, found_until);
        self.waiters.release(id);
        if self.wants_turn() {
            hook_and_arm(ctx);
        }
    }

    /// If the job that an undo undoes is remembered, notes in it how far the undo is. Its record in the keyspace
    /// is written together with that of the undo.
    pub(crate) fn mark_undone(&mut self, undo: &mut Job) {
        let Some(undoing) = undo.start().clear_options.undo.filter(|_| !undo.start().dry_run) else { return };
        let by = undo.id().to_string();
        let undone = int(undoing.undone + undo.counters().deleted);
        self.registry.mark_undone(undoing.job, by.as_bytes(), undone);
        for pending in self.pending.iter_mut().filter(|pending| pending.id == undoing.job) {
            pending.record.mark_undone(by.as_bytes(), undone);
        }
    }

    /// If the job that a clear continues is remembered, notes that in it. Its record in the keyspace is written together
    /// with that of the clear.
    pub(crate) fn mark_continued(&mut self, job: &Job) {
        let Some(before) = job.start().continues else { return };
        let by = job.id().to_string();
        self.registry.mark_continued(before.job, by.as_bytes());
        for pending in self.pending.iter_mut().filter(|pending| pending.id == before.job) {
            pending.record.mark_continued(by.as_bytes());
        }
    }

    /// Queues the record of a clear for reconciling, because it may not say how the job ended.
    pub(crate) fn reconcile_soon(&mut self, ctx: Option<Ctx<'_>>, job: &Job) {
        let start = job.start();
        self.reconcile_record(start.id, start.db, &start.queue);
        hook_and_arm(ctx);
    }

    fn reconcile_record(&mut self, id: Uuid, db: i32, queue: &[u8]) {
        let cluster = Ctx::detached().is_some_and(|ctx| ctx.flags().cluster());
        self.orphaned.push_back((id, db, record::key(queue, id, cluster)));
    }

    /// Caches a completed count, which then answers equal previews.
    fn cache_count(&mut self, job: &mut Job, now: i64) {
        let completed = job.status() == JobStatus::Completed && job.start().kind == JobKind::Preview;
        // The messages of a list of ids can change without an event of the list.
        let changes_unseen = job.start().storage.message_keys().is_some();
        if !completed || job.is_stale() || changes_unseen {
            return;
        }
        let notice = job.notices();
        let (start, c) = (job.start(), job.counters());
        let count = Cached {
            db: start.db,
            keys: job.keys().map(<[u8]>::to_vec).collect(),
            match_count: c.matched,
            matched_bytes: c.matched_bytes,
            undecodable: c.undecodable,
            unreadable: c.unreadable,
            drifted: c.drifted,
            cached_ms: now,
            match_notices: c.match_notices,
            matched_unread: c.matched_unread,
            notice,
            by_index: job.was_guided(),
        };
        let ttl = i64::try_from(settings::now().cache_ttl_ms()).unwrap_or(i64::MAX);
        self.caches.put(start.digest, count, ttl);
    }

    /// Forgets the counts of a queue that has changed.
    pub(crate) fn forget_counts(&mut self, db: i32, key: &[u8]) {
        let among = |keys: &[Vec<u8>]| keys.iter().any(|own| own == key);
        self.caches.drop_if(|count| count.db == db && among(&count.keys));
        self.registry.mark_stale(|job| job.db == db && among(&job.keys));
    }

    /// Books the time of a slice.
    pub(super) fn account(&mut self, job: &mut Job, whole: Duration) {
        let (whole_ns, seek_ns) = (whole.ns, self.seek_ns);
        let work_us = whole_ns.saturating_sub(seek_ns) / 1_000;
        job.spent(whole_ns, seek_ns, now_ms());
        self.totals.slices_us.record(whole_ns / 1_000);
        self.totals.work_max_us = self.totals.work_max_us.max(work_us);
        if whole.was_interrupted {
            self.totals.interrupted += 1;
        } else {
            self.totals.own_work_max_us = self.totals.own_work_max_us.max(work_us);
        }
        self.totals.seek_ns += seek_ns;
        self.totals.seek_max_us = self.totals.seek_max_us.max(seek_ns / 1_000);
        self.totals.main_thread_ns += whole_ns;
        info::latency_sample(whole_ns / 1_000_000);
    }

    /// Lets an entry in the audit stream follow that somebody is shown a message. A replica writes nothing.
    ///
    /// # Errors
    /// [`ShowError::TooManyUnaudited`]: the message must not be shown.
    pub(crate) fn audit_shown(&mut self, ctx: Ctx<'_>, shown: Shown) -> Result<(), ShowError> {
        if ctx.flags().primary() && settings::now().audit_maxlen() > 0 {
            shown.queue(&mut self.shown)?;
            hook_and_arm(Some(ctx));
        }
        Ok(())
    }

    /// Writes some of the entries about shown messages. Returns whether more can be written at once. What is refused is
    /// tried again later.
    fn write_shown(&mut self, ctx: Ctx<'_>) -> bool {
        for _ in 0..SHOWN_PER_TURN {
            let Some(shown) = self.shown.pop_front() else { return false };
            if !shown.write(ctx) {
                self.shown.push_front(shown);
                return false;
            }
        }
        !self.shown.is_empty()
    }

    /// Writes some of the pending records, and reconciles some of those whose jobs may have died. Returns whether
    /// more can be done at once.
    pub(super) fn flush_pending(&mut self, ctx: Ctx<'_>) -> bool {
        if gate(ctx).is_some() {
            if !ctx.flags().primary() {
                // Only a primary writes them.
                self.shown.clear();
            }
            return false;
        }
        let more_shown =
            guard("audit entries about shown messages", || self.write_shown(ctx)).unwrap_or(false);
        guard("making room for records", || self.trim_records(ctx));
        if self.pending.is_empty() && self.orphaned.is_empty() {
            return more_shown;
        }
        for paid in 0..PENDING_PER_TURN {
            let Some(record) = self.pending.pop_front() else { return self.reconcile(ctx) };
            match guard("a pending record", || is_done_with(&record, ctx)) {
                Some(true) => {}
                Some(false) => {
                    self.pending.push_front(record);
                    return paid > 0;
                }
                // It is tried once more by reconciling, and not forever, because it must not delay others.
                None => self.reconcile_record(record.id, record.db, &record.queue),
            }
        }
        true
    }

    /// Returns whether there are no live jobs, no pending writes and events, and no clients to unblock.
    pub(super) fn is_idle(&self) -> bool {
        self.registry.live().is_empty()
            && !self.walks.any_live()
            && self.pending.is_empty()
            && self.shown.is_empty()
            && self.orphaned.is_empty()
            && !index::needs_look()
            && !index::is_due()
            && !self.wants_turn()
    }

    /// Returns whether clients have to be unblocked or events published, for which a turn of the event loop is
    /// needed soon.
    pub(super) fn wants_turn(&self) -> bool {
        !self.waiters.none_due() || self.publisher.wants_turn()
    }
}

/// Logs the end of a job. For a clear, also writes it to the record, if that can be written now.
fn write_end(job: &mut Job, ctx: Option<Ctx<'_>>, unwritten: &mut Option<PendingWrite>) {
    log::notice(&ended(job));
    if !job.start().kind.is_recorded() {
        return;
    }
    let record = unwritten.insert(PendingWrite::of(job, Some(Entry::End)));
    if ctx.is_some_and(|ctx| gate(ctx).is_none() && is_done_with(record, ctx)) {
        *unwritten = None;
    }
}

/// Schedules turns of the event loop that flush pending writes.
fn hook_and_arm(ctx: Option<Ctx<'_>>) {
    match (ctx, Ctx::detached()) {
        (Some(ctx), _) => event_loop::hook(ctx),
        (None, Some(ctx)) => event_loop::hook(ctx),
        (None, None) => {}
    }
    event_loop::arm(1);
}

/// Writes a record. One that can never be written is given up, because it must not delay others.
fn is_done_with(record: &PendingWrite, ctx: Ctx<'_>) -> bool {
    match record.write(ctx) {
        Ok(()) => true,
        Err(refusal) if refusal.may_pass() => false,
        Err(refusal) => {
            log::warning(&format!("the record of job {} is not written: {refusal}", record.id));
            true
        }
    }
}

fn started(job: &mut Job) -> String {
    let record = job.record();
    let (filter, options) = (excerpt(record.text(Member::Filter), LOGGED_MAX), record.options());
    let options = options.strip_prefix("DRYRUN").unwrap_or(&options).trim_start();
    let options = if options.is_empty() { String::new() } else { format!(", options {options}") };
    let start = job.start();
    let dry = if start.dry_run { "dry run of " } else { "" };
    let effect = match start.effect {
        _ if start.kind == JobKind::Undo => "undo",
        _ if start.kind == JobKind::Show => "search",
        Effect::Count => "preview",
        Effect::Group => "stats",
        Effect::ClearAll => "clear all",
        Effect::KeepOne => "clear all but one",
        Effect::KeepNewest => "clear all but the newest",
        Effect::KeepEach => "clear all but one of each value",
    };
    let what = match start.filter.is_all() {
        true => {
            start.clear_options.undo.map_or_else(|| "all messages".into(), |undo| format!("job {}", undo.job))
        }
        false => String::from_utf8_lossy(&filter).into_owned(),
    };
    let by = start.grouping.as_ref().map_or_else(String::new, |grouping| {
        let names: Vec<_> = grouping.names().map(|name| quote(name.as_bytes())).collect();
        format!(" by {}", names.join(", "))
    });
    let len: u64 = start.lists.iter().map(|(_, len)| len).sum();
    format!(
        "job {} started: {dry}{effect} of {what}{by} in queue {} (db {}), {} messages, user {}, actor {}, reason {}{options}",
        start.id,
        quote(&start.queue),
        start.db,
        len,
        quote(start.origin.user.as_deref().unwrap_or_default()),
        quote(start.origin.actor.as_deref().unwrap_or_default()),
        quote(start.origin.reason.as_deref().unwrap_or_default()),
    )
}

fn ended(job: &mut Job) -> String {
    let record = job.record();
    format!(
        "job {} {}: examined {}, matched {}, deleted {}, drifted {}, {} slices, longest {} us{}",
        job.id(),
        String::from_utf8_lossy(record.text(Member::Status)),
        record.int(Member::ExaminedTotal),
        record.int(Member::Matched),
        record.int(Member::Deleted),
        record.int(Member::Drifted),
        record.int(Member::Slices),
        record.int(Member::SliceMaxUs),
        job.error().map(|error| format!(": {error}")).unwrap_or_default(),
    )
}
