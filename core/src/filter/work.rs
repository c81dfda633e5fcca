//! What is done for one message beside reading it once, counted in steps.
//!
//! A step is about a nanosecond: a byte that is decoded, compared by a pattern or searched. Counting is the same on
//! every machine and in every run, so a bound on steps never decides about a message one way in a preview and another
//! way in the clear that follows it. A bound on time would.

/// Steps for one message, whatever its length: as many as a body of the largest size takes, several times.
const WORK_MAX: usize = 2 * 1024 * 1024;
/// Further steps for each byte of a message.
pub(super) const WORK_PER_BYTE: usize = 2;

/// The steps that are left for one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    done: usize,
    most: usize,
}

impl Work {
    /// Returns the steps for a message of `bytes` bytes, of which none is done.
    #[must_use]
    pub fn on(bytes: usize) -> Self {
        Self { done: 0, most: bytes.saturating_mul(WORK_PER_BYTE).saturating_add(WORK_MAX) }
    }

    /// Takes `steps` and returns whether there were as many. If not, the work is not to be done; what it would have
    /// found out stays unknown.
    #[must_use]
    pub fn take(&mut self, steps: usize) -> bool {
        let fits = steps <= self.most - self.done;
        if fits {
            self.done += steps;
        }
        fits
    }

    /// The steps that were taken.
    #[must_use]
    pub fn done(self) -> usize {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_steps_are_taken_than_there_are_for_a_message() {
        let mut work = Work::on(1_000);
        assert!(work.take(WORK_MAX) && work.take(2_000));
        assert!(!work.take(1) && work.take(0));
        assert_eq!(work.done(), WORK_MAX + 2_000);
        assert!(!Work::on(0).take(usize::MAX) && Work::on(usize::MAX).take(usize::MAX));
    }
}
