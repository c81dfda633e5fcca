//! QADMIN.APPLY, the internal command: replicas and append-only files receive each slice of a clear as this
//! command.

use qadmin_core::error::{Error, ServerError, quote};
use qadmin_core::reply::Reply;
use qadmin_core::request::commands;

use crate::entry;
use crate::redis::call::replicate_verbatim;
use crate::redis::{Ctx, fault, log, reply};
use crate::unit::{self, Applied};

/// Key, length before, indexes, fingerprints. For messages that are moved, also: destination, end, its length
/// before. For a list of ids, also: the words for the keys of its messages, of which the fingerprints are, and which
/// fields of them were seen, if they have fields; each message leaves with its id.
pub(super) fn run(ctx: Ctx<'_>, args: &[&[u8]]) {
    let flags = ctx.flags();
    if !flags.replicated() && !flags.loading() {
        return reply::error(
            ctx,
            &Error::Server(ServerError::NotReplicated { command: commands::APPLY.name }),
        );
    }
    match entry::with(|state| unit::apply(state, ctx, args)) {
        Ok(Applied::Done(no_return)) => {
            fault::point("passing on a unit");
            if flags.replicated() {
                // The server does not propagate commands of modules by itself. Without this, the replica's own
                // append-only file would keep the messages that its primary cleared.
                replicate_verbatim(ctx);
            }
            drop(no_return);
            reply::send(ctx, &Reply::Int(1));
        }
        Ok(Applied::Mismatch) => {
            log::warning(&format!(
                "a cleared slice from the primary or the append-only file does not fit this server's list; it \
                 was not applied (INFO qadmin: apply_mismatches): queue {} (db {}), length {}",
                args.first().map(|queue| quote(queue)).unwrap_or_default(),
                ctx.db(),
                args.get(1).map(|len| quote(len)).unwrap_or_default(),
            ));
            reply::error(ctx, &Error::Server(ServerError::UnitMismatch));
        }
        Err(error) => reply::error(ctx, &error),
    }
}
