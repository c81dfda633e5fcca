//! QADMIN.STATUS: the current or final state of a job.

use qadmin_core::error::{Error, JobError, ServerError};
use qadmin_core::index::Ages;
use qadmin_core::job::{Groups, Member, Record};
use qadmin_core::message_place::MessageKeys;
use qadmin_core::reply::Reply;
use qadmin_core::request::{Status, add_notice, commands};
use uuid::Uuid;

use super::queue::target::of_record;
use super::short_id::id_of;
use super::visible::{keys, message_keys};
use super::{Answer, here, needs_commands};
use crate::entry;
use crate::index;
use crate::record;
use crate::redis::acl::Access;
use crate::redis::clock::now_ms;
use crate::redis::{Ctx, block, list, server};
use crate::rights::{self, Need, needs_of_messages};
use crate::state::State;
use crate::waiters::{WAITERS_MAX, WaitFor};

pub(super) fn run(ctx: Ctx<'_>, request: &Status) -> Result<Answer, Error> {
    entry::with(|state| {
        let queue = request.queue.as_deref();
        let id = id_of(state, ctx, &commands::STATUS, &request.job, queue)?;
        let reply = show(state, ctx, id, queue)?;
        let is_live = state.registry.find_live(id).is_some();
        match request.wait_ms {
            Some(wait_ms) if is_live && !ctx.flags().cannot_block() => {
                if state.waiters.len() >= WAITERS_MAX {
                    return Err(JobError::TooManyWaiting { max: WAITERS_MAX }.into());
                }
                let client = block::block(ctx, wait_ms).ok_or(ServerError::Internal)?;
                state.waiters.add(client, id, WaitFor::Status(request.format));
                Ok(Answer::Later)
            }
            _ => Ok(Answer::Reply(reply, request.format)),
        }
    })?
}

/// Returns the map of one live or remembered job, if the caller may see it.
pub(crate) fn show(state: &mut State, ctx: Ctx<'_>, id: Uuid, queue: Option<&[u8]>) -> Result<Reply, Error> {
    let flags = ctx.flags();
    let unknown = || {
        Error::Job(JobError::NoJob {
            id: id.to_string().into_bytes(),
            give_queue: flags.cluster() && queue.is_none(),
        })
    };
    let Some(found) = find(state, ctx, id, queue) else {
        // If records cannot be read, it is unknown whether the job has one.
        needs_commands(server::RECORD_READ)?;
        return Err(unknown());
    };
    let of = found.record.text(Member::Queue);
    if queue.is_some_and(|queue| queue != of) {
        return Err(unknown());
    }
    rights::check(ctx, &ctx.caller(), &commands::STATUS, &found.needs(Access::Read))?;
    Ok(found.map(ctx))
}

/// Returns what is known of a job: from memory, otherwise from its hash.
pub(super) fn find(state: &mut State, ctx: Ctx<'_>, id: Uuid, queue: Option<&[u8]>) -> Option<FoundJob> {
    let cluster = ctx.flags().cluster();
    if let Some(job) = state.registry.find_live(id) {
        return Some(FoundJob {
            record: job.live_record(),
            lists: job.keys().map(<[u8]>::to_vec).collect(),
            keys: keys(&job.start().queue, job.keys()),
            messages: job.start().storage.message_keys().cloned(),
            sample: job.sample(),
            groups: job.groups(),
        });
    }
    if let Some(job) = state.registry.find_ended(id, now_ms()) {
        let (sample, groups) = (job.sample.clone(), job.groups.clone());
        let messages = message_keys(&job.record);
        let keys = keys(&job.queue, job.keys.iter().map(Vec::as_slice));
        let (mut record, db) = (job.record.clone(), job.db);
        record::read_later_jobs(ctx, db, &record::key(record.text(Member::Queue), id, cluster), &mut record);
        return Some(FoundJob { record, keys, messages, lists: job.keys.clone(), sample, groups });
    }
    // The record is where keyspace events saw it, otherwise where it would be in the selected database.
    let (db, key) = match state.records.find(id) {
        Some(place) => place,
        None if cluster && queue.is_none() => return None,
        None => (ctx.db(), record::key(queue.unwrap_or_default(), id, cluster)),
    };
    let stored = record::read(ctx, db, &key)?;
    let of_record = of_record(&stored.record);
    let messages = message_keys(&stored.record);
    let keys = keys(stored.record.text(Member::Queue), of_record.iter().map(Vec::as_slice));
    Some(FoundJob {
        record: stored.record,
        keys,
        messages,
        lists: of_record,
        sample: Reply::List(Vec::new()),
        groups: Groups::NONE,
    })
}

/// What is known of a job.
pub(super) struct FoundJob {
    pub(super) record: Record,
    /// The keys for which the reader needs permission: the name of the queue first.
    pub(super) keys: Vec<Vec<u8>>,
    /// The keys with the messages of a list of ids, for which the reader needs permission, too.
    messages: Option<MessageKeys>,
    /// The lists that the job examines, in the order in which workers look into them.
    lists: Vec<Vec<u8>>,
    sample: Reply,
    groups: Groups,
}

impl FoundJob {
    /// The permissions that are needed to do this with all of its keys.
    pub(super) fn needs(&self, access: Access) -> Vec<Need<'_>> {
        let messages = self.messages.iter().flat_map(|keys| needs_of_messages(keys, access));
        self.keys.iter().map(|key| (key.as_slice(), access)).chain(messages).collect()
    }

    /// The reply.
    pub(super) fn map(mut self, ctx: Ctx<'_>) -> Reply {
        let ages = self.ages(ctx);
        let next = here(ctx).after_status(&self.record);
        add_notice(&mut self.record, next);
        self.record.show(self.sample, self.groups, Ages::shown(ages))
    }

    /// What the indexes of the lists know now.
    fn ages(&self, ctx: Ctx<'_>) -> Option<Ages> {
        let (selected, db) = (ctx.db(), i32::try_from(self.record.int(Member::Db)).ok()?);
        let is_of_lists = matches!(self.record.text(Member::Container), b"list" | b"lists" | b"list_of_ids");
        if !is_of_lists || !self.lists.iter().any(|key| index::has(db, key)) || !ctx.select(db) {
            return None;
        }
        let lists = self.lists.iter().map(|key| (key.as_slice(), list::len_of(ctx, key).unwrap_or(0)));
        let ages = index::ages_of_lists(db, lists);
        ctx.select(selected);
        ages
    }
}
