//! Celery messages as kombu's Redis transport writes them, task protocols 1 and 2.
//!
//! The envelope is `{"body", "content-encoding", "content-type", "headers", "properties"}`. Protocol 2 has
//! everything about the task in the headers and `[args, kwargs, embed]` in the body. Protocol 1 has no header
//! `task` and has everything in the body, which is an object. A worker distinguishes them by the presence of
//! that header, and so does this code. (`Consumer.create_task_handler` in celery/worker/consumer/consumer.py,
//! 5.7.0; `task_message_handler` in celery/worker/strategy.py for the rest.)
//!
//! # Headers and body of different protocols
//! A worker unpacks an object with a member `args` whether or not there is a header `task`
//! (`hybrid_to_proto2`): the arguments are those of the body. For everything else, including the name, the
//! header counts if it is present, even if it is null, and otherwise the body's member counts. An object
//! without `args` is protocol 1 without arguments if there is no header `task` (`proto1_to_proto2`; no header
//! counts in that case). If there is a header `task`, the object is not a body at all: the worker fails to
//! unpack it. Workers refuse an array without a header `task`. Its arguments are read nevertheless, because
//! they are where protocol 2 has them.

use super::base64::decode_skipping;
use super::body::Compression;
use super::msgpack::json_of_msgpack;
use super::{ARRAY, FieldPlace, FieldPlaces, Format, OBJECT, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Segment, Shape, decode, inner, is_ascii};

/// How a body that can be read was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serializer {
    Json,
    MessagePack,
    Pickle,
}

impl Serializer {
    /// Returns the serializer with this media type. `pickle` is the name by which kombu selects the serializer; a
    /// sender that is not kombu can have written it instead of the type.
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"application/json" => Some(Self::Json),
            b"application/x-msgpack" => Some(Self::MessagePack),
            b"application/x-python-serialize" | b"pickle" => Some(Self::Pickle),
            _ => None,
        }
    }
}

/// The media type of JSON as it is usually written in a message.
const QUOTED_JSON: &[u8] = b"\"application/json\"";

/// The format of the messages in a queue; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Celery;

/// Positions in [`Format::own_paths`].
const TASK: usize = 0;
const HEADERS: usize = 1;
const CONTENT_TYPE: usize = 2;
const COMPRESSION: usize = 3;
const BODY_ENCODING: usize = 4;
const BODY: usize = 5;
/// The number of these positions.
pub(super) const OWN_PATHS: usize = 6;

/// The variants.
const PROTOCOL_1: usize = 0;
const PROTOCOL_2: usize = 1;

/// Creates the places of a field that is in the envelope in both protocols.
fn envelope(paths: Vec<Path>) -> FieldPlaces {
    same(Part::Envelope, paths)
}

/// Creates the places of a field that is in the body in both protocols: on `object` if the body is an object,
/// on `array` if it is an array.
fn body(object: Vec<Path>, array: Vec<Path>) -> FieldPlaces {
    let mut body = <[Vec<Path>; 2]>::default();
    (body[OBJECT], body[ARRAY]) = (object, array);
    std::array::from_fn(|_| FieldPlace { part: Part::Body, envelope: Vec::new(), body: body.clone() })
}

impl Format for Celery {
    fn own_paths(&self) -> Vec<Path> {
        let paths: [&[&str]; OWN_PATHS] = [
            &["headers", "task"],
            &["headers"],
            &["content-type"],
            &["headers", "compression"],
            &["properties", "body_encoding"],
            &["body"],
        ];
        paths.map(keys).into()
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        match field.source {
            Source::Size => same(Part::Size, Vec::new()),
            Source::Undecodable => same(Part::Undecodable, Vec::new()),
            Source::Arrival(_) => same(Part::Untold, Vec::new()),
            Source::Task(name) => task(name),
            Source::Delivery(name) => envelope(match name {
                "content_type" => vec![keys(&["content-type"])],
                "compression" => vec![keys(&["headers", "compression"])],
                // kombu 3 wrote it beside the exchange, and other senders still do.
                "priority" => vec![keys(&["properties", name]), keys(&["properties", "delivery_info", name])],
                // kombu sets the first two when it returns a message to its queue; other transports set the
                // others.
                "redelivered" => vec![
                    keys(&["headers", name]),
                    keys(&["properties", "delivery_info", name]),
                    keys(&["properties", name]),
                    keys(&[name]),
                ],
                _ => vec![keys(&["properties", "delivery_info", name])],
            }),
            Source::Args => body(inside(&keys(&["args"]), field), inside(&[Segment::index(0)], field)),
            Source::Kwargs => body(inside(&keys(&["kwargs"]), field), inside(&[Segment::index(1)], field)),
            Source::Headers => envelope(inside(&keys(&["headers"]), field)),
            Source::Properties => envelope(inside(&keys(&["properties"]), field)),
        }
    }

    /// Empty headers count as no headers, whatever their type: PHP writes an empty object as `[]`, and kombu
    /// treats every value that is false in Python as no headers (`Message.__init__` in kombu/message.py,
    /// 5.7.0). Headers that are neither an object nor empty belong to no protocol; read as protocol 2, such a
    /// message has no task and no other header.
    fn variant(&self, own: Own<'_>) -> usize {
        let odd_headers = || own.get(HEADERS).is_some_and(|raw| !raw.starts_with(b"{") && !is_falsy(raw));
        if own.get(TASK).is_some() || odd_headers() { PROTOCOL_2 } else { PROTOCOL_1 }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(TASK)
    }

    fn reprs(&self) -> Option<(usize, [Path; 2])> {
        Some((PROTOCOL_2, [keys(&["headers", "argsrepr"]), keys(&["headers", "kwargsrepr"])]))
    }

    fn object_mark(&self) -> Option<Path> {
        Some(keys(&["args"]))
    }

    fn takes_object(&self, variant: usize, marked: bool) -> bool {
        marked || variant == PROTOCOL_1
    }

    fn can_be_pickled(&self) -> bool {
        true
    }

    fn open_body(&self, own: Own<'_>, opened: &mut Opened) -> bool {
        let reads_pickle = opened.unpickler.is_some();
        let Opened { text: body, scratch, inflater, .. } = &mut *opened;
        let set = |at: usize| own.get(at).filter(|raw| !is_falsy(raw));
        let serializer = match own.get(CONTENT_TYPE) {
            Some(QUOTED_JSON) => Serializer::Json,
            raw => match text(raw, scratch).and_then(Serializer::named) {
                Some(serializer) => serializer,
                None => return false,
            },
        };
        let compression = match set(COMPRESSION) {
            None => None,
            Some(raw) => match text(Some(raw), scratch).and_then(Compression::named) {
                Some(known) => Some(known),
                None => return false,
            },
        };
        let encoded = match set(BODY_ENCODING) {
            None => false,
            Some(b"\"base64\"") => true,
            Some(raw) => match text(Some(raw), scratch) {
                Some(b"base64") => true,
                Some(name) if name.eq_ignore_ascii_case(b"utf-8") => false,
                _ => return false,
            },
        };
        // Nothing is decoded in vain.
        if serializer == Serializer::Pickle && !reads_pickle {
            return false;
        }
        if !encoded {
            // Neither MessagePack nor a pickle nor a compressed body is text.
            let plain = serializer == Serializer::Json && compression.is_none();
            let Some(text) = text(own.get(BODY), scratch).filter(|_| plain) else { return false };
            body.extend_from_slice(text);
            return true;
        }
        // Most bodies are plain base64 without an escape. All others take the exact path.
        let Some(raw) = own.get(BODY).filter(|raw| Shape::of(raw) == Shape::Text) else { return false };
        let fast = base64_simd::STANDARD.decode_append(inner(raw), body).is_ok();
        let whole = (fast || decode_skipping(raw, body, scratch))
            && compression.is_none_or(|how| how.undo(body, inflater));
        match serializer {
            _ if !whole => false,
            // Workers decode these bytes strictly as UTF-8, but they do not decode the text of a plain body.
            Serializer::Json => is_ascii(body) || std::str::from_utf8(body).is_ok(),
            Serializer::MessagePack => {
                json_of_msgpack(body, scratch) && {
                    std::mem::swap(body, scratch);
                    true
                }
            }
            Serializer::Pickle => opened.unpickle(),
        }
    }
}

/// Returns the text of a string; `None` for other values.
fn text<'a>(raw: Option<&'a [u8]>, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    raw.filter(|raw| Shape::of(raw) == Shape::Text).and_then(|raw| decode(inner(raw), scratch))
}

/// Returns the places of a field that is a header in protocol 2.
fn task(name: &'static str) -> FieldPlaces {
    let header = vec![keys(&["headers", name])];
    match name {
        // Neither Celery nor kombu records when a message is sent.
        "enqueued" => same(Part::Untold, Vec::new()),
        // The presence of the header decides which protocol it is.
        "task" => {
            let mut places = body(vec![keys(&[name])], Vec::new());
            places[PROTOCOL_2] = FieldPlace::outside(Part::Envelope, header);
            places
        }
        // The task that reports to a chord is the task itself or the last task of the chain that it begins
        // (the body has a chain in reverse order). Protocol 1 has no such chains.
        "chord" => {
            let embed = |rest: &[Segment]| [&[Segment::index(2)][..], rest].concat();
            let own = embed(&keys(&["chord"]));
            let last = [&keys(&["chain"])[..], &[Segment::index(0)], &keys(&["options", "chord"])].concat();
            body(vec![keys(&["chord"])], vec![own, embed(&last)])
        }
        _ => {
            let member = match name {
                // Workers before Celery 4 read `taskset` of protocol 1 as the group; newer senders write
                // both.
                "group" => vec![keys(&["taskset"]), keys(&[name])],
                _ => vec![keys(&[name])],
            };
            let mut places = body(member, Vec::new());
            for (variant, place) in places.iter_mut().enumerate() {
                let part = if variant == PROTOCOL_1 { Part::BodyDecides } else { Part::EnvelopeElseBody };
                (place.part, place.envelope) = (part, header.clone());
            }
            places
        }
    }
}

/// Returns whether the value is false in Python.
fn is_falsy(raw: &[u8]) -> bool {
    match raw {
        b"null" | b"false" | b"\"\"" => true,
        [b'[' | b'{', between @ .., _] => between.trim_ascii().is_empty(),
        [b'0' | b'-', ..] => {
            let mut digits = raw.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
            digits.all(|byte| matches!(byte, b'-' | b'.' | b'0'))
        }
        _ => false,
    }
}
