//! The values of a job's members: as STATUS shows them, and as the hash holds them that outlives the process.

use crate::container::Container;
use crate::error::EndReason;
use crate::excerpt::excerpt;
use crate::filter::words;
use crate::priorities::Priority;
use crate::reply::{MapBuilder, Reply};

use super::groups::Groups;
use super::members::Member;
use super::view::View;
use super::{Job, JobKind, JobStatus};

/// Bytes of a filter's text that a record keeps, in the keyspace and in memory; the rest of a longer text is
/// represented by its digest ([`crate::excerpt`]). STATUS of a live job shows the whole text. About a hundred
/// UUIDs fit.
pub const FILTER_KEPT_MAX: usize = 4_096;

/// Members that records of earlier versions hold under another name, with that name. A server of an earlier
/// version may have written the record before an upgrade, so both names are read; if both are there, the name
/// of today is taken.
const RENAMED: [(Member, &str); 1] = [(Member::IndexKey, "index")];

/// One value for each [`Member`]. Members that no record holds ([`Member::is_recorded`]) are null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record(Box<[Reply; Member::COUNT]>);

impl Job {
    /// Returns the record that is kept, in which a long filter is cut to [`FILTER_KEPT_MAX`] bytes.
    pub fn record(&mut self) -> Record {
        self.advance_progress();
        let view = View::new(self);
        Record(Box::new(Member::ALL.map(|member| member.compute(&view))))
    }

    /// Returns the record as STATUS shows it while the job is live, with the whole text of the filter.
    pub fn live_record(&mut self) -> Record {
        let mut record = self.record();
        let filter = &self.start().filter;
        if !filter.is_all() {
            record.set(Member::Filter, Reply::Text(filter.canonical()));
        }
        record
    }
}

impl Record {
    /// The value of a member.
    #[must_use]
    pub fn get(&self, member: Member) -> &Reply {
        &self.0[member as usize]
    }

    /// The value of a member as an integer; 0 where it is null.
    #[must_use]
    pub fn int(&self, member: Member) -> i64 {
        if let Reply::Int(n) = self.get(member) { *n } else { 0 }
    }

    /// The value of a member as bytes; empty where it is null.
    #[must_use]
    pub fn text(&self, member: Member) -> &[u8] {
        if let Reply::Text(bytes) = self.get(member) { bytes } else { b"" }
    }

    /// Whether a flag is set.
    #[must_use]
    pub fn flag(&self, member: Member) -> bool {
        self.int(member) == 1
    }

    /// Whether the value of a member is null.
    #[must_use]
    pub fn is_null(&self, member: Member) -> bool {
        *self.get(member) == Reply::Null
    }

    /// The status of the job; `interrupted` where the record has none that this version knows.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        JobStatus::parse(self.text(Member::Status)).unwrap_or(JobStatus::Interrupted)
    }

    /// The options that the job was started with, as users type them.
    #[must_use]
    pub fn options(&self) -> String {
        let mut options = Vec::new();
        if self.flag(Member::DryRun) {
            options.push("DRYRUN".to_owned());
        }
        let priority = String::from_utf8_lossy(self.text(Member::Priority));
        if !priority.is_empty() {
            options.push(format!("PRIORITY {}", priority.to_ascii_uppercase()));
        }
        // A clear counts inexact matches only with INEXACT.
        if self.text(Member::Kind) == JobKind::Clear.as_str().as_bytes() && !self.is_null(Member::Inexact) {
            options.push("INEXACT".to_owned());
        }
        if self.text(Member::Keep) == b"newest" {
            options.push("KEEP NEWEST".to_owned());
        }
        let by = String::from_utf8_lossy(self.text(Member::By));
        if !by.is_empty() {
            options.push(format!("BY {by}"));
        }
        for member in [Member::Limit, Member::Rate, Member::Expect, Member::Tolerance] {
            if let Reply::Int(n) = self.get(member) {
                options.push(format!("{} {n}", member.name().to_ascii_uppercase()));
            }
        }
        let undoes = self.text(Member::Undoes);
        if !undoes.is_empty() {
            options.push(format!("UNDO {}", String::from_utf8_lossy(undoes)));
        }
        let continues = self.text(Member::Continues);
        if !continues.is_empty() {
            options.push(format!("RESUME {}", String::from_utf8_lossy(continues)));
        }
        if !self.is_null(Member::To) {
            let word = if self.flag(Member::Parked) { "PARK" } else { "TO" };
            options.push(format!("{word} {}", words([self.text(Member::To)])));
            options.extend(self.flag(Member::Front).then(|| "FRONT".to_owned()));
        }
        let index_key = self.text(Member::IndexKey);
        if !index_key.is_empty() {
            options.push(format!("INDEX {}", words([index_key])));
        }
        options.join(" ")
    }

    /// Sets the value of a member.
    pub fn set(&mut self, member: Member, value: Reply) {
        self.0[member as usize] = value;
    }

    /// Notes which job undoes this one, and how many of its messages are back.
    pub fn mark_undone(&mut self, by: &[u8], undone: i64) {
        self.set(Member::UndoneBy, Reply::text(by));
        self.set(Member::Undone, Reply::Int(undone));
    }

    /// Notes which job continues this one.
    pub fn mark_continued(&mut self, by: &[u8]) {
        self.set(Member::ContinuedBy, Reply::text(by));
    }

    /// Marks a record as interrupted whose status is a live one although no such job runs any more. The job
    /// ended at the latest when the record was last updated.
    pub fn interrupt(&mut self, why: &EndReason) {
        if !self.status().has_ended() {
            self.set(Member::Status, JobStatus::Interrupted.as_str().into());
            self.set(Member::Waiting, Reply::Null);
            self.set(Member::EtaMs, Reply::Int(0));
            self.set(Member::CompletedAt, self.get(Member::UpdatedAt).clone());
            self.set(Member::Error, why.to_string().into());
        }
    }

    /// Cuts each text of the filter to at most `max` bytes.
    pub fn cut_filter(&mut self, max: usize) {
        for member in [Member::Filter, Member::FilterTask, Member::FilterRepoid, Member::FilterCommitid] {
            if self.text(member).len() > max {
                self.set(member, Reply::Text(excerpt(self.text(member), max)));
            }
        }
    }

    /// The size of its texts, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Reply::bytes).sum()
    }

    /// Appends these members to a map, in this order.
    #[must_use]
    pub fn append_to(&self, map: MapBuilder, members: &[Member]) -> MapBuilder {
        members.iter().fold(map, |map, member| map.with(member.name(), self.get(*member).clone()))
    }

    /// The map of JOBS: the members that records hold.
    #[must_use]
    pub fn row(&self) -> Reply {
        let members: Vec<Member> = Member::recorded().collect();
        self.append_to(Reply::map(), &members).build()
    }

    /// The map of STATUS: all members.
    #[must_use]
    pub fn show(mut self, sample: Reply, groups: Groups, ages: Reply) -> Reply {
        self.set(Member::Sample, sample);
        self.set(Member::Groups, groups.groups);
        self.set(Member::Other, groups.other);
        self.set(Member::GroupsTotal, groups.total);
        self.set(Member::Ages, ages);
        self.append_to(Reply::map(), &Member::ALL).build()
    }

    /// The fields and values of the hash. The value of a member that is null is empty.
    pub fn hash_fields(&self) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        Member::recorded().map(|member| {
            let bytes = match self.get(member) {
                Reply::Int(n) => n.to_string().into_bytes(),
                Reply::Text(bytes) => bytes.clone(),
                _ => Vec::new(),
            };
            (member.name(), bytes)
        })
    }

    /// The container of a job whose record was written before records named it. If the job met no message,
    /// nothing says whether its queue was a list.
    fn container_of_earlier_version(&self) -> Option<Container> {
        let priority = Priority::parse(self.text(Member::Priority)).ok();
        let known = (!self.text(Member::IndexKey).is_empty()).then_some(Container::Unacked);
        Container::of(known, priority, self.int(Member::TotalEstimated) > 0)
    }

    /// Reads a hash back, also one that an earlier version of the module wrote. `None` if it is not the
    /// record of a job.
    #[must_use]
    pub fn from_hash<'a>(get: impl Fn(&str) -> Option<&'a [u8]>) -> Option<Self> {
        JobStatus::parse(get(Member::Status.name())?)?;
        uuid::Uuid::try_parse_ascii(get(Member::JobId.name())?).ok()?;
        let mut record = Self(Box::new(Member::ALL.map(|member| {
            let earlier =
                || RENAMED.iter().find(|(today, _)| *today == member).and_then(|(_, name)| get(name));
            member.read(get(member.name()).or_else(earlier))
        })));
        if get(Member::Container.name()).is_none() {
            record.set(Member::Container, record.container_of_earlier_version().into());
        }
        Some(record)
    }
}

#[cfg(test)]
impl Record {
    /// The id of the records of [`Self::of_fields`].
    pub(crate) const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

    /// A record as a hash holds it, with these fields, the others where these do not name them, and an id.
    pub(crate) fn of_fields(fields: &[(&str, &str)], others: &[(&str, &str)]) -> Self {
        let all = [("job_id", Self::ID), ("status", "completed")];
        let get = |name: &str| {
            let mut given = fields.iter().chain(others).chain(&all);
            given.find(|(of, _)| *of == name).map(|(_, value)| value.as_bytes())
        };
        Self::from_hash(get).expect("it is a record")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, &str)]) -> Record {
        Record::of_fields(fields, &[])
    }

    #[test]
    fn renamed_field_is_read_by_both_names_new_name_first() {
        for (fields, index_key) in [
            (&[("index_key", "today")][..], &b"today"[..]),
            (&[("index", "earlier")], b"earlier"),
            (&[("index", "earlier"), ("index_key", "today")], b"today"),
            // The name of today is there and says that the queue is a list.
            (&[("index", "earlier"), ("index_key", "")], b""),
            (&[], b""),
        ] {
            let record = record(fields);
            assert_eq!(record.text(Member::IndexKey), index_key, "{fields:?}");
            let option = String::from_utf8_lossy(index_key);
            assert_eq!(record.options().strip_prefix("INDEX ").unwrap_or_default(), option, "{fields:?}");
        }
    }

    #[test]
    fn container_of_old_record_is_derived() {
        for (fields, container) in [
            (&[("index", "unacked_index")][..], &b"unacked"[..]),
            (&[("index_key", "unacked_index"), ("total_estimated", "0")], b"unacked"),
            (&[("priority", "all"), ("total_estimated", "7")], b"lists"),
            (&[("priority", "3"), ("total_estimated", "7")], b"list"),
            (&[("priority", ""), ("total_estimated", "7")], b"list"),
            (&[("total_estimated", "0")], b""),
            (&[], b""),
            // A record that names its container is believed, also if no key existed and if a later version
            // wrote it.
            (&[("container", "lists"), ("index_key", "unacked_index")], b"lists"),
            (&[("container", ""), ("total_estimated", "7")], b""),
            (&[("container", "zset")], b"zset"),
        ] {
            assert_eq!(record(fields).text(Member::Container), container, "{fields:?}");
        }
    }
}
