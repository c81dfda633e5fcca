//! The fields by which messages are grouped, and the values of one message as the key of its group.
//!
//! A key contains exactly the values that a reply shows: messages are in one group if the shown values are
//! equal. A shown value, typed as the operand of `=`, matches exactly the messages of the group (see
//! `value`), unless the value was cut.

use std::borrow::Cow;

use super::shown::{COMPOUND_MAX, TEXT_MAX, plain};
use super::uuid;
use super::value::{Seen, shown_text};
use crate::error::{Error, FilterError, RequestError};
use crate::field::{Field, FieldType};
use crate::format::FieldValue;
use crate::json::{Decimal, Integer, compact, decode_lossy, inner};
use crate::reply::Reply;
use crate::time;

/// The maximum number of fields by which messages are grouped.
pub const GROUP_FIELDS_MAX: usize = 4;

/// The fields by which messages are grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    pub(super) fields: Vec<Field>,
}

impl Grouping {
    /// Creates a grouping by these fields: filter fields and the short names of samples.
    ///
    /// # Errors
    /// Returns [`RequestError::NumberOutOfRange`] for no fields or more than [`GROUP_FIELDS_MAX`],
    /// [`FilterError::FieldTwice`], or the error of a name.
    pub fn new(names: &[&[u8]]) -> Result<Self, Error> {
        if !(1..=GROUP_FIELDS_MAX).contains(&names.len()) {
            let (max, got) = (GROUP_FIELDS_MAX as u64, names.len().to_string().into_bytes());
            return Err(RequestError::NumberOutOfRange { keyword: "GROUPBY", min: 1, max, got }.into());
        }
        let mut fields: Vec<Field> = Vec::with_capacity(names.len());
        for name in names {
            let field = Field::parse_grouped(name)?;
            if fields.iter().any(|other| other.is_same_place(&field)) {
                return Err(FilterError::FieldTwice { keyword: "GROUPBY", name: name.to_vec() }.into());
            }
            fields.push(field);
        }
        Ok(Self { fields })
    }

    /// The fields, in their order.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns the names as given, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name)
    }
}

/// One value of a key. Its order is the order of groups with equal counts: null, integers, text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupValue<'k> {
    /// Absent, null, or unreadable.
    Null,
    /// An integer that fits into an `i64`.
    Int(i64),
    /// Other scalars as text, arrays and objects as JSON text.
    Text(&'k [u8]),
}

impl From<GroupValue<'_>> for Reply {
    fn from(value: GroupValue<'_>) -> Self {
        match value {
            GroupValue::Null => Self::Null,
            GroupValue::Int(n) => Self::Int(n),
            GroupValue::Text(text) => Self::text(text),
        }
    }
}

const NULL: u8 = 0;
const INT: u8 = 1;
const TEXT: u8 = 2;

/// Returns the values in a key, in the order of the fields.
pub fn group_values(mut key: &[u8]) -> impl Iterator<Item = GroupValue<'_>> {
    std::iter::from_fn(move || {
        let (&tag, rest) = key.split_first()?;
        let (value, rest) = match tag {
            INT => {
                let (digits, rest) = rest.split_first_chunk()?;
                (GroupValue::Int(i64::from_le_bytes(*digits)), rest)
            }
            TEXT => {
                let (length, rest) = rest.split_first_chunk()?;
                let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
                (GroupValue::Text(text), rest)
            }
            _ => (GroupValue::Null, rest),
        };
        key = rest;
        Some(value)
    })
}

/// Appends a field's value to a key as the text that its class shows, so that equal keys are equal values.
/// Nothing is allocated for the values that messages usually have.
pub(super) fn push_value(key: &mut Vec<u8>, found: FieldValue<'_>, kind: FieldType, scratch: &mut Vec<u8>) {
    let raw = match found {
        FieldValue::Value(raw) => raw,
        FieldValue::Number(number) => return push_int(key, i64::try_from(number).ok()),
        // Two objects of one class need not be the same value.
        FieldValue::Absent | FieldValue::Unknown | FieldValue::Partial(_) => return key.push(NULL),
    };
    if raw == b"null" {
        return key.push(NULL);
    }
    let start = key.len();
    let seen = Seen::of(raw, kind, scratch);
    if kind == FieldType::Time
        && let Some(micros) = seen.moment()
    {
        return push_text(key, time::canonical(micros).as_bytes());
    }
    push_seen(key, raw, seen);
    if kind != FieldType::Value {
        quote_stray(key, start, kind);
    }
}

/// Quotes a value, which extends from `start` to the end of the key, if it is not a moment in a field of
/// times, or not an integer or a flag in a field of these: it is shown in double quotes, as an operand is
/// typed.
fn quote_stray(key: &mut Vec<u8>, start: usize, kind: FieldType) {
    let text = match group_values(&key[start..]).next() {
        Some(GroupValue::Text(text)) if kind == FieldType::Time || Integer::parse(text).is_none() => {
            text.to_vec()
        }
        Some(GroupValue::Int(n)) if kind == FieldType::Time => n.to_string().into_bytes(),
        _ => return,
    };
    key.truncate(start);
    if text.len() + 2 > TEXT_MAX {
        // The value was cut or would be cut, so it cannot be typed as an operand.
        return push_text(key, &text);
    }
    push_text(key, &[b"\"", &*text, b"\""].concat());
}

fn push_seen(key: &mut Vec<u8>, raw: &[u8], seen: Seen<'_>) {
    match seen {
        Seen::Number(number) => push_number(key, number),
        Seen::Bool(is) => push_text(key, if is { &b"true"[..] } else { b"false" }),
        Seen::Uuid(uuid) => push_text(key, &uuid::text(uuid)),
        Seen::Text(text) | Seen::Time(text) if text.len() > TEXT_MAX => {
            push_text(key, cut_bytes(text, TEXT_MAX));
        }
        Seen::Text(text) | Seen::Time(text) => push_string(key, text),
        Seen::Compound(raw) => push_compound(key, raw),
        Seen::Opaque => push_text(key, decode_lossy(inner(raw), TEXT_MAX).as_bytes()),
    }
}

fn push_number(key: &mut Vec<u8>, number: &[u8]) {
    let small = |number: &[u8]| std::str::from_utf8(number).ok()?.parse().ok();
    match small(number) {
        Some(n) => push_int(key, Some(n)),
        None => {
            let shown = Decimal::parse(number).map_or_else(|| number.to_vec(), |number| number.canonical());
            match small(&shown) {
                Some(n) => push_int(key, Some(n)),
                None => push_text(key, cut_bytes(&shown, TEXT_MAX)),
            }
        }
    }
}

fn push_string(key: &mut Vec<u8>, text: &[u8]) {
    let shown = shown_text(text);
    match std::str::from_utf8(&shown).ok().and_then(|shown| shown.parse().ok()) {
        Some(n) if Integer::parse(&shown).is_some() => push_int(key, Some(n)),
        _ => push_text(key, cut_bytes(&shown, TEXT_MAX)),
    }
}

/// The key of the string `text`: of its class, or of the text itself.
pub(super) fn push_string_key(text: &[u8]) -> Vec<u8> {
    let mut key = Vec::new();
    push_seen(&mut key, &[], Seen::Text(text));
    key
}

/// Appends an array or object. A long one is cut: nothing after the cut is read.
fn push_compound(key: &mut Vec<u8>, raw: &[u8]) {
    if raw.len() > COMPACT_MAX {
        return push_text(key, &as_written(raw, COMPOUND_MAX));
    }
    let mut shown = Vec::with_capacity(raw.len());
    compact(raw, &mut shown, &mut Vec::new());
    push_text(key, &as_written(&shown, COMPOUND_MAX));
}

/// The longest array or object that is compacted for a group, in bytes.
const COMPACT_MAX: usize = 64 * 1024;

fn as_written(raw: &[u8], max: usize) -> Cow<'_, [u8]> {
    let start = &raw[..raw.len().min(max)];
    if start.is_ascii() {
        return Cow::Borrowed(start);
    }
    match plain(raw, max) {
        Reply::Text(text) => Cow::Owned(text),
        _ => Cow::Borrowed(start),
    }
}

/// Cuts a text to at most `max` bytes at a character boundary.
fn cut_bytes(text: &[u8], max: usize) -> &[u8] {
    if text.len() <= max {
        return text;
    }
    let is_boundary = |at: &usize| text[*at] & 0xc0 != 0x80;
    &text[..(0..=max).rev().find(is_boundary).unwrap_or(0)]
}

fn push_int(key: &mut Vec<u8>, n: Option<i64>) {
    let Some(n) = n else { return key.push(NULL) };
    key.push(INT);
    key.extend_from_slice(&n.to_le_bytes());
}

fn push_text(key: &mut Vec<u8>, text: &[u8]) {
    key.push(TEXT);
    // No value is longer than TEXT_MAX.
    key.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    key.extend_from_slice(text);
}
