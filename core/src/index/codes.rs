//! The numbers in a column that represent the values of a field.
//!
//! The numbers below [`VALUES`] are reserved: each says that a message has no value that could be numbered,
//! and why. They are the same in every column, so a filter knows exactly which messages cannot be read or are
//! not JSON objects. The numbers from [`VALUES`] on are those of values in the field's dictionary or, in a
//! column of hashes, 32-bit hashes.

/// The value is absent or null.
pub(super) const ABSENT: u32 = 0;
/// The value is in a body that cannot be read, and the sender's texts do not show it.
pub(super) const UNREADABLE: u32 = 1;
/// The value is unknown, but not because of the body: messages of this kind do not have it, or it is
/// encrypted.
pub(super) const UNTOLD: u32 = 2;
/// The message is not a JSON object.
pub(super) const UNDECODABLE: u32 = 3;
/// The message has a value that neither the dictionary nor a hash can represent, so the message has to be
/// read.
pub(super) const UNKEPT: u32 = 4;
/// The body cannot be read, and the sender's texts show that the value is absent.
pub(super) const ABSENT_BY_TEXT: u32 = 5;
/// The value is an object of which only the class is known.
pub(super) const OPAQUE: u32 = 6;
/// The first number of a value, which is also how many numbers are reserved.
pub(super) const VALUES: u32 = 8;
/// [`VALUES`] as a length.
pub(super) const RESERVED: usize = VALUES as usize;

/// How a value is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is in the message.
    Exact,
    /// The body cannot be read, and the sender's texts show the value.
    ByText,
}

/// Returns the number of a column that represents a hash. It is never one of the reserved numbers.
pub(super) fn hashed(hash: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the point")]
    let low = hash as u32;
    if low < VALUES { low + VALUES } else { low }
}
