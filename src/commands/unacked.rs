//! Commands on the hash of messages that workers hold: which index belongs to it, who may, and what runs there.

use qadmin_core::error::Error;
use qadmin_core::filter::{Matcher, Projection};
use qadmin_core::job::{Job, marked};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::{self, Priority};
use qadmin_core::reply::Reply;
use qadmin_core::request::{CommandSpec, Preview};
use qadmin_core::scan::Budget;
use qadmin_core::slot;
use qadmin_core::unacked::{Held as _, TASKS_GO_ON, UnackedStart, default_index, lost_notice, unacked_row};

use super::looks::LookTime;
use super::{needs_commands, wrong_type};
use crate::redis::acl::Access;
use crate::redis::clock::Steady;
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::list::{List, Mode, Opened as OpenedList};
use crate::redis::{Ctx, RString, server};
use crate::rights;
use crate::settings;
use crate::unacked::{Keys, Opened};

/// What a command says about its queue.
pub(super) struct Words<'a> {
    pub(super) queue: &'a [u8],
    index: Option<&'a [u8]>,
    pub(super) kind: Option<MessageKind>,
    pub(super) priority: Option<Priority>,
}

impl<'a> Words<'a> {
    /// Queue, INDEX, AS and PRIORITY.
    pub(super) fn new(
        queue: &'a [u8],
        index: Option<&'a [u8]>,
        kind: Option<MessageKind>,
        priority: Option<Priority>,
    ) -> Self {
        Self { queue, index, kind, priority }
    }
}

/// The two keys as they are when a command comes.
pub(super) struct Unacked {
    pub(super) start: UnackedStart,
    /// Messages in the hash.
    pub(super) len: u64,
}

/// What workers hold, if the queue is a hash, or missing and INDEX is given. Checks type, slot and right of the index
/// as the server does those of keys that it knows of.
///
/// # Errors
/// INDEX beside a list, an index in another slot, out of the caller's reach, or of the wrong type.
pub(super) fn find(
    ctx: Ctx<'_>,
    words: &Words<'_>,
    command: &CommandSpec,
    access: Access,
) -> Result<Option<Unacked>, Error> {
    let Words { queue, index, kind, priority } = *words;
    let queue = &RString::new(queue);
    match Hash::open(ctx, queue) {
        OpenedHash::Hash(_) => {}
        OpenedHash::Missing if index.is_some() => {}
        OpenedHash::Other if index.is_some() => {
            let list = matches!(List::open(ctx, queue, Mode::Read), OpenedList::List(_));
            return Err(if list { Error::NoIndex } else { wrong_type(ctx, queue) });
        }
        OpenedHash::Missing | OpenedHash::Other => return Ok(None),
    }
    if kind.is_some_and(|kind| kind != MessageKind::Celery) {
        let keyword = match kind {
            Some(MessageKind::Resque) => "AS resque",
            Some(MessageKind::Ids) => "AS ids",
            _ => "AS sidekiq",
        };
        return Err(Error::ListsOnly { keyword });
    }
    if priority.is_some() {
        return Err(Error::ListsOnly { keyword: "PRIORITY" });
    }
    let index = index.map_or_else(|| default_index(queue.bytes()), <[u8]>::to_vec);
    if ctx.flags().cluster() && slot::of(queue.bytes()) != slot::of(&index) {
        return Err(Error::IndexSlot { queue: queue.bytes().to_vec(), index });
    }
    let flags = ctx.flags();
    if flags.cluster() && !flags.primary() {
        // A slice has no client that may read there: the server would send it to the primary.
        return Err(Error::HeldOnPrimary);
    }
    let needs = [(queue.bytes(), access), (index.as_slice(), access)];
    rights::check(ctx, &ctx.caller(), command, &needs)?;
    needs_commands(server::HELD)?;
    if access == Access::TakeOut {
        needs_commands(server::HELD_OUT)?;
    }
    look(ctx, queue, index).map(Some)
}

/// Lets a clear that is accepted now remember which entries are in the index, as many as it has room for. Takes the time
/// of one slice at most; slices go on.
pub(super) fn remember(ctx: Ctx<'_>, job: &mut Job, room: usize, budget: &Budget) {
    let Some(scan) = &mut job.unacked else { return };
    let index = RString::new(scan.index());
    match Keys::index_of_nothing(ctx, &index) {
        Opened::Keys(mut keys) => scan.remember(&mut keys, room, &Steady, budget),
        // It was an index when the command looked at it before.
        _ => scan.lose_index(),
    }
}

/// The two keys as they are now.
fn look(ctx: Ctx<'_>, queue: &RString, index: Vec<u8>) -> Result<Unacked, Error> {
    let name = RString::new(&index);
    match Keys::open(ctx, queue, &name) {
        Opened::Keys(mut keys) => {
            let (entries, bound) = (keys.entries(), keys.last());
            match keys.refused() {
                Some(_) => Err(Error::IndexAway { index }),
                None => Ok(Unacked { len: keys.len(), start: UnackedStart { index, entries, bound } }),
            }
        }
        Opened::Missing => match Keys::index_of_nothing(ctx, &name) {
            Opened::Other => Err(Error::WrongType),
            _ => Ok(Unacked::nothing(index)),
        },
        Opened::Other => Err(Error::WrongType),
        Opened::Refused(_) => Err(Error::IndexAway { index }),
    }
}

impl Unacked {
    /// The keys of a command that was accepted before, as they are now: of whatever type.
    pub(super) fn again(ctx: Ctx<'_>, queue: &[u8], index: &[u8]) -> Self {
        look(ctx, &RString::new(queue), index.to_vec()).unwrap_or_else(|_| Self::nothing(index.to_vec()))
    }

    /// The hash in the place of the lists that a command goes over.
    pub(super) fn lists(&self, queue: &[u8]) -> Vec<(priorities::List, u64)> {
        vec![(priorities::List { key: queue.to_vec(), step: None }, self.len)]
    }

    fn nothing(index: Vec<u8>) -> Self {
        Self { start: UnackedStart { index, entries: 0, bound: None }, len: 0 }
    }

    /// What a reader of any reply about it should know, behind what else there is to say.
    pub(super) fn notice(&self, more: Option<String>) -> String {
        let lost = lost_notice(self.len.saturating_sub(self.start.entries));
        let notices = [Some(TASKS_GO_ON.to_owned()), lost, more];
        notices.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// The immediate sample: matches among the entries that come first, `sample-window` of them at most, and no longer than
/// `longest` nanoseconds.
pub(super) fn sample(
    ctx: Ctx<'_>,
    request: &Preview,
    held: &Unacked,
    mut matcher: Matcher,
    mut projection: Projection,
    longest: u64,
) -> Vec<Reply> {
    let mut time = LookTime::begin(longest);
    let [queue, name] = [&request.queue, &held.start.index].map(RString::new);
    let mut found = Vec::new();
    if let Opened::Keys(mut keys) = Keys::open(ctx, &queue, &name) {
        keys.seek(None);
        for _ in 0..settings::now().sample_window() {
            if found.len() >= request.sample || time.is_over() {
                break;
            }
            let read = keys.next(|score, _, value| {
                let Some(message) = value else { return time.took(0) };
                let mut work = message.len();
                if matcher.examine(message).matched && (request.inexact || !matcher.is_inexact()) {
                    let inexact = request.inexact.then(|| matcher.is_inexact());
                    let members = marked(inexact, projection.row(message));
                    found.push(unacked_row(score, message.len() as u64, &members));
                    work += projection.work(message);
                }
                time.took(work + matcher.work());
            });
            if read.is_none() {
                break;
            }
        }
    }
    found
}
