//! The context of a callback.

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::api::{api, raw};
use super::string::bytes_of;

/// The context of the present callback.
#[derive(Clone, Copy)]
pub(crate) struct Ctx<'a> {
    raw: *mut raw::RedisModuleCtx,
    scope: PhantomData<&'a ()>,
}

/// The detached context: it exists from load to unload.
static DETACHED: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(ptr::null_mut());

/// The state of the server as a context shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flags(u32);

impl Flags {
    fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
    /// This server is a primary.
    pub(crate) fn primary(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_MASTER)
    }
    /// Writes are refused from everybody but the link to the primary.
    pub(crate) fn read_only(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_READONLY)
    }
    /// The dataset is being loaded.
    pub(crate) fn loading(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_LOADING | raw::REDISMODULE_CTX_FLAGS_ASYNC_LOADING)
    }
    /// The command came from the primary.
    pub(crate) fn replicated(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_REPLICATED)
    }
    /// The append-only file is on.
    pub(crate) fn aof(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_AOF)
    }
    /// More memory is in use than `maxmemory` allows (`RM_GetContextFlags` asks `getMaxmemoryState`, Redis 7.0 to 8.0).
    pub(crate) fn out_of_memory(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_OOM)
    }
    /// The server is part of a cluster, so keys have slots.
    pub(crate) fn cluster(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_CLUSTER)
    }
    /// A script runs.
    pub(crate) fn script(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_LUA)
    }
    /// The caller cannot be blocked: a transaction, a script, another module.
    pub(crate) fn cannot_block(self) -> bool {
        self.has(
            raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING
                | raw::REDISMODULE_CTX_FLAGS_MULTI
                | raw::REDISMODULE_CTX_FLAGS_LUA,
        )
    }
}

impl<'a> Ctx<'a> {
    /// Wraps the context of a callback.
    ///
    /// # Safety
    /// `raw` is valid for the callback that `'a` stands for (S2).
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleCtx) -> Self {
        Self { raw, scope: PhantomData }
    }

    pub(super) fn raw(self) -> *mut raw::RedisModuleCtx {
        self.raw
    }

    /// Returns the context for work outside of any client's command, or null before load and after unload.
    pub(super) fn detached_or_null() -> *mut raw::RedisModuleCtx {
        DETACHED.load(Ordering::Relaxed)
    }

    /// The detached context, once the module is loaded.
    pub(crate) fn detached() -> Option<Ctx<'static>> {
        let raw = Self::detached_or_null();
        (!raw.is_null()).then_some(Ctx { raw, scope: PhantomData })
    }

    /// Creates the detached context.
    pub(super) fn attach(self) {
        // SAFETY: the context is valid (S2); the new one is freed in `detach`.
        let detached = unsafe { api!(RedisModule_GetDetachedThreadSafeContext(self.raw)) };
        DETACHED.store(detached, Ordering::Relaxed);
    }

    /// Frees the detached context.
    pub(super) fn detach() {
        let detached = DETACHED.swap(ptr::null_mut(), Ordering::Relaxed);
        if !detached.is_null() {
            // SAFETY: made in `attach`, and no longer reachable.
            unsafe { api!(RedisModule_FreeThreadSafeContext(detached)) }
        }
    }

    /// State of the server.
    pub(crate) fn flags(self) -> Flags {
        // SAFETY: S2.
        let flags = unsafe { api!(RedisModule_GetContextFlags(self.raw)) };
        Flags(flags.cast_unsigned())
    }

    /// The logical database that is selected.
    pub(crate) fn db(self) -> i32 {
        // SAFETY: S2.
        unsafe { api!(RedisModule_GetSelectedDb(self.raw)) }
    }

    /// Selects a logical database; `false` if there is none with this number.
    pub(crate) fn select(self, db: i32) -> bool {
        // SAFETY: S2.
        unsafe { api!(RedisModule_SelectDb(self.raw, db)) == 0 }
    }

    /// Returns whether a write now would bring down the server, or a failover that waits for replicas to catch up:
    /// during a pause, FAILOVER, or the wait of SHUTDOWN.
    pub(crate) fn must_not_replicate(self) -> bool {
        // SAFETY: takes nothing.
        unsafe { api!(RedisModule_AvoidReplicaTraffic()) != 0 }
    }
}

/// Returns the bytes of an argument vector after the first `skip` strings.
///
/// # Safety
/// `argv` points to `argc` live strings that outlive `'a` (S2), or `argc` is 0.
pub(super) unsafe fn arguments<'a>(
    argv: *mut *mut raw::RedisModuleString,
    argc: i32,
    skip: usize,
) -> Vec<&'a [u8]> {
    let argc = usize::try_from(argc).unwrap_or(0);
    if argc == 0 {
        return Vec::new();
    }
    // SAFETY: the caller's contract.
    unsafe { std::slice::from_raw_parts(argv, argc).iter().skip(skip).map(|arg| bytes_of(*arg)).collect() }
}
