//! What happens to jobs, as messages to those who listen.

use super::Record;
use crate::reply::Reply;

/// The pub/sub channel of all events of a server.
pub const CHANNEL: &str = "qadmin:events";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It was accepted.
    Start,
    /// It examined some more.
    Progress,
    /// It was told to stand still.
    Paused,
    /// It was told to go on.
    Resumed,
    /// It ended; `status` says how.
    End,
}

impl Happening {
    /// The word in `event`.
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

/// The members of STATUS that an event repeats, behind `event` and `time`. Neither who started the job nor why, nor
/// its filter: whoever listens to a channel needs no right on the queue.
pub const EVENT_FIELDS: [&str; 20] = [
    "job_id",
    "kind",
    "status",
    "waiting",
    "queue",
    "db",
    "mode",
    "dry_run",
    "started_at",
    "total_estimated",
    "queue_depth",
    "processed",
    "matched",
    "deleted",
    "would_delete",
    "drifted",
    "progress",
    "eta_ms",
    "per_second",
    "error",
];

/// One event as one line of JSON.
#[must_use]
pub fn event(what: Happening, record: &Record, now_ms: i64) -> Vec<u8> {
    let members = EVENT_FIELDS.iter().map(|name| ((*name).into(), record.get(name).clone()));
    let head = [("event".into(), Reply::from(what.as_str())), ("time".into(), Reply::Int(now_ms))];
    Reply::Map(head.into_iter().chain(members).collect()).to_json()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::FIELDS;

    #[test]
    fn an_event_repeats_members_of_the_status_and_none_that_tells_of_users_or_messages() {
        for name in EVENT_FIELDS {
            assert!(FIELDS.iter().any(|(field, _)| *field == name), "{name} is a member of STATUS");
        }
        for private in ["user", "actor", "client", "reason", "filter", "filter_task", "sample"] {
            assert!(!EVENT_FIELDS.contains(&private), "{private}");
        }
    }
}
