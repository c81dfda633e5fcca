//! The fields of a message: one row each. The filter's parser, samples and the documentation read this table.
//!
//! A row says what users call a field, what it is compared with and which part of a message it means. A format
//! knows where that part is in the bytes (see `format`).

use crate::arrival::ArrivalField;
use crate::error::{Error, FilterError};
use crate::json::array_index;

/// What a field is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// A moment: ISO-8601, Unix seconds or milliseconds, or `now[+-]N[s|m|h|d]`.
    Time,
    /// An integer of any size.
    Integer,
    /// 0 or 1; a JSON `false` or `true` in the message counts as such.
    Flag,
    /// Any JSON value: the form of the operand decides what it is compared as.
    Value,
    /// A number of milliseconds, or a number with `s`, `m`, `h` or `d`.
    Duration,
}

/// Which part of a message a field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A member that describes the task: `task`, `id`, `eta` ...
    Task(&'static str),
    /// A member that describes the delivery: `priority`, `routing_key` ...
    Delivery(&'static str),
    /// A positional argument and what is inside it.
    Args,
    /// A keyword argument and what is inside it.
    Kwargs,
    /// A header, unchanged.
    Headers,
    /// A property, unchanged.
    Properties,
    /// The length of the message in bytes.
    Size,
    /// Whether the message is not a JSON object.
    Undecodable,
    /// When the message arrived, which an index of its list knows and no message says.
    Arrival(ArrivalField),
}

/// One row of [`FIELDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// What users type; if it ends in `.N` or `.NAME`, more must follow the point.
    pub name: &'static str,
    /// What it is compared with.
    pub kind: FieldType,
    /// The part of the message.
    pub source: Source,
    /// One line for the documentation.
    pub doc: &'static str,
}

const fn row(name: &'static str, kind: FieldType, source: Source, doc: &'static str) -> Spec {
    Spec { name, kind, source, doc }
}

/// Every field that a filter knows, in the order of the documentation.
///
/// `redelivered` is absent from messages that were not redelivered. It does not count as 0 then: absent is absent
/// for every field, and `redelivered MISSING` finds them.
pub const FIELDS: &[Spec] = &[
    row("task", FieldType::Value, Source::Task("task"), "name of the task"),
    row("id", FieldType::Value, Source::Task("id"), "id of the task"),
    row("enqueued", FieldType::Time, Source::Task("enqueued"), "time at which it was put into the queue"),
    row("root_id", FieldType::Value, Source::Task("root_id"), "id of the first task of the workflow"),
    row("parent_id", FieldType::Value, Source::Task("parent_id"), "id of the task that sent this one"),
    row("group", FieldType::Value, Source::Task("group"), "id of the group that the task is in"),
    row("retries", FieldType::Integer, Source::Task("retries"), "how often the task was retried"),
    row("eta", FieldType::Time, Source::Task("eta"), "earliest time to run at"),
    row("expires", FieldType::Time, Source::Task("expires"), "time from which the task is not run any more"),
    row("origin", FieldType::Value, Source::Task("origin"), "process and host that sent the task"),
    row("lang", FieldType::Value, Source::Task("lang"), "language of the sender"),
    row("priority", FieldType::Integer, Source::Delivery("priority"), "priority as sent"),
    row("routing_key", FieldType::Value, Source::Delivery("routing_key"), "routing key as sent"),
    row("exchange", FieldType::Value, Source::Delivery("exchange"), "exchange that it was sent to"),
    row(
        "redelivered",
        FieldType::Flag,
        Source::Delivery("redelivered"),
        "1 after a worker had it and gave it back",
    ),
    row("content_type", FieldType::Value, Source::Delivery("content_type"), "media type of the body"),
    row(
        "compression",
        FieldType::Value,
        Source::Delivery("compression"),
        "media type of the body's compression",
    ),
    row(
        "argsrepr",
        FieldType::Value,
        Source::Task("argsrepr"),
        "positional arguments as Python shows them, shortened",
    ),
    row(
        "kwargsrepr",
        FieldType::Value,
        Source::Task("kwargsrepr"),
        "keyword arguments as Python shows them, shortened",
    ),
    row("bytes", FieldType::Integer, Source::Size, "length of the message"),
    row("args", FieldType::Value, Source::Args, "all positional arguments, an array"),
    row("args.*", FieldType::Value, Source::Args, "any positional argument"),
    row("args.N", FieldType::Value, Source::Args, "positional argument, from 0"),
    row("kwargs", FieldType::Value, Source::Kwargs, "all keyword arguments, an object"),
    row("kwargs.*", FieldType::Value, Source::Kwargs, "any keyword argument"),
    row("kwargs.NAME", FieldType::Value, Source::Kwargs, "keyword argument"),
    row("headers.NAME", FieldType::Value, Source::Headers, "header"),
    row("properties.NAME", FieldType::Value, Source::Properties, "property"),
    row(
        "undecodable",
        FieldType::Flag,
        Source::Undecodable,
        "1 if the message is not a JSON object; of Huey, neither a pickle nor compressed",
    ),
    row(
        "age",
        FieldType::Duration,
        Source::Arrival(ArrivalField::Age),
        "how long it has waited in this list; needs an index",
    ),
    row(
        "arrived",
        FieldType::Time,
        Source::Arrival(ArrivalField::Arrived),
        "time at which it was put into this list; needs an index",
    ),
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
/// Most readings of a field without quotes, because the points between its parts may be points inside names: six
/// parts in a row have this many.
pub const FIELD_READINGS_MAX: usize = 32;

/// A field as a user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name as typed.
    pub name: Box<str>,
    /// What it is compared with.
    pub kind: FieldType,
    /// The part of the message.
    pub source: Source,
    /// For args, kwargs, headers and properties: what follows the first point, one string per part, without
    /// quotes. Empty for all of them.
    pub path: Vec<Box<str>>,
    /// Bit n: part n of the path was typed in quotes, so that its neighbours cannot be parts of the same name.
    pub quoted: u16,
    /// Any of the values directly inside is meant: `args.*`, `kwargs.*`.
    pub any: bool,
}

impl Field {
    /// Reads the name of a filter field. Names are case-sensitive, as JSON's are. A part in double quotes is one name
    /// whatever is in it; `\"` and `\\` stand for a quote and a backslash there.
    ///
    /// # Errors
    /// [`FilterError::UnknownField`], [`FilterError::FieldName`].
    pub fn parse(name: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Filter(FilterError::FieldName { got: name.to_vec(), why });
        if name.len() > FIELD_NAME_MAX {
            return Err(bad("is longer than 256 bytes"));
        }
        let text = std::str::from_utf8(name).map_err(|_| bad("is not UTF-8"))?;
        let (spec, rest) =
            find(text).ok_or_else(|| FilterError::UnknownField { got: name.to_vec(), known: names() })?;
        let parts = rest.map_or(Ok(Vec::new()), parts).map_err(bad)?;
        if parts.len() >= FIELD_DEPTH_MAX {
            return Err(bad("has more than 16 parts"));
        }
        if spec.source == Source::Args && parts.first().is_some_and(|(part, _)| array_index(part).is_none()) {
            return Err(bad("needs a position from 0 after args."));
        }
        let quoted =
            parts.iter().enumerate().fold(0, |bits, (at, (_, quoted))| bits | u16::from(*quoted) << at);
        let path = parts.into_iter().map(|(part, _)| part).collect();
        let any = spec.name.ends_with(".*");
        let field = Self { name: text.into(), kind: spec.kind, source: spec.source, path, quoted, any };
        if field.readings() > FIELD_READINGS_MAX {
            return Err(bad("has more than 6 parts without quotes; write its parts in double quotes"));
        }
        Ok(field)
    }

    /// Reads the name of a member of a sample row: a filter field or one of [`SHORT_NAMES`].
    ///
    /// # Errors
    /// As [`Field::parse`]; [`FilterError::FieldName`] for `args.*` and `kwargs.*`, which have no single value.
    pub fn parse_sample(name: &[u8]) -> Result<Self, Error> {
        let short = SHORT_NAMES.iter().find(|(short, _)| short.as_bytes() == name);
        let field = match short {
            Some((short, long)) => Self { name: (*short).into(), ..Self::parse(long.as_bytes())? },
            None => Self::parse(name)?,
        };
        if field.any {
            let why = "has no single value; name one argument, or use args or kwargs for all of them";
            return Err(FilterError::FieldName { got: name.to_vec(), why }.into());
        }
        Ok(field)
    }

    /// Returns the field that means everything of one source: all arguments, headers or properties. Only for a source
    /// whose fields have a name after the point.
    #[must_use]
    pub(crate) fn all_of(source: Source) -> Self {
        let (name, kind) = ("".into(), FieldType::Value);
        Self { name, kind, source, path: Vec::new(), quoted: 0, any: false }
    }

    /// Returns the field of one member of a source, as a user would type it: the member's name is in quotes where it
    /// has to be. `None` if no filter can name it, because the name is too long.
    #[must_use]
    pub(crate) fn member(before: &str, member: &str) -> Option<Self> {
        let is_plain =
            !member.is_empty() && member != "*" && !member.contains('.') && !member.starts_with('"');
        let name = match is_plain {
            true => format!("{before}.{member}"),
            false => format!("{before}.\"{}\"", member.replace('\\', "\\\\").replace('"', "\\\"")),
        };
        let field = Self::parse(name.as_bytes()).ok()?;
        (field.path.len() == 1 && *field.path[0] == *member && !field.any).then_some(field)
    }

    /// What it asks of the message's arrival, which is known by the message's position and not by its bytes.
    #[must_use]
    pub fn arrival(&self) -> Option<ArrivalField> {
        match self.source {
            Source::Arrival(field) => Some(field),
            _ => None,
        }
    }

    /// Reads the name of a field whose values messages are grouped or told apart by.
    ///
    /// # Errors
    /// As [`Field::parse_sample`]; [`FilterError::FieldName`] for a field that no message holds.
    pub fn parse_grouped(name: &[u8]) -> Result<Self, Error> {
        let field = Self::parse_sample(name)?;
        if field.arrival().is_some() {
            let why = "is different for each message, so there are no groups of it";
            return Err(FilterError::FieldName { got: name.to_vec(), why }.into());
        }
        Ok(field)
    }

    /// Reads the name of a field whose values an index keeps.
    ///
    /// # Errors
    /// As [`Field::parse_grouped`]; [`FilterError::FieldName`] for a field that is known of all messages without that.
    pub fn parse_indexed(name: &[u8]) -> Result<Self, Error> {
        let field = Self::parse_grouped(name)?;
        if matches!(field.source, Source::Size | Source::Undecodable) {
            let why = "is known of each message that an index has read; name other fields";
            return Err(FilterError::FieldName { got: name.to_vec(), why }.into());
        }
        Ok(field)
    }

    /// Returns whether the field means the same value of a message.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        (self.source, &self.path, self.quoted, self.any)
            == (other.source, &other.path, other.quoted, other.any)
    }

    /// Returns whether a point before this part may be a point inside a name.
    fn may_join(&self, part: usize) -> bool {
        let first = usize::from(self.source == Source::Args) + 1;
        let is_quoted = |part: usize| self.quoted >> part & 1 == 1;
        part >= first && part < self.path.len() && !is_quoted(part) && !is_quoted(part - 1)
    }

    /// Returns in how many ways the name can be divided into names of members.
    fn readings(&self) -> usize {
        let points = (1..self.path.len()).filter(|part| self.may_join(*part)).count();
        1 << points.min(FIELD_DEPTH_MAX)
    }

    /// Returns the names of members on the way to the value, for each way to read the field's path: first with
    /// each part as a name, then with more and more of the points as points inside names.
    #[must_use]
    pub fn ways(&self) -> Vec<Vec<String>> {
        let points: Vec<usize> = (1..self.path.len()).filter(|part| self.may_join(*part)).collect();
        let mut joined: Vec<u32> = (0..1 << points.len()).collect();
        joined.sort_by_key(|joined| joined.count_ones());
        let way = |joined: u32| {
            let mut names: Vec<String> = Vec::with_capacity(self.path.len());
            for (at, part) in self.path.iter().enumerate() {
                let join =
                    points.iter().position(|point| *point == at).is_some_and(|bit| joined >> bit & 1 == 1);
                match names.last_mut().filter(|_| join) {
                    Some(name) => *name = format!("{name}.{part}"),
                    None => names.push(part.to_string()),
                }
            }
            names
        };
        joined.into_iter().map(way).collect()
    }
}

/// Returns the row for `name`, and what follows the point if the row requires something there.
fn find(name: &str) -> Option<(&'static Spec, Option<&str>)> {
    let group = |spec: &Spec| spec.name.strip_suffix(".NAME").or_else(|| spec.name.strip_suffix(".N"));
    let whole = FIELDS.iter().find(|spec| group(spec).is_none() && spec.name == name);
    whole.map(|spec| (spec, None)).or_else(|| {
        FIELDS.iter().find_map(|spec| Some((spec, Some(name.strip_prefix(group(spec)?)?.strip_prefix('.')?))))
    })
}

/// Returns the parts of a path, and whether each was in quotes.
fn parts(path: &str) -> Result<Vec<(Box<str>, bool)>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = path;
    loop {
        let (part, quoted, after) = match rest.strip_prefix('"') {
            Some(inside) => {
                let (part, after) = quoted_part(inside).ok_or("has a quote that is not closed")?;
                (part, true, after)
            }
            None => {
                let (part, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (part.to_owned(), false, after)
            }
        };
        if part.is_empty() && !quoted {
            return Err("has an empty part");
        }
        parts.push((part.into(), quoted));
        match after.strip_prefix('.') {
            Some(after) => rest = after,
            None if after.is_empty() => return Ok(parts),
            None => return Err("needs a dot after a quoted part"),
        }
    }
}

/// Reads a part whose opening quote was read, and returns it with what follows its closing quote.
fn quoted_part(inside: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((part, &inside[at + 1..])),
            '\\' => part.push(chars.next()?.1),
            _ => part.push(c),
        }
    }
    None
}

/// The names of all filter fields, separated by spaces: for errors and help.
#[must_use]
pub fn names() -> String {
    FIELDS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
