//! Lines in the server's log. The text is an argument of `"%s"`, never a format.

use std::ffi::{CStr, CString};

use super::api::api;
use super::ctx::Ctx;

/// Logs what an operator wants to know: a job's start and end.
pub(crate) fn notice(line: &str) {
    write(c"notice", line);
}

/// Logs what an operator must check.
pub(crate) fn warning(line: &str) {
    write(c"warning", line);
}

fn write(level: &CStr, line: &str) {
    // A line of the log must remain one line, and a NUL would end it early.
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let Ok(line) = CString::new(line) else { return };
    let ctx = Ctx::detached_or_null();
    // SAFETY: all pointers are NUL-terminated and live through the call; a null context is allowed by
    // RM_Log (module.c, Redis 7.0 to 8.0: it then logs without the module's name).
    unsafe { api!(RedisModule_Log(ctx, level.as_ptr(), c"%s".as_ptr(), line.as_ptr())) }
}
