//! Measures the delay of other clients by a steady stream of small requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::raw::Raw;
use crate::stats::Series;
use crate::traffic::at_a_pace;

/// A client that sends one request per period until it is stopped.
#[derive(Debug)]
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Probe {
    /// Sends `SET` and `GET` alternately, `per_second` times a second.
    pub fn start(port: u16, per_second: u32) -> Self {
        let set = [b"SET".to_vec(), b"qadmin-probe".to_vec(), b"x".to_vec()];
        let get = [b"GET".to_vec(), b"qadmin-probe".to_vec()];
        Self::in_turns(port, per_second, vec![set.to_vec(), get.to_vec()])
    }

    /// Sends `PING`, `LPUSH` of a message to a queue and `RPOP` of that queue alternately.
    pub fn on_queue(port: u16, per_second: u32, queue: &str, message: Vec<u8>) -> Self {
        let queue = queue.as_bytes().to_vec();
        let push = vec![b"LPUSH".to_vec(), queue.clone(), message];
        let pop = vec![b"RPOP".to_vec(), queue];
        Self::in_turns(port, per_second, vec![vec![b"PING".to_vec()], push, pop])
    }

    fn in_turns(port: u16, per_second: u32, commands: Vec<Vec<Vec<u8>>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut raw = Raw::connect(port);
            let commands: Vec<Vec<&[u8]>> =
                commands.iter().map(|words| words.iter().map(Vec::as_slice).collect()).collect();
            let (mut next, mut waits) = (commands.iter().cycle(), Vec::new());
            at_a_pace(&told, Duration::from_secs(1) / per_second, &mut waits, || {
                let Some(command) = next.next() else { return };
                let reply = raw.call(command);
                assert!(!reply.starts_with(b"-"), "the server refused: {}", String::from_utf8_lossy(&reply));
            });
            waits
        });
        Self { stop, thread }
    }

    /// Ends the stream and returns how long requests waited, in microseconds.
    ///
    /// # Panics
    /// Panics if the server refused a request or disconnected.
    pub fn stop(self) -> Series {
        self.stop.store(true, Ordering::Relaxed);
        Series::new(self.thread.join().expect("the probe's server stays up"))
    }
}
