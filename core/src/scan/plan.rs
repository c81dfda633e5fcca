//! What a job does with its matches.

use crate::queue::End;

/// What the job does with a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Counts it.
    Count,
    /// Counts it in the group that the judge names.
    Group,
    /// Clears it.
    ClearAll,
    /// Clears it unless it is the one that runs next of all matches.
    KeepOne,
    /// Clears it unless it is the one that runs last of all matches.
    KeepNewest,
    /// Clears it unless it is the one that runs next of all matches with its values.
    KeepEach,
}

impl Effect {
    /// Returns whether matches are cleared.
    #[must_use]
    pub fn clears(self) -> bool {
        !matches!(self, Self::Count | Self::Group)
    }
}

/// The effect and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What happens to a match.
    pub effect: Effect,
    /// Nothing is written to the queue.
    pub dry_run: bool,
    /// Clears at most this many matches, those that run next; then the job is done.
    pub limit: Option<u64>,
    /// Clears nothing if there are more matches than this.
    pub most: Option<u64>,
    /// Removed messages are pushed to another list, at this end of it.
    pub to: Option<End>,
    /// The end from which workers pop, where the scan begins.
    pub consumer_end: End,
    /// The messages are in another key than the list, and can change without an event of it: what a pass read of a
    /// message says nothing about it in the next pass.
    pub elsewhere: bool,
    /// One match is searched, and is read again afterwards: its place is remembered, whatever its size is.
    pub finds_one: bool,
}

impl Plan {
    /// Returns a plan without a bound.
    #[must_use]
    pub fn new(effect: Effect, dry_run: bool) -> Self {
        Self {
            effect,
            dry_run,
            limit: None,
            most: None,
            to: None,
            consumer_end: End::Tail,
            elsewhere: false,
            finds_one: false,
        }
    }

    /// The messages are in another key than the list.
    #[must_use]
    pub fn elsewhere(self, elsewhere: bool) -> Self {
        Self { elsewhere, ..self }
    }

    /// Searches one match, which is read again afterwards.
    #[must_use]
    pub fn finds_one(self, finds_one: bool) -> Self {
        Self { finds_one, ..self }
    }

    /// Clears at most this many.
    #[must_use]
    pub fn limit(self, limit: Option<u64>) -> Self {
        Self { limit, ..self }
    }

    /// Clears nothing if there are more matches than this.
    #[must_use]
    pub fn most(self, most: Option<u64>) -> Self {
        Self { most, ..self }
    }

    /// For a queue whose workers pop from this end.
    #[must_use]
    pub fn consumer_end(self, consumer_end: End) -> Self {
        Self { consumer_end, ..self }
    }

    /// Pushes removed messages at this end of another list.
    #[must_use]
    pub fn to(self, to: Option<End>) -> Self {
        Self { to, ..self }
    }

    /// Returns whether it removes messages.
    pub(super) fn deletes(&self) -> bool {
        self.effect.clears() && !self.dry_run
    }

    /// Returns whether all matches have to be counted before it is known what is cleared: one pass counts, and a
    /// second one clears. A dry run needs only the first.
    pub(super) fn counts_first(&self) -> bool {
        self.deletes() && (self.most.is_some() || self.effect == Effect::KeepNewest)
    }
}
