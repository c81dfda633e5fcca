//! Tasks of Asynq. A task is a hash, whose field `msg` is a protocol buffer; [`AsynqText`] writes it as one JSON object,
//! which is what a filter examines.
//!
//! ```text
//! {"id":"9a2c...","type":"email:send","queue":"uploads","retry":25,"retried":0,"error_msg":"","timeout":1800,"deadline":0,
//!  "unique_key":"","last_failed_at":0,"retention":0,"completed_at":0,"group_key":"","headers":{},
//!  "pending_since":1796024414306,"payload":{"repoid":147107}}
//! ```
//!
//! `payload` is the payload, if it is JSON, and null if it is empty; otherwise it is not a member, and all arguments are
//! unknown. `pending_since` is
//! the time at which the task became pending, which the hash has in nanoseconds, in Unix milliseconds. `kept` is 1 for a task
//! that no clear removes, and no member otherwise.
//!
//! # What is kept
//! A task whose state is not the one of the tasks in this list or sorted set, because it was taken from there.
//!
//! Source: `TaskMessage` in internal/proto/asynq.proto, `EncodeMessage` in internal/base/base.go, and `enqueueCmd`,
//! `enqueueUniqueCmd` and `deleteTaskCmd` in internal/rdb of Asynq 0.24 and 0.25. It was read, and not run.

use super::unread::bit;
use super::written::{integer, string};
use super::{FieldPlace, FieldPlaces, Format, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Paths, Scanner, Segment};
use crate::message_place::AsynqKeys;

/// The fields of a task's hash that are read. A hash without the first one is not a task.
pub(super) const ASYNQ_FIELDS: [&str; 4] = ["msg", "state", "pending_since", "unique_key"];
/// The most bytes of the message of a task that is read.
const TASK_MAX: usize = 1024 * 1024;
/// What a task is read as that is larger, or whose message is damaged. It is not a JSON object, so nothing is known of it.
pub(super) const UNREADABLE: &[u8] = b"unreadable";
/// The same of a task that is kept.
const UNREADABLE_AND_KEPT: &[u8] = b"unreadable and kept";
/// The member that says that a task is kept.
pub(super) const KEPT: &str = "kept";
/// The texts and the numbers of a message, each with its number.
const TEXTS: [(u64, &str); 6] =
    [(3, "id"), (1, "type"), (4, "queue"), (7, "error_msg"), (10, "unique_key"), (14, "group_key")];
const NUMBERS: [(u64, &str); 7] = [
    (5, "retry"),
    (6, "retried"),
    (8, "timeout"),
    (9, "deadline"),
    (11, "last_failed_at"),
    (12, "retention"),
    (13, "completed_at"),
];
/// The numbers of the payload and of one header.
const PAYLOAD: u64 = 2;
const HEADER: u64 = 15;
/// The members that are not in the message.
const PENDING_SINCE: &str = "pending_since";
const HEADERS: &str = "headers";

/// A message, taken apart.
#[derive(Debug, Default)]
struct Message<'m> {
    texts: [&'m [u8]; TEXTS.len()],
    numbers: [i64; NUMBERS.len()],
    payload: &'m [u8],
    headers: Vec<[&'m [u8]; 2]>,
}

/// One field of a protocol buffer.
enum Value<'m> {
    /// A number, of the wire type 0.
    Number(u64),
    /// Bytes, of the wire type 2.
    Bytes(&'m [u8]),
    /// A number of four or eight bytes, which these messages do not have.
    Other,
}

/// Takes one number of variable length.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_bytes<'m>(bytes: &mut &'m [u8], len: usize) -> Option<&'m [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

/// Takes one field: its number and its value.
fn take_field<'m>(bytes: &mut &'m [u8]) -> Option<(u64, Value<'m>)> {
    let tag = take_number(bytes)?;
    let value = match tag & 7 {
        0 => Value::Number(take_number(bytes)?),
        2 => {
            let len = usize::try_from(take_number(bytes)?).ok()?;
            Value::Bytes(take_bytes(bytes, len)?)
        }
        1 => take_bytes(bytes, 8).map(|_| Value::Other)?,
        5 => take_bytes(bytes, 4).map(|_| Value::Other)?,
        _ => return None,
    };
    Some((tag >> 3, value))
}

/// Takes a message apart; `None` if it is damaged. The last one of several values of a field counts.
fn parse(mut bytes: &[u8]) -> Option<Message<'_>> {
    let mut message = Message::default();
    while !bytes.is_empty() {
        match take_field(&mut bytes)? {
            (PAYLOAD, Value::Bytes(payload)) => message.payload = payload,
            (HEADER, Value::Bytes(entry)) => message.headers.push(parse_header(entry)?),
            (number, Value::Bytes(text)) => {
                if let Some(at) = TEXTS.iter().position(|(own, _)| *own == number) {
                    message.texts[at] = text;
                }
            }
            (number, Value::Number(value)) => {
                if let Some(at) = NUMBERS.iter().position(|(own, _)| *own == number) {
                    message.numbers[at] = value.cast_signed();
                }
            }
            (_, Value::Other) => {}
        }
    }
    Some(message)
}

fn parse_header(mut entry: &[u8]) -> Option<[&[u8]; 2]> {
    let mut pair = [&[][..]; 2];
    while !entry.is_empty() {
        match take_field(&mut entry)? {
            (1, Value::Bytes(name)) => pair[0] = name,
            (2, Value::Bytes(value)) => pair[1] = value,
            _ => {}
        }
    }
    Some(pair)
}

/// Writes tasks as text. It serves any number of tasks.
#[derive(Debug)]
pub(super) struct AsynqText {
    scanner: Scanner,
    /// No path: a payload only has to be valid.
    paths: Paths,
}

impl Default for AsynqText {
    fn default() -> Self {
        Self { scanner: Scanner::default(), paths: Paths::new([]).0 }
    }
}

impl AsynqText {
    /// Writes a task as one JSON object. `fields` has the values of [`ASYNQ_FIELDS`]. The result is empty, which stands for
    /// a missing message, if there is no message.
    pub(super) fn of(&mut self, keys: &AsynqKeys, fields: &[Option<&[u8]>; ASYNQ_FIELDS.len()]) -> Vec<u8> {
        let [Some(message), state, pending_since, _] = *fields else { return Vec::new() };
        let is_kept = state != Some(keys.state().as_bytes());
        let mut json = Vec::with_capacity(message.len().min(TASK_MAX) + 512);
        if !self.write(message, pending_since, is_kept, &mut json) {
            return if is_kept { UNREADABLE_AND_KEPT } else { UNREADABLE }.to_vec();
        }
        json
    }

    /// Writes a task without what its state says, and returns whether a filter that asks for nothing else can be decided by
    /// that alone. `json` is empty. Everything that is in the message is written: it is one field.
    pub(super) fn skim(&mut self, fields: &[Option<&[u8]>; ASYNQ_FIELDS.len()], json: &mut Vec<u8>) -> bool {
        let [Some(message), _, pending_since, _] = *fields else { return false };
        self.write(message, pending_since, false, json)
    }

    /// Writes a task, and returns whether it could be read.
    fn write(
        &mut self,
        message: &[u8],
        pending_since: Option<&[u8]>,
        is_kept: bool,
        json: &mut Vec<u8>,
    ) -> bool {
        let read = Some(message).filter(|message| message.len() <= TASK_MAX).and_then(parse);
        let Some(read) = read else { return false };
        let texts = TEXTS.iter().zip(read.texts);
        for ((_, name), text) in texts {
            begin_member(name, json);
            string(text, json);
        }
        for ((_, name), number) in NUMBERS.iter().zip(read.numbers) {
            begin_member(name, json);
            integer(number, json);
        }
        begin_member(HEADERS, json);
        json.push(b'{');
        for (at, [name, value]) in read.headers.iter().enumerate() {
            if at > 0 {
                json.push(b',');
            }
            string(name, json);
            json.push(b':');
            string(value, json);
        }
        json.push(b'}');
        if let Some(ns) = pending_since.and_then(|ns| std::str::from_utf8(ns).ok()?.parse::<i64>().ok()) {
            begin_member(PENDING_SINCE, json);
            integer(ns / 1_000_000, json);
        }
        if is_kept {
            begin_member(KEPT, json);
            json.push(b'1');
        }
        let payload = if read.payload.is_empty() { b"null" } else { read.payload };
        // Anything else could contain the beginning of another member.
        if self.scanner.scan(payload, &self.paths, &mut []) {
            begin_member(PAYLOAD_MEMBER, json);
            json.extend_from_slice(payload);
        }
        json.push(b'}');
        true
    }
}

/// Returns the bit of the field of the hash that has a member of the text; `None` for one that says what the state is.
pub(super) fn skimmed(name: &[u8]) -> Option<u32> {
    // Everything else is in the message.
    (name != KEPT.as_bytes()).then(|| 1 | bit(&ASYNQ_FIELDS, name))
}

/// The member that has the payload.
const PAYLOAD_MEMBER: &str = "payload";

fn begin_member(name: &str, json: &mut Vec<u8>) {
    json.push(if json.is_empty() { b'{' } else { b',' });
    string(name.as_bytes(), json);
    json.push(b':');
}

/// The format; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asynq;

/// A task whose payload is JSON.
const READ: usize = 0;
/// A task with another payload.
const OTHER: usize = 1;

/// The position of the payload in [`Format::own_paths`].
const PAYLOAD_AT: usize = 0;

impl Format for Asynq {
    fn own_paths(&self) -> Vec<Path> {
        vec![keys(&[PAYLOAD_MEMBER])]
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let name = match field.source {
            Source::Size => return same(Part::Size, Vec::new()),
            Source::Undecodable => return same(Part::Undecodable, Vec::new()),
            Source::Arrival(_) => return same(Part::Untold, Vec::new()),
            Source::Args | Source::Kwargs => return in_payload(&keys(&[PAYLOAD_MEMBER]), field),
            Source::Task("task") => "type",
            Source::Task("id") => "id",
            Source::Task("enqueued") => PENDING_SINCE,
            Source::Task("retries") => "retried",
            Source::Task("group") => "group_key",
            Source::Delivery("routing_key") => "queue",
            Source::Headers => {
                let name = field.path.first().map(|name| &**name);
                return match name {
                    Some(PAYLOAD_MEMBER) => in_payload(&[], field),
                    None => same(Part::Envelope, inside(&[], field)),
                    Some(name) if is_member(name) => same(Part::Envelope, inside(&[], field)),
                    // The hash may have the field or not.
                    _ => same(Part::Untold, Vec::new()),
                };
            }
            // The score of a scheduled task says when it is due.
            Source::Task("eta") => return same(Part::Untold, Vec::new()),
            // Tasks do not have the other fields.
            Source::Task(_) | Source::Delivery(_) | Source::Properties => {
                return same(Part::Envelope, Vec::new());
            }
        };
        same(Part::Envelope, vec![keys(&[name])])
    }

    fn variant(&self, own: Own<'_>) -> usize {
        if own.get(PAYLOAD_AT).is_some() { READ } else { OTHER }
    }

    fn task<'m>(&self, _: Own<'m>) -> Option<&'m [u8]> {
        None
    }

    fn open_body(&self, _: Own<'_>, _: &mut Opened) -> bool {
        false
    }
}

fn is_member(name: &str) -> bool {
    let texts = TEXTS.iter().chain(&NUMBERS).map(|(_, name)| *name);
    texts.chain([HEADERS, PENDING_SINCE, KEPT]).any(|own| own == name)
}

/// Returns the places of a part of the payload, after these names. It is withheld where the payload is not JSON.
fn in_payload(before: &[Segment], field: &Field) -> FieldPlaces {
    let mut places = same(Part::Envelope, inside(before, field));
    places[OTHER] = FieldPlace::withheld();
    places
}

#[cfg(test)]
mod tests;
