//! QADMIN.CLEARJOB: starts a clear and replies at once.

use qadmin_core::container::{Container, ContainerOption};
use qadmin_core::error::{Error, JobError, RequestError, ServerError, TargetError};
use qadmin_core::job::{Destination, Job, JobTarget, Keep, Member, Record, Storage};
use qadmin_core::kind::MessageKind;
use qadmin_core::queue::End;
use qadmin_core::queues::delayed_schedule;
use qadmin_core::reply::Reply;
use qadmin_core::request::{ClearJob, Mode, QUEUE_MAX, commands};
use qadmin_core::scan::PLACES_MAX;
use qadmin_core::slot;
use qadmin_core::tokens::TokenKeys;
use uuid::Uuid;

use super::queue::recognise::looks_like;
use super::queue::target::{self, nothing_there};
use super::recorded::{begin, members, resent};
use super::{Answer, check_starter};
use crate::engine::Newcomer;
use crate::entry;
use crate::redis::acl::Access;
use crate::redis::caller::Caller;
use crate::redis::clock::now_ms;
use crate::redis::key::{Type, type_of};
use crate::redis::{Ctx, RString};
use crate::rights::{self, Need, needs_of_tokens};
use crate::settings;
use crate::state::State;

pub(super) fn run(ctx: Ctx<'_>, request: &ClearJob) -> Result<Answer, Error> {
    let caller = ctx.caller();
    check_starter(ctx, &caller, &commands::CLEARJOB)?;
    let prepared = prepare(ctx, &caller, request)?;
    let format = request.target.format;
    entry::with(|state| {
        if let Some(id) = request.id
            && let Some(known) = resent(state, ctx, id, &prepared.target.queue, &prepared.digest)?
        {
            return Ok(Answer::Reply(reply(ctx, &known, true), format));
        }
        let shown = start(state, ctx, caller, request, prepared, None)?;
        Ok(Answer::Reply(reply(ctx, &shown, false), format))
    })?
}

/// A clear whose keys and permissions were checked.
pub(super) struct Prepared {
    id: Uuid,
    target: JobTarget,
    digest: [u8; 32],
    /// The destination, with the name of the list that PARK makes, and its length.
    to: Option<(Destination, u64)>,
}

impl Prepared {
    /// Returns the kind of storage of the messages; `None` if nothing is there and the request does not determine it.
    pub(super) fn container(&self) -> Option<Container> {
        let JobTarget { storage, priority, .. } = &self.target;
        Container::of(storage.container(), *priority, self.target.depth() > 0)
    }
}

/// Finds the messages of a clear, and checks its keys and the permissions of its user.
pub(super) fn prepare(ctx: Ctx<'_>, caller: &Caller, request: &ClearJob) -> Result<Prepared, Error> {
    let target = target::find(ctx, &request.target, &commands::CLEARJOB, Access::TakeOut)?;
    target::check_arrivals(&target, request.filter.arrival_field())?;
    let digest = request.fingerprint(target.db);
    if let Some(container) = target.storage.container()
        && let Some(option) = container.spec().refused(request.clear_options.container_options())
    {
        return Err(target::not_taken(container, option));
    }
    let id = request.id.unwrap_or_else(Uuid::new_v4);
    let to = request.clear_options.to.clone().map(|to| to.parked(&target.queue, id, ctx.flags().cluster()));
    let to = match to {
        None => None,
        Some(to) => {
            let len = check_destination(ctx, caller, &target, &to)?;
            Some((to, len))
        }
    };
    Ok(Prepared { id, target, digest, to })
}

/// Starts a clear, with its own share of the main thread in percent if it has one, and returns its record.
pub(super) fn start(
    state: &mut State,
    ctx: Ctx<'_>,
    caller: Caller,
    request: &ClearJob,
    prepared: Prepared,
    duty: Option<u64>,
) -> Result<Record, Error> {
    let Prepared { id, target, digest, to } = prepared;
    if request.dry_run && ctx.flags().out_of_memory() {
        return Err(JobError::OutOfMemory.into());
    }
    if let Some((to, _)) = to.as_ref().filter(|(to, len)| to.own && *len > 0) {
        return Err(TargetError::ListExists { list: to.key.clone() }.into());
    }
    state.room_for(ctx, Newcomer::Clear)?;
    check_kind(ctx, request, &target)?;
    // The notice is not part of the record, because users who may read the record may lack the permission to
    // read the keys that the notice names.
    let is_nothing = target.storage.is_listed() && target.depth() == 0;
    let nothing = is_nothing.then(|| nothing_there(ctx, &target));
    let preview = request.preview_key(&target);
    // Ages are measured when a command is accepted, so the same words can mean other messages by now.
    let recalled = match request.filter.arrival_field() {
        None => state.registry.recalled(&preview, &target.lists, now_ms()),
        Some(_) => None,
    };
    let to = to.map(|(to, _)| to);
    let mut job = Job::new(request.start(target::accepted(caller, id, target, digest), to)?);
    if let Some(recalled) = recalled {
        job.recall(recalled);
    }
    job.set_duty(duty.unwrap_or(0));
    let room = PLACES_MAX.saturating_sub(state.registry.room_taken());
    target::remember(ctx, &mut job, room, &state.measures.unacked(&settings::now(), usize::MAX));
    job.publish_id();
    let mut shown = begin(state, ctx, job)?;
    if let Some(nothing) = nothing {
        shown.set(Member::Notice, nothing.into());
    }
    Ok(shown)
}

/// Refuses to keep some of the matches of a list of ids. An id can stand twice in the list: redis-py sends a command again
/// if the reply is lost. Both have one message, so whoever removes one id removes the message of the other.
fn check_distinct(request: &ClearJob) -> Result<(), Error> {
    let options = &request.clear_options;
    let given = [
        (options.keep == Keep::Newest, "KEEP NEWEST"),
        (!options.by.is_empty(), "BY"),
        (request.mode == Mode::KeepOne, "KEEPONE"),
        (options.limit.is_some(), "LIMIT"),
    ];
    let messages = Container::ListOfIds.spec().messages;
    match given.into_iter().find(|(is_given, _)| *is_given) {
        Some((_, keyword)) => Err(TargetError::NotTaken { keyword, messages }.into()),
        None => Ok(()),
    }
}

/// Checks that the messages look like the kind that the command expects, and that messages of this kind can be
/// cleared in this way.
fn check_kind(ctx: Ctx<'_>, request: &ClearJob, target: &JobTarget) -> Result<(), Error> {
    if target.storage.message_keys().is_some_and(|keys| !keys.are_removed()) {
        return Err(TargetError::NotCleared { kind: ContainerOption::As(target.messages).keyword() }.into());
    }
    if has_schedule(ctx, &target.queue) {
        return Err(TargetError::DelayedOfResque { list: target.queue.clone() }.into());
    }
    match target.storage {
        // AS names the kind of ids, and nothing is cleared that is not the message of an id.
        Storage::Unacked(_) | Storage::SetOfIds(..) => {}
        Storage::ListOfIds(_) => check_distinct(request)?,
        Storage::Lists | Storage::SortedSet(_) => check_message_kind(ctx, request, target)?,
    }
    let front = request.clear_options.to.as_ref().is_some_and(|to| to.front);
    if front && target.messages.spec().consumer_end == End::Head {
        let why = "FRONT moves the newest message first, and such a list can be scanned only from its \
                   head, where the oldest is";
        return Err(RequestError::Excludes {
            keyword: "FRONT",
            other: ContainerOption::As(target.messages).keyword(),
            why,
        }
        .into());
    }
    Ok(())
}

/// Returns whether a list has delayed jobs of resque-scheduler. If the caller may not read the schedule, the name of the list
/// decides.
fn has_schedule(ctx: Ctx<'_>, list: &[u8]) -> bool {
    let Some(schedule) = delayed_schedule(list) else { return false };
    let may_look = rights::may_read(&ctx.caller(), &commands::PREVIEW, [list, schedule.as_slice()]);
    !may_look || matches!(type_of(ctx, &RString::new(&schedule)), Type::SortedSet)
}

/// Messages that look like another kind are not cleared unless the command names their kind. Ids of jobs that are
/// stored elsewhere are not cleared unless the command says AS ids.
fn check_message_kind(ctx: Ctx<'_>, request: &ClearJob, target: &JobTarget) -> Result<(), Error> {
    let kind = target.messages;
    if kind == MessageKind::Ids {
        let why = "which of the ids runs next depends on the library that wrote them";
        let exclude = |keyword| Err(RequestError::Excludes { keyword, other: "AS ids", why }.into());
        return match request.mode {
            Mode::KeepOne => exclude("KEEPONE"),
            Mode::All if request.clear_options.limit.is_some() => exclude("LIMIT"),
            Mode::All => Ok(()),
        };
    }
    let Some(looks) = looks_like(ctx, target) else { return Ok(()) };
    match looks.library {
        Some(library) => {
            let read_as = library.kind().map(|kind| kind.spec().name);
            let (library, records) = (library.name(), library.records());
            Err(match target.storage {
                Storage::SortedSet(_) | Storage::SetOfIds(..) => {
                    TargetError::SetOfIds { library, records, read_as }
                }
                Storage::Lists | Storage::ListOfIds(_) | Storage::Unacked(_) => {
                    TargetError::ListOfIds { library, records, read_as }
                }
            }
            .into())
        }
        // Whether the interrupted command said AS is not known.
        None if (request.target.kind.is_none() || request.continues.is_some()) && looks.kind != kind => {
            Err(TargetError::LooksLike { looks: looks.kind.spec().name, taken_for: kind.spec().name }.into())
        }
        None => Ok(()),
    }
}

/// Checks the destination of moved messages as the server checks keys that it sees: its slot, its type, and the
/// permission to remove from all lists of the queue and to add to this one. Returns the length of the destination.
fn check_destination(
    ctx: Ctx<'_>,
    caller: &Caller,
    target: &JobTarget,
    to: &Destination,
) -> Result<u64, Error> {
    let (queue, key) = (target.queue.as_slice(), to.key.as_slice());
    if target.keys().any(|own| own == key) {
        return Err(RequestError::ToItself.into());
    }
    if to.own && key.len() > QUEUE_MAX {
        let keyword = "the name of the list that PARK makes";
        return Err(RequestError::TooLong { keyword, max: QUEUE_MAX, got: key.len() }.into());
    }
    if ctx.flags().cluster() && slot::of(queue) != slot::of(key) {
        return Err(TargetError::CrossSlot.into());
    }
    let others = target.keys().filter(|other| *other != queue);
    let taken = std::iter::once(queue).chain(others).map(|key| (key, Access::TakeOut));
    let tokens = match target.storage {
        Storage::Lists => TokenKeys::of_clear(target.messages, queue, Some(to)),
        _ => TokenKeys::default(),
    };
    let needs: Vec<Need<'_>> = taken.chain([(key, Access::Add)]).chain(needs_of_tokens(&tokens)).collect();
    rights::check(ctx, caller, &commands::CLEARJOB, &needs)?;
    match target::depth_of_destination(ctx, &target.storage, &RString::new(key)) {
        // PARK needs a key that does not exist, whatever type it has.
        Err(
            Error::Server(ServerError::WrongType)
            | Error::Target(TargetError::WrongTypeOf { .. } | TargetError::NotASortedSet { .. }),
        ) if to.own => Err(TargetError::ListExists { list: to.key.clone() }.into()),
        depth => depth,
    }
}

/// The reply about a job that is accepted now, or was accepted before.
fn reply(ctx: Ctx<'_>, record: &Record, deduplicated: bool) -> Reply {
    record.append_to(members(ctx, record, deduplicated), &[Member::Container]).build()
}
