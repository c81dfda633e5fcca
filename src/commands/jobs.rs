//! QADMIN.JOBS: live and remembered jobs, newest first.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use qadmin_core::error::Error;
use qadmin_core::job::{Member, Record, Registry};
use qadmin_core::message_place::MessageKeys;
use qadmin_core::reply::Reply;
use qadmin_core::request::{Jobs, commands};
use uuid::Uuid;

use super::Answer;
use super::queue::target::of_record;
use super::status::{keys, message_keys};
use crate::entry;
use crate::record;
use crate::redis::Ctx;
use crate::redis::acl::Access;
use crate::redis::caller::Caller;
use crate::redis::clock::{cpu_ns, now_ms};
use crate::rights::{Need, may, needs_of_messages};
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
    let mut wanted = Wanted { request, caller: ctx.caller(), readable: HashMap::new() };
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
                (Some((_, id)), _) => remembered(&mut state.registry, id, &mut wanted),
                (None, Some(_)) => {
                    let place = stored.next().and_then(|(_, id)| state.records.find(id));
                    let stored = place.and_then(|(db, key)| record::read(ctx, db, &key));
                    stored.map(|stored| stored.record).filter(|record| {
                        let (others, messages) = (of_record(record), message_keys(record));
                        let lists = others.iter().map(Vec::as_slice);
                        wanted.wants(record.text(Member::Queue), lists, messages.as_ref())
                    })
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

/// Returns the record of one of them.
fn remembered(registry: &mut Registry, id: Uuid, wanted: &mut Wanted<'_>) -> Option<Record> {
    if let Some(job) = registry.find_live(id) {
        let may = wanted.wants(&job.start().queue, job.keys(), job.start().storage.message_keys());
        return may.then(|| job.record());
    }
    let job = registry.find_ended(id, now_ms())?;
    let messages = message_keys(&job.record);
    let may = wanted.wants(&job.queue, job.keys.iter().map(Vec::as_slice), messages.as_ref());
    may.then(|| job.record.clone())
}

/// Selects the jobs that the caller asked for and may see.
struct Wanted<'a> {
    request: &'a Jobs,
    caller: Caller,
    /// Permissions by the names of the keys of a job, because most jobs are on few queues.
    readable: HashMap<Vec<(Vec<u8>, Access)>, bool>,
}

impl Wanted<'_> {
    /// Returns whether to list a job on this queue and these lists, whose messages are in these keys.
    fn wants<'a>(
        &mut self,
        queue: &[u8],
        lists: impl Iterator<Item = &'a [u8]>,
        messages: Option<&MessageKeys>,
    ) -> bool {
        if self.request.queue.as_deref().is_some_and(|wanted| wanted != queue) {
            return false;
        }
        let mut keys: Vec<_> = keys(queue, lists).into_iter().map(|key| (key, Access::Read)).collect();
        let messages = messages.into_iter().flat_map(|keys| needs_of_messages(keys, Access::Read));
        keys.extend(messages.map(|(key, access)| (key.to_vec(), access)));
        if let Some(may) = self.readable.get(&keys) {
            return *may;
        }
        let needs: Vec<Need<'_>> = keys.iter().map(|(key, access)| (key.as_slice(), *access)).collect();
        let may = may(&self.caller, &commands::JOBS, &needs);
        self.readable.insert(keys, may);
        may
    }
}
