//! A hash key, opened for one callback.
//!
//! Reading and deleting fields on one handle is right in any order: `RM_HashSet` and `RM_HashGet` (Redis 7.0 to 8.0,
//! Valkey 8.1) look the field up each time, and the handle of a hash that was emptied has no value any more.

use std::ffi::c_void;
use std::ptr;

use super::api::{api, has, raw};
use super::ctx::Ctx;
use super::string::RString;

/// The type of a key.
pub(crate) enum OpenedHash<'c> {
    /// A hash.
    Hash(Hash<'c>),
    /// The key is missing.
    Missing,
    /// Another type.
    Other,
}

/// An opened hash. It must be dropped before a command writes to its key.
pub(crate) struct Hash<'c> {
    key: *mut raw::RedisModuleKey,
    /// The handle must not be kept beyond the callback, nor beyond the name.
    ctx: Ctx<'c>,
    name: &'c RString,
    is_writable: bool,
    /// Deleted fields.
    deleted: u64,
}

/// The flag by which fields whose time is over can be read; 0 where the server does not know it.
pub(super) fn expired_fields() -> u32 {
    if !has!(RedisModule_GetOpenKeyModesAll) {
        return 0;
    }
    // SAFETY: the table has the function (S3).
    unsafe { api!(RedisModule_GetOpenKeyModesAll()) }.cast_unsigned()
        & raw::REDISMODULE_OPEN_KEY_ACCESS_EXPIRED
}

impl<'c> Hash<'c> {
    /// Opens a key for reading. It does not change the key's idle time.
    pub(crate) fn open(ctx: Ctx<'c>, name: &'c RString) -> OpenedHash<'c> {
        Self::open_for(ctx, name, false)
    }

    /// Opens a key for reading and, if `is_writable`, for [`Self::delete`]. Opening alone changes nothing: the
    /// module has disabled the implicit signal of closing (`RM_SetModuleOptions`).
    pub(crate) fn open_for(ctx: Ctx<'c>, name: &'c RString, is_writable: bool) -> OpenedHash<'c> {
        let mut flags = raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH;
        if is_writable {
            flags |= raw::REDISMODULE_WRITE;
        }
        // What a file contains was done while its fields were there, whatever time it is now.
        if ctx.flags().loading() {
            flags |= expired_fields();
        }
        // SAFETY: context and name are live (S2, S4). A null answer (missing key) is accepted by KeyType.
        let (key, kind) = unsafe {
            let key = api!(RedisModule_OpenKey(ctx.raw(), name.raw(), flags.cast_signed()));
            (key, api!(RedisModule_KeyType(key)))
        };
        let hash = Self { key, ctx, name, is_writable, deleted: 0 };
        match isize::try_from(kind).unwrap_or(-1) {
            raw::REDISMODULE_KEYTYPE_HASH => OpenedHash::Hash(hash),
            raw::REDISMODULE_KEYTYPE_EMPTY => OpenedHash::Missing,
            _ => OpenedHash::Other,
        }
    }

    /// Returns the number of its fields.
    pub(crate) fn len(&self) -> u64 {
        // SAFETY: the handle is live.
        unsafe { api!(RedisModule_ValueLength(self.key)) as u64 }
    }

    /// The value of a field.
    pub(crate) fn get(&self, field: &RString) -> Option<RString> {
        let mut value: *mut raw::RedisModuleString = ptr::null_mut();
        // SAFETY: the handle and the field are live; pairs of field and place follow the flags, and a null ends them.
        // The answer is a string of our own (S4), or null where there is no such field.
        unsafe {
            let end = ptr::null_mut::<c_void>();
            let flags = raw::REDISMODULE_HASH_NONE.cast_signed();
            api!(RedisModule_HashGet(self.key, flags, field.raw(), &raw mut value, end));
            RString::own(value)
        }
    }

    /// Deletes a field, and the key with its last field. Nothing is replicated, signalled or announced here. Returns
    /// whether the field was there.
    pub(crate) fn delete(&mut self, field: &RString) -> bool {
        // On a key without a value, the function would create a hash before it deletes.
        if !self.is_writable || self.len() == 0 {
            return false;
        }
        // SAFETY: as in `get`; the handle is open for writing. REDISMODULE_HASH_DELETE is the pointer 1, which stands
        // for a value and is not followed.
        let deleted = unsafe {
            let end = ptr::null_mut::<c_void>();
            let delete = ptr::without_provenance_mut::<raw::RedisModuleString>(1);
            let flags = raw::REDISMODULE_HASH_NONE.cast_signed();
            api!(RedisModule_HashSet(self.key, flags, field.raw(), delete, end))
        } == 1;
        self.deleted += u64::from(deleted);
        deleted
    }

    /// Closes the key and, if fields were deleted, signals it as modified (WATCH, client-side caches). Returns whether
    /// fields were deleted, and whether the key is gone with its last one.
    pub(crate) fn close(self) -> (bool, bool) {
        let (ctx, name, changed) = (self.ctx, self.name, self.deleted > 0);
        let emptied = changed && self.len() == 0;
        drop(self);
        if changed {
            // SAFETY: context and name are live.
            unsafe { api!(RedisModule_SignalModifiedKey(ctx.raw(), name.raw())) };
        }
        (changed, emptied)
    }
}

impl Drop for Hash<'_> {
    fn drop(&mut self) {
        if !self.key.is_null() {
            // SAFETY: S4.
            unsafe { api!(RedisModule_CloseKey(self.key)) }
        }
    }
}
