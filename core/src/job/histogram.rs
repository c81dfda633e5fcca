//! A small histogram for durations: exact maximum and count, quantiles within an eighth.

/// Sub-buckets per power of two: a quantile is at most 1/8 too high.
const STEPS: usize = 8;
/// Values from 0 to 2^40 (12 days in microseconds); larger ones fall into the last bucket.
const BUCKETS: usize = 40 * STEPS;

/// Counts of values in buckets that grow by an eighth.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Box<[u32; BUCKETS]>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), count: 0, max: 0 }
    }
}

impl Histogram {
    /// Adds one value.
    pub fn record(&mut self, value: u64) {
        let bucket = &mut self.buckets[bucket_of(value)];
        *bucket = bucket.saturating_add(1);
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Values added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value; 0 without any.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that `percent` of all values do not exceed (rounded up to its bucket's end).
    #[must_use]
    pub fn quantile(&self, percent: u64) -> u64 {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (at, n) in self.buckets.iter().enumerate() {
            seen += u64::from(*n);
            if seen >= rank {
                return end_of(at).min(self.max);
            }
        }
        self.max
    }
}

fn bucket_of(value: u64) -> usize {
    let steps = STEPS as u64;
    if value < steps {
        return usize::try_from(value).unwrap_or(0);
    }
    // The highest bit picks the power of two, the three bits below it the step.
    let power = value.ilog2();
    let step = (value >> (power - 3)) & (steps - 1);
    let at = u64::from(power - 2) * steps + step;
    usize::try_from(at).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The largest value of a bucket.
fn end_of(at: usize) -> u64 {
    if at < STEPS {
        return at as u64;
    }
    let (power, step) = (at / STEPS + 2, (at % STEPS) as u64);
    let width = 1_u64 << (power - 3);
    (1 << power) + (step + 1) * width - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantiles_are_never_too_low_and_at_most_an_eighth_too_high(
            mut values in proptest::collection::vec(0..1_u64 << 39, 1..200),
            percent in 1..=100_u64,
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|v| histogram.record(*v));
            values.sort_unstable();
            let rank = (values.len() as u64 * percent).div_ceil(100).max(1);
            let exact = values[usize::try_from(rank - 1).expect("small")];
            let shown = histogram.quantile(percent);
            prop_assert!(shown >= exact && shown <= exact + exact / 8 + 1, "{shown} for {exact}");
            prop_assert_eq!(histogram.max(), *values.last().expect("not empty"));
        }
    }
}
