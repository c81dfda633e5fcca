//! A limit per second.

/// How much may be removed at once after a rest, as time: a tenth of a second's worth. With less, slices would
/// mostly seek; with more, the removals would be noticed as bursts.
const BURST_NS: u64 = 100_000_000;

/// A limit on how many messages a job removes per second: each one postpones the moment at which everything
/// removed so far was due.
#[derive(Debug, Clone)]
pub struct Rate {
    per_second: u64,
    interval_ns: u64,
    due_ns: u64,
}

impl Rate {
    /// `per_second` is at least 1.
    #[must_use]
    pub fn new(per_second: u64) -> Self {
        Self { per_second, interval_ns: 1_000_000_000 / per_second.max(1), due_ns: 0 }
    }

    /// Messages per second.
    #[must_use]
    pub fn per_second(&self) -> u64 {
        self.per_second
    }

    /// Returns how many messages may be removed now.
    ///
    /// # Errors
    /// If none, the time of the steady clock at which enough for a slice may be removed, in nanoseconds.
    pub fn allowance(&self, now_ns: u64) -> Result<usize, u64> {
        let interval = self.interval_ns.max(1);
        let burst = BURST_NS.max(interval);
        let worth = interval.max(burst / 2);
        let free = (now_ns + burst).saturating_sub(self.due_ns.max(now_ns));
        if free < worth {
            return Err(self.due_ns + worth - burst);
        }
        Ok(usize::try_from(free / interval).unwrap_or(usize::MAX))
    }

    /// Notes that this many were removed.
    pub fn took(&mut self, messages: u64, now_ns: u64) {
        self.due_ns = self.due_ns.max(now_ns) + messages * self.interval_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removals_match_the_rate_for_any_slices() {
        for per_second in [1, 3, 10, 999, 10_000, 1_000_000] {
            let mut rate = Rate::new(per_second);
            let (start, mut now, mut taken) = (5_000_000_000, 5_000_000_000, 0);
            while now < start + 20_000_000_000 {
                match rate.allowance(now) {
                    Ok(most) => {
                        let most = most as u64;
                        assert!(most >= 1);
                        taken += most;
                        rate.took(most, now);
                        now += 500_000;
                    }
                    Err(at) => {
                        assert!(at > now, "{per_second}: a time to come");
                        now = at;
                    }
                }
            }
            let (least, most) = (per_second * 20, per_second * 20 + per_second / 10 + 1);
            assert!((least - least / 50 - 1..=most).contains(&taken), "{per_second}: {taken} in 20 s");
        }
    }

    #[test]
    fn a_rest_is_worth_a_tenth_of_a_second_at_most() {
        let mut rate = Rate::new(1_000);
        rate.took(100, 1_000_000_000);
        assert!(rate.allowance(1_000_000_001).is_err());
        assert_eq!(rate.allowance(60_000_000_000), Ok(100));
        assert_eq!(Rate::new(1).allowance(0), Ok(1));
    }
}
