//! Jobs of SAQ: one JSON object in a string of its own, which the library writes by `json.dumps`.
//!
//! ```text
//! {"function": "upload", "kwargs": {"repoid": 147107}, "queue": "uploads", "key": "26d6...", "queued": 1795868881301,
//!  "status": "queued"}
//! ```
//!
//! Members that have the default of the library are not written. An application can choose another serializer; nothing is
//! known of such jobs, and they are kept.
//!
//! # What is kept
//! A job whose status is not `queued`, or not known: a worker may have it.
//!
//! Source: recorded jobs of SAQ 0.26.4 (saq.jsonl); `Job.to_dict` in saq/job.py.

use super::{FieldPlace, FieldPlaces, Format, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Shape};

/// The member that says whether a job waits, and its value then.
pub(super) const STATUS: &str = "status";
pub(super) const QUEUED: &[u8] = br#""queued""#;

/// The format of SAQ's jobs; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saq;

/// A variant: a job.
const JOB: usize = 0;
/// A variant: not a job of SAQ, whose workers need the member `function`.
const FOREIGN: usize = 1;

/// The position of `function` in [`Format::own_paths`].
const FUNCTION: usize = 0;

impl Format for Saq {
    fn own_paths(&self) -> Vec<Path> {
        vec![keys(&["function"])]
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let member = |name: &str| same(Part::Envelope, vec![keys(&[name])]);
        let mut places = match field.source {
            Source::Size => return same(Part::Size, Vec::new()),
            Source::Undecodable => return same(Part::Undecodable, Vec::new()),
            Source::Arrival(_) => return same(Part::Untold, Vec::new()),
            Source::Task("task") => member("function"),
            Source::Task("id") => member("key"),
            Source::Task("retries") => member("attempts"),
            // Milliseconds.
            Source::Task("enqueued") => member("queued"),
            // Seconds. A job that was due once keeps it.
            Source::Task("eta") => member("scheduled"),
            Source::Delivery("routing_key") => member("queue"),
            Source::Kwargs => same(Part::Envelope, inside(&keys(&["kwargs"]), field)),
            Source::Headers => same(Part::Envelope, inside(&[], field)),
            // Each is listed, so that the compiler requires a decision about a new one here.
            Source::Args | Source::Task(_) | Source::Delivery(_) | Source::Properties => {
                same(Part::Envelope, Vec::new())
            }
        };
        places[FOREIGN] = FieldPlace::withheld();
        places
    }

    fn variant(&self, own: Own<'_>) -> usize {
        let is_job = own.get(FUNCTION).is_some_and(|function| Shape::of(function) == Shape::Text);
        if is_job { JOB } else { FOREIGN }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(FUNCTION)
    }

    fn open_body(&self, _: Own<'_>, _: &mut Opened) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
