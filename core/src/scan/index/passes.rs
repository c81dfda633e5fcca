//! The passes of a scan in the order of a sorted set: one that counts, if that must come first, and one that
//! clears.

use super::{IndexScan, Layout};
use crate::scan::contract::Progress;
use crate::scan::counters::Counters;
use crate::scan::plan::Effect;
use crate::scan::values::Values;

impl<L: Layout> IndexScan<L> {
    /// Returns whether there is more to do.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if self.overflowed {
            Progress::TooManyValues
        } else if let Some(matched) = self.unexpected() {
            Progress::Unexpected { matched }
        } else if self.is_done() {
            Progress::Finished
        } else {
            Progress::Unfinished
        }
    }

    /// Starts the second of two passes after the first one found the matches: it walks over the same entries
    /// again.
    pub(super) fn begin_clearing(&mut self) {
        if !self.counting || self.progress() != Progress::Finished || self.gone || self.index_gone {
            return;
        }
        (self.counting, self.counted) = (false, Some(self.counters.matched));
        if self.counters.would_delete == 0 {
            return;
        }
        self.done = false;
        (self.cursor, self.kept) = (None, None);
        (self.certain, self.uncertain, self.doubtful, self.later, self.empty) = (0, 0, 0, 0, 0);
        self.counters = Counters {
            total: self.counters.processed,
            passes_run: self.counters.passes_run + 1,
            examined_total: self.counters.examined_total,
            ..Counters::default()
        };
        self.values = Values::new(if self.plan.effect == Effect::KeepEach { self.counters.total } else { 0 });
    }

    /// Returns how many more matches can be cleared.
    pub(super) fn room(&self) -> Option<u64> {
        self.plan.limit.map(|limit| limit.saturating_sub(self.counters.would_delete))
    }

    /// Returns whether LIMIT ends this pass. If all matches are to be counted, the pass continues.
    pub(super) fn stops_at_limit(&self) -> bool {
        self.plan.limit.is_some() && (self.plan.most.is_none() || self.deletes())
    }

    /// Returns the number of matches, if it is known and more than was expected.
    fn unexpected(&self) -> Option<u64> {
        let is_known =
            !self.deletes() && self.done && !self.gone && !self.index_gone && self.counted.is_none();
        let matched = self.counters.matched;
        self.plan.most.filter(|most| is_known && matched > *most).map(|_| matched)
    }

    /// Returns the match that KEEPONE keeps, if there is one.
    #[must_use]
    pub fn kept(&self) -> Option<&[u8]> {
        self.kept.as_deref()
    }

    /// Must be called if the match that KEEPONE keeps is not there any more; the next one is kept.
    pub fn lose_kept(&mut self) {
        self.kept = None;
    }
}
