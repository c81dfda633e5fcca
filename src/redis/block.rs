//! Blocked clients, which wait while the server continues.

use std::ffi::{c_int, c_longlong};
use std::ptr;

use qadmin_core::error::{Error, ServerError};

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;
use super::reply;

/// The id of a blocked client, by which it is found again. The server may give it to another client after the
/// first one was unblocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientId(*mut raw::RedisModuleBlockedClient);

/// The permission to unblock a client. There is one for each client, and unblocking the client consumes it,
/// because the server frees what it refers to.
#[derive(Debug)]
#[must_use = "a client that nobody lets go waits until its time is up"]
pub(crate) struct Blocked(ClientId);

impl Blocked {
    /// Returns the client's id.
    pub(crate) fn id(&self) -> ClientId {
        self.0
    }

    /// Unblocks the client; its reply is made in the `ready` callback.
    pub(crate) fn unblock(self) {
        let ClientId(client) = self.0;
        // SAFETY: the handle comes from `block`, or from the server in a callback that asks for this call, and `self`
        // was the only token for it.
        unsafe { api!(RedisModule_UnblockClient(client, ptr::null_mut())) };
    }
}

/// What the module does when a wait ends.
pub(crate) struct Callbacks {
    /// The client was unblocked: reply.
    pub(crate) ready: fn(Ctx<'_>, ClientId),
    /// Its time is up, or CLIENT UNBLOCK: reply, and forget the token, which the caller consumes.
    pub(crate) timeout: fn(Ctx<'_>, ClientId),
    /// It disconnected: nobody needs a reply. Returns the token, unless it was used just before the client
    /// disconnected.
    pub(crate) gone: fn(ClientId) -> Option<Blocked>,
}

/// The module's callbacks, set once at load.
pub(crate) static CALLBACKS: std::sync::OnceLock<Callbacks> = std::sync::OnceLock::new();

/// Blocks the calling client for at most `timeout_ms` (0 = forever). The context must allow it.
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
        Some(Blocked(ClientId(client)))
    }
}

/// Returns the client that a callback is about.
fn handle(ctx: *mut raw::RedisModuleCtx) -> ClientId {
    // SAFETY: called in a blocked client's callback (S2).
    ClientId(unsafe { api!(RedisModule_GetBlockedClientHandle(ctx)) })
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
    // The server has replied and unblocks the client; this call frees the handle. The server calls this timeout
    // callback only for clients that were not unblocked, and the module has dropped its token.
    Blocked(client).unblock();
    0
}

extern "C" fn on_gone(_: *mut raw::RedisModuleCtx, client: *mut raw::RedisModuleBlockedClient) {
    let client = ClientId(client);
    // A second attempt: a client that is remembered although it has disconnected would later be confused with
    // another one.
    if let Some(Some(token)) = forget(client).or_else(|| forget(client)) {
        token.unblock();
    }
}

/// Reports to the module that a client does not wait any more. Returns the token if the client still has to be
/// unblocked, and `None` if the module panicked.
fn forget(client: ClientId) -> Option<Option<Blocked>> {
    guard("a waiting client's disconnection", || {
        CALLBACKS.get().and_then(|callbacks| (callbacks.gone)(client))
    })
}

/// The callback that makes the reply panicked, which it does before it sends anything: the client gets a reply
/// nevertheless, and does not wait any more.
fn answer_fault(ctx: *mut raw::RedisModuleCtx, client: ClientId) {
    // SAFETY: S2.
    reply::error(unsafe { Ctx::new(ctx) }, &Error::Server(ServerError::Internal));
    // The server unblocks the client: the token is dropped.
    let _ = forget(client);
}
