//! The fields of a message: one row each. The filter's parser, samples and the documentation read this table.
//!
//! A row says what users call a field, what it is compared with and which part of a message it means. Where
//! that part stands in the bytes is the business of a format (see `format`).

use crate::error::Error;

/// What a field is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A moment: ISO-8601, Unix seconds or `now[+-]N[s|m|h|d]`.
    Time,
    /// An integer of any size.
    Integer,
    /// 0 or 1; a JSON `false` or `true` in the message counts as such.
    Flag,
    /// Text or an integer, by the look of the operand.
    Value,
}

/// Which part of a message a field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A member that tells about the task: `task`, `id`, `eta` ...
    Task(&'static str),
    /// A member that tells about the delivery: `priority`, `routing_key` ...
    Delivery(&'static str),
    /// A positional argument and what is inside it.
    Args,
    /// A keyword argument and what is inside it.
    Kwargs,
    /// A header as it stands.
    Headers,
    /// A property as it stands.
    Properties,
    /// The length of the message in bytes.
    Size,
    /// Whether the message is no JSON object.
    Undecodable,
}

/// One row of [`FIELDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// What users type; with `.N` or `.NAME` at its end more must follow the point.
    pub name: &'static str,
    /// What it is compared with.
    pub kind: Kind,
    /// The part of the message.
    pub source: Source,
    /// One line for the documentation.
    pub doc: &'static str,
}

const fn row(name: &'static str, kind: Kind, source: Source, doc: &'static str) -> Spec {
    Spec { name, kind, source, doc }
}

/// Every field that a filter knows, in the order of the documentation.
///
/// `redelivered` is absent from messages that were not; it is not taken as 0 then: absent is absent for
/// every field, and `redelivered MISSING` finds them.
pub const FIELDS: &[Spec] = &[
    row("task", Kind::Value, Source::Task("task"), "name of the task"),
    row("id", Kind::Value, Source::Task("id"), "id of the task"),
    row("root_id", Kind::Value, Source::Task("root_id"), "id of the first task of the workflow"),
    row("parent_id", Kind::Value, Source::Task("parent_id"), "id of the task that sent this one"),
    row("group", Kind::Value, Source::Task("group"), "id of the group that the task is in"),
    row("retries", Kind::Integer, Source::Task("retries"), "how often the task was retried"),
    row("eta", Kind::Time, Source::Task("eta"), "earliest time to run at"),
    row("expires", Kind::Time, Source::Task("expires"), "time from which the task is not run any more"),
    row("origin", Kind::Value, Source::Task("origin"), "process and host that sent the task"),
    row("lang", Kind::Value, Source::Task("lang"), "language of the sender"),
    row("priority", Kind::Integer, Source::Delivery("priority"), "priority as sent"),
    row("routing_key", Kind::Value, Source::Delivery("routing_key"), "routing key as sent"),
    row("exchange", Kind::Value, Source::Delivery("exchange"), "exchange that it was sent to"),
    row(
        "redelivered",
        Kind::Flag,
        Source::Delivery("redelivered"),
        "1 after a worker had it and gave it back",
    ),
    row("content_type", Kind::Value, Source::Delivery("content_type"), "media type of the body"),
    row("compression", Kind::Value, Source::Delivery("compression"), "media type of the body's compression"),
    row(
        "argsrepr",
        Kind::Value,
        Source::Task("argsrepr"),
        "positional arguments as Python shows them, shortened",
    ),
    row(
        "kwargsrepr",
        Kind::Value,
        Source::Task("kwargsrepr"),
        "keyword arguments as Python shows them, shortened",
    ),
    row("bytes", Kind::Integer, Source::Size, "length of the message"),
    row("args.N", Kind::Value, Source::Args, "positional argument, from 0"),
    row("kwargs.NAME", Kind::Value, Source::Kwargs, "keyword argument"),
    row("headers.NAME", Kind::Value, Source::Headers, "header"),
    row("properties.NAME", Kind::Value, Source::Properties, "property"),
    row("undecodable", Kind::Flag, Source::Undecodable, "1 if the message is no JSON object"),
];

/// Short names that sample rows accept besides [`FIELDS`], and what they stand for.
pub const SHORT_NAMES: &[(&str, &str)] = &[
    ("repoid", "kwargs.repoid"),
    ("commitid", "kwargs.commitid"),
    ("ownerid", "kwargs.ownerid"),
    ("pullid", "kwargs.pullid"),
];

/// Longest field name, bytes.
pub const FIELD_NAME_MAX: usize = 256;
/// Most parts between points in a field name.
pub const FIELD_DEPTH_MAX: usize = 16;

/// A field as a user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name as typed.
    pub name: Box<str>,
    /// What it is compared with.
    pub kind: Kind,
    /// The part of the message.
    pub source: Source,
    /// For args, kwargs, headers and properties: what stands behind the first point, one string per part.
    pub path: Vec<Box<str>>,
}

impl Field {
    /// Reads the name of a filter field. Names are case-sensitive, as JSON's are.
    ///
    /// # Errors
    /// [`Error::UnknownField`], [`Error::FieldName`].
    pub fn parse(name: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::FieldName { got: name.to_vec(), why };
        if name.len() > FIELD_NAME_MAX {
            return Err(bad("is longer than 256 bytes"));
        }
        let text = std::str::from_utf8(name).map_err(|_| bad("is not UTF-8"))?;
        let (spec, rest) = find(text).ok_or_else(|| Error::UnknownField { got: name.to_vec() })?;
        let path: Vec<Box<str>> = rest.map_or(Vec::new(), |rest| rest.split('.').map(Into::into).collect());
        if path.iter().any(|part| part.is_empty()) {
            return Err(bad("has an empty part"));
        }
        if path.len() >= FIELD_DEPTH_MAX {
            return Err(bad("has more than 16 parts"));
        }
        if spec.source == Source::Args && crate::json::array_index(&path[0]).is_none() {
            return Err(bad("needs a position from 0 after args."));
        }
        Ok(Self { name: text.into(), kind: spec.kind, source: spec.source, path })
    }

    /// Reads the name of a member of a sample row: a filter field or one of [`SHORT_NAMES`].
    ///
    /// # Errors
    /// As [`Field::parse`].
    pub fn parse_sample(name: &[u8]) -> Result<Self, Error> {
        let short = SHORT_NAMES.iter().find(|(short, _)| short.as_bytes() == name);
        let Some((short, long)) = short else { return Self::parse(name) };
        Ok(Self { name: (*short).into(), ..Self::parse(long.as_bytes())? })
    }
}

/// The row for `name`, and what follows the point where the row wants something there.
fn find(name: &str) -> Option<(&'static Spec, Option<&str>)> {
    FIELDS.iter().find_map(|spec| match spec.name.split_once('.') {
        None => (spec.name == name).then_some((spec, None)),
        Some((group, _)) => {
            let rest = name.strip_prefix(group)?.strip_prefix('.')?;
            Some((spec, Some(rest)))
        }
    })
}

/// The names of all filter fields, separated by spaces: for errors and help.
#[must_use]
pub fn names() -> String {
    FIELDS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
