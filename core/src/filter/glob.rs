//! Redis's own glob, byte by byte and case-sensitive: `*`, `?`, `[abc]`, `[^a-z]`, `\` before a byte that is
//! meant as itself. An unfinished `[` class ends with the pattern.

/// Steps per byte of the text, and besides, after which the fast way is given up.
const STEPS_PER_BYTE: usize = 16;
const STEPS_MORE: usize = 65_536;

/// Does all of `text` match `pattern`? The fast way takes a step per byte for what people write. For a pattern that
/// makes it go back again and again (`*aaaa...b` over a megabyte of `a`: pattern times text) it is given up for one
/// that costs every byte the same.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let steps = text.len().saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_MORE);
    going_back(pattern, text, steps).unwrap_or_else(|| all_ways(pattern, text))
}

/// Follows one way and goes back to the last star where it ends; nothing after so many steps.
fn going_back(pattern: &[u8], text: &[u8], steps: usize) -> Option<bool> {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last star does not fit: one byte more is left to that star.
    let mut star: Option<(usize, usize)> = None;
    for _ in 0..steps {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
            continue;
        }
        match text.get(t) {
            None => return Some(p == pattern.len()),
            Some(&byte) => {
                if let Some(after) = one(pattern, p, byte) {
                    p = after;
                    t += 1;
                    continue;
                }
            }
        }
        let Some((after_star, from)) = star else { return Some(false) };
        star = Some((after_star, from + 1));
        (p, t) = (after_star, from + 1);
    }
    None
}

/// A set of places in a pattern, one bit each: there is one before each piece and one behind the last.
type Places = [u64; super::PATTERN_MAX / 64 + 1];

/// Follows all ways at once: after each byte the set of places that the text so far may have led to.
fn all_ways(pattern: &[u8], text: &[u8]) -> bool {
    let bit = |at: usize| (at / 64, 1_u64 << (at % 64));
    // Pieces that a byte fits, and places that a star lets it stay at.
    let mut fits = vec![Places::default(); 256];
    let mut stays = Places::default();
    let (mut p, mut last) = (0, 0);
    while p < pattern.len() {
        let (word, mask) = bit(last);
        if pattern[p] == b'*' {
            stays[word] |= mask;
            p += 1;
            continue;
        }
        let mut after = None;
        for byte in 0..=u8::MAX {
            if let Some(next) = one(pattern, p, byte) {
                fits[usize::from(byte)][word] |= mask;
                after = Some(next);
            }
        }
        // A piece that no byte fits lets nothing through.
        let Some(next) = after else { return false };
        p = next;
        last += 1;
    }
    let mut now = Places::default();
    now[0] = 1;
    for byte in text {
        let fits = &fits[usize::from(*byte)];
        let mut carry = 0;
        for at in 0..now.len() {
            let on = now[at] & fits[at];
            now[at] = (now[at] & stays[at]) | (on << 1) | carry;
            carry = on >> 63;
        }
    }
    let (word, mask) = bit(last);
    now[word] & mask != 0
}

/// Matches one byte against the piece of the pattern at `p`, which is no star; where the next piece starts.
fn one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => class(pattern, p + 1, byte),
        b'\\' if p + 1 < pattern.len() => (pattern[p + 1] == byte).then_some(p + 2),
        literal => (literal == byte).then_some(p + 1),
    }
}

fn class(pattern: &[u8], mut p: usize, byte: u8) -> Option<usize> {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let mut hit = false;
    let end = loop {
        match pattern[p.min(pattern.len())..] {
            [] => break p,
            [b']', ..] => break p + 1,
            [b'\\', literal, ..] => {
                hit |= literal == byte;
                p += 2;
            }
            [from, b'-', to, ..] => {
                hit |= (from.min(to)..=from.max(to)).contains(&byte);
                p += 3;
            }
            [literal, ..] => {
                hit |= literal == byte;
                p += 1;
            }
        }
    };
    (hit != negated).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(alphabet: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(alphabet), 0..most)
    }

    proptest! {
        #[test]
        fn both_ways_say_the_same(pattern in word(b"ab*?[]^-\\", 12), text in word(b"ab-]", 12)) {
            prop_assert_eq!(going_back(&pattern, &text, usize::MAX), Some(all_ways(&pattern, &text)));
        }
    }

    #[test]
    fn a_pattern_that_goes_back_for_every_byte_is_decided_all_the_same() {
        let text = b"a".repeat(1 << 20);
        let pattern = [b"*", &b"a".repeat(254)[..], b"b"].concat();
        assert_eq!(going_back(&pattern, &text, text.len() * STEPS_PER_BYTE), None, "it is given up");
        assert!(!matches(&pattern, &text));
        assert!(matches(&pattern, &[&text[..], b"b"].concat()));
    }
}
