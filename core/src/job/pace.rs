//! Decides when the next slice may begin.
//!
//! An idle server is used fully: slice follows slice, one per turn of the event loop. While other clients
//! are active, the job may take `duty` percent of the main thread: a slice that took `spent` is followed
//! by a wait of
//!
//! ```text
//!   wait = spent * (100 - duty) / duty        because spent / (spent + wait) = duty / 100
//! ```
//!
//! Other clients count as active if the loop turned during a wait (something else woke it), if a turn between
//! two consecutive slices spent more on events than an empty turn does, or if a client has just started or resumed a
//! job. Of a turn only the time from the end of the poll to the hook counts: the flush and fsync of the append-only file
//! that writes of this module cause happen between the hook and the poll.

/// The longest time that counts as an empty turn, besides the callback of the module's timer. A turn is busy if it takes more than
/// [`BUSY`] times as long as the shortest one of late, which is how fast this machine is. Measured with Redis 7.0: an empty turn
/// 0.6 to 0.9 microseconds and a turn with a GET 1.8 and more on one machine, under 2 and more than 4 on another. With a limit that is
/// too high most requests of a client that waits for each reply are not noticed, and it gets one request through per slice.
const LONGEST_EMPTY_TURN_NS: u64 = 1_500;
/// No machine is faster; a shorter turn is an error of the clock.
const SHORTEST_EMPTY_TURN_NS: u64 = 100;
/// A turn that takes more than this many times the shortest one did more than to turn.
const BUSY: u64 = 2;
/// With each turn the shortest one grows by this part, because a processor can become slower.
const GROWTH: u64 = 1_024;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A slice may run.
    Run,
    /// Not yet; something else woke the loop.
    Wait,
}

/// Times in one turn of the event loop, nanoseconds of the steady clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct TurnClock {
    /// When the poll returned.
    pub polled_ns: u64,
    /// Time that the callback of the module's descriptor took in this turn.
    pub own_ns: u64,
}

/// The pace of the slices.
#[derive(Debug, Clone)]
pub struct Pace {
    /// No slice before this time.
    ready_ns: u64,
    /// Other clients were active since the last slice.
    others: bool,
    /// How long an empty turn takes on this machine, in nanoseconds.
    empty_turn_ns: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { ready_ns: 0, others: false, empty_turn_ns: LONGEST_EMPTY_TURN_NS }
    }
}

impl Pace {
    /// The hook is called at `now_ns`.
    pub fn turn(&mut self, now_ns: u64, turn: TurnClock) -> Next {
        if now_ns < self.ready_ns {
            self.others = true;
            return Next::Wait;
        }
        if turn.polled_ns > 0 {
            let spent = now_ns.saturating_sub(turn.polled_ns + turn.own_ns);
            let empty = self.empty_turn_ns + self.empty_turn_ns / GROWTH + 1;
            self.empty_turn_ns = empty.min(LONGEST_EMPTY_TURN_NS).min(spent.max(SHORTEST_EMPTY_TURN_NS));
            self.others |= spent > BUSY * self.empty_turn_ns;
        }
        Next::Run
    }

    /// Returns whether a slice may begin at `now_ns` in the command of a client, who is active.
    pub fn allows(&mut self, now_ns: u64) -> bool {
        self.others = true;
        now_ns >= self.ready_ns
    }

    /// A slice of `spent_ns` ended at `now_ns`. Returns when the next may begin (`now_ns` = at once).
    pub fn spent(&mut self, now_ns: u64, spent_ns: u64, duty_percent: u64) -> u64 {
        let duty = duty_percent.clamp(1, 100);
        let wait = if self.others { spent_ns * (100 - duty) / duty } else { 0 };
        self.others = false;
        self.ready_ns = now_ns + wait;
        self.ready_ns
    }

    /// No slice could run; the next attempt is at this time.
    pub fn idle_until(&mut self, ready_ns: u64) {
        self.ready_ns = ready_ns;
        self.others = false;
    }

    /// Returns when the next slice may begin.
    #[must_use]
    pub fn ready_ns(&self) -> u64 {
        self.ready_ns
    }

    /// A job was started, or something changed that may let a waiting job continue: tries at once. Whoever did that is active.
    pub fn wake(&mut self) {
        self.ready_ns = 0;
        self.others = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: TurnClock = TurnClock { polled_ns: 0, own_ns: 0 };

    #[test]
    fn an_idle_server_is_used_fully() {
        let mut pace = Pace::default();
        let mut now = 1_000;
        for _ in 0..5 {
            assert_eq!(pace.turn(now, TurnClock { polled_ns: now - 500, own_ns: 0 }), Next::Run);
            now += 500_000;
            assert_eq!(pace.spent(now, 500_000, 50), now);
        }
    }

    /// Lets a slice of half a millisecond follow a turn that spent this on events, and returns whether a wait follows it.
    fn is_busy(pace: &mut Pace, now: &mut u64, turn_ns: u64) -> bool {
        *now += 10_000;
        assert_eq!(pace.turn(*now, TurnClock { polled_ns: *now - turn_ns, own_ns: 0 }), Next::Run);
        *now += 500_000;
        let ready = pace.spent(*now, 500_000, 50);
        let waits = ready > *now;
        *now = ready;
        waits
    }

    #[test]
    fn how_long_an_empty_turn_takes_is_learned_on_each_machine() {
        for empty_ns in [300, 700, 1_400] {
            let (mut pace, mut now) = (Pace::default(), 1_000_000);
            for turn in 0..5_000 {
                assert!(!is_busy(&mut pace, &mut now, empty_ns + turn % 100), "{empty_ns}");
            }
            assert!(
                is_busy(&mut pace, &mut now, empty_ns * 11 / 4),
                "a request on a machine with {empty_ns} ns"
            );
            assert!(!is_busy(&mut pace, &mut now, empty_ns), "{empty_ns}");
        }
    }

    #[test]
    fn a_processor_that_became_slower_is_idle_again_after_a_while() {
        let (mut pace, mut now) = (Pace::default(), 1_000_000);
        assert!(!is_busy(&mut pace, &mut now, 400));
        assert!(is_busy(&mut pace, &mut now, 1_200));
        let busy = (0..2_000).filter(|_| is_busy(&mut pace, &mut now, 1_200)).count();
        assert!((100..1_000).contains(&busy), "{busy}");
    }

    #[test]
    fn whoever_starts_a_job_is_active() {
        let mut pace = Pace::default();
        pace.wake();
        assert_eq!(pace.turn(1_000, QUIET), Next::Run);
        let ready = pace.spent(501_000, 500_000, 50);
        assert_eq!(ready, 1_001_000);
        // Nobody else did anything during the wait.
        assert_eq!(pace.turn(ready, QUIET), Next::Run);
        assert_eq!(pace.spent(ready + 500_000, 500_000, 50), ready + 500_000);
    }

    #[test]
    fn with_others_the_share_of_the_thread_is_the_duty() {
        for (duty, wait) in [(50, 500_000), (25, 1_500_000), (100, 0), (80, 125_000)] {
            let mut pace = Pace::default();
            let busy = TurnClock { polled_ns: 1, own_ns: 0 };
            assert_eq!(pace.turn(1_000_000, busy), Next::Run);
            assert_eq!(pace.spent(2_000_000, 500_000, duty), 2_000_000 + wait);
        }
    }

    #[test]
    fn turn_during_a_wait_means_other_clients_are_active() {
        let mut pace = Pace::default();
        pace.turn(1_000_000, TurnClock { polled_ns: 1, own_ns: 0 });
        let ready = pace.spent(1_500_000, 500_000, 50);
        assert_eq!(pace.turn(ready - 1, QUIET), Next::Wait);
        assert_eq!(pace.turn(ready, QUIET), Next::Run);
        assert!(pace.spent(ready + 500_000, 500_000, 50) > ready + 500_000);
        let ready = pace.ready_ns();
        assert_eq!(pace.turn(ready, QUIET), Next::Run);
        assert_eq!(pace.spent(ready + 1, 500_000, 50), ready + 1);
    }
}
