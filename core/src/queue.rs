//! The words for a queue that every part shares.

/// A side of the list that is the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Index 0: where Celery's producers push.
    Head,
    /// Index -1, the next end: where Celery's workers pop.
    Tail,
}

impl End {
    /// As Redis calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Head => "LEFT",
            Self::Tail => "RIGHT",
        }
    }

    /// The other way.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        [Self::Head, Self::Tail].into_iter().find(|end| end.word().as_bytes() == word)
    }

    /// The index (0 = head) of the message at a distance from this end of a list of `len` messages.
    #[must_use]
    pub fn index(self, distance: u64, len: u64) -> u64 {
        match self {
            Self::Head => distance,
            Self::Tail => len - 1 - distance,
        }
    }

    /// The other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Head => Self::Tail,
            Self::Tail => Self::Head,
        }
    }
}
