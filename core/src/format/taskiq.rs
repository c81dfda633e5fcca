//! Messages of Taskiq as its default formatter and serializer write them: one object, with nothing encoded inside it.
//!
//! ```text
//! {"task_id": "a4fba210cdcb452cafb5fc070ea2a4ea", "task_name": "app.upload", "labels": {"max_retries": "5", "_retries": "2"},
//!  "labels_types": {"max_retries": 2, "_retries": 2}, "args": [147107, "e0ca38f7"], "kwargs": {"repoid": 22}}
//! ```
//!
//! Labels are texts, whatever type they had; `labels_types` says which. Two of them have a meaning for every queue:
//! `_retries`, which the middlewares for retries count, and `queue_name`, which names the list instead of the broker.
//!
//! # What is withheld
//! An object without the id and the name of a task is not a message that a worker of Taskiq can run. All its fields
//! are unknown, so that `MISSING` and `!=` do not match it.
//!
//! Source: recorded messages of Taskiq 0.13.0 and taskiq-redis 1.2.4 (core/src/format/taskiq.jsonl), `TaskiqMessage` in
//! taskiq/message.py, `SimpleRetryMiddleware` in taskiq/middlewares, and `ListQueueBroker` in
//! taskiq_redis/redis_broker.py.

use super::{FieldPlace, FieldPlaces, Format, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Shape};

/// The format; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taskiq;

/// A message.
const MESSAGE: usize = 0;
/// Any other object.
const FOREIGN: usize = 1;

/// Positions in [`Format::own_paths`].
const TASK_NAME: usize = 0;
const TASK_ID: usize = 1;

impl Format for Taskiq {
    fn own_paths(&self) -> Vec<Path> {
        vec![keys(&["task_name"]), keys(&["task_id"])]
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let paths = match field.source {
            Source::Size => return same(Part::Size, Vec::new()),
            Source::Undecodable => return same(Part::Undecodable, Vec::new()),
            Source::Arrival(_) => return same(Part::Untold, Vec::new()),
            Source::Task("task") => vec![keys(&["task_name"])],
            Source::Task("id") => vec![keys(&["task_id"])],
            Source::Task("retries") => vec![keys(&["labels", "_retries"])],
            // Taskiq does not record when a message is sent.
            Source::Task("enqueued") => {
                let mut places = same(Part::Untold, Vec::new());
                places[FOREIGN] = FieldPlace::withheld();
                return places;
            }
            Source::Delivery("routing_key") => vec![keys(&["labels", "queue_name"])],
            Source::Args => inside(&keys(&["args"]), field),
            Source::Kwargs => inside(&keys(&["kwargs"]), field),
            Source::Headers => inside(&[], field),
            // Messages of Taskiq do not have the other fields.
            Source::Task(_) | Source::Delivery(_) | Source::Properties => Vec::new(),
        };
        let mut places = same(Part::Envelope, paths);
        places[FOREIGN] = FieldPlace::withheld();
        places
    }

    fn variant(&self, own: Own<'_>) -> usize {
        let is_text = |at: usize| own.get(at).is_some_and(|raw| Shape::of(raw) == Shape::Text);
        if is_text(TASK_NAME) && is_text(TASK_ID) { MESSAGE } else { FOREIGN }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(TASK_NAME)
    }

    fn open_body(&self, _: Own<'_>, _: &mut Opened) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
