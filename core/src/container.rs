//! What kind of storage a command or a job is about: the member `container` of replies.

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

    /// The word in `container`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Lists => "lists",
            Self::Unacked => "unacked",
        }
    }
}

impl From<Container> for Reply {
    fn from(container: Container) -> Self {
        container.word().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
