//! At most so many per second.

/// What may be taken at once after a rest, as time: a tenth of a second's worth. Less would be slices that mostly
/// seek, more would be felt as a burst.
const BURST_NS: u64 = 100_000_000;

/// A limit on how many messages a job takes out per second: each one pushes the moment further away at which
/// everything taken so far was due.
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

    /// How many may be taken now.
    ///
    /// # Errors
    /// None: look again at this time of the steady clock, when it is worth a slice.
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

    /// So many were taken.
    pub fn took(&mut self, messages: u64, now_ns: u64) {
        self.due_ns = self.due_ns.max(now_ns) + messages * self.interval_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_the_rate_whatever_the_slices() {
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
