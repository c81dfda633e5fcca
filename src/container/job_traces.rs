//! What BullMQ and Bull know of a job beside its own keys. It leaves by commands of the server, which are replicated beside
//! the unit that removes the job.

use qadmin_core::message_place::{BullKeys, JobKeys, MessageKeys};

use crate::redis::call::{CallMode, call};
use crate::redis::key::{Type, type_of};
use crate::redis::message_hash::ClosedMessages;
use crate::redis::{Ctx, RString};

/// The length of the stream, in events, if the queue does not say it (`getOrSetMaxEvents` in BullMQ 5.81.5).
const EVENTS: u64 = 10_000;

/// Removes the traces of the jobs that were removed with their ids from a list. The words say where its messages are.
pub(super) fn remove_after(ctx: Ctx<'_>, list: &RString, words: &[RString], closed: Option<&ClosedMessages>) {
    let Some(ClosedMessages::Jobs(jobs)) = closed else { return };
    let texts: Vec<&[u8]> = words.iter().map(RString::bytes).collect();
    if let Some(MessageKeys::Jobs(JobKeys::Bull(keys))) = MessageKeys::of_words(list.bytes(), &texts) {
        let ids: Vec<&[u8]> = jobs.ids.iter().map(RString::bytes).collect();
        remove(ctx, &keys, &ids);
    }
}

/// Removes the traces of the jobs of these ids. What the server refuses is left out: no job depends on it.
pub(super) fn remove(ctx: Ctx<'_>, keys: &BullKeys, ids: &[&[u8]]) {
    if ids.is_empty() {
        return;
    }
    let priorities = RString::new(keys.priorities());
    if type_of(ctx, &priorities) == Type::SortedSet {
        write(ctx, c"ZREM", &priorities, ids);
    }
    forget_limits(ctx, keys, ids);
    tell(ctx, keys, ids);
}

fn write(ctx: Ctx<'_>, command: &std::ffi::CStr, key: &RString, words: &[&[u8]]) {
    let words = std::iter::once(key.bytes()).chain(words.iter().copied());
    let _ = call(ctx, command, CallMode::Write, &words.map(RString::new).collect::<Vec<_>>());
}

/// Bull keeps the ids of jobs that a rate limit holds back in a set, and delays all later jobs by its size. A hash says in
/// which set an id is (`removeJob-11.lua` and `moveToActive-8.lua` of Bull 4.16.5).
fn forget_limits(ctx: Ctx<'_>, keys: &BullKeys, ids: &[&[u8]]) {
    let index = RString::new(keys.limited_jobs());
    if type_of(ctx, &index) != Type::Hash {
        return;
    }
    for id in ids {
        let asked = [RString::new(index.bytes()), RString::new(id)];
        let set = call(ctx, c"HGET", CallMode::Read, &asked).map(|set| set.bytes()).unwrap_or_default();
        let set = RString::new(set);
        // The name is a value, so it could be that of any key.
        if keys.is_own(set.bytes()) && type_of(ctx, &set) == Type::Set {
            write(ctx, c"SREM", &set, &[id]);
            write(ctx, c"HDEL", &index, &[id]);
        }
    }
}

/// Tells that the jobs were removed, if the queue has a stream for that; Bull has none.
fn tell(ctx: Ctx<'_>, keys: &BullKeys, ids: &[&[u8]]) {
    let [stream, meta] = keys.events().map(RString::new);
    if type_of(ctx, &stream) != Type::Stream {
        return;
    }
    let most = [RString::new(meta.bytes()), RString::new("opts.maxLenEvents")];
    let most = call(ctx, c"HGET", CallMode::Read, &most).map(|most| most.bytes()).unwrap_or_default();
    let most: u64 = std::str::from_utf8(&most).ok().and_then(|most| most.parse().ok()).unwrap_or(EVENTS);
    let most = most.to_string();
    for (at, id) in ids.iter().enumerate() {
        // Once is enough: a long stream is trimmed for a while.
        let trim: &[&[u8]] = if at == 0 { &[b"MAXLEN", b"~", most.as_bytes()] } else { &[] };
        let event: [&[u8]; 7] = [b"*", b"event", b"removed", b"jobId", id, b"prev", keys.state().as_bytes()];
        write(ctx, c"XADD", &stream, &[trim, &event].concat());
    }
}
