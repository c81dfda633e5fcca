//! Something that is worked out once for each value of a dictionary, step by step.

use super::codes::RESERVED;
use super::dictionary::{Dictionary, Value};

/// Steps of a look at a value that was worked out before.
const SKIP_STEPS: usize = 2;
/// No value with this number was worked out.
const NONE: u32 = u32::MAX;

/// By the number of the value. The dictionary may change between two steps; a number that was given to another value
/// meanwhile is worked out again.
#[derive(Debug, Clone)]
pub(super) struct PerId<T> {
    /// Of a number without a value.
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
    /// Nothing is worked out; `blank` stands for what never is.
    pub(super) fn new(blank: T) -> Self {
        Self { blank, values: Vec::new(), generations: Vec::new(), next: 0, began: None, is_done: false }
    }

    /// Works out values until all are known or `steps` are used up. `work_out` returns its result and the steps that it took.
    /// Returns whether all are known: until the dictionary changes.
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

    /// Whether everything is known of the values that the dictionary has.
    pub(super) fn is_current(&self, dictionary: &Dictionary) -> bool {
        self.is_done && self.began == Some(dictionary.assigned())
    }

    /// What was worked out, by the number less [`RESERVED`].
    #[inline]
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }
}
