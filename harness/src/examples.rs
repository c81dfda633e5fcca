//! The queue on which the examples of the documentation run.

use std::io;

use crate::factory::Factory;
use crate::fill::fill;
use crate::raw::Raw;
use crate::template::RECORDED;

/// The queue of the examples.
pub const EXAMPLES_QUEUE: &str = "celery";

/// The number of generated messages in it. After them, nearer to the head, is one message of every recorded
/// kind.
const FROM_FACTORY: u64 = 1_000;

/// The share of them that the examples are about, in percent.
const SHARE: f64 = 6.0;

/// Fills the queue of the examples with the same messages in the same order every time.
///
/// # Errors
/// Returns the server's error if it refuses a push, or an error if the connection is gone.
pub fn fill_examples(port: u16) -> io::Result<()> {
    let mut factory = Factory::new(1).share(SHARE).queue(EXAMPLES_QUEUE);
    fill(port, EXAMPLES_QUEUE, 0..FROM_FACTORY, &mut factory)?;
    let mut raw = Raw::try_connect(port)?;
    for message in RECORDED.lines() {
        raw.try_call(&[b"LPUSH", EXAMPLES_QUEUE.as_bytes(), message.as_bytes()])?;
    }
    Ok(())
}
