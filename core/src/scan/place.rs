//! Where an entry stands in the index: by time, then by tag, as the server's sorted sets have it.

use std::cmp::Ordering;

/// The place of one entry. No two entries of an index have the same.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexPosition {
    /// Seconds since 1970 at which the message was delivered; any number but NaN, which the server does not take.
    pub score: f64,
    /// The delivery tag, any bytes.
    pub tag: Vec<u8>,
}

impl IndexPosition {
    /// How this place stands to that of an entry.
    #[must_use]
    pub fn cmp(&self, score: f64, tag: &[u8]) -> Ordering {
        self.score.partial_cmp(&score).unwrap_or(Ordering::Equal).then_with(|| self.tag.as_slice().cmp(tag))
    }
}

/// A score as Unix milliseconds; what is too far away is the last or first that there is.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "saturates, and 0 for NaN, which no score is")]
pub fn unix_ms(score: f64) -> i64 {
    (score * 1_000.0).round() as i64
}

/// The key of the index that belongs to a hash, where nobody says another.
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

    #[test]
    fn times_are_milliseconds_whatever_the_score() {
        assert_eq!(unix_ms(1_700_000_000.123_456), 1_700_000_000_123);
        assert_eq!(unix_ms(-0.001), -1);
        assert_eq!([f64::INFINITY, f64::NEG_INFINITY, 1e300].map(unix_ms), [i64::MAX, i64::MIN, i64::MAX]);
    }
}
