//! Kinds of messages: what a queue's messages are taken for.

/// Whose messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Celery's.
    Celery,
    /// Sidekiq's.
    Sidekiq,
    /// Resque's. Its workers pop from the head.
    Resque,
    /// No messages but ids of jobs that a library keeps elsewhere (RQ, BullMQ ...): a clear leaves those jobs behind.
    Ids,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Celery, Self::Sidekiq, Self::Resque, Self::Ids];

    /// The word that the server knows.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Celery => "celery",
            Self::Sidekiq => "sidekiq",
            Self::Resque => "resque",
            Self::Ids => "ids",
        }
    }

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Celery => "Celery",
            Self::Sidekiq => "Sidekiq",
            Self::Resque => "Resque",
            Self::Ids => "ids of jobs that are kept elsewhere",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}
