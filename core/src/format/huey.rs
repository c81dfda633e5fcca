//! Messages of Huey: a pickled object of the class `huey.registry.Message`, which can be compressed and signed.
//!
//! Nothing of a message is outside the pickle, so a message is a body without an envelope. It becomes an object with the
//! names of the fields:
//!
//! ```text
//! {"id": "f0c7154c-...", "name": "app.upload", "eta": null, "retries": 3, "retry_delay": 60, "priority": null,
//!  "args": [147107, "e0ca38f7"], "kwargs": {"repoid": 22}, "on_complete": null, ...}
//! ```
//!
//! A signature follows the pickle, before compression. It is not verified: only the application knows the secret. A
//! worker ignores what follows a pickle, or refuses a message with a wrong signature.
//!
//! In a queue with priorities, which is a sorted set, each member begins with eight bytes of a time, so that no two members
//! are equal. They are passed over.
//!
//! # What is not read
//! An element that does not begin as a pickle or as compressed data is undecodable. One that does, and does not have a
//! message inside, is a message that cannot be read: all its fields are unknown, so that `MISSING` and `!=` do not match
//! it. Huey 1 wrote plain tuples with another order, which are not read either.
//!
//! Source: recorded elements of Huey 2.6.0 and 3.5.4 (core/src/format/huey/recorded.jsonl), huey/registry.py and
//! huey/serializer.py of both.

use super::body::{Compression, DECODED_MAX, beginning};
use super::{FieldPlace, FieldPlaces, Format, OBJECT, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Segment};

/// The format; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Huey;

/// How protocol 1 begins the pickle of a tuple's subclass; later protocols begin with their number.
const PROTOCOL_1: [&[u8]; 2] = [b"ccopy_reg\n_reconstructor\n", b"ccopyreg\n_reconstructor\n"];
/// The newest protocol of pickles that is read.
const NEWEST_PROTOCOL: u8 = 5;
/// The number of bytes at the beginning of a pickle in which a message names its class.
const NAMES_CLASS: usize = 80;

/// The length of the time that members of a queue with priorities begin with, in bytes: microseconds, the highest byte
/// first, which is zero for the next two thousand years (`RedisPriorityQueue` in huey/storage.py of Huey 3.5.4).
const TIME: usize = 8;

/// Returns an element without the time that it may begin with. No pickle and no compressed data begin with a zero.
fn without_time(element: &[u8]) -> &[u8] {
    match element {
        [0, ..] => element.get(TIME..).unwrap_or_default(),
        _ => element,
    }
}

/// What an element holds by its first bytes; `None` for anything that Huey does not write.
fn compression_of(element: &[u8]) -> Option<Option<Compression>> {
    match element {
        [0x80, 1..=NEWEST_PROTOCOL, ..] => Some(None),
        [0x1f, 0x8b, 8, ..] => Some(Some(Compression::Gzip)),
        // The header of a zlib stream is a multiple of 31.
        [0x78, flags, ..] if (0x7800 + u16::from(*flags)).is_multiple_of(31) => Some(Some(Compression::Zlib)),
        _ => PROTOCOL_1.iter().any(|start| element.starts_with(start)).then_some(None),
    }
}

/// Returns whether an element looks like a message of Huey: its pickle begins with the name of the class.
pub(super) fn looks_like_message(element: &[u8]) -> bool {
    let element = without_time(element);
    let Some(compression) = compression_of(element) else { return false };
    let unpacked = compression.map(|compression| beginning(compression, element, NAMES_CLASS));
    let start = unpacked.as_deref().unwrap_or(element);
    let start = start.get(..NAMES_CLASS).unwrap_or(start);
    compression_of(start) == Some(None)
        && [&b"huey.registry\nMessage\n"[..], b"huey.registry\x94\x8c\x07Message\x94\x93"]
            .iter()
            .any(|name| memchr::memmem::find(start, name).is_some())
}

impl Format for Huey {
    fn own_paths(&self) -> Vec<Path> {
        Vec::new()
    }

    fn is_alone(&self, message: &[u8]) -> Option<bool> {
        Some(compression_of(without_time(message)).is_some())
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let paths = match field.source {
            Source::Size => return same(Part::Size, Vec::new()),
            Source::Undecodable => return same(Part::Undecodable, Vec::new()),
            // Huey does not record when a message is sent.
            Source::Arrival(_) | Source::Task("enqueued") => return same(Part::Untold, Vec::new()),
            Source::Task("task") => vec![keys(&["name"])],
            Source::Task(name @ ("id" | "eta" | "retries")) => vec![keys(&[name])],
            // The other member is what the task was declared with, which can be a duration.
            Source::Task("expires") => vec![keys(&["expires_resolved"])],
            Source::Task("chord") => vec![keys(&["chord_config"])],
            // The id of the chord is the first of its values.
            Source::Task("group") => vec![[keys(&["chord_config"]), vec![Segment::index(0)]].concat()],
            Source::Delivery("priority") => vec![keys(&["priority"])],
            Source::Args => inside(&keys(&["args"]), field),
            Source::Kwargs => inside(&keys(&["kwargs"]), field),
            Source::Headers => inside(&[], field),
            // Messages of Huey do not have the other fields.
            Source::Task(_) | Source::Delivery(_) | Source::Properties => Vec::new(),
        };
        let mut place = FieldPlace::outside(Part::Body, Vec::new());
        place.body[OBJECT] = paths;
        std::array::from_fn(|_| place.clone())
    }

    fn variant(&self, _: Own<'_>) -> usize {
        0
    }

    fn task<'m>(&self, _: Own<'m>) -> Option<&'m [u8]> {
        None
    }

    fn can_be_pickled(&self) -> bool {
        true
    }

    fn open_body(&self, own: Own<'_>, opened: &mut Opened) -> bool {
        // Nothing is decoded in vain.
        if opened.unpickler.is_none() || own.message.len() > DECODED_MAX {
            return false;
        }
        let element = without_time(own.message);
        opened.text.extend_from_slice(element);
        match compression_of(element) {
            Some(None) => opened.unpickle_message(),
            Some(Some(compression)) => {
                opened.extra += own.message.len();
                compression.undo(&mut opened.text, &mut opened.inflater) && opened.unpickle_message()
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
