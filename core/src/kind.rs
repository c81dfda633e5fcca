//! The kinds of messages that are understood, a row each: what writes them, and from which end its workers take
//! them. Where the fields stand in their bytes is the business of a format (see `format`).

use crate::error::{Error, RequestError};
use crate::queue::End;

/// What writes the messages of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MessageKind {
    /// Celery over kombu's Redis transport.
    #[default]
    Celery,
    /// Sidekiq, and ActiveJob on it.
    Sidekiq,
    /// Resque, and ActiveJob on it.
    Resque,
    /// No messages: ids of jobs that are kept elsewhere (see [`crate::ids`]). Read as Celery's, so that nothing is known of
    /// them but their bytes and that they are no JSON objects.
    Ids,
    /// Celery's messages that workers hold, as kombu keeps them in a hash. The type of the key tells it; there is no
    /// word for it behind AS.
    Unacked,
}

/// A kind as users see it.
#[derive(Debug, Clone, Copy)]
pub struct KindSpec {
    /// The kind.
    pub kind: MessageKind,
    /// Its name behind AS.
    pub name: &'static str,
    /// The end that its workers pop from: what is there runs next.
    pub consumer_end: End,
    /// The fields of a sample row for which none were asked.
    pub sample: &'static [&'static [u8]],
}

/// The fields of a sample row of Celery's messages for which none were asked.
pub const DEFAULT_FIELDS: &[&[u8]] =
    &[b"task", b"id", b"repoid", b"commitid", b"ownerid", b"pullid", b"retries", b"eta", b"redelivered"];

/// What is shown of a job that has nothing but positional arguments.
const POSITIONAL: &[&[u8]] = &[b"task", b"id", b"args.0", b"args.1", b"args.2", b"args.3", b"retries"];

/// Every kind; the first is what a message is taken for where nothing else is said.
pub const KINDS: [KindSpec; 4] = [
    KindSpec { kind: MessageKind::Celery, name: "celery", consumer_end: End::Tail, sample: DEFAULT_FIELDS },
    KindSpec { kind: MessageKind::Sidekiq, name: "sidekiq", consumer_end: End::Tail, sample: POSITIONAL },
    KindSpec { kind: MessageKind::Resque, name: "resque", consumer_end: End::Head, sample: POSITIONAL },
    // Which end runs next depends on the library: from the tail it is as good as from the head.
    KindSpec { kind: MessageKind::Ids, name: "ids", consumer_end: End::Tail, sample: &[b"undecodable"] },
];

/// What Celery's messages are where workers hold them. There is no end that runs next.
static UNACKED: KindSpec = KindSpec {
    kind: MessageKind::Unacked,
    name: "celery",
    consumer_end: End::Tail,
    sample: &[
        b"task",
        b"id",
        b"repoid",
        b"commitid",
        b"ownerid",
        b"pullid",
        b"retries",
        b"eta",
        b"redelivered",
        b"routing_key",
    ],
};

/// The names of [`KINDS`], in their order.
pub const NAMES: &[&str] = &[KINDS[0].name, KINDS[1].name, KINDS[2].name, KINDS[3].name];
/// Those of them that messages may be taken for where a command does not say: ids are meant only where somebody says so.
pub const MESSAGE_NAMES: &[&str] = &[KINDS[0].name, KINDS[1].name, KINDS[2].name];

impl MessageKind {
    /// Its row.
    #[must_use]
    pub fn spec(self) -> &'static KindSpec {
        match self {
            Self::Celery => &KINDS[0],
            Self::Sidekiq => &KINDS[1],
            Self::Resque => &KINDS[2],
            Self::Ids => &KINDS[3],
            Self::Unacked => &UNACKED,
        }
    }

    /// Reads the name behind AS, in any case.
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
