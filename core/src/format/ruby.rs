//! Messages of Sidekiq and Resque: one JSON object with a class and its arguments, nothing encoded inside it.
//!
//! A job of ActiveJob lies in one of the adapter's wrapper class, whose only argument is an object with the
//! arguments proper; it is told from others by the wrapper. Keyword arguments are no place of their own in either:
//! ActiveJob appends them as an object (`args.1.amount`).
//!
//! Sources: recorded messages of Sidekiq 6.4.1 and ActiveJob 6.1.7 (core/src/filter/tests/sidekiq.jsonl); Resque's
//! `Resque.push` and ActiveJob's `ResqueAdapter`.

use super::{Format, Own, Part, Place, VARIANTS, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Segment};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sidekiq;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resque;

/// Variants.
const PLAIN: usize = 0;
const ACTIVE_JOB: usize = 1;

/// The class that ActiveJob's Resque adapter wraps jobs in, as it stands in a message.
const RESQUE_WRAPPER: &[u8] = b"\"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper\"";

impl Format for Sidekiq {
    /// What is wrapped, then the class.
    fn own_paths(&self) -> Vec<Path> {
        vec![keys(&["wrapped"]), keys(&["class"])]
    }

    fn places(&self, field: &Field) -> [Place; VARIANTS] {
        let id = keys(&["jid"]);
        match field.source {
            Source::Task("task") => each(vec![keys(&["class"])], vec![keys(&["wrapped"])]),
            Source::Task("id") => same(Part::Envelope, vec![id]),
            Source::Task("retries") => same(Part::Envelope, vec![keys(&["retry_count"])]),
            Source::Task("enqueued") => same(Part::Envelope, vec![keys(&["enqueued_at"])]),
            // Sidekiq Pro's batches, whose callbacks wait as those of groups do.
            Source::Task("group") => same(Part::Envelope, vec![keys(&["bid"])]),
            Source::Delivery("routing_key") => same(Part::Envelope, vec![keys(&["queue"])]),
            _ => shared(field),
        }
    }

    fn variant(&self, own: Own<'_>) -> usize {
        if own.get(0).is_some_and(|wrapped| wrapped != b"null") { ACTIVE_JOB } else { PLAIN }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(0).or(own.get(1))
    }

    fn open_body(&self, _: Own<'_>, _: &mut Vec<u8>, _: &mut Vec<u8>) -> bool {
        // There is none, and no field in one.
        false
    }
}

impl Format for Resque {
    /// The class.
    fn own_paths(&self) -> Vec<Path> {
        vec![keys(&["class"])]
    }

    fn places(&self, field: &Field) -> [Place; VARIANTS] {
        match field.source {
            Source::Task("task") => each(vec![keys(&["class"])], vec![in_wrapper("job_class")]),
            Source::Task("id") => each(Vec::new(), vec![in_wrapper("job_id")]),
            Source::Task("retries") => each(Vec::new(), vec![in_wrapper("executions")]),
            // Resque itself does not write it down, ActiveJob does.
            Source::Task("enqueued") => [
                Place { part: Part::Untold, paths: Vec::new() },
                Place { part: Part::Envelope, paths: vec![in_wrapper("enqueued_at")] },
            ],
            Source::Delivery("routing_key") => each(Vec::new(), vec![in_wrapper("queue_name")]),
            _ => shared(field),
        }
    }

    fn variant(&self, own: Own<'_>) -> usize {
        if own.get(0) == Some(RESQUE_WRAPPER) { ACTIVE_JOB } else { PLAIN }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(0)
    }

    fn open_body(&self, _: Own<'_>, _: &mut Vec<u8>, _: &mut Vec<u8>) -> bool {
        false
    }
}

/// Where both have a field.
fn shared(field: &Field) -> [Place; VARIANTS] {
    match field.source {
        Source::Size => same(Part::Size, Vec::new()),
        Source::Undecodable => same(Part::Undecodable, Vec::new()),
        Source::Args => each(inside(&keys(&["args"]), field), inside(&in_wrapper("arguments"), field)),
        // Whatever else stands beside class and arguments: `headers.created_at`.
        Source::Headers => same(Part::Envelope, inside(&[], field)),
        Source::Delivery("priority") => each(Vec::new(), vec![in_wrapper("priority")]),
        Source::Task(_) | Source::Delivery(_) | Source::Kwargs | Source::Properties => {
            same(Part::Envelope, Vec::new())
        }
    }
}

/// In the envelope, in another place where it is ActiveJob's.
fn each(plain: Vec<Path>, active_job: Vec<Path>) -> [Place; VARIANTS] {
    [plain, active_job].map(|paths| Place { part: Part::Envelope, paths })
}

/// A member of what ActiveJob gives the wrapper.
fn in_wrapper(name: &str) -> Path {
    [keys(&["args"]), vec![Segment::index(0), Segment::key(name)]].concat()
}
