//! QADMIN.CLEARJOB: starts a clear and answers at once.

use qadmin_core::container::Container;
use qadmin_core::error::{EndReason, Error, JobError, RequestError, ServerError, TargetError};
use qadmin_core::filter::Projection;
use qadmin_core::job::{Destination, Job, Keep, Kind, Member, Origin, Record, Start};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::List;
use qadmin_core::queue::End;
use qadmin_core::reply::{MapBuilder, Reply};
use qadmin_core::request::{ClearJob, Mode, QUEUE_MAX, SAMPLE_DEFAULT, commands};
use qadmin_core::scan::{Effect, PLACES_MAX};
use qadmin_core::slot;
use uuid::Uuid;

use super::lists::{Over, of_record, others_depth};
use super::looks::looks_like;
use super::preview::nothing_there;
use super::unacked::{self, Words};
use super::{Answer, check_starter, depth};
use crate::audit::Entry;
use crate::engine::Newcomer;
use crate::entry;
use crate::moved;
use crate::record::{self, Owed};
use crate::redis::acl::Access;
use crate::redis::caller::Caller;
use crate::redis::clock::{now_ms, now_ns};
use crate::redis::guard::guard;
use crate::redis::{Ctx, RString, log};
use crate::rights::{self, Need};
use crate::settings;
use crate::state::State;

pub(super) fn run(ctx: Ctx<'_>, request: &ClearJob) -> Result<Answer, Error> {
    let caller = ctx.caller();
    check_starter(ctx, &caller, &commands::CLEARJOB)?;
    let db = ctx.db();
    let digest = request.fingerprint(db);
    let words = Words::new(&request.queue, request.index.as_deref(), request.kind, request.priority);
    let Over { held, kind, lists } = Over::find(ctx, &words, &commands::CLEARJOB, Access::TakeOut)?;
    if held.is_some()
        && let Some(option) = Container::Unacked.spec().refused(request.terms.container_options())
    {
        return Err(TargetError::ListsOnly { keyword: option.keyword() }.into());
    }
    let id = request.id.unwrap_or_else(Uuid::new_v4);
    let mut terms = request.terms.clone();
    terms.to = terms.to.map(|to| to.parked(&request.queue, id, ctx.flags().cluster()));
    let mut there = 0;
    if let Some(to) = &terms.to {
        if lists.iter().any(|(list, _)| list.key == to.key) {
            return Err(RequestError::ToItself.into());
        }
        if to.own && to.key.len() > QUEUE_MAX {
            let keyword = "the name of the list that PARK makes";
            return Err(RequestError::TooLong { keyword, max: QUEUE_MAX, got: to.key.len() }.into());
        }
        there = check_destination(ctx, &caller, request, &lists, to)?;
    }
    entry::with(|state| {
        if let Some(id) = request.id
            && let Some(known) = resent(state, ctx, id, &request.queue, &digest)?
        {
            return Ok(Answer::Reply(map(ctx, &known, true), request.format));
        }
        if request.dry_run && ctx.flags().out_of_memory() {
            return Err(JobError::OutOfMemory.into());
        }
        if let Some(to) = terms.to.as_ref().filter(|to| to.own && there > 0) {
            return Err(TargetError::ListExists { list: to.key.clone() }.into());
        }
        state.room_for(ctx, Newcomer::Clear)?;
        if held.is_none() {
            check_looks(ctx, request, &lists, kind)?;
        }
        if request.terms.to.as_ref().is_some_and(|to| to.front) && kind.spec().next_end == End::Head {
            let why = "FRONT moves the newest message first, and such a list can be scanned only from its \
                       head, where the oldest is";
            return Err(RequestError::Excludes { keyword: "FRONT", other: "AS resque", why }.into());
        }
        // Only for whoever asks: others may not read the keys that are named.
        let nothing = held.is_none() && lists.iter().all(|(_, len)| *len == 0);
        let keys: Vec<List> = lists.iter().map(|(list, _)| list.clone()).collect();
        let nothing = nothing.then(|| nothing_there(ctx, &request.queue, &keys));
        let mut job = Job::new(Start {
            id,
            kind: Kind::Clear,
            db,
            queue: request.queue.clone(),
            priority: request.priority,
            lists,
            messages: kind,
            filter: request.filter.clone(),
            projection: Projection::of(kind, kind.spec().sample)?,
            fields: None,
            sample: SAMPLE_DEFAULT,
            grouping: None,
            top: 0,
            effect: match (request.mode, request.terms.keep) {
                (Mode::All, _) => Effect::ClearAll,
                (Mode::KeepOne, _) if !request.terms.by.is_empty() => Effect::KeepEach,
                (Mode::KeepOne, Keep::Oldest) => Effect::KeepOne,
                (Mode::KeepOne, Keep::Newest) => Effect::KeepNewest,
            },
            terms,
            dry_run: request.dry_run,
            origin: Origin {
                user: caller.user,
                actor: request.actor.clone(),
                client: caller.client,
                reason: request.reason.clone(),
            },
            digest,
            unacked: held.map(|held| held.start),
            now_ms: now_ms(),
            now_ns: now_ns(),
        });
        let room = PLACES_MAX.saturating_sub(state.registry.room_taken());
        unacked::remember(ctx, &mut job, room, &state.measures.unacked(&settings::now(), usize::MAX));
        job.hand_out();
        let mut shown = begin(state, ctx, job)?;
        if let Some(nothing) = nothing {
            shown.set(Member::Notice, nothing.into());
        }
        Ok(Answer::Reply(map(ctx, &shown, false), request.format))
    })?
}

/// Messages that look like another kind are not cleared unless the command says what they are, and ids of jobs that are
/// kept elsewhere not unless it says that they are ids.
fn check_looks(
    ctx: Ctx<'_>,
    request: &ClearJob,
    lists: &[(List, u64)],
    kind: MessageKind,
) -> Result<(), Error> {
    if kind == MessageKind::Ids {
        let why = "which of the ids runs next depends on the library that wrote them";
        let exclude = |keyword| Err(RequestError::Excludes { keyword, other: "AS ids", why }.into());
        return match request.mode {
            Mode::KeepOne => exclude("KEEPONE"),
            Mode::All if request.terms.limit.is_some() => exclude("LIMIT"),
            Mode::All => Ok(()),
        };
    }
    let Some(looks) = looks_like(ctx, lists, kind) else { return Ok(()) };
    match looks.library {
        Some(library) => {
            Err(TargetError::ListOfIds { library: library.name(), records: library.records() }.into())
        }
        None if request.kind.is_none() && looks.kind != kind => {
            Err(TargetError::LooksLike { looks: looks.kind.spec().name, taken_for: kind.spec().name }.into())
        }
        None => Ok(()),
    }
}

/// What the server checks of the keys that it knows of: slot, right and type. The right is one to take out of all lists
/// and to add to this one. Answers how many messages are in it.
fn check_destination(
    ctx: Ctx<'_>,
    caller: &Caller,
    request: &ClearJob,
    lists: &[(List, u64)],
    to: &Destination,
) -> Result<u64, Error> {
    let (queue, key) = (request.queue.as_slice(), to.key.as_slice());
    if ctx.flags().cluster() && slot::of(queue) != slot::of(key) {
        return Err(TargetError::CrossSlot.into());
    }
    let others = lists.iter().map(|(list, _)| list.key.as_slice()).filter(|other| *other != queue);
    let taken = std::iter::once(queue).chain(others).map(|key| (key, Access::TakeOut));
    let needs: Vec<Need<'_>> = taken.chain([(key, Access::Add)]).collect();
    rights::check(ctx, caller, &commands::CLEARJOB, &needs)?;
    match depth(ctx, &RString::new(key)) {
        // Whatever it holds, PARK needs a key that does not exist.
        Err(Error::Server(ServerError::WrongType) | Error::Target(TargetError::WrongTypeOf { .. }))
            if to.own =>
        {
            Err(TargetError::ListExists { list: to.key.clone() }.into())
        }
        depth => depth,
    }
}

/// Writes the first record and starts the job: both or, for all that anybody sees later, neither.
pub(super) fn begin(state: &mut State, ctx: Ctx<'_>, job: Job) -> Result<Record, Error> {
    let mut job = Some(job);
    let begun = guard("the start of a job", || {
        let record =
            job.as_mut().map_or(Err(ServerError::Internal.into()), |job| write_first(state, ctx, job))?;
        if let Some(mut job) = job.take() {
            state.mark_undone(&mut job);
            state.start(ctx, job);
        }
        Ok(record)
    });
    if let (None, Some(job)) = (&begun, &job) {
        state.settle_soon(Some(ctx), job);
    }
    begun.unwrap_or(Err(Error::Server(ServerError::Internal)))
}

/// The record and the audit entry of a job that is about to start. Where the record cannot be written the job
/// does not start: it would leave no trace.
fn write_first(state: &mut State, ctx: Ctx<'_>, job: &mut Job) -> Result<Record, Error> {
    ctx.select(job.start().db);
    if job.start().destination().is_some() && job.start().terms.undo.is_none() && !job.start().dry_run {
        // An earlier job had the same id, and is forgotten.
        moved::forget(ctx, &moved::key_of(job, ctx));
    }
    let owed = Owed::of(job, Some(Entry::Start));
    match owed.write(ctx) {
        Ok(()) => {
            state.know_record(ctx, &owed);
            Ok(owed.record)
        }
        Err(refusal) => {
            log::warning(&format!("no job was started, its record was refused: {refusal}"));
            Err(EndReason::RecordKeyTaken { key: record::key(&owed.queue, owed.id, ctx.flags().cluster()) }
                .into())
        }
    }
}

/// The reply about a job that is accepted now, or was before.
fn map(ctx: Ctx<'_>, record: &Record, deduplicated: bool) -> Reply {
    record.append_to(members(ctx, record, deduplicated), &[Member::Container]).build()
}

/// The job that this very request started before, if it did.
pub(super) fn resent(
    state: &mut State,
    ctx: Ctx<'_>,
    id: Uuid,
    queue: &[u8],
    digest: &[u8; 32],
) -> Result<Option<Record>, Error> {
    let (same, record) = if let Some(job) = state.registry.find_live(id) {
        (job.start().digest == *digest, job.record())
    } else if let Some(job) = state.registry.find_ended(id, now_ms()) {
        (job.digest == *digest, job.record.clone())
    } else {
        let (db, key) = state
            .records
            .find(id)
            .unwrap_or_else(|| (ctx.db(), record::key(queue, id, ctx.flags().cluster())));
        match record::read(ctx, db, &key) {
            Some(stored) => (stored.is_from(digest), stored.record),
            None => return Ok(None),
        }
    };
    if same { Ok(Some(record)) } else { Err(JobError::IdInUse { id: id.to_string() }.into()) }
}

/// The members of the reply, but for `container`, which stands after those that the reply to an undo has beside them.
pub(super) fn members(ctx: Ctx<'_>, record: &Record, deduplicated: bool) -> MapBuilder {
    let keys = of_record(record);
    let head =
        [Member::JobId, Member::Queue, Member::Mode, Member::DryRun, Member::Status, Member::TotalEstimated];
    let map = record.append_to(Reply::map(), &head).with("deduplicated", deduplicated).with(
        "other_priorities_depth",
        others_depth(ctx, &commands::CLEARJOB, keys.iter().map(Vec::as_slice)),
    );
    record.append_to(map, &[Member::MessageKind, Member::Priority, Member::Notice, Member::To])
}
