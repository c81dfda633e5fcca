//! A hash key, opened for one callback.

use std::ffi::c_void;
use std::ptr;

use super::api::{api, raw};
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

/// An opened hash, to read from. It must be dropped before anything writes to its key.
pub(crate) struct Hash<'c> {
    key: *mut raw::RedisModuleKey,
    /// The handle must not be kept beyond the callback, nor beyond the name.
    _scope: (Ctx<'c>, &'c RString),
}

impl<'c> Hash<'c> {
    /// Opens a key. It does not change the key's idle time.
    pub(crate) fn open(ctx: Ctx<'c>, name: &'c RString) -> OpenedHash<'c> {
        let flags = raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH;
        // SAFETY: context and name are live (S2, S4). A null answer (missing key) is accepted by KeyType.
        let (key, kind) = unsafe {
            let key = api!(RedisModule_OpenKey(ctx.raw(), name.raw(), flags.cast_signed()));
            (key, api!(RedisModule_KeyType(key)))
        };
        let hash = Self { key, _scope: (ctx, name) };
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
}

impl Drop for Hash<'_> {
    fn drop(&mut self) {
        if !self.key.is_null() {
            // SAFETY: S4.
            unsafe { api!(RedisModule_CloseKey(self.key)) }
        }
    }
}
