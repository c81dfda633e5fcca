//! Writes the values of a text as JSON.

use std::borrow::Cow;
use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::parse::{Kind, Node, Span, unescape};
use super::{DEPTH_MAX, FLOAT_STEPS, JSON_MAX, NAME_STEPS, Unserializer, VALUE_STEPS, VALUES_MAX};
use crate::format::written::{float, integer, string};

/// The member of an object that has the name of its class.
const CLASS: &[u8] = b"__class__";

/// What the names of some entries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Keys of an array.
    Keys,
    /// Properties of the job itself.
    Properties,
    /// Properties of any other object, whose class is written before them.
    BesideClass,
}

/// Writes the properties of the object that is the first node.
pub(super) fn write(
    of: &mut Unserializer,
    text: &[u8],
    json: &mut Vec<u8>,
    opaque: &mut Vec<Range<usize>>,
) -> Option<()> {
    let Kind::Object(_, count) = of.nodes.first()?.kind else { return None };
    let mut writer = Writer { of, text, json, opaque, path: Vec::new(), values: 0 };
    writer.json.extend_from_slice(br#"{"command":"#);
    writer.path.push(0);
    writer.object(0, None, count)?;
    writer.json.push(b'}');
    Some(())
}

struct Writer<'a> {
    of: &'a mut Unserializer,
    text: &'a [u8],
    json: &'a mut Vec<u8>,
    opaque: &'a mut Vec<Range<usize>>,
    /// The arrays and objects that are being written, by their nodes, at most [`DEPTH_MAX`].
    path: Vec<u32>,
    values: usize,
}

impl<'a> Writer<'a> {
    fn node(&self, at: u32) -> Option<Node> {
        self.of.nodes.get(at as usize).copied()
    }

    /// Writes one value. The recursion is as deep as the value, at most [`DEPTH_MAX`].
    fn value(&mut self, at: u32) -> Option<()> {
        self.values += 1;
        let kind = self.node(at)?.kind;
        self.of.work(if matches!(kind, Kind::Float(_)) { FLOAT_STEPS } else { VALUE_STEPS })?;
        if self.values > VALUES_MAX || self.json.len() > JSON_MAX {
            return None;
        }
        match kind {
            Kind::Null => self.json.extend_from_slice(b"null"),
            Kind::Bool(true) => self.json.extend_from_slice(b"true"),
            Kind::Bool(false) => self.json.extend_from_slice(b"false"),
            Kind::Int(number) => integer(number, self.json),
            Kind::Float(number) => float(number, self.json),
            Kind::Text(span) => string(self.bytes(span)?, self.json),
            Kind::Escaped(span) => {
                let bytes = unescape(self.bytes(span)?);
                string(&bytes, self.json);
            }
            Kind::Case(class, case) => {
                self.json.extend_from_slice(br#"{"__enum__":"#);
                string(self.bytes(class)?, self.json);
                self.json.extend_from_slice(br#","case":"#);
                string(self.bytes(case)?, self.json);
                self.json.push(b'}');
            }
            Kind::Custom(class) => self.opaque(class.of(self.text)),
            Kind::Lost => self.opaque(b""),
            // What a reference refers to is no reference.
            Kind::Same(of) => return self.value(of),
            Kind::Array(_) | Kind::Object(..) if self.path.contains(&at) => {
                let class = if let Kind::Object(class, _) = kind { class.of(self.text) } else { b"array" };
                self.opaque(class);
            }
            Kind::Array(_) | Kind::Object(..) if self.path.len() >= DEPTH_MAX => return None,
            Kind::Array(count) => {
                self.path.push(at);
                self.array(at, count)?;
                self.path.pop();
            }
            Kind::Object(class, count) => {
                self.path.push(at);
                self.object(at, Some(class), count)?;
                self.path.pop();
            }
        }
        (self.json.len() <= JSON_MAX).then_some(())
    }

    /// Returns a part of the text, whose bytes are counted as steps.
    fn bytes(&mut self, span: Span) -> Option<&'a [u8]> {
        let bytes = span.of(self.text);
        self.of.work(bytes.len() / 4)?;
        Some(bytes)
    }

    /// Writes an array: as an array if its keys are 0, 1, 2 ..., and otherwise as an object.
    fn array(&mut self, at: u32, count: u32) -> Option<()> {
        if !self.is_list(at, count)? {
            self.json.push(b'{');
            // PHP has no array in which two keys are equal.
            self.find_twins(at, count, Names::Keys)?.is_empty().then_some(())?;
            return self.entries(at, count, Names::Keys, &[]);
        }
        self.json.push(b'[');
        let mut key = at + 1;
        for _ in 0..count {
            self.value(key + 1)?;
            self.json.push(b',');
            key = self.node(key + 1)?.next;
        }
        self.close(b']');
        Some(())
    }

    fn is_list(&mut self, at: u32, count: u32) -> Option<bool> {
        let mut key = at + 1;
        for number in 0..i64::from(count) {
            self.of.work(1)?;
            if self.node(key)?.kind != Kind::Int(number) {
                return Some(false);
            }
            key = self.node(key + 1)?.next;
        }
        Some(true)
    }

    /// Writes an object, with its class if one is given.
    fn object(&mut self, at: u32, class: Option<Span>, count: u32) -> Option<()> {
        self.json.push(b'{');
        if let Some(class) = class {
            self.json.extend_from_slice(b"\"__class__\":");
            string(self.bytes(class)?, self.json);
            self.json.push(b',');
        }
        let names = if class.is_some() { Names::BesideClass } else { Names::Properties };
        let twins = self.find_twins(at, count, names)?;
        self.entries(at, count, names, &twins)
    }

    /// Writes the entries of an array or object, and its end. The values under the names of twins are opaque.
    fn entries(&mut self, at: u32, count: u32, names: Names, twins: &[u64]) -> Option<()> {
        let mut key = at + 1;
        for _ in 0..count {
            let name = self.name(key, names)?;
            string(&name, self.json);
            self.json.push(b':');
            if !twins.is_empty() && twins.binary_search(&xxh3_64(&name)).is_ok() {
                self.opaque(b"");
            } else {
                self.value(key + 1)?;
            }
            self.json.push(b',');
            key = self.node(key + 1)?.next;
        }
        self.close(b'}');
        Some(())
    }

    /// Returns the hashes of names that more than one entry has, in ascending order.
    fn find_twins(&mut self, at: u32, count: u32, names: Names) -> Option<Vec<u64>> {
        self.of.names.clear();
        if names == Names::BesideClass {
            self.of.names.push(xxh3_64(CLASS));
        }
        let mut key = at + 1;
        for _ in 0..count {
            let hash = xxh3_64(&self.name(key, names)?);
            self.of.names.push(hash);
            // Sorting takes some comparisons for each.
            self.of.work(VALUE_STEPS)?;
            key = self.node(key + 1)?.next;
        }
        self.of.names.sort_unstable();
        let pairs = self.of.names.as_slice().windows(2);
        Some(pairs.filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect())
    }

    /// Returns the name of an entry: that of a property without the mark of a private or protected one.
    fn name(&mut self, key: u32, names: Names) -> Option<Cow<'a, [u8]>> {
        self.of.work(NAME_STEPS)?;
        let whole = match self.node(key)?.kind {
            Kind::Int(number) => {
                let mut digits = Vec::new();
                integer(number, &mut digits);
                return Some(Cow::Owned(digits));
            }
            Kind::Text(span) => Cow::Borrowed(self.bytes(span)?),
            Kind::Escaped(span) => Cow::Owned(unescape(self.bytes(span)?)),
            _ => return None,
        };
        if names == Names::Keys || !whole.starts_with(b"\0") {
            return Some(whole);
        }
        // PHP refuses a name that begins with a NUL and has no other one.
        let end = memchr::memchr(0, &whole[1..])? + 2;
        Some(match whole {
            Cow::Borrowed(whole) => Cow::Borrowed(&whole[end..]),
            Cow::Owned(whole) => Cow::Owned(whole[end..].to_vec()),
        })
    }

    /// Writes an opaque value, and notes its place.
    fn opaque(&mut self, class: &[u8]) {
        let start = self.json.len();
        self.json.extend_from_slice(b"{\"__class__\":");
        string(class, self.json);
        self.json.push(b'}');
        self.opaque.push(start..self.json.len());
    }

    /// Ends a container: the closing bracket replaces the last comma.
    fn close(&mut self, bracket: u8) {
        match self.json.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            _ => self.json.push(bracket),
        }
    }
}
