//! One message whole, as QADMIN.SHOW shows it: its fields, its headers and arguments as JSON, its decoded body, and its
//! bytes. Nothing in it is executed: a body is read as data, as filters read it.

use super::projection::show;
use crate::field::{FIELDS, Field, FieldType, Source};
use crate::format::{FieldValue, Reader};
use crate::json::{decode, inner, members};
use crate::kind::MessageKind;
use crate::reply::{MapBuilder, Reply};

/// Most bytes of each part of a message that is shown.
pub const PART_MAX: usize = 1024 * 1024;

/// Why a message has no decoded body.
const UNREADABLE: &str = "the body cannot be read, so its arguments are not shown; raw has it as it is";
/// Why nothing of a message is shown but its bytes.
const UNDECODABLE: &str = "the element is not a message of this kind; raw has it as it is";

/// Shows messages of one kind.
#[derive(Debug)]
pub struct Whole {
    reader: Reader,
    fields: Vec<(Box<str>, FieldType)>,
}

/// The parts of a reply that are cut, by their names.
#[derive(Default)]
struct Cut(Vec<Reply>);

impl Cut {
    /// Returns the bytes, cut to [`PART_MAX`] at the end of a character.
    fn part(&mut self, name: &'static str, bytes: &[u8]) -> Reply {
        if bytes.len() <= PART_MAX {
            return bytes.into();
        }
        self.0.push(name.into());
        let is_inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
        let end = (PART_MAX - 3..=PART_MAX).rev().find(|at| !is_inside(at)).unwrap_or(PART_MAX);
        bytes[..end].into()
    }
}

impl Whole {
    /// Returns what shows messages of a kind. `reads_pickle` says whether pickled bodies are read.
    #[must_use]
    pub fn new(kind: MessageKind, reads_pickle: bool) -> Self {
        let specs = FIELDS.iter().filter(|spec| matches!(spec.source, Source::Task(_) | Source::Delivery(_)));
        let mut all: Vec<Field> = specs.filter_map(|spec| Field::parse(spec.name.as_bytes()).ok()).collect();
        let fields = all.iter().map(|field| (field.name.clone(), field.kind)).collect();
        let sources = [Source::Args, Source::Kwargs, Source::Headers, Source::Properties];
        all.extend(sources.map(Field::all_of));
        Self { reader: Reader::new(kind, &all).pickle(reads_pickle), fields }
    }

    /// Appends the members `fields`, `headers`, `properties`, `args`, `kwargs`, `body`, `raw`, `cut` and `notice` of a
    /// message.
    pub fn show(&mut self, message: &[u8], map: MapBuilder) -> MapBuilder {
        let is_message = self.reader.envelope(message);
        if is_message {
            self.reader.open_body(message);
        }
        let reader = &self.reader;
        let mut cut = Cut::default();
        let fields = self.fields.iter().enumerate().filter_map(|(at, (name, kind))| {
            let raw = reader.get(at, message).raw()?;
            Some((name.clone(), show(raw, *kind)))
        });
        let fields: Vec<(Box<str>, Reply)> = fields.collect();
        let [args, kwargs, headers, properties] =
            [0, 1, 2, 3].map(|at| reader.get_all(self.fields.len() + at, message));
        let is_unreadable = is_message && [args, kwargs].contains(&FieldValue::Unknown);
        let (args, kwargs) = (args.raw(), kwargs.raw());
        let headers = headers.raw().map(|raw| {
            let shown = [args, kwargs].map(|raw| raw.map(|raw| raw.as_ptr().addr()));
            without(raw, &shown, reader.body_header().filter(|_| reader.body().is_some()))
        });
        let map = map
            .with("fields", Reply::Map(fields))
            .with("headers", headers.map(|raw| cut.part("headers", &raw)))
            .with("properties", properties.raw().map(|raw| cut.part("properties", raw)))
            .with("args", args.map(|raw| cut.part("args", raw)))
            .with("kwargs", kwargs.map(|raw| cut.part("kwargs", raw)))
            .with("body", reader.body().map(|body| cut.part("body", body)))
            .with("raw", cut.part("raw", message));
        let notice = match (is_message, is_unreadable) {
            (false, _) => Some(UNDECODABLE),
            (true, true) => Some(UNREADABLE),
            (true, false) => None,
        };
        map.with("cut", cut.0).with("notice", notice)
    }
}

/// Returns an object without the members at these places, which are shown elsewhere, and without this one.
fn without(raw: &[u8], places: &[Option<usize>], body: Option<&str>) -> Vec<u8> {
    let mut scratch = Vec::new();
    let mut is_elsewhere = |name: &[u8], value: &[u8]| {
        let is_body = |body: &str| decode(inner(name), &mut scratch) == Some(body.as_bytes());
        places.contains(&Some(value.as_ptr().addr())) || body.is_some_and(is_body)
    };
    let kept: Vec<(&[u8], &[u8])> = members(raw).filter(|(name, value)| !is_elsewhere(name, value)).collect();
    if kept.len() == members(raw).count() {
        return raw.to_vec();
    }
    let mut json = vec![b'{'];
    for (at, (name, value)) in kept.into_iter().enumerate() {
        if at > 0 {
            json.extend_from_slice(b", ");
        }
        json.extend_from_slice(name);
        json.extend_from_slice(b": ");
        json.extend_from_slice(value);
    }
    json.push(b'}');
    json
}

#[cfg(test)]
mod tests;
