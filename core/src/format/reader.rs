//! Finds the fields of a request in one message after another.

use std::sync::Arc;

use super::opened::Around;
use super::pickle::Unpickler;
use super::reprs::Reprs;
use super::{
    ARRAY, Derived, FieldPlace, FieldPlaces, FieldValue, Format, OBJECT, Opened, Own, Part, SHAPES, VARIANTS,
    format_of,
};
use crate::field::Field;
use crate::json::{Paths, Reading, Scanner};
use crate::kind::MessageKind;

/// The places of a field: slots in the order in which they are tried.
#[derive(Debug, Clone)]
struct Slots {
    part: Part,
    envelope: Box<[usize]>,
    body: [Box<[usize]>; SHAPES],
}

/// Reads the fields that it was made for. It uses its buffers again: once they have grown to the usual size,
/// no memory is allocated per message.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    format: &'static dyn Format,
    fields: Vec<[Slots; VARIANTS]>,
    own: Vec<usize>,
    envelope: Reading,
    /// One reading for each shape of the body.
    bodies: [Reading; SHAPES],
    /// The slot of [`Format::object_mark`].
    mark: Option<usize>,
    scanner: Scanner,
    opened: Opened,
    places: Arc<[FieldPlaces]>,
    /// The values around the wanted ones, once a body had an object that is not read.
    around: Option<Box<Around>>,
    decodable: bool,
    variant: usize,
    body_open: bool,
    /// Whether the body of the last message was opened, or could not be.
    body_tried: bool,
    /// The shape of the open body.
    shape: usize,
    /// Whether, with the open body, members of the envelope count ([`Part::BodyDecides`]).
    envelope_counts: bool,
    /// The value of [`Format::derives`].
    derives: bool,
    /// Whether messages are a body without an envelope ([`Format::is_alone`]).
    alone: bool,
    /// Whether it learns the layouts of messages.
    learns: bool,
    derived: Derived,
    /// The texts that replace unreadable bodies, if they are requested.
    reprs: Option<Box<Reprs>>,
    inexact: bool,
    reprs_read: bool,
    /// The number of bytes decoded for the body of the last message.
    decoded: usize,
}

impl Reader {
    /// Creates a reader of `fields` of messages of a kind; [`Reader::get`] takes their positions.
    pub(crate) fn new<'f>(kind: MessageKind, fields: impl IntoIterator<Item = &'f Field>) -> Self {
        let format = format_of(kind);
        let fields: Vec<&Field> = fields.into_iter().collect();
        let places: Arc<[FieldPlaces]> = fields.iter().map(|field| format.places(field)).collect();
        let own = format.own_paths();
        let mark = format.object_mark();
        let all = || places.iter().flatten();
        let in_envelope = own.iter().chain(all().flat_map(|place| &place.envelope));
        let (envelope, envelope_slots) = Paths::new(in_envelope);
        let in_object = mark.iter().chain(all().flat_map(|place| &place.body[OBJECT]));
        let (object, object_slots) = Paths::new(in_object);
        let (array, array_slots) = Paths::new(all().flat_map(|place| &place.body[ARRAY]));
        let (own_slots, field_slots) = envelope_slots.split_at(own.len());
        let (mark, in_object) = object_slots.split_at(usize::from(mark.is_some()));
        let mut envelope_slots = field_slots.iter().copied();
        let mut body_slots = [in_object, &array_slots].map(|slots| slots.iter().copied());
        let mut slots = |place: &FieldPlace| Slots {
            part: place.part,
            envelope: envelope_slots.by_ref().take(place.envelope.len()).collect(),
            body: [OBJECT, ARRAY]
                .map(|shape| body_slots[shape].by_ref().take(place.body[shape].len()).collect()),
        };
        Self {
            format,
            fields: places.iter().map(|places| places.each_ref().map(&mut slots)).collect(),
            own: own_slots.to_vec(),
            envelope: Reading::new(envelope),
            bodies: [object, array].map(Reading::new),
            mark: mark.first().copied(),
            scanner: Scanner::default(),
            opened: Opened::default(),
            places: Arc::clone(&places),
            around: None,
            decodable: false,
            variant: 0,
            body_open: false,
            body_tried: false,
            shape: OBJECT,
            envelope_counts: false,
            derives: format.derives(),
            alone: format.is_alone(&[]).is_some(),
            learns: false,
            derived: Derived::default(),
            reprs: Reprs::new(format, &fields).map(Box::new),
            inexact: false,
            reprs_read: false,
            decoded: 0,
        }
        .pickle(true)
    }

    /// Makes this a reader for many messages, which learns their layouts.
    pub(crate) fn learning(self) -> Self {
        let reads_pickle = self.opened.unpickler.is_some();
        Self {
            envelope: self.envelope.learning(),
            bodies: self.bodies.map(Reading::learning),
            learns: true,
            ..self
        }
        .pickle(reads_pickle)
    }

    /// Makes this a reader with or without the texts that replace unreadable bodies ([`Reader::read_reprs`]).
    pub(crate) fn inexact(self, inexact: bool) -> Self {
        Self { inexact, ..self }
    }

    /// Makes this a reader that reads pickled bodies, or one for which they are unreadable.
    pub(crate) fn pickle(mut self, reads: bool) -> Self {
        let learns = self.learns;
        let unpickler = || if learns { Unpickler::default().learning() } else { Unpickler::default() };
        self.opened.unpickler = (reads && self.format.can_be_pickled()).then(|| Box::new(unpickler()));
        self
    }

    /// Reads the envelope of a message; returns whether it is a message: a JSON object or, for a format without
    /// envelopes, whether it begins as one. If it does not, only the fields that are not in the bytes are found.
    #[inline]
    pub(crate) fn envelope(&mut self, message: &[u8]) -> bool {
        (self.body_open, self.body_tried, self.reprs_read, self.decoded) = (false, false, false, 0);
        if self.alone {
            self.decodable = self.format.is_alone(message) == Some(true);
            return self.decodable;
        }
        self.decodable = self.envelope.read(&mut self.scanner, message, 0);
        if self.decodable {
            let own = Own::new(&self.own, &self.envelope, message);
            self.decodable = self.format.is_message(message, own);
            self.variant = self.format.variant(own);
            if self.derives {
                self.format.derive(own, self.variant, &mut self.derived);
            }
        }
        self.decodable
    }

    /// Opens the body of the last message, once; returns false if it is unreadable.
    pub(crate) fn open_body(&mut self, message: &[u8]) -> bool {
        if std::mem::replace(&mut self.body_tried, true) {
            return self.body_open;
        }
        let own = Own::new(&self.own, &self.envelope, message);
        self.opened.clear();
        let hint = hint(self.format.task(own));
        self.opened.hint = hint;
        let whole = self.format.open_body(own, &mut self.opened);
        self.decoded = self.opened.text.len().saturating_add(self.opened.extra);
        self.body_open = whole && self.read_body(hint);
        self.opened.shrink();
        self.body_open
    }

    /// Reads the decoded body by its shape; returns false if it is neither an object nor an array that a
    /// message of this variant can have.
    fn read_body(&mut self, hint: u64) -> bool {
        let body = &self.opened.text;
        self.shape = match body.first() {
            Some(b'[') => ARRAY,
            Some(b'{') => OBJECT,
            _ => match body.trim_ascii_start().first() {
                Some(b'[') => ARRAY,
                Some(b'{') => OBJECT,
                _ => return false,
            },
        };
        if !self.bodies[self.shape].read(&mut self.scanner, body, hint) {
            return false;
        }
        if !self.opened.opaque.is_empty() {
            let around = self.around.get_or_insert_with(|| Box::new(Around::new(&self.places)));
            self.decoded = self.decoded.saturating_add(body.len());
            if !around.read(&mut self.scanner, self.shape, body) {
                return false;
            }
        }
        if self.shape == ARRAY {
            self.envelope_counts = true;
            return true;
        }
        let marked = self.mark.is_none_or(|slot| self.bodies[OBJECT].value(slot, body).is_some());
        self.envelope_counts = marked;
        self.format.takes_object(self.variant, marked)
    }

    /// Reads the texts in which the envelope shows the arguments, if the body of the last message is
    /// unreadable. Returns false if there are no such texts or they are not requested. Even if something was
    /// read, a field can still be unknown.
    pub(crate) fn read_reprs(&mut self, message: &[u8]) -> bool {
        if self.reprs_read {
            return true;
        }
        let Some(reprs) = self.reprs.as_mut().filter(|_| self.inexact && self.decodable) else {
            return false;
        };
        let Some(bytes) = reprs.read(message, self.variant) else { return false };
        self.decoded += bytes;
        self.reprs_read = true;
        true
    }

    /// Returns the value at `position` as [`Reader::get`] does, for a field that means everything of one source
    /// ([`Field::all_of`]): an encrypted argument inside does not hide the others. Whether one of its members is shown is
    /// the answer of [`Reader::shows`].
    pub(crate) fn get_all<'a>(&'a self, position: usize, message: &'a [u8]) -> FieldValue<'a> {
        let field = &self.fields[position][self.variant];
        match field.part {
            Part::Argument(_) if self.decodable => first(&self.envelope, &field.envelope, message),
            _ => self.get(position, message),
        }
    }

    /// Returns whether a field is shown that has these parts ([`Reader::parts`]), in the last message.
    pub(crate) fn shows(&self, parts: &[Part; VARIANTS]) -> bool {
        match parts[self.variant] {
            Part::Withheld | Part::Untold => false,
            Part::Argument(at) => !self.is_encrypted(at),
            _ => true,
        }
    }

    /// Returns the part of the message that has a field, per variant of the format.
    pub(crate) fn parts(&self, field: &Field) -> [Part; VARIANTS] {
        self.format.places(field).map(|place| place.part)
    }

    /// Returns the header that has the body, where headers are all members of the message.
    pub(crate) fn body_header(&self) -> Option<&'static str> {
        self.format.body_header()
    }

    /// Returns the decoded body of the last message as JSON text, if it is open.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        self.body_open.then_some(&*self.opened.text)
    }

    /// Returns the result of [`Reader::envelope`] for the last message.
    pub(crate) fn is_decodable(&self) -> bool {
        self.decodable
    }

    /// Returns whether the body of the last message is open.
    pub(crate) fn is_body_open(&self) -> bool {
        self.body_open
    }

    /// Returns the number of bytes decoded for the body of the last message, until it was open or an error
    /// was found, and for the texts that replace it.
    pub(crate) fn decoded(&self) -> usize {
        self.decoded
    }

    /// Returns whether the envelope of the last message could be read without a scan.
    #[cfg(test)]
    pub(crate) fn knows(&mut self, message: &[u8]) -> bool {
        self.envelope.knows(message)
    }

    /// Returns the field at `position` in the last message.
    #[inline]
    pub(crate) fn get<'a>(&'a self, position: usize, message: &'a [u8]) -> FieldValue<'a> {
        let field = &self.fields[position][self.variant];
        match field.part {
            Part::Envelope if self.decodable => first(&self.envelope, &field.envelope, message),
            Part::UnlessUnread { marks } if self.decodable => match self.is_unread(field, marks) {
                true => FieldValue::Unknown,
                false => first(&self.envelope, &field.envelope[marks..], message),
            },
            Part::Body if self.decodable => self.get_in_body(position),
            // Most messages have every header.
            Part::EnvelopeElseBody if self.decodable => match self.member(field, message) {
                Some(b"null") => FieldValue::Absent,
                Some(raw) => FieldValue::Value(raw),
                None => self.get_in_body(position),
            },
            _ => self.get_elsewhere(position, message),
        }
    }

    /// Returns a field that is not only in one part of the message.
    fn get_elsewhere<'a>(&'a self, position: usize, message: &'a [u8]) -> FieldValue<'a> {
        let field = &self.fields[position][self.variant];
        match field.part {
            Part::Size => FieldValue::Number(message.len() as u64),
            Part::Undecodable => FieldValue::Number(u64::from(!self.decodable)),
            Part::Untold => FieldValue::Unknown,
            _ if !self.decodable => FieldValue::Unknown,
            Part::BodyDecides if !self.body_open => FieldValue::Unknown,
            Part::BodyDecides if !self.envelope_counts => self.get_in_body(position),
            Part::EnvelopeElseBody | Part::BodyDecides => match self.member(field, message) {
                Some(b"null") => FieldValue::Absent,
                Some(raw) => FieldValue::Value(raw),
                None => self.get_in_body(position),
            },
            Part::Argument(at) if self.is_encrypted(at) => FieldValue::Unknown,
            Part::Name if self.derived.name.is_empty() => FieldValue::Unknown,
            Part::Name => FieldValue::Value(&self.derived.name),
            Part::Envelope | Part::Argument(_) => first(&self.envelope, &field.envelope, message),
            Part::Body => self.get_in_body(position),
            Part::UnlessUnread { .. } | Part::Withheld => FieldValue::Unknown,
        }
    }

    /// Returns the field from the body, or from the text that replaces an unreadable body.
    fn get_in_body(&self, position: usize) -> FieldValue<'_> {
        if self.body_open {
            let slots = &self.fields[position][self.variant].body[self.shape];
            if !self.opened.opaque.is_empty() {
                return self.get_beside_opaque(position, slots);
            }
            return first(&self.bodies[self.shape], slots, &self.opened.text);
        }
        match &self.reprs {
            Some(reprs) if self.reprs_read => reprs.get(position),
            _ => FieldValue::Unknown,
        }
    }

    /// Returns the field from a body that has objects which are not read. What is inside such an object is
    /// unknown, and so is everything that would count only if it were absent.
    #[inline(never)]
    fn get_beside_opaque(&self, position: usize, slots: &[usize]) -> FieldValue<'_> {
        let Some(around) = &self.around else { return FieldValue::Unknown };
        for (path, slot) in slots.iter().enumerate() {
            if around.is_hidden(&self.opened, (position, self.variant, self.shape), path) {
                return FieldValue::Unknown;
            }
            let value = self.bodies[self.shape].value(*slot, &self.opened.text);
            if let Some(raw) = value.filter(|raw| *raw != b"null") {
                return self.opened.partial(raw).map_or(FieldValue::Value(raw), FieldValue::Partial);
            }
        }
        FieldValue::Absent
    }

    /// Returns whether the field at `position` is, contains, or is inside an object of the open body that
    /// is not read.
    pub(crate) fn is_opaque(&self, position: usize, message: &[u8]) -> bool {
        self.body_open
            && !self.opened.opaque.is_empty()
            && self.in_body(position)
            && matches!(self.get(position, message), FieldValue::Partial(_) | FieldValue::Unknown)
    }

    /// Returns whether the field at `position` needs the body of the last message, or cannot be read from any
    /// body.
    #[inline]
    pub(crate) fn in_body(&self, position: usize) -> bool {
        let field = &self.fields[position][self.variant];
        match field.part {
            Part::Size | Part::Undecodable | Part::Untold | Part::Envelope => false,
            Part::Body | Part::BodyDecides | Part::Withheld => true,
            // Whether there is a value can be decided without the text.
            Part::EnvelopeElseBody => self.member(field, &[]).is_none(),
            Part::UnlessUnread { marks } => self.is_unread(field, marks),
            Part::Argument(at) => self.is_encrypted(at),
            Part::Name => self.derived.name.is_empty(),
        }
    }

    /// Returns the result of [`Reader::in_body`] for the field at `position` if it is the same in every
    /// message of a variant; `None` if it depends on the message.
    pub(crate) fn always_in_body(&self, position: usize, variant: usize) -> Option<bool> {
        match self.fields[position][variant].part {
            Part::Size | Part::Undecodable | Part::Untold | Part::Envelope => Some(false),
            Part::Body | Part::BodyDecides | Part::Withheld => Some(true),
            Part::EnvelopeElseBody | Part::UnlessUnread { .. } | Part::Argument(_) | Part::Name => None,
        }
    }

    /// Returns the variant of the last message, below [`VARIANTS`].
    pub(crate) fn variant(&self) -> usize {
        self.variant
    }

    /// Returns the member of the envelope that contains a field, whether it is null or not.
    #[inline]
    fn member<'m>(&self, field: &Slots, message: &'m [u8]) -> Option<&'m [u8]> {
        field.envelope.iter().find_map(|&slot| self.envelope.value(slot, message))
    }

    /// Returns whether one of the members is there that say that a field was not read.
    #[inline]
    fn is_unread(&self, field: &Slots, marks: usize) -> bool {
        field.envelope[..marks].iter().any(|&slot| self.envelope.value(slot, &[]).is_some())
    }

    /// Returns whether the positional argument `at` is encrypted; if there is no such number, whether one of
    /// all arguments is.
    fn is_encrypted(&self, at: Option<usize>) -> bool {
        self.derived.encrypted.is_some_and(|encrypted| at.is_none_or(|at| at == encrypted))
    }
}

/// Returns the first value that is not null.
fn first<'t>(reading: &Reading, slots: &[usize], text: &'t [u8]) -> FieldValue<'t> {
    let mut values = slots.iter().filter_map(|&slot| reading.value(slot, text));
    values.find(|raw| *raw != b"null").map_or(FieldValue::Absent, FieldValue::Value)
}

/// Bodies of one task usually have the same layout.
fn hint(task: Option<&[u8]>) -> u64 {
    task.map_or(0, xxhash_rust::xxh3::xxh3_64)
}
