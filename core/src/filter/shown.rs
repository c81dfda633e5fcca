//! How much of a value samples and groups show.

use crate::json::cut;
use crate::reply::Reply;

/// Longest scalar in a sample row, bytes: what is longer is cut, so that no argument ships a whole body.
pub const TEXT_MAX: usize = 1_024;
/// Longest array or object in a sample row, bytes of JSON text.
pub const COMPOUND_MAX: usize = 256;

/// The bytes as they stand in the message, cut.
pub(super) fn plain(raw: &[u8], max: usize) -> Reply {
    // A little more than fits: replaced bytes only grow.
    let mut text = String::from_utf8_lossy(&raw[..raw.len().min(max + 4)]).into_owned();
    cut(&mut text, max);
    Reply::Text(text.into_bytes())
}
