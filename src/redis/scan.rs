//! A walk over the keys of a database, a few at a time.

use std::ffi::c_void;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;
use super::string::bytes_of;

/// The type of a key, as far as a walk needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// Something else.
    Other,
}

/// The position of a walk. It holds no key and may be kept between callbacks, whatever happens to the keys
/// meanwhile: keys that exist from the beginning to the end of the walk are met at least once.
#[derive(Debug)]
pub(crate) struct Cursor(*mut raw::RedisModuleScanCursor);

/// What a step does with each key.
struct Step<'a> {
    each: &'a mut dyn FnMut(&[u8], Holds),
    missed: bool,
}

impl Cursor {
    /// A walk from the beginning.
    pub(crate) fn new() -> Self {
        // SAFETY: takes nothing; the cursor is ours (S4, but for the time that it lives).
        Self(unsafe { api!(RedisModule_ScanCursorCreate()) })
    }

    /// Passes the keys of one step, a handful, in the context's database to `each`. Returns false when there are
    /// no more.
    ///
    /// # Errors
    /// A key was missed, because `each` panicked.
    pub(crate) fn step(&mut self, ctx: Ctx<'_>, each: &mut dyn FnMut(&[u8], Holds)) -> Result<bool, ()> {
        let mut step = Step { each, missed: false };
        // SAFETY: S2; the callback is called before this returns, with `step`, and with nothing else.
        let more =
            unsafe { api!(RedisModule_Scan(ctx.raw(), self.0, Some(on_key), (&raw mut step).cast())) != 0 };
        if step.missed { Err(()) } else { Ok(more) }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: made in `new`, and not used any more.
        unsafe { api!(RedisModule_ScanCursorDestroy(self.0)) }
    }
}

extern "C" fn on_key(
    _: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
    key: *mut raw::RedisModuleKey,
    step: *mut c_void,
) {
    // SAFETY: `Cursor::step` passes it and waits for the end of the walk's step.
    let step = unsafe { &mut *step.cast::<Step<'_>>() };
    let shown = guard("a key of a walk", || {
        // SAFETY: S2; a null key has no type, which is accepted.
        let (name, kind) = unsafe { (bytes_of(name), api!(RedisModule_KeyType(key))) };
        let holds = match isize::try_from(kind).unwrap_or(-1) {
            raw::REDISMODULE_KEYTYPE_LIST => Holds::List,
            raw::REDISMODULE_KEYTYPE_SET => Holds::Set,
            raw::REDISMODULE_KEYTYPE_ZSET => Holds::SortedSet,
            _ => Holds::Other,
        };
        (step.each)(name, holds);
    });
    step.missed |= shown.is_none();
}
