//! What becomes of a match. The rule is the same in every container; what is remembered of the matches that were met
//! before differs, because a list knows messages by their distance from an end and a sorted set by their member.

use super::plan::Effect;

/// What a scan remembers of the matches that were met before, asked about the match at hand.
pub(super) trait Matches {
    /// KEEPONE: lets this match stay if none stays yet that runs before it. Returns whether this match stays.
    fn keeps_as_oldest(&mut self) -> bool;

    /// KEEP NEWEST: whether this match may be the newest of all, and therefore stays. A container that does not take
    /// KEEP NEWEST clears nothing with it.
    fn keeps_as_newest(&mut self) -> bool {
        true
    }

    /// BY: whether this match stays as the oldest with its values, or because they cannot be read. A container that does
    /// not take BY clears nothing with it.
    fn keeps_for_its_values(&mut self) -> bool {
        true
    }

    /// Whether LIMIT allows one more match to be cleared.
    fn has_room(&self) -> bool;
}

/// Whether a match is cleared, or would be cleared if the job wrote.
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
