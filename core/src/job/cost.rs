//! The cost of messages, learned from earlier slices.

/// Windows with fewer messages say little about the cost of the next ones.
const WORTH_LEARNING: u64 = 8;
/// The assumed cost of a message before any was measured, nanoseconds.
const AT_FIRST_NS: u64 = 2_000;

/// The cost of reading and judging one message, and perhaps deleting it: a moving average, nanoseconds. It
/// determines the size of windows. Only the clock ends slices.
///
/// Windows are timed by the wall clock, and if a thread loses its processor in a window of a few messages, each of
/// them seems to take milliseconds. So one window can at most double the estimate, and any window, however short,
/// can lower it. Otherwise windows of one message, which are too short to learn from, would never grow again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageCost(u64);

impl Default for MessageCost {
    fn default() -> Self {
        Self(AT_FIRST_NS)
    }
}

impl MessageCost {
    /// Nanoseconds, at least 1.
    #[must_use]
    pub fn ns(self) -> u64 {
        self.0.max(1)
    }

    /// Learns from a window of this many messages, which took this many nanoseconds after its seek.
    pub fn learn(&mut self, messages: u64, took_ns: u64) {
        let Some(each) = took_ns.checked_div(messages) else { return };
        if messages >= WORTH_LEARNING || each < self.0 {
            let each = each.min(self.ns().saturating_mul(2));
            self.0 = (self.0.saturating_mul(3) + each) / 4;
        }
    }
}

/// The assumed cost before any was measured, nanoseconds: for few matches, each of which is the only one in its
/// part of the list.
const HIT_AT_FIRST_NS: u64 = 10_000;
/// A lower cost is not learned: the next matches may be further apart.
const HIT_AT_LEAST_NS: u64 = 1_000;
/// A higher cost is not learned either: that slice was interrupted.
const HIT_AT_MOST_NS: u64 = 50_000;

/// The cost of removing one message that was met before, on a separate walk, nanoseconds. It rises at once and
/// falls slowly, because a slice cannot end before all of its messages are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionCost(u64);

impl Default for DeletionCost {
    fn default() -> Self {
        Self(HIT_AT_FIRST_NS)
    }
}

impl DeletionCost {
    /// Nanoseconds.
    #[must_use]
    pub fn ns(self) -> u64 {
        self.0
    }

    /// Learns from a walk that removed this many messages in this many nanoseconds.
    pub fn learn(&mut self, messages: u64, took_ns: u64) {
        let Some(each) = took_ns.checked_div(messages).filter(|each| *each > 0) else { return };
        self.0 = each.max((self.0 * 3 + each) / 4).clamp(HIT_AT_LEAST_NS, HIT_AT_MOST_NS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of a window of half a millisecond.
    fn window(cost: MessageCost) -> u64 {
        (500_000 / cost.ns()).max(1)
    }

    #[test]
    fn interrupted_slices_do_not_shrink_windows_permanently() {
        let mut cost = MessageCost::default();
        for _ in 0..100 {
            cost.learn(window(cost), window(cost) * 600);
        }
        // This many in a row, of 50 ms each.
        for _ in 0..30 {
            cost.learn(window(cost), 50_000_000);
        }
        for _ in 0..60 {
            cost.learn(window(cost), window(cost) * 600);
        }
        assert!(window(cost) > 700, "{cost:?}");
    }

    #[test]
    fn one_interruption_costs_less_than_half_of_a_window() {
        let mut cost = MessageCost::default();
        let before = window(cost);
        cost.learn(before, 80_000_000);
        assert!(window(cost) * 2 > before, "{cost:?}");
    }

    #[test]
    fn message_cost_converges_from_both_sides() {
        for each in [1, 250, 900, 40_000, 1_000_000] {
            let mut cost = MessageCost::default();
            for _ in 0..100 {
                cost.learn(window(cost).max(WORTH_LEARNING), window(cost).max(WORTH_LEARNING) * each);
            }
            assert!(cost.ns() >= each / 2 && cost.ns() <= each * 2 + 4, "{each}: {cost:?}");
        }
    }

    #[test]
    fn deletion_cost_rises_fast_and_falls_slowly() {
        let mut cost = DeletionCost::default();
        cost.learn(10, 300_000);
        assert_eq!(cost.ns(), 30_000);
        cost.learn(10, 100_000);
        assert_eq!(cost.ns(), 25_000);
        cost.learn(0, 1_000_000);
        cost.learn(5, 0);
        assert_eq!(cost.ns(), 25_000);
        cost.learn(1, 80_000_000);
        assert_eq!(cost.ns(), HIT_AT_MOST_NS);
        (0..100).for_each(|_| cost.learn(1_000, 1_000));
        assert_eq!(cost.ns(), HIT_AT_LEAST_NS);
    }

    #[test]
    fn a_window_without_messages_does_not_change_the_cost() {
        let mut cost = MessageCost::default();
        cost.learn(0, 1_000_000);
        assert_eq!(cost, MessageCost::default());
    }
}
