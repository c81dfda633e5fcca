//! Events of jobs, as they are published to subscribers.

use super::members::Member;
use super::record::Record;
use crate::reply::Reply;

/// The pub/sub channel on which a server publishes all events.
pub const CHANNEL: &str = "qadmin:events";

/// An event of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEvent {
    /// The job was accepted.
    Start,
    /// The job examined more messages.
    Progress,
    /// QADMIN.PAUSE paused the job.
    Paused,
    /// QADMIN.RESUME resumed the job.
    Resumed,
    /// The job ended; `status` says how.
    End,
}

impl JobEvent {
    /// Returns the word in `event`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Progress => "progress",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::End => "end",
        }
    }
}

/// The members of STATUS that an event repeats, after `event` and `time`. The user who started the job, the reason
/// and the filter are not among them, because a subscriber to the channel needs no permission on the queue.
pub const EVENT_MEMBERS: [Member; 20] = [
    Member::JobId,
    Member::Kind,
    Member::Status,
    Member::Waiting,
    Member::Queue,
    Member::Db,
    Member::Mode,
    Member::DryRun,
    Member::StartedAt,
    Member::TotalEstimated,
    Member::QueueDepth,
    Member::Processed,
    Member::Matched,
    Member::Deleted,
    Member::WouldDelete,
    Member::Drifted,
    Member::Progress,
    Member::EtaMs,
    Member::PerSecond,
    Member::Error,
];

/// Returns an event as one line of JSON. `now_ms` is the time of the event, Unix milliseconds.
#[must_use]
pub fn event(what: JobEvent, record: &Record, now_ms: i64) -> Vec<u8> {
    let head = Reply::map().with("event", what.as_str()).with("time", now_ms);
    record.append_to(head, &EVENT_MEMBERS).build().to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_does_not_repeat_members_about_users_or_messages() {
        for private in [
            Member::User,
            Member::Actor,
            Member::Client,
            Member::Reason,
            Member::Filter,
            Member::FilterTask,
            Member::FilterRepoid,
            Member::FilterCommitid,
            Member::Sample,
            Member::Groups,
        ] {
            assert!(!EVENT_MEMBERS.contains(&private), "{private:?}");
        }
    }
}
