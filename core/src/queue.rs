//! The ends of a queue, which every part of the program uses.

/// One of the two ends of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Index 0: where Celery's producers push.
    Head,
    /// Index -1: where Celery's workers pop.
    Tail,
}

impl End {
    /// Returns the name that Redis uses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Head => "LEFT",
            Self::Tail => "RIGHT",
        }
    }

    /// Reads that name.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        [Self::Head, Self::Tail].into_iter().find(|end| end.word().as_bytes() == word)
    }

    /// Returns the index (0 = head) of the message at a distance from this end of a list of `len` messages.
    #[must_use]
    pub fn index(self, distance: u64, len: u64) -> u64 {
        match self {
            Self::Head => distance,
            Self::Tail => len - 1 - distance,
        }
    }

    /// Returns the other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Head => Self::Tail,
            Self::Tail => Self::Head,
        }
    }
}
