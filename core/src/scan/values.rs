//! The values that were met: one match of each is kept.

use std::collections::HashSet;

/// The largest number of distinct values that one job tells apart.
pub const VALUES_MAX: usize = 200_000;
/// A small number, so that tests reach it.
pub(in crate::scan) const MOST: usize = if cfg!(test) { 5 } else { VALUES_MAX };
/// Slots of one page, 64 KiB.
const PAGE: usize = if cfg!(test) { 4 } else { 4_096 };

const FREE: [u64; 2] = [0; 2];

/// A set of 128-bit digests that is as large as its job can ever need, because a set that grew would move all of
/// its digests in one slice. At least three slots in nineteen are always free, so that a search is short. Pages
/// are allocated when the first digest falls into them; all of them take 3.7 MiB.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Zeros mean a free slot; an empty page has only free slots.
    pages: Vec<Vec<[u64; 2]>>,
    len: usize,
    /// Slots of digests whose match has left the queue and did not run: the next such match is kept.
    lost: HashSet<usize>,
}

impl Values {
    /// For a pass over this many messages.
    pub(super) fn new(messages: u64) -> Self {
        let most = usize::try_from(messages).unwrap_or(MOST).min(MOST);
        let pages = (most + most * 3 / 16 + 1).div_ceil(PAGE);
        Self { pages: vec![Vec::new(); pages], len: 0, lost: HashSet::new() }
    }

    /// Returns the number of digests in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether a match with this value is kept, or ran.
    pub(super) fn contains(&self, digest: u128) -> bool {
        let place = self.place(digest);
        self.at(place) != FREE && !self.lost.contains(&place)
    }

    /// Returns whether a match with this value was met, whether one is kept or not.
    pub(super) fn knows(&self, digest: u128) -> bool {
        self.at(self.place(digest)) != FREE
    }

    /// Returns whether one more value can be told apart from all others when `more` others are added before it.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.len + more < MOST
    }

    /// The kept match of the digest in this slot was removed.
    pub(super) fn lose(&mut self, place: usize) {
        self.lost.insert(place);
    }

    /// Adds it, if it is missing: a match with this value is kept. Returns its slot.
    pub(super) fn insert(&mut self, digest: u128) -> usize {
        debug_assert!(self.len <= MOST, "who fills the table stops before it is full");
        let place = self.place(digest);
        self.len += usize::from(self.at(place) == FREE);
        let page = &mut self.pages[place / PAGE];
        if page.is_empty() {
            *page = vec![FREE; PAGE];
        }
        page[place % PAGE] = stored(digest);
        self.lost.remove(&place);
        place
    }

    fn at(&self, place: usize) -> [u64; 2] {
        self.pages[place / PAGE].get(place % PAGE).copied().unwrap_or(FREE)
    }

    /// Returns its slot, or the free slot where it would be added.
    fn place(&self, digest: u128) -> usize {
        let places = self.pages.len() * PAGE;
        let [low, _] = stored(digest);
        let mut place = usize::try_from(low % places as u64).unwrap_or_default();
        while ![FREE, stored(digest)].contains(&self.at(place)) {
            place = (place + 1) % places;
        }
        place
    }
}

/// The digest as it is stored in the table, where zeros mean none: two of all digests are considered equal.
#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
fn stored(digest: u128) -> [u64; 2] {
    let digest = digest.max(1);
    [digest as u64, (digest >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_with_the_same_slot_are_distinguished() {
        let mut values = Values::new(u64::MAX);
        let step = 16;
        // A search at the end of the last page continues in the first.
        let digests = [3, 3 + step, 2 + step, u128::MAX, u128::MAX - step];
        for (at, digest) in digests.into_iter().enumerate() {
            assert!(!values.contains(digest));
            values.insert(digest);
            values.insert(digest);
            assert_eq!(values.len(), at + 1);
        }
        assert!(digests.into_iter().all(|digest| values.contains(digest)));
        assert!(!values.contains(3 + 3 * step));
    }

    #[test]
    fn there_is_room_for_every_message_of_the_pass() {
        for messages in 0..=5 {
            let mut values = Values::new(messages);
            assert!(!values.contains(7));
            for digest in 0..u128::from(messages) {
                values.insert(digest * 1_000);
            }
            assert_eq!(values.len() as u64, messages);
        }
    }
}
