//! Distinct keys, each with a number.
//!
//! There can be tens of thousands of them. If each were an allocation of its own, freeing them at the end of a job would
//! take longer than a slice. So they stand one after another in pages, which are allocated and freed as a whole.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a page, unless a single key is longer.
const PAGE: usize = if cfg!(test) { 64 } else { 64 * 1024 };
/// Slots of an empty table.
const FIRST_SLOTS: usize = 16;
/// Slots for each key: with fewer than two the table grows.
const SLOTS: usize = 2;

/// Where a key stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    page: u32,
    start: u32,
    len: u32,
    hash: u32,
}

/// Keys with numbers from 0 on, in the order in which they were added.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pages: Vec<Vec<u8>>,
    /// By number.
    places: Vec<Place>,
    /// Open addressing: one more than the number of a key, or 0. The length is a power of two.
    slots: Vec<u32>,
    seed: u64,
}

impl Numbered {
    /// Starts without keys. Up to `expected` of them are added without a step that grows the table; many more than that
    /// take one each time their number doubles. `seed` should be random: a sender must not be able to choose values that
    /// share a slot.
    pub(crate) fn new(expected: usize, seed: u64) -> Self {
        let slots = expected.saturating_mul(SLOTS).next_power_of_two().max(FIRST_SLOTS);
        Self { pages: Vec::new(), places: Vec::new(), slots: vec![0; slots], seed }
    }

    /// Returns the number of keys.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the key with a number; it is empty if there is none.
    pub(crate) fn get(&self, number: usize) -> &[u8] {
        self.places.get(number).map_or(&[], |place| self.text(*place))
    }

    /// Returns the number of a key. A key that was not added before is added if `fits` says so.
    pub(crate) fn number(&mut self, key: &[u8], fits: impl FnOnce(&Self) -> bool) -> Option<u32> {
        #[expect(clippy::cast_possible_truncation, reason = "the low half is the point")]
        let hash = xxh3_64_with_seed(key, self.seed) as u32;
        let mut slot = self.slot_of(hash);
        while let Some(number) = self.slots[slot].checked_sub(1) {
            let place = self.places[number as usize];
            if place.hash == hash && self.text(place) == key {
                return Some(number);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        if !fits(self) {
            return None;
        }
        let number = u32::try_from(self.places.len()).ok()?;
        self.slots[slot] = number.checked_add(1)?;
        self.add(key, hash);
        if self.places.len() * SLOTS > self.slots.len() {
            self.grow();
        }
        Some(number)
    }

    fn text(&self, place: Place) -> &[u8] {
        let start = place.start as usize;
        &self.pages[place.page as usize][start..start + place.len as usize]
    }

    fn slot_of(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn add(&mut self, key: &[u8], hash: u32) {
        if self.pages.last().is_none_or(|page| page.len() + key.len() > page.capacity()) {
            self.pages.push(Vec::with_capacity(PAGE.max(key.len())));
        }
        let page = self.pages.len() - 1;
        let Some(last) = self.pages.last_mut() else { return };
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.places.push(Place {
            page: narrow(page),
            start: narrow(last.len()),
            len: narrow(key.len()),
            hash,
        });
        last.extend_from_slice(key);
    }

    /// Doubles the table. The keys themselves are not hashed again.
    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for (number, place) in (1..).zip(&self.places) {
            let mut slot = place.hash as usize & (self.slots.len() - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_have_numbers_like_those_of_a_map(
            expected in 0_usize..40,
            keys in prop::collection::vec(prop::collection::vec(0_u8..3, 0..100), 0..200),
        ) {
            let (mut known, mut numbers) = (Numbered::new(expected, 7), HashMap::new());
            for key in &keys {
                let next = u32::try_from(numbers.len()).expect("few");
                let fits = key.len() % 2 == 0;
                prop_assert_eq!(known.number(key, |_| false), numbers.get(key).copied());
                if fits || numbers.contains_key(key) {
                    let number = *numbers.entry(key.clone()).or_insert(next);
                    prop_assert_eq!(known.number(key, |known| known.len() == numbers.len() - 1), Some(number));
                }
                prop_assert_eq!(known.len(), numbers.len());
            }
            for (key, number) in numbers {
                prop_assert_eq!(known.get(number as usize), key.as_slice());
            }
            prop_assert_eq!(known.get(known.len()), &b""[..]);
        }
    }
}
