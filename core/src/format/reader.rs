//! Finds the fields that a question is about in one message after another.

use super::reprs::Reprs;
use super::{Format, Own, Part, VARIANTS, format_of};
use crate::field::Field;
use crate::json::{Paths, Reading, Scanner};
use crate::kind::MessageKind;

/// Most bytes of a decoded body's buffer that stay allocated from one message to the next.
const BUFFER_KEEP: usize = 256 * 1024;

/// One field in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A JSON value other than null.
    Value(&'a [u8]),
    /// A number that does not stand in the bytes.
    Number(u64),
    /// Absent or null.
    Absent,
    /// In the body, which is not open, and nothing stands in for it; or messages of this kind do not say it.
    Unknown,
}

/// Where a field stands: slots in the order in which they are tried.
#[derive(Debug, Clone)]
struct Slots {
    part: Part,
    slots: Box<[usize]>,
}

/// Reads the fields it was made for. Its buffers are reused: no memory is allocated per message once they
/// have grown to the usual size.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    format: &'static dyn Format,
    fields: Vec<[Slots; VARIANTS]>,
    own: Vec<usize>,
    envelope: Reading,
    bodies: [Reading; VARIANTS],
    scanner: Scanner,
    body: Vec<u8>,
    scratch: Vec<u8>,
    decodable: bool,
    variant: usize,
    body_open: bool,
    /// What stands in for bodies that are not readable, where that is asked for.
    reprs: Option<Box<Reprs>>,
    inexact: bool,
    reprs_read: bool,
    /// Bytes that the body of the message read last was decoded to.
    decoded: usize,
}

impl Reader {
    /// A reader of `fields` of messages of a kind; their positions are what [`Reader::get`] takes.
    pub(crate) fn new<'f>(kind: MessageKind, fields: impl IntoIterator<Item = &'f Field>) -> Self {
        let format = format_of(kind);
        let fields: Vec<&Field> = fields.into_iter().collect();
        let places: Vec<_> = fields.iter().map(|field| format.places(field)).collect();
        let own = format.own_paths();
        let of = |variant: usize, part: Part| {
            places.iter().map(move |place| &place[variant]).filter(move |place| place.part == part)
        };
        let in_envelope = (0..VARIANTS).flat_map(|v| of(v, Part::Envelope)).flat_map(|place| &place.paths);
        let (envelope, envelope_slots) = Paths::new(own.iter().chain(in_envelope));
        let (own_slots, field_slots) = envelope_slots.split_at(own.len());
        let compiled = [0, 1].map(|v| Paths::new(of(v, Part::Body).flat_map(|place| &place.paths)));
        let mut envelope_slots = field_slots.iter().copied();
        let mut body_slots = [0, 1].map(|v: usize| compiled[v].1.iter().copied());
        let mut per_variant = [Vec::new(), Vec::new()];
        for (variant, all) in per_variant.iter_mut().enumerate() {
            for place in places.iter().map(|place| &place[variant]) {
                let count = place.paths.len();
                let slots = match place.part {
                    Part::Envelope => envelope_slots.by_ref().take(count).collect(),
                    Part::Body => body_slots[variant].by_ref().take(count).collect(),
                    Part::Size | Part::Undecodable | Part::Untold => Box::default(),
                };
                all.push(Slots { part: place.part, slots });
            }
        }
        let [first, second] = per_variant;
        Self {
            format,
            fields: first.into_iter().zip(second).map(|(a, b)| [a, b]).collect(),
            own: own_slots.to_vec(),
            envelope: Reading::new(envelope),
            bodies: compiled.map(|(paths, _)| Reading::new(paths)),
            scanner: Scanner::default(),
            body: Vec::new(),
            scratch: Vec::new(),
            decodable: false,
            variant: 0,
            body_open: false,
            reprs: Reprs::new(format, &fields).map(Box::new),
            inexact: false,
            reprs_read: false,
            decoded: 0,
        }
    }

    /// The same for many messages: it learns their layouts.
    pub(crate) fn learning(self) -> Self {
        Self { envelope: self.envelope.learning(), bodies: self.bodies.map(Reading::learning), ..self }
    }

    /// The same with or without what stands in for bodies that are not readable ([`Reader::read_reprs`]).
    pub(crate) fn inexact(self, inexact: bool) -> Self {
        Self { inexact, ..self }
    }

    /// Starts with a message: is its envelope a JSON object? If not, only the fields that do not stand in the
    /// bytes are found.
    pub(crate) fn envelope(&mut self, message: &[u8]) -> bool {
        (self.body_open, self.reprs_read, self.decoded) = (false, false, 0);
        self.decodable = self.envelope.read(&mut self.scanner, message, 0);
        if self.decodable {
            let own = Own::new(&self.own, &self.envelope, message);
            self.decodable = self.format.is_message(message, own);
            self.variant = self.format.variant(own);
        }
        self.decodable
    }

    /// Opens the body of the message whose envelope was read last; false if it is not readable.
    pub(crate) fn open_body(&mut self, message: &[u8]) -> bool {
        if self.reprs_read {
            // It was tried before.
            return false;
        }
        let own = Own::new(&self.own, &self.envelope, message);
        let whole = self.format.open_body(own, &mut self.body, &mut self.scratch);
        self.decoded = self.body.len();
        let body = &mut self.bodies[self.variant];
        self.body_open = whole && body.read(&mut self.scanner, &self.body, hint(self.format.task(own)));
        self.body.shrink_to(BUFFER_KEEP);
        self.scratch.shrink_to(BUFFER_KEEP);
        self.body_open
    }

    /// Where the body of the message whose envelope was read last is not readable: reads what the envelope shows of the
    /// arguments as text. False if there is nothing, or it is not asked for; also where something was read a field may
    /// stay unknown.
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

    /// The message read last is a JSON object.
    pub(crate) fn is_decodable(&self) -> bool {
        self.decodable
    }

    /// The body of the message read last is open.
    pub(crate) fn is_body_open(&self) -> bool {
        self.body_open
    }

    /// Bytes that the body of the message read last was decoded to, until it was open or showed to be broken, and of
    /// what stands in for it.
    pub(crate) fn decoded(&self) -> usize {
        self.decoded
    }

    /// The message whose envelope was read last would not have to be scanned.
    #[cfg(test)]
    pub(crate) fn knows(&mut self, message: &[u8]) -> bool {
        self.envelope.knows(message)
    }

    /// The field at `position` of those the reader was made for, in the message read last.
    pub(crate) fn get<'a>(&'a self, position: usize, message: &'a [u8]) -> Found<'a> {
        let field = &self.fields[position][self.variant];
        let (text, reading) = match field.part {
            Part::Size => return Found::Number(message.len() as u64),
            Part::Undecodable => return Found::Number(u64::from(!self.decodable)),
            Part::Untold => return Found::Unknown,
            _ if !self.decodable => return Found::Unknown,
            Part::Envelope => (message, &self.envelope),
            Part::Body if self.body_open => (&*self.body, &self.bodies[self.variant]),
            Part::Body => match &self.reprs {
                Some(reprs) if self.reprs_read => return reprs.get(position),
                _ => return Found::Unknown,
            },
        };
        let mut values = field.slots.iter().filter_map(|&slot| reading.value(slot, text));
        values.find(|raw| *raw != b"null").map_or(Found::Absent, Found::Value)
    }

    /// Whether the field at `position` needs the body of the message whose envelope was read last.
    pub(crate) fn in_body(&self, position: usize) -> bool {
        self.fields[position][self.variant].part == Part::Body
    }
}

/// Bodies of one task are mostly laid out alike.
fn hint(task: Option<&[u8]>) -> u64 {
    task.map_or(0, xxhash_rust::xxh3::xxh3_64)
}
