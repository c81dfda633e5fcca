//! No panic leaves a callback: it becomes a line in the log and the callback's own way to fail.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{fault, log};

/// Runs the body of a callback; `None` if it panicked.
pub(crate) fn guard<T>(callback: &str, body: impl FnOnce() -> T) -> Option<T> {
    let body = || {
        fault::point(callback);
        body()
    };
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(panic) => {
            let what = panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            log::warning(&format!("internal fault in {callback}: {what}"));
            // Dropping the payload of a panic may run foreign code; leaking it cannot.
            std::mem::forget(panic);
            None
        }
    }
}

/// While it lives, unwinding aborts the process: between taking messages out of the queue and telling
/// replicas and the append-only file about it, stopping dead is the only failure that diverges nothing.
pub(crate) struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
