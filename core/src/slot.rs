//! Cluster slots, and names that are in a queue's slot.
//!
//! Some names of queues cannot be put into a hash tag: `a}b`, `{}x` and the empty name have another meaning in
//! braces. A number can: for each of the 16,384 slots there is a smallest decimal number that hashes to it.

use std::sync::OnceLock;

use crc::{CRC_16_XMODEM, Crc};

/// Slots of a cluster.
pub const SLOTS: u16 = 16_384;

/// CRC16 as the cluster specification names it.
const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// Returns the slot of a key: that of the text between the first `{` and the first `}` after it, if it is not
/// empty, otherwise of the whole key (keyHashSlot, Redis 7.0 to 8.0).
#[must_use]
pub fn of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|b| *b == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|b| *b == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    CRC.checksum(tag.unwrap_or(key)) % SLOTS
}

/// Returns the smallest decimal number whose slot is `slot`.
#[must_use]
pub fn tag(slot: u16) -> u32 {
    static TAGS: OnceLock<Vec<u32>> = OnceLock::new();
    let tags = TAGS.get_or_init(|| {
        let mut tags = vec![u32::MAX; usize::from(SLOTS)];
        let mut left = tags.len();
        let mut n = 0_u32;
        while left > 0 {
            let place = &mut tags[usize::from(of(n.to_string().as_bytes()))];
            if *place == u32::MAX {
                *place = n;
                left -= 1;
            }
            n += 1;
        }
        tags
    });
    tags[usize::from(slot % SLOTS)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(of(b"123456789"), 0x31c3);
        assert_eq!(of(b"foo{bar}baz"), of(b"bar"));
        assert_eq!(of(b"foo{}{bar}"), CRC.checksum(b"foo{}{bar}") % SLOTS);
        assert_eq!(of(b"foo{{bar}}zap"), of(b"{bar"));
        assert_eq!(of(b""), 0);
    }

    #[test]
    fn every_slot_has_a_number_and_the_number_leads_back() {
        for slot in 0..SLOTS {
            assert_eq!(of(format!("qadmin:job:{{{}}}:x", tag(slot)).as_bytes()), slot);
        }
    }
}
