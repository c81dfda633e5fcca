//! The operations on the two keys that a scan needs.

use crate::scan::place::IndexPosition;

/// The hash and the index, opened. Nothing changes them between opening and the end of the slice.
pub trait IndexKeys {
    /// Moves to the first entry of the index after this position; without a position, to the first entry of
    /// all.
    fn seek(&mut self, after: Option<&IndexPosition>);

    /// Reads the next entry: its score, its tag and, if the hash has it, its value. Returns `None` at the end
    /// and if the index cannot be read.
    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R>;

    /// Reads the next entry as far as it is needed to judge it. `f` may be called with a part of its value first, and with
    /// false; if it answers `None`, it is called with the whole value, and with true.
    fn examine_next<R>(
        &mut self,
        mut f: impl FnMut(f64, &[u8], Option<&[u8]>, bool) -> Option<R>,
    ) -> Option<R> {
        self.next(|score, tag, value| f(score, tag, value, true)).flatten()
    }

    /// Moves to the last entry of the index before this position; without a position, to the last entry of
    /// all.
    fn seek_back(&mut self, place: Option<&IndexPosition>);

    /// Reads the position of the entry before the one that was read last. Returns `None` at the beginning and
    /// if the index cannot be read.
    fn previous(&mut self) -> Option<IndexPosition>;

    /// Returns the number of entries before this position; without a position, the number of all entries.
    /// Returns `None` if the index cannot be read.
    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64>;

    /// Returns the position of the entry with this rank; 0 is the lowest. Returns `None` if there is no such
    /// entry or the index cannot be read.
    fn at(&mut self, rank: u64) -> Option<IndexPosition>;

    /// Returns the number of entries with this score or a lower one. Returns `None` if the index cannot be
    /// read.
    fn up_to(&mut self, score: f64) -> Option<u64>;

    /// Returns the message of the entry that the scan keeps, where it can change while the entry stays; it is empty if there
    /// is none.
    fn kept_message(&mut self, _tag: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// Returns whether the index could not be read.
    fn is_refused(&self) -> bool;
}
