//! The target of a command about a queue: its keys, their lengths, and who may use them.

use qadmin_core::container::{Container, ContainerOption};
use qadmin_core::error::{Error, IndexError, RequestError, ServerError, TargetError};
use qadmin_core::job::{Accepted, Job, JobTarget, Member, Record, Storage};
use qadmin_core::kind::MessageKind;
use qadmin_core::message_place::IdKey;
use qadmin_core::priorities::{self, Priority};
use qadmin_core::queues::{is_held, is_schedule};
use qadmin_core::reply::Reply;
use qadmin_core::request::{CommandSpec, TargetOptions, commands};
use qadmin_core::scan::{
    Budget, Event, IdSetScan, IndexStart, OneScan as _, Queue as _, SortedScan, UnackedScan, default_index,
};
use qadmin_core::slot;
use qadmin_core::tokens::TokenKeys;
use uuid::Uuid;

use super::super::needs_commands;
use super::ids::find_messages;
use super::recognise::looks_of_set;
use crate::container::OpenedKeys;
use crate::container::index as sorted_sets;
use crate::container::unacked::Keys;
use crate::index;
use crate::library::Recognised;
use crate::no_match;
use crate::redis::acl::Access;
use crate::redis::caller::Caller;
use crate::redis::clock::{Steady, now_ms, now_ns};
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::key::{Type, type_of};
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString, server};
use crate::rights::{self, Need, needs_of_tokens};
use crate::settings;

/// Finds the messages that a command is about, by the type of the key and by the options of the command. The
/// server has checked that the caller has the right `access` to the queue's own name. This function checks
/// that the rules of the caller permit `command` with this right to all keys together.
///
/// # Errors
/// The options exclude each other or do not fit the key, a key has the wrong type or is in another slot, a
/// right is missing, or the server lacks a command that is needed.
pub(in crate::commands) fn find(
    ctx: Ctx<'_>,
    options: &TargetOptions,
    command: &CommandSpec,
    access: Access,
) -> Result<JobTarget, Error> {
    if ctx.flags().cluster() {
        needs_commands(server::MOVED)?;
    }
    let target = |messages, lists, storage| JobTarget {
        db: ctx.db(),
        queue: options.queue.clone(),
        priority: options.priority,
        lists,
        messages,
        storage,
        reads_pickle: settings::now().pickle(),
        sample_fields: settings::now().sample_fields().to_vec(),
    };
    let key = || priorities::List { key: options.queue.clone(), step: None };
    if let Some((unacked, len)) = find_unacked(ctx, options, command, access)? {
        return Ok(target(MessageKind::Unacked, vec![(key(), len)], Storage::Unacked(unacked)));
    }
    if let Some((kind, entries, storage)) = find_sorted_set(ctx, options, command, access)? {
        return Ok(target(kind, vec![(key(), entries)], storage));
    }
    let kind = options.kind.unwrap_or_else(|| settings::now().default_kind());
    let found = lists(ctx, options, kind, command, access)?;
    let keys = find_messages(ctx, &options.queue, (kind, IdKey::List), command, access)?;
    Ok(target(kind, found, keys.map_or(Storage::Lists, Storage::ListOfIds)))
}

/// If `field` is given, checks that the index of arrivals that it needs exists: for every list that holds
/// messages, or for the first list if all are empty.
///
/// # Errors
/// A list has no index, or the messages are not in lists.
pub(in crate::commands) fn check_arrivals(target: &JobTarget, field: Option<&str>) -> Result<(), Error> {
    let Some(field) = field else { return Ok(()) };
    if !target.storage.is_listed() {
        return Err(IndexError::NeverIndexed { field: field.into() }.into());
    }
    let is_empty = target.depth() == 0;
    let needed = target.lists.iter().enumerate().filter(|(at, (_, len))| *len > 0 || (is_empty && *at == 0));
    match needed.map(|(_, (list, _))| list).find(|list| !index::has(target.db, &list.key)) {
        Some(list) => Err(IndexError::NotIndexed { field: field.into(), list: list.key.clone() }.into()),
        None => Ok(()),
    }
}

/// Returns the same target with the present lengths of its keys. A key that holds something else by now has
/// no messages.
pub(in crate::commands) fn now(ctx: Ctx<'_>, target: &JobTarget) -> JobTarget {
    let mut now = target.clone();
    let queue = RString::new(&now.queue);
    let len = match &mut now.storage {
        Storage::Lists | Storage::ListOfIds(_) => {
            for (list, len) in &mut now.lists {
                *len = depth(ctx, &RString::new(&list.key)).unwrap_or(0);
            }
            return now;
        }
        Storage::Unacked(unacked) => {
            let index = std::mem::take(&mut unacked.index);
            let nothing = (nothing_in(index.clone()), 0);
            let (start, len) = open_unacked(ctx, &queue, index).unwrap_or(nothing);
            *unacked = start;
            len
        }
        Storage::SortedSet(set) | Storage::SetOfIds(set, ..) => {
            *set = start_of_set(ctx, &queue).unwrap_or_else(|_| nothing_in(set.index.clone()));
            set.entries
        }
    };
    for (_, messages) in &mut now.lists {
        *messages = len;
    }
    now
}

/// Returns what a job over this target starts with, which is the same for every command.
pub(in crate::commands) fn accepted(
    caller: Caller,
    id: Uuid,
    target: JobTarget,
    digest: [u8; 32],
) -> Accepted {
    let Caller { user, client, .. } = caller;
    Accepted { id, target, digest, user, client, now_ms: now_ms(), now_ns: now_ns() }
}

/// Explains why the lists of a target are empty: the messages may be in other priority lists of the queue, or
/// the user may have meant another key.
pub(in crate::commands) fn nothing_there(ctx: Ctx<'_>, target: &JobTarget) -> String {
    match others_depth(ctx, &commands::PREVIEW, target.keys()) {
        Reply::Int(n @ 1..) => {
            format!(
                "this list is empty; messages in the other priority lists of the queue: {n} (PRIORITY ALL)"
            )
        }
        _ => no_match::no_such_key(ctx, &target.queue),
    }
}

/// Returns the lists in the order in which workers read them, each with its length.
fn lists(
    ctx: Ctx<'_>,
    options: &TargetOptions,
    kind: MessageKind,
    command: &CommandSpec,
    access: Access,
) -> Result<Vec<(priorities::List, u64)>, Error> {
    let (queue, priority) = (options.queue.as_slice(), options.priority);
    if priority.is_some() && kind != MessageKind::Celery {
        let why = "only kombu keeps one list per priority step";
        return Err(RequestError::Excludes {
            keyword: "PRIORITY",
            other: "messages of other libraries",
            why,
        }
        .into());
    }
    let lists = settings::now().priorities().lists(queue, priority)?;
    let cluster = ctx.flags().cluster();
    let others = lists.iter().map(|list| list.key.as_slice()).filter(|key| *key != queue);
    if cluster && others.clone().any(|other| slot::of(other) != slot::of(queue)) {
        return Err(TargetError::PrioritySlots { queue: queue.to_vec() }.into());
    }
    let tokens = match access {
        Access::TakeOut => TokenKeys::of_list(kind, queue, None),
        _ => TokenKeys::default(),
    };
    let keys = std::iter::once(queue).chain(others).map(|key| (key, access));
    let needs: Vec<Need<'_>> = keys.chain(needs_of_tokens(&tokens)).collect();
    if needs.len() > 1 {
        rights::check(ctx, &ctx.caller(), command, &needs)?;
    }
    let len = |list: priorities::List| depth(ctx, &RString::new(&list.key)).map(|len| (list, len));
    lists.into_iter().map(len).collect()
}

/// Returns the number of messages in lists. A key that holds something else by now has none.
fn depth_now<'a>(ctx: Ctx<'_>, keys: impl Iterator<Item = &'a [u8]>) -> u64 {
    keys.map(|key| depth(ctx, &RString::new(key)).unwrap_or(0)).sum()
}

/// Returns the number of messages in the priority lists of a queue that are not among `keys`. It is null if
/// it is not certain that the caller may read them all by this command, or if some of them are on another
/// node of a cluster.
pub(in crate::commands) fn others_depth<'a>(
    ctx: Ctx<'_>,
    command: &CommandSpec,
    keys: impl Iterator<Item = &'a [u8]>,
) -> Reply {
    let keys: Vec<&[u8]> = keys.collect();
    let Some(first) = keys.first() else { return Reply::Null };
    let caller = ctx.caller();
    let others = settings::now().priorities().others(&keys);
    let here = |other: &Vec<u8>| !ctx.flags().cluster() || slot::of(other) == slot::of(first);
    let nobody = caller.user.is_none() || ctx.flags().script();
    let all = || keys.iter().copied().chain(others.iter().map(Vec::as_slice));
    if nobody || !others.iter().all(here) || !rights::may_read(&caller, command, all()) {
        return Reply::Null;
    }
    depth_now(ctx, others.iter().map(Vec::as_slice)).into()
}

/// Returns the keys of the lists of a job by its record alone. The present settings determine the priority
/// lists.
pub(in crate::commands) fn of_record(record: &Record) -> Vec<Vec<u8>> {
    let queue = record.text(Member::Queue);
    let priority = Priority::parse(record.text(Member::Priority)).ok();
    let lists = settings::now().priorities().lists(queue, priority);
    lists.map_or_else(|_| vec![queue.to_vec()], |lists| lists.into_iter().map(|list| list.key).collect())
}

/// Returns the index and the length of the hash, if the queue is a hash of unacknowledged messages, or if it
/// is missing and INDEX is given. The server does not know that the index is a key of the command, so this
/// function checks its type, its slot and the permission for it.
///
/// # Errors
/// INDEX was given for a list, or the index is in another slot, has the wrong type, or may not be read by the
/// caller.
fn find_unacked(
    ctx: Ctx<'_>,
    options: &TargetOptions,
    command: &CommandSpec,
    access: Access,
) -> Result<Option<(IndexStart, u64)>, Error> {
    let TargetOptions { queue, priority, index, kind, .. } = options;
    let queue = &RString::new(queue);
    match Hash::open(ctx, queue) {
        OpenedHash::Hash(_) => {}
        OpenedHash::Missing if index.is_some() => {}
        OpenedHash::Other if index.is_some() => {
            let list = matches!(List::open(ctx, queue, Mode::Read), OpenedList::List(_));
            return Err(if list { Error::Target(TargetError::NoIndex) } else { wrong_type(ctx, queue) });
        }
        OpenedHash::Missing | OpenedHash::Other => return Ok(None),
    }
    let given = kind.map(ContainerOption::As).into_iter().chain(priority.map(|_| ContainerOption::Priority));
    if let Some(option) = Container::Unacked.spec().refused(given) {
        return Err(not_taken(Container::Unacked, option));
    }
    let index = index.clone().unwrap_or_else(|| default_index(queue.bytes()));
    if ctx.flags().cluster() && slot::of(queue.bytes()) != slot::of(&index) {
        return Err(TargetError::IndexSlot { queue: queue.bytes().to_vec(), index }.into());
    }
    let flags = ctx.flags();
    if flags.cluster() && !flags.primary() {
        // A slice has no client that may read there: the server would send it to the primary.
        return Err(TargetError::PrimaryOnly { messages: Container::Unacked.spec().messages }.into());
    }
    let needs = [(queue.bytes(), access), (index.as_slice(), access)];
    rights::check(ctx, &ctx.caller(), command, &needs)?;
    needs_commands(server::HELD)?;
    if access == Access::TakeOut {
        needs_commands(server::HELD_OUT)?;
    }
    open_unacked(ctx, queue, index).map(Some)
}

/// Reads the present state of the index, and the length of the hash.
fn open_unacked(ctx: Ctx<'_>, queue: &RString, index: Vec<u8>) -> Result<(IndexStart, u64), Error> {
    let name = RString::new(&index);
    match Keys::open(ctx, queue, &name) {
        OpenedKeys::Keys(mut keys) => {
            let (entries, bound) = (keys.entries(), keys.last());
            match keys.refused() {
                Some(_) => Err(TargetError::IndexMigrating { index }.into()),
                None => Ok((IndexStart { index, entries, bound }, keys.len())),
            }
        }
        OpenedKeys::Missing => match Keys::index_of_nothing(ctx, &name) {
            OpenedKeys::Other => Err(ServerError::WrongType.into()),
            _ => Ok((nothing_in(index), 0)),
        },
        OpenedKeys::Other => Err(ServerError::WrongType.into()),
        OpenedKeys::Refused(_) => Err(TargetError::IndexMigrating { index }.into()),
    }
}

/// Returns the error for an option that a container does not take.
pub(in crate::commands) fn not_taken(container: Container, option: ContainerOption) -> Error {
    TargetError::NotTaken { keyword: option.keyword(), messages: container.spec().messages }.into()
}

/// Returns the kind, the number of entries and the present state of the sorted set, if the queue is one. Its members must
/// be messages, or ids of the kind that AS says. Without AS, ids are named by a preview and refused by a clear.
///
/// # Errors
/// The options do not fit a sorted set, its members are something else, or the keys of its messages cannot be used.
fn find_sorted_set(
    ctx: Ctx<'_>,
    options: &TargetOptions,
    command: &CommandSpec,
    access: Access,
) -> Result<Option<(MessageKind, u64, Storage)>, Error> {
    let TargetOptions { queue, priority, kind, .. } = options;
    let queue = &RString::new(queue);
    let is_set = match type_of(ctx, queue) {
        Type::SortedSet => true,
        Type::Missing => kind.is_some_and(|kind| kind.spec().place.names_set(queue.bytes())),
        _ => false,
    };
    if !is_set {
        return Ok(None);
    }
    needs_commands(server::SORTED)?;
    if access == Access::TakeOut {
        needs_commands(server::SORTED_OUT)?;
    }
    let flags = ctx.flags();
    if flags.cluster() && !flags.primary() {
        // A slice has no client that may read there: the server would send it to the primary.
        return Err(TargetError::PrimaryOnly { messages: Container::SortedSet.spec().messages }.into());
    }
    let given = kind.map(ContainerOption::As).into_iter().chain(priority.map(|_| ContainerOption::Priority));
    if let Some(kind) = kind.filter(|kind| kind.spec().place.is_elsewhere()) {
        if let Some(option) = Container::SetOfIds.spec().refused(given) {
            return Err(not_taken(Container::SetOfIds, option));
        }
        let of = (kind, IdKey::SortedSet);
        let Some(keys) = find_messages(ctx, queue.bytes(), of, command, access)? else { return Ok(None) };
        if access == Access::TakeOut {
            needs_commands(server::IDS_OUT)?;
        }
        let set = start_of_set(ctx, queue)?;
        return Ok(Some((kind, set.entries, Storage::SetOfIds(set, keys))));
    }
    // Without AS, the members decide whether the set is supported.
    let looked = looks_of_set(ctx, queue);
    let looks = looked.map(|looks| looks.kind);
    let messages = match (kind, looked) {
        (Some(kind), _) => *kind,
        (
            None,
            Some(Recognised {
                kind: kind @ (MessageKind::Sidekiq | MessageKind::Laravel | MessageKind::Huey),
                ..
            }),
        ) => kind,
        // Ids are refused by what reads the members.
        (None, Some(Recognised { library: Some(_), .. })) => MessageKind::Sidekiq,
        (None, _) => return Err(wrong_type(ctx, queue)),
    };
    if [Some(messages), looks].into_iter().flatten().any(|kind| is_held(kind, queue.bytes())) {
        let holds =
            "Laravel's reserved jobs, which its workers hold; removing them there would not stop them";
        return Err(TargetError::WrongTypeOf { holds }.into());
    }
    if let Some(option) = Container::SortedSet.spec().refused(given) {
        return Err(not_taken(Container::SortedSet, option));
    }
    let set = start_of_set(ctx, queue)?;
    Ok(Some((messages, set.entries, Storage::SortedSet(set))))
}

/// Returns the present state of a sorted set. A missing key has no entries.
///
/// # Errors
/// The key is of another type, or is being migrated to another node.
pub(in crate::commands) fn start_of_set(ctx: Ctx<'_>, queue: &RString) -> Result<IndexStart, Error> {
    let index = queue.bytes().to_vec();
    match sorted_sets::open(ctx, queue) {
        OpenedKeys::Keys(mut reader) => {
            let (entries, bound) = (reader.entries(), reader.last());
            match reader.refused() {
                Some(_) => Err(TargetError::IndexMigrating { index }.into()),
                None => Ok(IndexStart { index, entries, bound }),
            }
        }
        OpenedKeys::Missing => Ok(nothing_in(index)),
        OpenedKeys::Other => Err(wrong_type(ctx, queue)),
        OpenedKeys::Refused(_) => Err(TargetError::IndexMigrating { index }.into()),
    }
}

/// Makes a clear that is accepted now remember which entries are in the index, at most `room` of them. It
/// takes no longer than one slice; the slices of the job read the rest.
pub(in crate::commands) fn remember(ctx: Ctx<'_>, job: &mut Job, room: usize, budget: &Budget) {
    let Some(index) = job.start().storage.walked().map(|start| RString::new(&start.index)) else { return };
    let Ok(mut keys) = Reader::open(ctx, &index) else {
        // The key was a sorted set when the command found its target, and is not one any more.
        let db = job.start().db;
        job.follow(db, index.bytes(), Event::Gone);
        return;
    };
    if let Some(scan) = UnackedScan::of(&mut job.scan) {
        scan.remember(&mut keys, room, &Steady, budget);
    } else if let Some(scan) = SortedScan::of(&mut job.scan) {
        scan.remember(&mut keys, room, &Steady, budget);
    } else if let Some(scan) = IdSetScan::of(&mut job.scan) {
        scan.remember(&mut keys, room, &Steady, budget);
    }
}

/// Returns the state of an index without entries.
fn nothing_in(index: Vec<u8>) -> IndexStart {
    IndexStart { index, entries: 0, bound: None }
}

/// Returns the length of a list. A missing key is an empty list.
///
/// # Errors
/// The key is of another type.
pub(in crate::commands) fn depth(ctx: Ctx<'_>, queue: &RString) -> Result<u64, Error> {
    match List::open(ctx, queue, Mode::Read) {
        OpenedList::List(list) => Ok(list.len()),
        OpenedList::Missing => Ok(0),
        OpenedList::Other => Err(wrong_type(ctx, queue)),
    }
}

/// Returns the number of messages in the key that messages of this storage are moved to. The key must be
/// missing or of the same type as the storage, where a list receives unacknowledged messages.
///
/// # Errors
/// The key is of another type, or the server lacks a command that is needed.
pub(in crate::commands) fn depth_of_destination(
    ctx: Ctx<'_>,
    storage: &Storage,
    key: &RString,
) -> Result<u64, Error> {
    match storage {
        Storage::Lists | Storage::ListOfIds(_) | Storage::SetOfIds(..) | Storage::Unacked(_) => {
            depth(ctx, key)
        }
        Storage::SortedSet(_) => {
            needs_commands(server::SORTED_MOVE)?;
            match type_of(ctx, key) {
                Type::SortedSet => start_of_set(ctx, key).map(|set| set.entries),
                Type::Missing => Ok(0),
                _ => Err(TargetError::NotASortedSet { key: key.bytes().to_vec() }.into()),
            }
        }
    }
}

/// Returns the error for a key whose type is not supported: it names the type, and what to do instead.
fn wrong_type(ctx: Ctx<'_>, key: &RString) -> Error {
    let holds = match type_of(ctx, key) {
        Type::SortedSet if key.bytes().ends_with(b"_index") => {
            "a sorted set; if it is kombu's index of unacknowledged messages, give the name of the hash \
             that it belongs to"
        }
        Type::SortedSet if is_schedule(key.bytes()) => {
            "a sorted set; if it is the schedule of resque-scheduler, its members are times; give the name of a list of delayed \
             jobs, which ends in :delayed:<time>"
        }
        Type::SortedSet => {
            "a sorted set; of sorted sets qadmin reads those whose members are jobs of Sidekiq, Laravel or Huey and, with AS rq, AS \
             dramatiq, AS bullmq or AS bull, those whose members are ids of jobs, so remove other jobs with their library"
        }
        Type::Set => "a set; qadmin reads lists and kombu's hash of unacknowledged messages",
        Type::Stream => {
            "a stream; qadmin reads lists and kombu's hash of unacknowledged messages, so remove entries of \
             a stream with XDEL"
        }
        // A hash is supported as a queue, but here it is the list of TO.
        Type::Missing | Type::String | Type::List | Type::Hash | Type::Other => {
            return Error::Server(ServerError::WrongType);
        }
    };
    Error::Target(TargetError::WrongTypeOf { holds })
}
