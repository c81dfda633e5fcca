//! Fills a queue with many messages.

use std::io;
use std::ops::Range;

use crate::factory::Factory;
use crate::raw::Raw;

/// The number of messages per LPUSH: large enough that the command's own cost is negligible, small enough
/// that other clients of the server do not notice.
const PER_PUSH: u64 = 200;

/// The number of pushes that are sent before their replies are read.
const PUSHES_IN_FLIGHT: u64 = 8;

/// Pushes messages `range` of the factory to the head of `queue`, as Celery does: the first is the oldest and
/// runs next.
///
/// # Errors
/// Returns the server's error if it refuses a push, or an error if the connection is gone.
pub fn fill(port: u16, queue: &str, range: Range<u64>, factory: &mut Factory) -> io::Result<()> {
    fill_between(port, queue, range, factory, PER_PUSH, |_| {})
}

/// Does the same as [`fill`] with `per_push` messages in each push, and calls a function of the caller after
/// each push, which appends one command or none to the bytes that are sent.
///
/// # Errors
/// Returns the server's error if it refuses a command, or an error if the connection is gone.
pub fn fill_between(
    port: u16,
    queue: &str,
    range: Range<u64>,
    factory: &mut Factory,
    per_push: u64,
    mut between: impl FnMut(&mut Vec<u8>),
) -> io::Result<()> {
    let mut raw = Raw::try_connect(port)?;
    let mut out = Vec::new();
    let mut message = Vec::new();
    let mut unread = 0;
    let mut next = range.start;
    while next < range.end {
        out.clear();
        let (mut pushes, mut replies) = (0, 0);
        while pushes < PUSHES_IN_FLIGHT && next < range.end {
            let last = range.end.min(next + per_push);
            out.extend_from_slice(format!("*{}\r\n$5\r\nLPUSH\r\n", last - next + 2).as_bytes());
            put_bulk(queue.as_bytes(), &mut out);
            for i in next..last {
                message.clear();
                factory.write(i, &mut message);
                put_bulk(&message, &mut out);
            }
            let pushed = out.len();
            between(&mut out);
            replies += 1 + u64::from(out.len() > pushed);
            next = last;
            pushes += 1;
        }
        raw.send(&out)?;
        // These are the replies for the batch before: the server works while the next batch is made.
        read_replies(&mut raw, unread)?;
        unread = replies;
    }
    read_replies(&mut raw, unread)
}

/// Appends a bulk string.
fn put_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Reads replies; an error reply is an error.
fn read_replies(raw: &mut Raw, count: u64) -> io::Result<()> {
    for _ in 0..count {
        let reply = raw.reply()?;
        if reply.first() == Some(&b'-') {
            return Err(io::Error::other(String::from_utf8_lossy(&reply).trim().to_string()));
        }
    }
    Ok(())
}
