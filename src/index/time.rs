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

/// How much the wall clock is ahead of the clock of arrivals, milliseconds: nothing unless it was set.
pub(super) fn ahead_ms() -> i64 {
    let ahead = now_ms() - clock_ms();
    if ahead.abs() < CLOCK_SET_MS { 0 } else { ahead }
}

/// The time at which ages are measured that are to be those of a time of the steady clock, by the wall clock as it is now.
pub(crate) fn wall_ms(steady_ns: u64) -> i64 {
    at_ms(steady_ns) + ahead_ms()
}
