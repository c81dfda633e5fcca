//! A chunk: neighbouring rows, stored column by column in one block of memory.

use std::ops::Range;

/// The number of rows of a full chunk.
pub(crate) const ROWS: usize = if cfg!(test) { 8 } else { 4_096 };

/// Is called with the values of rows that are removed: the column, whether its values are hashes, and the
/// values.
pub(crate) type Removed<'a> = &'a mut dyn FnMut(usize, bool, &[u32]);

/// Rows in the order of the list. The rows in use are neighbours in the block; both ends of it can have free
/// rows.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    block: Box<[u32]>,
    /// The first row in use.
    start: usize,
    /// The number of rows in use.
    count: usize,
    /// Bit n is set if the column of field n holds hashes.
    pub(super) hashes: u8,
}

impl Chunk {
    /// Creates an empty chunk in a block. It will be filled from its end if `backwards` is set, otherwise
    /// from its start.
    pub(super) fn new(block: Box<[u32]>, backwards: bool, hashes: u8) -> Self {
        Self { block, start: if backwards { ROWS } else { 0 }, count: 0, hashes }
    }

    /// Allocates a block for rows of `columns` columns.
    pub(super) fn block(columns: usize) -> Box<[u32]> {
        vec![0; columns * ROWS].into_boxed_slice()
    }

    /// Takes the rows and their block out of this chunk, which is then empty and has no block.
    pub(super) fn take(&mut self) -> Self {
        let (block, start) = (std::mem::take(&mut self.block), std::mem::take(&mut self.start));
        Self { block, start, count: std::mem::take(&mut self.count), hashes: self.hashes }
    }

    pub(super) fn into_block(self) -> Box<[u32]> {
        self.block
    }

    /// Returns the number of rows in use.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Returns whether a column holds hashes.
    pub(crate) fn is_hashed(&self, column: usize) -> bool {
        column.checked_sub(super::META).is_some_and(|field| self.hashes >> field & 1 == 1)
    }

    /// Returns the values of a column in the rows in use.
    pub(crate) fn column(&self, column: usize) -> &[u32] {
        let first = column * ROWS + self.start;
        &self.block[first..first + self.count]
    }

    pub(super) fn column_mut(&mut self, column: usize) -> &mut [u32] {
        let first = column * ROWS + self.start;
        &mut self.block[first..first + self.count]
    }

    fn columns(&self) -> usize {
        self.block.len() / ROWS
    }

    pub(super) fn has_room_before(&self) -> bool {
        self.start > 0
    }

    pub(super) fn has_room_after(&self) -> bool {
        self.start + self.count < ROWS
    }

    /// Adds a row before the others. [`Self::has_room_before`] must be true.
    pub(super) fn push_front(&mut self, row: &[u32]) {
        self.start -= 1;
        self.count += 1;
        self.set(0, row);
    }

    /// Adds a row after the others. [`Self::has_room_after`] must be true.
    pub(super) fn push_back(&mut self, row: &[u32]) {
        self.count += 1;
        self.set(self.count - 1, row);
    }

    fn set(&mut self, at: usize, row: &[u32]) {
        for (column, value) in row.iter().enumerate() {
            self.block[column * ROWS + self.start + at] = *value;
        }
    }

    /// Removes the first rows.
    pub(super) fn pop_front(&mut self, rows: usize, removed: Removed<'_>) {
        self.give(0..rows, removed);
        self.start += rows;
        self.count -= rows;
    }

    /// Removes the last rows.
    pub(super) fn pop_back(&mut self, rows: usize, removed: Removed<'_>) {
        self.give(self.count - rows..self.count, removed);
        self.count -= rows;
    }

    fn give(&self, rows: Range<usize>, removed: Removed<'_>) {
        for column in super::META..self.columns() {
            removed(column, self.is_hashed(column), &self.column(column)[rows.clone()]);
        }
    }

    /// Removes the rows at ascending positions in one pass over each column. Positions are those of the list;
    /// `base` is the position of the first row.
    pub(super) fn remove(&mut self, ascending: &[u64], base: u64, removed: Removed<'_>) {
        let at = |position: u64| usize::try_from(position - base).unwrap_or(usize::MAX);
        for position in ascending {
            let at = at(*position);
            self.give(at..at + 1, removed);
        }
        let count = self.count;
        for column in 0..self.columns() {
            let values = self.column_mut(column);
            let mut to = ascending.first().map_or(count, |first| at(*first));
            for (nth, position) in ascending.iter().enumerate() {
                let from = at(*position) + 1;
                let end = ascending.get(nth + 1).map_or(count, |next| at(*next));
                values.copy_within(from..end, to);
                to += end - from;
            }
        }
        self.count -= ascending.len();
    }

    /// Appends all rows of `next`. They must fit, and the same columns must hold hashes.
    pub(super) fn append(&mut self, next: &Self) {
        if self.start + self.count + next.count > ROWS {
            self.move_to(0);
        }
        let end = self.start + self.count;
        for column in 0..self.columns() {
            let first = column * ROWS + end;
            self.block[first..first + next.count].copy_from_slice(next.column(column));
        }
        self.count += next.count;
    }

    /// Inserts a row before the one at `at`; there must be a free place.
    pub(super) fn insert(&mut self, at: usize, row: &[u32]) {
        if !self.has_room_after() {
            self.move_to(0);
        }
        self.count += 1;
        let count = self.count;
        for (column, value) in row.iter().enumerate() {
            let values = self.column_mut(column);
            values.copy_within(at..count - 1, at + 1);
            values[at] = *value;
        }
    }

    /// Moves the rows from `at` on into another chunk, which is made in `block`.
    pub(super) fn split(&mut self, at: usize, block: Box<[u32]>) -> Self {
        let mut rest = Self::new(block, false, self.hashes);
        rest.count = self.count - at;
        for column in 0..self.columns() {
            rest.column_mut(column).copy_from_slice(&self.column(column)[at..]);
        }
        self.count = at;
        rest
    }

    fn move_to(&mut self, start: usize) {
        for column in 0..self.columns() {
            let first = column * ROWS;
            self.block.copy_within(first + self.start..first + self.start + self.count, first + start);
        }
        self.start = start;
    }
}
