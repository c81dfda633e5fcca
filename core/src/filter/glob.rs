//! The glob of Redis, byte by byte and case-sensitive: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a byte
//! that stands for itself. An unfinished `[` class ends with the pattern (`stringmatchlen` in `util.c`, Redis
//! 7.0.15).
//!
//! A pattern is compiled once for each filter, so that comparing a text costs little: the literal bytes at
//! both ends of the pattern are compared first, then literal parts between stars are searched for, and only
//! parts with `?` or a class are followed piece by piece. For every pattern, the work on a text is limited by
//! [`Glob::steps`], which depends only on the length of the text.

use std::sync::Arc;

use memchr::memmem::Finder;

/// The longest GLOB pattern, in bytes: each byte of a message costs at most one step over a set of this many
/// places.
pub const PATTERN_MAX: usize = 256;
/// The fast method over pieces stops after this many steps for each byte of the text plus `STEPS_MORE`.
const STEPS_PER_BYTE: usize = 4;
const STEPS_MORE: usize = 64;
/// The cost of searching one literal part in addition to the bytes that are searched, in steps.
const PART_STEPS: usize = 16;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    pattern: Arc<[u8]>,
    plan: Arc<Plan>,
}

/// Two patterns are equal if they are written in the same way.
impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Glob {}

/// How texts are compared with a pattern.
#[derive(Debug)]
enum Plan {
    /// A pattern that matches exactly one text.
    Text(Box<[u8]>),
    /// Literal parts with stars between them: the first part, the last part, and between them the parts that
    /// are searched for in order.
    Parts { first: Box<[u8]>, middle: Box<[Finder<'static>]>, last: Box<[u8]> },
    /// Every other pattern.
    Pieces(Box<Pieces>),
    /// A pattern with a piece that matches no byte.
    Nothing,
}

impl Glob {
    /// Compiles a pattern of at most [`PATTERN_MAX`] bytes. A longer one, which no parser accepts, matches
    /// nothing.
    #[must_use]
    pub fn new(pattern: &[u8]) -> Self {
        let fits = pattern.len() <= PATTERN_MAX;
        let plan = if fits { Plan::of(&read(pattern)) } else { Plan::Nothing };
        Self { pattern: pattern.into(), plan: Arc::new(plan) }
    }

    /// Returns the pattern as it was given.
    #[must_use]
    pub fn pattern(&self) -> &[u8] {
        &self.pattern
    }

    /// Returns whether all of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        match &*self.plan {
            Plan::Text(only) => text == &**only,
            Plan::Parts { first, middle, last } => {
                let Some(rest) = text.strip_prefix(&**first) else { return false };
                let Some(mut rest) = rest.strip_suffix(&**last) else { return false };
                // The earliest occurrence of a part leaves the most text for the parts after it.
                middle.iter().all(|part| {
                    let Some(at) = part.find(rest) else { return false };
                    rest = &rest[at + part.needle().len()..];
                    true
                })
            }
            Plan::Pieces(pieces) => pieces.match_all_of(text),
            Plan::Nothing => false,
        }
    }

    /// Returns the maximum work of [`Glob::matches`] on a text of `text_len` bytes, in steps of about a
    /// nanosecond. It is the same for all texts of the same length, so that the result for a message does not
    /// depend on the machine.
    #[must_use]
    pub fn steps(&self, text_len: usize) -> usize {
        let ends = self.pattern.len();
        match &*self.plan {
            Plan::Text(_) | Plan::Nothing => ends,
            Plan::Parts { middle, .. } if middle.is_empty() => ends,
            Plan::Parts { middle, .. } => text_len.saturating_add(ends + PART_STEPS * middle.len()),
            Plan::Pieces(pieces) => {
                let per_byte = STEPS_PER_BYTE + 2 * pieces.words;
                text_len.saturating_mul(per_byte).saturating_add(ends + STEPS_MORE)
            }
        }
    }
}

/// The bytes that a piece of a pattern matches, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class([u64; 4]);

impl Class {
    const NONE: Self = Self([0; 4]);
    const ALL: Self = Self([u64::MAX; 4]);

    fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        bytes.into_iter().fold(Self::NONE, |mut class, byte| {
            class.0[usize::from(byte / 64)] |= 1 << (byte % 64);
            class
        })
    }

    fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    fn not(self) -> Self {
        Self(self.0.map(|word| !word))
    }

    fn has(self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }

    /// Returns the byte, if the class contains only one.
    fn only(self) -> Option<u8> {
        let count: u32 = self.0.iter().map(|word| word.count_ones()).sum();
        (count == 1).then(|| (0..=u8::MAX).find(|byte| self.has(*byte))).flatten()
    }
}

/// One part of a parsed pattern.
enum Token {
    Star,
    One(Class),
}

fn read(pattern: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        tokens.push(match (byte, after) {
            (b'*', _) => Token::Star,
            (b'?', _) => Token::One(Class::ALL),
            (b'[', _) => {
                let (class, after) = class(after);
                rest = after;
                Token::One(class)
            }
            (b'\\', [literal, after @ ..]) => {
                rest = after;
                Token::One(Class::of([*literal]))
            }
            _ => Token::One(Class::of([byte])),
        });
    }
    tokens
}

/// Parses the class whose bracket was just read, and returns it with the rest of the pattern.
fn class(pattern: &[u8]) -> (Class, &[u8]) {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut class = Class::NONE;
    let after = loop {
        let (bytes, after) = match rest {
            [] => break rest,
            [b']', after @ ..] => break after,
            [b'\\', literal, after @ ..] => (Class::of([*literal]), after),
            [from, b'-', to, after @ ..] => (Class::of(*from.min(to)..=*from.max(to)), after),
            [literal, after @ ..] => (Class::of([*literal]), after),
        };
        class = class.or(bytes);
        rest = after;
    };
    (if negated { class.not() } else { class }, after)
}

impl Plan {
    fn of(tokens: &[Token]) -> Self {
        let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
        let mut literal = true;
        for token in tokens {
            match token {
                Token::Star => parts.push(Vec::new()),
                Token::One(Class::NONE) => return Self::Nothing,
                Token::One(class) => match class.only() {
                    Some(byte) => parts.last_mut().into_iter().for_each(|part| part.push(byte)),
                    None => literal = false,
                },
            }
        }
        if !literal {
            return Self::Pieces(Box::new(Pieces::of(tokens)));
        }
        let first = parts.remove(0).into_boxed_slice();
        let Some(last) = parts.pop() else { return Self::Text(first) };
        parts.retain(|part| !part.is_empty());
        let middle = parts.iter().map(|part| Finder::new(part).into_owned()).collect();
        Self::Parts { first, middle, last: last.into() }
    }
}

/// A set of places in a pattern, one bit each: there is one before each piece and one after the last.
type Places = [u64; PATTERN_MAX / 64 + 1];

/// The pieces of a pattern, each of which matches one byte.
struct Pieces {
    /// Literal bytes at the beginning and at the end, before and after any star.
    first: Box<[u8]>,
    last: Box<[u8]>,
    /// For each byte, the places from which it leads to the next place.
    fits: Box<[Places; 256]>,
    /// Places at which a star accepts any byte.
    stays: Places,
    /// The number of pieces.
    count: usize,
    /// Words of a set of places that are in use.
    words: usize,
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Returns whether a place is in a set.
fn has(places: &Places, place: usize) -> bool {
    places[place / 64] >> (place % 64) & 1 == 1
}

impl Pieces {
    fn of(tokens: &[Token]) -> Self {
        let mut fits: Box<[Places; 256]> = Box::new([Places::default(); 256]);
        let mut stays = Places::default();
        let mut count = 0;
        for token in tokens {
            match token {
                Token::Star => stays[count / 64] |= 1 << (count % 64),
                Token::One(class) => {
                    for byte in (0..=u8::MAX).filter(|byte| class.has(*byte)) {
                        fits[usize::from(byte)][count / 64] |= 1 << (count % 64);
                    }
                    count += 1;
                }
            }
        }
        let literal = |token: &Token| if let Token::One(class) = token { class.only() } else { None };
        let first = tokens.iter().map_while(literal).collect();
        let mut last: Box<[u8]> = tokens.iter().rev().map_while(literal).collect();
        last.reverse();
        Self { first, last, fits, stays, count, words: count / 64 + 1 }
    }

    fn match_all_of(&self, text: &[u8]) -> bool {
        let has_star = self.stays != Places::default();
        let length_fits = if has_star { text.len() >= self.count } else { text.len() == self.count };
        if !length_fits || !text.starts_with(&self.first) || !text.ends_with(&self.last) {
            return false;
        }
        let steps = text.len().saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_MORE);
        self.going_back(text, steps).unwrap_or_else(|| self.all_ways(text))
    }

    /// Follows one path and returns to the last star if the path fails; returns `None` after `steps` steps.
    /// This decides the patterns that people usually write. It does not decide a pattern that returns again
    /// and again (`*a?aaaa...b` over a megabyte of `a` takes pattern times text steps).
    fn going_back(&self, text: &[u8], steps: usize) -> Option<bool> {
        let (mut place, mut at) = (0, 0);
        // The place at which to continue if the text does not match after the last star: that star then
        // matches one more byte.
        let mut star = has(&self.stays, 0).then_some((0, 0));
        for _ in 0..steps {
            let Some(&byte) = text.get(at) else { return Some(place == self.count) };
            if place < self.count && has(&self.fits[usize::from(byte)], place) {
                (place, at) = (place + 1, at + 1);
                if has(&self.stays, place) {
                    star = Some((place, at));
                }
                continue;
            }
            let Some((after_star, from)) = star else { return Some(false) };
            if after_star == self.count {
                return Some(true);
            }
            star = Some((after_star, from + 1));
            (place, at) = (after_star, from + 1);
        }
        None
    }

    /// Follows all paths at once: after each byte it has the set of places to which the text so far can lead.
    /// Every byte costs the same.
    fn all_ways(&self, text: &[u8]) -> bool {
        let mut now = Places::default();
        now[0] = 1;
        for byte in text {
            let fits = &self.fits[usize::from(*byte)];
            let mut carry = 0;
            for ((now, fits), stays) in now.iter_mut().zip(fits).zip(&self.stays).take(self.words) {
                let on = *now & fits;
                *now = (*now & stays) | (on << 1) | carry;
                carry = on >> 63;
            }
        }
        has(&now, self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(alphabet: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(alphabet), 0..most)
    }

    /// Matches like `stringmatchlen`, which follows one path after another.
    fn redis(pattern: &[u8], text: &[u8]) -> bool {
        let Some(&first) = pattern.first() else { return text.is_empty() };
        if first == b'*' {
            return (0..=text.len()).any(|at| redis(&pattern[1..], &text[at..]));
        }
        let Some((&byte, rest)) = text.split_first() else { return false };
        match (first, &pattern[1..]) {
            (b'?', after) => redis(after, rest),
            (b'[', mut after) => {
                let negated = after.first() == Some(&b'^');
                after = &after[usize::from(negated)..];
                let mut hit = false;
                loop {
                    match after {
                        [] => break,
                        [b']', end @ ..] => {
                            after = end;
                            break;
                        }
                        [b'\\', literal, end @ ..] => {
                            hit |= *literal == byte;
                            after = end;
                        }
                        [from, b'-', to, end @ ..] => {
                            hit |= (*from.min(to)..=*from.max(to)).contains(&byte);
                            after = end;
                        }
                        [literal, end @ ..] => {
                            hit |= *literal == byte;
                            after = end;
                        }
                    }
                }
                hit != negated && redis(after, rest)
            }
            (b'\\', [literal, after @ ..]) => *literal == byte && redis(after, rest),
            (literal, after) => literal == byte && redis(after, rest),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_compiled_pattern_matches_what_redis_matches(
            pattern in word(b"ab*?[]^-\\", 12),
            text in word(b"ab-]*", 12),
        ) {
            prop_assert_eq!(Glob::new(&pattern).matches(&text), redis(&pattern, &text));
        }

        #[test]
        fn literal_parts_match_what_redis_matches(pattern in word(b"ab*", 14), text in word(b"ab", 14)) {
            prop_assert_eq!(Glob::new(&pattern).matches(&text), redis(&pattern, &text));
        }

        #[test]
        fn both_ways_over_pieces_say_the_same(pattern in word(b"ab*?[]^-\\", 80), text in word(b"ab-]", 12)) {
            let pieces = Pieces::of(&read(&pattern));
            let slow = pieces.all_ways(&text);
            prop_assert_eq!(pieces.going_back(&text, usize::MAX), Some(slow));
            prop_assert_eq!(Glob::new(&pattern).matches(&text), slow);
        }
    }

    #[test]
    fn patterns_longer_than_a_word_of_places_match_as_short_ones_do() {
        let long = [&b"*"[..], &b"?".repeat(200), b"[ab]", &b"c".repeat(50), b"*"].concat();
        let glob = Glob::new(&long);
        let text = |last: &[u8]| [&b"x".repeat(300)[..], last, &b"c".repeat(50), b"y"].concat();
        assert!(glob.matches(&text(b"b")));
        assert!(!glob.matches(&text(b"x")));
    }

    #[test]
    fn backtracking_pattern_is_decided() {
        let text = b"a".repeat(1 << 20);
        let pattern = [b"*?", &b"a".repeat(253)[..], b"b"].concat();
        let pieces = Pieces::of(&read(&pattern));
        assert_eq!(pieces.going_back(&text, text.len() * STEPS_PER_BYTE), None, "it is given up");
        let glob = Glob::new(&pattern);
        assert!(!glob.matches(&text));
        assert!(!glob.matches(&[&text[..], b"bx"].concat()));
        assert!(glob.matches(&[&text[..], b"b"].concat()));
    }

    #[test]
    fn the_work_of_a_pattern_is_bounded_in_advance() {
        let steps = |pattern: &str| Glob::new(pattern.as_bytes()).steps(1 << 20);
        assert_eq!(steps("app.tasks.a"), 11);
        assert_eq!(steps("app.tasks.*"), 11);
        assert_eq!(steps("*.Upload"), 8);
        assert!(steps("*upload*") < (1 << 20) + 100);
        let worst = steps(&format!("*{}b", "?a".repeat(127)));
        assert!(worst <= 14 * (1 << 20) + 1_000, "{worst}");
    }
}
