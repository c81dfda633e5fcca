//! What a removed message leaves elsewhere: locks, batches and chains that it names.

use crate::field::Field;
use crate::json::{Paths, Scanner, Shape, Span};
use crate::kind::MessageKind;
use crate::match_notices::LeftBehind;

use super::{FieldValue, Reader, keys};

/// Members that name a lock. The gem sidekiq-unique-jobs writes `lock_digest` and, before version 7,
/// `unique_digest`; Sidekiq Enterprise writes `unique_for`.
const LOCKS: [&[&str]; 3] = [&["lock_digest"], &["unique_digest"], &["unique_for"]];
/// Members that name a batch: `bid` of Sidekiq Pro, and `data.batchId` of Laravel (as of 12.51), whose messages can be
/// read as Resque's.
const BATCHES: [&[&str]; 2] = [&["bid"], &["data", "batchId"]];

/// What the same is in Laravel's messages. Only Laravel 13 says for certain that a job holds a lock, by
/// `uniqueLockOwner`. The other two are properties that only unique jobs have (`Illuminate/Bus/UniqueLock.php`, 12.67);
/// a job that implements them as methods shows nothing.
const LARAVEL_LOCKS: [&str; 3] = ["kwargs.uniqueLockOwner", "kwargs.uniqueFor", "kwargs.uniqueId"];
const LARAVEL_BATCH: &str = "group";
/// The jobs that are to follow this one, as a list of serialized objects.
const LARAVEL_CHAIN: &str = "kwargs.chained";

/// The message of the task that follows in a pipeline of Huey (`Task.then` in huey/api.py, 3.5.4).
const HUEY_PIPELINE: &str = "headers.on_complete";

/// Members that name the rest of a pipeline, and the completion callbacks of a group (Dramatiq 2.2.1:
/// `pipeline.__init__` and `group.run` in dramatiq/composition.py).
const PIPELINES: [&[&str]; 1] = [&["options", "pipe_target"]];
const CALLBACKS: [&[&str]; 1] = [&["options", "group_completion_uuid"]];

/// Finds what matches leave elsewhere.
#[derive(Debug, Clone)]
pub(crate) enum Leavings {
    /// Of Sidekiq, Resque and Dramatiq: members of the envelope.
    Members(Box<Members>),
    /// Of Laravel: fields that name locks, a batch and a chain.
    Laravel,
    /// Of Huey: a field that names the task that follows.
    Huey,
}

/// Reads members of envelopes.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    scanner: Scanner,
    paths: Paths,
    slots: Vec<usize>,
    spans: Vec<Option<Span>>,
}

impl Leavings {
    /// Returns what finds it in messages of a kind; `None` if messages of this kind name nothing that a clear leaves.
    pub(crate) fn of(kind: MessageKind) -> Option<Self> {
        match kind {
            MessageKind::Sidekiq | MessageKind::Resque | MessageKind::Dramatiq => {
                let members = LOCKS.iter().chain(&BATCHES).chain(&PIPELINES).chain(&CALLBACKS);
                let members = members.map(|names| keys(names));
                let (paths, slots) = Paths::new(members.collect::<Vec<_>>().iter());
                let spans = vec![None; paths.slots()];
                Some(Self::Members(Box::new(Members { scanner: Scanner::default(), paths, slots, spans })))
            }
            MessageKind::Laravel => Some(Self::Laravel),
            MessageKind::Huey => Some(Self::Huey),
            MessageKind::Celery
            | MessageKind::Taskiq
            | MessageKind::Rq
            | MessageKind::BullMq
            | MessageKind::Bull
            | MessageKind::Asynq
            | MessageKind::Saq
            | MessageKind::Ids
            | MessageKind::Unacked => None,
        }
    }

    /// Returns the fields that tell it. They are read with all other fields of a message, because opening a body
    /// can be most of the work for it.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let named =
            |names: &[&str]| names.iter().filter_map(|name| Field::parse(name.as_bytes()).ok()).collect();
        match self {
            Self::Members(_) => Vec::new(),
            Self::Laravel => named(&[&LARAVEL_LOCKS[..], &[LARAVEL_BATCH, LARAVEL_CHAIN]].concat()),
            Self::Huey => named(&[HUEY_PIPELINE]),
        }
    }

    /// Returns what the last message of a reader leaves elsewhere. `first` is the position of the first one of
    /// [`Leavings::fields`]. Without its body, the envelope can still name a batch.
    pub(crate) fn examine(&mut self, reader: &Reader, first: usize, message: &[u8]) -> LeftBehind {
        let is = |at: usize| has(reader, first + at, message);
        match self {
            Self::Members(members) => members.examine(message),
            Self::Laravel => {
                let batch = LARAVEL_LOCKS.len();
                LeftBehind {
                    lock: (0..batch).any(is),
                    batch: is(batch),
                    chain: is(batch + 1),
                    ..LeftBehind::default()
                }
            }
            Self::Huey => LeftBehind { pipeline: is(0), ..LeftBehind::default() },
        }
    }
}

impl Members {
    fn examine(&mut self, message: &[u8]) -> LeftBehind {
        if !self.scanner.scan(message, &self.paths, &mut self.spans) {
            return LeftBehind::default();
        }
        let names = |at: usize| self.spans[self.slots[at]].map(|span| span.of(message)).is_some_and(is_set);
        let batches = LOCKS.len()..LOCKS.len() + BATCHES.len();
        let pipelines = batches.end..batches.end + PIPELINES.len();
        let callbacks = pipelines.end..pipelines.end + CALLBACKS.len();
        LeftBehind {
            lock: (0..batches.start).any(names),
            batch: batches.clone().any(names),
            chain: false,
            pipeline: pipelines.clone().any(names),
            callback: callbacks.clone().any(names),
        }
    }
}

/// Returns whether a field of the last message is known to have a value.
fn has(reader: &Reader, at: usize, message: &[u8]) -> bool {
    match reader.get(at, message) {
        FieldValue::Value(raw) => is_set(raw),
        FieldValue::Partial(_) => true,
        FieldValue::Number(_) | FieldValue::Absent | FieldValue::Unknown => false,
    }
}

/// Returns whether a value is neither null nor false nor empty.
fn is_set(raw: &[u8]) -> bool {
    Shape::of(raw) != Shape::Null && ![&b"false"[..], b"\"\"", b"[]", b"{}"].contains(&raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(kind: MessageKind) -> Members {
        let Some(Leavings::Members(members)) = Leavings::of(kind) else { unreachable!("it has members") };
        *members
    }

    #[test]
    fn locks_and_batches_are_seen_where_their_libraries_write_them() {
        let mut sidekiq = members(MessageKind::Sidekiq);
        let mut examine = |message: &str| {
            let LeftBehind { lock, batch, .. } = sidekiq.examine(message.as_bytes());
            (lock, batch)
        };
        assert_eq!(examine(r#"{"class":"A","args":[],"lock_digest":"uniquejobs:ab"}"#), (true, false));
        assert_eq!(examine(r#"{"class":"A","args":[],"unique_digest":"ab","bid":"b-1"}"#), (true, true));
        assert_eq!(examine(r#"{"class":"A","args":[],"unique_for":600}"#), (true, false));
        assert_eq!(examine(r#"{"job":"J","data":{"batchId":"9d0f"}}"#), (false, true));
        for nothing in [
            r#"{"class":"A","args":["lock_digest"],"lock_digest":null,"unique_for":false,"bid":""}"#,
            r#"{"data":{"batchId":null}}"#,
            "junk",
        ] {
            assert_eq!(examine(nothing), (false, false), "{nothing}");
        }
        assert!(Leavings::of(MessageKind::Celery).is_none());
    }

    #[test]
    fn pipelines_and_callbacks_of_groups_are_seen() {
        let mut dramatiq = members(MessageKind::Dramatiq);
        let mut examine = |options: &str| {
            let message = format!(r#"{{"actor_name":"a","args":[],"kwargs":{{}},"options":{options}}}"#);
            let left = dramatiq.examine(message.as_bytes());
            (left.pipeline, left.callback)
        };
        assert_eq!(examine(r#"{"pipe_target":{"actor_name":"b"}}"#), (true, false));
        assert_eq!(
            examine(r#"{"group_completion_uuid":"u","group_completion_callbacks":[]}"#),
            (false, true)
        );
        assert_eq!(examine(r#"{"pipe_target":null,"redis_message_id":"1"}"#), (false, false));
    }
}
