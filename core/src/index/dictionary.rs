//! The distinct values of one field. Each value has a number, and the dictionary counts the messages that
//! have it.
//!
//! A value is kept with the bytes that it has in the message, so that an operator decides as it does for the
//! message itself. If one number is written in two ways, these are two entries. An entry is freed with the
//! last message that has its value. Its number can then be given to another value; the generation of the
//! number distinguishes the two.
//!
//! The table grows by linear hashing: each new value splits at most one bucket, whose few entries are hashed
//! again. Entries and buckets are kept in pages that never move as a whole, so an insertion into a large
//! table takes no longer than one into a small table. A table that doubles its size would stop the server for
//! 14 to 17 ms with a million values.

use std::mem::size_of;

use super::codes::{Known, RESERVED, VALUES};

/// The largest number of distinct values in a dictionary. A field with more values is kept as hashes.
pub const DICTIONARY_VALUES_MAX: usize = 65_536;
/// The largest size of these values together, bytes.
pub const DICTIONARY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The longest value that is kept, bytes of JSON. A message with a longer value has to be read.
pub const VALUE_BYTES_MAX: usize = 1_024;

/// The largest number of distinct values, which is smaller in tests.
pub(super) const ROOM: usize = if cfg!(test) { 96 } else { DICTIONARY_VALUES_MAX };
/// The number of entries of one page, and likewise of buckets.
const PAGE: usize = if cfg!(test) { 16 } else { 1_024 };
/// The number of values that one step frees. Each of them can be an allocation of its own.
const FREED: usize = if cfg!(test) { 8 } else { 256 };
/// The number of buckets of an empty table.
const FIRST_BUCKETS: usize = 8;
/// The largest generation. It is below `u32::MAX`, which is not a generation.
const GENERATIONS: u32 = u32::MAX >> 1;
/// The value of [`Entry::next`] if no entry follows.
const NONE: u32 = u32::MAX;
/// The approximate size that the allocator adds to each allocation, bytes.
const ALLOCATION: usize = 8;

/// The longest value that stands in its entry, bytes, with the byte before it.
const SHORT: usize = 22;

/// One byte that says how the value is known, and then the value; empty if the number is free. Messages that follow each other
/// seldom have the same value, so each lookup takes the entry from memory that is far away. A short value stands in the entry, which
/// spares the second way.
#[derive(Debug, Clone)]
enum Text {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl Text {
    const NONE: Self = Self::Short { len: 0, bytes: [0; SHORT] };

    fn new(sign: u8, raw: &[u8]) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(1..=raw.len()), u8::try_from(1 + raw.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(raw);
                bytes[0] = sign;
                Self::Short { len, bytes }
            }
            _ => Self::Long([&[sign], raw].concat().into()),
        }
    }

    /// Returns how the value is known, and the value; `None` if there is none.
    fn parts(&self) -> Option<(u8, &[u8])> {
        let all = match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len))?,
            Self::Long(all) => all,
        };
        all.split_first().map(|(sign, raw)| (*sign, raw))
    }

    /// Returns the memory outside of the entry, bytes.
    fn outside(&self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Long(all) => all.len() + ALLOCATION,
        }
    }
}

/// What every lookup needs of a value. Half of a line of a processor's cache.
#[derive(Debug, Clone)]
struct Entry {
    text: Text,
    /// The next entry of the bucket or, for a free number, the next free one.
    next: u32,
    /// The number of messages that have the value.
    count: u32,
}

/// What is seldom needed of a value.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The number that represents the value in a column of hashes.
    hash: u32,
    /// How often the number was given to another value.
    generation: u32,
}

/// A value of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'d> {
    pub(super) known: Known,
    /// The JSON text of the value, which is not null.
    pub(super) raw: &'d [u8],
    /// The number that represents the value in a column of hashes.
    pub(super) hash: u32,
    /// The number of messages that have the value.
    pub(super) count: u32,
    /// The generation of the number: it differs between two values that had the same number.
    pub(super) generation: u32,
}

/// The distinct values of one field; see the module.
#[derive(Debug, Clone)]
pub(super) struct Dictionary {
    pages: Vec<Vec<Entry>>,
    /// As long as the pages of entries.
    marks: Vec<Vec<Mark>>,
    buckets: Vec<Vec<u32>>,
    /// The number of buckets in use.
    width: usize,
    /// The first free entry.
    free: u32,
    /// The number of values.
    len: usize,
    /// The size of all values, bytes.
    bytes: usize,
    /// The memory of values that do not stand in their entries, bytes.
    outside: usize,
    /// How often a number was given to a value.
    assigned: u64,
    seed: u64,
}

impl Dictionary {
    /// Creates an empty dictionary. The buckets of its values depend on `seed`, so that no sender can choose
    /// values that share a bucket.
    pub(super) fn new(seed: u64) -> Self {
        let mut dictionary = Self {
            pages: Vec::new(),
            marks: Vec::new(),
            buckets: Vec::new(),
            width: 0,
            free: NONE,
            len: 0,
            bytes: 0,
            outside: 0,
            assigned: 0,
            seed,
        };
        for _ in 0..FIRST_BUCKETS {
            dictionary.add_bucket();
        }
        dictionary
    }

    /// Returns the number of distinct values.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns how often a number was given to a value. As long as this does not change, every value keeps
    /// its number.
    pub(super) fn assigned(&self) -> u64 {
        self.assigned
    }

    /// Returns a number that is larger than all numbers of values.
    pub(super) fn end(&self) -> usize {
        RESERVED + self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
    }

    /// Returns the value with a number; `None` if no value has it.
    pub(super) fn get(&self, number: u32) -> Option<Value<'_>> {
        let at = (number as usize).checked_sub(RESERVED)?;
        let entry = self.pages.get(at / PAGE)?.get(at % PAGE)?;
        let (known, raw) = entry.text.parts()?;
        let known = if known == EXACT { Known::Exact } else { Known::ByText };
        let Mark { hash, generation } = *self.marks.get(at / PAGE)?.get(at % PAGE)?;
        Some(Value { known, raw, hash, count: entry.count, generation })
    }

    /// Returns the number that represents a value in a column of hashes, by the number of the value: what [`Self::get`] tells
    /// without a look at the value itself.
    pub(super) fn hash_of(&self, number: u32) -> Option<u32> {
        let at = (number as usize).checked_sub(RESERVED)?;
        self.marks.get(at / PAGE)?.get(at % PAGE).map(|mark| mark.hash)
    }

    /// Counts one more message that has a value, and returns the number of the value. Returns `None` if the
    /// value is new and there is no more room. `hash` is called for a new value only and returns the number
    /// that represents it in a column of hashes.
    pub(super) fn take(&mut self, known: Known, raw: &[u8], hash: impl FnOnce() -> u32) -> Option<u32> {
        let sign = sign(known);
        let own = self.hash(sign, raw);
        let mut at = self.bucket(own);
        while at != NONE {
            let entry = self.entry(at);
            if entry.text.parts().is_some_and(|(known, text)| known == sign && text == raw) {
                entry.count += 1;
                return Some(at + VALUES);
            }
            at = entry.next;
        }
        if self.len >= ROOM || self.bytes + raw.len() > DICTIONARY_BYTES_MAX {
            return None;
        }
        let next = self.bucket(own);
        let (text, hash) = (Text::new(sign, raw), hash());
        self.len += 1;
        self.bytes += raw.len();
        self.outside += text.outside();
        self.assigned += 1;
        let new = Entry { text, next, count: 1 };
        let at = if self.free == NONE {
            self.append(new, hash)
        } else {
            let at = self.free;
            self.free = std::mem::replace(self.entry(at), new).next;
            let mark = &mut self.marks[at as usize / PAGE][at as usize % PAGE];
            *mark = Mark { hash, generation: (mark.generation + 1) & GENERATIONS };
            at
        };
        *self.bucket_mut(own) = at;
        if self.len > self.width {
            self.add_bucket();
        }
        Some(at + VALUES)
    }

    /// Counts one message fewer that has the value with this number.
    pub(super) fn release(&mut self, number: u32) {
        let Some(at) = number.checked_sub(VALUES) else { return };
        let entry = self.entry(at);
        entry.count -= 1;
        if entry.count > 0 {
            return;
        }
        let (text, next) = (std::mem::replace(&mut entry.text, Text::NONE), entry.next);
        let Some((sign, raw)) = text.parts() else { return };
        let own = self.hash(sign, raw);
        let first = self.bucket(own);
        if first == at {
            *self.bucket_mut(own) = next;
        } else {
            let mut before = first;
            while self.entry(before).next != at {
                before = self.entry(before).next;
            }
            self.entry(before).next = next;
        }
        self.entry(at).next = self.free;
        self.free = at;
        self.len -= 1;
        self.bytes -= raw.len();
        self.outside -= text.outside();
    }

    /// Frees some values, even if messages have them. Returns whether others are left. The dictionary must
    /// not be used for anything else afterwards.
    pub(super) fn discard_some(&mut self) -> bool {
        if let Some(page) = self.pages.last_mut() {
            page.truncate(page.len().saturating_sub(FREED));
            if page.is_empty() {
                self.pages.pop();
            }
        } else {
            self.marks.pop();
            self.buckets.pop();
        }
        !(self.pages.is_empty() && self.marks.is_empty() && self.buckets.is_empty())
    }

    /// Returns the memory that the dictionary takes, bytes.
    pub(super) fn memory(&self) -> usize {
        let pages = paged(&self.pages) + paged(&self.marks) + paged(&self.buckets);
        let headers = self.pages.capacity() + self.marks.capacity() + self.buckets.capacity();
        pages + headers * size_of::<Vec<Entry>>() + self.outside
    }

    fn entry(&mut self, at: u32) -> &mut Entry {
        let at = at as usize;
        &mut self.pages[at / PAGE][at % PAGE]
    }

    fn append(&mut self, entry: Entry, hash: u32) -> u32 {
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::new());
            self.marks.push(Vec::new());
        }
        if let Some(marks) = self.marks.last_mut() {
            marks.push(Mark { hash, generation: 0 });
        }
        let before = (self.pages.len() - 1) * PAGE;
        let page = self.pages.last_mut().expect("a page was just made if there was none");
        let at = before + page.len();
        page.push(entry);
        u32::try_from(at).expect("there are never more entries than room for values")
    }

    fn hash(&self, sign: u8, raw: &[u8]) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(raw, self.seed ^ u64::from(sign))
    }

    /// Returns the number of the bucket for a hash if `width` buckets are in use.
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer than 2^32 buckets")]
    fn place(hash: u64, width: usize) -> usize {
        let whole = width.next_power_of_two();
        let place = hash as usize & (whole - 1);
        if place < width { place } else { place & (whole / 2 - 1) }
    }

    /// Returns the first entry in the bucket for a hash.
    fn bucket(&self, hash: u64) -> u32 {
        let place = Self::place(hash, self.width);
        self.buckets[place / PAGE][place % PAGE]
    }

    fn bucket_mut(&mut self, hash: u64) -> &mut u32 {
        let place = Self::place(hash, self.width);
        &mut self.buckets[place / PAGE][place % PAGE]
    }

    /// Adds a bucket and moves to it the entries that belong there from the bucket whose turn it is to be
    /// split.
    fn add_bucket(&mut self) {
        let new = self.width;
        if new.is_multiple_of(PAGE) {
            self.buckets.push(Vec::new());
        }
        if let Some(page) = self.buckets.last_mut() {
            page.push(NONE);
        }
        self.width += 1;
        if new == 0 {
            return;
        }
        // The entries of the new bucket have been in this one.
        let old = new - new.next_power_of_two() / if new.is_power_of_two() { 1 } else { 2 };
        let mut at = std::mem::replace(&mut self.buckets[old / PAGE][old % PAGE], NONE);
        while at != NONE {
            let entry = self.entry(at);
            let next = entry.next;
            let text = std::mem::replace(&mut entry.text, Text::NONE);
            let own = text.parts().map_or(0, |(sign, raw)| self.hash(sign, raw));
            let first = self.bucket(own);
            let entry = self.entry(at);
            (entry.text, entry.next) = (text, first);
            *self.bucket_mut(own) = at;
            at = next;
        }
    }
}

/// The memory of pages, all of which are full except for the last one. It is asked for after each event of a queue that is
/// often empty, so it takes constant time.
fn paged<T>(pages: &[Vec<T>]) -> usize {
    let full = pages.len().saturating_sub(1) * PAGE;
    (full + pages.last().map_or(0, Vec::capacity)) * size_of::<T>()
}

const EXACT: u8 = 0;
const BY_TEXT: u8 = 1;

fn sign(known: Known) -> u8 {
    match known {
        Known::Exact => EXACT,
        Known::ByText => BY_TEXT,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_dictionary_counts_like_a_map(steps in prop::collection::vec((any::<bool>(), 0_u32..140), 1..600)) {
            let mut dictionary = Dictionary::new(7);
            let mut known: HashMap<u32, (u32, u32)> = HashMap::new();
            for (takes, value) in steps {
                let raw = format!("\"{}\"", value / 2);
                let how = if value % 2 == 0 { Known::Exact } else { Known::ByText };
                match known.get_mut(&value) {
                    Some((number, count)) if takes => {
                        prop_assert_eq!(dictionary.take(how, raw.as_bytes(), || value), Some(*number));
                        *count += 1;
                    }
                    None if takes => {
                        let taken = dictionary.take(how, raw.as_bytes(), || value);
                        prop_assert_eq!(taken.is_some(), known.len() < ROOM);
                        if let Some(number) = taken {
                            prop_assert!(number >= VALUES && (number as usize) < dictionary.end());
                            known.insert(value, (number, 1));
                        }
                    }
                    Some((number, count)) => {
                        dictionary.release(*number);
                        *count -= 1;
                        if *count == 0 {
                            prop_assert!(dictionary.get(*number).is_none());
                            known.remove(&value);
                        }
                    }
                    None => {}
                }
                prop_assert_eq!(dictionary.len(), known.len());
            }
            for (value, (number, count)) in known {
                let raw = format!("\"{}\"", value / 2);
                let found = dictionary.get(number).expect("it is there");
                prop_assert_eq!((found.raw, found.count, found.hash), (raw.as_bytes(), count, value));
                prop_assert_eq!(found.known == Known::Exact, value % 2 == 0);
            }
        }
    }

    #[test]
    fn a_number_that_has_another_value_has_another_generation() {
        let mut dictionary = Dictionary::new(0);
        let first = dictionary.take(Known::Exact, b"1", || 0).expect("room");
        let before = (dictionary.get(first).expect("there").generation, dictionary.assigned());
        dictionary.release(first);
        let second = dictionary.take(Known::Exact, b"2", || 0).expect("room");
        assert_eq!(first, second);
        let after = (dictionary.get(second).expect("there").generation, dictionary.assigned());
        assert!(before.0 != after.0 && before.1 != after.1);
    }

    #[test]
    fn the_memory_of_an_entry_is_bounded() {
        assert!(size_of::<Entry>() == 32 && size_of::<Mark>() == 8);
        let mut dictionary = Dictionary::new(0);
        for n in 0..ROOM {
            assert!(dictionary.take(Known::Exact, n.to_string().as_bytes(), || 0).is_some());
        }
        assert!(dictionary.memory() - dictionary.bytes <= 64 * ROOM, "{} bytes", dictionary.memory());
        while dictionary.discard_some() {}
    }
}
