//! One slice of one job: gates, walk, unit, booking.

use qadmin_core::error::Error;
use qadmin_core::job::{Job, Kind, Status};
use qadmin_core::scan::{Event, Look, Looked, Progress, Queue};
use qadmin_core::settings::Settings;

use super::gate;
use crate::record::{self, Owed};
use crate::redis::acl::{self, Right};
use crate::redis::clock::{Steady, now_ns};
use crate::redis::guard::guard;
use crate::redis::list::{List, Mode, Opened};
use crate::redis::{Ctx, RString, log};
use crate::settings;
use crate::state::{State, lose_track};
use crate::unit::{self, Refusal};

/// How often a record is written while nothing is deleted.
const RECORD_EVERY_NS: u64 = 250_000_000;
/// How often the right of the user who started a clear is checked.
const RIGHT_EVERY_NS: u64 = 900_000_000;

/// What a slice came to.
pub(super) enum Step {
    /// It read, and perhaps deleted.
    Worked,
    /// It must stand still.
    Waits(&'static str),
    /// It may go on at this time of the steady clock, for reasons of pace alone.
    Later(u64),
    /// The job is at its end.
    Ends(Status, Option<Error>),
}

/// Does the next slice of a job.
pub(super) fn slice(state: &mut State, ctx: Ctx<'_>, job: &mut Job) -> Step {
    state.look.seek_ns = 0;
    if let Some((status, error)) = job.verdict() {
        return end(ctx, job, status, error);
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
            return end(ctx, job, Status::Completed, None);
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
    let id = start.id;
    let record_key = || RString::new(record::key(&queue, id, ctx.flags().cluster()));
    let budget = state.measures.budget(settings);
    let mut refusal = None;
    let (scan, judge) = job.parts();
    let began = now_ns();
    let permit = || match unit::probe(ctx, &record_key()) {
        Ok(()) => true,
        Err(why) => {
            refusal = Some(why);
            false
        }
    };
    // What the look before took out is not taken for what this one did, whatever happens.
    look.reset();
    // A judge that panics must not keep replicas from hearing what was taken out before.
    let looked = guard("judging", || scan.look(&mut list, judge, &Steady, &budget, permit, look));
    unit::tell(ctx, list, name, look);
    if let Some(refusal) = refusal {
        return refused(&refusal, &record_key());
    }
    let now = now_ns();
    state.measures.learn(look, now - began, now);
    state.totals.examined += look.examined;
    state.totals.cleared += look.removed();
    job.runs();
    let booked = guard("booking a unit", || {
        job.commit(look, now);
        tell_jobs(state, db, &queue, look);
    });
    if booked.is_none() {
        // Others may stand elsewhere in the queue than they think.
        lose_track();
        return Step::Ends(Status::Failed, Some(Error::Internal));
    }
    match looked {
        Some(Looked::Done | Looked::Refused) => {}
        Some(Looked::Stuck) => {
            log::warning(&format!("the server refused a deletion of job {}", job.id()));
            return Step::Ends(Status::Failed, Some(Error::Internal));
        }
        None => return Step::Ends(Status::Failed, Some(Error::Internal)),
    }
    if let Some((status, error)) = job.verdict() {
        // The end writes the record itself, in this same unit.
        return Step::Ends(status, error);
    }
    let due = job.record_is_older_than(now, RECORD_EVERY_NS) && gate(ctx).is_none();
    if job.start().kind == Kind::Clear && (due || !look.hits.is_empty()) {
        // Refused for now is no harm where nothing was deleted: the next one has all fields again.
        if let Err(refusal) = Owed::of(job, None).write(ctx)
            && !look.hits.is_empty()
        {
            log::warning(&format!("the record of job {} was refused: {refusal}", job.id()));
        }
        job.record_written(now);
    }
    Step::Worked
}

/// Tells every other job on the queue what a look took out, and forgets what was counted there.
fn tell_jobs(state: &mut State, db: i32, queue: &[u8], look: &Look) {
    if look.hits.is_empty() {
        return;
    }
    let indexes: Vec<u64> = look.hits.iter().map(|hit| hit.index).collect();
    for other in state.registry.live_mut().iter_mut().filter(|other| other.is_on(db, queue)) {
        let drifted = other.scan.counters().drifted;
        other.scan.follow(Event::Deleted { indexes: &indexes });
        let before_it = other.scan.counters().drifted.saturating_sub(drifted);
        if before_it < indexes.len() as u64 {
            // Not all of them were still before it: it may have counted some.
            other.outdate();
        }
    }
    state.forget_counts(db, queue);
}

/// How a job ends whose scan is over: one whose queue was taken away by the cluster did not complete.
fn end(ctx: Ctx<'_>, job: &Job, status: Status, error: Option<Error>) -> Step {
    let flags = ctx.flags();
    // To a replica every key is one of another node's: nothing could be learned there.
    if flags.cluster() && flags.primary() && job.scan.is_gone() {
        ctx.select(job.start().db);
        if unit::has_moved(ctx, &RString::new(&job.start().queue)) {
            return moved();
        }
    }
    Step::Ends(status, error)
}

fn moved() -> Step {
    let why = "the queue moved to another node of the cluster; start the job there";
    Step::Ends(Status::Interrupted, Some(Error::Interrupted { why }))
}

/// What a job does that may not write.
fn refused(refusal: &Refusal, record_key: &RString) -> Step {
    match refusal {
        Refusal::Wait(reason) => Step::Waits(reason),
        Refusal::RecordKey => {
            let error = Error::RecordKey { key: record_key.bytes().to_vec() };
            Step::Ends(Status::Failed, Some(error))
        }
        Refusal::Moved => moved(),
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
