//! The settings as the server's own configuration: CONFIG GET, SET and REWRITE.

use std::ffi::{CStr, CString, c_char, c_int, c_longlong, c_void};
use std::sync::OnceLock;

use qadmin_core::error::Error;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;
use super::main_cell::MainCell;
use super::string::{RString, bytes_of};

/// Reads and writes a setting by its position in the table.
pub(crate) struct Callbacks {
    /// The value.
    pub(crate) get: fn(usize) -> i64,
    /// Sets a value whose range the server has checked.
    pub(crate) set: fn(usize, i64),
    /// The text.
    pub(crate) get_text: fn(usize) -> Vec<u8>,
    /// Sets a text.
    pub(crate) set_text: fn(usize, &[u8]) -> Result<(), Error>,
}

/// The module's callbacks, set once at load.
pub(crate) static CALLBACKS: OnceLock<Callbacks> = OnceLock::new();

/// Registers one setting whose numbers have words (`at` as in [`register`]).
pub(crate) fn register_words(ctx: Ctx<'_>, at: usize, name: &str, default: i64, words: &[&str]) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    let Ok(words) = words.iter().map(|word| CString::new(*word)).collect::<Result<Vec<_>, _>>() else {
        return false;
    };
    let mut texts: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
    let (Ok(count), Ok(default)) = (c_int::try_from(texts.len()), c_int::try_from(default)) else {
        return false;
    };
    let numbers: Vec<c_int> = (0..count).collect();
    // SAFETY: S2; name, words and numbers are copied; the private data is a number, not an address.
    unsafe {
        api!(RedisModule_RegisterEnumConfig(
            ctx.raw(),
            name.as_ptr(),
            default,
            raw::REDISMODULE_CONFIG_DEFAULT,
            texts.as_mut_ptr(),
            numbers.as_ptr(),
            count,
            Some(on_get_word),
            Some(on_set_word),
            None,
            at as *mut c_void
        )) == 0
    }
}

/// Registers one setting (`at` is its position in the table, which the callbacks receive).
pub(crate) fn register(ctx: Ctx<'_>, at: usize, name: &str, default: i64, min: i64, max: i64) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    let flags = raw::REDISMODULE_CONFIG_DEFAULT;
    // SAFETY: S2; the name is copied; the private data is a number, not an address.
    unsafe {
        api!(RedisModule_RegisterNumericConfig(
            ctx.raw(),
            name.as_ptr(),
            default,
            flags,
            min,
            max,
            Some(on_get),
            Some(on_set),
            None,
            at as *mut c_void
        )) == 0
    }
}

/// Registers one setting that is a text (`at` as in [`register`]).
pub(crate) fn register_text(ctx: Ctx<'_>, at: usize, name: &str, default: &[u8]) -> bool {
    let (Ok(name), Ok(default)) = (CString::new(name), CString::new(default)) else { return false };
    // SAFETY: S2; name and default are copied; the private data is a number, not an address.
    unsafe {
        api!(RedisModule_RegisterStringConfig(
            ctx.raw(),
            name.as_ptr(),
            default.as_ptr(),
            raw::REDISMODULE_CONFIG_DEFAULT,
            Some(on_get_text),
            Some(on_set_text),
            None,
            at as *mut c_void
        )) == 0
    }
}

/// Applies the settings of redis.conf or LOADEX; `false` if one of them is refused.
pub(crate) fn load(ctx: Ctx<'_>) -> bool {
    // SAFETY: S2.
    unsafe { api!(RedisModule_LoadConfigs(ctx.raw())) == 0 }
}

extern "C" fn on_get(_: *const c_char, at: *mut c_void) -> c_longlong {
    guard("reading a setting", || CALLBACKS.get().map(|callbacks| (callbacks.get)(at as usize)))
        .flatten()
        .unwrap_or(0)
}

extern "C" fn on_set(
    _: *const c_char,
    value: c_longlong,
    at: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    let done = guard("writing a setting", || {
        if let Some(callbacks) = CALLBACKS.get() {
            (callbacks.set)(at as usize, value);
        }
    });
    // The server has its own text for a setting that was refused without one.
    c_int::from(done.is_none())
}

/// The string that the server received last: it copies the text and leaves the string to the module
/// (`getModuleStringConfig`, Redis 7.0 to 8.0).
static SHOWN: MainCell<Option<RString>> = MainCell::new(None);

/// Frees the string that the server received, because the module is unloaded.
pub(crate) fn free() {
    if let Some(mut shown) = SHOWN.try_borrow_mut() {
        *shown = None;
    }
}

extern "C" fn on_get_text(_: *const c_char, at: *mut c_void) -> *mut raw::RedisModuleString {
    let shown = guard("reading a setting", || {
        let text = CALLBACKS.get().map(|callbacks| (callbacks.get_text)(at as usize)).unwrap_or_default();
        let mut shown = SHOWN.try_borrow_mut()?;
        Some(shown.insert(RString::new(text)).raw())
    });
    shown.flatten().unwrap_or(std::ptr::null_mut())
}

extern "C" fn on_set_text(
    _: *const c_char,
    value: *mut raw::RedisModuleString,
    at: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    let done = guard("writing a setting", || {
        // SAFETY: S2; the server's string outlives this call.
        let text = unsafe { bytes_of(value) };
        CALLBACKS.get().map_or(Ok(()), |callbacks| (callbacks.set_text)(at as usize, text))
    });
    match done {
        Some(Ok(())) => 0,
        Some(Err(why)) => {
            // SAFETY: `error` is where the server wants its own string, which it frees (`propagateErrorString`, Redis
            // 7.0 to 8.0).
            unsafe { *error = RString::new(why.text()).into_raw() };
            1
        }
        None => 1,
    }
}

extern "C" fn on_get_word(name: *const c_char, at: *mut c_void) -> c_int {
    // It is as small as the table of words.
    c_int::try_from(on_get(name, at)).unwrap_or(0)
}

extern "C" fn on_set_word(
    name: *const c_char,
    value: c_int,
    at: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    on_set(name, c_longlong::from(value), at, error)
}

/// The server's version as one number: 7.0.15 is 0x0007000f.
pub(crate) fn server_version() -> i32 {
    // SAFETY: takes nothing.
    unsafe { api!(RedisModule_GetServerVersion()) }
}

/// The module's name as a C string.
pub(crate) const MODULE: &CStr = c"qadmin";
