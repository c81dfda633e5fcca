//! Jobs of RQ (Redis Queue). A job is a hash; [`rq_message`] writes its fields as one JSON object, which is what a
//! filter examines and what the fingerprints of a unit are of.
//!
//! ```text
//! {"id":"job-a","status":"queued","origin":"uploads","created_at":"2026-11-28T12:26:32.098942Z",
//!  "enqueued_at":"2026-11-28T12:26:32.099438Z","timeout":180,"description":"jobs.upload(147107, kind='full')",
//!  "group_id":null,"dependents":0,"other_queue":0,"other_status":0,"data":"eJxrYJ2yjgEAB5kCOQ=="}
//! ```
//!
//! `data` is the field of this name in base64: zlib of `[function, instance, args, kwargs]`, pickled or as JSON. RQ reads
//! data that is not compressed as well. `dependents` says whether other jobs wait for this one, which is in another key,
//! and `other_queue` whether `origin` is another queue than that in which the id stands. `other_status` says whether
//! `status` is another one than that of the jobs in this list or registry. A field that is too large is null, and is named by
//! the member [`unread`](super::unread).
//!
//! # What is kept
//! A job on which other jobs depend, because they would wait for ever; a job whose status is not the one of the list or
//! registry in which its id stands, because it was taken from there; a job of another queue, because its id stands there,
//! too; and a job whose id is too large to read.
//!
//! Source: `Job.to_dict` and `Job.restore` in rq/job.py and rq/serializers.py, RQ 3.0.0, and recorded jobs
//! (core/src/format/rq.jsonl).

use super::body::Compression;
use super::unread::{Unread, bit, read_from_hash};
use super::written::{is_number, string};
use super::{ARRAY, FieldPlace, FieldPlaces, Format, OBJECT, Opened, Own, Part, inside, keys, same};
use crate::field::{Field, Source};
use crate::json::{Path, Segment, Shape, inner, is_ascii};

/// The fields of a job's hash that are read, with `data` first: a hash without it is not a job.
pub(super) const RQ_FIELDS: [&str; 12] = [
    "data",
    "status",
    "origin",
    "created_at",
    "enqueued_at",
    "timeout",
    "ttl",
    "number_of_retries",
    "retries_left",
    "description",
    "group_id",
    "rate_limit_key",
];
/// Those of them that are numbers.
const NUMBERS: [&str; 4] = ["timeout", "ttl", "number_of_retries", "retries_left"];
/// The longest `data`, in bytes, that is read; with a longer one it would be unreadable, however it was compressed.
const DATA_MAX: usize = 1024 * 1024;
/// The most bytes of each other field that are read, and of the id of a job that is read.
const OTHERS_MAX: usize = 64 * 1024;
/// What a job with a longer id is read as. It is not a JSON object, so nothing is known of it, and it is kept.
const TOO_LARGE: &[u8] = b"too large";
/// The members that are not fields of the hash.
const ID: &str = "id";
const DEPENDENTS: &str = "dependents";
const OTHER_QUEUE: &str = "other_queue";
const OTHER_STATUS: &str = "other_status";
/// Those of them that are 0 or 1: with a 1, the job is kept.
pub(super) const FLAGS: [&str; 3] = [DEPENDENTS, OTHER_QUEUE, OTHER_STATUS];
/// The positions of `status` and `origin` in [`RQ_FIELDS`].
const STATUS: usize = 1;
const ORIGIN: usize = 2;

/// Where a job stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct RqPlace<'a> {
    /// Its id.
    pub(super) id: &'a [u8],
    /// The name of the queue in whose list or registry the id stands.
    pub(super) queue: &'a [u8],
    /// The status of the jobs whose ids stand there.
    pub(super) status: &'a str,
    /// Other jobs wait for it.
    pub(super) has_dependents: bool,
}

/// Writes a job as one JSON object. `fields` has the values of [`RQ_FIELDS`]. The result is empty, which stands for a
/// missing message, if there is no field `data`: RQ does not read such a hash either.
pub(super) fn rq_message(place: &RqPlace<'_>, fields: &[Option<&[u8]>; RQ_FIELDS.len()]) -> Vec<u8> {
    let [Some(data), others @ ..] = fields else { return Vec::new() };
    if place.id.len() > OTHERS_MAX {
        return TOO_LARGE.to_vec();
    }
    let mut unread = Unread::default();
    let mut json = Vec::with_capacity(data.len().min(DATA_MAX) * 4 / 3 + 512);
    write_id(place.id, &mut json);
    for (name, value) in RQ_FIELDS[1..].iter().zip(others) {
        write_field(name, *value, &mut unread, &mut json);
    }
    let flags = [
        (DEPENDENTS, place.has_dependents),
        (OTHER_QUEUE, fields[ORIGIN].is_none_or(|origin| origin != place.queue)),
        (OTHER_STATUS, fields[STATUS].is_none_or(|status| status != place.status.as_bytes())),
    ];
    for (name, flag) in flags {
        begin_member(name, &mut json);
        json.push(if flag { b'1' } else { b'0' });
    }
    write_data(data, &mut unread, &mut json);
    unread.write(&mut json);
    json.push(b'}');
    json
}

/// Writes the data and these other fields of a job, and returns whether a filter that asks for nothing else can be decided
/// by them alone. `json` is empty. A field that is not to be read is `None` in `fields`.
pub(super) fn skim(id: &[u8], fields: &[Option<&[u8]>; RQ_FIELDS.len()], json: &mut Vec<u8>) -> bool {
    let [Some(data), others @ ..] = fields else { return false };
    if id.len() > OTHERS_MAX {
        return false;
    }
    let mut unread = Unread::default();
    write_id(id, json);
    for (name, value) in RQ_FIELDS[1..].iter().zip(others).filter(|(_, value)| value.is_some()) {
        write_field(name, *value, &mut unread, json);
    }
    write_data(data, &mut unread, json);
    unread.write(json);
    json.push(b'}');
    true
}

/// Returns the bit of a field by its name; `None` for a member of the text that is made from several of them.
pub(super) fn skimmed(name: &[u8]) -> Option<u32> {
    (!FLAGS.iter().any(|flag| flag.as_bytes() == name)).then(|| bit(&RQ_FIELDS, name))
}

fn begin_member(name: &str, json: &mut Vec<u8>) {
    json.extend_from_slice(b",\"");
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
}

fn write_id(id: &[u8], json: &mut Vec<u8>) {
    json.extend_from_slice(b"{\"id\":");
    string(id, json);
}

/// Writes a field other than the data.
fn write_field(name: &str, value: Option<&[u8]>, unread: &mut Unread, json: &mut Vec<u8>) {
    begin_member(name, json);
    match value {
        // RQ writes an empty text for what it does not have.
        None | Some([]) => json.extend_from_slice(b"null"),
        Some(long) if long.len() > OTHERS_MAX => {
            unread.add(name, long);
            json.extend_from_slice(b"null");
        }
        Some(number) if NUMBERS.contains(&name) && is_number(number) => json.extend_from_slice(number),
        Some(text) => string(text, json),
    }
}

/// Writes the data in base64.
fn write_data(data: &[u8], unread: &mut Unread, json: &mut Vec<u8>) {
    begin_member(RQ_FIELDS[0], json);
    if data.len() > DATA_MAX {
        unread.add(RQ_FIELDS[0], data);
        return json.extend_from_slice(b"null");
    }
    json.push(b'"');
    let (at, len) = (json.len(), base64_simd::STANDARD.encoded_length(data.len()));
    json.resize(at + len, 0);
    let _: &mut [u8] = base64_simd::STANDARD.encode(data, base64_simd::Out::from_slice(&mut json[at..]));
    json.push(b'"');
}

/// The format; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rq;

/// The position of the data in [`Format::own_paths`].
const DATA: usize = 0;

impl Format for Rq {
    fn own_paths(&self) -> Vec<Path> {
        vec![keys(&[RQ_FIELDS[0]])]
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let name = match field.source {
            Source::Size => return same(Part::Size, Vec::new()),
            Source::Undecodable => return same(Part::Undecodable, Vec::new()),
            Source::Arrival(_) => return same(Part::Untold, Vec::new()),
            Source::Task("task") => return in_data(vec![vec![Segment::index(0)]]),
            Source::Args => return in_data(inside(&[Segment::index(2)], field)),
            Source::Kwargs => return in_data(inside(&[Segment::index(3)], field)),
            Source::Task("id") => ID,
            Source::Task("enqueued") => "enqueued_at",
            Source::Task("retries") => "number_of_retries",
            Source::Task("group") => "group_id",
            Source::Delivery("routing_key") => "origin",
            Source::Headers => {
                let name = field.path.first().map(|name| &**name);
                let is_read = |name: &str| name == ID || FLAGS.contains(&name) || RQ_FIELDS.contains(&name);
                return match name.is_none_or(is_read) {
                    true => read_from_hash(inside(&[], field)),
                    // The hash may have the field or not.
                    false => same(Part::Untold, Vec::new()),
                };
            }
            // Jobs of RQ do not have the other fields.
            Source::Task(_) | Source::Delivery(_) | Source::Properties => {
                return same(Part::Envelope, Vec::new());
            }
        };
        read_from_hash(vec![keys(&[name])])
    }

    fn variant(&self, _: Own<'_>) -> usize {
        0
    }

    fn task<'m>(&self, _: Own<'m>) -> Option<&'m [u8]> {
        None
    }

    fn takes_object(&self, _: usize, _: bool) -> bool {
        false
    }

    fn body_header(&self) -> Option<&'static str> {
        Some(RQ_FIELDS[0])
    }

    fn can_be_pickled(&self) -> bool {
        true
    }

    fn open_body(&self, own: Own<'_>, opened: &mut Opened) -> bool {
        let Some(raw) = own.get(DATA).filter(|raw| Shape::of(raw) == Shape::Text) else { return false };
        let Opened { text, inflater, .. } = &mut *opened;
        if base64_simd::STANDARD.decode_append(inner(raw), text).is_err() {
            return false;
        }
        // This byte begins neither a pickle nor JSON.
        if text.first() == Some(&ZLIB) && !Compression::Zlib.undo(text, inflater) {
            return false;
        }
        match text.first() {
            Some(&PICKLE) => opened.unpickle(),
            Some(_) => is_ascii(text) || std::str::from_utf8(text).is_ok(),
            None => false,
        }
    }
}

/// The first byte of a stream of zlib with the usual window, which Python writes.
const ZLIB: u8 = b'x';
/// The first opcode of a pickle of protocol 2 and later.
const PICKLE: u8 = 0x80;

/// Returns these places in `data`, which is an array.
fn in_data(paths: Vec<Path>) -> FieldPlaces {
    let mut body = <[Vec<Path>; 2]>::default();
    (body[OBJECT], body[ARRAY]) = (Vec::new(), paths);
    std::array::from_fn(|_| FieldPlace { part: Part::Body, envelope: Vec::new(), body: body.clone() })
}

#[cfg(test)]
mod tests;
