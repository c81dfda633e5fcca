//! Traffic on a queue: one client pushes and another one pops all the time, as producers and workers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::factory::Factory;
use crate::raw::Raw;
use crate::stats::Series;

/// A producer and a consumer of one queue.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    producer: JoinHandle<(u64, Vec<f64>)>,
    consumer: JoinHandle<(Vec<Vec<u8>>, Vec<f64>)>,
}

/// The requests of producer and consumer, and their delays.
#[derive(Debug)]
pub struct TrafficReport {
    /// The number of messages that were pushed: those of the factory from 0 on.
    pub pushed: u64,
    /// The messages that were popped, in order.
    pub popped: Vec<Vec<u8>>,
    /// The times that pushes and pops waited for their replies, in microseconds.
    pub waits: Series,
}

impl Traffic {
    /// Starts both; each makes at most `per_second` requests a second.
    ///
    /// # Panics
    /// The threads panic if the server refuses a push or disconnects; [`Traffic::stop`] passes the panic on.
    pub fn start(port: u16, queue: &str, mut factory: Factory, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let period = Duration::from_secs(1) / per_second;
        let (name, told) = (queue.as_bytes().to_vec(), Arc::clone(&stop));
        let producer = thread::spawn(move || {
            let (mut pushed, mut waits) = (0, Vec::new());
            let mut raw = Raw::connect(port);
            at_a_pace(&told, period, &mut waits, || {
                let reply = raw.call(&[b"LPUSH", &name, &factory.message(pushed)]);
                assert_eq!(reply.first(), Some(&b':'), "LPUSH: {}", String::from_utf8_lossy(&reply));
                pushed += 1;
            });
            (pushed, waits)
        });
        let (name, told) = (queue.as_bytes().to_vec(), Arc::clone(&stop));
        let consumer = thread::spawn(move || {
            let (mut popped, mut waits) = (Vec::new(), Vec::new());
            let mut raw = Raw::connect(port);
            at_a_pace(&told, period, &mut waits, || {
                let reply = raw.call(&[b"RPOP", &name]);
                if let Some(element) = bulk(&reply) {
                    popped.push(element.to_vec());
                }
            });
            (popped, waits)
        });
        Self { stop, producer, consumer }
    }

    /// Ends both clients and returns their report.
    ///
    /// # Panics
    /// Panics if the server refused a request or disconnected.
    pub fn stop(self) -> TrafficReport {
        self.stop.store(true, Ordering::Relaxed);
        let (pushed, mut waits) = self.producer.join().expect("the producer's server stays up");
        let (popped, more) = self.consumer.join().expect("the consumer's server stays up");
        waits.extend(more);
        TrafficReport { pushed, popped, waits: Series::new(waits) }
    }
}

/// Makes one request per period until it is stopped, and records in microseconds how long each request waited
/// from the moment when it was due: if the server does not respond for a while, the requests that could not
/// be sent meanwhile waited, too, and must not be missing from the figures.
pub(crate) fn at_a_pace(
    stop: &AtomicBool,
    period: Duration,
    waits: &mut Vec<f64>,
    mut request: impl FnMut(),
) {
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        // The pace of the load itself, not a wait for something to happen.
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A sleep that ends late is the fault of the clock and not of the server: the due time is used only
        // if the request before took longer than a whole period.
        let begin = if due.elapsed() < period { Instant::now() } else { due };
        request();
        waits.push(begin.elapsed().as_secs_f64() * 1e6);
        due += period;
    }
}

/// Returns the bytes of a bulk string reply; None for null.
fn bulk(reply: &[u8]) -> Option<&[u8]> {
    let line = reply.windows(2).position(|pair| pair == b"\r\n")?;
    match reply.first()? {
        b'$' => reply.get(line + 2..reply.len() - 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::bulk;

    #[test]
    fn a_bulk_string_is_read_and_null_is_not_one() {
        assert_eq!(bulk(b"$2\r\nhi\r\n"), Some(&b"hi"[..]));
        assert_eq!(bulk(b"$-1\r\n"), None);
        assert_eq!(bulk(b"_\r\n"), None);
    }
}
