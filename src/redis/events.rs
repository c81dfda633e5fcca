//! Events of the whole server: flushes, swaps, roles, loading.

use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;
use super::log;
use super::server::is_valkey;

/// An event of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerEvent {
    /// A database is being emptied (`None`: all of them). The event comes before it happens.
    Flush(Option<i32>),
    /// Two databases were swapped.
    Swap(i32, i32),
    /// This server is the primary now.
    Promoted,
    /// This server is a replica now.
    Demoted,
    /// A dataset begins to be loaded that replaces the present one.
    LoadBegins,
    /// Loading ended, successfully or not.
    LoadEnded,
    /// Slots have moved to this server as a whole, with their keys.
    SlotsArrived,
}

/// The event of slots that move as a whole, and its value for the server on which they have arrived. The same number means
/// other events on the other kind of server. Servers without such moves refuse the subscription.
#[derive(Debug, Clone, Copy)]
struct SlotEvent {
    id: u64,
    arrived: u64,
}

/// `VALKEYMODULE_EVENT_ATOMIC_SLOT_MIGRATION` and its `IMPORT_COMPLETED`, since Valkey 9.0.
const OF_VALKEY: SlotEvent = SlotEvent { id: 19, arrived: 4 };
/// `REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION` and its `IMPORT_COMPLETED`, since Redis 8.4.
const OF_REDIS: SlotEvent = SlotEvent { id: 18, arrived: 2 };

/// The event that was subscribed to: its id, or 0.
static SLOTS_OF: AtomicU64 = AtomicU64::new(0);

/// What the module does with an event.
pub(crate) struct Callbacks {
    /// Follows the event.
    pub(crate) event: fn(Ctx<'_>, ServerEvent),
    /// An event could not be followed. It must not panic.
    pub(crate) missed: fn(),
}

static CALLBACKS: OnceLock<Callbacks> = OnceLock::new();

/// The subscription exists.
static FOLLOWS: AtomicBool = AtomicBool::new(false);

/// What the module does with an event, from [`follow`] on.
pub(crate) fn prepare(callbacks: Callbacks) {
    let _ = CALLBACKS.set(callbacks);
    // A library that was unloaded may still be in memory, unchanged.
    FOLLOWS.store(false, Ordering::Relaxed);
}

/// Subscribes to all events once, with the first job, walk or record of a job. It does not happen at load,
/// because the server walks all subscriptions of any event twice in each turn of its loop
/// (`moduleFireServerEvent`, Redis 7.0 to 8.0). That takes about 450 instructions, which would slow down
/// every command of a server without jobs.
pub(crate) fn follow(ctx: Ctx<'_>) {
    if FOLLOWS.load(Ordering::Relaxed) {
        return;
    }
    let follows = subscribe(ctx);
    FOLLOWS.store(follows, Ordering::Relaxed);
    if !follows {
        log::warning(
            "the server refused the subscription to flushes, swaps of databases, role changes and loading",
        );
    }
}

fn subscribe(ctx: Ctx<'_>) -> bool {
    if ctx.flags().cluster() {
        let event = if is_valkey(ctx) { OF_VALKEY } else { OF_REDIS };
        SLOTS_OF.store(if subscribe_to(ctx, event.id) { event.id } else { 0 }, Ordering::Relaxed);
    }
    [
        raw::REDISMODULE_EVENT_FLUSHDB,
        raw::REDISMODULE_EVENT_SWAPDB,
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
        raw::REDISMODULE_EVENT_LOADING,
        raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD,
    ]
    .into_iter()
    .all(|id| subscribe_to(ctx, id))
}

fn subscribe_to(ctx: Ctx<'_>, id: u64) -> bool {
    let event = raw::RedisModuleEvent { id, dataver: 1 };
    // SAFETY: S2; the callback lives as long as the library. A second subscription replaces the first. The server refuses an
    // id that it does not know (`RM_SubscribeToServerEvent`, Redis 7.0 to 8.6, Valkey 7.2 to 9.1).
    unsafe { api!(RedisModule_SubscribeToServerEvent(ctx.raw(), event, Some(on_event))) == 0 }
}

extern "C" fn on_event(
    ctx: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    sub: u64,
    data: *mut c_void,
) {
    let Some(callbacks) = CALLBACKS.get() else { return };
    let followed = guard("a server event", || {
        // SAFETY: the data of an event has the layout that its id and data version name.
        let event = unsafe { decode(event.id, sub, data) };
        if let Some(event) = event {
            // SAFETY: S2.
            (callbacks.event)(unsafe { Ctx::new(ctx) }, event);
        }
    });
    if followed.is_none() {
        (callbacks.missed)();
    }
}

unsafe fn decode(id: u64, sub: u64, data: *mut c_void) -> Option<ServerEvent> {
    match (id, sub) {
        (raw::REDISMODULE_EVENT_FLUSHDB, raw::REDISMODULE_SUBEVENT_FLUSHDB_START) => {
            // SAFETY: the caller's contract.
            let db = unsafe { (*data.cast::<raw::RedisModuleFlushInfoV1>()).dbnum };
            Some(ServerEvent::Flush((db >= 0).then_some(db)))
        }
        (raw::REDISMODULE_EVENT_SWAPDB, _) => {
            // SAFETY: the caller's contract.
            let swap = unsafe { &*data.cast::<raw::RedisModuleSwapDbInfoV1>() };
            Some(ServerEvent::Swap(swap.dbnum_first, swap.dbnum_second))
        }
        (
            raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
            raw::REDISMODULE_EVENT_REPLROLECHANGED_NOW_MASTER,
        ) => Some(ServerEvent::Promoted),
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, _) => Some(ServerEvent::Demoted),
        (
            raw::REDISMODULE_EVENT_LOADING,
            raw::REDISMODULE_SUBEVENT_LOADING_RDB_START
            | raw::REDISMODULE_SUBEVENT_LOADING_AOF_START
            | raw::REDISMODULE_SUBEVENT_LOADING_REPL_START,
        )
        | (raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD, raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED) => {
            Some(ServerEvent::LoadBegins)
        }
        (raw::REDISMODULE_EVENT_LOADING, _) => Some(ServerEvent::LoadEnded),
        (id, sub) if id == SLOTS_OF.load(Ordering::Relaxed) => {
            let event = if id == OF_VALKEY.id { OF_VALKEY } else { OF_REDIS };
            (sub == event.arrived).then_some(ServerEvent::SlotsArrived)
        }
        _ => None,
    }
}
