//! The work on one message in addition to reading it once, counted in steps.
//!
//! A step takes about a nanosecond: a byte is decoded, compared by a pattern or searched. The count is the
//! same on every machine and in every run, so a limit on steps never decides about a message one way in a
//! preview and another way in the clear that follows it. A limit on time would.

/// The steps allowed for one message, whatever its length: several times the number that a body of the
/// maximum size takes.
const WORK_MAX: usize = 2 * 1024 * 1024;
/// The additional steps allowed for each byte of a message.
pub(super) const WORK_PER_BYTE: usize = 2;

/// The steps that are left for one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    done: usize,
    most: usize,
}

impl Work {
    /// Returns all the steps for a message of `bytes` bytes.
    #[must_use]
    pub fn on(bytes: usize) -> Self {
        Self { done: 0, most: bytes.saturating_mul(WORK_PER_BYTE).saturating_add(WORK_MAX) }
    }

    /// Uses `steps` and returns whether that many were left. If not, the caller must not do the work, and its
    /// result is unknown.
    #[must_use]
    pub fn take(&mut self, steps: usize) -> bool {
        let fits = steps <= self.most - self.done;
        if fits {
            self.done += steps;
        }
        fits
    }

    /// Returns the number of steps that were used.
    #[must_use]
    pub fn done(self) -> usize {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_no_more_steps_than_it_has() {
        let mut work = Work::on(1_000);
        assert!(work.take(WORK_MAX) && work.take(2_000));
        assert!(!work.take(1) && work.take(0));
        assert_eq!(work.done(), WORK_MAX + 2_000);
        assert!(!Work::on(0).take(usize::MAX) && Work::on(usize::MAX).take(usize::MAX));
    }
}
