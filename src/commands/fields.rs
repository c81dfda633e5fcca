//! QADMIN.FIELDS: which fields the messages have that run next.

use qadmin_core::error::Error;
use qadmin_core::filter::{Inventory, Matcher};
use qadmin_core::job::JobTarget;
use qadmin_core::priorities::Priority;
use qadmin_core::reply::Reply;
use qadmin_core::request::{Fields, Request as _};

use super::Answer;
use super::queue::next_messages::{Extent, Next, NextMessages};
use super::queue::recognise::looks_like;
use super::queue::target::{self, nothing_there};
use crate::redis::Ctx;
use crate::redis::acl::Access;
use crate::redis::clock::now_ns;

pub(super) fn run(ctx: Ctx<'_>, request: &Fields) -> Result<Answer, Error> {
    let accepted_ns = now_ns();
    let target = target::find(ctx, &request.target, Fields::COMMAND, Access::Read)?;
    target::check_arrivals(&target, request.filter.arrival_field())?;
    let mut inventory = Inventory::new(target.messages, target.reads_pickle);
    let (extent, matched) = read(ctx, request, &target, &mut inventory);
    let looks = looks_like(ctx, &target);
    let notice = match target.depth() {
        0 if target.storage.is_listed() => Some(nothing_there(ctx, &target)),
        _ => target.notice(),
    };
    let (fields, total) = inventory.fields();
    let map = Reply::map()
        .with("queue", request.target.queue.as_slice())
        .with("filter", (!request.filter.is_all()).then(|| request.filter.text()))
        .with("depth", target.depth())
        .with("looked_at", extent.messages)
        .with("matched", matched)
        .with("fields", fields)
        .with("fields_total", total)
        .with("unnamed", inventory.unnamed())
        .with("partly_read", inventory.partly_read())
        .with("undecodable", inventory.undecodable())
        .with("unreadable", inventory.unreadable())
        .with("elapsed_us", now_ns().saturating_sub(accepted_ns) / 1_000)
        .with("notice", notice)
        .with("message_kind", target.messages.spec().name)
        .with("looks_like", looks.and_then(|looks| looks.unlike(target.messages)))
        .with("priority", request.target.priority.map(Priority::word))
        .with("container", target.container());
    Ok(Answer::Reply(map.build(), request.target.format))
}

/// Reads the messages that run next into the inventory. Returns how many were read, and how many match.
fn read(ctx: Ctx<'_>, request: &Fields, target: &JobTarget, inventory: &mut Inventory) -> (Extent, u64) {
    let filter = &request.filter;
    let mut matcher = (!filter.is_all())
        .then(|| Matcher::of(target.messages, filter, None).inexact(true).pickle(target.reads_pickle));
    let mut matched = 0;
    let next = NextMessages { ctx, target, asks_arrivals: filter.arrival_field().is_some() };
    let extent = next.read(|_, placed, message| {
        let mut work = message.len();
        if let Some(matcher) = &mut matcher {
            matcher.place(placed);
            let matches = matcher.examine(message).matched && !matcher.is_inexact();
            work += matcher.work();
            if !matches {
                return Next::Read(work);
            }
        }
        matched += 1;
        inventory.read(message);
        Next::Read(work + inventory.work())
    });
    (extent, matched)
}
