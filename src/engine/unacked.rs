//! One slice of a job on what workers hold: walk along the index, take out of both keys, book.
//!
//! The gates before it are those of a list (`slice`). It differs in its order: what is to go is noted first, and taken
//! out when the walk is over, by two commands that replicate themselves. In between nothing can change, for it is one
//! callback. So replicas and the append-only file need nothing of this module for it.
//!
//! The first slices of a clear over a large index only read which entries were there when it was accepted.

use qadmin_core::error::EndReason;
use qadmin_core::job::{Job, Status};
use qadmin_core::scan::Looked;
use qadmin_core::settings::Settings;
use qadmin_core::unacked::UnackedLook;

use super::outcome::{Step, conclude, end, refused};
use crate::record;
use crate::redis::clock::{Steady, now_ns};
use crate::redis::guard::guard;
use crate::redis::{Ctx, RString, log};
use crate::refusal::reason;
use crate::state::State;
use crate::unacked::{self, Keys, Opened, take_out};
use crate::unit;

/// Does the next slice. The job may take out so many messages now.
pub(super) fn slice(
    state: &mut State,
    ctx: Ctx<'_>,
    job: &mut Job,
    settings: &Settings,
    most: usize,
) -> Step {
    let hash = RString::new(&job.start().queue);
    let index = RString::new(job.unacked.as_ref().map_or(&[][..], |scan| scan.index()));
    let mut keys = match Keys::open(ctx, &hash, &index) {
        Opened::Keys(keys) => keys,
        Opened::Refused(line) => return refused(&reason(&line), &record_key(ctx, job), None),
        gone => {
            if matches!(gone, Opened::Other) {
                job.note("hash or index hold something else: they were replaced".into());
            }
            if let Some(scan) = &mut job.unacked {
                scan.lose();
            }
            return end(ctx, job, Status::Completed, None);
        }
    };
    let budget = state.measures.unacked(settings, most);
    let mut look = UnackedLook::default();
    let Some((scan, judge)) = job.unacked_parts() else {
        return Step::Ends(Status::Failed, Some(EndReason::Internal));
    };
    scan.observe(keys.len(), keys.entries());
    // Modules can change sorted sets without an event.
    scan.count(&mut keys);
    if scan.is_reading() {
        state.look.seek_ns = scan.read(&mut keys, &Steady, &budget);
        let unread = keys.refused();
        drop(keys);
        job.runs();
        return match unread {
            Some(line) => refused(&reason(&line), &record_key(ctx, job), None),
            None => conclude(ctx, job, Some(Looked::Done), false),
        };
    }
    let looked = guard("judging", || scan.look(&mut keys, judge, &Steady, &budget, &mut look));
    let unread = keys.refused();
    drop(keys);
    state.look.seek_ns = look.seek_ns;
    if looked.is_none() {
        // Nothing was taken out yet.
        return Step::Ends(Status::Failed, Some(EndReason::Internal));
    }
    if let Some(line) = unread {
        return refused(&reason(&line), &record_key(ctx, job), None);
    }
    if let Err(step) = write(state, ctx, job, (&hash, &index), &mut look) {
        return step;
    }
    if !look.taken.is_empty() {
        unacked::count(ctx, job);
        unacked::count_index(state, ctx, index.bytes());
    }
    book(state, job, &mut look);
    conclude(ctx, job, Some(Looked::Done), !look.taken.is_empty())
}

/// Takes out what a look noted. What cannot be written now is looked at again later.
fn write(
    state: &mut State,
    ctx: Ctx<'_>,
    job: &mut Job,
    (hash, index): (&RString, &RString),
    look: &mut UnackedLook,
) -> Result<(), Step> {
    if look.taken.is_empty() {
        return Ok(());
    }
    let record_key = record_key(ctx, job);
    unit::probe(ctx, &record_key).map_err(|refusal| refused(&refusal, &record_key, None))?;
    let began = now_ns();
    if let Err(line) = take_out(ctx, hash, index, &look.taken) {
        let line = String::from_utf8_lossy(&line).into_owned();
        log::warning(&format!("the server refused a deletion of job {}: {line}", job.id()));
        return Err(Step::Ends(Status::Failed, Some(EndReason::Internal)));
    }
    let (ended, taken) = (now_ns(), look.taken.len() as u64);
    state.measures.took_held(taken, ended - began, ended);
    state.totals.cleared += taken;
    // Before anything that may panic: whatever becomes of the job, its record says how many are gone.
    if let Some(scan) = &mut job.unacked {
        scan.count_deleted(look);
    }
    Ok(())
}

/// Books the look, and what it means to others.
fn book(state: &mut State, job: &mut Job, look: &mut UnackedLook) {
    let now = now_ns();
    let taken = look.taken.len() as u64;
    state.totals.examined += look.examined;
    job.runs();
    job.took(taken, now);
    job.commit_unacked(look, now);
    if taken == 0 {
        return;
    }
    let (db, queue) = (job.start().db, job.start().queue.clone());
    // Which of them others have counted is not known.
    for other in state.registry.live_mut().iter_mut().filter(|other| other.is_on(db, &queue)) {
        other.outdate();
    }
    state.forget_counts(db, &queue);
}

fn record_key(ctx: Ctx<'_>, job: &Job) -> RString {
    let start = job.start();
    RString::new(record::key(&start.queue, start.id, ctx.flags().cluster()))
}
