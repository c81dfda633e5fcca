//! The states of a job and the transitions between them.

/// The status of a job. The status of an ended job never changes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// Accepted; no slice was done yet.
    Pending,
    /// Slices run, or the job waits: then `waiting` says why.
    Running,
    /// Paused by PAUSE.
    Paused,
    /// The whole snapshot was examined.
    Completed,
    /// Stopped by CANCEL, or because its last client disconnected.
    Cancelled,
    /// Stopped by a failure that `error` names.
    Failed,
    /// Its server stopped, or is not the primary any more.
    Interrupted,
}

impl JobStatus {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Paused,
        Self::Completed,
        Self::Cancelled,
        Self::Failed,
        Self::Interrupted,
    ];

    /// Returns the word in `status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns the state with this word.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().as_bytes() == word)
    }

    /// Returns whether nothing will change any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Paused)
    }

    /// Changes to `next` if there is such a transition; returns whether it did.
    pub fn to(&mut self, next: Self) -> bool {
        let allowed = !self.has_ended() && next != Self::Pending;
        if allowed {
            *self = next;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_job_never_changes() {
        for from in JobStatus::ALL {
            for next in JobStatus::ALL {
                let mut status = from;
                let moved = status.to(next);
                assert_eq!(moved, !from.has_ended() && next != JobStatus::Pending, "{from:?} -> {next:?}");
                assert_eq!(status, if moved { next } else { from });
            }
            assert_eq!(JobStatus::parse(from.as_str().as_bytes()), Some(from));
        }
    }
}
