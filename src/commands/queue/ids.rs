//! The keys that have the messages of a list or a sorted set of ids.

use qadmin_core::container::ContainerOption;
use qadmin_core::error::{Error, ServerError, TargetError};
use qadmin_core::kind::MessageKind;
use qadmin_core::message_place::{IdKey, MessageKeys};
use qadmin_core::request::CommandSpec;
use qadmin_core::slot;

use crate::probe;
use crate::redis::acl::Access;
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::{Ctx, RString};
use crate::rights::{self, Need, needs_of_messages};

/// Returns the keys that have the messages of a key of this type; `None` if it has them itself.
///
/// # Errors
/// The library does not give such a name to a key of ids, or the keys cannot be used: see [`check_messages`].
pub(super) fn find_messages(
    ctx: Ctx<'_>,
    queue: &[u8],
    (kind, of): (MessageKind, IdKey),
    command: &CommandSpec,
    access: Access,
) -> Result<Option<MessageKeys>, Error> {
    let spec = kind.spec();
    let keys = spec.place.keys_of(queue, of);
    match (&keys, spec.names) {
        (Some(keys), _) => check_messages(ctx, queue, keys, command, access)?,
        (None, Some(names)) => {
            let kind = ContainerOption::As(kind).keyword();
            return Err(TargetError::NotOfLibrary { queue: queue.to_vec(), kind, names }.into());
        }
        (None, None) => {}
    }
    Ok(keys)
}

/// Checks the keys that have the messages of a list of ids. The server does not know that they are keys of the command.
///
/// # Errors
/// A key is in another slot or has the wrong type, or the caller lacks a right.
fn check_messages(
    ctx: Ctx<'_>,
    queue: &[u8],
    keys: &MessageKeys,
    command: &CommandSpec,
    access: Access,
) -> Result<(), Error> {
    let is_elsewhere = |key: &Vec<u8>| slot::of(queue) != slot::of(key);
    if ctx.flags().cluster()
        && let Some(key) = keys.examples().into_iter().find(is_elsewhere)
    {
        let queue = queue.to_vec();
        return Err(match keys {
            MessageKeys::Hash(_) => TargetError::MessageSlot { queue, hash: key },
            MessageKeys::Jobs(_) => TargetError::JobSlot { queue, job: key },
        }
        .into());
    }
    if probe::are_moving(ctx, keys) {
        return Err(TargetError::IndexMigrating { index: queue.to_vec() }.into());
    }
    let needs: Vec<Need<'_>> =
        std::iter::once((queue, access)).chain(needs_of_messages(keys, access)).collect();
    rights::check(ctx, &ctx.caller(), command, &needs)?;
    let MessageKeys::Hash(hash) = keys else { return Ok(()) };
    match Hash::open(ctx, &RString::new(hash)) {
        OpenedHash::Other => Err(ServerError::WrongType.into()),
        OpenedHash::Hash(_) | OpenedHash::Missing => Ok(()),
    }
}
