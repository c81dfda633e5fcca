//! Kinds of messages: the libraries whose messages a queue can hold.

/// The library whose messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum MessageKind {
    /// Celery's.
    Celery,
    /// Sidekiq's.
    Sidekiq,
    /// Resque's. Its workers pop from the head.
    Resque,
    /// Laravel's. Its workers pop from the head.
    Laravel,
    /// Taskiq's, of its ListQueueBroker.
    Taskiq,
    /// Huey's: pickles.
    Huey,
    /// Dramatiq's: ids in a list, and a hash with the messages. Its workers pop from the head.
    Dramatiq,
    /// RQ's: ids in a list, and a hash for each job. Its workers pop from the head.
    Rq,
    /// BullMQ's: ids in a list, and a hash for each job. A clear removes both.
    #[value(name = "bullmq")]
    BullMq,
    /// Bull's, which are stored like those of BullMQ.
    Bull,
    /// Asynq's: ids in a list, and a hash for each task. A clear removes both.
    Asynq,
    /// SAQ's: ids in a list, and a string for each job. Its workers pop from the head.
    Saq,
    /// Not messages but ids of jobs that a library stores elsewhere (arq, Bee-Queue ...): a clear does not remove those jobs.
    Ids,
}

impl MessageKind {
    pub(crate) const ALL: [Self; 13] = [
        Self::Celery,
        Self::Sidekiq,
        Self::Resque,
        Self::Laravel,
        Self::Taskiq,
        Self::Huey,
        Self::Dramatiq,
        Self::Rq,
        Self::BullMq,
        Self::Bull,
        Self::Asynq,
        Self::Saq,
        Self::Ids,
    ];

    /// The word for it in commands and replies of the server.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Celery => "celery",
            Self::Sidekiq => "sidekiq",
            Self::Resque => "resque",
            Self::Laravel => "laravel",
            Self::Taskiq => "taskiq",
            Self::Huey => "huey",
            Self::Dramatiq => "dramatiq",
            Self::Rq => "rq",
            Self::BullMq => "bullmq",
            Self::Asynq => "asynq",
            Self::Saq => "saq",
            Self::Bull => "bull",
            Self::Ids => "ids",
        }
    }

    /// Its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Celery => "Celery",
            Self::Sidekiq => "Sidekiq",
            Self::Resque => "Resque",
            Self::Laravel => "Laravel",
            Self::Taskiq => "Taskiq",
            Self::Huey => "Huey",
            Self::Dramatiq => "Dramatiq",
            Self::Rq => "RQ",
            Self::BullMq => "BullMQ",
            Self::Asynq => "Asynq",
            Self::Saq => "SAQ",
            Self::Bull => "Bull",
            Self::Ids => "ids of jobs that are stored elsewhere",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}
