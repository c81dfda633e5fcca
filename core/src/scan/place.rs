//! The position of an entry in a sorted set: by score, then by member, which is the order of the server.

use std::cmp::Ordering;

/// The position of one entry. No two entries of a sorted set have the same position.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexPosition {
    /// The score: the delivery time or the run time of the message, in seconds since 1970. It can be any
    /// number except NaN, which the server refuses.
    pub score: f64,
    /// The member, which can be any bytes: the delivery tag of an unacknowledged message, or the job itself.
    pub tag: Vec<u8>,
}

impl IndexPosition {
    /// Compares this position with that of an entry.
    #[must_use]
    pub fn cmp(&self, score: f64, tag: &[u8]) -> Ordering {
        self.score.partial_cmp(&score).unwrap_or(Ordering::Equal).then_with(|| self.tag.as_slice().cmp(tag))
    }
}

/// Returns the default key of the index that belongs to a hash.
#[must_use]
pub fn default_index(hash: &[u8]) -> Vec<u8> {
    [hash, b"_index"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ordered_by_time_and_then_by_tag() {
        let place = |score: f64, tag: &[u8]| IndexPosition { score, tag: tag.to_vec() };
        let ascending = [
            place(f64::NEG_INFINITY, b"z"),
            place(-1.5, b""),
            place(0.0, b"a"),
            place(-0.0, b"a\0"),
            place(1_700_000_000.123_456, b"\xff"),
            place(1_700_000_000.123_457, b""),
            place(f64::INFINITY, b"a"),
            place(f64::INFINITY, b"b"),
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(one.cmp(other.score, &other.tag), at.cmp(&other_at), "{one:?} {other:?}");
            }
        }
    }
}
