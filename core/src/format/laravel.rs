//! Messages of Laravel: one JSON object with the name of a handler and its data.
//!
//! The data of a job that is an object has the object as a text, as PHP's `serialize` wrote it. That text is the body
//! of the message: see [`super::php`]. A job of a handler's name has its data as JSON, and no body.
//!
//! The order of the members differs between messages that were never reserved and those that a script wrote back, so
//! nothing depends on it. An empty array of PHP can be `[]` or, written by such a script, `{}`.
//!
//! Sources: recorded messages of Laravel 12.67 (core/src/filter/tests/laravel.jsonl); `Queue::createPayloadArray` and
//! `CallQueuedHandler::getCommand` (`Illuminate/Queue`, 12.67): a command that begins with `O:` is unserialized, and
//! any other one is decrypted first.

use super::ruby::{is_foreign, says};
use super::{CELERY, FieldPlace, FieldPlaces, Format, OBJECT, Opened, Own, Part, inside_either, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Shape, decode, inner};

/// The format of Laravel's messages; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Laravel;

/// A variant: the data has a serialized object, whose properties are the keyword arguments.
const COMMAND: usize = 0;
/// A variant: the data is an object, whose members are the keyword arguments.
const NAMED: usize = 1;
/// A variant: the data is an array, whose items are the positional arguments.
const LISTED: usize = 2;
/// A variant: the data is a scalar or absent.
const PLAIN: usize = 3;
/// A variant: not a message of Laravel, whose workers need the member `job`.
const FOREIGN: usize = 4;

/// Positions in [`Format::own_paths`] after those of [`CELERY`].
const JOB: usize = CELERY.len();
const NAME: usize = JOB + 1;
const DATA: usize = JOB + 2;
const COMMAND_NAME: usize = JOB + 3;
const COMMAND_TEXT: usize = JOB + 4;

/// The handler of jobs that are objects, as both `json_encode` and Redis' `cjson` write it, and as it is.
const HANDLER: &[u8] = br#""Illuminate\\Queue\\CallQueuedHandler@call""#;
const HANDLER_NAME: &[u8] = br"Illuminate\Queue\CallQueuedHandler@call";

impl Format for Laravel {
    fn own_paths(&self) -> Vec<Path> {
        let own: [&[&str]; 5] =
            [&["job"], &["displayName"], &["data"], &["data", "commandName"], &["data", "command"]];
        CELERY.iter().map(|name| keys(&[name])).chain(own.map(keys)).collect()
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let envelope =
            |names: &[&[&str]]| same(Part::Envelope, names.iter().map(|path| keys(path)).collect());
        let absent = || envelope(&[]);
        let in_command = |part, path: Vec<Path>| {
            let mut place = FieldPlace::outside(part, Vec::new());
            place.body[OBJECT] = path;
            place
        };
        let mut places = match field.source {
            Source::Size => return same(Part::Size, Vec::new()),
            Source::Undecodable => return same(Part::Undecodable, Vec::new()),
            Source::Arrival(_) => return same(Part::Untold, Vec::new()),
            Source::Task("task") => envelope(&[&["displayName"]]),
            Source::Task("id") => envelope(&[&["uuid"], &["id"]]),
            Source::Task("retries") => envelope(&[&["attempts"]]),
            // Horizon's is a text with a fraction. The queue writes whole seconds, as of 12.11.
            Source::Task("enqueued") => envelope(&[&["pushedAt"], &["createdAt"]]),
            // Before 12.51 only the object has it.
            Source::Task("group") => {
                let mut places = envelope(&[&["data", "batchId"]]);
                places[COMMAND].part = Part::EnvelopeElseBody;
                places[COMMAND].body[OBJECT] = vec![keys(&["command", "batchId"])];
                places
            }
            Source::Kwargs => {
                let mut places = absent();
                places[COMMAND] = in_command(Part::Body, inside_either(&keys(&["command"]), field));
                places[NAMED] = FieldPlace::outside(Part::Envelope, inside_either(&keys(&["data"]), field));
                places
            }
            Source::Args => {
                let mut places = absent();
                places[LISTED] = FieldPlace::outside(Part::Envelope, inside_either(&keys(&["data"]), field));
                places
            }
            Source::Headers => same(Part::Envelope, inside_either(&[], field)),
            // Each is listed, so that the compiler requires a decision about a new one here.
            Source::Task(_) | Source::Delivery(_) | Source::Properties => absent(),
        };
        places[FOREIGN] = FieldPlace::withheld();
        places
    }

    fn variant(&self, own: Own<'_>) -> usize {
        let is_text = |raw: &[u8]| Shape::of(raw) == Shape::Text;
        let Some(job) = own.get(JOB).filter(|job| is_text(job) && !is_foreign(own)) else { return FOREIGN };
        // A handler that derives from Laravel's has another name, and the same data.
        let is_command = || [COMMAND_NAME, COMMAND_TEXT].iter().all(|at| own.get(*at).is_some_and(is_text));
        if job == HANDLER || is_command() || says(job, HANDLER_NAME) {
            return COMMAND;
        }
        match own.get(DATA).and_then(|data| data.first()) {
            Some(b'{') => NAMED,
            Some(b'[') => LISTED,
            _ => PLAIN,
        }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(NAME)
    }

    fn body_header(&self) -> Option<&'static str> {
        Some("data")
    }

    fn open_body(&self, own: Own<'_>, opened: &mut Opened) -> bool {
        let Opened { text: json, scratch, opaque, unserializer, extra, .. } = opened;
        let command = own.get(COMMAND_TEXT).filter(|raw| Shape::of(raw) == Shape::Text);
        // Whatever does not begin like this is encrypted, which is known without decoding it.
        let Some(raw) = command.map(inner).filter(|raw| raw.starts_with(b"O:")) else { return false };
        *extra += raw.len();
        let Some(command) = decode(raw, scratch) else { return false };
        let is_read = unserializer.json_of_object(command, json, opaque);
        *extra += unserializer.steps();
        is_read
    }
}
