//! Statistics of a list: how long its messages waited, and how many are pushed and popped.

/// The number of buckets of [`Waits`]. The last one counts waits of 2^38 milliseconds (eight years) and
/// longer.
pub const WAIT_BUCKETS: usize = 40;
/// The number of seconds over which rates are counted.
pub const RATE_SECONDS: i64 = 60;
/// One count more than these seconds, because the present second is not over.
const RATE_COUNTS: usize = 61;

/// How long messages had waited when workers popped them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// The number of messages whose arrival was known.
    pub count: u64,
    /// The number of messages for whose arrival only a bound was known. No other member counts them.
    pub unknown: u64,
    /// The sum of their waits, milliseconds.
    pub sum_ms: u64,
    /// The longest wait, milliseconds.
    pub max_ms: u64,
    /// The numbers of messages by their wait. Bucket 0 counts waits of less than a millisecond. Bucket n
    /// counts waits of at least 2^(n-1) and less than 2^n milliseconds.
    buckets: [u64; WAIT_BUCKETS],
}

impl Default for Waits {
    fn default() -> Self {
        Self { count: 0, unknown: 0, sum_ms: 0, max_ms: 0, buckets: [0; WAIT_BUCKETS] }
    }
}

impl Waits {
    /// Counts messages that waited for this many milliseconds each.
    pub fn record(&mut self, wait_ms: u64, messages: u64) {
        self.count += messages;
        self.sum_ms = self.sum_ms.saturating_add(wait_ms.saturating_mul(messages));
        self.max_ms = self.max_ms.max(wait_ms);
        let bucket = (u64::BITS - wait_ms.leading_zeros()) as usize;
        self.buckets[bucket.min(WAIT_BUCKETS - 1)] += messages;
    }

    /// Returns the buckets that are not empty, each with its number of messages and the shortest wait that is
    /// too long for it, in milliseconds. The last bucket has no such wait.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let below = |bucket: usize| (bucket + 1 < WAIT_BUCKETS).then(|| 1 << bucket);
        let filled = self.buckets.iter().copied().enumerate().filter(|(_, messages)| *messages > 0);
        filled.map(move |(bucket, messages)| (below(bucket), messages))
    }

    /// Returns the mean wait in milliseconds, rounded down; `None` if no wait is known.
    #[must_use]
    pub fn mean_ms(&self) -> Option<u64> {
        self.sum_ms.checked_div(self.count)
    }
}

/// How many messages were pushed and popped in each of the last seconds.
#[derive(Debug, Clone)]
pub struct Rates {
    /// The present second, Unix time, and its place among the counts.
    second: i64,
    place: usize,
    /// Pushed and popped messages. The position is the second modulo the number of counts.
    counts: [(u32, u32); RATE_COUNTS],
}

impl Rates {
    /// Starts to count at this time, Unix milliseconds.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        let second = now_ms.div_euclid(1_000);
        Self { second, place: Self::place(second), counts: [(0, 0); RATE_COUNTS] }
    }

    /// Counts messages that were pushed and messages that were popped.
    pub fn count(&mut self, pushed: u64, popped: u64, now_ms: i64) {
        self.advance(now_ms);
        let (ins, outs) = &mut self.counts[self.place];
        let add = |to: &mut u32, more: u64| *to = to.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        add(ins, pushed);
        add(outs, popped);
    }

    /// Returns how many messages were pushed and popped in the [`RATE_SECONDS`] whole seconds before this
    /// one.
    pub fn over_seconds(&mut self, now_ms: i64) -> (u64, u64) {
        self.advance(now_ms);
        let before = self.counts.iter().enumerate().filter(|(place, _)| *place != self.place);
        before.fold((0, 0), |(ins, outs), (_, count)| (ins + u64::from(count.0), outs + u64::from(count.1)))
    }

    fn place(second: i64) -> usize {
        // The remainder is less than the number of counts.
        usize::try_from(second.rem_euclid(RATE_SECONDS + 1)).unwrap_or_default()
    }

    #[inline]
    fn advance(&mut self, now_ms: i64) {
        // Each event of a list counts, so most of them are in the same second as the one before.
        if now_ms.saturating_sub(self.second.saturating_mul(1_000)) >= 1_000 {
            self.advance_to(now_ms.div_euclid(1_000));
        }
    }

    #[cold]
    fn advance_to(&mut self, second: i64) {
        for passed in (self.second + 1..=second).rev().take(RATE_COUNTS) {
            self.counts[Self::place(passed)] = (0, 0);
        }
        (self.second, self.place) = (second, Self::place(second));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_counted_in_buckets_that_double() {
        let mut waits = Waits::default();
        assert_eq!((waits.mean_ms(), waits.buckets().count()), (None, 0));
        for (wait, messages) in [(0, 2), (1, 1), (10, 3), (15, 1), (16, 1), (u64::MAX, 1)] {
            waits.record(wait, messages);
        }
        let buckets: Vec<_> = waits.buckets().collect();
        assert_eq!(buckets, [(Some(1), 2), (Some(2), 1), (Some(16), 4), (Some(32), 1), (None, 1)]);
        assert_eq!((waits.count, waits.max_ms), (9, u64::MAX));
    }

    #[test]
    fn rates_are_those_of_the_last_whole_seconds() {
        let mut rates = Rates::new(0);
        rates.count(5, 1, 999);
        assert_eq!(rates.over_seconds(999), (0, 0), "the second is not over");
        assert_eq!(rates.over_seconds(1_000), (5, 1));
        rates.count(7, 2, 1_500);
        assert_eq!(rates.over_seconds(60_999), (12, 3));
        assert_eq!(rates.over_seconds(61_000), (7, 2));
        assert_eq!(rates.over_seconds(62_000), (0, 0));
        rates.count(1, 0, 62_000);
        assert_eq!(rates.over_seconds(1_000_000_000), (0, 0), "a long time has passed");
        rates.count(1, 0, 5);
        assert_eq!(rates.over_seconds(1_000_001_000), (1, 0), "a clock that goes back counts for now");
    }
}
