//! The numbers that stand for values in a column.
//!
//! The first few say that there is no value to number, and why. They are the same in every column, so that what a filter
//! must know of a message beside its values (that it cannot be read, that it is not a JSON object) is exact. Then follow
//! the numbers of values in the field's dictionary or, in a column of hashes, 32-bit hashes.

/// Absent or null.
pub(super) const ABSENT: u32 = 0;
/// In a body that cannot be read, and the sender's texts do not say it.
pub(super) const UNREADABLE: u32 = 1;
/// Unknown although no body is missing: messages of this kind do not say it, or it is encrypted.
pub(super) const UNTOLD: u32 = 2;
/// The message is not a JSON object.
pub(super) const UNDECODABLE: u32 = 3;
/// There is a value, which neither the dictionary nor a hash can stand for: the message has to be read.
pub(super) const UNKEPT: u32 = 4;
/// In a body that cannot be read; absent by the sender's texts.
pub(super) const ABSENT_BY_TEXT: u32 = 5;
/// The first number of a value, and the number of reserved ones.
pub(super) const VALUES: u32 = 8;
/// The same as a length.
pub(super) const RESERVED: usize = VALUES as usize;

/// How a value is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is in the message.
    Exact,
    /// The body cannot be read; the sender's texts show it.
    ByText,
}

/// A hash as a number of a column: never one of the reserved numbers.
pub(super) fn hashed(hash: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the point")]
    let low = hash as u32;
    if low < VALUES { low + VALUES } else { low }
}
