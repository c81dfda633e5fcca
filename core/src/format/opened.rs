//! The opened body of a message, and the parts of it that are not read.

use std::ops::Range;
use std::sync::Arc;

use super::body::Inflater;
use super::php::Unserializer;
use super::pickle::Unpickler;
use super::{FieldPlaces, SHAPES};
use crate::json::{Path, Paths, Reading, Scanner};

/// The size of each buffer, in bytes, that is kept from one message to the next; more than this is freed.
const BUFFER_KEEP: usize = 256 * 1024;

/// The body of one message as JSON text, and the memory for decoding it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened {
    /// The JSON text; if the body cannot be read, what was decoded before the error.
    pub(crate) text: Vec<u8>,
    pub(crate) scratch: Vec<u8>,
    /// Decodes bodies that are zlib streams.
    pub(super) inflater: Inflater,
    /// The places in the text of values of which only the class is known, in ascending order.
    pub(super) opaque: Vec<Range<usize>>,
    /// Set if pickled bodies are read.
    pub(super) unpickler: Option<Box<Unpickler>>,
    /// Reads objects of PHP.
    pub(super) unserializer: Unserializer,
    /// The number of bytes that were decoded in addition to the text.
    pub(super) extra: usize,
    /// Bodies with the same hint are expected to have the same layout.
    pub(super) hint: u64,
}

impl Opened {
    /// Removes the body of the previous message.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.opaque.clear();
        self.extra = 0;
    }

    /// Frees memory that usual bodies do not need.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to(BUFFER_KEEP);
        self.scratch.shrink_to(BUFFER_KEEP);
        self.opaque.shrink_to(BUFFER_KEEP / size_of::<Range<usize>>());
    }

    /// Replaces the pickled body in the text by JSON. Returns false if it cannot be read, or pickled bodies
    /// are not read.
    pub(super) fn unpickle(&mut self) -> bool {
        let Self { text, scratch, opaque, unpickler, extra, hint, .. } = self;
        let Some(unpickler) = unpickler else { return false };
        let is_read = unpickler.json_of_pickle(text, *hint, scratch, opaque);
        *extra += text.len() + unpickler.steps();
        std::mem::swap(text, scratch);
        is_read
    }

    /// Replaces the pickled message of Huey in the text by JSON. Returns false if it cannot be read, or pickles are not
    /// read.
    pub(super) fn unpickle_message(&mut self) -> bool {
        let Self { text, scratch, opaque, unpickler, extra, .. } = self;
        let Some(unpickler) = unpickler else { return false };
        let is_read = unpickler.json_of_message(text, scratch, opaque);
        *extra += text.len() + unpickler.steps();
        std::mem::swap(text, scratch);
        is_read
    }

    /// Returns a value of the text, which knows its opaque parts, if it has some.
    pub(super) fn partial<'a>(&'a self, raw: &'a [u8]) -> Option<Partial<'a>> {
        let partial = Partial { raw, text: &self.text, opaque: &self.opaque };
        (!partial.is_known(raw)).then_some(partial)
    }
}

/// A value that is, or contains, an object of a class that is not read. The value exists; what it is equal
/// to is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partial<'a> {
    /// The JSON text, in which such an object is `{"__class__":"module.Name"}`.
    pub(crate) raw: &'a [u8],
    /// The text of which it is a part.
    text: &'a [u8],
    opaque: &'a [Range<usize>],
}

impl Partial<'_> {
    /// Returns whether nothing of the value is known but its class.
    pub(crate) fn is_opaque(&self) -> bool {
        let start = self.raw.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        self.opaque.binary_search_by_key(&start, |opaque| opaque.start).is_ok()
    }

    /// Returns whether all of a part of the value is known.
    pub(crate) fn is_known(&self, part: &[u8]) -> bool {
        let start = part.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        let next = self.opaque.partition_point(|opaque| opaque.end <= start);
        self.opaque.get(next).is_none_or(|opaque| opaque.start >= start.saturating_add(part.len()))
    }
}

/// The values around the wanted ones: what is inside an opaque value is neither there nor absent.
#[derive(Debug, Clone)]
pub(super) struct Around {
    readings: [Reading; SHAPES],
    /// For each field, variant and shape, and each of its paths: the slots of the values around the path's.
    slots: Vec<[[Slots; SHAPES]; super::VARIANTS]>,
}

/// For each path, the slots of the values around the one at its end.
type Slots = Box<[Box<[usize]>]>;

impl Around {
    pub(super) fn new(places: &Arc<[FieldPlaces]>) -> Self {
        let around = |path: &Path| (1..path.len()).map(|len| path[..len].to_vec()).collect::<Vec<Path>>();
        let mut readings = Vec::with_capacity(SHAPES);
        let mut by_shape = Vec::with_capacity(SHAPES);
        for shape in 0..SHAPES {
            let paths = places.iter().flatten().flat_map(|place| &place.body[shape]);
            let all: Vec<Path> = paths.flat_map(around).collect();
            let (compiled, slots) = Paths::new(&all);
            readings.push(Reading::new(compiled));
            by_shape.push(slots.into_iter());
        }
        let mut of = |paths: &[Path], shape: usize| -> Slots {
            paths
                .iter()
                .map(|path| by_shape[shape].by_ref().take(path.len().saturating_sub(1)).collect())
                .collect()
        };
        let slots = places.iter().map(|variants| {
            variants.each_ref().map(|place| std::array::from_fn(|shape| of(&place.body[shape], shape)))
        });
        let slots = slots.collect();
        let mut readings = readings.into_iter();
        let mut next = || readings.next().unwrap_or_else(|| Reading::new(Paths::default()));
        Self { readings: std::array::from_fn(|_| next()), slots }
    }

    /// Reads the text of a body of this shape.
    pub(super) fn read(&mut self, scanner: &mut Scanner, shape: usize, text: &[u8]) -> bool {
        self.readings[shape].read(scanner, text, 0)
    }

    /// Returns whether a value around the one at the end of a path is opaque.
    pub(super) fn is_hidden(
        &self,
        opened: &Opened,
        (position, variant, shape): (usize, usize, usize),
        path: usize,
    ) -> bool {
        let slots = &self.slots[position][variant][shape][path];
        let values = slots.iter().filter_map(|slot| self.readings[shape].value(*slot, &opened.text));
        let mut all = values.map(|raw| Partial { raw, text: &opened.text, opaque: &opened.opaque });
        all.any(|value| value.is_opaque())
    }
}
