//! What is known of arrivals after an edit whose place is not known, or not to the message.

use std::collections::VecDeque;
use std::ops::Range;

use super::clock::{Arrivals, BOUND, Run};
use super::repair::Place;
use crate::queue::End;

impl Arrivals {
    /// Messages were removed at unknown positions.
    pub fn lose(&mut self, messages: u64) {
        self.lose_among(0..self.len(), messages);
    }

    /// Some of the messages at these positions (0 = head) were removed, and it is not known which.
    fn lose_among(&mut self, among: Range<u64>, messages: u64) {
        let messages = messages.min(among.end - among.start);
        if messages == 0 {
            return;
        }
        let left = among.end - among.start - messages;
        let [before, runs, after] = cut(&self.take_runs(), &among);
        before.iter().for_each(|run| self.add(End::Tail, *run, run.count()));
        let mut window = Window::new(&runs);
        let mut at = 0;
        while at < left {
            let (run, until) = window.at(at, messages);
            let until = until.min(left);
            self.add(End::Tail, run, until - at);
            at = until;
        }
        after.iter().for_each(|run| self.add(End::Tail, *run, run.count()));
    }

    /// A message was inserted at `now_ms`, and is at one of these positions (0 = head) now: each of the
    /// messages there may be it.
    fn insert_among(&mut self, among: Range<u64>, now_ms: i64) {
        if among.end - among.start <= 1 {
            return self.insert(among.start, now_ms);
        }
        let step = self.step(now_ms);
        let [before, _, after] = cut(&self.take_runs(), &(among.start..among.end - 1));
        before.iter().for_each(|run| self.add(End::Tail, *run, run.count()));
        self.add(End::Tail, Run { step, messages: BOUND }, among.end - among.start);
        after.iter().for_each(|run| self.add(End::Tail, *run, run.count()));
    }

    /// Follows an edit of `now_ms` whose place was found. Positions of the place count from `producer_end`.
    /// Nothing is done for a place that the list does not have.
    pub(super) fn repair(&mut self, place: &Place, producer_end: End, now_ms: i64) {
        let len = self.len();
        let is_there = match place {
            Place::Removed { among, .. } => among.iter().all(|range| range.end <= len),
            Place::Inserted { among, .. } => among.end <= len + 1,
            Place::Trimmed { first, count } => first.checked_add(*count).is_some_and(|end| end <= len),
        };
        if !is_there {
            return;
        }
        let at_head = |range: &Range<u64>, len: u64| match producer_end {
            End::Head => range.clone(),
            End::Tail => len - range.end..len - range.start,
        };
        match place {
            Place::Removed { among, .. } => {
                // Later ones first: the positions of others do not change then.
                let mut ranges: Vec<(Range<u64>, u64)> = Vec::new();
                for range in among {
                    match ranges.last_mut().filter(|(last, _)| range.start < last.end) {
                        Some((last, messages)) => {
                            *last = last.start..last.end.max(range.end);
                            *messages += 1;
                        }
                        None => ranges.push((range.clone(), 1)),
                    }
                }
                let mut ranges: Vec<(Range<u64>, u64)> =
                    ranges.into_iter().map(|(range, messages)| (at_head(&range, len), messages)).collect();
                ranges.sort_unstable_by_key(|(range, _)| std::cmp::Reverse(range.start));
                for (range, messages) in ranges {
                    if range.end - range.start == messages {
                        self.delete(&range.collect::<Vec<_>>());
                    } else {
                        self.lose_among(range, messages);
                    }
                }
            }
            Place::Inserted { among, .. } => self.insert_among(at_head(among, len + 1), now_ms),
            Place::Trimmed { first, count } => {
                let last = len.saturating_sub(first + count);
                self.pop(producer_end, *first, |_, _| {});
                self.pop(producer_end.other(), last, |_, _| {});
            }
        }
    }

    /// Leaves at most `most` runs (at least one): neighbours become one bound of the later of them.
    pub fn coarsen(&mut self, most: usize) {
        if self.runs() <= most {
            return;
        }
        let each = self.runs().div_ceil(most.max(1));
        for some in self.take_runs().chunks(each) {
            let step = some.iter().map(|run| run.step).max().unwrap_or_default();
            let kept = if some.len() == 1 { some[0] } else { Run { step, messages: BOUND } };
            self.add(End::Tail, kept, some.iter().map(|run| run.count()).sum());
        }
    }
}

/// Runs before these positions, at them, and after them.
fn cut(runs: &[Run], at: &Range<u64>) -> [Vec<Run>; 3] {
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    let mut first = 0;
    for run in runs {
        let end = first + run.count();
        let inside = first.max(at.start).min(at.end)..end.max(at.start).min(at.end);
        let counts = [at.start.min(end).saturating_sub(first), inside.end - inside.start];
        let counts = [counts[0], counts[1], end - first - counts[0] - counts[1]];
        for (part, count) in parts.iter_mut().zip(counts).filter(|(_, count)| *count > 0) {
            part.push(run.with(count));
        }
        first = end;
    }
    parts
}

/// The runs that a message can be of, while its position goes up.
struct Window<'a> {
    runs: &'a [Run],
    /// The runs of the first and of the last message of the window, and the positions after them.
    first: usize,
    first_end: u64,
    last: usize,
    last_end: u64,
    /// Runs of the window of which no later one is as late, the latest first; and the same for the earliest.
    latest: VecDeque<usize>,
    earliest: VecDeque<usize>,
    bounds: usize,
}

impl<'a> Window<'a> {
    fn new(runs: &'a [Run]) -> Self {
        let end = runs.first().map_or(0, |run| run.count());
        let mut window = Self {
            runs,
            first: 0,
            first_end: end,
            last: 0,
            last_end: end,
            latest: VecDeque::new(),
            earliest: VecDeque::new(),
            bounds: 0,
        };
        window.enter(0);
        window
    }

    fn enter(&mut self, at: usize) {
        let Some(run) = self.runs.get(at) else { return };
        while self.latest.back().is_some_and(|other| self.runs[*other].step <= run.step) {
            self.latest.pop_back();
        }
        self.latest.push_back(at);
        while self.earliest.back().is_some_and(|other| self.runs[*other].step >= run.step) {
            self.earliest.pop_back();
        }
        self.earliest.push_back(at);
        self.bounds += usize::from(run.is_bound());
    }

    /// What is known of the message at `at`, one of those that stood at `at..=at + lost`, and the position
    /// from which something else is known. Positions have to ascend.
    fn at(&mut self, at: u64, lost: u64) -> (Run, u64) {
        while at + lost >= self.last_end && self.last + 1 < self.runs.len() {
            self.last += 1;
            self.last_end += self.runs[self.last].count();
            self.enter(self.last);
        }
        while at >= self.first_end && self.first < self.last {
            self.bounds -= usize::from(self.runs[self.first].is_bound());
            self.first += 1;
            self.first_end += self.runs[self.first].count();
        }
        for extreme in [&mut self.latest, &mut self.earliest] {
            while extreme.front().is_some_and(|run| *run < self.first) {
                extreme.pop_front();
            }
        }
        let step = |of: &VecDeque<usize>| of.front().map_or(0, |run| self.runs[*run].step);
        let (latest, earliest) = (step(&self.latest), step(&self.earliest));
        let is_exact = latest == earliest && self.bounds == 0;
        let run = Run { step: latest, messages: if is_exact { 0 } else { BOUND } };
        (run, self.first_end.min(self.last_end.saturating_sub(lost)).max(at + 1))
    }
}
