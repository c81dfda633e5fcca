//! Finds the job that a command names by the first digits of its id.

use std::collections::BTreeSet;

use qadmin_core::error::{Error, JobError};
use qadmin_core::job::{JobStatus, Member};
use qadmin_core::request::{CommandSpec, JobName};
use uuid::Uuid;

use super::needs_commands;
use super::visible::Visible;
use crate::record;
use crate::redis::clock::{cpu_ns, now_ms};
use crate::redis::{Ctx, server};
use crate::settings;
use crate::state::State;

/// Jobs that an error lists.
const LISTED_MAX: usize = 5;

/// Processor time for reading records from the keyspace, in slices; each record costs some 20 us. It suffices for any
/// number of jobs with random ids: two of 65,536 begin with the same four digits. Ids can also be chosen, and alike.
const READ_SLICES: u64 = 4;

/// Returns the id of the job. A whole id is returned as it is, also if there is no such job. The first digits of an id
/// name the only job with such an id among those that are live, remembered or recorded, are of `queue` if it is given,
/// and may be seen by the caller: what others do is neither found nor told.
///
/// # Errors
/// [`JobError::NoShort`], [`JobError::Ambiguous`].
pub(super) fn id_of(
    state: &State,
    ctx: Ctx<'_>,
    command: &'static CommandSpec,
    name: &JobName,
    queue: Option<&[u8]>,
) -> Result<Uuid, Error> {
    if let Some(id) = name.whole() {
        return Ok(id);
    }
    let mut visible = Visible::new(command, ctx.caller(), queue);
    let (mut in_memory, mut found) = (BTreeSet::new(), Vec::new());
    for job in state.registry.live().iter().filter(|job| name.names(job.id())) {
        in_memory.insert(job.id());
        if visible.has_live(job) {
            found.push((job.id(), job.start().queue.clone(), job.status()));
        }
    }
    for job in state.registry.ended(now_ms()).filter(|job| name.names(job.id)) {
        in_memory.insert(job.id);
        if visible.has_ended(job) {
            found.push((job.id, job.queue.clone(), job.record.status()));
        }
    }
    let complete = read_records(state, ctx, name, &in_memory, &mut visible, &mut found);
    match found.as_slice() {
        [(id, ..)] if complete => Ok(*id),
        [] => {
            // If records cannot be read, it is unknown whether the job has one.
            needs_commands(server::RECORD_READ)?;
            let give_queue = ctx.flags().cluster() && queue.is_none();
            Err(JobError::NoShort { short: name.text(), give_queue }.into())
        }
        _ => Err(ambiguous(name, found, complete).into()),
    }
}

/// A job with such an id: its id, queue and status.
type Found = (Uuid, Vec<u8>, JobStatus);

/// Finds the jobs that are known by their records alone. Returns whether all records were read that may matter.
fn read_records(
    state: &State,
    ctx: Ctx<'_>,
    name: &JobName,
    in_memory: &BTreeSet<Uuid>,
    visible: &mut Visible<'_>,
    found: &mut Vec<Found>,
) -> bool {
    let began = cpu_ns();
    let longest = settings::now().slice_us() * 1_000 * READ_SLICES;
    for (id, db, key) in state.records.within(name.range()).filter(|(id, ..)| !in_memory.contains(id)) {
        if found.len() > LISTED_MAX || cpu_ns().saturating_sub(began) >= longest {
            return false;
        }
        let Some(stored) = record::read(ctx, db, key) else { continue };
        if visible.has_record(&stored.record) {
            let queue = stored.record.text(Member::Queue).to_vec();
            found.push((id, queue, stored.record.status()));
        }
    }
    true
}

fn ambiguous(name: &JobName, mut found: Vec<Found>, complete: bool) -> JobError {
    found.sort_unstable_by_key(|(id, ..)| *id);
    let more = !complete || found.len() > LISTED_MAX;
    found.truncate(LISTED_MAX);
    let jobs =
        found.into_iter().map(|(id, queue, status)| (id.to_string(), queue, status.as_str())).collect();
    JobError::Ambiguous { short: name.text(), jobs, more }
}
