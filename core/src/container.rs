//! The kinds of storage that a command or a job can be about: the member `container` of replies, and the
//! options that each kind accepts.

use crate::kind::MessageKind;
use crate::priorities::Priority;
use crate::reply::Reply;

/// A kind of storage for waiting messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// One list.
    List,
    /// Several priority lists as the one queue that workers see.
    Lists,
    /// kombu's hash of unacknowledged messages, with its index.
    Unacked,
    /// A sorted set of messages, such as Sidekiq's `retry`, `schedule` and `dead`, Laravel's delayed jobs, and
    /// Huey's schedule.
    SortedSet,
    /// A list of ids, whose messages are in a hash or in hashes of their own, such as the queues of Dramatiq and RQ.
    ListOfIds,
    /// A sorted set of ids, whose messages are elsewhere as well, such as the failed jobs of RQ and BullMQ.
    SetOfIds,
}

impl Container {
    /// Returns the container of a command or of a job.
    ///
    /// `known` is the container if the keys are not lists. `priority` is the value of PRIORITY. `exists` says
    /// whether a key held messages when the command was accepted. Returns `None` if neither the request nor a
    /// key determines the container: the key is missing, and may later hold any type.
    #[must_use]
    pub fn of(known: Option<Self>, priority: Option<Priority>, exists: bool) -> Option<Self> {
        match priority {
            _ if known.is_some() => known,
            Some(Priority::All) => Some(Self::Lists),
            Some(Priority::Step(_)) => Some(Self::List),
            None => exists.then_some(Self::List),
        }
    }

    /// Returns the row of the container.
    #[must_use]
    pub fn spec(self) -> &'static ContainerSpec {
        match self {
            Self::List => &LIST,
            Self::Lists => &LISTS,
            Self::Unacked => &UNACKED,
            Self::SortedSet => &SORTED_SET,
            Self::ListOfIds => &LIST_OF_IDS,
            Self::SetOfIds => &SET_OF_IDS,
        }
    }

    /// Returns the word in `container`.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.spec().word
    }
}

/// An option of commands that some containers refuse. All other options are accepted by all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerOption {
    /// AS with this kind of messages.
    As(MessageKind),
    /// PRIORITY.
    Priority,
    /// INDEX.
    Index,
    /// PARK.
    Park,
    /// TO.
    To,
    /// FRONT.
    Front,
    /// BY.
    By,
    /// KEEP NEWEST.
    KeepNewest,
    /// EXPECT.
    Expect,
}

impl ContainerOption {
    /// The keyword as documented.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::As(MessageKind::Celery | MessageKind::Unacked) => "AS celery",
            Self::As(MessageKind::Sidekiq) => "AS sidekiq",
            Self::As(MessageKind::Resque) => "AS resque",
            Self::As(MessageKind::Laravel) => "AS laravel",
            Self::As(MessageKind::Taskiq) => "AS taskiq",
            Self::As(MessageKind::Huey) => "AS huey",
            Self::As(MessageKind::Dramatiq) => "AS dramatiq",
            Self::As(MessageKind::Rq) => "AS rq",
            Self::As(MessageKind::BullMq) => "AS bullmq",
            Self::As(MessageKind::Bull) => "AS bull",
            Self::As(MessageKind::Asynq) => "AS asynq",
            Self::As(MessageKind::Saq) => "AS saq",
            Self::As(MessageKind::Ids) => "AS ids",
            Self::Priority => "PRIORITY",
            Self::Index => "INDEX",
            Self::Park => "PARK",
            Self::To => "TO",
            Self::Front => "FRONT",
            Self::By => "BY",
            Self::KeepNewest => "KEEP NEWEST",
            Self::Expect => "EXPECT",
        }
    }
}

/// The names of a container and the options that it accepts.
#[derive(Debug)]
pub struct ContainerSpec {
    /// The value of the member `container`.
    pub word: &'static str,
    /// The options that it accepts, among those that some containers refuse.
    options: &'static [ContainerOption],
    /// The name of its messages in errors about options.
    pub messages: &'static str,
    /// The notice of a job whose key now holds something else.
    pub replaced: &'static str,
}

impl ContainerSpec {
    /// Returns the first of the given options that the container refuses.
    pub fn refused(&self, given: impl IntoIterator<Item = ContainerOption>) -> Option<ContainerOption> {
        given.into_iter().find(|option| !self.options.contains(option))
    }
}

const LIST_REPLACED: &str = "the key no longer holds a list: the queue was replaced";

static LIST: ContainerSpec = ContainerSpec {
    word: "list",
    options: &[
        ContainerOption::As(MessageKind::Celery),
        ContainerOption::As(MessageKind::Sidekiq),
        ContainerOption::As(MessageKind::Resque),
        ContainerOption::As(MessageKind::Laravel),
        ContainerOption::As(MessageKind::Taskiq),
        ContainerOption::As(MessageKind::Huey),
        ContainerOption::As(MessageKind::Ids),
        ContainerOption::Priority,
        ContainerOption::Park,
        ContainerOption::To,
        ContainerOption::Front,
        ContainerOption::By,
        ContainerOption::KeepNewest,
        ContainerOption::Expect,
    ],
    messages: "a list",
    replaced: LIST_REPLACED,
};

/// Only kombu keeps one list for each step.
static LISTS: ContainerSpec = ContainerSpec {
    word: "lists",
    options: &[
        ContainerOption::As(MessageKind::Celery),
        ContainerOption::Priority,
        ContainerOption::By,
        ContainerOption::KeepNewest,
        ContainerOption::Expect,
    ],
    messages: "a queue with priorities",
    replaced: LIST_REPLACED,
};

/// The hash has no ends, and its index is walked once.
static UNACKED: ContainerSpec = ContainerSpec {
    word: "unacked",
    options: &[ContainerOption::As(MessageKind::Celery), ContainerOption::Index],
    messages: "unacknowledged messages",
    replaced: "hash or index hold something else: they were replaced",
};

/// The score decides which message runs next, so there is no end that messages could be moved to.
static SORTED_SET: ContainerSpec = ContainerSpec {
    word: "sorted_set",
    options: &[
        ContainerOption::As(MessageKind::Sidekiq),
        ContainerOption::As(MessageKind::Laravel),
        ContainerOption::As(MessageKind::Huey),
        ContainerOption::Park,
        ContainerOption::To,
        ContainerOption::By,
        ContainerOption::Expect,
    ],
    messages: "a sorted set",
    replaced: "the key no longer holds a sorted set: it was replaced",
};

/// A message is removed together with its id. To move it, both keys would have to change in two places at once. An id
/// can stand twice in the list, so what is kept can depend on what is removed.
static LIST_OF_IDS: ContainerSpec = ContainerSpec {
    word: "list_of_ids",
    options: &[
        ContainerOption::As(MessageKind::Dramatiq),
        ContainerOption::As(MessageKind::Rq),
        ContainerOption::As(MessageKind::BullMq),
        ContainerOption::As(MessageKind::Bull),
        ContainerOption::As(MessageKind::Asynq),
        ContainerOption::As(MessageKind::Saq),
        ContainerOption::Expect,
    ],
    messages: "a list of ids",
    replaced: "the list of ids or the hash of its messages holds something else: they were replaced",
};

/// A sorted set has each id once, so what is kept never shares a message with what is removed.
static SET_OF_IDS: ContainerSpec = ContainerSpec {
    word: "sorted_set_of_ids",
    options: &[
        ContainerOption::As(MessageKind::Dramatiq),
        ContainerOption::As(MessageKind::Rq),
        ContainerOption::As(MessageKind::BullMq),
        ContainerOption::As(MessageKind::Bull),
        ContainerOption::As(MessageKind::Asynq),
        ContainerOption::By,
        ContainerOption::Expect,
    ],
    messages: "a sorted set of ids",
    replaced: "the sorted set of ids or the hash of their messages holds something else: they were replaced",
};

impl From<Container> for Reply {
    fn from(container: Container) -> Self {
        container.word().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_refuses_options_in_given_order() {
        use ContainerOption::{As, By, Index, Priority, To};
        let refused = |container: Container, given: &[ContainerOption]| {
            container.spec().refused(given.iter().copied()).map(ContainerOption::keyword)
        };
        assert_eq!(refused(Container::Unacked, &[]), None);
        assert_eq!(refused(Container::Unacked, &[As(MessageKind::Celery), Index]), None);
        assert_eq!(refused(Container::Unacked, &[Index, By, To]), Some("BY"));
        assert_eq!(refused(Container::Unacked, &[As(MessageKind::Resque), Priority]), Some("AS resque"));
        assert_eq!(refused(Container::Lists, &[As(MessageKind::Ids)]), Some("AS ids"));
        assert_eq!(refused(Container::List, &[To, Index]), Some("INDEX"));
    }

    #[test]
    fn container_follows_from_request_or_key_only() {
        let [unacked, sorted] = [Some(Container::Unacked), Some(Container::SortedSet)];
        let [all, step] = [Some(Priority::All), Some(Priority::Step(3))];
        for (known, priority, exists, word) in [
            (unacked, None, true, Some("unacked")),
            (sorted, None, true, Some("sorted_set")),
            // INDEX was given, and the hash is missing.
            (unacked, None, false, Some("unacked")),
            (None, all, true, Some("lists")),
            (None, all, false, Some("lists")),
            (None, step, true, Some("list")),
            (None, step, false, Some("list")),
            (None, None, true, Some("list")),
            (None, None, false, None),
        ] {
            let container = Container::of(known, priority, exists);
            assert_eq!(container.map(Container::word), word, "{known:?} {priority:?} {exists}");
        }
    }
}
