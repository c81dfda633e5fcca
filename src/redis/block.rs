//! Clients that wait while the server goes on.

use std::ffi::{c_int, c_longlong};
use std::ptr;

use qadmin_core::error::Error;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;
use super::reply;

/// A client that waits, as the key under which it is found again. It is unblocked exactly once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Blocked(*mut raw::RedisModuleBlockedClient);

/// What the module does when a wait is over.
pub(crate) struct Callbacks {
    /// The client was unblocked: reply.
    pub(crate) ready: fn(Ctx<'_>, Blocked),
    /// Its time is up, or CLIENT UNBLOCK: reply.
    pub(crate) timeout: fn(Ctx<'_>, Blocked),
    /// It disconnected: nobody to reply to. Says whether it still is to be unblocked (it may have been, a
    /// moment before it left).
    pub(crate) gone: fn(Blocked) -> bool,
}

/// The module's callbacks, set once at load.
pub(crate) static CALLBACKS: std::sync::OnceLock<Callbacks> = std::sync::OnceLock::new();

/// Blocks the calling client for at most `timeout_ms` (0 = for ever). Only where the context allows it.
pub(crate) fn block(ctx: Ctx<'_>, timeout_ms: u64) -> Option<Blocked> {
    let timeout = c_longlong::try_from(timeout_ms).unwrap_or(c_longlong::MAX);
    // SAFETY: S2; the callbacks live as long as the library, which cannot be unloaded while a client waits.
    unsafe {
        let client =
            api!(RedisModule_BlockClient(ctx.raw(), Some(on_ready), Some(on_timeout), None, timeout));
        if client.is_null() {
            return None;
        }
        api!(RedisModule_SetDisconnectCallback(client, Some(on_gone)));
        Some(Blocked(client))
    }
}

/// Lets a client go on; its reply is made in the `ready` callback. The caller forgets the handle.
pub(crate) fn unblock(client: Blocked) {
    // SAFETY: the handle comes from `block` or from one of the callbacks and is used once.
    unsafe { api!(RedisModule_UnblockClient(client.0, ptr::null_mut())) };
}

/// The handle of the client that a callback is about.
fn handle(ctx: *mut raw::RedisModuleCtx) -> Blocked {
    // SAFETY: called in a blocked client's callback (S2).
    Blocked(unsafe { api!(RedisModule_GetBlockedClientHandle(ctx)) })
}

extern "C" fn on_ready(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut *mut raw::RedisModuleString,
    _: c_int,
) -> c_int {
    let client = handle(ctx);
    let answered = guard("a waiting client's reply", || {
        if let Some(callbacks) = CALLBACKS.get() {
            // SAFETY: S2.
            (callbacks.ready)(unsafe { Ctx::new(ctx) }, client);
        }
    });
    if answered.is_none() {
        answer_fault(ctx, client);
    }
    0
}

extern "C" fn on_timeout(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut *mut raw::RedisModuleString,
    _: c_int,
) -> c_int {
    let client = handle(ctx);
    let answered = guard("a waiting client's time-out", || {
        if let Some(callbacks) = CALLBACKS.get() {
            // SAFETY: S2.
            (callbacks.timeout)(unsafe { Ctx::new(ctx) }, client);
        }
    });
    if answered.is_none() {
        answer_fault(ctx, client);
    }
    // The server has replied and lets the client go; the handle is freed by this call.
    unblock(client);
    0
}

extern "C" fn on_gone(_: *mut raw::RedisModuleCtx, client: *mut raw::RedisModuleBlockedClient) {
    // A second try: a client that is remembered although it is gone would be taken for another one later.
    let waits = forget(Blocked(client)).or_else(|| forget(Blocked(client)));
    if waits == Some(true) {
        unblock(Blocked(client));
    }
}

/// Tells the module that nobody waits here any more; says whether the client is still to be unblocked.
fn forget(client: Blocked) -> Option<bool> {
    guard("a waiting client's disconnection", || {
        CALLBACKS.get().is_some_and(|callbacks| (callbacks.gone)(client))
    })
}

/// The callback that makes the reply panicked, which it does before it sends any: the client is answered all the
/// same, and does not wait any more.
fn answer_fault(ctx: *mut raw::RedisModuleCtx, client: Blocked) {
    // SAFETY: S2.
    reply::error(unsafe { Ctx::new(ctx) }, &Error::Internal);
    forget(client);
}
