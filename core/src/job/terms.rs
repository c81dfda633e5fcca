//! What a clear was asked for beyond ALL and KEEPONE.

use crate::field::Field;
use crate::filter::words;
use crate::queue::End;

/// The match that KEEPONE keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// The one that runs next.
    #[default]
    Oldest,
    /// The one that runs last.
    Newest,
}

impl Keep {
    /// The words, as typed.
    pub const WORDS: &'static [&'static str] = &["OLDEST", "NEWEST"];

    /// The word in `keep`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Newest => "newest",
        }
    }
}

/// How many matches the caller expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// So many ...
    pub matches: u64,
    /// ... and so many percent of it more.
    pub tolerance: u64,
}

impl Expect {
    /// The most matches that are no surprise.
    #[must_use]
    pub fn most(self) -> u64 {
        let more = u128::from(self.matches) * u128::from(self.tolerance) / 100;
        self.matches.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
    }
}

/// Where matches go instead of out of sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The other list's key.
    pub key: Vec<u8>,
    /// To its next end, before what is there; otherwise where producers push, behind what is there.
    pub front: bool,
}

impl Destination {
    /// The end that messages are pushed at, of a list whose workers pop from `next_end`.
    #[must_use]
    pub fn end(&self, next_end: End) -> End {
        if self.front { next_end } else { next_end.other() }
    }
}

/// Options of a clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// KEEP, with KEEPONE.
    pub keep: Keep,
    /// BY, with KEEPONE: one match stays of each value of these fields; empty = one of all.
    pub by: Vec<Field>,
    /// LIMIT.
    pub limit: Option<u64>,
    /// RATE, messages per second; 0 = any number.
    pub rate: Option<u64>,
    /// EXPECT.
    pub expect: Option<Expect>,
    /// TO and FRONT.
    pub to: Option<Destination>,
    /// INEXACT: what is known of arguments by their sender's text alone counts, too.
    pub inexact: bool,
}

impl Terms {
    /// The names of the BY fields as one text.
    #[must_use]
    pub fn by_text(&self) -> Option<String> {
        (!self.by.is_empty()).then(|| words(self.by.iter().map(|field| field.name.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_rounded_down() {
        let most = |matches, tolerance| Expect { matches, tolerance }.most();
        assert_eq!(
            [most(100, 0), most(100, 10), most(9, 10), most(10, 15), most(0, 100)],
            [100, 110, 9, 11, 0]
        );
        assert_eq!(most(u64::MAX, 100), u64::MAX);
    }
}
