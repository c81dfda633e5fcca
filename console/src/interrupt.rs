//! Ctrl-C, which means something else at different times.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::failure::Exit;

/// Nothing is under way on the server that would outlive this program: it ends at once.
const IDLE: u8 = 0;
/// A job runs: the loop that follows it asks what shall become of it.
const FOLLOWING: u8 = 1;

static STATE: AtomicU8 = AtomicU8::new(IDLE);
static PRESSED: AtomicBool = AtomicBool::new(false);

/// Takes Ctrl-C over, for the rest of the program.
pub(crate) fn install() {
    // It fails where another handler is installed, which this program does not do; Ctrl-C then ends it, as usual.
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

/// While it lives, Ctrl-C is only noted.
pub(crate) struct Following(());

impl Following {
    pub(crate) fn begin() -> Self {
        PRESSED.store(false, Ordering::SeqCst);
        STATE.store(FOLLOWING, Ordering::SeqCst);
        Self(())
    }

    /// Whether it was pressed since this was asked last.
    pub(crate) fn pressed(&self) -> bool {
        PRESSED.swap(false, Ordering::SeqCst)
    }
}

/// While it lives, a question about the job stands: Ctrl-C answers it, the job goes on.
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
