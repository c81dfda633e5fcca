//! A set of keyed digests of positions in the index.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use crate::scan::place::IndexPosition;

/// The number of slots of one page, which takes 64 KiB.
const PAGE: usize = if cfg!(test) { 4 } else { 4_096 };

const FREE: [u64; 2] = [0; 2];

/// Digests of 128 bits, made with keys that only this set knows, so that nobody can construct an entry with
/// the digest of another one.
///
/// The set never grows, because growing would move all digests in one slice. It is allocated a page at a
/// time, as digests need the pages. A quarter of its slots is left free, so that searches are short: a digest
/// takes 21 bytes.
#[derive(Debug)]
pub(super) struct Digests {
    keys: [RandomState; 2],
    /// Zeros mark a free slot. A page without slots is entirely free.
    pages: Vec<Vec<[u64; 2]>>,
    len: usize,
    most: usize,
}

impl Digests {
    /// Creates a set with room for this number of digests.
    pub(super) fn new(most: usize) -> Self {
        let pages = (most + most / 3 + 1).div_ceil(PAGE);
        Self { keys: [RandomState::new(), RandomState::new()], pages: vec![Vec::new(); pages], len: 0, most }
    }

    /// Returns the number of digests in the set.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the number of digests for which the set has room.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Returns whether the set has no room for another digest.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.most
    }

    /// Adds a position. Does nothing if the set is full: the caller checks that before.
    pub(super) fn insert(&mut self, place: &IndexPosition) {
        let digest = self.digest(place.score, &place.tag);
        let slot = self.slot(digest);
        if self.at(slot) != FREE || self.is_full() {
            return;
        }
        let page = &mut self.pages[slot / PAGE];
        if page.is_empty() {
            *page = vec![FREE; PAGE];
        }
        page[slot % PAGE] = digest;
        self.len += 1;
    }

    /// Returns whether the position was added.
    pub(super) fn contains(&self, score: f64, tag: &[u8]) -> bool {
        let digest = self.digest(score, tag);
        self.at(self.slot(digest)) == digest
    }

    fn digest(&self, score: f64, tag: &[u8]) -> [u64; 2] {
        // The server's order does not distinguish 0 and -0.
        let score = if score == 0.0 { 0.0 } else { score };
        let digest = self.keys.each_ref().map(|key| key.hash_one((score.to_bits(), tag)));
        // Zeros mean a free slot, so this one digest is replaced by another: only these two are taken for the
        // same.
        if digest == FREE { [0, 1] } else { digest }
    }

    fn at(&self, slot: usize) -> [u64; 2] {
        self.pages[slot / PAGE].get(slot % PAGE).copied().unwrap_or(FREE)
    }

    /// Returns the slot of a digest, or the free slot where it would be.
    fn slot(&self, digest: [u64; 2]) -> usize {
        let slots = self.pages.len() * PAGE;
        let mut slot = usize::try_from(digest[0] % slots as u64).unwrap_or_default();
        while ![FREE, digest].contains(&self.at(slot)) {
            slot = (slot + 1) % slots;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: u32) -> IndexPosition {
        IndexPosition { score: f64::from(n / 3), tag: n.to_le_bytes().to_vec() }
    }

    #[test]
    fn set_contains_exactly_what_was_added() {
        for most in [0, 1, 5, 300] {
            let mut digests = Digests::new(most);
            for n in 0..400 {
                assert_eq!(digests.is_full(), n as usize >= most);
                digests.insert(&place(n));
                digests.insert(&place(n));
            }
            for n in 0..400 {
                let one = place(n);
                assert_eq!(digests.contains(one.score, &one.tag), (n as usize) < most, "{n} of {most}");
                assert!(!digests.contains(one.score + 0.5, &one.tag), "another time is another place");
                assert!(!digests.contains(one.score, b"another tag"));
            }
        }
    }

    #[test]
    fn both_zeros_are_one_time() {
        let mut digests = Digests::new(1);
        digests.insert(&IndexPosition { score: -0.0, tag: b"a".to_vec() });
        assert!(digests.contains(0.0, b"a") && digests.contains(-0.0, b"a"));
    }
}
