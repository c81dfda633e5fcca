//! The matches that run next, with positions that are followed while the queue moves.

use super::shift::Shift;
use crate::reply::Reply;

/// Most rows that a sample keeps: the largest `SAMPLE n` and some more, so that a sample can still show `n` rows
/// after workers removed some during the scan.
#[cfg(not(test))]
pub const SAMPLE_MAX: usize = 128;
/// A small number, so that tests reach it.
#[cfg(test)]
pub const SAMPLE_MAX: usize = 6;

/// One matching message as a sample shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRow {
    /// Distance from the consumer end; 0 runs next.
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
    /// The sample was full once, with its last row just before this distance. Matches from here on are not added
    /// even if rows leave, because a sample has no gaps.
    limit: Option<u64>,
}

impl Sample {
    /// The rows, the one that runs next first.
    #[must_use]
    pub fn rows(&self) -> &[SampleRow] {
        &self.rows
    }

    /// The sample was full once: matches further from the consumer end than its last row are not added.
    pub(super) fn is_full(&self) -> bool {
        self.limit.is_some()
    }

    /// Returns whether a match at this distance is added.
    pub(super) fn wants(&self, distance: u64) -> bool {
        self.limit.is_none_or(|limit| distance < limit)
    }

    /// Inserts rows at their positions.
    pub(super) fn extend(&mut self, rows: &mut Vec<SampleRow>) {
        if rows.is_empty() {
            return;
        }
        self.rows.append(rows);
        self.rows.sort_by_key(|row| row.distance);
        self.rows.truncate(SAMPLE_MAX);
        if self.rows.len() == SAMPLE_MAX {
            self.limit = self.rows.last().map(|row| row.distance + 1);
        }
    }

    /// The positions of its rows are not known any more: it shows none and takes none.
    pub(super) fn stop(&mut self) {
        (self.rows, self.limit) = (Vec::new(), Some(0));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn follow(&mut self, shift: &Shift) {
        match shift {
            Shift::Away(n) => {
                self.limit = self.limit.map(|limit| limit + n);
                self.keep(|d| Some(d + n));
            }
            Shift::Closer(n) => {
                self.limit = self.limit.map(|limit| limit.saturating_sub(*n));
                self.keep(|d| d.checked_sub(*n));
            }
            Shift::CutAt(len) => self.keep(|d| (d < *len).then_some(d)),
            Shift::Without(gone) => {
                let below = |mark: u64| mark - gone.partition_point(|d| *d < mark) as u64;
                self.limit = self.limit.map(below);
                self.keep(|d| gone.binary_search(&d).is_err().then(|| below(d)));
            }
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
