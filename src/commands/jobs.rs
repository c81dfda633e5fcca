//! QADMIN.JOBS: live and remembered jobs, newest first.

use std::cmp::Reverse;
use std::collections::HashSet;

use qadmin_core::error::Error;
use qadmin_core::job::{JobKind, Member, Record, Registry};
use qadmin_core::reply::Reply;
use qadmin_core::request::{Jobs, commands};
use uuid::Uuid;

use super::Answer;
use super::visible::Visible;
use crate::entry;
use crate::record;
use crate::redis::Ctx;
use crate::redis::clock::{cpu_ns, now_ms};
use crate::settings;
use crate::state::State;

/// Processor time for reading records from the keyspace, in slices; each record costs some 20 us. Half of it is
/// for records whose start time is not known yet, and each of those is read once for that.
const READ_SLICES: u64 = 4;

/// Bytes of each text of a filter in a row. A longer text is cut and identified by its digest. STATUS shows more.
const ROW_FILTER_MAX: usize = 1_024;
/// Bytes that the texts of all rows of one reply take, not counting the first row. Beyond it, jobs that started
/// earlier are not listed. A hundred rows of usual size take a tenth of it.
const REPLY_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn run(ctx: Ctx<'_>, request: &Jobs) -> Result<Answer, Error> {
    let mut visible = Visible::new(&commands::JOBS, ctx.caller(), request.queue.as_deref());
    entry::with(|state| {
        let began = cpu_ns();
        let longest = settings::now().slice_us() * 1_000 * READ_SLICES;
        let in_time = |share: u64| cpu_ns().saturating_sub(began) < longest / share;
        while in_time(2)
            && let Some((id, db, key)) = state.records.some_unread()
        {
            let stored = record::read(ctx, db, &key);
            state.records.learn(id, stored.as_ref().map(|stored| &stored.record));
        }
        let memory = in_memory(state);
        let ids: HashSet<Uuid> = memory.iter().map(|(_, id)| *id).collect();
        let mut memory = memory.into_iter().peekable();
        // Records from before a restart or a failover, or from a primary.
        let mut stored = state.records.newest().filter(|(_, id)| !ids.contains(id)).peekable();
        let mut records: Vec<Record> = Vec::new();
        let mut bytes = 0;
        while records.len() < request.count && bytes < REPLY_BYTES_MAX {
            // Jobs in memory are always shown, however long reading records takes.
            let there = stored.peek().filter(|_| in_time(1)).map(|(started, _)| *started);
            let next = memory.next_if(|(started, _)| there.is_none_or(|there| *started >= there));
            let record = match (next, there) {
                (Some((_, id)), _) => remembered(&mut state.registry, id, request, &mut visible),
                (None, Some(_)) => {
                    let place = stored.next().and_then(|(_, id)| state.records.find(id));
                    let stored = place.and_then(|(db, key)| record::read(ctx, db, &key));
                    let record = stored.map(|stored| stored.record);
                    record.filter(|record| is_wanted(request, record) && visible.has_record(record))
                }
                (None, None) => break,
            };
            if let Some(mut record) = record {
                record.cut_filter(ROW_FILTER_MAX);
                bytes += record.bytes();
                records.push(record);
            }
        }
        let maps = records.iter().map(Record::row).collect();
        Ok(Answer::Reply(Reply::List(maps), request.format))
    })?
}

/// Returns the start and the id of all live and remembered jobs, newest first, also among jobs that started within
/// the same millisecond.
fn in_memory(state: &State) -> Vec<(i64, Uuid)> {
    let live = state.registry.live().iter().rev().map(|job| (job.start().now_ms, job.id()));
    let ended = state.registry.ended(now_ms()).map(|job| (job.started_ms, job.id));
    let mut all: Vec<(i64, Uuid)> = live.chain(ended).collect();
    all.sort_by_key(|(started, _)| Reverse(*started));
    all
}

/// Returns the record of one of them, if it is asked for.
fn remembered(
    registry: &mut Registry,
    id: Uuid,
    request: &Jobs,
    visible: &mut Visible<'_>,
) -> Option<Record> {
    if let Some(job) = registry.find_live(id) {
        let user = job.start().origin.user.as_deref().unwrap_or_default();
        let listed = request.wants(Some(job.start().kind), job.status(), user) && visible.has_live(job);
        return listed.then(|| job.record());
    }
    let job = registry.find_ended(id, now_ms())?;
    let listed = is_wanted(request, &job.record) && visible.has_ended(job);
    listed.then(|| job.record.clone())
}

/// Returns whether the command asks for the job of this record.
fn is_wanted(request: &Jobs, record: &Record) -> bool {
    let kind = JobKind::parse(record.text(Member::Kind));
    request.wants(kind, record.status(), record.text(Member::User))
}
