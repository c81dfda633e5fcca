//! Numbers as a pickle has them.

/// Returns the unsigned number that at most eight bytes mean, the lowest first.
#[inline]
pub(super) fn number_of(digits: &[u8]) -> u64 {
    digits.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Returns the number that at most eight bytes in two's complement mean, the lowest first.
pub(super) fn signed(digits: &[u8]) -> i64 {
    let sign = if digits.last().is_some_and(|last| last & 0x80 != 0) { -1 } else { 0 };
    digits.iter().rev().fold(sign, |sum: i64, byte| sum << 8 | i64::from(*byte))
}
