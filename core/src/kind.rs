//! The message kinds, one row each: the library that writes them, and the end from which its workers pop. A format
//! knows where the fields are in their bytes (see `format`).

use crate::error::{Error, RequestError};
use crate::message_place::{MessagePlace, Score};
use crate::queue::End;

/// The library that writes the messages of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MessageKind {
    /// Celery over kombu's Redis transport.
    #[default]
    Celery,
    /// Sidekiq, and ActiveJob on it.
    Sidekiq,
    /// Resque, and ActiveJob on it.
    Resque,
    /// Laravel's queues on Redis.
    Laravel,
    /// Taskiq's lists, which its `ListQueueBroker` writes.
    Taskiq,
    /// Huey's lists, which hold pickles.
    Huey,
    /// Dramatiq. Its lists hold ids, and the messages are the fields of a hash.
    Dramatiq,
    /// RQ (Redis Queue). Its lists hold ids, and each job is a hash of its own.
    Rq,
    /// BullMQ. Its lists hold ids, and each job is a hash of its own.
    BullMq,
    /// Bull, the predecessor of BullMQ, whose jobs are stored alike.
    Bull,
    /// Asynq. Its lists hold ids, and each task is a hash of its own.
    Asynq,
    /// SAQ. Its lists hold ids, and each job is a string of its own.
    Saq,
    /// Not messages, but ids of jobs that are stored elsewhere (see [`crate::ids`]). They are read as Celery's
    /// messages, so that nothing is known of them but their bytes and that they are not JSON objects.
    Ids,
    /// Celery's unacknowledged messages, as kombu stores them in a hash. The type of the key determines it; AS has
    /// no word for it.
    Unacked,
}

/// A message kind as users see it.
#[derive(Debug, Clone, Copy)]
pub struct KindSpec {
    /// The kind.
    pub kind: MessageKind,
    /// Its name after AS.
    pub name: &'static str,
    /// The consumer end: the message there runs next.
    pub consumer_end: End,
    /// The fields of a sample row if none were requested.
    pub sample: &'static [&'static [u8]],
    /// Where the message of an element of a list is.
    pub place: MessagePlace,
    /// Where only certain names say which keys hold the messages: these names.
    pub names: Option<&'static str>,
}

/// The fields of a sample row of Celery's messages if none were requested.
pub const DEFAULT_FIELDS: &[&[u8]] = &[b"task", b"id", b"args", b"kwargs", b"retries", b"eta"];

/// The fields that are shown of a job that has only positional arguments.
const POSITIONAL: &[&[u8]] = &[b"task", b"id", b"args.0", b"args.1", b"args.2", b"args.3", b"retries"];

/// The fields that are shown of a job of Laravel, whose arguments have names of their own.
const NAMED: &[&[u8]] = &[b"task", b"id", b"retries", b"enqueued", b"group"];

/// The fields that are shown of a job of BullMQ or Bull.
const BULL: &[&[u8]] = &[b"task", b"id", b"kwargs", b"retries", b"priority", b"enqueued"];

/// The keys of ids of Asynq.
const ASYNQ_NAMES: &str = "lists asynq:{<queue>}:pending, and sorted sets asynq:{<queue>}:scheduled, :retry, :archived and \
                           :completed";

/// The keys of ids of SAQ.
const SAQ_NAMES: &str = "lists saq:<queue>:queued, and not those that end in :active, whose jobs run";

/// How the names of Huey's queues begin. With priorities such a queue is a sorted set.
const HUEY_QUEUE: &[u8] = b"huey.redis.";

/// The keys of RQ's ids.
const RQ_NAMES: &str = "lists <prefix>:queue:<name>, except those that end in :intermediate, whose jobs are held by \
                        workers, and sorted sets <prefix>:scheduled:<name>, :deferred:, :failed:, :finished: and :canceled:";

/// The keys of ids of BullMQ and Bull.
const BULL_NAMES: &str = "lists <prefix>:<name>:wait, :paused and :active, and sorted sets <prefix>:<name>:prioritized, \
                          :delayed, :failed, :completed and :waiting-children";

/// Every kind. The first one is the default.
pub const KINDS: [KindSpec; 13] = [
    KindSpec {
        kind: MessageKind::Celery,
        name: "celery",
        consumer_end: End::Tail,
        sample: DEFAULT_FIELDS,
        place: MessagePlace::Element,
        names: None,
    },
    KindSpec {
        kind: MessageKind::Sidekiq,
        name: "sidekiq",
        consumer_end: End::Tail,
        sample: POSITIONAL,
        place: MessagePlace::Element,
        names: None,
    },
    KindSpec {
        kind: MessageKind::Resque,
        name: "resque",
        consumer_end: End::Head,
        sample: POSITIONAL,
        place: MessagePlace::Element,
        names: None,
    },
    KindSpec {
        kind: MessageKind::Laravel,
        name: "laravel",
        consumer_end: End::Head,
        sample: NAMED,
        place: MessagePlace::Element,
        names: None,
    },
    KindSpec {
        kind: MessageKind::Taskiq,
        name: "taskiq",
        consumer_end: End::Tail,
        sample: &[b"task", b"id", b"args", b"kwargs", b"retries"],
        place: MessagePlace::Element,
        names: None,
    },
    KindSpec {
        kind: MessageKind::Huey,
        name: "huey",
        consumer_end: End::Tail,
        sample: &[b"task", b"id", b"args", b"kwargs", b"retries", b"eta"],
        place: MessagePlace::Element,
        names: None,
    },
    KindSpec {
        kind: MessageKind::Dramatiq,
        name: "dramatiq",
        consumer_end: End::Head,
        sample: &[b"task", b"id", b"args", b"kwargs", b"retries", b"eta", b"enqueued"],
        place: MessagePlace::FieldOf(".msgs"),
        names: None,
    },
    KindSpec {
        kind: MessageKind::Rq,
        name: "rq",
        consumer_end: End::Head,
        sample: &[b"task", b"id", b"args", b"kwargs", b"enqueued", b"headers.description"],
        place: MessagePlace::JobOfRq,
        names: Some(RQ_NAMES),
    },
    KindSpec {
        kind: MessageKind::BullMq,
        name: "bullmq",
        consumer_end: End::Tail,
        sample: BULL,
        place: MessagePlace::JobOfBull,
        names: Some(BULL_NAMES),
    },
    KindSpec {
        kind: MessageKind::Bull,
        name: "bull",
        consumer_end: End::Tail,
        sample: BULL,
        place: MessagePlace::JobOfBull,
        names: Some(BULL_NAMES),
    },
    KindSpec {
        kind: MessageKind::Asynq,
        name: "asynq",
        consumer_end: End::Tail,
        sample: &[b"task", b"id", b"kwargs", b"retries", b"enqueued"],
        place: MessagePlace::TaskOfAsynq,
        names: Some(ASYNQ_NAMES),
    },
    KindSpec {
        kind: MessageKind::Saq,
        name: "saq",
        consumer_end: End::Head,
        sample: &[b"task", b"id", b"kwargs", b"retries", b"enqueued"],
        place: MessagePlace::JobOfSaq,
        names: Some(SAQ_NAMES),
    },
    // Which end runs next depends on the library, so the tail is as good as the head.
    KindSpec {
        kind: MessageKind::Ids,
        name: "ids",
        consumer_end: End::Tail,
        sample: &[b"undecodable"],
        place: MessagePlace::Element,
        names: None,
    },
];

/// Celery's messages while they are unacknowledged. There is no end that runs next.
static UNACKED: KindSpec = KindSpec {
    kind: MessageKind::Unacked,
    name: "celery",
    consumer_end: End::Tail,
    sample: &[b"task", b"id", b"args", b"kwargs", b"retries", b"eta", b"redelivered", b"routing_key"],
    place: MessagePlace::Element,
    names: None,
};

/// The names of [`KINDS`], in their order.
pub const NAMES: &[&str] = &[
    KINDS[0].name,
    KINDS[1].name,
    KINDS[2].name,
    KINDS[3].name,
    KINDS[4].name,
    KINDS[5].name,
    KINDS[6].name,
    KINDS[7].name,
    KINDS[8].name,
    KINDS[9].name,
    KINDS[10].name,
    KINDS[11].name,
    KINDS[12].name,
];
/// The kinds that can be expected by default: those whose messages are the elements of a list. Ids are meant only
/// if the command says so.
pub const MESSAGE_NAMES: &[&str] =
    &[KINDS[0].name, KINDS[1].name, KINDS[2].name, KINDS[3].name, KINDS[4].name, KINDS[5].name];

impl MessageKind {
    /// Returns its row.
    #[must_use]
    pub fn spec(self) -> &'static KindSpec {
        match self {
            Self::Celery => &KINDS[0],
            Self::Sidekiq => &KINDS[1],
            Self::Resque => &KINDS[2],
            Self::Laravel => &KINDS[3],
            Self::Taskiq => &KINDS[4],
            Self::Huey => &KINDS[5],
            Self::Dramatiq => &KINDS[6],
            Self::Rq => &KINDS[7],
            Self::BullMq => &KINDS[8],
            Self::Bull => &KINDS[9],
            Self::Asynq => &KINDS[10],
            Self::Saq => &KINDS[11],
            Self::Ids => &KINDS[12],
            Self::Unacked => &UNACKED,
        }
    }

    /// Returns what the scores of this sorted set mean.
    #[must_use]
    pub fn score_of(self, set: &[u8]) -> Score {
        match self {
            // The negative priority: `RedisPriorityQueue.enqueue` in huey/storage.py of Huey 3.5.4.
            Self::Huey if set.starts_with(HUEY_QUEUE) => Score::Other,
            _ => self.spec().place.score_of(set),
        }
    }

    /// Reads the name after AS, in any case.
    ///
    /// # Errors
    /// [`RequestError::UnknownChoice`].
    pub fn parse(name: &[u8]) -> Result<Self, Error> {
        KINDS
            .iter()
            .find(|row| name.eq_ignore_ascii_case(row.name.as_bytes()))
            .map(|row| row.kind)
            .ok_or_else(|| {
                Error::Request(RequestError::UnknownChoice {
                    keyword: "AS",
                    choices: NAMES,
                    got: name.to_vec(),
                })
            })
    }
}
