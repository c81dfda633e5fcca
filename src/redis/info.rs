//! The module's section of INFO, and LATENCY samples.

use std::ffi::{CString, c_int};
use std::sync::OnceLock;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;

/// The value of a field.
pub(crate) enum Value {
    Number(u64),
    /// Several names and values in one line, `a=1,b=2`. They have neither NUL, nor line breaks, nor `,` and
    /// `=`.
    Map(Vec<(&'static str, String)>),
}

/// The module's callback: the fields of its section.
pub(crate) type Callback = fn() -> Vec<(String, Value)>;

static CALLBACK: OnceLock<Callback> = OnceLock::new();

/// Registers the section.
pub(crate) fn register(ctx: Ctx<'_>, callback: Callback) -> bool {
    let _ = CALLBACK.set(callback);
    // SAFETY: S2; the callback lives as long as the library.
    unsafe { api!(RedisModule_RegisterInfoFunc(ctx.raw(), Some(on_info))) == 0 }
}

extern "C" fn on_info(info: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    // The server asks for a crash report from its signal handler (`sigsegvHandler`, Redis 7.0 to 8.0), on
    // whichever thread crashed. The state belongs to the main thread and may be in the middle of a change, and
    // following events that were put aside calls the server. So a crash report does not have this section.
    if for_crash_report != 0 {
        return;
    }
    guard("INFO", || {
        let fields = CALLBACK.get().map(|callback| callback()).unwrap_or_default();
        // SAFETY: the context is valid for this callback; names and texts are NUL-terminated and copied.
        unsafe {
            if api!(RedisModule_InfoAddSection(info, c"".as_ptr())) != 0 {
                return;
            }
            for (name, value) in fields {
                let Ok(name) = CString::new(name) else { continue };
                match value {
                    Value::Number(value) => {
                        api!(RedisModule_InfoAddFieldULongLong(info, name.as_ptr(), value));
                    }
                    Value::Map(members) => {
                        if api!(RedisModule_InfoBeginDictField(info, name.as_ptr())) != 0 {
                            return;
                        }
                        for (name, value) in members {
                            if let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) {
                                api!(RedisModule_InfoAddFieldCString(info, name.as_ptr(), value.as_ptr()));
                            }
                        }
                        api!(RedisModule_InfoEndDictField(info));
                    }
                }
            }
        }
    });
}

/// Adds a sample to the event `qadmin-slice` of LATENCY if it is above the server's threshold.
pub(crate) fn latency_sample(whole_ms: u64) {
    // SAFETY: the name is NUL-terminated and copied.
    unsafe {
        api!(RedisModule_LatencyAddSample(
            c"qadmin-slice".as_ptr(),
            raw::mstime_t::try_from(whole_ms).unwrap_or(raw::mstime_t::MAX)
        ));
    }
}
