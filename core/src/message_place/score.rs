//! What the scores of a sorted set mean.

/// BullMQ and Bull multiply the time by this and add a number, so that jobs with one time keep their order.
const NUMBERS: f64 = 4_096.0;

/// What the scores of a sorted set mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// Unix seconds at which a message is to run, was delivered, or was given up.
    Seconds,
    /// The same in Unix milliseconds.
    Milliseconds,
    /// Unix milliseconds at which a job is to run, multiplied by 4,096, plus a number.
    MillisecondsAndNumber,
    /// No time of the message.
    Other,
}

impl Score {
    /// Returns the time that a score says, in Unix milliseconds; `None` if it says none. A time out of range is the first
    /// or the last possible one.
    #[must_use]
    pub fn unix_ms(self, score: f64) -> Option<i64> {
        let ms = match self {
            Self::Seconds => (score * 1_000.0).round(),
            Self::Milliseconds => score.round(),
            Self::MillisecondsAndNumber => (score / NUMBERS).floor(),
            Self::Other => return None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and 0 for NaN, which no score is")]
        let ms = ms as i64;
        Some(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_times_in_milliseconds() {
        assert_eq!(Score::Seconds.unix_ms(1_795_872_584.797), Some(1_795_872_584_797));
        assert_eq!(Score::Milliseconds.unix_ms(1_795_868_819_209.0), Some(1_795_868_819_209));
        let due = 1_795_872_584_797_i64;
        #[expect(clippy::cast_precision_loss, reason = "the library stores it as a double, too")]
        let score = (due * 4_096 + 17) as f64;
        assert_eq!(Score::MillisecondsAndNumber.unix_ms(score), Some(due));
        assert_eq!(Score::Other.unix_ms(1.0), None);
        assert_eq!(Score::Seconds.unix_ms(-0.001), Some(-1));
        let far = [f64::INFINITY, f64::NEG_INFINITY, 1e300].map(|score| Score::Seconds.unix_ms(score));
        assert_eq!(far, [Some(i64::MAX), Some(i64::MIN), Some(i64::MAX)]);
    }
}
