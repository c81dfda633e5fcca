//! The fields that messages have: their names as a filter takes them, the types of their values, and examples.
//!
//! A field is listed only if a filter can name it, and a value is shown only if a row of a sample would show it, cut in
//! the same way. The names of arguments, headers and properties come from the messages and are user input; so the
//! number of names, the bytes of examples and the members that are read of one message have bounds.

use std::collections::HashMap;

use super::projection::show;
use super::wrapped::{self, Wrapped};
use crate::field::{FIELDS, Field, FieldType, Source};
use crate::format::{FieldValue, Part, Reader, VARIANTS};
use crate::json::{Integer, Shape, decode, inner, items, members};
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Most fields in one reply.
pub const LISTED_MAX: usize = 200;
/// Most different names that are counted, of which the most frequent are listed.
pub const NAMES_MAX: usize = 500;
/// Most arguments, keyword arguments, headers and properties that are read of one message, of each.
pub const MEMBERS_MAX: usize = 256;
/// Most examples of one field.
pub const EXAMPLES_MAX: usize = 3;
/// Most bytes of all examples together.
pub const EXAMPLE_BYTES_MAX: usize = 128 * 1024;

/// The work for one member: finding its name among those that were seen, in steps.
const MEMBER_STEPS: usize = 64;
/// The work for a name that was not seen before: reading it as a field, in steps.
const NAME_STEPS: usize = 4_000;
/// The longest name in a message that is decoded, bytes: with a longer one the name of the field would be too long.
const LONGEST_RAW_NAME: usize = 6 * 256 + 2;

/// The sources whose fields have names of their own, with what precedes the point.
const SOURCES: [(Source, &str); 4] = [
    (Source::Args, "args"),
    (Source::Kwargs, "kwargs"),
    (Source::Headers, "headers"),
    (Source::Properties, "properties"),
];
/// Positions in [`SOURCES`].
const ARGS: usize = 0;
const KWARGS: usize = 1;
const HEADERS: usize = 2;
const PROPERTIES: usize = 3;

/// Properties that kombu writes for itself; what users ask of them are fields of their own.
const TRANSPORT: [&str; 4] = ["body_encoding", "delivery_info", "delivery_mode", "delivery_tag"];

/// The words for types of values, in the order in which they are listed. A wrapped scalar has the type of the scalar.
const TYPES: [&str; 7] = ["integer", "number", "text", "boolean", "null", "array", "object"];
const INTEGER: u8 = 1;
const NUMBER: u8 = 1 << 1;
const TEXT: u8 = 1 << 2;
const BOOLEAN: u8 = 1 << 3;
const NULL: u8 = 1 << 4;
const ARRAY: u8 = 1 << 5;
const OBJECT: u8 = 1 << 6;

/// The place of a field among the others: its group, and its position in the group.
type Rank = (u8, usize);

/// What is known of one field.
#[derive(Debug)]
struct Known {
    name: Box<str>,
    kind: FieldType,
    rank: Rank,
    /// Messages in which it has a value other than null.
    count: u64,
    /// A bit for each of [`TYPES`].
    types: u8,
    examples: Vec<Reply>,
    /// For members: the part of the message that has it, by variant.
    parts: [Part; VARIANTS],
    /// The number of the last message that had it, and its position among the members of that message.
    met: (u64, usize),
}

/// The fields of the messages that were read.
#[derive(Debug)]
pub struct Inventory {
    reader: Reader,
    /// The number of fields whose names are given; the positions of those of [`SOURCES`] follow.
    fixed: usize,
    seen: Seen,
    may_be_missing: bool,
    messages: u64,
    undecodable: u64,
    unreadable: u64,
    work: usize,
}

/// Where values of a message are that have a name already, or arguments inside.
struct Places {
    /// The values of fields with a given name.
    fields: Vec<usize>,
    /// All positional and all keyword arguments.
    arguments: [Option<usize>; 2],
}

impl Places {
    /// Returns whether a header is not another field: it is the value of one, or holds the arguments.
    fn know(&self, value: &[u8]) -> bool {
        let start = value.as_ptr().addr();
        let holds = |place: &usize| (start..start.saturating_add(value.len())).contains(place);
        self.fields.contains(&start) || self.arguments.iter().flatten().any(holds)
    }
}

/// The names that were seen. The fields with a given name come first.
#[derive(Debug, Default)]
struct Seen {
    known: Vec<Known>,
    /// The positions of members, by their source and name.
    members: HashMap<Vec<u8>, Option<usize>>,
    /// A name was seen that had no room.
    is_full: bool,
    example_bytes: usize,
    unnamed: u64,
    partly_read: u64,
}

impl Inventory {
    /// Returns the inventory of messages of a kind, without a message. `reads_pickle` says whether pickled bodies are
    /// read.
    #[must_use]
    pub fn new(kind: MessageKind, reads_pickle: bool) -> Self {
        let specs = FIELDS.iter().filter(|spec| matches!(spec.source, Source::Task(_) | Source::Delivery(_)));
        let mut fields: Vec<Field> =
            specs.filter_map(|spec| Field::parse(spec.name.as_bytes()).ok()).collect();
        let known = fields.iter().enumerate().map(|(at, field)| Known {
            name: field.name.clone(),
            kind: field.kind,
            // The name and the id of a task come before its arguments, all others after them.
            rank: if at < 2 { (0, at) } else { (3, at) },
            count: 0,
            types: 0,
            examples: Vec::new(),
            parts: [Part::Untold; VARIANTS],
            met: (0, 0),
        });
        let seen = Seen { known: known.collect(), ..Seen::default() };
        let fixed = fields.len();
        fields.extend(SOURCES.map(|(source, _)| Field::all_of(source)));
        Self {
            reader: Reader::new(kind, &fields).pickle(reads_pickle),
            fixed,
            seen,
            may_be_missing: kind.spec().place.is_elsewhere(),
            messages: 0,
            undecodable: 0,
            unreadable: 0,
            work: 0,
        }
    }

    /// Reads one message. An empty one stands for a missing message of an id.
    pub fn read(&mut self, message: &[u8]) {
        self.work = 0;
        self.messages += 1;
        if self.may_be_missing && message.is_empty() {
            return;
        }
        if !self.reader.envelope(message) {
            self.undecodable += 1;
            return;
        }
        self.reader.open_body(message);
        self.work = self.reader.decoded();
        let (reader, seen) = (&self.reader, &mut self.seen);
        let mut places = Places { fields: Vec::with_capacity(self.fixed), arguments: [None; 2] };
        for at in 0..self.fixed {
            if let Some(raw) = reader.get(at, message).raw() {
                places.fields.push(raw.as_ptr().addr());
                self.work += seen.note(at, raw, true);
            }
        }
        let all = [ARGS, KWARGS, HEADERS, PROPERTIES].map(|at| reader.get_all(self.fixed + at, message));
        let arguments = [all[ARGS], all[KWARGS]];
        self.unreadable += u64::from(arguments.contains(&FieldValue::Unknown));
        places.arguments = arguments.map(|value| value.raw().map(|raw| raw.as_ptr().addr()));
        for (source, value) in all.into_iter().enumerate() {
            let Some(raw) = value.raw() else { continue };
            self.work += seen.read_members(reader, (self.messages, source), raw, &places);
        }
    }

    /// Returns the work for the last message in addition to reading it, in steps.
    #[must_use]
    pub fn work(&self) -> usize {
        self.work
    }

    /// Returns how many messages could not be read at all: they are not JSON objects.
    #[must_use]
    pub fn undecodable(&self) -> u64 {
        self.undecodable
    }

    /// Returns how many messages have arguments that cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Returns how many times a member was met whose name no filter can type.
    #[must_use]
    pub fn unnamed(&self) -> u64 {
        self.seen.unnamed
    }

    /// Returns how many times only the first [`MEMBERS_MAX`] arguments, headers or properties of a message were read.
    #[must_use]
    pub fn partly_read(&self) -> u64 {
        self.seen.partly_read
    }

    /// Returns the fields as a reply shows them, at most [`LISTED_MAX`], and the number of all fields; `None` if that is not
    /// known, because there were more than [`NAMES_MAX`] names.
    #[must_use]
    pub fn fields(&self) -> (Reply, Option<usize>) {
        let is_argument = |field: &Known| matches!(field.rank.0, 1 | 2);
        let mut listed: Vec<&Known> = self.seen.known.iter().collect();
        listed.retain(|field| field.count > 0 || (field.types != 0 && is_argument(field)));
        let total = (!self.seen.is_full).then_some(listed.len());
        if listed.len() > LISTED_MAX {
            listed.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
            listed.truncate(LISTED_MAX);
        }
        listed.sort_by(|a, b| {
            let positions = (a.rank.0 < 2).then(|| a.rank.1.cmp(&b.rank.1));
            let by_count =
                || b.count.cmp(&a.count).then(a.rank.1.cmp(&b.rank.1)).then_with(|| a.name.cmp(&b.name));
            a.rank.0.cmp(&b.rank.0).then_with(|| positions.unwrap_or_else(by_count))
        });
        (Reply::List(listed.into_iter().map(Known::show).collect()), total)
    }
}

impl Known {
    fn show(&self) -> Reply {
        let types = TYPES.iter().enumerate().filter(|(bit, _)| self.types >> bit & 1 == 1);
        Reply::map()
            .with("name", &*self.name)
            .with("types", types.map(|(_, word)| Reply::from(*word)).collect::<Vec<_>>())
            .with("count", self.count)
            .with("examples", self.examples.clone())
            .build()
    }
}

impl Seen {
    /// Notes a value of a field, and returns the work for it in steps.
    fn note(&mut self, at: usize, raw: &[u8], shows: bool) -> usize {
        let Some(field) = self.known.get_mut(at) else { return 0 };
        let of = type_of(raw);
        field.types |= of;
        if of == NULL {
            return 0;
        }
        field.count += 1;
        let steps = if raw.starts_with(b"{") { raw.len() } else { 0 };
        if !shows || field.examples.len() >= EXAMPLES_MAX {
            return steps;
        }
        let example = show(raw, field.kind);
        let bytes = example.bytes();
        if !field.examples.contains(&example) && self.example_bytes + bytes <= EXAMPLE_BYTES_MAX {
            self.example_bytes += bytes;
            field.examples.push(example);
        }
        2 * steps + bytes
    }

    /// Reads the members of one source. `of` is the number of the message and the position of the source.
    fn read_members(&mut self, reader: &Reader, of: (u64, usize), raw: &[u8], places: &Places) -> usize {
        let (message, source) = of;
        let mut found: Vec<(usize, &[u8])> = Vec::new();
        let (mut work, mut scratch, mut read) = (raw.len(), Vec::new(), 0);
        let is_array = source == ARGS;
        let pairs = members(raw).take(if is_array { 0 } else { usize::MAX });
        let positions = items(raw).take(if is_array { usize::MAX } else { 0 });
        let all = pairs.map(|(name, value)| (Some(name), value)).chain(positions.map(|value| (None, value)));
        let mut is_cut = false;
        for (position, (name, value)) in all.enumerate() {
            if position == MEMBERS_MAX {
                is_cut = true;
                break;
            }
            read += 1;
            let own = position.to_string();
            let name = match name {
                None => Some(own.as_bytes()),
                Some(raw) if raw.len() > LONGEST_RAW_NAME => None,
                Some(raw) => decode(inner(raw), &mut scratch),
            };
            let Some(name) = name else {
                self.unnamed += 1;
                continue;
            };
            if source >= HEADERS && (places.know(value) || is_internal(reader, source, name)) {
                continue;
            }
            let (at, steps) = self.find(reader, (source, position), name);
            work += steps;
            let Some(at) = at else { continue };
            let Some(field) = self.known.get_mut(at).filter(|field| reader.shows(&field.parts)) else {
                continue;
            };
            match field.met {
                // The last of several members with the same name counts.
                (last, there) if last == message => found[there].1 = value,
                _ => {
                    field.met = (message, found.len());
                    found.push((at, value));
                }
            }
        }
        self.partly_read += u64::from(is_cut);
        for (at, value) in found {
            // After a cut there could be another member with this name, whose value would count.
            work += self.note(at, value, !is_cut);
        }
        work + read * MEMBER_STEPS
    }

    /// Returns the position of a member, if a filter can name it and there is room for it, and the work in steps.
    fn find(
        &mut self,
        reader: &Reader,
        (source, position): (usize, usize),
        name: &[u8],
    ) -> (Option<usize>, usize) {
        let (of, before) = SOURCES[source];
        let key = [before.as_bytes(), b".", name].concat();
        if let Some(at) = self.members.get(&key) {
            self.unnamed += u64::from(at.is_none());
            return (*at, 0);
        }
        if self.members.len() >= NAMES_MAX {
            self.is_full = true;
            return (None, 0);
        }
        let field = std::str::from_utf8(name).ok().and_then(|name| Field::member(before, name));
        let field = field.filter(|field| field.source == of);
        let at = field.map(|field| {
            self.known.push(Known {
                parts: reader.parts(&field),
                name: field.name,
                kind: field.kind,
                rank: match source {
                    ARGS => (1, position),
                    KWARGS => (2, 0),
                    HEADERS => (4, 0),
                    _ => (5, 0),
                },
                count: 0,
                types: 0,
                examples: Vec::new(),
                met: (0, 0),
            });
            self.known.len() - 1
        });
        self.unnamed += u64::from(at.is_none());
        self.members.insert(key, at);
        (at, NAME_STEPS)
    }
}

/// Returns whether a header or a property is not listed: it has the body, or is the transport's own.
fn is_internal(reader: &Reader, source: usize, name: &[u8]) -> bool {
    match source {
        HEADERS => reader.body_header().is_some_and(|header| header.as_bytes() == name),
        _ => source == PROPERTIES && TRANSPORT.iter().any(|own| own.as_bytes() == name),
    }
}

/// Returns the bit of a value's type.
fn type_of(raw: &[u8]) -> u8 {
    let number = |raw: &[u8]| if Integer::parse(raw).is_some() { INTEGER } else { NUMBER };
    match Shape::of(raw) {
        Shape::Null => NULL,
        Shape::Bool => BOOLEAN,
        Shape::Number => number(raw),
        Shape::Text => TEXT,
        Shape::Compound if raw.starts_with(b"[") => ARRAY,
        Shape::Compound => match wrapped::read(raw, &mut Vec::new()) {
            Some(Wrapped::Number(raw)) => number(raw),
            Some(Wrapped::Bool(_)) => BOOLEAN,
            Some(Wrapped::Text(_) | Wrapped::Time(_) | Wrapped::Uuid(_)) => TEXT,
            Some(Wrapped::Opaque) | None => OBJECT,
        },
    }
}

#[cfg(test)]
mod tests;
