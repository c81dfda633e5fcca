//! No panic leaves a callback: it becomes a line in the log and the callback fails in its own way.

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

/// Makes panics log where they happened, and do nothing else. If the server's environment has RUST_BACKTRACE,
/// Rust's own handler reads the files of the process to name its frames, and frees memory there that libc has
/// allocated. On a server that replaces malloc and loads modules with `RTLD_DEEPBIND` (Debian's Valkey 8.1) that
/// memory belongs to another allocator, and the process crashes.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        log::warning(&format!("panic at {place}"));
    }));
}

/// Restores Rust's own handling of panics, because the module is unloaded.
pub(crate) fn forget_panics() {
    drop(std::panic::take_hook());
}

/// While this value exists, unwinding aborts the process. Between removing messages from the queue and replicating
/// the removal, a crash is the only failure after which no copy of the data diverges.
pub(crate) struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
