//! Redis's own glob, byte by byte and case-sensitive: `*`, `?`, `[abc]`, `[^a-z]`, `\` before a byte that is
//! meant as itself. An unfinished `[` class ends with the pattern.

/// Does all of `text` match `pattern`? At most `pattern.len() * text.len()` steps and no recursion.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last star does not fit: one byte more is left to that star.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
            continue;
        }
        match text.get(t) {
            None => return p == pattern.len(),
            Some(&byte) => {
                if let Some(after) = one(pattern, p, byte) {
                    p = after;
                    t += 1;
                    continue;
                }
            }
        }
        let Some((after_star, from)) = star else { return false };
        star = Some((after_star, from + 1));
        (p, t) = (after_star, from + 1);
    }
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
