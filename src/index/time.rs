//! The clock of arrivals: the steady clock, beside the wall clock as it was when it was first asked.

use std::sync::OnceLock;

use crate::redis::clock::{now_ms, now_ns, now_us};

/// A wall clock that is further ahead or behind than this was set, milliseconds.
const CLOCK_SET_MS: i64 = 1_000;

/// Milliseconds of the clock of arrivals: the steady clock, beside the wall clock as it was when it was first asked.
pub(super) fn clock_ms() -> i64 {
    at_ms(now_ns())
}

/// The same for a time of the steady clock, nanoseconds.
fn at_ms(steady_ns: u64) -> i64 {
    static OFFSET_US: OnceLock<i64> = OnceLock::new();
    let steady_us = |ns: u64| i64::try_from(ns / 1_000).unwrap_or(i64::MAX);
    let offset = OFFSET_US.get_or_init(|| {
        // The thread may be interrupted between two readings: the pair that took least time is the best one.
        let pair = || {
            let before = now_ns();
            let wall = now_us();
            (now_ns() - before, wall - steady_us(before))
        };
        (0..8).map(|_| pair()).min().map_or(0, |(_, offset)| offset)
    });
    (steady_us(steady_ns) + offset).div_euclid(1_000)
}

/// A moment by both clocks. What a job knows of arrivals is measured from one moment, that at which it was accepted: whoever
/// sets the wall clock afterwards changes neither ages nor times, and so no verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// How much the wall clock was ahead of the clock of arrivals, milliseconds: nothing unless it was set.
    pub(crate) ahead_ms: i64,
    /// The moment by the clock of arrivals, milliseconds.
    at_ms: i64,
}

impl Moment {
    /// The moment at which the wall clock showed these milliseconds, and the steady clock these nanoseconds.
    pub(crate) fn of(wall_ms: i64, steady_ns: u64) -> Self {
        let at_ms = at_ms(steady_ns);
        let ahead = wall_ms - at_ms;
        Self { ahead_ms: if ahead.abs() < CLOCK_SET_MS { 0 } else { ahead }, at_ms }
    }

    /// This moment.
    pub(crate) fn now() -> Self {
        Self::of(now_ms(), now_ns())
    }

    /// The moment on the scale of the wall clock, to which arrivals are shifted as well, Unix milliseconds.
    pub(crate) fn wall_ms(self) -> i64 {
        self.at_ms + self.ahead_ms
    }
}
