//! Commands of the server, called from the module.

use std::ffi::CStr;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::string::RString;

/// How a command is called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallMode {
    /// Reads.
    Read,
    /// Reads with the permissions of the context's user; refused if there is no user.
    AsUser,
    /// Writes and replicates. It is refused with the server's own words where a write of a script would be: on a
    /// replica, without enough good replicas, after a disk error, in the wrong slot. It is not refused for lack of
    /// memory.
    Write,
}

/// The reply of a command.
pub(crate) struct CallReply(*mut raw::RedisModuleCallReply);

impl CallReply {
    fn kind(&self) -> isize {
        // SAFETY: the reply is live (S4).
        isize::try_from(unsafe { api!(RedisModule_CallReplyType(self.0)) }).unwrap_or(-1)
    }

    /// Returns a string or an error as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        bytes(self.0)
    }

    /// Returns the elements of a flat array as bytes.
    pub(crate) fn list(&self) -> Vec<Vec<u8>> {
        if self.kind() != raw::REDISMODULE_REPLY_ARRAY {
            return Vec::new();
        }
        // SAFETY: the reply is live; its elements are owned by it.
        let len = unsafe { api!(RedisModule_CallReplyLength(self.0)) };
        (0..len)
            .map(|at| {
                // SAFETY: as above, `at` is in range.
                bytes(unsafe { api!(RedisModule_CallReplyArrayElement(self.0, at)) })
            })
            .collect()
    }

    /// Returns an integer, or the last one of a flat array.
    pub(crate) fn int(&self) -> Option<i64> {
        // SAFETY: the reply is live; its elements are owned by it. No element answers null, which has no type.
        unsafe {
            let last = if self.kind() == raw::REDISMODULE_REPLY_ARRAY {
                let len = api!(RedisModule_CallReplyLength(self.0));
                api!(RedisModule_CallReplyArrayElement(self.0, len.checked_sub(1)?))
            } else {
                self.0
            };
            let kind = isize::try_from(api!(RedisModule_CallReplyType(last))).ok()?;
            (kind == raw::REDISMODULE_REPLY_INTEGER).then(|| api!(RedisModule_CallReplyInteger(last)))
        }
    }
}

fn bytes(reply: *mut raw::RedisModuleCallReply) -> Vec<u8> {
    let mut len = 0;
    // SAFETY: the reply is live and no longer than its owner; other types than strings answer null.
    unsafe {
        let data = api!(RedisModule_CallReplyStringPtr(reply, &raw mut len));
        if data.is_null() { Vec::new() } else { std::slice::from_raw_parts(data.cast(), len).to_vec() }
    }
}

impl Drop for CallReply {
    fn drop(&mut self) {
        // SAFETY: S4.
        unsafe { api!(RedisModule_FreeCallReply(self.0)) }
    }
}

/// Calls a command of the server in the context's database.
///
/// # Errors
/// The server's error line.
pub(crate) fn call(
    ctx: Ctx<'_>,
    command: &CStr,
    how: CallMode,
    args: &[RString],
) -> Result<CallReply, Vec<u8>> {
    let format = match how {
        CallMode::Read => c"Ev",
        CallMode::AsUser => c"CEv",
        CallMode::Write => c"!SEv",
    };
    let mut argv: Vec<*mut raw::RedisModuleString> = args.iter().map(RString::raw).collect();
    // SAFETY: the format takes one vector: a pointer and its length; all strings live through the call.
    let reply = unsafe {
        api!(RedisModule_Call(ctx.raw(), command.as_ptr(), format.as_ptr(), argv.as_mut_ptr(), argv.len()))
    };
    if reply.is_null() {
        return Err(format!("ERR {} cannot be called here", command.to_string_lossy()).into_bytes());
    }
    let answer = CallReply(reply);
    if answer.kind() == raw::REDISMODULE_REPLY_ERROR { Err(answer.bytes()) } else { Ok(answer) }
}

/// Adds a command of the module to the replication stream and the append-only file, in the present unit.
pub(crate) fn replicate(ctx: Ctx<'_>, command: &CStr, args: &[RString]) -> bool {
    let mut argv: Vec<*mut raw::RedisModuleString> = args.iter().map(RString::raw).collect();
    // SAFETY: as in `call`.
    unsafe {
        api!(RedisModule_Replicate(ctx.raw(), command.as_ptr(), c"v".as_ptr(), argv.as_mut_ptr(), argv.len()))
            == 0
    }
}

/// Adds the present command to the replication stream and the append-only file unchanged.
pub(crate) fn replicate_verbatim(ctx: Ctx<'_>) {
    // SAFETY: S2, inside a command's callback.
    unsafe { api!(RedisModule_ReplicateVerbatim(ctx.raw())) };
}

/// Publishes a message to the subscribers of a channel, in a cluster to those of all its nodes. Not replicated.
pub(crate) fn publish(ctx: Ctx<'_>, channel: &str, message: &[u8]) {
    let (channel, message) = (RString::new(channel), RString::new(message));
    // SAFETY: S2; both strings are live, the server copies what it keeps.
    unsafe { api!(RedisModule_PublishMessage(ctx.raw(), channel.raw(), message.raw())) };
}
