//! The values that were met: one match of each is kept.

/// Most distinct values that one job tells apart.
pub const VALUES_MAX: usize = if cfg!(test) { 5 } else { 131_072 };
/// Places in the table: half of them stay free, so that a search is short. 4 MiB.
const PLACES: usize = 2 * VALUES_MAX.next_power_of_two();

const FREE: [u64; 2] = [0; 2];

/// A set of 128-bit digests of a fixed size. It is made whole with its first digest: a table that grows would
/// move all its digests in one slice.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Zeros = free. In halves, because of which the server's allocator can hand it out unwritten.
    table: Vec<[u64; 2]>,
    len: usize,
}

impl Values {
    /// Digests in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// It is in it.
    pub(super) fn contains(&self, digest: u128) -> bool {
        !self.table.is_empty() && self.table[self.place(digest)] != FREE
    }

    /// Puts it in, if it is not in it yet.
    pub(super) fn insert(&mut self, digest: u128) {
        debug_assert!(self.len <= VALUES_MAX, "who fills the table stops before it is full");
        if self.table.is_empty() {
            self.table = vec![FREE; PLACES];
        }
        let place = self.place(digest);
        self.len += usize::from(self.table[place] == FREE);
        self.table[place] = stored(digest);
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Where it is, or the free place where it would be.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits choose the place")]
    fn place(&self, digest: u128) -> usize {
        let mut place = digest as usize % PLACES;
        while self.table[place] != FREE && self.table[place] != stored(digest) {
            place = (place + 1) % PLACES;
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
        let mut values = Values::default();
        let step = PLACES as u128;
        let digests = [3, 3 + step, 3 + 2 * step, 2 + step, u128::MAX];
        for (at, digest) in digests.into_iter().enumerate() {
            assert!(!values.contains(digest));
            values.insert(digest);
            values.insert(digest);
            assert_eq!(values.len(), at + 1);
        }
        assert!(digests.into_iter().all(|digest| values.contains(digest)));
        assert!(!values.contains(3 + 3 * step));
        values.clear();
        assert!(!values.contains(3));
    }
}
