//! How much of a value is shown in samples and groups.

use crate::json::cut;
use crate::reply::Reply;

/// Longest scalar in a sample row, bytes. A longer one is cut, so that no argument makes a row as large as a
/// body.
pub const TEXT_MAX: usize = 1_024;
/// Longest array or object in a sample row, bytes of JSON text.
pub const COMPOUND_MAX: usize = 256;

/// Returns the bytes as they are in the message, cut to at most `max` bytes.
pub(super) fn plain(raw: &[u8], max: usize) -> Reply {
    // The replacement of invalid bytes only makes a text longer, so a few bytes more than `max` are enough.
    let mut text = String::from_utf8_lossy(&raw[..raw.len().min(max + 4)]).into_owned();
    cut(&mut text, max);
    Reply::Text(text.into_bytes())
}
