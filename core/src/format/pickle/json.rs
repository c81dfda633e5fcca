//! Writes what a pickle built as JSON text.
//!
//! A value is written once for each reference to it, so all bounds are those of the text: see the parent
//! module.

use std::io::Write as _;
use std::ops::Range;

use super::layouts::{Filled, Hole, Traced};
use super::text::{Part, characters, latin};
use super::value::{Class, Container, DELTA, DICT, INT, Kind, STR, Span, UUID, Value, ZONE};
use super::{
    DEPTH_MAX, FLOAT_STEPS, INTEGER_MAX, JSON_MAX, OBJECT_STEPS, STEPS_MAX, Unpickler, VALUE_STEPS,
    VALUES_MAX,
};
use crate::format::written::{escape, float, hex, integer, string};

/// Writes the list, tuple, dict or message `root`.
pub(super) fn write(
    of: &Unpickler,
    pickle: &[u8],
    root: Value,
    json: &mut Vec<u8>,
    opaque: &mut Vec<Range<usize>>,
    steps: &mut usize,
    traced: Option<&mut Traced>,
) -> Option<()> {
    let mut writer = Writer { of, pickle, json, opaque, values: 0, steps, traced };
    writer.value(root, 0)?;
    // Neither a scalar nor an object of a class is a body, except for a message where one is expected.
    let is_body = match root {
        Value::Container(at) => {
            let container = of.container(at)?;
            match container.kind {
                Kind::Uuid(_) => false,
                // A worker cannot run a message without the name of a task.
                Kind::Message => matches!(of.items(container).nth(1), Some(Value::Text(_))),
                _ => !of.reads_messages,
            }
        }
        _ => false,
    };
    let is_opaque = writer.opaque.first().is_some_and(|first| first.start == 0);
    (is_body && !is_opaque).then_some(())
}

/// The fields of `huey.registry.Message` in Huey 3.5.4; those of Huey 2 are the first twelve of them.
const MESSAGE_FIELDS: [&str; 15] = [
    "id",
    "name",
    "eta",
    "retries",
    "retry_delay",
    "priority",
    "args",
    "kwargs",
    "on_complete",
    "on_error",
    "expires",
    "expires_resolved",
    "timeout",
    "chord_config",
    "retry_backoff",
];

struct Writer<'a> {
    of: &'a Unpickler,
    pickle: &'a [u8],
    json: &'a mut Vec<u8>,
    opaque: &'a mut Vec<Range<usize>>,
    values: usize,
    steps: &'a mut usize,
    traced: Option<&'a mut Traced>,
}

impl Writer<'_> {
    /// Writes one value. The recursion is as deep as the value, at most [`DEPTH_MAX`].
    fn value(&mut self, value: Value, depth: usize) -> Option<()> {
        self.values += 1;
        self.work(match value {
            Value::Float(_) => FLOAT_STEPS,
            Value::Long(span) if span.of(self.pickle).len() <= INTEGER_MAX => {
                VALUE_STEPS + span.of(self.pickle).len().pow(2) / 8
            }
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Text(_) => VALUE_STEPS,
            _ => OBJECT_STEPS,
        })?;
        if self.values > VALUES_MAX || self.json.len() > JSON_MAX {
            return None;
        }
        match value {
            Value::None => self.put(b"null"),
            Value::Bool(true) => self.put(b"true"),
            Value::Bool(false) => self.put(b"false"),
            Value::Int(number) => integer(number, self.json),
            Value::Float(number) => float(number, self.json),
            Value::Long(span) => self.long(span.of(self.pickle)),
            Value::Digits(span) => self.put(span.of(self.pickle)),
            Value::Text(span) => string(span.of(self.pickle), self.json),
            Value::Surrogates(span) => surrogates(span.of(self.pickle), self.json),
            Value::Hole(number) => self.hole(number, false)?,
            Value::Bytes(span) => self.bytes(span.of(self.pickle)),
            Value::Latin(span) => {
                let bytes = latin(span.of(self.pickle))?;
                self.bytes(&bytes);
            }
            Value::Decimal(span) => self.wrapped("decimal", span.of(self.pickle)),
            Value::Moment(at) => {
                let moment = self.of.moments.get(at as usize)?;
                self.wrapped(moment.of, moment.text());
            }
            Value::Container(at) => {
                let container = *self.of.container(at)?;
                match container.kind {
                    Kind::Uuid(Some(number)) => {
                        self.put(br#"{"__type__":"uuid","__value__":{"hex":""#);
                        self.json.extend(number.to_be_bytes().iter().flat_map(|byte| hex(*byte)));
                        self.put(b"\"}}");
                    }
                    Kind::Uuid(None) => self.object(class_of(value)?),
                    _ if depth >= DEPTH_MAX => return None,
                    Kind::List | Kind::Tuple => self.list(&container, depth)?,
                    Kind::Message => self.message(&container, depth)?,
                    Kind::Dict | Kind::Copy => self.dict(&container, depth)?,
                }
            }
            other => self.object(class_of(other)?),
        }
        (self.json.len() <= JSON_MAX).then_some(())
    }

    fn work(&mut self, steps: usize) -> Option<()> {
        *self.steps += steps;
        (*self.steps <= STEPS_MAX).then_some(())
    }

    fn put(&mut self, bytes: &[u8]) {
        self.json.extend_from_slice(bytes);
    }

    fn list(&mut self, container: &Container, depth: usize) -> Option<()> {
        self.json.push(b'[');
        let mut next = Unpickler::first_run(container);
        while let Some(run) = next {
            let of = self.of;
            let (items, after) = of.run_of(container, run);
            for item in items {
                self.value(*item, depth + 1)?;
                self.json.push(b',');
            }
            next = after;
        }
        self.close(b']');
        Some(())
    }

    /// Writes a message of Huey as an object with the names of its fields.
    fn message(&mut self, container: &Container, depth: usize) -> Option<()> {
        let of = self.of;
        self.json.push(b'{');
        for (at, item) in of.items(container).enumerate() {
            self.json.push(b'"');
            match MESSAGE_FIELDS.get(at) {
                Some(name) => self.put(name.as_bytes()),
                // Newer versions append fields.
                None => integer(i64::try_from(at).ok()?, self.json),
            }
            self.put(b"\":");
            self.value(item, depth + 1)?;
            self.json.push(b',');
        }
        self.close(b'}');
        Some(())
    }

    fn dict(&mut self, container: &Container, depth: usize) -> Option<()> {
        let start = (self.json.len(), self.opaque.len());
        self.json.push(b'{');
        let mut next = Unpickler::first_run(container);
        while let Some(run) = next {
            let of = self.of;
            let (items, after) = of.run_of(container, run);
            for pair in items.as_chunks::<2>().0 {
                let [key, value] = *pair;
                self.values += 1;
                self.work(VALUE_STEPS)?;
                match key {
                    Value::Text(span) => string(span.of(self.pickle), self.json),
                    Value::Surrogates(span) => surrogates(span.of(self.pickle), self.json),
                    Value::Hole(number) => self.hole(number, true)?,
                    // JSON has texts only, and Python's JSON writes an integer as its digits.
                    Value::Int(number) => {
                        self.json.push(b'"');
                        integer(number, self.json);
                        self.json.push(b'"');
                    }
                    _ => {
                        self.json.truncate(start.0);
                        self.opaque.truncate(start.1);
                        self.object(DICT);
                        return Some(());
                    }
                }
                self.json.push(b':');
                self.value(value, depth + 1)?;
                self.json.push(b',');
            }
            next = after;
        }
        self.close(b'}');
        Some(())
    }

    /// Writes the value of a hole, and notes its place. A key that is not a text has no place.
    fn hole(&mut self, number: u32, is_key: bool) -> Option<()> {
        let traced = self.traced.as_mut()?;
        let (hole, place) = traced.holes.get(number as usize)?;
        if is_key && *hole != Hole::Text {
            return None;
        }
        let (value, _) = hole.read(place.of(self.pickle))?;
        self.json.extend((*hole == Hole::Text).then_some(b'"'));
        let start = self.json.len();
        match value {
            Filled::Text(text) => self.json.extend_from_slice(text),
            Filled::Word(word) => self.json.extend_from_slice(word),
            Filled::Int(number) => integer(number, self.json),
            Filled::Float(number) => float(number, self.json),
            Filled::Nothing => return None,
        }
        match is_key {
            true => traced.keys.push(number),
            false => traced.uses.push((number, Span::new(start, self.json.len() - start)?)),
        }
        self.json.extend((*hole == Hole::Text).then_some(b'"'));
        Some(())
    }

    /// Ends a container: the closing bracket replaces the last comma.
    fn close(&mut self, bracket: u8) {
        match self.json.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            _ => self.json.push(bracket),
        }
    }

    /// Writes an opaque value, and notes its place.
    fn object(&mut self, class: Class) {
        let start = self.json.len();
        self.put(br#"{"__class__":""#);
        match class {
            Class::Known(name) => self.put(name.as_bytes()),
            Class::Named(at) => {
                let named = self.of.named.get(at as usize);
                let parts =
                    named.map_or([None; 3], |named| [Some(named.module), Some(named.name), named.member]);
                for (n, part) in parts.into_iter().flatten().enumerate() {
                    if n > 0 {
                        self.json.push(b'.');
                    }
                    escape(part.of(self.pickle), self.json);
                }
            }
        }
        self.put(b"\"}");
        self.opaque.push(start..self.json.len());
    }

    /// Writes a text without quotes and backslashes as kombu wraps it.
    fn wrapped(&mut self, of: &str, text: &[u8]) {
        self.put(br#"{"__type__":""#);
        self.put(of.as_bytes());
        self.put(br#"","__value__":"#);
        string(text, self.json);
        self.json.push(b'}');
    }

    /// Writes binary data as kombu's JSON wraps Python's `bytes`.
    fn bytes(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(_) => self.wrapped("bytes", bytes),
            Err(_) => self.wrapped("base64", base64_simd::STANDARD.encode_to_string(bytes).as_bytes()),
        }
    }

    /// Writes an integer in two's complement.
    fn long(&mut self, digits: &[u8]) {
        if digits.len() > INTEGER_MAX {
            return self.object(INT);
        }
        let is_negative = digits.last().is_some_and(|last| last & 0x80 != 0);
        let mut limbs = [0_u32; INTEGER_MAX / 4];
        for (limb, digits) in limbs.iter_mut().zip(digits.chunks(4)) {
            let mut four = [if is_negative { u8::MAX } else { 0 }; 4];
            four.iter_mut().zip(digits).for_each(|(byte, digit)| *byte = *digit);
            *limb = u32::from_le_bytes(four);
        }
        let mut len = digits.len().div_ceil(4);
        if is_negative {
            self.json.push(b'-');
            let mut carry = true;
            for limb in &mut limbs[..len] {
                (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
            }
        }
        // Groups of nine decimal digits, the lowest first.
        let mut groups = Vec::with_capacity(len + len / 8 + 1);
        while len > 0 {
            if limbs[len - 1] == 0 {
                len -= 1;
                continue;
            }
            let mut rest = 0_u64;
            for limb in limbs[..len].iter_mut().rev() {
                let number = rest << 32 | u64::from(*limb);
                // The remainder is below 10^9, so the quotient is below 2^32.
                *limb = u32::try_from(number / 1_000_000_000).unwrap_or(u32::MAX);
                rest = number % 1_000_000_000;
            }
            groups.push(rest);
        }
        let (first, others) = groups.split_last().map_or((&0, &[][..]), |groups| groups);
        // Writing to memory does not fail.
        drop(write!(self.json, "{first}"));
        for group in others.iter().rev() {
            drop(write!(self.json, "{group:09}"));
        }
    }
}

/// Writes a string of UTF-8 in which surrogates can stand alone.
fn surrogates(text: &[u8], json: &mut Vec<u8>) {
    json.push(b'"');
    for part in characters(text).flatten() {
        match part {
            Part::Text(text) => escape(text.as_bytes(), json),
            // Writing to memory does not fail.
            Part::Surrogate(surrogate) => drop(write!(json, "\\u{surrogate:04x}")),
        }
    }
    json.push(b'"');
}

/// Returns the class as which a value that JSON has no form for is shown.
fn class_of(value: Value) -> Option<Class> {
    match value {
        Value::Opaque(class) => Some(class),
        Value::Named(at) => Some(Class::Named(at)),
        Value::Delta(_) => Some(DELTA),
        Value::Zone(_) => Some(ZONE),
        Value::OldText(_) => Some(STR),
        Value::Container(_) => Some(UUID),
        _ => None,
    }
}
