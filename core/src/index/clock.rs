//! The arrival times of the messages of one list.
//!
//! # Runs
//! Messages that were pushed one after another in the same step of [`STEP_MS`] are one *run*: the number of
//! the step and how many messages. A run takes 8 bytes, however many messages it has. Runs stand in the order
//! of the list, from the head on, in blocks of at most [`BLOCK_RUNS`], of which each knows how many messages
//! it has. So a push or a pop at either end touches one run, and the run of a position is found by adding up
//! the blocks.
//!
//! # Bounds
//! Of messages that were there before anybody followed the list it is only known that they arrived before
//! that moment: their runs are *bounds*. A removal that reports no positions (LREM, LTRIM) turns exact times
//! into bounds as well. After `k` of `n` messages were removed, the message at position `i` is one of those
//! that stood at `i..=i + k`. It arrived at the latest when the latest of these did; where all of these
//! arrived in the same step, its time is exact still. See [`Arrivals::lose`] in `blur.rs`.

use std::collections::VecDeque;

use crate::arrival::{Arrival, STEP_MS};
use crate::queue::End;

/// Most runs of one block.
pub const BLOCK_RUNS: usize = 512;
/// Runs above which LTRIM, which may run after each push, joins neighbours before it loses positions: what it
/// costs is bounded then.
pub const TRIM_RUNS_MAX: usize = 256;

/// Set in [`Run::messages`] of a bound.
pub(super) const BOUND: u32 = 1 << 31;
/// Most messages of one run.
const RUN_MAX: u64 = 2_147_483_647;
const _: () = assert!(RUN_MAX == BOUND as u64 - 1, "a run of more messages would look like a bound");

/// Messages that arrived in the same step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Steps since the epoch of the list.
    pub(super) step: u32,
    /// Number of messages, and [`BOUND`].
    pub(super) messages: u32,
}

impl Run {
    pub(super) fn count(self) -> u64 {
        u64::from(self.messages & !BOUND)
    }

    pub(super) fn is_bound(self) -> bool {
        self.messages & BOUND != 0
    }

    /// The same with another number of messages, at most [`RUN_MAX`].
    pub(super) fn with(self, count: u64) -> Self {
        let count = u32::try_from(count.min(RUN_MAX)).unwrap_or(BOUND - 1);
        Self { messages: count | self.messages & BOUND, ..self }
    }

    fn is_like(self, other: Self) -> bool {
        self.step == other.step && self.is_bound() == other.is_bound()
    }
}

/// Neighbouring runs.
#[derive(Debug, Clone, Default)]
struct Block {
    runs: VecDeque<Run>,
    /// Messages of all of them.
    messages: u64,
    /// The earliest step of all of them, if that is known: runs may have left the block.
    earliest: Option<u32>,
}

impl Block {
    fn end(&self, end: End) -> Option<&Run> {
        match end {
            End::Head => self.runs.front(),
            End::Tail => self.runs.back(),
        }
    }

    /// Adds a message of a new run before the one at this position, which the block has.
    fn insert(&mut self, position: u64, new: Run) {
        let (mut at, mut first) = (0, 0);
        while let Some(run) = self.runs.get(at).copied().filter(|run| first + run.count() <= position) {
            (at, first) = (at + 1, first + run.count());
        }
        (self.messages, self.earliest) = (self.messages + 1, None);
        let before = position - first;
        let Some(run) = self.runs.get(at).copied().filter(|_| before > 0) else {
            return self.runs.insert(at, new);
        };
        self.runs[at] = run.with(before);
        self.runs.insert(at + 1, new);
        self.runs.insert(at + 2, run.with(run.count() - before));
    }

    fn earliest(&mut self) -> Option<u32> {
        self.earliest = self.earliest.or_else(|| self.runs.iter().map(|run| run.step).min());
        self.earliest
    }

    /// Takes away the messages at these positions, which are ascending and count from the first message of the block.
    /// Returns how many of them were bounds.
    fn delete(&mut self, positions: &[u64]) -> u64 {
        let (mut at, mut bounds, mut positions) = (0, 0, positions.iter().peekable());
        let mut left: VecDeque<Run> = VecDeque::with_capacity(self.runs.len());
        for run in &self.runs {
            let mut gone = 0;
            while positions.next_if(|position| **position < at + run.count()).is_some() {
                gone += 1;
            }
            at += run.count();
            bounds += if run.is_bound() { gone } else { 0 };
            self.messages -= gone;
            let rest = run.count() - gone;
            match left.back_mut().filter(|last| last.is_like(*run) && last.count() + rest <= RUN_MAX) {
                Some(last) => *last = last.with(last.count() + rest),
                None if rest > 0 => left.push_back(run.with(rest)),
                None => {}
            }
        }
        (self.runs, self.earliest) = (left, None);
        bounds
    }
}

/// The arrival times of all messages of one list, from the head on.
#[derive(Debug, Clone)]
pub struct Arrivals {
    blocks: VecDeque<Block>,
    len: u64,
    /// Messages of which only a bound is known.
    bounds: u64,
    runs: usize,
    /// The time of step 0, Unix milliseconds.
    epoch_ms: i64,
}

impl Arrivals {
    /// Returns the arrivals of a list that holds `len` messages at `now_ms`. When they arrived is unknown.
    #[must_use]
    pub fn new(len: u64, now_ms: i64) -> Self {
        let epoch_ms = now_ms.div_euclid(STEP_MS) * STEP_MS;
        let mut arrivals = Self { blocks: VecDeque::new(), len: 0, bounds: 0, runs: 0, epoch_ms };
        arrivals.add(End::Head, Run { step: 0, messages: BOUND }, len);
        arrivals
    }

    /// Messages in the list.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the list holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Messages of which only a bound is known.
    #[must_use]
    pub fn bounds(&self) -> u64 {
        self.bounds
    }

    /// Bytes of memory, about: blocks between the first and the last are taken for full ones. Asked after
    /// each event, so it takes constant time.
    #[must_use]
    pub fn memory(&self) -> usize {
        let capacity = |block: Option<&Block>| block.map_or(0, |block| block.runs.capacity());
        let last = self.blocks.back().filter(|_| self.blocks.len() > 1);
        let between = self.blocks.len().saturating_sub(2) * BLOCK_RUNS;
        let runs = capacity(self.blocks.front()) + between + capacity(last);
        runs * size_of::<Run>() + self.blocks.capacity() * size_of::<Block>()
    }

    /// Adds `messages` that arrived at `now_ms`.
    pub fn push(&mut self, end: End, messages: u64, now_ms: i64) {
        let step = self.step(now_ms);
        self.add(end, Run { step, messages: 0 }, messages);
    }

    /// Takes away `messages`, or as many as there are, and says when they arrived, in the order in which they
    /// are popped.
    pub fn pop(&mut self, end: End, mut messages: u64, mut left: impl FnMut(Arrival, u64)) {
        while messages > 0 {
            let Some(block) = last_at(&mut self.blocks, end) else { return };
            let Some(run) = last_at(&mut block.runs, end) else { return };
            let gone = run.count().min(messages);
            let (popped, rest) = (*run, run.count() - gone);
            *run = run.with(rest);
            block.messages -= gone;
            self.len -= gone;
            self.bounds -= if popped.is_bound() { gone } else { 0 };
            messages -= gone;
            if rest == 0 {
                self.runs -= 1;
                block.earliest = block.earliest.filter(|step| *step < popped.step);
                match end {
                    End::Head => block.runs.pop_front(),
                    End::Tail => block.runs.pop_back(),
                };
                if block.runs.is_empty() {
                    block.earliest = None;
                    // The last block stays: a queue that is often empty would allocate one for each message.
                    if self.blocks.len() > 1 {
                        match end {
                            End::Head => self.blocks.pop_front(),
                            End::Tail => self.blocks.pop_back(),
                        };
                    }
                }
            }
            left(self.arrival(popped), gone);
        }
    }

    /// Takes away the messages at these positions (0 = head), which are ascending. False, and nothing is
    /// taken away, where the list has no such positions.
    pub fn delete(&mut self, positions: &[u64]) -> bool {
        let ascending = positions.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || positions.last().is_some_and(|last| *last >= self.len) {
            return false;
        }
        let (mut first, mut rest) = (0, positions);
        for block in &mut self.blocks {
            let messages = block.messages;
            let (here, later) = rest.split_at(rest.partition_point(|position| *position < first + messages));
            if !here.is_empty() {
                let here: Vec<u64> = here.iter().map(|position| position - first).collect();
                let runs = block.runs.len();
                self.bounds -= block.delete(&here);
                self.runs = self.runs - runs + block.runs.len();
            }
            (first, rest) = (first + messages, later);
        }
        self.len -= positions.len() as u64;
        self.join_small_blocks();
        true
    }

    /// A message that arrived at `now_ms` was inserted, and is at this position (0 = head) now, which is at
    /// most the number of messages before.
    pub(super) fn insert(&mut self, position: u64, now_ms: i64) {
        let new = Run { step: self.step(now_ms), messages: 1 };
        let mut first = 0;
        let inside = self.blocks.iter_mut().enumerate().find_map(|(at, block)| {
            let next = first + block.messages;
            let here = (position < next).then_some((at, position - first));
            first = next;
            here
        });
        let Some((at, position)) = inside else { return self.add(End::Tail, new, 1) };
        let Some(block) = self.blocks.get_mut(at) else { return };
        let before = block.runs.len();
        block.insert(position, new);
        self.len += 1;
        self.runs = self.runs - before + block.runs.len();
        if block.runs.len() > BLOCK_RUNS {
            let runs = block.runs.split_off(BLOCK_RUNS / 2);
            let messages = runs.iter().map(|run| run.count()).sum();
            block.messages -= messages;
            self.blocks.insert(at + 1, Block { runs, messages, earliest: None });
        }
    }

    /// All runs, from the head on; the messages are forgotten.
    pub(super) fn take_runs(&mut self) -> Vec<Run> {
        let runs = self.blocks.iter().flat_map(|block| &block.runs).copied().collect();
        self.clear();
        runs
    }

    /// Forgets all messages.
    pub fn clear(&mut self) {
        if self.len > 0 {
            self.blocks.clear();
        }
        (self.len, self.bounds, self.runs) = (0, 0, 0);
    }

    /// Runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// When the message at this end arrived.
    #[must_use]
    pub fn at_end(&self, end: End) -> Option<Arrival> {
        let block = match end {
            End::Head => self.blocks.front(),
            End::Tail => self.blocks.back(),
        };
        block?.end(end).map(|run| self.arrival(*run))
    }

    /// When the message arrived that has waited longest: a bound where any message may have waited longer.
    pub fn oldest(&mut self) -> Option<Arrival> {
        let step = self.blocks.iter_mut().filter_map(Block::earliest).min()?;
        Some(Arrival { is_bound: self.bounds > 0, ..self.arrival(Run { step, messages: 0 }) })
    }

    /// A cursor that finds the arrival of one message after another.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { arrivals: self, block: 0, block_first: 0, run: 0, run_first: 0 }
    }

    fn arrival(&self, run: Run) -> Arrival {
        Arrival { step_ms: self.epoch_ms + i64::from(run.step) * STEP_MS, is_bound: run.is_bound() }
    }

    /// The number of the step of this time. The numbers begin again after 497 days; what arrived long before
    /// is known by a bound from then on.
    pub(super) fn step(&mut self, now_ms: i64) -> u32 {
        let steps = |epoch_ms: i64| now_ms.saturating_sub(epoch_ms).max(0) / STEP_MS;
        if let Ok(step) = u32::try_from(steps(self.epoch_ms)) {
            return step;
        }
        let by = steps(self.epoch_ms) - i64::from(u32::MAX / 2);
        self.epoch_ms += by * STEP_MS;
        self.bounds = 0;
        self.blocks.iter_mut().for_each(|block| block.earliest = None);
        for run in self.blocks.iter_mut().flat_map(|block| &mut block.runs) {
            *run = match u32::try_from(i64::from(run.step) - by) {
                Ok(step) => Run { step, ..*run },
                Err(_) => Run { step: 0, messages: run.messages | BOUND },
            };
            self.bounds += if run.is_bound() { run.count() } else { 0 };
        }
        u32::MAX / 2
    }

    /// Adds messages of the step of `like`.
    #[inline]
    pub(super) fn add(&mut self, end: End, like: Run, messages: u64) {
        self.len += messages;
        self.bounds += if like.is_bound() { messages } else { 0 };
        // Most messages belong to the run at the end.
        if let Some(block) = last_at(&mut self.blocks, end)
            && let Some(run) = last_at(&mut block.runs, end)
            && run.is_like(like)
            && run.count() + messages <= RUN_MAX
        {
            *run = run.with(run.count() + messages);
            block.messages += messages;
            return;
        }
        self.add_runs(end, like, messages);
    }

    #[inline(never)]
    fn add_runs(&mut self, end: End, like: Run, mut messages: u64) {
        while messages > 0 {
            let block = last_at(&mut self.blocks, end);
            let Some(block) = block.filter(|block| {
                block.runs.len() < BLOCK_RUNS || block.end(end).is_some_and(|run| run.is_like(like))
            }) else {
                self.add_block(end);
                continue;
            };
            let last = last_at(&mut block.runs, end);
            let added = match last.filter(|run| run.is_like(like) && run.count() < RUN_MAX) {
                Some(run) => {
                    let added = messages.min(RUN_MAX - run.count());
                    *run = run.with(run.count() + added);
                    added
                }
                None => {
                    let added = messages.min(RUN_MAX);
                    match end {
                        End::Head => block.runs.push_front(like.with(added)),
                        End::Tail => block.runs.push_back(like.with(added)),
                    }
                    self.runs += 1;
                    let known = if block.messages == 0 { Some(like.step) } else { block.earliest };
                    block.earliest = known.map(|step| step.min(like.step));
                    added
                }
            };
            block.messages += added;
            messages -= added;
        }
    }

    fn add_block(&mut self, end: End) {
        match end {
            End::Head => self.blocks.push_front(Block::default()),
            End::Tail => self.blocks.push_back(Block::default()),
        }
    }

    /// After deletions: drops empty blocks, and joins neighbours that fit one block.
    fn join_small_blocks(&mut self) {
        let mut joined: VecDeque<Block> = VecDeque::with_capacity(self.blocks.len());
        for block in self.blocks.drain(..).filter(|block| block.messages > 0) {
            match joined.back_mut().filter(|last| last.runs.len() + block.runs.len() <= BLOCK_RUNS) {
                Some(last) => {
                    (last.messages, last.earliest) = (last.messages + block.messages, None);
                    last.runs.extend(block.runs);
                }
                None => joined.push_back(block),
            }
        }
        self.blocks = joined;
    }
}

fn last_at<T>(all: &mut VecDeque<T>, end: End) -> Option<&mut T> {
    match end {
        End::Head => all.front_mut(),
        End::Tail => all.back_mut(),
    }
}

/// Finds arrivals. Neighbouring positions are found in constant time, others by the number of blocks between
/// them.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    arrivals: &'a Arrivals,
    block: usize,
    /// The position of the first message of the block.
    block_first: u64,
    run: usize,
    /// The position of the first message of the run.
    run_first: u64,
}

impl Cursor<'_> {
    /// The position after the run of the message that was found last.
    pub(super) fn run_end(&self) -> u64 {
        let run = self.arrivals.blocks.get(self.block).and_then(|block| block.runs.get(self.run));
        self.run_first + run.map_or(0, |run| run.count())
    }

    /// When the message at this position (0 = head) arrived; `None` where the list has no such position.
    pub fn at(&mut self, position: u64) -> Option<Arrival> {
        let blocks = &self.arrivals.blocks;
        if position >= self.arrivals.len {
            return None;
        }
        while position < self.block_first {
            self.block = self.block.checked_sub(1)?;
            self.block_first -= blocks.get(self.block)?.messages;
            (self.run, self.run_first) = (0, self.block_first);
        }
        while position >= self.block_first + blocks.get(self.block)?.messages {
            self.block_first += blocks.get(self.block)?.messages;
            self.block += 1;
            (self.run, self.run_first) = (0, self.block_first);
        }
        let runs = &blocks.get(self.block)?.runs;
        while position < self.run_first {
            self.run = self.run.checked_sub(1)?;
            self.run_first -= runs.get(self.run)?.count();
        }
        while position >= self.run_first + runs.get(self.run)?.count() {
            self.run_first += runs.get(self.run)?.count();
            self.run += 1;
        }
        runs.get(self.run).map(|run| self.arrivals.arrival(*run))
    }
}
