//! The values that were met: one match of each is kept.

use std::collections::HashSet;

/// Most distinct values that one job tells apart.
pub const VALUES_MAX: usize = 200_000;
/// The same where it is to be met.
pub(in crate::scan) const MOST: usize = if cfg!(test) { 5 } else { VALUES_MAX };
/// Places of one page, 64 KiB.
const PAGE: usize = if cfg!(test) { 4 } else { 4_096 };

const FREE: [u64; 2] = [0; 2];

/// A set of 128-bit digests, as large as its job can ever need: one that grew would move all of its digests in one
/// slice. Three places in nineteen stay free at least, so that a search is short. It is made a page at a time, where the
/// digests fall: all of them take 3.7 MiB.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Zeros = free; an empty page = all of it is.
    pages: Vec<Vec<[u64; 2]>>,
    len: usize,
    /// Places of digests whose match is not in the queue any more, and did not run: the next one stays.
    lost: HashSet<usize>,
}

impl Values {
    /// For a pass over so many messages.
    pub(super) fn new(messages: u64) -> Self {
        let most = usize::try_from(messages).unwrap_or(MOST).min(MOST);
        let pages = (most + most * 3 / 16 + 1).div_ceil(PAGE);
        Self { pages: vec![Vec::new(); pages], len: 0, lost: HashSet::new() }
    }

    /// Digests in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A match with this value stays, or ran.
    pub(super) fn contains(&self, digest: u128) -> bool {
        let place = self.place(digest);
        self.at(place) != FREE && !self.lost.contains(&place)
    }

    /// A match with this value was met, whether one stays or not.
    pub(super) fn knows(&self, digest: u128) -> bool {
        self.at(self.place(digest)) != FREE
    }

    /// One more value can be told apart from all others when `more` others are added before it.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.len + more < MOST
    }

    /// The match that stays for the digest at this place was taken out.
    pub(super) fn lose(&mut self, place: usize) {
        self.lost.insert(place);
    }

    /// Puts it in, if it is not in it yet: a match with this value stays. Answers its place.
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

    /// Where it is, or the free place where it would be.
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

/// As it stands in the table, where zeros mean none: of all digests two are taken for the same.
#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
fn stored(digest: u128) -> [u64; 2] {
    let digest = digest.max(1);
    [digest as u64, (digest >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_that_want_the_same_place_are_told_apart() {
        let mut values = Values::new(u64::MAX);
        let step = 16;
        // The last ones go on from the last page in the first.
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
