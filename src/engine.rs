//! The slice scheduler: which job works now, for how long, and when the next slice comes.
//!
//! Slices run on the main thread, in the hook before the event loop polls: one slice per turn, of the job
//! whose turn it is. A timer descriptor keeps the loop turning: armed to now while the server is idle, to
//! the end of the pause while other clients are active (see `Pace`), and to the next try while every job
//! waits for something. Without live jobs the module is not called at all.
//!
//! A slice of a clear, in the order that keeps everybody's data the same:
//!
//! 1. Gates: not on a replica, not loading, not while traffic to replicas must stand still. The user who
//!    started the job still may.
//! 2. Open the list, compare its length with what the events add up to.
//! 3. Walk the window, judging every message.
//! 4. Before the first match is taken out: ask whether a write would be refused now. If so, nothing happened:
//!    the same messages are examined in a later slice.
//! 5. Take the matches out as the walk meets them; replicate; write the record. One callback, one unit in the
//!    replication stream and in the append-only file.
//! 6. Tell every other job on the queue what moved.

use std::panic::{AssertUnwindSafe, catch_unwind};

use qadmin_core::error::{Error, quote};
use qadmin_core::job::{Cached, Job, Kind, Next, Status};
use qadmin_core::scan::{Budget, Effect, Event, Look, Looked, Progress, Queue};
use qadmin_core::settings::Settings;

use crate::audit::Entry;
use crate::record::{self, Owed, owe};
use crate::redis::acl::{self, Right};
use crate::redis::call::{How, call};
use crate::redis::clock::{Steady, now_ms, now_ns};
use crate::redis::list::{List, Mode, Opened};
use crate::redis::{Ctx, RString, event_loop, log};
use crate::settings;
use crate::state::{self, State, own_write};
use crate::unit::{self, Refusal};

/// How often waiting jobs and owed records try again.
const RETRY_NS: u64 = 50_000_000;
/// How often a record is written while nothing is deleted.
const RECORD_EVERY_NS: u64 = 250_000_000;
/// How often the right of the user who started a clear is checked.
const RIGHT_EVERY_NS: u64 = 900_000_000;
/// With `appendfsync always` each unit costs an fsync, which everybody waits for: at most one in this time.
const UNIT_EVERY_NS: u64 = 10_000_000;
/// How often `appendfsync` is looked up.
const FSYNC_LOOK_EVERY_NS: u64 = 1_000_000_000;
/// Queues whose events are looked at, before those are forgotten that nothing is known of any more.
const QUEUES_MAX: usize = 4_096;
/// Inherited records that are looked at in one turn: a few microseconds each.
const INHERITED_PER_TURN: usize = 16;
/// Slices of fewer messages say little about what the next ones cost.
const WORTH_LEARNING: u64 = 8;
/// What a message is taken to cost before any was measured, nanoseconds.
const MESSAGE_NS_AT_FIRST: u64 = 2_000;

/// Measures that slices are planned with.
#[derive(Debug)]
pub(crate) struct Measures {
    /// What a message costs (reading, judging, perhaps deleting): moving average, nanoseconds. It sizes
    /// windows; the clock alone ends slices.
    message_ns: u64,
    /// What the last seek took, nanoseconds.
    seek_ns: u64,
    /// `appendfsync` is `always`.
    fsync_always: bool,
    fsync_looked_ns: u64,
    last_unit_ns: u64,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            message_ns: MESSAGE_NS_AT_FIRST,
            seek_ns: 0,
            fsync_always: false,
            fsync_looked_ns: 0,
            last_unit_ns: 0,
        }
    }
}

/// What a turn came to.
enum Turn {
    /// A slice was done.
    Worked,
    /// Nothing can be done before this time of the steady clock.
    Stands(u64),
    /// There is nothing to do.
    Idle,
}

/// What a slice came to.
enum Step {
    /// It read, and perhaps deleted.
    Worked,
    /// It must stand still.
    Waits(&'static str),
    /// It may go on at this time of the steady clock, for reasons of pace alone.
    Later(u64),
    /// The job is at its end.
    Ends(Status, Option<Error>),
}

/// The hook: the event loop is about to poll.
pub(crate) fn before_poll(ctx: Ctx<'_>) {
    let _ = state::with(|state| {
        let began = now_ns();
        if state.pace.turn(began, std::mem::take(&mut state.turn)) == Next::Wait {
            return;
        }
        match turn(state, ctx) {
            Turn::Worked => {
                let ended = now_ns();
                let duty = settings::now().duty_percent();
                event_loop::arm(state.pace.spent(ended, ended - began, duty));
            }
            Turn::Stands(until) => {
                state.pace.idle_until(until);
                event_loop::arm(until);
            }
            // The timer's callback unhooks: it may not be done from here.
            Turn::Idle => event_loop::arm(1),
        }
    });
}

/// The poll returned.
pub(crate) fn after_poll() {
    let _ = state::with(|state| state.turn.polled_ns = now_ns());
}

/// The timer fired: there is nothing to do here but to let the loop turn, or to leave it.
pub(crate) fn timer() {
    let began = now_ns();
    let _ = state::with(|state| {
        if state.is_idle() {
            event_loop::unhook();
        }
        state.turn.own_ns += now_ns() - began;
    });
}

fn turn(state: &mut State, ctx: Ctx<'_>) -> Turn {
    let mut until = now_ns() + RETRY_NS;
    if state.look_at_inherited(ctx) {
        return Turn::Worked;
    }
    state.pay_owed(ctx);
    for _ in 0..state.registry.live().len() {
        let Some((at, mut job)) = state.registry.take_turn() else { break };
        let began = now_ns();
        let step = catch_unwind(AssertUnwindSafe(|| slice(state, ctx, &mut job)));
        let step = step.unwrap_or_else(|panic| {
            std::mem::forget(panic);
            log::warning(&format!("internal fault in a slice of job {}", job.id()));
            Step::Ends(Status::Failed, Some(Error::Internal))
        });
        match step {
            Step::Worked => {
                state.account(&mut job, now_ns() - began);
                state.registry.put_back(at, job);
                return Turn::Worked;
            }
            Step::Ends(status, error) => {
                state.account(&mut job, now_ns() - began);
                state.finish(ctx, job, status, error);
                return Turn::Worked;
            }
            Step::Waits(reason) => {
                job.waits(reason);
                state.registry.put_back(at, job);
            }
            Step::Later(at_ns) => {
                until = until.min(at_ns);
                state.registry.put_back(at, job);
            }
        }
    }
    if state.is_idle() { Turn::Idle } else { Turn::Stands(until) }
}

/// What stands in the way of any write: see the numbered list at the top.
fn gate(ctx: Ctx<'_>) -> Option<&'static str> {
    let flags = ctx.flags();
    if flags.loading() {
        Some("the server is loading its data")
    } else if !flags.primary() || flags.read_only() {
        Some("the server is a replica")
    } else if ctx.must_not_replicate() {
        Some("writes are paused (CLIENT PAUSE, FAILOVER or SHUTDOWN)")
    } else {
        None
    }
}

fn slice(state: &mut State, ctx: Ctx<'_>, job: &mut Job) -> Step {
    state.look.seek_ns = 0;
    if let Some((status, error)) = job.verdict() {
        return Step::Ends(status, error);
    }
    let settings = settings::now();
    let writes = job.writes();
    if writes {
        if let Some(reason) = gate(ctx) {
            return Step::Waits(reason);
        }
        if let Some(at) = state.measures.unit_not_before(ctx) {
            return Step::Later(at);
        }
        if !still_may(job) {
            let user = job.start().origin.user.clone().unwrap_or_default();
            return Step::Ends(Status::Failed, Some(Error::RightLost { user }));
        }
    }
    let db = job.start().db;
    ctx.select(db);
    let name = RString::new(&job.start().queue);
    let mode = if writes { Mode::Erase } else { Mode::Read };
    let list = match List::open(ctx, &name, mode) {
        Opened::List(list) => list,
        gone => {
            if matches!(gone, Opened::Other) {
                job.note("the key no longer holds a list: the queue was replaced".into());
            }
            job.scan.follow(Event::Gone);
            return Step::Ends(Status::Completed, None);
        }
    };
    job.scan.observe_len(list.len());
    if job.scan.progress() != Progress::Unfinished {
        let (status, error) = job.verdict().unwrap_or((Status::Completed, None));
        return Step::Ends(status, error);
    }
    let mut look = std::mem::take(&mut state.look);
    let step = work(state, ctx, job, list, &name, &settings, &mut look);
    state.look = look;
    step
}

/// Walks, deletes, tells, books.
fn work(
    state: &mut State,
    ctx: Ctx<'_>,
    job: &mut Job,
    mut list: List<'_>,
    name: &RString,
    settings: &Settings,
    look: &mut Look,
) -> Step {
    let start = job.start();
    let (db, queue) = (start.db, start.queue.clone());
    let record_key = RString::new(record::key(&queue, start.id, ctx.flags().cluster()));
    let budget = state.measures.budget(settings);
    let mut refusal = None;
    let (scan, judge) = job.parts();
    let began = now_ns();
    let looked = own_write(|| {
        let permit = || match unit::probe(ctx, &record_key) {
            Ok(()) => true,
            Err(why) => {
                refusal = Some(why);
                false
            }
        };
        // A judge that panics must not keep replicas from hearing what was taken out before.
        let looked =
            catch_unwind(AssertUnwindSafe(|| scan.look(&mut list, judge, &Steady, &budget, permit, look)));
        unit::tell(ctx, list, name, look);
        looked
    });
    if let Some(refusal) = refusal {
        return refused(&refusal, &record_key);
    }
    let now = now_ns();
    state.measures.learn(look, now - began, now);
    state.totals.examined += look.examined;
    state.totals.cleared += look.removed();
    job.runs();
    job.commit(look, now);
    if !look.hits.is_empty() {
        let indexes: Vec<u64> = look.hits.iter().map(|hit| hit.index).collect();
        for other in state.registry.live_mut().iter_mut().filter(|other| other.is_on(db, &queue)) {
            let drifted = other.scan.counters().drifted;
            other.scan.follow(Event::Deleted { indexes: &indexes });
            let before_it = other.scan.counters().drifted.saturating_sub(drifted);
            if before_it < indexes.len() as u64 {
                // Not all of them were still before it: it may have counted some.
                other.outdate();
            }
        }
        state.forget_counts(db, &queue);
    }
    match looked {
        Ok(Looked::Done | Looked::Refused) => {}
        Ok(Looked::Stuck) => {
            log::warning(&format!("the server refused a deletion of job {}", job.id()));
            return Step::Ends(Status::Failed, Some(Error::Internal));
        }
        Err(panic) => {
            std::mem::forget(panic);
            log::warning(&format!("internal fault in a slice of job {}", job.id()));
            return Step::Ends(Status::Failed, Some(Error::Internal));
        }
    }
    if let Some((status, error)) = job.verdict() {
        // The end writes the record itself, in this same unit.
        return Step::Ends(status, error);
    }
    let due = job.record_is_older_than(now, RECORD_EVERY_NS) && gate(ctx).is_none();
    if job.start().kind == Kind::Clear && (due || !look.hits.is_empty()) {
        // Refused for now is no harm where nothing was deleted: the next one has all fields again.
        if let Err(refusal) = owed(job, None).write(ctx)
            && !look.hits.is_empty()
        {
            log::warning(&format!(
                "the record of job {} was refused: {}",
                job.id(),
                String::from_utf8_lossy(&refusal)
            ));
        }
        job.record_written(now);
    }
    Step::Worked
}

/// What a job does that may not write.
fn refused(refusal: &Refusal, record_key: &RString) -> Step {
    match refusal {
        Refusal::Wait(reason) => Step::Waits(reason),
        Refusal::RecordKey => {
            let error = Error::RecordKey { key: record_key.bytes().to_vec() };
            Step::Ends(Status::Failed, Some(error))
        }
        Refusal::Moved => {
            let why = "the queue moved to another node of the cluster; start the job there";
            Step::Ends(Status::Interrupted, Some(Error::Interrupted { why }))
        }
    }
}

/// The user who started the job still may clear this queue. Asked before the first slice and then about
/// once per second.
fn still_may(job: &mut Job) -> bool {
    let now = now_ns();
    if !job.right_is_older_than(now, RIGHT_EVERY_NS) {
        return true;
    }
    job.right_checked(now);
    let start = job.start();
    let Some(user) = &start.origin.user else { return true };
    acl::may_call(user, &[b"QADMIN.CLEARJOB", &start.queue]) == Right::Granted
}

/// The record of a job as it stands.
fn owed(job: &mut Job, audit: Option<Entry>) -> Owed {
    let record = job.record();
    let start = job.start();
    Owed { db: start.db, id: start.id, queue: start.queue.clone(), record, digest: start.digest, audit }
}

impl Measures {
    fn budget(&self, settings: &Settings) -> Budget {
        let slice_ns = settings.slice_us() * 1_000;
        Budget {
            slice_ns,
            window: slice_ns.max(self.seek_ns) / self.message_ns.max(1),
            max_hits: qadmin_core::unit::UNIT_MAX,
        }
    }

    /// Learns from one slice.
    fn learn(&mut self, look: &Look, took_ns: u64, now: u64) {
        if !look.hits.is_empty() {
            self.last_unit_ns = now;
        }
        self.seek_ns = look.seek_ns;
        if look.examined >= WORTH_LEARNING {
            let each = took_ns.saturating_sub(look.seek_ns) / look.examined;
            self.message_ns = (self.message_ns * 3 + each) / 4;
        }
    }

    /// With `appendfsync always`: when the next unit may be written, if not now.
    fn unit_not_before(&mut self, ctx: Ctx<'_>) -> Option<u64> {
        let now = now_ns();
        if !ctx.flags().aof() {
            return None;
        }
        if now - self.fsync_looked_ns >= FSYNC_LOOK_EVERY_NS {
            self.fsync_looked_ns = now;
            let args = [RString::new("GET"), RString::new("appendfsync")];
            let answer = call(ctx, c"CONFIG", How::Read, &args).map(|answer| answer.list());
            self.fsync_always = answer.is_ok_and(|pair| pair.get(1).is_some_and(|value| value == b"always"));
        }
        let at = self.last_unit_ns + UNIT_EVERY_NS;
        (self.fsync_always && now < at).then_some(at)
    }
}

impl State {
    /// Adds a job and starts the slices.
    pub(crate) fn start(&mut self, ctx: Ctx<'_>, job: Job) {
        self.totals.jobs_started += 1;
        log::notice(&started(&job));
        if self.queues.len() >= QUEUES_MAX {
            self.queues = self.registry.queues().chain(self.caches.queues()).map(<[u8]>::to_vec).collect();
        }
        self.queues.insert(job.start().queue.clone());
        self.registry.add(job);
        self.run(ctx);
    }

    /// Lets the slices come.
    fn run(&mut self, ctx: Ctx<'_>) {
        event_loop::hook(ctx);
        self.wake();
    }

    /// Tries at once what may stand still.
    pub(crate) fn wake(&mut self) {
        self.pace.wake();
        event_loop::arm(1);
    }

    /// Ends live jobs outside a slice.
    pub(crate) fn end_jobs(&mut self, pick: impl FnMut(&Job) -> bool, end: impl Fn(&Job) -> (Status, Error)) {
        for job in self.registry.take_if(pick) {
            let (status, error) = end(&job);
            self.conclude(job, status, Some(error), None);
        }
    }

    /// Ends a job at the end of its slice, with its record in the slice's unit where it may be written.
    fn finish(&mut self, ctx: Ctx<'_>, job: Job, status: Status, error: Option<Error>) {
        self.conclude(job, status, error, Some(ctx));
    }

    fn conclude(&mut self, mut job: Job, status: Status, error: Option<Error>, ctx: Option<Ctx<'_>>) {
        let now = now_ms();
        job.end(status, error, now);
        match status {
            Status::Completed => self.totals.jobs_completed += 1,
            Status::Cancelled => self.totals.jobs_cancelled += 1,
            Status::Interrupted => self.totals.jobs_interrupted += 1,
            _ => self.totals.jobs_failed += 1,
        }
        log::notice(&ended(&mut job));
        if job.start().kind == Kind::Clear {
            let record = owed(&mut job, Some(Entry::End));
            let written = ctx.is_some_and(|ctx| gate(ctx).is_none() && record.write(ctx).is_ok());
            if !written {
                owe(&mut self.owed, record);
                match (ctx, Ctx::detached()) {
                    (Some(ctx), _) => event_loop::hook(ctx),
                    (None, Some(ctx)) => event_loop::hook(ctx),
                    (None, None) => {}
                }
                event_loop::arm(1);
            }
        }
        self.cache_count(&job, now);
        let id = job.id();
        let expires = now + i64::try_from(settings::now().job_ttl_ms()).unwrap_or(i64::MAX / 2);
        self.registry.forget_expired(now);
        self.registry.remember(job, expires);
        self.waiters.release(id);
    }

    /// A completed count answers the next equal preview.
    fn cache_count(&mut self, job: &Job, now: i64) {
        let start = job.start();
        if job.status() != Status::Completed || start.kind != Kind::Preview || job.is_outdated() {
            return;
        }
        let c = job.scan.counters();
        let count = Cached {
            db: start.db,
            queue: start.queue.clone(),
            match_count: c.matched,
            matched_bytes: c.matched_bytes,
            undecodable: c.undecodable,
            unreadable: c.unreadable,
            drifted: c.drifted,
            cached_ms: now,
        };
        let ttl = i64::try_from(settings::now().cache_ttl_ms()).unwrap_or(i64::MAX);
        self.caches.put(start.digest, count, ttl);
    }

    /// The queue is not what it was: counts of it are not given out again.
    pub(crate) fn forget_counts(&mut self, db: i32, queue: &[u8]) {
        self.caches.drop_if(|count| count.db == db && count.queue == queue);
        self.registry.make_stale(|job| job.db == db && job.queue == queue);
    }

    /// Books the time of a slice.
    fn account(&mut self, job: &mut Job, whole_ns: u64) {
        let seek_ns = self.look.seek_ns;
        job.spent(whole_ns, seek_ns, now_ms());
        self.totals.slices_us.record(whole_ns / 1_000);
        self.totals.seek_max_us = self.totals.seek_max_us.max(seek_ns / 1_000);
        self.totals.main_thread_ns += whole_ns;
        crate::redis::info::latency_sample(whole_ns / 1_000_000);
    }

    /// There is nothing to do on the event loop.
    fn is_idle(&self) -> bool {
        self.registry.live().is_empty() && self.owed.is_empty() && self.inherited.is_empty()
    }

    /// This server has, or is about to have, records of jobs that it does not run: after loading its data, or
    /// after becoming the primary.
    pub(crate) fn inherit(&mut self) {
        self.inherited = self.records.all();
        if let Some(ctx) = Ctx::detached()
            && !self.inherited.is_empty()
        {
            self.run(ctx);
        }
    }

    /// Looks at some inherited records, if they may be written here; says whether there was anything to do.
    fn look_at_inherited(&mut self, ctx: Ctx<'_>) -> bool {
        if self.inherited.is_empty() {
            return false;
        }
        if !ctx.flags().primary() {
            // Their primary has the say.
            self.inherited.clear();
            return false;
        }
        if gate(ctx).is_some() {
            return false;
        }
        let from = self.inherited.len().saturating_sub(INHERITED_PER_TURN);
        for (id, db, key) in self.inherited.split_off(from) {
            if self.registry.find_live(id).is_none()
                && let Some(orphan) = record::orphan(ctx, id, db, &key, now_ms())
            {
                owe(&mut self.owed, orphan);
            }
        }
        true
    }

    /// Writes records that could not be written before.
    fn pay_owed(&mut self, ctx: Ctx<'_>) {
        if self.owed.is_empty() || gate(ctx).is_some() {
            return;
        }
        while let Some(record) = self.owed.front() {
            if record.write(ctx).is_err() {
                return;
            }
            self.owed.pop_front();
        }
    }
}

fn started(job: &Job) -> String {
    let start = job.start();
    let effect = match (start.effect, start.dry_run) {
        (Effect::Count, _) => "preview",
        (Effect::ClearAll, false) => "clear all",
        (Effect::KeepOne, false) => "clear all but one",
        (Effect::ClearAll, true) => "dry run of clear all",
        (Effect::KeepOne, true) => "dry run of clear all but one",
    };
    format!(
        "job {} started: {effect} of {} in queue {} (db {}), {} messages, user {}, actor {}, reason {}",
        start.id,
        String::from_utf8_lossy(&start.filter.canonical()),
        quote(&start.queue),
        start.db,
        start.len,
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
        String::from_utf8_lossy(record.text("status")),
        record.int("examined_total"),
        record.int("matched"),
        record.int("deleted"),
        record.int("drifted"),
        record.int("slices"),
        record.int("slice_max_us"),
        job.error().map(|error| format!(": {error}")).unwrap_or_default(),
    )
}
