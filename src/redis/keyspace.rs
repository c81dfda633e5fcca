//! Keyspace notifications: what happens to keys, told synchronously after each command.

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;
use super::list::{List, Mode, Opened};
use super::string::{RString, bytes_of};

/// What the module does when something happens.
pub(crate) struct Callbacks {
    /// Context, event, key.
    pub(crate) event: fn(Ctx<'_>, &[u8], &[u8]),
    /// Events of lists are looked at: false on a server that never had a job. May not panic.
    pub(crate) lists_matter: fn() -> bool,
    /// An event was not followed. May not panic.
    pub(crate) missed: fn(),
}

static CALLBACKS: OnceLock<Callbacks> = OnceLock::new();

/// Subscribes to what can happen to queues and to job records.
pub(crate) fn subscribe(ctx: Ctx<'_>, callbacks: Callbacks) -> bool {
    let _ = CALLBACKS.set(callbacks);
    let types = raw::REDISMODULE_NOTIFY_GENERIC
        | raw::REDISMODULE_NOTIFY_LIST
        | raw::REDISMODULE_NOTIFY_HASH
        | raw::REDISMODULE_NOTIFY_EXPIRED
        | raw::REDISMODULE_NOTIFY_EVICTED
        | raw::REDISMODULE_NOTIFY_LOADED;
    // SAFETY: S2; the callback lives as long as the library.
    unsafe { api!(RedisModule_SubscribeToKeyspaceEvents(ctx.raw(), types, Some(on_event))) == 0 }
}

/// Tells others (subscribers of keyspace events, other modules) what was done to a key.
pub(crate) fn notify_list(ctx: Ctx<'_>, event: &CStr, key: &RString) {
    notify(ctx, raw::REDISMODULE_NOTIFY_LIST, event, key);
}

/// The same for an event of the generic class.
pub(crate) fn notify_generic(ctx: Ctx<'_>, event: &CStr, key: &RString) {
    notify(ctx, raw::REDISMODULE_NOTIFY_GENERIC, event, key);
}

fn notify(ctx: Ctx<'_>, class: c_int, event: &CStr, key: &RString) {
    // SAFETY: S2; event and key are live.
    unsafe { api!(RedisModule_NotifyKeyspaceEvent(ctx.raw(), class, event.as_ptr(), key.raw())) };
}

/// The length of the list under a key, for use inside a notification; `None` if it is no list (any more).
pub(crate) fn list_len(ctx: Ctx<'_>, key: &[u8]) -> Option<u64> {
    let name = RString::new(key);
    match List::open(ctx, &name, Mode::Read) {
        Opened::List(list) => Some(qadmin_core::scan::Queue::len(&list)),
        Opened::Missing | Opened::Other => None,
    }
}

extern "C" fn on_event(
    ctx: *mut raw::RedisModuleCtx,
    class: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    let Some(callbacks) = CALLBACKS.get() else { return 0 };
    // Everybody's pushes and pops pay for this: it comes before anything else.
    if class == raw::REDISMODULE_NOTIFY_LIST && !(callbacks.lists_matter)() {
        return 0;
    }
    let followed = guard("a keyspace notification", || {
        // SAFETY: S2: event and key are live for this callback.
        unsafe { (callbacks.event)(Ctx::new(ctx), CStr::from_ptr(event).to_bytes(), bytes_of(key)) }
    });
    if followed.is_none() {
        (callbacks.missed)();
    }
    0
}
