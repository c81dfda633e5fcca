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

/// Where a panic happened goes into the server's log, and no more is done about it. Rust's own way, where the server's
/// environment has RUST_BACKTRACE, reads the files of the process to name its frames, and gives back there what libc has
/// allocated: on a server that replaces malloc and loads modules with `RTLD_DEEPBIND` (Debian's Valkey 8.1) that is
/// another allocator's, and the process dies.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        log::warning(&format!("panic at {place}"));
    }));
}

/// Leaves panics to Rust again: the module goes.
pub(crate) fn forget_panics() {
    drop(std::panic::take_hook());
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
