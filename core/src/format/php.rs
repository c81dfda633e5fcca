//! Converts what PHP's `serialize` wrote to JSON text. It is read as data: no class is loaded, no object is made, and
//! nothing is called.
//!
//! The format is that of `php_var_serialize_intern` (`ext/standard/var.c`) and `php_var_unserialize_internal`
//! (`ext/standard/var_unserializer.re`), PHP 8.2. [`parse`] reads the whole text and notes where each value is;
//! [`json`] writes them:
//!
//! | PHP | JSON |
//! |---|---|
//! | `null`, booleans, integers, floats, strings | the same; `INF` and `NAN` as Python writes them |
//! | an array whose keys are 0, 1, 2 ... in this order | an array |
//! | any other array | an object; integer keys are names |
//! | an object | an object with `__class__`, the name of its class, and its properties by their bare names |
//! | a case of an enum | `{"__enum__":"App\\Suit","case":"Hearts"}`, which conditions compare as the name of its case |
//!
//! PHP writes the class of a private property into its name, and a mark into the name of a protected one. Both are
//! left out. If two properties of an object then have the same name, which is so if a class and its parent have
//! private ones, neither can be chosen, and the value under that name is *opaque*: only that it exists is known. An
//! object that writes itself in a format of its own (`C:`) is opaque, too, and so is a reference to a value that the
//! reference is a part of.
//!
//! # References
//! PHP numbers the values as it writes them; `r:3;` is the object with the number 3 once more, and `R:3;` a reference
//! (`&`) to that value. The number of a value after an object in its own format is not known, because that object
//! can contain any number of values. A reference to such a value is opaque.
//!
//! # Bounds
//! Lengths are compared with the bytes that are left before anything is read, so a claimed length allocates nothing.
//! A referenced value is written again for each reference, so the text is bounded by [`VALUES_MAX`], [`DEPTH_MAX`]
//! and [`JSON_MAX`], and the work by [`STEPS_MAX`]. A text that exceeds a bound, is cut off, or breaks the rules of
//! the format is not read at all. Bytes after the end of the value are ignored, as PHP does.

mod json;
mod parse;

use std::ops::Range;

use parse::Node;

/// The maximum number of values and keys in a text, and in the JSON text, where a value counts once for each
/// reference to it.
const VALUES_MAX: usize = 64 * 1024;
/// The deepest nesting that is read. PHP itself reads 4096 levels; jobs of Laravel nest only a few.
const DEPTH_MAX: usize = 128;
/// The longest JSON text that is made, in bytes.
const JSON_MAX: usize = 1024 * 1024;
/// The steps, of about a nanosecond, that reading and writing one text may take: as many as the conditions on one
/// message.
const STEPS_MAX: usize = 2 * 1024 * 1024;
/// The steps of reading or writing one value.
const VALUE_STEPS: usize = 8;
/// The steps of making the name of an entry, which is made twice: for comparing it with the others, and for writing it.
const NAME_STEPS: usize = 96;
/// The steps of writing a float.
const FLOAT_STEPS: usize = 128;
/// The memory, in bytes, that each buffer keeps from one text to the next.
const KEEP: usize = 256 * 1024;

/// Reads serialized objects. It uses its buffers again: once they have grown to the usual size, no memory is
/// allocated for the values of a text.
#[derive(Debug, Clone, Default)]
pub(super) struct Unserializer {
    nodes: Vec<Node>,
    /// The position among the nodes of each value that PHP numbers, from number 1 on.
    numbered: Vec<u32>,
    /// The arrays and objects that are being read.
    open: Vec<parse::Open>,
    /// Hashes of the names in one array or object.
    names: Vec<u64>,
    steps: usize,
}

impl Unserializer {
    /// Writes `{"command": ...}` with the properties of the object that `text` describes to `json`, and the places
    /// of opaque values in that text, in ascending order, to `opaque`. Returns false for other values and for texts
    /// that are not read; see the module's documentation.
    pub(super) fn json_of_object(
        &mut self,
        text: &[u8],
        json: &mut Vec<u8>,
        opaque: &mut Vec<Range<usize>>,
    ) -> bool {
        json.clear();
        opaque.clear();
        self.clear();
        let is_read = parse::run(text, self).and_then(|()| json::write(self, text, json, opaque)).is_some();
        if !is_read {
            opaque.clear();
        }
        self.shrink();
        is_read
    }

    /// Returns the work for the last text, in steps of about a nanosecond.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Counts steps; returns `None` if they are too many.
    fn work(&mut self, steps: usize) -> Option<()> {
        self.steps = self.steps.saturating_add(steps);
        (self.steps <= STEPS_MAX).then_some(())
    }

    fn clear(&mut self) {
        self.steps = 0;
        self.nodes.clear();
        self.numbered.clear();
        self.open.clear();
        self.names.clear();
    }

    fn shrink(&mut self) {
        fn keep<T>(buffer: &mut Vec<T>) {
            if buffer.capacity() > KEEP / size_of::<T>() {
                buffer.clear();
                buffer.shrink_to(KEEP / size_of::<T>());
            }
        }
        keep(&mut self.nodes);
        keep(&mut self.numbered);
        keep(&mut self.open);
        keep(&mut self.names);
    }
}

#[cfg(test)]
mod tests;
