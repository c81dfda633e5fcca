//! One slice of one job: gates, walk, unit, booking.

use qadmin_core::error::EndReason;
use qadmin_core::job::{Job, Kind, PAUSED, Status};
use qadmin_core::scan::{Budget, Event, Look, Looked, Progress, Queue};
use qadmin_core::settings::Settings;

use super::gate;
use super::outcome::{Step, conclude, end, refused};
use crate::entry::lose_track;
use crate::moved;
use crate::record;
use crate::redis::acl::{self, Right};
use crate::redis::clock::{Steady, now_ns};
use crate::redis::guard::guard;
use crate::redis::list::{List, Mode, Opened};
use crate::redis::{Ctx, RString};
use crate::rights::{needs_of, starter};
use crate::settings;
use crate::state::State;
use crate::unit;

/// How often the right of the user who started a clear is checked.
const RIGHT_EVERY_NS: u64 = 900_000_000;

/// What an undo will not find.
const JOURNAL_REFUSED: &str =
    "some of what was moved could not be written down, and no undo that begins later will move it";

/// Does the next slice of a job.
pub(super) fn slice(state: &mut State, ctx: Ctx<'_>, job: &mut Job) -> Step {
    state.look.seek_ns = 0;
    if let Some((status, error)) = job.verdict() {
        return end(ctx, job, status, error);
    }
    if job.is_paused() {
        return Step::Waits(PAUSED);
    }
    let settings = settings::now();
    let writes = job.writes();
    let mut most = usize::MAX;
    if writes {
        if let Some(reason) = gate(ctx) {
            return Step::Waits(reason);
        }
        if let Some(at) = state.measures.unit_not_before(ctx) {
            return Step::Later(at);
        }
        match job.allowance(now_ns()) {
            Ok(allowance) => most = allowance,
            Err(at) => return Step::Later(at),
        }
    }
    if job.clears() && !still_may(job) {
        let user = job.start().origin.user.clone().unwrap_or_default();
        return Step::Ends(Status::Failed, Some(EndReason::RightLost { user }));
    }
    let db = job.start().db;
    ctx.select(db);
    if job.journal_read().is_some() {
        job.runs();
        return match moved::read(ctx, job, settings.slice_us() * 1_000) {
            true => Step::Worked,
            false => Step::Ends(Status::Failed, Some(EndReason::JournalLost)),
        };
    }
    if job.unacked.is_some() {
        return super::unacked::slice(state, ctx, job, &settings, most);
    }
    let name = RString::new(job.key_here());
    let mode = match (writes, &job.start().terms.to) {
        (false, _) => Mode::Read,
        (true, None) => Mode::Erase,
        (true, Some(_)) => Mode::Take,
    };
    let mut list = match List::open(ctx, &name, mode) {
        Opened::List(list) => list,
        gone => {
            if matches!(gone, Opened::Other) {
                job.note("the key no longer holds a list: the queue was replaced".into());
            }
            job.follow(db, name.bytes(), Event::Gone);
            // Of a queue with priorities the next list may have more.
            return match job.verdict() {
                Some((status, error)) => end(ctx, job, status, error),
                None => Step::Worked,
            };
        }
    };
    job.scan.observe_len(list.len());
    if job.scan.take_bearings(&mut list) && !list.reopen() {
        return Step::Ends(Status::Failed, Some(EndReason::Internal));
    }
    if job.scan.progress() != Progress::Unfinished {
        let (status, error) = job.verdict().unwrap_or((Status::Completed, None));
        return Step::Ends(status, error);
    }
    if job.key_here() != name.bytes() {
        // Somebody changed this list without telling: another pass begins, at the first list.
        return Step::Worked;
    }
    let mut look = std::mem::take(&mut state.look);
    let step = if writes {
        let mut budget = state.measures.budget(&settings);
        budget.max_hits = budget.max_hits.min(most);
        if job.start().terms.to.is_some() {
            budget = state.measures.with_put(budget);
        }
        clear(state, ctx, job, list, &name, &budget, &mut look)
    } else {
        count(state, ctx, job, list, &settings, &mut look)
    };
    state.look = look;
    step
}

/// Reads and books, look after look until the slice's time is over: where nothing is taken out, a further window
/// costs the way back over the one before, not another seek.
fn count(
    state: &mut State,
    ctx: Ctx<'_>,
    job: &mut Job,
    mut list: List<'_>,
    settings: &Settings,
    look: &mut Look,
) -> Step {
    let mut budget = state.measures.budget(settings);
    let (mut slice, at) = (None, job.scan.at());
    let looked = loop {
        let (scan, judge) = job.parts();
        look.reset();
        let looked = guard("judging", || scan.look(&mut list, judge, &Steady, &budget, || true, look));
        let now = book(state, job, look);
        let (_, over_ns) = *slice.get_or_insert((look.seek_ns, look.over_ns));
        // A job that has counted clears in its next slice, and one that is done with this list looks at the next one then:
        // on a list that is opened for it.
        let here = job.scan.at() == at && !job.writes();
        let more = job.verdict().is_none() && here && looked == Some(Looked::Done) && look.examined > 0;
        match state.measures.rest(now, over_ns, settings).filter(|_| more) {
            Some(rest) => budget = rest,
            None => break looked,
        }
    };
    list.close();
    (look.seek_ns, look.over_ns) = slice.unwrap_or_default();
    state.measures.sought(look.seek_ns);
    conclude(ctx, job, looked, false)
}

/// Reads, takes out, tells, books.
fn clear(
    state: &mut State,
    ctx: Ctx<'_>,
    job: &mut Job,
    mut list: List<'_>,
    name: &RString,
    budget: &Budget,
    look: &mut Look,
) -> Step {
    let start = job.start();
    let (db, queue, list_key) = (start.db, start.queue.clone(), job.key_here().to_vec());
    let id = start.id;
    let to = start.destination().map(|(to, end)| (to.clone(), end));
    let record_key = || RString::new(record::key(&queue, id, ctx.flags().cluster()));
    let mut refusal = None;
    let (scan, judge) = job.parts();
    let probe = || {
        unit::probe(ctx, &record_key())?;
        to.as_ref().map_or(Ok(()), |(to, _)| unit::probe_destination(ctx, &RString::new(&to.key)))
    };
    let permit = || match probe() {
        Ok(()) => true,
        Err(why) => {
            refusal = Some(why);
            false
        }
    };
    // What the look before took out is not taken for what this one did, whatever happens.
    look.reset();
    // A judge that panics must not keep replicas from hearing what was taken out before.
    let looked = guard("judging", || scan.look(&mut list, judge, &Steady, budget, permit, look));
    let began = now_ns();
    let moved = unit::tell(ctx, list, name, look, to.as_ref().map(|(to, end)| (to, *end)));
    if to.is_some() {
        state.measures.put(look.removed(), now_ns() - began);
    }
    // Before anything that may panic: whatever becomes of the job, its record says how many are gone.
    job.scan.count_deleted(look);
    state.totals.cleared += look.removed();
    if !moved.is_empty() && guard("writing the journal", || moved::append(ctx, job, &moved)) != Some(true) {
        if job.start().kind == Kind::Undo {
            // What is back would still be claimed by another undo of the same job.
            moved::forget(ctx, &moved::key_of(job, ctx));
        }
        job.note(JOURNAL_REFUSED.into());
    }
    if let Some(refusal) = refusal {
        return refused(&refusal, &record_key(), to.as_ref().map(|(to, _)| to));
    }
    state.measures.sought(look.seek_ns);
    look.seek_ns += look.reseek_ns;
    let booked = guard("booking a unit", || {
        book(state, job, look);
        tell_jobs(state, db, &list_key, look);
        if let (Some((to, _)), false) = (&to, look.hits.is_empty()) {
            state.forget_counts(db, &to.key);
        }
    });
    if booked.is_none() {
        // Others may stand elsewhere in the queue than they think.
        lose_track();
        return Step::Ends(Status::Failed, Some(EndReason::Internal));
    }
    conclude(ctx, job, looked, !look.hits.is_empty())
}

/// Books one look; answers the time at its end.
fn book(state: &mut State, job: &mut Job, look: &mut Look) -> u64 {
    let now = now_ns();
    state.measures.learn(look, now);
    state.totals.examined += look.examined;
    job.runs();
    job.took(look.removed(), now);
    job.commit(look, now);
    now
}

/// Tells every other job on the queue what a look took out, and forgets what was counted there.
fn tell_jobs(state: &mut State, db: i32, key: &[u8], look: &Look) {
    if look.hits.is_empty() {
        return;
    }
    let indexes: Vec<u64> = look.hits.iter().map(|hit| hit.index).collect();
    for other in state.registry.live_mut() {
        other.follow_deletion(db, key, &indexes);
    }
    state.forget_counts(db, key);
}

/// Whether the user who started the job still may, by one selector for all keys of the job, and is not switched off.
/// Asked before the first slice and then about once per second.
fn still_may(job: &mut Job) -> bool {
    let now = now_ns();
    if !job.right_is_older_than(now, RIGHT_EVERY_NS) {
        return true;
    }
    job.right_checked(now);
    let start = job.start();
    let Some(user) = &start.origin.user else { return true };
    acl::may(user, starter(start.kind), &needs_of(job)) == Right::Granted && !acl::is_off(user)
}
