//! Ctrl-C, whose meaning depends on what the program is doing.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::failure::Exit;

/// Nothing on the server would outlive this program: Ctrl-C ends it at once.
const IDLE: u8 = 0;
/// A job is running: the loop that follows it asks what to do with it.
const FOLLOWING: u8 = 1;

static STATE: AtomicU8 = AtomicU8::new(IDLE);
static PRESSED: AtomicBool = AtomicBool::new(false);

/// Handles Ctrl-C for the rest of the program.
pub(crate) fn install() {
    // This fails only if another handler is installed, which does not happen; Ctrl-C would then end the program.
    let _ = ctrlc::set_handler(|| {
        if STATE.load(Ordering::SeqCst) == FOLLOWING {
            PRESSED.store(true, Ordering::SeqCst);
        } else {
            // Ends the line that shows ^C.
            eprintln!();
            std::process::exit(Exit::Interrupted as i32);
        }
    });
}

/// While this value exists, Ctrl-C only sets a flag.
pub(crate) struct Following(());

impl Following {
    pub(crate) fn begin() -> Self {
        PRESSED.store(false, Ordering::SeqCst);
        STATE.store(FOLLOWING, Ordering::SeqCst);
        Self(())
    }

    /// Whether Ctrl-C was pressed since the last call.
    pub(crate) fn pressed(&self) -> bool {
        PRESSED.swap(false, Ordering::SeqCst)
    }
}

/// While this value exists, the user is asked about the job: Ctrl-C ends the program, and the job keeps running.
pub(crate) struct Asking(());

impl Asking {
    pub(crate) fn begin() -> Self {
        STATE.store(IDLE, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        STATE.store(FOLLOWING, Ordering::SeqCst);
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        STATE.store(IDLE, Ordering::SeqCst);
    }
}
