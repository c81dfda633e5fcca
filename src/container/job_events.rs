//! Events by which a library tells that jobs were removed. BullMQ has a stream for each queue, which applications and
//! dashboards read.

use qadmin_core::message_place::{BullKeys, JobKeys, MessageKeys};

use crate::redis::call::{CallMode, call};
use crate::redis::key::{Type, type_of};
use crate::redis::message_hash::ClosedMessages;
use crate::redis::{Ctx, RString};

/// The length of the stream, in events, if the queue does not say it (`getOrSetMaxEvents` in BullMQ 5.81.5).
const EVENTS: u64 = 10_000;

/// Tells that the jobs of these ids were removed from a list. The words say where its messages are.
pub(super) fn removed(ctx: Ctx<'_>, list: &RString, words: &[RString], closed: Option<&ClosedMessages>) {
    let Some(ClosedMessages::Jobs(jobs)) = closed else { return };
    let texts: Vec<&[u8]> = words.iter().map(RString::bytes).collect();
    if let Some(MessageKeys::Jobs(JobKeys::Bull(keys))) = MessageKeys::of_words(list.bytes(), &texts) {
        tell(ctx, &keys, jobs.ids.iter().map(RString::bytes));
    }
}

/// Tells that the jobs of these ids were removed, if the queue has a stream. Each event is replicated as the server's own
/// command. An event that the server refuses is left out: no job depends on it.
pub(super) fn tell<'i>(ctx: Ctx<'_>, keys: &BullKeys, ids: impl Iterator<Item = &'i [u8]>) {
    let [stream, meta] = keys.events().map(RString::new);
    if type_of(ctx, &stream) != Type::Stream {
        // Bull has none.
        return;
    }
    let most = [RString::new(meta.bytes()), RString::new("opts.maxLenEvents")];
    let most = call(ctx, c"HGET", CallMode::Read, &most).map(|most| most.bytes()).unwrap_or_default();
    let most: u64 = std::str::from_utf8(&most).ok().and_then(|most| most.parse().ok()).unwrap_or(EVENTS);
    for id in ids {
        let most = most.to_string();
        let words: [&[u8]; 11] = [
            stream.bytes(),
            b"MAXLEN",
            b"~",
            most.as_bytes(),
            b"*",
            b"event",
            b"removed",
            b"jobId",
            id,
            b"prev",
            keys.state().as_bytes(),
        ];
        let _ = call(ctx, c"XADD", CallMode::Write, &words.map(RString::new));
    }
}
