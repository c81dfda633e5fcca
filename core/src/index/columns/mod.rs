//! The rows of a live index: a few numbers for each message of a list, in the order of the list.
//!
//! # Why columns
//!
//! A scan reads each message of a list, which takes about half a microsecond of the server's main thread per
//! message. A live index reads each message once, when it arrives. It keeps the length of the message, a
//! fingerprint of its bytes, and a number for the value of each field that the index was created with. A
//! count is then a pass over one or two columns of 32-bit numbers: it is a thousand times faster, and all its
//! numbers are of one instant.
//!
//! # How the rows are kept
//!
//! A list changes at both ends, at any rate, and sometimes in the middle. The rows are kept in a queue of
//! *chunks* of up to 4,096 rows. Each chunk is one block of memory that holds the columns one after another,
//! with its own first row and its own number of rows. A row is added or removed at either end in constant
//! time. A position is found by adding up the numbers of rows of the chunks, 245 of them for a million
//! messages. A deletion moves rows only inside the chunks in which it removes some, once for each chunk and
//! not for each row. Neighbouring chunks whose rows then fit one chunk are merged. The size of a block of
//! 4,096 rows is an allocation class of jemalloc, so no memory is wasted. When a chunk becomes empty, one
//! block is kept: otherwise a queue whose length goes up and down at the border of a chunk would allocate and
//! free a block each time.
//!
//! # The read region
//!
//! Events of the server say how many messages were pushed or popped, but not which ones. The messages are
//! read afterwards, a few at a time. So at any moment there is one *read region*, with unread messages before
//! and after it:
//!
//! ```text
//! producer end                                                    consumer end
//!   | unread, just pushed |  read: a row for each message  | not read yet |
//!   0                     u                                r            len
//! ```
//!
//! Positions count from the producer end, where new messages arrive. Only messages of the read region have
//! rows. Pushes and pops change only the two numbers of unread messages and the rows at the ends. Unread
//! messages on the left were pushed by producers. Those on the right were pushed at the consumer end (a
//! requeue), or were in the list before the index was created. If the region becomes empty, all messages
//! count as unread ones on the right. Reading then starts at the producer end, where a seek costs least.
//!
//! Arrival times are not kept here but as runs, because messages that arrive together share a time. The
//! position of a message connects the two.

mod chunk;

use std::collections::VecDeque;
use std::mem::size_of;
use std::ops::Range;

pub(crate) use chunk::{Chunk, ROWS, Removed};

/// The column of lengths, bytes. A message that is too long for the column counts with the largest length.
pub(crate) const LENGTH: usize = 0;
/// The column of fingerprints.
pub(crate) const FINGERPRINT: usize = 1;
/// The number of columns before those of the fields.
pub(crate) const META: usize = 2;

/// The end of a list at which something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where producers push.
    Producer,
    /// Where workers pop.
    Consumer,
}

/// The rows of one list; see the module. The meaning of the numbers in the columns of fields is not known
/// here.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// The chunks in the order from the producer end to the consumer end.
    chunks: VecDeque<Chunk>,
    /// The block of a chunk that became empty, for the next chunk.
    spare: Option<Box<[u32]>>,
    /// The number of columns.
    columns: usize,
    /// The number of unread messages at the producer end.
    before: u64,
    /// The number of unread messages at the consumer end.
    after: u64,
    /// The number of read messages.
    rows: u64,
}

impl Columns {
    /// Returns the columns of a list with `len` messages, all of them unread.
    pub(crate) fn new(fields: usize, len: u64) -> Self {
        Self { chunks: VecDeque::new(), spare: None, columns: META + fields, before: 0, after: len, rows: 0 }
    }

    /// Returns the number of messages in the list.
    pub(crate) fn len(&self) -> u64 {
        self.before + self.rows + self.after
    }

    /// Returns the number of unread messages at an end.
    pub(crate) fn unread(&self, side: Side) -> u64 {
        match side {
            Side::Producer => self.before,
            Side::Consumer => self.after,
        }
    }

    /// Returns the positions of the messages that have a row.
    pub(crate) fn region(&self) -> Range<u64> {
        self.before..self.before + self.rows
    }

    /// Returns the chunks in the order from the producer end to the consumer end.
    pub(crate) fn chunks(&self) -> impl DoubleEndedIterator<Item = &Chunk> + ExactSizeIterator {
        self.chunks.iter()
    }

    /// Notes that messages were pushed.
    pub(crate) fn pushed(&mut self, side: Side, n: u64) {
        match side {
            Side::Producer => self.before += n,
            Side::Consumer => self.after += n,
        }
        self.settle();
    }

    /// Notes that messages were popped. Returns false, and changes nothing, if the list did not have that
    /// many.
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

    /// Moves the read region to the producer end if it is empty.
    fn settle(&mut self) {
        if self.rows == 0 {
            self.after += std::mem::take(&mut self.before);
        }
    }

    /// Adds the row of the unread message that is next to the region on this side, which was read. `hashes`
    /// says which columns of the row are hashes. Returns false, and changes nothing, if no message on this
    /// side is unread.
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

    /// Returns the chunk that has the row at a position, and the position of its first row.
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

    /// Returns the value of a column for the message at a position; `None` if the message is unread.
    pub(crate) fn value(&self, column: usize, position: u64) -> Option<u32> {
        let (chunk, base) = self.find(position)?;
        self.chunks[chunk].column(column).get(usize::try_from(position - base).ok()?).copied()
    }

    /// Writes the values of a column at some positions of the list to `out`; nothing for unread messages.
    pub(crate) fn copy(&self, column: usize, positions: Range<u64>, out: &mut Vec<Option<u32>>) {
        out.clear();
        let region = self.region();
        let unread = |from: u64, to: u64| (from..to.max(from)).map(|_| None);
        out.extend(unread(positions.start, positions.end.min(region.start)));
        let (first, end) = (positions.start.max(region.start), positions.end.min(region.end));
        let mut base = self.before;
        for chunk in &self.chunks {
            let next = base + chunk.len() as u64;
            if next > first && base < end {
                let inside = |position: u64| usize::try_from(position.clamp(base, next) - base).unwrap_or(0);
                out.extend(chunk.column(column)[inside(first)..inside(end)].iter().copied().map(Some));
            }
            if next >= end {
                break;
            }
            base = next;
        }
        out.extend(unread(positions.start.max(region.end), positions.end));
    }

    /// Whether no message at these positions was read.
    pub(crate) fn are_unread(&self, positions: Range<u64>) -> bool {
        let region = self.region();
        region.is_empty() || positions.end <= region.start || positions.start >= region.end
    }

    /// Whether the messages at some positions have equal rows, or are all unread.
    pub(crate) fn are_equal(&self, positions: Range<u64>) -> bool {
        let mut values = Vec::new();
        let hashes = |position: u64| self.hashes_at(position);
        (0..self.columns).all(|column| {
            self.copy(column, positions.clone(), &mut values);
            values.windows(2).all(|pair| pair[0] == pair[1])
        }) && positions.end.checked_sub(1).is_none_or(|last| hashes(positions.start) == hashes(last))
    }

    /// Notes that the messages at these ascending positions left the list. Returns false, and changes
    /// nothing, if one of the positions is not in the list.
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

    /// Removes empty chunks, and merges neighbours whose rows fit one chunk.
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

    /// A message was inserted, which is at `position` now. Its row is given if it was read; without a row the position
    /// must be outside of the region or at its border. Returns false, and changes nothing, where it is not.
    pub(crate) fn inserted(&mut self, position: u64, row: Option<(&[u32], u8)>) -> bool {
        let region = self.region();
        if position > self.len() {
            return false;
        }
        if position < region.start || (position == region.start && (row.is_none() || self.rows == 0)) {
            self.pushed(Side::Producer, 1);
            return true;
        }
        if position > region.end || (position == region.end && row.is_none()) {
            self.pushed(Side::Consumer, 1);
            return true;
        }
        let Some((row, hashes)) = row else { return false };
        if position == region.end {
            self.after += 1;
            return self.read(Side::Consumer, row, hashes);
        }
        let Some((at, base)) = self.find(position) else { return false };
        if self.chunks[at].hashes != hashes {
            return false;
        }
        let mut inside = usize::try_from(position - base).unwrap_or(usize::MAX);
        let mut to = at;
        if self.chunks[at].len() == ROWS {
            let block = self.block();
            let half = ROWS / 2;
            let rest = self.chunks[at].split(half, block);
            self.chunks.insert(at + 1, rest);
            if inside > half {
                (to, inside) = (at + 1, inside - half);
            }
        }
        self.chunks[to].insert(inside, row);
        self.rows += 1;
        true
    }

    /// Returns which columns of the chunk with the row at a position are hashes; `None` if the message is
    /// unread.
    pub(crate) fn hashes_at(&self, position: u64) -> Option<u8> {
        self.find(position).map(|(chunk, _)| self.chunks[chunk].hashes)
    }

    /// Takes one chunk in which some of the columns `hashes` hold other numbers, and turns the first of these columns
    /// into hashes by calling `turn` with the column and its values. Returns false if there is no such chunk. If
    /// `position` is given, the chunk is the one with this row.
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
            let bit = 1 << (column - META);
            if hashes & bit > 0 && !chunk.is_hashed(column) {
                turn(column, chunk.column_mut(column));
                chunk.hashes |= bit;
                return true;
            }
        }
        chunk.hashes = hashes;
        true
    }

    /// Frees some rows. Returns whether others are left. The columns must not be used for anything else
    /// afterwards.
    pub(crate) fn discard_some(&mut self) -> bool {
        self.spare = None;
        self.chunks.pop_back();
        !self.chunks.is_empty()
    }

    /// Returns the memory of the rows, bytes.
    pub(crate) fn memory(&self) -> usize {
        let blocks = self.chunks.len() + usize::from(self.spare.is_some());
        blocks * self.columns * ROWS * size_of::<u32>() + self.chunks.capacity() * size_of::<Chunk>()
    }
}
