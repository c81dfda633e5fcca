//! Waits for conditions for which there is no event.

use std::thread;
use std::time::{Duration, Instant};

/// The maximum time for anything in a test before the test fails. It is generous, because it measures
/// nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// Checks repeatedly, a few milliseconds apart, until the condition is true.
///
/// It is for conditions without an event to wait for (a port that opens, a replica that catches up). Jobs
/// have one: `QADMIN.STATUS id WAIT 0`.
///
/// # Panics
/// Panics after two minutes; `what` then says what did not happen.
pub fn eventually(what: &str, mut yes: impl FnMut() -> bool) {
    let start = Instant::now();
    while !yes() {
        assert!(start.elapsed() < PATIENCE, "did not happen within {} s: {what}", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(3));
    }
}
