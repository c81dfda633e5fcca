//! Converts pickled bodies to JSON text. A pickle is read as data: nothing in it is imported, called or
//! executed.
//!
//! A pickle is a program for a machine with a stack and a memo (`Lib/pickle.py` and `Modules/_pickle.c`,
//! CPython 3.11). [`machine`] runs the opcodes that build values and keeps what the others would do as
//! descriptions: [`calls`] knows the few classes of the standard library that kombu's JSON has a form for,
//! and those of Celery and of `collections` that are plain dicts. Every other class becomes an *opaque*
//! value: an object of which only the name of its class is known. [`json`] writes the result as kombu's
//! JSON would write it (`kombu/utils/json.py`, 5.7.0), so that a condition has the same result for both
//! serializers.
//!
//! An opaque value is written as `{"__class__":"module.Name"}`, and its place in the text is noted, because
//! a text cannot say by itself that it stands for something else.
//!
//! # Bounds
//! A pickle can describe much with few bytes: a list that contains itself, ten lists of ten references
//! each. Lengths are compared with the bytes that are left before anything is read, so a claimed length
//! allocates nothing. What is built is bounded by [`VALUES_MAX`], what is written by [`VALUES_MAX`],
//! [`DEPTH_MAX`] and [`JSON_MAX`], and the work on both by [`STEPS_MAX`]. A pickle that exceeds a bound, is
//! cut off, or breaks the rules of the format is not read at all.

mod calls;
mod json;
mod layouts;
mod machine;
mod number;
mod text;
mod value;

use std::ops::Range;

use layouts::{Layouts, Traced};
use value::{Container, Moment, Named, Segment, Value};

/// The maximum number of values that a pickle may push, and of entries of its memo; the maximum number of
/// values in the JSON text, where a value counts once for each reference to it.
const VALUES_MAX: usize = 64 * 1024;
/// The deepest nesting of a body that is read. Celery's own bodies nest only a few levels.
const DEPTH_MAX: usize = 128;
/// The longest JSON text that is made of a body, in bytes.
const JSON_MAX: usize = 1024 * 1024;
/// The longest integer that is read, in bytes: 309 decimal digits, as many as the largest float has. A
/// longer one is opaque.
const INTEGER_MAX: usize = 128;
/// The steps, of about a nanosecond, that reading and writing one body may take: as many as the conditions
/// on one message.
const STEPS_MAX: usize = 2 * 1024 * 1024;
/// The steps of one opcode, and of writing one value.
const VALUE_STEPS: usize = 8;
/// The steps of writing a float.
const FLOAT_STEPS: usize = 128;
/// The steps of writing an opaque value or one that kombu wraps, in addition to its bytes.
const OBJECT_STEPS: usize = 64;
/// The memory, in bytes, that each buffer keeps from one body to the next.
const KEEP: usize = 256 * 1024;

/// Reads pickles. It uses its buffers again: once they have grown to the usual size, no memory is allocated
/// per body.
#[derive(Debug, Clone, Default)]
pub(super) struct Unpickler {
    stack: Vec<Value>,
    /// The lengths of the stack at the marks.
    marks: Vec<usize>,
    memo: Vec<Value>,
    containers: Vec<Container>,
    /// Runs of items of containers.
    segments: Vec<Segment>,
    items: Vec<Value>,
    named: Vec<Named>,
    moments: Vec<Moment>,
    steps: usize,
    /// Whether layouts are learned: for readers of many messages.
    learns: bool,
    layouts: Layouts,
    traced: Traced,
    /// Whether an object of the class `huey.registry.Message` is read, and nothing else is a whole pickle.
    reads_messages: bool,
}

impl Unpickler {
    /// Makes this a reader for many pickles, which learns their layouts.
    pub(super) fn learning(self) -> Self {
        Self { learns: true, ..self }
    }

    /// Writes the list, tuple or dict that `pickle` describes to `json`, and the places of opaque values in
    /// that text, in ascending order, to `opaque`. Returns false for other values and for pickles that are
    /// not read; see the module's documentation. Pickles with the same `hint` are expected to have the same
    /// layout. Bytes after the end of the pickle are ignored, as Python does.
    pub(super) fn json_of_pickle(
        &mut self,
        pickle: &[u8],
        hint: u64,
        json: &mut Vec<u8>,
        opaque: &mut Vec<Range<usize>>,
    ) -> bool {
        json.clear();
        opaque.clear();
        let can_learn = self.learns && Layouts::can_learn(pickle);
        if can_learn {
            self.steps = 0;
            if self.layouts.fit(hint, pickle, json) {
                return true;
            }
            json.clear();
            let mut traced = std::mem::take(&mut self.traced);
            traced.clear();
            let is_read = self.read(pickle, json, opaque, Some(&mut traced));
            // The places of opaque values are no part of a layout.
            if is_read && opaque.is_empty() {
                self.layouts.learn(pickle, json, &traced);
            }
            self.traced = traced;
            if is_read {
                return true;
            }
            json.clear();
            opaque.clear();
        }
        self.read(pickle, json, opaque, None)
    }

    /// Writes the message of Huey that `pickle` describes to `json`, as an object with the names of its fields, and the
    /// places of opaque values as [`Self::json_of_pickle`] does. Returns false for everything else.
    pub(super) fn json_of_message(
        &mut self,
        pickle: &[u8],
        json: &mut Vec<u8>,
        opaque: &mut Vec<Range<usize>>,
    ) -> bool {
        json.clear();
        opaque.clear();
        self.reads_messages = true;
        self.read(pickle, json, opaque, None)
    }

    /// Reads a pickle, opcode by opcode.
    fn read(
        &mut self,
        pickle: &[u8],
        json: &mut Vec<u8>,
        opaque: &mut Vec<Range<usize>>,
        mut traced: Option<&mut Traced>,
    ) -> bool {
        self.clear();
        let root = machine::run(pickle, self, traced.as_deref_mut());
        let mut steps = self.steps;
        let write = |root| json::write(self, pickle, root, json, opaque, &mut steps, traced);
        let is_whole = root.and_then(write).is_some();
        self.steps = steps;
        self.shrink();
        if !is_whole {
            opaque.clear();
        }
        is_whole
    }

    /// Returns the work for the last pickle, in steps of about a nanosecond.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Counts steps; returns `None` if they are too many.
    fn work(&mut self, steps: usize) -> Option<()> {
        self.steps += steps;
        (self.steps <= STEPS_MAX).then_some(())
    }

    fn clear(&mut self) {
        self.steps = 0;
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        self.containers.clear();
        self.segments.clear();
        self.items.clear();
        self.named.clear();
        self.moments.clear();
    }

    fn shrink(&mut self) {
        fn keep<T>(buffer: &mut Vec<T>) {
            if buffer.capacity() > KEEP / size_of::<T>() {
                buffer.clear();
                buffer.shrink_to(KEEP / size_of::<T>());
            }
        }
        keep(&mut self.stack);
        keep(&mut self.marks);
        keep(&mut self.memo);
        keep(&mut self.containers);
        keep(&mut self.segments);
        keep(&mut self.items);
        keep(&mut self.named);
        keep(&mut self.moments);
    }
}

#[cfg(test)]
mod tests;
