//! How the positions of messages in a list move when something is pushed, popped or taken out.

/// How positions moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shift {
    /// Every message is `n` further from the next end.
    Away(u64),
    /// Every message is `n` closer; the first `n` left.
    Closer(u64),
    /// What stood at this distance or beyond left.
    CutAt(u64),
    /// These distances (ascending) left, the others closed up.
    Without(Vec<u64>),
}

impl Shift {
    /// Where a boundary at this distance is behind the shift.
    pub(super) fn moved(&self, at: u64) -> u64 {
        match self {
            Self::Away(n) => at + n,
            Self::Closer(n) => at.saturating_sub(*n),
            Self::CutAt(len) => at.min(*len),
            Self::Without(gone) => at - gone.partition_point(|distance| *distance < at) as u64,
        }
    }
}
