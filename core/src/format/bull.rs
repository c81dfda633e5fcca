//! Jobs of BullMQ and of Bull. A job is a hash; [`BullText`] writes its fields as one JSON object, which is what a filter
//! examines.
//!
//! ```text
//! {"id":"1","name":"upload","timestamp":1796024414306,"delay":0,"priority":0,"opts":{"attempts":3},
//!  "data":{"repoid":147107,"commitid":"e0ca38f7"}}
//! ```
//!
//! The fields `data`, `opts`, `returnvalue` and `progress` are JSON and are written as they stand. Times are Unix
//! milliseconds. A field that the hash does not have is not a member. One that is too large or not valid JSON is named by
//! the member [`unread`](super::unread). `kept` is 1 for a job that no clear removes, and no member otherwise.
//!
//! # What is kept
//! A job with a parent in a flow, because the parent would wait for it for ever; a job of a scheduler, because that would
//! never run again; a job that is locked; and a hash without a name. Jobs in `:active` and `:waiting-children` are read
//! only, and none is said to be kept.
//!
//! # What is withheld
//! A hash without a name is not a job that somebody added. All its fields are unknown, so that `MISSING` and `!=` do not
//! match it.
//!
//! Source: recorded jobs of BullMQ 5.81.5 and 6.7.0 and of Bull 4.16.5 (core/src/format/bull.jsonl), `Job.fromJSON` in
//! bullmq/src/classes/job.ts, and lib/job.js of Bull.

use super::unread::{Unread, bit, read_from_hash};
use super::written::{is_number, string};
use super::{FieldPlace, FieldPlaces, Format, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Paths, Scanner, Shape};
use crate::message_place::BullKeys;

/// How a field of a hash is written.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A text.
    Text,
    /// A number, or a text if it is none.
    Number,
    /// JSON.
    Json,
    /// JSON that can be long.
    Data,
}

impl Kind {
    /// The most bytes of such a field that are read.
    fn most(self) -> usize {
        if matches!(self, Self::Data) { DATA_MAX } else { OTHERS_MAX }
    }

    fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Data)
    }
}

/// The fields of a job's hash that are read. A hash without the first one is not a job.
const FIELDS: [(&str, Kind); 17] = [
    ("name", Kind::Text),
    ("timestamp", Kind::Number),
    ("delay", Kind::Number),
    ("priority", Kind::Number),
    ("atm", Kind::Number),
    ("attemptsMade", Kind::Number),
    ("ats", Kind::Number),
    ("processedOn", Kind::Number),
    ("finishedOn", Kind::Number),
    ("parentKey", Kind::Text),
    ("deid", Kind::Text),
    ("rjk", Kind::Text),
    ("failedReason", Kind::Text),
    ("progress", Kind::Json),
    ("returnvalue", Kind::Json),
    ("opts", Kind::Json),
    ("data", Kind::Data),
];

/// The names of these fields.
pub(super) const BULL_FIELDS: [&str; FIELDS.len()] = {
    let mut names = [""; FIELDS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = FIELDS[at].0;
        at += 1;
    }
    names
};
/// The member that is not a field of the hash.
const ID: &str = "id";
/// The most bytes of `data` that are read.
const DATA_MAX: usize = 1024 * 1024;
/// The most bytes of each other field that are read, and of the id of a job that is read.
const OTHERS_MAX: usize = 64 * 1024;
/// What a job with a longer id is read as. It is not a JSON object, so nothing is known of it.
pub(super) const UNREADABLE: &[u8] = b"unreadable";
/// The same of a job that is kept.
const UNREADABLE_AND_KEPT: &[u8] = b"unreadable and kept";
/// The member that says that a job is kept.
pub(super) const KEPT: &str = "kept";
/// How the ids of jobs of a scheduler begin (`getSchedulerNextJobId` in BullMQ, lib/repeatable.js in Bull).
const REPEATED: &[u8] = b"repeat:";

/// A job and where its id stands.
#[derive(Debug)]
pub(super) struct BullJob<'a> {
    /// Its id.
    pub(super) id: &'a [u8],
    /// The names of the keys.
    pub(super) keys: &'a BullKeys,
    /// A worker holds it.
    pub(super) is_locked: bool,
}

impl BullJob<'_> {
    /// Returns whether no clear may remove it.
    fn is_kept(&self, fields: &[Option<&[u8]>; BULL_FIELDS.len()]) -> bool {
        let field = |name: &str| {
            let at = BULL_FIELDS.iter().position(|field| *field == name)?;
            fields[at].filter(|value| !value.is_empty())
        };
        let is_needed = self.is_locked
            || self.id.starts_with(REPEATED)
            || field("parentKey").is_some()
            || field("rjk").is_some()
            || field("name").is_none();
        is_needed && self.keys.are_removed()
    }
}

/// Writes jobs as text. It serves any number of jobs.
#[derive(Debug)]
pub(super) struct BullText {
    scanner: Scanner,
    /// No path: a value only has to be valid.
    paths: Paths,
}

impl Default for BullText {
    fn default() -> Self {
        Self { scanner: Scanner::default(), paths: Paths::new([]).0 }
    }
}

impl BullText {
    /// Writes a job as one JSON object. `fields` has the values of [`BULL_FIELDS`]. The result is empty, which stands
    /// for a missing message, if there are no fields.
    pub(super) fn of(&mut self, job: &BullJob<'_>, fields: &[Option<&[u8]>; BULL_FIELDS.len()]) -> Vec<u8> {
        if fields.iter().all(Option::is_none) {
            // A hash with other fields alone is not a job either.
            return Vec::new();
        }
        let is_kept = job.is_kept(fields);
        if job.id.len() > OTHERS_MAX {
            return if is_kept { UNREADABLE_AND_KEPT } else { UNREADABLE }.to_vec();
        }
        let sizes = fields.iter().flatten().map(|field| field.len().min(DATA_MAX));
        let mut json = Vec::with_capacity(sizes.sum::<usize>() + job.id.len() + 256);
        self.members(job.id, fields, &mut json);
        json.extend_from_slice(if is_kept { b",\"kept\":1}" } else { b"}" });
        json
    }

    /// Writes these fields of a job, and returns whether a filter that asks for nothing else can be decided by them
    /// alone. `json` is empty.
    pub(super) fn skim(
        &mut self,
        id: &[u8],
        fields: &[Option<&[u8]>; BULL_FIELDS.len()],
        json: &mut Vec<u8>,
    ) -> bool {
        // Without a name, it depends on other fields whether it is missing.
        if id.len() > OTHERS_MAX || fields[0].is_none() {
            return false;
        }
        self.members(id, fields, json);
        json.push(b'}');
        true
    }

    /// Writes the beginning of a job: all members but the last one.
    fn members(&mut self, id: &[u8], fields: &[Option<&[u8]>; BULL_FIELDS.len()], json: &mut Vec<u8>) {
        let mut unread = Unread::default();
        json.extend_from_slice(b"{\"id\":");
        string(id, json);
        for ((name, kind), value) in FIELDS.iter().zip(fields) {
            let Some(value) = value else { continue };
            if value.len() > kind.most() || (kind.is_json() && !self.is_json(value)) {
                unread.add(name, value);
                continue;
            }
            json.extend_from_slice(b",\"");
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            match kind {
                Kind::Json | Kind::Data => json.extend_from_slice(value),
                Kind::Number if is_number(value) => json.extend_from_slice(value),
                Kind::Number | Kind::Text => string(value, json),
            }
        }
        unread.write(json);
    }

    /// Returns whether this is one JSON value: anything else could contain the beginning of another member.
    fn is_json(&mut self, value: &[u8]) -> bool {
        self.scanner.scan(value, &self.paths, &mut [])
    }
}

/// Returns the bit of a field by its name; `None` for a member of the text that is made from several of them.
pub(super) fn skimmed(name: &[u8]) -> Option<u32> {
    (name != KEPT.as_bytes()).then(|| bit(&BULL_FIELDS, name))
}

/// The format; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bull;

/// A job.
const JOB: usize = 0;
/// A hash without a name.
const FOREIGN: usize = 1;

/// The position of the name in [`Format::own_paths`].
const NAME: usize = 0;

impl Format for Bull {
    fn own_paths(&self) -> Vec<Path> {
        vec![keys(&[BULL_FIELDS[0]])]
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let names: &[&[&str]] = match field.source {
            Source::Size => return same(Part::Size, Vec::new()),
            Source::Undecodable => return same(Part::Undecodable, Vec::new()),
            Source::Arrival(_) => return same(Part::Untold, Vec::new()),
            Source::Task("task") => &[&["name"]],
            Source::Task("id") => &[&[ID]],
            Source::Task("enqueued") => &[&["timestamp"]],
            // BullMQ and Bull have different names for it.
            Source::Task("retries") => &[&["atm"], &["attemptsMade"]],
            Source::Task("group") => &[&["parentKey"]],
            Source::Delivery("priority") => &[&["priority"]],
            Source::Kwargs => return or_foreign(inside(&keys(&["data"]), field)),
            Source::Headers => {
                let name = field.path.first().map(|name| &**name);
                let is_read =
                    name.is_none_or(|name| name == ID || name == KEPT || BULL_FIELDS.contains(&name));
                return match is_read {
                    true => or_foreign(inside(&[], field)),
                    // The hash may have the field or not.
                    false => same(Part::Untold, Vec::new()),
                };
            }
            // The list has the name of the queue, and the score of a delayed job says when it is due.
            Source::Task("eta") | Source::Delivery("routing_key") => return same(Part::Untold, Vec::new()),
            // Jobs do not have the other fields.
            Source::Args | Source::Task(_) | Source::Delivery(_) | Source::Properties => &[],
        };
        or_foreign(names.iter().map(|path| keys(path)).collect())
    }

    fn variant(&self, own: Own<'_>) -> usize {
        let is_named = own.get(NAME).is_some_and(|name| Shape::of(name) == Shape::Text);
        if is_named { JOB } else { FOREIGN }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(NAME)
    }

    fn open_body(&self, _: Own<'_>, _: &mut Opened) -> bool {
        false
    }
}

/// Returns these places in jobs; in other hashes the field is withheld.
fn or_foreign(paths: Vec<Path>) -> FieldPlaces {
    let mut places = read_from_hash(paths);
    places[FOREIGN] = FieldPlace::withheld();
    places
}

#[cfg(test)]
mod tests;
