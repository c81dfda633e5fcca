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

/// Reads matches and finds what they leave elsewhere.
#[derive(Debug)]
pub(crate) enum Leavings {
    /// Of Sidekiq and Resque.
    Ruby(Members),
    /// Of Laravel: a reader of the locks, the batch and the chain.
    Laravel(Box<Reader>),
    /// Of Huey: a reader of the task that follows.
    Huey(Box<Reader>),
}

/// Reads members of envelopes.
#[derive(Debug)]
pub(crate) struct Members {
    scanner: Scanner,
    paths: Paths,
    slots: Vec<usize>,
    spans: Vec<Option<Span>>,
}

impl Leavings {
    /// Creates a reader for messages of a kind, which reads pickles or does not; `None` if messages of this kind name
    /// nothing that a clear leaves.
    pub(crate) fn of(kind: MessageKind, reads_pickle: bool) -> Option<Self> {
        let reader = |names: &[&str]| {
            let fields = names.iter().filter_map(|name| Field::parse(name.as_bytes()).ok());
            let fields: Vec<Field> = fields.collect();
            Box::new(Reader::new(kind, &fields).learning().pickle(reads_pickle))
        };
        match kind {
            MessageKind::Sidekiq | MessageKind::Resque | MessageKind::Dramatiq => {
                let members = LOCKS.iter().chain(&BATCHES).chain(&PIPELINES).chain(&CALLBACKS);
                let members = members.map(|names| keys(names));
                let (paths, slots) = Paths::new(members.collect::<Vec<_>>().iter());
                let spans = vec![None; paths.slots()];
                Some(Self::Ruby(Members { scanner: Scanner::default(), paths, slots, spans }))
            }
            MessageKind::Laravel => {
                let names = LARAVEL_LOCKS.into_iter().chain([LARAVEL_BATCH, LARAVEL_CHAIN]);
                Some(Self::Laravel(reader(&names.collect::<Vec<_>>())))
            }
            MessageKind::Huey => Some(Self::Huey(reader(&[HUEY_PIPELINE]))),
            MessageKind::Celery
            | MessageKind::Taskiq
            | MessageKind::Rq
            | MessageKind::BullMq
            | MessageKind::Bull
            | MessageKind::Asynq
            | MessageKind::Ids
            | MessageKind::Unacked => None,
        }
    }

    /// Returns what this message leaves elsewhere.
    pub(crate) fn examine(&mut self, message: &[u8]) -> LeftBehind {
        match self {
            Self::Ruby(members) => members.examine(message),
            Self::Laravel(reader) => {
                // Without its body, the envelope can still name a batch.
                open(reader, message);
                let is = |at: usize| has(reader, at, message);
                let batch = LARAVEL_LOCKS.len();
                LeftBehind {
                    lock: (0..batch).any(is),
                    batch: is(batch),
                    chain: is(batch + 1),
                    ..LeftBehind::default()
                }
            }
            Self::Huey(reader) => {
                open(reader, message);
                LeftBehind { pipeline: has(reader, 0, message), ..LeftBehind::default() }
            }
        }
    }

    /// Returns the work for the last message beyond reading its own bytes, in steps.
    pub(crate) fn work(&self) -> usize {
        match self {
            Self::Ruby(_) => 0,
            Self::Laravel(reader) | Self::Huey(reader) => reader.decoded(),
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

/// Reads a message, and its body if it can be read.
fn open(reader: &mut Reader, message: &[u8]) {
    if reader.envelope(message) {
        reader.open_body(message);
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

    #[test]
    fn locks_and_batches_are_seen_where_their_libraries_write_them() {
        let mut sidekiq = Leavings::of(MessageKind::Sidekiq, true).expect("some");
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
        assert!(Leavings::of(MessageKind::Celery, true).is_none());
    }

    #[test]
    fn pipelines_and_callbacks_of_groups_are_seen() {
        let mut dramatiq = Leavings::of(MessageKind::Dramatiq, true).expect("some");
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
