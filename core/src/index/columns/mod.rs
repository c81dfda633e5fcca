//! The rows of a live index: a few numbers for each message of a list, in the order of the list.
//!
//! # Why columns
//!
//! A count reads each message of a list, which takes about half a microsecond per message of the server's main thread. A
//! live index reads each message once, when it arrives, and keeps for it its length, a fingerprint of its bytes, and a
//! number for the value of each field that users named when they created the index. A count is then a pass over one or two columns of
//! 32-bit numbers, a thousand times faster, and of one instant.
//!
//! # How the rows are kept
//!
//! A list changes at both ends, at any rate, and sometimes in the middle. The rows are kept in *chunks* of 4,096: a
//! queue of chunks, each of which is one block of memory that holds the columns one after another, with its own first row and
//! number of rows. A row is added or removed at either end in constant time. A position is found by adding the numbers of rows of the
//! chunks, 245 of them for a million messages. A deletion moves rows only inside the chunks that it touches, once for
//! each chunk and not for each row, and neighbours that then fit one chunk become one. A block of 4,096 rows is as large as
//! an allocation class of jemalloc, so that nothing is wasted. One block is kept when its chunk becomes empty: a queue whose
//! length goes up and down at the border of a chunk would otherwise allocate and free at each turn.
//!
//! # The read region
//!
//! Events of the server say how many messages were pushed or popped, and not which. Messages are read afterwards, some at
//! a time, so at any moment there is one *read region*, and unread messages before and after it:
//!
//! ```text
//! producer end                                                    consumer end
//!   | unread, just pushed |  read: a row for each message  | not read yet |
//!   0                     u                                r            len
//! ```
//!
//! Positions count from the producer end, where new messages arrive. Only messages of the read region have rows. Pushes and pops change the two numbers of
//! unread messages and rows at the ends, and nothing else. What is pushed at the consumer end (a requeue) or was
//! in the list before the index was created is on the right, what producers push on the left. If the region becomes empty,
//! all messages count as those on the right: reading starts at the producer end, near which a seek costs least.
//!
//! Arrival times are not here: they are kept as runs, because messages that arrive together share a time. A message is the same in
//! both by its position.

mod chunk;

use std::collections::VecDeque;
use std::mem::size_of;
use std::ops::Range;

pub(crate) use chunk::{Chunk, ROWS, Removed};

/// The column of lengths, bytes; a longer message counts as one of the largest length.
pub(crate) const LENGTH: usize = 0;
/// The column of fingerprints.
pub(crate) const FINGERPRINT: usize = 1;
/// Columns before those of the fields.
pub(crate) const META: usize = 2;

/// The end of a list at which something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where producers push.
    Producer,
    /// Where workers pop.
    Consumer,
}

/// See the module. Nothing here knows what the numbers in the columns of fields mean.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// From the producer end on.
    chunks: VecDeque<Chunk>,
    spare: Option<Box<[u32]>>,
    /// Of a row.
    columns: usize,
    /// Unread messages at the producer end.
    before: u64,
    /// Unread messages at the consumer end.
    after: u64,
    /// Read messages.
    rows: u64,
}

impl Columns {
    /// The columns of a list with `len` messages, none of which was read.
    pub(crate) fn new(fields: usize, len: u64) -> Self {
        Self { chunks: VecDeque::new(), spare: None, columns: META + fields, before: 0, after: len, rows: 0 }
    }

    /// Messages of the list.
    pub(crate) fn len(&self) -> u64 {
        self.before + self.rows + self.after
    }

    /// Unread messages at an end.
    pub(crate) fn unread(&self, side: Side) -> u64 {
        match side {
            Side::Producer => self.before,
            Side::Consumer => self.after,
        }
    }

    /// Positions of the messages that have a row.
    pub(crate) fn region(&self) -> Range<u64> {
        self.before..self.before + self.rows
    }

    /// Chunks from the producer end on.
    pub(crate) fn chunks(&self) -> impl DoubleEndedIterator<Item = &Chunk> + ExactSizeIterator {
        self.chunks.iter()
    }

    /// Messages were pushed.
    pub(crate) fn pushed(&mut self, side: Side, n: u64) {
        match side {
            Side::Producer => self.before += n,
            Side::Consumer => self.after += n,
        }
        self.settle();
    }

    /// Messages were popped. Returns false, and changes nothing, if the list did not have as many.
    pub(crate) fn popped(&mut self, side: Side, n: u64, removed: Removed<'_>) -> bool {
        if n > self.len() {
            return false;
        }
        let near = n.min(self.unread(side));
        let rows = (n - near).min(self.rows);
        let far = n - near - rows;
        let (near_end, far_end) = match side {
            Side::Producer => (&mut self.before, &mut self.after),
            Side::Consumer => (&mut self.after, &mut self.before),
        };
        *near_end -= near;
        *far_end -= far;
        self.pop_rows(side, rows, removed);
        self.settle();
        true
    }

    fn pop_rows(&mut self, side: Side, mut rows: u64, removed: Removed<'_>) {
        self.rows -= rows;
        while rows > 0 {
            let chunk = match side {
                Side::Producer => self.chunks.front_mut(),
                Side::Consumer => self.chunks.back_mut(),
            };
            let Some(chunk) = chunk else { return };
            let here = chunk.len().min(usize::try_from(rows).unwrap_or(usize::MAX));
            rows -= here as u64;
            match side {
                Side::Producer => chunk.pop_front(here, removed),
                Side::Consumer => chunk.pop_back(here, removed),
            }
            if chunk.len() == 0 {
                let empty = match side {
                    Side::Producer => self.chunks.pop_front(),
                    Side::Consumer => self.chunks.pop_back(),
                };
                self.spare = empty.map(Chunk::into_block);
            }
        }
    }

    /// An empty region is at the producer end.
    fn settle(&mut self) {
        if self.rows == 0 {
            self.after += std::mem::take(&mut self.before);
        }
    }

    /// The unread message next to the region on a side was read. `hashes` says which columns of the row are hashes. Returns
    /// false, and changes nothing, where no message is unread.
    pub(crate) fn read(&mut self, side: Side, row: &[u32], hashes: u8) -> bool {
        debug_assert_eq!(row.len(), self.columns, "a row has a value for each column");
        let unread = match side {
            Side::Producer => &mut self.before,
            Side::Consumer => &mut self.after,
        };
        let Some(left) = unread.checked_sub(1) else { return false };
        *unread = left;
        self.rows += 1;
        let fits = |chunk: &&mut Chunk| chunk.hashes == hashes;
        match side {
            Side::Producer => match self.chunks.front_mut().filter(fits).filter(|c| c.has_room_before()) {
                Some(chunk) => chunk.push_front(row),
                None => {
                    let mut chunk = Chunk::new(self.block(), true, hashes);
                    chunk.push_front(row);
                    self.chunks.push_front(chunk);
                }
            },
            Side::Consumer => match self.chunks.back_mut().filter(fits).filter(|c| c.has_room_after()) {
                Some(chunk) => chunk.push_back(row),
                None => {
                    let mut chunk = Chunk::new(self.block(), false, hashes);
                    chunk.push_back(row);
                    self.chunks.push_back(chunk);
                }
            },
        }
        true
    }

    fn block(&mut self) -> Box<[u32]> {
        self.spare.take().unwrap_or_else(|| Chunk::block(self.columns))
    }

    /// The chunk that has the row at a position, and the position of its first row.
    fn find(&self, position: u64) -> Option<(usize, u64)> {
        let mut base = self.before;
        if position < base {
            return None;
        }
        for (at, chunk) in self.chunks.iter().enumerate() {
            if position < base + chunk.len() as u64 {
                return Some((at, base));
            }
            base += chunk.len() as u64;
        }
        None
    }

    /// The value of a column for the message at a position; nothing where that is unread.
    pub(crate) fn value(&self, column: usize, position: u64) -> Option<u32> {
        let (chunk, base) = self.find(position)?;
        self.chunks[chunk].column(column).get(usize::try_from(position - base).ok()?).copied()
    }

    /// Messages at ascending positions left the list. Returns false, and changes nothing, if one is not in it.
    pub(crate) fn deleted(&mut self, ascending: &[u64], removed: Removed<'_>) -> bool {
        let is_sorted = ascending.is_sorted_by(|a, b| a < b);
        if !is_sorted || ascending.last().is_some_and(|last| *last >= self.len()) {
            return false;
        }
        let region = self.region();
        let first = ascending.partition_point(|position| *position < region.start);
        let end = ascending.partition_point(|position| *position < region.end);
        let mut left = &ascending[first..end];
        let mut base = self.before;
        for chunk in &mut self.chunks {
            if left.is_empty() {
                break;
            }
            let next = base + chunk.len() as u64;
            let (here, others) = left.split_at(left.partition_point(|position| *position < next));
            if !here.is_empty() {
                chunk.remove(here, base, removed);
            }
            (left, base) = (others, next);
        }
        self.before -= first as u64;
        self.after -= (ascending.len() - end) as u64;
        self.rows -= (end - first) as u64;
        if end > first {
            self.merge();
        }
        self.settle();
        true
    }

    /// Removes empty chunks, and makes one chunk of neighbours that fit one.
    fn merge(&mut self) {
        let mut kept = 0;
        for at in 0..self.chunks.len() {
            let fits = |one: &Chunk, two: &Chunk| one.hashes == two.hashes && one.len() + two.len() <= ROWS;
            let is_empty = self.chunks[at].len() == 0;
            let joins = kept > 0 && fits(&self.chunks[kept - 1], &self.chunks[at]);
            if is_empty || joins {
                let gone = self.chunks[at].take();
                if !is_empty {
                    self.chunks[kept - 1].append(&gone);
                }
                self.spare = Some(gone.into_block());
            } else {
                self.chunks.swap(kept, at);
                kept += 1;
            }
        }
        self.chunks.truncate(kept);
    }

    /// Which columns of the chunk with the row at a position are hashes; nothing where that is unread.
    #[cfg(test)]
    pub(crate) fn hashes_at(&self, position: u64) -> Option<u8> {
        self.find(position).map(|(chunk, _)| self.chunks[chunk].hashes)
    }

    /// Turns columns of one chunk that are not all hashes in the columns `hashes` into hashes by `turn`, which gets the
    /// column and its values. Returns false if there is no such chunk. `position` is one of its rows, or any.
    pub(crate) fn turn(
        &mut self,
        position: Option<u64>,
        hashes: u8,
        turn: &mut dyn FnMut(usize, &mut [u32]),
    ) -> bool {
        let at = match position {
            Some(position) => {
                self.find(position).map(|(at, _)| at).filter(|at| self.chunks[*at].hashes != hashes)
            }
            None => self.chunks.iter().position(|chunk| chunk.hashes != hashes),
        };
        let Some(chunk) = at.and_then(|at| self.chunks.get_mut(at)) else { return false };
        for column in META..self.columns {
            if hashes >> (column - META) & 1 == 1 && !chunk.is_hashed(column) {
                turn(column, chunk.column_mut(column));
            }
        }
        chunk.hashes = hashes;
        true
    }

    /// Frees some rows. Returns whether others are left; the columns must not be used any more.
    pub(crate) fn discard_some(&mut self) -> bool {
        self.spare = None;
        self.chunks.pop_back();
        !self.chunks.is_empty()
    }

    /// Memory of the rows, bytes.
    pub(crate) fn memory(&self) -> usize {
        let blocks = self.chunks.len() + usize::from(self.spare.is_some());
        blocks * self.columns * ROWS * size_of::<u32>() + self.chunks.capacity() * size_of::<Chunk>()
    }
}
