//! Permissions on keys that the server does not check: those of a job, those that belong to a queue, and those
//! that a walk over the database finds.
//!
//! Every check is about a command and all keys that it touches, because the rule of the server is that one
//! selector of the user permits all of them together.

use qadmin_core::error::{Error, ServerError};
use qadmin_core::job::{Job, JobKind};
use qadmin_core::message_place::MessageKeys;
use qadmin_core::request::{CommandSpec, commands};
use qadmin_core::tokens::TokenKeys;

use crate::redis::acl::{self, Access, Right};
use crate::redis::caller::Caller;
use crate::redis::{Ctx, server};

/// A key and how it is used.
pub(crate) type Need<'a> = (&'a [u8], Access);

/// Returns whether the caller may run this command on these keys. Modules and the link to the primary have no
/// user, and may. For a command with a key spec the first key is the queue.
pub(crate) fn may(caller: &Caller, command: &CommandSpec, needs: &[Need<'_>]) -> bool {
    match &caller.user {
        Some(user) => acl::may(user, command, needs) == Right::Granted,
        None => !caller.unknown,
    }
}

/// Returns whether the caller may run this command on keys that it reads.
pub(crate) fn may_read<'a>(
    caller: &Caller,
    command: &CommandSpec,
    keys: impl IntoIterator<Item = &'a [u8]>,
) -> bool {
    let needs: Vec<Need<'_>> = keys.into_iter().map(|key| (key, Access::Read)).collect();
    may(caller, command, &needs)
}

/// Does the same check, and refuses in the server's own words. Refusals go to ACL LOG as the server's own do.
///
/// # Errors
/// [`ServerError::NoPermKey`]; [`ServerError::NoCommand`] if the user who called a script is unknown.
pub(crate) fn check(
    ctx: Ctx<'_>,
    caller: &Caller,
    command: &CommandSpec,
    needs: &[Need<'_>],
) -> Result<(), Error> {
    if may(caller, command, needs) {
        return Ok(());
    }
    if caller.unknown
        && let Some(command) = server::missing(server::ACL)
    {
        return Err(ServerError::NoCommand { command }.into());
    }
    if let Some(user) = &caller.user {
        // Returns the key that no selector grants, or the key that is one too many.
        let refused = needs.iter().find(|need| acl::may(user, command, &[**need]) != Right::Granted);
        if let Some((key, _)) = refused.or(needs.last()) {
            acl::log_denied_key(ctx, user, key);
        }
    }
    Err(ServerError::NoPermKey.into())
}

/// Returns the command that starts jobs of this kind.
pub(crate) fn starter(kind: JobKind) -> &'static CommandSpec {
    match kind {
        JobKind::Preview => &commands::PREVIEW,
        JobKind::Stats => &commands::STATS,
        JobKind::Show => &commands::SHOW,
        JobKind::Clear => &commands::CLEARJOB,
        JobKind::Undo => &commands::UNDO,
    }
}

/// Returns how a job uses its keys: the name of the queue first, its other lists, the index of unacknowledged
/// messages, the keys of the messages of a list of ids, and the destination of matches. Keys that no part of the job names are in
/// `tokens`, which are those of [`TokenKeys::of`].
pub(crate) fn needs_of<'j>(job: &'j Job, tokens: &'j TokenKeys) -> Vec<Need<'j>> {
    let start = job.start();
    let access = if start.kind.is_recorded() { Access::TakeOut } else { Access::Read };
    let messages = start.storage.message_keys().into_iter();
    let messages = messages.flat_map(|keys| needs_of_messages(keys, access));
    let others = job.all_keys().filter(|key| *key != start.queue);
    let to = start.clear_options.to.iter().map(|to| (to.key.as_slice(), Access::Add));
    let taken = std::iter::once(start.queue.as_slice()).chain(others);
    taken.map(|key| (key, access)).chain(messages).chain(to).chain(needs_of_tokens(tokens)).collect()
}

/// Returns how the tokens of Laravel's lists are used.
pub(crate) fn needs_of_tokens(tokens: &TokenKeys) -> impl Iterator<Item = Need<'_>> {
    let from = tokens.from.iter().map(|key| (key.as_slice(), Access::TakeOut));
    from.chain(tokens.to.iter().map(|key| (key.as_slice(), Access::Add)))
}

/// Returns how the keys with the messages of a list of ids are used, given how the list is used.
pub(crate) fn needs_of_messages(keys: &MessageKeys, access: Access) -> impl Iterator<Item = Need<'_>> {
    let of_each = if keys.are_many() { access.of_any() } else { access };
    keys.guarded(access == Access::TakeOut).map(move |key| (key, of_each))
}
