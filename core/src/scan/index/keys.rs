//! What a scan needs of the two keys.

use crate::scan::place::IndexPosition;

/// Hash and index, opened. Nobody changes them between opening and the end of the slice.
pub trait IndexKeys {
    /// Goes to the first entry of the index behind this place; to the first of all without one.
    fn seek(&mut self, behind: Option<&IndexPosition>);

    /// Reads the next entry: score, tag and, where the hash has it, the value. `None` at the end, and where the index
    /// cannot be read.
    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R>;

    /// Goes to the last entry of the index below this place; to the last of all without one.
    fn seek_back(&mut self, place: Option<&IndexPosition>);

    /// Reads the place of the entry before the one that was read last. `None` at the beginning, and where the index cannot
    /// be read.
    fn previous(&mut self) -> Option<IndexPosition>;

    /// Entries below this place; all of them without one. `None` where the index cannot be read.
    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64>;

    /// The place of the entry with this rank; 0 is the lowest. `None` where there is none, or the index cannot be read.
    fn at(&mut self, rank: u64) -> Option<IndexPosition>;

    /// Entries with this score or a lower one. `None` where the index cannot be read.
    fn up_to(&mut self, score: f64) -> Option<u64>;

    /// The index could not be read.
    fn is_refused(&self) -> bool;
}
