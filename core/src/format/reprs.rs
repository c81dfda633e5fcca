//! Reads arguments from the headers `argsrepr` and `kwargsrepr` if the body cannot be read.
//!
//! The headers are in the envelope, and messages with a readable body must not pay for them: they are read in
//! a separate pass, only for messages whose body could not be opened.

use std::ops::Range;

use super::repr::{Form, Key, REPR_MAX, Value, arguments};
use super::{FieldValue, Format};
use crate::field::{Field, Source};
use crate::json::{Paths, Scanner, Shape, Span, array_index, decode, inner};

/// The maximum number of bytes of JSON for one byte of a text: `\u0041`.
const ESCAPED: usize = 6;

/// An argument that a field needs.
#[derive(Debug, Clone)]
struct Wanted {
    /// The position of its field.
    position: usize,
    name: Box<str>,
    index: Option<usize>,
}

impl Wanted {
    fn is(&self, key: Key<'_>) -> bool {
        match key {
            Key::At(index) => self.index == Some(index),
            Key::Name(name) => self.name.as_bytes() == name,
        }
    }
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Unknown,
    Absent,
    /// JSON in this range of the buffer.
    Value(Range<usize>),
}

/// The values of single arguments, but not of values inside them.
#[derive(Debug, Clone)]
pub(super) struct Reprs {
    variant: usize,
    /// The paths of the texts in the envelope: first `argsrepr`, then `kwargsrepr`.
    paths: Paths,
    slots: [usize; 2],
    spans: Vec<Option<Span>>,
    scanner: Scanner,
    wanted: [Vec<Wanted>; 2],
    /// One answer for each field.
    answers: Vec<Answer>,
    json: Vec<u8>,
    scratch: Vec<u8>,
}

impl Reprs {
    /// Creates a reader for those of `fields` that are single arguments; returns `None` if there are none or
    /// the format has no such headers.
    pub(super) fn new(format: &dyn Format, fields: &[&Field]) -> Option<Self> {
        let (variant, headers) = format.reprs()?;
        let wanted = [Source::Args, Source::Kwargs].map(|source| {
            let single = |(position, field): (usize, &&Field)| match &field.path[..] {
                [name] if field.source == source => {
                    Some(Wanted { position, name: name.clone(), index: array_index(name) })
                }
                _ => None,
            };
            fields.iter().enumerate().filter_map(single).collect::<Vec<_>>()
        });
        if wanted.iter().all(Vec::is_empty) {
            return None;
        }
        let (paths, slots) = Paths::new(&headers);
        Some(Self {
            variant,
            spans: vec![None; paths.slots()],
            slots: [slots[0], slots[1]],
            paths,
            scanner: Scanner::default(),
            wanted,
            answers: vec![Answer::Unknown; fields.len()],
            json: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Reads the texts of a valid message of this variant. Returns how many bytes of text were read; `None` if
    /// there is no text.
    pub(super) fn read(&mut self, message: &[u8], variant: usize) -> Option<usize> {
        self.answers.fill(Answer::Unknown);
        self.json.clear();
        if variant != self.variant || !self.scanner.scan(message, &self.paths, &mut self.spans) {
            return None;
        }
        let mut bytes = 0;
        for (at, form) in [Form::Args, Form::Kwargs].into_iter().enumerate() {
            let (wanted, answers, json) = (&self.wanted[at], &mut self.answers, &mut self.json);
            let raw = self.spans[self.slots[at]].map(|span| span.of(message));
            let raw = raw.filter(|raw| Shape::of(raw) == Shape::Text && raw.len() <= REPR_MAX * ESCAPED);
            let Some(raw) = raw.filter(|_| !wanted.is_empty()) else { continue };
            let Some(text) = decode(inner(raw), &mut self.scratch) else { continue };
            bytes += text.len();
            let mut met_twice = false;
            let whole = arguments(text, form, |key, value| {
                for wanted in wanted.iter().filter(|wanted| wanted.is(key)) {
                    let answer = &mut answers[wanted.position];
                    met_twice |= *answer != Answer::Unknown;
                    let start = json.len();
                    value.json(json);
                    // Until the whole text is read, an argument that was not found is unknown, and one that
                    // is not a plain value is empty.
                    *answer = match value {
                        Value::None => Answer::Absent,
                        _ => Answer::Value(start..json.len()),
                    };
                }
            });
            for wanted in wanted {
                let answer = &mut answers[wanted.position];
                *answer = match std::mem::replace(answer, Answer::Unknown) {
                    _ if !whole || met_twice => Answer::Unknown,
                    Answer::Unknown => Answer::Absent,
                    Answer::Value(place) if place.is_empty() => Answer::Unknown,
                    answer => answer,
                };
            }
        }
        Some(bytes)
    }

    /// Returns the value of a field as it was read.
    pub(super) fn get(&self, position: usize) -> FieldValue<'_> {
        match self.answers.get(position) {
            Some(Answer::Value(place)) => FieldValue::Value(self.json.get(place.clone()).unwrap_or_default()),
            Some(Answer::Absent) => FieldValue::Absent,
            Some(Answer::Unknown) | None => FieldValue::Unknown,
        }
    }
}
