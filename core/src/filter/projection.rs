//! Shows the fields of a message in the row of a sample.

use super::grouping::{group_values, push_value};
use super::shown::{COMPOUND_MAX, TEXT_MAX, compact, plain};
use super::uuid;
use super::value::Seen;
use super::wrapped::{self, Wrapped};
use crate::arrival::{ArrivalField, Placed};
use crate::error::{Error, FilterError, RequestError};
use crate::field::{Field, FieldType};
use crate::format::{FieldValue, Reader};
use crate::json::{Integer, Shape, decode_lossy, inner};
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Most fields of a sample row.
pub const FIELDS_MAX: usize = 32;

/// Makes the rows of a sample. Its fields are filter fields and the short names of samples.
#[derive(Debug, Clone)]
pub struct Projection {
    fields: Vec<(Box<str>, FieldType)>,
    /// The fields that show the arrival, with their positions in `fields`.
    arrivals: Vec<(usize, ArrivalField)>,
    /// When the message of the next row arrived, if that is known.
    placed: Option<Placed>,
    /// Whether the command named the fields, so that rows show the absent ones, too.
    named: bool,
    reader: Reader,
}

impl Projection {
    /// Returns the projection of Celery's messages to these fields.
    ///
    /// # Errors
    /// The errors of [`Projection::of`].
    pub fn new(fields: &[&[u8]]) -> Result<Self, Error> {
        Self::of(MessageKind::Celery, fields)
    }

    /// Returns the projection of messages of a kind to these fields. The members of a row have the order of
    /// `fields`.
    ///
    /// # Errors
    /// [`RequestError::NumberOutOfRange`] if `fields` is empty or has more than [`FIELDS_MAX`] names,
    /// [`FilterError::FieldTwice`], or the error of a name.
    pub fn of(kind: MessageKind, fields: &[&[u8]]) -> Result<Self, Error> {
        if !(1..=FIELDS_MAX).contains(&fields.len()) {
            let (max, got) = (FIELDS_MAX as u64, fields.len().to_string().into_bytes());
            return Err(RequestError::NumberOutOfRange { keyword: "FIELDS", min: 1, max, got }.into());
        }
        let fields: Vec<Field> =
            fields.iter().map(|name| Field::parse_sample(name)).collect::<Result<_, _>>()?;
        let twice =
            fields.iter().enumerate().find(|(at, field)| fields[..*at].iter().any(|f| f.name == field.name));
        if let Some((_, field)) = twice {
            let name = field.name.as_bytes().to_vec();
            return Err(FilterError::FieldTwice { keyword: "FIELDS", name }.into());
        }
        let reader = Reader::new(kind, &fields);
        let arrivals =
            fields.iter().enumerate().filter_map(|(at, field)| Some((at, field.arrival()?))).collect();
        let fields = fields.into_iter().map(|field| (field.name, field.kind)).collect();
        Ok(Self { fields, arrivals, placed: None, named: false, reader })
    }

    /// Returns the first field that shows when messages arrived.
    #[must_use]
    pub fn arrival_field(&self) -> Option<&str> {
        self.arrivals.first().map(|(at, _)| &*self.fields[*at].0)
    }

    /// Sets when the message of the next row arrived; `None` if that is not known.
    pub fn place(&mut self, placed: Option<Placed>) {
        self.placed = placed;
    }

    /// Returns the same projection with another choice: whether the sender's texts in the envelope replace a
    /// body that cannot be read.
    #[must_use]
    pub fn inexact(self, inexact: bool) -> Self {
        Self { reader: self.reader.inexact(inexact), ..self }
    }

    /// The same, with a choice: whether pickled bodies are read.
    #[must_use]
    pub fn pickle(self, reads: bool) -> Self {
        Self { reader: self.reader.pickle(reads), ..self }
    }

    /// The same for fields that the command named: rows show those that a message lacks as [`Reply::NamedNull`].
    #[must_use]
    pub fn named(self) -> Self {
        Self { named: true, ..self }
    }

    /// Returns the work for the last row, in steps. To make the row, the message was read once more.
    #[must_use]
    pub fn work(&self, message: &[u8]) -> usize {
        message.len() + self.reader.decoded() + self.fields.len() * TEXT_MAX
    }

    /// Returns the members of one row. Integers that fit 64 bits are shown as integers, other scalars as
    /// text, and arrays and objects as compact JSON text. Absent, null and unreadable values are [`Reply::Null`] or, if the
    /// command named the fields, [`Reply::NamedNull`].
    pub fn row(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)> {
        let wants_body = |reader: &Reader| (0..self.fields.len()).any(|at| reader.in_body(at));
        if self.reader.envelope(message) && wants_body(&self.reader) && !self.reader.open_body(message) {
            self.reader.read_reprs(message);
        }
        let values = self.fields.iter().enumerate().map(|(at, (name, kind))| {
            let value = match self.reader.get(at, message) {
                FieldValue::Value(raw) => show(raw, *kind),
                FieldValue::Partial(partial) => show(partial.raw, *kind),
                FieldValue::Number(number) => i64::try_from(number).map_or(Reply::Null, Reply::Int),
                FieldValue::Absent => Reply::Null,
                FieldValue::Unknown => self.arrival(at),
            };
            let value = if self.named && value == Reply::Null { Reply::NamedNull } else { value };
            (name.clone(), value)
        });
        values.collect()
    }

    /// Returns the arrival if the field at this position shows it, and null otherwise. The arrival is a
    /// number of milliseconds or, if only a bound is known, a text such as `>=1000`.
    fn arrival(&self, at: usize) -> Reply {
        let field = self.arrivals.iter().find(|(position, _)| *position == at).map(|(_, field)| *field);
        let (Some(field), Some(Placed { arrival, now_ms })) = (field, self.placed) else {
            return Reply::Null;
        };
        let (value, bound) = match field {
            ArrivalField::Age => (arrival.least_age_ms(now_ms), ">="),
            ArrivalField::Arrived if arrival.is_bound => (arrival.latest_ms(), "<="),
            ArrivalField::Arrived => (arrival.step_ms, ""),
        };
        if arrival.is_bound { Reply::text(format!("{bound}{value}")) } else { Reply::Int(value) }
    }
}

/// Shows the value as it is in the message if a user can type it as an operand of the field. Other values of
/// fields that hold times, integers or flags are shown in double quotes, like their groups.
pub(super) fn show(raw: &[u8], kind: FieldType) -> Reply {
    let shown = as_written(raw, kind);
    let can_be_typed = match (&shown, kind) {
        (Reply::Null, _) | (_, FieldType::Value) => true,
        (_, FieldType::Time) => Seen::of(raw, kind, &mut Vec::new()).moment().is_some(),
        (Reply::Text(text), FieldType::Integer | FieldType::Flag) => Integer::parse(text).is_some(),
        _ => true,
    };
    if can_be_typed {
        return shown;
    }
    let mut key = Vec::new();
    push_value(&mut key, FieldValue::Value(raw), kind, &mut Vec::new());
    group_values(&key).next().map_or(Reply::Null, Reply::from)
}

fn as_written(raw: &[u8], kind: FieldType) -> Reply {
    match Shape::of(raw) {
        Shape::Null => Reply::Null,
        Shape::Bool if kind == FieldType::Flag => Reply::Int(i64::from(raw == b"true")),
        Shape::Text => Reply::Text(decode_lossy(inner(raw), TEXT_MAX).into_bytes()),
        Shape::Number => integer(raw).map_or_else(|| plain(raw, TEXT_MAX), Reply::Int),
        Shape::Bool => plain(raw, TEXT_MAX),
        Shape::Compound if raw.starts_with(b"{") => show_object(raw),
        Shape::Compound => compact(raw, COMPOUND_MAX),
    }
}

/// Shows a wrapped scalar as the scalar, and any other object as JSON text.
fn show_object(raw: &[u8]) -> Reply {
    match wrapped::read(raw, &mut Vec::new()) {
        Some(Wrapped::Number(number)) => integer(number).map_or_else(|| plain(number, TEXT_MAX), Reply::Int),
        Some(Wrapped::Bool(is)) => Reply::text(if is { &b"true"[..] } else { b"false" }),
        Some(Wrapped::Text(text) | Wrapped::Time(text)) => plain(text, TEXT_MAX),
        Some(Wrapped::Uuid(uuid)) => Reply::text(uuid::text(uuid)),
        Some(Wrapped::Opaque) | None => compact(raw, COMPOUND_MAX),
    }
}

fn integer(raw: &[u8]) -> Option<i64> {
    let digits = Integer::parse(raw)?.canonical();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}
