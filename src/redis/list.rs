//! A list key, opened for one callback.
//!
//! The iterator of `RM_ListGet` and `RM_ListDelete` lives in the key handle: the first access walks from
//! the nearer end, the following ones step. Reading is right in every direction. After a deletion only
//! forward walks over indexes from the head are right (redis#12614); [`List::erase`] therefore takes the
//! list by value, and nothing can be read through the handle afterwards.

use std::ffi::c_long;

use qadmin_core::scan::Queue;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::string::{RString, bytes_of};

/// What a key holds.
pub(crate) enum Opened<'c> {
    /// Messages.
    List(List<'c>),
    /// Nothing.
    Missing,
    /// Another type.
    Other,
}

/// What the handle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reading; leaves no trace on the key's idle time.
    Read,
    /// Reading, and then perhaps [`List::erase`]. Opening alone changes nothing: the module turned the
    /// implicit signal of closing off (`RM_SetModuleOptions`).
    Erase,
}

/// An opened list.
pub(crate) struct List<'c> {
    key: *mut raw::RedisModuleKey,
    ctx: Ctx<'c>,
    name: &'c RString,
    len: u64,
    /// Where the iterator stands.
    at: Option<u64>,
}

/// What an erasure did.
pub(crate) struct Erased {
    /// How many of the indexes, from the first, were taken out: all of them unless the server refused one.
    pub(crate) count: usize,
    /// The list is empty now, and its key gone.
    pub(crate) emptied: bool,
}

fn open<'c>(ctx: Ctx<'c>, name: &'c RString, mode: Mode) -> Opened<'c> {
    let flags = match mode {
        Mode::Read => raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH,
        Mode::Erase => raw::REDISMODULE_READ | raw::REDISMODULE_WRITE,
    };
    // SAFETY: context and name are live (S2, S4). A null answer (missing key) is accepted by KeyType.
    let (key, kind) = unsafe {
        let key = api!(RedisModule_OpenKey(ctx.raw(), name.raw(), flags.cast_signed()));
        (key, api!(RedisModule_KeyType(key)))
    };
    let mut list = List { key, ctx, name, len: 0, at: None };
    match isize::try_from(kind).unwrap_or(-1) {
        raw::REDISMODULE_KEYTYPE_LIST => {
            // SAFETY: the handle is live.
            list.len = unsafe { api!(RedisModule_ValueLength(key)) } as u64;
            Opened::List(list)
        }
        raw::REDISMODULE_KEYTYPE_EMPTY => Opened::Missing,
        _ => Opened::Other,
    }
}

impl<'c> List<'c> {
    /// Opens a key. The handle must not be kept beyond the callback, which its lifetime ensures.
    pub(crate) fn open(ctx: Ctx<'c>, name: &'c RString, mode: Mode) -> Opened<'c> {
        open(ctx, name, mode)
    }

    /// Takes out the messages at these indexes (0 = head, ascending, without repetition) and signals the
    /// key as modified.
    pub(crate) fn erase(mut self, ascending: &[u64]) -> Erased {
        let Some(first) = ascending.first().copied() else { return Erased { count: 0, emptied: false } };
        // A seek to the index where the iterator stands keeps its direction, and that must be forward. So
        // come from the message in front of it; in front of the first there is none: begin anew.
        if self.at.is_some_and(|at| at >= first) {
            if first == 0 {
                let Opened::List(again) = open(self.ctx, self.name, Mode::Erase) else {
                    return Erased { count: 0, emptied: false };
                };
                self = again;
            } else {
                self.read(first - 1, |_| ());
            }
        }
        let mut count = 0;
        for (taken, index) in ascending.iter().enumerate() {
            // Those already taken out stood nearer to the head.
            let Ok(index) = c_long::try_from(index - taken as u64) else { break };
            // SAFETY: the handle is live and open for writing. The walk is forward over indexes >= 0.
            if unsafe { api!(RedisModule_ListDelete(self.key, index)) } != 0 {
                break;
            }
            count += 1;
        }
        let emptied = count as u64 == self.len;
        // SAFETY: context and name are live.
        unsafe { api!(RedisModule_SignalModifiedKey(self.ctx.raw(), self.name.raw())) };
        Erased { count, emptied }
    }
}

impl Queue for List<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let at = c_long::try_from(index).ok()?;
        // SAFETY: the handle is live. The answer is a string of our own (S4), or null for a bad index.
        let message = unsafe { RString::own(api!(RedisModule_ListGet(self.key, at))) }?;
        self.at = Some(index);
        // SAFETY: the string lives until the end of this function.
        Some(f(unsafe { bytes_of(message.raw()) }))
    }
}

impl Drop for List<'_> {
    fn drop(&mut self) {
        if !self.key.is_null() {
            // SAFETY: S4.
            unsafe { api!(RedisModule_CloseKey(self.key)) }
        }
    }
}

/// Reads a small hash whole: pairs of field and value. `Err` if the key holds another type.
pub(crate) fn is_hash_or_missing(ctx: Ctx<'_>, name: &RString) -> bool {
    let flags = raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH;
    // SAFETY: context and name are live; the handle is closed at once, a null one is not closed.
    let kind = unsafe {
        let key = api!(RedisModule_OpenKey(ctx.raw(), name.raw(), flags.cast_signed()));
        let kind = api!(RedisModule_KeyType(key));
        if !key.is_null() {
            api!(RedisModule_CloseKey(key));
        }
        kind
    };
    matches!(
        isize::try_from(kind).unwrap_or(-1),
        raw::REDISMODULE_KEYTYPE_HASH | raw::REDISMODULE_KEYTYPE_EMPTY
    )
}
