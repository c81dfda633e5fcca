//! QADMIN.SHOW: one message whole, found by its id.
//!
//! The messages that run next are searched at once. If the message is not among them, a job searches the queue in
//! slices, as those that count do, and ends at the first match. Its client waits. When the job has ended, the message is
//! read at the position to which the scan has followed it, and its id is compared again, so that what is shown is in the
//! queue at this moment.

use qadmin_core::error::{Error, ServerError, ShowError};
use qadmin_core::filter::{Matcher, Whole};
use qadmin_core::job::{FoundMatches, Job, JobStatus, JobTarget, Member, PositionsLost};
use qadmin_core::reply::Reply;
use qadmin_core::request::{Format, Request as _, Show};
use uuid::Uuid;

use super::Answer;
use super::queue::next_messages::{Next, NextMessages, Place};
use super::queue::target;
use crate::audit::Shown;
use crate::engine::Newcomer;
use crate::entry;
use crate::redis::acl::Access;
use crate::redis::clock::now_ms;
use crate::redis::{Ctx, block};
use crate::rights::{self, Need, needs_of_messages};
use crate::state::State;
use crate::waiters::{ShowWait, WAITERS_MAX, WaitFor};

/// Messages to both sides of a lost position among which the message is searched before its search is given up.
const NEAR: u64 = 256;
/// Why it is given up.
const EDITED: &str = "the queue was edited in place at the same time";

pub(super) fn run(ctx: Ctx<'_>, request: &Show) -> Result<Answer, Error> {
    let target = target::find(ctx, &request.target, Show::COMMAND, Access::Read)?;
    // Who looks is written down, so a script whose user is unknown is shown nothing.
    rights::check(ctx, &ctx.caller(), Show::COMMAND, &[(request.target.queue.as_slice(), Access::Read)])?;
    let mut finder = Finder::new(ctx, request, &target);
    let (found, searched, is_all) = finder.search();
    entry::with(|state| {
        if let Some(reply) = found {
            state.audit_shown(ctx, Shown::of(ctx, request, &target))?;
            return Ok(Answer::Reply(reply, request.target.format));
        }
        let id = request.id.clone();
        if is_all || target.depth() == 0 {
            return Err(ShowError::NotThere { id, queue: request.target.queue.clone(), searched }.into());
        }
        if ctx.flags().cannot_block() {
            return Err(ShowError::CannotWait { id, searched, depth: target.depth() }.into());
        }
        if !state.waiters.has_room_for(ShowWait::bytes_of(request, &target)) {
            return Err(ShowError::TooManyWaiting { max: WAITERS_MAX }.into());
        }
        state.room_for(ctx, Newcomer::Count)?;
        let accepted = target::accepted(ctx.caller(), Uuid::new_v4(), target.clone(), [0; 32]);
        let job = Job::new(request.start(accepted)?);
        let client = block::block(ctx, 0).ok_or(ServerError::Internal)?;
        let wait = ShowWait { request: request.clone(), target: target.clone() };
        state.waiters.add(client, job.id(), WaitFor::Show(Box::new(wait)));
        state.start(ctx, job);
        Ok(Answer::Later)
    })?
}

/// Returns the reply to a client that waited: the job has found the message, or has ended without it, or the server
/// has unblocked the client while the job was searching.
pub(super) fn after_wait(
    state: &mut State,
    ctx: Ctx<'_>,
    id: Uuid,
    wait: &ShowWait,
) -> Result<(Reply, Format), Error> {
    let ShowWait { request, target } = wait;
    ctx.select(target.db);
    // The permission may have been lost while the client waited.
    rights::check(ctx, &ctx.caller(), Show::COMMAND, &needs(target))?;
    let stopped = |searched: i64, why: String| {
        let searched = u64::try_from(searched).unwrap_or(0);
        Error::Show(ShowError::Stopped { id: request.id.clone(), searched, why })
    };
    if let Some(job) = state.registry.find_live(id) {
        let searched = i64::try_from(job.counters().processed).unwrap_or(i64::MAX);
        return Err(stopped(searched, "the client was unblocked".into()));
    }
    let job = state.registry.find_ended(id, now_ms()).ok_or(ServerError::Internal)?;
    let searched = job.record.int(Member::Processed);
    if job.record.status() != JobStatus::Completed {
        return Err(stopped(searched, String::from_utf8_lossy(job.record.text(Member::Error)).into_owned()));
    }
    let (asked, queue) = (request.id.clone(), request.target.queue.clone());
    if job.record.int(Member::Matched) == 0 {
        let searched = u64::try_from(searched).unwrap_or(0);
        return Err(ShowError::NotThere { id: asked, queue, searched }.into());
    }
    let target = target::now(ctx, target);
    let mut finder = Finder::new(ctx, request, &target);
    let found = match &job.found {
        Some(FoundMatches::Lists(found)) => match found.next(target.depth()) {
            Ok(Some(at)) => finder.around(at, 0),
            Ok(None) => None,
            // The list was edited in place since the job has ended.
            Err(PositionsLost { last }) => match last.and_then(|at| finder.around(at, NEAR)) {
                None => return Err(stopped(searched, EDITED.into())),
                found => found,
            },
        },
        Some(FoundMatches::Unacked(places)) => places.iter().find_map(|place| {
            let next = finder.next;
            next.at_position(place, |at, message| finder.show(at, message)).flatten()
        }),
        // The queue is gone.
        None => None,
    };
    let reply = found.ok_or(ShowError::HasLeft { id: asked, queue })?;
    state.audit_shown(ctx, Shown::of(ctx, request, &target))?;
    Ok((reply, request.target.format))
}

/// Returns the permissions that a caller needs to see a message.
fn needs(target: &JobTarget) -> Vec<Need<'_>> {
    let others = target.keys().filter(|key| *key != target.queue).chain(target.index());
    let messages = target.storage.message_keys().into_iter();
    let messages = messages.flat_map(|keys| needs_of_messages(keys, Access::Read));
    std::iter::once(target.queue.as_slice())
        .chain(others)
        .map(|key| (key, Access::Read))
        .chain(messages)
        .collect()
}

/// Finds the message, and shows it.
struct Finder<'a> {
    next: NextMessages<'a>,
    request: &'a Show,
    matcher: Matcher,
}

impl<'a> Finder<'a> {
    fn new(ctx: Ctx<'a>, request: &'a Show, target: &'a JobTarget) -> Self {
        let matcher = Matcher::of(target.messages, &request.filter, None).pickle(target.reads_pickle);
        Self { next: NextMessages { ctx, target, asks_arrivals: false }, request, matcher }
    }

    /// Searches the messages that run next. Returns the message, how many were searched, and whether these were all.
    fn search(&mut self) -> (Option<Reply>, u64, bool) {
        let mut found = None;
        let next = self.next;
        let extent = next.read(|place, _, message| {
            found = self.show(place, message);
            match found {
                Some(_) => Next::Stop,
                None => Next::Read(message.len() + self.matcher.work()),
            }
        });
        (found, extent.messages, extent.is_all)
    }

    /// Returns the message at a distance from the consumer end of a list, or at most `near` messages away from there.
    fn around(&mut self, at: (usize, u64), near: u64) -> Option<Reply> {
        let next = self.next;
        next.around(at, near, |place, message| self.show(place, message))
    }

    /// Returns the reply about a message, if it has the id.
    fn show(&mut self, place: Place, message: &[u8]) -> Option<Reply> {
        if !self.matcher.examine(message).matched {
            return None;
        }
        let target = self.next.target;
        let map = Reply::map()
            .with("queue", self.request.target.queue.as_slice())
            .with("id", self.request.id.as_slice());
        let map = place.show(message.len() as u64, map);
        let map = map.with("message_kind", target.messages.spec().name).with("container", target.container());
        let map = Whole::new(target.messages, target.reads_pickle).show(message, map);
        Some(map.build())
    }
}
