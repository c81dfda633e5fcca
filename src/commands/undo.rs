//! QADMIN.UNDO: starts a job that moves back what another job moved, and replies at once.

use qadmin_core::container::{Container, ContainerOption};
use qadmin_core::error::{Error, JobError, RequestError, ServerError, UndoError};
use qadmin_core::job::{Job, JobTarget, Member, Record, Storage, Undoable};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::{List, Priority};
use qadmin_core::queue::End;
use qadmin_core::reply::Reply;
use qadmin_core::request::{Undo, commands};
use qadmin_core::scan::PLACES_MAX;
use qadmin_core::tokens::TokenKeys;
use uuid::Uuid;

use super::queue::target::{accepted, depth_of_destination, not_taken, remember, start_of_set};
use super::recorded::{begin, members, resent};
use super::short_id::id_of;
use super::status::find;
use super::{Answer, check_starter};
use crate::engine::Newcomer;
use crate::entry;
use crate::moved;
use crate::redis::acl::Access;
use crate::redis::caller::Caller;
use crate::redis::{Ctx, RString};
use crate::rights::{self, Need, needs_of_tokens};
use crate::settings;
use crate::state::State;

pub(super) fn run(ctx: Ctx<'_>, request: &Undo) -> Result<Answer, Error> {
    let caller = ctx.caller();
    check_starter(ctx, &caller, &commands::UNDO)?;
    entry::with(|state| {
        let undone = id_of(state, ctx, &commands::UNDO, &request.job, request.queue.as_deref())?;
        let digest = request.fingerprint(ctx.db(), undone);
        let record = find_record(state, ctx, &caller, undone, request.queue.as_deref())?;
        let undoable = Undoable::of(&record, undone, ctx.db());
        // The job may have been undone by the undo that this same request started.
        if let Some(id) = request.id
            && let Some(known) = resent(state, ctx, id, record.text(Member::Queue), &digest)?
        {
            return Ok(Answer::Reply(reply(ctx, &known, &record, true), request.format));
        }
        let undoable = undoable?;
        let queue = queue_of(&record)?;
        let messages = MessageKind::parse(record.text(Member::MessageKind))?;
        let tokens = match is_of_set(&record) {
            true => TokenKeys::default(),
            false => TokenKeys::of_list(messages, &undoable.list, Some(&queue)),
        };
        let needs = [(undoable.list.as_slice(), Access::TakeOut), (queue.as_slice(), Access::Add)];
        let needs: Vec<Need<'_>> = needs.into_iter().chain(needs_of_tokens(&tokens)).collect();
        rights::check(ctx, &caller, &commands::UNDO, &needs)?;
        let storage = storage_of(ctx, &record, &undoable.list)?;
        let len = depth_of_destination(ctx, &storage, &RString::new(&undoable.list))?;
        depth_of_destination(ctx, &storage, &RString::new(&queue))?;
        if let Some(last) = undoable.undone_by
            && let Some(last) = find(state, ctx, last, Some(record.text(Member::Queue)))
        {
            undoable.check_last(last.record.status())?;
        }
        if request.dry_run && ctx.flags().out_of_memory() {
            return Err(JobError::OutOfMemory.into());
        }
        state.room_for(ctx, Newcomer::Clear)?;
        let journal = moved::key(record.text(Member::Queue), undone, ctx.flags().cluster());
        if !moved::exists(ctx, &RString::new(journal)) {
            return Err(undoable.unknown(&record, "its list qadmin:moved:<id> is gone"));
        }
        if let (true, Storage::SortedSet(_)) = (request.front, &storage) {
            return Err(not_taken(Container::SortedSet, ContainerOption::Front));
        }
        if request.front && messages.spec().consumer_end == End::Head {
            let why = "FRONT moves the newest message first, and such a list can be scanned only from its \
                       head, where the oldest is";
            return Err(RequestError::Excludes {
                keyword: "FRONT",
                other: "messages of Resque and Laravel",
                why,
            }
            .into());
        }
        // This check is the last one, so that a user is asked to confirm only a command that would otherwise run.
        request.check_confirm(&undoable.list)?;
        let target = JobTarget {
            db: ctx.db(),
            queue: undoable.list.clone(),
            priority: None,
            lists: vec![(List { key: undoable.list, step: None }, len)],
            messages,
            storage,
            reads_pickle: settings::now().pickle(),
            sample_fields: settings::now().sample_fields().to_vec(),
        };
        let accepted = accepted(caller, request.id.unwrap_or_else(Uuid::new_v4), target, digest);
        let mut job = Job::new(request.start(accepted, queue, undoable.undoing)?);
        let room = PLACES_MAX.saturating_sub(state.registry.room_taken());
        remember(ctx, &mut job, room, &state.measures.unacked(&settings::now(), usize::MAX));
        let undo = begin(state, ctx, job)?;
        Ok(Answer::Reply(reply(ctx, &undo, &record, false), request.format))
    })?
}

/// Returns the record of the job to undo, if the caller may see it.
fn find_record(
    state: &mut State,
    ctx: Ctx<'_>,
    caller: &Caller,
    undone: Uuid,
    queue: Option<&[u8]>,
) -> Result<Record, Error> {
    let id = || undone.to_string().into_bytes();
    let unknown = || match ctx.flags().cluster() && queue.is_none() {
        true => Error::Job(JobError::NoJob { id: id(), give_queue: true }),
        false => Error::Undo(UndoError::Forgotten { id: id() }),
    };
    let found = find(state, ctx, undone, queue).ok_or_else(unknown)?;
    if queue.is_some_and(|queue| queue != found.record.text(Member::Queue)) {
        return Err(unknown());
    }
    rights::check(ctx, caller, &commands::UNDO, &found.needs(Access::Read))?;
    Ok(found.record)
}

/// Returns whether the job moved messages of a sorted set.
fn is_of_set(record: &Record) -> bool {
    record.text(Member::Container) == Container::SortedSet.word().as_bytes()
}

/// What kind of key the job moved its messages to, as its record says.
fn storage_of(ctx: Ctx<'_>, record: &Record, moved_to: &[u8]) -> Result<Storage, Error> {
    match is_of_set(record) {
        true => start_of_set(ctx, &RString::new(moved_to)).map(Storage::SortedSet),
        false => Ok(Storage::Lists),
    }
}

/// Returns the list from which the job moved its messages. If the queue has priorities, it is the list of the
/// job's step.
fn queue_of(record: &Record) -> Result<Vec<u8>, Error> {
    let priority = record.text(Member::Priority);
    let priority = if priority.is_empty() { None } else { Some(Priority::parse(priority)?) };
    let mut lists = settings::now().priorities().lists(record.text(Member::Queue), priority)?;
    // A job over several lists moves nothing.
    lists.pop().filter(|_| lists.is_empty()).map(|list| list.key).ok_or(Error::Server(ServerError::Internal))
}

/// The reply of a clear, and the members about the undo.
fn reply(ctx: Ctx<'_>, undo: &Record, job: &Record, deduplicated: bool) -> Reply {
    let map = undo.append_to(members(ctx, undo, deduplicated), &[Member::Undoes]);
    let map = map.with("moved", job.get(Member::Deleted).clone());
    undo.append_to(map, &[Member::Undone, Member::Container]).build()
}
