//! The two clocks: the steady one, and the wall clock.

use qadmin_core::scan::Clock;

/// The steady clock (CLOCK_MONOTONIC), on which the timer descriptor is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steady;

impl Clock for Steady {
    fn now_ns(&self) -> u64 {
        read(libc::CLOCK_MONOTONIC)
    }
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place for the answer; the clocks asked for exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Returns the processor time that this thread has used, nanoseconds. It is a system call, unlike the steady
/// clock: some 300 ns.
pub(crate) fn cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// If the thread was not running on a processor for longer than this while something was measured, the operating
/// system interrupted it: its duration says something about the machine, and nothing about the code.
const INTERRUPTED_NS: u64 = 50_000;

/// Measures how long something takes, and whether the operating system interrupted it.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    began_ns: u64,
    cpu_ns: u64,
}

/// What a [`Stopwatch`] has measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duration {
    /// Nanoseconds of the steady clock.
    pub(crate) ns: u64,
    /// Whether the thread was not running on a processor for more than 50 microseconds of it.
    pub(crate) was_interrupted: bool,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { began_ns: now_ns(), cpu_ns: cpu_ns() }
    }

    /// The time since the start.
    pub(crate) fn read(&self) -> Duration {
        let ns = now_ns() - self.began_ns;
        let ran_ns = cpu_ns() - self.cpu_ns;
        Duration { ns, was_interrupted: ns.saturating_sub(ran_ns) > INTERRUPTED_NS }
    }
}

/// Nanoseconds of the steady clock.
pub(crate) fn now_ns() -> u64 {
    Steady.now_ns()
}

/// Unix microseconds.
pub(crate) fn now_us() -> i64 {
    i64::try_from(read(libc::CLOCK_REALTIME) / 1_000).unwrap_or(i64::MAX)
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
