//! How the bytes of a message are laid out: one file per format.
//!
//! A message is an *envelope*, a JSON object that is always read, and a *body* inside it, which may be
//! encoded (a message of Huey is a body alone) and is read only if a condition, a group or a row needs it. A format can have several *variants*
//! (Celery: protocols 1 and 2). The envelope alone determines the variant, so a body that no condition needs
//! does not have to be opened. A body has one of two *shapes*, an object or an array. The shape is known once
//! the body is open; the paths of its members depend on the shape and not on the variant. For each field and
//! variant, the format gives the part of the message that has the field, and the paths in it. [`Reader`] does
//! the rest in the same way for every format.
//!
//! A new kind of message needs a file in this folder, an arm in [`format_of`], and a row in [`crate::kind`].

mod asynq;
mod base64;
mod body;
mod bull;
mod celery;
mod dramatiq;
mod huey;
mod job_text;
mod kept;
mod laravel;
mod leavings;
mod msgpack;
mod opened;
mod php;
mod pickle;
mod reader;
mod recognise;
mod repr;
mod reprs;
mod rq;
mod ruby;
mod saq;
mod skim;
mod taskiq;
mod unacked;
mod unread;
mod written;

pub use job_text::JobText;
pub(crate) use kept::Kept;
pub(crate) use leavings::Leavings;
pub(crate) use opened::{Opened, Partial};
pub(crate) use reader::Reader;
pub use recognise::{LOOK_AT, Recogniser};
pub use skim::Skim;

use crate::field::{Field, Source};
use crate::json::{Path, Reading, Segment};
use crate::kind::MessageKind;

/// Returns the format of messages of a kind.
pub(crate) fn format_of(kind: MessageKind) -> &'static dyn Format {
    match kind {
        MessageKind::Celery | MessageKind::Ids => &celery::Celery,
        MessageKind::Unacked => &unacked::Unacked,
        MessageKind::Sidekiq => &ruby::Sidekiq,
        MessageKind::Resque => &ruby::Resque,
        MessageKind::Laravel => &laravel::Laravel,
        MessageKind::Taskiq => &taskiq::Taskiq,
        MessageKind::Huey => &huey::Huey,
        MessageKind::Dramatiq => &dramatiq::Dramatiq,
        MessageKind::Rq => &rq::Rq,
        MessageKind::Asynq => &asynq::Asynq,
        MessageKind::Saq => &saq::Saq,
        MessageKind::BullMq | MessageKind::Bull => &bull::Bull,
    }
}

/// The largest number of variants of one format.
pub(crate) const VARIANTS: usize = 5;

/// The number of shapes of a body, which are positions in [`FieldPlace::body`].
pub(crate) const SHAPES: usize = 2;
/// The shape of a body that is an object.
pub(crate) const OBJECT: usize = 0;
/// The shape of a body that is an array.
pub(crate) const ARRAY: usize = 1;

/// The part of a message that holds a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The field is the number of bytes of the message.
    Size,
    /// The field says whether the bytes are an envelope.
    Undecodable,
    /// The field is in the envelope.
    Envelope,
    /// The field is in the decoded body.
    Body,
    /// Messages of this kind do not have the field, so it is unknown.
    Untold,
    /// The field is in the envelope, unless the envelope says that it was not read: the first `marks` of the paths say so.
    UnlessUnread {
        /// How many of the paths lead to members that say it.
        marks: usize,
    },
    /// The field is in the envelope if the envelope has the member, null or not; otherwise in the decoded
    /// body.
    EnvelopeElseBody,
    /// As [`Part::EnvelopeElseBody`], except that the body decides whether the envelope counts: it does not
    /// if the body is an object without [`Format::object_mark`].
    BodyDecides,
    /// The field is in the envelope: in the positional argument with this number, or not in any single one of
    /// them. It cannot be read if that argument is encrypted ([`Derived::encrypted`]).
    Argument(Option<usize>),
    /// The field is made from several values of the envelope: [`Derived::name`].
    Name,
    /// The message is not of this kind, so the field is neither shown nor compared.
    Withheld,
}

/// The part and the paths of a field. If there are several paths, the first value that is not null counts.
#[derive(Debug, Clone)]
pub(crate) struct FieldPlace {
    pub(crate) part: Part,
    /// Paths in the envelope.
    pub(crate) envelope: Vec<Path>,
    /// Paths in the body, by its shape.
    pub(crate) body: [Vec<Path>; SHAPES],
}

impl FieldPlace {
    /// Returns a place in the envelope, or in a part that has no paths.
    fn outside(part: Part, envelope: Vec<Path>) -> Self {
        Self { part, envelope, body: Default::default() }
    }

    /// Returns the place of a field that is neither shown nor compared.
    fn withheld() -> Self {
        Self::outside(Part::Withheld, Vec::new())
    }
}

/// The places of a field, per variant.
pub(crate) type FieldPlaces = [FieldPlace; VARIANTS];

/// The value of one field in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValue<'a> {
    /// A JSON value other than null.
    Value(&'a [u8]),
    /// A JSON value that is not known completely.
    Partial(Partial<'a>),
    /// A number that is not written in the message, such as its length.
    Number(u64),
    /// The field is absent or null.
    Absent,
    /// The field is in the body, which is not open and which no text replaces; or inside an object that is not
    /// read; or messages of this kind do not have it.
    Unknown,
}

impl<'a> FieldValue<'a> {
    /// Returns the JSON text of the value, if it has one.
    pub(crate) fn raw(self) -> Option<&'a [u8]> {
        match self {
            Self::Value(raw) => Some(raw),
            Self::Partial(partial) => Some(partial.raw),
            Self::Number(_) | Self::Absent | Self::Unknown => None,
        }
    }
}

/// What a format derives from several values of one message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Derived {
    /// The name of the task as a JSON string, if it is made from several values; empty if that was not
    /// possible.
    pub(crate) name: Vec<u8>,
    /// The positional argument that cannot be read because it is encrypted.
    pub(crate) encrypted: Option<usize>,
}

/// The raw values at [`Format::own_paths`] in one envelope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own<'m> {
    slots: &'m [usize],
    envelope: &'m Reading,
    message: &'m [u8],
}

impl<'m> Own<'m> {
    /// The values of the message that `envelope` read last; `slots` has the slots of the paths.
    fn new(slots: &'m [usize], envelope: &'m Reading, message: &'m [u8]) -> Self {
        Self { slots, envelope, message }
    }

    /// Returns the value at a position of the paths.
    #[inline]
    fn get(self, position: usize) -> Option<&'m [u8]> {
        self.envelope.value(self.slots[position], self.message)
    }
}

/// A layout of messages.
pub(crate) trait Format: Sync + std::fmt::Debug {
    /// Paths in the envelope that the format itself needs, in the order of the positions of [`Own`].
    fn own_paths(&self) -> Vec<Path>;

    /// Returns whether a valid JSON text is a message.
    fn is_message(&self, text: &[u8], _own: Own<'_>) -> bool {
        text.starts_with(b"{") || text.trim_ascii_start().starts_with(b"{")
    }

    /// For a format whose messages are a body without an envelope, and no JSON: returns whether some bytes are such a
    /// message, by their first bytes. `None` for every other format.
    fn is_alone(&self, _message: &[u8]) -> Option<bool> {
        None
    }

    /// Returns the places of `field`, per variant.
    fn places(&self, field: &Field) -> FieldPlaces;

    /// Returns the variant of an envelope, below [`VARIANTS`].
    fn variant(&self, own: Own<'_>) -> usize;

    /// Returns whether [`Format::derive`] has to be called for each message.
    fn derives(&self) -> bool {
        false
    }

    /// Derives what no single value of the message contains. `derived` has the result for the message before.
    fn derive(&self, _own: Own<'_>, _variant: usize, _derived: &mut Derived) {}

    /// Returns the raw name of the task, if the envelope has it.
    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]>;

    /// Returns the variant whose envelopes show the arguments as text, and the paths: positional arguments,
    /// then keyword arguments. It is used if the body cannot be read.
    fn reprs(&self) -> Option<(usize, [Path; 2])> {
        None
    }

    /// Returns the member of bodies that are objects whose presence decides what such a body is.
    fn object_mark(&self) -> Option<Path> {
        None
    }

    /// Returns whether an object, with or without [`Format::object_mark`], is a body of an envelope of this
    /// variant.
    fn takes_object(&self, _variant: usize, _marked: bool) -> bool {
        true
    }

    /// Returns whether bodies can be pickled.
    fn can_be_pickled(&self) -> bool {
        false
    }

    /// Returns the header that has the body, where headers are all members of the message.
    fn body_header(&self) -> Option<&'static str> {
        None
    }

    /// Writes the body as JSON text to `opened`, which is empty. Returns false if it cannot be read: then the body's
    /// fields are unknown, and the text is what was decoded before the error.
    fn open_body(&self, own: Own<'_>, opened: &mut Opened) -> bool;
}

/// Returns the same place for every variant of a format.
fn same(part: Part, envelope: Vec<Path>) -> FieldPlaces {
    let place = FieldPlace::outside(part, envelope);
    std::array::from_fn(|_| place.clone())
}

/// Returns the path that consists of these names.
fn keys(names: &[&str]) -> Path {
    names.iter().map(|name| Segment::key(name)).collect()
}

/// Members of one of Celery's envelopes: the body, and the members that kombu writes beside it.
const CELERY: [&str; 4] = ["body", "properties", "headers", "content-type"];

/// Returns `before` followed by the parts of the field's own path, for each way in which its points can be
/// read. A number can be a position or a name.
fn inside_either(before: &[Segment], field: &Field) -> Vec<Path> {
    let path = |names: Vec<String>| {
        before.iter().cloned().chain(names.iter().map(|name| Segment::either(name))).collect()
    };
    field.ways().into_iter().map(path).collect()
}

/// Returns the paths that consist of `first` and the parts of the field's own path, one for each way in which
/// the points of the field's name can be read. The first part is a position in `args`, and a name in other
/// fields. In later parts, a number can be a position or a name.
fn inside(first: &[Segment], field: &Field) -> Vec<Path> {
    let segment = |(depth, part): (usize, &String)| match (depth, field.source) {
        (0, Source::Args) => Segment { key: None, ..Segment::either(part) },
        (0, _) => Segment::key(part),
        _ => Segment::either(part),
    };
    let path =
        |names: Vec<String>| first.iter().cloned().chain(names.iter().enumerate().map(segment)).collect();
    field.ways().into_iter().map(path).collect()
}
