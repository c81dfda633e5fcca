//! Messages of Dramatiq as its JSON encoder writes them: one object, with nothing encoded inside it.
//!
//! ```text
//! {"queue_name":"uploads","actor_name":"upload","args":[147107],"kwargs":{"commitid":"e0ca38f7"},
//!  "options":{"redis_message_id":"6053abfc-..."},"message_id":"f829fda4-...","message_timestamp":1795868819209}
//! ```
//!
//! `message_id` is what the application knows; the list and the hash use `redis_message_id`, which changes with
//! each retry. Times are Unix milliseconds.
//!
//! # What is withheld
//! An object without the name of an actor is not a message that a worker of Dramatiq can run. All its fields are
//! unknown, so that `MISSING` and `!=` do not match it.
//!
//! Source: recorded messages of Dramatiq 2.2.1 (core/src/format/dramatiq.jsonl), `Message` in dramatiq/message.py,
//! `Retries` in dramatiq/middleware/retries.py, and `RedisBroker.enqueue` in dramatiq/brokers/redis.py.

use super::{FieldPlace, FieldPlaces, Format, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Shape};

/// The format; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dramatiq;

/// A message.
const MESSAGE: usize = 0;
/// Any other object.
const FOREIGN: usize = 1;

/// The position of the name in [`Format::own_paths`].
const ACTOR_NAME: usize = 0;

impl Format for Dramatiq {
    fn own_paths(&self) -> Vec<Path> {
        vec![keys(&["actor_name"])]
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let names: &[&str] = match field.source {
            Source::Size => return same(Part::Size, Vec::new()),
            Source::Undecodable => return same(Part::Undecodable, Vec::new()),
            Source::Arrival(_) => return same(Part::Untold, Vec::new()),
            Source::Task("task") => &["actor_name"],
            Source::Task("id") => &["message_id"],
            Source::Task("enqueued") => &["message_timestamp"],
            Source::Task("retries") => &["options", "retries"],
            Source::Task("eta") => &["options", "eta"],
            Source::Task("group") => &["options", "group_completion_uuid"],
            Source::Delivery("routing_key") => &["queue_name"],
            Source::Args => return or_foreign(inside(&keys(&["args"]), field)),
            Source::Kwargs => return or_foreign(inside(&keys(&["kwargs"]), field)),
            Source::Headers => return or_foreign(inside(&[], field)),
            // Messages of Dramatiq do not have the other fields.
            Source::Task(_) | Source::Delivery(_) | Source::Properties => return or_foreign(Vec::new()),
        };
        or_foreign(vec![keys(names)])
    }

    fn variant(&self, own: Own<'_>) -> usize {
        let is_named = own.get(ACTOR_NAME).is_some_and(|name| Shape::of(name) == Shape::Text);
        if is_named { MESSAGE } else { FOREIGN }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(ACTOR_NAME)
    }

    fn open_body(&self, _: Own<'_>, _: &mut Opened) -> bool {
        false
    }
}

/// Returns these places in messages; in other objects the field is withheld.
fn or_foreign(paths: Vec<Path>) -> FieldPlaces {
    let mut places = same(Part::Envelope, paths);
    places[FOREIGN] = FieldPlace::withheld();
    places
}

#[cfg(test)]
mod tests;
