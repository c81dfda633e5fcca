//! A cursor over the arguments of one command.
//!
//! Keywords are compared without case, values are byte strings. The cursor returns borrowed slices and allocates
//! no strings.

use crate::error::{Error, RequestError};

/// The arguments that are left to parse.
#[derive(Debug, Clone)]
pub struct Args<'a> {
    all: &'a [&'a [u8]],
    at: usize,
}

impl<'a> Args<'a> {
    /// Arguments after the command's name.
    #[must_use]
    pub fn new(all: &'a [&'a [u8]]) -> Self {
        Self { all, at: 0 }
    }

    /// Returns the next argument without taking it.
    #[must_use]
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.all.get(self.at).copied()
    }

    /// Takes the next argument.
    #[expect(clippy::should_implement_trait, reason = "a cursor: callers mix it with `peek` and `keyword`")]
    pub fn next(&mut self) -> Option<&'a [u8]> {
        let arg = self.peek()?;
        self.at += 1;
        Some(arg)
    }

    /// Takes the next argument if it is `keyword` in any case.
    pub fn keyword(&mut self, keyword: &str) -> bool {
        let hit = self.peek().is_some_and(|arg| arg.eq_ignore_ascii_case(keyword.as_bytes()));
        self.at += usize::from(hit);
        hit
    }

    /// Takes the value that must follow `keyword`.
    ///
    /// # Errors
    /// [`RequestError::MissingValue`] at the end of the arguments.
    pub fn value(&mut self, keyword: &'static str) -> Result<&'a [u8], Error> {
        self.next().ok_or(Error::Request(RequestError::MissingValue { keyword }))
    }

    /// Takes the decimal integer that must follow `keyword`, within `min..=max`.
    ///
    /// # Errors
    /// [`RequestError::MissingValue`] or [`RequestError::NumberOutOfRange`].
    pub fn number(&mut self, keyword: &'static str, min: u64, max: u64) -> Result<u64, Error> {
        let text = self.value(keyword)?;
        parse_u64(text).filter(|n| (min..=max).contains(n)).ok_or_else(|| {
            Error::Request(RequestError::NumberOutOfRange { keyword, min, max, got: text.to_vec() })
        })
    }

    /// Returns how many arguments are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.all.len() - self.at
    }
}

/// A plain decimal number: ASCII digits only, no sign, no space.
#[must_use]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
