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
    /// The other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Head => Self::Tail,
            Self::Tail => Self::Head,
        }
    }
}
