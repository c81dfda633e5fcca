//! How a command names a job: by its id, or by a short id, the digits that the id begins with.

use std::ops::RangeInclusive;

use uuid::Uuid;

/// Fewest digits of a short id. They tell some hundreds of jobs apart, and no word of a command has as many that are
/// hexadecimal.
pub const SHORT_ID_MIN: usize = 4;
/// Digits of a whole id.
const DIGITS: usize = 32;

/// The id of a job, or its first digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobName {
    /// The digits, followed by zeros.
    first: u128,
    /// How many digits there are, [`SHORT_ID_MIN`] to [`DIGITS`].
    digits: usize,
}

impl JobName {
    /// Reads the first characters of an id in its hyphenated form, in any case of its letters. `None` if these are no
    /// such characters, or have fewer than [`SHORT_ID_MIN`] digits.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > uuid::fmt::Hyphenated::LENGTH {
            return None;
        }
        let (mut first, mut digits) = (0_u128, 0);
        for (at, byte) in text.iter().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = char::from(*byte).to_digit(16)?;
            first |= u128::from(digit) << (4 * (DIGITS - 1 - digits));
            digits += 1;
        }
        (digits >= SHORT_ID_MIN).then_some(Self { first, digits })
    }

    /// Returns the id if all of its digits were given.
    #[must_use]
    pub fn whole(&self) -> Option<Uuid> {
        (self.digits == DIGITS).then(|| Uuid::from_u128(self.first))
    }

    /// Returns the ids that begin with the digits, from the smallest to the largest.
    #[must_use]
    pub fn range(&self) -> RangeInclusive<Uuid> {
        let others = u128::MAX.checked_shr(u32::try_from(4 * self.digits).unwrap_or(u32::MAX)).unwrap_or(0);
        Uuid::from_u128(self.first)..=Uuid::from_u128(self.first | others)
    }

    /// Returns whether the id begins with the digits.
    #[must_use]
    pub fn names(&self, id: Uuid) -> bool {
        self.range().contains(&id)
    }

    /// Returns the digits as an id shows them, in small letters.
    #[must_use]
    pub fn text(&self) -> String {
        let whole = Uuid::from_u128(self.first).to_string();
        let digit_ends = whole.char_indices().filter(|(_, c)| *c != '-').map(|(at, _)| at + 1);
        let end = digit_ends.take(self.digits).last().unwrap_or(0);
        whole[..end].to_owned()
    }
}

impl From<Uuid> for JobName {
    fn from(id: Uuid) -> Self {
        Self { first: id.as_u128(), digits: DIGITS }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Option<JobName> {
        JobName::parse(text.as_bytes())
    }

    #[test]
    fn only_the_beginning_of_an_id_names_a_job() {
        let id = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
        let whole: Uuid = id.parse().expect("an id");
        assert_eq!(name(id).and_then(|name| name.whole()), Some(whole));
        assert_eq!(name(&id.to_uppercase()), Some(whole.into()));
        for wrong in [
            "",
            "6f1",
            "all",
            "ALL",
            "6f1g",
            "6f1c ",
            "-6f1c",
            "6f1c2b8e4",
            "6f1c2b8e4d7a4b599a601c3f5e7d9b02",
            "{6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02}",
            "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b020",
            "6f1c2b8e--",
            "urn:uuid:6f1c2b8e",
        ] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
        assert_eq!(JobName::parse(b"6f1\xc3"), None);
        assert_eq!(name("6f1c2b8e-"), name("6f1c2b8e"));
        assert_eq!(name("6F1C2b8e-4D").map(|name| name.text()).as_deref(), Some("6f1c2b8e-4d"));
    }

    proptest! {
        #[test]
        fn every_beginning_names_the_ids_with_it_and_no_other(id: u128, other: u128, shared in 0..=32_u32, length in 4..=36_usize) {
            let mask = u128::MAX.checked_shl(128 - 4 * shared).unwrap_or(0);
            let (id, other) = (Uuid::from_u128(id), Uuid::from_u128(id & mask | other & !mask));
            let text = id.to_string();
            let name = JobName::parse(&text.as_bytes()[..length]).expect("it is the beginning of an id");
            prop_assert!(name.names(id));
            let beginning = text[..length].trim_end_matches('-');
            prop_assert_eq!(name.text(), beginning);
            prop_assert_eq!(name.names(other), other.to_string().starts_with(beginning));
            prop_assert_eq!(name.whole(), (length == 36).then_some(id));
        }
    }
}
