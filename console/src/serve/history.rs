//! The depths of queues in the last hour, for plots: kept in memory while the program runs.
//!
//! Each answer of QUEUES is a sample, whether the sampler, a page or a scraper of /metrics asked for it. The memory
//! is bounded: [`QUEUES`] queues with [`SAMPLES`] samples of 24 bytes each are 9 MB.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ages::Ages;
use crate::reply::Queues;

/// Maximum number of queues.
const QUEUES: usize = 1_000;
/// Maximum number of samples of a queue.
const SAMPLES: usize = 360;
/// Maximum bytes of a queue's name.
const NAME: usize = 1_024;
/// How long samples are kept, and for how long they are taken while nobody looks, in seconds.
const SPAN: u32 = 3_600;
/// Number of samples, as time between two of them, beyond which the line of a plot is interrupted.
const GAP: u32 = 4;

/// What was known of a queue at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Seconds since the program started.
    pub(crate) at: u32,
    pub(crate) depth: u64,
    /// Messages that came and went in the minute before, as the index of the queue knows them.
    pub(crate) rates: Option<(u32, u32)>,
}

/// The last hour.
pub(crate) struct History {
    began: Instant,
    /// The least time between two samples; zero: no history.
    every: Duration,
    /// When somebody opened a page, seconds since the program started.
    looked: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The time of the last sample.
    last: Option<u32>,
    queues: HashMap<Vec<u8>, VecDeque<Sample>>,
}

/// What is shown of one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// The oldest first.
    pub(crate) samples: Vec<Sample>,
    /// Seconds since the program started: the end of the plot.
    pub(crate) now: u32,
    /// Seconds between samples that are connected by a line.
    pub(crate) gap: u32,
}

impl Past {
    /// By how many messages the depth changed within the last minute, from samples; `None` if there is none that is
    /// a minute old.
    pub(crate) fn change_per_minute(&self) -> Option<i64> {
        let last = self.samples.last()?;
        let before = self.samples.iter().rev().find(|sample| last.at - sample.at >= 60)?;
        let seconds = i64::from(last.at - before.at);
        let is_recent = seconds <= i64::from(60 + self.gap);
        let change = i64::try_from(last.depth).ok()?.checked_sub_unsigned(before.depth)?;
        is_recent.then(|| change.saturating_mul(60) / seconds)
    }
}

impl History {
    pub(crate) fn new(every: Duration) -> Self {
        Self { began: Instant::now(), every, looked: AtomicU64::new(0), kept: Mutex::default() }
    }

    fn now(&self) -> u32 {
        u32::try_from(self.began.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    /// The least time between two samples; `None`: no history is kept.
    pub(crate) fn every(&self) -> Option<Duration> {
        Some(self.every).filter(|every| !every.is_zero())
    }

    /// Whether somebody has looked at a page within the last hour.
    pub(crate) fn is_watched(&self) -> bool {
        u64::from(self.now()).saturating_sub(self.looked.load(Ordering::Relaxed)) < u64::from(SPAN)
    }

    /// Notes that somebody looks at a page.
    pub(crate) fn look(&self) {
        self.looked.store(u64::from(self.now()), Ordering::Relaxed);
    }

    /// Takes a sample, unless the last one is too recent.
    pub(crate) fn note(&self, queues: &Queues) {
        if !self.every.is_zero() {
            let every = u32::try_from(self.every.as_secs()).unwrap_or(u32::MAX);
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).note(self.now(), every, queues);
        }
    }

    /// The last hour of one queue.
    pub(crate) fn of(&self, queue: &[u8]) -> Past {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = self.now().saturating_sub(SPAN);
        let recent = |samples: &VecDeque<Sample>| {
            samples.iter().filter(|sample| sample.at >= oldest).copied().collect()
        };
        let samples = kept.queues.get(queue).map(recent);
        let every = u32::try_from(self.every.as_secs()).unwrap_or(u32::MAX);
        Past { samples: samples.unwrap_or_default(), now: self.now(), gap: GAP.saturating_mul(every).max(60) }
    }
}

impl Kept {
    fn note(&mut self, now: u32, every: u32, queues: &Queues) {
        // Answers can be noted in another order than they came.
        if self.last.is_some_and(|last| now.saturating_sub(last) < every) {
            return;
        }
        self.last = Some(now);
        for row in &queues.queues {
            let name = row.bytes("queue").unwrap_or_default();
            let is_known = self.queues.contains_key(&name);
            if name.len() <= NAME && (is_known || self.queues.len() < QUEUES) {
                let rate = |name| row.count(name).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
                let rates =
                    Ages::of(row).and_then(|_| rate("pushed_per_minute").zip(rate("popped_per_minute")));
                let samples = self.queues.entry(name).or_default();
                samples.push_back(Sample { at: now, depth: row.sum("depth"), rates });
            }
        }
        let oldest = now.saturating_sub(SPAN);
        self.queues.retain(|_, samples| {
            let is_listed = samples.back().is_some_and(|last| last.at == now);
            // A queue that is not listed any more is empty, because Redis deletes empty lists.
            if queues.complete && !is_listed {
                samples.push_back(Sample { at: now, depth: 0, rates: None });
            }
            while samples.len() > SAMPLES || samples.front().is_some_and(|sample| sample.at < oldest) {
                samples.pop_front();
            }
            // It is forgotten when it has been empty for an hour.
            is_listed || samples.iter().any(|sample| sample.depth > 0)
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::reply::Map;

    fn row(queue: &str, depth: u64) -> Value {
        json!({"queue": queue, "depth": depth})
    }

    fn queues(rows: &[Value]) -> Queues {
        Queues::new(Map::new(json!({"queues": rows, "complete": 1})))
    }

    #[test]
    fn the_last_hour_is_kept_and_bounded() {
        let mut kept = Kept::default();
        for at in 0..4_000 {
            kept.note(at, 10, &queues(&[row("q", u64::from(at) + 1)]));
        }
        let samples = &kept.queues[&b"q"[..]];
        assert_eq!((samples.len(), samples[0].at, samples[samples.len() - 1].at), (SAMPLES, 400, 3_990));
        // Answers can be noted in another order than they came.
        kept.note(3_000, 10, &queues(&[row("q", 1)]));
        let many: Vec<Value> = (0..2_000).map(|n| row(&format!("q{n}"), 1)).collect();
        kept.note(4_100, 10, &queues(&many));
        assert_eq!(kept.queues.len(), QUEUES);
        kept.note(4_200, 10, &queues(&[row(&"x".repeat(NAME + 1), 1)]));
        assert!(kept.queues.keys().all(|name| name.len() <= NAME));
    }

    #[test]
    fn a_queue_that_is_gone_is_empty_and_then_forgotten() {
        let mut kept = Kept::default();
        kept.note(0, 10, &queues(&[row("q", 5), row("bound", 0)]));
        kept.note(10, 10, &queues(&[row("bound", 0)]));
        let depths = |kept: &Kept| {
            let samples = kept.queues.get(&b"q"[..]);
            samples.map(|samples| samples.iter().map(|sample| sample.depth).collect::<Vec<_>>())
        };
        assert_eq!(depths(&kept), Some(vec![5, 0]));
        // A list that is not complete says nothing of the others.
        let cut = Queues::new(Map::new(json!({"queues": [], "complete": 0})));
        kept.note(20, 10, &cut);
        assert_eq!(depths(&kept), Some(vec![5, 0]));
        kept.note(9_000, 10, &queues(&[row("bound", 0)]));
        assert_eq!((depths(&kept), kept.queues.len()), (None, 1));
    }

    #[test]
    fn rates_come_from_an_index_and_the_change_from_depths() {
        let mut kept = Kept::default();
        let indexed = json!({"queue": "i", "depth": 1, "pushed_per_minute": 7, "popped_per_minute": 9});
        kept.note(0, 1, &queues(&[row("q", 100), indexed]));
        assert_eq!(kept.queues[&b"i"[..]][0].rates, Some((7, 9)));
        assert_eq!(kept.queues[&b"q"[..]][0].rates, None);
        kept.note(30, 1, &queues(&[row("q", 500)]));
        let past = |kept: &Kept| Past {
            samples: kept.queues[&b"q"[..]].iter().copied().collect(),
            now: 120,
            gap: 60,
        };
        assert_eq!(past(&kept).change_per_minute(), None);
        kept.note(120, 1, &queues(&[row("q", 40)]));
        assert_eq!(past(&kept).change_per_minute(), Some(-306));
        kept.note(400, 1, &queues(&[row("q", 40)]));
        assert_eq!(past(&kept).change_per_minute(), None, "nothing is known of that minute");
    }
}
