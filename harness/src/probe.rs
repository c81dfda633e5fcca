//! What other clients feel: a steady stream of small requests and how long each waited.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::raw::Raw;
use crate::stats::Series;
use crate::traffic::at_a_pace;

/// A client that sends one request per period until it is told to stop.
#[derive(Debug)]
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Probe {
    /// Sends `SET` and `GET` in turns, `per_second` times a second.
    pub fn start(port: u16, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut raw = Raw::connect(port);
            let (mut sets, mut waits) = (false, Vec::new());
            at_a_pace(&told, Duration::from_secs(1) / per_second, &mut waits, || {
                sets = !sets;
                let reply = match sets {
                    true => raw.call(&[b"SET", b"qadmin-probe", b"x"]),
                    false => raw.call(&[b"GET", b"qadmin-probe"]),
                };
                assert!(!reply.starts_with(b"-"), "the server refused: {}", String::from_utf8_lossy(&reply));
            });
            waits
        });
        Self { stop, thread }
    }

    /// Ends the stream and tells how long requests waited, in microseconds.
    ///
    /// # Panics
    /// Where the server refused a request or went away.
    pub fn stop(self) -> Series {
        self.stop.store(true, Ordering::Relaxed);
        Series::new(self.thread.join().expect("the probe's server stays up"))
    }
}
