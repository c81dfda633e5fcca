//! What a job is started with.

use uuid::Uuid;

use super::clear_options::{ClearOptions, Destination};
use super::target::{JobTarget, Storage};
use crate::container::Container;
use crate::filter::{Filter, Grouping, Projection};
use crate::kind::MessageKind;
use crate::priorities::{List, Priority};
use crate::queue::End;
use crate::scan::Effect;

/// Writes the kinds of jobs and their words from one row for each.
macro_rules! job_kinds {
    ($($(#[$doc:meta])* $kind:ident $word:literal,)*) => {
        /// The command that started a job.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum JobKind {
            $($(#[$doc])* $kind,)*
        }

        impl JobKind {
            /// Returns the word in `kind`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            /// Returns the kind with this word.
            #[must_use]
            pub fn parse(word: &[u8]) -> Option<Self> {
                $(if word == $word.as_bytes() {
                    return Some(Self::$kind);
                })*
                None
            }
        }
    };
}

job_kinds! {
    /// QADMIN.PREVIEW.
    Preview "preview",
    /// QADMIN.CLEARJOB.
    Clear "clear",
    /// QADMIN.STATS.
    Stats "stats",
    /// QADMIN.UNDO.
    Undo "undo",
    /// QADMIN.SHOW, where the message is not among those that run next.
    Show "show",
}

impl JobKind {
    /// Whether a job of this kind changes nothing: it has no record, anyone who can read the queue can end
    /// it, and equal jobs are one.
    #[must_use]
    pub fn only_counts(self) -> bool {
        matches!(self, Self::Preview | Self::Stats | Self::Show)
    }

    /// Whether a job of this kind has a record in the keyspace and entries in the audit stream.
    #[must_use]
    pub fn is_recorded(self) -> bool {
        !self.only_counts()
    }
}

/// The origin of a job.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The authenticated Redis user.
    pub user: Option<Vec<u8>>,
    /// The person or service, as the calling application claims.
    pub actor: Option<Vec<u8>>,
    /// The connection: `id=7 addr=127.0.0.1:4242`.
    pub client: Option<Vec<u8>>,
    /// The reason, as the caller gives it.
    pub reason: Option<Vec<u8>>,
}

/// The interrupted clear that a job continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continued {
    /// Its id.
    pub job: Uuid,
    /// How many messages it removed, with all jobs that it continued itself.
    pub deleted: u64,
}

/// Everything that a job is started with.
#[derive(Debug)]
pub struct Start {
    /// Its id.
    pub id: Uuid,
    /// The command that started it.
    pub kind: JobKind,
    /// Logical database.
    pub db: i32,
    /// The name of the queue, which is its key unless PRIORITY says otherwise.
    pub queue: Vec<u8>,
    /// The priorities that it covers, with PRIORITY.
    pub priority: Option<Priority>,
    /// The lists that hold its messages, in the order in which workers read them, and their present lengths.
    pub lists: Vec<(List, u64)>,
    /// What the messages are read as.
    pub messages: MessageKind,
    /// The filter.
    pub filter: Filter,
    /// The fields that its sample shows.
    pub projection: Projection,
    /// The names of those fields if the caller chose them: previews with other fields are not equal.
    pub fields: Option<Vec<Vec<u8>>>,
    /// How many sample rows were requested.
    pub sample: usize,
    /// The fields by which the matches are grouped.
    pub grouping: Option<Grouping>,
    /// How many groups were requested.
    pub top: usize,
    /// What happens to a match.
    pub effect: Effect,
    /// Whether nothing is written to the queue.
    pub dry_run: bool,
    /// Whether it reads every message, whatever an index knows.
    pub reads_all: bool,
    /// The other options.
    pub clear_options: ClearOptions,
    /// What it continues, if it continues an interrupted clear.
    pub continues: Option<Continued>,
    /// The origin of the request.
    pub origin: Origin,
    /// Digest that equal requests share: of (db, queue, filter) for a preview, of all arguments for a clear.
    pub digest: [u8; 32],
    /// What kind of keys hold the messages.
    pub storage: Storage,
    /// Whether pickled bodies are read.
    pub reads_pickle: bool,
    /// Wall clock now, Unix milliseconds.
    pub now_ms: i64,
    /// Steady clock now, nanoseconds.
    pub now_ns: u64,
}

/// What is known of a job when its command is accepted, for any command.
#[derive(Debug)]
pub struct Accepted {
    /// The id of the job.
    pub id: Uuid,
    /// The messages that it covers.
    pub target: JobTarget,
    /// Digest that equal requests share.
    pub digest: [u8; 32],
    /// The authenticated Redis user, if a client asked.
    pub user: Option<Vec<u8>>,
    /// The connection, if a client asked.
    pub client: Option<Vec<u8>>,
    /// Wall clock now, Unix milliseconds.
    pub now_ms: i64,
    /// Steady clock now, nanoseconds.
    pub now_ns: u64,
}

impl Start {
    /// Returns the start of a job that counts the matches of a filter, keeps no rows of a sample and has no
    /// options. Each command sets what it does beyond that. The filter has no default, so that no command can
    /// clear a whole queue because it forgot to set one.
    #[must_use]
    pub fn counting(kind: JobKind, accepted: Accepted, filter: Filter, projection: Projection) -> Self {
        let Accepted { id, target, digest, user, client, now_ms, now_ns } = accepted;
        let JobTarget { db, queue, priority, lists, messages, storage, reads_pickle, sample_fields: _ } =
            target;
        Self {
            id,
            kind,
            db,
            queue,
            priority,
            lists,
            messages,
            filter,
            projection,
            fields: None,
            sample: 0,
            grouping: None,
            top: 0,
            effect: Effect::Count,
            dry_run: false,
            reads_all: false,
            clear_options: ClearOptions::default(),
            continues: None,
            origin: Origin { user, client, ..Origin::default() },
            digest,
            storage,
            reads_pickle,
            now_ms,
            now_ns,
        }
    }

    /// Returns the list to which matches are moved, and the end at which they are pushed.
    #[must_use]
    pub fn destination(&self) -> Option<(&Destination, End)> {
        self.clear_options.to.as_ref().map(|to| (to, to.end(self.messages.spec().consumer_end)))
    }

    /// Returns the kind of storage of its messages; `None` if the key was missing and the request does not
    /// determine it.
    #[must_use]
    pub fn container(&self) -> Option<Container> {
        Container::of(self.storage.container(), self.priority, self.lists.iter().any(|(_, len)| *len > 0))
    }

    /// Returns whether the texts of the sender in the envelope are read if a body cannot be read. A match by these
    /// texts alone counts only with [`ClearOptions::inexact`]; a job that only counts reports how many messages
    /// that concerns.
    pub(super) fn reads_texts(&self) -> bool {
        self.kind.only_counts() || self.clear_options.inexact
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A job whose command was accepted over one list of Celery messages.
    pub(in crate::job) fn accepted(id: u128, len: u64) -> Accepted {
        let queue = b"q".to_vec();
        Accepted {
            id: Uuid::from_u128(id),
            target: JobTarget {
                db: 0,
                lists: vec![(List { key: queue.clone(), step: None }, len)],
                queue,
                priority: None,
                messages: MessageKind::Celery,
                storage: Storage::Lists,
                reads_pickle: true,
                sample_fields: Vec::new(),
            },
            digest: [0; 32],
            user: None,
            client: None,
            now_ms: 0,
            now_ns: 0,
        }
    }
}
