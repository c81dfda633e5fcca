//! The lists that a command about a queue goes over.

use qadmin_core::container::Container;
use qadmin_core::error::{Error, RequestError, TargetError};
use qadmin_core::job::{Member, Record};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::{List, Priority};
use qadmin_core::reply::Reply;
use qadmin_core::request::CommandSpec;
use qadmin_core::slot;

use super::unacked::{self, Unacked, Words};
use super::{depth, needs_commands};
use crate::redis::acl::Access;
use crate::redis::{Ctx, RString, server};
use crate::rights::{self, Need};
use crate::settings;

/// What a command about a queue goes over.
pub(super) struct Over {
    /// The two keys of what workers hold, where it is about those.
    pub(super) held: Option<Unacked>,
    /// What the messages are taken for.
    pub(super) kind: MessageKind,
    /// The lists, or the hash in their place, and how many messages are in each now.
    pub(super) lists: Vec<(List, u64)>,
}

impl Over {
    /// Looks at the type of the key, and at what the command says about it. The caller has to have the right to do
    /// with all keys together what the server has checked for the queue's own name: `access`, by this command.
    pub(super) fn find(
        ctx: Ctx<'_>,
        words: &Words<'_>,
        command: &CommandSpec,
        access: Access,
    ) -> Result<Self, Error> {
        if ctx.flags().cluster() {
            needs_commands(server::MOVED)?;
        }
        let held = unacked::find(ctx, words, command, access)?;
        let (kind, lists) = match &held {
            Some(held) => (MessageKind::Unacked, held.lists(words.queue)),
            None => {
                let kind = words.kind.unwrap_or_else(|| settings::now().default_kind());
                (kind, lists(ctx, words, kind, command, access)?)
            }
        };
        Ok(Self { held, kind, lists })
    }

    /// Messages in all of them.
    pub(super) fn depth(&self) -> u64 {
        self.lists.iter().map(|(_, len)| len).sum()
    }

    /// What kind of storage that is, as far as the keys and the words of the command tell.
    pub(super) fn container(&self, priority: Option<Priority>) -> Option<Container> {
        Container::of(self.held.is_some(), priority, self.depth() > 0)
    }

    /// The index that is meant, given or not.
    pub(super) fn index(&self) -> Option<Vec<u8>> {
        self.held.as_ref().map(|held| held.start.index.clone())
    }
}

/// The lists in the order in which workers look into them, and how many messages are in each now.
fn lists(
    ctx: Ctx<'_>,
    words: &Words<'_>,
    kind: MessageKind,
    command: &CommandSpec,
    access: Access,
) -> Result<Vec<(List, u64)>, Error> {
    let Words { queue, priority, .. } = *words;
    if priority.is_some() && kind != MessageKind::Celery {
        let why = "only kombu keeps one list per priority step";
        return Err(RequestError::Excludes {
            keyword: "PRIORITY",
            other: "messages of Sidekiq and Resque",
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
    let needs: Vec<Need<'_>> = std::iter::once(queue).chain(others).map(|key| (key, access)).collect();
    if needs.len() > 1 {
        rights::check(ctx, &ctx.caller(), command, &needs)?;
    }
    let len = |list: List| depth(ctx, &RString::new(&list.key)).map(|len| (list, len));
    lists.into_iter().map(len).collect()
}

/// Messages in lists; what holds something else by now holds none.
pub(super) fn depth_now<'a>(ctx: Ctx<'_>, keys: impl Iterator<Item = &'a [u8]>) -> u64 {
    keys.map(|key| depth(ctx, &RString::new(key)).unwrap_or(0)).sum()
}

/// Messages in the lists of a queue with priorities that a command does not go over; null where nobody knows that the
/// caller may read them all by this command, or where another node of a cluster has some of them.
pub(super) fn others_depth<'a>(
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

/// The keys of the lists that a job of which only the record is left went over, as far as the settings tell.
pub(super) fn of_record(record: &Record) -> Vec<Vec<u8>> {
    let queue = record.text(Member::Queue);
    let priority = Priority::parse(record.text(Member::Priority)).ok();
    let lists = settings::now().priorities().lists(queue, priority);
    lists.map_or_else(|_| vec![queue.to_vec()], |lists| lists.into_iter().map(|list| list.key).collect())
}
