//! Waiting for something that announces itself to nobody.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything in a test may take before the test is called broken. Generous: it is no measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again, a few milliseconds apart, until the answer is yes.
///
/// For what has no event to wait on (a port that opens, a replica that catches up). Jobs have one:
/// `QADMIN.STATUS id WAIT 0`.
///
/// # Panics
/// When two minutes pass: `what` then says what did not happen.
pub fn eventually(what: &str, mut yes: impl FnMut() -> bool) {
    let start = Instant::now();
    while !yes() {
        assert!(start.elapsed() < PATIENCE, "did not happen within {} s: {what}", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(3));
    }
}
