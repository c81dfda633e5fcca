//! A key that exists, opened for one callback.

use std::ffi::c_void;
use std::ptr;

use super::api::{api, has, raw};
use super::ctx::Ctx;
use super::string::RString;

/// The flags for reading a key. That does not change its idle time.
pub(super) const READ: u32 = raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH;

/// Returns the flags with which a key is read as often as a queue has ids: where the server can, it counts no hit and no
/// miss, and reports no missing key.
pub(super) fn reading() -> u32 {
    if !has!(RedisModule_GetOpenKeyModesAll) {
        return READ;
    }
    let quiet = raw::REDISMODULE_OPEN_KEY_NOSTATS | raw::REDISMODULE_OPEN_KEY_NONOTIFY;
    // SAFETY: the table has the function (S3).
    READ | unsafe { api!(RedisModule_GetOpenKeyModesAll()) }.cast_unsigned() & quiet
}

/// A key that exists, opened for one callback.
pub(super) struct Key<'c> {
    key: *mut raw::RedisModuleKey,
    name: RString,
    /// The handle must not be kept beyond the callback.
    _ctx: Ctx<'c>,
}

impl<'c> Key<'c> {
    /// Opens a key; `None` if it is missing.
    pub(super) fn open(ctx: Ctx<'c>, name: Vec<u8>, flags: u32) -> Option<Self> {
        let name = RString::new(name);
        // SAFETY: context and name are live (S2, S4).
        let key = unsafe { api!(RedisModule_OpenKey(ctx.raw(), name.raw(), flags.cast_signed())) };
        let opened = (!key.is_null()).then(|| Self { key, name, _ctx: ctx })?;
        // A key that is opened for writing has a handle although it is missing.
        (!opened.is(raw::REDISMODULE_KEYTYPE_EMPTY)).then_some(opened)
    }

    /// Returns its name.
    pub(super) fn name(&self) -> &[u8] {
        self.name.bytes()
    }

    /// Returns whether it is of this type.
    pub(super) fn is(&self, kind: isize) -> bool {
        // SAFETY: the handle is live.
        isize::try_from(unsafe { api!(RedisModule_KeyType(self.key)) }) == Ok(kind)
    }

    /// Returns this field of a hash.
    pub(super) fn field(&self, name: &RString) -> Option<RString> {
        let mut value: *mut raw::RedisModuleString = ptr::null_mut();
        // SAFETY: the handle and the name are live; pairs of field and place follow the flags, and a null ends them. The
        // answer is a string of our own (S4), or null where there is no such field.
        unsafe {
            let end = ptr::null_mut::<c_void>();
            let flags = raw::REDISMODULE_HASH_NONE.cast_signed();
            api!(RedisModule_HashGet(self.key, flags, name.raw(), &raw mut value, end));
            RString::own(value)
        }
    }

    /// Returns whether it is a string with these bytes.
    pub(super) fn holds(&self, text: &[u8]) -> bool {
        self.with_text(|own| own == text).unwrap_or(false)
    }

    /// Returns a copy of a string.
    pub(super) fn text(&self) -> Option<RString> {
        self.with_text(|text| RString::new(text))
    }

    /// Removes a member from a sorted set that is open for writing; returns whether it was one. The set is gone with its
    /// last member. Nothing is replicated, signalled or announced here.
    pub(super) fn remove_member(&mut self, member: &RString) -> bool {
        let mut removed = 0;
        // SAFETY: the handle and the member are live; the place for the answer outlives the call. The function fails for keys
        // of other types and changes nothing then.
        let done = unsafe { api!(RedisModule_ZsetRem(self.key, member.raw(), &raw mut removed)) };
        done == 0 && removed == 1
    }

    /// Passes the bytes of a string on; `None` if it is none.
    fn with_text<R>(&self, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        if !self.is(raw::REDISMODULE_KEYTYPE_STRING) {
            return None;
        }
        let mut len = 0;
        // SAFETY: the handle is live and its key is a string. The answer points into the value, which nothing changes
        // before it was read; it is null where the function fails.
        unsafe {
            let data =
                api!(RedisModule_StringDMA(self.key, &raw mut len, raw::REDISMODULE_READ.cast_signed()));
            (!data.is_null()).then(|| f(std::slice::from_raw_parts(data.cast::<u8>(), len)))
        }
    }

    /// Deletes the key. Nothing is replicated, signalled or announced here.
    pub(super) fn delete(&mut self) {
        // SAFETY: the handle is live and open for writing. The function uses its name alone.
        unsafe { api!(RedisModule_UnlinkKey(self.key)) };
    }

    /// Closes the handle and returns the name.
    pub(super) fn close(self) -> RString {
        RString::new(self.name.bytes())
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // SAFETY: S4.
        unsafe { api!(RedisModule_CloseKey(self.key)) }
    }
}
