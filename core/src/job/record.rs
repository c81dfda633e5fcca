//! A job as STATUS shows it, and as the hash that outlives the process holds it.

use crate::container::Container;
use crate::error::EndReason;
use crate::excerpt::excerpt;
use crate::filter::words;
use crate::priorities::Priority;
use crate::reply::Reply;

use super::{Kind, Status};

/// Bytes of a filter's text that a record keeps, in the keyspace and in memory: the rest of a longer one is told by its
/// digest ([`crate::excerpt`]). STATUS of a live job shows it whole. About a hundred UUIDs fit.
pub const FILTER_KEPT_MAX: usize = 4_096;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// An integer, or absent.
    Int,
    /// Bytes, or absent where they are empty.
    Text,
    /// Bytes that may be empty and are never absent.
    Name,
}

/// The members of STATUS in their documented order; `sample` stands behind `error`.
pub const FIELDS: [(&str, FieldKind); 71] = [
    ("job_id", FieldKind::Name),
    ("kind", FieldKind::Name),
    ("status", FieldKind::Name),
    ("waiting", FieldKind::Text),
    ("queue", FieldKind::Name),
    ("db", FieldKind::Int),
    ("mode", FieldKind::Name),
    ("dry_run", FieldKind::Int),
    ("keep_one", FieldKind::Int),
    ("filter", FieldKind::Name),
    ("filter_task", FieldKind::Text),
    ("filter_repoid", FieldKind::Text),
    ("filter_commitid", FieldKind::Text),
    ("user", FieldKind::Text),
    ("actor", FieldKind::Text),
    ("client", FieldKind::Text),
    ("reason", FieldKind::Text),
    ("started_at", FieldKind::Int),
    ("updated_at", FieldKind::Int),
    ("completed_at", FieldKind::Int),
    ("total_estimated", FieldKind::Int),
    ("queue_depth", FieldKind::Int),
    ("processed", FieldKind::Int),
    ("matched", FieldKind::Int),
    ("deleted", FieldKind::Int),
    ("would_delete", FieldKind::Int),
    ("kept_index", FieldKind::Int),
    ("drifted", FieldKind::Int),
    ("arrived", FieldKind::Int),
    ("undecodable", FieldKind::Int),
    ("unreadable", FieldKind::Int),
    ("matched_bytes", FieldKind::Int),
    ("passes_run", FieldKind::Int),
    ("examined_total", FieldKind::Int),
    ("notice", FieldKind::Text),
    ("progress", FieldKind::Int),
    ("eta_ms", FieldKind::Int),
    ("per_second", FieldKind::Int),
    ("slices", FieldKind::Int),
    ("slice_p99_us", FieldKind::Int),
    ("slice_max_us", FieldKind::Int),
    ("seek_max_us", FieldKind::Int),
    ("main_thread_us", FieldKind::Int),
    ("cancel_requested", FieldKind::Int),
    ("error", FieldKind::Text),
    ("in_chord", FieldKind::Int),
    ("in_group", FieldKind::Int),
    ("with_eta", FieldKind::Int),
    ("redelivered", FieldKind::Int),
    ("keep", FieldKind::Text),
    ("by", FieldKind::Text),
    ("limit", FieldKind::Int),
    ("rate", FieldKind::Int),
    ("expect", FieldKind::Int),
    ("tolerance", FieldKind::Int),
    ("counted", FieldKind::Int),
    ("distinct", FieldKind::Int),
    ("undistinguished", FieldKind::Int),
    ("to", FieldKind::Text),
    ("front", FieldKind::Int),
    ("message_kind", FieldKind::Text),
    ("inexact", FieldKind::Int),
    ("priority", FieldKind::Text),
    ("kept_priority", FieldKind::Int),
    ("index_key", FieldKind::Text),
    ("duty", FieldKind::Int),
    ("parked", FieldKind::Int),
    ("undoes", FieldKind::Text),
    ("undone_by", FieldKind::Text),
    ("undone", FieldKind::Int),
    ("container", FieldKind::Text),
];

/// Fields that records of earlier versions hold under another name: the name of today and the earlier one. Servers of an
/// earlier version may have written the record before an upgrade, so both names are read; the name of today goes first.
const RENAMED: [(&str, &str); 1] = [("index_key", "index")];

/// The values of [`FIELDS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record(Vec<Reply>);

impl Record {
    /// Values in the order of [`FIELDS`].
    pub(super) fn new(values: Vec<Reply>) -> Self {
        debug_assert_eq!(values.len(), FIELDS.len());
        Self(values)
    }

    /// One value.
    #[must_use]
    pub fn get(&self, name: &str) -> &Reply {
        FIELDS
            .iter()
            .position(|(field, _)| *field == name)
            .and_then(|at| self.0.get(at))
            .unwrap_or(&Reply::Null)
    }

    /// One value as an integer; 0 where it is absent.
    #[must_use]
    pub fn int(&self, name: &str) -> i64 {
        if let Reply::Int(n) = self.get(name) { *n } else { 0 }
    }

    /// One value as bytes; empty where it is absent.
    #[must_use]
    pub fn text(&self, name: &str) -> &[u8] {
        if let Reply::Text(bytes) = self.get(name) { bytes } else { b"" }
    }

    /// Where the job stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::parse(self.text("status")).unwrap_or(Status::Interrupted)
    }

    /// The options that the job was started with, as they are typed.
    #[must_use]
    pub fn options(&self) -> String {
        let mut options = Vec::new();
        if self.int("dry_run") == 1 {
            options.push("DRYRUN".to_owned());
        }
        let priority = String::from_utf8_lossy(self.text("priority"));
        if !priority.is_empty() {
            options.push(format!("PRIORITY {}", priority.to_ascii_uppercase()));
        }
        // A clear counts it where it was allowed.
        if self.text("kind") == Kind::Clear.as_str().as_bytes() && *self.get("inexact") != Reply::Null {
            options.push("INEXACT".to_owned());
        }
        if self.text("keep") == b"newest" {
            options.push("KEEP NEWEST".to_owned());
        }
        let by = String::from_utf8_lossy(self.text("by"));
        if !by.is_empty() {
            options.push(format!("BY {by}"));
        }
        for name in ["limit", "rate", "expect", "tolerance"] {
            if let Reply::Int(n) = self.get(name) {
                options.push(format!("{} {n}", name.to_ascii_uppercase()));
            }
        }
        let undoes = self.text("undoes");
        if !undoes.is_empty() {
            options.push(format!("UNDO {}", String::from_utf8_lossy(undoes)));
        }
        let to = self.text("to");
        if *self.get("to") != Reply::Null {
            let word = if self.int("parked") == 1 { "PARK" } else { "TO" };
            options.push(format!("{word} {}", words([to])));
            options.extend((self.int("front") == 1).then(|| "FRONT".to_owned()));
        }
        let index_key = self.text("index_key");
        if !index_key.is_empty() {
            options.push(format!("INDEX {}", words([index_key])));
        }
        options.join(" ")
    }

    /// Sets one value.
    pub fn set(&mut self, name: &str, value: Reply) {
        if let Some(at) = FIELDS.iter().position(|(field, _)| *field == name) {
            self.0[at] = value;
        }
    }

    /// Notes which job undoes this one, and how many of its messages are back.
    pub fn mark_undone(&mut self, by: &[u8], undone: i64) {
        self.set("undone_by", Reply::Text(by.to_vec()));
        self.set("undone", Reply::Int(undone));
    }

    /// A record that says it runs although nothing runs any more. Its last sign of life was its end.
    pub fn interrupt(&mut self, why: &EndReason) {
        if !self.status().has_ended() {
            self.set("status", Reply::Text(Status::Interrupted.as_str().into()));
            self.set("waiting", Reply::Null);
            self.set("eta_ms", Reply::Int(0));
            self.set("completed_at", self.get("updated_at").clone());
            self.set("error", Reply::Text(why.to_string().into()));
        }
    }

    /// Cuts the texts of the filter to at most `max` bytes each.
    pub fn cut_filter(&mut self, max: usize) {
        for name in ["filter", "filter_task", "filter_repoid", "filter_commitid"] {
            if self.text(name).len() > max {
                self.set(name, Reply::Text(excerpt(self.text(name), max)));
            }
        }
    }

    /// What its texts take, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Reply::bytes).sum()
    }

    /// The members in their order.
    #[must_use]
    pub fn members(&self) -> Vec<(Box<str>, Reply)> {
        FIELDS.iter().zip(&self.0).map(|((name, _), value)| ((*name).into(), value.clone())).collect()
    }

    /// Field and value of the hash; what is absent is empty.
    pub fn hash_fields(&self) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        FIELDS.iter().zip(&self.0).map(|((name, _), value)| {
            let bytes = match value {
                Reply::Int(n) => n.to_string().into_bytes(),
                Reply::Text(bytes) => bytes.clone(),
                _ => Vec::new(),
            };
            (*name, bytes)
        })
    }

    /// The container of a job whose record was written before records named it. Where the job met no message, nothing
    /// tells whether its queue was a list.
    fn container_of_earlier_version(&self) -> Option<Container> {
        let priority = Priority::parse(self.text("priority")).ok();
        Container::of(!self.text("index_key").is_empty(), priority, self.int("total_estimated") > 0)
    }

    /// Reads a hash back, also one that an earlier version of the module wrote. `None` if it is not the record of a job.
    #[must_use]
    pub fn from_hash<'a>(get: impl Fn(&str) -> Option<&'a [u8]>) -> Option<Self> {
        Status::parse(get("status")?)?;
        uuid::Uuid::try_parse_ascii(get("job_id")?).ok()?;
        let values = FIELDS.iter().map(|(name, kind)| {
            let earlier =
                || RENAMED.iter().find(|(today, _)| today == name).and_then(|(_, earlier)| get(earlier));
            let bytes = get(name).or_else(earlier).unwrap_or_default();
            match kind {
                FieldKind::Int => std::str::from_utf8(bytes)
                    .ok()
                    .and_then(|digits| digits.parse().ok())
                    .map_or(Reply::Null, Reply::Int),
                FieldKind::Text if bytes.is_empty() => Reply::Null,
                FieldKind::Text | FieldKind::Name => Reply::Text(bytes.to_vec()),
            }
        });
        let mut record = Self(values.collect());
        if get("container").is_none() {
            record.set("container", record.container_of_earlier_version().into());
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as a hash holds it, with these fields beside those that every record has.
    fn record(fields: &[(&str, &str)]) -> Record {
        let all = [("job_id", "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02"), ("status", "completed")];
        let get = |name: &str| {
            fields.iter().chain(&all).find(|(of, _)| *of == name).map(|(_, value)| value.as_bytes())
        };
        Record::from_hash(get).expect("it is a record")
    }

    #[test]
    fn a_field_that_was_renamed_is_read_under_its_earlier_name_and_the_name_of_today_goes_first() {
        for (fields, index_key) in [
            (&[("index_key", "today")][..], &b"today"[..]),
            (&[("index", "earlier")], b"earlier"),
            (&[("index", "earlier"), ("index_key", "today")], b"today"),
            // The name of today is there and says that the queue is a list.
            (&[("index", "earlier"), ("index_key", "")], b""),
            (&[], b""),
        ] {
            let record = record(fields);
            assert_eq!(record.text("index_key"), index_key, "{fields:?}");
            assert_eq!(record.get("index"), &Reply::Null, "{fields:?}");
            let option = String::from_utf8_lossy(index_key);
            assert_eq!(record.options().strip_prefix("INDEX ").unwrap_or_default(), option, "{fields:?}");
        }
    }

    #[test]
    fn a_record_that_does_not_name_its_container_tells_it_by_what_else_it_holds() {
        for (fields, container) in [
            (&[("index", "unacked_index")][..], &b"unacked"[..]),
            (&[("index_key", "unacked_index"), ("total_estimated", "0")], b"unacked"),
            (&[("priority", "all"), ("total_estimated", "7")], b"lists"),
            (&[("priority", "3"), ("total_estimated", "7")], b"list"),
            (&[("priority", ""), ("total_estimated", "7")], b"list"),
            (&[("total_estimated", "0")], b""),
            (&[], b""),
            // One that names it is taken by its word, also where nothing was there and where a later version wrote it.
            (&[("container", "lists"), ("index_key", "unacked_index")], b"lists"),
            (&[("container", ""), ("total_estimated", "7")], b""),
            (&[("container", "zset")], b"zset"),
        ] {
            assert_eq!(record(fields).text("container"), container, "{fields:?}");
        }
    }
}
