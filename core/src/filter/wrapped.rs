//! Scalars that JSON lacks, as libraries wrap them in objects.
//!
//! Sources: `kombu/utils/json.py` of kombu 5.7.0 (`object_hook`: an object with exactly the members
//! `__type__` and `__value__`; `_register_default_types`: uuid, datetime, date, time, decimal;
//! `JSONEncoder.default`: bytes, base64). `activejob/lib/active_job/arguments.rb` of Rails 7.1
//! (`serialized_global_id?`: an object with the single member `_aj_globalid`; `_aj_serialized` names the
//! serializer) and `serializers/*.rb`: symbols, times, dates, durations, modules and big decimals as `value`;
//! ranges and structures have other members.
//!
//! Laravel writes a model as a `ModelIdentifier` with the model's key as `id` (`Illuminate/Queue/SerializesAndRestores
//! ModelIdentifiers.php`, 12.67); the reader of PHP's objects writes that one, and the cases of enums, in the forms
//! that are read here.

use super::uuid;
use crate::json::{Decimal, Shape, decode, inner, members};
use crate::time;

/// The maximum number of members of an object that is read as a wrapping; no wrapping has more.
const MEMBERS_MAX: usize = 8;

/// The beginning of an object that stands for a model of Laravel, as the reader of PHP's objects writes it.
const MODEL: &[u8] = br#""Illuminate\\Contracts\\Database\\ModelIdentifier""#;

/// The value inside a wrapping. Slices point into the message if nothing had to be decoded, otherwise into
/// the scratch memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapped<'a> {
    /// A number in decimal.
    Number(&'a [u8]),
    /// `true` or `false`.
    Bool(bool),
    /// A string, decoded.
    Text(&'a [u8]),
    /// A date or a time on a date, as its ISO-8601 text.
    Time(&'a [u8]),
    /// A UUID.
    Uuid([u8; 16]),
    /// A value that has no form as a scalar, or one that breaks the rules of its wrapping.
    Opaque,
}

/// The type that the wrapping names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Uuid,
    Time,
    Decimal,
    Other,
}

/// Reads `raw`, a valid JSON object; returns `None` if it is not a wrapping. Strings with escapes are decoded
/// into `scratch`.
pub(super) fn read<'a>(raw: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Wrapped<'a>> {
    // Every wrapping starts with a name that starts with an underscore.
    let first = raw.get(1..)?.trim_ascii_start();
    if !first.starts_with(b"\"_") && !first.starts_with(b"\"\\") {
        return None;
    }
    let mut decoded = Vec::new();
    let (mut of, mut value, mut global_id) = (None, None, None);
    let (mut is_kombu, mut count, mut serializer_first) = (true, 0, false);
    let (mut model, mut is_case) = (None, false);
    for (key, member) in members(raw) {
        count += 1;
        if count > MEMBERS_MAX {
            return None;
        }
        match decode(inner(key), &mut decoded)? {
            b"__type__" => of = Some(member),
            b"__value__" => value = Some(member),
            other => {
                is_kombu = false;
                match other {
                    b"_aj_globalid" => global_id = Some(member),
                    b"_aj_serialized" => {
                        of = Some(member);
                        serializer_first |= count == 1;
                    }
                    b"value" => value = Some(member),
                    b"__class__" if count == 1 && member == MODEL => model = Some(None),
                    b"id" if model.is_some() => model = Some(Some(member)),
                    b"__enum__" if count == 1 => is_case = true,
                    b"case" if is_case => value = Some(member),
                    _ => {}
                }
            }
        }
    }
    if is_kombu {
        let named = decode(inner(of?), &mut decoded).map_or(Type::Other, kombu_type);
        return Some(scalar(value?, named, scratch));
    }
    if let Some(id) = global_id.filter(|_| count == 1) {
        return Some(scalar(id, Type::Other, scratch));
    }
    if let Some(id) = model {
        return Some(id.map_or(Wrapped::Opaque, |id| scalar(id, Type::Other, scratch)));
    }
    if is_case && count == 2 {
        return Some(scalar(value?, Type::Other, scratch));
    }
    if !serializer_first {
        return None;
    }
    let named = of.and_then(|of| decode(inner(of), &mut decoded)).map_or(Type::Other, active_job_type);
    Some(value.map_or(Wrapped::Opaque, |value| scalar(value, named, scratch)))
}

fn kombu_type(name: &[u8]) -> Type {
    match name {
        b"uuid" => Type::Uuid,
        b"datetime" | b"date" => Type::Time,
        b"decimal" => Type::Decimal,
        // `time` is a time of day, which is not a moment; `bytes` are shown as text.
        _ => Type::Other,
    }
}

/// Recognises the type by the end of the class's name: `ActiveJob::Serializers::TimeWithZoneSerializer`.
fn active_job_type(name: &[u8]) -> Type {
    match name.strip_prefix(b"ActiveJob::Serializers::") {
        Some(b"TimeSerializer" | b"TimeWithZoneSerializer" | b"DateTimeSerializer" | b"DateSerializer") => {
            Type::Time
        }
        Some(b"BigDecimalSerializer" | b"DurationSerializer") => Type::Decimal,
        _ => Type::Other,
    }
}

fn scalar<'a>(raw: &'a [u8], of: Type, scratch: &'a mut Vec<u8>) -> Wrapped<'a> {
    match Shape::of(raw) {
        Shape::Compound if of == Type::Uuid => uuid_of(raw),
        Shape::Null | Shape::Compound => Wrapped::Opaque,
        Shape::Bool => Wrapped::Bool(raw == b"true"),
        Shape::Number if Decimal::parse(raw).is_some() => Wrapped::Number(raw),
        Shape::Number => Wrapped::Text(raw),
        Shape::Text => match decode(inner(raw), scratch) {
            None => Wrapped::Opaque,
            Some(_) if of == Type::Uuid => Wrapped::Opaque,
            Some(text) if of == Type::Time && time::iso(text).is_some() => Wrapped::Time(text),
            Some(text) if of == Type::Decimal && Decimal::parse(text).is_some() => Wrapped::Number(text),
            Some(text) => Wrapped::Text(text),
        },
    }
}

/// Reads `{"hex": "..."}`, which `uuid.UUID` accepts; its other arguments are not supported here.
fn uuid_of(raw: &[u8]) -> Wrapped<'static> {
    let mut hex = None;
    let mut scratch = Vec::new();
    for (key, value) in members(raw).take(MEMBERS_MAX) {
        if decode(inner(key), &mut scratch) == Some(b"hex") {
            hex = Some(value).filter(|value| Shape::of(value) == Shape::Text);
        }
    }
    let uuid = hex.and_then(|hex| uuid::parse(decode(inner(hex), &mut scratch)?));
    uuid.map_or(Wrapped::Opaque, Wrapped::Uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappings_are_their_scalars() {
        let id = uuid::parse(b"7d0f3c1e3f0b4c539d1c0a5f8f6b2a11").expect("a UUID");
        let kombu = |of: &str, value: &str| format!(r#"{{"__type__": "{of}", "__value__": {value}}}"#);
        let aj = |of: &str, rest: &str| {
            format!(r#"{{"_aj_serialized": "ActiveJob::Serializers::{of}Serializer"{rest}}}"#)
        };
        let model = |rest: &str| {
            format!(r#"{{"__class__": "Illuminate\\Contracts\\Database\\ModelIdentifier"{rest}}}"#)
        };
        let table: &[(String, Option<Wrapped<'_>>)] = &[
            (kombu("uuid", r#"{"hex": "7d0f3c1e3f0b4c539d1c0a5f8f6b2a11"}"#), Some(Wrapped::Uuid(id))),
            (kombu("uuid", r#"{"hex": "7d"}"#), Some(Wrapped::Opaque)),
            (kombu("uuid", r#"{"int": 5}"#), Some(Wrapped::Opaque)),
            (kombu("datetime", "\"2024-05-01T10:00:00\""), Some(Wrapped::Time(b"2024-05-01T10:00:00"))),
            (kombu("date", "\"2024-05-01\""), Some(Wrapped::Time(b"2024-05-01"))),
            (kombu("date", "\"soon\""), Some(Wrapped::Text(b"soon"))),
            (kombu("time", "\"10:00:00\""), Some(Wrapped::Text(b"10:00:00"))),
            (kombu("decimal", "\"12.50\""), Some(Wrapped::Number(b"12.50"))),
            (kombu("decimal", "\"NaN\""), Some(Wrapped::Text(b"NaN"))),
            (kombu("bytes", r#""a\u00e9""#), Some(Wrapped::Text("a\u{e9}".as_bytes()))),
            (kombu("money", "7"), Some(Wrapped::Number(b"7"))),
            (kombu("flag", "true"), Some(Wrapped::Bool(true))),
            (kombu("money", "[7]"), Some(Wrapped::Opaque)),
            (r#"{"__value__": 7, "__type__": "x"}"#.into(), Some(Wrapped::Number(b"7"))),
            (r#"{"__type__": "x"}"#.into(), None),
            (r#"{"__type__": "x", "__value__": 7, "more": 1}"#.into(), None),
            (r#"{"_aj_globalid": "gid://app/User/42"}"#.into(), Some(Wrapped::Text(b"gid://app/User/42"))),
            (r#"{"_aj_globalid": "gid://app/User/42", "x": 1}"#.into(), None),
            (aj("Symbol", r#", "value": "name""#), Some(Wrapped::Text(b"name"))),
            (
                aj("TimeWithZone", r#", "value": "2024-05-01T10:00:00.000000000Z", "time_zone": "UTC""#),
                Some(Wrapped::Time(b"2024-05-01T10:00:00.000000000Z")),
            ),
            (aj("Duration", r#", "value": 3600, "parts": []"#), Some(Wrapped::Number(b"3600"))),
            (aj("BigDecimal", r#", "value": "0.125e2""#), Some(Wrapped::Number(b"0.125e2"))),
            (aj("Range", r#", "begin": 1, "end": 2"#), Some(Wrapped::Opaque)),
            (r#"{"_aj_serialized": "MoneySerializer", "value": 5}"#.into(), Some(Wrapped::Number(b"5"))),
            (model(r#", "class": "App\\User", "id": 42"#), Some(Wrapped::Number(b"42"))),
            (model(r#", "id": "9d-0f", "class": "App\\User""#), Some(Wrapped::Text(b"9d-0f"))),
            (model(r#", "class": "App\\User", "id": [1, 2]"#), Some(Wrapped::Opaque)),
            (model(""), Some(Wrapped::Opaque)),
            (r#"{"__class__": "App\\Money", "id": 42}"#.into(), None),
            (r#"{"__enum__": "App\\Suit", "case": "Hearts"}"#.into(), Some(Wrapped::Text(b"Hearts"))),
            (r#"{"__enum__": "App\\Suit", "case": "Hearts", "more": 1}"#.into(), None),
            (r#"{"a": 1}"#.into(), None),
            (r#"{"_aj_symbol_keys": [], "a": 1}"#.into(), None),
            ("{}".into(), None),
        ];
        for (raw, wanted) in table {
            assert_eq!(read(raw.as_bytes(), &mut Vec::new()), *wanted, "{raw}");
        }
    }
}
