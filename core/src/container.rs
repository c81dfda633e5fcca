//! What kind of storage a command or a job is about: the member `container` of replies, and what each of them allows.

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
    /// kombu's hash of messages that workers hold, with its index.
    Unacked,
}

impl Container {
    /// The container of a command or of a job.
    ///
    /// `is_unacked` says that it is about a hash of messages that workers hold, `priority` which priorities were asked
    /// for, and `exists` that some key held messages when the command was accepted. `None` where neither the request nor
    /// a key tells: the key is missing, and it may come to hold anything.
    #[must_use]
    pub fn of(is_unacked: bool, priority: Option<Priority>, exists: bool) -> Option<Self> {
        match priority {
            _ if is_unacked => Some(Self::Unacked),
            Some(Priority::All) => Some(Self::Lists),
            Some(Priority::Step(_)) => Some(Self::List),
            None => exists.then_some(Self::List),
        }
    }

    /// The row of the container.
    #[must_use]
    pub fn spec(self) -> &'static ContainerSpec {
        match self {
            Self::List => &LIST,
            Self::Lists => &LISTS,
            Self::Unacked => &UNACKED,
        }
    }

    /// The word in `container`.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.spec().word
    }
}

/// An option of commands that not every container takes. All other options are taken by all of them.
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
            Self::As(MessageKind::Ids) => "AS ids",
            Self::Priority => "PRIORITY",
            Self::Index => "INDEX",
            Self::Park => "PARK",
            Self::To => "TO",
            Self::By => "BY",
            Self::KeepNewest => "KEEP NEWEST",
            Self::Expect => "EXPECT",
        }
    }
}

/// What a container is called and what it allows.
#[derive(Debug)]
pub struct ContainerSpec {
    /// The word in `container`.
    pub word: &'static str,
    /// The options that it takes, of those that not every container takes.
    options: &'static [ContainerOption],
    /// The notice of a job whose key came to hold something else.
    pub replaced: &'static str,
}

impl ContainerSpec {
    /// Returns the first of the options that were given and that the container does not take.
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
        ContainerOption::As(MessageKind::Ids),
        ContainerOption::Priority,
        ContainerOption::Park,
        ContainerOption::To,
        ContainerOption::By,
        ContainerOption::KeepNewest,
        ContainerOption::Expect,
    ],
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
    replaced: LIST_REPLACED,
};

/// The hash has no ends, and its index is walked once.
static UNACKED: ContainerSpec = ContainerSpec {
    word: "unacked",
    options: &[ContainerOption::As(MessageKind::Celery), ContainerOption::Index],
    replaced: "hash or index hold something else: they were replaced",
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
    fn what_a_container_does_not_take_is_refused_in_the_order_in_which_it_was_given() {
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
    fn a_container_is_known_from_the_request_or_from_the_key_and_else_not() {
        let [all, step] = [Some(Priority::All), Some(Priority::Step(3))];
        for (is_unacked, priority, exists, word) in [
            (true, None, true, Some("unacked")),
            // INDEX was given, and the hash is missing.
            (true, None, false, Some("unacked")),
            (false, all, true, Some("lists")),
            (false, all, false, Some("lists")),
            (false, step, true, Some("list")),
            (false, step, false, Some("list")),
            (false, None, true, Some("list")),
            (false, None, false, None),
        ] {
            let container = Container::of(is_unacked, priority, exists);
            assert_eq!(container.map(Container::word), word, "{is_unacked} {priority:?} {exists}");
        }
    }
}
