//! What a job is to do with its matches.

use crate::queue::End;

/// What the job does with a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Counts it.
    Count,
    /// Counts it in the group that the judge says.
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
    /// Matches are to go.
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
    /// Clears so many matches at most, those that run next; then the job is done.
    pub limit: Option<u64>,
    /// Clears nothing if there are more matches than this.
    pub most: Option<u64>,
    /// What is taken out is put into another list, at this end of it.
    pub to: Option<End>,
    /// The end that workers pop from: the scan begins there.
    pub consumer_end: End,
}

impl Plan {
    /// The effect without a bound.
    #[must_use]
    pub fn new(effect: Effect, dry_run: bool) -> Self {
        Self { effect, dry_run, limit: None, most: None, to: None, consumer_end: End::Tail }
    }

    /// With at most so many cleared.
    #[must_use]
    pub fn limit(self, limit: Option<u64>) -> Self {
        Self { limit, ..self }
    }

    /// With nothing cleared if more match.
    #[must_use]
    pub fn most(self, most: Option<u64>) -> Self {
        Self { most, ..self }
    }

    /// Of a queue whose workers pop from that end.
    #[must_use]
    pub fn consumer_end(self, consumer_end: End) -> Self {
        Self { consumer_end, ..self }
    }

    /// With what is taken out put at an end of another list.
    #[must_use]
    pub fn to(self, to: Option<End>) -> Self {
        Self { to, ..self }
    }

    /// It takes messages out.
    pub(super) fn deletes(&self) -> bool {
        self.effect.clears() && !self.dry_run
    }

    /// What is to be cleared is known only when everything was counted: one pass counts, a second one clears.
    /// A dry run needs the first alone.
    pub(super) fn counts_first(&self) -> bool {
        self.deletes() && (self.most.is_some() || self.effect == Effect::KeepNewest)
    }
}
