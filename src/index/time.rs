//! The clock of arrivals. It is the steady clock, shifted to the wall clock as that was at the first reading,
//! so a wall clock that is set later does not change it.

use std::sync::OnceLock;

use crate::redis::clock::{now_ms, now_ns, now_us};

/// If the two clocks differ by more than this, milliseconds, the wall clock was set.
const CLOCK_SET_MS: i64 = 1_000;

/// Returns the time of the clock of arrivals, milliseconds.
pub(super) fn clock_ms() -> i64 {
    at_ms(now_ns())
}

/// Returns the time of the clock of arrivals for a time of the steady clock, nanoseconds.
pub(super) fn at_ms(steady_ns: u64) -> i64 {
    static OFFSET_US: OnceLock<i64> = OnceLock::new();
    let steady_us = |ns: u64| i64::try_from(ns / 1_000).unwrap_or(i64::MAX);
    let offset = OFFSET_US.get_or_init(|| {
        // The thread can be interrupted between two readings, so the pair that took the least time is the
        // best one.
        let pair = || {
            let before = now_ns();
            let wall = now_us();
            (now_ns() - before, wall - steady_us(before))
        };
        (0..8).map(|_| pair()).min().map_or(0, |(_, offset)| offset)
    });
    (steady_us(steady_ns) + offset).div_euclid(1_000)
}

/// A moment by both clocks. A job measures all arrivals from the moment at which it was accepted. If the wall
/// clock is set afterwards, ages and times stay the same, and so do the verdicts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// How much the wall clock was ahead of the clock of arrivals, milliseconds; 0 unless the wall clock was
    /// set.
    pub(crate) ahead_ms: i64,
    /// The moment by the clock of arrivals, milliseconds.
    at_ms: i64,
}

impl Moment {
    /// Returns the moment at which the wall clock showed `wall_ms` and the steady clock `steady_ns`.
    pub(crate) fn of(wall_ms: i64, steady_ns: u64) -> Self {
        let at_ms = at_ms(steady_ns);
        let ahead = wall_ms - at_ms;
        Self { ahead_ms: if ahead.abs() < CLOCK_SET_MS { 0 } else { ahead }, at_ms }
    }

    /// Returns the present moment.
    pub(crate) fn now() -> Self {
        Self::of(now_ms(), now_ns())
    }

    /// Returns the moment on the scale of the wall clock, Unix milliseconds. Arrivals are shifted to the same
    /// scale.
    pub(crate) fn wall_ms(self) -> i64 {
        self.at_ms + self.ahead_ms
    }
}
