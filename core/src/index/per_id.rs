//! Results that are computed once for each value of a dictionary, step by step.

use super::codes::RESERVED;
use super::dictionary::{Dictionary, Value};

/// The steps that it takes to skip a value whose result is known.
const SKIP_STEPS: usize = 2;
/// The generation of a number for which no result was computed.
const NONE: u32 = u32::MAX;

/// The results by the number of the value. The dictionary can change between two steps. If a number was given
/// to another value meanwhile, its result is computed again.
#[derive(Debug, Clone)]
pub(super) struct PerId<T> {
    /// The result for a number without a value.
    blank: T,
    values: Vec<T>,
    generations: Vec<u32>,
    /// The number to look at next, less [`RESERVED`].
    next: usize,
    /// [`Dictionary::assigned`] when the pass over all numbers began.
    began: Option<u64>,
    is_done: bool,
}

impl<T: Copy> PerId<T> {
    /// Starts without results. `blank` is the result for numbers that have no value.
    pub(super) fn new(blank: T) -> Self {
        Self { blank, values: Vec::new(), generations: Vec::new(), next: 0, began: None, is_done: false }
    }

    /// Computes results until all are known or `steps` are used up. `work_out` returns a result and the steps
    /// that it took. Returns whether all results are known, which is true until the dictionary changes.
    pub(super) fn fill(
        &mut self,
        dictionary: &Dictionary,
        steps: &mut usize,
        mut work_out: impl FnMut(Value<'_>) -> (T, usize),
    ) -> bool {
        let assigned = dictionary.assigned();
        if self.is_done && self.began == Some(assigned) {
            return true;
        }
        self.is_done = false;
        loop {
            if self.next == 0 {
                self.began = Some(assigned);
            }
            while RESERVED + self.next < dictionary.end() {
                let at = self.next;
                let took = self.look_at(dictionary, at, &mut work_out);
                self.next += 1;
                *steps = steps.saturating_sub(took);
                if *steps == 0 {
                    return false;
                }
            }
            self.next = 0;
            if self.began == Some(assigned) {
                self.is_done = true;
                return true;
            }
        }
    }

    fn look_at(
        &mut self,
        dictionary: &Dictionary,
        at: usize,
        work_out: &mut impl FnMut(Value<'_>) -> (T, usize),
    ) -> usize {
        if at == self.values.len() {
            self.values.push(self.blank);
            self.generations.push(NONE);
        }
        let number = u32::try_from(RESERVED + at).unwrap_or(NONE);
        let Some(value) = dictionary.get(number).filter(|value| value.generation != self.generations[at])
        else {
            return SKIP_STEPS;
        };
        let (result, steps) = work_out(value);
        self.values[at] = result;
        self.generations[at] = value.generation;
        steps + SKIP_STEPS
    }

    /// Returns whether the results of all values in the dictionary are known.
    pub(super) fn is_current(&self, dictionary: &Dictionary) -> bool {
        self.is_done && self.began == Some(dictionary.assigned())
    }

    /// Returns the results. The position of a result is the number of its value less [`RESERVED`].
    #[inline]
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }
}
