//! Keyspace notifications: changes of keys, which the server reports synchronously after each command.

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;
use super::list;
use super::server;
use super::string::{RString, bytes_of};

/// What the module does with a notification.
pub(crate) struct Callbacks {
    /// Context, event, key.
    pub(crate) event: fn(Ctx<'_>, &[u8], EventKey<'_>),
    /// An event could not be followed. It must not panic.
    pub(crate) missed: fn(),
}

static CALLBACKS: OnceLock<Callbacks> = OnceLock::new();

/// Events of lists are subscribed to.
static FOLLOWS_LISTS: AtomicBool = AtomicBool::new(false);

/// Events of sorted sets are subscribed to.
static FOLLOWS_INDEXES: AtomicBool = AtomicBool::new(false);

/// On this server, a module that follows events of any key moves clients to another database: see
/// [`server::moves_clients`].
static MOVES_CLIENTS: AtomicBool = AtomicBool::new(false);

/// The database that a key is being moved from, between the two events that MOVE causes; negative: none.
static MOVED_FROM: AtomicI32 = AtomicI32::new(-1);

/// Subscribes to events of job records and, if that has no side effect, of any key.
pub(crate) fn subscribe(ctx: Ctx<'_>, callbacks: Callbacks) -> bool {
    let _ = CALLBACKS.set(callbacks);
    // A library that was unloaded may still be in memory, unchanged.
    FOLLOWS_LISTS.store(false, Ordering::Relaxed);
    FOLLOWS_INDEXES.store(false, Ordering::Relaxed);
    let moves_clients = server::moves_clients(ctx);
    MOVES_CLIENTS.store(moves_clients, Ordering::Relaxed);
    let any_key = if moves_clients { 0 } else { raw::REDISMODULE_NOTIFY_GENERIC };
    let types = any_key
        | raw::REDISMODULE_NOTIFY_HASH
        | raw::REDISMODULE_NOTIFY_EXPIRED
        | raw::REDISMODULE_NOTIFY_EVICTED
        | raw::REDISMODULE_NOTIFY_LOADED;
    // SAFETY: S2; the callback lives as long as the library.
    unsafe { api!(RedisModule_SubscribeToKeyspaceEvents(ctx.raw(), types, Some(on_event))) == 0 }
}

/// Subscribes to pushes, pops and edits, once. It is not done at load: the server takes some 500 instructions to
/// bring an event to a module, and every LPUSH of a server without jobs would pay for it. If following any key
/// moves clients, that subscription begins here, too; Valkey 8.1 has no call that would end it. Returns false if
/// the server refuses.
pub(crate) fn follow_lists(ctx: Ctx<'_>) -> bool {
    let any_key = if MOVES_CLIENTS.load(Ordering::Relaxed) { raw::REDISMODULE_NOTIFY_GENERIC } else { 0 };
    follow_once(ctx, raw::REDISMODULE_NOTIFY_LIST | any_key, &FOLLOWS_LISTS)
}

/// Subscribes to changes of sorted sets, once: when the first job on unacknowledged messages begins, for the same
/// reason. Events of any key are subscribed to since [`follow_lists`]. Returns false if the server refuses.
pub(crate) fn follow_indexes(ctx: Ctx<'_>) -> bool {
    follow_once(ctx, raw::REDISMODULE_NOTIFY_ZSET, &FOLLOWS_INDEXES)
}

fn follow_once(ctx: Ctx<'_>, types: c_int, follows: &AtomicBool) -> bool {
    // SAFETY: S2; the callback lives as long as the library.
    let subscribe =
        || unsafe { api!(RedisModule_SubscribeToKeyspaceEvents(ctx.raw(), types, Some(on_event))) == 0 };
    if !follows.load(Ordering::Relaxed) {
        follows.store(subscribe(), Ordering::Relaxed);
    }
    follows.load(Ordering::Relaxed)
}

/// Notifies others (subscribers of keyspace events, other modules) of a change of a key.
pub(crate) fn notify_list(ctx: Ctx<'_>, event: &CStr, key: &RString) {
    notify(ctx, raw::REDISMODULE_NOTIFY_LIST, event, key);
}

/// The same for an event of hashes.
pub(crate) fn notify_hash(ctx: Ctx<'_>, event: &CStr, key: &RString) {
    notify(ctx, raw::REDISMODULE_NOTIFY_HASH, event, key);
}

/// The same for an event of sorted sets.
pub(crate) fn notify_sorted_set(ctx: Ctx<'_>, event: &CStr, key: &RString) {
    notify(ctx, raw::REDISMODULE_NOTIFY_ZSET, event, key);
}

/// The same for an event of the generic class.
pub(crate) fn notify_generic(ctx: Ctx<'_>, event: &CStr, key: &RString) {
    notify(ctx, raw::REDISMODULE_NOTIFY_GENERIC, event, key);
}

fn notify(ctx: Ctx<'_>, class: c_int, event: &CStr, key: &RString) {
    // SAFETY: S2; event and key are live.
    unsafe { api!(RedisModule_NotifyKeyspaceEvent(ctx.raw(), class, event.as_ptr(), key.raw())) };
}

/// The key of an event. It is the server's own string: an event of a list that is followed copies no name.
#[derive(Clone, Copy)]
pub(crate) struct EventKey<'c> {
    raw: *mut raw::RedisModuleString,
    bytes: &'c [u8],
}

impl<'c> EventKey<'c> {
    /// Its bytes.
    pub(crate) fn bytes(self) -> &'c [u8] {
        self.bytes
    }

    /// Returns the length of the list under the key, or `None` if the key is not a list (any more).
    pub(crate) fn list_len(self, ctx: Ctx<'_>) -> Option<u64> {
        // SAFETY: S2; the name lives for the callback.
        unsafe { list::len_under(ctx, self.raw) }
    }
}

extern "C" fn on_event(
    ctx: *mut raw::RedisModuleCtx,
    _: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    let Some(callbacks) = CALLBACKS.get() else { return 0 };
    // SAFETY: S2: event and key are live for this callback.
    let (ctx, event, key) = unsafe {
        (Ctx::new(ctx), CStr::from_ptr(event).to_bytes(), EventKey { raw: key, bytes: bytes_of(key) })
    };
    let followed = guard("a keyspace notification", || (callbacks.event)(ctx, event, key));
    if followed.is_none() {
        (callbacks.missed)();
    }
    if MOVES_CLIENTS.load(Ordering::Relaxed) {
        bring_back(ctx, event);
    }
    0
}

/// Returns the client that moved a key to the database that it had selected, which is the one that the key left.
/// The two events of a MOVE follow each other. COPY with DB has one event, which says where the copy is and
/// nothing about the client's database.
fn bring_back(ctx: Ctx<'_>, event: &[u8]) {
    match event {
        b"move_from" => MOVED_FROM.store(ctx.db(), Ordering::Relaxed),
        b"move_to" => {
            let from = MOVED_FROM.swap(-1, Ordering::Relaxed);
            if from >= 0 {
                ctx.select(from);
            }
        }
        _ => {}
    }
}
