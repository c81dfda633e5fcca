//! Commands on the hash of messages that workers hold: which index belongs to it, who may, and what runs there.

use qadmin_core::container::{Container, ContainerOption};
use qadmin_core::error::{Error, ServerError, TargetError};
use qadmin_core::filter::{Matcher, Projection};
use qadmin_core::job::{Job, marked};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::{self, Priority};
use qadmin_core::reply::Reply;
use qadmin_core::request::{CommandSpec, Preview};
use qadmin_core::scan::{
    Budget, Held as _, OneScan as _, Place, TASKS_GO_ON, UnackedScan, UnackedStart, default_index,
    lost_notice, unacked_row,
};
use qadmin_core::slot;

use super::looks::LookTime;
use super::{needs_commands, wrong_type};
use crate::container::Opened;
use crate::container::unacked::Keys;
use crate::redis::acl::Access;
use crate::redis::clock::Steady;
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::list::{List, Mode, Opened as OpenedList};
use crate::redis::{Ctx, RString, server};
use crate::rights;
use crate::settings;

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
            return Err(if list { Error::Target(TargetError::NoIndex) } else { wrong_type(ctx, queue) });
        }
        OpenedHash::Missing | OpenedHash::Other => return Ok(None),
    }
    let given = kind.map(ContainerOption::As).into_iter().chain(priority.map(|_| ContainerOption::Priority));
    if let Some(option) = Container::Unacked.spec().refused(given) {
        return Err(TargetError::ListsOnly { keyword: option.keyword() }.into());
    }
    let index = index.map_or_else(|| default_index(queue.bytes()), <[u8]>::to_vec);
    if ctx.flags().cluster() && slot::of(queue.bytes()) != slot::of(&index) {
        return Err(TargetError::IndexSlot { queue: queue.bytes().to_vec(), index }.into());
    }
    let flags = ctx.flags();
    if flags.cluster() && !flags.primary() {
        // A slice has no client that may read there: the server would send it to the primary.
        return Err(TargetError::UnackedOnReplica.into());
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
    let Some(scan) = UnackedScan::of(&mut job.scan) else { return };
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
                Some(_) => Err(TargetError::IndexMigrating { index }.into()),
                None => Ok(Unacked { len: keys.len(), start: UnackedStart { index, entries, bound } }),
            }
        }
        Opened::Missing => match Keys::index_of_nothing(ctx, &name) {
            Opened::Other => Err(ServerError::WrongType.into()),
            _ => Ok(Unacked::nothing(index)),
        },
        Opened::Other => Err(ServerError::WrongType.into()),
        Opened::Refused(_) => Err(TargetError::IndexMigrating { index }.into()),
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

/// The rows of a sample of what workers hold.
pub(super) struct HeldSample<'a> {
    ctx: Ctx<'a>,
    request: &'a Preview,
    matcher: Matcher,
    projection: Projection,
    time: LookTime,
    pub(super) rows: Vec<Reply>,
    /// The entry that was looked at last.
    to: Option<Place>,
}

impl<'a> HeldSample<'a> {
    /// One without rows, for which there are so many nanoseconds.
    pub(super) fn new(
        ctx: Ctx<'a>,
        request: &'a Preview,
        (matcher, projection): (Matcher, Projection),
        longest: u64,
    ) -> Self {
        Self { ctx, request, matcher, projection, time: LookTime::begin(longest), rows: Vec::new(), to: None }
    }

    fn is_over(&mut self) -> bool {
        self.rows.len() >= self.request.sample || self.time.is_over()
    }

    fn see(&mut self, score: f64, message: &[u8]) {
        let mut work = message.len();
        if self.matcher.examine(message).matched && (self.request.inexact || !self.matcher.is_inexact()) {
            let inexact = self.request.inexact.then(|| self.matcher.is_inexact());
            let members = marked(inexact, self.projection.row(message));
            self.rows.push(unacked_row(score, message.len() as u64, &members));
            work += self.projection.work(message);
        }
        self.time.took(work + self.matcher.work());
    }

    /// Looks at the entries that come first, `sample-window` of them at most.
    pub(super) fn look(&mut self, held: &Unacked) {
        let [queue, name] = [&self.request.queue, &held.start.index].map(RString::new);
        let Opened::Keys(mut keys) = Keys::open(self.ctx, &queue, &name) else { return };
        keys.seek(None);
        for _ in 0..settings::now().sample_window() {
            if self.is_over() {
                return;
            }
            let read = keys.next(|score, tag, value| {
                self.to = Some(Place { score, tag: tag.to_vec() });
                match value {
                    Some(message) => self.see(score, message),
                    None => self.time.took(0),
                }
            });
            if read.is_none() {
                return;
            }
        }
    }

    /// Goes on with the matches that a count has found, as far as they are still there.
    pub(super) fn go_on(&mut self, held: &Unacked, found: &[Place]) {
        let [queue, name] = [&self.request.queue, &held.start.index].map(RString::new);
        let Opened::Keys(mut keys) = Keys::open(self.ctx, &queue, &name) else { return };
        let to = self.to.take();
        let is_further =
            |place: &&Place| to.as_ref().is_none_or(|to| to.cmp(place.score, &place.tag).is_lt());
        for place in found.iter().filter(is_further) {
            if self.is_over() {
                return;
            }
            keys.read_at(place, |message| self.see(place.score, message));
        }
    }
}
