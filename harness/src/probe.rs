//! What other clients feel: a steady stream of small requests and how long each waited.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::raw::Raw;
use crate::stats::Series;

/// A client that sends one request per period until it is told to stop.
#[derive(Debug)]
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

/// How long requests waited, in microseconds.
#[derive(Debug, Clone)]
pub struct Waits(Series);

impl Probe {
    /// Sends `SET` and `GET` in turns, `per_second` times a second.
    ///
    /// A wait counts from the moment at which the request was *due*: where the server stands still, the
    /// requests that could not be sent meanwhile waited too, and must not vanish from the figures.
    pub fn start(port: u16, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let period = Duration::from_secs(1) / per_second;
        let thread = thread::spawn(move || {
            let mut raw = Raw::connect(port);
            let mut waits = Vec::new();
            let mut due = Instant::now();
            while !told.load(Ordering::Relaxed) {
                // This is the pace of the load itself, not a wait for something to happen.
                thread::sleep(due.saturating_duration_since(Instant::now()));
                // A timer's own lateness is not the server's: the clock starts at the later of both only
                // where the previous request did not hold us up.
                let begin = if due.elapsed() < period { Instant::now() } else { due };
                let reply = match waits.len() % 2 {
                    0 => raw.call(&[b"SET", b"qadmin-probe", b"x"]),
                    _ => raw.call(&[b"GET", b"qadmin-probe"]),
                };
                assert!(!reply.starts_with(b"-"), "the server refused a probe: {}", String::from_utf8_lossy(&reply));
                waits.push(begin.elapsed().as_secs_f64() * 1e6);
                due += period;
            }
            waits
        });
        Self { stop, thread }
    }

    /// Ends the stream and gives what it measured.
    ///
    /// # Panics
    /// Where the server refused a request or went away.
    pub fn stop(self) -> Waits {
        self.stop.store(true, Ordering::Relaxed);
        Waits(Series::new(self.thread.join().expect("the probe's server stays up")))
    }
}

impl Waits {
    /// How many requests were answered.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The wait in microseconds that this percentage of requests did not exceed.
    pub fn percentile(&self, percent: f64) -> f64 {
        self.0.quantile(percent / 100.0)
    }

    /// The longest wait in microseconds.
    pub fn max(&self) -> f64 {
        self.0.max()
    }
}
