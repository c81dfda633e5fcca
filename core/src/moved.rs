//! Which messages a job moved to another list: what its journal says about each of them, and how an undo uses
//! that.
//!
//! A message is identified by a digest of its bytes, the whole XXH3-64. While a job moves messages it appends the
//! digests to a list of its own in the keyspace (its *journal*), in the unit that moves them. An undo reads the
//! journal into [`Claims`] and removes a message from the list only if a claim to it is left. It appends the
//! digests of what it moved back to the same journal, so that an undo that ended half-way can be continued.
//!
//! Two messages with the same bytes are not told apart: of three equal ones in the list an undo moves back as many
//! as the job moved there, whichever they are.

/// Most digests in one element of a journal: one read is 4 KiB.
const CHUNK: usize = 512;
/// Bytes of one digest.
const DIGEST: usize = 8;
/// The most messages whose move can be undone by one job: their claims take about 24 bytes each while it runs.
pub const UNDO_MAX: u64 = 20_000_000;

/// Returns the digest by which a journal identifies a message.
#[must_use]
pub fn digest(message: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(message)
}

/// The direction of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the queue to the other list.
    There,
    /// Back, by an undo.
    Back,
}

impl Way {
    /// The first byte of an element.
    fn sign(self) -> u8 {
        match self {
            Self::There => b'+',
            Self::Back => b'-',
        }
    }
}

/// Returns the elements that are appended to a journal for these digests: a sign, then eight bytes each,
/// little-endian.
pub fn elements(way: Way, digests: &[u64]) -> impl Iterator<Item = Vec<u8>> + '_ {
    digests.chunks(CHUNK).map(move |chunk| {
        let mut element = Vec::with_capacity(1 + chunk.len() * DIGEST);
        element.push(way.sign());
        element.extend(chunk.iter().flat_map(|digest| digest.to_le_bytes()));
        element
    })
}

/// Slots of one page, 64 KiB.
const PAGE: usize = if cfg!(test) { 4 } else { 4_096 };

/// One digest, and one more than the number of messages with it that may still be moved back; 0 in a free slot.
type Place = (u64, u32);

/// The messages that an undo may move back: each as often as the job moved it and no undo has moved it back.
///
/// It is a table of a fixed size, whose pages are allocated when the first digest falls into them, because a table
/// that grew would move all its entries in one slice. At least a third of its slots are always free, so that a
/// search is short.
#[derive(Debug)]
pub struct Claims {
    pages: Vec<Vec<Place>>,
    /// Different digests in the table.
    len: usize,
    /// Messages that may still be moved back.
    left: u64,
    /// Messages that the journal says were moved.
    moved: u64,
    /// Claims used since the last [`Claims::confirm`], by their slots.
    used: Vec<usize>,
}

impl Claims {
    /// Creates room for the claims of a job that moved this many messages.
    #[must_use]
    pub fn new(moved: u64) -> Self {
        let most = usize::try_from(moved).unwrap_or(usize::MAX / 4);
        let pages = (most + most / 2 + 1).div_ceil(PAGE);
        Self { pages: vec![Vec::new(); pages], len: 0, left: 0, moved: 0, used: Vec::new() }
    }

    /// Returns the number of messages that may still be moved back.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Returns the number of moved messages in the journal, as far as it was read.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Reads one element of a journal; elements must be read in their order. Returns false if it is not an
    /// element, or if the journal has more messages than the job moved: then nothing is certain.
    #[must_use]
    pub fn read(&mut self, element: &[u8]) -> bool {
        let Some((sign, digests)) = element.split_first() else { return false };
        let (digests, rest) = digests.as_chunks::<DIGEST>();
        let way = [Way::There, Way::Back].into_iter().find(|way| way.sign() == *sign);
        let Some(way) = way.filter(|_| rest.is_empty() && !digests.is_empty()) else { return false };
        digests.iter().map(|bytes| u64::from_le_bytes(*bytes)).all(|digest| match way {
            Way::There => self.add(digest),
            Way::Back => self.take(digest).is_some(),
        })
    }

    /// Uses a claim to a message if one is left; returns whether it did. It is final after [`Claims::confirm`].
    pub fn claim(&mut self, digest: u64) -> bool {
        let taken = self.take(digest);
        self.used.extend(taken);
        taken.is_some()
    }

    /// Makes the used claims final, because their messages were moved.
    pub fn confirm(&mut self) {
        self.used.clear();
    }

    /// Releases the claims that were used since the last [`Claims::confirm`], because their messages were not
    /// moved.
    pub fn give_back(&mut self) {
        while let Some(place) = self.used.pop() {
            self.pages[place / PAGE][place % PAGE].1 += 1;
            self.left += 1;
        }
    }

    fn add(&mut self, digest: u64) -> bool {
        let places = self.pages.len() * PAGE;
        let place = self.place(digest);
        let page = &mut self.pages[place / PAGE];
        if page.is_empty() {
            *page = vec![(0, 0); PAGE];
        }
        match &mut page[place % PAGE] {
            (_, 0) if (self.len + 1) * 3 > places * 2 => return false,
            free @ (_, 0) => {
                *free = (digest, 2);
                self.len += 1;
            }
            (_, u32::MAX) => return false,
            (_, count) => *count += 1,
        }
        self.left += 1;
        self.moved += 1;
        true
    }

    fn take(&mut self, digest: u64) -> Option<usize> {
        let place = self.place(digest);
        let (_, count) = self.pages[place / PAGE].get_mut(place % PAGE).filter(|(_, count)| *count > 1)?;
        *count -= 1;
        self.left -= 1;
        Some(place)
    }

    /// Returns the slot of a digest, or the free slot where it would be added.
    fn place(&self, digest: u64) -> usize {
        let places = self.pages.len() * PAGE;
        let mut place = usize::try_from(digest % places as u64).unwrap_or_default();
        loop {
            match self.pages[place / PAGE].get(place % PAGE) {
                Some((there, 1..)) if *there != digest => place = (place + 1) % places,
                _ => return place,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn claims(moved: &[u64], back: &[u64]) -> Claims {
        let mut claims = Claims::new(moved.len() as u64);
        for (way, digests) in [(Way::There, moved), (Way::Back, back)] {
            assert!(elements(way, digests).all(|element| claims.read(&element)));
        }
        claims
    }

    #[test]
    fn equal_messages_are_moved_back_as_often_as_moved() {
        let moved: Vec<u64> = (0..2_000).map(|n| n % 700).collect();
        let back: Vec<u64> = (0..650).collect();
        let mut claims = claims(&moved, &back);
        assert_eq!((claims.left(), claims.moved()), (1_350, 2_000));
        let mut left: HashMap<u64, i64> = HashMap::new();
        moved.iter().for_each(|digest| *left.entry(*digest).or_default() += 1);
        back.iter().for_each(|digest| *left.entry(*digest).or_default() -= 1);
        for round in 0..4 {
            for digest in 0..800 {
                let count = left.entry(digest).or_default();
                assert_eq!(claims.claim(digest), *count > 0, "{digest} in round {round}");
                *count -= 1;
            }
        }
        assert_eq!(claims.left(), 0);
    }

    #[test]
    fn unconfirmed_claims_are_released() {
        let mut claims = claims(&[1, 1, 2], &[]);
        assert!(claims.claim(1));
        claims.confirm();
        assert!(claims.claim(1) && claims.claim(2) && !claims.claim(1));
        claims.give_back();
        assert_eq!(claims.left(), 2);
        assert!(claims.claim(1) && claims.claim(2) && !claims.claim(1) && !claims.claim(2));
    }

    #[test]
    fn colliding_digests_are_distinguished() {
        let places = 4 * PAGE as u64;
        let moved: Vec<u64> = (0..9).map(|n| n * places).collect();
        let mut claims = claims(&moved, &[]);
        assert!(!claims.claim(places * 100));
        assert!(moved.iter().all(|digest| claims.claim(*digest)));
        assert!(!moved.iter().any(|digest| claims.claim(*digest)));
    }

    #[test]
    fn invalid_or_excess_journal_elements_are_refused() {
        for wrong in [&b""[..], b"+", b"*12345678", b"+1234567", b"+123456789", b"-12345678"] {
            assert!(!Claims::new(5).read(wrong), "{wrong:?}");
        }
        let mut few = Claims::new(3);
        let many: Vec<u64> = (0..100).collect();
        assert!(!elements(Way::There, &many).all(|element| few.read(&element)));
        assert!(!few.claim(1_000), "a search ends all the same");
    }
}
