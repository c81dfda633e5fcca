//! Jobs of BullMQ and of Bull. A job is a hash; [`BullText`] writes its fields as one JSON object, which is what a filter
//! examines.
//!
//! ```text
//! {"id":"1","name":"upload","timestamp":1796024414306,"delay":0,"priority":0,"opts":{"attempts":3},
//!  "data":{"repoid":147107,"commitid":"e0ca38f7"}}
//! ```
//!
//! The fields `data`, `opts`, `returnvalue` and `progress` are JSON and are written as they stand. Times are Unix
//! milliseconds. A field that the hash does not have is not a member. `kept` is 1 for a job that no clear removes, and
//! no member otherwise.
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

use super::written::{is_number, string};
use super::{FieldPlace, FieldPlaces, Format, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Paths, Scanner, Shape};
use crate::message_place::BullKeys;

/// The fields of a job's hash that are read. A hash without the first one is not a job.
pub(super) const BULL_FIELDS: [&str; 17] = [
    "name",
    "timestamp",
    "delay",
    "priority",
    "atm",
    "attemptsMade",
    "ats",
    "processedOn",
    "finishedOn",
    "parentKey",
    "deid",
    "rjk",
    "failedReason",
    "progress",
    "returnvalue",
    "opts",
    "data",
];
/// Those of them that are JSON.
const JSON: [&str; 4] = ["progress", "returnvalue", "opts", "data"];
/// Those of them that are numbers.
const NUMBERS: [&str; 8] =
    ["timestamp", "delay", "priority", "atm", "attemptsMade", "ats", "processedOn", "finishedOn"];
/// The member that is not a field of the hash.
const ID: &str = "id";
/// The most bytes of the id and of all fields together, of a job that is read.
const JOB_MAX: usize = 1024 * 1024;
/// What a job is read as that is larger, or whose JSON is not valid. It is not a JSON object, so nothing is known of it.
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
        let sizes = fields.iter().flatten().map(|field| field.len());
        let size = sizes.fold(job.id.len(), usize::saturating_add);
        let is_kept = job.is_kept(fields);
        let unreadable = if is_kept { UNREADABLE_AND_KEPT } else { UNREADABLE };
        if fields.iter().all(Option::is_none) {
            // A hash with other fields alone is not a job either.
            return Vec::new();
        }
        if size > JOB_MAX {
            return unreadable.to_vec();
        }
        let mut json = Vec::with_capacity(size + 256);
        json.extend_from_slice(b"{\"id\":");
        string(job.id, &mut json);
        for (name, value) in BULL_FIELDS.iter().zip(fields) {
            let Some(value) = value else { continue };
            json.extend_from_slice(b",\"");
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            if JSON.contains(name) {
                // Anything else could contain the beginning of another member.
                if !self.scanner.scan(value, &self.paths, &mut []) {
                    return unreadable.to_vec();
                }
                json.extend_from_slice(value);
            } else if NUMBERS.contains(name) && is_number(value) {
                json.extend_from_slice(value);
            } else {
                string(value, &mut json);
            }
        }
        json.extend_from_slice(if is_kept { b",\"kept\":1}" } else { b"}" });
        json
    }
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
            Source::Kwargs => return or_foreign(Part::Envelope, inside(&keys(&["data"]), field)),
            Source::Headers => {
                let name = field.path.first().map(|name| &**name);
                let is_read =
                    name.is_none_or(|name| name == ID || name == KEPT || BULL_FIELDS.contains(&name));
                return match is_read {
                    true => or_foreign(Part::Envelope, inside(&[], field)),
                    // The hash may have the field or not.
                    false => same(Part::Untold, Vec::new()),
                };
            }
            // The list has the name of the queue, and the score of a delayed job says when it is due.
            Source::Task("eta") | Source::Delivery("routing_key") => return same(Part::Untold, Vec::new()),
            // Jobs do not have the other fields.
            Source::Args | Source::Task(_) | Source::Delivery(_) | Source::Properties => &[],
        };
        or_foreign(Part::Envelope, names.iter().map(|path| keys(path)).collect())
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
fn or_foreign(part: Part, paths: Vec<Path>) -> FieldPlaces {
    let mut places = same(part, paths);
    places[FOREIGN] = FieldPlace::withheld();
    places
}

#[cfg(test)]
mod tests;
