//! The matches that run next, kept with their place while the queue moves under them.

use super::look::Look;
use crate::reply::Reply;

/// Most rows that a sample keeps: the largest `SAMPLE n` and some more, so that a sample which workers eat
/// into while the scan goes on can still show `n`.
pub const SAMPLE_MAX: usize = 128;

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

/// One matching message as a sample shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRow {
    /// Distance from the next end; 0 runs next.
    pub distance: u64,
    /// Size of the message.
    pub bytes: u64,
    /// The chosen fields, in their order.
    pub members: Vec<(Box<str>, Reply)>,
}

/// Rows in the order in which the messages run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    rows: Vec<SampleRow>,
    /// The sample was full once. Later matches then stay out even if rows leave: between them and the
    /// rows lie matches that were not kept, and a sample has no gaps.
    sealed: bool,
}

impl Sample {
    /// The rows, the one that runs next first.
    #[must_use]
    pub fn rows(&self) -> &[SampleRow] {
        &self.rows
    }

    /// How many more rows it takes.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.sealed { 0 } else { SAMPLE_MAX - self.rows.len() }
    }

    pub(super) fn extend(&mut self, look: &mut Look) {
        self.rows.append(&mut look.rows);
        self.sealed |= self.rows.len() >= SAMPLE_MAX;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn follow(&mut self, shift: &Shift) {
        match shift {
            Shift::Away(n) => self.rows.iter_mut().for_each(|row| row.distance += n),
            Shift::Closer(n) => self.keep(|d| d.checked_sub(*n)),
            Shift::CutAt(len) => self.keep(|d| (d < *len).then_some(d)),
            Shift::Without(gone) => self.keep(|d| match gone.binary_search(&d) {
                Ok(_) => None,
                Err(below) => Some(d - below as u64),
            }),
        }
    }

    fn keep(&mut self, moved: impl Fn(u64) -> Option<u64>) {
        self.rows.retain_mut(|row| match moved(row.distance) {
            Some(distance) => {
                row.distance = distance;
                true
            }
            None => false,
        });
    }
}
