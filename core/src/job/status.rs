//! The states of a job and the ways between them.

/// Where a job stands. An ended one never changes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// Accepted, not a slice done.
    Pending,
    /// Slices are being done (or it waits: then `waiting` says why).
    Running,
    /// Held by its operator.
    Paused,
    /// The snapshot was gone through to its end.
    Completed,
    /// Stopped by CANCEL, or its last client went.
    Cancelled,
    /// Stopped by a failure that `error` names.
    Failed,
    /// Its server stopped, or stopped being the one that may go on.
    Interrupted,
}

impl JobStatus {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Paused,
        Self::Completed,
        Self::Cancelled,
        Self::Failed,
        Self::Interrupted,
    ];

    /// The word in `status`.
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

    /// The state with this word.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().as_bytes() == word)
    }

    /// Nothing will change any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Paused)
    }

    /// Goes to `next` if a way leads there; says whether it did.
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
