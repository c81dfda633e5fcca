//! The values of some fields of every message in one list.

use super::codes::{
    ABSENT, ABSENT_BY_TEXT, Known, OPAQUE, RESERVED, UNDECODABLE, UNKEPT, UNREADABLE, UNTOLD, hashed,
};
use super::columns::{Columns, FINGERPRINT, META, Side};
use super::dictionary::{Dictionary, VALUE_BYTES_MAX};
use crate::error::{Error, FilterError, RequestError};
use crate::field::{Field, FieldType, Source};
use crate::filter::{class_key, is_scalar};
use crate::format::{FieldValue, Reader};
use crate::kind::MessageKind;
use crate::scan::fingerprint;

/// Most fields of an index.
pub const INDEX_FIELDS_MAX: usize = 8;

/// An index that takes no more memory than this is freed at once, and is kept for a list that is empty, bytes.
pub(super) const SMALL_BYTES: usize = 1024 * 1024;

/// The field whose value differs in every message.
const UNIQUE: Source = Source::Task("id");

/// How the values of a field are kept.
#[derive(Debug, Clone)]
enum Store {
    /// Each distinct value has a number.
    Numbered(Dictionary),
    /// There were too many: new rows get hashes, and older ones are turned into hashes chunk by chunk.
    Turning(Dictionary),
    /// Hashes, and a dictionary that is freed step by step.
    Freeing(Dictionary),
    /// Hashes.
    Hashed,
}

/// One field.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) field: Field,
    store: Store,
    /// Messages with each of the reserved numbers.
    pub(super) reserved: [u64; RESERVED],
}

impl Column {
    /// The values that have a number, if new messages get one.
    pub(super) fn dictionary(&self) -> Option<&Dictionary> {
        match &self.store {
            Store::Numbered(dictionary) => Some(dictionary),
            Store::Turning(_) | Store::Freeing(_) | Store::Hashed => None,
        }
    }

    /// The values that a row can have.
    pub(super) fn numbered(&self) -> Option<&Dictionary> {
        match &self.store {
            Store::Numbered(dictionary) | Store::Turning(dictionary) => Some(dictionary),
            Store::Freeing(_) | Store::Hashed => None,
        }
    }

    fn release(&mut self, is_hashed: bool, values: &[u32]) {
        for value in values {
            match self.reserved.get_mut(*value as usize) {
                Some(count) => *count -= 1,
                None => {
                    if let (Store::Numbered(dictionary) | Store::Turning(dictionary), false) =
                        (&mut self.store, is_hashed)
                    {
                        dictionary.release(*value);
                    }
                }
            }
        }
    }
}

/// The index of one list by the values of fields. The caller reports each change of the list and feeds it the messages that are
/// unread; see [`Self::unread`].
///
/// Positions count from the producer end, where messages are pushed; the message there has position 0.
#[derive(Debug, Clone)]
pub struct FieldIndex {
    pub(super) rows: Columns,
    pub(super) columns: Vec<Column>,
    reader: Reader,
    /// Bit n: new rows have hashes in the column of field n.
    hashes: u8,
    pub(super) seed: u64,
    /// How often messages left, or came anywhere but at the producer end.
    moves: u64,
    row: Vec<u32>,
    key: Vec<u8>,
    scratch: Vec<u8>,
}

impl FieldIndex {
    /// Returns an index of a list of `len` messages that keeps the values of these fields; see [`Self::new`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn of_names(kind: MessageKind, names: &[Vec<u8>], len: u64, seed: u64) -> Result<Self, Error> {
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        Self::new(kind, &names, len, seed)
    }

    /// An index of a list with `len` messages of a kind by these fields: see [`Field::parse_indexed`].
    /// `seed` should be random: a sender must not be able to choose values whose hashes are equal.
    ///
    /// # Errors
    /// [`RequestError::NumberOutOfRange`] for none or more than [`INDEX_FIELDS_MAX`], [`FilterError::FieldTwice`],
    /// else what is wrong with a name.
    pub fn new(kind: MessageKind, names: &[&[u8]], len: u64, seed: u64) -> Result<Self, Error> {
        if !(1..=INDEX_FIELDS_MAX).contains(&names.len()) {
            let (max, got) = (INDEX_FIELDS_MAX as u64, names.len().to_string().into_bytes());
            return Err(RequestError::NumberOutOfRange { keyword: "FIELDS", min: 1, max, got }.into());
        }
        let mut fields: Vec<Field> = Vec::with_capacity(names.len());
        for name in names {
            let field = Field::parse_indexed(name)?;
            if fields.iter().any(|other| other.is_same_place(&field)) {
                return Err(FilterError::FieldTwice { keyword: "FIELDS", name: name.to_vec() }.into());
            }
            fields.push(field);
        }
        let reader = Reader::new(kind, &fields).learning().inexact(true);
        let mut hashes = 0;
        let columns = fields.into_iter().enumerate().map(|(at, field)| {
            let is_unique = field.source == UNIQUE;
            hashes |= u8::from(is_unique) << at;
            let store = if is_unique { Store::Hashed } else { Store::Numbered(Dictionary::new(seed)) };
            Column { field, store, reserved: [0; RESERVED] }
        });
        let columns: Vec<Column> = columns.collect();
        let rows = Columns::new(columns.len(), len);
        let (row, key, scratch) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { rows, columns, reader, hashes, seed, moves: 0, row, key, scratch })
    }

    /// The same, with a choice: whether pickled bodies are read.
    #[must_use]
    pub fn pickle(self, reads: bool) -> Self {
        Self { reader: self.reader.pickle(reads), ..self }
    }

    /// The fields, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &*column.field.name)
    }

    /// Messages of the list.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.rows.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Unread messages at an end of the list. Those at the producer end are the newest; the next one to be read is the one next to
    /// the read ones, at position `unread(Producer) - 1`, or `len - unread(Consumer)` on the other side.
    #[must_use]
    pub fn unread(&self, side: Side) -> u64 {
        self.rows.unread(side)
    }

    /// The position of the message on a side that is read next; nothing where none is unread.
    #[must_use]
    pub fn next_unread(&self, side: Side) -> Option<u64> {
        match side {
            Side::Producer => self.unread(side).checked_sub(1),
            Side::Consumer => (self.unread(side) > 0).then(|| self.rows.region().end),
        }
    }

    /// As long as this number stays the same, and no other index takes the place of this one, the messages that were there keep
    /// their distances from the consumer end.
    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    /// Messages that were read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let region = self.rows.region();
        region.end - region.start
    }

    /// Whether [`Self::maintain`] has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.columns.iter().any(|column| matches!(column.store, Store::Turning(_) | Store::Freeing(_)))
    }

    /// Distinct values of each field; nothing for a field that is kept as hashes.
    pub fn distinct(&self) -> impl Iterator<Item = Option<usize>> {
        self.columns.iter().map(|column| column.dictionary().map(Dictionary::len))
    }

    /// Messages were pushed at an end.
    pub fn pushed(&mut self, side: Side, n: u64) {
        self.moves += u64::from(side == Side::Consumer);
        self.rows.pushed(side, n);
    }

    /// Messages were popped from an end. False if the list did not have as many: then the index is not of this list any more.
    #[must_use]
    pub fn popped(&mut self, side: Side, n: u64) -> bool {
        self.moves += 1;
        let columns = &mut self.columns;
        self.rows.popped(side, n, &mut |column, is_hashed, values| {
            columns[column - META].release(is_hashed, values);
        })
    }

    /// Messages at ascending positions left the list. False if one of them was not in it, likewise.
    #[must_use]
    pub fn deleted(&mut self, ascending: &[u64]) -> bool {
        self.moves += 1;
        let columns = &mut self.columns;
        self.rows.deleted(ascending, &mut |column, is_hashed, values| {
            columns[column - META].release(is_hashed, values);
        })
    }

    /// Only the messages at these positions are left: LTRIM.
    #[must_use]
    pub fn trimmed(&mut self, first: u64, count: u64) -> bool {
        let Some(last) = self.len().checked_sub(first).and_then(|rest| rest.checked_sub(count)) else {
            return false;
        };
        self.popped(Side::Producer, first) && self.popped(Side::Consumer, last)
    }

    /// The unread message next to the read ones on a side is `message`. False where none is unread.
    pub fn read(&mut self, side: Side, message: &[u8]) -> bool {
        if self.rows.unread(side) == 0 {
            return false;
        }
        self.take(message);
        self.rows.read(side, &self.row, self.hashes)
    }

    /// Whether a message that was inserted, and is at `position` now, gets a row.
    #[must_use]
    pub fn needs_row(&self, position: u64) -> bool {
        let region = self.rows.region();
        !region.is_empty() && (region.start..=region.end).contains(&position)
    }

    /// A message was inserted between others and is at `position` now. False if its place cannot be kept: then the
    /// index is not of this list any more. The message is read if it [needs a row](Self::needs_row).
    #[must_use]
    pub fn inserted(&mut self, position: u64, message: &[u8]) -> bool {
        self.moves += 1;
        if !self.needs_row(position) {
            return self.rows.inserted(position, None);
        }
        self.take(message);
        if self.rows.hashes_at(position).is_some_and(|hashes| hashes != self.hashes) {
            while self.turn(Some(position)) {}
        }
        self.rows.inserted(position, Some((&self.row, self.hashes)))
    }

    /// Makes the row of a message, which counts from now on.
    fn take(&mut self, message: &[u8]) {
        let reader = &mut self.reader;
        let is_decodable = reader.envelope(message);
        let wants_body = is_decodable && (0..self.columns.len()).any(|at| reader.in_body(at));
        let is_open = wants_body && reader.open_body(message);
        if wants_body && !is_open {
            reader.read_reprs(message);
        }
        self.row.clear();
        self.row.extend([u32::try_from(message.len()).unwrap_or(u32::MAX), fingerprint(message)]);
        for (at, column) in self.columns.iter_mut().enumerate() {
            let by_body = wants_body && !is_open && self.reader.in_body(at);
            let value = match self.reader.get(at, message) {
                _ if !is_decodable => UNDECODABLE,
                FieldValue::Absent if by_body => ABSENT_BY_TEXT,
                FieldValue::Absent => ABSENT,
                FieldValue::Unknown if by_body || self.reader.is_opaque(at, message) => UNREADABLE,
                FieldValue::Unknown => UNTOLD,
                // These are known without a column.
                FieldValue::Partial(partial) if partial.is_opaque() => OPAQUE,
                FieldValue::Number(_) | FieldValue::Partial(_) => UNKEPT,
                FieldValue::Value(raw) if raw.len() > VALUE_BYTES_MAX => UNKEPT,
                FieldValue::Value(raw) => {
                    let known = if by_body { Known::ByText } else { Known::Exact };
                    let (key, scratch, seed) = (&mut self.key, &mut self.scratch, self.seed);
                    let mut hash = || hash_of(known, raw, seed, key, scratch);
                    match &mut column.store {
                        Store::Numbered(dictionary) => match dictionary.take(known, raw, &mut hash) {
                            Some(number) => number,
                            None => {
                                self.hashes |= 1 << at;
                                column.store = match std::mem::replace(&mut column.store, Store::Hashed) {
                                    Store::Numbered(dictionary) => Store::Turning(dictionary),
                                    other => other,
                                };
                                hash()
                            }
                        },
                        Store::Turning(_) | Store::Freeing(_) | Store::Hashed => hash(),
                    }
                }
            };
            if let Some(count) = column.reserved.get_mut(value as usize) {
                *count += 1;
            }
            self.row.push(value);
        }
    }

    /// Turns one column of a chunk of rows from numbers into hashes where a field has got too many values.
    fn turn(&mut self, position: Option<u64>) -> bool {
        let columns = &mut self.columns;
        self.rows.turn(position, self.hashes, &mut |at, values| {
            let column = &mut columns[at - META];
            let Store::Turning(dictionary) = &column.store else { return };
            // What the dictionary counts is of no use any more: it is freed once all rows are turned.
            for value in values {
                if let Some(hash) = dictionary.hash_of(*value) {
                    if let Some(count) = column.reserved.get_mut(hash as usize) {
                        *count += 1;
                    }
                    *value = hash;
                }
            }
        })
    }

    /// Does one step of the work that a field with too many values makes: one column of 4,096 rows, or a part of the dictionary. Returns
    /// whether there is more of it. The index answers meanwhile.
    pub fn maintain(&mut self) -> bool {
        if !self.has_work() {
            return false;
        }
        if self.turn(None) {
            return true;
        }
        for column in &mut self.columns {
            column.store = match std::mem::replace(&mut column.store, Store::Hashed) {
                Store::Turning(dictionary) => Store::Freeing(dictionary),
                Store::Freeing(mut dictionary) => match dictionary.discard_some() {
                    true => Store::Freeing(dictionary),
                    false => Store::Hashed,
                },
                Store::Hashed => Store::Hashed,
                Store::Numbered(dictionary) => Store::Numbered(dictionary),
            };
        }
        true
    }

    /// Positions that show whether the index is still of the list, and the fingerprints of the messages there: the ends of the
    /// read region. Where the region reaches to an end of the list, this is the message at that end; otherwise it is the
    /// border at which reading continues.
    ///
    /// With the length of the list, they find edits that no event tells, as long as they change an end or move one of these messages.
    #[must_use]
    pub fn borders(&self) -> [Option<(u64, u32)>; 2] {
        let region = self.rows.region();
        let last = region.end.checked_sub(1).filter(|last| *last >= region.start);
        let border = |position: u64| Some((position, self.rows.value(FINGERPRINT, position)?));
        [border(region.start), last.and_then(border)]
    }

    /// Whether every field is kept as in an index that begins anew, and the memory is small.
    #[must_use]
    pub fn is_as_new(&self) -> bool {
        let is_as_new = |column: &Column| match column.store {
            Store::Numbered(_) => true,
            Store::Turning(_) | Store::Freeing(_) => false,
            Store::Hashed => column.field.source == UNIQUE,
        };
        self.columns.iter().all(is_as_new) && self.memory() <= SMALL_BYTES
    }

    /// Memory of rows and values, bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let dictionaries = self.columns.iter().map(|column| match &column.store {
            Store::Numbered(dictionary) | Store::Turning(dictionary) | Store::Freeing(dictionary) => {
                dictionary.memory()
            }
            Store::Hashed => 0,
        });
        self.rows.memory() + dictionaries.sum::<usize>()
    }

    /// Frees a part of the memory. Returns whether more is left; the index must not be used for anything else any more.
    pub fn discard_some(&mut self) -> bool {
        if self.rows.discard_some() {
            return true;
        }
        let mut is_left = false;
        for column in &mut self.columns {
            if let Store::Numbered(dictionary) | Store::Turning(dictionary) | Store::Freeing(dictionary) =
                &mut column.store
            {
                is_left |= dictionary.discard_some();
            }
        }
        is_left
    }
}

/// The number that stands for a value in a column of hashes: of its class, so that values that `=` calls equal have
/// equal numbers.
fn hash_of(known: Known, raw: &[u8], seed: u64, key: &mut Vec<u8>, scratch: &mut Vec<u8>) -> u32 {
    if known == Known::ByText || !is_scalar(raw, scratch) {
        return UNKEPT;
    }
    class_key(raw, FieldType::Value, key, scratch);
    class_hash(key, seed)
}

/// The number of a class in a column of hashes.
pub(super) fn class_hash(key: &[u8], seed: u64) -> u32 {
    hashed(xxhash_rust::xxh3::xxh3_64_with_seed(key, seed))
}
