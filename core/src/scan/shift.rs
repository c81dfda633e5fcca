//! How the positions of messages in a list move when messages are pushed, popped or removed.

/// How positions moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shift {
    /// Every message is `n` further from the consumer end.
    Away(u64),
    /// Every message is `n` closer; the first `n` left.
    Closer(u64),
    /// Messages at this distance or beyond left.
    CutAt(u64),
    /// The messages at these distances (ascending) left; the others moved up.
    Without(Vec<u64>),
}

impl Shift {
    /// Returns where a boundary at this distance is after the shift.
    pub(super) fn moved(&self, at: u64) -> u64 {
        match self {
            Self::Away(n) => at + n,
            Self::Closer(n) => at.saturating_sub(*n),
            Self::CutAt(len) => at.min(*len),
            Self::Without(gone) => at - gone.partition_point(|distance| *distance < at) as u64,
        }
    }
}
