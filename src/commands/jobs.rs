//! QADMIN.JOBS: live and remembered jobs, newest first.

use std::collections::HashSet;

use qadmin_core::error::Error;
use qadmin_core::job::Record;
use qadmin_core::reply::Reply;
use qadmin_core::request::Jobs;

use super::{Answer, may_read};
use crate::record;
use crate::redis::Ctx;
use crate::redis::clock::now_ms;
use crate::state;

/// Records that one JOBS reads from the keyspace at most: each costs some 20 us of the main thread.
const STORED_MAX: usize = 256;

pub(super) fn run(ctx: Ctx<'_>, request: &Jobs) -> Result<Answer, Error> {
    let caller = ctx.caller();
    state::with(|state| {
        let mut seen = HashSet::new();
        let mut records: Vec<Record> = Vec::new();
        // Newest first also among those that were started within the same millisecond.
        for job in state.registry.live_mut().iter_mut().rev() {
            seen.insert(job.id());
            records.push(job.record());
        }
        for job in state.registry.ended(now_ms()) {
            seen.insert(job.id);
            records.push(job.record.clone());
        }
        // From before a restart or a failover, or from a primary.
        for (db, key) in state
            .records
            .places()
            .filter(|(id, ..)| !seen.contains(id))
            .map(|(_, place)| place)
            .take(STORED_MAX)
        {
            if let Some(stored) = record::read(ctx, *db, key) {
                records.push(stored.record);
            }
        }
        records.retain(|record| {
            let queue = record.text("queue");
            request.queue.as_deref().is_none_or(|wanted| wanted == queue) && may_read(&caller, queue)
        });
        records.sort_by_key(|record| std::cmp::Reverse(record.int("started_at")));
        records.truncate(request.count);
        let maps = records.iter().map(|record| Reply::Map(record.members())).collect();
        Ok(Answer::Reply(Reply::List(maps), request.format))
    })?
}
