//! Replies on the wire. Bytes of users are bulk strings, never status or error lines.

use std::ffi::{CString, c_long};

use qadmin_core::error::Error;
use qadmin_core::reply::Reply;

use super::api::api;
use super::ctx::Ctx;

/// Sends a reply: a RESP3 map, or a flat RESP2 array, depending on the client's protocol.
pub(crate) fn send(ctx: Ctx<'_>, reply: &Reply) {
    // SAFETY: S2; pointers and lengths describe live bytes. Every map and list is followed by exactly as
    // many replies as it announces.
    unsafe {
        match reply {
            Reply::Map(members) => {
                api!(RedisModule_ReplyWithMap(ctx.raw(), members.len() as c_long));
                for (name, value) in members {
                    api!(RedisModule_ReplyWithStringBuffer(ctx.raw(), name.as_ptr().cast(), name.len()));
                    send(ctx, value);
                }
            }
            Reply::List(items) => {
                api!(RedisModule_ReplyWithArray(ctx.raw(), items.len() as c_long));
                items.iter().for_each(|item| send(ctx, item));
            }
            Reply::Int(n) => {
                api!(RedisModule_ReplyWithLongLong(ctx.raw(), *n));
            }
            Reply::Text(bytes) => {
                api!(RedisModule_ReplyWithStringBuffer(ctx.raw(), bytes.as_ptr().cast(), bytes.len()));
            }
            Reply::Null | Reply::NamedNull => {
                api!(RedisModule_ReplyWithNull(ctx.raw()));
            }
        }
    }
}

/// Sends an error line.
pub(crate) fn error(ctx: Ctx<'_>, error: &Error) {
    error_line(ctx, error.to_string());
}

/// Sends an error line in the server's own words.
pub(crate) fn error_line(ctx: Ctx<'_>, line: String) {
    let line = CString::new(line).unwrap_or_else(|_| c"ERR internal error".to_owned());
    // SAFETY: S2; the line is NUL-terminated and taken as it is, not as a format.
    unsafe { api!(RedisModule_ReplyWithError(ctx.raw(), line.as_ptr())) };
}
