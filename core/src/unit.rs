//! How a unit describes to replicas and the append-only file which messages a slice removed.
//!
//! ```text
//! key   length-before   indexes   fingerprints   [hash | prefix rq seen]
//! ```
//!
//! Indexes are list indexes before the deletion, ascending: the first one unchanged, each following one as its
//! distance to the one before, all as LEB128 (7 bits a byte, low ones first, high bit = more follows). A
//! fingerprint is 4 bytes, little endian. If the elements are ids, `hash` is the key of their messages, or `prefix` is
//! what all keys of RQ begin with, and fingerprints are of the messages: a server that repeats the unit looks up the message
//! of each id and removes both, or nothing. A slice that clears 400 neighbours takes about 2 KB.
//!
//! A job of RQ has fields, each of which can have a time of its own (HEXPIRE). A primary hides a field whose time is
//! over, and other servers do not until they get its deletion. So `seen` says which fields the primary saw, in 2 bytes for
//! each id, little endian, and a server that repeats the unit reads those alone. It has all of them: what a primary sees,
//! it has not deleted.

use crate::scan::Deletion;

/// Most messages that one unit removes: a slice of the longest `slice-us` is far below it.
pub const UNIT_MAX: usize = 65_536;

/// Packs deletions, which must be ascending and without repetition.
#[must_use]
pub fn pack(ascending: &[Deletion]) -> (Vec<u8>, Vec<u8>) {
    let mut indexes = Vec::with_capacity(ascending.len() * 2);
    let mut fingerprints = Vec::with_capacity(ascending.len() * 4);
    let mut last = 0;
    for deletion in ascending {
        push_varint(&mut indexes, deletion.index - last);
        last = deletion.index;
        fingerprints.extend_from_slice(&deletion.fingerprint.to_le_bytes());
    }
    (indexes, fingerprints)
}

/// Unpacks what [`pack`] made. `None` for anything else: broken numbers, indexes that do not ascend or do
/// not fit below `len`, another number of fingerprints, or more than [`UNIT_MAX`].
#[must_use]
pub fn unpack(len: u64, indexes: &[u8], fingerprints: &[u8]) -> Option<Vec<Deletion>> {
    let (prints, rest) = fingerprints.as_chunks::<4>();
    if !rest.is_empty() || prints.is_empty() || prints.len() > UNIT_MAX {
        return None;
    }
    let mut deletions = Vec::with_capacity(prints.len());
    let mut left = indexes;
    let mut last = None;
    for print in prints {
        let step = take_varint(&mut left)?;
        let index = match last {
            None => step,
            Some(_) if step == 0 => return None,
            Some(last) => step.checked_add(last)?,
        };
        if index >= len {
            return None;
        }
        last = Some(index);
        deletions.push(Deletion { index, fingerprint: u32::from_le_bytes(*print) });
    }
    left.is_empty().then_some(deletions)
}

/// Packs which fields were seen of each job.
#[must_use]
pub fn pack_seen(seen: &[u32]) -> Vec<u8> {
    seen.iter().flat_map(|fields| fields.to_le_bytes()).collect()
}

/// Unpacks what [`pack_seen`] made of this many jobs; `None` for anything else.
#[must_use]
pub fn unpack_seen(jobs: usize, seen: &[u8]) -> Option<Vec<u32>> {
    let (fields, rest) = seen.as_chunks::<4>();
    let fits = rest.is_empty() && fields.len() == jobs;
    fits.then(|| fields.iter().map(|fields| u32::from_le_bytes(*fields)).collect())
}

fn push_varint(out: &mut Vec<u8>, mut n: u64) {
    loop {
        let low = u8::try_from(n & 0x7f).unwrap_or(0);
        n >>= 7;
        if n == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let low = u64::from(byte & 0x7f);
        if low << shift >> shift != low {
            return None;
        }
        n |= low << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_round_trips(
            set in proptest::collection::btree_map(any::<u64>().prop_map(|n| n >> (n % 60)), any::<u32>(), 1..50),
        ) {
            let deletions: Vec<Deletion> =
                set.into_iter().filter(|(index, _)| *index < u64::MAX)
                    .map(|(index, fingerprint)| Deletion { index, fingerprint }).collect();
            prop_assume!(!deletions.is_empty());
            let (indexes, prints) = pack(&deletions);
            prop_assert_eq!(unpack(u64::MAX, &indexes, &prints), Some(deletions));
        }

        #[test]
        fn garbage_is_refused_or_unpacks_to_valid_deletions(
            len in any::<u64>(),
            indexes in proptest::collection::vec(any::<u8>(), 0..40),
            prints in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            if let Some(deletions) = unpack(len, &indexes, &prints) {
                prop_assert!(deletions.iter().all(|deletion| deletion.index < len));
                prop_assert!(deletions.windows(2).all(|pair| pair[0].index < pair[1].index));
            }
        }
    }

    #[test]
    fn fields_of_as_many_jobs_are_unpacked() {
        let seen = [0, 1, 0x0fff, u32::MAX];
        assert_eq!(unpack_seen(4, &pack_seen(&seen)), Some(seen.to_vec()));
        for (jobs, bytes) in [(3, &[0; 16][..]), (5, &[0; 16]), (4, &[0; 15]), (0, &[0; 4])] {
            assert_eq!(unpack_seen(jobs, bytes), None);
        }
    }

    #[test]
    fn empty_unit_is_refused() {
        assert_eq!(unpack(10, b"", b""), None);
    }
}
