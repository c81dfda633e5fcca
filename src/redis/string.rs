//! Owned strings of the server.

use std::ptr;

use super::api::{api, raw};

/// A string that belongs to us.
pub(crate) struct RString(*mut raw::RedisModuleString);

impl RString {
    /// Copies bytes into a new string.
    pub(crate) fn new(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        // SAFETY: pointer and length describe `bytes`; without a context the string is ours to free (S4).
        Self(unsafe { api!(RedisModule_CreateString(ptr::null_mut(), bytes.as_ptr().cast(), bytes.len())) })
    }

    /// Takes over a string that the server handed us. `None` for null.
    ///
    /// # Safety
    /// `raw` is null or a live string that nobody else frees.
    pub(super) unsafe fn own(raw: *mut raw::RedisModuleString) -> Option<Self> {
        // Lazily: a string that is made is freed, and there is nothing to free in null.
        (!raw.is_null()).then(|| Self(raw))
    }

    /// Gives the string away; the receiver frees it.
    pub(super) fn into_raw(self) -> *mut raw::RedisModuleString {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }

    pub(super) fn raw(&self) -> *mut raw::RedisModuleString {
        self.0
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the string lives as long as `self`, and nobody writes to it.
        unsafe { bytes_of(self.0) }
    }
}

impl Drop for RString {
    fn drop(&mut self) {
        // SAFETY: S4.
        unsafe { api!(RedisModule_FreeString(ptr::null_mut(), self.0)) }
    }
}

/// The bytes of a server string.
///
/// # Safety
/// `raw` is a live string that outlives `'a` unchanged.
pub(super) unsafe fn bytes_of<'a>(raw: *const raw::RedisModuleString) -> &'a [u8] {
    let mut len = 0;
    // SAFETY: the string is live; the answer points into it.
    unsafe {
        let data = api!(RedisModule_StringPtrLen(raw, &raw mut len));
        if data.is_null() { &[] } else { std::slice::from_raw_parts(data.cast(), len) }
    }
}
