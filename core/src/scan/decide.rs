//! Whether a match is cleared or kept. The rule is the same in every container. What is remembered of earlier
//! matches differs, because a list knows messages by their distance from an end and a sorted set by their member.

use super::plan::Effect;

/// What a scan remembers of the matches that it met before, asked about the present match.
pub(super) trait Matches {
    /// KEEPONE: keeps this match if no match that runs before it is kept. Returns whether this match is kept.
    fn keeps_as_oldest(&mut self) -> bool;

    /// KEEP NEWEST: returns whether this match may be the newest of all, and is therefore kept. A container
    /// without KEEP NEWEST clears nothing with it.
    fn keeps_as_newest(&mut self) -> bool {
        true
    }

    /// BY: returns whether this match is kept as the oldest with its values, or because they cannot be read. A
    /// container without BY clears nothing with it.
    fn keeps_for_its_values(&mut self) -> bool {
        true
    }

    /// Returns whether LIMIT allows one more match to be cleared.
    fn has_room(&self) -> bool;
}

/// Returns whether a match is cleared, or would be cleared if the job wrote.
#[inline]
pub(super) fn is_cleared(effect: Effect, matches: &mut impl Matches) -> bool {
    let kept = match effect {
        Effect::Count | Effect::Group => true,
        Effect::ClearAll => false,
        Effect::KeepOne => matches.keeps_as_oldest(),
        Effect::KeepNewest => matches.keeps_as_newest(),
        Effect::KeepEach => matches.keeps_for_its_values(),
    };
    !kept && matches.has_room()
}
